//! From a permit to the letters: the real ledger, the real courier, a mail server that is down for a while.

use std::future::Future;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::{
    clock::Clock,
    demo::mailbox::Fault,
    ledger::{Answered, Ledger, LedgerOptions, Sent},
    notice::{
        Finding, Plan, Shows,
        tests::permit::{mary, routing, update},
    },
    notify::{Courier, courier::CourierStats},
    operation::Effect,
    secret::{HashKey, Seal},
};

const CHANGE: &str = r#"{"IdentityInfo":{"Email":"new@example.org"}}"#;

async fn ledger(directory: &TempDir, clock: &Clock) -> Ledger {
    let options = LedgerOptions {
        url: format!("sqlite:{}?reserve=0", directory.path().join("ledger.db").display()),
        replica: "guard-1".to_owned(),
        timeout: Duration::from_secs(10),
        lease: Duration::from_secs(30),
        queue: 64,
        ephemeral: Some("a test".to_owned()),
        seal: Seal::new(vec![("k1".to_owned(), Secret::new(vec![7; 32]))]).unwrap(),
        hash: HashKey::new(&Secret::new(vec![9; 32])),
        clock: clock.clone(),
    };
    Ledger::open(options).await.unwrap()
}

/// Lets a courier work until `enough` resolves, and stops the ledger.
async fn work(
    ledger: Ledger,
    mailbox: &Mailbox,
    clock: &Clock,
    enough: impl Future<Output = ()>,
) -> CourierStats {
    let (options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    let mail = Mail::new(options).unwrap();
    let courier = Arc::new(Courier::new(ledger.clone(), Templates::built_in().unwrap(), mail, clock.clone()));
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(Arc::clone(&courier).run(async move { stopped.await.unwrap() }));
    enough.await;
    stop.send(()).unwrap();
    done.await.unwrap();
    ledger.stop().await.unwrap();
    courier.stats()
}

#[tokio::test]
async fn h4_notices_outlive_the_mail_server_and_the_process_and_come_once() {
    let (directory, mailbox) = (tempfile::tempdir().unwrap(), mailbox(Protection::StartTls).await);
    let clock = Clock::manual("2027-03-12T10:00:00Z".parse::<Timestamp>().unwrap());
    mailbox.fail(Fault::Busy(4));

    let first = ledger(&directory, &clock).await;
    let permit = update(CHANGE, mary("old@example.com", "two@example.com"));
    let plan = Plan::of(&permit, &routing()).unwrap();
    let intent = first.intend(permit, plan).await.map_err(|why| format!("{why:?}")).unwrap();
    assert!(first.claim(10).await.unwrap().is_empty(), "held until the outcome");
    let answer = Answered { status: 200, error: None, request_id: None, body: Bytes::from_static(b"{}") };
    let finding = Finding {
        effect: Effect::Applied,
        side_effects: Vec::new(),
        told_unknown: false,
        shows: Shows::Already,
        at: clock.now(),
    };
    let closed =
        first.close(intent.sent(Sent::Accepted(answer)), finding).await.map_err(|(_, why)| why).unwrap();
    let record = closed.recorded.record().clone();
    // A courier that is stopped finishes what it has claimed: its four attempts, each told to come back later.
    let busy = mailbox.refusals(4);
    let stats = work(first, &mailbox, &clock, busy).await;
    assert_eq!(stats, CourierStats { delivered: 0, retried: 4, dead: 0 });

    clock.advance(SignedDuration::from_secs(10));
    let second = ledger(&directory, &clock).await;
    let arrived = async { drop(mailbox.received(4).await) };
    assert_eq!(
        work(second, &mailbox, &clock, arrived).await,
        CourierStats { delivered: 4, retried: 0, dead: 0 }
    );

    clock.advance(SignedDuration::from_hours(2));
    let third = ledger(&directory, &clock).await;
    assert!(third.claim(10).await.unwrap().is_empty(), "what was delivered is not delivered again");
    let letters = mailbox.letters();
    let mut told: Vec<_> = letters.iter().flat_map(|letter| letter.to.clone()).collect();
    told.sort();
    assert_eq!(told, ["new@example.org", "old@example.com", "security@example.com", "two@example.com"]);
    for letter in &letters {
        assert_eq!(
            letter.header("X-Connect-Guard-Event"),
            [format!("address-changed; record=guard-1/{}", record.seq)]
        );
        assert_eq!(letter.header("Date"), ["Fri, 12 Mar 2027 10:00:00 +0000"]);
    }
}
