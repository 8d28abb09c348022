//! Outcomes: what is told, remembered, known; unknown ones on the way.

use super::*;
use crate::{policy::Recall, wire::ErrorType};

async fn earlier(ledger: &Ledger, n: u32, signature: &str, wait: Duration) -> Earlier {
    let principal = caller().principal;
    ledger.earlier(&principal, &update(n, NEW), &attempt(signature, NEW), wait).await.unwrap()
}

const AT_ONCE: Duration = Duration::ZERO;

#[tokio::test]
async fn the_answer_is_given_again() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    assert!(matches!(earlier(&ledger, 1, "a", AT_ONCE).await, Earlier::None));
    let first = applied_as(&bench, &ledger, permit(&bench, 1, "a")).await;
    assert_eq!(first.reply(), Ok(&answered(200)));
    assert_eq!(first.record().seq, 2);
    let Earlier::Answered(again) = earlier(&ledger, 1, "a", AT_ONCE).await else { panic!() };
    assert_eq!(again.reply(), Ok(&answered(200)));
    assert_eq!(again.record(), first.record());
    assert!(matches!(earlier(&ledger, 1, "b", AT_ONCE).await, Earlier::None));
    bench.pass(15 * 60 + 1);
    assert!(matches!(earlier(&ledger, 1, "a", AT_ONCE).await, Earlier::None));
}

#[tokio::test]
async fn a_second_arrival_waits_for_the_first() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert!(matches!(earlier(&ledger, 1, "a", AT_ONCE).await, Earlier::Open));
    let second = {
        let ledger = ledger.clone();
        tokio::spawn(async move { earlier(&ledger, 1, "a", Duration::from_secs(20)).await })
    };
    tokio::task::yield_now().await;
    close(&ledger, intent.sent(Sent::Refused(answered(400))), bench.finding(Effect::NotApplied)).await;
    let Earlier::Answered(again) = second.await.unwrap() else { panic!() };
    assert_eq!(again.reply().map(|answer| answer.status), Ok(400));
}

#[tokio::test]
async fn a_later_change_supersedes_the_answer() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    applied(&bench, &ledger, permit_from(&bench, 1, NEW, OLD, "b", Vec::new())).await;
    assert!(matches!(earlier(&ledger, 1, "a", AT_ONCE).await, Earlier::Superseded));
}

#[tokio::test]
async fn an_unknown_outcome_stays_open_until_it_is_settled() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let recorded = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    assert_eq!(recorded.reply(), Err(ErrorType::InternalService));
    assert!(matches!(earlier(&ledger, 1, "a", AT_ONCE).await, Earlier::Open));
    assert_eq!(not_intended(&ledger, permit(&bench, 1, "b")).await, Unintended::Busy);
    assert_eq!(bench.sound().await, 1);
    let mut finding = bench.finding(Effect::InferredApplied);
    finding.told_unknown = true;
    let recorded = closed(&ledger, open, finding).await;
    assert_eq!(recorded.reply().map(|answer| answer.status), Ok(200));
    let Earlier::Answered(again) = earlier(&ledger, 1, "a", AT_ONCE).await else { panic!() };
    assert_eq!(again.reply().map(|answer| (answer.status, answer.body.len())), Ok((200, 0)));
    assert_eq!(bench.kinds().await, ["intent", "unknown", "refusal", "outcome"]);
    assert_eq!(bench.records().await[3]["effect"], "inferred_applied");
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn an_outcome_is_written_once() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let lease = ledger.inner.at_work.begin(intent.lease.intent().clone(), i64::MAX);
    let open = intent.sent(Sent::Accepted(answered(200)));
    let twin = Open {
        record: open.record.clone(),
        target: open.target.clone(),
        operation: open.operation.clone(),
        before: None,
        wanted: None,
        sent: open.sent.clone(),
        told: open.told,
        held: open.held.clone(),
        lease,
    };
    let first = closed(&ledger, open, bench.finding(Effect::Applied)).await;
    // As after a write that went through although it was reported as failed.
    let second = closed(&ledger, twin, bench.finding(Effect::Applied)).await;
    assert_eq!(first.record(), second.record());
    assert_eq!(bench.kinds().await, ["intent", "outcome"]);
    assert_eq!(claim(&ledger, 10).await.len(), 4);
}

