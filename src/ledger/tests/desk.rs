//! The outbox beside a running guard.

use super::*;
use crate::{
    ledger::{
        Again, DeliveryOutcome, DeliveryState,
        DeliveryState::{Dead, Delivered, UnderWay, Waiting},
        Desk, Filter, Reveal,
    },
    notice::Kind,
    store::StoreError,
};

async fn desk(bench: &Bench) -> Desk {
    Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.unwrap()
}

/// A change whose first notice was delivered, whose second was given up and whose third is under way.
async fn some(bench: &Bench, ledger: &Ledger) {
    applied(bench, ledger, permit(bench, 1, "a")).await;
    let claimed = ledger.claim(&queue(Urgency::Now), 3).await.unwrap();
    let delivered = DeliveryOutcome::Delivered { reply: "250 ok".into() };
    ledger.delivered(&claimed[0], delivered).await.unwrap();
    ledger.delivered(&claimed[1], DeliveryOutcome::Dead { why: "550".into() }).await.unwrap();
}

#[tokio::test]
async fn what_waits_is_listed_beside_a_running_guard_without_addresses() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    some(&bench, &ledger).await;
    let desk = desk(&bench).await;
    let listed = desk.list(&Filter::default()).await.unwrap();
    let states: Vec<_> = listed.iter().map(|listed| listed.state).collect();
    assert_eq!(states, [Delivered, Dead, UnderWay, Waiting]);
    assert!(states.into_iter().map(DeliveryState::as_str).eq(["delivered", "dead", "under-way", "waiting"]));
    assert!(listed.iter().all(|listed| listed.recipient.is_none()));
    assert!(listed.iter().all(|listed| listed.kind == Some(Kind::AddressChanged)));
    assert_eq!((listed[0].record.clone(), listed[0].attempts), (("gw-1".into(), 2), 1));
    assert_eq!((&*listed[0].channel, listed[0].urgency), ("mail", Urgency::Now));
    let dead = Filter { state: Some(Dead), reveal: Reveal::Recipients, ..Filter::default() };
    let dead = desk.list(&dead).await.unwrap();
    assert_eq!((dead.len(), dead[0].recipient.as_deref()), (1, Some(OLD)));
    let next = Filter { after: Some(listed[1].id), most: Some(1), ..Filter::default() };
    assert_eq!(desk.list(&next).await.unwrap()[0].id, listed[2].id);
    for none in [
        Filter { channel: Some(Channel::Hook("pager".into())), ..Filter::default() },
        Filter { urgency: Some(Urgency::Later), ..Filter::default() },
    ] {
        assert_eq!(desk.list(&none).await.unwrap(), []);
    }
    let shown = desk.show(dead[0].id).await.unwrap().unwrap();
    assert_eq!((shown.delivery.recipient.as_str(), shown.together), (OLD, vec![dead[0].id]));
    assert!(desk.show(999).await.unwrap().is_none());
    desk.close().await;
}

#[tokio::test]
async fn what_was_given_up_gets_a_second_chance_beside_a_running_guard() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    some(&bench, &ledger).await;
    let desk = desk(&bench).await;
    assert_eq!(ledger.outbox().await.unwrap()[0].dead, 1);
    assert_eq!(desk.retry(&Again::AllDead).await.unwrap(), 1);
    assert_eq!(desk.retry(&Again::AllDead).await.unwrap(), 0);
    assert_eq!(ledger.outbox().await.unwrap()[0].dead, 0);
    let again = ledger.claim(&queue(Urgency::Now), 10).await.unwrap();
    let recipients: Vec<&str> = again.iter().map(|claimed| claimed.delivery.recipient.as_str()).collect();
    // The one that was given up and the last one; the third is under way still.
    assert_eq!(recipients, [OLD, NEW]);
    assert_eq!(again[0].attempts, 1);
    let delivered = DeliveryOutcome::Delivered { reply: "250 ok".into() };
    ledger.delivered(&again[0], delivered).await.unwrap();
    // What was delivered is not delivered again.
    assert_eq!(desk.retry(&Again::These(again[0].ids.clone())).await.unwrap(), 0);
    // The guard's own chain goes on.
    applied(&bench, &ledger, permit(&bench, 2, "b")).await;
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn what_waits_for_a_later_time_is_due_now() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let claimed = ledger.claim(&queue(Urgency::Now), 10).await.unwrap();
    let at = bench.clock.now().plus(SignedDuration::from_secs(900));
    for claimed in &claimed {
        ledger.delivered(claimed, DeliveryOutcome::Retry { why: "421".into(), at }).await.unwrap();
    }
    assert!(ledger.claim(&queue(Urgency::Now), 10).await.unwrap().is_empty());
    let desk = desk(&bench).await;
    assert_eq!(desk.retry(&Again::These(claimed[1].ids.clone())).await.unwrap(), 1);
    let due = ledger.claim(&queue(Urgency::Now), 10).await.unwrap();
    assert_eq!((due.len(), &due[0].ids), (1, &claimed[1].ids));
}

