//! What the guard says of itself; and what is handed over before its change.

use serde_json::json;

use super::*;
use crate::{
    ledger::Uncleared,
    notice::{Before, Delivery, Event, Kind, Recipient},
};

fn expiring() -> Event {
    Event::RuleExpiring { rule: "identity-desk-email".into(), place: "desk.toml:3".into(), ends: 0 }
}

#[tokio::test]
async fn an_event_is_on_record_with_its_deliveries_in_one_transaction() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let commits = ledger.stats().commits;
    let test = Event::DeliveryFailing {
        channel: "hook:pager".into(),
        since: bench.clock.now().millis(),
        waiting: 7,
        why: "no route".into(),
    };
    assert!(ledger.say(&test, &routing(), None).await.unwrap());
    assert_eq!(ledger.stats().commits, commits + 1);
    let claimed = claim(&ledger, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(
        (claimed[0].delivery.kind, &*claimed[0].delivery.recipient),
        (Kind::DeliveryFailing, SECURITY)
    );
    assert_eq!(&claimed[0].delivery.record, &ledger.head());
    let record = &bench.records().await[0];
    assert_eq!(record["kind"], "event");
    assert_eq!(
        record["event"],
        serde_json::json!({
            "event": "delivery-failing",
            "channel": "hook:pager",
            "since": "2027-03-12T10:00:00.000Z",
            "counts": { "waiting": 7 },
        })
    );
    assert_eq!(record["notices"]["count"], 1);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn what_is_said_once_is_said_once_even_after_a_restart() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let key = Some("identity-desk-email expires");
    assert!(ledger.say(&expiring(), &routing(), key).await.unwrap());
    let event = bench.records().await[0]["event"].clone();
    let ends = "1970-01-01T00:00:00.000Z";
    assert_eq!(
        event,
        serde_json::json!({ "event": "rule-expiring", "rule": "identity-desk-email", "place": "desk.toml:3", "ends": ends })
    );
    assert!(!ledger.say(&expiring(), &routing(), key).await.unwrap());
    assert!(ledger.say(&expiring(), &routing(), Some("another")).await.unwrap());
    ledger.crash().await;
    let ledger = bench.ledger().await;
    assert!(!ledger.say(&expiring(), &routing(), key).await.unwrap());
    assert_eq!(bench.kinds().await, ["event", "event"]);
    assert_eq!(claim(&ledger, 10).await.len(), 2);
}

#[tokio::test]
async fn at_once_only_one_says_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let (event, routing) = (expiring(), routing());
    let all = tokio::join!(
        ledger.say(&event, &routing, Some("k")),
        ledger.say(&event, &routing, Some("k")),
        ledger.say(&event, &routing, Some("k")),
    );
    let said = [all.0, all.1, all.2].into_iter().filter(|said| *said == Ok(true)).count();
    assert_eq!((said, bench.kinds().await.len()), (1, 1));
}

#[tokio::test]
async fn what_could_not_be_written_was_not_said() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    faults::failing(&bench).await;
    assert!(ledger.say(&expiring(), &routing(), Some("k")).await.is_err());
    faults::mended(&bench).await;
    assert!(ledger.say(&expiring(), &routing(), Some("k")).await.unwrap());
    assert_eq!(bench.kinds().await, ["event"]);
}

#[tokio::test]
async fn a_change_of_policy_names_the_record_of_the_policy() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let (before, after) = (Digest::of(b"before"), Digest::of(b"after"));
    ledger.started(before).await.unwrap();
    let changed = |before: Digest, after: Digest| Event::PolicyChanged {
        before: before.hex(),
        after: after.hex(),
        gains: vec!["IdentityDesk may change Email".into()],
        losses: Vec::new(),
        left_out: 0,
    };
    ledger.in_force(after).await.unwrap();
    ledger.say(&changed(before, after), &routing(), None).await.unwrap();
    ledger.say(&changed(after, before), &routing(), None).await.unwrap();
    let records = bench.records().await;
    assert_eq!(records[2]["event"]["record"]["seq"], 2);
    assert_eq!(records[2]["policy"], after.hex());
    assert_eq!(records[2]["event"]["counts"]["gains"], 1);
    assert_eq!(records[3]["event"].get("record"), None, "another policy is in force");
}

#[tokio::test]
async fn an_announcement_is_on_record_before_the_change_is_sent() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let permit = permit(&bench, 1, "a");
    let plan = plan(&permit);
    let intent = ledger.intend(permit, plan).await.ok().unwrap();
    let delivery = {
        let refused = notes::refused(Some(1));
        let plan = Plan::of_refusal(&refused, &routing(), bench.clock.now());
        plan.held()[0].refusal(intent.record())
    };
    ledger.acknowledged(intent.record(), &delivery, "250 ok").await.unwrap();
    let records = bench.records().await;
    assert_eq!(
        (records[1]["kind"].as_str(), records[1]["delivery"]["result"].as_str()),
        (Some("delivery"), Some("acknowledged"))
    );
    assert_eq!(records[1]["delivery"]["record"]["seq"], 1);
    let record = intent.record().clone();
    close(&ledger, intent.sent(Sent::NotSent("no route".into())), bench.finding(Effect::NotApplied)).await;
    // Of one that is closed, or that is none, there is nothing to announce.
    assert_eq!(ledger.acknowledged(&record, &delivery, "250 ok").await, Err(Unwritten::Lost));
    let other = crate::notice::RecordRef { seq: 77, ..record };
    assert_eq!(ledger.acknowledged(&other, &delivery, "250 ok").await, Err(Unwritten::Lost));
    assert_eq!(bench.sound().await, 0);
}

