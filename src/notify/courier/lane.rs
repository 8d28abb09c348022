//! The lane of one channel: what waits for it is claimed, handed over and reported here, and nowhere else, so that a
//! channel that fails holds up no other. What is urgent has hands of its own, and is claimed first.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Alarm, ChannelStats, Outbox,
    standing::{Era, Heard, Room, Standing},
};
use crate::{
    clock::{Clock, Now},
    ledger::{Claimed, DeliveryOutcome, Queue},
    notice::{Channel, Templates, Urgency},
    notify::{
        Channels,
        turn::{Taken, Turn, Turns},
        unsent::{Unsent, Verdict},
    },
    secret,
};

/// Hands for what is urgent, and for what is not: messages under way at the same time.
const HANDS: [usize; 2] = [4, 6];
/// Hands for what is not urgent while somebody waits for the guard.
const HANDS_WHILE_BUSY: usize = 1;
/// What is due again is looked for this often; what is new is told at once.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Longest time for one attempt, whatever the channel's own: with the wait for a hand it stays within a claim (60 s), so
/// that nobody else claims the message meanwhile.
const ATTEMPT: Duration = Duration::from_secs(45);
/// Longest wait of a mail for the one before it to be taken and marked.
const TURN: Duration = Duration::from_secs(5);
/// Between two tries to write a result.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// A result is written this often, so that a message that was taken is not sent again for a moment's trouble.
const REPORTS: u32 = 5;

/// The lane of one channel.
pub(super) struct Lane<O> {
    channel: Channel,
    name: String,
    outbox: Arc<O>,
    channels: Arc<Channels>,
    templates: Arc<Templates>,
    clock: Clock,
    standing: Mutex<Standing>,
    hands: [Arc<Semaphore>; 2],
    turns: Arc<Turns>,
    delivered: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
}

impl<O: Outbox> Lane<O> {
    pub(super) fn new(
        channel: Channel,
        outbox: Arc<O>,
        channels: Arc<Channels>,
        templates: Arc<Templates>,
        clock: Clock,
    ) -> Self {
        Self {
            name: channel.to_string(),
            channel,
            outbox,
            channels,
            templates,
            clock,
            standing: Mutex::default(),
            hands: HANDS.map(|hands| Arc::new(Semaphore::new(hands))),
            turns: Turns::new(TURN),
            delivered: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            dead: AtomicU64::new(0),
        }
    }

    /// Whether what is for this channel is brought by this lane.
    pub(super) fn serves(&self, channel: &Channel) -> bool {
        self.channel == *channel
    }

