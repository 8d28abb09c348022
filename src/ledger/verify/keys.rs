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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{secret::Digest, store::RecordRow};

    /// The first record of a chain, with this beside its place.
    fn first(chain: &str, more: &str) -> RecordRow {
        let prev = "0".repeat(64);
        let bytes = format!(r#"{{"v":1,"chain":"{chain}","seq":1,"prev":"{prev}","kind":"intent"{more}}}"#);
        RecordRow { chain: chain.into(), seq: 1, bytes: bytes.into_bytes() }
    }

    /// What is wrong with a record sealed for somebody, with the keys that are there before it is read and after that.
    fn found(verifier: Verifier, before: &[&str], after: &[&str]) -> Vec<(String, u64, Flaw)> {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut verifier = verifier.having(Some(&names(before)));
        verifier.record(&first("gw-1", r#","inputs":{"person":"mary"}"#));
        verifier.unopenable(&names(after));
        verifier.finish().faults
    }

    fn missed() -> Vec<(String, u64, Flaw)> {
        vec![("gw-1".into(), 1, Flaw::NoKey)]
    }

    #[test]
    fn a_key_that_comes_or_is_erased_while_records_are_read_is_not_missed() {
        assert_eq!(found(Verifier::default(), &["kim"], &["kim"]), missed());
        assert_eq!(found(Verifier::default(), &["mary"], &[]), []);
        assert_eq!(found(Verifier::default(), &[], &["mary"]), []);
    }

    #[test]
    fn no_key_is_missed_whose_erasure_may_be_in_a_segment_of_the_desk() {
        let mut whole = Verifier::default();
        whole.record(&first(CHAIN, ""));
        assert_eq!(found(whole, &[], &[]), missed());
        let mut behind = Verifier::default();
        behind.after(CHAIN, 4, Digest::of(b"4"));
        assert_eq!(found(behind, &[], &[]), []);
    }
}
