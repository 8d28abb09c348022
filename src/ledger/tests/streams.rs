//! What is streamed: lines as an export has them, chains that are held by one guard at a time, and leave to send.

use std::sync::Arc;

use super::*;
use crate::{
    ledger::{Grade, Required, Streamed, Uncleared, book::Inner, core::Core},
    store::Others,
};
use tokio::sync::watch;

const SIEM: &str = "siem";

/// The chains that a stream brings from here: name, place, whether its own.
async fn chains(ledger: &Ledger) -> Vec<(String, u64, bool)> {
    let chains = ledger.stream_chains(SIEM).await.unwrap();
    chains.into_iter().map(|of| (of.chain, of.seq, of.own)).collect()
}

fn own(seq: u64) -> Vec<(String, u64, bool)> {
    vec![("gw-1".into(), seq, true)]
}

#[tokio::test]
async fn a_stream_begins_with_what_is_recorded_from_now_on_and_goes_on_where_it_came_to() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(chains(&ledger).await, own(1));
    ledger.started(Digest::of(b"policy")).await.unwrap();
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let found = ledger.stream_after("gw-1", 1, 10).await.unwrap();
    assert_eq!(found.iter().map(|record| record.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(ledger.stream_after("gw-1", 1, 1).await.unwrap().len(), 1);
    ledger.streamed(SIEM, vec![("gw-1".into(), 2)]).await.unwrap();
    ledger.streamed(SIEM, vec![("gw-1".into(), 1)]).await.unwrap();
    assert_eq!(chains(&ledger).await, own(2), "never back");
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    assert_eq!(chains(&ledger).await, own(2));
    // Another one knows nothing of it.
    assert_eq!(ledger.stream_chains("other").await.unwrap()[0].seq, 3);
}

#[tokio::test]
async fn a_chain_that_no_guard_continues_is_streamed_from_its_first_record() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert_eq!(chains(&ledger).await, own(0));
    let row = r#"{"v":1,"chain":"~desk","seq":1,"kind":"reveal","at":"2027-03-12T10:00:00.000Z"}"#;
    bench.outsider().await.record("~desk", 1, row).await;
    assert_eq!(chains(&ledger).await, [own(0), vec![("~desk".into(), 0, false)]].concat());
    let found = ledger.stream_after("~desk", 0, 10).await.unwrap();
    assert_eq!((found[0].kind, found[0].grade), (Some(crate::ledger::Kind::Reveal), Grade::Warning));
}

#[test]
fn a_line_is_that_of_an_export_and_one_message_whatever_somebody_put_there() {
    let rows = [
        &b"{\"kind\":\"refusal\",\"at\":\"2027-03-12T10:00:00.000Z\"}"[..],
        b"{\"kind\":\"refusal\",\n\"at\":\"soon\"}",
        b"{\"kind\":\"refused\"\r\t}",
        b"no JSON",
        b"\xff\xfe",
    ];
    let found: Vec<_> = (1..)
        .zip(rows)
        .map(|(seq, bytes)| Streamed::of(&RecordRow { chain: "~desk".into(), seq, bytes: bytes.to_vec() }))
        .collect();
    let lines: Vec<_> = found.iter().map(|record| String::from_utf8(record.line.clone()).unwrap()).collect();
    assert!(lines[0].ends_with(",\"record\":{\"kind\":\"refusal\",\"at\":\"2027-03-12T10:00:00.000Z\"}}"));
    for line in &lines[1..] {
        assert!(line.contains(",\"base64\":\"") && !line.bytes().any(|octet| octet < b' '), "{line}");
    }
    assert_eq!((found[1].at, found[4].seq), (None, 5));
    assert_eq!(found.iter().filter(|record| record.kind.is_some()).count(), 2);
}

