//! Every way to tamper with one record, at every place, is found and named. What is cut off at the end is not: the heads
//! have to be kept elsewhere.

use super::*;
use crate::ledger::{Flaw, Verification, record, verify::Verifier};
use proptest::prelude::*;

/// Two chains of one record after another; the second closes an intent of the first.
fn chains(lengths: [u64; 2]) -> Vec<RecordRow> {
    let mut rows = Vec::new();
    for (chain, length) in ["gw-1", "gw-2"].into_iter().zip(lengths) {
        let mut prev = Digest::from_bytes([0; 32]);
        for seq in 1..=length {
            let stand = record::Stand {
                chain,
                seq,
                prev,
                at: record::instant(i64::try_from(seq).unwrap()),
                guard: "1.2.3",
                owner: "one",
            };
            let body = record::Body { operation: Some(format!("op{seq}")), ..record::Body::default() };
            let bytes = record::bytes(stand, record::Kind::Ordinary, body).unwrap();
            prev = Digest::of(&bytes);
            rows.push(RecordRow { chain: chain.into(), seq: i64::try_from(seq).unwrap(), bytes });
        }
    }
    rows
}

fn verified(rows: &[RecordRow]) -> Verification {
    let mut verifier = Verifier::default();
    for row in rows {
        verifier.record(row);
    }
    verifier.finish()
}

fn fault(rows: &[RecordRow]) -> Option<(u64, Flaw)> {
    let found = verified(rows);
    assert!(found.faults.iter().all(|(chain, ..)| chain == "gw-1"), "{:?}", found.faults);
    found.faults.into_iter().next().map(|(_, seq, why)| (seq, why))
}

#[test]
fn what_was_not_touched_holds() {
    let rows = chains([5, 3]);
    let found = verified(&rows);
    assert_eq!((found.records, found.open, found.faults.len()), (8, 0, 0));
    let heads: Vec<_> = found.heads.iter().map(|(chain, seq, _)| (chain.as_str(), *seq)).collect();
    assert_eq!(heads, [("gw-1", 5), ("gw-2", 3)]);
    assert_eq!(found.heads[0].2, Digest::of(&rows[4].bytes).hex());
}

#[test]
fn i3_what_is_missing_doubled_or_moved_is_named() {
    for at in 0..6 {
        let mut missing = chains([7, 2]);
        missing.remove(at);
        assert_eq!(fault(&missing), Some((at as u64 + 1, Flaw::Missing)));
        let mut doubled = chains([7, 2]);
        doubled.insert(at, doubled[at].clone());
        assert_eq!(fault(&doubled), Some((at as u64 + 1, Flaw::Twice)));
        // Under its own number, but in another place's row.
        let mut swapped = chains([7, 2]);
        let (one, two) = (swapped[at].bytes.clone(), swapped[at + 1].bytes.clone());
        swapped[at].bytes = two;
        swapped[at + 1].bytes = one;
        let found = fault(&swapped).unwrap();
        assert_eq!(found, (at as u64 + 1, Flaw::Misplaced("gw-1".to_owned(), at as u64 + 2)));
    }
}

#[test]
fn i4_what_is_cut_off_shows_in_the_head_only() {
    let whole = verified(&chains([7, 2]));
    let mut cut = chains([7, 2]);
    cut.remove(6);
    let cut = verified(&cut);
    assert_eq!(cut.faults, []);
    assert_ne!(cut.heads, whole.heads);
}

#[test]
fn the_last_record_changed_shows_in_the_head() {
    let mut rows = chains([3, 0]);
    let text = String::from_utf8(rows[2].bytes.clone()).unwrap().replace("op3", "op9");
    rows[2].bytes = text.into_bytes();
    assert_ne!(verified(&rows).heads, verified(&chains([3, 0])).heads);
}

