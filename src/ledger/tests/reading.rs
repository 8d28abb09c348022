//! Records as they lie in the store: read in the order in which they were written, and looked for by what indexes say of
//! them. Whatever the way, it finds what looking at each of them would find.

use super::*;
use crate::{
    caller::Arn,
    ledger::{Desk, Flaw, Kind, RecordFilter, record},
};

/// More than are read at once.
const LENGTH: i64 = 600;
const DESK: &str = "arn:aws:sts::111122223333:assumed-role/Desk/agent-";

/// A store without a record.
async fn empty() -> (Bench, Outsider) {
    let bench = Bench::new();
    bench.ledger().await.stop().await.unwrap();
    let outsider = bench.outsider().await;
    (bench, outsider)
}

/// A chain of one record after another.
fn chain(name: &str, length: i64) -> Vec<Vec<u8>> {
    let mut prev = Digest::from_bytes([0; 32]);
    let record = |seq: i64| {
        let at = record::instant(seq);
        let stand =
            record::Stand { chain: name, seq: seq.unsigned_abs(), prev, at, guard: "1.2.3", owner: "one" };
        let bytes = record::bytes(stand, Kind::Ordinary, record::Body::default()).unwrap();
        prev = Digest::of(&bytes);
        bytes
    };
    (1..=length).map(record).collect()
}

#[tokio::test]
async fn i3_records_are_verified_in_whatever_order_they_lie() {
    let (bench, mut store) = empty().await;
    let others = rows(&bench.url()).await.len() as u64;
    let (one, two) = (chain("gw-7", LENGTH), chain("gw-ü", LENGTH));
    for (at, seq) in (1..=LENGTH).enumerate() {
        store.append("gw-7", seq, &one[at]).await;
        store.append("gw-ü", seq, &two[at]).await;
    }
    let verified = async || Ledger::verify(&bench.url()).await.unwrap();
    let found = verified().await;
    assert_eq!((found.faults, found.records), (Vec::new(), others + 2 * LENGTH.unsigned_abs()));
    // The second before the first: nothing of them is another.
    let pair = chain("gw-8", 2);
    store.append("gw-8", 2, &pair[1]).await;
    store.append("gw-8", 1, &pair[0]).await;
    let found = verified().await;
    assert_eq!((found.faults, found.records), (Vec::new(), others + 2 * LENGTH.unsigned_abs() + 2));
}

#[tokio::test]
async fn i3_what_is_no_text_moves_nothing_that_lies_behind_it() {
    let (bench, mut store) = empty().await;
    let others = [&b"\0,\xff\xc3"[..], b"\xff", b"1:2:3,"];
    for (seq, (bytes, other)) in (1..).zip(chain("gw-7", 3).iter().zip(others)) {
        store.append("gw-7", seq, bytes).await;
        store.append(&format!("other-{seq}"), 1, other).await;
    }
    let found = Ledger::verify(&bench.url()).await.unwrap();
    let faults: Vec<_> = (1..4).map(|seq| (format!("other-{seq}"), 1, Flaw::NotARecord)).collect();
    assert_eq!(found.faults, faults);
    assert!(found.heads.iter().any(|(chain, seq, _)| chain == "gw-7" && *seq == 3));
}

#[tokio::test]
async fn i3_a_record_that_is_not_there_is_found_among_many() {
    let (bench, mut store) = empty().await;
    for (seq, bytes) in (1..).zip(&chain("gw-7", LENGTH)) {
        if seq != LENGTH - 7 {
            store.append("gw-7", seq, bytes).await;
        }
    }
    let found = Ledger::verify(&bench.url()).await.unwrap();
    assert_eq!(found.faults, [("gw-7".to_owned(), (LENGTH - 7).unsigned_abs(), Flaw::Missing)]);
}

/// Record number so-and-so of many.
fn made(n: usize) -> serde_json::Value {
    let kind = ["refusal", "intent", "ordinary", "refusal"][n % 4];
    let mut record = serde_json::json!({
        "chain": "gw-7", "seq": n + 1, "at": record::instant(i64::try_from(n * 60_000).unwrap()), "kind": kind,
        "target": { "id": [user(u32::try_from(n % 5).unwrap())] },
    });
    if !n.is_multiple_of(7) {
        record["operation"] = ["DescribeUser", "ListUsers", "UpdateUserIdentityInfo"][n % 3].into();
    }
    if !n.is_multiple_of(11) {
        record["caller"] = serde_json::json!({ "principal": format!("{DESK}{}", n % 6) });
    }
    record
}

