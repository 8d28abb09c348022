//! One logical change has one effect: retries as SDKs make them, orders of arrival, callers who hang up, and answers that
//! never come.

use std::time::Duration;

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::{Done, Fault, Received, User},
    stage::{INSTANCE, SECURITY, Setting},
};
use tokio::time::Instant;

use crate::{
    records::{effects, of_kind},
    running::{LIMIT, Running, own_address, pairs, roomy, told, user},
};

mod orders;
mod silences;

/// Connect's answers wait so long for another request to be in between.
const SLOW: Duration = Duration::from_millis(1500);

const UPDATE: &str = "UpdateUserIdentityInfo";

fn email(user: &User, to: &str) -> Request {
    Request::update_identity(INSTANCE, &user.id, &[("Email", to)])
}

/// A guard whose desk may give a user one of two addresses.
async fn start(users: usize) -> Running {
    Running::with(two_addresses(users)).await
}

fn two_addresses(users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    let policy = &mut setting.policy[0].1;
    *policy = format!(
        r#"{policy}
[[allow]]
id         = "identity-desk-old-addresses"
reason     = "The desk takes a correction back"
callers    = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions    = ["connect:UpdateUserIdentityInfo"]
instances  = ["{INSTANCE}"]
fields     = ["Email"]
email_from = "{{username}}.old@example.org"
"#
    );
    setting
}

fn applied(guard: &Running) -> usize {
    guard.stage.connect.updates().iter().filter(|one| one.done == Done::Applied).count()
}

fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.error())
}

const DONE: (u16, Option<&str>) = (200, None);
const CONFLICT: (u16, Option<&str>) = (409, Some("ConflictException"));
const UNKNOWN: (u16, Option<&str>) = (500, Some("InternalServiceException"));

/// Waits until Connect has received so many of an operation.
async fn received(guard: &Running, count: usize, operation: &str) {
    tokio::time::timeout(LIMIT, guard.stage.connect.wait_for(count, operation)).await.unwrap();
}

fn later(caller: &Caller, request: &Request) -> tokio::task::JoinHandle<Answer> {
    let (caller, request) = (caller.clone(), request.clone());
    tokio::spawn(async move { caller.send(&request).await.unwrap() })
}

