//! Sessions: on record when issued, without what could be an address; used, and written once a minute.

use std::collections::BTreeMap;

use super::*;
use crate::caller::{Arn, Principal, Session, Voucher};

pub(super) fn session(bench: &Bench, id: &str) -> Session {
    let arn = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim.lee@example.com";
    Session {
        id: id.into(),
        principal: Principal { arn: Arn::read(arn).unwrap(), unique_id: Some("AROAEXAMPLEID".into()) },
        voucher: Voucher::WebIdentity {
            issuer: "https://issuer.example.com".into(),
            subject: "subject@example.net".into(),
        },
        issued: bench.clock.now(),
        expires: bench.clock.now().plus(SignedDuration::from_mins(15)),
        claims: BTreeMap::from([("team".to_owned(), "value-of-team".to_owned())]),
        label: Some("label@example.net".into()),
    }
}

pub(super) const ID: &str = "GSEXAMPLEEXAMPLE2345";

async fn issued(bench: &Bench, ledger: &Ledger) -> Session {
    let session = session(bench, ID);
    ledger.session_issued(&session, &caller().origin).await.unwrap();
    session
}

#[tokio::test]
async fn a_session_is_on_record_before_it_is_given_out_and_shows_no_address() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    issued(&bench, &ledger).await;
    // The same id twice is a fault, not a second session.
    assert!(ledger.session_issued(&session(&bench, ID), &caller().origin).await.is_err());
    ledger.crash().await;
    let records = bench.records().await;
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((&record["kind"], &record["session"]["id"]), (&"session".into(), &ID.into()));
    assert_eq!(record["session"]["expires"], "2027-03-12T10:15:00.000Z");
    assert_eq!(record["session"]["label"], "~");
    assert_eq!(record["caller"]["proof"], "web-identity:https://issuer.example.com#~");
    assert_eq!(record["caller"]["principal"], "arn:aws:sts::111122223333:assumed-role/IdentityDesk/~");
    for file in std::fs::read_dir(bench.directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        for personal in ["kim.lee", "subject@", "label@", "value-of-team"] {
            assert!(!text.contains(personal), "{personal}");
        }
    }
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn the_last_use_of_a_session_is_written_once_a_minute_and_at_the_end() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await;
    let session = issued(&bench, &ledger).await;
    let mut other = bench.outsider().await;
    let mut used = async || other.read("SELECT used FROM sessions").await;
    bench.pass(5);
    ledger.session_used(&session);
    let commits = ledger.stats().commits;
    bench.pass(5);
    ledger.session_used(&session);
    let at = bench.clock.now().millis();
    assert_eq!(used().await, None);
    bench.pass(60);
    tokio::time::timeout(Duration::from_secs(10), async {
        while used().await.is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(used().await, Some(at));
    assert_eq!(ledger.stats().commits, commits + 1);
    ledger.session_used(&session);
    let last = bench.clock.now().millis();
    ledger.stop().await.unwrap();
    assert_eq!(used().await, Some(last));
}

#[tokio::test]
async fn a_use_that_is_written_is_not_written_again() {
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await;
    let session = issued(&bench, &ledger).await;
    ledger.session_used(&session);
    let commits = ledger.stats().commits;
    bench.pass(61);
    let mut tries = 0;
    while ledger.stats().commits == commits {
        tries += 1;
        assert!(tries < 1_000);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(bench.outsider().await.read("SELECT used FROM sessions").await.map(|at| at > 0), Some(true));
    assert_eq!(ledger.inner.shared.uses.take(), None);
}

#[tokio::test]
async fn a_use_that_could_not_be_written_is_written_later() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.opened(LedgerOptions { lease: Duration::from_millis(150), ..bench.options() }).await;
    let session = issued(&bench, &ledger).await;
    ledger.session_used(&session);
    let at = bench.clock.now().millis();
    faults::failing(&bench).await;
    bench.pass(61);
    let mut tries = 0;
    while ledger.stats().failures == 0 {
        tries += 1;
        assert!(tries < 1_000);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    faults::mended(&bench).await;
    ledger.stop().await.unwrap();
    assert_eq!(bench.outsider().await.read("SELECT used FROM sessions").await, Some(at));
}
