//! Heads that others keep, exports, segments, copies and erasures, on real files.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use super::*;
use crate::{
    ledger::{Desk, Evidence, ExportFault, Flaw, Known, SegmentFault, Unproven, Verification, open::flaw},
    notice::RecordRef,
};

pub(super) async fn desk(bench: &Bench) -> Desk {
    Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap()
}

fn hash() -> HashKey {
    HashKey::new(&Secret::new(vec![9; 32]))
}

/// A ledger with some changes, and a line of heads after each.
pub(super) async fn day(bench: &Bench, changes: u32) -> (Ledger, PathBuf) {
    let ledger = bench.ledger().await;
    let path = bench.directory.path().join("heads.jsonl");
    ledger.started(Digest::of(b"policy")).await.unwrap();
    for n in 0..changes {
        applied(bench, &ledger, permit(bench, n, "a")).await;
        ledger.heads_line().await.unwrap().append(&path).unwrap();
    }
    (ledger, path)
}

pub(super) fn known(path: &Path) -> Known {
    let mut known = Known::default();
    known.read(path).unwrap();
    known
}

async fn of_export(path: &Path) -> Verification {
    Ledger::prove(&Evidence::Export(path.to_owned()), Known::default(), None).await.unwrap()
}

#[tokio::test]
async fn heads_are_on_record_when_there_is_anything_new() {
    let bench = Bench::new();
    let (ledger, _) = day(&bench, 1).await;
    let first = ledger.record_heads(&[]).await.unwrap().unwrap();
    assert_eq!(ledger.record_heads(&first.heads).await.unwrap(), None);
    // What another recorded of the same kind is nothing new.
    assert!(ledger.record_heads(&[]).await.unwrap().is_some());
    assert_eq!(ledger.record_heads(&first.heads).await.unwrap(), None);
    applied(&bench, &ledger, permit(&bench, 5, "a")).await;
    assert!(ledger.record_heads(&first.heads).await.unwrap().is_some());
    let records = bench.records().await;
    let heads: Vec<_> = records.iter().filter(|record| record["kind"] == "heads").collect();
    assert_eq!(heads.len(), 3);
    assert_eq!(heads[0]["heads"][0]["chain"], "gw-1");
    ledger.stop().await.unwrap();
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn i4_a_store_that_was_put_back_takes_no_change_until_somebody_took_it() {
    let bench = Bench::new();
    let (ledger, path) = day(&bench, 1).await;
    let copy = bench.directory.path().join("copy.db");
    if testing::is_server() {
        let fault = desk(&bench).await.backup(&copy).await.unwrap_err();
        assert!(matches!(fault, ExportFault::Server), "{fault}");
        return;
    }
    let found = desk(&bench).await.backup(&copy).await.unwrap();
    assert_eq!(found.faults, []);
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    applied(&bench, &ledger, permit(&bench, 2, "a")).await;
    ledger.heads_line().await.unwrap().append(&path).unwrap();
    assert_eq!(ledger.is_as_seen(&known(&path)).await.unwrap(), None);
    ledger.stop().await.unwrap();
    fs::rename(&copy, bench.file()).unwrap();
    // Nothing inside shows it.
    assert_eq!(Ledger::verify(&bench.url()).await.unwrap().faults, []);
    let found = Ledger::prove(&Evidence::Store(bench.url()), known(&path), None).await.unwrap();
    assert!(matches!(found.faults[0].2, Flaw::Cut(_)), "{:?}", found.faults);
    let ledger = bench.ledger().await;
    let broken = ledger.is_as_seen(&known(&path)).await.unwrap().unwrap();
    assert!(broken.why.contains("put back"), "{broken:?}");
    let refused = not_intended(&ledger, permit(&bench, 3, "a")).await;
    assert_eq!(refused, Unintended::Unwritten(Unwritten::Broken));
    ledger.stop().await.unwrap();

    let desk = desk(&bench).await;
    let line = desk.accept(&hash(), &known(&path), "the disk was lost", &operator()).await.unwrap();
    line.append(&path).unwrap();
    assert_eq!(desk.is_as_seen(&known(&path)).await.unwrap(), None);
    desk.close().await;
    let ledger = bench.ledger().await;
    assert_eq!(ledger.is_as_seen(&known(&path)).await.unwrap(), None);
    applied(&bench, &ledger, permit(&bench, 3, "a")).await;
    ledger.heads_line().await.unwrap().append(&path).unwrap();
    let found = Ledger::prove(&Evidence::Store(bench.url()), known(&path), None).await.unwrap();
    assert_eq!(found.faults, []);
    assert!(found.confirmed >= 2);
    let records = bench.records().await;
    let restore = records.iter().find(|record| record["kind"] == "restore").unwrap();
    assert_eq!(restore["operator"]["host"], "desk-1");
    assert!(!restore.to_string().contains("disk was lost"), "sealed");
}

#[tokio::test]
async fn lines_of_heads_that_a_crash_cut_off_are_passed_over_and_others_are_not() {
    let bench = Bench::new();
    let (ledger, path) = day(&bench, 1).await;
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 20]).unwrap();
    ledger.heads_line().await.unwrap().append(&path).unwrap();
    assert_eq!(ledger.is_as_seen(&known(&path)).await.unwrap(), None);
    fs::write(&path, b"{\"v\":1}\n").unwrap();
    let fault = Known::default().read(&path).unwrap_err();
    assert!(fault.to_string().ends_with("line 1 is no line of heads"), "{fault}");
}