#[tokio::test]
async fn records_that_are_looked_for_are_those_that_fit() {
    let (bench, mut store) = empty().await;
    let all: Vec<_> = (0..240).map(made).collect();
    for (seq, record) in (1..).zip(&all) {
        store.append("gw-7", seq, record.to_string().as_bytes()).await;
    }
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    let arns = ["arn:aws:iam::111122223333:role/Desk", &format!("{DESK}2"), &format!("{DESK}9")];
    let callers = [None].into_iter().chain(arns.into_iter().map(|arn| Some(Arn::read(arn).unwrap())));
    let kinds = [vec![], vec![Kind::Refusal], vec![Kind::Ordinary, Kind::Intent], vec![Kind::Freeze]];
    let operations = [None, Some("ListUsers"), Some("UpdateUserIdentityInfo"), Some("DeleteUser")];
    let mut some = 0;
    for caller in callers {
        for (kinds, operation) in kinds.iter().flat_map(|kinds| operations.map(|one| (kinds, one))) {
            for (most, user) in
                [1, 3, 300].into_iter().flat_map(|most| [None, Some(user(1))].map(|user| (most, user)))
            {
                let filter = RecordFilter {
                    kinds: kinds.clone(),
                    operation: operation.map(str::to_owned),
                    user,
                    caller: caller.clone(),
                    since: Some(60_000 * 9),
                    until: Some(60_000 * 230),
                    most,
                    ..RecordFilter::default()
                };
                let expected: Vec<u64> =
                    all[9..230].iter().filter(|record| fits(&filter, record)).map(seq).collect();
                let expected = &expected[expected.len().saturating_sub(most as usize)..];
                let found: Vec<_> = desk.records(&filter).await.unwrap().iter().map(|one| one.seq).collect();
                assert_eq!(found, expected, "{filter:?}");
                some += found.len();
            }
        }
    }
    assert!(some > 1_000, "{some}");
    desk.close().await;
}

fn seq(record: &serde_json::Value) -> u64 {
    record["seq"].as_u64().unwrap()
}

/// Whether a record is looked for, by itself.
fn fits(filter: &RecordFilter, record: &serde_json::Value) -> bool {
    let says = |path: &str, wanted: &Option<String>| {
        wanted.as_ref().is_none_or(|wanted| record.pointer(path).is_some_and(|said| *said == **wanted))
    };
    let by = filter.caller.as_ref().is_none_or(|arn| {
        let said = record.pointer("/caller/principal").and_then(|said| said.as_str()).unwrap_or_default();
        if arn.to_string().contains(":role/") { said.starts_with(DESK) } else { said == arn.to_string() }
    });
    let kind = filter.kinds.is_empty() || filter.kinds.iter().any(|kind| record["kind"] == kind.as_str());
    by && kind && says("/operation", &filter.operation) && says("/target/id/0", &filter.user)
}

#[tokio::test]
async fn a_rule_is_named_once_for_each_place_where_it_stands() {
    let (bench, mut store) = empty().await;
    let ground =
        |of: &str, rule: &str, place: &str| serde_json::json!({ "of": of, "rule": rule, "place": place });
    let record = serde_json::json!({
        "chain": "gw-7", "seq": 1, "at": record::instant(0), "kind": "intent",
        "basis": { "grounds": [
            ground("operation", "desk", "a.toml:1"),
            ground("Email", "desk", "b.toml:1"),
            ground("FirstName", "lead", "a.toml:1"),
            ground("LastName", "desk", "a.toml:1"),
        ] },
    });
    store.append("gw-7", 1, record.to_string().as_bytes()).await;
    let desk = Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap();
    let filter = RecordFilter { record: Some(("gw-7".into(), 1)), most: 1, ..RecordFilter::default() };
    let found = desk.records(&filter).await.unwrap().remove(0);
    let rules: Vec<_> =
        found.rules.iter().map(|rule| (rule.rule.as_str(), rule.place.as_str(), rule.of.join(" "))).collect();
    let expected = [
        ("desk", "a.toml:1", "operation LastName".to_owned()),
        ("desk", "b.toml:1", "Email".to_owned()),
        ("lead", "a.toml:1", "FirstName".to_owned()),
    ];
    assert_eq!(rules, expected);
    desk.close().await;
}
