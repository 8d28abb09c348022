//! The first door: each read as Connect receives it, and every answer that is none.

use std::time::Duration;

use super::*;
use crate::{
    operation::{Address, Directory, Field, Look, Seen, UserId},
    upstream::Unseen,
};

fn user() -> UserId {
    UserId::read(USER).unwrap()
}

fn user_answer() -> String {
    format!(
        r#"{{"User":{{"Id":"{USER}","Username":"mary","IdentityInfo":{{"Email":"mary.major@example.com"}},"SecurityProfileIds":["s-1"]}}}}"#
    )
}

fn look_user() -> Look {
    Look { user: Some(user()), ..Look::default() }
}

fn look_directory() -> Look {
    Look { instance: Some(instance()), ..Look::default() }
}

fn look_addresses(addresses: &[&str]) -> Look {
    let addresses = addresses.iter().map(|text| Address::read(text).unwrap()).collect();
    Look { addresses, ..Look::default() }
}

async fn seen(script: Vec<Say>, look: Look) -> (Result<Seen, Unseen>, Vec<Got>) {
    Stage::open().await.play(script, async |reach, _| reach.observe(&instance(), &look).await).await
}

/// What one answer to `DescribeUser` comes to.
async fn unseen(say: Say) -> Unseen {
    seen(vec![say], look_user()).await.0.err().unwrap()
}

#[tokio::test]
async fn describe_user() {
    let (seen, got) = seen(vec![ok(&user_answer())], look_user()).await;
    let user = seen.ok().unwrap().user.unwrap();
    assert_eq!(user.identity.value(Field::Email), Some("mary.major@example.com"));
    let [got] = got.as_slice() else { panic!("not one request") };
    assert_eq!(got.line, format!("GET /users/{INSTANCE}/{USER} HTTP/1.1"));
    assert_eq!(got.fields, [agent()]);
    assert_eq!(got.body, "");
}

