//! What happened, to whom, by whom and how proven, from where, on which ground: plain data that is sealed in the outbox.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    caller::Caller,
    clock::Now,
    operation::{
        Address, Change, ChangeKind, DELETE_USER, Field, IdentityChange, SensitiveBody, Subject, Target,
        User, Wanted,
    },
    policy::{Code, Permit, Refused, RuleRef},
};

use super::{Kind, proven};

/// Where in the ledger something stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordRef {
    /// The chain.
    pub chain: String,
    /// The number in the chain, from 1.
    pub seq: u64,
    /// The record's hash, hexadecimal.
    pub hash: String,
}

/// As notices and commands name it: `CHAIN/SEQ`.
impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.chain, self.seq)
    }
}

/// A field and its values.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedField {
    /// `Email` ...
    pub field: String,
    /// Before; none is "no value".
    pub before: Option<String>,
    /// After, or as asked.
    pub after: Option<String>,
}

/// What an event is about: decides who is told of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Matter {
    /// The primary or the secondary address of a user.
    Addresses,
    /// Other fields of a user's identity.
    Details,
    /// A user that is to be created.
    Creation,
    /// A sensitive operation.
    Sensitive,
}

/// An address that ought to be told and cannot be: it is not a plain one. The security team is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Untold {
    /// The primary address that was there before.
    OldPrimary,
    /// The secondary address that was there before.
    OldSecondary,
    /// A new address.
    New,
}

/// The facts of one event.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// What it is about.
    pub matter: Matter,
    /// The request's id.
    pub request_id: String,
    /// The operation.
    pub operation: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The instance, where there is one.
    pub instance: Option<String>,
    /// The target's id or name within the instance.
    pub subject: String,
    /// The user's login name, when it is about a user.
    pub username: Option<String>,
    /// The user's first and last name as they were before.
    pub person: Option<String>,
    /// The principal's ARN.
    pub principal: String,
    /// Its unique id, when known.
    pub unique_id: Option<String>,
    /// How it was proven.
    pub proof: String,
    /// The source address.
    pub source: String,
    /// The user agent it claimed.
    pub user_agent: Option<String>,
    /// The tickets that the request carried, where a rule asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Rules it rests on, or the one that denies: `id (file:line)`.
    pub rules: Vec<String>,
    /// The refusal code and its words, for a refusal.
    pub refusal: Option<String>,
    /// Fields: as they were and as asked.
    pub fields: Vec<ChangedField>,
    /// Addresses that ought to be told and cannot be.
    pub untold: Vec<Untold>,
    /// The digest of the policy.
    pub policy: String,
    /// When it was decided, milliseconds since 1970.
    pub at: i64,
}

/// Facts, and the addresses they concern: what a plan is made of.
pub(super) struct Concerned {
    pub(super) facts: Facts,
    pub(super) old_primary: Option<Address>,
    pub(super) old_secondary: Option<Address>,
    pub(super) new: Vec<Address>,
}

impl Facts {
    /// What is known of a permitted change.
    pub(super) fn of(permit: &Permit<Change>) -> Concerned {
        let change = permit.operation();
        let user = permit.seen().user.as_ref();
        let (matter, fields) = match change.kind() {
            ChangeKind::Identity(_) => {
                let fields: Vec<_> = permit
                    .differences()
                    .iter()
                    .map(|difference| ChangedField {
                        field: difference.field.name().to_owned(),
                        before: difference.before.clone(),
                        after: difference.after.clone(),
                    })
                    .collect();
                let matter = if fields.iter().any(ChangedField::is_address) {
                    Matter::Addresses
                } else {
                    Matter::Details
                };
                (matter, fields)
            }
            ChangeKind::Create(new) => (Matter::Creation, created(new)),
            ChangeKind::Sensitive(body) => (Matter::Sensitive, granted(body, user)),
        };
        let facts = Self {
            matter,
            ticket: permit.basis().ticket.clone(),
            rules: rules(permit.basis().grounds.iter().map(|(_, rule)| rule)),
            refusal: None,
            fields,
            policy: permit.policy().hex(),
            at: permit.decided().millis(),
            ..Self::of_caller(permit.caller(), change.route().operation, Some(change.target()), user)
        };
        let facts = match change.kind() {
            ChangeKind::Create(new) => Self {
                username: Some(new.username.clone()),
                person: person(&|field| asked(&new.identity, field)),
                ..facts
            },
            ChangeKind::Identity(_) | ChangeKind::Sensitive(_) => facts,
        };
        Concerned::of(facts, user)
    }

