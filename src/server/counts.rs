//! What a listener counts, for status.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counts of one listener, as they are now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ServerStats {
    /// Connections accepted and served.
    pub connections: u64,
    /// Connections open.
    pub open: u64,
    /// Connections closed at once: too many in all.
    pub over_total: u64,
    /// Connections closed at once: too many of their source.
    pub over_source: u64,
    /// Failures to accept: no descriptors, mostly.
    pub accept_failures: u64,
    /// Connections from elsewhere than the balancer, or without a PROXY header that is taken.
    pub proxy_refused: u64,
    /// Handshakes that failed or took too long.
    pub handshake_failures: u64,
    /// Requests whose head had one reading for the gate.
    pub requests: u64,
    /// Requests under way.
    pub under_way: u64,
    /// Requests refused as malformed, too slow or too large.
    pub malformed: u64,
    /// Requests answered 503: too many under way, or too many octets of bodies.
    pub overloaded: u64,
    /// Requests that panicked.
    pub panics: u64,
}

/// The counters behind [`ServerStats`]; they only ever go up, but for `open` and `under_way`.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(super) connections: AtomicU64,
    pub(super) open: AtomicU64,
    pub(super) over_total: AtomicU64,
    pub(super) over_source: AtomicU64,
    pub(super) accept_failures: AtomicU64,
    pub(super) proxy_refused: AtomicU64,
    pub(super) handshake_failures: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) under_way: AtomicU64,
    pub(super) malformed: AtomicU64,
    pub(super) overloaded: AtomicU64,
    pub(super) panics: AtomicU64,
}

impl Counts {
    /// The counts now. Each is exact, but they are not read at one instant.
    pub(crate) fn stats(&self) -> ServerStats {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ServerStats {
            connections: read(&self.connections),
            open: read(&self.open),
            over_total: read(&self.over_total),
            over_source: read(&self.over_source),
            accept_failures: read(&self.accept_failures),
            proxy_refused: read(&self.proxy_refused),
            handshake_failures: read(&self.handshake_failures),
            requests: read(&self.requests),
            under_way: read(&self.under_way),
            malformed: read(&self.malformed),
            overloaded: read(&self.overloaded),
            panics: read(&self.panics),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One less.
pub(super) fn uncount(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::Relaxed);
}
