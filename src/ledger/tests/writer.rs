//! The writer: what goes into one transaction, what comes back when it was not written, and who is woken.

use std::{pin::pin, time::Instant};

use tokio::task::JoinSet;

use super::*;
use crate::ledger::{LedgerStats, Stranger, queue::Shared};

async fn until(ledger: &Ledger, is: impl Fn(&LedgerStats) -> bool) {
    let mut tries = 0;
    while !is(&ledger.stats()) {
        tries += 1;
        assert!(tries < 1_000, "{:?}", ledger.stats());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Two records: the turn that comes at once, and takes along whatever waits, is over behind them.
async fn after_the_first_turn(ledger: &Ledger) {
    for _ in 0..2 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
    }
}

fn stranger(last: u8) -> Stranger {
    Stranger { source: [192, 0, 2, last].into(), code: "signature" }
}

/// A ledger that looks around often.
fn busy(bench: &Bench) -> LedgerOptions {
    LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }
}

#[tokio::test]
async fn whoever_waits_for_an_outcome_is_woken_by_it_and_by_nothing_else() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let mut woken = pin!(ledger.inner.shared.outcomes.notified());
    assert!(!woken.as_mut().enable());
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert!(!woken.as_mut().enable());
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    // After whatever was written with it.
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert!(woken.as_mut().enable());
}

/// Asks for so many deliveries and one record at once; how many transactions that takes.
async fn at_once(ledger: &Ledger, deliveries: usize) -> u64 {
    let commits = ledger.stats().commits;
    let mut all = JoinSet::new();
    for _ in 0..deliveries {
        let ledger = ledger.clone();
        all.spawn(async move { drop(ledger.claim(&queue(Urgency::Now), 1).await.unwrap()) });
    }
    let asked = ledger.clone();
    all.spawn(async move { asked.started(Digest::of(b"policy")).await.unwrap() });
    all.join_all().await;
    ledger.stats().commits - commits
}

#[tokio::test]
async fn a_record_that_somebody_waits_for_takes_sixteen_deliveries_along_and_no_more() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    after_the_first_turn(&ledger).await;
    assert_eq!(at_once(&ledger, 16).await, 1);
    assert_eq!(at_once(&ledger, 17).await, 2);
}

#[tokio::test]
async fn a_transaction_takes_256_records_and_as_many_notes_and_no_more() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    after_the_first_turn(&ledger).await;
    for (count, transactions) in [(256, 1), (257, 2)] {
        let (commits, seq) = (ledger.stats().commits, ledger.stats().seq);
        for _ in 0..count {
            ledger.refuse_ordinary(&notes::refused(None));
        }
        ledger.started(Digest::of(b"policy")).await.unwrap();
        until(&ledger, |stats| stats.seq == seq + count + 1).await;
        assert_eq!(ledger.stats().commits - commits, transactions, "{count} notes");
    }
    for (records, transactions) in [(256, 1), (257, 2)] {
        let commits = ledger.stats().commits;
        let mut all = JoinSet::new();
        for _ in 0..records {
            let ledger = ledger.clone();
            all.spawn(async move { ledger.in_force(Digest::of(b"policy")).await.unwrap() });
        }
        all.join_all().await;
        assert_eq!(ledger.stats().commits - commits, transactions, "{records}");
    }
}

#[tokio::test]
async fn notes_are_collected_for_a_moment() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    after_the_first_turn(&ledger).await;
    let begun = Instant::now();
    ledger.refuse_ordinary(&notes::refused(Some(1)));
    until(&ledger, |stats| stats.seq == 3).await;
    assert!(begun.elapsed() >= Duration::from_millis(100), "nobody waits for it");
}

#[tokio::test]
async fn the_writer_is_woken_when_half_of_the_places_for_notes_are_taken() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { queue: 10, ..bench.options() }).await;
    for n in 1..=5 {
        ledger.refuse_ordinary(&notes::refused(Some(n)));
        assert_eq!(ledger.stats().waiting, n as usize);
        let mut crowded = pin!(ledger.inner.shared.crowded.notified());
        assert_eq!(crowded.as_mut().enable(), n == 5, "{n} of 10");
    }
}

#[tokio::test]
async fn strangers_that_are_on_record_are_not_counted_again() {
    let bench = Bench::new();
    let ledger = bench.opened(busy(&bench)).await;
    ledger.stranger(stranger(1));
    bench.pass(61);
    until(&ledger, |stats| stats.seq == 1).await;
    ledger.stop().await.unwrap();
    let mut kinds = bench.kinds().await;
    kinds.sort();
    assert_eq!(kinds, ["stop", "strangers"]);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_counted_and_kept() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let url = format!("sqlite:{}?reserve=1000000&max_bytes=1000000", bench.file().display());
    let ledger = bench.opened(LedgerOptions { url, ..busy(&bench) }).await;
    ledger.refuse_ordinary(&notes::refused(Some(1)));
    until(&ledger, |stats| stats.gaps == 1).await;
    ledger.stranger(stranger(1));
    bench.pass(61);
    // As long as the gap has no place it is tried again in every turn, and the summary with the first of them.
    let commits = ledger.stats().commits;
    until(&ledger, |stats| stats.commits >= commits + 3).await;
    let kept = ledger.inner.shared.take_strangers().unwrap();
    assert_eq!(kept.sources.values().sum::<u64>(), 1);
    assert!(bench.records().await.is_empty());
}

#[test]
fn strangers_that_come_back_take_no_more_places_than_there_are() {
    let shared = Shared::default();
    let source = |n: u32| Stranger { source: std::net::Ipv4Addr::from(n << 8).into(), code: "missing" };
    let count = |all: std::ops::Range<u32>| {
        all.for_each(|n| shared.stranger(&source(n), 1));
        shared.take_strangers().unwrap()
    };
    let places = count(0..10_000).sources.len();
    let few = count(0..3);
    shared.strangers_back(few);
    let few = shared.take_strangers().unwrap();
    assert_eq!((few.sources.len(), few.others), (3, 0), "there is room");
    // One of them is counted already; for the other two there is none.
    (2..10_000).take(places).for_each(|n| shared.stranger(&source(n), 2));
    shared.strangers_back(few);
    let all = shared.take_strangers().unwrap();
    assert_eq!((all.sources.len(), all.others), (places, 2));
    assert_eq!(all.sources.values().sum::<u64>(), places as u64 + 1);
}
