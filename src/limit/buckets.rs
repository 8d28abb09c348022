//! Buckets by key, bounded. The arithmetic of a bucket (GCRA) is governor's; which keys are kept is decided here.
//!
//! governor's own keyed stores grow without bound between clean-ups, cannot be asked without being charged, and cannot
//! start anywhere but full. So one [`Gauge`] per rate does the arithmetic over a register, and [`Kept`] moves one number
//! per key (when the bucket will be full, in nanoseconds since the start) in and out of it.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::StateStore,
};

/// How far a bucket may go into debt, in nanoseconds: 31 years. What needs more is never given.
const MOST_DEBT: u64 = 1_000_000_000_000_000_000;

/// Where a key that is not kept begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// With all of its burst.
    Full,
    /// As if half of its burst, rounded down, had been used when the limiter was made.
    HalfFull,
}

/// Whether to take cells or only to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Take them when there are enough.
    Cells,
    /// Leave them.
    Nothing,
}

/// One rate. It keeps no bucket.
pub(super) struct Gauge<C: Clock> {
    limiter: RateLimiter<(), Register, C, NoOpMiddleware<C::Instant>>,
    register: Register,
    clock: C,
    start: C::Instant,
    burst: NonZeroU32,
    /// Of one cell, in nanoseconds.
    period: u64,
    /// When a bucket that nobody has used is full.
    unused: u64,
}

/// The buckets of one kind: by key, when each will be full; and the same in the order in which they can be forgotten.
pub(super) struct Kept<K> {
    buckets: HashMap<K, u64>,
    order: BTreeSet<(u64, K)>,
    bound: usize,
}

/// The bucket that a gauge works on.
#[derive(Clone, Default)]
struct Register(Arc<AtomicU64>);

impl<C: Clock + Clone> Gauge<C> {
    pub(super) fn new(quota: Quota, start: Start, clock: &C) -> Self {
        let register = Register::default();
        let period = nanos(quota.replenish_interval());
        let burst = quota.burst_size();
        let unused = match start {
            Start::Full => 0,
            Start::HalfFull => period.saturating_mul(u64::from(burst.get() / 2)),
        };
        Self {
            start: clock.now(),
            limiter: RateLimiter::new(quota, register.clone(), clock.clone()),
            register,
            clock: clock.clone(),
            burst,
            period,
            unused,
        }
    }

    /// Cells at once.
    pub(super) fn burst(&self) -> u32 {
        self.burst.get()
    }

    /// Nanoseconds since this gauge was made.
    fn now(&self) -> u64 {
        self.clock.now().duration_since(self.start).as_u64()
    }

    /// What becomes of a bucket when `cells` are taken: when it will be full, or how long there are too few of them.
    /// More cells than the burst are given when the bucket is full, and leave it in debt.
    fn take(&self, full_at: u64, cells: NonZeroU32) -> Result<u64, Duration> {
        self.register.0.store(full_at, Ordering::Relaxed);
        let at_once = cells.min(self.burst);
        let debt = u64::from(cells.get() - at_once.get()).saturating_mul(self.period);
        if debt > MOST_DEBT {
            return Err(Duration::from_nanos(MOST_DEBT));
        }
        match self.limiter.check_key_n(&(), at_once) {
            Ok(Ok(())) => Ok(self.register.0.load(Ordering::Relaxed).saturating_add(debt)),
            Ok(Err(too_few)) => Err(too_few.wait_time_from(self.clock.now())),
            // Never: `at_once` is at most the burst. Refused all the same.
            Err(_) => Err(Duration::from_nanos(self.period)),
        }
    }
}

impl<K: Clone + Hash + Ord> Kept<K> {
    /// Buckets of at most `bound` keys.
    pub(super) fn new(bound: usize) -> Self {
        Self { buckets: HashMap::new(), order: BTreeSet::new(), bound }
    }

