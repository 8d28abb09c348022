//! The third door: what of an ordinary operation is passed on, and what of its answer.

use std::{future::poll_fn, time::Duration};

use super::*;
use crate::{
    operation::Ordinary,
    wire::{Body, Reply},
};

fn read() -> Ordinary {
    // Built anew: the members stand in the route's own order.
    ordinary(Method::Get, &format!("/users-summary/{INSTANCE}?maxResults=2&nextToken=a%2Fb"), &[], "")
}

fn write() -> Ordinary {
    let target = format!("/users/{INSTANCE}/{USER}/routing-profile");
    let fields = [("content-type", "application/json"), ("x-amz-security-token", "THEIRS")];
    ordinary(Method::Post, &target, &fields, r#"{ "RoutingProfileId":"r-1" }"#)
}

fn ordinary(method: Method, target: &str, fields: &[(&str, &str)], body: &str) -> Ordinary {
    match asked(method, target, fields, body) {
        Operation::Ordinary(ordinary) => ordinary,
        Operation::Change(_) => panic!("a change"),
    }
}

/// The reply, its body read to its end.
struct Whole {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Whole {
    async fn of(reply: Reply) -> Self {
        let body = match reply.body {
            Body::Whole(body) => Some(body),
            Body::Stream(mut body) => {
                let mut whole = Some(Vec::new());
                while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                    match (frame.map(http_body::Frame::into_data), &mut whole) {
                        (Ok(Ok(part)), Some(whole)) => whole.extend_from_slice(&part),
                        _ => whole = None,
                    }
                }
                whole.map(Bytes::from)
            }
        };
        let body = body.map(|body| String::from_utf8(body.to_vec()).unwrap());
        Self { status: reply.status, headers: reply.headers, body }
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| *field == name).map(|(_, value)| value.as_str())
    }
}

async fn passed(say: Say, ordinary: &Ordinary) -> (Whole, Got) {
    let (reply, mut got) = Stage::open()
        .await
        .play(vec![say], async |reach, _| {
            Whole::of(reach.pass(ordinary, &desk(), &RequestId::from("g-1")).await.0).await
        })
        .await;
    assert_eq!(got.len(), 1);
    (reply, got.remove(0))
}

#[tokio::test]
async fn s13_a_read_is_passed_on_and_its_answer_comes_back() {
    let say = answer(
        200,
        &[
            "Content-Type: application/json",
            "x-amzn-RequestId: c-1",
            "Set-Cookie: a=b",
            "X-Amz-Id-2: x",
            "Server: x",
            "Access-Control-Allow-Origin: *",
        ],
        r#"{"UserSummaryList":[]}"#,
    );
    let (reply, got) = passed(say, &read()).await;
    assert_eq!(got.line, format!("GET /users-summary/{INSTANCE}?nextToken=a%2Fb&maxResults=2 HTTP/1.1"));
    assert_eq!((got.fields, got.body.as_str()), (vec![agent()], ""));
    assert_eq!((reply.status, reply.body.as_deref()), (200, Some(r#"{"UserSummaryList":[]}"#)));
    let expected = [
        ("content-type", "application/json".to_owned()),
        ("x-amzn-requestid", "g-1".to_owned()),
        ("x-amzn-connect-requestid", "c-1".to_owned()),
    ];
    assert_eq!(reply.headers, expected);
}

#[tokio::test]
async fn a_write_goes_with_the_body_that_its_caller_signed() {
    let (reply, got) = passed(answer(200, &[], ""), &write()).await;
    assert_eq!(got.line, format!("POST /users/{INSTANCE}/{USER}/routing-profile HTTP/1.1"));
    assert_eq!(got.fields, ["content-length: 28", "content-type: application/json", &agent()]);
    assert_eq!(got.body, r#"{ "RoutingProfileId":"r-1" }"#);
    assert_eq!((reply.status, reply.body.as_deref()), (200, Some("")));
    assert_eq!(reply.headers, [("x-amzn-requestid", "g-1".to_owned())]);
}

#[tokio::test]
async fn errors_of_connect_are_passed_on() {
    for (status, name) in [
        (400, "InvalidRequestException"),
        (404, "ResourceNotFoundException"),
        (500, "InternalServiceException"),
    ] {
        let (reply, _) = passed(refusal(status, name), &write()).await;
        assert_eq!((reply.status, reply.field("x-amzn-errortype")), (status, Some(name)));
        assert_eq!(reply.body.as_deref(), Some(r#"{"Message":"no"}"#));
    }
    let fields = ["x-amzn-ErrorType: ThrottlingException", "Retry-After: 7", "x-amz-retry-after: 6500"];
    let (reply, _) = passed(answer(429, &fields, "{}"), &read()).await;
    assert_eq!((reply.status, reply.field("retry-after")), (429, Some("7")));
    assert_eq!(reply.field("x-amz-retry-after"), Some("6500"));
    let json = answer(400, &["Content-Type: application/json"], r#"{"__type":"A"}"#);
    let (reply, _) = passed(json, &read()).await;
    assert_eq!((reply.status, reply.body.as_deref()), (400, Some(r#"{"__type":"A"}"#)));
}

#[tokio::test]
async fn o10_errors_about_the_guard_itself_are_not_the_callers() {
    for name in [
        "AccessDeniedException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "ExpiredTokenException",
    ] {
        for ordinary in [read(), write()] {
            let (reply, _) = passed(refusal(403, name), &ordinary).await;
            assert_eq!(
                (reply.status, reply.field("x-amzn-errortype")),
                (503, Some("ServiceUnavailableException"))
            );
            assert!(!reply.body.unwrap().contains(name));
        }
    }
}

#[tokio::test]
async fn c26_c27_what_is_no_answer_is_503_to_a_read_and_500_to_a_write() {
    let says: [fn() -> Say; 7] = [
        || answer(302, &["Location: https://example.com/"], ""),
        || answer(304, &[], ""),
        || answer(502, &["Content-Type: text/html"], "<html>"),
        || answer(403, &[], ""),
        || Say::Close,
        || Say::Answer("HTTP/1.1 200 OK\r\n\r\nok".into()),
        || Say::Answer("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into()),
    ];
    for say in says {
        for (ordinary, status, name) in
            [(read(), 503, "ServiceUnavailableException"), (write(), 500, "InternalServiceException")]
        {
            let (reply, _) = passed(say(), &ordinary).await;
            assert_eq!((reply.status, reply.field("x-amzn-errortype")), (status, Some(name)));
            assert!(reply.field("location").is_none());
            assert_eq!(reply.field("x-amzn-requestid"), Some("g-1"));
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_short_does_not_look_whole() {
    let stage =
        Stage::with(ClientBounds { idle_body: Duration::from_millis(80), ..ClientBounds::default() }, 1000)
            .await;
    let short = Say::Answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"a\"".into());
    let (reply, _) = stage
        .play(vec![short], async |reach, _| {
            Whole::of(reach.pass(&read(), &desk(), &RequestId::from("g-1")).await.0).await
        })
        .await;
    assert_eq!((reply.status, reply.body), (200, None));
}

#[tokio::test]
async fn k8_without_a_connection_a_write_is_503() {
    let Stage { reach, server, .. } = Stage::open().await;
    drop(server);
    let (reply, _) = bounded(reach.pass(&write(), &desk(), &RequestId::from("g-1"))).await;
    assert_eq!(reply.status, 503);
}
