//! Whether what is sealed can still be opened: the key of each person stands beside the chain, and only an erasure that is on
//! record takes it away. One that was deleted by hand makes records unreadable that verify.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Flaw, Verifier};
use crate::{ledger::envelope::Envelope, store::RecordRow};

/// The keys that are there, and what is sealed under others.
#[derive(Default)]
pub(super) struct Keys {
    there: HashSet<String>,
    missed: HashMap<String, Missed>,
    /// Whom erasures on record are about.
    erased: Vec<Value>,
}

/// What is sealed under a key that was not there at first.
struct Missed {
    /// The first record.
    chain: String,
    seq: u64,
    /// Whom its records are about.
    about: Vec<Value>,
}

impl Keys {
    /// With the names of the keys that are there before the records are read.
    pub(super) fn of(there: impl IntoIterator<Item = String>) -> Self {
        Self { there: there.into_iter().collect(), ..Self::default() }
    }

    /// The next record.
    pub(super) fn record(&mut self, row: &RecordRow, envelope: &Envelope) {
        let about = || {
            let mut record: Value = serde_json::from_slice(&row.bytes).ok()?;
            let went_through = record.get("refusal").is_none();
            record.get_mut("target").map(|target| (target.take(), went_through))
        };
        if envelope.kind == "erasure"
            && let Some((target, true)) = about()
        {
            self.erased.push(target);
        }
        let Some(inputs) = envelope.inputs.as_ref().filter(|inputs| !self.there.contains(&inputs.person))
        else {
            return;
        };
        let missed = self.missed.entry(inputs.person.clone()).or_insert_with(|| Missed {
            chain: envelope.chain.clone(),
            seq: envelope.seq,
            about: Vec::new(),
        });
        if let Some((target, _)) = about().filter(|(target, _)| !missed.about.contains(target)) {
            missed.about.push(target);
        }
    }
}

impl Verifier {
    /// What is sealed and has no key, neither among those that are there after the records were read, nor an erasure.
    pub(super) fn unopenable(&mut self, there: &[String]) {
        let Some(Keys { missed, erased, .. }) = self.keys.take() else { return };
        for (person, Missed { chain, seq, about }) in missed {
            // Whom it is about may stand in records that are closed into segments.
            let is_unknown = about.is_empty() && self.chains.values().any(|chain| chain.begins > 1);
            if !is_unknown && !there.contains(&person) && !about.iter().any(|one| erased.contains(one)) {
                self.found(&chain, seq, Flaw::NoKey);
            }
        }
    }
}