    /// Keys held.
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Takes cells of the bucket of `key`, or looks whether they could be taken. `Err` says how long there are too few
    /// of them, or how long there is no room for a new key.
    pub(super) fn take<C: Clock + Clone>(
        &mut self,
        gauge: &Gauge<C>,
        key: &K,
        cells: NonZeroU32,
        take: Take,
    ) -> Result<(), Duration> {
        let held = self.buckets.get(key).copied();
        if held.is_none() {
            self.make_room(gauge.now())?;
        }
        let full_at = gauge.take(held.unwrap_or(gauge.unused), cells)?;
        match take {
            Take::Nothing => {}
            Take::Cells => {
                if let Some(before) = self.buckets.insert(key.clone(), full_at) {
                    self.order.remove(&(before, key.clone()));
                }
                self.order.insert((full_at, key.clone()));
            }
        }
        Ok(())
    }

    /// Forgets the bucket that has been full the longest, when there is no room. A full bucket is no different from one
    /// that is not kept; any other is active and stays.
    fn make_room(&mut self, now: u64) -> Result<(), Duration> {
        if self.buckets.len() < self.bound {
            return Ok(());
        }
        match self.order.first().cloned() {
            Some((full_at, key)) if full_at <= now => {
                self.buckets.remove(&key);
                self.order.remove(&(full_at, key));
                Ok(())
            }
            Some((full_at, _)) => Err(Duration::from_nanos(full_at - now)),
            None => Err(Duration::from_secs(1)),
        }
    }
}

impl StateStore for Register {
    type Key = ();

