//! Heads that others keep, and what somebody does about them who can write the store and append to a file of heads.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

use super::*;
use crate::{
    ledger::{Desk, Evidence, Flaw, HeadsFault, HeadsLine, Known, ProofFault, Verification},
    notice::RecordRef,
    store::testing::Outsider,
};

pub(super) async fn desk(bench: &Bench) -> Desk {
    Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap()
}

pub(super) fn known(paths: &[&Path]) -> Known {
    let mut known = Known::default();
    for path in paths {
        known.read(path).unwrap();
    }
    known
}

pub(super) async fn beside(bench: &Bench, paths: &[&Path]) -> Verification {
    Ledger::prove(&Evidence::Store(bench.url()), known(paths), None).await.unwrap()
}

async fn is_as_seen(bench: &Bench, path: &Path) -> bool {
    let ledger = bench.ledger().await;
    let broken = ledger.is_as_seen(&known(&[path])).await.unwrap();
    ledger.stop().await.unwrap();
    broken.is_none()
}

pub(super) fn append(path: &Path, line: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// A store that was put back to before its second change, and two files that hold heads of both.
pub(super) async fn put_back(bench: &Bench) -> (PathBuf, PathBuf) {
    let in_folder = |name: &str| bench.directory.path().join(name);
    let (own, other, copy) = (in_folder("heads.jsonl"), in_folder("other.jsonl"), in_folder("copy.db"));
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    applied(bench, &ledger, permit(bench, 1, "a")).await;
    ledger.heads_line().await.unwrap().append(&own).unwrap();
    assert_eq!(desk(bench).await.backup(&copy).await.unwrap().faults, []);
    applied(bench, &ledger, permit(bench, 2, "a")).await;
    ledger.heads_line().await.unwrap().append(&own).unwrap();
    ledger.stop().await.unwrap();
    fs::copy(&own, &other).unwrap();
    fs::rename(&copy, bench.file()).unwrap();
    (own, other)
}

/// Whether what was seen beyond the end is missed, or found replaced by what a guard wrote at its start and end since.
pub(super) fn is_cut(found: &Verification) -> bool {
    let gone = |flaw: &Flaw| matches!(flaw, Flaw::Cut(_) | Flaw::Replaced(..));
    found.faults.iter().any(|(chain, _, flaw)| chain == "gw-1" && gone(flaw))
}

/// A line by which an operator would take the store, with this record and these that are kept.
pub(super) fn taking(chain: &str, seq: u64, hash: &str, kept: &str) -> String {
    format!(
        r#"{{"v":1,"at":"x","replica":"gw-1","heads":[],"accepted":{{"chain":"{chain}","seq":{seq},"hash":"{hash}"}},"kept":[{kept}]}}"#
    )
}

#[tokio::test]
async fn i4_a_line_that_takes_the_store_by_a_record_that_is_not_there_gives_up_nothing() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, other) = put_back(&bench).await;
    assert!(is_cut(&beside(&bench, &[&own]).await));
    let honest = fs::read(&own).unwrap();
    // A record that is nowhere, and one that is there and is of another kind.
    let first = Digest::of(&rows(&bench.url()).await[0].bytes).hex();
    for line in [
        taking("nowhere", 1, &"0".repeat(64), ""),
        taking("~desk", 1, &"0".repeat(64), ""),
        taking("gw-1", 1, &first, ""),
    ] {
        fs::write(&own, &honest).unwrap();
        append(&own, &line);
        let found = beside(&bench, &[&own]).await;
        assert!(is_cut(&found), "{line}: {:?}", found.faults);
        assert_eq!((found.takings.len(), found.takings[0].believed), (1, false), "{line}");
        assert!(found.takings[0].to_string().contains("line 3 gives up nothing"), "{}", found.takings[0]);
        assert!(is_cut(&beside(&bench, &[&other, &own]).await), "{line}");
        assert!(!is_as_seen(&bench, &own).await, "a guard takes it: {line}");
    }
}

