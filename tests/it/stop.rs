//! Told to stop: what is under way is finished, and nothing new begun.

use std::time::Duration;

use connect_guard::demo::{caller::Request, connect::Fault, stage::INSTANCE};
use tokio::time::timeout;

use crate::{
    records::effects,
    running::{LIMIT, Running, own_address, roomy, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_in_flight_is_answered_before_the_end() {
    let mut guard = Running::with(roomy([user(1)])).await;
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::Slow(Duration::from_millis(1500)));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let caller = desk.clone();
    let in_flight = tokio::spawn(async move { caller.send(&request).await });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    let status = guard.process.stop().await.unwrap();
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
    guard.stage.connect.fail_next(UPDATE, Fault::Slow(Duration::from_millis(1500)));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let octets = desk.sign(&request, desk.now()).unwrap();
    let mut connection = desk.connect().await.unwrap();
    connection.write(&octets).await.unwrap();
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    drop(connection);
    let status = guard.process.stop().await.unwrap();
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
    let status = timeout(Duration::from_secs(15), guard.process.stop()).await.unwrap().unwrap();
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
