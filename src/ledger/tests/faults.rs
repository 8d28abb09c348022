//! Disks that are full, hang, are read-only or go away; a store that is another's. Nothing may be sent, and what becomes
//! of a transaction is always found out.

use std::fs;

use super::*;
use crate::store::StoreError;

/// A short patience. A server answers many times for one step.
fn hasty(bench: &Bench) -> LedgerOptions {
    LedgerOptions {
        timeout: Duration::from_millis(if testing::is_server() { 4_000 } else { 800 }),
        ..bench.options()
    }
}

/// The next commit lasts longer than anybody waits for it, and goes through.
async fn slow(bench: &Bench) {
    if !testing::is_server() {
        fs::write(bench.file().with_extension("slow"), "").unwrap();
        return;
    }
    // No statement lasts longer than the server lets it; both together last longer than whoever waits.
    let sql = "CREATE TABLE slow (); \
        CREATE FUNCTION slowly() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
        IF to_regclass('slow') IS NOT NULL THEN PERFORM pg_sleep(1); END IF; RETURN NEW; END $$; \
        CREATE FUNCTION slowly_at_last() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
        IF to_regclass('slow') IS NOT NULL THEN PERFORM pg_sleep(3.3); DROP TABLE slow; END IF; \
        RETURN NULL; END $$; \
        CREATE TRIGGER slowly BEFORE INSERT ON records FOR EACH ROW EXECUTE FUNCTION slowly(); \
        CREATE CONSTRAINT TRIGGER slowly_at_last AFTER INSERT ON records DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW EXECUTE FUNCTION slowly_at_last()";
    bench.outsider().await.run(sql).await.unwrap();
}

/// Commits fail from now on.
pub(super) async fn failing(bench: &Bench) {
    if !testing::is_server() {
        fs::write(bench.file().with_extension("fail"), "").unwrap();
        return;
    }
    let sql = "CREATE FUNCTION fails() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN \
        RAISE EXCEPTION 'the commit fails'; END $$; \
        CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON records DEFERRABLE INITIALLY DEFERRED \
        FOR EACH ROW EXECUTE FUNCTION fails()";
    bench.outsider().await.run(sql).await.unwrap();
}

/// They do no more.
pub(super) async fn mended(bench: &Bench) {
    if !testing::is_server() {
        fs::remove_file(bench.file().with_extension("fail")).unwrap();
        return;
    }
    bench.outsider().await.run("DROP TRIGGER fails ON records; DROP FUNCTION fails()").await.unwrap();
}

/// Nobody else can write while this one is there.
async fn in_the_way(bench: &Bench) -> Outsider {
    let mut other = bench.outsider().await;
    let sql =
        if testing::is_server() { "BEGIN; LOCK TABLE turn IN EXCLUSIVE MODE" } else { "BEGIN EXCLUSIVE" };
    other.run(sql).await.unwrap();
    other
}

fn is_unwritten(why: &Unintended) -> bool {
    matches!(why, Unintended::Unwritten(_))
}

