//! How the ledger is kept, and what it is told and says of attempts and strangers.

use std::{net::IpAddr, time::Duration};

use super::Recorded;
use crate::{
    clock::Clock,
    secret::{HashKey, Seal},
};

/// How the ledger is kept.
pub struct LedgerOptions {
    /// `sqlite:/path/to/ledger.db`, or `postgres://USER@HOST/DATABASE?...`.
    pub url: String,
    /// This replica's name: its chain's name. Where several share a store, what their chains' names begin with.
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
