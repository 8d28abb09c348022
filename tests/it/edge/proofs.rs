//! Proofs that prove nothing.

use connect_guard::demo::caller::Caller;
use jiff::SignedDuration;

use super::{Octets, Row, allowed, denied, raw, replaced, row, signed, stranger, target, with};
use crate::running::{Running, identity_path, roomy, user};

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signed as if it were so many seconds later.
fn aged(seconds: i64) -> Octets {
    Box::new(move |caller, now, request| {
        caller.sign(&request, now + SignedDuration::from_secs(seconds)).unwrap()
    })
}

/// Signed by another.
fn by(change: fn(&mut Caller)) -> Octets {
    Box::new(move |caller, now, request| {
        let mut caller = caller.clone();
        change(&mut caller);
        caller.sign(&request, now).unwrap()
    })
}

/// A field that is there and not signed.
fn unsigned(name: &'static str, value: &'static str) -> Octets {
    signed(move |request| {
        request.signed.retain(|(field, _)| field != name);
        request.unsigned.push((name.into(), value.into()));
    })
}

/// A field that is signed.
fn signing(name: &'static str, value: &'static str) -> Octets {
    signed(move |request| request.signed.push((name.into(), value.into())))
}

/// A proof that is none: refused to nobody in particular.
fn unproven(rows: Vec<(&'static str, Octets)>) -> Vec<Row> {
    rows.into_iter().map(|(what, octets)| stranger(what, octets, &[400, 403])).collect()
}

/// The signature with something done to it.
fn authorization(change: fn(&str) -> String) -> Octets {
    Box::new(move |caller, now, request| {
        let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
        let at = text.find("authorization: ").unwrap() + "authorization: ".len();
        let end = at + text[at..].find("\r\n").unwrap();
        format!("{}{}{}", &text[..at], change(&text[at..end]), &text[end..]).into_bytes()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_no_proof() {
    denied(unproven(vec![
        ("none", replaced("authorization: ", "x-authorization: ")),
        ("empty", authorization(|_| String::new())),
        ("no scheme", replaced("AWS4-HMAC-SHA256", "")),
        ("nothing but the scheme", authorization(|_| "AWS4-HMAC-SHA256".into())),
        ("no signature", authorization(|value| value.split(", Signature").next().unwrap().to_owned())),
        ("letters", authorization(|_| "x".repeat(9_000))),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a2_what_is_not_signed() {
    denied(unproven(vec![
        ("content-type", unsigned("content-type", "application/json")),
        ("x-amz-target", with("x-amz-target: a")),
        ("x-amz-meta", with("x-amz-meta: a")),
        ("x-amz-user-agent", with("X-Amz-User-Agent: a")),
        ("host", authorization(|value| value.replace(";host", ""))),
        ("x-amz-date", authorization(|value| value.replace(";x-amz-date", ""))),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_what_must_be_signed() {
    denied(unproven(vec![
        ("a token", with("x-amz-security-token: t")),
        ("a hash", with("x-amz-content-sha256: UNSIGNED-PAYLOAD")),
        ("content-type", unsigned("content-type", "application/json")),
        (
            "nothing is",
            authorization(|value| {
                let (before, rest) = value.split_once("SignedHeaders=").unwrap();
                let (_, after) = rest.split_once(',').unwrap();
                format!("{before}SignedHeaders=,{after}")
            }),
        ),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_another_hash() {
    denied(unproven(vec![
        ("none is wanted", signing("x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        ("streamed", signing("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")),
        ("of another body", signing("x-amz-content-sha256", EMPTY)),
        ("in large letters", signing("x-amz-content-sha256", "E3B0")),
        ("another body", replaced(r#"{"IdentityInfo""#, r#"{ "IdentityInfo""#.trim_end())),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_special_words_in_place_of_a_hash() {
    let of = |value: &'static str| signing("x-amz-content-sha256", value);
    denied(unproven(vec![
        ("unsigned", of("UNSIGNED-PAYLOAD")),
        ("unsigned, with a trailer", of("STREAMING-UNSIGNED-PAYLOAD-TRAILER")),
        ("streamed", of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")),
        ("streamed, with a trailer", of("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER")),
        ("streamed, asymmetric", of("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")),
        ("of events", of("STREAMING-AWS4-HMAC-SHA256-EVENTS")),
        ("of nothing", of(EMPTY)),
        ("empty", of("")),
    ]))
    .await;
}

/// One door makes a proof, and looks at one place.
#[tokio::test(flavor = "multi_thread")]
async fn v3_a_proof_in_another_place() {
    let credential = "X-Amz-Credential=GKAAAAAAAAAAAAAAAAAA%2F20261121%2Fus-east-1%2Fconnect%2Faws4_request";
    let path = identity_path(&user(1).id);
    denied(vec![
        stranger(
            "in the query alone",
            raw(format!("POST {path}?{credential} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n")),
            &[400, 403],
        ),
        row("in the query as well", target(format!("{path}?{credential}")), &[400, 403]),
        row("a part of it in the query", target(format!("{path}?X-Amz-Date=20261121T161102Z")), &[400, 403]),
        stranger("in a cookie", replaced("authorization: ", "cookie: "), &[403]),
        stranger("for the proxy", replaced("authorization: ", "proxy-authorization: "), &[403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a4_a_proof_in_the_query() {
    let presigned = "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b";
    denied(vec![
        row("beside the header", target(format!("{}{presigned}", identity_path(&user(1).id))), &[400, 403]),
        stranger("alone", raw(format!("GET /{presigned} HTTP/1.1\r\nhost: localhost\r\n\r\n")), &[403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s4_members_of_a_presigned_query() {
    let path = identity_path(&user(1).id);
    let of = |member: &str| target(format!("{path}?{member}"));
    denied(vec![
        row("in small letters", of("x-amz-signature=b"), &[400, 403]),
        row("in large letters", of("X-AMZ-SIGNATURE=b"), &[400, 403]),
        row("a token", of("X-Amz-Security-Token=b"), &[400, 403]),
        row("an end", of("X-Amz-Expires=900"), &[400, 403]),
        row("of version 2", of("AWSAccessKeyId=a&Signature=b&Expires=1"), &[400, 403]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a5_another_scope() {
    denied(unproven(vec![
        ("another service", replaced("/connect/aws4_request", "/s3/aws4_request")),
        ("another end", replaced("/connect/aws4_request", "/connect/aws4_reques")),
        ("a signature for another Region", by(|caller| caller.region = "eu-west-1".into())),
        ("a Region that is none", by(|caller| caller.region = "us-east-1.evil.com".into())),
        ("one part more", replaced("/connect/aws4_request", "/connect/aws4_request/x")),
        ("one part less", replaced("/us-east-1/connect", "/connect")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a6_another_time() {
    denied(unproven(vec![
        ("too old", aged(-310)),
        ("from the future", aged(320)),
        ("a day old", aged(-86_400)),
        ("two dates", with("x-amz-date: 20261121T161102Z")),
        ("another date beside it", with("date: Thu, 01 Jan 1970 00:00:00 GMT")),
    ]))
    .await;
}

/// The scope is of the day of the date, and the date has one form.
#[tokio::test(flavor = "multi_thread")]
async fn v4_a_date_and_its_scope() {
    let dated = |change: fn(&str) -> String| -> Octets {
        Box::new(move |caller, now, request| {
            let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
            let at = text.find("x-amz-date: ").unwrap() + "x-amz-date: ".len();
            let end = at + text[at..].find("\r\n").unwrap();
            format!("{}{}{}", &text[..at], change(&text[at..end]), &text[end..]).into_bytes()
        })
    };
    denied(unproven(vec![
        ("301 s old", aged(-301)),
        ("a day on", dated(|date| date.replacen('2', "3", 1))),
        ("none", replaced("x-amz-date: ", "x-other-date: ")),
        ("date alone", replaced("x-amz-date: ", "date: ")),
        ("no zone", dated(|date| date.trim_end_matches('Z').to_owned())),
        ("with hyphens", dated(|_| "2026-11-21T16:11:02Z".into())),
        (
            "a scope of another day",
            authorization(|value| {
                let day = value.split('/').nth(1).unwrap().to_owned();
                value.replacen(&day, "20200101", 1)
            }),
        ),
    ]))
    .await;
    // Within them it is as good as new.
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    for seconds in [-280, 290] {
        let octets = aged(seconds)(&desk, desk.now(), allowed());
        assert_eq!(desk.exchange(&octets).await.unwrap().status, 200, "{seconds} {}", guard.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a9_other_schemes() {
    denied(unproven(vec![
        ("SigV4a", replaced("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
        ("small letters", replaced("AWS4-HMAC-SHA256", "aws4-hmac-sha256")),
        ("a bearer", replaced("AWS4-HMAC-SHA256 ", "Bearer ")),
        ("version 2", authorization(|_| "AWS AKIDEXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg=".into())),
        ("another hash", replaced("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s5_one_answer_to_every_other_scheme() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let mut answers = Vec::new();
    for scheme in ["AWS4-ECDSA-P256-SHA256", "AWS4-HMAC-SHA512", "aws4-hmac-sha256", "Bearer", "AWS", "Basic"]
    {
        let text = String::from_utf8(desk.sign(&allowed(), desk.now()).unwrap()).unwrap();
        let answer = desk.exchange(text.replace("AWS4-HMAC-SHA256", scheme).as_bytes()).await.unwrap();
        answers.push((answer.status, answer.error().map(str::to_owned), answer.text()));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(guard.stage.connect.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn s6_a_signed_field_that_is_not_there() {
    let listing = |name: &'static str| -> Octets {
        Box::new(move |caller, now, request| {
            let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
            text.replace(
                "SignedHeaders=content-type;host",
                &format!("SignedHeaders=content-type;host;{name}"),
            )
            .into_bytes()
        })
    };
    let taken_away: Octets = Box::new(|caller, now, mut request| {
        request.signed.push(("x-note".into(), "a".into()));
        let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
        text.replace("x-note: a\r\n", "").into_bytes()
    });
    denied(unproven(vec![
        ("never there", listing("x-absent")),
        ("not there any more", taken_away),
        ("the proof itself", listing("authorization")),
        ("twice in the list", listing("host")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_parts_of_a_proof() {
    denied(unproven(vec![
        ("a part twice", authorization(|value| format!("{value}, Signature={}", "0".repeat(64)))),
        ("a part more", authorization(|value| format!("{value}, Extra=1"))),
        ("an empty one", authorization(|value| format!("{value},"))),
        ("no names", authorization(|value| value.replace("Credential=", ""))),
        ("names in small letters", authorization(|value| value.replace("Signature=", "signature="))),
        (
            "a signature in large letters",
            authorization(|value| {
                let (before, signature) = value.split_once("Signature=").unwrap();
                format!("{before}Signature=A{}", &signature.to_uppercase()[1..])
            }),
        ),
        ("a short signature", authorization(|value| value[..value.len() - 1].to_owned())),
    ]))
    .await;
    // Blanks and order are free.
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    for change in [
        |value: &str| value.replace(", ", ","),
        |value: &str| {
            let (scheme, parts) = value.split_once(' ').unwrap();
            let mut parts: Vec<_> = parts.split(", ").collect();
            parts.reverse();
            format!("{scheme} {}", parts.join(", "))
        },
    ] {
        let octets = authorization(change)(&desk, desk.now(), allowed());
        assert_eq!(desk.exchange(&octets).await.unwrap().status, 200, "{}", guard.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn v7_a_field_twice() {
    denied(unproven(vec![
        ("the proof", with("authorization: AWS4-HMAC-SHA256 a")),
        ("the date", with("x-amz-date: 20261121T161102Z")),
        ("the host", with("host: localhost")),
        ("the type", with("content-type: application/json")),
        ("the length", with("content-length: 1")),
        ("the token", with("x-amz-security-token: a\r\nx-amz-security-token: b")),
        ("the hash", with("x-amz-content-sha256: a\r\nx-amz-content-sha256: b")),
        ("the proof, in large letters", with("AUTHORIZATION: x")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a11_tokens_that_are_none() {
    denied(unproven(vec![
        ("not signed", with("x-amz-security-token: t")),
        ("beside a key of the guard's own", by(|caller| caller.token = Some("t".into()))),
        (
            "of nobody",
            by(|caller| {
                caller.key_id = format!("GS{}", "A".repeat(18));
                caller.token = Some("A".repeat(200));
            }),
        ),
        ("empty", by(|caller| caller.token = Some(String::new()))),
        ("a session without one", by(|caller| caller.key_id = format!("GS{}", "A".repeat(18)))),
    ]))
    .await;
}

/// What everybody knows is no secret.
#[tokio::test(flavor = "multi_thread")]
async fn s12_what_is_no_secret() {
    denied(unproven(vec![
        ("the key's own id", by(|caller| caller.secret = caller.key_id.clone())),
        ("nothing", by(|caller| caller.secret = String::new())),
        (
            "the documentation's",
            by(|caller| caller.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into()),
        ),
        (
            "the guard's own key at Connect",
            by(|caller| {
                caller.key_id = "AKIDEXAMPLE".into();
                caller.secret = "SECRETEXAMPLE".into();
            }),
        ),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_an_unknown_key_and_a_wrong_secret_look_alike() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let unknown = Caller { key_id: format!("GK{}", "A".repeat(18)), ..desk.clone() };
    let wrong = Caller { secret: "x".repeat(40), ..desk };
    let mut answers = Vec::new();
    for caller in [unknown, wrong] {
        let answer = caller.send(&allowed()).await.unwrap();
        answers.push((answer.status, answer.error().map(str::to_owned), answer.text()));
    }
    assert_eq!(answers[0], answers[1]);
}

/// Neither what was sent as a signature nor what would have been right is written anywhere.
#[tokio::test(flavor = "multi_thread")]
async fn s11_no_signature_is_in_the_log() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let right = String::from_utf8(desk.sign(&allowed(), desk.now()).unwrap()).unwrap();
    let signature = right.split("Signature=").nth(1).unwrap()[..64].to_owned();
    let mut other = signature.clone().into_bytes();
    other[0] = if other[0] == b'0' { b'1' } else { b'0' };
    let other = String::from_utf8(other).unwrap();
    let wrong = right.replace(&signature, &other);
    assert_eq!(desk.exchange(wrong.as_bytes()).await.unwrap().status, 403);
    assert_eq!(desk.exchange(right.as_bytes()).await.unwrap().status, 200);
    let answer = desk.exchange(wrong.as_bytes()).await.unwrap();
    let records = guard.recorded(|records| records.iter().any(|one| one.kind() == "outcome")).await;
    let records: String = records.iter().map(|record| record.0.to_string()).collect();
    for text in [guard.log(), answer.text(), records] {
        assert!(!text.contains(&signature[..32]) && !text.contains(&other[..32]), "{text}");
    }
}
