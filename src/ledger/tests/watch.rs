//! Changes that are closed and watched: on disk, taken over, confirmed, and what came after them.

use super::*;
use crate::{
    ledger::{Closed, Since, Watch},
    notice::{Audience, ChangedField, Confirmation, Kind, Later, PassedFor},
    policy::Recall,
};

const OTHER: &str = "mary@example.net";

/// Closes a change of a user's address as accepted and not to be seen yet.
async fn not_shown_yet(bench: &Bench, ledger: &Ledger, n: u32, signature: &str) -> Watch {
    let intent = intend(ledger, permit(bench, n, signature)).await.ok().unwrap();
    watch(bench, ledger, intent).await
}

async fn watch(bench: &Bench, ledger: &Ledger, intent: Intent) -> Watch {
    let finding = Finding { shows: Shows::NotYet, ..bench.finding(Effect::Applied) };
    match ledger.close(intent.sent(Sent::Accepted(answered(200))), finding).await {
        Ok(Closed { watch: Some(watch), recorded }) => {
            assert_eq!(recorded.reply(), Ok(&answered(200)));
            watch
        }
        Ok(Closed { watch: None, .. }) => panic!("nothing is watched"),
        Err((_, why)) => panic!("{why}"),
    }
}

fn found(bench: &Bench, later: Later) -> Confirmation {
    Confirmation { passed_for: PassedFor::Done, later, side_effects: Vec::new(), at: bench.clock.now() }
}

fn cleared() -> ChangedField {
    ChangedField { field: "SecondaryEmail".into(), before: Some(OLD_SECOND.into()), after: None }
}

async fn confirm(ledger: &Ledger, watch: Watch, found: Confirmation) {
    assert!(ledger.confirm(watch, found).await.is_ok());
}

/// Who is told what, from now on.
async fn told(ledger: &Ledger) -> Vec<(Kind, Audience)> {
    let claimed = claim(ledger, 100).await;
    claimed.iter().map(|claimed| (claimed.delivery.kind, claimed.delivery.audience)).collect()
}

async fn taken_over(ledger: &Ledger) -> Watch {
    let mut orphans = ledger.orphans().await.unwrap();
    assert_eq!(orphans.len(), 1);
    match orphans.remove(0) {
        Orphan::Watch(watch) => watch,
        Orphan::Open(_) => panic!("it is open"),
    }
}

const BESIDE: [(Kind, Audience); 3] = [
    (Kind::SideEffect, Audience::Security),
    (Kind::SideEffect, Audience::OldPrimary),
    (Kind::SideEffect, Audience::OldSecondary),
];

#[tokio::test]
async fn an_outcome_that_does_not_show_is_told_at_once_and_watched() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    assert_eq!(told(&ledger).await.len(), 4);
    assert_eq!(bench.sound().await, 0);
    assert_eq!(bench.records().await[1]["shows"], "not-yet");
    assert_eq!(ledger.inner.at_work.all().len(), 1);
    confirm(&ledger, watch, found(&bench, Later::Shown)).await;
    assert!(told(&ledger).await.is_empty());
    assert!(ledger.inner.at_work.all().is_empty());
    let record = bench.records().await.pop().unwrap();
    assert_eq!(
        (record["kind"].as_str(), record["shows"].as_str(), record["intent"]["seq"].as_u64()),
        (Some("confirmation"), Some("shown"), Some(1))
    );
    assert_eq!(record["operation"], "UpdateUserIdentityInfo");
    assert_eq!(bench.sound().await, 0);
    bench.pass(60);
    assert!(ledger.orphans().await.unwrap().is_empty());
}

#[tokio::test]
async fn what_shows_at_once_or_cannot_show_is_not_watched() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for (n, sent, effect, shows) in [
        (1, Sent::Accepted(answered(200)), Effect::Applied, Shows::Already),
        (2, Sent::Refused(answered(400)), Effect::NotApplied, Shows::NotYet),
    ] {
        let intent = intend(&ledger, permit(&bench, n, "a")).await.ok().unwrap();
        let finding = Finding { shows, ..bench.finding(effect) };
        let Ok(closed) = ledger.close(intent.sent(sent), finding).await else { panic!() };
        assert!(closed.watch.is_none());
    }
    assert!(bench.records().await.iter().all(|record| record.get("shows").is_none()));
}