/// Tries until the store is back.
async fn written_again(bench: &Bench, ledger: &Ledger, signature: &str) -> Intent {
    let mut tries = 0;
    loop {
        match intend(ledger, permit(bench, 1, signature)).await {
            Ok(intent) => return intent,
            Err(why) => assert!(tries < 100, "{why:?}"),
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn i1_a_store_that_hangs_is_a_failing_store() {
    let bench = Bench::new();
    let ledger = bench.opened(hasty(&bench)).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let mut other = in_the_way(&bench).await;
    let begun = std::time::Instant::now();
    assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await));
    assert!(begun.elapsed() < hasty(&bench).timeout * 2);
    assert!(!ledger.stats().writable);
    other.run("ROLLBACK").await.unwrap();
    // No restart: the next attempt goes through, and there is one intent.
    let intent = written_again(&bench, &ledger, "a").await;
    assert!(ledger.stats().writable);
    let kinds = bench.kinds().await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "intent").count(), 1);
    drop(intent);
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn i1_a_commit_that_goes_through_too_late_is_closed_as_never_sent() {
    let bench = Bench::new();
    let ledger = bench.opened(hasty(&bench)).await;
    slow(&bench).await;
    assert_eq!(
        not_intended(&ledger, permit(&bench, 1, "a")).await,
        Unintended::Unwritten(Unwritten::Timeout)
    );
    // The same attempt is new, and the way is free.
    let intent = written_again(&bench, &ledger, "a").await;
    let records = bench.records().await;
    assert_eq!(bench.kinds().await, ["intent", "outcome", "intent"]);
    assert_eq!(
        (records[1]["sent"].as_str(), records[1]["effect"].as_str()),
        (Some("abandoned"), Some("not_applied"))
    );
    assert_eq!(records[1]["intent"]["seq"], 1);
    assert_eq!(claim(&ledger, 10).await.len(), 0);
    assert_eq!(intent.record().seq, 3);
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn i1_an_outcome_that_was_written_too_late_is_found_by_the_second_try() {
    let bench = Bench::new();
    let ledger = bench.opened(hasty(&bench)).await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    slow(&bench).await;
    let finding = bench.finding(Effect::Applied);
    let mut open = match ledger.close(intent.sent(Sent::Accepted(answered(200))), finding.clone()).await {
        Err((open, Unwritten::Timeout)) => open,
        Err((_, why)) => panic!("{why}"),
        Ok(_) => panic!("recorded"),
    };
    let recorded = loop {
        match ledger.close(open, finding.clone()).await {
            Ok(closed) => break closed.recorded,
            Err((same, _)) => open = same,
        }
    };
    assert_eq!(recorded.record().seq, 2);
    assert_eq!(recorded.reply(), Ok(&answered(200)));
    assert_eq!(bench.kinds().await, ["intent", "outcome"]);
    assert_eq!(claim(&ledger, 10).await.len(), 4);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn i1_a_commit_that_fails_leaves_nothing() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    failing(&bench).await;
    assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await));
    assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await));
    assert!(ledger.stats().failures >= 2);
    mended(&bench).await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert_eq!(intent.record().seq, 1);
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn i1_a_failed_commit_that_is_on_disk_after_all_is_closed() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let first = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    close(&ledger, first.sent(Sent::NotSent("no route".into())), bench.finding(Effect::NotApplied)).await;
    failing(&bench).await;
    assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 2, "b")).await));
    mended(&bench).await;
    // What the disk did with it: record and intent are there.
    let last = rows(&bench.url()).await.pop().unwrap();
    let mut record = bench.records().await.remove(0);
    record["seq"] = 3.into();
    record["prev"] = Digest::of(&last.bytes).hex().into();
    let mut other = bench.outsider().await;
    other.append("gw-1", 3, record.to_string().as_bytes()).await;
    let sql = "INSERT INTO intents (chain, seq, target, state, owner, lease_until, at) \
         SELECT chain, 3, 'ghost', 'open', owner, lease_until, at FROM intents WHERE seq = 1";
    other.run(sql).await.unwrap();
    let intent = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    let records = bench.records().await;
    assert_eq!(
        (records[3]["sent"].as_str(), records[3]["intent"]["seq"].as_u64()),
        (Some("abandoned"), Some(3))
    );
    assert_eq!(intent.record().seq, 5);
    assert_eq!(bench.sound().await, 1);
}

#[tokio::test]
async fn i4_a_chain_that_another_hand_continued_or_cut_is_not_continued() {
    let cut = if testing::is_server() {
        "ALTER TABLE records DISABLE TRIGGER USER; DELETE FROM records WHERE seq = 1"
    } else {
        "DROP TRIGGER records_are_not_deleted; PRAGMA foreign_keys = OFF; DELETE FROM records WHERE seq = 1"
    };
    let continued =
        "INSERT INTO records (chain, seq, bytes) SELECT chain, seq + 1, bytes FROM records WHERE seq = 1";
    for sql in [continued, cut] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        ledger.started(Digest::of(b"policy")).await.unwrap();
        bench.outsider().await.run(sql).await.unwrap();
        let why = not_intended(&ledger, permit(&bench, 1, "a")).await;
        let Unintended::Unwritten(Unwritten::Store(error)) = &why else { panic!("{why:?}") };
        assert!(matches!(**error, StoreError::Moved { expected: 1, .. }), "{why:?}");
        let why = not_intended(&ledger, permit(&bench, 1, "a")).await;
        assert_eq!(why, Unintended::Unwritten(Unwritten::Broken));
        let broken = ledger.stats().broken.unwrap();
        assert_eq!((broken.chain.as_str(), broken.seq), ("gw-1", 1));
        assert!(!ledger.stats().writable);
    }
}

#[tokio::test]
async fn o3_a_file_that_vanished_or_was_replaced_takes_no_change() {
    if testing::is_server() {
        return;
    }
    for name in ["ledger.db", "ledger.db-wal"] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        ledger.started(Digest::of(b"policy")).await.unwrap();
        let file = bench.directory.path().join(name);
        let aside = bench.directory.path().join("aside");
        fs::rename(&file, &aside).unwrap();
        assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await), "{name}");
        fs::copy(&aside, &file).unwrap();
        assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await), "{name}");
        assert!(!ledger.stats().writable);
        fs::rename(&aside, &file).unwrap();
        assert!(intend(&ledger, permit(&bench, 1, "a")).await.is_ok(), "{name}");
    }
}

