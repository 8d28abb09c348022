//! What is refused for what it is: the channel works, until nothing else is taken either.

use super::{
    courier::{counts, run, run_both, to},
    hook::to_siem,
    receiver::{Receiver, status},
    *,
};
use crate::{demo::mailbox::Fault, notify::courier::Alarm};

/// Each further one within the hour is counted, and told when they have doubled.
#[tokio::test]
async fn h10_more_mailboxes_that_are_refused_are_told_again_and_not_without_end() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Unknown("gone@example.com".to_owned()));
    let running = run(&mailbox, LONG);
    for id in 1..=9 {
        running.memory.put(id, to("gone@example.com", id), 0);
        running.memory.ended(usize::try_from(id).unwrap()).await;
    }
    let told: Vec<_> = running
        .memory
        .alarms(4)
        .await
        .into_iter()
        .map(|alarm| {
            let Alarm::GivenUp { count, message, .. } = alarm else { panic!("{alarm:?}") };
            (count, message)
        })
        .collect();
    assert_eq!(told, [(1, 1), (2, 2), (4, 4), (8, 8)]);
    assert_eq!(counts(&running, 0), (0, 0, 9));
    running.stop().await;
}

/// Some recipients are refused for hours while others are served: the channel works, and nobody is told otherwise.
#[tokio::test]
async fn h10_recipients_that_are_refused_for_now_are_no_failure_of_the_channel() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    receiver.answer(status(422, ""));
    let running = run_both(&mailbox, &receiver);
    for id in 1..=5 {
        running.memory.put(id, to_siem(id.unsigned_abs()), 0);
    }
    running.memory.refused(5).await;
    receiver.answer(status(200, ""));
    running.memory.put(6, to_siem(6), 0);
    running.memory.ended(1).await;
    receiver.answer(status(422, ""));
    for round in 2..=6 {
        running.after(1_200);
        running.memory.refused(5 * round).await;
        assert_eq!(running.courier.stats().channels[1].failing_since, None);
    }
    assert!(running.memory.said().is_empty(), "{:?}", running.memory.said());
    // More that nobody takes, and nothing is taken: now it is the channel.
    for id in 11..=13 {
        running.memory.put(id, to_siem(id.unsigned_abs()), 0);
    }
    running.memory.refused(33).await;
    running.after(1_200);
    running.memory.refused(41).await;
    let said = running.memory.alarms(1).await;
    assert!(matches!(&said[..], [Alarm::Failing { channel, .. }] if channel == "hook:siem"), "{said:?}");
    running.stop().await;
}
