//! What the writer does of its own accord, and what it says of itself.

use super::*;
use crate::{
    ledger::{DeliveryOutcome, LedgerStats, Reserve, Unclosed},
    policy::Recall,
};

/// A ledger that looks around often.
async fn busy(bench: &Bench) -> Ledger {
    bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await
}

async fn until(ledger: &Ledger, is: impl Fn(&LedgerStats) -> bool) {
    let mut tries = 0;
    while !is(&ledger.stats()) {
        tries += 1;
        assert!(tries < 500, "{:?}", ledger.stats());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn count(other: &mut Outsider, sql: &'static str) -> i64 {
    other.read(sql).await.unwrap()
}

async fn until_none(other: &mut Outsider, sql: &'static str) {
    let mut tries = 0;
    while count(other, sql).await > 0 {
        tries += 1;
        assert!(tries < 500, "{sql}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn i3_a_chain_changed_under_a_running_guard_is_found_and_takes_no_change() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let open = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let mut other = bench.outsider().await;
    bench.pass(601);
    ledger.started(Digest::of(b"policy")).await.unwrap();
    other.forge(1, "gw-1", "gw-2").await;
    bench.pass(601);
    until(&ledger, |stats| stats.broken.is_some()).await;
    let broken = ledger.stats().broken.unwrap();
    assert_eq!((broken.chain.as_str(), broken.seq), ("gw-1", 1));
    assert_eq!(not_intended(&ledger, permit(&bench, 2, "b")).await, Unintended::Unwritten(Unwritten::Broken));
    // What was begun is brought to its end, and people can be told.
    close(&ledger, open.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    let event = crate::notice::Event::ChainBroken { chain: broken.chain, seq: broken.seq, why: broken.why };
    assert!(ledger.say(&event, &routing(), Some("chain gw-1")).await.unwrap());
}

#[tokio::test]
async fn a_chain_that_holds_is_not_called_broken() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    for _ in 0..3 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
        bench.pass(601);
        let before = ledger.stats().commits;
        // The look is begun in the turn that prunes: that one is over when another commit follows.
        until(&ledger, |stats| stats.commits > before).await;
    }
    assert_eq!(ledger.stats().broken, None);
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
}

#[tokio::test]
async fn the_head_is_compared_with_what_was_written() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(ledger.head().seq, 1);
    let mut other = bench.outsider().await;
    // The last record, which nothing follows yet.
    other.forge(1, "start", "stop!").await;
    bench.pass(601);
    until(&ledger, |stats| stats.broken.is_some()).await;
    assert_eq!(ledger.stats().broken.unwrap().seq, 1);
}

#[tokio::test]
async fn what_is_settled_is_forgotten_after_thirty_days_and_what_waits_never() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let claimed = ledger.claim(&queue(Urgency::Now), 2).await.unwrap();
    let delivered = DeliveryOutcome::Delivered { reply: "250 ok".into() };
    ledger.delivered(&claimed[0], delivered).await.unwrap();
    ledger.delivered(&claimed[1], DeliveryOutcome::Dead { why: "550".into() }).await.unwrap();
    let records = bench.records().await;
    let mut other = bench.outsider().await;
    bench.pass(29 * 24 * 3600);
    until_none(&mut other, "SELECT count(*) FROM attempts").await;
    assert_eq!(count(&mut other, "SELECT count(*) FROM outbox").await, 4);
    bench.pass(2 * 24 * 3600);
    until_none(&mut other, "SELECT count(*) FROM outbox WHERE state <> 'due'").await;
    assert_eq!(count(&mut other, "SELECT count(*) FROM outbox").await, 2);
    assert_eq!(count(&mut other, "SELECT count(*) FROM intents WHERE answer IS NOT NULL").await, 0);
    // Records, and what is known of addresses, are not.
    assert_eq!(bench.records().await, records);
    let ask = Recall {
        target: update(2, NEW).target().clone(),
        addresses: vec![Address::read(NEW).unwrap()],
        permissions: false,
    };
    assert_eq!(ledger.recall(&ask).await.unwrap().in_use.len(), 1);
}

#[tokio::test]
async fn counts_keys_and_windows_are_forgotten_in_small_parts() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    let with = permit_from(&bench, 1, OLD, NEW, "a", vec![quota(9, QuotaOf::User)]);
    applied(&bench, &ledger, with).await;
    let event = crate::notice::Event::Test { channel: "mail".into() };
    assert!(ledger.say(&event, &routing(), Some("once")).await.unwrap());
    let mut other = bench.outsider().await;
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) \
         INSERT INTO said (key, at) SELECT 'k' || i, 0 FROM n; \
         INSERT INTO folds (fold, span, until) SELECT key, 60000, 0 FROM said";
    other.run(sql).await.unwrap();
    bench.pass(61);
    until_none(&mut other, "SELECT count(*) FROM said WHERE at = 0").await;
    until_none(&mut other, "SELECT count(*) FROM folds WHERE until = 0").await;
    assert!(ledger.stats().commits >= 5, "200 rows at a time");
    bench.pass(365 * 24 * 3600);
    assert!(!ledger.say(&event, &routing(), Some("once")).await.unwrap());
    assert_eq!(count(&mut other, "SELECT count(*) FROM counts").await, 1);
    bench.pass(2 * 24 * 3600);
    until_none(&mut other, "SELECT count(*) FROM counts").await;
    bench.pass(34 * 24 * 3600);
    until_none(&mut other, "SELECT count(*) FROM said").await;
    assert!(ledger.say(&event, &routing(), Some("once")).await.unwrap());
}

