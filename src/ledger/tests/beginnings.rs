//! Chains that begin behind what was closed, records that name others which were not read yet, and files that were cut off.

use super::{
    chain::{going_on, of_kinds},
    *,
};
use crate::ledger::{
    Evidence, Flaw, Known, Verification, Witness,
    verify::{Claims, Verifier},
};

/// Verified against what its own records say.
fn verified(rows: &[RecordRow]) -> Verification {
    let mut claims = Claims::default();
    for row in rows {
        claims.record(&row.bytes);
    }
    let mut verifier = Verifier::knowing(claims);
    for row in rows {
        verifier.record(row);
    }
    verifier.finish()
}

/// The fault of the one chain.
fn fault(rows: &[RecordRow]) -> Option<(u64, Flaw)> {
    verified(rows).faults.into_iter().map(|(_, seq, flaw)| (seq, flaw)).next()
}

/// What closes the first records up to this one, of this hash.
fn closes(last: u64, hash: &str) -> String {
    format!(r#","segment":{{"chain":"gw-1","first":1,"last":{last},"hash":"{hash}","file":"f","digest":""}}"#)
}

fn intent(chain: &str, seq: u64, hash: &str) -> String {
    format!(r#","intent":{{"chain":"{chain}","seq":{seq},"hash":"{hash}"}}"#)
}

const ORDINARY: (&str, &str) = ("ordinary", "");

#[test]
fn i3_an_outcome_may_be_read_before_its_intent() {
    let mut theirs = of_kinds(&[("intent", "")]);
    theirs[0].chain = "gw-2".into();
    theirs[0].bytes = String::from_utf8_lossy(&theirs[0].bytes).replace("gw-1", "gw-2").into_bytes();
    let found = |hash: &str| {
        let outcome = intent("gw-2", 1, hash);
        let rows = [of_kinds(&[("outcome", &outcome)]), theirs.clone()].concat();
        (fault(&rows), verified(&rows).open)
    };
    assert_eq!(found(&Digest::of(&theirs[0].bytes).hex()), (None, 0));
    assert_eq!(found(&"0f".repeat(32)), (Some((1, Flaw::OtherIntent)), 0));
}

#[test]
fn i3_an_outcome_may_close_an_intent_in_a_segment_and_no_other_record() {
    let found = |seq: u64| {
        let outcome = intent("gw-1", seq, &format!("@{seq}"));
        let segment = closes(4, "@4");
        let all = [
            ORDINARY,
            ORDINARY,
            ("intent", ""),
            ORDINARY,
            ORDINARY,
            ("outcome", &*outcome),
            ("segment", &segment),
        ];
        fault(&of_kinds(&all)[4..])
    };
    assert_eq!(found(3), None);
    assert_eq!(found(5), Some((6, Flaw::NoIntent)), "the first that is here is in none");
}

#[test]
fn i3_what_is_left_follows_from_what_was_closed() {
    let left = |hash: &str, from: usize| {
        let segment = closes(4, hash);
        let all = [ORDINARY, ORDINARY, ORDINARY, ORDINARY, ORDINARY, ("segment", &*segment)];
        fault(&of_kinds(&all)[from..])
    };
    for from in 0..5 {
        assert_eq!(left("@4", from), None, "taken away up to {from}");
    }
    assert_eq!(left(&"0f".repeat(32), 4), Some((4, Flaw::Changed)));
}

#[test]
fn i3_a_first_record_follows_from_nothing_whatever_was_closed() {
    let (mut rows, head) = going_on(Digest::of(b"another"), 1, 4);
    let segment = closes(2, &Digest::of(&rows[1].bytes).hex());
    let bytes = format!(
        r#"{{"v":1,"chain":"gw-1","seq":5,"prev":"{}","at":"x","kind":"segment"{segment}}}"#,
        head.hash.hex()
    );
    rows.push(RecordRow { chain: "gw-1".into(), seq: 5, bytes: bytes.into_bytes() });
    assert_eq!(fault(&rows), Some((1, Flaw::Changed)));
}

#[test]
fn i3_the_first_fault_is_named_though_it_is_found_last() {
    let outcome = intent("gw-1", 1, "@1");
    let mut rows = of_kinds(&[ORDINARY, ("outcome", &outcome), ORDINARY, ORDINARY, ORDINARY]);
    rows[3].bytes = String::from_utf8_lossy(&rows[3].bytes).replace("\"x\"", "\"y\"").into_bytes();
    assert_eq!(fault(&rows), Some((2, Flaw::NoIntent)));
    // Of two in one place, the one that was found first.
    let mut doubted = of_kinds(&[ORDINARY, ("outcome", &outcome), ORDINARY]);
    doubted[1].bytes = String::from_utf8_lossy(&doubted[1].bytes).replace("\"x\"", "\"y\"").into_bytes();
    assert_eq!(fault(&doubted), Some((2, Flaw::Changed)));
    rows[0].bytes = rows[0].bytes.repeat(2);
    assert_eq!(fault(&rows), Some((1, Flaw::NotARecord)));
}

#[test]
fn nobody_saw_a_last_record_of_an_empty_chain() {
    let mut claims = Claims::default();
    for hash in ["00".repeat(32), "0f".repeat(32)] {
        claims.head("gw-1", 0, &hash, Witness::Asker);
    }
    let mut verifier = Verifier::knowing(claims);
    let (rows, _) = going_on(Digest::of(b"2"), 3, 2);
    verifier.after("gw-1", 2, Digest::of(b"2"));
    for row in &rows {
        verifier.record(row);
    }
    let found = verifier.finish();
    assert_eq!((found.faults, found.unchecked), (Vec::new(), 0));
}

#[tokio::test]
async fn an_export_without_its_end_was_cut_off_behind_its_last_record() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for _ in 0..3 {
        ledger.started(Digest::of(b"policy")).await.unwrap();
    }
    let path = bench.directory.path().join("export.jsonl");
    Ledger::export(&bench.url(), &path, &bench.clock).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let whole: Vec<&str> = text.lines().collect();
    std::fs::write(&path, whole[..whole.len() - 1].join("\n") + "\n").unwrap();
    let found = Ledger::prove(&Evidence::Export(path), Known::default(), None).await.unwrap();
    assert_eq!(found.faults, [("gw-1".to_owned(), 4, Flaw::Unfinished)]);
}