#[tokio::test]
async fn a_watch_keeps_nobody_from_another_change() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let first = not_shown_yet(&bench, &ledger, 1, "a").await;
    let next = permit_from(&bench, 1, NEW, OTHER, "b", Vec::new());
    let second = watch(&bench, &ledger, intend(&ledger, next).await.ok().unwrap()).await;
    // An answer is given again as ever, and superseded as ever.
    let earlier = async |signature, to| {
        let principal = caller().principal;
        let attempt = attempt(signature, to);
        ledger.earlier(&principal, &update(1, to), &attempt, Duration::ZERO).await.unwrap()
    };
    assert!(matches!(earlier("a", NEW).await, Earlier::Superseded));
    assert!(matches!(earlier("b", OTHER).await, Earlier::Answered(_)));
    confirm(&ledger, second, found(&bench, Later::Shown)).await;
    confirm(&ledger, first, found(&bench, Later::Superseded)).await;
    assert_eq!(bench.records().await.pop().unwrap()["shows"], "superseded");
    assert_eq!(told(&ledger).await.len(), 8);
}

#[tokio::test]
async fn a_watch_outlives_a_crash_and_its_notices_with_it() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    let since = watch.since();
    assert_eq!(since, bench.clock.now().millis());
    assert_eq!(told(&ledger).await.len(), 4);
    ledger.crash().await;
    bench.gone();
    drop(watch);
    let ledger = bench.ledger().await;
    let watch = taken_over(&ledger).await;
    assert!(ledger.orphans().await.unwrap().is_empty());
    let open = watch.change();
    assert_eq!((open.record().seq, open.operation()), (1, "UpdateUserIdentityInfo"));
    assert_eq!(open.target(), update(1, NEW).target());
    assert!(matches!(open.outcome(), Sent::Accepted(answer) if *answer == answered(200)));
    assert_eq!(open.before().and_then(|before| before.value(Field::Email)), Some(OLD));
    assert_eq!(open.wanted().and_then(|wanted| wanted.value(Field::Email)), Some(NEW));
    assert_eq!(watch.since(), since);
    confirm(&ledger, watch, Confirmation { side_effects: vec![cleared()], ..found(&bench, Later::Shown) })
        .await;
    bench.pass(61);
    let told = told(&ledger).await;
    assert_eq!(told[4..], BESIDE);
    let record = bench.records().await.pop().unwrap();
    assert_eq!(
        (&record["side_effects"][0], &record["notices"]["count"]),
        (&"SecondaryEmail".into(), &3.into())
    );
}

#[tokio::test]
async fn what_was_told_with_the_outcome_is_no_news_even_after_a_crash() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(&bench, 1, "a")).await.ok().unwrap();
    let finding =
        Finding { shows: Shows::NotYet, side_effects: vec![cleared()], ..bench.finding(Effect::Applied) };
    let Ok(closed) = ledger.close(intent.sent(Sent::Accepted(answered(200))), finding).await else {
        panic!()
    };
    let mobile = ChangedField { field: "Mobile".into(), before: None, after: Some("+15555550100".into()) };
    let news = |watch: &Watch| {
        let news = watch.news(vec![cleared(), mobile.clone()]);
        news.into_iter().map(|changed| changed.field).collect::<Vec<_>>()
    };
    assert_eq!(news(&closed.watch.unwrap()), ["Mobile"]);
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    let watch = taken_over(&ledger).await;
    assert_eq!(news(&watch), ["Mobile"]);
    // What went with the outcome is not back because nothing new went.
    confirm(&ledger, watch, found(&bench, Later::Shown)).await;
    assert_eq!(in_use(&ledger, &[OLD_SECOND, NEW]).await, [NEW]);
}

/// Which of these the ledger knows as another user's.
async fn in_use(ledger: &Ledger, all: &[&str]) -> Vec<String> {
    let ask = Recall {
        target: update(2, NEW).target().clone(),
        addresses: all.iter().map(|text| Address::read(text).unwrap()).collect(),
        permissions: false,
    };
    ledger.recall(&ask).await.unwrap().in_use.iter().map(Address::to_string).collect()
}