#[tokio::test]
async fn describe_instance() {
    let body = format!(r#"{{"Instance":{{"Id":"{INSTANCE}","IdentityManagementType":"CONNECT_MANAGED"}}}}"#);
    let (seen, got) = seen(vec![ok(&body)], look_directory()).await;
    assert_eq!(seen.ok().unwrap().directory, Some(Directory::ConnectManaged));
    let [got] = got.as_slice() else { panic!("not one request") };
    assert_eq!(got.line, format!("GET /instance/{INSTANCE} HTTP/1.1"));
    assert_eq!(got.fields, [agent()]);
}

#[tokio::test]
async fn search_users() {
    let look = Look { username: Some("mary".to_owned()), ..Look::default() };
    let script = vec![
        ok(r#"{"Users":[{"Id":"u-1","Username":"mary.major"}],"NextToken":"a+b"}"#),
        ok(r#"{"Users":[{"Id":"u-2","Username":"Mary"}]}"#),
    ];
    let (seen, got) = seen(script, look).await;
    assert_eq!(seen.ok().unwrap().username_taken_by, UserId::read("u-2"));
    let body = |token: &str| {
        format!(
            r#"{{"InstanceId":"{INSTANCE}","MaxResults":100,{token}"SearchCriteria":{{"StringCondition":{{"FieldName":"Username","Value":"mary","ComparisonType":"EXACT"}}}}}}"#
        )
    };
    for (got, body) in got.iter().zip([body(""), body(r#""NextToken":"a+b","#)]) {
        assert_eq!(got.line, "POST /search-users HTTP/1.1");
        let length = format!("content-length: {}", body.len());
        assert_eq!(got.fields, [&length, "content-type: application/json", &agent()]);
        assert_eq!(got.body, body);
    }
    assert_eq!(got.len(), 2);
}

#[tokio::test]
async fn profiles_of_the_user_and_those_asked_for() {
    let look =
        Look { user: Some(user()), permissions: true, profiles: vec!["s-2".into()], ..Look::default() };
    let script = vec![
        ok(&user_answer()),
        ok(r#"{"SecurityProfile":{"Id":"s-1","SecurityProfileName":"Agent"}}"#),
        ok(r#"{"Permissions":["BasicAgentAccess"],"NextToken":"t/1"}"#),
        ok(r#"{"Permissions":["Users.View"]}"#),
        ok(r#"{"SecurityProfile":{"Id":"s-2","SecurityProfileName":"Admin"}}"#),
        ok(r#"{"Permissions":["Users.Edit"]}"#),
    ];
    let (seen, got) = seen(script, look).await;
    let profiles = seen.ok().unwrap().profiles;
    let said: Vec<_> = profiles
        .iter()
        .map(|profile| (profile.id.as_str(), profile.name.as_str(), profile.permissions.len()))
        .collect();
    assert_eq!(said, [("s-1", "Agent", 2), ("s-2", "Admin", 1)]);
    let lines: Vec<&str> = got.iter().map(|got| got.line.as_str()).collect();
    assert_eq!(
        lines,
        [
            format!("GET /users/{INSTANCE}/{USER} HTTP/1.1"),
            format!("GET /security-profiles/{INSTANCE}/s-1 HTTP/1.1"),
            format!("GET /security-profiles-permissions/{INSTANCE}/s-1?maxResults=100 HTTP/1.1"),
            format!(
                "GET /security-profiles-permissions/{INSTANCE}/s-1?maxResults=100&nextToken=t%2F1 HTTP/1.1"
            ),
            format!("GET /security-profiles/{INSTANCE}/s-2 HTTP/1.1"),
            format!("GET /security-profiles-permissions/{INSTANCE}/s-2?maxResults=100 HTTP/1.1"),
        ]
    );
    assert!(got.iter().all(|got| got.fields == [agent()] && got.body.is_empty()));
}

#[tokio::test]
async fn search_email_addresses() {
    let look = look_addresses(&["Support@example.com", "mary@example.com", "b+x@example.com"]);
    let script = vec![
        ok(r#"{"EmailAddresses":[{"EmailAddress":"support@EXAMPLE.com"}],"NextToken":"t"}"#),
        ok(r#"{"EmailAddresses":[{"EmailAddress":"b@example.com"},{"EmailAddress":"not one"}]}"#),
    ];
    let (seen, got) = seen(script, look).await;
    let own: Vec<String> = seen.ok().unwrap().channel_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(own, ["Support@example.com", "b+x@example.com"]);
    assert_eq!(got[0].line, "POST /search-email-addresses HTTP/1.1");
    assert_eq!(got[0].body, format!(r#"{{"InstanceId":"{INSTANCE}","MaxResults":100}}"#));
    assert_eq!(got[1].body, format!(r#"{{"InstanceId":"{INSTANCE}","MaxResults":100,"NextToken":"t"}}"#));
}

#[tokio::test]
async fn a_look_at_nothing_sends_nothing() {
    let (seen, got) = seen(vec![], Look::default()).await;
    let seen = seen.ok().unwrap();
    assert!(seen.user.is_none() && seen.directory.is_none() && seen.profiles.is_empty() && got.is_empty());
}

#[tokio::test]
async fn the_user_is_read_each_time_and_the_rest_is_kept() {
    let instance_answer = format!(r#"{{"Instance":{{"Id":"{INSTANCE}","IdentityManagementType":"SAML"}}}}"#);
    let profile = || ok(r#"{"SecurityProfile":{"Id":"s-1","SecurityProfileName":"Agent"}}"#);
    let permissions = || ok(r#"{"Permissions":[]}"#);
    let script = vec![
        ok(&instance_answer),
        ok(&user_answer()),
        profile(),
        permissions(),
        ok(&user_answer()),
        ok(&user_answer()),
        profile(),
        permissions(),
        ok(&instance_answer),
    ];
    let look = Look { permissions: true, ..look_user() };
    let ((), got) = Stage::open()
        .await
        .play(script, async |reach, clock| {
            reach.observe(&instance(), &look_directory()).await.ok().unwrap();
            for _ in 0..2 {
                reach.observe(&instance(), &look).await.ok().unwrap();
                reach.observe(&instance(), &look_directory()).await.ok().unwrap();
            }
            clock.advance(minute());
            reach.observe(&instance(), &look).await.ok().unwrap();
            clock.advance(minute() * 58);
            reach.observe(&instance(), &look_directory()).await.ok().unwrap();
            clock.advance(minute());
            reach.observe(&instance(), &look_directory()).await.ok().unwrap();
        })
        .await;
    assert_eq!(got.len(), 9);
}

#[tokio::test]
async fn unknown_is_said_of_the_user_and_the_instance_only() {
    assert_eq!(unseen(refusal(404, "ResourceNotFoundException")).await, Unseen::Unknown);
    let (none, _) = seen(vec![refusal(404, "ResourceNotFoundException")], look_directory()).await;
    assert_eq!(none.err(), Some(Unseen::Unknown));
    let look = Look { profiles: vec!["s-1".into()], ..Look::default() };
    let (none, _) = seen(vec![refusal(404, "ResourceNotFoundException")], look).await;
    assert!(matches!(none.err(), Some(Unseen::Unavailable(_))));
    for say in [
        refusal(404, "SomethingElse"),
        refusal(400, "ResourceNotFoundException"),
        answer(404, &[], "<html>not found</html>"),
    ] {
        assert!(matches!(unseen(say).await, Unseen::Unavailable(_)));
    }
}

#[tokio::test]
async fn throttling_says_when_to_come_back() {
    let throttled = |millis| Unseen::Throttled(Duration::from_millis(millis));
    assert_eq!(unseen(refusal(429, "ThrottlingException")).await, throttled(1000));
    assert_eq!(unseen(refusal(429, "TooManyRequestsException")).await, throttled(1000));
    assert_eq!(unseen(refusal(400, "ThrottlingException")).await, throttled(1000));
    assert_eq!(unseen(answer(429, &["Retry-After: 7"], "")).await, throttled(7000));
    assert_eq!(unseen(answer(429, &["x-amz-retry-after: 250"], "")).await, throttled(250));
}

#[tokio::test]
async fn e11_c27_an_answer_that_is_none_is_unavailable() {
    for say in [
        ok(""),
        ok("{}"),
        ok("[]"),
        ok("<html>"),
        ok(&user_answer().replace(USER, "another")),
        answer(204, &[], ""),
        answer(202, &[], &user_answer()),
        answer(302, &["Location: https://example.com/"], ""),
        answer(307, &["Location: /users/x/y"], ""),
        refusal(500, "InternalServiceException"),
        answer(503, &[], ""),
        refusal(403, "AccessDeniedException"),
        refusal(400, "InvalidRequestException"),
        Say::Close,
        Say::Answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n".into()),
    ] {
        let unseen = unseen(say).await;
        let Unseen::Unavailable(why) = unseen else { panic!("{unseen:?}") };
        assert!(why.starts_with("DescribeUser: ") && !why.contains('@'), "{why}");
    }
}

#[tokio::test]
async fn a_slow_answer_is_unavailable() {
    let bounds = ClientBounds { answer: Duration::from_millis(80), ..ClientBounds::default() };
    let stage = Stage::with(bounds, 1000).await;
    let (none, got) =
        stage.play(vec![Say::Nothing], async |reach, _| reach.observe(&instance(), &look_user()).await).await;
    assert!(matches!(none.err(), Some(Unseen::Unavailable(_))));
    assert_eq!(got.len(), 1, "not read again");
}

#[tokio::test]
async fn a_list_without_an_end_is_none() {
    let script = (0..20).map(|_| ok(r#"{"EmailAddresses":[],"NextToken":"t"}"#)).collect();
    let (none, got) = seen(script, look_addresses(&["a@example.com"])).await;
    assert_eq!(none.err(), Some(Unseen::Unavailable("SearchEmailAddresses: more than 20 pages".into())));
    assert_eq!(got.len(), 20);
}

#[tokio::test]
async fn reads_are_charged_but_for_those_that_are_reserved() {
    let stage = Stage::with(ClientBounds::default(), 2).await;
    let user = || ok(&user_answer());
    let script = vec![user(), user(), user(), ok(r#"{"EmailAddresses":[]}"#)];
    let (none, got) = stage
        .play(script, async |reach, clock| {
            for _ in 0..3 {
                reach.observe(&instance(), &look_user()).await.ok().unwrap();
            }
            let look = look_addresses(&["a@example.com"]);
            reach.observe(&instance(), &look).await.ok().unwrap();
            reach.observe(&instance(), &look).await.ok().unwrap();
            clock.advance(minute());
            reach.observe(&instance(), &look).await.err()
        })
        .await;
    assert!(matches!(none, Some(Unseen::Throttled(wait)) if wait > Duration::from_mins(1)), "{none:?}");
    assert_eq!(got.len(), 4);
}

#[tokio::test]
async fn k8_a_server_that_is_not_there_is_unavailable() {
    let Stage { reach, server, .. } = Stage::open().await;
    drop(server);
    let none = bounded(Box::pin(reach.observe(&instance(), &look_user()))).await.err();
    assert!(matches!(none, Some(Unseen::Unavailable(why)) if why.contains("nothing sent")));
    assert_eq!(reach.client.stats().connect, 2, "tried again once");
}
