//! Deliveries that wait: claimed by the courier, reported back.

use std::{sync::Arc, time::Duration};

use tokio::time::timeout;

use crate::{
    clock::Now,
    notice::Delivery,
    store::{Append, Check, Composed, Done, Op, OutboxRow, Settled, Step, Weight},
};

use super::{
    Ledger, Unwritten,
    book::unexpected,
    core::Core,
    notices::open_delivery,
    parts,
    queue::Purpose,
    record::{Body, DeliveryPart, Inputs, Kind},
};

/// How long a claim lasts: after a crash the delivery is due again then.
const CLAIM: i64 = 60_000;
/// Retries of an earlier process become due without anybody being told: the courier looks this often at least.
const LOOK: Duration = Duration::from_secs(5);

/// A delivery claimed for one attempt. Its claim runs out, so a crash gives it back.
pub struct Claimed {
    /// Its number in the outbox.
    pub id: i64,
    /// The message.
    pub delivery: Delivery,
    /// Attempts before this one.
    pub attempts: u32,
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

impl Ledger {
    /// Claims up to `most` deliveries that are due, urgent ones first, for 60 s.
    pub async fn claim(&self, most: usize) -> Result<Vec<Claimed>, Unwritten> {
        let core = &self.inner.core;
        let now = core.now();
        let most = u32::try_from(most).unwrap_or(u32::MAX);
        let step = Step::Claim { now, until: now.saturating_add(CLAIM), most };
        let done = self.submit(step, Purpose::Plain).await?;
        let Done::Claimed(rows) = done else { return Err(unexpected(&done)) };
        Ok(rows.into_iter().filter_map(|row| opened(core, row)).collect())
    }

    /// Reports what became of a delivery. Reporting the same end twice changes nothing.
    pub async fn delivered(&self, claimed: &Claimed, outcome: DeliveryOutcome) -> Result<(), Unwritten> {
        let core = &self.inner.core;
        let (settled, words) = match outcome {
            DeliveryOutcome::Retry { why, at } => {
                tracing::info!(delivery = claimed.id, %why, "a notice is to be tried again");
                let step = Step::Retry { id: claimed.id, at: at.millis() };
                return self.submit(step, Purpose::Plain).await.map(|_| ());
            }
            DeliveryOutcome::Delivered { reply } => (Settled::Delivered, reply),
            DeliveryOutcome::Dead { why } => (Settled::Dead, why),
        };
        let person = self.read(self.inner.reader.whose(claimed.id)).await?;
        // A delivery that is not there any more was settled, and its person erased.
        let Some(person) = person else { return Ok(()) };
        let step = settle(core, claimed, person, settled, words).map_err(Unwritten::Store)?;
        let done = self.submit(step, Purpose::Plain).await?;
        if matches!(done, Done::Written(_) | Done::Already) { Ok(()) } else { Err(unexpected(&done)) }
    }

    /// Resolves when there may be something new to deliver: when notices were written, and every 5 s.
    pub async fn delivery_due(&self) {
        // Either is a reason to look.
        let _ = timeout(LOOK, self.inner.shared.notices.notified()).await;
    }
}

/// A delivery that cannot be opened stays in the outbox, and is due again when its claim has run out.
fn opened(core: &Core, row: OutboxRow) -> Option<Claimed> {
    match open_delivery(&core.seal, &row.sealed) {
        Ok(delivery) => Some(Claimed { id: row.id, delivery, attempts: row.attempts }),
        Err(error) => {
            tracing::error!(delivery = row.id, %error, "a notice cannot be opened");
            None
        }
    }
}

fn settle(
    core: &Arc<Core>,
    claimed: &Claimed,
    person: String,
    settled: Settled,
    words: String,
) -> Result<Step, String> {
    let now = core.now();
    let id = claimed.id;
    let delivery = &claimed.delivery;
    let body = Body {
        delivery: Some(DeliveryPart {
            record: parts::reference(&delivery.record),
            channel: delivery.channel.clone(),
            audience: parts::audience(delivery.audience).into(),
            notice: parts::notice(delivery.kind).into(),
            result: match settled {
                Settled::Delivered => "delivered".into(),
                Settled::Dead => "dead".into(),
            },
            attempts: claimed.attempts.saturating_add(1),
        }),
        ..Body::default()
    };
    let inputs =
        Inputs { words: Some(words), recipient: Some(delivery.recipient.clone()), ..Inputs::default() };
    let person = core.new_person(person)?;
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Vital,
        person: Some(person),
        checks: vec![Check::Undelivered { id }],
        compose: Box::new(move |place| {
            let mut body = body;
            body.inputs = Some(core.data_key(place)?.seal(&core.chain, place.seq, &inputs)?);
            let record = core.record(place, now, Kind::Delivery, body)?;
            Ok(Composed { record: Some(record), ops: vec![Op::Settle { id, settled, at: now }] })
        }),
    }))
}
