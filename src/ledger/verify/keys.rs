//! Whether what is sealed can still be opened: the key of each person stands beside the chain, and only an erasure that is on
//! record takes it away. One that was deleted by hand makes records unreadable that verify.

use std::collections::{HashMap, HashSet};

use super::{Flaw, Verifier};
use crate::ledger::{desk_chain::CHAIN, envelope::Envelope};

/// The keys that are there, and what is sealed under others.
#[derive(Default)]
pub(super) struct Keys {
    there: HashSet<String>,
    /// The first record that is sealed under a key that was not there at first.
    missed: HashMap<String, (String, u64)>,
    /// The keys that erasures on record took away.
    erased: HashSet<String>,
}

impl Keys {
    /// With the names of the keys that are there before the records are read.
    pub(super) fn of(there: impl IntoIterator<Item = String>) -> Self {
        Self { there: there.into_iter().collect(), ..Self::default() }
    }

    /// The next record.
    pub(super) fn record(&mut self, envelope: &Envelope<'_>) {
        if envelope.kind == "erasure" {
            self.erased.extend(envelope.erased.iter().cloned());
        }
        let Some(inputs) = envelope.inputs.as_ref().filter(|inputs| !self.there.contains(&*inputs.person))
        else {
            return;
        };
        let first = || (envelope.chain.clone().into_owned(), envelope.seq);
        self.missed.entry(inputs.person.clone().into_owned()).or_insert_with(first);
    }
}

impl Verifier {
    /// What is sealed and has no key, neither among those that are there after the records were read, nor an erasure.
    pub(super) fn unopenable(&mut self, there: &[String]) {
        let Some(Keys { missed, erased, .. }) = self.keys.take() else { return };
        // Its erasure may stand in a segment that was not looked at.
        if self.chains.get(CHAIN).is_some_and(|chain| chain.begins > 1) {
            return;
        }
        for (person, (chain, seq)) in missed {
            if !there.contains(&person) && !erased.contains(&person) {
                self.found(&chain, seq, Flaw::NoKey);
            }
        }
    }
}
