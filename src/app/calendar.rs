//! What is told by the calendar and not by an event: once a week that all is well, by which people learn that the way to
//! them is open; and rules that end soon, before somebody finds out by a refusal. Told once, however many guards share the
//! ledger and however often they start: the key of each stands in the ledger.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use jiff::{SignedDuration, tz::TimeZone};

use super::teller::Teller;
use crate::{
    clock::{Clock, Now},
    guard::{Counted, Guard, GuardStats},
    ledger::Ledger,
    notice::Event,
    notify::Courier,
};

/// How often the calendar is looked at.
const EVERY: Duration = Duration::from_hours(1);
/// So many days before its end a rule is told of: once for each.
const DAYS_BEFORE: [i64; 2] = [3, 14];

/// Tells people what the calendar says.
pub(super) struct Calendar {
    pub(super) guard: Arc<Guard>,
    pub(super) ledger: Ledger,
    pub(super) courier: Arc<Courier>,
    pub(super) teller: Teller,
    pub(super) clock: Clock,
}

impl Calendar {
    /// Looks until `shutdown` resolves.
    pub(super) async fn run(self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let since = self.clock.now();
        loop {
            let now = self.clock.now();
            self.rules(now);
            self.heartbeat(since, now).await;
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Rules that end soon: those that end within 3 days, and those within 14.
    fn rules(&self, now: Now) {
        let policy = self.guard.policy();
        let mut told = Vec::new();
        for days in DAYS_BEFORE {
            for rule in policy.expiring(now, SignedDuration::from_hours(24 * days)) {
                if told.contains(&rule.rule) {
                    continue;
                }
                let (id, place, ends) = (&rule.rule.id, &rule.rule.place, rule.at.as_millisecond());
                let event = Event::RuleExpiring { rule: id.to_string(), place: place.to_string(), ends };
                self.teller.tell_once(event, format!("expiring/{id}/{ends}/{days}"));
                told.push(rule.rule);
            }
        }
    }

    /// Once in every week of the ISO calendar, UTC; so also when the guard is started for the first time.
    async fn heartbeat(&self, since: Now, now: Now) {
        let date = now.timestamp().to_zoned(TimeZone::UTC).date().iso_week_date();
        let key = format!("heartbeat/{}-W{:02}", date.year(), date.week());
        let (mut waiting, mut dead) = (0, 0);
        match self.ledger.outbox().await {
            Ok(queues) => {
                for queue in queues {
                    waiting += queue.waiting;
                    dead += queue.dead;
                }
            }
            Err(unwritten) => tracing::warn!(%unwritten, "what waits to be delivered cannot be counted"),
        }
        let (changes, refusals) = changes_and_refusals(&self.guard.stats());
        let delivered = self.courier.stats().channels.iter().map(|channel| channel.delivered).sum();
        let policy = self.guard.policy().digest().hex();
        let since = since.millis();
        let event = Event::Heartbeat { since, changes, refusals, delivered, waiting, dead, policy };
        self.teller.tell_once(event, key);
    }
}

/// How many changes were allowed, and how many refused.
fn changes_and_refusals(stats: &GuardStats) -> (u64, u64) {
    let of_change = |counted: &&Counted| matches!(counted.class, "identity" | "sensitive");
    let (mut changes, mut refusals) = (0, 0);
    for counted in stats.requests.iter().filter(of_change) {
        match counted.decision {
            "allowed" => changes += counted.count,
            "refused" => refusals += counted.count,
            _ => {}
        }
    }
    (changes, refusals)
}
