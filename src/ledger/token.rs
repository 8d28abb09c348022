//! The tokens: what may be sent, what was sent, what is on record.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    caller::Caller,
    notice::{Held, RecordRef},
    operation::{Change, Identity, Ordinary, Target},
    policy::Permit,
    wire::ErrorType,
};

use super::{Watch, lease::Lease};

/// A change that is on record and may be sent, once. Made by [`super::Ledger::intend`] only.
#[must_use]
pub struct Intent {
    pub(super) permit: Permit<Change>,
    pub(super) record: RecordRef,
    pub(super) before: Option<Identity>,
    pub(super) wanted: Option<Identity>,
    pub(super) held: Arc<[Held]>,
    pub(super) lease: Lease,
}

/// What became of sending.
#[derive(Debug, Clone)]
pub enum Sent {
    /// Connect said yes (2xx).
    Accepted(Answered),
    /// Connect said no: a typed 4xx, 429 among them. (After a 408, or a 4xx without a type, nothing is certain.)
    Refused(Answered),
    /// Nothing left the guard.
    NotSent(String),
    /// Perhaps sent, and no answer that can be believed.
    Unknown(String),
    /// Taken over from a crashed or paused guard.
    Recovered,
}

/// A change that was, perhaps, sent: it can only be recorded.
#[must_use]
pub struct Open {
    pub(super) record: RecordRef,
    pub(super) target: Target,
    pub(super) operation: String,
    pub(super) before: Option<Identity>,
    pub(super) wanted: Option<Identity>,
    pub(super) sent: Sent,
    pub(super) told: Told,
    pub(super) held: Arc<[Held]>,
    pub(super) lease: Lease,
}

/// Whether people were told that it may have been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Not yet.
    Nothing,
    /// That it may have been changed.
    MayHaveChanged,
}

/// Connect's own answer, as far as it is passed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// `x-amzn-ErrorType`, for an error.
    pub error: Option<String>,
    /// Connect's request id.
    pub request_id: Option<String>,
    /// The body.
    pub body: Bytes,
}

/// An outcome is on record. The answer to a change is made from this only.
#[must_use]
pub struct Recorded {
    pub(super) reply: Result<Answered, ErrorType>,
    pub(super) record: RecordRef,
}

/// What closing a change leaves.
#[must_use]
pub struct Closed {
    /// The outcome.
    pub recorded: Recorded,
    /// For one that may yet show.
    pub watch: Option<Watch>,
}

/// An ordinary operation that has its place in the record. Made by [`super::Ledger::note`] only.
#[must_use]
pub struct Noted {
    pub(super) permit: Permit<Ordinary>,
}

impl Intent {
    /// The change.
    pub fn change(&self) -> &Change {
        self.permit.operation()
    }

    /// For whom.
    pub fn caller(&self) -> &Caller {
        self.permit.caller()
    }

    /// The record that holds it.
    pub fn record(&self) -> &RecordRef {
        &self.record
    }

    /// The only way out: what became of sending it.
    pub fn sent(self, sent: Sent) -> Open {
        let change = self.permit.operation();
        Open {
            target: change.target().clone(),
            operation: change.route().operation.to_owned(),
            record: self.record,
            before: self.before,
            wanted: self.wanted,
            sent,
            told: Told::Nothing,
            held: self.held,
            lease: self.lease,
        }
    }
}

impl Open {
    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What became of sending.
    pub fn outcome(&self) -> &Sent {
        &self.sent
    }

    /// The identity as it was before, for an identity operation.
    pub fn before(&self) -> Option<&Identity> {
        self.before.as_ref()
    }

    /// The identity as it is to be if exactly the change was applied.
    pub fn wanted(&self) -> Option<&Identity> {
        self.wanted.as_ref()
    }

    /// Whether the identity is as it is to be already.
    pub fn asks_for_nothing(&self) -> bool {
        self.wanted.is_some() && self.before == self.wanted
    }

    /// The intent's record.
    pub fn record(&self) -> &RecordRef {
        &self.record
    }

    /// The operation.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// Whether people were told that it may have been changed: by a guard that is gone, for one that was taken over.
    pub fn told(&self) -> Told {
        self.told
    }
}

impl Recorded {
    /// Connect's own answer, or the error to give.
    pub fn reply(&self) -> Result<&Answered, ErrorType> {
        self.reply.as_ref().map_err(|error| *error)
    }

    /// The record.
    pub fn record(&self) -> &RecordRef {
        &self.record
    }
}

impl Noted {
    /// The operation.
    pub fn operation(&self) -> &Ordinary {
        self.permit.operation()
    }

    /// The permit it rests on.
    pub fn permit(&self) -> &Permit<Ordinary> {
        &self.permit
    }
}
