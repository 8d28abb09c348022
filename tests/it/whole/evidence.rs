//! The ledger as evidence, by the commands of whoever runs the guard: a backup taken beside it, put back, noticed and taken;
//! an export of more records than fit into its memory; a user erased.

use std::{fs, process::Stdio, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use connect_guard::demo::stage::{INSTANCE, Setting};
use serde_json::Value;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::{by_operator, change, lines, run, said, text};
use crate::{
    records::of_kind,
    running::{LIMIT, Running, own_address, put, roomy, until, user},
};

/// A guard that tells a file where its chains end.
fn kept(users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    setting.more.push_str("\n[evidence]\nevery = \"1s\"\nheads_file = \"heads.jsonl\"\n");
    setting
}

#[tokio::test(flavor = "multi_thread")]
async fn i4_a_backup_that_was_put_back_is_noticed_and_taken_by_an_operator_only() {
    let mut guard = Running::with(kept(3)).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(change(&desk, 1, &[("FirstName", "Maria")]).await.status, 200);
    let ledger = guard.stage.folder.join("ledger.db");
    let backup = guard.stage.folder.join("backup.db");
    let copied = said(by_operator(&guard, &["audit", "backup", "--to", backup.to_str().unwrap()])).await;
    assert!(copied.contains("copied and verified"), "{copied}");
    assert_eq!(change(&desk, 2, &[("FirstName", "Maria")]).await.status, 200);
    let whole = run(by_operator(&guard, &["audit", "verify"])).await;
    assert_eq!(whole.status.code(), Some(0), "{}{}", text(&whole.stdout), text(&whole.stderr));
    guard.process.stop().await.unwrap();
    let seen = fs::read_to_string(guard.stage.folder.join("heads.jsonl")).unwrap();
    assert!(seen.lines().count() >= 2, "at the start and at the end: {seen}");

    for beside in ["ledger.db-wal", "ledger.db-shm"] {
        drop(fs::remove_file(guard.stage.folder.join(beside)));
    }
    fs::copy(&backup, &ledger).unwrap();
    // Without anybody who kept a head it is as good as any other.
    let (report, is_whole) = guard.verify();
    assert!(is_whole, "{report}");
    let compared = run(by_operator(&guard, &["audit", "verify"])).await;
    assert_eq!(compared.status.code(), Some(5), "{}", text(&compared.stdout));
    assert!(text(&compared.stderr).contains("was cut off before it"), "{}", text(&compared.stderr));

    guard.process.restart(&guard.stage).await.unwrap();
    assert!(guard.log().contains("THE LEDGER IS NOT THE ONE THAT WAS SEEN"), "{}", guard.log());
    let desk = guard.caller("IdentityDesk");
    let before = guard.stage.connect.updates().len();
    assert_eq!(change(&desk, 3, &[("FirstName", "Maria")]).await.status, 503, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), before, "nothing is sent");
    until("the alarm", || async {
        let records = guard.records().await;
        of_kind(&records, "event")
            .iter()
            .any(|record| record.text("/event/event") == "chain-broken")
            .then_some(())
    })
    .await;
    guard.process.stop().await.unwrap();
    let after = fs::read_to_string(guard.stage.folder.join("heads.jsonl")).unwrap();
    assert_eq!(after, seen, "nobody is told of a ledger that is not the one that was seen");

    let took = said(by_operator(&guard, &["audit", "accept-restore", "--reason", "the disk was lost"])).await;
    assert!(lines(&took)[0].get("accepted").is_some(), "{took}");
    guard.process.restart(&guard.stage).await.unwrap();
    let desk = guard.caller("IdentityDesk");
    assert_eq!(change(&desk, 3, &[("FirstName", "Maria")]).await.status, 200, "{}", guard.log());
    let whole = run(by_operator(&guard, &["audit", "verify"])).await;
    assert_eq!(whole.status.code(), Some(0), "{}{}", text(&whole.stdout), text(&whole.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_records_are_exported_in_the_memory_of_a_few() {
    const RECORDS: u64 = 100_000;
    let guard = Running::with(kept(1)).await;
    let mut store = SqliteConnectOptions::new()
        .filename(guard.stage.folder.join("ledger.db"))
        .busy_timeout(LIMIT)
        .disable_statement_logging()
        .connect()
        .await
        .unwrap();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {RECORDS}) \
         INSERT INTO records (chain, seq, bytes) SELECT 'many', i, CAST('{{\"v\":1,\"chain\":\"many\",\"seq\":' || i \
         || ',\"prev\":\"\",\"kind\":\"ordinary\",\"operation\":\"{}\"}}' AS BLOB) FROM n",
        "x".repeat(1_500)
    );
    // In one transaction: the guard waits for it, and nobody asks the guard for anything.
    sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    let to = guard.stage.folder.join("export.jsonl");
    let words = ["--format", "json", "audit", "export", "--to", to.to_str().unwrap()];
    let mut child = by_operator(&guard, &words).stdout(Stdio::piped()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0;
    let ended = loop {
        // It only grows, and is gone once the process has ended.
        if let Some(peak) = fs::read_to_string(&status).ok().and_then(|text| peak(&text)) {
            most = peak;
        }
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!(ended.success());
    let size = fs::metadata(&to).unwrap().len();
    assert!(size > RECORDS * 1_500, "{size}");
    assert!(most > 0 && most < 96 * 1024, "{most} KiB");
}

/// `VmHWM`, KiB.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_erased_beside_the_guard() {
    let guard = Running::with(kept(2)).await;
    let desk = guard.caller("IdentityDesk");
    let own = own_address(&user(1));
    assert_eq!(change(&desk, 1, &[("Email", &own)]).await.status, 200);
    let of = ["--user", &user(1).id, "--instance", INSTANCE];
    let dry = |more: &'static [&'static str]| {
        let mut words = vec!["--format", "json", "audit", "erase"];
        words.extend(of);
        words.extend(more);
        by_operator(&guard, &words)
    };
    // Its letters are on their way.
    until("its letters", || async {
        let said = run(dry(&["--dry-run"])).await;
        (lines(&text(&said.stdout))[0]["waiting"] == 0).then_some(())
    })
    .await;
    let erased = said(dry(&["--reason", "left the company"])).await;
    assert_eq!(lines(&erased)[0]["erased"], Value::Bool(true), "{erased}");
    let shown = said(by_operator(&guard, &["audit", "show", "--user", &user(1).id, "--reveal"])).await;
    assert!(shown.contains("erased") && !shown.contains(&own), "{shown}");
    let whole = run(by_operator(&guard, &["audit", "verify"])).await;
    assert_eq!(whole.status.code(), Some(0), "{}", text(&whole.stderr));
    let again = lines(&said(dry(&["--dry-run"])).await);
    assert_eq!(again[0]["known"], Value::Bool(false), "{again:?}");
    let reasons =
        said(by_operator(&guard, &["--format", "json", "audit", "show", "--kind", "erasure"])).await;
    assert!(!reasons.contains("left the company"), "sealed: {reasons}");
}

/// Under another key nobody is found, which is not to pass for that there is nothing to erase; and no guard starts.
#[tokio::test(flavor = "multi_thread")]
async fn with_another_hash_key_nobody_is_erased_and_no_guard_starts_until_somebody_takes_it() {
    let mut guard = Running::with(kept(1)).await;
    assert_eq!(change(&guard.caller("IdentityDesk"), 1, &[("FirstName", "Maria")]).await.status, 200);
    let lost = fs::read_to_string(guard.stage.folder.join("secrets/hash")).unwrap();
    put(&guard.stage.folder.join("secrets/hash"), &"5e".repeat(32));
    let erase =
        ["audit", "erase", "--user", &user(1).id, "--instance", INSTANCE, "--reason", "left the company"];
    let refused = run(by_operator(&guard, &erase)).await;
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stdout));
    assert!(text(&refused.stderr).contains("the hash key is another one"), "{}", text(&refused.stderr));

    guard.process.stop().await.unwrap();
    let why = guard.process.restart(&guard.stage).await.unwrap_err().to_string();
    assert!(why.contains("the hash key is another one than the ledger was written with"), "{why}");
    assert!(why.contains("accept-hash-key"), "{why}");
    let accept = ["audit", "accept-hash-key", "--reason", "the disk was lost"];
    put(&guard.stage.folder.join("secrets/hash"), &lost);
    guard.process.restart(&guard.stage).await.unwrap();
    put(&guard.stage.folder.join("secrets/hash"), &"5e".repeat(32));
    let beside = run(by_operator(&guard, &accept)).await;
    assert_eq!(beside.status.code(), Some(1), "{}", text(&beside.stdout));
    assert!(text(&beside.stderr).contains("a guard is at work on this ledger"), "{}", text(&beside.stderr));
    guard.process.stop().await.unwrap();
    said(by_operator(&guard, &accept)).await;
    guard.process.restart(&guard.stage).await.unwrap();
    let again = said(by_operator(&guard, &accept)).await;
    assert_eq!(again, "", "nothing to accept");
    let shown = said(by_operator(&guard, &["--format", "json", "audit", "show", "--kind", "rekey"])).await;
    assert_eq!(lines(&shown).len(), 1, "{shown}");
    assert!(!shown.contains("the disk was lost"), "sealed: {shown}");
    guard.process.stop().await.unwrap();

    put(&guard.stage.folder.join("secrets/hash"), &lost);
    let why = guard.process.restart(&guard.stage).await.unwrap_err().to_string();
    assert!(why.contains("the hash key is another one"), "{why}");
}

