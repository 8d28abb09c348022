//! Settling: changes whose outcome nobody knows are looked at again until it is known or cannot be known, by whichever
//! guard holds their lease.

use std::{future::Future, sync::Arc, time::Duration};

use super::{
    Guard,
    carry::{Budget, Shown, readable},
};
use crate::{
    crash::{Point, point},
    ledger::{Open, Orphan, Told, Watch},
    notice::{Finding, Shows},
    operation::Effect,
};

impl Guard {
    /// Looks for intents and watches of guards that are gone, and settles them, until `shutdown` resolves.
    pub async fn sweep(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            point(Point::TakeOver);
            match self.ledger.orphans().await {
                Ok(orphans) => {
                    if !orphans.is_empty() {
                        point(Point::TakenOver);
                    }
                    for orphan in orphans {
                        self.take(orphan);
                    }
                }
                Err(unwritten) => tracing::error!(%unwritten, "open changes could not be looked for"),
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(self.settling.sweep) => {}
            }
        }
    }

    fn take(self: &Arc<Self>, orphan: Orphan) {
        match orphan {
            Orphan::Open(open) => {
                let (record, told) = (open.record().to_string(), open.told());
                tracing::warn!(record, operation = open.operation(), "taking over an open change");
                self.settled_later(open, told);
            }
            Orphan::Watch(watch) => {
                let record = watch.change().record().to_string();
                tracing::info!(record, operation = watch.change().operation(), "watching a change further");
                self.watched_later(watch);
            }
        }
    }

    /// Settles a change while nobody waits. Without room for it its lease runs out, and it is found again.
    pub(super) fn settled_later(self: &Arc<Self>, open: Open, told: Told) {
        let record = open.record().to_string();
        let settling = self.own(|guard| async move {
            let tally = guard.tally.clone();
            tally.open.during(guard.settle(open, told)).await;
        });
        if settling.is_none() {
            tracing::warn!(record, "too much to settle: this change has to wait");
        }
    }

    /// Watches a change. Without room for it its lease runs out, and it is found again.
    pub(super) fn watched_later(self: &Arc<Self>, watch: Watch) {
        let record = watch.change().record().to_string();
        if self.own(|guard| guard.watch(watch)).is_none() {
            tracing::warn!(record, "too much to watch: this change has to wait");
        }
    }

    /// Settles one: reads until it shows, or until the last look. `told` is what people were told of it so far.
    pub(super) async fn settle(self: Arc<Self>, open: Open, told: Told) {
        let told_unknown = match told {
            Told::MayHaveChanged => true,
            Told::Nothing => false,
        };
        if !readable(&open) {
            let finding = Finding {
                effect: Effect::Undetermined,
                side_effects: Vec::new(),
                told_unknown,
                shows: Shows::Already,
                user: None,
                at: self.clock.now(),
            };
            let _ = self.record(open, finding).await;
            return;
        }
        let mut waited = Duration::ZERO;
        let mut last = Shown::Unread;
        let mut user = None;
        for at in self.settling.unknown.clone() {
            tokio::time::sleep(at.saturating_sub(waited)).await;
            waited = at;
            point(Point::SettleLook);
            let (shown, whose) = self.looked(&open, Budget::Waiting).await;
            last = shown;
            user = whose.or(user);
            point(Point::SettleLooked);
            if matches!(last, Shown::Applied(_) | Shown::Same) {
                break;
            }
        }
        let (effect, side_effects) = match last {
            Shown::Applied(side_effects) => (Effect::InferredApplied, side_effects),
            Shown::Same => (Effect::InferredApplied, Vec::new()),
            Shown::Before => (Effect::InferredNotApplied, Vec::new()),
            Shown::Otherwise(side_effects) => (Effect::Undetermined, side_effects),
            Shown::Unread => (Effect::Undetermined, Vec::new()),
        };
        // A read that shows what was there before is no proof: Connect may show it, or do it, later still.
        let shows = if effect == Effect::InferredNotApplied { Shows::NotYet } else { Shows::Already };
        let finding = Finding { effect, side_effects, told_unknown, shows, user, at: self.clock.now() };
        point(Point::Settle);
        let _ = self.record(open, finding).await;
        point(Point::Settled);
    }
}
