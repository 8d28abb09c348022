//! Notices: held with the intent, released with the outcome, delivered at least once.

use super::*;
use crate::{
    ledger::DeliveryOutcome,
    notice::{Audience, ChangedField, Kind},
};

fn kinds(claimed: &[Claimed]) -> Vec<(Kind, Audience)> {
    claimed.iter().map(|claimed| (claimed.delivery.kind, claimed.delivery.audience)).collect()
}

const EVERYBODY: [Audience; 4] =
    [Audience::Security, Audience::OldPrimary, Audience::OldSecondary, Audience::New];

#[tokio::test]
async fn o6_nothing_is_told_before_the_outcome_and_everything_after_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert!(claim(&ledger, 10).await.is_empty());
    let recorded =
        closed(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    ledger.delivery_due().await;
    let claimed = claim(&ledger, 10).await;
    assert_eq!(kinds(&claimed), EVERYBODY.map(|audience| (Kind::AddressChanged, audience)));
    assert!(claimed.iter().all(|claimed| &claimed.delivery.record == recorded.record()));
    let recipients: Vec<&str> = claimed.iter().map(|claimed| claimed.delivery.recipient.as_str()).collect();
    assert_eq!(recipients, [SECURITY, OLD, OLD_SECOND, NEW]);
    assert_eq!(bench.records().await[1]["notices"]["count"], 4);
}

#[tokio::test]
async fn no_notice_no_change() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let mut refused = notes::refused(Some(1));
    refused.asked.clear();
    refused.refusal.fields.clear();
    let nobody = Plan::of_refusal(&refused, &routing(), bench.clock.now());
    assert!(nobody.held().is_empty());
    let refused = ledger.intend(permit(&bench, 1, "a"), nobody).await;
    assert!(matches!(refused, Err(Unintended::Unwritten(Unwritten::NobodyTold))));
    assert!(bench.records().await.is_empty());
}

#[tokio::test]
async fn what_was_not_done_is_not_told() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    close(&ledger, intent.sent(Sent::Refused(answered(400))), bench.finding(Effect::NotApplied)).await;
    assert!(claim(&ledger, 10).await.is_empty());
    assert_eq!(bench.records().await[1].get("notices"), None);
}

#[tokio::test]
async fn whoever_was_told_that_it_may_be_is_told_how_it_ended() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    let claimed = claim(&ledger, 10).await;
    assert_eq!(kinds(&claimed), EVERYBODY.map(|audience| (Kind::MayHaveChanged, audience)));
    let mut finding = bench.finding(Effect::InferredNotApplied);
    finding.told_unknown = true;
    close(&ledger, open, finding).await;
    let claimed = claim(&ledger, 10).await;
    assert_eq!(kinds(&claimed), EVERYBODY.map(|audience| (Kind::NotChangedAfterAll, audience)));
}

#[tokio::test]
async fn a_side_effect_is_told_and_on_record() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let mut finding = bench.finding(Effect::Applied);
    finding.side_effects =
        vec![ChangedField { field: "SecondaryEmail".into(), before: Some(OLD_SECOND.into()), after: None }];
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), finding).await;
    let claimed = claim(&ledger, 10).await;
    assert_eq!(claimed[0].delivery.kind, Kind::SideEffect);
    assert_eq!(bench.records().await[1]["side_effects"][0], "SecondaryEmail");
    // What it has now, it has: the address that went is another's to use, and a former one.
    let ask = crate::policy::Recall {
        target: update(1, NEW).target().clone(),
        addresses: vec![Address::read(OLD_SECOND).unwrap()],
        permissions: false,
    };
    assert_eq!(ledger.recall(&ask).await.unwrap().former.len(), 1);
}

#[tokio::test]
async fn h4_a_claim_runs_out_and_the_message_keeps_its_id() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let ids = |claimed: &[Claimed]| {
        claimed.iter().map(|claimed| claimed.delivery.message_id.clone()).collect::<Vec<_>>()
    };
    let first = claim(&ledger, 3).await;
    assert_eq!(first.len(), 3);
    assert_eq!(claim(&ledger, 10).await.len(), 1);
    assert!(claim(&ledger, 10).await.is_empty());
    bench.pass(61);
    let again = claim(&ledger, 3).await;
    assert_eq!(ids(&again), ids(&first));
}