/// Nothing but a record, whose hash takes no key, says that they are in a segment.
#[tokio::test(flavor = "multi_thread")]
async fn i3_a_beginning_that_is_not_there_is_not_proven_without_its_segment() {
    let mut guard = Running::with(kept(1)).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(change(&desk, 1, &[("FirstName", "Maria")]).await.status, 200);
    guard.process.stop().await.unwrap();
    let ledger = guard.stage.folder.join("ledger.db");
    let mut store = SqliteConnectOptions::new().filename(&ledger).connect().await.unwrap();
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT seq, bytes FROM records WHERE chain = 'guard' ORDER BY seq")
            .fetch_all(&mut store)
            .await
            .unwrap();
    let hash = |bytes: &[u8]| hex::encode(digest(&SHA256, bytes));
    let (first, (last, end)) = (&rows[0].1, rows.last().unwrap());
    let forged = serde_json::json!({
        "v": 1, "chain": "guard", "seq": last + 1, "prev": hash(end), "at": "2027-03-12T10:00:00.000Z",
        "kind": "segment", "guard": "1.2.3", "owner": "one",
        "segment": {
            "chain": "guard", "first": 1, "last": 1, "hash": hash(first), "file": "guard-1-1.jsonl.gz",
            "digest": "0".repeat(64),
        },
    });
    sqlx::raw_sql("DROP TRIGGER records_are_not_deleted; PRAGMA foreign_keys = OFF")
        .execute(&mut store)
        .await
        .unwrap();
    sqlx::raw_sql("DELETE FROM records WHERE chain = 'guard' AND seq = 1").execute(&mut store).await.unwrap();
    sqlx::query("INSERT INTO records (chain, seq, bytes) VALUES ('guard', $1, $2)")
        .bind(last + 1)
        .bind(forged.to_string().into_bytes())
        .execute(&mut store)
        .await
        .unwrap();
    store.close().await.unwrap();
    let found = run(by_operator(&guard, &["audit", "verify"])).await;
    let words = text(&found.stderr);
    assert_eq!(found.status.code(), Some(6), "{}{words}", text(&found.stdout));
    assert!(words.contains("records 1-1 are not here: closed into `guard-1-1.jsonl.gz`"), "{words}");
    let segments = guard.stage.folder.join("segments");
    let words = ["audit", "verify", "--segments", segments.to_str().unwrap()];
    let found = run(by_operator(&guard, &words)).await;
    assert_eq!(found.status.code(), Some(5), "{}", text(&found.stderr));
}
