//! Why a receiver has not taken records, or may have and does not say so.

use std::{error::Error, fmt, time::Duration};

use super::progress::End;
use crate::{client::Failure, ledger::Unwritten, notify::unsent::Unsent};

/// Why records were not taken.
#[derive(Debug)]
pub(crate) enum Untaken {
    /// The ledger cannot be read or written: no fault of the receiver.
    Ledger(Unwritten),
    /// There is no session.
    Line(Failure),
    /// The other side has ended the session.
    Ended(End),
    /// Nothing was taken for so long.
    Stalled(Duration),
    /// The session broke.
    Broken(String),
    /// The webhook has not taken it.
    Hook(Unsent),
}

impl Untaken {
    /// How a session with such a fault has ended.
    pub(super) fn end(&self) -> End {
        match self {
            Self::Ended(end) => *end,
            Self::Ledger(_) | Self::Line(_) | Self::Stalled(_) | Self::Broken(_) | Self::Hook(_) => {
                End::Broken
            }
        }
    }

    /// How long the receiver asks to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        if let Self::Hook(unsent) = self { unsent.retry_after() } else { None }
    }

    /// Whether fewer records may be taken.
    pub(super) fn is_too_much(&self) -> bool {
        matches!(self, Self::Hook(Unsent::Answered { status: 413, .. }))
    }
}

/// Names no address of a person.
impl fmt::Display for Untaken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(unwritten) => write!(f, "the ledger: {unwritten}"),
            Self::Line(failure) => failure.fmt(f),
            Self::Ended(End::Closed) => f.write_str("the receiver closed the session"),
            Self::Ended(End::Broken) => f.write_str("the session broke"),
            Self::Stalled(after) => write!(f, "the receiver took nothing for {} s", after.as_secs_f32()),
            Self::Broken(why) => write!(f, "the session broke: {why}"),
            Self::Hook(unsent) => unsent.fmt(f),
        }
    }
}

impl Error for Untaken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Ledger(unwritten) => Some(unwritten),
            Self::Hook(unsent) => Some(unsent),
            Self::Line(_) | Self::Ended(_) | Self::Stalled(_) | Self::Broken(_) => None,
        }
    }
}
