//! How one channel stands: whether it takes messages, and when it is tried again. Pure: time comes in milliseconds.
//!
//! A channel that fails is *held*: what is for it is not even claimed, but for one message at a time that tries whether it
//! is back: every 5 s where nobody answers there, and where somebody answers and takes nothing, 5 s after the first failure
//! and later up to a minute (a wrong password that is tried all the time is locked). Once one is taken all the others are due
//! at once, since none of them was put off. Only the messages that tried have a time of their own, at most two minutes away.
//!
//! A message that is refused by itself says nothing of its channel, however often it is, as long as others are taken. It is
//! the channel's failure when nothing else happens: several messages refused, and none taken, for some minutes.

use super::{
    Alarm,
    refusals::{GivenUp, Refusals},
};

/// The first hold, and the longest, in milliseconds.
const FIRST_HOLD: i64 = 5_000;
const LONGEST_HOLD: i64 = 60_000;
/// The longest wait of a message that is not taken while others are.
const LONGEST_WAIT: i64 = 15 * 60 * 1_000;
/// So many failures in a row are told, and so is one that lasts this long.
const TOLD_AFTER: u32 = 3;
const TOLD_AFTER_MILLIS: i64 = 60_000;

/// How one channel stands.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Failures since something was last taken; those of messages that were under way together count once.
    in_a_row: u32,
    /// When the first of them was.
    since: i64,
    /// What the last of them was; no addresses.
    why: String,
    /// Holds so far, in this outage.
    holds: u32,
    /// Those of them after somebody answered.
    answered: u32,
    /// Counts holds and ends of outages.
    era: Era,
    /// Nothing but one message is tried before this time.
    held_until: i64,
    /// Whether others were told of this outage.
    told: bool,
    /// The end of an outage that was told: since when it was.
    mended: Option<i64>,
    /// Messages that were refused for what they are.
    refusals: Refusals,
    /// Messages that were given up.
    given_up: GivenUp,
}

/// How much may be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// As much as there are hands.
    All,
    /// One message, to see whether the channel is back.
    One,
    /// Nothing for so many milliseconds.
    None(i64),
}

/// Who said that a channel takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nobody: there is no connection. Trying costs the other side next to nothing.
    Nobody,
    /// Whoever is there, and how long it asks to be left alone, in milliseconds.
    Somebody(i64),
}

/// What a hold was when an attempt began: a failure of an earlier one says nothing new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Era(u64);

impl Standing {
    /// How much may be under way now.
    pub(super) fn room(&self, now: i64) -> Room {
        match (self.holds, self.held_until - now) {
            (0, _) => Room::All,
            (_, left) if left > 0 => Room::None(left),
            _ => Room::One,
        }
    }

    /// To be kept with an attempt.
    pub(super) fn era(&self) -> Era {
        self.era
    }

    /// Since when it has been failing, and why.
    pub(super) fn failing(&self) -> Option<(i64, &str)> {
        if self.in_a_row > 0 {
            return Some((self.since, self.why.as_str()));
        }
        self.refusals.all()
    }

    /// The channel answered as one does that works: a message was taken, or its recipient is none. Gives whether that ends
    /// an outage.
    pub(super) fn taken(&mut self, now: i64) -> bool {
        let over = self.failing().map(|(since, _)| since);
        let mended = over.filter(|_| self.told).or(self.mended);
        let era = if self.in_a_row > 0 { self.era.next() } else { self.era };
        let (mut refusals, given_up) =
            (std::mem::take(&mut self.refusals), std::mem::take(&mut self.given_up));
        refusals.served(now);
        *self = Self { era, mended, refusals, given_up, ..Self::default() };
        over.is_some()
    }

    /// A message was given up. Gives how many were within the hour, and since when, where that is to be told: the first,
    /// and then each time that they have doubled.
    pub(super) fn given_up(&mut self, now: i64) -> Option<(u32, i64)> {
        self.given_up.one_more(now)
    }

