//! What was asked once, as far as a log of it says, and what a policy would have answered. A log of Connect's calls holds
//! neither the user as it was nor, mostly, the values: then only what needs neither is judged, and what stays open is named.

mod explain;
mod outline;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    clock::Now,
    diagnostic::Faults,
    operation::{Class, Field, Profile},
};

pub use self::explain::Recalled;
use self::outline::outline;
use super::{
    Basis, Code, Policy, Probe, Refusal, RuleRef,
    case::Case,
    compile,
    question::Kind,
    rule::{Allow, Lacking},
};

/// Something that was asked once.
#[derive(Clone)]
pub struct Past {
    case: Case,
    log: Logged,
    masked: BTreeSet<Field>,
}

/// What a log says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logged {
    /// Everything that decides it.
    Exact,
    /// Everything but the permissions of security profiles.
    NotPermissions,
    /// As [`Logged::NotPermissions`], and without tickets, claims and the addresses of others.
    Whole,
    /// Who asked, for which operation, on which instance and user, and which fields; what was given, too.
    Outline,
    /// The same without what was given: security profiles, permissions, Usernames.
    Bare,
    /// Not even which fields.
    Fieldless,
}

/// What a policy would have answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It would have been allowed, by these rules.
    Allowed(Vec<RuleRef>),
    /// These rules name caller, action, instance and fields. Whether they allow it depends on what the log does not say.
    Open(Vec<RuleRef>, BTreeSet<Unsaid>),
    /// It would have been refused, whatever the log does not say.
    Refused(Refusal),
}

/// What a log does not say, and a decision needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unsaid {
    /// To which address.
    Address,
    /// Which of several instances of one id.
    Instance,
    /// Which fields.
    Fields,
    /// Which user, by its Username.
    Username,
    /// What was given.
    Given,
    /// Whether the user is protected by a permission.
    Protection,
    /// Which ticket it had.
    Ticket,
    /// Whether the user is the caller's own.
    Own,
    /// Whether this deny is about it.
    Deny(RuleRef),
}

impl Past {
    /// Reads what was asked: an object with the keys of a `[[test]]`. Fields that are masked are in `change` with any text:
    /// whether they were set or removed is not known.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(
        question: &Map<String, Value>,
        masked: BTreeSet<Field>,
        log: Logged,
        at: Now,
    ) -> Result<Self, Faults> {
        let probe = Probe::of_json(question, at)?;
        let case = Case { at, ..probe.case().clone() };
        Ok(Self { case, log, masked })
    }

    /// The same, signed with this key, of a session that was issued then.
    #[must_use]
    pub fn signed(mut self, key_id: Option<String>, issued: Option<Timestamp>) -> Self {
        (self.case.key_id, self.case.issued) = (key_id, issued);
        self
    }

    /// Who asked: a role without its session.
    pub fn caller(&self) -> String {
        self.case.caller.arn.without_session()
    }

    /// The unique id of who asked, where it is known.
    pub fn unique_id(&self) -> Option<&str> {
        self.case.caller.unique_id.as_deref()
    }

    /// For which operation.
    pub fn operation(&self) -> &'static str {
        self.case.route.operation
    }

    /// Its class.
    pub fn class(&self) -> Class {
        self.case.question().class
    }

    /// On which instance, by its id; none for operations without one.
    pub fn instance(&self) -> Option<&str> {
        self.case.instance.as_deref()
    }

    /// Which fields, where the log says it; and whether each was set, which is not known of one that is masked.
    pub fn fields(&self) -> BTreeMap<Field, Option<bool>> {
        let said = |field, set: bool| (!self.masked.contains(&field)).then_some(set);
        self.case.wanted.iter().map(|(field, value)| (*field, said(*field, value.is_some()))).collect()
    }

    /// When.
    pub fn at(&self) -> Now {
        self.case.at
    }

    /// How much the log says.
    pub fn log(&self) -> Logged {
        self.log
    }

    /// The security profiles that were to be given; none where the log does not say it.
    pub fn grants(&self) -> Option<&[String]> {
        self.says_given().then_some(self.case.grants.as_slice())
    }

    /// The permissions that were to be put into a security profile; none where the log does not say it.
    pub fn permissions(&self) -> Option<&[String]> {
        self.says_given().then_some(self.case.permissions.as_slice())
    }

    /// The members of the body that a rule has to name, as far as the log says them.
    pub fn members(&self) -> &[String] {
        &self.case.members
    }

    fn says_given(&self) -> bool {
        match self.log {
            Logged::Exact | Logged::NotPermissions | Logged::Whole | Logged::Outline => true,
            Logged::Bare | Logged::Fieldless => false,
        }
    }
}

