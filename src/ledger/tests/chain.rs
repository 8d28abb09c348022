//! Every way to tamper with one record, at every place, is found and named. What is cut off at the end is not: the heads
//! have to be kept elsewhere.

use super::*;
use crate::{
    ledger::{Flaw, Verification, open::flaw, record, verify::Verifier},
    store::Head,
};
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

/// A chain that goes on from this hash at this record, so many records long; and its head.
pub(super) fn going_on(prev: Digest, first: u64, length: u64) -> (Vec<RecordRow>, Head) {
    let mut head = Head { seq: first - 1, hash: prev };
    let mut rows = Vec::new();
    for seq in first..first + length {
        let at = record::instant(0);
        let stand = record::Stand { chain: "gw-1", seq, prev: head.hash, at, guard: "1.2.3", owner: "one" };
        let bytes = record::bytes(stand, record::Kind::Ordinary, record::Body::default()).unwrap();
        head = Head { seq, hash: Digest::of(&bytes) };
        rows.push(RecordRow { chain: "gw-1".into(), seq: i64::try_from(seq).unwrap(), bytes });
    }
    (rows, head)
}

/// What is said of the end of a chain when it is opened.
#[test]
fn the_end_of_a_chain_follows_from_what_is_not_looked_at() {
    let (none, other) = (Digest::from_bytes([0; 32]), Digest::of(b"another"));
    let broken = |prev, first, length, closed| {
        let (rows, head) = going_on(prev, first, length);
        flaw("gw-1", &rows, head, closed).map(|broken| broken.seq)
    };
    assert_eq!(broken(none, 1, 5, 0), None);
    assert_eq!(broken(other, 1, 5, 0), Some(1), "the first record follows from nothing");
    assert_eq!(broken(other, 1, 5, 2), Some(1), "nor where something was closed");
    assert_eq!(broken(other, 1, 1_000, 0), Some(1), "as long as it is looked at");
    assert_eq!(broken(other, 2, 1_000, 0), None, "of a longer one the end only");
    assert_eq!(broken(other, 3, 5, 0), Some(1));
    assert_eq!(broken(other, 3, 5, 1), Some(1), "the second is neither here nor closed");
    assert_eq!(broken(other, 3, 5, 2), None);
    assert_eq!(broken(other, 3, 5, 4), None, "some that are closed are still here");
}

