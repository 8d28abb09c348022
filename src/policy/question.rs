//! What a policy is asked, as plain views: the same for a request, for a `[[test]]` and for a line of the decision matrix.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::{
    caller::{Caller, Principal, Proof, Resource},
    operation::{
        Address, Change, ChangeKind, Class, Directory, Field, Operation, Ordinary, Profile, Route, Seen,
        Subject, Target, Wanted,
    },
};

use super::Known;

/// Who asks.
#[derive(Clone)]
pub(super) struct Asker<'a> {
    /// The principal.
    pub(super) principal: &'a Principal,
    /// Its ARN without a session: what rules name.
    pub(super) arn: String,
    /// The access key id signed with.
    pub(super) key_id: Option<&'a str>,
    /// When the proof was issued; none when that is not known.
    pub(super) issued: Option<Timestamp>,
    /// What whoever vouches for the caller says of it: verified, and never what the caller says of itself.
    pub(super) claims: &'a BTreeMap<String, String>,
}

/// No claim, and no note.
pub(super) static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// By what kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Passed on as it is.
    Ordinary,
    /// `UpdateUserIdentityInfo`.
    Identity,
    /// `CreateUser`.
    Create,
    /// Another change.
    Sensitive,
}

/// Whether a password is set with `CreateUser`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Password {
    /// No.
    Absent,
    /// Yes.
    Set,
}

/// Who asks for what.
#[derive(Clone)]
pub(super) struct Question<'a> {
    /// Who.
    pub(super) asker: Asker<'a>,
    /// Which operation.
    pub(super) route: &'static Route,
    /// The class of this request; where a resource is tagged, it depends on which.
    pub(super) class: Class,
    /// By what kind of operation.
    pub(super) kind: Kind,
    /// The instance, as a bare id; none for operations without one.
    pub(super) instance: Option<&'a str>,
    /// The instance's ARN.
    pub(super) instance_arn: Option<String>,
    /// The id of the existing user concerned.
    pub(super) user: Option<&'a str>,
    /// The Username to be created.
    pub(super) username: Option<&'a str>,
    /// The identity fields asked for; none as a value is a removal.
    pub(super) wanted: Vec<(Field, Option<&'a str>)>,
    /// Whether a password is to be set.
    pub(super) password: Password,
    /// The security profiles that somebody is to have.
    pub(super) profiles: &'a [String],
    /// The permissions that a security profile is to have.
    pub(super) permissions: &'a [String],
    /// The members of the body that a rule has to name.
    pub(super) members: Vec<&'a str>,
    /// The security profile concerned.
    pub(super) profile: Option<&'a str>,
    /// What the request says in headers that are signed, by their names in lower case.
    pub(super) notes: &'a BTreeMap<String, String>,
}

/// The user concerned, as it is.
#[derive(Clone)]
pub(super) struct Person<'a> {
    /// Its id.
    pub(super) id: &'a str,
    /// Its Username.
    pub(super) username: &'a str,
    /// The values of its identity; absent ones are not in it.
    pub(super) values: Vec<(Field, &'a str)>,
    /// The ids of its security profiles.
    pub(super) profiles: &'a [String],
}

/// What is true now.
pub(super) struct Facts<'a> {
    /// The user, when it was read.
    pub(super) person: Option<Person<'a>>,
    /// How the instance keeps its users.
    pub(super) directory: Option<Directory>,
    /// Security profiles that were read.
    pub(super) profiles: &'a [Profile],
    /// Which of the addresses are the instance's own.
    pub(super) channel: &'a [Address],
    /// What the ledger knows.
    pub(super) known: &'a Known,
}

impl<'a> Asker<'a> {
    /// Who made a request.
    pub(super) fn of(caller: &'a Caller) -> Self {
        let (key_id, issued, claims) = match &caller.proof {
            Proof::GuardKey { key_id } => (Some(key_id.as_str()), None, &NOTHING),
            Proof::Session(session) => {
                (Some(session.id.as_str()), Some(session.issued.timestamp()), &session.claims)
            }
            Proof::Certificate { claims, .. } => (None, None, claims.as_ref()),
        };
        Self {
            principal: &caller.principal,
            arn: caller.principal.arn.without_session(),
            key_id,
            issued,
            claims,
        }
    }

    /// The role's name, when the principal is a role or a session of one.
    pub(super) fn role(&self) -> Option<&str> {
        match &self.principal.arn.resource {
            Resource::Role(role) | Resource::Session { role, .. } => Some(role),
            Resource::User(_) => None,
        }
    }

