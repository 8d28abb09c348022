//! What the guard says of itself: recorded, with its deliveries, in one transaction.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    clock::Now,
    notice::{Event, RecordRef, Routing},
    store::{Append, Check, Composed, Done, Misfit, Op, Place, Step, Weight},
};

use super::{
    Ledger, Unwritten,
    core::Core,
    notices, parts,
    queue::Purpose,
    record::{Body, EventPart, Inputs, Kind, instant},
    submit::head_of,
};

impl Ledger {
    /// Records an event of the guard itself and puts its deliveries into the outbox, in one transaction. With `once`, a
    /// key that is remembered for 400 days: at most one such event has it (false: it was told before, and nothing is
    /// written).
    ///
    /// # Errors
    /// When it cannot be written: nobody is told.
    pub async fn say(&self, event: &Event, routing: &Routing, once: Option<&str>) -> Result<bool, Unwritten> {
        let core = &self.inner.core;
        let policy = digest(event).and_then(|digest| self.inner.shared.policy(digest));
        let draft = Draft {
            event: event.clone(),
            routing: routing.clone(),
            policy,
            key: once.map(|key| core.hash.hash("said once", key.as_bytes()).hex()),
            at: core.clock.now(),
        };
        let done = self.submit(draft.step(core)?, Purpose::Notices).await?;
        if matches!(done, Done::Already) {
            return Ok(false);
        }
        head_of(done).map(|_| true)
    }
}

/// Everything an event's record is made of, before its place is known.
struct Draft {
    event: Event,
    routing: Routing,
    /// The record that says that the policy is in force which the event is about.
    policy: Option<RecordRef>,
    key: Option<String>,
    at: Now,
}

impl Draft {
    fn step(self, core: &Arc<Core>) -> Result<Step, Misfit> {
        let person = core.new_person(core.itself())?;
        let checks = self.key.iter().map(|key| Check::Unsaid { key: key.clone() }).collect();
        let core = Arc::clone(core);
        Ok(Step::Append(Append {
            weight: Weight::Vital,
            person: Some(person),
            checks,
            compose: Box::new(move |place| self.compose(&core, place)),
        }))
    }

    fn compose(self, core: &Core, place: &Place) -> Result<Composed, Misfit> {
        let now = self.at.millis();
        let key = core.data_key(place)?;
        let told = |record: &RecordRef| self.event.deliveries(&self.routing, record, self.at);
        let first = told(&notices::unwritten(&core.chain, place.seq));
        let mut part = part(&self.event);
        part.record = self.policy.as_ref().map(parts::reference);
        let inputs = Inputs { event: Some(self.event.clone()), ..Inputs::default() };
        let body = Body {
            policy: digest(&self.event).map(str::to_owned),
            inputs: Some(key.seal(&core.chain, place.seq, &inputs)?),
            notices: notices::part(&key, first.iter().map(|delivery| delivery.recipient.as_str())),
            event: Some(part),
            ..Body::default()
        };
        let record = core.record(place, now, Kind::Event, body)?;
        let all = told(&notices::written(&core.chain, place.seq, &record));
        let mut ops = notices::deliver(core, &core.itself(), now, all)?;
        ops.extend(self.key.map(|key| Op::Said { key, at: now }));
        Ok(Composed { record: Some(record), ops })
    }
}

/// The policy in force that an event is about.
fn digest(event: &Event) -> Option<&str> {
    match event {
        Event::PolicyChanged { after, .. } => Some(after),
        Event::PolicyMended { digest, .. } => Some(digest),
        Event::Heartbeat { policy, .. } => Some(policy),
        Event::PolicyFailed { .. }
        | Event::RuleExpiring { .. }
        | Event::Frozen { .. }
        | Event::Unfrozen { .. }
        | Event::DeliveryFailing { .. }
        | Event::DeliveryMended { .. }
        | Event::ChainBroken { .. }
        | Event::Test { .. } => None,
    }
}

/// What a record says of an event in clear: words, digests, places, times and numbers. What people wrote (who, why, of
/// what) is in `inputs`, with the whole event.
fn part(event: &Event) -> EventPart {
    let of = EventPart { event: event.kind().as_str().into(), ..EventPart::default() };
    let since = |since: &i64| Some(instant(*since));
    match event {
        Event::PolicyChanged { before, gains, losses, left_out, .. } => EventPart {
            before: Some(before.clone()),
            counts: counts([("gains", gains.len()), ("losses", losses.len()), ("left_out", *left_out)]),
            ..of
        },
        Event::PolicyFailed { faults, since: at, changes_refused } => EventPart {
            since: since(at),
            counts: counts([("faults", faults.len())]),
            changes_refused: Some(*changes_refused),
            ..of
        },
        Event::PolicyMended { since: at, .. } => EventPart { since: since(at), ..of },
        Event::RuleExpiring { rule, place, ends } => EventPart {
            rule: Some(rule.clone()),
            place: Some(place.clone()),
            ends: Some(instant(*ends)),
            ..of
        },
        Event::Frozen { .. } | Event::Unfrozen { .. } => of,
        Event::DeliveryFailing { channel, since: at, waiting, .. } => EventPart {
            channel: Some(channel.clone()),
            since: since(at),
            counts: counts([("waiting", usize::try_from(*waiting).unwrap_or(usize::MAX))]),
            ..of
        },
        Event::DeliveryMended { channel, since: at } => {
            EventPart { channel: Some(channel.clone()), since: since(at), ..of }
        }
        Event::ChainBroken { chain, seq, .. } => {
            EventPart { chain: Some(chain.clone()), seq: Some(*seq), ..of }
        }
        Event::Heartbeat { since: at, changes, refusals, delivered, waiting, dead, .. } => EventPart {
            since: since(at),
            counts: [
                ("changes", changes),
                ("refusals", refusals),
                ("delivered", delivered),
                ("waiting", waiting),
                ("dead", dead),
            ]
            .map(|(name, count)| (name.to_owned(), *count))
            .into(),
            ..of
        },
        Event::Test { channel } => EventPart { channel: Some(channel.clone()), ..of },
    }
}

fn counts<const N: usize>(all: [(&str, usize); N]) -> BTreeMap<String, u64> {
    all.map(|(name, count)| (name.to_owned(), count as u64)).into()
}
