//! Every refusal, by the line of the requirements that asks for it.

use std::collections::BTreeSet;

use crate::{secret::Digest, sigv4::AuthorizationFault, wire::ErrorType};

use super::*;

fn unsigned(name: &str) -> Unverified {
    Unverified::SignedHeaders(name.to_owned())
}

#[test]
fn a1_no_authorization_or_a_misshapen_one() {
    let draft = Draft::update().signed();
    assert_eq!(draft.clone().without("authorization").refused(), Unverified::Missing);
    for value in ["", "x", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x", "Basic bWFyeTpwYXNz"] {
        let refused = draft.clone().edited("authorization", |_| value.to_owned()).refused();
        assert!(matches!(refused, Unverified::Authorization(_)), "{value}");
    }
}

#[test]
fn v7_two_authorizations_are_not_none_and_not_the_first() {
    let draft = Draft::update().signed();
    let value = draft.value("authorization").to_owned();
    for (first, second) in [(value.as_str(), value.as_str()), (&value, "x"), ("x", &value)] {
        let twice =
            draft.clone().without("authorization").with("authorization", first).with("Authorization", second);
        assert!(matches!(twice.refused(), Unverified::Authorization(AuthorizationFault::Form(_))));
    }
}

#[test]
fn v7_every_doubled_header_of_the_signature_is_refused() {
    let hash = Digest::of(&Draft::update().body).hex();
    let draft = Draft::update().with("x-amz-content-sha256", &hash).with("x-amz-user-agent", "a").signed();
    assert!(draft.verify().is_ok());
    for name in ["host", "content-type", "x-amz-date", "x-amz-content-sha256", "x-amz-user-agent"] {
        for value in [draft.value(name).to_owned(), "other".to_owned(), String::new()] {
            let refused = draft.clone().with(name, &value).refused();
            let expected = if name == "x-amz-date" { Unverified::Date } else { unsigned(name) };
            assert_eq!(refused, expected, "{name}: {value}");
        }
    }
}

#[test]
fn v3_a_signature_in_the_query_is_never_looked_at() {
    for target in [
        "/users/a?X-Amz-Credential=GKAAAAAAAAAAAAAAAAA2",
        "/users/a?x-amz-signature=00",
        "/users/a?X-AMZ-Algorithm=AWS4-HMAC-SHA256",
        "/users/a?x-amz-date",
        "/users/a?a=b&X-Amz-Security-Token=x",
    ] {
        let mut draft = Draft::update();
        target.clone_into(&mut draft.target);
        assert_eq!(draft.refused(), Unverified::Query, "{target}");
        assert_eq!(draft.signed().refused(), Unverified::Query, "{target}, and the header too");
    }
}

#[test]
fn a9_s5_another_algorithm_is_one_error_whatever_it_is() {
    let draft = Draft::update().signed();
    for algorithm in
        ["AWS4-ECDSA-P256-SHA256", "aws4-hmac-sha256", "AWS", "Bearer", "AWS4-HMAC-SHA512", "Basic"]
    {
        let refused = draft.clone().claiming("AWS4-HMAC-SHA256", algorithm).refused();
        assert_eq!(refused, Unverified::Authorization(AuthorizationFault::Algorithm), "{algorithm}");
    }
}

#[test]
fn s9_spacing_and_order_are_free_and_doubled_parts_are_not() {
    let draft = Draft::update().signed();
    let value = draft.value("authorization").to_owned();
    let parts: Vec<&str> = value.strip_prefix("AWS4-HMAC-SHA256 ").unwrap().split(", ").collect();
    let [credential, headers, signature] = parts.as_slice() else { panic!("{value}") };
    for good in [
        format!("AWS4-HMAC-SHA256 {credential},{headers},{signature}"),
        format!("AWS4-HMAC-SHA256 {signature}, {credential}, {headers}"),
    ] {
        assert!(draft.clone().edited("authorization", |_| good.clone()).verify().is_ok(), "{good}");
    }
    for bad in [
        format!("AWS4-HMAC-SHA256 {credential}, {headers}"),
        format!("AWS4-HMAC-SHA256 {credential}, {credential}, {headers}, {signature}"),
        format!("AWS4-HMAC-SHA256 {credential}, {headers}, {signature}, {signature}"),
        format!("AWS4-HMAC-SHA256 {credential}, {headers}, {signature}, Extra=1"),
        format!("AWS4-HMAC-SHA256 {credential}, {headers}, {signature},"),
    ] {
        let refused = draft.clone().edited("authorization", |_| bad.clone()).refused();
        assert!(matches!(refused, Unverified::Authorization(AuthorizationFault::Form(_))), "{bad}");
    }
}

