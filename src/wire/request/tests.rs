//! Heads with one reading and heads without.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const CAPTURE: [(&str, &str); 9] = [
    ("Host", "127.0.0.1:43027"),
    ("Accept-Encoding", "identity"),
    ("Content-Type", "application/json"),
    ("User-Agent", "Boto3/1.43.11 md/Botocore#1.43.11"),
    ("X-Amz-Date", "20261121T161055Z"),
    ("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/connect/aws4_request"),
    ("amz-sdk-invocation-id", "436b9595-10b5-4344-84cb-c235dac67368"),
    ("amz-sdk-request", "attempt=1"),
    ("Content-Length", "90"),
];

fn origin() -> Origin {
    Origin::new("r".into(), Ipv4Addr::LOCALHOST.into(), None)
}

fn head(method: &str, target: &str, extra: &[(&str, &str)]) -> Result<Head, Malformed> {
    let fields = CAPTURE.iter().chain(extra).map(|(name, value)| (*name, value.as_bytes()));
    Head::read(method, target, fields, origin())
}

fn with(extra: &[(&str, &str)]) -> Result<Head, Malformed> {
    head("POST", "/users/i/u/identity-info", extra)
}

fn request(content_types: &[&str], body: &'static [u8]) -> WireRequest {
    let fields = content_types.iter().map(|value| ("content-type", value.as_bytes()));
    let headers = Headers::read(fields).unwrap();
    let target = RequestTarget::read("/a").unwrap();
    let head = Head { method: Method::Post, target, headers, origin: origin(), peer: Peer::default() };
    WireRequest { head, body: body.into() }
}

#[test]
fn what_aws_clients_send_is_read() {
    let head = with(&[]).unwrap();
    assert_eq!(head.method, Method::Post);
    assert_eq!(head.target.segments().len(), 4);
    assert_eq!(head.headers.occurs("x-amz-date"), Occurs::One("20261121T161055Z"));
    assert!(with(&[("Connection", "keep-alive"), ("x-amz-user-agent", "aws-sdk-js/3")]).is_ok());
}

#[test]
fn a_head_knows_the_connection_that_it_came_over() {
    let region = Some("us-east-1".into());
    let head = with(&[]).unwrap().over(Peer { region, ..Peer::default() });
    assert_eq!(head.peer.region.as_deref(), Some("us-east-1"));
    assert_eq!(head.method, Method::Post);
}

#[test]
fn c14_other_methods() {
    for method in ["PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "M-SEARCH"] {
        assert_eq!(head(method, "/a", &[]).unwrap_err().error, ErrorType::MethodNotAllowed, "{method}");
    }
    for method in ["post", "Post", "GET ", " GET", "", "G\tET", "GE_T", "GET1", "G\u{c9}T", &"A".repeat(21)] {
        assert_eq!(head(method, "/a", &[]).unwrap_err().error, ErrorType::InvalidRequest, "{method:?}");
    }
    for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
        assert_eq!(head(method.as_str(), "/a", &[]).unwrap().method, method);
    }
}

#[test]
fn v7_fields_of_which_one_is_meant() {
    for name in [
        "host",
        "authorization",
        "content-type",
        "content-length",
        "date",
        "expect",
        "user-agent",
        "x-amz-date",
        "x-amz-security-token",
        "x-amz-content-sha256",
        "x-amz-user-agent",
        "x-amz-whatever",
        "amz-sdk-request",
        "amz-sdk-invocation-id",
        "X-AMZ-DATE",
        "AUTHORIZATION",
    ] {
        for value in ["100-continue", ""] {
            let fields = [(name, b"100-continue".as_slice()), ("a", b"b"), (name, value.as_bytes())];
            let fault = Head::read("GET", "/a", fields, origin()).unwrap_err();
            assert_eq!(fault.error, ErrorType::InvalidRequest);
            let lower = name.to_lowercase();
            let twice = format!("header `{lower}` occurs more than once");
            let expect = "header `expect`: only `100-continue` is accepted";
            assert!(
                fault.why == twice || (lower == "expect" && fault.why == expect),
                "{name}: {}",
                fault.why
            );
        }
    }
    assert!(with(&[("Accept", "a"), ("Accept", "b"), ("Connection", "a"), ("Connection", "b")]).is_ok());
}

#[test]
fn fields_that_are_never_accepted() {
    for name in NEVER {
        for value in ["", "chunked", "identity"] {
            let fault = with(&[(&name.to_uppercase(), value)]).unwrap_err();
            assert_eq!(fault.error, ErrorType::InvalidRequest);
            assert_eq!(fault.why, format!("header `{name}` is not accepted"));
        }
    }
}

#[test]
fn b12_content_encoding() {
    for value in ["gzip", "deflate", "br", "identity", "identity, gzip", "aws-chunked", ""] {
        assert_eq!(with(&[("Content-Encoding", value)]).unwrap_err().error, ErrorType::UnsupportedMediaType);
    }
}

