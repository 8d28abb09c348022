//! What the client has done since it was made, in plain numbers.

use serde::Serialize;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Failure;

/// Counters since the client was made, and two gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClientStats {
    /// Connections opened: TLS established.
    pub opened: u64,
    /// Requests given to a connection that had served one before.
    pub reused: u64,
    /// Requests given to a second connection because the first, a reused one, had closed before anything was written.
    pub renewed: u64,
    /// Failures: too many requests under way.
    pub busy: u64,
    /// Failures: a request that cannot be sent.
    pub request: u64,
    /// Failures: no address or no connection.
    pub connect: u64,
    /// Failures: TLS, a certificate that was not accepted included.
    pub tls: u64,
    /// Failures: a step took too long.
    pub timeout: u64,
    /// Failures: an answer without one reading, cut short or too long.
    pub answer: u64,
    /// Failures: the connection broke.
    pub broken: u64,
    /// Idle connections now.
    pub idle: u64,
    /// Requests under way now.
    pub in_flight: u64,
}

/// The counters behind [`ClientStats`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) opened: Count,
    pub(super) reused: Count,
    pub(super) renewed: Count,
    busy: Count,
    request: Count,
    connect: Count,
    tls: Count,
    timeout: Count,
    answer: Count,
    broken: Count,
}

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Tally {
    /// Counts a failure by its kind.
    pub(super) fn failed(&self, why: &Failure) {
        match why {
            Failure::Busy => self.busy.add(),
            Failure::Request(_) => self.request.add(),
            Failure::Connect(_) => self.connect.add(),
            Failure::Tls(_) => self.tls.add(),
            Failure::Timeout(_) => self.timeout.add(),
            Failure::Answer(_) => self.answer.add(),
            Failure::Broken(_) => self.broken.add(),
        }
    }

    /// The numbers now; the gauges are the caller's to give.
    pub(super) fn read(&self, idle: usize, in_flight: usize) -> ClientStats {
        ClientStats {
            opened: self.opened.read(),
            reused: self.reused.read(),
            renewed: self.renewed.read(),
            busy: self.busy.read(),
            request: self.request.read(),
            connect: self.connect.read(),
            tls: self.tls.read(),
            timeout: self.timeout.read(),
            answer: self.answer.read(),
            broken: self.broken.read(),
            idle: u64::try_from(idle).unwrap_or(u64::MAX),
            in_flight: u64::try_from(in_flight).unwrap_or(u64::MAX),
        }
    }
}

impl Count {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
