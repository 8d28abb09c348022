//! Where deliveries wait, as the courier sees it; and the ledger as one.

use std::{future::Future, sync::Arc};

use arc_swap::ArcSwap;

use crate::{
    ledger::{Claimed, DeliveryOutcome, Ledger, OutboxStats, Queue, Unwritten},
    notice::{Event, Routing},
};

/// Something about a channel, to be told by the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Nothing can be brought by it.
    Failing {
        /// The channel.
        channel: String,
        /// Since when, milliseconds since 1970.
        since: i64,
        /// Why; no addresses.
        why: String,
    },
    /// Things can be brought by it again.
    Mended {
        /// The channel.
        channel: String,
        /// Since when they could not.
        since: i64,
    },
    /// Messages were given up.
    GivenUp {
        /// The channel.
        channel: String,
        /// The last of them.
        message: i64,
        /// How many were within an hour.
        count: u32,
        /// When the first of them was.
        since: i64,
        /// Why the last of them was; no addresses.
        why: String,
    },
}

/// Where deliveries wait.
pub(crate) trait Outbox: Send + Sync + 'static {
    /// Claims up to `most` of one queue that are due.
    fn claim(
        &self,
        queue: &Queue,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Claimed>, Unwritten>> + Send;
    /// Reports what became of one.
    fn delivered(
        &self,
        claimed: &Claimed,
        outcome: DeliveryOutcome,
    ) -> impl Future<Output = Result<(), Unwritten>> + Send;
    /// What waits, in queues of channels that are not configured any more too.
    fn queues(&self) -> impl Future<Output = Result<Vec<OutboxStats>, Unwritten>> + Send;
    /// Whether others are to come first now.
    fn is_busy(&self) -> bool;
    /// Resolves when there may be something new.
    fn due(&self) -> impl Future<Output = ()> + Send;
    /// Has something told; what has the same [`Alarm::once`] is told once.
    fn say(&self, alarm: &Alarm) -> impl Future<Output = Result<(), Unwritten>> + Send;
}

/// The ledger's outbox, and the routes by which alarms go.
pub(crate) struct Post {
    ledger: Ledger,
    routing: Arc<ArcSwap<Routing>>,
}

impl Post {
    /// Alarms go by the routes of that moment.
    pub(crate) fn new(ledger: Ledger, routing: Arc<ArcSwap<Routing>>) -> Self {
        Self { ledger, routing }
    }

    /// How many wait for a channel; none where that cannot be read: an alarm is not held back for it.
    async fn waiting(&self, channel: &str) -> u64 {
        let queues = self.queues().await.unwrap_or_default();
        queues.iter().filter(|queue| queue.channel.to_string() == channel).map(|queue| queue.waiting).sum()
    }
}

impl Outbox for Post {
    async fn claim(&self, queue: &Queue, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        self.ledger.claim(queue, most).await
    }

    async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        self.ledger.delivered(claimed, outcome).await
    }

    async fn queues(&self) -> Result<Vec<OutboxStats>, Unwritten> {
        self.ledger.outbox().await
    }

    fn is_busy(&self) -> bool {
        self.ledger.is_busy()
    }

    async fn due(&self) {
        self.ledger.delivery_due().await;
    }

    async fn say(&self, alarm: &Alarm) -> Result<(), Unwritten> {
        let event = match alarm.clone() {
            Alarm::Failing { channel, since, why } => {
                let waiting = self.waiting(&channel).await;
                Event::DeliveryFailing { channel, since, waiting, why }
            }
            Alarm::GivenUp { channel, count, since, why, .. } => {
                let why = match count {
                    1 => format!("a notice was given up: {why}"),
                    _ => format!("{count} notices were given up within an hour, the last one: {why}"),
                };
                Event::DeliveryFailing { waiting: self.waiting(&channel).await, channel, since, why }
            }
            Alarm::Mended { channel, since } => Event::DeliveryMended { channel, since },
        };
        let routing = self.routing.load_full();
        self.ledger.say(&event, &routing, Some(&alarm.once())).await.map(drop)
    }
}

impl Alarm {
    /// What makes it the same as another: an outage's beginning and end once, and once for the message given up last.
    pub(crate) fn once(&self) -> String {
        match self {
            Self::Failing { channel, since, .. } => format!("delivery-failing {channel} {since}"),
            Self::Mended { channel, since } => format!("delivery-mended {channel} {since}"),
            Self::GivenUp { channel, message, .. } => format!("given-up {channel} {message}"),
        }
    }
}