/// How grave a record of this kind is, with this in it.
fn grade(kind: &str, more: &str) -> Grade {
    let bytes = format!(r#"{{"kind":"{kind}","at":"2027-03-12T10:00:00.000Z"{more}}}"#).into_bytes();
    Streamed::of(&RecordRow { chain: "gw-1".into(), seq: 1, bytes }).grade
}

#[test]
fn what_is_grave_says_so() {
    let grades = |grade_of: Grade, kinds: &[&str]| {
        for kind in kinds {
            assert_eq!(grade(kind, ""), grade_of, "{kind}");
        }
    };
    grades(Grade::Info, &["start", "policy", "ordinary", "stop", "session", "heads", "segment", "delivery"]);
    grades(Grade::Notice, &["intent", "confirmation", "erasure"]);
    grades(
        Grade::Warning,
        &["refusal", "gap", "strangers", "freeze", "unfreeze", "reveal", "restore", "rekey"],
    );
    grades(Grade::Warning, &["outcome", "event", "no-kind"]);
    grades(Grade::Error, &["unknown"]);
    for (sent, expected) in [
        ("accepted", Grade::Notice),
        ("unknown", Grade::Error),
        ("recovered", Grade::Error),
        ("refused", Grade::Warning),
        ("not-sent", Grade::Warning),
    ] {
        assert_eq!(grade("outcome", &format!(r#","sent":"{sent}""#)), expected, "{sent}");
    }
    for (event, expected) in [
        ("chain-broken", Grade::Critical),
        ("policy-changed", Grade::Warning),
        ("heartbeat", Grade::Info),
        ("no-event", Grade::Warning),
    ] {
        assert_eq!(grade("event", &format!(r#","event":{{"event":"{event}"}}"#)), expected, "{event}");
    }
    let delivery = |result: &str| {
        let record = r#"{"chain":"gw-1","seq":1,"hash":""}"#;
        let rest = r#""channel":"mail","audience":"new","notice":"address-changed","attempts":1"#;
        grade("delivery", &format!(r#","delivery":{{"record":{record},{rest},"result":"{result}"}}"#))
    };
    assert_eq!((delivery("dead"), delivery("delivered")), (Grade::Error, Grade::Info));
}

#[tokio::test]
async fn without_a_stream_that_has_to_take_it_there_is_no_leave_to_send() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let (took, taken) = watch::channel(0);
    let patience = Duration::from_millis(50);
    assert!(!ledger.is_streamed_first());
    ledger.require(vec![Required { stream: SIEM.into(), patience, taken }]);
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert!(ledger.is_streamed_first());
    let why = ledger.taken_by_streams(&intent).await.unwrap_err();
    assert!(why.to_string().contains("`siem`"), "{why}");
    let Err((intent, Uncleared::Unstreamed(_))) = ledger.clear(intent, &[]).await else {
        panic!("cleared");
    };
    took.send(intent.record().seq).unwrap();
    ledger.taken_by_streams(&intent).await.unwrap();
    assert!(ledger.clear(intent, &[]).await.is_ok());
    // Nobody is left who could take the next one: nobody waits for long.
    let next = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    let (_, taken) = watch::channel(0);
    ledger.require(vec![Required { stream: SIEM.into(), patience: Duration::from_mins(10), taken }]);
    assert!(ledger.taken_by_streams(&next).await.is_err());
}

#[tokio::test]
async fn of_several_guards_one_takes_over_what_another_left_and_gives_it_back() {
    let bench = Bench::new();
    let Some((first, second)) = replicas::two(&bench).await else { return };
    let mine = |ledger: &Ledger| ledger.head().chain;
    assert_ne!(mine(&first), mine(&second));
    let names = async |ledger: &Ledger| {
        let chains = chains(ledger).await;
        chains.into_iter().map(|(chain, ..)| chain).collect::<Vec<_>>()
    };
    first.started(Digest::of(b"policy")).await.unwrap();
    second.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(names(&first).await.len(), 2, "nobody brings the other one yet");
    assert_eq!(names(&second).await, [mine(&second)], "its own again");
    assert_eq!(names(&first).await, [mine(&first)]);
    // Long since heard of: taken over. Then it is heard of again.
    bench.pass(120);
    assert_eq!(names(&second).await.len(), 2);
    assert_eq!(names(&first).await, [mine(&first)]);
    assert_eq!(names(&second).await, [mine(&second)]);
    // What is given back is free at once.
    first.release_stream(SIEM).await.unwrap();
    assert_eq!(names(&second).await.len(), 2);
}

/// A record of a chain that no guard continues.
async fn left_behind(bench: &Bench, chain: &str) {
    let row =
        format!(r#"{{"v":1,"chain":"{chain}","seq":1,"kind":"reveal","at":"2027-03-12T10:00:00.000Z"}}"#);
    bench.outsider().await.record(chain, 1, &row).await;
}

async fn names(ledger: &Ledger) -> Vec<String> {
    chains(ledger).await.into_iter().map(|(chain, ..)| chain).collect()
}

/// How many times is written for a look at the chains.
async fn written(ledger: &Ledger) -> u64 {
    let before = ledger.stats().commits;
    chains(ledger).await;
    ledger.stats().commits - before
}

#[tokio::test]
async fn whoever_is_alone_claims_a_chain_once_and_takes_up_what_is_new() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(written(&ledger).await, 1);
    let mut other = bench.outsider().await;
    let until = bench.clock.now().millis() + 60_000;
    assert_eq!(other.read("SELECT lease_until FROM streams").await, Some(until));
    bench.pass(45);
    assert_eq!(written(&ledger).await, 0, "nobody else takes it");
    for (chain, known) in [("~desk", 2), ("~gone", 3)] {
        left_behind(&bench, chain).await;
        assert_eq!(names(&ledger).await.len(), known, "{chain}");
    }
    ledger.started(Digest::of(b"policy")).await.unwrap();
    let ends: Vec<_> =
        ledger.stream_chains(SIEM).await.unwrap().into_iter().map(|of| (of.chain, of.end)).collect();
    assert_eq!(ends, [("gw-1".to_owned(), 2), ("~desk".to_owned(), 1), ("~gone".to_owned(), 1)]);
    ledger.release_stream(SIEM).await.unwrap();
    assert_eq!(other.read("SELECT COUNT(*) FROM streams WHERE owner IS NOT NULL").await, Some(0));
    assert_eq!(names(&ledger).await.len(), 3);
}

/// The same ledger, as where others may share the store.
fn among_others(bench: &Bench, alone: &Ledger) -> Ledger {
    let (inner, options) = (&alone.inner, bench.options());
    let core = Core {
        chain: Arc::clone(&inner.core.chain),
        owner: inner.core.owner.clone(),
        others: Others::MayLive,
        seal: options.seal,
        hash: options.hash,
        clock: options.clock,
        lease: inner.core.lease,
        timeout: inner.core.timeout,
    };
    let inner = Inner {
        core: Arc::new(core),
        shared: Arc::clone(&inner.shared),
        at_work: inner.at_work.clone(),
        reader: inner.reader.clone(),
        requests: inner.requests.clone(),
        deliveries: inner.deliveries.clone(),
        notes: inner.notes.clone(),
        task: std::sync::Mutex::default(),
    };
    Ledger { inner: Arc::new(inner) }
}

#[tokio::test]
async fn among_others_a_lease_is_renewed_in_time_and_what_is_nobodys_is_taken() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let alone = bench.ledger().await;
    let ledger = among_others(&bench, &alone);
    ledger.started(Digest::of(b"policy")).await.unwrap();
    left_behind(&bench, "~desk").await;
    assert_eq!(names(&ledger).await, ["gw-1", "~desk"]);
    bench.pass(30);
    assert_eq!(written(&ledger).await, 0, "half of it is left");
    bench.pass(1);
    assert_eq!(written(&ledger).await, 1, "less is left");
    // The own lease ends in a minute. Another's has to be over for as long as clocks may be apart.
    let mut other = bench.outsider().await;
    for (sql, claimed) in [
        (
            "UPDATE streams SET owner = 'other', lease_until = \
             (SELECT lease_until - 75000 FROM streams WHERE chain = 'gw-1') WHERE chain = '~desk'",
            0,
        ),
        ("UPDATE streams SET lease_until = lease_until - 1 WHERE chain = '~desk'", 1),
        ("UPDATE streams SET owner = NULL WHERE chain = '~desk'", 1),
        ("UPDATE streams SET owner = 'other' WHERE chain = 'gw-1'", 1),
    ] {
        other.run(sql).await.unwrap();
        assert_eq!(written(&ledger).await, claimed, "{sql}");
        assert_eq!(names(&ledger).await.len(), if claimed == 0 { 1 } else { 2 }, "{sql}");
    }
}
