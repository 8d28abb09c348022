//! How long things took: histograms of fixed bounds that many write at once without a lock. Reads no time itself.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde::Serialize;

/// The upper bounds of the sizes that are told apart, each included, microseconds.
const MICROS: [u64; SIZES] = [
    50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];
const SIZES: usize = 18;

/// Counts durations by their size.
#[derive(Debug, Default)]
pub struct Timer {
    counts: [AtomicU64; SIZES + 1],
    nanos: AtomicU64,
}

/// What a [`Timer`] counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// How many were of each size: at most [`Timing::bounds`], the last of them longer than all of these. Not cumulative.
    pub counts: [u64; SIZES + 1],
    /// All of them together, nanoseconds.
    pub nanos: u64,
}

impl Timer {
    /// Counts one.
    pub fn took(&self, time: Duration) {
        let size = MICROS.partition_point(|bound| Duration::from_micros(*bound) < time);
        if let Some(count) = self.counts.get(size) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The counts now.
    pub fn read(&self) -> Timing {
        Timing {
            counts: self.counts.each_ref().map(|count| count.load(Ordering::Relaxed)),
            nanos: self.nanos.load(Ordering::Relaxed),
        }
    }
}

impl Timing {
    /// The upper bounds of all sizes but the last, ascending, each included.
    pub fn bounds() -> [Duration; SIZES] {
        MICROS.map(Duration::from_micros)
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_duration_is_counted_once_under_its_bound() {
        let timer = Timer::default();
        let bounds = Timing::bounds();
        assert!(bounds.is_sorted());
        for bound in bounds {
            timer.took(bound);
        }
        timer.took(Duration::ZERO);
        timer.took(Duration::from_hours(1));
        let read = timer.read();
        let mut expected = [1; SIZES + 1];
        expected[0] = 2;
        assert_eq!(read.counts, expected);
        assert_eq!(read.count(), 20);
        let all: Duration = bounds.iter().sum::<Duration>() + Duration::from_hours(1);
        assert_eq!(u128::from(read.nanos), all.as_nanos());
    }

    #[test]
    fn what_is_just_over_a_bound_is_of_the_next_size() {
        let timer = Timer::default();
        timer.took(Duration::from_micros(50) + Duration::from_nanos(1));
        assert_eq!(timer.read().counts[1], 1);
    }
}
