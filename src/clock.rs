//! The only reading of time. Everything else is told what time it is, so that every rule about time can be tested.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// An instant in UTC, as read once for one piece of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Now(Timestamp);

impl Now {
    /// The instant itself.
    pub fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// This instant moved by `by`; it stops at the ends of what a timestamp can hold.
    #[must_use]
    pub fn plus(self, by: SignedDuration) -> Self {
        Self(self.0.saturating_add(by).unwrap_or(self.0))
    }
}

impl From<Timestamp> for Now {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }
}

/// Where the time comes from: the system, or a test.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until [`Clock::advance`] moves it.
    pub fn manual(at: Timestamp) -> Self {
        Self(Source::Manual(Arc::new(AtomicI64::new(at.as_millisecond()))))
    }

    /// What time it is.
    #[expect(clippy::disallowed_methods, reason = "the one place where time is read")]
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::System => Now(Timestamp::now()),
            Source::Manual(millis) => {
                Now(Timestamp::from_millisecond(millis.load(Ordering::SeqCst))
                    .unwrap_or(Timestamp::UNIX_EPOCH))
            }
        }
    }

    /// Moves a manual clock; the system's clock does not move for anybody.
    pub fn advance(&self, by: SignedDuration) {
        if let Source::Manual(millis) = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(by, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = Clock::manual(at("2027-03-12T10:00:00Z"));
        assert_eq!(clock.now(), clock.now());
        let same = clock.clone();
        same.advance(SignedDuration::from_secs(90));
        assert_eq!(clock.now().timestamp(), at("2027-03-12T10:01:30Z"));
        clock.advance(SignedDuration::from_secs(-30));
        assert_eq!(same.now().timestamp(), at("2027-03-12T10:01:00Z"));
    }

    #[test]
    fn the_system_is_not_moved() {
        let clock = Clock::system();
        let before = clock.now();
        clock.advance(SignedDuration::from_hours(24 * 365));
        assert!(clock.now() < before.plus(SignedDuration::from_hours(24)));
    }

    #[test]
    fn an_instant_stops_at_the_ends_of_time() {
        let now = Now::from(at("2027-03-12T10:00:00.5Z"));
        assert_eq!(now.millis(), 1_804_845_600_500);
        assert_eq!(now.plus(SignedDuration::from_millis(500)).timestamp(), at("2027-03-12T10:00:01Z"));
        assert_eq!(now.plus(SignedDuration::MAX).timestamp(), Timestamp::MAX);
        assert_eq!(now.plus(SignedDuration::MIN).timestamp(), Timestamp::MIN);
    }
}