#[test]
fn the_end_of_a_chain_is_its_head() {
    let (rows, head) = going_on(Digest::from_bytes([0; 32]), 1, 3);
    let broken =
        |rows: &[RecordRow], head| flaw("gw-1", rows, head, 0).map(|broken| (broken.seq, broken.why));
    assert_eq!(broken(&rows, head), None);
    assert_eq!(broken(&rows[..2], head), Some((3, Flaw::Missing.to_string())));
    let replaced = Head { hash: Digest::of(b"another"), ..head };
    assert_eq!(broken(&rows, replaced), Some((3, "was changed: it is not the one that was written".into())));
    assert_eq!(broken(&[], head), Some((3, Flaw::Missing.to_string())));
    assert_eq!(broken(&[], Head { seq: 0, ..head }), None);
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

/// Records of these kinds in one chain, each with this beside its place; `@N` in it becomes the hash of record N.
pub(super) fn of_kinds(records: &[(&str, &str)]) -> Vec<RecordRow> {
    let mut rows: Vec<RecordRow> = Vec::new();
    for (seq, (kind, more)) in (1..).zip(records) {
        let mut more = (*more).to_owned();
        for row in &rows {
            more = more.replace(&format!("@{}", row.seq), &Digest::of(&row.bytes).hex());
        }
        let prev = rows.last().map_or_else(|| "0".repeat(64), |row| Digest::of(&row.bytes).hex());
        let bytes =
            format!(r#"{{"v":1,"chain":"gw-1","seq":{seq},"prev":"{prev}","at":"x","kind":"{kind}"{more}}}"#);
        rows.push(RecordRow { chain: "gw-1".into(), seq, bytes: bytes.into_bytes() });
    }
    rows
}

#[test]
fn i3_a_freeze_is_lifted_once_by_what_names_it() {
    let freeze = ("freeze", r#","freeze":{"id":"FZ","scope":"all"}"#);
    let lifted = |seq: u64, hash: &str| {
        let set = format!(r#"{{"chain":"gw-1","seq":{seq},"hash":"{hash}"}}"#);
        format!(r#","freeze":{{"id":"FZ","scope":"all","set":{set}}}"#)
    };
    let found = |records: &[(&str, &str)]| {
        let found = verified(&of_kinds(records));
        let faults: Vec<_> = found.faults.into_iter().map(|(_, seq, flaw)| (seq, flaw)).collect();
        (faults, found.freezes.into_iter().map(|(_, seq)| seq).collect::<Vec<_>>())
    };
    let ordinary = ("ordinary", "");
    assert_eq!(found(&[ordinary, freeze, freeze]), (vec![], vec![2, 3]));
    assert_eq!(found(&[freeze, ("unfreeze", &lifted(1, "@1")), freeze]), (vec![], vec![3]));
    let no_freeze = |seq| (vec![(seq, Flaw::NoFreeze)], vec![]);
    assert_eq!(found(&[freeze, ("unfreeze", &lifted(1, &"0".repeat(64)))]), no_freeze(2));
    assert_eq!(
        found(&[freeze, ("unfreeze", &lifted(1, "@1")), ("unfreeze", &lifted(1, "@1"))]),
        no_freeze(3)
    );
    assert_eq!(found(&[ordinary, ("unfreeze", &lifted(1, "@1"))]), no_freeze(2));
    assert_eq!(found(&[freeze, ("unfreeze", "")]), (vec![(2, Flaw::NoFreeze)], vec![1]));
}

#[test]
fn i3_an_outcome_closes_its_own_intent_once() {
    let closes =
        |seq: u64, hash: &str| format!(r#","intent":{{"chain":"gw-1","seq":{seq},"hash":"{hash}"}}"#);
    let found = |records: &[(&str, &str)]| {
        let found = verified(&of_kinds(records));
        (found.faults.into_iter().map(|(_, seq, flaw)| (seq, flaw)).next(), found.open)
    };
    let intent = ("intent", "");
    assert_eq!(found(&[intent, intent, ("outcome", &closes(1, "@1"))]), (None, 1));
    let other = closes(1, &"0".repeat(64));
    assert_eq!(found(&[intent, ("outcome", &other)]), (Some((2, Flaw::OtherIntent)), 0));
    let twice = [intent, ("outcome", &closes(1, "@1")), ("outcome", &closes(1, "@1"))];
    assert_eq!(found(&twice), (Some((3, Flaw::NoIntent)), 0));
    assert_eq!(found(&[intent, ("outcome", "")]), (None, 1), "an outcome of nothing closes nothing");
}

#[test]
fn the_first_fault_of_a_chain_stays() {
    let mut found = verified(&[]);
    let fault = |found: &mut Verification, chain: &str, seq, flaw| {
        found.found(chain.to_owned(), seq, flaw);
        found.faults.iter().map(|(chain, seq, flaw)| (chain.clone(), *seq, flaw.word())).collect::<Vec<_>>()
    };
    let one = |seq, flaw: Flaw| ("gw-1".to_owned(), seq, flaw.word());
    assert_eq!(fault(&mut found, "gw-1", 5, Flaw::Changed), [one(5, Flaw::Changed)]);
    assert_eq!(fault(&mut found, "gw-1", 5, Flaw::Missing), [one(5, Flaw::Changed)]);
    assert_eq!(fault(&mut found, "gw-1", 6, Flaw::Missing), [one(5, Flaw::Changed)]);
    assert_eq!(fault(&mut found, "gw-1", 4, Flaw::Thawed), [one(4, Flaw::Thawed)]);
    assert_eq!(fault(&mut found, "gw-2", 9, Flaw::Changed).len(), 2);
}

#[test]
fn what_was_seen_counts_in_its_place_alone() {
    use crate::ledger::{Witness, verify::Claims};
    let (rows, head) = going_on(Digest::from_bytes([0; 32]), 1, 9);
    let hash = |seq: usize| Digest::of(&rows[seq - 1].bytes).hex();
    let mut claims = Claims::default();
    for seq in [2, 3, 4, 9] {
        claims.head("gw-1", seq as u64, &hash(seq), Witness::Asker);
    }
    // The beginning of the chain is closed: what was seen before it is not looked at.
    let mut verifier = Verifier::knowing(claims);
    verifier.after("gw-1", 3, Digest::of(&rows[2].bytes));
    for row in &rows[3..] {
        verifier.record(row);
    }
    let found = verifier.finish();
    assert_eq!((found.unchecked, found.confirmed, found.faults.len()), (2, 2, 0));
    assert_eq!((found.unproven[0].last, found.heads[0].1), (3, head.seq));
}