#[test]
fn s2_a2_what_must_be_signed_is() {
    let signed = Draft::update().signed();
    for name in ["x-amz-target", "x-amz-user-agent", "x-amz-content-sha256", "x-amz-acl", "x-amz-"] {
        assert_eq!(signed.clone().with(name, "x").refused(), unsigned(name), "{name}");
    }
    let draft = Draft::update().without("content-type").signed();
    assert!(draft.verify().is_ok(), "no content type at all");
    assert_eq!(draft.with("content-type", "application/json").refused(), unsigned("content-type"));
}

#[test]
fn s2_host_and_date_are_in_the_list() {
    let draft = Draft::update().signed();
    for (from, name) in [("host;", "host"), (";x-amz-date", "x-amz-date"), ("content-type;", "content-type")]
    {
        assert_eq!(draft.clone().claiming(from, "").refused(), unsigned(name));
    }
    assert_eq!(draft.without("host").refused(), unsigned("host"));
}

#[test]
fn s6_a_signed_header_that_is_absent_is_refused() {
    let draft = Draft::update().signed();
    assert_eq!(draft.clone().claiming("content-type;", "accept;content-type;").refused(), unsigned("accept"));
    assert_eq!(draft.clone().without("content-type").refused(), unsigned("content-type"));
    let long = "a".repeat(200);
    let refused = draft.claiming("content-type;", &format!("{long};content-type;")).refused();
    assert_eq!(refused, unsigned(&"a".repeat(64)), "no more than this is said of a name");
}

#[test]
fn s6_authorization_cannot_sign_itself() {
    let refused = Draft::update().signed().claiming("content-type;", "authorization;content-type;").refused();
    assert_eq!(refused, Unverified::Signature);
}

#[test]
fn a3_s3_the_hash_that_is_sent_is_that_of_the_body() {
    let with = |value: &str| Draft::update().with("x-amz-content-sha256", value).signed();
    let hash = Digest::of(&Draft::update().body).hex();
    assert!(with(&hash).verify().is_ok());
    for value in [
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD",
        "",
        "required",
        &hash.to_uppercase(),
        &Digest::of(b"").hex(),
        &Digest::of(b"another body").hex(),
        &format!("{hash}0"),
        hash.split_at(63).0,
    ] {
        assert_eq!(with(value).refused(), Unverified::ContentHash, "{value}");
    }
}

#[test]
fn s3_special_words_are_refused_on_the_head_alone() {
    let draft = Draft::update().with("x-amz-content-sha256", "UNSIGNED-PAYLOAD").signed();
    assert_eq!(ring().precheck(&draft.request().head, now()), Err(Unverified::ContentHash));
    let hash = Digest::of(&Draft::update().body).hex();
    for no_hash in [hash.split_at(63).0, &format!("{hash}0"), &hash.to_uppercase()] {
        let draft = Draft::update().with("x-amz-content-sha256", no_hash).signed();
        assert_eq!(ring().precheck(&draft.request().head, now()), Err(Unverified::ContentHash), "{no_hash}");
    }
    let other = Draft::update().with("x-amz-content-sha256", &Digest::of(b"other").hex()).signed();
    assert_eq!(ring().precheck(&other.request().head, now()), Ok(()), "the body is not there yet");
}

#[test]
fn a11_a_session_token_with_a_guard_key_is_refused() {
    for (key_id, secret) in [(KEY, SECRET), (UNKNOWN_KEY, SECRET)] {
        for token in ["TOKENEXAMPLE", ""] {
            let draft = Draft::update().signed_by(key_id, secret).with("x-amz-security-token", token);
            let draft = draft.claiming("x-amz-date", "x-amz-date;x-amz-security-token");
            assert_eq!(draft.refused(), Unverified::Token, "known or not, it is one answer");
        }
    }
    let unsigned_token = Draft::update().signed().with("x-amz-security-token", "TOKENEXAMPLE");
    assert_eq!(unsigned_token.refused(), unsigned("x-amz-security-token"));
}

#[test]
fn keys_issued_by_aws_are_named_as_such() {
    for key_id in
        ["AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", "ABIAIOSFODNN7EXAMPLE", "ACCAIOSFODNN7EXAMPLE"]
    {
        let draft = Draft::update().signed_by(key_id, SECRET);
        assert_eq!(draft.refused(), Unverified::AwsKey);
        assert_eq!(draft.with("x-amz-security-token", "TOKENEXAMPLE").refused(), Unverified::AwsKey);
    }
    for key_id in ["AKIAIOSFODNN7EXAMPL", "AKIDEXAMPLE", "AIDAIOSFODNN7EXAMPLE", "akiaiosfodnn7example"] {
        assert_eq!(Draft::update().signed_by(key_id, SECRET).refused(), Unverified::Signature, "{key_id}");
    }
}