    fn measure_and_replace<T, F, E>(&self, (): &(), f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        // One user at a time: the limiter's lock is held around every use of a gauge.
        let (answer, full_at) = f(Some(Nanos::from(self.0.load(Ordering::Relaxed))))?;
        self.0.store(full_at.into(), Ordering::Relaxed);
        Ok(answer)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;
    use proptest::prelude::*;

    use super::*;
    use crate::limit::{Rate, RateOf};

    fn gauge(
        clock: &FakeRelativeClock,
        per_second: u32,
        burst: u32,
        start: Start,
    ) -> Gauge<FakeRelativeClock> {
        let quota = Quota::per_second(n(per_second)).allow_burst(n(burst));
        Gauge::new(quota, start, clock)
    }

    fn n(cells: u32) -> NonZeroU32 {
        NonZeroU32::new(cells).unwrap()
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 2, 5, Start::Full);
        let mut kept = Kept::new(8);
        for _ in 0..5 {
            kept.take(&gauge, &1, n(1), Take::Cells).unwrap();
        }
        assert_eq!(kept.take(&gauge, &1, n(1), Take::Cells), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(499));
        assert_eq!(kept.take(&gauge, &1, n(1), Take::Cells), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        kept.take(&gauge, &1, n(1), Take::Cells).unwrap();
    }

    #[test]
    fn looking_takes_nothing() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 1, 1, Start::Full);
        let mut kept = Kept::new(8);
        for _ in 0..100 {
            kept.take(&gauge, &1, n(1), Take::Nothing).unwrap();
        }
        assert_eq!(kept.len(), 0);
        kept.take(&gauge, &1, n(1), Take::Cells).unwrap();
        kept.take(&gauge, &1, n(1), Take::Nothing).unwrap_err();
    }

    #[test]
    fn g6_half_full_is_counted_from_the_start_of_the_limiter() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 2, 5, Start::HalfFull);
        let mut kept = Kept::new(8);
        for _ in 0..3 {
            kept.take(&gauge, &"at once", n(1), Take::Cells).unwrap();
        }
        kept.take(&gauge, &"at once", n(1), Take::Cells).unwrap_err();
        clock.advance(Duration::from_secs(1));
        kept.take(&gauge, &"later", n(5), Take::Cells).unwrap();
    }

    #[test]
    fn g7_time_that_passes_unseen_gives_no_more_than_the_burst() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 2, 5, Start::Full);
        let mut kept = Kept::new(8);
        kept.take(&gauge, &1, n(5), Take::Cells).unwrap();
        clock.advance(Duration::from_hours(1));
        kept.take(&gauge, &1, n(5), Take::Cells).unwrap();
        kept.take(&gauge, &1, n(1), Take::Cells).unwrap_err();
    }

    #[test]
    fn more_than_the_burst_needs_a_full_bucket_and_leaves_a_debt() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 2, 5, Start::Full);
        let mut kept = Kept::new(8);
        kept.take(&gauge, &1, n(1), Take::Cells).unwrap();
        assert_eq!(kept.take(&gauge, &1, n(9), Take::Cells), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(500));
        kept.take(&gauge, &1, n(9), Take::Cells).unwrap();
        // Four more than there were: two seconds of debt, and half a second for the next.
        assert_eq!(kept.take(&gauge, &1, n(1), Take::Cells), Err(Duration::from_millis(2500)));
    }

    #[test]
    fn nothing_overflows_at_the_ends_of_what_may_be_configured() {
        for (per_second, burst) in [(0.001, 100_000), (0.001, 1), (1_000_000.0, 100_000)] {
            let clock = FakeRelativeClock::default();
            clock.advance(Duration::from_hours(24 * 365 * 30));
            let quota = Rate { per_second, burst }.quota(RateOf::Caller).unwrap();
            let gauge = Gauge::new(quota, Start::HalfFull, &clock);
            clock.advance(Duration::from_hours(24 * 365 * 30));
            let mut kept = Kept::new(1);
            let _ = kept.take(&gauge, &1, NonZeroU32::MAX, Take::Cells);
            let _ = kept.take(&gauge, &1, n(burst), Take::Cells);
            kept.take(&gauge, &1, n(burst), Take::Cells).unwrap_err();
        }
    }

    #[test]
    fn g3_an_active_key_is_never_forgotten_and_a_full_bucket_is() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 1, 2, Start::Full);
        let mut kept = Kept::new(2);
        kept.take(&gauge, &1, n(1), Take::Cells).unwrap();
        kept.take(&gauge, &2, n(2), Take::Cells).unwrap();
        assert_eq!(kept.take(&gauge, &3, n(1), Take::Cells), Err(Duration::from_secs(1)));
        assert_eq!(kept.take(&gauge, &3, n(1), Take::Nothing), Err(Duration::from_secs(1)));
        clock.advance(Duration::from_secs(1));
        kept.take(&gauge, &3, n(2), Take::Cells).unwrap();
        assert_eq!(kept.len(), 2);
        // The second is still held to account: one of its two cells is back.
        kept.take(&gauge, &2, n(2), Take::Cells).unwrap_err();
        kept.take(&gauge, &2, n(1), Take::Cells).unwrap();
    }

    #[test]
    fn g3_a_flood_of_keys_is_bounded() {
        let clock = FakeRelativeClock::default();
        let gauge = gauge(&clock, 1, 1, Start::Full);
        let mut kept = Kept::new(1000);
        for key in 0..200_000_u32 {
            if key % 100 == 0 {
                clock.advance(Duration::from_millis(20));
            }
            let _ = kept.take(&gauge, &key, n(1), Take::Cells);
            assert!(kept.len() <= 1000 && kept.order.len() == kept.len());
        }
    }

    proptest! {
        /// Over any run, a bucket gives no more than its burst and what came in since.
        #[test]
        fn never_more_than_burst_and_rate(
            burst in 1_u32..20,
            per_second in 1_u32..20,
            steps in proptest::collection::vec((0_u64..800, 1_u32..4), 1..200),
        ) {
            let clock = FakeRelativeClock::default();
            let gauge = gauge(&clock, per_second, burst, Start::Full);
            let mut kept = Kept::new(1);
            let (mut millis, mut given) = (0_u64, 0_u64);
            for (wait, cells) in steps {
                clock.advance(Duration::from_millis(wait));
                millis += wait;
                let cells = cells.min(burst);
                if kept.take(&gauge, &(), n(cells), Take::Cells).is_ok() {
                    given += u64::from(cells);
                }
                // A cell's time is a whole number of nanoseconds, so the rate may be over by a millionth.
                let most = u64::from(burst) * 1000 + u64::from(per_second) * millis + 1;
                prop_assert!(given * 1000 <= most, "{given} in {millis} ms");
            }
        }
    }
}
