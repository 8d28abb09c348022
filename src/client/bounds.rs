//! Bounds of time and number.

use std::time::Duration;

/// The longest that a duration counts as.
pub(super) const DAY: Duration = Duration::from_hours(24);

/// Bounds of the client. A duration beyond a day counts as a day.
#[derive(Debug, Clone, Copy)]
pub struct ClientBounds {
    /// Name resolution, TCP and TLS together. Default 5 s.
    pub connect: Duration,
    /// From the first octet sent to the head of the answer. Default 20 s.
    pub answer: Duration,
    /// Between two parts of an answer's body. Default 20 s.
    pub idle_body: Duration,
    /// The answer's body read whole by [`Client::send`](super::Client::send): at most so many octets. Default 1 MiB.
    pub body: usize,
    /// Idle connections kept. Default 32.
    pub pool: usize,
    /// How long an idle connection is used again. Default 50 s. One that is older is closed when the next connection is
    /// taken or put back, or by the other side.
    pub pool_idle: Duration,
    /// Requests under way at once; the next is refused at once. Default 256.
    pub in_flight: usize,
}

impl ClientBounds {
    /// With durations that can be added to an instant.
    pub(super) fn capped(self) -> Self {
        Self {
            connect: self.connect.min(DAY),
            answer: self.answer.min(DAY),
            idle_body: self.idle_body.min(DAY),
            pool_idle: self.pool_idle.min(DAY),
            ..self
        }
    }
}

impl Default for ClientBounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(20),
            idle_body: Duration::from_secs(20),
            body: 1024 * 1024,
            pool: 32,
            pool_idle: Duration::from_secs(50),
            in_flight: 256,
        }
    }
}