#[tokio::test]
async fn a_change_that_never_showed_is_told_to_the_security_team() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    for (n, later, word) in [(1, Later::NotShown, "not-shown"), (1, Later::NotRead, "not-read")] {
        let watch = not_shown_yet(&bench, &ledger, n, word).await;
        assert_eq!(told(&ledger).await.len(), 4);
        assert_eq!(in_use(&ledger, &[OLD, NEW]).await, [NEW]);
        confirm(&ledger, watch, found(&bench, later)).await;
        assert_eq!(told(&ledger).await, [(Kind::NotShown, Audience::Security)]);
        assert_eq!(bench.records().await.pop().unwrap()["shows"], word);
        // Which of them it has now, nobody knows: neither is free for another user.
        assert_eq!(in_use(&ledger, &[OLD, NEW]).await, [OLD, NEW]);
    }
}

/// Closes a change that nobody knew of as not applied, and lets the process end: the watch that the next one has.
async fn passed_for_not_done(bench: &Bench) -> (Ledger, Watch) {
    let ledger = bench.ledger().await;
    let intent = intend(&ledger, permit(bench, 1, "a")).await.ok().unwrap();
    let open = intent.sent(Sent::Unknown("reset".into()));
    let _ = ledger.unknown(&open, bench.clock.now()).await.unwrap();
    let finding =
        Finding { shows: Shows::NotYet, told_unknown: true, ..bench.finding(Effect::InferredNotApplied) };
    let Ok(closed) = ledger.close(open, finding).await else { panic!() };
    let watch = closed.watch.expect("it is watched");
    assert_eq!(watch.passed_for(), PassedFor::NotDone { told: true });
    assert_eq!(told(&ledger).await.len(), 8);
    ledger.crash().await;
    bench.gone();
    drop(watch);
    let ledger = bench.ledger().await;
    let watch = taken_over(&ledger).await;
    assert_eq!(watch.passed_for(), PassedFor::NotDone { told: true });
    bench.pass(61);
    drop(told(&ledger).await);
    (ledger, watch)
}

#[tokio::test]
async fn a_change_that_passed_for_not_applied_and_shows_is_told_to_all_and_known() {
    let bench = Bench::new();
    let (ledger, watch) = passed_for_not_done(&bench).await;
    assert_eq!(in_use(&ledger, &[OLD, NEW]).await, [OLD, NEW], "it may be either");
    let found = Confirmation { passed_for: watch.passed_for(), ..found(&bench, Later::Shown) };
    confirm(&ledger, watch, found).await;
    let record = bench.records().await.pop().unwrap();
    assert_eq!((&record["shows"], &record["effect"]), (&"shown".into(), &"inferred_applied".into()));
    let kinds: Vec<_> = told(&ledger).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [Kind::AddressChanged; 4]);
    assert_eq!(in_use(&ledger, &[OLD, NEW]).await, [NEW]);
    assert_eq!(bench.sound().await, 0);
}

#[tokio::test]
async fn of_one_that_passed_for_not_applied_and_does_not_show_nobody_hears_again() {
    for later in [Later::NotShown, Later::NotRead, Later::Superseded] {
        let bench = Bench::new();
        let (ledger, watch) = passed_for_not_done(&bench).await;
        let found = Confirmation { passed_for: watch.passed_for(), ..found(&bench, later) };
        confirm(&ledger, watch, found).await;
        assert!(told(&ledger).await.is_empty());
        assert!(bench.records().await.pop().unwrap().get("effect").is_none());
    }
}

#[tokio::test]
async fn a_watch_is_confirmed_once() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let first = not_shown_yet(&bench, &ledger, 1, "a").await;
    drop(first);
    bench.pass(31);
    let watch = taken_over(&ledger).await;
    let lease = ledger.inner.at_work.begin(watch.open.lease.intent().clone(), i64::MAX);
    let open = Open {
        record: watch.open.record.clone(),
        target: watch.open.target.clone(),
        operation: watch.open.operation.clone(),
        before: None,
        wanted: None,
        sent: Sent::Recovered,
        told: watch.open.told,
        held: watch.open.held.clone(),
        lease,
    };
    let twin = Watch { open, told: Vec::new(), since: watch.since, passed_for: watch.passed_for };
    confirm(&ledger, watch, found(&bench, Later::NotShown)).await;
    confirm(&ledger, twin, found(&bench, Later::NotShown)).await;
    assert_eq!(bench.kinds().await, ["intent", "outcome", "confirmation"]);
}

#[tokio::test]
async fn leases_of_watches_are_renewed() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    bench.pass(25);
    let commits = ledger.stats().commits;
    while ledger.stats().commits < commits + 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(watch);
    bench.pass(25);
    assert!(ledger.orphans().await.unwrap().is_empty());
    bench.pass(6);
    let _ = taken_over(&ledger).await;
}

