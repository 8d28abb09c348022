//! Whether every link of every chain holds, and whether the chains are those that others saw. What was cut off at a chain's
//! end, and a whole ledger that was put back to an earlier day, nothing inside can show: that takes heads which others keep.

mod chain;
mod claims;
mod flaw;
mod keys;
mod proof;

use std::collections::{BTreeMap, HashMap};

use crate::{
    secret::Digest,
    store::{RecordRow, StoreError},
};

pub(super) use self::claims::Claims;
#[cfg(feature = "fuzzing")]
pub(super) use self::proof::of_export;
use self::{chain::Chain, claims::is_written, keys::Keys};
pub use self::{
    flaw::{Flaw, Seen, SegmentFault, Witness},
    proof::{Evidence, ProofFault},
};
use super::{Known, Ledger, LedgerFault, Taking, envelope::Envelope};

/// What verifying found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Records looked at.
    pub records: u64,
    /// Each chain's last number and head.
    pub heads: Vec<(String, u64, String)>,
    /// Intents without an outcome.
    pub open: u64,
    /// Freezes that no record lifts, by the chain and the number of the record that set them.
    pub freezes: Vec<(String, u64)>,
    /// Heads that others saw and that are there.
    pub confirmed: u64,
    /// Heads that others saw and that are closed into segments which were not looked at.
    pub unchecked: u64,
    /// The beginnings of chains that are not here, and that no segment was read to prove.
    pub unproven: Vec<Unproven>,
    /// The lines that take a store that was put back, and what they give up.
    pub takings: Vec<Taking>,
    /// The first fault of each chain: `chain`, `seq`, what is wrong.
    pub faults: Vec<(String, u64, Flaw)>,
}

/// The beginning of a chain that is closed into segments which were not looked at: one record says so, whose hash takes no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unproven {
    /// The chain.
    pub chain: String,
    /// The last record that is not here; the first is 1.
    pub last: u64,
    /// The segment that is to hold it: the file's name.
    pub file: String,
}

/// Reads records one by one, chain by chain in order, and says what is wrong first in each.
#[derive(Default)]
pub(super) struct Verifier {
    records: u64,
    chains: BTreeMap<String, Chain>,
    open: HashMap<(String, u64), Digest>,
    closing: Vec<Closing>,
    frozen: HashMap<(String, u64), Digest>,
    lifting: Vec<Closing>,
    /// Of a store: the keys that stand beside it.
    keys: Option<Keys>,
    claims: Claims,
}

/// An outcome and the intent it says it closes, or what lifts a freeze and the record that set it.
struct Closing {
    chain: String,
    seq: u64,
    of: (String, u64),
    hash: String,
}

/// What every version and kind of record has.
pub(super) fn envelope(row: &RecordRow) -> Option<Envelope<'_>> {
    serde_json::from_slice(&row.bytes).ok()
}

/// The hash of the record before this one, as it names it.
pub(super) fn named_before(row: &RecordRow) -> Option<Digest> {
    claims::digest(&envelope(row)?.prev)
}

impl Verifier {
    /// With what is known before.
    pub(super) fn knowing(claims: Claims) -> Self {
        Self { claims, ..Self::default() }
    }

    /// The same, with the names of the keys that stand beside the chains.
    fn having(self, keys: Option<&[String]>) -> Self {
        Self { keys: keys.map(|keys| Keys::of(keys.iter().cloned())), ..self }
    }

    /// Begins a chain in its middle: at the record before the first one shown.
    pub(super) fn after(&mut self, chain: &str, seq: u64, hash: Digest) {
        self.chains.insert(chain.into(), Chain::after(seq, hash));
    }

