//! What the guard says of itself; and what is handed over before its change.

use super::*;
use crate::notice::{Event, Kind};

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
