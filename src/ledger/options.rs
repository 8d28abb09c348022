//! How the ledger is kept, what it says of itself, and why it could not be opened, read or written.

use serde::Serialize;
use std::{error::Error, fmt, net::IpAddr, time::Duration};

use super::Recorded;
use crate::{
    clock::Clock,
    policy::RuleRef,
    secret::{HashKey, Seal},
};

/// How the ledger is kept.
pub struct LedgerOptions {
    /// `sqlite:/path/to/ledger.db`.
    pub url: String,
    /// This replica's name: its chain's name.
    pub replica: String,
    /// A write that takes longer has failed. Default 2 s.
    pub timeout: Duration,
    /// How long an intent belongs to the replica that made it. Default 30 s.
    pub lease: Duration,
    /// Ordinary operations waiting to be recorded at most. Default 4,096.
    pub queue: usize,
    /// The sentence that accepts a store on tmpfs or a network file system.
    pub ephemeral: Option<String>,
    /// Seals inputs, answers and deliveries.
    pub seal: Seal,
    /// Keyed hashes of addresses and names.
    pub hash: HashKey,
    /// The time.
    pub clock: Clock,
}

/// The ledger cannot be opened: the guard does not start.
#[derive(Debug)]
pub struct LedgerFault(pub String);

/// A write or read failed: nothing is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unwritten {
    /// It took too long.
    Timeout,
    /// The store said no.
    Store(String),
    /// The writer's queue is full.
    Overloaded,
}

/// Why there is no intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unintended {
    /// Another change of this target is open.
    Busy,
    /// This very attempt has an intent already: ask [`Ledger::earlier`](super::Ledger::earlier).
    Repeated,
    /// A quota is used up; when there is room again. The refusal is on record.
    Quota {
        /// The rule that sets it.
        rule: RuleRef,
        /// When there is room, at the earliest.
        wait: Duration,
    },
    /// It could not be written.
    Unwritten(Unwritten),
}

/// What the ledger remembers of an attempt.
pub enum Earlier {
    /// Nothing: it is new.
    None,
    /// It was answered: this is the answer.
    Answered(Recorded),
    /// It was answered, and another change of the same target came after it: 409.
    Superseded,
    /// It is still open after the wait: 409.
    Open,
}

/// An unauthenticated request, to be counted and summarised (source prefix, minute).
#[derive(Debug, Clone)]
pub struct Stranger {
    /// Its source.
    pub source: IpAddr,
    /// Why it is nobody: a stable word.
    pub code: &'static str,
}

/// Plain counts for status.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LedgerStats {
    /// Records in this chain.
    pub seq: u64,
    /// The chain's head.
    pub head: String,
    /// Waiting for the writer.
    pub waiting: usize,
    /// Transactions committed.
    pub commits: u64,
    /// Writes that failed.
    pub failures: u64,
    /// Ordinary operations not recorded singly so far.
    pub gaps: u64,
    /// Whether the last write went through.
    pub writable: bool,
}

impl fmt::Display for LedgerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for LedgerFault {}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the ledger did not answer in time"),
            Self::Store(why) => write!(f, "the ledger cannot be written: {why}"),
            Self::Overloaded => f.write_str("too much waits for the ledger"),
        }
    }
}

impl Error for Unwritten {}
