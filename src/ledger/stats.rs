//! What the ledger says of itself, for status: plain numbers.

use std::{sync::atomic::Ordering, time::Duration};

use serde::Serialize;

use super::Ledger;
use crate::{notice::RecordRef, store::Room};

/// Plain counts for status.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LedgerStats {
    /// Records in this chain.
    pub seq: u64,
    /// The chain's head.
    pub head: String,
    /// Waiting for the writer: steps and notes.
    pub waiting: usize,
    /// Steps and notes that may wait at most.
    pub queue_capacity: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Writes that failed.
    pub failures: u64,
    /// The last of them.
    pub last_failure: Option<Failure>,
    /// Ordinary operations not recorded singly so far.
    pub gaps: u64,
    /// Whether the last write went through.
    pub writable: bool,
    /// How long commits took.
    pub sync: Timing,
    /// Bytes that are free: on the disk, and as far as the store may grow.
    pub free_bytes: u64,
    /// Whether the reserve of space is begun.
    pub reserve: Reserve,
    /// Where the chain was found broken: no change is made from then on.
    pub broken: Option<Broken>,
}

/// A write that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Why: a stable word.
    pub word: &'static str,
}

/// Whether the reserve of space is begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reserve {
    /// It is not: there is room for everything.
    #[default]
    Untouched,
    /// It is: there is room for changes and what follows from them.
    Begun,
    /// Its last quarter is: there is room for the outcomes of changes that were begun.
    Last,
}

/// Where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The chain.
    pub chain: String,
    /// The record.
    pub seq: u64,
    /// What is wrong with it.
    pub why: String,
}

/// How long something took: a histogram, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// How often.
    pub count: u64,
    /// All together, nanoseconds.
    pub sum: u64,
    /// The longest, nanoseconds.
    pub max: u64,
    /// How many took at most the bound of the same place in [`Timing::BOUNDS`], and more than the one before it; the last
    /// took longer than every bound.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
}

impl Timing {
    /// Upper bounds, nanoseconds: 100 µs to 1 s.
    pub const BOUNDS: [u64; 13] = [
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_500_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
    ];

    /// One more.
    pub(super) fn add(&mut self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.count = self.count.saturating_add(1);
        self.sum = self.sum.saturating_add(took);
        self.max = self.max.max(took);
        let place = Self::BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(Self::BOUNDS.len());
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket = bucket.saturating_add(1);
        }
    }
}

impl From<Room> for Reserve {
    fn from(room: Room) -> Self {
        match room {
            Room::All => Self::Untouched,
            Room::Changes => Self::Begun,
            Room::Ends => Self::Last,
        }
    }
}

impl Ledger {
    /// Counts.
    pub fn stats(&self) -> LedgerStats {
        let shared = &self.inner.shared;
        let (requests, notes) = (&self.inner.requests, &self.inner.notes);
        let head = self.head();
        let state = shared.state();
        LedgerStats {
            seq: head.seq,
            head: if head.seq == 0 { String::new() } else { head.hash },
            waiting: requests.max_capacity().saturating_sub(requests.capacity())
                + notes.max_capacity().saturating_sub(notes.capacity()),
            queue_capacity: requests.max_capacity() + notes.max_capacity(),
            commits: shared.commits.load(Ordering::Relaxed),
            failures: shared.failures.load(Ordering::Relaxed),
            last_failure: state.last_failure,
            gaps: shared.gaps.load(Ordering::Relaxed),
            writable: !shared.unwritable.load(Ordering::Relaxed),
            sync: state.sync,
            free_bytes: state.free_bytes,
            reserve: state.reserve,
            broken: state.broken,
        }
    }

    /// Where the chain ends: record 0 and zeros while it is empty.
    pub fn head(&self) -> RecordRef {
        let chain = self.inner.core.chain.to_string();
        match self.inner.shared.head() {
            Some(head) => RecordRef { chain, seq: head.seq, hash: head.hash.hex() },
            None => RecordRef { chain, seq: 0, hash: "0".repeat(64) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_is_in_a_later_bucket() {
        let mut timing = Timing::default();
        for nanos in [0, 100_000, 100_001, 1_000_000_000, 1_000_000_001] {
            timing.add(Duration::from_nanos(nanos));
        }
        assert_eq!((timing.count, timing.max), (5, 1_000_000_001));
        assert_eq!(timing.sum, 2_000_200_002);
        assert_eq!((timing.buckets[0], timing.buckets[1]), (2, 1));
        assert_eq!((timing.buckets[12], timing.buckets[13]), (1, 1));
        assert_eq!(timing.buckets.iter().sum::<u64>(), timing.count);
    }
}