#[tokio::test]
async fn nobody_is_erased_who_is_watched() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    let target = update(1, NEW).target().clone();
    super::told(&ledger).await;
    assert!(!erased(&bench, &target).await);
    confirm(&ledger, watch, found(&bench, Later::Shown)).await;
    super::told(&ledger).await;
    assert!(erased(&bench, &target).await);
}

#[tokio::test]
async fn what_came_after_is_known() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    let email =
        |before: Option<Identity>| before.and_then(|before| before.value(Field::Email).map(str::to_owned));
    assert!(matches!(ledger.since(&watch).await.unwrap(), Since::Nothing));
    applied(&bench, &ledger, permit(&bench, 2, "of another")).await;
    // One that was not made explains nothing.
    let made_not = permit_from(&bench, 1, NEW, OTHER, "b", Vec::new());
    let refused = intend(&ledger, made_not).await.ok().unwrap();
    close(&ledger, refused.sent(Sent::Refused(answered(400))), bench.finding(Effect::NotApplied)).await;
    assert!(matches!(ledger.since(&watch).await.unwrap(), Since::Nothing));
    let open = intend(&ledger, permit_from(&bench, 1, NEW, OTHER, "c", Vec::new())).await.ok().unwrap();
    let Since::Open(before) = ledger.since(&watch).await.unwrap() else { panic!() };
    assert_eq!(email(before).as_deref(), Some(NEW));
    close(&ledger, open.sent(Sent::Accepted(answered(200))), bench.finding(Effect::Applied)).await;
    applied(&bench, &ledger, permit_from(&bench, 1, OTHER, OLD, "d", Vec::new())).await;
    // The first of them, whatever came later.
    let Since::Changed(before) = ledger.since(&watch).await.unwrap() else { panic!() };
    assert_eq!(email(before).as_deref(), Some(NEW));
    confirm(&ledger, watch, found(&bench, Later::Superseded)).await;
}

#[tokio::test]
async fn a_deleted_user_is_looked_at_no_more() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let watch = not_shown_yet(&bench, &ledger, 1, "a").await;
    for (method, path, body, expected) in [
        ("POST", "/security-profiles", r#"{"SecurityProfileIds":["p1"]}"#, "nothing"),
        ("DELETE", "", "", "changed"),
    ] {
        let path = format!("/users/{INSTANCE}/{}{path}", user(1));
        let who = (caller(), attempt(method, body), change(method, &path, body));
        let permit = Permit::for_tests(who, seen(1, OLD), Vec::new(), Vec::new(), bench.clock.now());
        applied(&bench, &ledger, permit).await;
        let found = match ledger.since(&watch).await.unwrap() {
            Since::Nothing => "nothing",
            Since::Changed(None) => "changed",
            Since::Changed(Some(_)) | Since::Open(_) => "otherwise",
        };
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_created_user_is_watched_under_its_own_id() {
    let bench = Bench::new();
    let ledger = bench.ledger().await;
    let body = format!(
        r#"{{"Username":"mary@example.org","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["p1"],"RoutingProfileId":"r1","Password":"Secret-password-1","IdentityInfo":{{"Email":"{NEW}"}}}}"#
    );
    let change = change("PUT", &format!("/users/{INSTANCE}"), &body);
    let who = (caller(), attempt("a", "create"), change);
    let permit = Permit::for_tests(who, Seen::default(), Vec::new(), Vec::new(), bench.clock.now());
    let intent = intend(&ledger, permit).await.ok().unwrap();
    let answer = Answered { body: format!(r#"{{"UserId":"{}"}}"#, user(1)).into(), ..answered(200) };
    let finding = Finding { shows: Shows::NotYet, ..bench.finding(Effect::Applied) };
    assert!(ledger.close(intent.sent(Sent::Accepted(answer)), finding).await.is_ok());
    ledger.crash().await;
    bench.gone();
    let ledger = bench.ledger().await;
    let watch = taken_over(&ledger).await;
    assert!(matches!(ledger.since(&watch).await.unwrap(), Since::Nothing));
    applied(&bench, &ledger, permit_from(&bench, 1, NEW, OTHER, "b", Vec::new())).await;
    assert!(matches!(ledger.since(&watch).await.unwrap(), Since::Changed(Some(_))));
}
