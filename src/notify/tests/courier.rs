//! The courier over an outbox in memory: outages of every kind, floods, and what is said of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    sync::atomic::Ordering,
    time::Instant,
};

use super::{
    hook::{hook_options, to_siem},
    memory::{Memory, Running},
    receiver::{Receiver, status},
    *,
};
use crate::{
    clock::Clock,
    demo::mailbox::Fault,
    ledger::DeliveryOutcome,
    notice::{Audience, Urgency, tests::delivery},
    notify::{Channels, Hook, courier::Alarm},
};

fn clock() -> Clock {
    Clock::manual("2027-03-12T10:00:00Z".parse().unwrap())
}

fn mail(mailbox: &Mailbox, timeout: Duration) -> Mail {
    let (mut options, _ca_file) = options(mailbox, MailTls::StartTls, &mailbox.ca_pem);
    options.timeout = timeout;
    Mail::new(options).unwrap()
}

fn hook(receiver: &Receiver) -> BTreeMap<String, Hook> {
    let (options, _ca_file) = hook_options(receiver);
    BTreeMap::from([("siem".to_owned(), Hook::new(&options).unwrap())])
}

/// A courier with a mail channel alone.
pub(super) fn run(mailbox: &Mailbox, timeout: Duration) -> Running {
    let clock = clock();
    let channels = Channels::new(Some(mail(mailbox, timeout)), BTreeMap::new(), clock.clone());
    Running::over(&Memory::new(&clock), channels)
}

/// A courier with mail and a webhook.
pub(super) fn run_both(mailbox: &Mailbox, receiver: &Receiver) -> Running {
    let clock = clock();
    let channels = Channels::new(Some(mail(mailbox, LONG)), hook(receiver), clock.clone());
    Running::over(&Memory::new(&clock), channels)
}

pub(super) fn to(recipient: &str, number: i64) -> Delivery {
    delivery(Audience::OldPrimary, recipient, number.unsigned_abs())
}

fn to_mary(number: i64) -> Delivery {
    to("mary@example.com", number)
}

pub(super) fn counts(running: &Running, channel: usize) -> (u64, u64, u64) {
    let stats = &running.courier.stats().channels[channel];
    (stats.delivered, stats.retried, stats.dead)
}

#[tokio::test]
async fn everything_that_waits_is_brought() {
    let mailbox = mailbox(Protection::StartTls).await;
    let running = run(&mailbox, LONG);
    for id in 1..=20 {
        running.memory.put(id, to_mary(id), 0);
    }
    let outcomes = running.memory.outcomes(20).await;
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, DeliveryOutcome::Delivered { .. })));
    let letters = mailbox.received(20).await;
    let mut ids: Vec<_> = letters.iter().flat_map(|letter| letter.header("Message-ID")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((letters.len(), ids.len()), (20, 20));
    assert!(mailbox.connections() <= 4);
    assert_eq!(counts(&running, 0), (20, 0, 0));
    assert!(running.memory.said().is_empty());
    running.stop().await;
}

/// A week without a mail server: tried by one message at a time, told once, and brought at once when it is back.
#[tokio::test]
async fn h4_a_week_without_a_mail_server_loses_nothing() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Down);
    let running = run(&mailbox, LONG);
    for id in 1..=50 {
        running.memory.put(id, to_mary(id), 0);
    }
    let first = running.memory.outcomes(1).await;
    let DeliveryOutcome::Retry { why, at } = &first[0].1 else { panic!("{first:?}") };
    assert!(why.starts_with("the mail server cannot be reached") && !why.contains('@'), "{why}");
    assert!(*at > running.clock.now());
    let mut tried = running.memory.outcomes(4).await.len();
    assert_eq!(running.courier.stats().channels[0].retried, 4, "as many as there are hands, no more");
    for minute in 0..20 {
        // The hold and its chance are over; one message tries.
        running.after(if minute < 10 { 80 } else { 12 * 3_600 });
        tried += 1;
        running.memory.outcomes(tried).await;
    }
    assert_eq!(running.memory.outcomes(tried).await.len(), tried, "one at a time");
    running.after(3 * 24 * 3_600);
    tried += 1;
    running.memory.outcomes(tried).await;
    let began = clock().now().millis();
    let stats = running.courier.stats().channels.remove(0);
    assert_eq!((stats.failing_since, stats.delivered, stats.dead), (Some(began), 0, 0));
    assert!(matches!(&running.memory.alarms(1).await[..], [Alarm::Failing { since, .. }] if *since == began));

    mailbox.healed().await;
    running.after(80);
    // All but those that tried are due already, and those are within two minutes.
    running.memory.ended(28).await;
    running.after(130);
    running.memory.ended(50).await;
    let letters = mailbox.received(50).await;
    let mut ids: Vec<_> = letters.iter().flat_map(|letter| letter.header("Message-ID")).collect();
    ids.sort();
    ids.dedup();
    assert_eq!((letters.len(), ids.len()), (50, 50));
    let said = running.memory.alarms(2).await;
    assert!(matches!(&said[1..], [Alarm::Mended { since, .. }] if *since == began), "{said:?}");
    assert_eq!(running.stop().await[0].failing_since, None);
}

