//! The second door: a change as Connect receives it, once, and what each answer leaves certain.

use std::time::Duration;

use super::*;
use crate::{
    ledger::{Answered, Sent},
    operation::{Change, Look},
};

const JSON: (&str, &str) = ("content-type", "application/json");

fn update() -> Change {
    let target = format!("/users/{INSTANCE}/{USER}/identity-info");
    let body = r#"{ "IdentityInfo" : {"LastName":"Major", "Email":"mary.major@example.com"} }"#;
    let fields = [
        JSON,
        ("host", "guard.example.com"),
        ("x-amz-security-token", "THEIRS"),
        ("authorization", "THEIRS"),
        ("connection", "authorization"),
        ("amz-sdk-invocation-id", "316c2871-c694-496e-b124-c8294d049de7"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    match asked(Method::Post, &target, &fields, body) {
        Operation::Change(change) => change,
        Operation::Ordinary(_) => panic!("not a change"),
    }
}

async fn sent(say: Say) -> Sent {
    let (sent, got) = Stage::open()
        .await
        .play(vec![say], async |reach, _| reach.act(&update(), &desk(), &record(), &|| true).await)
        .await;
    assert_eq!(got.len(), 1);
    sent
}

#[tokio::test]
async fn s13_a_change_is_built_anew_and_nothing_of_the_caller_goes_with_it() {
    let (sent, got) = Stage::open()
        .await
        .play(vec![ok("")], async |reach, _| reach.act(&update(), &desk(), &record(), &|| true).await)
        .await;
    let Sent::Accepted(answered) = sent else { panic!("{sent:?}") };
    let expected = Answered { status: 200, error: None, request_id: Some("c-1".into()), body: Bytes::new() };
    assert_eq!(answered, expected);
    let [got] = got.as_slice() else { panic!("not one request") };
    let body = r#"{"IdentityInfo":{"LastName":"Major","Email":"mary.major@example.com"}}"#;
    assert_eq!(got.line, format!("POST /users/{INSTANCE}/{USER}/identity-info HTTP/1.1"));
    let length = format!("content-length: {}", body.len());
    assert_eq!(got.fields, [&length, "content-type: application/json", &format!("{} rec/guard-17", agent())]);
    assert_eq!(got.body, body);
}

/// A security profile that the guard changes itself is read anew, and what it was before decides nothing.
#[tokio::test]
async fn a_profile_that_was_changed_is_not_kept() {
    let target = format!("/security-profiles/{INSTANCE}/s-1");
    let Operation::Change(change) =
        asked(Method::Post, &target, &[JSON], r#"{"Permissions":["Users.Edit"]}"#)
    else {
        panic!("not a change")
    };
    let profile = || ok(r#"{"SecurityProfile":{"Id":"s-1","SecurityProfileName":"Agent"}}"#);
    let script = vec![
        profile(),
        ok(r#"{"Permissions":[]}"#),
        ok(""),
        profile(),
        ok(r#"{"Permissions":["Users.Edit"]}"#),
    ];
    let look = Look { permissions: true, profiles: vec!["s-1".into()], ..Look::default() };
    let (permissions, got) = Stage::open()
        .await
        .play(script, async |reach, _| {
            reach.observe(&instance(), &look).await.ok().unwrap();
            reach.act(&change, &desk(), &record(), &|| true).await;
            let seen = reach.observe(&instance(), &look).await.ok().unwrap();
            seen.profiles.into_iter().map(|profile| profile.permissions).collect::<Vec<_>>()
        })
        .await;
    assert_eq!((got.len(), permissions), (5, vec![vec!["Users.Edit".to_owned()].into_iter().collect()]));
}

#[tokio::test]
async fn what_connect_accepts_is_accepted_whatever_its_body() {
    for (status, body, kept) in [
        (200, r#"{"UserId":"u-1"}"#, r#"{"UserId":"u-1"}"#),
        (200, "<html>", ""),
        (200, "[]", ""),
        (202, "", ""),
        (204, "", ""),
        (299, "{}", "{}"),
    ] {
        let sent = sent(answer(status, &[], body)).await;
        let Sent::Accepted(answered) = sent else { panic!("{status} {body}: {sent:?}") };
        assert_eq!((answered.status, &*answered.body), (status, kept.as_bytes()));
    }
    let long = format!(r#"{{"UserId":"{}"}}"#, "x".repeat(64 * 1024));
    assert!(matches!(sent(ok(&long)).await, Sent::Accepted(answered) if answered.body.is_empty()));
}

#[tokio::test]
async fn a_refusal_is_connects_own() {
    for (status, name) in [
        (400, "InvalidParameterException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (409, "ConflictException"),
        (429, "ThrottlingException"),
    ] {
        let sent = sent(refusal(status, name)).await;
        let Sent::Refused(answered) = sent else { panic!("{status}: {sent:?}") };
        assert_eq!((answered.status, answered.error.as_deref()), (status, Some(name)));
        assert_eq!(answered.body, r#"{"Message":"no"}"#);
        assert_eq!(answered.request_id.as_deref(), Some("c-1"));
    }
    let in_body = answer(400, &[], r#"{"__type":"com.amazonaws.connect#InvalidRequestException"}"#);
    assert!(matches!(sent(in_body).await, Sent::Refused(answered)
        if answered.error.as_deref() == Some("InvalidRequestException")));
}

#[tokio::test]
async fn c26_c27_everything_else_is_unknown() {
    for say in [
        refusal(408, "RequestTimeoutException"),
        answer(403, &[], "<html>forbidden</html>"),
        answer(429, &[], ""),
        answer(301, &["Location: https://example.com/"], ""),
        answer(307, &["Location: /users/x/y/identity-info"], ""),
        refusal(500, "InternalServiceException"),
        refusal(503, "ServiceUnavailableException"),
        answer(502, &[], "<html>"),
        refusal(500, "AccessDeniedException"),
        Say::Close,
        Say::Answer("220 mail.example.com ESMTP\r\n".into()),
        Say::Answer("HTTP/1.1 200 OK\r\n\r\n".into()),
        Say::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
        Say::Answer("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n".into()),
    ] {
        let sent = sent(say).await;
        assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_unknown_and_not_asked_for_again() {
    let bounds = ClientBounds { answer: Duration::from_millis(80), ..ClientBounds::default() };
    let (sent, got) = Stage::with(bounds, 1000)
        .await
        .play(vec![Say::Nothing], async |reach, _| reach.act(&update(), &desk(), &record(), &|| true).await)
        .await;
    assert!(matches!(sent, Sent::Unknown(_)), "{sent:?}");
    assert_eq!(got.len(), 1);
}

#[tokio::test]
async fn k8_without_a_connection_nothing_was_sent_and_nothing_is_tried_again() {
    let Stage { reach, server, .. } = Stage::open().await;
    drop(server);
    assert!(matches!(bounded(reach.act(&update(), &desk(), &record(), &|| true)).await, Sent::NotSent(_)));
    assert_eq!(reach.client.stats().connect, 1);
}

#[tokio::test]
async fn k2_without_credentials_nothing_is_sent() {
    let Stage { reach, clock, server } = Stage::open().await;
    let expired = Given::new("AKID", "s", None, Some(std::time::UNIX_EPOCH), "tests");
    let cache = CredentialCache::of(SharedCredentialsProvider::new(expired), false, clock.clone());
    let client = server.client(ClientBounds::default());
    let reach = SiteClient::of(place(), client, SiteCredentials::own(cache), reach.limiter.clone(), clock);
    let sent = bounded(reach.act(&update(), &desk(), &record(), &|| true)).await;
    assert!(matches!(&sent, Sent::NotSent(why) if why.starts_with("no credentials")), "{sent:?}");
    let stats = reach.client.stats();
    assert_eq!((stats.opened, stats.connect), (0, 0));
}
