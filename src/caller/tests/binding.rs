//! What a signature binds, and what it does not: an altered signed part is refused, an altered unsigned one changes
//! nothing that is decided upon.

use crate::secret::Digest;

use super::{super::Proof, *};

/// As the JavaScript client signs: the retry headers and the user agent among them.
fn thoroughly() -> Draft {
    Draft::update()
        .with("user-agent", "aws-sdk-java/1.12 Linux/6.1")
        .with("accept-encoding", "gzip;q=1.0, *;q=0.5")
        .with("connection", "Keep-Alive")
        .with("expect", "100-continue")
        .with("content-length", "53")
        .with("amz-sdk-invocation-id", "316c2871-c694-496e-b124-c8294d049de7")
        .with("amz-sdk-request", "attempt=1; max=3")
        .with("x-amz-user-agent", "aws-sdk-js/3.1136.0")
        .signed()
}

#[test]
fn a_verified_request_is_what_was_signed_and_by_whom() {
    let draft =
        Draft::update().with("amz-sdk-invocation-id", "316c2871-c694-496e-b124-c8294d049de7").signed();
    let verified = draft.verify().ok().unwrap();
    assert_eq!(verified.region(), "us-east-1");
    assert_eq!(verified.caller().principal, principal("IdentityDesk"));
    assert_eq!(verified.caller().proof, Proof::GuardKey { key_id: KEY.to_owned() });
    assert_eq!(verified.caller().proof.to_string(), format!("guard-key:{KEY}"));
    assert_eq!(&*verified.caller().principal.account_key(), "arn:aws:iam::111122223333:role/IdentityDesk");
    assert_eq!(verified.caller().origin.request_id.as_str(), "11111111-2222-4333-8444-555555555555");
    let signature = draft.value("authorization").rsplit_once('=').unwrap().1;
    let attempt = verified.attempt();
    assert_eq!(attempt.signature, Digest::of(&hex::decode(signature).unwrap()));
    assert_eq!(attempt.invocation, Some(Digest::of(b"316c2871-c694-496e-b124-c8294d049de7")));
    assert_eq!(attempt.body, Digest::of(&draft.body));
    assert_eq!(attempt.signed_at, now());
    assert_eq!(verified.request().head.target.raw(), draft.target);
    let (caller, _, region, request) = verified.into_parts();
    assert_eq!((caller.principal, region.as_str()), (principal("IdentityDesk"), "us-east-1"));
    assert_eq!(&request.body[..], &draft.body[..]);
}

#[test]
fn s7_c25_what_is_signed_is_verified_as_received() {
    let draft = thoroughly();
    assert!(draft.verify().is_ok());
    for name in [
        "user-agent",
        "accept-encoding",
        "connection",
        "expect",
        "content-length",
        "amz-sdk-invocation-id",
        "amz-sdk-request",
        "x-amz-user-agent",
        "content-type",
        "host",
    ] {
        let altered = draft.clone().edited(name, |value| format!("{value}x"));
        assert_eq!(altered.refused(), Unverified::Signature, "{name}");
        let gone = draft.clone().without(name);
        assert_eq!(gone.refused(), Unverified::SignedHeaders(name.to_owned()), "{name}");
        let twice = draft.clone().with(name, draft.value(name));
        assert_eq!(twice.refused(), Unverified::SignedHeaders(name.to_owned()), "{name}");
    }
}

#[test]
fn c25_connection_names_nothing_away() {
    let draft = Draft::update().signed().with("connection", "authorization, x-amz-date, host");
    assert!(draft.verify().is_ok());
}

#[test]
fn every_altered_part_of_a_request_is_refused() {
    let draft = thoroughly();
    for method in ["GET", "PUT", "DELETE"] {
        let mut other = draft.clone();
        other.method = method;
        assert_eq!(other.refused(), Unverified::Signature, "{method}");
    }
    for (from, to) in
        [("111234567891", "111234567892"), ("identity-info", "identity-inf"), ("/users", "/user")]
    {
        let mut other = draft.clone();
        other.target = other.target.replace(from, to);
        assert_ne!(other.target, draft.target);
        assert_eq!(other.refused(), Unverified::Signature, "{to}");
    }
    let mut query = draft.clone();
    query.target.push_str("?a=b");
    assert_eq!(query.refused(), Unverified::Signature);
    for body in ["", "{}", r#"{"IdentityInfo": {"Email": "mary.major@example.net"}}"#] {
        let mut other = draft.clone();
        other.body = body.as_bytes().to_vec();
        assert_eq!(other.refused(), Unverified::Signature, "{body}");
    }
    let moved = draft.edited("x-amz-date", |_| "20261121T161103Z".to_owned());
    assert_eq!(moved.refused(), Unverified::Signature);
}