#[tokio::test]
async fn addresses_are_known_now_and_formerly() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    applied(&bench, &ledger, permit(&bench, 1, "a")).await;
    let all = [OLD, NEW, OLD_SECOND, "Mary@Example.org", "nobody@example.com"];
    let ask = |n: u32| Recall {
        target: update(n, NEW).target().clone(),
        addresses: all.iter().map(|text| Address::read(text).unwrap()).collect(),
        permissions: true,
    };
    let texts = |all: &[Address]| all.iter().map(Address::to_string).collect::<Vec<_>>();
    let own = ledger.recall(&ask(1)).await.unwrap();
    assert_eq!(texts(&own.in_use), Vec::<String>::new());
    assert_eq!(texts(&own.former), [OLD]);
    assert_eq!(own.held, ["Users.Edit".to_owned(), "Users.View".to_owned()].into());
    // In whatever case: the same mailbox, as far as anybody knows.
    let others = ledger.recall(&ask(2)).await.unwrap();
    assert_eq!(texts(&others.in_use), [NEW, OLD_SECOND, "Mary@example.org"]);
    assert_eq!(texts(&others.former), Vec::<String>::new());
    assert!(others.held.is_empty());
    // Permissions that were seen count for thirty days: those of the user, and those of each security profile.
    let profile = |id: &str| Profile { id: id.into(), name: String::new(), permissions: [].into() };
    let target = ask(2).target;
    let held = async |id: &str| ledger.held_by(&target, &[profile("none"), profile(id)]).await.unwrap();
    bench.pass((30 * 24 - 1) * 3600);
    assert_eq!(ledger.recall(&ask(1)).await.unwrap().held.len(), 2);
    assert_eq!(held("p1").await, own.held);
    assert_eq!(held("p2").await, ["Never.Had".to_owned()].into());
    assert!(held("p3").await.is_empty());
    bench.pass(2 * 3600);
    assert!(ledger.recall(&ask(1)).await.unwrap().held.is_empty());
    assert!(held("p2").await.is_empty());
}

#[tokio::test]
async fn what_did_not_happen_changes_nothing_and_what_may_have_is_kept() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let ask = |n: u32| Recall {
        target: update(n, NEW).target().clone(),
        addresses: [OLD, NEW].iter().map(|text| Address::read(text).unwrap()).collect(),
        permissions: false,
    };
    for (effect, signature, in_use) in [
        (Effect::NotApplied, "a", vec![OLD]),
        (Effect::InferredNotApplied, "b", vec![OLD]),
        (Effect::Undetermined, "c", vec![OLD, NEW]),
    ] {
        let intent = intend(&ledger, permit(&bench, 1, signature)).await.ok().unwrap();
        close(&ledger, intent.sent(Sent::Unknown("reset".into())), bench.finding(effect)).await;
        let known = ledger.recall(&ask(2)).await.unwrap();
        let texts: Vec<String> = known.in_use.iter().map(Address::to_string).collect();
        assert_eq!(texts, in_use, "{effect:?}");
    }
}

#[tokio::test]
async fn the_addresses_of_a_new_user_are_its_own() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = format!(
        r#"{{"Username":"mary","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","IdentityInfo":{{"Email":"{NEW}"}}}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let who = (caller(), attempt("a", "create"), change);
    let permit = Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now());
    let intent = intend(&ledger, permit).await.ok().unwrap();
    let mut answer = answered(200);
    answer.body = format!(r#"{{"UserId":"{}","UserArn":"arn"}}"#, user(5)).into();
    close(&ledger, intent.sent(Sent::Accepted(answer)), bench.finding(Effect::Applied)).await;
    let ask = |n: u32| Recall {
        target: update(n, NEW).target().clone(),
        addresses: vec![Address::read(NEW).unwrap()],
        permissions: false,
    };
    assert!(ledger.recall(&ask(5)).await.unwrap().in_use.is_empty());
    assert_eq!(ledger.recall(&ask(6)).await.unwrap().in_use.len(), 1);
}

/// What people are told of a change that turned out not to be made.
async fn told(ledger: &Ledger) -> usize {
    let claimed = claim(ledger, 100).await;
    claimed.iter().filter(|claimed| claimed.delivery.kind == crate::notice::Kind::NotChangedAfterAll).count()
}

#[tokio::test]
async fn nobody_hears_that_it_was_not_changed_after_all_who_did_not_hear_that_it_may_be() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    faults::failing(&bench).await;
    assert!(ledger.unknown(&open, bench.clock.now()).await.is_err());
    faults::mended(&bench).await;
    // The finder believes that people were told.
    let finding = Finding { told_unknown: true, ..bench.finding(Effect::InferredNotApplied) };
    close(&ledger, open, finding).await;
    assert_eq!(told(&ledger).await, 0);
    assert_eq!(bench.kinds().await, ["intent", "outcome"]);
}

