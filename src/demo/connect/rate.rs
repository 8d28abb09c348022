//! Connect's own quota: a token bucket for each operation, shared by everybody who calls.

use std::collections::HashMap;

use tokio::time::Instant;

use super::Rate;

/// The buckets. One that was never drawn on is full.
pub(super) struct Buckets {
    rate: Option<Rate>,
    levels: HashMap<&'static str, (Instant, f64)>,
}

/// The quota of this operation is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exceeded;

impl Buckets {
    pub(super) fn new(rate: Option<Rate>) -> Self {
        Self { rate, levels: HashMap::new() }
    }

    /// Draws one token of an operation's bucket.
    pub(super) fn draw(&mut self, operation: &'static str, now: Instant) -> Result<(), Exceeded> {
        let Some(rate) = self.rate else { return Ok(()) };
        let full = f64::from(rate.burst);
        let (at, level) = self.levels.entry(operation).or_insert((now, full));
        let gained = now.saturating_duration_since(*at).as_secs_f64() * f64::from(rate.per_second);
        (*at, *level) = (now, (*level + gained).min(full));
        if *level < 1.0 {
            return Err(Exceeded);
        }
        *level -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_and_then_so_many_per_second() {
        let mut buckets = Buckets::new(Some(Rate { per_second: 2, burst: 5 }));
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(buckets.draw("A", start), Ok(()));
        }
        assert_eq!(buckets.draw("A", start), Err(Exceeded));
        assert_eq!(buckets.draw("B", start), Ok(()), "each operation has its own");
        assert_eq!(buckets.draw("A", start + Duration::from_millis(499)), Err(Exceeded));
        assert_eq!(buckets.draw("A", start + Duration::from_millis(510)), Ok(()));
        assert_eq!(buckets.draw("A", start + Duration::from_millis(510)), Err(Exceeded));
        let later = start + Duration::from_secs(100);
        let drawn = (0..10).filter(|_| buckets.draw("A", later).is_ok()).count();
        assert_eq!(drawn, 5, "never more than the burst");
    }

    #[test]
    fn none_is_no_limit() {
        let mut buckets = Buckets::new(None);
        let now = Instant::now();
        assert!((0..1000).all(|_| buckets.draw("A", now).is_ok()));
    }
}
