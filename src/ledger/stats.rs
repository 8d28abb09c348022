//! What the ledger says of itself, for status: plain numbers.

use std::sync::atomic::Ordering;

use serde::Serialize;

use super::Ledger;
use crate::{notice::RecordRef, store::Room, timing::Timing};

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
    /// Whether the last write went through, and the next change has room.
    pub writable: bool,
    /// Whether somebody who keeps heads did not take the last ones.
    pub heads_unkept: bool,
    /// How often that was so.
    pub heads_failures: u64,
    /// How long commits took.
    pub sync: Timing,
    /// Bytes that are free: on the disk, and as far as the store may grow. None on a server, of which nobody can say.
    pub free_bytes: Option<u64>,
    /// Whether the reserve of space is begun.
    pub reserve: Reserve,
    /// Whether another process continues the chain: this one was away for too long, and writes nothing any more.
    pub taken: bool,
    /// Where the chain was found broken: no change is made from then on.
    pub broken: Option<Broken>,
    /// The highest epoch of a policy that was in force on a replica, when the one in force here is behind: no change is made.
    pub behind: Option<i64>,
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
            writable: !shared.unwritable.load(Ordering::Relaxed) && state.reserve != Reserve::Last,
            heads_unkept: shared.heads_unkept.load(Ordering::Relaxed),
            heads_failures: shared.heads_failures.load(Ordering::Relaxed),
            sync: shared.sync.read(),
            free_bytes: state.free_bytes,
            reserve: state.reserve,
            taken: shared.taken.load(Ordering::Relaxed),
            broken: state.broken,
            behind: self.behind(),
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
