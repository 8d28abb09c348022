//! `AssumeRoleWithWebIdentity`.

use std::path::PathBuf;

use super::*;
use crate::session::{
    jwt::tests::{AUDIENCE as TOKEN_AUDIENCE, ISSUER, Pair},
    xml::NAMESPACE,
};

const KIND: &str = "application/x-www-form-urlencoded; charset=utf-8";
const ROLE: &str = "arn:aws:iam::111122223333:role/IdentitySync";

pub(super) fn issuer(path: PathBuf) -> IssuerOptions {
    IssuerOptions {
        issuer: ISSUER.into(),
        audiences: BTreeSet::from([TOKEN_AUDIENCE.into()]),
        algorithms: vec![Algorithm::Es256],
        jwks: Jwks::File(path),
        leeway: Duration::from_secs(30),
    }
}

pub(super) fn mapping() -> RoleMapping {
    RoleMapping {
        issuer: ISSUER.into(),
        claims: std::collections::BTreeMap::from([("sub".into(), "repo:desk".into())]),
        role: Arn::read(ROLE).unwrap(),
        carry: vec!["ref".into()],
    }
}

/// An exchange that believes an issuer, and the issuer's key.
struct Web {
    bench: Bench,
    pair: Pair,
    _keys: TempDir,
}

impl Web {
    async fn open() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let path = keys.path().join("jwks.json");
        let pair = Pair::ec();
        std::fs::write(&path, format!(r#"{{"keys":[{}]}}"#, pair.jwk("k1"))).unwrap();
        let options = SessionOptions { issuers: vec![issuer(path)], roles: vec![mapping()], ..options() };
        Self { bench: Bench::open(options).await, pair, _keys: keys }
    }

    fn claims(&self, seconds: i64) -> String {
        let now = self.bench.now().timestamp().as_second();
        format!(
            r#"{{"iss":"{ISSUER}","sub":"repo:desk","aud":["{TOKEN_AUDIENCE}"],"exp":{},"iat":{now},"ref":"main","email":"mary.major@example.com"}}"#,
            now + seconds
        )
    }

    async fn ask(&self, form: &str) -> (u16, String) {
        let (status, _, body) = self.bench.answer(post("/", KIND, form.as_bytes())).await;
        (status, body)
    }

    /// Status and code of a refusal.
    async fn refused(&self, form: &str) -> (u16, String) {
        let (status, body) = self.ask(form).await;
        (status, member(&body, "Code"))
    }
}

/// What an SDK sends.
fn form(token: &str) -> String {
    format!(
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn={}&RoleSessionName=kim&WebIdentityToken={token}",
        ROLE.replace(':', "%3A").replace('/', "%2F")
    )
}

/// The text of the only element of a name, as a strict reader of STS's namespace has it.
fn member(body: &str, name: &str) -> String {
    let document = roxmltree::Document::parse(body).unwrap();
    let mut found = document.descendants().filter(|node| node.has_tag_name((NAMESPACE, name)));
    let text = found.next().unwrap_or_else(|| panic!("no {name}: {body}")).text().unwrap().to_owned();
    assert!(found.next().is_none(), "{name} twice: {body}");
    text
}

#[tokio::test]
async fn s10_a_token_gives_a_session_of_the_role_that_its_claims_are() {
    let web = Web::open().await;
    let token = web.pair.token("k1", &web.claims(600));
    let (status, body) = web.ask(&form(&token)).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(member(&body, "SubjectFromWebIdentityToken"), "repo:desk");
    assert_eq!(member(&body, "Audience"), TOKEN_AUDIENCE);
    assert_eq!(member(&body, "Provider"), ISSUER);
    assert_eq!(member(&body, "Arn"), "arn:aws:sts::111122223333:assumed-role/IdentitySync/kim");
    assert!(member(&body, "AssumedRoleId").ends_with(":kim"));
    // The token ends before fifteen minutes are over.
    assert_eq!(member(&body, "Expiration"), "2027-03-12T10:10:00Z");
    let mut credentials = Object::new();
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken"] {
        credentials.set(name, member(&body, name).into());
    }
    let session = web.bench.gateway(&credentials).unwrap();
    assert_eq!(session.principal.arn.to_string(), ROLE);
    assert_eq!(session.voucher, Voucher::WebIdentity { issuer: ISSUER.into(), subject: "repo:desk".into() });
    assert_eq!(session.label.as_deref(), Some("kim"));
    let carried = std::collections::BTreeMap::from([("ref".to_owned(), "main".to_owned())]);
    assert_eq!(session.claims, carried);
    assert_eq!(web.bench.count("web-identity", "done"), 1);
}