    /// What is known of the refused change of an address; none when it is not one: another operation, or the address it
    /// has already.
    pub(super) fn of_refusal(refused: &Refused, at: Now) -> Option<Concerned> {
        let target = refused.target.as_ref()?;
        target.user()?;
        let user = refused.user();
        let fields: Vec<_> = refused
            .asked
            .iter()
            .map(|(field, after)| ChangedField {
                field: field.name().to_owned(),
                before: user.and_then(|user| user.identity.value(*field)).map(str::to_owned),
                after: after.clone().filter(|value| !value.is_empty()),
            })
            .filter(|field| user.is_none() || field.before != field.after)
            .collect();
        if !fields.iter().any(ChangedField::is_address) {
            return None;
        }
        let refusal = &refused.refusal;
        let operation = refused.route.map_or("", |route| route.operation);
        let facts = Self {
            matter: Matter::Addresses,
            rules: rules(refusal.rule.iter()),
            refusal: Some(words(refusal.code, &refusal.detail)),
            fields,
            policy: refused.policy.hex(),
            at: at.millis(),
            ..Self::of_caller(&refused.caller, operation, Some(target), user)
        };
        let mut concerned = Concerned::of(facts, user);
        // A refused address is the choice of a caller who may not choose: nothing is sent there.
        concerned.new.clear();
        concerned.facts.untold.retain(|untold| *untold != Untold::New);
        Some(concerned)
    }

    /// What a change of addresses is called: after the primary one when that is among them.
    pub(super) fn change_of_addresses(&self) -> Kind {
        let primary = Field::Email.name();
        let addresses = || self.fields.iter().filter(|field| field.is_address());
        match addresses().find(|field| field.field == primary).or_else(|| addresses().next()) {
            Some(field) if field.after.is_none() => Kind::AddressRemoved,
            Some(field) if field.field != primary => Kind::SecondaryChanged,
            Some(_) | None => Kind::AddressChanged,
        }
    }

    /// Whether the addresses that a user has before it are told. Of the sensitive operations `DeleteUser` alone: it ends a
    /// login, and whoever creates one of the same name gives it another address.
    fn concerns_old_addresses(&self) -> bool {
        match self.matter {
            Matter::Addresses | Matter::Details => true,
            Matter::Sensitive => self.operation == DELETE_USER,
            Matter::Creation => false,
        }
    }

    fn of_caller(caller: &Caller, operation: &str, target: Option<&Target>, user: Option<&User>) -> Self {
        Self {
            matter: Matter::Sensitive,
            request_id: caller.origin.request_id.as_str().to_owned(),
            operation: operation.to_owned(),
            account: target.map(|target| target.account.clone()).unwrap_or_default(),
            region: target.map(|target| target.region.clone()).unwrap_or_default(),
            instance: target
                .and_then(|target| target.instance.as_ref())
                .map(|instance| instance.as_str().to_owned()),
            subject: target.map(|target| subject(&target.subject, operation)).unwrap_or_default(),
            username: user.map(|user| user.username.clone()),
            person: user.and_then(|user| person(&|field| user.identity.value(field))),
            principal: caller.principal.arn.to_string(),
            unique_id: caller.principal.unique_id.clone(),
            proof: proven(&caller.proof),
            source: caller.origin.source.to_string(),
            user_agent: caller.origin.user_agent.as_deref().map(str::to_owned),
            ticket: None,
            rules: Vec::new(),
            refusal: None,
            fields: Vec::new(),
            untold: Vec::new(),
            policy: String::new(),
            at: 0,
        }
    }
}

impl ChangedField {
    /// Whether its values are e-mail addresses of a user.
    pub(super) fn is_address(&self) -> bool {
        Field::ALL.iter().any(|field| field.is_address() && field.name() == self.field)
    }
}