    /// The channel took nothing: it is held. Gives when this message is due again, and whether that begins an outage.
    /// `jitter`: chance.
    pub(super) fn held(
        &mut self,
        era: Era,
        attempts: u32,
        why: &str,
        now: i64,
        (heard, jitter): (Heard, u8),
    ) -> (i64, bool) {
        let counts = era == self.era;
        let begins = counts && self.in_a_row == 0;
        if counts {
            self.failed(why, now);
            let hold = match heard {
                Heard::Nobody => FIRST_HOLD,
                Heard::Somebody(asked) => {
                    self.answered = self.answered.saturating_add(1);
                    doubled(FIRST_HOLD, self.answered - 1, LONGEST_HOLD).max(asked)
                }
            };
            self.held_until = now.saturating_add(spread(hold, jitter));
            self.holds = self.holds.saturating_add(1);
            self.era = self.era.next();
        }
        // Another message tries first: one that fails by itself must not hold up all others for ever.
        let behind = self.held_until.saturating_add(FIRST_HOLD.max(self.held_until - now));
        let own = now.saturating_add(spread(doubled(FIRST_HOLD, attempts, LONGEST_WAIT), jitter));
        let due = if self.holds > 1 { behind } else { behind.max(own) };
        (due, begins)
    }

    /// This message was not taken, and that is about the message alone, unless nothing else is taken either. Gives as
    /// [`Standing::held`].
    pub(super) fn refused(
        &mut self,
        message: i64,
        attempts: u32,
        why: &str,
        now: i64,
        jitter: u8,
    ) -> (i64, bool) {
        let failed = self.failing().is_some();
        self.refusals.refused(message, why, now);
        let begins = !failed && self.failing().is_some();
        (now.saturating_add(spread(doubled(FIRST_HOLD, attempts, LONGEST_WAIT), jitter)), begins)
    }

    /// What is to be told to others now; each is given once, or again after [`Standing::untold`].
    pub(super) fn alarm(&mut self, channel: &str, now: i64) -> Option<Alarm> {
        if let Some(since) = self.mended.take() {
            return Some(Alarm::Mended { channel: channel.to_owned(), since });
        }
        let (since, why) = self.failing()?;
        let enough = self.in_a_row == 0 || self.in_a_row >= TOLD_AFTER || now - since >= TOLD_AFTER_MILLIS;
        if self.told || !enough {
            return None;
        }
        let alarm = Alarm::Failing { channel: channel.to_owned(), since, why: why.to_owned() };
        self.told = true;
        Some(alarm)
    }

    /// An alarm could not be written: it is given again.
    pub(super) fn untold(&mut self, alarm: &Alarm) {
        match alarm {
            Alarm::Failing { since, .. } if self.failing().is_some_and(|(began, _)| began == *since) => {
                self.told = false;
            }
            Alarm::Mended { since, .. } => self.mended = Some(*since),
            Alarm::Failing { .. } | Alarm::GivenUp { .. } => {}
        }
    }

