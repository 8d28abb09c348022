//! Told to stop: what is under way is finished, and nothing new begun.

use std::{process::ExitStatus, time::Duration};

use connect_guard::demo::{
    caller::{Answer, Request},
    connect::{Fault, Held},
    mailbox,
    process::Signal,
    stage::{INSTANCE, SECURITY, Setting},
};
use tokio::time::{Instant, timeout};

use crate::{
    records::effects,
    running::{LIMIT, Running, own_address, roomy, until, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";

/// Less than what is under way is given before the end: 30 s.
const DRAIN: Duration = Duration::from_secs(20);

/// How it ended that was told to stop while Connect's answer was held, and got it then.
async fn stopped_meanwhile(guard: &mut Running, held: &Held) -> ExitStatus {
    guard.signal(Signal::TERM).unwrap();
    until("the beginning of the end", || async { guard.log().contains("stopping").then_some(()) }).await;
    held.let_go();
    guard.process.ended().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_flight_is_answered_before_the_end() {
    let mut guard = Running::with(roomy([user(1)])).await;
    let agent = user(1);
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let caller = desk.clone();
    let in_flight = tokio::spawn(async move { caller.send(&request).await });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    let status = stopped_meanwhile(&mut guard, &held).await;
    assert_eq!(status.code(), Some(0), "{}", guard.log());
    let answer = timeout(LIMIT, in_flight).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status, 200, "{}", guard.log());
    assert!(desk.send(&Request::describe_user(INSTANCE, &agent.id)).await.is_err(), "it still listens");
    let records = guard.records().await;
    assert_eq!(effects(&records, &agent.id), ["applied"]);
    assert_eq!(records.iter().filter(|record| record.kind() == "stop").count(), 1);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
    // What was not mailed before the end is mailed after the next start.
    guard.process.restart(&guard.stage).await.unwrap();
    assert_eq!(guard.letters().await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hung_up_is_not_forgotten_either() {
    let mut guard = Running::with(roomy([user(1)])).await;
    let agent = user(1);
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let octets = desk.sign(&request, desk.now()).unwrap();
    let mut connection = desk.connect().await.unwrap();
    connection.write(&octets).await.unwrap();
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    drop(connection);
    let status = stopped_meanwhile(&mut guard, &held).await;
    assert_eq!(status.code(), Some(0), "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_does_not_keep_it_from_ending() {
    let mut guard = Running::start().await;
    let help = guard.caller("HelpDesk");
    let request = Request::describe_user(INSTANCE, "87654321-2222-1234-1234-111234567891");
    let octets = help.sign(&request, help.now()).unwrap();
    let mut connection = help.connect().await.unwrap();
    connection.write(&octets).await.unwrap();
    assert_eq!(connection.read().await.unwrap().status, 200);
    let status = timeout(DRAIN, guard.process.stop()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0), "{}", guard.log());
}

/// Whether it was made is found out before the end, when it can be: the drain waits for what belongs to the guard.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_settled_is_settled_before_the_end() {
    let mut guard = Running::with(roomy([user(1)])).await;
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::CloseAfter);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    assert_eq!(guard.caller("IdentityDesk").send(&request).await.unwrap().status, 500, "{}", guard.log());
    let status = guard.process.stop().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["inferred_applied"]);
}

/// A setting that gives what is under way a second or two.
fn hasty() -> Setting {
    let setting = roomy([user(1)]);
    Setting { more: setting.more + "\n[drain]\nrequests = \"1s\"\nnotices = \"1s\"\n", ..setting }
}

/// A change whose answer never comes, and the guard told to stop.
async fn hanging(setting: Setting) -> (Running, tokio::task::JoinHandle<Option<Answer>>) {
    let guard = Running::with(setting).await;
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::HangAfter);
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let answered = tokio::spawn(async move { desk.send(&request).await.ok() });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    guard.signal(Signal::TERM).unwrap();
    until("the beginning of the end", || async { guard.log().contains("stopping").then_some(()) }).await;
    (guard, answered)
}

/// The next start finds out what became of the change.
async fn settled_by_the_next(guard: &mut Running) {
    let agent = user(1);
    assert_eq!(effects(&guard.records().await, &agent.id), ["-"]);
    guard.process.restart(&guard.stage).await.unwrap();
    guard.recorded(|records| effects(records, &agent.id) == ["inferred_applied"]).await;
    assert_eq!(guard.letters().await.len(), 4);
    assert_eq!(guard.stage.connect.updates().len(), 1);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_longer_than_the_drain_is_cut_and_settled_by_the_next_start() {
    let (mut guard, answered) = hanging(hasty()).await;
    let begun = Instant::now();
    let status = guard.process.ended().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", guard.log());
    assert!(begun.elapsed() < DRAIN, "{:?}", begun.elapsed());
    // No answer, or one that does not say that nothing was sent.
    let answer = timeout(LIMIT, answered).await.unwrap().unwrap();
    assert!(answer.as_ref().is_none_or(|answer| answer.status == 500), "{answer:?}\n{}", guard.log());
    assert!(guard.log().contains("open changes are left to the next start"), "{}", guard.log());
    settled_by_the_next(&mut guard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_twice_it_ends_at_once_and_the_next_start_settles() {
    let (mut guard, answered) = hanging(roomy([user(1)])).await;
    guard.signal(Signal::TERM).unwrap();
    let status = timeout(DRAIN, guard.process.ended()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(1), "{}", guard.log());
    // No answer, or one that does not say that nothing was sent.
    let answer = timeout(LIMIT, answered).await.unwrap().unwrap();
    assert!(answer.as_ref().is_none_or(|answer| answer.status == 500), "{answer:?}\n{}", guard.log());
    settled_by_the_next(&mut guard).await;
}

/// Whoever has to know before a change is made is still waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_being_announced_is_announced_or_not_made() {
    let setting = roomy([user(1)]);
    let notify = format!(
        "\n[notify]\nbefore = \"acknowledged\"\nacknowledged_by = [\"mail:{SECURITY}\"]\npatience = \"3s\"\n"
    );
    let mut guard = Running::with(Setting { more: setting.more + &notify, ..setting }).await;
    let agent = user(1);
    guard.stage.mailbox.fail(mailbox::Fault::SilentContent(100));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let in_flight = tokio::spawn(async move { desk.send(&request).await });
    guard.recorded(|records| records.iter().any(|record| record.kind() == "intent")).await;
    let status = guard.process.stop().await.unwrap();
    assert_eq!(status.code(), Some(0), "{}", guard.log());
    assert_eq!(timeout(LIMIT, in_flight).await.unwrap().unwrap().unwrap().status, 503, "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["not_applied"]);
    assert!(guard.stage.connect.updates().is_empty());
}
