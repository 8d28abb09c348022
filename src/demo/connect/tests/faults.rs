//! Every fault, what the guard's client makes of it, and whether the change was made.

use tokio::time::Instant;

use crate::client::Failure;

use super::*;

const UPDATE: &str = "UpdateUserIdentityInfo";
const BODY: &str = r#"{"IdentityInfo":{"Email":"new@example.com"}}"#;

async fn update(site: &Site) -> Result<Answer, ClientError> {
    site.call("POST", &format!("/users/{INSTANCE}/{MARY}/identity-info"), BODY).await
}

/// What comes of one update with this fault; afterwards everything is in order again.
async fn with(fault: Fault, done: Done) -> Result<Answer, ClientError> {
    let mut site = Site::open().await;
    site.bounded_by(ClientBounds { answer: SHORT * 25, idle_body: SHORT * 25, ..ClientBounds::default() });
    site.connect.fail_next(UPDATE, fault.clone());
    let answer = update(&site).await;
    let received = site.connect.updates();
    assert_eq!((received.len(), received[0].done), (1, done), "{fault:?}");
    let expected = match done {
        Done::Applied => "new@example.com",
        Done::Nothing => "mary.major@example.com",
    };
    assert_eq!(site.mary().email, expected, "{fault:?}");
    assert_eq!(update(&site).await.unwrap().status, 200, "{fault:?}");
    answer
}

#[tokio::test]
async fn errors_before_and_after() {
    let before = with(Fault::Status(503, "ServiceUnavailableException"), Done::Nothing).await.unwrap();
    assert_eq!(told(before).1, "ServiceUnavailableException");
    let after = with(Fault::StatusAfter(500, "InternalServiceException"), Done::Applied).await.unwrap();
    let (status, error, _) = told(after);
    assert_eq!((status, error.as_str()), (500, "InternalServiceException"));
}

#[tokio::test]
async fn the_connection_closes_before_and_after() {
    for (fault, done) in [(Fault::CloseBefore, Done::Nothing), (Fault::CloseAfter, Done::Applied)] {
        let error = with(fault.clone(), done).await.unwrap_err();
        assert!(error.sent, "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_never_comes() {
    for (fault, done) in [(Fault::Hang, Done::Nothing), (Fault::HangAfter, Done::Applied)] {
        let error = with(fault.clone(), done).await.unwrap_err();
        assert!(error.sent && matches!(error.why, Failure::Timeout(_)), "{fault:?}: {error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_held_comes_once_it_is_let_go() {
    let held = Held::default();
    let error = with(Fault::Held(held.clone()), Done::Applied).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout(_)), "{error}");
    held.let_go();
    assert_eq!(with(Fault::Held(held), Done::Applied).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_slow_answer_comes() {
    let start = Instant::now();
    assert_eq!(with(Fault::Slow(SHORT), Done::Applied).await.unwrap().status, 200);
    assert!(start.elapsed() >= SHORT);
    let error = with(Fault::Slow(HOUR), Done::Applied).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout(_)), "{error}");
}

#[tokio::test]
async fn a_slow_body_comes_octet_by_octet() {
    let site = Site::open().await;
    let target = format!("/users/{INSTANCE}/{MARY}");
    let whole = site.call("GET", &target, "").await.unwrap();
    site.connect.fail_next("DescribeUser", Fault::SlowBody(Duration::from_millis(1)));
    let start = Instant::now();
    let slow = site.call("GET", &target, "").await.unwrap();
    assert_eq!((slow.status, slow.body.clone()), (200, whole.body));
    assert!(start.elapsed().as_millis() >= slow.body.len() as u128);
    let empty = with(Fault::SlowBody(SHORT), Done::Applied).await.unwrap();
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    let error = with(Fault::SlowBody(HOUR), Done::Applied).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Timeout(_)), "{error}");
}

#[tokio::test]
async fn an_answer_is_cut_short() {
    let error = with(Fault::Truncated, Done::Applied).await.unwrap_err();
    assert!(error.sent && !matches!(error.why, Failure::Timeout(_)), "{error}");
    let site = Site::open().await;
    site.connect.fail_next("DescribeUser", Fault::Truncated);
    assert!(site.call("GET", &format!("/users/{INSTANCE}/{MARY}"), "").await.is_err());
    let request = signed(&site.client, "GET", "/instance", "", "us-east-1", "connect", &key(), now());
    site.connect.fail_next("ListInstances", Fault::Truncated);
    let streaming = bounded(site.client.stream(request)).await.expect("the head comes");
    assert_eq!(streaming.status, 200);
}

#[tokio::test]
async fn an_answer_is_not_http_or_not_the_right_one() {
    let error = with(Fault::Garbage, Done::Applied).await.unwrap_err();
    assert!(error.sent && matches!(error.why, Failure::Answer(_)), "{error}");
    let answer = with(Fault::Body("<html>".to_owned()), Done::Applied).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (200, &b"<html>"[..]));
}

#[tokio::test]
async fn elsewhere_and_too_often() {
    let header = |answer: &Answer, name: &str| {
        answer.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone())
    };
    let answer = with(Fault::Redirect, Done::Nothing).await.unwrap();
    assert_eq!(answer.status, 307);
    assert_eq!(header(&answer, "location").as_deref(), Some("https://elsewhere.example.com/"));
    let answer = with(Fault::Throttle(7), Done::Nothing).await.unwrap();
    assert_eq!(header(&answer, "retry-after").as_deref(), Some("7"));
    let (status, error, _) = told(answer);
    assert_eq!((status, error.as_str()), (429, "ThrottlingException"));
}

#[tokio::test]
async fn faults_are_for_one_operation_or_for_every() {
    let site = Site::open().await;
    site.connect.fail_all(EVERY, Fault::Status(503, "ServiceUnavailableException"));
    assert_eq!(update(&site).await.unwrap().status, 503);
    assert_eq!(site.ask("GET", "/instance", "").await.0, 503);
    site.connect.fail_all("ListInstances", Fault::Status(500, "InternalServiceException"));
    assert_eq!(site.ask("GET", "/instance", "").await.0, 500);
    site.connect.clear_faults();
    assert_eq!(update(&site).await.unwrap().status, 200);
    assert_eq!(site.ask("GET", "/instance", "").await.0, 200);
}

#[tokio::test]
async fn a_refused_change_is_not_made_by_a_fault_after_it() {
    let site = Site::open().await;
    site.connect.fail_next(UPDATE, Fault::StatusAfter(500, "InternalServiceException"));
    assert_eq!(site.update(r#"{"Email":"mary"}"#).await.0, 500);
    assert_eq!(site.connect.updates()[0].done, Done::Nothing);
}
