//! What the client has done since it was made, in plain numbers.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use super::Failure;
use crate::timing::{Timer, Timing};

/// Counters since the client was made, and three gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ClientStats {
    /// Requests asked for, whatever became of them.
    pub requests: u64,
    /// From a place among the requests under way to the head of the answer: of those that had one.
    pub latency: Timing,
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
    /// Connections open now, idle ones included.
    pub open: u64,
    /// Idle connections now.
    pub idle: u64,
    /// Requests under way now.
    pub in_flight: u64,
}

/// The counters behind [`ClientStats`].
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: Count,
    pub(super) latency: Timer,
    open: Arc<AtomicU64>,
    opened: Count,
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

/// A connection that is open, for as long as this is held.
#[derive(Debug)]
pub(super) struct OpenOne(Arc<AtomicU64>);

/// One counter.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Tally {
    /// One more connection is open.
    pub(super) fn open_one(&self) -> OpenOne {
        self.opened.add();
        self.open.fetch_add(1, Ordering::Relaxed);
        OpenOne(self.open.clone())
    }

    /// Counts a failure by its kind.
    pub(super) fn failed(&self, why: &Failure) {
        match why {
            Failure::Busy => self.busy.add(),
            Failure::Request(_) | Failure::Late => self.request.add(),
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
            requests: self.requests.read(),
            latency: self.latency.read(),
            open: self.open.load(Ordering::Relaxed),
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

impl Drop for OpenOne {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
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