#[test]
fn b13_content_type() {
    let accepted = [
        "application/json",
        "Application/JSON",
        "application/json; charset=UTF-8",
        "application/json ;charset=utf-8",
    ];
    for value in accepted {
        assert_eq!(request(&[value], b"{}").expect_json(), Ok(()), "{value}");
        assert_eq!(request(&[value], b"").expect_json(), Ok(()), "{value}");
    }
    assert_eq!(request(&[], b"").expect_json(), Ok(()));
    let refused: [&[&str]; 10] = [
        &[],
        &[""],
        &["text/plain"],
        &["application/json;charset=utf-16"],
        &["application/json; charset=utf-8; charset=utf-16"],
        &["application/json;"],
        &["application/cbor"],
        &["application/x-amz-json-1.1"],
        &["application/json, text/plain"],
        &["application/json", "application/json"],
    ];
    for values in refused {
        let fault = request(values, b"{}").expect_json().unwrap_err();
        assert_eq!(fault.error, ErrorType::UnsupportedMediaType, "{values:?}");
    }
    assert!(request(&["text/plain"], b"").expect_json().is_err());
}

#[test]
fn c11_method_overrides_mean_nothing() {
    let head = with(&[
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-HTTP-Method", "DELETE"),
        ("X-Method-Override", "DELETE"),
        ("X-Original-URL", "/other"),
        ("X-Rewrite-URL", "/other"),
    ])
    .unwrap();
    assert_eq!((head.method, head.target.raw()), (Method::Post, "/users/i/u/identity-info"));
}

#[test]
fn a14_forwarding_fields_mean_nothing() {
    let head = with(&[
        ("Forwarded", "for=192.0.2.1;host=example.com"),
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-For", "192.0.2.2"),
        ("X-Forwarded-Host", "example.com"),
        ("X-Amzn-Trace-Id", "Root=1"),
    ])
    .unwrap();
    assert_eq!(head.headers.occurs("host"), Occurs::One("127.0.0.1:43027"));
    assert_eq!(head.origin.source, Ipv4Addr::LOCALHOST);
}

#[test]
fn c12_c13_other_protocols() {
    assert!(head("POST", "/", &[("X-Amz-Target", "AmazonConnectService.UpdateUserIdentityInfo")]).is_err());
    assert!(head("POST", "/service/S/operation/O", &[("smithy-protocol", "rpc-v2-cbor")]).is_err());
}

#[test]
fn c16_expectations() {
    assert!(with(&[("Expect", "100-continue")]).is_ok());
    assert!(with(&[("Expect", "100-Continue")]).is_ok());
    for value in ["", "100-continue, x", "200-ok", "100"] {
        assert_eq!(with(&[("Expect", value)]).unwrap_err().error, ErrorType::InvalidRequest, "{value}");
    }
}

#[test]
fn c25_names_in_connection_are_kept() {
    let head = with(&[("Connection", "authorization, x-amz-date")]).unwrap();
    assert!(matches!(head.headers.occurs("authorization"), Occurs::One(_)));
    assert!(matches!(head.headers.occurs("x-amz-date"), Occurs::One(_)));
}

#[test]
fn s4_query_authentication() {
    for target in [
        "/a?X-Amz-Signature=1",
        "/a?x-amz-credential=1",
        "/a?x=1&X-AMZ-ALGORITHM=AWS4-HMAC-SHA256",
        "/a?X-Amz-Security-Token",
        "/a?x-amz-=1",
    ] {
        let fault = head("GET", target, &[]).unwrap_err();
        assert_eq!(fault.error, ErrorType::InvalidSignature, "{target}");
        assert!(fault.why.contains("query authentication"));
    }
    assert!(head("GET", "/a?xamz=1&amz-x=2", &[]).is_ok());
}

#[test]
fn v5_the_target_is_in_origin_form() {
    for target in ["http://example.com/a", "example.com:443", "*", "//example.com/a", "/a#b", "/a/../b"] {
        assert_eq!(head("GET", target, &[]).unwrap_err().error, ErrorType::InvalidRequest, "{target}");
    }
}

#[test]
fn messages_quote_harmlessly() {
    let fault = head("G\u{1b}[31m`\r\n", "/a", &[]).unwrap_err();
    assert_eq!(fault.to_string(), r"method `G\u{1b}[31m\u{60}\r\n` is not a method");
    let long = head(&"a".repeat(1000), "/a", &[]).unwrap_err();
    assert_eq!(long.why, format!("method `{}...` is not a method", "a".repeat(64)));
}

proptest! {
    #[test]
    fn any_head_is_answered(
        method in "\\PC{0,8}|GET",
        target in "\\PC{0,16}|/[a-z/%.?=&]{0,16}",
        fields in prop::collection::vec(("\\PC{0,8}|host|x-amz-date", prop::collection::vec(any::<u8>(), 0..16)), 0..6),
    ) {
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        let _ = Head::read(&method, &target, fields, origin());
    }
}