#[tokio::test]
async fn i4_an_operators_word_gives_up_what_its_own_file_says_and_once() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, other) = put_back(&bench).await;
    let hash = HashKey::new(&Secret::new(vec![9; 32]));
    let desk = desk(&bench).await;
    let line = desk.accept(&hash, &known(&[&own]), "the disk was lost", &operator()).await.unwrap();
    desk.close().await;
    line.append(&own).unwrap();
    let found = beside(&bench, &[&own]).await;
    assert_eq!(found.faults, []);
    let said = found.takings[0].to_string();
    assert!(
        found.takings[0].believed && said.contains("line 3 gives up what was seen of chain `gw-1` beyond")
    );
    // Another's file says what it said, in whatever order they are read, until it has the line as well.
    assert!(is_cut(&beside(&bench, &[&other, &own]).await));
    assert!(is_cut(&beside(&bench, &[&own, &other]).await));
    line.append(&other).unwrap();
    assert_eq!(beside(&bench, &[&own, &other]).await.faults, []);
    assert!(is_as_seen(&bench, &own).await);

    // What is seen afterwards the same record does not give up: neither said again, nor with less that it keeps.
    let copy = bench.directory.path().join("again.db");
    let again = self::desk(&bench).await;
    assert_eq!(again.backup(&copy).await.unwrap().faults, []);
    again.close().await;
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 3, "a")).await;
    ledger.heads_line().await.unwrap().append(&own).unwrap();
    ledger.stop().await.unwrap();
    fs::rename(&copy, bench.file()).unwrap();
    let honest = fs::read(&own).unwrap();
    let record = line.accepted.clone().unwrap();
    for line in [line.line(), taking(&record.chain, record.seq, &record.hash, "")] {
        fs::write(&own, &honest).unwrap();
        append(&own, &line);
        assert!(is_cut(&beside(&bench, &[&own]).await), "{line}");
        assert!(!is_as_seen(&bench, &own).await, "{line}");
    }
}

#[test]
fn a_file_that_says_nothing_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heads.jsonl");
    for text in ["", "{\"v\":1,\"at\":", "{\"v\":1,\"at\":\"x\",\"replica\":\"r\",\"heads\":[]}\n"] {
        fs::write(&path, text).unwrap();
        let fault = Known::default().read(&path).unwrap_err();
        assert!(matches!(fault, HeadsFault::Nothing(_)), "{text}: {fault}");
    }
    // Nor is a line whose hash is none passed over.
    for hash in ["", "0f", &"0f".repeat(31), &"0g".repeat(32), &"0f".repeat(33)] {
        let head = format!("{{\"chain\":\"gw-1\",\"seq\":3,\"hash\":\"{hash}\"}}");
        fs::write(&path, format!("{{\"v\":1,\"at\":\"x\",\"replica\":\"r\",\"heads\":[{head}]}}\n")).unwrap();
        let fault = Known::default().read(&path).unwrap_err();
        assert!(matches!(fault, HeadsFault::Line(_, 1)), "{hash}: {fault}");
    }
}

#[tokio::test]
async fn every_member_of_a_compressed_export_is_read() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let in_folder = |name: &str| bench.directory.path().join(name);
    let plain = in_folder("export.jsonl");
    Ledger::export(&bench.url(), &plain, &bench.clock).await.unwrap();
    let whole = fs::read(&plain).unwrap();
    let member = |bytes: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let path = in_folder("export.jsonl.gz");
    let proven = async |bytes: Vec<u8>| {
        fs::write(&path, bytes).unwrap();
        Ledger::prove(&Evidence::Export(path.clone()), Known::default(), None).await
    };
    assert_eq!(proven(member(&whole)).await.unwrap().faults, []);
    let (front, back) = whole.split_at(whole.len() / 2);
    assert_eq!(proven([member(front), member(back)].concat()).await.unwrap().faults, []);
    let text = String::from_utf8(whole.clone()).unwrap();
    let record = text.lines().nth(1).unwrap().to_owned() + "\n";
    let doubled = proven([member(&whole), member(record.as_bytes())].concat()).await.unwrap();
    assert!(!doubled.faults.is_empty(), "what a second member says counts");
    let trailing = proven([member(&whole), b"and more".to_vec()].concat()).await;
    assert!(matches!(trailing, Err(ProofFault::File(..))), "octets behind the last member are a fault");
}

