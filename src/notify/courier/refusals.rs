//! What is not taken for what it is, and what that says of its channel. Pure: time comes in milliseconds.
//!
//! A message that is refused by itself says nothing of its channel, however often it is, as long as others are taken. It is
//! the channel's failure when nothing else happens: several messages refused, and none taken, for some minutes.

use std::collections::BTreeSet;

/// Refusals that are told as the channel's failure: of so many messages, over this time, and none taken meanwhile.
const REFUSED: usize = 3;
const REFUSED_MILLIS: i64 = 5 * 60 * 1_000;
/// Whoever took another message so short a time before refuses one for what it is.
const SERVED_MILLIS: i64 = 60_000;
/// Messages that are known to be refused for what they are; of more, those that came last.
const KNOWN: usize = 1_000;
/// Messages given up within this time are counted together.
const GIVEN_UP_MILLIS: i64 = 60 * 60 * 1_000;

/// Messages that were refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Those since something was last taken, as many as are asked for.
    counting: BTreeSet<i64>,
    /// When the first of them was.
    since: i64,
    /// Why the last of them was; no addresses.
    why: String,
    /// Whether there were so many for so long that it is the channel's failure.
    all: bool,
    /// Those that were refused while others were taken.
    known: BTreeSet<i64>,
    /// When something was last taken.
    served: Option<i64>,
}

/// Messages given up within an hour.
#[derive(Debug, Default)]
pub(super) struct GivenUp {
    since: i64,
    count: u32,
}

impl Refusals {
    /// Since when every message is refused, and why; none as long as that may be about them.
    pub(super) fn all(&self) -> Option<(i64, &str)> {
        self.all.then_some((self.since, self.why.as_str()))
    }

    /// A message was refused.
    pub(super) fn refused(&mut self, message: i64, why: &str, now: i64) {
        if self.served.is_some_and(|served| now - served < SERVED_MILLIS) {
            self.know([message]);
        } else if !self.known.contains(&message) {
            if self.counting.is_empty() {
                self.since = now;
            }
            why.clone_into(&mut self.why);
            if self.counting.len() < REFUSED {
                self.counting.insert(message);
            }
            self.all = self.counting.len() >= REFUSED && now - self.since >= REFUSED_MILLIS;
        }
    }

    /// Another was taken.
    pub(super) fn served(&mut self, now: i64) {
        let counting = std::mem::take(&mut self.counting);
        self.know(counting);
        (self.served, self.all) = (Some(now), false);
    }

    fn know(&mut self, messages: impl IntoIterator<Item = i64>) {
        self.known.extend(messages);
        while self.known.len() > KNOWN {
            self.known.pop_first();
        }
    }
}

impl GivenUp {
    /// Counts another. Gives how many there were within the hour, and since when, where that is to be told.
    pub(super) fn one_more(&mut self, now: i64) -> Option<(u32, i64)> {
        if self.count == 0 || now - self.since >= GIVEN_UP_MILLIS {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count.is_power_of_two().then_some((self.count, self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Alarm, standing::Standing},
        *,
    };

    /// Some recipients are refused again and again while others are served: nothing is told of the channel, and nothing of
    /// an end either.
    #[test]
    fn messages_that_are_refused_while_others_are_taken_are_no_failure_of_the_channel() {
        let mut standing = Standing::default();
        for now in (0..24 * 60).map(|minute| minute * 60_000) {
            for message in 1..=5 {
                assert!(!standing.refused(message, 3, "451", now, 0).1);
                assert_eq!(standing.failing(), None, "{now}");
                assert_eq!(standing.alarm("mail", now), None, "{now}");
            }
            // Once an hour somebody else is told something, after the first and before the second refusals.
            if now % 3_600_000 == 0 {
                standing.taken(now + 1);
                assert_eq!(standing.alarm("mail", now + 1), None);
            }
        }
        // Just served, and then these: it is about them.
        standing.taken(100_000_000);
        for message in 11..=20 {
            standing.refused(message, 0, "550", 100_001_000, 0);
        }
        for message in 11..=20 {
            standing.refused(message, 9, "550", 101_000_000, 0);
            assert_eq!(standing.alarm("mail", 101_000_000), None);
        }
    }

    #[test]
    fn when_every_message_is_refused_the_channel_fails_and_that_is_told_once() {
        let mut standing = Standing::default();
        // One message, however long.
        for now in (0..100).map(|minute| minute * 60_000) {
            standing.refused(1, 5, "550", now, 0);
            assert_eq!(standing.alarm("mail", now), None);
        }
        let mut standing = Standing::default();
        for message in 1..=4 {
            assert!(!standing.refused(message, 0, "550", 7, 0).1, "it may be one of those days");
        }
        assert!(!standing.refused(1, 5, "550", 6 + REFUSED_MILLIS, 0).1);
        assert_eq!(standing.failing(), None);
        assert_eq!(standing.alarm("mail", 6 + REFUSED_MILLIS), None);
        assert!(standing.refused(2, 5, "550", 7 + REFUSED_MILLIS, 0).1);
        assert_eq!(standing.failing(), Some((7, "550")));
        let told = standing.alarm("mail", 7 + REFUSED_MILLIS);
        assert_eq!(told, Some(Alarm::Failing { channel: "mail".into(), since: 7, why: "550".into() }));
        assert!(!standing.refused(9, 0, "550", 400_000, 0).1);
        assert_eq!(standing.alarm("mail", 400_000), None);
        assert!(standing.taken(500_000));
        let mended = standing.alarm("mail", 500_000);
        assert_eq!(mended, Some(Alarm::Mended { channel: "mail".into(), since: 7 }));
        assert!(!standing.taken(500_001));
    }

    #[test]
    fn messages_given_up_are_counted_and_told_when_they_have_doubled() {
        let mut standing = Standing::default();
        let told: Vec<_> = (0..20).filter_map(|second| standing.given_up(second * 1_000)).collect();
        assert_eq!(told, [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0)]);
        standing.taken(30_000);
        assert_eq!(standing.given_up(GIVEN_UP_MILLIS - 1), None, "that others are taken changes nothing");
        assert_eq!(standing.given_up(GIVEN_UP_MILLIS), Some((1, GIVEN_UP_MILLIS)));
        assert_eq!(standing.given_up(2 * GIVEN_UP_MILLIS), Some((1, 2 * GIVEN_UP_MILLIS)));
    }
}
