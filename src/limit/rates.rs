//! The rates themselves: what may be configured, and what of it makes no sense.

use std::{collections::BTreeMap, error::Error, fmt, num::NonZeroU32, time::Duration};

use governor::Quota;

/// So many per second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Cells per second, 0.001 to 1,000,000.
    pub per_second: f64,
    /// Cells at once, 1 to 100,000.
    pub burst: u32,
}

/// Connect's rate for operations: 2 a second, burst 5, per operation, account and Region, unless AWS raised it
/// (Amazon Connect service quotas).
#[derive(Debug, Clone)]
pub struct ConnectRate {
    /// For every operation not named below. Default 2/s, burst 5.
    pub default: Rate,
    /// By operation name.
    pub operations: BTreeMap<String, Rate>,
}

/// All rates.
#[derive(Debug, Clone)]
pub struct Rates {
    /// Failed proofs of one source (IPv4 address, IPv6 /64). Default 1/s, burst 20.
    pub failures: Rate,
    /// Requests of one caller. Default 50/s, burst 100.
    pub caller: Rate,
    /// Refusals of one caller that go on record. Who has used them up has no change looked at until there is room for one
    /// more. Default 1/s, burst 100.
    pub refusals: Rate,
    /// The share of Connect's rate that one caller may use for requests of its own, 0 to 1, of each operation that the
    /// guard itself needs to decide a change. 0 refuses such requests. Default 0.5.
    pub caller_read_share: f64,
    /// Connect's.
    pub connect: ConnectRate,
    /// Keys kept at most for each kind of bucket, at least 1. Full buckets are forgotten first; an active key never is:
    /// a new key is refused instead. Default 65,536.
    pub keys: usize,
}

/// Which rate a fault is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateOf {
    /// [`Rates::failures`].
    Failures,
    /// [`Rates::caller`].
    Caller,
    /// [`Rates::refusals`].
    Refusals,
    /// [`ConnectRate::default`].
    ConnectDefault,
    /// [`ConnectRate::operations`]: this one.
    Connect(String),
}

/// Why rates make no limiter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RatesFault {
    /// Not a number from 0.001 to 1,000,000.
    PerSecond(RateOf),
    /// Not from 1 to 100,000.
    Burst(RateOf),
    /// The share is not a number from 0 to 1.
    Share,
    /// No key may be kept, so nobody would ever be admitted.
    Keys,
}

/// The bounds of [`Rate::per_second`]: so that filling a bucket takes less than four years. governor counts nanoseconds and
/// does not look out for the end of its 584 years.
const PER_SECOND: std::ops::RangeInclusive<f64> = 0.001..=1_000_000.0;
/// The bounds of [`Rate::burst`].
const BURST: std::ops::RangeInclusive<u32> = 1..=100_000;

impl Rate {
    /// The rate as governor has it.
    pub(super) fn quota(self, of: RateOf) -> Result<Quota, RatesFault> {
        // NaN is in no range.
        if !PER_SECOND.contains(&self.per_second) {
            return Err(RatesFault::PerSecond(of));
        }
        let burst = NonZeroU32::new(self.burst).filter(|burst| BURST.contains(&burst.get()));
        let period = Duration::try_from_secs_f64(self.per_second.recip()).ok().and_then(Quota::with_period);
        match (period, burst) {
            (Some(quota), Some(burst)) => Ok(quota.allow_burst(burst)),
            (None, _) => Err(RatesFault::PerSecond(of)),
            (Some(_), None) => Err(RatesFault::Burst(of)),
        }
    }

    /// A share of this rate: at least one cell at once. None for a share that leaves nothing.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the burst is at most 100,000 and the share from 0 to 1"
    )]
    pub(super) fn share(self, share: f64) -> Option<Self> {
        let per_second = self.per_second * share;
        (share > 0.0).then(|| Self {
            per_second: per_second.max(*PER_SECOND.start()),
            burst: ((f64::from(self.burst) * share) as u32).max(1),
        })
    }
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            failures: Rate { per_second: 1.0, burst: 20 },
            caller: Rate { per_second: 50.0, burst: 100 },
            refusals: Rate { per_second: 1.0, burst: 100 },
            caller_read_share: 0.5,
            connect: ConnectRate { default: Rate { per_second: 2.0, burst: 5 }, operations: BTreeMap::new() },
            keys: 65_536,
        }
    }
}

impl fmt::Display for RateOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures => f.write_str("failed proofs"),
            Self::Caller => f.write_str("one caller's requests"),
            Self::Refusals => f.write_str("one caller's refused changes"),
            Self::ConnectDefault => f.write_str("Connect's operations"),
            Self::Connect(operation) => write!(f, "Connect's `{operation}`"),
        }
    }
}

impl fmt::Display for RatesFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PerSecond(of) => write!(f, "the rate of {of} is not from 0.001 to 1000000 a second"),
            Self::Burst(of) => write!(f, "the burst of {of} is not from 1 to 100000"),
            Self::Share => f.write_str("a caller's share of reads is not from 0 to 1"),
            Self::Keys => f.write_str("at least 1 key must be kept"),
        }
    }
}

impl Error for RatesFault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_out_of_bounds_are_refused() {
        for per_second in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.000_9, 1_000_001.0] {
            let rate = Rate { per_second, burst: 5 };
            assert_eq!(
                rate.quota(RateOf::Caller),
                Err(RatesFault::PerSecond(RateOf::Caller)),
                "{per_second}"
            );
        }
        for burst in [0, 100_001, u32::MAX] {
            let rate = Rate { per_second: 2.0, burst };
            assert_eq!(rate.quota(RateOf::Failures), Err(RatesFault::Burst(RateOf::Failures)), "{burst}");
        }
        for per_second in [0.001, 1_000_000.0] {
            assert!(Rate { per_second, burst: 100_000 }.quota(RateOf::Caller).is_ok(), "{per_second}");
        }
    }

    #[test]
    fn a_share_is_never_less_than_one_cell_unless_it_is_nothing() {
        let rate = Rate { per_second: 2.0, burst: 5 };
        assert_eq!(rate.share(0.5), Some(Rate { per_second: 1.0, burst: 2 }));
        assert_eq!(rate.share(0.1), Some(Rate { per_second: 0.2, burst: 1 }));
        assert_eq!(rate.share(1.0), Some(rate));
        assert_eq!(rate.share(0.0), None);
    }

    #[test]
    fn a_fault_names_the_rate() {
        let fault = RatesFault::PerSecond(RateOf::Connect("DescribeUser".into()));
        assert_eq!(
            fault.to_string(),
            "the rate of Connect's `DescribeUser` is not from 0.001 to 1000000 a second"
        );
    }
}
