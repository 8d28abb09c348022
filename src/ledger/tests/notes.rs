//! Refusals, ordinary operations, gaps, strangers.

use super::*;
use crate::{
    caller::Arn,
    ledger::Stranger,
    operation::{Ordinary, testing::ordinary},
    policy::{Code, Given, Looked, Refusal, Refused},
};

/// A refused change of an address.
pub(super) fn refused(n: Option<u32>) -> Refused {
    let change = n.map(|n| update(n, NEW));
    Refused {
        caller: caller(),
        route: change.as_ref().map(Change::route),
        class: change.as_ref().map(Change::class),
        target: change.as_ref().map(|change| change.target().clone()),
        change: change.map(Box::new),
        asked: vec![(Field::Email, Some(NEW.into()))],
        given: Given::default(),
        looked: n.map(|n| Box::new(Looked { seen: seen(n, OLD), ..Looked::default() })),
        refusal: Refusal {
            code: Code::NoRule,
            rule: Some(RuleRef { id: "some-rule".into(), place: "desk.toml:9".into() }),
            fields: vec![Field::Email],
            detail: "no rule allows this field".into(),
        },
        policy: Digest::of(b"policy"),
    }
}

pub(super) fn pass(bench: &Bench) -> Permit<Ordinary> {
    let operation = ordinary("GET", &format!("/users/{INSTANCE}/{}", user(1)), "");
    let who = (caller(), attempt("a", ""), operation);
    Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now())
}

#[tokio::test]
async fn a_refusal_is_on_record_before_it_is_answered() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let refused = refused(Some(1));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    let record = &bench.records().await[0];
    assert_eq!(record["refusal"]["code"], "no-rule");
    assert_eq!(record["refusal"]["rule"], "some-rule");
    assert_eq!(record["refusal"]["fields"][0], "Email");
    assert_eq!(record["caller"]["principal"], "arn:aws:iam::111122223333:role/IdentityDesk");
    assert!(record["inputs"]["sealed"].is_string());
    assert!(!claim(&ledger, 10).await.is_empty());
}

#[tokio::test]
async fn a_refusal_without_a_target_is_on_record_too() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let refused = refused(None);
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    assert_eq!(bench.records().await[0].get("target"), None);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn o5_as_many_records_as_refusals() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { queue: 20_000, ..bench.options() }).await;
    for _ in 0..10_000 {
        ledger.refuse_ordinary(&refused(Some(1)));
    }
    ledger.stop().await.unwrap();
    let kinds = bench.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "refusal").count(), 10_000);
    assert_eq!(ledger.stats().gaps, 0);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn ordinary_operations_are_recorded_without_waiting() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let noted = ledger.note(pass(&bench));
    assert_eq!(noted.operation().route().operation, "DescribeUser");
    assert_eq!(ledger.stats().seq, 0);
    ledger.stop().await.unwrap();
    let records = bench.records().await;
    assert_eq!(
        records.iter().map(|record| record["kind"].as_str().unwrap()).collect::<Vec<_>>(),
        ["stop", "ordinary"]
    );
    assert_eq!(records[1]["operation"], "DescribeUser");
    assert_eq!(records[1]["basis"]["grounds"][0]["rule"], "identity-desk-email");
    assert_eq!(records[1].get("inputs"), None);
}

#[tokio::test]
async fn what_finds_no_place_is_counted_and_the_count_is_on_record() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { queue: 10, ..bench.options() }).await;
    for _ in 0..50 {
        let _ = ledger.note(pass(&bench));
        bench.pass(1);
    }
    assert_eq!(ledger.stats().gaps, 40);
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    ledger.stop().await.unwrap();
    let records = bench.records().await;
    let ordinary = records.iter().filter(|record| record["kind"] == "ordinary").count();
    let gaps: Vec<_> = records.iter().filter(|record| record["kind"] == "gap").collect();
    assert_eq!((ordinary, gaps.len()), (10, 1));
    assert_eq!(gaps[0]["gap"]["count"], 40);
    assert_eq!(gaps[0]["gap"]["from"], "2027-03-12T10:00:10.000Z");
    assert_eq!(gaps[0]["gap"]["to"], "2027-03-12T10:00:49.000Z");
}

#[tokio::test]
async fn what_a_failing_store_lost_is_in_the_gap() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    faults::failing(&bench).await;
    for _ in 0..5 {
        let _ = ledger.note(pass(&bench));
    }
    while ledger.stats().failures == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    faults::mended(&bench).await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let records = bench.records().await;
    assert_eq!((records[0]["kind"].as_str(), records[0]["gap"]["count"].as_u64()), (Some("gap"), Some(5)));
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn strangers_are_summarised_once_a_minute() {
    let bench = Bench::new();
    let lease = Duration::from_millis(150);
    let ledger = bench.opened(LedgerOptions { lease, ..bench.options() }).await;
    for n in 0..100 {
        ledger.stranger(Stranger { source: [192, 0, 2, n].into(), code: "signature" });
    }
    bench.pass(61);
    while ledger.stats().seq == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let record = &bench.records().await[0];
    assert_eq!(record["kind"], "strangers");
    assert_eq!(record["strangers"]["sources"][0]["prefix"], "192.0.2.0/24");
    assert_eq!(record["strangers"]["sources"][0]["count"], 100);
    assert!(!record.to_string().contains("192.0.2.7"));
}

#[tokio::test]
async fn a_session_that_could_be_an_address_is_not_shown() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let mut refused = refused(Some(1));
    refused.caller.principal.arn =
        Arn::read("arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim@example.com").unwrap();
    ledger.refuse_ordinary(&refused);
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
    ledger.stop().await.unwrap();
    for record in bench.records().await.iter().filter(|record| record["kind"] == "refusal") {
        assert_eq!(record["caller"]["principal"], "arn:aws:sts::111122223333:assumed-role/IdentityDesk/~");
    }
}

#[tokio::test]
async fn what_was_asked_is_of_a_class_and_was_decided_by_a_policy() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let pass = pass(&bench);
    let policy = pass.policy().hex();
    let _ = ledger.note(pass);
    ledger.refuse_ordinary(&refused(Some(1)));
    ledger.stop().await.unwrap();
    let records = bench.records().await;
    let of = |kind: &str| records.iter().find(|record| record["kind"] == kind).unwrap();
    assert_eq!((&of("ordinary")["class"], &of("ordinary")["policy"]), (&"read".into(), &policy.into()));
    let (refusal, policy) = (of("refusal"), Digest::of(b"policy").hex());
    assert_eq!((&refusal["class"], &refusal["policy"]), (&"identity".into(), &policy.into()));
}
