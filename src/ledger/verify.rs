//! Whether every link of every chain holds. What was cut off at a chain's end, nothing inside can show: compare the heads
//! with those that were exported.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use crate::{
    secret::Digest,
    store::{Location, Reader, RecordRow},
};

use super::{Ledger, LedgerFault, record::Envelope};

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
    /// The first fault of each chain: `chain`, `seq`, what is wrong.
    pub faults: Vec<(String, u64, Flaw)>,
}

/// What is wrong with a record; its message goes on "record 7".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// It is not of the form that every record has.
    NotARecord,
    /// It stands in another's place: the chain and the number it has itself.
    Misplaced(String, u64),
    /// Its number was there before.
    Twice,
    /// It is not there.
    Missing,
    /// It does not fit the record beside it.
    Changed,
    /// It closes an intent of another hash.
    OtherIntent,
    /// It closes an intent that is not open.
    NoIntent,
    /// It lifts a freeze that is not in force, or of another hash.
    NoFreeze,
    /// It sets a freeze that no record lifts, and that is not in force.
    Thawed,
}

/// Reads records one by one, chain by chain in order, and says what is wrong first in each.
#[derive(Default)]
pub(super) struct Verifier {
    records: u64,
    chains: BTreeMap<String, Chain>,
    open: HashMap<(String, u64), String>,
    closing: Vec<Closing>,
    frozen: HashMap<(String, u64), String>,
    lifting: Vec<Closing>,
}

#[derive(Default)]
struct Chain {
    seq: u64,
    hash: Option<Digest>,
    fault: Option<(u64, Flaw)>,
    /// The last record and the one before it do not fit: which was changed, the next one shows.
    doubt: Doubt,
}

/// Whether the record that was changed is still to be found out.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    #[default]
    None,
    /// The last record, or the one before it.
    Last,
}

/// An outcome and the intent it says it closes, or what lifts a freeze and the record that set it.
struct Closing {
    chain: String,
    seq: u64,
    of: (String, u64),
    hash: String,
}

/// What every version and kind of record has.
pub(super) fn envelope(row: &RecordRow) -> Option<Envelope> {
    serde_json::from_slice(&row.bytes).ok()
}

impl Verifier {
    /// Begins a chain in its middle: at the record before the first one shown.
    pub(super) fn after(&mut self, chain: &str, seq: u64, hash: Digest) {
        self.chains.insert(chain.into(), Chain { seq, hash: Some(hash), ..Chain::default() });
    }

    /// The next record, as a link only.
    pub(super) fn link(&mut self, row: &RecordRow) -> (Digest, Option<Envelope>) {
        self.records += 1;
        let chain = self.chains.entry(row.chain.clone()).or_default();
        let envelope = envelope(row);
        chain.next(row, envelope.as_ref());
        chain.seq = row.seq.unsigned_abs();
        let hash = Digest::of(&row.bytes);
        chain.hash = Some(hash);
        (hash, envelope)
    }

