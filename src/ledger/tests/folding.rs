//! Refusals of one kind to one recipient: the first at once, the others together. Nothing is dropped.

use super::*;
use crate::{
    ledger::{DeliveryOutcome, OutboxStats},
    notice::Kind,
};

const MINUTE: i64 = 60;

async fn refuse(bench: &Bench, ledger: &Ledger) {
    let refused = notes::refused(Some(1));
    ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), bench.clock.now())).await.unwrap();
}

/// What is due for the security team: how many refusals come in each message.
async fn due(ledger: &Ledger) -> Vec<Claimed> {
    let claimed = ledger.claim(&queue(Urgency::Later), 100).await.unwrap();
    claimed.into_iter().filter(|claimed| claimed.delivery.recipient == SECURITY).collect()
}

fn sizes(claimed: &[Claimed]) -> Vec<usize> {
    claimed.iter().map(|claimed| claimed.ids.len()).collect()
}

async fn delivered(ledger: &Ledger, claimed: &[Claimed]) {
    for claimed in claimed {
        let outcome = DeliveryOutcome::Delivered { reply: "250 ok".into() };
        ledger.delivered(claimed, outcome).await.unwrap();
    }
}

/// Refuses so often, claims what is due, delivers it, and gives the sizes of the messages.
async fn round(bench: &Bench, ledger: &Ledger, count: usize) -> Vec<usize> {
    for _ in 0..count {
        refuse(bench, ledger).await;
    }
    let claimed = due(ledger).await;
    delivered(ledger, &claimed).await;
    sizes(&claimed)
}

#[tokio::test]
async fn the_first_goes_at_once_and_the_others_together_at_the_end_of_the_window() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert_eq!(round(&bench, &ledger, 1).await, [1]);
    assert_eq!(round(&bench, &ledger, 3).await, [0; 0]);
    bench.pass(MINUTE - 1);
    assert_eq!(round(&bench, &ledger, 1).await, [0; 0]);
    bench.pass(1);
    refuse(&bench, &ledger).await;
    let claimed = due(&ledger).await;
    assert_eq!(sizes(&claimed), [5]);
    assert_eq!(claimed[0].delivery.kind, Kind::RepeatedRefusals);
    delivered(&ledger, &claimed).await;
    // One record that says how many.
    let records = bench.records().await;
    let last = records.last().unwrap();
    assert_eq!((last["kind"].as_str(), last["delivery"]["together"].as_u64()), (Some("delivery"), Some(5)));
    assert_eq!(last["delivery"]["notice"], "repeated-refusals");
    assert!(records.iter().filter(|record| record["kind"] == "delivery").count() == 2);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn windows_double_up_to_an_hour_and_begin_anew_after_a_quiet_one() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert_eq!(round(&bench, &ledger, 1).await, [1]);
    for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(round(&bench, &ledger, 2).await, [0; 0], "{minutes}");
        bench.pass(minutes * MINUTE - 1);
        assert_eq!(round(&bench, &ledger, 0).await, [0; 0], "{minutes}");
        bench.pass(1);
        assert_eq!(round(&bench, &ledger, 0).await, [2], "{minutes}");
    }
    // Nothing came in the last window: the next goes at once, and the window is a minute again.
    bench.pass(60 * MINUTE);
    assert_eq!(round(&bench, &ledger, 1).await, [1]);
    assert_eq!(round(&bench, &ledger, 1).await, [0; 0]);
    bench.pass(MINUTE);
    assert_eq!(round(&bench, &ledger, 0).await, [1]);
}

#[tokio::test]
async fn h4_a_batch_that_was_tried_stays_the_same_message() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    round(&bench, &ledger, 1).await;
    for _ in 0..3 {
        refuse(&bench, &ledger).await;
    }
    bench.pass(MINUTE);
    let first = due(&ledger).await;
    assert_eq!(sizes(&first), [3]);
    let at = bench.clock.now().plus(SignedDuration::from_secs(5));
    ledger.delivered(&first[0], DeliveryOutcome::Retry { why: "421".into(), at }).await.unwrap();
    refuse(&bench, &ledger).await;
    bench.pass(5);
    let second = due(&ledger).await;
    assert_eq!((sizes(&second), second[0].attempts), (vec![3], 1));
    assert_eq!(second[0].delivery.message_id, first[0].delivery.message_id);
    assert_eq!(second[0].first_at, first[0].first_at);
    // After a crash, too; of one of several guards it stays claimed for a while.
    if testing::is_server() {
        return;
    }
    ledger.crash().await;
    let ledger = bench.ledger().await;
    let third = due(&ledger).await;
    assert_eq!(third[0].delivery.message_id, first[0].delivery.message_id);
    delivered(&ledger, &third).await;
    bench.pass(2 * MINUTE);
    assert_eq!(sizes(&due(&ledger).await), [1]);
}

#[tokio::test]
async fn nothing_is_dropped_however_many_come() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2_005 {
        if tasks.len() >= 200 {
            tasks.join_next().await.unwrap().unwrap();
        }
        let (ledger, at) = (ledger.clone(), bench.clock.now());
        tasks.spawn(async move {
            let refused = notes::refused(Some(1));
            ledger.refuse(&refused, Plan::of_refusal(&refused, &routing(), at)).await.unwrap();
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    assert_eq!(round(&bench, &ledger, 0).await, [1]);
    bench.pass(MINUTE);
    assert_eq!(round(&bench, &ledger, 0).await, [1_000, 1_000, 4]);
    let mail = |stats: Vec<OutboxStats>| stats.iter().map(|queue| queue.waiting).sum::<u64>();
    // What is left is for the old addresses: claimed, and not reported.
    assert_eq!(mail(ledger.outbox().await.unwrap()) % 2_005, 0);
}

#[tokio::test]
async fn urgent_ones_are_never_behind_refusals() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for _ in 0..20 {
        refuse(&bench, &ledger).await;
    }
    applied(&bench, &ledger, permit(&bench, 2, "a")).await;
    let urgent = ledger.claim(&queue(Urgency::Now), 4).await.unwrap();
    assert_eq!(urgent.len(), 4);
    assert!(urgent.iter().all(|claimed| claimed.delivery.kind == Kind::AddressChanged));
    let stats = ledger.outbox().await.unwrap();
    let at = bench.clock.now().millis();
    let of = |urgency, waiting| OutboxStats {
        channel: Channel::Mail,
        urgency,
        waiting,
        oldest: Some(at),
        dead: 0,
    };
    assert_eq!(stats, [of(Urgency::Now, 4), of(Urgency::Later, 60)]);
}

#[tokio::test]
async fn a_channel_does_not_wait_for_another() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    refuse(&bench, &ledger).await;
    let hook = Queue { channel: Channel::Hook("pager".into()), urgency: Urgency::Later };
    assert!(ledger.claim(&hook, 10).await.unwrap().is_empty());
    let test = crate::notice::Event::Test { channel: "hook:pager".into() };
    assert!(ledger.say(&test, &routing(), None).await.unwrap());
    let hook = Queue { urgency: Urgency::Now, ..hook };
    assert_eq!(ledger.claim(&hook, 10).await.unwrap().len(), 1);
    assert_eq!(due(&ledger).await.len(), 1);
}
