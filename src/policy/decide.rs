//! The second question: with what is true now, is every field whose value would change allowed?

use std::collections::BTreeSet;

use crate::{
    clock::Now,
    limit::Admitted,
    operation::{Address, Change, Seen, Target},
};

use super::{Permit, Refused, Undecided, grant::Grant, judge::Judge, question::Facts};

/// What the ledger is asked.
#[derive(Debug, Clone)]
pub struct Recall {
    /// About this target.
    pub target: Target,
    /// Are these on other users of the instance; were they this user's before?
    pub addresses: Vec<Address>,
    /// Did this user hold one of these within 30 days?
    pub permissions: BTreeSet<String>,
}

/// What the ledger knows.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Those of the addresses that the ledger knows on another user.
    pub in_use: Vec<Address>,
    /// Those of the addresses that were this user's before.
    pub former: Vec<Address>,
    /// Those of the permissions that this user held within 30 days.
    pub held: BTreeSet<String>,
    /// The last change of this target that was closed, by the ledger's own count; 0 when there is none. Asked before
    /// Connect is read: a change that is closed later may be missing from what was read.
    pub latest: u64,
}

impl Admitted<Undecided> {
    /// Decides, with the policy it was screened with. `screen` refuses implies that this refuses.
    ///
    /// # Errors
    /// The first reason that holds, in the order of [`Code`](super::Code).
    pub fn decide(self, seen: Seen, known: &Known, now: Now) -> Result<Permit<Change>, Box<Refused>> {
        let undecided = self.into_inner();
        let verdict = {
            let question = undecided.question();
            Judge::new(&undecided.policy, &question, now).decide(&Facts::of(&seen, known))
        };
        match verdict {
            Ok(Grant { basis, differences, quotas }) => Ok(Permit {
                policy: undecided.policy.digest(),
                emergency: undecided.policy.emergency_digest(),
                caller: undecided.caller,
                attempt: undecided.attempt,
                operation: undecided.change,
                seen,
                differences,
                basis,
                quotas,
                latest: known.latest,
                decided: now,
            }),
            Err(refusal) => Err(undecided.refused(refusal, seen.user)),
        }
    }
}
