//! Every way to tamper with every record of a ledger of some dozens: found, and named by chain, number and word. What
//! nothing inside can show (the last record of all, a tail cut off, a whole store put back) is found by what others saw.

use super::*;
use crate::{
    ledger::{
        Flaw, Seen, Verification, Witness,
        export::{Lines, Read},
        record::{self, Body, Kind, RefPart, SegmentPart},
        verify::{Claims, Verifier},
    },
    notice::RecordRef,
};

/// Records of each chain.
const LENGTH: u64 = 30;
/// Every so many records one says where the chains end.
const EVERY: u64 = 7;

/// Two replicas that take turns, and now and then say where both end.
fn ledger() -> Vec<RecordRow> {
    written("", LENGTH)
}

/// With this word in each record from the tenth on: another history of the same chains.
fn written(word: &str, length: u64) -> Vec<RecordRow> {
    let mut rows = [Vec::new(), Vec::new()];
    let mut heads: [Option<RefPart>; 2] = [None, None];
    for seq in 1..=length {
        for (at, chain) in ["gw-1", "gw-2"].into_iter().enumerate() {
            let prev = heads[at].as_ref().map_or_else(|| "0".repeat(64), |head| head.hash.clone());
            let mut digest = [0; 32];
            hex::decode_to_slice(prev, &mut digest).unwrap();
            let prev = Digest::from_bytes(digest);
            let stand = record::Stand {
                chain,
                seq,
                prev,
                at: record::instant(i64::try_from(seq).unwrap()),
                guard: "1.2.3",
                owner: "one",
            };
            let (kind, body) = if seq % EVERY == 0 {
                (Kind::Heads, Body { heads: heads.iter().flatten().cloned().collect(), ..Body::default() })
            } else {
                let word = if seq < 10 { "" } else { word };
                (Kind::Ordinary, Body { operation: Some(format!("op{seq}{word}")), ..Body::default() })
            };
            let bytes = record::bytes(stand, kind, body).unwrap();
            heads[at] = Some(RefPart { chain: chain.into(), seq, hash: Digest::of(&bytes).hex() });
            rows[at].push(RecordRow { chain: chain.into(), seq: i64::try_from(seq).unwrap(), bytes });
        }
    }
    rows.concat()
}

/// Verified in the order of the store, against what its own records say, and what others saw.
fn verified(rows: &[RecordRow], seen: &[RecordRef]) -> Verification {
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(|row| (row.chain.clone(), row.seq));
    as_they_stand(&sorted, seen)
}

fn as_they_stand(rows: &[RecordRow], seen: &[RecordRef]) -> Verification {
    let mut claims = Claims::default();
    for head in seen {
        claims.head(&head.chain, head.seq, &head.hash, Witness::Asker);
    }
    for row in rows {
        claims.record(&row.bytes);
    }
    let mut verifier = Verifier::knowing(claims);
    for row in rows {
        verifier.record(row);
    }
    verifier.finish()
}

/// The first fault of `gw-1`.
fn fault(found: &Verification) -> (u64, &'static str) {
    let of = found.faults.iter().find(|(chain, ..)| chain == "gw-1");
    let (_, seq, flaw) = of.unwrap_or_else(|| panic!("nothing of gw-1: {:?}", found.faults));
    (*seq, flaw.word())
}

/// The ends of both chains.
fn ends(rows: &[RecordRow]) -> Vec<RecordRef> {
    let found = verified(rows, &[]);
    found.heads.into_iter().map(|(chain, seq, hash)| RecordRef { chain, seq, hash }).collect()
}

fn at(seq: usize) -> u64 {
    seq as u64 + 1
}

const OF_ONE: usize = 30;

#[test]
fn i3_what_was_not_touched_is_as_everybody_saw_it() {
    let rows = ledger();
    let found = verified(&rows, &ends(&rows));
    assert_eq!(found.faults, []);
    // What both chains say of each other, and the two ends.
    assert!(found.confirmed >= 8, "{}", found.confirmed);
}