#[tokio::test]
async fn an_export_verifies_is_continued_and_shows_what_was_done_to_it() {
    let bench = Bench::new();
    let (ledger, _) = day(&bench, 3).await;
    let path = bench.directory.path().join("export.jsonl");
    let first = Ledger::export(&bench.url(), &path, &bench.clock).await.unwrap();
    assert_eq!((first.before, first.written), (0, 7));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    applied(&bench, &ledger, permit(&bench, 7, "a")).await;
    // A continuation that was cut off is done again.
    fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"{\"chain\":\"gw-1\",\"seq\":8,"))
        .unwrap();
    let again = Ledger::export(&bench.url(), &path, &bench.clock).await.unwrap();
    assert_eq!((again.before, again.written), (7, 2));
    let found = of_export(&path).await;
    assert_eq!((found.records, found.faults.clone()), (9, vec![]));
    assert_eq!(found.heads, Ledger::verify(&bench.url()).await.unwrap().heads);

    // Every line: taken out, doubled, swapped, every byte of it changed, and everything behind it cut off.
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let tampered = bench.directory.path().join("tampered.jsonl");
    let faulty = async |lines: Vec<String>| {
        fs::write(&tampered, lines.join("\n") + "\n").unwrap();
        match Ledger::prove(&Evidence::Export(tampered.clone()), Known::default(), None).await {
            Ok(found) => !found.faults.is_empty(),
            Err(_) => true,
        }
    };
    let own = || lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    let is_end = |at: usize| lines[at].starts_with("{\"heads\"");
    for at in 1..lines.len() {
        // The end in the middle proves nothing that the last one does not.
        if at + 1 == lines.len() || !is_end(at) {
            let mut missing = own();
            missing.remove(at);
            assert!(faulty(missing).await, "line {at} taken out");
        }
        if !is_end(at) {
            let mut doubled = own();
            doubled.insert(at, doubled[at].clone());
            assert!(faulty(doubled).await, "line {at} doubled");
            assert!(
                faulty(lines[..=at].iter().map(|line| (*line).to_owned()).collect()).await,
                "cut at {at}"
            );
            for byte in (0..lines[at].len()).step_by(7) {
                let mut changed = own();
                let mut bytes = changed[at].clone().into_bytes();
                bytes[byte] = if bytes[byte] == b'x' { b'y' } else { b'x' };
                changed[at] = String::from_utf8(bytes).unwrap();
                assert!(faulty(changed).await, "line {at}, byte {byte}");
            }
        }
    }
    // An export is not continued from another ledger.
    let other = Bench::new();
    let (_other, _) = day(&other, 3).await;
    let fault = Ledger::export(&other.url(), &path, &other.clock).await.unwrap_err();
    assert!(matches!(fault, ExportFault::Other(..)), "{fault}");
}

