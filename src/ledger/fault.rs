//! Why the ledger could not be opened, read or written, and why there is no intent.

use std::{error::Error, fmt, mem::discriminant, sync::Arc, time::Duration};

use super::OtherKey;
use crate::{
    policy::RuleRef,
    secret::SealError,
    store::{Misfit, StoreError},
};

/// The ledger cannot be opened: the guard does not start. Or it cannot be read, by a command beside it.
#[derive(Debug)]
pub enum LedgerFault {
    /// The store could not be opened or read.
    Store(StoreError),
    /// The end of the chain does not hold: it is not continued.
    Broken {
        /// The chain.
        chain: String,
        /// The record.
        seq: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A key is another one than the ledger was written with.
    OtherKey(OtherKey),
    /// There is no randomness to name this process with.
    Randomness(SealError),
    /// What is kept could not be read back.
    Kept(Misfit),
}

/// A write or read failed: nothing is sent. Cheap to clone: all who waited for one transaction get the same.
#[derive(Debug, Clone)]
pub enum Unwritten {
    /// It took too long.
    Timeout,
    /// The writer's queue is full.
    Overloaded,
    /// The ledger was stopped.
    Stopped,
    /// Only the reserve of space is left, and this may not use it.
    Reserve,
    /// The change is another process's now.
    Lost,
    /// The policy is older than one that was in force on another replica.
    Behind,
    /// The chain was found broken: no change is made on top of it.
    Broken,
    /// Nobody would be told: no notice, no change.
    NobodyTold,
    /// The record, or what goes with it, could not be made or read.
    Record(Arc<Misfit>),
    /// The store said no.
    Store(Arc<StoreError>),
    /// The store gave a result that this step does not have.
    Unexpected,
}

/// Why there is no intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unintended {
    /// Another change of this target is open.
    Busy,
    /// This very attempt has an intent already: ask [`Ledger::earlier`](super::Ledger::earlier).
    Repeated,
    /// A quota is used up; when there is room again. The refusal is on record.
    Quota {
        /// The rule that sets it.
        rule: RuleRef,
        /// When there is room, at the earliest.
        wait: Duration,
    },
    /// An address that it gives is another user's by now, or an open change gives it to another: `address-in-use`. The
    /// refusal is on record.
    InUse,
    /// It could not be written.
    Unwritten(Unwritten),
}

impl Unwritten {
    /// A stable word for it, for status.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Stopped => "stopped",
            Self::Reserve => "reserve",
            Self::Lost => "lost",
            Self::Behind => "behind",
            Self::Broken => "broken",
            Self::NobodyTold => "nobody-told",
            Self::Record(_) => "record",
            Self::Store(error) => error.word(),
            Self::Unexpected => "unexpected",
        }
    }
}

/// Failures of the store and of records are equal when they are one and the same.
impl PartialEq for Unwritten {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Record(one), Self::Record(other)) => Arc::ptr_eq(one, other),
            (Self::Store(one), Self::Store(other)) => Arc::ptr_eq(one, other),
            (one, other) => discriminant(one) == discriminant(other),
        }
    }
}

impl Eq for Unwritten {}

impl From<Misfit> for Unwritten {
    fn from(misfit: Misfit) -> Self {
        Self::Record(Arc::new(misfit))
    }
}

impl From<StoreError> for Unwritten {
    fn from(error: StoreError) -> Self {
        if matches!(error, StoreError::Late) { Self::Timeout } else { Self::Store(Arc::new(error)) }
    }
}

impl From<StoreError> for LedgerFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for LedgerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Broken { chain, seq, why } => write!(
                f,
                "record {seq} of chain `{chain}` {why}\n\
                 hint: `audit verify` shows the first fault of every chain"
            ),
            Self::OtherKey(other) => other.fmt(f),
            Self::Randomness(error) => error.fmt(f),
            Self::Kept(misfit) => misfit.fmt(f),
        }
    }
}

impl Error for LedgerFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::Randomness(error) => error.source(),
            Self::Kept(misfit) => misfit.source(),
            Self::Broken { .. } | Self::OtherKey(_) => None,
        }
    }
}

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the ledger did not answer in time"),
            Self::Overloaded => f.write_str("too much waits for the ledger"),
            Self::Stopped => f.write_str("the ledger is stopped"),
            Self::Reserve => f.write_str("the ledger cannot be written: only the reserve of space is left"),
            Self::Lost => f.write_str("the change is another process's now"),
            Self::Behind => f.write_str("another replica had a policy of a higher epoch in force"),
            Self::Broken => f.write_str("the ledger's chain is broken"),
            Self::NobodyTold => f.write_str("nobody would be told"),
            Self::Record(misfit) => write!(f, "the ledger cannot be written: {misfit}"),
            Self::Store(error) => write!(f, "the ledger cannot be written: {error}"),
            Self::Unexpected => f.write_str("the store gave a result that this step does not have"),
        }
    }
}

impl Error for Unwritten {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Record(misfit) => misfit.source(),
            Self::Store(error) => error.source(),
            Self::Timeout
            | Self::Overloaded
            | Self::Stopped
            | Self::Reserve
            | Self::Lost
            | Self::Behind
            | Self::Broken
            | Self::NobodyTold
            | Self::Unexpected => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_failure_has_a_word_of_its_own_and_equals_none_of_the_others() {
        let record = || Unwritten::from(Misfit::Missing("a part"));
        let store = Unwritten::from(StoreError::Row("a row"));
        let all = [
            Unwritten::from(StoreError::Late),
            Unwritten::Overloaded,
            Unwritten::Stopped,
            Unwritten::Reserve,
            Unwritten::Lost,
            Unwritten::Behind,
            Unwritten::Broken,
            Unwritten::NobodyTold,
            record(),
            store,
            Unwritten::Unexpected,
        ];
        let words: BTreeSet<_> = all.iter().map(Unwritten::word).collect();
        assert_eq!((words.len(), all[0].word(), all[9].word()), (all.len(), "timeout", "row"));
        assert!(words.iter().all(|word| !word.is_empty()));
        for (at, one) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                assert_eq!(one == other, at == other_at, "{one:?} {other:?}");
            }
        }
        assert_ne!(record(), record(), "two failures, however alike");
    }
}
