//! The second question: with what is true now, is every field whose value would change allowed?

use std::collections::BTreeSet;

use crate::{
    clock::Now,
    limit::Admitted,
    operation::{Address, Change, Seen, Target, User},
};

use super::{Permit, Refused, Undecided, grant::Grant, judge::Judge, question::Facts};

/// What the ledger is asked.
#[derive(Debug, Clone)]
pub struct Recall {
    /// About this target.
    pub target: Target,
    /// Are these on other users of the instance; were they this user's before?
    pub addresses: Vec<Address>,
    /// Which permissions did this user hold within 30 days?
    pub permissions: bool,
}

/// What the ledger knows.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Those of the addresses that the ledger knows on another user.
    pub in_use: Vec<Address>,
    /// Those of the addresses that were this user's before.
    pub former: Vec<Address>,
    /// The permissions that this user, or a security profile that was read, held within 30 days, where that was asked.
    pub held: BTreeSet<String>,
    /// The last change of this target that was closed, by the ledger's own count; 0 when there is none. Asked before
    /// Connect is read: a change that is closed later may be missing from what was read.
    pub latest: u64,
}

/// What a decision was made with: for its record, so that the same can be asked again.
#[derive(Clone, Default)]
pub struct Looked {
    /// What was read of Connect.
    pub seen: Seen,
    /// What the ledger knew.
    pub known: Known,
    /// Whether permissions were asked for: only where some are protected.
    pub permissions: bool,
}

/// What is to be given: profiles and permissions, and a way to sign in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The Username of a new user.
    pub username: Option<String>,
    /// Whether a password is set with it.
    pub password: bool,
    /// The security profiles that somebody is to have.
    pub profiles: Vec<String>,
    /// The permissions that a security profile is to have.
    pub permissions: Vec<String>,
    /// The members of the body that a rule has to name.
    pub members: Vec<String>,
}

impl Looked {
    /// The user concerned, where it was read.
    pub fn user(&self) -> Option<&User> {
        self.seen.user.as_ref()
    }
}

impl Admitted<Undecided> {
    /// Decides, with the policy it was screened with. `screen` refuses implies that this refuses.
    ///
    /// # Errors
    /// The first reason that holds, in the order of [`Code`](super::Code).
    pub fn decide(self, seen: Seen, known: Known, now: Now) -> Result<Permit<Change>, Box<Refused>> {
        let undecided = self.into_inner();
        let looked = Looked { seen, known, permissions: undecided.protects() };
        let verdict = {
            let question = undecided.question();
            Judge::new(&undecided.policy, &question, now).decide(&Facts::of(&looked.seen, &looked.known))
        };
        match verdict {
            Ok(Grant { basis, differences, quotas }) => Ok(Permit {
                policy: undecided.policy.digest(),
                emergency: undecided.policy.emergency_digest(),
                caller: undecided.caller,
                attempt: undecided.attempt,
                operation: undecided.change,
                looked,
                differences,
                basis,
                quotas,
                decided: now,
            }),
            Err(refusal) => Err(undecided.refused(refusal, Some(looked))),
        }
    }
}
