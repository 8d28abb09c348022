//! What cannot be signed, and what a verification refuses whatever the signature says.

use jiff::Timestamp;

use crate::{clock::Now, secret::Secret};

use super::super::{Claimed, Credentials, Mismatch, Signable, SigningFault, sign, verify};

const HOST: (&str, &str) = ("host", "connect.us-east-1.amazonaws.com");
const DATE: &str = "20261121T161102Z";

fn credentials() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret: Secret::new(b"SECRETEXAMPLE".to_vec()),
        session_token: None,
    }
}

fn signed(
    request: Signable<'_>,
    credentials: &Credentials,
) -> Result<Vec<(&'static str, String)>, SigningFault> {
    let now = Now::from("2026-11-21T16:11:02.999Z".parse::<Timestamp>().unwrap());
    sign(request, credentials, "us-east-1", "connect", now)
}

fn fault(method: &str, target: &str, headers: &[(&str, &str)]) -> SigningFault {
    signed(Signable { method, target, headers, body: b"" }, &credentials())
        .err()
        .unwrap_or_else(|| panic!("{method} {target} {headers:?} is signed"))
}

#[test]
fn sign_adds_date_and_authorization_and_a_token_only_when_there_is_one() {
    let request = Signable { method: "GET", target: "/users", headers: &[HOST], body: b"" };
    let added = signed(request, &credentials()).unwrap();
    let names: Vec<_> = added.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["x-amz-date", "authorization"]);
    assert_eq!(added[0].1, DATE, "whole seconds");
    let claimed = Claimed::read(&added[1].1).ok().unwrap();
    assert_eq!(claimed.signed_headers, ["host", "x-amz-date"]);

    let token = Some(Secret::new(b"TOKENEXAMPLE".to_vec()));
    let added = signed(request, &Credentials { session_token: token, ..credentials() }).unwrap();
    assert!(added.contains(&("x-amz-security-token", "TOKENEXAMPLE".to_owned())));
    let authorization = &added.iter().find(|(name, _)| *name == "authorization").unwrap().1;
    let claimed = Claimed::read(authorization).ok().unwrap();
    assert_eq!(claimed.signed_headers, ["host", "x-amz-date", "x-amz-security-token"]);
}

#[test]
fn s7_sign_leaves_no_given_header_out() {
    let headers = [
        ("connection", "close"),
        HOST,
        ("transfer-encoding", "x"),
        ("user-agent", "x"),
        ("x-amzn-trace-id", "x"),
    ];
    let request = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    let added = signed(request, &credentials()).unwrap();
    let claimed = Claimed::read(&added[1].1).ok().unwrap();
    let expected = ["connection", "host", "transfer-encoding", "user-agent", "x-amz-date", "x-amzn-trace-id"];
    assert_eq!(claimed.signed_headers, expected);
}

#[test]
fn s13_sign_refuses_what_it_adds_itself() {
    for name in ["x-amz-date", "X-Amz-Date", "x-amz-security-token", "authorization", "Authorization"] {
        let fault = fault("GET", "/", &[HOST, (name, "x")]);
        assert!(matches!(fault, SigningFault::Added(added) if added.eq_ignore_ascii_case(name)), "{fault}");
    }
}

#[test]
fn sign_refuses_what_has_two_readings() {
    for method in ["", "get", "GET /", "GET\n", "G3T"] {
        assert!(matches!(fault(method, "/", &[HOST]), SigningFault::Method), "{method:?}");
    }
    for target in
        ["", "*", "users", "?x=1", "http://example.com/", "example.com:443", "/a#b", "/a?b#c", "/a?b=c+d"]
    {
        assert!(matches!(fault("GET", target, &[HOST]), SigningFault::Target), "{target:?}");
    }
    for target in ["/a b", "/a\tb", "/a\nb", "/a\0b", "/a?b c"] {
        assert!(matches!(fault("GET", target, &[HOST]), SigningFault::Form(_)), "{target:?}");
    }
    assert!(matches!(fault("GET", "/", &[]), SigningFault::NoHost));
    for again in ["host", "Host"] {
        assert!(matches!(fault("GET", "/", &[HOST, (again, "x")]), SigningFault::Doubled(_)), "{again}");
    }
    for (name, value) in
        [("x y", "z"), ("", "z"), ("x:y", "z"), ("x", "a\nb"), ("x", "a\r\nb: c"), ("x", "a\0")]
    {
        assert!(
            matches!(fault("GET", "/", &[HOST, (name, value)]), SigningFault::Form(_)),
            "{name:?}: {value:?}"
        );
    }
}

#[test]
fn secrets_that_are_not_text_are_refused() {
    let request = Signable { method: "GET", target: "/", headers: &[HOST], body: b"" };
    let bytes = || Secret::new(vec![0xff, 0xfe]);
    let secret = Credentials { secret: bytes(), ..credentials() };
    assert!(matches!(signed(request, &secret), Err(SigningFault::Secret)));
    let token = Credentials { session_token: Some(bytes()), ..credentials() };
    assert!(matches!(signed(request, &token), Err(SigningFault::Secret)));

    let (claimed, _) = claim();
    let headers = [HOST, ("x-amz-date", DATE)];
    let received = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    assert_eq!(verify(&claimed, received, DATE, &bytes()), Err(Mismatch));
}

