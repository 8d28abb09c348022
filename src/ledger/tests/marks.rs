//! The keys that a ledger was written with, and others.

use super::*;
use crate::ledger::OtherKey;

fn hash(fill: u8) -> HashKey {
    HashKey::new(&Secret::new(vec![fill; 32]))
}

/// Sealing keys by id, each of one octet again and again.
fn seal(keys: &[(&str, u8)]) -> Seal {
    Seal::new(keys.iter().map(|(id, fill)| ((*id).to_owned(), Secret::new(vec![*fill; 32]))).collect())
        .unwrap()
}

/// What stands in the way of a guard with these keys; one that starts stops again.
async fn refused(bench: &Bench, hash: HashKey, seal: Seal) -> Option<OtherKey> {
    bench.gone();
    testing::lapse(&bench.url()).await;
    match Ledger::open(LedgerOptions { seal, hash, ..bench.options() }).await {
        Ok(ledger) => {
            ledger.stop().await.unwrap();
            None
        }
        Err(LedgerFault::OtherKey(other)) => Some(other),
        Err(fault) => panic!("{fault}"),
    }
}

#[tokio::test]
async fn no_guard_starts_with_other_keys_than_the_ledger_was_written_with() {
    let bench = Bench::new();
    assert_eq!(refused(&bench, hash(9), seal(&[("k1", 7)])).await, None);
    assert_eq!(refused(&bench, hash(8), seal(&[("k1", 7)])).await, Some(OtherKey::Hash));
    assert_eq!(refused(&bench, hash(9), seal(&[("k1", 6)])).await, Some(OtherKey::Seal("k1".into())));
    assert_eq!(
        refused(&bench, hash(9), seal(&[("k1", 7)])).await,
        None,
        "those that were refused left nothing"
    );
}

#[tokio::test]
async fn a_sealing_key_is_known_again_by_its_id_wherever_it_stands_and_missed_by_nobody() {
    let bench = Bench::new();
    for keys in [&[("k1", 7)][..], &[("k2", 6), ("k1", 7)], &[("k2", 6)], &[("k1", 7), ("k2", 6)]] {
        assert_eq!(refused(&bench, hash(9), seal(keys)).await, None, "{keys:?}");
    }
    let swapped = seal(&[("k1", 6), ("k2", 7)]);
    assert_eq!(refused(&bench, hash(9), swapped).await, Some(OtherKey::Seal("k1".into())));
    let older = seal(&[("k3", 5), ("k2", 4)]);
    assert_eq!(refused(&bench, hash(9), older).await, Some(OtherKey::Seal("k2".into())));
    assert_eq!(
        refused(&bench, hash(9), seal(&[("k3", 1)])).await,
        None,
        "nobody left a mark who was refused"
    );
}

#[tokio::test]
async fn a_replica_with_another_hash_key_is_none_of_them() {
    if !testing::is_server() {
        // A file has one guard at a time.
        return;
    }
    let bench = Bench::new();
    let first = bench.ledger().await;
    let second = Ledger::open(LedgerOptions { hash: hash(8), ..bench.options() }).await;
    assert!(matches!(second, Err(LedgerFault::OtherKey(OtherKey::Hash))), "{:?}", second.err());
    first.stop().await.unwrap();
}

#[tokio::test]
async fn another_hash_key_is_taken_by_somebody_on_record() {
    let bench = Bench::new();
    bench.ledger().await.stop().await.unwrap();
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    assert_eq!(desk.other_keys(&hash(9)).await.unwrap(), []);
    assert_eq!(desk.other_keys(&hash(8)).await.unwrap(), [OtherKey::Hash]);
    desk.accept_hash_key(&hash(8), "the disk was lost", &operator()).await.unwrap();
    assert_eq!(desk.other_keys(&hash(8)).await.unwrap(), []);
    desk.close().await;
    assert_eq!(refused(&bench, hash(9), bench.options().seal).await, Some(OtherKey::Hash));
    assert_eq!(refused(&bench, hash(8), bench.options().seal).await, None);
    let records = bench.records().await;
    let rekey = records.iter().find(|record| record["kind"] == "rekey").unwrap();
    assert_eq!(rekey["operator"]["user"], "root");
    assert!(rekey["inputs"]["sealed"].is_string() && !rekey.to_string().contains("the disk was lost"));
    bench.sound().await;
}

/// Takes the marks away, as in a ledger from before there were any.
async fn unmarked(bench: &Bench) {
    bench.outsider().await.run("DELETE FROM marks").await.unwrap();
}

#[tokio::test]
async fn a_ledger_without_marks_knows_its_keys_by_what_they_made() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    told(&ledger).await;
    ledger.stop().await.unwrap();
    unmarked(&bench).await;
    assert_eq!(refused(&bench, hash(8), seal(&[("k1", 7)])).await, Some(OtherKey::Hash));
    assert_eq!(refused(&bench, hash(9), seal(&[("k1", 6)])).await, Some(OtherKey::Seal("k1".into())));
    let beside = seal(&[("k2", 6), ("k1", 5)]);
    assert_eq!(refused(&bench, hash(9), beside).await, Some(OtherKey::Seal("k1".into())));
    // Nobody who was refused left a mark, and whoever is erased is known all the same.
    assert!(erased(&bench, update(1, NEW).target()).await);
    assert_eq!(refused(&bench, hash(8), seal(&[("k1", 7)])).await, Some(OtherKey::Hash));
    assert_eq!(refused(&bench, hash(9), seal(&[("k1", 7)])).await, None);
}

#[tokio::test]
async fn a_guard_at_work_is_seen_until_it_stops() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    assert!(desk.is_at_work().await.unwrap());
    ledger.stop().await.unwrap();
    assert!(!desk.is_at_work().await.unwrap());
    desk.close().await;
}
