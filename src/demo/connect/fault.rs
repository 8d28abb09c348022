//! What can go wrong on purpose, and when: a plan of faults for each operation.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::Door;

/// What goes wrong with one request that was read, proven and within its rate. "Applied" says whether the operation took
/// effect (if it was a change, and one that Connect would have made).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Applied; the answer comes so much later.
    Slow(Duration),
    /// Applied; the answer comes once it is let go.
    Held(Held),
    /// Not applied; this status under this error name.
    Status(u16, &'static str),
    /// Applied; and yet this status under this error name.
    StatusAfter(u16, &'static str),
    /// Not applied; the connection is closed without an answer.
    CloseBefore,
    /// Applied; the connection is closed without an answer.
    CloseAfter,
    /// Applied; the head comes at once, then one octet of the body after each such pause, then the end after another.
    SlowBody(Duration),
    /// Applied; the answer announces more octets than come before the connection is closed.
    Truncated,
    /// Applied; what comes back is not HTTP, and the connection is closed.
    Garbage,
    /// Applied; the connection is reset without an answer.
    ResetAfter,
    /// Applied; the head of the answer is longer than any client reads (256 KiB).
    LongHead,
    /// Applied; the body of the answer is longer than is read whole (2 MiB).
    LongBody,
    /// Applied; so many interim answers (103) come before the right one.
    Interim(usize),
    /// Applied and answered in order; then every connection is closed, and new ones meet this door.
    Then(Door),
    /// Applied; 200 with this body instead of the right one.
    Body(String),
    /// Not applied; 307 to another host.
    Redirect,
    /// Not applied; 429 `ThrottlingException` with this `Retry-After`, in seconds.
    Throttle(u32),
    /// Not applied; no answer ever comes, and the connection stays open.
    Hang,
    /// Applied; no answer ever comes, and the connection stays open.
    HangAfter,
}

/// Holds an answer back until [`Held::let_go`], however long that takes: for what has to happen in between.
#[derive(Debug, Clone, Default)]
pub struct Held(Arc<CancellationToken>);

impl Held {
    /// Gives every answer that this holds, now and later.
    pub fn let_go(&self) {
        self.0.cancel();
    }

    pub(super) async fn over(&self) {
        self.0.cancelled().await;
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Held {}

/// When a fault takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Instead of the operation.
    Before,
    /// After the operation.
    After,
}

/// The faults to come.
#[derive(Default)]
pub(super) struct Plan {
    next: BTreeMap<String, VecDeque<Fault>>,
    always: BTreeMap<String, Fault>,
}

impl Fault {
    pub(super) fn stage(&self) -> Stage {
        match self {
            Self::Status(..) | Self::CloseBefore | Self::Redirect | Self::Throttle(_) | Self::Hang => {
                Stage::Before
            }
            Self::Slow(_)
            | Self::Held(_)
            | Self::StatusAfter(..)
            | Self::CloseAfter
            | Self::SlowBody(_)
            | Self::Truncated
            | Self::Garbage
            | Self::ResetAfter
            | Self::LongHead
            | Self::LongBody
            | Self::Interim(_)
            | Self::Then(_)
            | Self::Body(_)
            | Self::HangAfter => Stage::After,
        }
    }
}

impl Plan {
    /// One more fault for one more request of this operation, or of any when it is [`super::EVERY`].
    pub(super) fn next(&mut self, operation: &str, fault: Fault) {
        self.next.entry(operation.to_owned()).or_default().push_back(fault);
    }

    /// The fault of every request of this operation, or of any, that has none of its own.
    pub(super) fn always(&mut self, operation: &str, fault: Fault) {
        self.always.insert(operation.to_owned(), fault);
    }

    /// The fault of a request of this operation, taken out of the plan when it was for one request.
    pub(super) fn take(&mut self, operation: &str) -> Option<Fault> {
        let mut queued = |name: &str| self.next.get_mut(name).and_then(VecDeque::pop_front);
        queued(operation)
            .or_else(|| queued(super::EVERY))
            .or_else(|| self.always.get(operation).cloned())
            .or_else(|| self.always.get(super::EVERY).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_one_request_comes_before_what_is_for_all() {
        let mut plan = Plan::default();
        plan.always("A", Fault::Hang);
        plan.next("A", Fault::CloseBefore);
        plan.next("A", Fault::CloseAfter);
        plan.next("*", Fault::Redirect);
        assert_eq!(plan.take("B"), Some(Fault::Redirect));
        assert_eq!(plan.take("B"), None);
        assert_eq!(plan.take("A"), Some(Fault::CloseBefore));
        assert_eq!(plan.take("A"), Some(Fault::CloseAfter));
        assert_eq!(plan.take("A"), Some(Fault::Hang));
        assert_eq!(plan.take("A"), Some(Fault::Hang));
        plan.always("*", Fault::Garbage);
        assert_eq!(plan.take("A"), Some(Fault::Hang));
        assert_eq!(plan.take("B"), Some(Fault::Garbage));
    }
}