#[test]
fn a10_an_unknown_key_and_a_wrong_signature_are_one_answer() {
    let wrong = Draft::update().signed_by(KEY, OTHER_SECRET).refused();
    let unknown = Draft::update().signed_by(UNKNOWN_KEY, SECRET).refused();
    let no_guard_key = Draft::update().signed_by("x", SECRET).refused();
    assert_eq!(wrong, Unverified::Signature);
    assert_eq!(unknown, wrong);
    assert_eq!(no_guard_key, wrong);
    assert_eq!(unknown.to_string(), wrong.to_string());
    assert_eq!(unknown.error(), wrong.error());
}

#[test]
fn a10_neither_expiry_nor_networks_are_told_without_the_secret() {
    let mut key = key(KEY, SECRET, "IdentityDesk");
    key.expires = Timestamp::UNIX_EPOCH;
    key.networks = vec!["198.51.100.0/24".parse().unwrap()];
    let ring = ring_of(vec![key], names(["us-east-1"]), names([])).unwrap();
    let wrong = Draft::update().signed_by(KEY, OTHER_SECRET);
    assert_eq!(wrong.verify_at(&ring, now()).err(), Some(Unverified::Signature));
    let right = Draft::update().signed();
    assert_eq!(right.verify_at(&ring, now()).err(), Some(Unverified::Expired { key_id: KEY.to_owned() }));
}

#[test]
fn a14_headers_that_claim_a_principal_change_nothing() {
    let draft = Draft::update().signed();
    let plain = draft.verify().ok().unwrap();
    let claiming = draft
        .with("x-amzn-principal", "arn:aws:iam::111122223333:role/Admin")
        .with("x-amzn-trace-id", "Root=1-x")
        .with("x-forwarded-for", "198.51.100.9")
        .with("x-forwarded-user", "admin")
        .with("forwarded", "for=198.51.100.9")
        .verify()
        .ok()
        .unwrap();
    assert_eq!(claiming.caller().principal, plain.caller().principal);
    assert_eq!(claiming.caller().origin.source, plain.caller().origin.source);
    assert_eq!(claiming.attempt(), plain.attempt());
}

fn every_refusal() -> Vec<Unverified> {
    let key_id = || KEY.to_owned();
    vec![
        Unverified::Missing,
        Unverified::Query,
        Unverified::Authorization(AuthorizationFault::Algorithm),
        Unverified::Date,
        unsigned("host"),
        Unverified::Scope("Region"),
        Unverified::Host,
        Unverified::ContentHash,
        Unverified::Stale,
        Unverified::Future,
        Unverified::AwsKey,
        Unverified::Token,
        Unverified::Signature,
        Unverified::Certificate,
        Unverified::CertificateExpired,
        Unverified::CertificateOfAnother,
        Unverified::Note("x-guard-a".to_owned()),
        Unverified::Expired { key_id: key_id() },
        Unverified::Network { key_id: key_id(), source: "198.51.100.9".parse().unwrap() },
    ]
}

#[test]
fn every_refusal_has_a_word_a_sentence_and_a_type_of_its_own() {
    let all = every_refusal();
    let words: BTreeSet<&str> = all.iter().map(Unverified::code).collect();
    let sentences: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!((words.len(), sentences.len()), (all.len(), all.len()));
    assert!(words.iter().all(|word| word.bytes().all(|byte| byte == b'-' || byte.is_ascii_lowercase())));
    assert!(sentences.iter().all(|sentence| !sentence.ends_with('.')));
    let of = |word: &str| all.iter().find(|refusal| refusal.code() == word).unwrap().error();
    assert_eq!(of("missing"), ErrorType::MissingAuthenticationToken);
    assert_eq!(of("signature"), ErrorType::InvalidSignature);
    assert_eq!(of("stale"), ErrorType::RequestTimeTooSkewed);
    assert_eq!(of("future"), ErrorType::RequestTimeTooSkewed);
    assert_eq!(of("aws-key"), ErrorType::UnrecognizedClient);
    assert_eq!(of("expired"), ErrorType::ExpiredToken);
    assert_eq!(of("certificate"), ErrorType::UnrecognizedClient);
    assert_eq!(of("certificate-of-another"), ErrorType::UnrecognizedClient);
    assert_eq!(of("certificate-expired"), ErrorType::ExpiredToken);
    assert_eq!(of("note"), ErrorType::InvalidRequest);
}

#[test]
fn s11_no_refusal_says_a_signature_a_hash_or_where_from() {
    let draft = Draft::update().with("x-amz-content-sha256", &Digest::of(b"other").hex()).signed();
    let expected = Digest::of(&draft.body).hex();
    let refused = draft.refused();
    assert!(!format!("{refused} {refused:?}").contains(&expected));
    let signature = Draft::update().signed().value("authorization").rsplit_once('=').unwrap().1.to_owned();
    let wrong = Draft::update().signed_by(KEY, OTHER_SECRET).refused();
    assert!(!format!("{wrong} {wrong:?}").contains(&signature));
    let network = every_refusal().pop().unwrap();
    assert!(!network.to_string().contains("198.51.100.9"));
}