    fn failed(&mut self, why: &str, now: i64) {
        if self.in_a_row == 0 {
            self.since = now;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        why.clone_into(&mut self.why);
    }
}

impl Era {
    fn next(self) -> Self {
        Self(self.0.wrapping_add(1))
    }
}

/// `first`, doubled so many times, up to `longest`.
fn doubled(first: i64, times: u32, longest: i64) -> i64 {
    first.saturating_mul(1_i64.checked_shl(times.min(20)).unwrap_or(i64::MAX)).min(longest)
}

/// Up to a quarter more by chance, so that many do not come back at one moment.
fn spread(millis: i64, jitter: u8) -> i64 {
    millis.saturating_add(millis / 255 * i64::from(jitter) / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails at `now`, as an attempt that began just then.
    fn fail(standing: &mut Standing, now: i64) -> i64 {
        let era = standing.era();
        standing.held(era, 0, "down", now, (Heard::Somebody(0), 0)).0
    }

    #[test]
    fn a_channel_is_tried_more_and_more_seldom_up_to_a_minute() {
        let mut standing = Standing::default();
        let (mut now, mut holds) = (0, Vec::new());
        assert_eq!(standing.room(now), Room::All);
        for _ in 0..6 {
            fail(&mut standing, now);
            let Room::None(hold) = standing.room(now) else { panic!("not held") };
            holds.push(hold / 1_000);
            now += hold;
            assert_eq!(standing.room(now), Room::One);
        }
        assert_eq!(holds, [5, 10, 20, 40, 60, 60]);
        assert!(standing.taken(now));
        assert_eq!(standing.room(now), Room::All);
        assert!(!standing.taken(now));
    }

    #[test]
    fn a_channel_where_nobody_answers_is_tried_every_few_seconds() {
        let mut standing = Standing::default();
        let mut now = 0;
        for chance in [0, 255, 0, 128, 255] {
            let era = standing.era();
            let (due, _) = standing.held(era, 0, "down", now, (Heard::Nobody, chance));
            let Room::None(hold) = standing.room(now) else { panic!("not held") };
            assert!((5_000..=6_250).contains(&hold), "{hold}");
            assert!(due <= now + 12_500, "{due}");
            now += hold;
            assert_eq!(standing.room(now), Room::One);
        }
        // Somebody is there again, and takes nothing: only these count.
        let era = standing.era();
        standing.held(era, 0, "down", now, (Heard::Somebody(0), 0));
        assert_eq!(standing.room(now), Room::None(5_000));
    }

    #[test]
    fn attempts_that_were_under_way_together_fail_once() {
        let mut standing = Standing::default();
        let era = standing.era();
        for _ in 0..10 {
            standing.held(era, 0, "down", 0, (Heard::Somebody(0), 0));
        }
        assert_eq!(standing.room(0), Room::None(5_000));
        assert!(standing.alarm("mail", 0).is_none());
    }

    #[test]
    fn whoever_tried_waits_behind_the_others_and_never_long_in_an_outage() {
        let mut standing = Standing::default();
        let mut now = 0;
        for round in 0..12 {
            let due = fail(&mut standing, now);
            let Room::None(hold) = standing.room(now) else { panic!("not held") };
            assert!(due > now + hold && due <= now + 120_000, "{round}: {due}");
            now += hold;
        }
        // A message that was tried often and is the first to fail may be the reason itself: it waits its own time.
        let mut standing = Standing::default();
        let era = standing.era();
        assert_eq!(standing.held(era, 30, "down", 0, (Heard::Somebody(0), 0)), (900_000, true));
    }

    #[test]
    fn a_receiver_is_left_alone_as_long_as_it_asks() {
        let mut standing = Standing::default();
        let era = standing.era();
        let (due, _) = standing.held(era, 0, "429", 0, (Heard::Somebody(120_000), 0));
        assert_eq!(standing.room(0), Room::None(120_000));
        assert!(due >= 120_000);
    }

    #[test]
    fn messages_wait_longer_and_longer_up_to_a_quarter_of_an_hour() {
        let mut standing = Standing::default();
        let waits: Vec<_> =
            (0..10).map(|attempts| standing.refused(1, attempts, "", 0, 0).0 / 1_000).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(standing.refused(1, u32::MAX, "", 0, 0).0, 900_000);
        assert_eq!(standing.room(0), Room::All, "the others go on");
        let spread = standing.refused(1, 0, "", 0, 255).0;
        assert!(spread > 5_000 && spread <= 6_250, "{spread}");
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let mut standing = Standing::default();
        let mut alarms = Vec::new();
        for now in [0, 5_000, 15_000, 35_000] {
            fail(&mut standing, now);
            alarms.extend(standing.alarm("mail", now));
        }
        let failing = Alarm::Failing { channel: "mail".into(), since: 0, why: "down".into() };
        assert_eq!(alarms, std::slice::from_ref(&failing));
        standing.untold(&failing);
        assert_eq!(standing.alarm("mail", 40_000), Some(failing));
        assert!(standing.taken(45_000));
        let mended = Alarm::Mended { channel: "mail".into(), since: 0 };
        assert_eq!(standing.alarm("mail", 50_000), Some(mended.clone()));
        assert_eq!(standing.alarm("mail", 50_000), None);
        standing.untold(&mended);
        assert_eq!(standing.alarm("mail", 50_000), Some(mended));
    }

    #[test]
    fn a_failure_that_lasts_a_minute_is_told_and_a_short_one_is_not() {
        let mut standing = Standing::default();
        fail(&mut standing, 0);
        assert!(standing.alarm("mail", 59_999).is_none());
        assert!(standing.alarm("mail", 60_000).is_some());
        let mut standing = Standing::default();
        fail(&mut standing, 0);
        assert!(standing.taken(1_000));
        assert_eq!(standing.alarm("mail", 70_000), None);
    }
}