#[test]
fn i3_every_byte_of_every_record_changed_is_found_where_it_is() {
    let rows = ledger();
    let seen = ends(&rows);
    for seq in 0..OF_ONE {
        for byte in 0..rows[seq].bytes.len() {
            let mut tampered = rows.clone();
            tampered[seq].bytes[byte] ^= 1;
            let found = verified(&tampered, &seen);
            let (first, word) = fault(&found);
            assert_eq!(first, at(seq), "byte {byte}: {word}");
            let known = ["changed", "replaced", "foreign", "not-a-record", "missing", "doubled"];
            assert!(known.contains(&word), "{word}");
        }
    }
}

#[test]
fn i3_every_record_taken_out_doubled_or_swapped_is_named() {
    let rows = ledger();
    let seen = ends(&rows);
    for seq in 0..OF_ONE {
        let mut missing = rows.clone();
        missing.remove(seq);
        let last = seq + 1 == OF_ONE;
        assert_eq!(fault(&verified(&missing, &seen)), (at(seq), if last { "cut" } else { "missing" }));
        // A table whose key was taken away, or a file.
        let mut doubled = rows.clone();
        doubled.insert(seq, doubled[seq].clone());
        assert_eq!(fault(&verified(&doubled, &seen)), (at(seq), "doubled"));
        // At the end, under a number of its own.
        let mut appended = rows.clone();
        appended.push(RecordRow { seq: i64::try_from(LENGTH + 1).unwrap(), ..rows[seq].clone() });
        assert_eq!(fault(&verified(&appended, &seen)), (LENGTH + 1, "foreign"));
        for other in seq + 1..OF_ONE {
            // Two rows with each other's bytes.
            let mut swapped = rows.clone();
            (swapped[seq].bytes, swapped[other].bytes) = (rows[other].bytes.clone(), rows[seq].bytes.clone());
            assert_eq!(fault(&verified(&swapped, &seen)), (at(seq), "foreign"), "with {other}");
            // Two lines of a file.
            let mut moved = rows.clone();
            moved.swap(seq, other);
            let (first, word) = fault(&as_they_stand(&moved, &seen));
            assert_eq!((first, word), (at(seq), "reordered"), "with {other}");
        }
    }
}

#[test]
fn i3_every_column_changed_is_found() {
    let rows = ledger();
    let seen = ends(&rows);
    for seq in 0..OF_ONE {
        let last = seq + 1 == OF_ONE;
        let gone = if last { "cut" } else { "missing" };
        // Into another chain, in use or not.
        for (chain, number) in [("gw-9", rows[seq].seq), ("gw-2", 1_000)] {
            let mut other = rows.clone();
            other[seq].chain = chain.into();
            other[seq].seq = number;
            let found = verified(&other, &seen);
            assert_eq!(fault(&found), (at(seq), gone), "{:?}", found.faults);
            let there = found.faults.iter().find(|(of, ..)| of == chain).unwrap();
            assert!(
                matches!(&there.2, Flaw::Misplaced(from, _) if from == "gw-1") || there.2 == Flaw::Missing
            );
        }
        for number in [0, -1, 1_000] {
            let mut other = rows.clone();
            other[seq].seq = number;
            assert!(verified(&other, &seen).faults.iter().any(|(of, ..)| of == "gw-1"), "{seq} as {number}");
        }
    }
}

#[test]
fn i3_every_foreign_record_is_found() {
    let rows = ledger();
    let seen = ends(&rows);
    for seq in 0..OF_ONE {
        // Of another chain, and of the same number; then one that somebody made, with the right number and the right hash
        // before it.
        let mut foreign = rows.clone();
        foreign[seq].bytes = rows[OF_ONE + seq].bytes.clone();
        assert_eq!(fault(&verified(&foreign, &seen)), (at(seq), "foreign"));
        let mut made = rows.clone();
        let text = String::from_utf8(rows[seq].bytes.clone()).unwrap();
        made[seq].bytes = text.replace("1.2.3", "9.9.9").into_bytes();
        let (first, word) = fault(&verified(&made, &seen));
        assert_eq!(first, at(seq), "{word}");
    }
}

