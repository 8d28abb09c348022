//! Deliveries that wait: claimed by the courier, reported back; and those that were handed over before their change.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::timeout;

use crate::{
    clock::Now,
    crash::{Point, point},
    notice::{Channel, Delivery, RecordRef, Urgency},
    store::{Append, Check, Composed, Done, IntentRef, MessageRow, Misfit, Op, Settled, Step, Weight},
};

use super::{
    Ledger, Unwritten,
    core::Core,
    notices::{self, open_delivery},
    parts,
    queue::Purpose,
    record::{Body, DeliveryPart, Inputs, Kind},
    submit::{head_of, unexpected},
};

/// How long a claim lasts: after a crash the delivery is due again then.
const CLAIM: i64 = 60_000;
/// Retries of an earlier process become due without anybody being told: the courier looks this often at least.
const LOOK: Duration = Duration::from_secs(5);
/// Whoever was served so shortly ago is likely to come again.
const BUSY: Duration = Duration::from_millis(250);

/// One queue: what is in one never waits for what is in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// By which channel.
    pub channel: Channel,
    /// How urgent.
    pub urgency: Urgency,
}

/// A message claimed for one attempt. Its claim runs out, so a crash gives it back.
pub struct Claimed {
    /// Its numbers in the outbox: several where refusals come folded in one.
    pub ids: Vec<i64>,
    /// The message.
    pub delivery: Delivery,
    /// Attempts before this one.
    pub attempts: u32,
    /// When the first of it was written, milliseconds since 1970.
    pub first_at: i64,
}

/// What waits in one queue, for status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboxStats {
    /// By which channel.
    pub channel: Channel,
    /// How urgent.
    pub urgency: Urgency,
    /// Deliveries that wait.
    pub waiting: u64,
    /// When the oldest of them was written, milliseconds since 1970.
    pub oldest: Option<i64>,
    /// Deliveries that were given up and not tried again since.
    pub dead: u64,
}

/// What became of one attempt.
#[derive(Debug, Clone)]
pub enum DeliveryOutcome {
    /// The other side has it.
    Delivered {
        /// What it answered.
        reply: String,
    },
    /// Not yet: to be tried again at this time.
    Retry {
        /// Why.
        why: String,
        /// When.
        at: Now,
    },
    /// Never: the recipient is refused for good.
    Dead {
        /// Why.
        why: String,
    },
}

impl Claimed {
    /// The number of the first: what names the message in logs.
    pub fn id(&self) -> i64 {
        self.ids.first().copied().unwrap_or_default()
    }
}

impl Ledger {
    /// Claims up to `most` messages of one queue that are due, for 60 s, in the order in which they became due. Refusals
    /// that waited for the same recipient come folded in one message, at most 1,000 of them.
    ///
    /// # Errors
    /// When the store cannot be written: nothing is claimed.
    pub async fn claim(&self, queue: &Queue, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        let core = &self.inner.core;
        let now = core.now();
        let step = Step::Claim {
            channel: queue.channel.to_string(),
            urgency: notices::urgency(queue.urgency),
            now,
            until: now.saturating_add(CLAIM),
            most: u32::try_from(most).unwrap_or(u32::MAX),
        };
        point(Point::Claim);
        let done = self.submit(step, Purpose::Delivery).await?;
        let Done::Claimed(rows) = done else { return Err(unexpected(done)) };
        if !rows.is_empty() {
            point(Point::Claimed);
        }
        Ok(rows.into_iter().filter_map(|row| opened(core, row)).collect())
    }