#[test]
fn i8_faults_show_no_value() {
    for fault in [
        fault("s3cr3t", "/", &[HOST]),
        fault("GET", "s3cr3t", &[HOST]),
        fault("GET", "/", &[HOST, ("x", "s3cr3t\n")]),
        fault("GET", "/", &[HOST, ("x", "s3cr3t"), ("x", "s3cr3t")]),
        fault("GET", "/s3cr3t\n", &[HOST]),
    ] {
        let source = std::error::Error::source(&fault).map(ToString::to_string);
        assert!(!format!("{fault} {fault:?} {source:?}").contains("s3cr3t"), "{fault:?}");
        assert!(fault.to_string().starts_with("the request cannot be signed: "));
    }
}

/// A claim over `host` and `x-amz-date`, and the secret it is good under.
fn claim() -> (Claimed<'static>, Secret) {
    let request = Signable { method: "GET", target: "/users", headers: &[HOST], body: b"" };
    let added = signed(request, &credentials()).unwrap();
    (Claimed::read(added[1].1.clone().leak()).ok().unwrap(), credentials().secret)
}

#[test]
fn v4_the_date_is_the_signed_header_in_its_strict_form() {
    let (claimed, secret) = claim();
    let check = |headers: &[(&str, &str)], date: &str| {
        verify(&claimed, Signable { method: "GET", target: "/users", headers, body: b"" }, date, &secret)
    };
    let date = |value| ("x-amz-date", value);
    assert_eq!(check(&[HOST, date(DATE)], DATE), Ok(()));
    assert_eq!(check(&[HOST, date(DATE)], "20261121T161103Z"), Err(Mismatch), "not the header's value");
    assert_eq!(check(&[HOST, date("20261121T161103Z")], DATE), Err(Mismatch), "not the signed value");
    assert_eq!(check(&[HOST, date("20261121T161103Z")], "20261121T161103Z"), Err(Mismatch), "another second");
    assert_eq!(check(&[HOST], DATE), Err(Mismatch), "no header");
    assert_eq!(check(&[HOST, ("date", DATE)], DATE), Err(Mismatch), "`date` is not `x-amz-date`");
    assert_eq!(check(&[HOST, date(DATE), date(DATE)], DATE), Err(Mismatch), "twice");
    for other in
        ["2026-11-21T16:11:02Z", "20261121T161102", "20261121T161102Z ", "Sat, 21 Nov 2026 16:11:02 GMT"]
    {
        assert_eq!(check(&[HOST, date(other)], other), Err(Mismatch), "{other}");
    }
}

#[test]
fn s7_a_signed_user_agent_is_verified_as_received() {
    let headers = [HOST, ("user-agent", "aws-sdk-java/1.12"), ("x-amzn-trace-id", "Root=1")];
    let request = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    let added = signed(request, &credentials()).unwrap();
    let claimed = Claimed::read(&added[1].1).ok().unwrap();
    for (agent, expected) in [("aws-sdk-java/1.12", Ok(())), ("aws-sdk-java/1.13", Err(Mismatch))] {
        let received = [headers[2], ("x-amz-date", DATE), ("user-agent", agent), HOST, ("accept", "*/*")];
        let received = Signable { headers: &received, ..request };
        assert_eq!(verify(&claimed, received, DATE, &credentials().secret), expected, "{agent}");
    }
}

#[test]
fn s8_spaces_are_trimmed_and_their_runs_made_one() {
    let headers = [HOST, ("x-amz-user-agent", "a b c")];
    let request = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    let added = signed(request, &credentials()).unwrap();
    let claimed = Claimed::read(&added[1].1).ok().unwrap();
    for (value, expected) in [
        ("a b c", Ok(())),
        ("  a   b  c ", Ok(())),
        ("a\tb c", Err(Mismatch)),
        ("ab c", Err(Mismatch)),
        ("a b c\n", Err(Mismatch)),
        ("\u{a0}a b c", Err(Mismatch)),
    ] {
        let received = [HOST, ("x-amz-date", DATE), ("x-amz-user-agent", value)];
        let received = Signable { headers: &received, ..request };
        assert_eq!(verify(&claimed, received, DATE, &credentials().secret), expected, "{value:?}");
    }
}

#[test]
fn v4_a_request_signed_without_x_amz_date_is_refused() {
    let (mut claimed, secret) = claim();
    claimed.signed_headers = vec!["date", "host"];
    let headers = [HOST, ("date", DATE), ("x-amz-date", DATE)];
    let received = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    assert_eq!(verify(&claimed, received, DATE, &secret), Err(Mismatch));
}

#[test]
fn s2_a_request_signed_without_host_is_refused() {
    let (mut claimed, secret) = claim();
    claimed.signed_headers = vec!["x-amz-date"];
    let headers = [HOST, ("x-amz-date", DATE)];
    let received = Signable { method: "GET", target: "/users", headers: &headers, body: b"" };
    assert_eq!(verify(&claimed, received, DATE, &secret), Err(Mismatch));
}
