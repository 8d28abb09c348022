//! What is known of the ledger before it is read: where its chains ended when somebody looked, and which records were
//! closed into segments. Two who saw different records in one place prove a fork, whatever the ledger holds now.

use std::{collections::HashMap, sync::Arc};

use super::{Flaw, Witness};
use crate::{
    ledger::{envelope::Envelope, proof_parts::SegmentPart},
    secret::Digest,
};

/// A record that somebody saw.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) hash: Digest,
    pub(super) by: Witness,
}

/// What is known before the ledger is read.
#[derive(Clone, Default)]
pub(in crate::ledger) struct Claims {
    heads: HashMap<Arc<str>, HashMap<u64, Claim>>,
    pub(super) forks: Vec<(String, u64, Flaw)>,
    pub(super) segments: HashMap<String, Vec<SegmentPart>>,
}

impl Claims {
    /// Somebody saw this record.
    pub(in crate::ledger) fn head(&mut self, chain: &str, seq: u64, hash: &str, by: Witness) {
        // An empty chain has no last record.
        let Some(hash) = digest(hash).filter(|_| seq > 0) else { return };
        let claims = match self.heads.get_mut(chain) {
            Some(claims) => claims,
            None => self.heads.entry(chain.into()).or_default(),
        };
        match claims.get(&seq) {
            Some(known) if known.hash != hash => {
                self.forks.push((chain.to_owned(), seq, Flaw::Forked(known.by.clone(), by)));
            }
            Some(_) => {}
            None => {
                claims.insert(seq, Claim { hash, by });
            }
        }
    }

    /// What a record says of others.
    pub(in crate::ledger) fn record(&mut self, bytes: &[u8]) {
        let Ok(envelope) = serde_json::from_slice::<Envelope>(bytes) else { return };
        if !envelope.heads.is_empty() {
            let chain: Arc<str> = (*envelope.chain).into();
            // What it says of its own chain is no more than the hash before it says.
            for head in envelope.heads.iter().filter(|head| *head.chain != *envelope.chain) {
                let by = Witness::Record(Arc::clone(&chain), envelope.seq);
                self.head(&head.chain, head.seq, &head.hash, by);
            }
        }
        // A guard closes the beginning of its own chain, and nothing behind the record that says so.
        let closes = |segment: &SegmentPart| {
            envelope.kind == "segment"
                && *segment.chain == *envelope.chain
                && (1..=segment.last).contains(&segment.first)
                && segment.last < envelope.seq
        };
        if let Some(segment) = envelope.segment.filter(closes) {
            let by = Witness::Record((*envelope.chain).into(), envelope.seq);
            self.head(&segment.chain, segment.last, &segment.hash, by);
            self.segments.entry(segment.chain.clone()).or_default().push(segment);
        }
    }

    /// What was seen of each chain, the latest first.
    pub(in crate::ledger) fn latest_first(&self) -> impl Iterator<Item = (&str, Vec<(u64, Digest)>)> {
        self.heads.iter().map(|(chain, claims)| {
            let mut seen: Vec<_> = claims.iter().map(|(seq, claim)| (*seq, claim.hash)).collect();
            seen.sort_by_key(|(seq, _)| std::cmp::Reverse(*seq));
            (&**chain, seen)
        })
    }

    /// What was seen in this place.
    pub(super) fn of(&self, chain: &str, seq: u64) -> Option<&Claim> {
        self.heads.get(chain)?.get(&seq)
    }

    /// The earliest record of each chain that was seen beyond its end: the chain and that.
    pub(super) fn beyond(&self, ends: impl Fn(&str) -> u64) -> Vec<(&str, u64, &Witness)> {
        let mut found: Vec<_> = self
            .heads
            .iter()
            .filter_map(|(chain, claims)| {
                let end = ends(chain);
                let (seq, claim) =
                    claims.iter().filter(|(seq, _)| **seq > end).min_by_key(|(seq, _)| **seq)?;
                Some((&**chain, *seq, &claim.by))
            })
            .collect();
        found.sort_by_key(|(chain, ..)| *chain);
        found
    }

    /// How many of those that were seen stand before the beginning of their chains.
    pub(super) fn before(&self, begins: impl Fn(&str) -> u64) -> u64 {
        let before = |chain: &str, claims: &HashMap<u64, Claim>| {
            let begin = begins(chain);
            claims.keys().filter(|seq| **seq < begin).count() as u64
        };
        self.heads.iter().map(|(chain, claims)| before(chain, claims)).sum()
    }

    /// The segment in whose range, or right behind it, this record stands.
    pub(super) fn closed(&self, chain: &str, seq: u64) -> Option<&SegmentPart> {
        self.segments.get(chain)?.iter().find(|one| (one.first..=one.last.saturating_add(1)).contains(&seq))
    }
}

/// A digest as records write it.
pub(super) fn digest(hex: &str) -> Option<Digest> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hex, &mut bytes).ok()?;
    Some(Digest::from_bytes(bytes))
}

/// Whether it is this digest as records write it.
pub(super) fn is_written(hex: &str, digest: Digest) -> bool {
    let mut text = [0; 64];
    hex::encode_to_slice(digest.bytes(), &mut text).is_ok() && hex.as_bytes() == text
}