#[tokio::test(flavor = "multi_thread")]
async fn there_and_back_within_a_second_is_three_changes_and_a_late_retry_is_superseded() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let new = own_address(&agent);
    let first = email(&agent, &new);
    // Signatures have a resolution of a second: each of the three has one of its own.
    let now = desk.now();
    let octets = desk.sign(&first, now - Duration::from_secs(2)).unwrap();
    let back = desk.sign(&email(&agent, &agent.email), now - Duration::from_secs(1)).unwrap();
    let there = desk.sign(&email(&agent, &new), now).unwrap();
    for octets in [&octets, &back, &there] {
        assert_eq!(said(&desk.exchange(octets).await.unwrap()), DONE, "{}", guard.log());
    }
    assert_eq!(applied(&guard), 3);
    // The first again, octet for octet, and with a new signature: the user was changed since.
    assert_eq!(said(&desk.exchange(&octets).await.unwrap()), CONFLICT);
    let resigned = desk.sign(&first, now - Duration::from_secs(3)).unwrap();
    assert_eq!(said(&desk.exchange(&resigned).await.unwrap()), CONFLICT);
    assert_eq!(applied(&guard), 3);
    assert_eq!(effects(&guard.records().await, &agent.id), ["applied"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a7_a_retry_has_one_effect_and_the_same_answer() {
    let guard = start(2).await;
    let desk = guard.caller("IdentityDesk");
    for (agent, again) in [(user(1), "octets"), (user(2), "invocation")] {
        let request = email(&agent, &own_address(&agent));
        let at = desk.now();
        let octets = desk.sign(&request, at).unwrap();
        let first = desk.exchange(&octets).await.unwrap();
        // As the JavaScript SDK does it: the same invocation, signed anew.
        let resigned = desk.sign(&request, at - Duration::from_secs(7)).unwrap();
        assert_ne!(octets, resigned);
        let second = if again == "octets" { octets } else { resigned };
        let second = desk.exchange(&second).await.unwrap();
        assert_eq!((first.status, &first.body), (200, &second.body), "{}", guard.log());
        assert_eq!(said(&second), DONE);
        assert_eq!(effects(&guard.records().await, &agent.id), ["applied"], "{again}");
    }
    assert_eq!(applied(&guard), 2);
    assert_eq!(guard.letters().await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_signature_without_the_invocation_is_another_change() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let request = email(&user(1), &own_address(&user(1)));
    // Taken once: signatures have a resolution of a second, and a clock that went on meanwhile would make both alike.
    let now = desk.now();
    for earlier in 0..2 {
        let request = request.clone().invocation(&uuid::Uuid::new_v4().to_string());
        let octets = desk.sign(&request, now - Duration::from_secs(earlier)).unwrap();
        assert_eq!(said(&desk.exchange(&octets).await.unwrap()), DONE);
    }
    assert_eq!(applied(&guard), 2, "the second was answered from memory");
}

/// The invocation is not signed: who replays a request under another one has the same request still.
#[tokio::test(flavor = "multi_thread")]
async fn a7_a_replay_under_another_invocation_is_the_same_attempt() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let (request, now) = (email(&agent, &own_address(&agent)), desk.now());
    let octets = desk.sign(&request, now).unwrap();
    let replayed = desk.sign(&request.invocation(&uuid::Uuid::new_v4().to_string()), now).unwrap();
    assert_ne!(octets, replayed);
    for octets in [octets, replayed.clone()] {
        assert_eq!(said(&desk.exchange(&octets).await.unwrap()), DONE, "{}", guard.log());
    }
    assert_eq!(applied(&guard), 1);
    let back = desk.sign(&email(&agent, &agent.email), now - Duration::from_secs(1)).unwrap();
    assert_eq!(said(&desk.exchange(&back).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(said(&desk.exchange(&replayed).await.unwrap()), CONFLICT, "{}", guard.log());
    assert_eq!(applied(&guard), 2);
}

/// The invocation is not signed, and path, query and header members say what is asked as well as the body does.
#[tokio::test(flavor = "multi_thread")]
async fn a7_another_request_under_the_same_invocation_is_not_answered_with_the_first() {
    let mut setting = two_addresses(1);
    let policy = &mut setting.policy[0].1;
    *policy = format!(
        r#"{policy}
[[allow]]
id        = "desk-origins"
reason    = "The desk takes origins away, and marks what users have read"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:DisassociateApprovedOrigin", "connect:UpdateUserNotificationStatus"]
instances = ["{INSTANCE}"]
"#
    );
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    let origin = |name: &str| {
        let target = format!("/instance/{INSTANCE}/approved-origin?origin=https%3A%2F%2F{name}");
        Request::new("DELETE", &target, b"")
    };
    let read = |notice: &str, region: &str| {
        let target = format!("/users/{INSTANCE}/{}/notifications/{notice}", user(1).id);
        let mut request = Request::new("POST", &target, br#"{"status":"READ"}"#);
        request.signed.push(("x-amz-last-modified-region".into(), region.into()));
        request
    };
    let requests = [
        origin("a.example.com"),
        origin("b.example.com"),
        read("n-1", "us-east-1"),
        read("n-2", "us-east-1"),
        read("n-1", "us-west-2"),
    ];
    let (invocation, now) = (uuid::Uuid::new_v4().to_string(), desk.now());
    let sent = || {
        let all = guard.stage.connect.requests().into_iter().filter(|one| one.method != "GET");
        let parts = |one: Received| (one.target.clone(), one.values("x-amz-last-modified-region").concat());
        all.map(parts).collect::<Vec<_>>()
    };
    let mut expected = Vec::new();
    for request in requests {
        let request = request.invocation(&invocation);
        for earlier in 0..3 {
            let octets = desk.sign(&request, now - Duration::from_secs(earlier)).unwrap();
            assert_eq!(said(&desk.exchange(&octets).await.unwrap()), DONE, "{}", guard.log());
        }
        let region = request.signed.iter().find(|(name, _)| name == "x-amz-last-modified-region");
        expected.push((request.target, region.map(|(_, region)| region.clone()).unwrap_or_default()));
        assert_eq!(sent(), expected, "each is sent once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_one_caller_is_not_given_to_another() {
    let guard = start(1).await;
    let agent = user(1);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Other")]);
    assert_eq!(said(&guard.caller("IdentityDesk").send(&request).await.unwrap()), DONE);
    assert_eq!(said(&guard.caller("HelpDesk").send(&request).await.unwrap()), DONE);
    assert_eq!(applied(&guard), 2, "another principal's retry is no retry");
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_a_retry_in_flight_waits_for_the_first_answer() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::Slow(SLOW));
    let request = email(&agent, &own_address(&agent));
    let begun = Instant::now();
    let first = later(&desk, &request);
    received(&guard, 1, UPDATE).await;
    let second = desk.send(&request).await.unwrap();
    assert!(begun.elapsed() >= SLOW, "the retry did not wait");
    let first = first.await.unwrap();
    assert_eq!((said(&first), said(&second)), (DONE, DONE), "{}", guard.log());
    assert_eq!(first.body, second.body);
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_429_is_judged_again() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let request = email(&agent, &own_address(&agent));
    // Connect is too busy to say who the user is: nothing was sent, nothing is remembered.
    guard.stage.connect.fail_next("DescribeUser", Fault::Throttle(1));
    let first = desk.send(&request).await.unwrap();
    assert_eq!(said(&first), (429, Some("ThrottlingException")));
    assert_eq!((first.header("retry-after"), first.header("x-amz-retry-after")), (Some("1"), Some("1000")));
    assert!(guard.stage.connect.updates().is_empty());
    assert_eq!(said(&desk.send(&request).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_a_retry_after_connects_own_429_is_sent_again() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let request = email(&agent, &own_address(&agent));
    guard.stage.connect.fail_next(UPDATE, Fault::Throttle(1));
    let first = desk.send(&request).await.unwrap();
    assert_eq!(said(&first), (429, Some("ThrottlingException")), "{}", guard.log());
    assert_eq!(said(&desk.send(&request).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(applied(&guard), 1);
    assert_eq!(effects(&guard.records().await, &agent.id), ["not_applied", "applied"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_503_is_judged_again() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let request = email(&agent, &own_address(&agent));
    guard.stage.connect.fail_next("DescribeUser", Fault::Status(500, "InternalServiceException"));
    let first = desk.send(&request).await.unwrap();
    assert_eq!(said(&first), (503, Some("ServiceUnavailableException")), "{}", guard.log());
    assert!(guard.stage.connect.updates().is_empty());
    assert_eq!(said(&desk.send(&request).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(applied(&guard), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_cancels_nothing() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let new = own_address(&agent);
    guard.stage.connect.fail_next(UPDATE, Fault::Slow(SLOW));
    let octets = desk.sign(&email(&agent, &new), desk.now()).unwrap();
    let mut connection = desk.connect().await.unwrap();
    connection.write(&octets).await.unwrap();
    received(&guard, 1, UPDATE).await;
    drop(connection);
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    assert_eq!(effects(&records, &agent.id), ["applied"]);
    assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, new);
    let people = [SECURITY, &*agent.email, &*agent.secondary_email, &*new];
    assert_eq!(told(&guard.letters().await), pairs(&people.map(|to| (to, "address-changed"))));
    // And who comes back for the answer gets it.
    assert_eq!(said(&desk.exchange(&octets).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 1);
}
