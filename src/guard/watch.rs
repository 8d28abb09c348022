//! Watching: a change that Connect accepted and that did not show within its request is looked at again. Its caller has
//! his answer and its target is free; what is at stake is that people hear of what Connect did besides.
//!
//! And once more, much later, at one of which nobody knows and which passes for not applied: if it shows after all, the
//! record says so and people hear of it.

use std::{sync::Arc, time::Duration};

use super::{
    Guard,
    carry::{Budget, Shown, compare},
};
use crate::{
    crash::{Point, point},
    ledger::{Since, Watch},
    notice::{ChangedField, Confirmation, Later, PassedFor},
    operation::Identity,
};

/// How long is waited before a confirmation that could not be written is tried again.
const CONFIRM_AGAIN: Duration = Duration::from_secs(5);

/// How often is looked when nothing is to show: programs that send what is there already, again and again, are not to use
/// up Connect's rate for reads.
const FOR_NOTHING: usize = 2;

/// What looking on gave: whether it shows, and what changed that people were not told of.
type Found = (Later, Vec<ChangedField>);

impl Guard {
    /// Looks on until it shows or until the last look, and records that. A guard that stops leaves it to the next one.
    pub(super) async fn watch(self: Arc<Self>, watch: Watch) {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => {}
            () = self.tally.watched.during(self.watched(watch)) => {}
        }
    }

    async fn watched(&self, mut watch: Watch) {
        let (later, side_effects) = self.look_on(&watch).await;
        let record = watch.change().record().to_string();
        let passed_for = watch.passed_for();
        match (passed_for, later) {
            (PassedFor::Done, Later::NotShown | Later::NotRead) => {
                tracing::warn!(record, ?later, "an accepted change does not show");
            }
            (PassedFor::NotDone { .. }, Later::Shown) => {
                tracing::warn!(record, "a change that passed for not applied shows after all");
            }
            (PassedFor::Done, Later::Shown | Later::Superseded) | (PassedFor::NotDone { .. }, _) => {
                tracing::info!(record, ?later, "watched to the end");
            }
        }
        for changed in &side_effects {
            tracing::warn!(record, field = changed.field, "changed, and was not asked for");
        }
        let found = Confirmation { passed_for, later, side_effects, at: self.clock.now() };
        point(Point::Confirm);
        while let Err((same, unwritten)) = self.ledger.confirm(watch, found.clone()).await {
            tracing::error!(record, %unwritten, "a confirmation could not be written");
            watch = same;
            tokio::time::sleep(CONFIRM_AGAIN).await;
        }
        point(Point::Watched);
    }

    async fn look_on(&self, watch: &Watch) -> Found {
        let mut last = Later::NotRead;
        let mut by_other = None;
        let mut waited = Duration::ZERO;
        // What else differs by then is anybody's doing, and one look that shows what was there before is enough.
        let passed_for_not_done = watch.passed_for() != PassedFor::Done;
        for at in self.looks(watch) {
            tokio::time::sleep(at.saturating_sub(waited)).await;
            waited = at;
            point(Point::WatchLook);
            // Read first, then ask what came after: an intent is on record before it is sent.
            let shown = self.shown(watch.change(), Budget::Waiting).await;
            match self.ledger.since(watch).await {
                Ok(Since::Nothing) => by_other = None,
                Ok(Since::Changed(before)) => return superseded(watch, before.as_ref()),
                Ok(Since::Open(before)) => {
                    // Until it is known whether that one was made, a difference may be of either.
                    let (later, side_effects) = superseded(watch, before.as_ref());
                    if later == Later::Shown || !side_effects.is_empty() {
                        return (later, side_effects);
                    }
                    by_other = Some(later);
                    continue;
                }
                Err(unwritten) => {
                    tracing::error!(%unwritten, "what came after a watched change could not be looked for");
                    continue;
                }
            }
            match shown {
                Shown::Applied(side_effects) => return (Later::Shown, watch.news(side_effects)),
                Shown::Same => last = Later::Shown,
                Shown::Before => last = Later::NotShown,
                Shown::Otherwise(_) if passed_for_not_done => last = Later::NotShown,
                Shown::Otherwise(side_effects) => {
                    last = Later::NotShown;
                    // An alarm does not wait for the rest.
                    let news = watch.news(side_effects);
                    if !news.is_empty() {
                        return (last, news);
                    }
                }
                Shown::Unread => {}
            }
            if passed_for_not_done && last == Later::NotShown {
                break;
            }
        }
        (by_other.unwrap_or(last), Vec::new())
    }

    /// When to look, from now.
    fn looks(&self, watch: &Watch) -> Vec<Duration> {
        let passed = self.clock.now().millis().saturating_sub(watch.since());
        let passed = Duration::from_millis(u64::try_from(passed).unwrap_or(0));
        let times = match watch.passed_for() {
            PassedFor::Done => &self.settling.unknown,
            PassedFor::NotDone { .. } => &self.settling.late,
        };
        let most = if watch.change().asks_for_nothing() { FOR_NOTHING } else { times.len() };
        looks(times.get(..most).unwrap_or(times), passed)
    }
}

/// The times that are still to come, and at once for those that have passed.
fn looks(times: &[Duration], passed: Duration) -> Vec<Duration> {
    let mut looks: Vec<_> = times.iter().map(|at| at.saturating_sub(passed)).collect();
    looks.dedup();
    looks
}

/// What the look before another change showed of this one.
fn superseded(watch: &Watch, before: Option<&Identity>) -> Found {
    match before.map_or(Shown::Unread, |before| compare(watch.change(), before)) {
        Shown::Applied(side_effects) => (Later::Shown, watch.news(side_effects)),
        Shown::Otherwise(side_effects) if watch.passed_for() == PassedFor::Done => {
            (Later::Superseded, watch.news(side_effects))
        }
        Shown::Otherwise(_) | Shown::Same | Shown::Before | Shown::Unread => (Later::Superseded, Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_made_up_for_by_one_look() {
        let seconds = |all: &[u64]| all.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
        let times = seconds(&[2, 10, 60, 300]);
        for (passed, expected) in [
            (0, [2, 10, 60, 300].as_slice()),
            (1, &[1, 9, 59, 299]),
            (30, &[0, 30, 270]),
            (300, &[0]),
            (86_400, &[0]),
        ] {
            assert_eq!(looks(&times, Duration::from_secs(passed)), seconds(expected), "{passed}");
        }
        assert!(looks(&[], Duration::ZERO).is_empty());
    }
}
