//! Facts for tests, with the values of AWS's documentation.

pub(crate) mod permit;
mod fold;
mod hostile;
mod own;
mod payload;
mod plan;
pub(crate) mod render;
mod routing;

use std::collections::BTreeSet;

use super::sample::{AT, facts, field};
use super::{
    Audience, Channel, Confirmation, Delivery, Facts, Finding, Held, Kind, Later, Matter, PassedFor, Plan,
    PlanFault, RecordRef, Routing, Shows, facts::Concerned,
};
use crate::{
    clock::Now,
    operation::{Address, Effect},
};

fn record() -> RecordRef {
    RecordRef { chain: "guard-1".to_owned(), seq: 42, hash: "ab".repeat(32) }
}

fn now(millis: i64) -> Now {
    jiff::Timestamp::from_millisecond(millis).unwrap().into()
}

fn finding(effect: Effect) -> Finding {
    Finding {
        effect,
        side_effects: Vec::new(),
        told_unknown: false,
        shows: Shows::Already,
        user: None,
        at: now(AT + 2_000),
    }
}

fn told(effect: Effect) -> Finding {
    Finding { told_unknown: true, ..finding(effect) }
}

fn side_effect(effect: Effect) -> Finding {
    Finding { side_effects: vec![field("LastName", Some("Major"), None)], ..finding(effect) }
}

fn confirmation(later: Later) -> Confirmation {
    Confirmation { passed_for: PassedFor::Done, later, side_effects: Vec::new(), at: now(AT + 300_000) }
}

/// What is held for these people.
fn held(
    facts: Facts,
    security: &[&str],
    old_primary: Option<&str>,
    old_secondary: Option<&str>,
    new: &[&str],
) -> Result<Vec<Held>, PlanFault> {
    let address = |text: &str| Address::read(text).unwrap();
    let addresses = |texts: &[&str]| texts.iter().map(|text| address(text)).collect();
    let routing = Routing::simple(addresses(security));
    let (old_primary, old_secondary) = (old_primary.map(address), old_secondary.map(address));
    let concerned = Concerned { facts, old_primary, old_secondary, new: addresses(new) };
    Ok(Plan::made(concerned, &routing)?.held().to_vec())
}

fn one(audience: Audience, facts: Facts) -> Held {
    Held {
        channel: Channel::Mail,
        recipient: "someone@example.com".to_owned(),
        audience,
        kinds: if audience.is_security() { Kind::ALL.into() } else { BTreeSet::new() },
        also: None,
        announced: false,
        language: "en".to_owned(),
        facts,
    }
}

/// A delivery of an applied change of addresses, for the tests of whoever stores or brings it.
pub(crate) fn delivery(audience: Audience, recipient: &str, seq: u64) -> Delivery {
    let held = Held { recipient: recipient.to_owned(), ..one(audience, facts(Matter::Addresses)) };
    held.resolve(&finding(Effect::Applied), &RecordRef { seq, ..record() }).unwrap()
}