impl Concerned {
    /// Reads the addresses. What is not a plain address cannot be mailed, and that is noted rather than lost.
    fn of(facts: Facts, user: Option<&User>) -> Self {
        let mut concerned = Self { facts, old_primary: None, old_secondary: None, new: Vec::new() };
        let old = |field| user.and_then(|user| user.identity.value(field)).map(str::to_owned);
        if concerned.facts.concerns_old_addresses() {
            concerned.old_primary = concerned.read(old(Field::Email), Untold::OldPrimary);
            concerned.old_secondary = concerned.read(old(Field::SecondaryEmail), Untold::OldSecondary);
        }
        let new: Vec<_> = match concerned.facts.matter {
            Matter::Addresses | Matter::Creation => concerned
                .facts
                .fields
                .iter()
                .filter(|field| field.is_address())
                .filter_map(|field| field.after.clone())
                .collect(),
            Matter::Details | Matter::Sensitive => Vec::new(),
        };
        for value in new {
            let address = concerned.read(Some(value), Untold::New);
            concerned.new.extend(address);
        }
        concerned
    }

    fn read(&mut self, value: Option<String>, role: Untold) -> Option<Address> {
        let read = Address::read(&value?).ok();
        if read.is_none() && !self.facts.untold.contains(&role) {
            self.facts.untold.push(role);
        }
        read
    }
}

fn created(new: &crate::operation::NewUser) -> Vec<ChangedField> {
    let fields = new.identity.fields().map(|(field, wanted)| ChangedField {
        field: field.name().to_owned(),
        before: None,
        after: value(wanted).map(str::to_owned),
    });
    fields.chain([list("SecurityProfileIds", None, &new.security_profiles)]).collect()
}

/// What a sensitive operation grants, where it is typed.
fn granted(body: &SensitiveBody, user: Option<&User>) -> Vec<ChangedField> {
    match body {
        SensitiveBody::UserSecurityProfiles(profiles) => {
            let before = user.map(|user| user.security_profiles.as_slice());
            vec![list("SecurityProfileIds", before, profiles)]
        }
        SensitiveBody::Profile(profile) => {
            let name = profile.name.iter().map(|name| ChangedField {
                field: "SecurityProfileName".to_owned(),
                before: None,
                after: Some(name.clone()),
            });
            let permissions = profile.permissions.iter().map(|after| list("Permissions", None, after));
            name.chain(permissions).collect()
        }
        SensitiveBody::AssociateSecurityProfiles { profiles, .. } => {
            vec![list("SecurityProfiles", None, profiles)]
        }
        SensitiveBody::Known(_) | SensitiveBody::Members(_) | SensitiveBody::None => Vec::new(),
    }
}

fn list(field: &str, before: Option<&[String]>, after: &[String]) -> ChangedField {
    let joined = |values: &[String]| (!values.is_empty()).then(|| values.join(", "));
    ChangedField { field: field.to_owned(), before: before.and_then(joined), after: joined(after) }
}

fn asked(identity: &IdentityChange, field: Field) -> Option<&str> {
    identity.wanted(field).and_then(value)
}

fn value(wanted: &Wanted) -> Option<&str> {
    match wanted {
        Wanted::Set(value) => Some(value),
        Wanted::Remove => None,
    }
}

fn person<'a>(value: &dyn Fn(Field) -> Option<&'a str>) -> Option<String> {
    let names: Vec<_> = [Field::FirstName, Field::LastName].into_iter().filter_map(value).collect();
    (!names.is_empty()).then(|| names.join(" "))
}

fn subject(subject: &Subject, operation: &str) -> String {
    match subject {
        // The operation is said elsewhere.
        Subject::Other(labels) => labels.strip_prefix(&[operation.to_owned()]).unwrap_or(labels).join("/"),
        Subject::User(user) => user.as_str().to_owned(),
        Subject::Username(text) | Subject::SecurityProfile(text) | Subject::Resource(text) => text.clone(),
    }
}

/// Each rule once, in the order of the grounds.
fn rules<'a>(rules: impl Iterator<Item = &'a RuleRef>) -> Vec<String> {
    let mut named = Vec::new();
    for rule in rules {
        let name = format!("{} ({})", rule.id, rule.place);
        if !named.contains(&name) {
            named.push(name);
        }
    }
    named
}

fn words(code: Code, detail: &str) -> String {
    if detail.is_empty() { code.to_string() } else { format!("{code}: {detail}") }
}