#[tokio::test]
async fn a_batch_is_shown_and_tried_again_as_one() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let refused = notes::refused(Some(1));
    for _ in 0..4 {
        let plan = Plan::of_refusal(&refused, &routing(), bench.clock.now());
        ledger.refuse(&refused, plan).await.unwrap();
    }
    bench.pass(60);
    let all = ledger.claim(&queue(Urgency::Later), 10).await.unwrap();
    let batch = all.iter().find(|claimed| claimed.ids.len() == 4).unwrap();
    ledger.delivered(batch, DeliveryOutcome::Dead { why: "550".into() }).await.unwrap();
    let desk = desk(&bench).await;
    let shown = desk.show(batch.ids[2]).await.unwrap().unwrap();
    assert_eq!((shown.delivery.kind, &shown.together), (Kind::RepeatedRefusals, &batch.ids));
    assert_eq!(shown.listed.state, Dead);
    assert_eq!(desk.retry(&Again::These(vec![batch.ids[2]])).await.unwrap(), 4);
    let again = ledger.claim(&queue(Urgency::Later), 10).await.unwrap();
    assert_eq!(again[0].ids, batch.ids);
    assert_eq!(again[0].delivery.message_id, batch.delivery.message_id);
}

#[tokio::test]
async fn tables_of_another_version_or_none_at_all_are_refused() {
    let bench = Bench::new();
    let open = async || Desk::open(&bench.url(), bench.options().seal, bench.clock.clone()).await.err();
    let none = open().await;
    if testing::is_server() {
        let none = matches!(none, Some(LedgerFault::Store(StoreError::Schema { found: None, .. })));
        assert!(none, "no tables");
    } else {
        assert!(matches!(none, Some(LedgerFault::Store(StoreError::Io { .. }))), "no file");
        assert!(!bench.file().exists(), "looking makes none");
    }
    bench.ledger().await.stop().await.unwrap();
    let last = "UPDATE _sqlx_migrations SET version = 99 \
                WHERE version = (SELECT MAX(version) FROM _sqlx_migrations)";
    bench.outsider().await.run(last).await.unwrap();
    let found = open().await;
    assert!(
        matches!(found, Some(LedgerFault::Store(StoreError::Schema { found: Some(99), .. }))),
        "{found:?}"
    );
}

#[tokio::test]
async fn other_keys_list_without_opening_and_show_nothing() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    some(&bench, &ledger).await;
    let seal = Seal::new(vec![("k1".into(), Secret::new(vec![8; 32]))]).unwrap();
    let desk = Desk::open(&bench.url(), seal, bench.clock.clone()).await.unwrap();
    let listed = desk.list(&Filter { reveal: Reveal::Recipients, ..Filter::default() }).await.unwrap();
    assert!(listed.iter().all(|listed| listed.kind.is_none() && listed.recipient.is_none()));
    assert!(matches!(desk.show(1).await, Err(LedgerFault::Kept(_))));
}

#[tokio::test]
async fn an_attempt_is_under_way_until_another_may_begin() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let claimed = ledger.claim(&queue(Urgency::Now), 1).await.unwrap();
    let desk = desk(&bench).await;
    let state = async || desk.list(&Filter::default()).await.unwrap()[0].state;
    bench.pass(59);
    assert_eq!(state().await, UnderWay);
    bench.pass(1);
    assert_eq!(state().await, Waiting);
    let again = ledger.claim(&queue(Urgency::Now), 10).await.unwrap();
    assert!(again.iter().any(|again| again.ids == claimed[0].ids));
}
