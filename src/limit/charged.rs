//! What a thing is charged to, and the token that says it was.

use std::time::Duration;

use crate::{
    caller::Caller,
    operation::{Class, Route, Target},
};

/// What a thing is charged to.
pub trait Charged {
    /// Who asks: the role, not its session, is charged.
    fn caller(&self) -> &Caller;
    /// For which operation: Connect's own rate holds for each.
    fn route(&self) -> &'static Route;
    /// Of which class this request is; tagging makes it another one than the route's.
    fn class(&self) -> Class;
    /// Of what: Connect's own rate holds for each account and Region.
    fn target(&self) -> &Target;
}

/// Charged to its caller, and allowed. Made by [`super::Limiter`] only.
#[must_use]
pub struct Admitted<T> {
    pub(super) inner: T,
}

/// Which bucket was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Failed proofs of one source.
    Source,
    /// One caller's requests.
    Caller,
    /// One caller's refused changes, each of which is on record.
    CallerRefusals,
    /// One caller's share of the reads of an operation.
    CallerReads,
    /// Connect's rate for an operation in an account and Region.
    Connect,
}

/// Too many, too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    /// Which bucket was empty.
    pub bucket: Bucket,
    /// When there will be room, at the earliest.
    pub wait: Duration,
}

impl<T> Admitted<T> {
    /// What was admitted.
    pub fn get(&self) -> &T {
        &self.inner
    }

    /// Spends it.
    pub fn into_inner(self) -> T {
        self.inner
    }
}
