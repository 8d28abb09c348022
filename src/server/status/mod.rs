//! The status listener: `/livez`, `/readyz`, `/startupz` and `/metrics`, for an orchestrator and for Prometheus.
//!
//! It is a server of its own, small on purpose, and shares nothing with the listeners it tells of: it answers when their
//! caps are reached, and nothing it is asked reaches a caller, Connect or a change. A connection is one request without a
//! body, `GET` or `HEAD`, and has so many seconds in all. There is no state to change and nothing secret to read, but
//! what it tells is nobody's business: it listens on loopback unless told otherwise.

mod answer;
mod listener;
mod measured;
mod metrics;
mod places;
mod shared;

pub(crate) use listener::{StatusOptions, StatusServer};
pub(crate) use measured::{Measurements, PolicyState, Reason, Watched};

#[cfg(test)]
mod tests;
