//! The courier: claims what is due, hands it in, and says what became of it. What fails is tried again for ever, more and
//! more seldom; only a mailbox that the server refuses for good is given up on.

use serde::Serialize;
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use tokio::task::JoinSet;

use super::{
    mail::Mail,
    unsent::{Unsent, Verdict},
};
use crate::{
    clock::Clock,
    ledger::{Claimed, DeliveryOutcome, Ledger, Unwritten},
    notice::Templates,
    secret,
};

/// Messages under way at the same time.
const AT_ONCE: usize = 4;
/// What is due again is looked for this often; what is new is told at once.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Between two tries to write a result.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// After a claim that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// A result is written this often, so that a message that was taken is not sent again for a moment's trouble.
const REPORTS: u32 = 5;
/// The first wait after a failure, in milliseconds, and the longest.
const FIRST_WAIT: i64 = 5_000;
const LONGEST_WAIT: i64 = 15 * 60 * 1_000;

/// Where deliveries wait.
pub(crate) trait Outbox: Send + Sync + 'static {
    /// Claims up to `most` that are due, urgent ones first.
    fn claim(&self, most: usize) -> impl Future<Output = Result<Vec<Claimed>, Unwritten>> + Send;
    /// Reports what became of one.
    fn delivered(
        &self,
        claimed: &Claimed,
        outcome: DeliveryOutcome,
    ) -> impl Future<Output = Result<(), Unwritten>> + Send;
    /// Resolves when there may be something new.
    fn due(&self) -> impl Future<Output = ()> + Send;
}

/// Brings deliveries to people.
pub(crate) struct Courier<O = Ledger> {
    outbox: O,
    templates: Arc<Templates>,
    mail: Arc<Mail>,
    clock: Clock,
    /// Whether the mail server took the last message or refused a recipient: said once per change.
    reachable: AtomicBool,
    delivered: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
}

/// Plain counts for status.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CourierStats {
    /// Delivered.
    pub delivered: u64,
    /// Attempts that failed and will be repeated.
    pub retried: u64,
    /// Given up.
    pub dead: u64,
}

impl<O: Outbox> Courier<O> {
    /// A courier over one mail channel.
    pub(crate) fn new(outbox: O, templates: Templates, mail: Mail, clock: Clock) -> Self {
        Self {
            outbox,
            templates: Arc::new(templates),
            mail: Arc::new(mail),
            clock,
            reachable: AtomicBool::new(true),
            delivered: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            dead: AtomicU64::new(0),
        }
    }

    /// Works until `shutdown` resolves; finishes the attempts under way.
    pub(crate) async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        let mut under_way = JoinSet::new();
        loop {
            let wait = match self.outbox.claim(AT_ONCE - under_way.len()).await {
                Ok(claimed) => {
                    for claimed in claimed {
                        under_way.spawn(Arc::clone(&self).attempt(claimed));
                    }
                    LOOK_EVERY
                }
                Err(error) => {
                    tracing::error!(%error, "deliveries cannot be claimed");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = under_way.join_next() => {}
                () = self.outbox.due(), if under_way.len() < AT_ONCE => {}
                () = tokio::time::sleep(wait) => {}
            }
            // With all hands full there is nothing to claim for.
            while under_way.len() >= AT_ONCE {
                under_way.join_next().await;
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Counts.
    pub(crate) fn stats(&self) -> CourierStats {
        CourierStats {
            delivered: self.delivered.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            dead: self.dead.load(Ordering::Relaxed),
        }
    }

    async fn attempt(self: Arc<Self>, claimed: Claimed) {
        let outcome = match self.mail.hand_in(&self.templates, claimed.delivery.clone()).await {
            Ok(reply) => {
                self.answers(None);
                self.delivered.fetch_add(1, Ordering::Relaxed);
                DeliveryOutcome::Delivered { reply }
            }
            Err(unsent) => self.unsent(&claimed, &unsent),
        };
        for _ in 0..REPORTS {
            match self.outbox.delivered(&claimed, outcome.clone()).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(delivery = claimed.id, %error, "what became of a delivery cannot be recorded");
                    tokio::time::sleep(REPORT_EVERY).await;
                }
            }
        }
    }

    fn unsent(&self, claimed: &Claimed, unsent: &Unsent) -> DeliveryOutcome {
        let why = unsent.to_string();
        match unsent.verdict() {
            Verdict::Never => {
                self.answers(None);
                self.dead.fetch_add(1, Ordering::Relaxed);
                let kind = claimed.delivery.kind;
                tracing::error!(delivery = claimed.id, %kind, why, "a notice has no recipient: given up");
                DeliveryOutcome::Dead { why }
            }
            Verdict::Again => {
                self.answers(Some(&why));
                self.retried.fetch_add(1, Ordering::Relaxed);
                let [jitter] = secret::random().unwrap_or([0]);
                let at = self.clock.now().plus(wait(claimed.attempts, jitter));
                DeliveryOutcome::Retry { why, at }
            }
        }
    }

    /// Says once when the mail server stops taking messages, and once when it takes them again.
    fn answers(&self, failure: Option<&str>) {
        let before = self.reachable.swap(failure.is_none(), Ordering::Relaxed);
        match (before, failure) {
            (true, Some(why)) => tracing::error!(why, "notices cannot be handed in; they wait"),
            (false, None) => tracing::info!("notices can be handed in again"),
            (true, None) | (false, Some(_)) => {}
        }
    }
}

impl Outbox for Ledger {
    async fn claim(&self, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        Self::claim(self, most).await
    }

    async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        Self::delivered(self, claimed, outcome).await
    }

    async fn due(&self) {
        self.delivery_due().await;
    }
}

/// The wait after so many attempts: 5 s doubled each time up to 15 minutes, and up to a quarter more by chance, so that
/// many messages do not come back at one moment.
fn wait(attempts: u32, jitter: u8) -> SignedDuration {
    let doubled = FIRST_WAIT.saturating_mul(1_i64.checked_shl(attempts.min(20)).unwrap_or(i64::MAX));
    let millis = doubled.min(LONGEST_WAIT);
    SignedDuration::from_millis(millis + millis * i64::from(jitter) / (4 * 255))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_quarter_of_an_hour() {
        let seconds: Vec<_> = (0..10).map(|attempts| wait(attempts, 0).as_secs()).collect();
        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait(u32::MAX, 0).as_secs(), 900);
    }

    #[test]
    fn chance_adds_at_most_a_quarter() {
        assert_eq!(wait(0, 255).as_millis(), 6_250);
        assert_eq!(wait(30, 255).as_millis(), 1_125_000);
        assert!(wait(0, 100) > wait(0, 0) && wait(0, 100) < wait(0, 255));
    }
}
