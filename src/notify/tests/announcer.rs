//! Deliveries handed over now: all of them, in parallel, and never for longer than there is patience.

use std::{collections::BTreeMap, time::Instant};

use super::{
    hook::{over as hook_over, to_siem},
    receiver::{Answer, Receiver, status},
    *,
};
use crate::{
    clock::Clock,
    demo::mailbox::Fault,
    notice::{Audience, tests::delivery},
    notify::{Announcer, Channels},
};

fn announcer(mailbox: &Mailbox, receiver: &Receiver) -> Announcer {
    Announcer::new(Arc::new(channels(mailbox, receiver)), templates())
}

fn channels(mailbox: &Mailbox, receiver: &Receiver) -> Channels {
    let (options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    let hooks = BTreeMap::from([("siem".to_owned(), hook_over(receiver, |_| ()))]);
    let clock = Clock::manual("2027-03-12T10:00:00Z".parse().unwrap());
    Channels::new(Some(Mail::new(options).unwrap()), hooks, clock)
}

fn both() -> Vec<Delivery> {
    vec![delivery(Audience::Security, "security@example.com", 1), to_siem(1)]
}

#[tokio::test]
async fn what_everybody_took_is_announced() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    let taken = announcer(&mailbox, &receiver).announce(both(), LONG).await.unwrap();
    let mut replies: Vec<_> =
        taken.iter().map(|(delivery, reply)| (delivery.channel.to_string(), reply.as_str())).collect();
    replies.sort();
    assert_eq!(replies, [("hook:siem".to_owned(), "204"), ("mail".to_owned(), "250 2.0.0 ok: kept")]);
    assert_eq!((mailbox.letters().len(), receiver.posted().len()), (1, 1));
    assert!(announcer(&mailbox, &receiver).announce(Vec::new(), LONG).await.unwrap().is_empty());
}

#[tokio::test]
async fn one_that_is_not_taken_is_said_with_what_was() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    receiver.answer(status(500, ""));
    let unannounced = announcer(&mailbox, &receiver).announce(both(), LONG).await.err().unwrap();
    assert_eq!(unannounced.to_string(), "1 of 2 not taken; hook:siem: the webhook was answered 500");
    assert_eq!((unannounced.taken.len(), unannounced.untaken.len()), (1, 1));
    mailbox.fail(Fault::Down);
    let unannounced = announcer(&mailbox, &receiver).announce(both(), LONG).await.err().unwrap();
    assert_eq!((unannounced.taken.len(), unannounced.untaken.len()), (0, 2));
}

#[tokio::test]
async fn patience_ends_and_nobody_waits_for_the_others_in_turn() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    receiver.answer(Answer::Silent);
    mailbox.fail(Fault::Silent("greeting"));
    let began = Instant::now();
    let patience = Duration::from_millis(300);
    let all = both().into_iter().chain(both()).collect();
    let unannounced = announcer(&mailbox, &receiver).announce(all, patience).await.err().unwrap();
    assert!(began.elapsed() < patience * 3, "{:?}", began.elapsed());
    assert_eq!(unannounced.untaken.len(), 4);
    assert!(unannounced.untaken.iter().all(|(_, why)| matches!(why, Unsent::Late(_))), "{unannounced}");
}

#[tokio::test]
async fn an_attempt_that_panics_is_not_taken() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    let all = both();
    let mut channels = channels(&mailbox, &receiver);
    channels.panics_on = Some(all[0].message_id.clone());
    let unannounced =
        Announcer::new(Arc::new(channels), templates()).announce(all, LONG).await.err().unwrap();
    assert_eq!(unannounced.to_string(), "1 of 2 not taken; mail: the attempt ended in a panic");
}