#[tokio::test]
async fn s10_a_session_is_as_long_as_is_asked_and_never_longer_than_configured() {
    let web = Web::open().await;
    let token = web.pair.token("k1", &web.claims(7200));
    for (seconds, expected) in [("900", "10:15"), ("3600", "10:15"), ("43200", "10:15")] {
        let (_, body) = web.ask(&format!("{}&DurationSeconds={seconds}", form(&token))).await;
        assert_eq!(member(&body, "Expiration"), format!("2027-03-12T{expected}:00Z"));
    }
    for seconds in ["0", "899", "43201", "-900", "%2B900", "9e2", "", "900 "] {
        let form = format!("{}&DurationSeconds={}", form(&token), seconds.replace(' ', "+"));
        assert_eq!(web.refused(&form).await, (400, "ValidationError".into()), "{seconds}");
    }
}

#[tokio::test]
async fn refusals_have_the_codes_of_sts() {
    let web = Web::open().await;
    let good = web.pair.token("k1", &web.claims(600));
    let token = |from: &str, to: &str| form(&web.pair.token("k1", &web.claims(600).replace(from, to)));
    let invalid = (400, "InvalidIdentityToken".to_owned());
    assert_eq!(web.refused(&form("a.b.c")).await, invalid);
    assert_eq!(web.refused(&form(&web.pair.token("k2", &web.claims(600)))).await, invalid);
    assert_eq!(web.refused(&form(&Pair::ec().token("k1", &web.claims(600)))).await, invalid);
    assert_eq!(web.refused(&token(ISSUER, "https://evil.example.com")).await, invalid);
    assert_eq!(web.refused(&token(TOKEN_AUDIENCE, "sts.amazonaws.com")).await, invalid);
    assert_eq!(
        web.refused(&token(r#""ref":"main""#, &format!(r#""ref":"{}""#, "r".repeat(257)))).await,
        invalid
    );
    let expired = form(&web.pair.token("k1", &web.claims(0)));
    assert_eq!(web.refused(&expired).await, (400, "ExpiredTokenException".into()));
    let denied = (403, "AccessDenied".to_owned());
    assert_eq!(web.refused(&token("repo:desk", "repo:other")).await, denied);
    assert_eq!(web.refused(&form(&good).replace("IdentitySync", "Admin")).await, denied);
    assert_eq!(web.refused("Action=GetSessionToken&Version=2011-06-15").await, (400, "InvalidAction".into()));
    assert_eq!(web.refused("Version=2011-06-15").await, (400, "MissingAction".into()));
    assert_eq!(web.bench.count("web-identity", "role"), 2);
    assert_eq!(web.bench.count("web-identity", "token-audience"), 1);
}

#[tokio::test]
async fn v2_parameters_are_there_once_and_none_is_ignored() {
    let web = Web::open().await;
    let form = form(&web.pair.token("k1", &web.claims(600)));
    for (more, code) in [
        ("&action=GetCallerIdentity", "MalformedInput"),
        ("&rolearn=x", "MalformedInput"),
        ("&WebIdentityToken=x", "MalformedInput"),
        ("&Policy=%7B%7D", "ValidationError"),
        ("&PolicyArns.member.1.arn=x", "ValidationError"),
        ("&ProviderId=www.amazon.com", "ValidationError"),
    ] {
        assert_eq!(web.refused(&format!("{form}{more}")).await, (400, code.into()), "{more}");
    }
    for name in ["k", "a b", "a/b", "", &"n".repeat(65)] {
        let form = form.replace("=kim", &format!("={}", name.replace(' ', "+")));
        assert_eq!(web.refused(&form).await, (400, "ValidationError".into()), "{name}");
    }
    assert_eq!(web.ask(&form).await.0, 200);
}

#[tokio::test]
async fn g9_a_source_that_fails_too_often_is_told_in_xml() {
    let web = Web::open().await;
    let form = form("a.b.c");
    let mut last = (0, String::new());
    for _ in 0..30 {
        last = web.refused(&form).await;
    }
    assert_eq!(last, (400, "Throttling".into()));
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_worth_another_try() {
    let options = SessionOptions { issuers: vec![issuer("/none/jwks.json".into())], ..options() };
    let pair = Pair::ec();
    let web = Web { bench: Bench::open(options).await, pair, _keys: tempfile::tempdir().unwrap() };
    let form = form(&web.pair.token("k1", &web.claims(600)));
    assert_eq!(web.refused(&form).await, (400, "IDPCommunicationError".into()));
    assert_eq!(web.bench.exchange.stats().issuers[0].failures, 1);
}
