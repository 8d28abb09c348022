//! What is on record of operators: why they did something, sealed, and what they asked for when they looked.

use serde_json::{Value, json};

use super::{evidence::desk, *};
use crate::ledger::{Filter, Kind, RecordFilter, Unsealed};

fn of_kind(kind: Kind) -> RecordFilter {
    RecordFilter { kinds: vec![kind], most: 10, ..RecordFilter::default() }
}

#[tokio::test]
async fn why_an_operator_did_something_is_sealed_and_can_be_read() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert!(erased(&bench, update(1, NEW).target()).await);
    ledger.stop().await.unwrap();
    let desk = desk(&bench).await;
    let hash = HashKey::new(&Secret::new(vec![8; 32]));
    desk.accept_hash_key(&hash, "the disk was lost", &operator()).await.unwrap();
    for (kind, reason) in [(Kind::Erasure, "she left"), (Kind::Rekey, "the disk was lost")] {
        let found = desk.records(&of_kind(kind)).await.unwrap();
        assert!(!found[0].record.to_string().contains(reason));
        let opened = desk.reveal(&found, "", &operator()).await.unwrap();
        assert_eq!(opened, [Unsealed::Opened(json!({ "words": reason }))]);
    }
    desk.close().await;
}

#[tokio::test]
async fn what_somebody_asked_for_who_looked_is_on_record_and_nothing_is_where_it_was_nothing() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let desk = desk(&bench).await;
    let found = desk.records(&of_kind(Kind::Intent)).await.unwrap();
    for asked in ["kind=intent", ""] {
        let _ = desk.reveal(&found, asked, &operator()).await.unwrap();
    }
    let looked = desk.records(&of_kind(Kind::Reveal)).await.unwrap();
    let asked: Vec<Option<&Value>> = looked.iter().map(|one| one.record["reveal"].get("filter")).collect();
    assert_eq!(asked, [Some(&"kind=intent".into()), None]);
    desk.close().await;
}

#[tokio::test]
async fn whoever_looks_at_deliveries_is_on_record_with_what_they_are_about() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for n in [1, 2] {
        applied(&bench, &ledger, permit(&bench, n, "a")).await;
    }
    let desk = desk(&bench).await;
    let mut listed = desk.list(&Filter::default()).await.unwrap();
    assert_eq!(listed.len(), 8);
    desk.looks_at([], "list dead", &operator()).await.unwrap();
    assert_eq!(desk.records(&of_kind(Kind::Reveal)).await.unwrap(), []);
    listed.reverse();
    desk.looks_at(&listed, "list all", &operator()).await.unwrap();
    let looked = desk.records(&of_kind(Kind::Reveal)).await.unwrap();
    let reveal = &looked[0].record["reveal"];
    assert_eq!((&reveal["filter"], &reveal["user"]), (&"list all".into(), &"root".into()));
    assert_eq!(reveal["records"], json!(["gw-1/2", "gw-1/4"]), "each once, in order");
    desk.close().await;
}
