//! From a permit to the letters: the real ledger, the real courier, a mail server that is down for a while.

use std::{collections::BTreeMap, future::Future};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{hook::over as hook_over, receiver::Receiver, *};
use crate::{
    clock::Clock,
    demo::mailbox::Fault,
    ledger::{Answered, Ledger, LedgerOptions, Queue, Sent},
    notice::{
        Channel, Event, Finding, Plan, Shows, Urgency,
        tests::permit::{mary, routing, update},
    },
    notify::{ChannelStats, Channels, Courier, Post},
    operation::Effect,
    secret::{HashKey, Seal},
};

fn now_by_mail() -> Queue {
    Queue { channel: Channel::Mail, urgency: Urgency::Now }
}

const CHANGE: &str = r#"{"IdentityInfo":{"Email":"new@example.org"}}"#;

async fn ledger(directory: &TempDir, clock: &Clock) -> Ledger {
    let options = LedgerOptions {
        url: crate::store::testing::url(directory.path()),
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
) -> ChannelStats {
    let (options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    let mail = Mail::new(options).unwrap();
    let channels = Arc::new(Channels::new(Some(mail), BTreeMap::new(), clock.clone()));
    let post = Post::new(ledger.clone(), Arc::new(ArcSwap::from_pointee(routing())));
    let courier = Arc::new(Courier::new(post, &templates(), &channels, clock));
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(Arc::clone(&courier).run(async move { stopped.await.unwrap() }));
    enough.await;
    stop.send(()).unwrap();
    done.await.unwrap();
    ledger.stop().await.unwrap();
    courier.stats().channels.remove(0)
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
    assert!(first.claim(&now_by_mail(), 10).await.unwrap().is_empty(), "held until the outcome");
    let answer = Answered { status: 200, error: None, request_id: None, body: Bytes::from_static(b"{}") };
    let finding = Finding {
        effect: Effect::Applied,
        side_effects: Vec::new(),
        told_unknown: false,
        shows: Shows::Already,
        user: None,
        at: clock.now(),
    };
    let closed =
        first.close(intent.sent(Sent::Accepted(answer)), finding).await.map_err(|(_, why)| why).unwrap();
    let record = closed.recorded.record().clone();
    // A courier that is stopped finishes what it has claimed: its four attempts, each told to come back later.
    let busy = mailbox.refusals(4);
    let stats = work(first, &mailbox, &clock, busy).await;
    assert_eq!((stats.delivered, stats.retried, stats.dead), (0, 4, 0));

    clock.advance(SignedDuration::from_secs(20));
    let second = ledger(&directory, &clock).await;
    let arrived = async { drop(mailbox.received(4).await) };
    let stats = work(second, &mailbox, &clock, arrived).await;
    assert_eq!((stats.delivered, stats.retried, stats.dead), (4, 0, 0));

    clock.advance(SignedDuration::from_hours(2));
    let third = ledger(&directory, &clock).await;
    assert!(
        third.claim(&now_by_mail(), 10).await.unwrap().is_empty(),
        "what was delivered is not delivered again"
    );
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

/// What a dead mail server leaves waiting is said through the webhook, with how much it is, and so is its end.
#[tokio::test]
async fn h4_an_outage_of_mail_is_told_by_the_webhook() {
    let (directory, mailbox) = (tempfile::tempdir().unwrap(), mailbox(Protection::StartTls).await);
    let receiver = Receiver::start().await;
    let clock = Clock::manual("2027-03-12T10:00:00Z".parse::<Timestamp>().unwrap());
    mailbox.fail(Fault::Down);
    let ledger = ledger(&directory, &clock).await;
    let mut routing = routing();
    routing.routes[0].hooks.push("siem".to_owned());
    let test = Event::Test { channel: "mail".to_owned() };
    assert!(ledger.say(&test, &routing, None).await.unwrap());

    let (mail_options, _mail_ca) = options(&mailbox, MailTls::StartTls, &mailbox.ca_pem);
    let hooks = BTreeMap::from([("siem".to_owned(), hook_over(&receiver, |_| ()))]);
    let channels = Channels::new(Some(Mail::new(mail_options).unwrap()), hooks, clock.clone());
    let post = Post::new(ledger.clone(), Arc::new(ArcSwap::from_pointee(routing)));
    let courier = Arc::new(Courier::new(post, &templates(), &Arc::new(channels), &clock));
    let (stop, stopped) = oneshot::channel();
    let done = tokio::spawn(Arc::clone(&courier).run(async move { stopped.await.unwrap() }));
    let told = tokio::time::timeout(Duration::from_mins(1), async {
        while receiver.posted().is_empty() {
            clock.advance(SignedDuration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        receiver.posted()
    });
    let posted = told.await.unwrap();
    assert_eq!(posted[0].json()["type"], "connect-guard.delivery-failing");
    mailbox.healed().await;
    let mended = tokio::time::timeout(Duration::from_mins(1), async {
        while receiver.posted().len() < 2 {
            clock.advance(SignedDuration::from_secs(30));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    mended.await.unwrap();
    assert_eq!(receiver.posted()[1].json()["type"], "connect-guard.delivery-mended");
    stop.send(()).unwrap();
    done.await.unwrap();
    ledger.stop().await.unwrap();
}
