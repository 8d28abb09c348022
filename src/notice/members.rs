//! What an event about the guard itself says, member by member: what templates and payloads see of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Event,
    neutral::{inert, line, utc},
    view::MOST,
};
use crate::caller::Arn;

/// One member of an event.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Member {
    Text(String),
    Lines(Vec<String>),
    Count(u64),
    Flag(bool),
}

/// What an event says, member by member.
pub(super) fn event(event: &Event) -> BTreeMap<&'static str, Member> {
    let lines = |all: &[String]| Member::Lines(all.iter().take(MOST).map(|text| line(text)).collect());
    let cut = |all: &[String]| u64::try_from(all.len().saturating_sub(MOST)).unwrap_or(u64::MAX);
    let (text, calm) = (|text: &str| Member::Text(line(text)), |text: &str| Member::Text(inert(text)));
    let (time, count) = (|millis: i64| Member::Text(utc(millis)), Member::Count);
    match event {
        Event::PolicyChanged { before, after, gains, losses, left_out } => {
            let left_out = u64::try_from(*left_out).unwrap_or(u64::MAX);
            let left_out = left_out.saturating_add(cut(gains)).saturating_add(cut(losses));
            BTreeMap::from([
                ("before", text(before)),
                ("after", text(after)),
                ("gains", lines(gains)),
                ("losses", lines(losses)),
                ("left_out", count(left_out)),
            ])
        }
        Event::PolicyFailed { faults, since, changes_refused } => BTreeMap::from([
            ("faults", lines(faults)),
            ("left_out", count(cut(faults))),
            ("since", time(*since)),
            ("changes_refused", Member::Flag(*changes_refused)),
        ]),
        Event::PolicyMended { digest, since } => {
            BTreeMap::from([("digest", text(digest)), ("since", time(*since))])
        }
        Event::RuleExpiring { rule, place, ends } => {
            BTreeMap::from([("rule", text(rule)), ("place", text(place)), ("ends", time(*ends))])
        }
        Event::Frozen { scope, by, reason, id, proof, source } => BTreeMap::from([
            ("scope", text(scope)),
            ("by", text(by)),
            ("reason", calm(reason)),
            ("id", text(id)),
            ("proof", text(proof)),
            ("source", text(source)),
            ("not_by", text(&Arn::read(by).map_or_else(|_| by.clone(), |arn| arn.without_session()))),
        ]),
        Event::Unfrozen { scope, by, reason, id, proof, source, frozen_by } => BTreeMap::from([
            ("scope", text(scope)),
            ("by", text(by)),
            ("reason", calm(reason)),
            ("id", text(id)),
            ("proof", text(proof)),
            ("source", text(source)),
            ("frozen_by", text(frozen_by)),
        ]),
        Event::DeliveryFailing { channel, since, waiting, why } => BTreeMap::from([
            ("channel", text(channel)),
            ("since", time(*since)),
            ("waiting", count(*waiting)),
            ("why", calm(why)),
        ]),
        Event::DeliveryMended { channel, since } => {
            BTreeMap::from([("channel", text(channel)), ("since", time(*since))])
        }
        Event::ChainBroken { chain, seq, why } => {
            BTreeMap::from([("chain", text(chain)), ("seq", count(*seq)), ("why", calm(why))])
        }
        Event::Heartbeat { since, changes, refusals, delivered, waiting, dead, policy } => BTreeMap::from([
            ("since", time(*since)),
            ("changes", count(*changes)),
            ("refusals", count(*refusals)),
            ("delivered", count(*delivered)),
            ("waiting", count(*waiting)),
            ("dead", count(*dead)),
            ("policy", text(policy)),
        ]),
        Event::Test { channel } => BTreeMap::from([("channel", text(channel))]),
    }
}
