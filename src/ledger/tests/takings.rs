//! What an operator gives up who takes a store that was put back: what was seen beyond the records that it keeps, and nothing
//! by a line that names another record, or keeps others.

use std::{fs, path::Path};

use super::{
    kept::{append, beside, desk, is_cut, known, put_back, taking},
    *,
};
use crate::ledger::{Evidence, HeadsLine, known::Restores};

/// The lines of a file of heads.
fn lines(path: &Path) -> Vec<HeadsLine> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An operator takes the store as it is.
async fn accepted(bench: &Bench, path: &Path) -> HeadsLine {
    let hash = HashKey::new(&Secret::new(vec![9; 32]));
    let desk = desk(bench).await;
    let line = desk.accept(&hash, &known(&[path]), "the disk was lost", &operator()).await.unwrap();
    desk.close().await;
    line
}

#[tokio::test]
async fn i4_what_is_as_it_was_seen_is_kept_and_what_is_beyond_is_given_up() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, _) = put_back(&bench).await;
    let line = accepted(&bench, &own).await;
    assert_eq!(line.kept, lines(&own)[0].heads, "the last that is in the store");
    line.append(&own).unwrap();
    let ledger = bench.ledger().await;
    let takings = ledger.takings(&known(&[&own])).await.unwrap();
    assert_eq!((takings.len(), takings[0].line, takings[0].believed), (1, 3, true));
    assert_eq!(takings[0].given_up, [("gw-1".to_owned(), 3, 5)]);
}

#[tokio::test]
async fn i4_an_export_shows_that_an_operator_took_the_store() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, _) = put_back(&bench).await;
    accepted(&bench, &own).await.append(&own).unwrap();
    let path = bench.directory.path().join("export.jsonl");
    Ledger::export(&bench.url(), &path, &bench.clock).await.unwrap();
    let found = Ledger::prove(&Evidence::Export(path), known(&[&own]), None).await.unwrap();
    assert_eq!(found.faults, []);
    assert!(found.takings[0].believed);
}

#[tokio::test]
async fn i4_a_line_counts_by_the_record_that_it_names_and_with_what_that_keeps() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let (own, _) = put_back(&bench).await;
    let record = accepted(&bench, &own).await.accepted.unwrap();
    let kept = serde_json::to_string(&lines(&own)[0].heads[0]).unwrap();
    let honest = fs::read(&own).unwrap();
    let of = |hash: &str, kept: &str| taking(&record.chain, record.seq, hash, kept);
    for (line, counts) in
        [(of(&record.hash, &kept), true), (of(&record.hash, ""), false), (of(&"0".repeat(64), &kept), false)]
    {
        fs::write(&own, &honest).unwrap();
        append(&own, &line);
        let found = beside(&bench, &[&own]).await;
        assert_eq!((found.takings[0].believed, is_cut(&found)), (counts, !counts), "{line}");
    }
}

#[test]
fn i4_a_record_of_an_operator_stands_in_the_place_that_it_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("heads.jsonl");
    let bytes = |chain: &str| {
        format!(r#"{{"v":1,"chain":"{chain}","seq":1,"prev":"","at":"x","kind":"restore","kept":[]}}"#)
            .into_bytes()
    };
    for (chain, seq, named, counts) in [
        ("~desk", 1, "~desk", true),
        ("gw-1", 1, "~desk", false),
        ("~desk", 1, "gw-1", false),
        ("~desk", 2, "~desk", false),
    ] {
        let row = RecordRow { chain: chain.into(), seq, bytes: bytes(named) };
        let hash = Digest::of(&row.bytes).hex();
        let seen = format!(r#"{{"chain":"gw-1","seq":5,"hash":"{hash}"}}"#);
        let seen = format!(r#"{{"v":1,"at":"x","replica":"gw-1","heads":[{seen}]}}"#);
        fs::write(&path, format!("{seen}\n{}\n", taking("~desk", 1, &hash, ""))).unwrap();
        let mut restores = Restores::default();
        restores.record(&row);
        let takings = known(&[&path]).taken(&restores).takings;
        assert_eq!((takings.len(), takings[0].believed), (1, counts), "{chain}/{seq} as one of {named}");
    }
}