#[test]
fn the_key_id_cannot_be_exchanged() {
    let draft = Draft::update().signed();
    assert_eq!(draft.clone().claiming(KEY, OTHER_KEY).refused(), Unverified::Signature);
    assert_eq!(draft.claiming(KEY, UNKNOWN_KEY).refused(), Unverified::Signature);
    let other = Draft::update().signed_by(OTHER_KEY, OTHER_SECRET).verify().ok().unwrap();
    assert_eq!(other.caller().principal, principal("HelpDesk"));
}

#[test]
fn what_is_unsigned_changes_nothing_but_the_invocation() {
    let draft = Draft::update()
        .signed()
        .with("user-agent", "aws-cli/1.45.11")
        .with("accept-encoding", "identity")
        .with("amz-sdk-invocation-id", "316c2871-c694-496e-b124-c8294d049de7")
        .with("amz-sdk-request", "attempt=1")
        .with("content-length", "53");
    let plain = draft.verify().ok().unwrap();
    for name in
        ["user-agent", "accept-encoding", "amz-sdk-request", "amz-sdk-invocation-id", "content-length"]
    {
        for altered in [
            draft.clone().without(name),
            draft.clone().edited(name, |value| format!("{value}x")),
            draft.clone().with(name, "again"),
        ] {
            let verified = altered.verify().ok().unwrap();
            assert_eq!(verified.caller().principal, plain.caller().principal);
            assert_eq!(verified.caller().proof, plain.caller().proof);
            assert_eq!(verified.region(), plain.region());
            let invocation = if name == "amz-sdk-invocation-id" { None } else { plain.attempt().invocation };
            let expected = super::super::Attempt { invocation, ..plain.attempt().clone() };
            assert_eq!(verified.attempt(), &expected, "{name}");
        }
    }
}

#[test]
fn an_invocation_is_a_uuid_with_hyphens() {
    let of = |value: &str| {
        let draft = Draft::update().signed().with("amz-sdk-invocation-id", value);
        draft.verify().ok().unwrap().attempt().invocation
    };
    let id = "316c2871-c694-496e-b124-c8294d049de7";
    assert_eq!(of(id), Some(Digest::of(id.as_bytes())));
    assert_eq!(of(&id.to_uppercase()), of(id));
    assert_ne!(of("316c2871-c694-496e-b124-c8294d049de8"), of(id));
    for value in [
        "",
        "x",
        "316c2871c694496eb124c8294d049de7",
        "{316c2871-c694-496e-b124-c8294d049de7}",
        "urn:uuid:316c2871-c694-496e-b124-c8294d049de7",
        "316c2871-c694-496e-b124-c8294d049deg",
        "316c2871c694-496e-b124-c8294d049de7-",
    ] {
        assert_eq!(of(value), None, "{value}");
    }
}

#[test]
fn a_retry_within_the_same_second_is_the_same_attempt() {
    let one = Draft::update().signed().verify().ok().unwrap();
    let again = Draft::update().signed().verify_at(&ring(), later(2)).ok().unwrap();
    assert_eq!(one.attempt(), again.attempt());
    let later = Draft::update().signed_for(KEY, SECRET, "us-east-1", "connect", later(1));
    assert_ne!(later.verify().ok().unwrap().attempt().signature, one.attempt().signature);
}

#[test]
fn a_proof_for_unit_tests_has_the_attempt_of_its_request() {
    let draft =
        Draft::update().with("amz-sdk-invocation-id", "316c2871-c694-496e-b124-c8294d049de7").signed();
    let proven = draft.verify().ok().unwrap();
    let made = Verified::for_tests(proven.caller().clone(), "us-east-1", draft.request());
    assert_eq!(made.region(), "us-east-1");
    assert_eq!(made.attempt().body, proven.attempt().body);
    assert_eq!(made.attempt().invocation, proven.attempt().invocation);
    assert_eq!(made.attempt().signed_at, proven.attempt().signed_at);
    let bare = Verified::for_tests(proven.caller().clone(), "us-east-1", Draft::update().request());
    assert_eq!(bare.attempt().signed_at, Now::from(Timestamp::UNIX_EPOCH));
}