#[tokio::test]
async fn h10_only_the_mailbox_that_is_refused_is_given_up_on_and_others_are_told() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Unknown("gone@example.com".to_owned()));
    let running = run(&mailbox, LONG);
    running.memory.put(1, to("gone@example.com", 1), 0);
    running.memory.put(2, to_mary(2), 0);
    running.memory.put(3, to("not an address", 3), 0);
    let mut outcomes = running.memory.outcomes(3).await;
    outcomes.sort_by_key(|(id, _)| *id);
    assert!(matches!(outcomes[0].1, DeliveryOutcome::Dead { .. }));
    assert!(matches!(outcomes[1].1, DeliveryOutcome::Delivered { .. }));
    assert!(matches!(outcomes[2].1, DeliveryOutcome::Retry { .. }));
    let said = running.memory.alarms(1).await;
    assert!(
        matches!(&said[..], [Alarm::GivenUp { channel, why, .. }]
        if channel == "mail" && why.contains("5.1.1") && !why.contains('@')),
        "{said:?}"
    );
    assert_eq!(counts(&running, 0), (1, 1, 1));
    running.stop().await;
}

/// A mail server that is dead, or takes for ever, holds up no webhook, and the webhook is told of it.
#[tokio::test]
async fn h4_a_channel_that_fails_holds_up_no_other() {
    for fault in [Fault::Down, Fault::Silent("greeting"), Fault::SilentAuth] {
        let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
        mailbox.fail(fault.clone());
        let running = run_both(&mailbox, &receiver);
        for id in 1..=30 {
            running.memory.put(id, to_mary(id), 0);
            running.memory.put(100 + id, to_siem(id.unsigned_abs()), 0);
        }
        assert_eq!(receiver.received(30).await.len(), 30);
        running.memory.ended(30).await;
        assert_eq!(counts(&running, 1), (30, 0, 0), "{fault:?}");
        assert_eq!(counts(&running, 0).0, 0);
        mailbox.healed().await;
        running.stop().await;
    }
}

/// A flood of refusals waits for a mail server that is back at last: the one change that was made is told first.
#[tokio::test]
async fn e9_a_flood_of_refusals_does_not_delay_a_change() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Down);
    let running = run(&mailbox, LONG);
    for id in 1..=500 {
        running.memory.put(id, Delivery { urgency: Urgency::Later, ..to("security@example.com", id) }, 0);
    }
    // Both that there are hands for: none of them is under way when the server is back.
    running.memory.refused(2).await;
    running.memory.put(1_000, to_mary(1_000), 0);
    mailbox.healed().await;
    running.after(80);
    running.memory.ended(100).await;
    assert_eq!(mailbox.letters()[0].to, ["mary@example.com"], "the change is first");
    running.after(130);
    running.memory.ended(501).await;
    running.stop().await;
}

/// Beside a flood under way, a change has hands of its own.
#[tokio::test]
async fn e9_a_change_has_hands_of_its_own() {
    let mailbox = mailbox(Protection::StartTls).await;
    let running = run(&mailbox, LONG);
    for id in 1..=300 {
        running.memory.put(id, Delivery { urgency: Urgency::Later, ..to("security@example.com", id) }, 0);
    }
    mailbox.received(20).await;
    running.memory.put(1_000, to_mary(1_000), 0);
    running.memory.ended(301).await;
    let letters = mailbox.letters();
    let place = letters.iter().position(|letter| letter.to == ["mary@example.com"]).unwrap();
    assert!(place < 200, "{place}");
    running.stop().await;
}

#[tokio::test]
async fn h9_a_receiver_that_asks_to_be_left_alone_is() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    let running = run_both(&mailbox, &receiver);
    receiver.answer(status(429, "retry-after: 300\r\n"));
    running.memory.put(1, to_siem(1), 0);
    let outcomes = running.memory.outcomes(1).await;
    let DeliveryOutcome::Retry { why, at } = &outcomes[0].1 else { panic!("{outcomes:?}") };
    assert_eq!(why, "the webhook was answered 429");
    assert!(at.millis() - running.clock.now().millis() >= 300_000);
    receiver.answer(status(204, ""));
    running.memory.put(2, to_siem(2), 0);
    running.after(290);
    running.memory.put(3, to_mary(3), 0);
    running.memory.ended(1).await;
    assert_eq!(receiver.posted().len(), 1, "left alone, while mail goes out");
    running.after(90);
    running.memory.ended(2).await;
    running.after(600);
    running.memory.ended(3).await;
    running.stop().await;
}