    /// The next record, and the intent that it opens or closes.
    pub(super) fn record(&mut self, row: &RecordRow) {
        let (hash, envelope) = self.link(row);
        let Some(envelope) = envelope else { return };
        match (envelope.kind.as_str(), envelope.intent) {
            ("intent", _) => {
                self.open.insert((envelope.chain, envelope.seq), hash.hex());
            }
            ("outcome", Some(intent)) => self.closing.push(Closing {
                chain: envelope.chain,
                seq: envelope.seq,
                of: (intent.chain, intent.seq),
                hash: intent.hash,
            }),
            ("freeze", _) => {
                self.frozen.insert((envelope.chain, envelope.seq), hash.hex());
            }
            ("unfreeze", _) => {
                let set = envelope.freeze.and_then(|freeze| freeze.set);
                let (of, hash) = set.map(|set| ((set.chain, set.seq), set.hash)).unwrap_or_default();
                self.lifting.push(Closing { chain: envelope.chain, seq: envelope.seq, of, hash });
            }
            _ => {}
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Verification {
        for closing in std::mem::take(&mut self.closing) {
            match self.open.remove(&closing.of) {
                Some(hash) if hash == closing.hash => {}
                Some(_) => self.found(&closing.chain, closing.seq, Flaw::OtherIntent),
                None => self.found(&closing.chain, closing.seq, Flaw::NoIntent),
            }
        }
        for lifting in std::mem::take(&mut self.lifting) {
            if self.frozen.remove(&lifting.of).is_none_or(|hash| hash != lifting.hash) {
                self.found(&lifting.chain, lifting.seq, Flaw::NoFreeze);
            }
        }
        let mut freezes: Vec<_> = self.frozen.into_keys().collect();
        freezes.sort();
        let hash = |chain: &Chain| chain.hash.map(|hash| hash.hex()).unwrap_or_default();
        Verification {
            records: self.records,
            heads: self.chains.iter().map(|(name, chain)| (name.clone(), chain.seq, hash(chain))).collect(),
            open: self.open.len() as u64,
            freezes,
            faults: self
                .chains
                .into_iter()
                .filter_map(|(name, chain)| chain.fault.map(|(seq, why)| (name, seq, why)))
                .collect(),
        }
    }
}

impl Verifier {
    /// The first fault of a chain stays.
    fn found(&mut self, chain: &str, seq: u64, flaw: Flaw) {
        if let Some(chain) = self.chains.get_mut(chain)
            && chain.fault.as_ref().is_none_or(|(first, _)| *first > seq)
        {
            chain.fault = Some((seq, flaw));
        }
    }
}

impl Verification {
    /// The first fault of a chain stays.
    fn found(&mut self, chain: String, seq: u64, flaw: Flaw) {
        match self.faults.iter_mut().find(|(of, ..)| *of == chain) {
            Some((_, first, _)) if *first <= seq => {}
            Some(fault) => *fault = (chain, seq, flaw),
            None => self.faults.push((chain, seq, flaw)),
        }
    }
}

impl Chain {
    /// Finds the first fault.
    fn next(&mut self, row: &RecordRow, envelope: Option<&Envelope>) {
        let last = self.hash.map(|hash| hash.hex());
        match (std::mem::take(&mut self.doubt), &self.fault) {
            // The last record fits neither before nor after: it was changed, and not the one before it.
            (Doubt::Last, Some(_)) if envelope.is_some_and(|next| Some(&next.prev) != last.as_ref()) => {
                self.fault = Some((self.seq, Flaw::Changed));
            }
            (_, Some(_)) => {}
            (_, None) => match self.follows(row, envelope) {
                Ok(()) => {}
                Err(Fault::At(seq, flaw)) => self.fault = Some((seq, flaw)),
                Err(Fault::Unlinked) => {
                    self.fault = Some((self.seq.max(1), Flaw::Changed));
                    self.doubt = if self.seq == 0 { Doubt::None } else { Doubt::Last };
                }
            },
        }
    }

    /// Whether a record follows from what came before it.
    fn follows(&self, row: &RecordRow, envelope: Option<&Envelope>) -> Result<(), Fault> {
        let seq = row.seq.unsigned_abs();
        let next = self.seq + 1;
        let Some(envelope) = envelope else { return Err(Fault::At(seq, Flaw::NotARecord)) };
        if envelope.chain != row.chain || Some(envelope.seq) != u64::try_from(row.seq).ok() {
            return Err(Fault::At(seq, Flaw::Misplaced(envelope.chain.clone(), envelope.seq)));
        }
        if seq < next {
            return Err(Fault::At(seq, Flaw::Twice));
        }
        if seq > next {
            return Err(Fault::At(next, Flaw::Missing));
        }
        let prev = self.hash.unwrap_or_else(|| Digest::from_bytes([0; 32]));
        if envelope.prev == prev.hex() { Ok(()) } else { Err(Fault::Unlinked) }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecord => f.write_str("is not a record"),
            Self::Misplaced(chain, at) => {
                write!(f, "holds record {at} of chain `{}`", chain.escape_debug())
            }
            Self::Twice => f.write_str("stands twice"),
            Self::Missing => f.write_str("is missing"),
            Self::Changed => f.write_str("was changed: it does not fit the record beside it"),
            Self::OtherIntent => f.write_str("closes an intent of another hash"),
            Self::NoFreeze => f.write_str("lifts a freeze that is not there, or is lifted already"),
            Self::Thawed => f.write_str("sets a freeze that no record lifts, and that is not in force"),
            Self::NoIntent => f.write_str("closes an intent that is not there, or is closed already"),
        }
    }
}

/// Why a record does not follow.
enum Fault {
    /// This record is at fault.
    At(u64, Flaw),
    /// It names another hash than that of the record before it.
    Unlinked,
}

impl Ledger {
    /// Verifies every link of every chain in the store, and that what was frozen and not lifted is in force. Only reads:
    /// a guard may be running.
    pub async fn verify(url: &str) -> Result<Verification, LedgerFault> {
        let reader = Reader::open(&Location::read(url)?);
        let mut verifier = Verifier::default();
        // A freeze may be set or lifted while the records are read: it is in force before them or after them then.
        let reading = async {
            let mut in_force = reader.frozen_by().await?;
            reader.each_record(|row| verifier.record(&row)).await?;
            in_force.extend(reader.frozen_by().await?);
            Ok::<_, LedgerFault>(in_force)
        };
        let read = reading.await;
        reader.close().await;
        let in_force = read?;
        let mut found = verifier.finish();
        for (chain, seq) in found.freezes.clone() {
            if !in_force.iter().any(|record| record.chain == chain && record.seq == seq) {
                found.found(chain, seq, Flaw::Thawed);
            }
        }
        Ok(found)
    }
}