    /// Reports what became of a message. Reporting the same end twice changes nothing.
    ///
    /// # Errors
    /// When it cannot be recorded: the message is due again when its claim has run out.
    pub async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        let core = &self.inner.core;
        let (settled, words) = match outcome {
            DeliveryOutcome::Retry { why, at } => {
                tracing::info!(delivery = claimed.id(), why = why.as_str(), "a notice is to be tried again");
                let step = Step::Retry { id: claimed.id(), at: at.millis() };
                return self.submit(step, Purpose::Delivery).await.map(|_| ());
            }
            DeliveryOutcome::Delivered { reply } => (Settled::Delivered, reply),
            DeliveryOutcome::Dead { why } => (Settled::Dead, why),
        };
        let person = self.read(self.inner.reader.whose(claimed.id())).await?;
        // A delivery that is not there any more was settled, and its person erased.
        let Some(person) = person else { return Ok(()) };
        let step = settle(core, claimed, person, settled, words)?;
        point(Point::Report);
        let ended = self.ended(step).await;
        point(Point::Reported);
        ended
    }

    /// Records that a delivery was handed over before the change it announces was sent.
    ///
    /// # Errors
    /// When it cannot be recorded, or the intent is not this process's any more: nothing may be sent.
    pub async fn acknowledged(
        &self,
        intent: &RecordRef,
        delivery: &Delivery,
        reply: &str,
    ) -> Result<(), Unwritten> {
        let core = &self.inner.core;
        let named = IntentRef { chain: intent.chain.clone(), seq: intent.seq };
        let person = self.read(self.inner.reader.target(&named)).await?.ok_or(Unwritten::Lost)?;
        let mut part = part(delivery, "acknowledged", 1);
        part.record = parts::reference(intent);
        let checks = vec![Check::Holds { intent: named, owner: core.owner.clone() }];
        let inputs = said(delivery, reply.into());
        let step = record(core, person, (part, inputs), checks, Vec::new())?;
        let done = self.submit(step, Purpose::Plain).await?;
        // Its outcome is on record: there is nothing to be sent any more.
        if matches!(done, Done::Closed { .. }) {
            return Err(Unwritten::Lost);
        }
        head_of(done).map(|_| ())
    }

    /// What waits in each queue that holds something, and what was given up there.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn outbox(&self) -> Result<Vec<OutboxStats>, Unwritten> {
        let rows = self.read(self.inner.reader.queues()).await?;
        // What a later version wrote for a channel of another kind is not known here.
        Ok(rows
            .into_iter()
            .filter_map(|row| {
                Some(OutboxStats {
                    channel: row.channel.parse().ok()?,
                    urgency: notices::read_urgency(row.urgency),
                    waiting: row.waiting,
                    oldest: row.oldest,
                    dead: row.dead,
                })
            })
            .collect())
    }

    /// Resolves when there may be something new to deliver: when notices were written, and every 5 s.
    pub async fn delivery_due(&self) {
        // Either is a reason to look.
        let _ = timeout(LOOK, self.inner.shared.notices.notified()).await;
    }

    /// Whether somebody who asked the guard for something is kept waiting by deliveries: then they should be few.
    pub fn is_busy(&self) -> bool {
        self.inner.shared.asked.within(BUSY)
    }

    async fn ended(&self, step: Step) -> Result<(), Unwritten> {
        let done = self.submit(step, Purpose::Delivery).await?;
        if matches!(done, Done::Already) { Ok(()) } else { head_of(done).map(|_| ()) }
    }
}

/// A message that cannot be opened stays in the outbox, and is due again when its claim has run out.
fn opened(core: &Core, row: MessageRow) -> Option<Claimed> {
    let id = row.ids.first().copied();
    let all: Result<Vec<Delivery>, Misfit> =
        row.sealed.iter().map(|sealed| open_delivery(&core.seal, sealed)).collect();
    let folded = all.and_then(|all| match <[Delivery; 1]>::try_from(all) {
        Ok([one]) => Ok(one),
        Err(several) => Delivery::folded(several).ok_or(Misfit::Missing("what is common to a batch")),
    });
    match folded {
        Ok(delivery) => {
            Some(Claimed { ids: row.ids, delivery, attempts: row.attempts, first_at: row.first_at })
        }
        Err(error) => {
            tracing::error!(delivery = id, %error, "a notice cannot be opened");
            None
        }
    }
}

/// The step that records the end of a message.
pub(super) fn settle(
    core: &Arc<Core>,
    claimed: &Claimed,
    person: String,
    settled: Settled,
    words: String,
) -> Result<Step, Misfit> {
    let id = claimed.id();
    let result = match settled {
        Settled::Delivered => "delivered",
        Settled::Dead => "dead",
    };
    let mut part = part(&claimed.delivery, result, claimed.attempts.saturating_add(1));
    part.together = (claimed.ids.len() > 1).then_some(claimed.ids.len());
    let inputs = said(&claimed.delivery, words);
    let ops = vec![Op::Settle { id, settled, at: core.now() }];
    record(core, person, (part, inputs), vec![Check::Undelivered { id }], ops)
}

fn part(delivery: &Delivery, result: &str, attempts: u32) -> DeliveryPart {
    DeliveryPart {
        record: parts::reference(&delivery.record),
        channel: delivery.channel.to_string(),
        audience: parts::audience(delivery.audience).into(),
        notice: delivery.kind.as_str().into(),
        result: result.into(),
        attempts,
        together: None,
    }
}

fn said(delivery: &Delivery, words: String) -> Inputs {
    Inputs { words: Some(words), recipient: Some(delivery.recipient.clone()), ..Inputs::default() }
}

/// The step that records how a delivery ended.
fn record(
    core: &Arc<Core>,
    person: String,
    (part, inputs): (DeliveryPart, Inputs),
    checks: Vec<Check>,
    ops: Vec<Op>,
) -> Result<Step, Misfit> {
    let now = core.now();
    let person = core.new_person(person)?;
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Vital,
        person: Some(person),
        checks,
        compose: Box::new(move |place| {
            let inputs = core.data_key(place)?.seal(&core.chain, place.seq, &inputs)?;
            let body = Body { delivery: Some(part), inputs: Some(inputs), ..Body::default() };
            let record = core.record(place, now, Kind::Delivery, body)?;
            Ok(Composed { record: Some(record), ops })
        }),
    }))
}
