//! What the writer does of its own accord: a look at the files, renewals, summaries, forgetting, and a look at the end of
//! the chain.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{
    Task,
    commit::{Certainty, Slot},
};
use crate::{
    ledger::{core::MEMORY, open::look, queue::Shared, summary},
    store::{Bounds, FOLD_LONGEST, Head, Others, Reader, Step},
};

/// How often summaries are written, milliseconds.
pub(super) const SUMMARY: i64 = 60_000;
/// How often is pruned.
pub(super) const PRUNE: i64 = 60_000;
/// How late pruning may be before it is done although somebody waits.
const PRUNE_LATE: i64 = 10 * 60_000;
/// How often the end of the chain is looked at.
pub(super) const CHECK: i64 = 10 * 60_000;
/// Rows of each table pruned at once: some milliseconds.
const PRUNED: u32 = 200;
/// Between two times, while there is more: a millisecond in ten or twenty is the most that others wait for it.
const PAUSE: Duration = Duration::from_millis(100);
/// The same where all replicas wait.
const SHARED_PAUSE: Duration = Duration::from_millis(500);

const DAY: i64 = 24 * 60 * 60 * 1000;
/// How long a delivery is kept that is settled.
const DELIVERIES: i64 = 30 * DAY;
/// How long is kept what quotas are counted over: no policy has a longer window.
const COUNTS: i64 = 366 * DAY;
/// How long a nonce is kept after it ended: clocks are set back.
const NONCES: i64 = 10 * 60_000;
/// How long a session is kept after it ended.
const SESSIONS: i64 = 90 * DAY;
/// How long is remembered what is to be said once.
const SAID: i64 = 400 * DAY;

impl Task {
    /// What is to be written of the writer's own accord. `idle`: nobody waits for this transaction.
    pub(super) async fn upkeep(&mut self, idle: bool) -> Vec<(Slot, Step)> {
        let now = self.core.now();
        let mut own = Vec::new();
        // A file that went away shows even when nothing is to be written.
        match self.writer.look().await {
            Ok(space) => self.shared.set_space(space),
            Err(error) => {
                tracing::error!(%error, "the ledger cannot be written");
                self.shared.unwritable.store(true, Ordering::Relaxed);
                self.shared.failed(now, error.word());
                // A connection that is gone is opened again before the next write.
                self.certainty = Certainty::Unknown;
            }
        }
        match self.writer.epoch().await {
            Ok(epoch) => self.shared.highest.store(epoch, Ordering::Relaxed),
            Err(error) => tracing::error!(%error, "the highest epoch of a policy cannot be read"),
        }
        // A guard that is not ready gets no requests: it has to find out by itself that the store is back.
        if self.shared.unwritable.load(Ordering::Relaxed) {
            own.push((Slot::Own, Step::Probe { now }));
        }
        let intents = self.at_work.all();
        if !intents.is_empty() {
            let until = now.saturating_add(self.core.lease);
            own.push((Slot::Leases(until), Step::Renew { owner: self.core.owner.clone(), until, intents }));
        }
        if now >= self.summary_at {
            self.summary_at = now.saturating_add(SUMMARY);
            own.extend(self.summaries(now));
        }
        if now >= self.prune_at && (idle || now >= self.prune_at.saturating_add(PRUNE_LATE)) {
            own.push(self.forgotten());
        }
        self.look_at_the_end(now);
        own
    }

    /// What is no longer remembered, as much of it as goes at once.
    pub(super) fn forgotten(&mut self) -> (Slot, Step) {
        let now = self.core.now();
        self.prune_at = now.saturating_add(PRUNE);
        self.rest = None;
        let retention = self.shared.retention.load(Ordering::Relaxed);
        (Slot::Prune, Step::Prune(bounds(now, retention)))
    }

    /// Forgot, perhaps in part. More goes soon, and with pauses, so that it keeps up with whatever is written and whoever
    /// asks for something hardly waits for it.
    pub(super) fn forgot(&mut self, in_part: bool) {
        let pause = match self.core.others {
            Others::AreGone => PAUSE,
            Others::MayLive => SHARED_PAUSE,
        };
        self.rest = in_part.then(|| Instant::now() + pause);
        self.shared.forgetting.store(in_part, Ordering::Relaxed);
    }

    /// The strangers so far, and when sessions were used last.
    pub(super) fn summaries(&self, now: i64) -> impl Iterator<Item = (Slot, Step)> {
        let strangers = self.shared.take_strangers().map(|strangers| {
            let step = summary::strangers(&self.core, now, &strangers);
            (Slot::Strangers(strangers), step)
        });
        let uses = self.shared.uses.take().map(|uses| (Slot::Uses(uses.clone()), Step::Used { uses }));
        strangers.into_iter().chain(uses)
    }

    /// Looks at the end of the chain every ten minutes, beside the work: what this writer wrote is to be there.
    fn look_at_the_end(&mut self, now: i64) {
        let under_way = self.check.as_ref().is_some_and(|check| !check.is_finished());
        if now < self.check_at || under_way {
            return;
        }
        self.check_at = now.saturating_add(CHECK);
        let chain = Arc::clone(&self.core.chain);
        let check = check(self.reader.clone(), Arc::clone(&self.shared), chain, self.head);
        self.check = Some(tokio::spawn(check));
    }
}

/// Before when what is forgotten.
fn bounds(now: i64, retention: i64) -> Bounds {
    // Where nothing is said, records and what stands beside them stay.
    let records = if retention == 0 { i64::MIN } else { now.saturating_sub(retention) };
    Bounds {
        records,
        answers: now.saturating_sub(MEMORY),
        deliveries: now.saturating_sub(DELIVERIES),
        counts: now.saturating_sub(COUNTS),
        nonces: now.saturating_sub(NONCES),
        sessions: now.saturating_sub(SESSIONS),
        said: now.saturating_sub(SAID),
        folds: now.saturating_sub(FOLD_LONGEST),
        most: PRUNED,
    }
}

/// Looks at the last records up to where the chain ended. One that cannot be read is looked at the next time.
async fn check(reader: Reader, shared: Arc<Shared>, chain: Arc<str>, head: Head) {
    match look(&reader, &chain, head).await {
        Ok(None) => {}
        Ok(Some(broken)) => {
            tracing::error!(chain = broken.chain, seq = broken.seq, why = broken.why, "the chain is broken");
            shared.set_broken(broken);
        }
        Err(error) => tracing::error!(%error, "the end of the chain cannot be read"),
    }
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, ToSpan, tz::TimeZone};

    use super::*;

    #[test]
    fn what_is_forgotten_and_when() {
        let now: Timestamp = "2027-03-12T10:00:00Z".parse().unwrap();
        let days = |days: i64| {
            let before = now.to_zoned(TimeZone::UTC).checked_sub(days.days()).unwrap();
            before.timestamp().as_millisecond()
        };
        let bounds = bounds(now.as_millisecond(), 0);
        assert_eq!(bounds.records, i64::MIN, "records stay where nothing is said");
        assert_eq!(bounds.deliveries, days(30));
        assert_eq!(bounds.counts, days(366), "the longest window of a quota");
        assert_eq!(bounds.sessions, days(90));
        assert_eq!(bounds.said, days(400));
        assert_eq!(bounds.answers, (now - 15.minutes()).as_millisecond());
        assert_eq!(bounds.nonces, (now - 10.minutes()).as_millisecond());
        assert_eq!(super::bounds(days(0), days(0) - days(7)).records, days(7));
    }
}
