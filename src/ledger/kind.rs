//! The kinds of records.

use std::{error::Error, fmt, str::FromStr};

use serde::Serialize;

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The guard started: version, replica, policy.
    Start,
    /// A policy came into force.
    Policy,
    /// A change is about to be made.
    Intent,
    /// What became of it.
    Outcome,
    /// It was sent and nobody knows yet.
    Unknown,
    /// What later reads showed of a change that Connect accepted and that did not show at once.
    Confirmation,
    /// An authenticated caller was refused.
    Refusal,
    /// Ordinary operation.
    Ordinary,
    /// So many ordinary operations that were not recorded singly.
    Gap,
    /// Unauthenticated requests, summarised.
    Strangers,
    /// A delivery was given up on, or reached its recipient.
    Delivery,
    /// Something about the guard itself that people are told.
    Event,
    /// What the ledger holds of a person was erased.
    Erasure,
    /// The guard stopped.
    Stop,
    /// A session was issued.
    Session,
    /// Changes were frozen.
    Freeze,
    /// A freeze was lifted.
    Unfreeze,
    /// Somebody had what is sealed shown to them.
    Reveal,
    /// Where every chain ended.
    Heads,
    /// Old records were closed into a file of their own.
    Segment,
    /// A store that was put back was taken as it is.
    Restore,
    /// The hash key is another one from now on.
    Rekey,
}

/// A text that names no kind of record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoKind(String);

impl Kind {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Start,
        Self::Policy,
        Self::Intent,
        Self::Outcome,
        Self::Unknown,
        Self::Confirmation,
        Self::Refusal,
        Self::Ordinary,
        Self::Gap,
        Self::Strangers,
        Self::Delivery,
        Self::Event,
        Self::Erasure,
        Self::Stop,
        Self::Session,
        Self::Freeze,
        Self::Unfreeze,
        Self::Reveal,
        Self::Heads,
        Self::Segment,
        Self::Restore,
        Self::Rekey,
    ];

    /// As records write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Policy => "policy",
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Unknown => "unknown",
            Self::Confirmation => "confirmation",
            Self::Refusal => "refusal",
            Self::Ordinary => "ordinary",
            Self::Gap => "gap",
            Self::Strangers => "strangers",
            Self::Delivery => "delivery",
            Self::Event => "event",
            Self::Erasure => "erasure",
            Self::Stop => "stop",
            Self::Session => "session",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Reveal => "reveal",
            Self::Heads => "heads",
            Self::Segment => "segment",
            Self::Restore => "restore",
            Self::Rekey => "rekey",
        }
    }
}

impl FromStr for Kind {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, NoKind> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| NoKind(text.to_owned()))
    }
}

impl fmt::Display for NoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no kind of record is called `{}`", self.0)
    }
}

impl Error for NoKind {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!("intend".parse::<Kind>().unwrap_err().to_string(), "no kind of record is called `intend`");
    }
}
