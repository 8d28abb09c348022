//! A ledger of many records: how long it takes to open, to verify, and to find something in it, and what a change costs there.
//! `tests/long size` runs it, in a folder that stays, so that what was written once need not be written again.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use super::*;
use crate::{caller::Arn, ledger::RecordFilter};

/// Users that are changed, one after the other.
const USERS: u64 = 1_000;
/// Changes at once, and as many refusals; with each so many ordinary operations.
const AT_ONCE: u64 = 64;
const ORDINARY: u64 = 14;
/// How long a round takes on the ledger's clock, milliseconds: a user that was changed may be changed in the next one again.
const ROUND: i64 = 400_000;

/// What is asked for from outside: how many records, in which folder.
#[expect(clippy::disallowed_methods, reason = "said by `tests/long`")]
fn asked() -> (u64, PathBuf) {
    let said =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: tests/long size"));
    (said("SIZE_RECORDS").parse().unwrap(), said("SIZE_FOLDER").into())
}

fn options(bench: &Bench, folder: &Path) -> LedgerOptions {
    LedgerOptions { url: testing::url(folder), ..bench.options() }
}

/// One change of a user, from its intent to its outcome. Each gives another address, and finds the first one.
async fn changed(bench: &Bench, ledger: &Ledger, number: u64) {
    let n = u32::try_from(number % USERS).unwrap();
    let to = format!("mary{n}.{number}@example.org");
    applied(bench, ledger, permit_from(bench, n, &old_of(n), &to, &format!("s{number}"), Vec::new())).await;
}

/// So many changes at once.
async fn changed_at_once(bench: &Bench, ledger: &Ledger, first: u64, count: u64) {
    futures(count, |n| changed(bench, ledger, first + n)).await;
}

/// All of them, side by side on this task.
async fn futures<F: Future<Output = ()>>(count: u64, make: impl Fn(u64) -> F) {
    let mut all: Vec<_> = (0..count).map(|n| Box::pin(make(n))).collect();
    std::future::poll_fn(|at| {
        all.retain_mut(|one| one.as_mut().poll(at).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// What a guard writes: changes, refusals, ordinary operations, deliveries.
async fn round(bench: &Bench, ledger: &Ledger, first: u64) {
    changed_at_once(bench, ledger, first, AT_ONCE).await;
    futures(AT_ONCE, |n| async move {
        let refused = notes::refused(Some(u32::try_from((first + n) % USERS).unwrap()));
        let plan = Plan::of_refusal(&refused, &routing(), bench.clock.now());
        ledger.refuse(&refused, plan).await.unwrap();
    })
    .await;
    for _ in 0..AT_ONCE * ORDINARY {
        let _ = ledger.note(notes::pass(bench));
    }
    told(ledger).await;
    // Notes wait for company: whoever comes after them finds them written.
    while ledger.stats().waiting > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.clock.advance(SignedDuration::from_millis(ROUND));
}

/// Of this process: memory in use, KiB, and CPU time (`proc(5)`: ticks are hundredths of a second).
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

fn spent() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2);
    Duration::from_millis(ticks.map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum())
}

fn row(what: &str, how_much: &str) {
    println!("size: {what}: {how_much}");
}

fn per_second(count: u64, took: Duration) -> u64 {
    u64::try_from(u128::from(count) * 1_000_000 / took.as_micros().max(1)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes long: tests/long size"]
async fn size() {
    let (records, folder) = asked();
    fs::create_dir_all(&folder).unwrap();
    let bench = Bench::new();
    let url = testing::url(&folder);
    testing::lapse(&url).await;
    let ledger = Ledger::open(options(&bench, &folder)).await.unwrap();
    // Time goes on where it was.
    let had = ledger.head().seq;
    bench.clock.advance(SignedDuration::from_millis(i64::try_from(had).unwrap() * ROUND / 1_000));
    let begun = Instant::now();
    while ledger.head().seq < records {
        round(&bench, &ledger, ledger.head().seq).await;
    }
    let made = ledger.head().seq - had;
    if made > 0 {
        row("records written a second", &per_second(made, begun.elapsed()).to_string());
    }
    ledger.stop().await.unwrap();

    let begun = Instant::now();
    let ledger = Ledger::open(options(&bench, &folder)).await.unwrap();
    let took = begun.elapsed();
    let records = ledger.head().seq;
    row("records", &records.to_string());
    row("opened", &format!("{} ms", took.as_millis()));
    assert!(took < Duration::from_secs(2), "{took:?}");

    let desk = Desk::open(&url, bench.options().seal, bench.clock.clone()).await.unwrap();
    let role = Arn::read("arn:aws:iam::111122223333:role/IdentityDesk").unwrap();
    for (what, filter) in [
        ("shown by user", RecordFilter { user: Some(user(7)), most: 100, ..RecordFilter::default() }),
        ("shown by caller", RecordFilter { caller: Some(role), most: 100, ..RecordFilter::default() }),
    ] {
        // The first look opens the connection.
        let _ = desk.records(&filter).await.unwrap();
        let begun = Instant::now();
        let found = desk.records(&filter).await.unwrap();
        let took = begun.elapsed();
        assert!(!found.is_empty(), "{what}");
        row(what, &format!("{} ms", took.as_millis()));
        assert!(took < Duration::from_millis(100), "{what}: {took:?}");
    }
    desk.close().await;

    let bytes = Outsider::at(&url).await.read("SELECT CAST(SUM(length(bytes)) AS BIGINT) FROM records").await;
    let bytes = bytes.unwrap().unsigned_abs();
    let (begun, before) = (Instant::now(), memory());
    let found = Ledger::verify(&url).await.unwrap();
    let (took, more) = (begun.elapsed(), memory().saturating_sub(before));
    assert_eq!((found.faults.len(), found.open), (0, 0));
    row(
        "verified",
        &format!("{} MB/s, {} records/s", per_second(bytes, took) / 1_000_000, per_second(records, took)),
    );
    row("memory that took", &format!("{more} KiB"));
    assert!(more < 64 * 1024, "{more} KiB");

    for at_once in [1, 64] {
        let (begun, cpu, count) = (Instant::now(), spent(), 64 * 4);
        for first in (0..count).step_by(at_once) {
            let number = ledger.head().seq * 2 + first as u64;
            changed_at_once(&bench, &ledger, number, at_once as u64).await;
            bench.clock.advance(SignedDuration::from_secs(301));
        }
        let (took, cpu, count) = (begun.elapsed(), spent() - cpu, count as u64);
        let each = cpu.as_micros() / u128::from(count);
        row(
            &format!("changes a second, {at_once} at once"),
            &format!("{}, {each} us of CPU each", per_second(count, took)),
        );
    }
    ledger.stop().await.unwrap();
}
