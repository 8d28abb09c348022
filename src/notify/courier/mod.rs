//! The courier: claims what is due, hands it over, and says what became of it. What fails is tried again for ever; only
//! what a receiver refuses for good is given up on, and then others are told. Each channel has a lane of its own.

use std::{collections::BTreeMap, future::Future, sync::Arc};

use serde::Serialize;
use tokio::{sync::watch, task::JoinSet};

use self::lane::Lane;
use super::{Channels, unsent::Unsent};
use crate::{clock::Clock, notice::Templates};

mod lane;
mod outbox;
mod refusals;
mod standing;

pub(crate) use outbox::{Alarm, Outbox, Post};

/// Brings deliveries to people.
pub(crate) struct Courier<O = Post> {
    outbox: Arc<O>,
    lanes: Vec<Arc<Lane<O>>>,
}

/// Plain counts for status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct CourierStats {
    /// Each channel.
    pub channels: Vec<ChannelStats>,
}

/// Plain counts of one channel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ChannelStats {
    /// Its name: `mail`, `hook:NAME`.
    pub channel: String,
    /// Since when it has been failing, milliseconds since 1970; none while it works.
    pub failing_since: Option<i64>,
    /// Why it fails; no addresses.
    pub why: Option<String>,
    /// Delivered.
    pub delivered: u64,
    /// Attempts that failed and will be repeated.
    pub retried: u64,
    /// Given up.
    pub dead: u64,
}

impl<O: Outbox> Courier<O> {
    /// A courier over these channels.
    pub(crate) fn new(
        outbox: O,
        templates: &Arc<Templates>,
        channels: &Arc<Channels>,
        clock: &Clock,
    ) -> Self {
        let outbox = Arc::new(outbox);
        let lane = |channel| {
            let (outbox, channels) = (Arc::clone(&outbox), Arc::clone(channels));
            Arc::new(Lane::new(channel, outbox, channels, Arc::clone(templates), clock.clone()))
        };
        Self { lanes: channels.all().into_iter().map(lane).collect(), outbox }
    }

    /// Works until `shutdown` resolves; finishes the attempts under way.
    pub(crate) async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let (wake, woken) = watch::channel(0_u64);
        let (stop, stopped) = watch::channel(());
        let mut working = JoinSet::new();
        for lane in &self.lanes {
            working.spawn(Arc::clone(lane).run(woken.clone(), stopped.clone()));
        }
        drop((woken, stopped));
        self.say_unclaimed().await;
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(ended) = working.join_next() => {
                    tracing::error!(?ended, "a lane of the courier ended");
                    break;
                }
                () = self.outbox.due() => wake.send_modify(|count| *count = count.wrapping_add(1)),
            }
        }
        drop(stop);
        while working.join_next().await.is_some() {}
    }

    /// Says what waits for channels that are not configured any more: no lane claims it, so it waits until they are again.
    async fn say_unclaimed(&self) {
        let queues = match self.outbox.queues().await {
            Ok(queues) => queues,
            Err(error) => {
                tracing::error!(%error, "whether notices wait for channels that are not configured cannot be read");
                return;
            }
        };
        let mut unclaimed: BTreeMap<String, (u64, i64)> = BTreeMap::new();
        for queue in queues.iter().filter(|queue| !self.lanes.iter().any(|lane| lane.serves(&queue.channel)))
        {
            if let Some(oldest) = queue.oldest {
                let (waiting, since) = unclaimed.entry(queue.channel.to_string()).or_insert((0, oldest));
                *waiting += queue.waiting;
                *since = oldest.min(*since);
            }
        }
        for (channel, (waiting, since)) in unclaimed {
            tracing::warn!(channel, waiting, "notices wait for a channel that is not configured");
            let alarm = Alarm::Failing { channel, since, why: Unsent::NoChannel.to_string() };
            if let Err(error) = self.outbox.say(&alarm).await {
                tracing::error!(%error, "an alarm cannot be written");
            }
        }
    }

    /// Counts.
    pub(crate) fn stats(&self) -> CourierStats {
        CourierStats { channels: self.lanes.iter().map(|lane| lane.stats()).collect() }
    }
}