#[tokio::test]
async fn who_heard_that_it_may_be_hears_how_it_ended_whatever_the_finder_believes() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    close(&ledger, open, bench.finding(Effect::InferredNotApplied)).await;
    assert_eq!(told(&ledger).await, 4);
    // After a crash between the two, too.
    let intent = intend(&ledger, permit(&bench, 2, "b")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    drop(open);
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    let open = open_orphans(&ledger).await.pop().unwrap();
    close(&ledger, open, bench.finding(Effect::InferredNotApplied)).await;
    if testing::is_server() {
        return;
    }
    // The four of before were claimed and not reported: they are due again.
    assert_eq!(told(&ledger).await, 4 + 4);
}

#[tokio::test]
async fn a_retry_of_what_was_not_found_to_be_made_is_a_conflict() {
    for effect in [Effect::InferredNotApplied, Effect::Undetermined] {
        let bench = Bench::new();
        let ledger = bench.ledger().await;
        let open = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
        let open = open.sent(Sent::Unknown("reset".into()));
        let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
        // Whoever still waits for it learns that it is not known; whoever comes again, that it is not sent again.
        let recorded = closed(&ledger, open, bench.finding(effect)).await;
        assert_eq!(recorded.reply(), Err(ErrorType::InternalService));
        let Earlier::Answered(again) = earlier(&ledger, 1, "a", AT_ONCE).await else { panic!() };
        assert_eq!(again.reply(), Err(ErrorType::Conflict));
        assert_eq!(again.record(), recorded.record());
        // Asked anew it is another change.
        let _ = intend(&ledger, permit(&bench, 1, "b")).await.ok().unwrap();
    }
}

#[tokio::test]
async fn e10_the_last_change_of_a_user_that_was_closed_is_counted() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let latest = async |n: u32| {
        let ask =
            Recall { target: update(n, NEW).target().clone(), addresses: Vec::new(), permissions: false };
        ledger.recall(&ask).await.unwrap().latest
    };
    assert_eq!(latest(1).await, 0);
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    assert_eq!(latest(1).await, 0, "it is open");
    close(&ledger, intent.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    let first = latest(1).await;
    assert!(first > 0);
    applied(&bench, &ledger, permit_from(&bench, 1, NEW, OLD, "b", Vec::new())).await;
    assert!(latest(1).await > first);
    assert_eq!(latest(2).await, 0, "of another user");
}

#[tokio::test]
async fn an_outcome_says_of_what_it_is_and_whether_that_was_sent() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for (n, sent, effect, word) in [
        (1, Sent::Accepted(answered(200)), Effect::Applied, "accepted"),
        (2, Sent::Refused(answered(400)), Effect::NotApplied, "refused"),
        (3, Sent::NotSent("no route".into()), Effect::NotApplied, "not-sent"),
    ] {
        let intent = intend(&ledger, permit(&bench, n, "a")).await.ok().unwrap();
        close(&ledger, intent.sent(sent), bench.finding(effect)).await;
        let record = bench.records().await.pop().unwrap();
        assert_eq!((&record["operation"], &record["sent"]), (&"UpdateUserIdentityInfo".into(), &word.into()));
    }
}

#[tokio::test]
async fn a_change_to_what_is_already_there_asks_for_nothing() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = r#"{"SecurityProfileIds":["p2"]}"#;
    let profiles = change("POST", &format!("/users/{INSTANCE}/{}/security-profiles", user(3)), body);
    let who = (caller(), attempt("c", body), profiles);
    let profiles = Permit::for_tests(who, seen(3, OLD), Vec::new(), Vec::new(), bench.clock.now());
    for (permit, nothing) in [
        (permit_from(&bench, 1, OLD, OLD, "a", Vec::new()), true),
        (permit(&bench, 2, "b"), false),
        (profiles, false),
    ] {
        let open = intend(&ledger, permit).await.ok().unwrap().sent(Sent::Recovered);
        assert_eq!(open.asks_for_nothing(), nothing, "{}", open.operation());
    }
}

#[tokio::test]
async fn one_of_which_nothing_is_known_says_until_when_it_is_looked_at() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    close(&ledger, open, bench.finding(Effect::InferredApplied)).await;
    let records = bench.records().await;
    assert_eq!(records[1]["lease_until"], "2027-03-12T10:00:30.000Z");
    assert_eq!(records[2].get("lease_until"), None);
}
