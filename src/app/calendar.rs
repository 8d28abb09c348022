//! What is told by the calendar and not by an event: once a week that all is well, by which people learn that the way to
//! them is open; and rules that end soon, before somebody finds out by a refusal. And what nobody else would say: that a
//! chain was found broken. Told once, however many guards share the ledger and however often they start: the key of each
//! stands in the ledger.

use std::{collections::BTreeSet, future::Future, pin::pin, sync::Arc, time::Duration};

use jiff::{SignedDuration, tz::TimeZone};
use tokio::time::{Instant, sleep};

use super::teller::Teller;
use crate::{
    clock::{Clock, Now},
    guard::{Counted, Guard, GuardStats},
    ledger::{Broken, Ledger},
    notice::Event,
    notify::Courier,
};

/// How often the calendar is looked at.
const EVERY: Duration = Duration::from_hours(1);
/// How often it is looked whether a chain is broken.
const LOOK: Duration = Duration::from_secs(10);
/// So many days before its end a rule is told of: once for each.
const DAYS_BEFORE: [i64; 2] = [3, 14];

/// Tells people what the calendar says.
pub(super) struct Calendar {
    guard: Arc<Guard>,
    ledger: Ledger,
    courier: Arc<Courier>,
    teller: Teller,
    clock: Clock,
    /// What was handed over to be told, by its key: nobody needs to be asked again whether it was.
    told: BTreeSet<String>,
}

impl Calendar {
    /// One that has told nothing yet.
    pub(super) fn new(
        (guard, ledger, courier): (&Arc<Guard>, &Ledger, &Arc<Courier>),
        teller: Teller,
        clock: Clock,
    ) -> Self {
        let (guard, ledger, courier) = (guard.clone(), ledger.clone(), courier.clone());
        Self { guard, ledger, courier, teller, clock, told: BTreeSet::new() }
    }

    /// Looks until `shutdown` resolves.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let since = self.clock.now();
        let mut due = Instant::now();
        loop {
            self.chain();
            if Instant::now() >= due {
                due = Instant::now() + EVERY;
                let now = self.clock.now();
                self.rules(now);
                self.heartbeat(since, now).await;
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = sleep(LOOK) => {}
            }
        }
    }

    /// A chain that was found broken: each place once.
    fn chain(&mut self) {
        if let Some((event, key)) = self.ledger.stats().broken.map(alarm) {
            self.tell_once(event, key);
        }
    }

    /// Hands an event over unless that was done. One for which there is no room now is handed over at the next look.
    fn tell_once(&mut self, event: Event, key: String) {
        if !self.told.contains(&key) && self.teller.tell_once(event, key.clone()) {
            self.told.insert(key);
        }
    }

    /// Rules that end soon: those that end within 3 days, and those within 14.
    fn rules(&mut self, now: Now) {
        let policy = self.guard.policy();
        let mut told = Vec::new();
        for days in DAYS_BEFORE {
            for rule in policy.expiring(now, SignedDuration::from_hours(24 * days)) {
                if told.contains(&rule.rule) {
                    continue;
                }
                let (id, place, ends) = (&rule.rule.id, &rule.rule.place, rule.at.as_millisecond());
                let event = Event::RuleExpiring { rule: id.to_string(), place: place.to_string(), ends };
                self.tell_once(event, format!("expiring/{id}/{ends}/{days}"));
                told.push(rule.rule);
            }
        }
    }

    /// Once in every week of the ISO calendar, UTC; so also when the guard is started for the first time.
    async fn heartbeat(&mut self, since: Now, now: Now) {
        let date = now.timestamp().to_zoned(TimeZone::UTC).date().iso_week_date();
        let key = format!("heartbeat/{}-W{:02}", date.year(), date.week());
        if self.told.contains(&key) {
            return;
        }
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
        self.tell_once(event, key);
    }
}

/// What is said of a break, and the key by which it is said once.
fn alarm(broken: Broken) -> (Event, String) {
    let Broken { chain, seq, why } = broken;
    let key = format!("chain-broken/{chain}/{seq}");
    (Event::ChainBroken { chain, seq, why }, key)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_break_of_a_chain_is_said_once() {
        let broken = |seq| Broken { chain: "main".into(), seq, why: "was changed".into() };
        let (event, key) = alarm(broken(7));
        assert_eq!(event, Event::ChainBroken { chain: "main".into(), seq: 7, why: "was changed".into() });
        assert_eq!(key, alarm(broken(7)).1);
        assert_ne!(key, alarm(broken(8)).1);
    }
}
