//! A store in a file that somebody altered who can write it: what no guard made, what no record says, and what is gone.

use super::{
    evidence::{day, desk, known},
    *,
};
use crate::ledger::{Flaw, RecordFilter};

#[tokio::test]
async fn nothing_is_taken_away_for_a_segment_that_no_record_says() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for n in 0..2 {
        applied(&bench, &ledger, permit(&bench, n, "a")).await;
    }
    told(&ledger).await;
    let before = rows(&bench.url()).await.len();
    let mut outsider = bench.outsider().await;
    outsider
        .run("INSERT INTO segments (chain, first, last, bound_chain, bound_seq) VALUES ('gw-1', 1, 3, 'gw-1', 4)")
        .await
        .unwrap();
    ledger.retain(Duration::from_hours(30 * 24));
    bench.pass(401 * 86_400);
    // What refers to them is forgotten, and some rounds later nothing else is.
    let mut rounds = 0;
    for _ in 0..600 {
        bench.pass(61);
        ledger.started(Digest::of(b"policy")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        rounds += u32::from(outsider.read("SELECT count(*) FROM intents").await == Some(0));
        if rounds > 20 {
            break;
        }
    }
    assert!(rounds > 20, "nothing is forgotten");
    let after = rows(&bench.url()).await;
    assert!(after[0].seq == 1 && after.len() > before, "it begins with {}", after[0].seq);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn a_chain_that_was_cut_shows_by_what_an_operator_looked_at() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (ledger, _) = day(&bench, 2).await;
    let desk = desk(&bench).await;
    let found = desk.records(&RecordFilter { most: 1, ..RecordFilter::default() }).await.unwrap();
    desk.reveal(&found, "", &operator()).await.unwrap();
    desk.close().await;
    ledger.stop().await.unwrap();
    assert_eq!(bench.sound().await, 0);
    let sql = "PRAGMA foreign_keys = 0; DROP TRIGGER records_are_not_deleted; \
               DELETE FROM records WHERE chain = 'gw-1' AND seq > 3";
    bench.outsider().await.run(sql).await.unwrap();
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert!(matches!(&found.faults[..], [(chain, 4, Flaw::Cut(_))] if chain == "gw-1"), "{:?}", found.faults);
}

#[tokio::test]
async fn a_store_with_something_in_it_that_no_guard_made_is_none() {
    if testing::is_server() {
        return;
    }
    for sql in [
        "CREATE TRIGGER thaw AFTER INSERT ON freezes BEGIN UPDATE freezes SET scope = 'all'; END",
        "CREATE VIEW shown AS SELECT * FROM records",
        "CREATE TABLE more (id INTEGER)",
        "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, '$.kind', '$.none') \
         WHERE name = 'records'",
    ] {
        let bench = Bench::new();
        bench.ledger().await.stop().await.unwrap();
        bench.outsider().await.run(sql).await.unwrap();
        let found = Ledger::verify(&bench.url()).await;
        assert!(found.is_err(), "{sql}: {found:?}");
        let opened = Ledger::open(bench.options()).await;
        let fault = opened.err().map(|fault| fault.to_string()).unwrap_or_default();
        assert!(fault.contains("none that this program makes"), "{sql}: {fault}");
    }
}

#[tokio::test]
async fn a_chain_that_says_that_all_of_it_was_closed_is_not_the_one_that_was_seen() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (ledger, path) = day(&bench, 2).await;
    ledger.stop().await.unwrap();
    let mut outsider = bench.outsider().await;
    let sql = "PRAGMA foreign_keys = 0; DROP TRIGGER records_are_not_deleted; DELETE FROM records";
    outsider.run(sql).await.unwrap();
    let hash = "0f".repeat(32);
    let segment = serde_json::json!({
        "chain": "gw-1", "first": 1, "last": 100, "hash": hash, "file": "gw-1-1-100.jsonl.gz", "digest": hash,
    });
    let record = serde_json::json!({
        "v": 1, "chain": "gw-1", "seq": 101, "prev": hash, "kind": "segment", "segment": segment,
    });
    outsider.record("gw-1", 101, &record.to_string()).await;
    let desk = desk(&bench).await;
    let broken = desk.is_as_seen(&known(&path)).await.unwrap().unwrap();
    assert_eq!(broken.chain, "gw-1");
}