/// 401 and the like are ours to mend: nothing is given up, whoever can is told, and it goes on when it is mended.
#[tokio::test]
async fn h10_a_credential_of_ours_that_is_wrong_gives_nothing_up() {
    for code in [401, 403, 404, 500] {
        let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
        receiver.answer(status(code, ""));
        let running = run_both(&mailbox, &receiver);
        running.memory.put(1, to_siem(1), 0);
        for tries in 1..=5 {
            running.memory.outcomes(tries).await;
            running.after(160);
        }
        let said = running.memory.alarms(1).await;
        assert!(matches!(&said[..], [Alarm::Failing { channel, .. }] if channel == "hook:siem"), "{said:?}");
        receiver.answer(status(200, ""));
        running.after(200);
        running.memory.ended(1).await;
        let said = running.memory.alarms(2).await;
        assert!(matches!(&said[1], Alarm::Mended { channel, .. } if channel == "hook:siem"));
        assert_eq!(counts(&running, 1).2, 0);
        running.stop().await;
    }
}

#[tokio::test]
async fn h9_a_receiver_that_wants_no_more_is_a_dead_letter_and_an_alarm() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    receiver.answer(status(410, ""));
    let running = run_both(&mailbox, &receiver);
    running.memory.put(1, to_siem(1), 0);
    let outcomes = running.memory.outcomes(1).await;
    assert!(matches!(&outcomes[0].1, DeliveryOutcome::Dead { why } if why.contains("410")), "{outcomes:?}");
    assert!(
        matches!(&running.memory.alarms(1).await[..], [Alarm::GivenUp { channel, .. }] if channel == "hook:siem")
    );
    running.stop().await;
}

/// One message that its receiver will not have goes on waiting, and the others go out.
#[tokio::test]
async fn h10_a_message_that_is_not_taken_holds_up_no_other() {
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    receiver.answer(status(422, ""));
    let running = run_both(&mailbox, &receiver);
    running.memory.put(1, to_siem(1), 0);
    running.memory.outcomes(1).await;
    receiver.answer(status(200, ""));
    for id in 2..=10 {
        running.memory.put(id, to_siem(id.unsigned_abs()), 0);
    }
    running.memory.ended(9).await;
    assert_eq!(running.memory.waiting(), 1);
    running.after(7);
    running.memory.ended(10).await;
    running.stop().await;
}

#[tokio::test]
async fn h10_a_drop_after_the_content_is_repeated_once() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::DropAfterContent(1));
    let running = run(&mailbox, LONG);
    running.memory.put(1, to_mary(1), 0);
    running.memory.outcomes(1).await;
    running.after(20);
    running.memory.ended(1).await;
    let letters = mailbox.received(2).await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].header("Message-ID"), letters[1].header("Message-ID"));
    running.stop().await;
}

/// The mail server goes away in the middle of many messages: everything arrives, and only what was under way twice.
#[tokio::test(flavor = "multi_thread")]
async fn h4_ten_thousand_messages_arrive() {
    const MAILS: usize = 1_500;
    const POSTS: usize = 8_500;
    let (mailbox, receiver) = (mailbox(Protection::StartTls).await, Receiver::start().await);
    let running = run_both(&mailbox, &receiver);
    mailbox.fail(Fault::DownAfter(MAILS / 3));
    for id in 1..=MAILS {
        running.memory.put(i64::try_from(id).unwrap(), to_mary(i64::try_from(id).unwrap()), 0);
    }
    for id in 1..=POSTS {
        running.memory.put(i64::try_from(MAILS + id).unwrap(), to_siem(u64::try_from(id).unwrap()), 0);
    }
    let began = Instant::now();
    mailbox.received(MAILS / 3).await;
    running.memory.refused(1).await;
    mailbox.healed().await;
    let memory = Arc::clone(&running.memory);
    let mut all = tokio::spawn(async move { memory.ended(MAILS + POSTS).await });
    // The clock stands still while nothing is done: it is moved until everything is.
    while tokio::time::timeout(Duration::from_millis(100), &mut all).await.is_err() {
        running.after(30);
    }
    writeln!(std::io::stderr(), "10,000 messages in {:?}", began.elapsed()).unwrap();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for letter in mailbox.letters() {
        *times.entry(letter.header("Message-ID").concat()).or_default() += 1;
    }
    assert_eq!(times.len(), MAILS, "none is lost");
    assert!(times.values().all(|count| *count <= 2));
    assert!(times.values().sum::<usize>() <= MAILS + 4, "{}", times.values().sum::<usize>());
    let ids: BTreeSet<_> =
        receiver.posted().into_iter().map(|posted| posted.headers["webhook-id"].clone()).collect();
    assert_eq!((ids.len(), receiver.posted().len()), (POSTS, POSTS));
    let delivered: Vec<_> = running.stop().await.iter().map(|stats| stats.delivered).collect();
    assert_eq!(delivered, [1_500, 8_500]);
}