/// As much as is written is forgotten: not once in a turn of ten seconds only, and also while somebody asks for something.
#[tokio::test]
async fn what_is_to_be_forgotten_is_forgotten_in_one_go() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let mut other = bench.outsider().await;
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
         INSERT INTO said (key, at) SELECT 'k' || i, 0 FROM n";
    other.run(sql).await.unwrap();
    bench.pass(11 * 60);
    // Turns come every ten seconds.
    let begun = std::time::Instant::now();
    while count(&mut other, "SELECT count(*) FROM said").await > 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "what is old is still there");
        ledger.started(Digest::of(b"policy")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn commits_are_timed_and_failures_named() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for _ in 0..3 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
    }
    let stats = ledger.stats();
    assert_eq!(stats.sync.count(), 3);
    assert!(stats.sync.nanos > 0);
    assert_eq!(stats.free_bytes.is_some_and(|free| free > 0), !testing::is_server());
    assert_eq!((stats.reserve, stats.last_failure), (Reserve::Untouched, None));
    assert_eq!((stats.waiting, stats.queue_capacity), (0, 1_024 + 4_096));
    let head = ledger.head();
    assert_eq!((head.seq, &head.hash), (3, &stats.head));
    faults::failing(&bench).await;
    assert!(ledger.started(Digest::of(b"policy")).await.is_err());
    faults::mended(&bench).await;
    let failure = ledger.stats().last_failure.unwrap();
    assert_eq!((failure.word, failure.at), ("database", bench.clock.now().millis()));
}

#[tokio::test]
async fn a_reserve_that_is_begun_shows() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let url = format!("sqlite:{}?reserve=1000000&max_bytes=1000000", bench.file().display());
    let ledger = bench.opened(LedgerOptions { url, ..bench.options() }).await;
    assert!(ledger.started(Digest::of(b"policy")).await.is_err());
    assert_eq!(ledger.stats().reserve, Reserve::Begun);
}

/// A turn that prunes, and begins whatever else is due.
async fn turn(ledger: &Ledger) {
    let before = ledger.stats().commits;
    until(ledger, |stats| stats.commits > before).await;
}

#[tokio::test]
async fn the_end_of_the_chain_is_looked_at_every_ten_minutes() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    for _ in 0..2 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
    }
    bench.outsider().await.forge(1, "gw-1", "gw-2").await;
    bench.pass(599);
    turn(&ledger).await;
    for _ in 0..20 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
    }
    assert_eq!(ledger.stats().broken, None, "not yet");
    bench.pass(1);
    until(&ledger, |stats| stats.broken.is_some()).await;
}

#[tokio::test]
async fn the_end_of_the_chain_is_looked_at_again_and_again() {
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    for _ in 0..2 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
        bench.pass(601);
        turn(&ledger).await;
    }
    bench.outsider().await.forge(1, "gw-1", "gw-2").await;
    bench.pass(601);
    until(&ledger, |stats| stats.broken.is_some()).await;
}

#[tokio::test]
async fn much_is_forgotten_with_pauses_and_as_long_as_that_takes_it_is_said() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = busy(&bench).await;
    let mut other = bench.outsider().await;
    let sql = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) \
         INSERT INTO said (key, at) SELECT 'k' || i, 0 FROM n";
    other.run(sql).await.unwrap();
    assert!(!ledger.is_forgetting());
    let begun = std::time::Instant::now();
    bench.pass(61);
    turn(&ledger).await;
    assert!(ledger.is_forgetting());
    until_none(&mut other, "SELECT count(*) FROM said").await;
    // Twelve pauses of a tenth of a second.
    assert!(begun.elapsed() >= Duration::from_millis(1_200), "{:?}", begun.elapsed());
    let mut tries = 0;
    while ledger.is_forgetting() {
        tries += 1;
        assert!(tries < 500);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn i3_a_first_record_that_follows_from_another_is_not_closed() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    bench.pass(1);
    ledger.started(Digest::of(b"policy")).await.unwrap();
    ledger.retain(Duration::from_millis(1));
    bench.outsider().await.forge(1, "\"prev\":\"0", "\"prev\":\"1").await;
    let why = ledger.close_old(bench.directory.path()).await.unwrap_err();
    assert!(matches!(why, Unclosed::Broken(1, _)), "{why}");
}

#[tokio::test]
async fn a_start_says_where_the_chains_end_and_a_new_policy_does_not() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    ledger.in_force(Digest::of(b"another")).await.unwrap();
    ledger.started(Digest::of(b"another")).await.unwrap();
    let records = bench.records().await;
    assert_eq!((&records[1]["kind"], records[1].get("heads")), (&"policy".into(), None));
    assert_eq!((&records[2]["kind"], &records[2]["heads"][0]["seq"]), (&"start".into(), &2.into()));
}

#[tokio::test]
async fn nothing_is_closed_where_records_stay_for_ever() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for _ in 0..2 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
        bench.pass(1);
    }
    assert_eq!(ledger.close_old(bench.directory.path()).await.unwrap(), None);
    ledger.retain(Duration::from_millis(1));
    assert_eq!(ledger.close_old(bench.directory.path()).await.unwrap().map(|segment| segment.last), Some(1));
}

#[tokio::test]
async fn a_lease_is_renewed_before_it_runs_out() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_secs(6), ..bench.options() }).await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let renewed = async {
        for _ in 0..2 {
            turn(&ledger).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(8), renewed).await.is_ok(), "every third of it");
    drop(intent);
}