    /// `arn:P:iam::A:role/`: before the name of every role of its account.
    pub(super) fn roles_of_account(&self) -> String {
        format!("arn:{}:iam::{}:role/", self.principal.arn.partition, self.principal.arn.account)
    }
}

impl<'a> Question<'a> {
    /// What a request asks.
    pub(super) fn of(caller: &'a Caller, operation: &'a Operation) -> Self {
        match operation {
            Operation::Change(change) => Self::of_change(caller, change),
            Operation::Ordinary(ordinary) => Self::of_ordinary(caller, ordinary),
        }
    }

    /// What a change asks.
    pub(super) fn of_change(caller: &'a Caller, change: &'a Change) -> Self {
        let mut question =
            Self::about(caller, change.route(), change.class(), Kind::Sensitive, change.target());
        match change.kind() {
            ChangeKind::Identity(_) => question.kind = Kind::Identity,
            ChangeKind::Create(user) => {
                question.kind = Kind::Create;
                question.username = Some(&user.username);
                question.password = if user.password.is_some() { Password::Set } else { Password::Absent };
            }
            ChangeKind::Sensitive(_) => {}
        }
        question.profiles = change.grants();
        question.permissions = change.permissions().unwrap_or_default();
        question.members = change.members();
        if let Some(identity) = change.identity() {
            question.wanted = identity
                .fields()
                .map(|(field, wanted)| match wanted {
                    Wanted::Set(value) => (field, Some(value.as_str())),
                    Wanted::Remove => (field, None),
                })
                .collect();
        }
        question
    }

    fn of_ordinary(caller: &'a Caller, ordinary: &'a Ordinary) -> Self {
        Self::about(caller, ordinary.route(), ordinary.class(), Kind::Ordinary, ordinary.target())
    }

    fn about(
        caller: &'a Caller,
        route: &'static Route,
        class: Class,
        kind: Kind,
        target: &'a Target,
    ) -> Self {
        let mut question = Self::bare(Asker::of(caller), route, class, kind);
        question.notes = &caller.notes;
        question.instance = target.instance.as_ref().map(crate::operation::InstanceId::as_str);
        question.instance_arn = question.instance.map(|id| {
            format!("arn:{}:connect:{}:{}:instance/{id}", target.partition, target.region, target.account)
        });
        match &target.subject {
            Subject::User(user) => question.user = Some(user.as_str()),
            Subject::Username(username) => question.username = Some(username),
            Subject::SecurityProfile(profile) => question.profile = Some(profile),
            Subject::Other(_) | Subject::Resource(_) => {}
        }
        question
    }

    /// A question that asks for nothing in particular yet.
    pub(super) fn bare(asker: Asker<'a>, route: &'static Route, class: Class, kind: Kind) -> Self {
        Self {
            asker,
            route,
            class,
            kind,
            instance: None,
            instance_arn: None,
            user: None,
            username: None,
            wanted: Vec::new(),
            password: Password::Absent,
            profiles: &[],
            permissions: &[],
            members: Vec::new(),
            profile: None,
            notes: &NOTHING,
        }
    }

    /// The value asked for a field.
    pub(super) fn asked(&self, field: Field) -> Option<&'a str> {
        self.wanted.iter().find(|(other, _)| *other == field).and_then(|(_, value)| *value)
    }
}

impl<'a> Facts<'a> {
    /// What is true of an ordinary operation: nothing was read.
    pub(super) fn none(known: &'a Known) -> Self {
        Self { person: None, directory: None, profiles: &[], channel: &[], known }
    }

    /// What was read and what the ledger knows.
    pub(super) fn of(seen: &'a Seen, known: &'a Known) -> Self {
        let person = seen.user.as_ref().map(|user| Person {
            id: user.id.as_str(),
            username: &user.username,
            values: Field::ALL
                .into_iter()
                .filter_map(|field| user.identity.value(field).map(|value| (field, value)))
                .collect(),
            profiles: &user.security_profiles,
        });
        Self {
            person,
            directory: seen.directory,
            profiles: &seen.profiles,
            channel: &seen.channel_addresses,
            known,
        }
    }
}

impl<'a> Person<'a> {
    /// The value of a field.
    pub(super) fn value(&self, field: Field) -> Option<&'a str> {
        self.values.iter().find(|(other, _)| *other == field).map(|(_, value)| *value)
    }
}