    /// Works until `stop`; finishes the attempts under way. `wake` says that there may be something new.
    pub(super) async fn run(self: Arc<Self>, mut wake: watch::Receiver<u64>, mut stop: watch::Receiver<()>) {
        let mut under_way = JoinSet::new();
        loop {
            let wait = self.start(&mut under_way).await;
            tokio::select! {
                biased;
                // Nothing is ever sent: it ends when the sender is gone.
                _ = stop.changed() => break,
                Some(_) = under_way.join_next() => {}
                _ = wake.changed() => {}
                () = sleep(wait) => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// Counts.
    pub(super) fn stats(&self) -> ChannelStats {
        let standing = self.standing();
        let failing = standing.failing();
        ChannelStats {
            channel: self.name.clone(),
            failing_since: failing.map(|(since, _)| since),
            why: failing.map(|(_, why)| why.to_owned()),
            delivered: self.delivered.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            dead: self.dead.load(Ordering::Relaxed),
        }
    }

    /// Starts what can be started, what is urgent first; gives when to look again at the latest.
    async fn start(self: &Arc<Self>, under_way: &mut JoinSet<()>) -> Duration {
        for (urgency, hands) in [Urgency::Now, Urgency::Later].into_iter().zip(&self.hands) {
            let (room, era) = {
                let standing = self.standing();
                (standing.room(self.now().millis()), standing.era())
            };
            let most = match room {
                Room::All if urgency == Urgency::Later && self.outbox.is_busy() => {
                    let busy = HANDS[1] - hands.available_permits();
                    HANDS_WHILE_BUSY.saturating_sub(busy)
                }
                Room::All => hands.available_permits(),
                Room::One => usize::from(under_way.is_empty()),
                Room::None(left) => {
                    let left = Duration::from_millis(u64::try_from(left).unwrap_or_default());
                    return left.min(LOOK_EVERY);
                }
            };
            if most == 0 {
                continue;
            }
            let queue = Queue { channel: self.channel.clone(), urgency };
            let claimed = match self.outbox.claim(&queue, most).await {
                Ok(claimed) => VecDeque::from(claimed),
                Err(error) => {
                    tracing::error!(channel = self.name, %error, "deliveries cannot be claimed");
                    return LOOK_EVERY;
                }
            };
            for claimed in claimed {
                // Hands are taken here only, and there were as many as were asked for.
                let Ok(hand) = Arc::clone(hands).try_acquire_owned() else { break };
                under_way.spawn(Arc::clone(self).attempt(claimed, era, hand));
            }
        }
        LOOK_EVERY
    }

    async fn attempt(self: Arc<Self>, claimed: Claimed, era: Era, _hand: OwnedSemaphorePermit) {
        let waiting = self.turns.waiting(claimed.delivery.urgency);
        let sending = self.channels.send(&self.templates, &claimed.delivery, Some(waiting));
        let sent = timeout(ATTEMPT, sending).await;
        let (outcome, turn) = match sent.unwrap_or(Err(Unsent::Late(ATTEMPT))) {
            Ok(Taken { reply, turn }) => (self.taken(reply), turn),
            Err(unsent) => (self.untaken(&claimed, &unsent, era), Turn::default()),
        };
        if let DeliveryOutcome::Dead { why } = &outcome {
            let told = self.standing().given_up(self.now().millis());
            if let Some((count, since)) = told {
                let (channel, message, why) = (self.name.clone(), claimed.id(), why.clone());
                self.say(Alarm::GivenUp { channel, message, count, since, why }).await;
            }
        }
        self.report(&claimed, outcome).await;
        drop(turn);
        let alarm = self.standing().alarm(&self.name, self.now().millis());
        if let Some(alarm) = alarm {
            self.say(alarm).await;
        }
    }

    fn taken(&self, reply: String) -> DeliveryOutcome {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.answers();
        DeliveryOutcome::Delivered { reply }
    }

    fn untaken(&self, claimed: &Claimed, unsent: &Unsent, era: Era) -> DeliveryOutcome {
        let (why, now) = (unsent.to_string(), self.now());
        let [jitter] = secret::random().unwrap_or([0]);
        let (due, begins) = match unsent.verdict() {
            Verdict::Never => return self.given_up(claimed, why),
            Verdict::Message => {
                tracing::warn!(
                    delivery = claimed.id(),
                    why,
                    "a notice was refused; it waits, the others do not"
                );
                self.standing().refused(claimed.id(), claimed.attempts, &why, now.millis(), jitter)
            }
            Verdict::Channel => {
                let asked = unsent.retry_after().unwrap_or_default().as_millis();
                let heard = if unsent.reached_nobody() {
                    Heard::Nobody
                } else {
                    Heard::Somebody(i64::try_from(asked).unwrap_or(i64::MAX))
                };
                self.standing().held(era, claimed.attempts, &why, now.millis(), (heard, jitter))
            }
        };
        if begins {
            tracing::error!(channel = self.name, why, "notices cannot be handed in; they wait");
        }
        self.retried.fetch_add(1, Ordering::Relaxed);
        let wait = jiff::SignedDuration::from_millis(due.saturating_sub(now.millis()));
        DeliveryOutcome::Retry { why, at: now.plus(wait) }
    }

    /// The receiver answered: it is there. The message has nobody to go to.
    fn given_up(&self, claimed: &Claimed, why: String) -> DeliveryOutcome {
        self.answers();
        self.dead.fetch_add(1, Ordering::Relaxed);
        let kind = claimed.delivery.kind;
        tracing::error!(delivery = claimed.id(), %kind, why, "a notice has no recipient: given up");
        DeliveryOutcome::Dead { why }
    }

    fn answers(&self) {
        let now = self.now().millis();
        if self.standing().taken(now) {
            tracing::info!(channel = self.name, "notices can be handed in again");
        }
    }

    async fn report(&self, claimed: &Claimed, outcome: DeliveryOutcome) {
        for _ in 0..REPORTS {
            match self.outbox.delivered(claimed, outcome.clone()).await {
                Ok(()) => return,
                Err(error) => {
                    let delivery = claimed.id();
                    tracing::error!(delivery, %error, "what became of a delivery cannot be recorded");
                    sleep(REPORT_EVERY).await;
                }
            }
        }
    }

    /// What cannot be written now is said with the next attempt.
    async fn say(&self, alarm: Alarm) {
        if let Err(error) = self.outbox.say(&alarm).await {
            tracing::error!(channel = self.name, %error, "an alarm cannot be written");
            self.standing().untold(&alarm);
        }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    /// Plain numbers: a panic leaves nothing half done in them.
    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