/// What the record of each event says in clear; what people wrote is not in it.
#[tokio::test]
async fn what_is_said_of_an_event_in_clear() {
    let text = str::to_owned;
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let frozen = json!({ "event": "frozen" });
    let since = "1970-01-01T00:00:00.007Z";
    let all = [
        (
            Event::PolicyChanged {
                before: text("b"),
                after: text("a"),
                gains: vec![text("one"), text("two")],
                losses: vec![text("three")],
                left_out: 4,
            },
            json!({ "event": "policy-changed", "before": "b", "counts": { "gains": 2, "losses": 1, "left_out": 4 } }),
        ),
        (
            Event::PolicyFailed { faults: vec![text("one")], since: 7, changes_refused: true },
            json!({ "event": "policy-failed", "since": since, "changes_refused": true, "counts": { "faults": 1 } }),
        ),
        (
            Event::PolicyMended { digest: text("d"), since: 7 },
            json!({ "event": "policy-mended", "since": since }),
        ),
        (
            Event::Frozen {
                scope: text("all"),
                by: text("kim"),
                reason: text("mary"),
                id: text("FZ"),
                proof: text("p"),
                source: text("s"),
            },
            frozen,
        ),
        (
            Event::Unfrozen {
                scope: text("all"),
                by: text("kim"),
                reason: text("mary"),
                id: text("FZ"),
                proof: text("p"),
                source: text("s"),
                frozen_by: text("lee"),
            },
            json!({ "event": "unfrozen" }),
        ),
        (
            Event::DeliveryMended { channel: text("mail"), since: 7 },
            json!({ "event": "delivery-mended", "channel": "mail", "since": since }),
        ),
        (
            Event::ChainBroken { chain: text("gw-2"), seq: 9, why: text("changed") },
            json!({ "event": "chain-broken", "chain": "gw-2", "seq": 9 }),
        ),
        (
            Event::Heartbeat {
                policy: text("d"),
                since: 7,
                changes: 1,
                refusals: 2,
                delivered: 3,
                waiting: 4,
                dead: 5,
            },
            json!({
                "event": "heartbeat",
                "since": since,
                "counts": { "changes": 1, "refusals": 2, "delivered": 3, "waiting": 4, "dead": 5 },
            }),
        ),
        (Event::Test { channel: text("mail") }, json!({ "event": "test", "channel": "mail" })),
    ];
    for (event, _) in &all {
        assert!(ledger.say(event, &routing(), None).await.unwrap());
    }
    let policies = [Some("a"), None, Some("d"), None, None, None, None, Some("d"), None];
    for ((record, (_, expected)), policy) in bench.records().await.iter().zip(&all).zip(policies) {
        assert_eq!(record["event"], *expected);
        assert_eq!(record.get("policy").and_then(serde_json::Value::as_str), policy, "{record}");
    }
}

#[tokio::test]
async fn a_change_is_cleared_by_everybody_who_has_to_hear_of_this_very_one() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let both = ["first@example.com", "second@example.com"].map(|text| Address::read(text).unwrap());
    let by = both.iter().cloned().map(Recipient::Mail).collect();
    let before = Before::Acknowledged { by, patience: Duration::from_secs(5) };
    let routing = Routing { before, ..routing() };
    let mut intents = Vec::new();
    for (n, signature) in [(1, "a"), (2, "b")] {
        let permit = permit(&bench, n, signature);
        let plan = Plan::of(&permit, &routing).unwrap();
        intents.push(ledger.intend(permit, plan).await.ok().unwrap());
    }
    let other = intents.remove(1).announcement(bench.clock.now());
    let mut intent = intents.remove(0);
    let own = intent.announcement(bench.clock.now());
    assert_eq!(own.len(), 2);
    let reply = |delivery: &Delivery| (delivery.clone(), "250 ok".to_owned());
    let with = |change: &dyn Fn(&mut Delivery)| {
        let mut changed = own[1].clone();
        change(&mut changed);
        vec![reply(&own[0]), reply(&changed)]
    };
    for (at, not_all) in [
        Vec::new(),
        vec![reply(&own[0])],
        vec![reply(&own[0]), reply(&own[0])],
        vec![reply(&own[0]), reply(&other[1])],
        with(&|delivery| delivery.kind = Kind::AddressChanged),
        with(&|delivery| delivery.channel = Channel::Hook("mail".into())),
        with(&|delivery| delivery.recipient = "third@example.com".into()),
    ]
    .into_iter()
    .enumerate()
    {
        let Err((back, why)) = ledger.clear(intent, &not_all).await else {
            panic!("cleared by the list at {at}")
        };
        assert_eq!(why, Uncleared::Untold);
        intent = back;
    }
    assert_eq!(bench.kinds().await, ["intent", "intent"]);
    let all: Vec<_> = own.iter().map(reply).collect();
    let cleared = ledger.clear(intent, &all).await.ok().unwrap();
    assert_eq!(cleared.record().seq, 1);
    assert_eq!(bench.kinds().await, ["intent", "intent", "delivery", "delivery"]);
}