#[tokio::test]
async fn a_panic_ends_one_attempt() {
    let mailbox = mailbox(Protection::StartTls).await;
    let clock = clock();
    let mut channels = Channels::new(Some(mail(&mailbox, LONG)), BTreeMap::new(), clock.clone());
    channels.panics_on = Some(to_mary(1).message_id);
    let running = Running::over(&Memory::new(&clock), channels);
    running.memory.put(1, to_mary(1), 0);
    running.memory.put(2, to_mary(2), 0);
    running.memory.ended(1).await;
    let outcomes = running.memory.outcomes(2).await;
    let (_, outcome) = outcomes.iter().find(|(id, _)| *id == 1).unwrap();
    assert!(matches!(outcome, DeliveryOutcome::Retry { why, .. } if why.contains("panic")), "{outcome:?}");
    running.stop().await;
}

#[tokio::test]
async fn shutdown_finishes_the_attempt_under_way() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::SilentContent(1));
    let running = run(&mailbox, Duration::from_millis(700));
    running.memory.put(1, to_mary(1), 0);
    mailbox.received(1).await;
    let memory = Arc::clone(&running.memory);
    assert_eq!(running.stop().await[0].retried, 1);
    assert_eq!(memory.outcomes(1).await.len(), 1);
}

#[tokio::test]
async fn a_ledger_in_trouble_is_asked_again() {
    let mailbox = mailbox(Protection::StartTls).await;
    let clock = clock();
    let memory = Memory::new(&clock);
    memory.unclaimable.store(1, Ordering::SeqCst);
    memory.unwritable.store(1, Ordering::SeqCst);
    memory.unsayable.store(1, Ordering::SeqCst);
    memory.put(1, to_mary(1), 0);
    let channels = Channels::new(Some(mail(&mailbox, LONG)), BTreeMap::new(), clock.clone());
    let running = Running::over(&memory, channels);
    assert_eq!(running.memory.outcomes(1).await.len(), 1);
    assert_eq!(mailbox.letters().len(), 1, "the message is not sent again for a result that is not written");
    running.stop().await;
}

/// An alarm that cannot be written is said with the next attempt.
#[tokio::test]
async fn an_alarm_is_said_again_until_it_is_written() {
    let mailbox = mailbox(Protection::StartTls).await;
    mailbox.fail(Fault::Down);
    let running = run(&mailbox, LONG);
    running.memory.unsayable.store(1, Ordering::SeqCst);
    running.memory.put(1, to_mary(1), 0);
    for tries in 1..=4 {
        running.memory.outcomes(tries).await;
        running.after(160);
    }
    assert_eq!(running.memory.alarms(1).await.len(), 1);
    running.stop().await;
}

/// Some servers say of every mailbox that they do not have, or will not send to, that access is denied. Whoever collects
/// such mailboxes must not hold up what others are to be told.
#[tokio::test]
async fn h10_recipients_that_are_denied_hold_up_no_other() {
    for reply in ["550 5.4.1 recipient address rejected: access denied", "554 5.7.1 access denied"] {
        let mailbox = mailbox(Protection::StartTls).await;
        mailbox.fail(Fault::Refused("gone@example.com".to_owned(), reply));
        let running = run(&mailbox, LONG);
        for id in 1..=30 {
            running.memory.put(id, to("gone@example.com", id), 0);
        }
        running.memory.refused(4).await;
        running.after(10);
        running.memory.refused(5).await;
        running.memory.put(99, to_mary(99), 0);
        // A hold and its chance, twice.
        for _ in 0..2 {
            running.after(80);
            let _ = tokio::time::timeout(Duration::from_secs(1), running.memory.ended(1)).await;
        }
        assert_eq!(mailbox.letters().len(), 1, "{reply}");
        assert_eq!(counts(&running, 0).2, 0, "nothing is given up");
        running.stop().await;
    }
}

/// Whoever waits for the guard comes first: then there is one hand for what is not urgent.
#[tokio::test]
async fn what_is_not_urgent_yields_while_the_guard_is_busy() {
    let mailbox = mailbox(Protection::StartTls).await;
    let clock = clock();
    let memory = Memory::new(&clock);
    memory.busy.store(true, Ordering::SeqCst);
    for id in 1..=20 {
        memory.put(id, Delivery { urgency: Urgency::Later, ..to("security@example.com", id) }, 0);
    }
    let channels = Channels::new(Some(mail(&mailbox, LONG)), BTreeMap::new(), clock);
    let running = Running::over(&memory, channels);
    running.memory.ended(20).await;
    assert_eq!((mailbox.received(20).await.len(), mailbox.connections()), (20, 1));
    running.stop().await;
}