impl Unsaid {
    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Address => {
                "the values are masked, or the user as it was is not in the log: to which address".into()
            }
            Self::Instance => "in which Region and account the instance is".into(),
            Self::Fields => "which fields".into(),
            Self::Username => "which Username the user has".into(),
            Self::Given => "which security profiles, permissions or Usernames were asked for".into(),
            Self::Protection => "whether the user was protected".into(),
            Self::Ticket => "which ticket it had".into(),
            Self::Own => "whether it is the caller's own user".into(),
            Self::Deny(rule) => format!("whether `{}` ({}) denies it", rule.id, rule.place),
        }
    }
}

impl Policy {
    /// What this policy would have answered then. A field that a log names counts as one whose value would change.
    pub fn replay(&self, past: &Past) -> Judged {
        let mut past = past.clone();
        if self.place(&mut past.case).is_err() {
            return Judged::Open(Vec::new(), [Unsaid::Instance].into());
        }
        judged(self, &past).0
    }
}

/// What a policy answers, and the case that it was asked; none where only what the log says was judged.
fn judged(policy: &Policy, past: &Past) -> (Judged, Option<Case>) {
    match past.log {
        Logged::Exact => (exactly(policy, &past.case), Some(past.case.clone())),
        Logged::NotPermissions | Logged::Whole => whole(policy, past),
        Logged::Outline | Logged::Bare | Logged::Fieldless if past.case.kind() == Kind::Ordinary => {
            (exactly(policy, &past.case), Some(past.case.clone()))
        }
        Logged::Outline | Logged::Bare | Logged::Fieldless => (outline(policy, past), None),
    }
}

/// As it is decided.
fn exactly(policy: &Policy, case: &Case) -> Judged {
    match compile::verdict(policy, case) {
        Ok(grant) => Judged::Allowed(rules_of(grant.basis)),
        Err(refusal) => Judged::Refused(refusal),
    }
}

fn rules_of(basis: Basis) -> Vec<RuleRef> {
    let rules: BTreeSet<RuleRef> =
        basis.grounds.into_iter().map(|(_, rule)| rule).chain(basis.monitor).collect();
    rules.into_iter().collect()
}

/// As it is decided, but that no security profile counts as protected: what it permitted is not in the log. Where the policy
/// protects a permission, only what is refused in any case is judged.
fn whole(policy: &Policy, past: &Past) -> (Judged, Option<Case>) {
    let mut case = past.case.clone();
    let had = case.user.iter().flat_map(|user| &user.profiles);
    let ids: BTreeSet<String> =
        had.chain(&case.grants).chain(&case.profile).filter(|id| !id.is_empty()).cloned().collect();
    let protects = !policy.rules().protected.permissions.is_empty();
    let open = protects && case.kind() != Kind::Ordinary;
    case.profiles =
        ids.into_iter().map(|id| Profile { name: id.clone(), id, permissions: BTreeSet::new() }).collect();
    let judged = match compile::verdict(policy, &case) {
        Ok(grant) if open && grant.basis.protected.is_none() => {
            Judged::Open(rules_of(grant.basis), [Unsaid::Protection].into())
        }
        Ok(grant) => Judged::Allowed(rules_of(grant.basis)),
        // What a ticket or a claim would have allowed: the record says neither.
        Err(refusal)
            if past.log == Logged::Whole && refusal.code == Code::NoRule && asks_more(policy, &case) =>
        {
            return (outline(policy, past), None);
        }
        Err(refusal) => Judged::Refused(refusal),
    };
    (judged, Some(case))
}

/// Whether a rule that names caller, action and instance asks for a ticket, or for a claim of the caller.
fn asks_more(policy: &Policy, case: &Case) -> bool {
    let question = case.question();
    let asks = |allow: &&Allow| allow.ticket.is_some() || allow.own.is_some();
    let fits = |allow: &Allow| allow.scope.fits(&question, case.at, Lacking::Fails).is_ok();
    policy.rules().allow.iter().filter(asks).any(fits)
}
