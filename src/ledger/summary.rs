//! Records that the ledger writes of its own accord: starts and stops, policies, gaps, strangers, abandoned intents.

use std::sync::Arc;

use crate::{
    operation::Effect,
    secret::Digest,
    store::{Append, Check, Composed, IntentRef, Op, Step, Weight},
};

use super::{
    core::Core,
    heads, parts,
    queue::{Gap, Strangers},
    record::{Body, GapPart, Kind, RefPart, StrangersPart, instant},
};

/// The guard started, or a policy came into force.
pub(super) fn policy(core: &Arc<Core>, kind: Kind, policy: Digest) -> Step {
    let body = Body { policy: Some(policy.hex()), ..Body::default() };
    if kind == Kind::Start {
        ended(core, kind, Weight::Ordinary, body)
    } else {
        plain(core, core.now(), kind, Weight::Ordinary, body)
    }
}

/// Where every chain ends.
pub(super) fn heads(core: &Arc<Core>) -> Step {
    ended(core, Kind::Heads, Weight::Ordinary, Body::default())
}

/// The guard stops.
pub(super) fn stop(core: &Arc<Core>) -> Step {
    ended(core, Kind::Stop, Weight::Vital, Body::default())
}

/// A record that says where every chain ends.
fn ended(core: &Arc<Core>, kind: Kind, weight: Weight, body: Body) -> Step {
    let (core, now) = (Arc::clone(core), core.now());
    Step::Append(Append {
        weight,
        person: None,
        checks: vec![Check::Heads],
        compose: Box::new(move |place| {
            let heads = heads::references(&place.heads).iter().map(parts::reference).collect();
            let record = core.record(place, now, kind, Body { heads, ..body })?;
            Ok(Composed { record: Some(record), ops: Vec::new() })
        }),
    })
}

/// So many were not recorded singly.
pub(super) fn gap(core: &Arc<Core>, now: i64, gap: Gap) -> Step {
    let gap = GapPart { count: gap.count, from: instant(gap.from), to: instant(gap.to) };
    plain(core, now, Kind::Gap, Weight::Ordinary, Body { gap: Some(gap), ..Body::default() })
}

/// Unauthenticated requests.
pub(super) fn strangers(core: &Arc<Core>, now: i64, strangers: &Strangers) -> Step {
    let part = StrangersPart {
        from: instant(strangers.from.unwrap_or(strangers.to)),
        to: instant(strangers.to),
        sources: strangers.parts(),
        others: strangers.others,
    };
    plain(core, now, Kind::Strangers, Weight::Ordinary, Body { strangers: Some(part), ..Body::default() })
}

/// An intent that went onto the record after its request had been told that it did not: nothing was sent for it.
pub(super) fn abandoned(core: &Arc<Core>, now: i64, intent: &IntentRef, hash: &str) -> Step {
    let owner = core.owner.clone();
    let core = Arc::clone(core);
    let of = intent.clone();
    let body = Body {
        intent: Some(RefPart { chain: intent.chain.clone(), seq: intent.seq, hash: hash.into() }),
        sent: Some("abandoned".into()),
        effect: Some(parts::effect(Effect::NotApplied).into()),
        ..Body::default()
    };
    Step::Append(Append {
        weight: Weight::Vital,
        person: None,
        checks: vec![Check::Holds { intent: intent.clone(), owner }],
        compose: Box::new(move |place| {
            let record = core.record(place, now, Kind::Outcome, body)?;
            Ok(Composed { record: Some(record), ops: vec![Op::Close { intent: of, at: now, answer: None }] })
        }),
    })
}

/// A record that nothing goes with.
fn plain(core: &Arc<Core>, now: i64, kind: Kind, weight: Weight, body: Body) -> Step {
    let core = Arc::clone(core);
    Step::Append(Append {
        weight,
        person: None,
        checks: Vec::new(),
        compose: Box::new(move |place| {
            Ok(Composed { record: Some(core.record(place, now, kind, body)?), ops: Vec::new() })
        }),
    })
}
