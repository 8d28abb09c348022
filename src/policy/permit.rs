//! What a decision gives: the permit, and what it rests on.

use std::fmt;

use jiff::SignedDuration;

use crate::{
    caller::{Attempt, Caller},
    clock::Now,
    operation::{Change, Field, Seen},
    secret::Digest,
};

use super::{Given, Looked, RuleRef, question::Question, screen::given};

/// A permit for one operation, made by this module only and spent by value.
#[must_use]
pub struct Permit<O> {
    pub(super) caller: Caller,
    pub(super) attempt: Attempt,
    pub(super) operation: O,
    pub(super) looked: Looked,
    pub(super) differences: Vec<FieldChange>,
    pub(super) basis: Basis,
    pub(super) quotas: Vec<QuotaClaim>,
    pub(super) policy: Digest,
    pub(super) emergency: Digest,
    pub(super) decided: Now,
}

/// What a permit rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis {
    /// For each thing that was to be allowed, the rule that allows it. Never empty.
    pub grounds: Vec<(Ground, RuleRef)>,
    /// The digest of the directory file that bound an address, where one did.
    pub directory: Option<Digest>,
    /// The sentence that lifts protection, where one does.
    pub protected: Option<String>,
    /// The tickets that the rules asked for, as the request carried them: each once, with `, ` between them.
    pub ticket: Option<String>,
    /// The `[[monitor]]` that lets it through, where no rule allows it. Never of a change.
    pub monitor: Option<RuleRef>,
}

/// What a rule allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ground {
    /// The operation itself.
    Operation,
    /// A field.
    Field(Field),
}

/// A field whose value would change: before and wanted (none is "no value").
#[derive(Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Which.
    pub field: Field,
    /// As it is.
    pub before: Option<String>,
    /// As it is to be.
    pub after: Option<String>,
}

/// So many changes in so long: to be counted over intents, in the intent's own transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaClaim {
    /// The rule that sets it.
    pub rule: RuleRef,
    /// What it is counted for.
    pub of: QuotaOf,
    /// So many.
    pub changes: u32,
    /// In so long.
    pub per: SignedDuration,
}

/// What a quota is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaOf {
    /// The target user.
    User,
    /// The caller.
    Caller,
    /// The instance.
    Instance,
}

/// Names the field and no value: values do not belong in logs.
impl fmt::Debug for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldChange({})", self.field)
    }
}

impl Permit<Change> {
    /// What it gives.
    pub fn given(&self) -> Given {
        given(&Question::of_change(&self.caller, &self.operation))
    }
}

impl<O> Permit<O> {
    /// Who may.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What makes a second arrival the same attempt.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// What.
    pub fn operation(&self) -> &O {
        &self.operation
    }

    /// What was true when it was decided.
    pub fn seen(&self) -> &Seen {
        &self.looked.seen
    }

    /// What it was decided with.
    pub fn looked(&self) -> &Looked {
        &self.looked
    }

    /// The identity fields whose values would change; empty when the same values are submitted again.
    pub fn differences(&self) -> &[FieldChange] {
        &self.differences
    }

    /// On which ground.
    pub fn basis(&self) -> &Basis {
        &self.basis
    }

    /// The quotas to be counted with the intent.
    pub fn quotas(&self) -> &[QuotaClaim] {
        &self.quotas
    }

    /// The digest of the policy that decided.
    pub fn policy(&self) -> Digest {
        self.policy
    }

    /// The digest of the `revoked.toml` and `deny.d` that it was decided with ([`Policy::emergency_digest`]): what holds at
    /// once holds for a change that is under way as well.
    ///
    /// [`Policy::emergency_digest`]: super::Policy::emergency_digest
    pub fn emergency(&self) -> Digest {
        self.emergency
    }

    /// The last change of the target that was closed before anything was read ([`Known::latest`](super::Known::latest)):
    /// where a later one is, this rests on what is no longer true.
    pub fn latest(&self) -> u64 {
        self.looked.known.latest
    }

    /// When it was decided.
    pub fn decided(&self) -> Now {
        self.decided
    }
}

#[cfg(test)]
impl<O> Permit<O> {
    /// A permit that no policy gave: for the tests of what comes after a decision.
    pub(crate) fn for_tests(
        (caller, attempt, operation): (Caller, Attempt, O),
        seen: Seen,
        differences: Vec<FieldChange>,
        quotas: Vec<QuotaClaim>,
        decided: Now,
    ) -> Self {
        let rule = RuleRef { id: "identity-desk-email".into(), place: "desk.toml:3".into() };
        let grounds = std::iter::once(Ground::Operation)
            .chain(differences.iter().map(|change| Ground::Field(change.field)))
            .map(|ground| (ground, rule.clone()))
            .collect();
        let basis = Basis { grounds, directory: None, protected: None, ticket: None, monitor: None };
        let policy = Digest::of(b"policy");
        let emergency = Digest::of(b"emergency");
        // Whatever came after it is no concern of tests that say nothing of it.
        let known = super::Known { latest: u64::MAX, ..super::Known::default() };
        let looked = Looked { seen, known, permissions: true };
        Self { caller, attempt, operation, looked, differences, basis, quotas, policy, emergency, decided }
    }
}