#[tokio::test]
async fn a_key_that_was_taken_away_without_an_erasure_is_named() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let rows = rows(&bench.url()).await;
    let kind =
        |row: &RecordRow| serde_json::from_slice::<serde_json::Value>(&row.bytes).unwrap()["kind"].clone();
    let intent = rows.iter().find(|row| kind(row) == "intent").unwrap().seq.unsigned_abs();
    assert_eq!(bench.sound().await, 0);
    Outsider::at(&bench.url()).await.run("DELETE FROM people").await.unwrap();
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!(found.faults, [("gw-1".to_owned(), intent, Flaw::NoKey)]);
    assert_eq!(found.faults[0].2.word(), "no-key");
}

#[test]
fn a_line_of_another_version_is_none_and_an_empty_chain_has_no_hash() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heads.jsonl");
    let read = |version: u32, empty: &str| {
        let heads = format!(
            r#"{{"chain":"gw-1","seq":3,"hash":"{}"}},{{"chain":"gw-2","seq":0,"hash":"{empty}"}}"#,
            "0f".repeat(32)
        );
        fs::write(&path, format!("{{\"v\":{version},\"at\":\"x\",\"replica\":\"r\",\"heads\":[{heads}]}}\n"))
            .unwrap();
        Known::default().read(&path)
    };
    assert!(read(1, &"0".repeat(64)).is_ok());
    assert!(read(1, "").is_ok());
    for version in [0, 2] {
        assert!(matches!(read(version, ""), Err(HeadsFault::Line(_, 1))), "version {version}");
    }
}

#[tokio::test]
async fn heads_that_nobody_took_show_until_somebody_does() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let unkept = || (ledger.stats().heads_unkept, ledger.stats().heads_failures);
    assert_eq!(unkept(), (false, 0));
    ledger.heads_were_kept(true);
    assert_eq!(unkept(), (false, 0));
    ledger.heads_were_kept(false);
    ledger.heads_were_kept(false);
    assert_eq!(unkept(), (true, 2));
    ledger.heads_were_kept(true);
    assert_eq!(unkept(), (false, 2));
}

#[test]
fn a_line_ends_with_the_record_that_was_written_last() {
    let record = |chain: &str, seq: u64| RecordRef { chain: chain.into(), seq, hash: "0f".repeat(32) };
    let line = HeadsLine::of(0, "gw-1", vec![record("gw-1", 3), record("gw-2", 7)]);
    let line = line.ending(record("gw-2", 8));
    assert_eq!(line.heads, [record("gw-1", 3), record("gw-2", 8)]);
    assert_eq!(line.ending(record("~desk", 1)).heads[2], record("~desk", 1));
}

#[tokio::test]
async fn i4_an_export_shows_who_took_the_store_as_well() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, _) = put_back(&bench).await;
    let (hash, export) =
        (HashKey::new(&Secret::new(vec![9; 32])), bench.directory.path().join("export.jsonl"));
    let found = async |path: &Path| {
        Ledger::export(&bench.url(), path, &bench.clock).await.unwrap();
        Ledger::prove(&Evidence::Export(path.to_owned()), known(&[&own]), None).await.unwrap()
    };
    assert!(is_cut(&found(&export).await));
    let desk = desk(&bench).await;
    let line = desk.accept(&hash, &known(&[&own]), "the disk was lost", &operator()).await.unwrap();
    desk.close().await;
    line.append(&own).unwrap();
    let found = found(&export).await;
    assert_eq!((found.faults, found.takings.len()), (Vec::new(), 1));
    assert!(found.takings[0].believed);
}