#[tokio::test]
async fn o3_a_ledger_without_requests_sees_by_itself_that_its_store_went_and_came_back() {
    let bench = Bench::new();
    let lease = Duration::from_millis(150);
    let ledger = bench.opened(LedgerOptions { lease, ..bench.options() }).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let until = async |writable: bool| {
        let mut tries = 0;
        while ledger.stats().writable != writable {
            tries += 1;
            assert!(tries < 3_000);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    until(true).await;
    let aside = bench.directory.path().join("aside");
    if testing::is_server() {
        bench.outsider().await.run("ALTER TABLE chains RENAME TO aside").await.unwrap();
    } else {
        fs::rename(bench.file(), &aside).unwrap();
    }
    until(false).await;
    if testing::is_server() {
        bench.outsider().await.run("ALTER TABLE aside RENAME TO chains").await.unwrap();
    } else {
        fs::rename(&aside, bench.file()).unwrap();
    }
    until(true).await;
    failing(&bench).await;
    assert!(is_unwritten(&not_intended(&ledger, permit(&bench, 1, "a")).await));
    until(false).await;
    mended(&bench).await;
    until(true).await;
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn o2_the_store_is_one_process_alone() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let Err(LedgerFault::Store(StoreError::Held(_))) = Ledger::open(bench.options()).await else {
        panic!("opened twice")
    };
    ledger.stop().await.unwrap();
    assert!(Ledger::open(bench.options()).await.is_ok());
}

#[tokio::test]
async fn i1_a_full_store_takes_no_change_and_comes_back() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let max = 90 * 4096;
    let full = format!("sqlite:{}?reserve=0&max_bytes={max}", bench.file().display());
    let ledger = bench.opened(LedgerOptions { url: full, ..bench.options() }).await;
    let mut made = Vec::new();
    let why = loop {
        let n = u32::try_from(made.len()).unwrap();
        match intend(&ledger, permit(&bench, n, "a")).await {
            Ok(intent) => made.push(intent),
            Err(why) => break why,
        }
    };
    assert!(is_unwritten(&why), "{why:?}");
    assert!(!ledger.stats().writable);
    assert_eq!(bench.sound().await, made.len() as u64);
    ledger.stop().await.ok();
    let ledger = bench.ledger().await;
    assert!(intend(&ledger, permit(&bench, 9_999, "a")).await.is_ok());
}

#[tokio::test]
async fn only_what_matters_may_use_the_reserve() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let url = format!("sqlite:{}?reserve=1000000&max_bytes=1000000", bench.file().display());
    let ledger = bench.opened(LedgerOptions { url, ..bench.options() }).await;
    assert_eq!(ledger.started(Digest::of(b"policy")).await, Err(Unwritten::Reserve));
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    assert_eq!(bench.kinds().await, ["intent", "outcome"]);
}

#[tokio::test]
async fn o3_a_store_that_is_read_only_takes_no_change() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.stop().await.unwrap();
    let location = crate::store::Location::read(&bench.url()).unwrap();
    let medium = crate::store::Medium::Any;
    let (mut writer, _reader) =
        crate::store::Writer::open(location, medium, Duration::from_secs(1), ("gw-1", "o")).await.unwrap();
    let sql =
        if testing::is_server() { "SET default_transaction_read_only = on" } else { "PRAGMA query_only = 1" };
    writer.run(sql).await.unwrap();
    let head = writer.head("gw-1").await.unwrap();
    let step = crate::store::Step::Append(crate::store::Append {
        weight: crate::store::Weight::Vital,
        person: None,
        checks: Vec::new(),
        compose: Box::new(|_| Ok(crate::store::Composed { record: Some(b"{}".to_vec()), ops: Vec::new() })),
    });
    let until = std::time::Instant::now() + Duration::from_secs(5);
    assert!(writer.append("gw-1", head, vec![step], until).await.is_err());
    writer.settle().await.unwrap();
    assert_eq!(writer.head("gw-1").await.unwrap(), head);
}

#[tokio::test]
async fn who_went_away_before_it_was_written_gets_no_record() {
    let bench = Bench::new();
    let ledger = bench.opened(hasty(&bench)).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let mut other = in_the_way(&bench).await;
    let all = (0..8).map(|n| {
        let (ledger, permit) = (ledger.clone(), permit(&bench, n, "s"));
        tokio::spawn(async move { intend(&ledger, permit).await.is_ok() })
    });
    for task in all.collect::<Vec<_>>() {
        assert!(!task.await.unwrap());
    }
    other.run("ROLLBACK").await.unwrap();
    let intent = written_again(&bench, &ledger, "later").await;
    assert_eq!(bench.sound().await, 1);
    drop(intent);
}