/// Whoever puts one where a segment has one is seen, while no guard takes it away.
async fn a_record_in_a_closed_place_is_seen(bench: &Bench, segments: &Path) {
    if testing::is_server() {
        return;
    }
    let whole = async || {
        let store = Evidence::Store(bench.url());
        Ledger::prove(&store, Known::default(), Some(segments)).await.unwrap().faults
    };
    let mut outsider = bench.outsider().await;
    outsider.record("gw-1", 2, r#"{"v":1,"chain":"gw-1","seq":2,"prev":"","kind":"ordinary"}"#).await;
    assert_eq!(whole().await, [("gw-1".to_owned(), 3, Flaw::Missing)]);
    outsider.run("DROP TRIGGER records_are_not_deleted; DELETE FROM records WHERE seq = 2").await.unwrap();
    assert_eq!(whole().await, []);
}

#[tokio::test]
async fn old_records_leave_for_segments_and_verify_from_the_first() {
    let bench = Bench::new();
    let directory = bench.directory.path().join("segments");
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let seen = ledger.head();
    // Notices wait: nothing leaves before they are delivered, and everything behind an open change stays.
    bench.pass(40 * 86_400);
    ledger.retain(Duration::from_hours(30 * 24));
    let early = ledger.close_old(&directory).await.unwrap();
    assert!(early.as_ref().is_none_or(|segment| segment.last < 2), "{early:?}");
    for claimed in claim(&ledger, 100).await {
        ledger.delivered(&claimed, DeliveryOutcome::Delivered { reply: "250".into() }).await.unwrap();
    }
    let open = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    let held = ledger.head().seq;
    bench.pass(401 * 86_400);
    let mut closed = Vec::new();
    for _ in 0..600 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
        closed.extend(ledger.close_old(&directory).await.unwrap());
        if closed.last().is_some_and(|segment| segment.last == held - 1) {
            break;
        }
        bench.pass(61);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        closed.last().unwrap().last,
        held - 1,
        "all that is over, and nothing that is open: {closed:?}"
    );
    // Taken away little by little.
    for _ in 0..600 {
        if rows(&bench.url()).await.iter().all(|row| row.seq.unsigned_abs() >= held) {
            break;
        }
        bench.pass(61);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rows(&bench.url()).await[0].seq.unsigned_abs(), held);
    close(&ledger, open.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    assert_eq!(bench.sound().await, 0);

    let whole = async |given: Option<&RecordRef>| {
        let mut known = Known::default();
        if let Some(head) = given {
            known.head(head);
        }
        Ledger::prove(&Evidence::Store(bench.url()), known, Some(&directory)).await.unwrap()
    };
    let found = whole(Some(&seen)).await;
    assert_eq!(found.faults, []);
    assert_eq!((found.records, found.unchecked), (ledger.head().seq, 0), "from the very first record");
    assert_eq!(found.unproven, []);
    // Without the segments it is said that a head could not be looked for.
    let mut known = Known::default();
    known.head(&seen);
    let found = Ledger::prove(&Evidence::Store(bench.url()), known, None).await.unwrap();
    assert_eq!((found.unchecked >= 1, found.faults), (true, vec![]));
    let last = closed.last().unwrap();
    let unproven = Unproven { chain: "gw-1".into(), last: held - 1, file: last.file.clone() };
    assert_eq!(found.unproven, [unproven]);
    // A head of what is in a segment is still compared.
    let other = RecordRef { hash: "0f".repeat(32), ..seen.clone() };
    assert!(matches!(whole(Some(&other)).await.faults[0].2, Flaw::Replaced(..)));

    ledger.stop().await.unwrap();
    a_record_in_a_closed_place_is_seen(&bench, &directory).await;
    let ledger = bench.opened(bench.options()).await;

    let file = directory.join(&closed.last().unwrap().file);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let found = whole(None).await;
    assert!(matches!(found.faults[0].2, Flaw::Segment(_, SegmentFault::Changed)), "{:?}", found.faults);
    fs::remove_file(&file).unwrap();
    let found = whole(None).await;
    assert!(matches!(found.faults[0].2, Flaw::Segment(_, SegmentFault::Missing)), "{:?}", found.faults);
    assert_eq!(found.faults[0].1, closed.last().unwrap().first);

    // What is left is opened, though it does not begin with the first record; not when one is gone that is in no segment.
    let (left, ends) = (rows(&bench.url()).await, ledger.head());
    ledger.stop().await.unwrap();
    let ledger = bench.ledger().await;
    assert!(ledger.stats().broken.is_none());
    let hash = Digest::of(&left.last().unwrap().bytes);
    let end = crate::store::Head { seq: ends.seq, hash };
    assert!(flaw("gw-1", &left, end, held - 1).is_none());
    assert!(flaw("gw-1", &left, end, held - 2).is_some());
    // And not when all are.
    assert!(flaw("gw-1", &[], end, 0).is_some());
    assert!(flaw("gw-1", &[], crate::store::Head { seq: 0, hash: Digest::from_bytes([0; 32]) }, 0).is_none());
}

#[tokio::test]
async fn an_operator_erases_a_user_and_that_is_on_record() {
    let bench = Bench::new();
    let (ledger, _) = day(&bench, 2).await;
    let export = bench.directory.path().join("export.jsonl");
    Ledger::export(&bench.url(), &export, &bench.clock).await.unwrap();
    let desk = desk(&bench).await;
    let target = update(1, NEW).target().clone();
    // Its notices are queued.
    let left = desk.to_erase(&hash(), &target).await.unwrap();
    assert!(left.known && left.waiting > 0 && !left.is_free(), "{left:?}");
    assert!(!desk.erase(&hash(), &target, "she left", &operator()).await.unwrap());
    for claimed in claim(&ledger, 100).await {
        ledger.delivered(&claimed, DeliveryOutcome::Delivered { reply: "250".into() }).await.unwrap();
    }
    let again = permit_from(&bench, 1, &new_of(1), "mary3@example.org", "z", Vec::new());
    let open = intend(&ledger, again).await.ok().unwrap();
    assert!(!desk.erase(&hash(), &target, "she left", &operator()).await.unwrap(), "a change is open");
    close(&ledger, open.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    for claimed in claim(&ledger, 100).await {
        ledger.delivered(&claimed, DeliveryOutcome::Delivered { reply: "250".into() }).await.unwrap();
    }
    assert!(desk.erase(&hash(), &target, "she left", &operator()).await.unwrap());
    assert!(!desk.to_erase(&hash(), &target).await.unwrap().known);
    assert_eq!(bench.sound().await, 0);
    let records = bench.records().await;
    let erasures: Vec<_> = records.iter().filter(|record| record["kind"] == "erasure").collect();
    assert_eq!(erasures.len(), 3);
    assert_eq!(erasures[0]["refusal"]["code"], "busy");
    assert_eq!(erasures[2]["operator"]["user"], "root");
    assert_eq!(erasures[2]["target"]["id"][0], user(1));
    // The other user can still be revealed, this one nowhere, and a copy of before holds sealed bytes only.
    let found = desk.records(&crate::ledger::RecordFilter { most: 100, ..Default::default() }).await.unwrap();
    let opened = desk.reveal(&found, "", &operator()).await.unwrap();
    let of = |n: u32| {
        found.iter().zip(&opened).filter(move |(audited, _)| {
            audited.record["kind"] == "intent" && audited.record["target"]["id"][0] == user(n)
        })
    };
    assert!(of(1).count() > 0 && of(1).all(|(_, one)| *one == crate::ledger::Unsealed::Erased));
    assert!(of(0).all(|(_, one)| matches!(one, crate::ledger::Unsealed::Opened(_))));
    let copy = fs::read_to_string(&export).unwrap();
    assert!(!copy.contains(NEW) && !copy.contains(OLD) && !copy.contains("she left"));
}
