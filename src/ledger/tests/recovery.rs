//! Open changes of a process that is gone, and of one that lost its hold.

use super::*;
use crate::ledger::{Told, lease::AtWork};

#[tokio::test]
async fn i2_an_intent_outlives_a_crash_and_is_taken_over() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let record = intent.record().clone();
    ledger.crash().await;
    bench.gone();
    drop(intent);
    let ledger = bench.ledger().await;
    // At once, without waiting for the lease: the lock proves that the process is gone.
    let mut orphans = open_orphans(&ledger).await;
    assert_eq!(orphans.len(), 1);
    let open = orphans.remove(0);
    assert_eq!(open.record(), &record);
    assert_eq!(open.target(), update(1, NEW).target());
    assert_eq!(open.operation(), "UpdateUserIdentityInfo");
    assert!(matches!(open.outcome(), Sent::Recovered));
    assert_eq!(open.told(), Told::Nothing);
    assert_eq!(open.before().and_then(|before| before.value(Field::Email)), Some(OLD));
    assert_eq!(open.wanted().and_then(|wanted| wanted.value(Field::Email)), Some(NEW));
    assert_eq!(open.wanted().and_then(|wanted| wanted.value(Field::SecondaryEmail)), Some(OLD_SECOND));
    // Nobody else gets it meanwhile.
    assert!(open_orphans(&ledger).await.is_empty());
    close(&ledger, open, bench.finding(Effect::InferredApplied)).await;
    assert_eq!(claim(&ledger, 10).await.len(), 4);
    assert_eq!(bench.sound().await, 0);
    // The retry of the caller whose connection the crash cut.
    let principal = caller().principal;
    let earlier =
        ledger.earlier(&principal, &update(1, NEW), &attempt("a", NEW), Duration::ZERO).await.unwrap();
    let Earlier::Answered(again) = earlier else { panic!() };
    assert_eq!(again.reply().map(|answer| answer.status), Ok(200));
}

#[tokio::test]
async fn i2_people_who_were_told_are_known_to_have_been() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    let orphans = open_orphans(&ledger).await;
    assert_eq!(orphans.iter().map(Open::told).collect::<Vec<_>>(), [Told::MayHaveChanged]);
}

#[tokio::test]
async fn what_is_dropped_is_taken_over_when_its_lease_is_over() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let dropped = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let kept = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    drop(dropped);
    assert!(open_orphans(&ledger).await.is_empty());
    bench.pass(31);
    let orphans = open_orphans(&ledger).await;
    assert_eq!(orphans.iter().map(|open| open.record().seq).collect::<Vec<_>>(), [1]);
    // What is at work is not taken from it, even if its lease could not be renewed.
    close(&ledger, kept.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
}

#[tokio::test]
async fn leases_of_what_is_at_work_are_renewed() {
    let bench = Bench::new();
    let lease = Duration::from_millis(150);
    let ledger = bench.opened(LedgerOptions { lease, clock: Clock::system(), ..bench.options() }).await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let commits = ledger.stats().commits;
    while ledger.stats().commits < commits + 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let at_work = ledger.inner.at_work.all();
    assert_eq!(at_work.len(), 1);
    drop(intent);
    assert!(ledger.inner.at_work.all().is_empty());
}

#[tokio::test]
async fn a_created_user_is_recovered_by_name() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = format!(
        r#"{{"Username":"mary@example.org","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{{"Email":"{NEW}"}}}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let target = change.target().clone();
    let who = (caller(), attempt("a", "create"), change);
    let permit = Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now());
    assert!(intend(&ledger, permit).await.is_ok());
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    let orphans = open_orphans(&ledger).await;
    assert_eq!(orphans[0].target(), &target);
    assert!(orphans[0].before().is_none());
    assert_eq!(orphans[0].wanted().and_then(|wanted| wanted.value(Field::Email)), Some(NEW));
}

#[tokio::test]
async fn a_start_and_a_stop_are_on_record() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    ledger.in_force(Digest::of(b"another")).await.unwrap();
    ledger.stop().await.unwrap();
    assert!(matches!(not_intended(&ledger, permit(&bench, 1, "a")).await, Unintended::Unwritten(_)));
    assert!(ledger.stop().await.is_err());
    assert_eq!(bench.kinds().await, ["start", "policy", "stop"]);
    let records = bench.records().await;
    assert_eq!(records[0]["policy"], Digest::of(b"policy").hex());
    let ledger = bench.ledger().await;
    ledger.started(Digest::of(b"policy")).await.unwrap();
    assert_eq!(ledger.stats().seq, 4);
    let again = bench.records().await;
    assert_ne!(again[3]["owner"], again[0]["owner"]);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn i2_a_change_is_sent_while_it_certainly_is_this_guards() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let Ok(alone) = ledger.clear(intent, &[]).await else { panic!("it is not cleared") };
    assert!(alone.holds());
    // As where others could take it over.
    let mut intent = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    let shared = AtWork::new(bench.clock.clone(), 30_000, false);
    intent.lease = shared.begin(intent.lease.intent().clone(), shared.until());
    let Ok(cleared) = ledger.clear(intent, &[]).await else { panic!("it is not cleared") };
    assert!(cleared.holds());
    bench.pass(31);
    assert!(!cleared.holds());
    assert_eq!(alone.holds(), !testing::is_server());
}