#[tokio::test]
async fn h4_what_a_dead_process_had_claimed_is_due_at_once() {
    if testing::is_server() {
        return;
    }
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let first = claim(&ledger, 10).await;
    ledger.crash().await;
    let ledger = bench.ledger().await;
    let again = claim(&ledger, 10).await;
    let ids =
        |claimed: &[Claimed]| claimed.iter().map(|one| one.delivery.message_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&first));
}

#[tokio::test]
async fn o6_what_became_of_a_delivery() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let claimed = claim(&ledger, 3).await;
    let delivered = DeliveryOutcome::Delivered { reply: format!("250 <{SECURITY}> ok") };
    ledger.delivered(&claimed[0], delivered.clone()).await.unwrap();
    ledger.delivered(&claimed[0], delivered).await.unwrap();
    let at = bench.clock.now().plus(SignedDuration::from_secs(300));
    ledger.delivered(&claimed[1], DeliveryOutcome::Retry { why: "421".into(), at }).await.unwrap();
    ledger.delivered(&claimed[2], DeliveryOutcome::Dead { why: format!("550 no {OLD}") }).await.unwrap();
    assert_eq!(bench.kinds().await, ["intent", "outcome", "delivery", "delivery"]);
    let records = bench.records().await;
    assert_eq!(
        (records[2]["delivery"]["result"].as_str(), records[2]["delivery"]["audience"].as_str()),
        (Some("delivered"), Some("security"))
    );
    assert_eq!(records[3]["delivery"]["result"], "dead");
    assert_eq!(records[3]["delivery"]["record"]["seq"], 2);
    assert_eq!(claim(&ledger, 10).await.len(), 1);
    bench.pass(301);
    // The claim of the last one has run out as well.
    let again = claim(&ledger, 10).await;
    let attempts: Vec<u32> = again.iter().map(|claimed| claimed.attempts).collect();
    assert_eq!(attempts, [0, 1]);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn urgent_ones_go_first() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let refused = notes::refused(Some(1));
    let plan = Plan::of_refusal(&refused, &routing(), bench.clock.now());
    assert!(!plan.held().is_empty());
    ledger.refuse(&refused, plan).await.unwrap();
    applied(&bench, &ledger, permit(&bench, 2, "a")).await;
    let claimed = claim(&ledger, 10).await;
    let order: Vec<Urgency> = claimed.iter().map(|claimed| claimed.delivery.urgency).collect();
    assert_eq!(order[..4], [Urgency::Now; 4]);
    assert!(order[4..].iter().all(|urgency| *urgency == Urgency::Later) && order.len() > 4);
    assert_eq!(claimed[4].delivery.kind, Kind::AddressChangeRefused);
}

/// Ten thousand that wait are brought meanwhile, and whoever asks for something is served before them.
#[tokio::test]
async fn o6_deliveries_wait_behind_changes() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let waiting = |ledger: &Ledger| {
        let queue = &ledger.inner.deliveries;
        queue.max_capacity() - queue.capacity()
    };
    let mut reports = tokio::task::JoinSet::new();
    for id in 0..400 {
        let ledger = ledger.clone();
        reports.spawn(async move {
            let step = crate::store::Step::Retry { id, at: 0 };
            ledger.submit(step, crate::ledger::queue::Purpose::Delivery).await.unwrap()
        });
    }
    assert!(!ledger.is_busy());
    while waiting(&ledger) < 300 {
        tokio::task::yield_now().await;
    }
    let asked = intend(&ledger, permit(&bench, 1, "a"));
    let (intent, is_busy) = tokio::join!(asked, async { ledger.is_busy() });
    let intent = intent.ok().unwrap();
    assert!(waiting(&ledger) >= 200, "{} of 400 are left", waiting(&ledger));
    assert!(is_busy);
    assert_eq!(reports.join_all().await.len(), 400);
    drop(intent);
}

#[tokio::test]
async fn the_courier_waits_until_there_is_something_to_deliver() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let due = ledger.delivery_due();
    tokio::pin!(due);
    assert!(tokio::time::timeout(Duration::from_millis(50), &mut due).await.is_err());
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    tokio::time::timeout(Duration::from_secs(4), due).await.unwrap();
}

#[tokio::test]
async fn a_message_that_went_alone_does_not_say_how_many_went_together() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    told(&ledger).await;
    let delivery = bench.records().await[2]["delivery"].clone();
    assert_eq!((&delivery["result"], delivery.get("together")), (&"delivered".into(), None));
}
