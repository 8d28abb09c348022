//! What status is told: whether the parts of the guard work, and everything that is counted.

use std::future::Future;

use serde::Serialize;

use crate::{
    client::ClientStats,
    guard::GuardStats,
    ledger::{LedgerStats, OutboxStats},
    limit::LimiterStats,
    notify::{CourierStats, StreamStats},
    server::counts::ServerStats,
    session::ExchangeStats,
};

/// What a status listener watches.
pub(crate) trait Watched: Send + Sync + 'static {
    /// Why the process should be started anew; empty: it lives. Must not block.
    fn live(&self) -> Vec<Reason>;

    /// Why no requests should come now; empty: they may. Must not block.
    fn ready(&self) -> Vec<Reason>;

    /// What the start still waits for; empty: it is done. Must not block.
    fn started(&self) -> Vec<Reason>;

    /// Everything that is counted, now; none where nothing is. It may ask the store: the status listener sees to it that it is called once a
    /// second at most, by one at a time, and waits 2 s for it.
    fn measure(&self) -> impl Future<Output = Option<Measurements>> + Send;
}

/// Why something is not so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    /// The part of the guard: a stable word.
    pub part: &'static str,
    /// What is wrong with it, on one line; no addresses of people.
    pub why: String,
}

/// Everything that is counted, as it was at one time. Names in it (sites, listeners, keys) are the configuration's own, so
/// there are only so many.
#[derive(Debug, Clone)]
pub(crate) struct Measurements {
    /// The guard's version.
    pub version: &'static str,
    /// When the process started: milliseconds since 1970.
    pub started: i64,
    /// Requests, by what became of them.
    pub guard: GuardStats,
    /// The ledger.
    pub ledger: LedgerStats,
    /// What waits to be delivered, by queue.
    pub outbox: Vec<OutboxStats>,
    /// The courier, by channel.
    pub courier: CourierStats,
    /// Streams.
    pub streams: Vec<StreamStats>,
    /// Rates.
    pub limiter: LimiterStats,
    /// Connect, by site.
    pub connect: Vec<(String, ClientStats)>,
    /// Listeners, by address.
    pub listeners: Vec<(String, ServerStats)>,
    /// Requests for sessions and about freezes; none without a session listener.
    pub sessions: Option<ExchangeStats>,
    /// When successors of lists of revoked clients are due, by listener: milliseconds since 1970.
    pub crls: Vec<(String, i64)>,
    /// When certificates end, by listener: milliseconds since 1970.
    pub certificates: Vec<(String, i64)>,
    /// When callers' keys end, by key id: milliseconds since 1970. A key without an end is left out.
    pub keys: Vec<(String, i64)>,
    /// The policy.
    pub policy: PolicyState,
    /// What could not be read again and is used as it was: certificates, keys, secrets.
    pub unrenewed: Vec<String>,
}

/// The policy in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct PolicyState {
    /// Its digest: hexadecimal digits.
    pub digest: String,
    /// Since when it is in force: milliseconds since 1970.
    pub since: i64,
    /// Since when the directory says something that cannot be taken: milliseconds since 1970. None: it does not.
    pub stale_since: Option<i64>,
    /// Whether every change is refused.
    pub frozen: bool,
    /// How many rules it has.
    pub rules: u64,
}