    /// The next record, as a link only.
    pub(super) fn link<'r>(&mut self, row: &'r RecordRow) -> (Digest, Option<Envelope<'r>>) {
        self.records += 1;
        let chain = match self.chains.get_mut(&row.chain) {
            Some(chain) => chain,
            None => self.chains.entry(row.chain.clone()).or_default(),
        };
        let envelope = envelope(row);
        let hash = Digest::of(&row.bytes);
        chain.next(row, hash, envelope.as_ref(), &self.claims);
        (hash, envelope)
    }

    /// The next record, and the intent that it opens or closes.
    pub(super) fn record(&mut self, row: &RecordRow) {
        let (hash, envelope) = self.link(row);
        let Some(envelope) = envelope else { return };
        if let Some(keys) = &mut self.keys {
            keys.record(&envelope);
        }
        match (&*envelope.kind, envelope.intent) {
            ("intent", _) => {
                self.open.insert((envelope.chain.into_owned(), envelope.seq), hash);
            }
            ("outcome", Some(intent)) => {
                let of = (intent.chain, intent.seq);
                // Most close what was opened shortly before: nothing needs to be remembered of them.
                if self.open.get(&of).is_some_and(|opened| is_written(&intent.hash, *opened)) {
                    self.open.remove(&of);
                } else {
                    let (chain, seq) = (envelope.chain.into_owned(), envelope.seq);
                    self.closing.push(Closing { chain, seq, of, hash: intent.hash });
                }
            }
            ("freeze", _) => {
                self.frozen.insert((envelope.chain.into_owned(), envelope.seq), hash);
            }
            ("unfreeze", _) => {
                let set = envelope.freeze.and_then(|freeze| freeze.set);
                let (of, hash) = set.map(|set| ((set.chain, set.seq), set.hash)).unwrap_or_default();
                let (chain, seq) = (envelope.chain.into_owned(), envelope.seq);
                self.lifting.push(Closing { chain, seq, of, hash });
            }
            _ => {}
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Verification {
        for closing in std::mem::take(&mut self.closing) {
            match self.open.remove(&closing.of) {
                Some(hash) if is_written(&closing.hash, hash) => {}
                Some(_) => self.found(&closing.chain, closing.seq, Flaw::OtherIntent),
                None if self.is_closed(&closing.of) => {}
                None => self.found(&closing.chain, closing.seq, Flaw::NoIntent),
            }
        }
        for lifting in std::mem::take(&mut self.lifting) {
            let of = &lifting.of;
            let set = self.frozen.remove(of);
            if set.is_none_or(|hash| !is_written(&lifting.hash, hash)) && !self.is_closed(of) {
                self.found(&lifting.chain, lifting.seq, Flaw::NoFreeze);
            }
        }
        self.beyond();
        self.false_witnesses();
        let mut freezes: Vec<_> = self.frozen.into_keys().collect();
        freezes.sort();
        let hash = |chain: &Chain| chain.hash.map(|hash| hash.hex()).unwrap_or_default();
        let begins = |chain: &str| self.chains.get(chain).map_or(0, |chain| chain.begins);
        let unproven = self.chains.iter().filter(|(_, chain)| chain.begins > 1).map(|(name, chain)| {
            let closed = self.claims.closed(name, chain.begins);
            let file = closed.map(|one| one.file.clone()).unwrap_or_default();
            Unproven { chain: name.clone(), last: chain.begins - 1, file }
        });
        let unproven = unproven.collect();
        Verification {
            records: self.records,
            confirmed: self.chains.values().map(|chain| chain.confirmed).sum(),
            unchecked: self.claims.before(begins),
            heads: self.chains.iter().map(|(name, chain)| (name.clone(), chain.seq, hash(chain))).collect(),
            open: self.open.len() as u64,
            freezes,
            unproven,
            takings: Vec::new(),
            faults: self
                .chains
                .into_iter()
                .filter_map(|(name, chain)| chain.fault.map(|(seq, why)| (name, seq, why)))
                .collect(),
        }
    }

    /// A record that was tampered with is no witness against others: it is named itself.
    fn false_witnesses(&mut self) {
        let at_fault: Vec<(String, u64)> = self
            .chains
            .iter()
            .filter_map(|(name, chain)| {
                let (seq, flaw) = chain.fault.as_ref()?;
                flaw.witnesses().is_empty().then(|| (name.clone(), *seq))
            })
            .collect();
        let is_false = |witness: &&Witness| match witness {
            Witness::Record(chain, seq) => at_fault.iter().any(|(of, at)| **of == **chain && at == seq),
            Witness::File(..) | Witness::Asker | Witness::Export => false,
        };
        for chain in self.chains.values_mut() {
            if chain.fault.as_ref().is_some_and(|(_, flaw)| flaw.witnesses().iter().any(is_false)) {
                chain.fault = None;
            }
        }
    }

    /// What others saw that is not there, and what they saw twice.
    fn beyond(&mut self) {
        let claims = std::mem::take(&mut self.claims);
        let ends = |chain: &str| self.chains.get(chain).map_or(0, |chain| chain.seq);
        let beyond: Vec<_> = claims
            .beyond(ends)
            .into_iter()
            .map(|(chain, seq, by)| (chain.to_owned(), ends(chain) + 1, Seen { seq, by: by.clone() }))
            .collect();
        for (chain, at, seen) in beyond {
            self.found(&chain, at, Flaw::Cut(seen));
        }
        for (chain, seq, flaw) in &claims.forks {
            self.chains.entry(chain.clone()).or_default();
            self.forked(chain, *seq, flaw);
        }
        self.claims = claims;
    }

    /// Two who saw different records say more than that one of them is not here.
    fn forked(&mut self, chain: &str, seq: u64, flaw: &Flaw) {
        let Some(chain) = self.chains.get_mut(chain) else { return };
        if chain.fault.as_ref().is_none_or(|(first, _)| *first >= seq) {
            chain.fault = Some((seq, flaw.clone()));
        }
    }

    /// Whether a record is closed into a segment that was not looked at.
    fn is_closed(&self, (chain, seq): &(String, u64)) -> bool {
        self.chains.get(chain).is_some_and(|chain| *seq < chain.begins)
    }
}

impl Verifier {
    /// The first fault of a chain stays.
    fn found(&mut self, chain: &str, seq: u64, flaw: Flaw) {
        let chain = self.chains.entry(chain.to_owned()).or_default();
        if chain.fault.as_ref().is_none_or(|(first, _)| *first > seq) {
            chain.fault = Some((seq, flaw));
        }
    }
}

impl Verification {
    /// The first fault of a chain stays.
    pub(super) fn found(&mut self, chain: String, seq: u64, flaw: Flaw) {
        match self.faults.iter_mut().find(|(of, ..)| *of == chain) {
            Some((_, first, _)) if *first <= seq => {}
            Some(fault) => *fault = (chain, seq, flaw),
            None => self.faults.push((chain, seq, flaw)),
        }
    }
}

impl Ledger {
    /// Verifies every link of every chain in the store, and that what was frozen and not lifted is in force. Only reads:
    /// a guard may be running.
    pub async fn verify(url: &str) -> Result<Verification, LedgerFault> {
        match Self::prove(&Evidence::Store(url.to_owned()), Known::default(), None).await {
            Ok(found) => Ok(found),
            Err(ProofFault::Store(fault)) => Err(fault),
            Err(ProofFault::File(path, source)) => Err(StoreError::Io { path, source }.into()),
        }
    }
}
