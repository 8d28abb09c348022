//! What a session listener counts: answers by route and code. Codes are the closed list of [`super::stop`], so the table
//! has an end whatever is sent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use serde::Serialize;

use super::{issuer::IssuerStats, route::Route};

/// The word for an answer that is no refusal.
pub(super) const DONE: &str = "done";
/// The route of what has none.
const NO_ROUTE: &str = "none";

/// The counters.
#[derive(Default)]
pub(super) struct Tally(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

/// What was counted since the exchange was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExchangeStats {
    /// Answers; those that there were none of are left out.
    pub answers: Vec<Answered>,
    /// What is known of each issuer's keys.
    pub issuers: Vec<IssuerStats>,
}

/// Answers of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// `nonce`, `sts`, `certificate`, `web-identity`, `freeze`, `unfreeze`, `freezes`; `none` for what was none of them.
    pub route: &'static str,
    /// `done`, or the stable word for why not.
    pub code: &'static str,
    /// How many.
    pub count: u64,
}

impl Tally {
    /// Counts an answer.
    pub(super) fn count(&self, route: Option<Route>, code: &'static str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((route.map_or(NO_ROUTE, Route::as_str), code)).or_default() += 1;
    }

    /// The numbers now.
    pub(super) fn read(&self) -> Vec<Answered> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|((route, code), count)| Answered { route, code, count: *count }).collect()
    }
}