#[test]
fn i4_every_tail_cut_off_is_found_by_heads_of_other_chains_and_of_others() {
    let rows = ledger();
    let seen = ends(&rows);
    for left in 0..OF_ONE {
        let mut cut = rows.clone();
        cut.drain(left..OF_ONE);
        // Where others saw the end, it is found always.
        assert_eq!(fault(&verified(&cut, &seen)), (at(left), "cut"));
        // The other chain saw the 27th record of this one: whatever is cut off before that is found without others.
        let found = verified(&cut, &[]);
        let by_itself = found.faults.iter().any(|(chain, ..)| chain == "gw-1");
        assert_eq!(by_itself, left < 28, "{left} left: {:?}", found.faults);
        if by_itself {
            let by = found.faults.iter().find_map(|(.., flaw)| {
                if let Flaw::Cut(Seen { by, .. }) = flaw { Some(by.to_string()) } else { None }
            });
            assert!(by.unwrap().ends_with("of chain `gw-2`"));
        }
    }
}

#[test]
fn i4_a_store_put_back_to_an_earlier_day_is_found_by_a_head_that_somebody_kept() {
    let rows = ledger();
    for day in 1..LENGTH {
        let earlier = written("", day);
        assert_eq!(verified(&earlier, &[]).faults, [], "nothing inside can show it");
        assert_eq!(fault(&verified(&earlier, &ends(&rows))), (day + 1, "cut"));
    }
}

#[test]
fn i5_a_chain_that_was_rewritten_or_continued_twice_is_found() {
    let (rows, other) = (ledger(), written("-other", LENGTH));
    assert_eq!(verified(&other, &[]).faults, [], "nothing inside can show it");
    let seen = ends(&rows);
    let found = verified(&other, &seen);
    assert_eq!(fault(&found), (LENGTH, "replaced"));
    // Whoever saw both histories knows that there are two, whichever is looked at.
    let both: Vec<_> = seen.into_iter().chain(ends(&other)).collect();
    for rows in [&rows, &other] {
        assert_eq!(fault(&verified(rows, &both)), (LENGTH, "forked"));
    }
    // An earlier head that fits says up to where it is the same chain.
    let fits: Vec<_> = ends(&written("", 9)).into_iter().chain(ends(&rows)).collect();
    let found = verified(&other, &fits);
    let (.., flaw) = found.faults.iter().find(|(chain, ..)| chain == "gw-1").unwrap();
    assert!(matches!(flaw, Flaw::Replaced(_, 9)), "{flaw:?}");
    assert!(flaw.to_string().ends_with("up to record 9 the chain is as it was seen"), "{flaw}");
}

#[test]
fn i3_numbers_at_the_end_of_their_range_are_numbers() {
    let segment = format!(
        r#"{{"v":1,"chain":"gw-9","seq":1,"prev":"{}","kind":"segment","segment":{{"chain":"gw-1","first":1,"last":{},"hash":"","file":"f","digest":""}}}}"#,
        "0".repeat(64),
        u64::MAX
    );
    let mut rows = ledger().split_off(4);
    rows.push(RecordRow { chain: "gw-9".into(), seq: 1, bytes: segment.into_bytes() });
    assert_eq!(verified(&rows, &[]).heads.len(), 3);

    let export = format!(
        "{{\"connect_guard_records\":1,\"guard\":\"\",\"at\":\"\"}}\n\
         {{\"chain\":\"gw-1\",\"seq\":{},\"hash\":\"\",\"record\":{{}}}}\nno record\n",
        i64::MAX
    );
    let mut lines = Lines::new(export.as_bytes());
    assert!(matches!(lines.next().unwrap(), Some(Read::Record(_, Some(Flaw::OtherHash)))));
    let Some(Read::Record(row, Some(Flaw::NotARecord))) = lines.next().unwrap() else { panic!("a record") };
    assert_eq!((row.chain.as_str(), row.seq), ("gw-1", i64::MAX));
}