#[test]
fn kinds_and_versions_to_come_verify() {
    let mut rows = chains([1, 0]);
    let prev = Digest::of(&rows[0].bytes).hex();
    let bytes = format!(
        r#"{{"v":2,"chain":"gw-1","seq":2,"prev":"{prev}","at":"x","kind":"approval","new":{{"a":[1]}}}}"#
    );
    rows.push(RecordRow { chain: "gw-1".into(), seq: 2, bytes: bytes.into_bytes() });
    assert_eq!(fault(&rows), None);
}

#[test]
fn i3_an_outcome_of_no_intent_is_named() {
    let mut rows = chains([1, 0]);
    let prev = Digest::of(&rows[0].bytes).hex();
    let bytes = format!(
        r#"{{"v":1,"chain":"gw-1","seq":2,"prev":"{prev}","at":"x","kind":"outcome","intent":{{"chain":"gw-1","seq":1,"hash":"00"}}}}"#
    );
    rows.push(RecordRow { chain: "gw-1".into(), seq: 2, bytes: bytes.into_bytes() });
    assert_eq!(fault(&rows), Some((2, Flaw::NoIntent)));
}

proptest! {
    /// Any bit of any record but the last of its chain, which only the head shows.
    #[test]
    fn i3_every_changed_byte_is_found(length in 2_u64..12, at in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut rows = chains([length, 3]);
        let at = at.index(usize::try_from(length).unwrap() - 1);
        let byte = byte.index(rows[at].bytes.len());
        rows[at].bytes[byte] ^= 1 << bit;
        let (seq, _) = fault(&rows).unwrap();
        prop_assert_eq!(seq, at as u64 + 1);
    }

    /// Anything put between two records, or in front.
    #[test]
    fn i3_every_inserted_record_is_found(length in 1_u64..12, at in any::<prop::sample::Index>(), from in any::<prop::sample::Index>()) {
        let mut rows = chains([length, 3]);
        let count = usize::try_from(length).unwrap();
        let (at, from) = (at.index(count), from.index(count));
        let row = RecordRow { seq: rows[at].seq, ..rows[from].clone() };
        rows.insert(at, row);
        prop_assert!(fault(&rows).is_some());
    }

    /// Numbers changed along with the row.
    #[test]
    fn i3_every_renumbered_record_is_found(length in 2_u64..12, at in any::<prop::sample::Index>()) {
        let mut rows = chains([length, 3]);
        let at = at.index(usize::try_from(length).unwrap() - 1);
        for row in &mut rows[at..usize::try_from(length).unwrap()] {
            row.seq += 1;
        }
        prop_assert!(fault(&rows).is_some());
    }
}

#[tokio::test]
async fn i3_a_real_store_verifies_while_the_guard_runs_and_shows_what_was_done_to_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for n in 0..4 {
        applied(&bench, &ledger, permit(&bench, n, "a")).await;
    }
    let open = intend(&ledger, permit(&bench, 9, "a")).await;
    assert!(open.is_ok());
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!((found.records, found.open, found.faults.len()), (9, 1, 0));
    assert_eq!(found.heads, [("gw-1".to_owned(), 9, ledger.stats().head)]);
    ledger.stop().await.unwrap();
    let mut other = bench.outsider().await;
    // The tables themselves refuse it first.
    for sql in ["UPDATE records SET seq = 9 WHERE seq = 4", "DELETE FROM records WHERE seq = 4"] {
        assert!(other.run(sql).await.is_err());
    }
    other.forge(4, "applied", "refused").await;
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!(found.faults[0].1, 4);
    assert_eq!(found.faults[0].2, Flaw::Changed);
    // What is broken is not continued.
    let Err(fault) = Ledger::open(bench.options()).await else { panic!("opened") };
    assert!(matches!(fault, LedgerFault::Broken { seq: 4, .. }), "{fault:?}");
    assert!(fault.to_string().starts_with("record 4 of chain `gw-1` was changed"), "{fault}");
}

#[tokio::test]
async fn what_is_no_store_is_a_fault() {
    let bench = Bench::new();
    assert!(Ledger::verify(&bench.url()).await.is_err());
    assert!(Ledger::verify("postgres://host/db").await.is_err());
}