#[test]
fn i3_a_beginning_is_closed_by_a_later_record_of_its_own_chain_alone() {
    let rows = ledger();
    let left: Vec<RecordRow> =
        rows.iter().filter(|row| row.chain != "gw-1" || row.seq > 4).cloned().collect();
    let with = |chain: &str, kind: Kind, part: SegmentPart| {
        let last = left.iter().rfind(|row| row.chain == chain).unwrap();
        let stand = record::Stand {
            chain,
            seq: LENGTH + 1,
            prev: Digest::of(&last.bytes),
            at: record::instant(0),
            guard: "1.2.3",
            owner: "one",
        };
        let bytes = record::bytes(stand, kind, Body { segment: Some(part), ..Body::default() }).unwrap();
        let seq = i64::try_from(LENGTH + 1).unwrap();
        let mut all = left.clone();
        all.push(RecordRow { chain: chain.into(), seq, bytes });
        verified(&all, &[])
    };
    let hash = Digest::of(&rows[3].bytes).hex();
    let (file, digest) = ("gw-1-1-4.jsonl.gz".to_owned(), "0".repeat(64));
    let part = SegmentPart { chain: "gw-1".into(), first: 1, last: 4, hash, file, digest };
    let own = with("gw-1", Kind::Segment, part.clone());
    assert_eq!(own.faults, []);
    assert_eq!((own.unproven.len(), own.unproven[0].last), (1, 4), "nothing but that record says so");
    assert_eq!(fault(&with("gw-2", Kind::Segment, part.clone())), (1, "missing"));
    assert_eq!(fault(&with("gw-1", Kind::Ordinary, part.clone())), (1, "missing"));
    let beyond = SegmentPart { last: LENGTH + 1, ..part };
    assert_eq!(fault(&with("gw-1", Kind::Segment, beyond)), (1, "missing"));
}

#[test]
fn i3_a_record_that_was_changed_is_no_witness_against_another_chain() {
    let mut rows = ledger();
    // The seventh of the second says where the first one ended.
    let hash = Digest::of(&rows[6].bytes).hex();
    let text = String::from_utf8(rows[OF_ONE + 6].bytes.clone()).unwrap();
    assert!(text.contains(&hash));
    rows[OF_ONE + 6].bytes = text.replace(&hash, &"0f".repeat(32)).into_bytes();
    assert_eq!(verified(&rows, &[]).faults, [("gw-2".to_owned(), 7, Flaw::Changed)]);
}

#[test]
fn i3_of_two_that_do_not_fit_it_is_not_the_one_that_somebody_saw() {
    let mut rows = ledger();
    let before = Digest::of(&rows[OF_ONE - 2].bytes).hex();
    let text = String::from_utf8(rows[OF_ONE - 1].bytes.clone()).unwrap();
    rows[OF_ONE - 1].bytes = text.replace(&before, &"0f".repeat(32)).into_bytes();
    assert_eq!(fault(&verified(&rows, &[])), (LENGTH - 1, "changed"), "which of them, nobody knows");
    let seen = RecordRef { chain: "gw-1".into(), seq: LENGTH - 1, hash: before };
    assert_eq!(fault(&verified(&rows, &[seen])), (LENGTH, "changed"));
}

#[test]
fn i3_a_record_that_was_not_changed_is_a_witness_whatever_else_of_its_chain_was() {
    let mut rows = ledger();
    let text = String::from_utf8(rows[OF_ONE + 7].bytes.clone()).unwrap();
    rows[OF_ONE + 7].bytes = text.replace("op8", "op9").into_bytes();
    // The fourteenth of the second saw the first one as long.
    rows.drain(10..OF_ONE);
    let found = verified(&rows, &[]);
    assert_eq!(fault(&found), (11, "cut"));
    assert_eq!(found.faults[1], ("gw-2".to_owned(), 8, Flaw::Changed));
}
