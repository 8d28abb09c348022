//! Proofs by STS, against a server that verifies signatures as STS does and answers what a test wants.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    client::tests::Site,
    session::proof::{NONCE, StsProof},
    sigv4::{self, Claimed},
};

const KEY: &str = "ASIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const ARN: &str = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim";

/// A server that is STS in `us-east-1`.
struct Fake {
    options: StsOptions,
    asked: Arc<AtomicUsize>,
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: KEY.into(),
        secret: Secret::new(SECRET.as_bytes().to_vec()),
        session_token: Some(Secret::new(b"FwoGZXIvYXdzEJr//+token==".to_vec())),
    }
}

fn body(arn: &str) -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n\
         <GetCallerIdentityResult>\n<Arn>{arn}</Arn>\n<UserId>AROACKCEVSQ6C2EXAMPLE:kim</UserId>\n\
         <Account>{ACCOUNT}</Account>\n</GetCallerIdentityResult>\n<ResponseMetadata>\n\
         <RequestId>01234567-89ab-cdef-0123-456789abcdef</RequestId>\n</ResponseMetadata>\n\
         </GetCallerIdentityResponse>\n"
    )
}

fn http(status: &str, kind: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Whether the request is a `GetCallerIdentity` for STS that the holder of the secret signed, as STS looks at it.
fn is_signed(request: &str) -> bool {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST / HTTP/1.1"));
    assert_eq!(body, "Action=GetCallerIdentity&Version=2011-06-15");
    let fields: Vec<(&str, &str)> = lines.map(|line| line.split_once(": ").unwrap()).collect();
    let value = |name: &str| fields.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(value("host"), "sts.us-east-1.amazonaws.com");
    let claimed = Claimed::read(value("authorization")).unwrap();
    assert_eq!((claimed.region, claimed.service), ("us-east-1", "sts"));
    for needed in ["host", NONCE, "x-connect-guard-audience", "x-amz-security-token"] {
        assert!(claimed.signed_headers.contains(&needed), "{needed}");
    }
    let signable = Signable { method: "POST", target: "/", headers: &fields, body: body.as_bytes() };
    let secret = Secret::new(SECRET.as_bytes().to_vec());
    claimed.access_key_id == KEY && sigv4::verify(&claimed, signable, value("x-amz-date"), &secret).is_ok()
}

/// A server that answers so whoever signed, and 403 whoever did not.
async fn fake(name: &str, answer: String) -> Fake {
    let site = Site::named(name).await;
    let endpoint = site.endpoint();
    let (address, ca_file) = (endpoint.address.unwrap(), endpoint.ca_file.clone().unwrap());
    // The server keeps the directory of the CA for as long as it runs.
    let options = StsOptions {
        accounts: BTreeSet::from([ACCOUNT.into()]),
        regions: BTreeSet::from(["us-east-1".into(), "eu-west-1".into()]),
        address: Some((address.ip().to_string(), address.port())),
        ca_file: Some(ca_file),
        timeout: Duration::from_secs(5),
    };
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    drop(site.run(async move |site| {
        loop {
            let mut peer = site.accept().await;
            let request = peer.request().await;
            counted.fetch_add(1, Ordering::SeqCst);
            let refused = http("403 Forbidden", "text/xml", "<ErrorResponse/>");
            let answer = if is_signed(&request) { answer.clone() } else { refused };
            peer.say(answer.as_bytes()).await;
            peer.closed().await;
        }
    }));
    Fake { options, asked }
}

const NAME: &str = "sts.us-east-1.amazonaws.com";

async fn good() -> Fake {
    fake(NAME, http("200 OK", "text/xml", &body(ARN))).await
}

async fn bench(fake: &Fake) -> Bench {
    Bench::open(SessionOptions { sts: Some(fake.options.clone()), ..options() }).await
}

impl Bench {
    async fn nonce(&self) -> String {
        let answer = self.granted(post("/v1/nonce", "application/json", b"")).await;
        assert_eq!(text(&answer, "audience"), AUDIENCE);
        text(&answer, "nonce")
    }

    fn proof(&self, nonce: &str) -> Vec<u8> {
        StsProof::sign(&credentials(), "us-east-1", AUDIENCE, nonce, self.now()).unwrap().body()
    }

    /// What a good proof is answered with.
    async fn prove(&self) -> (u16, String, String) {
        let nonce = self.nonce().await;
        self.post("/v1/session/sts", &self.proof(&nonce)).await
    }
}

#[tokio::test]
async fn s10_a_proof_by_sts_gives_a_session_of_whom_sts_names() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    let credentials = bench.granted(post("/v1/session/sts", "application/json", &bench.proof(&nonce))).await;
    assert_eq!(text(&credentials, "Principal"), ARN);
    assert_eq!(text(&credentials, "Expiration"), "2027-03-12T10:15:00Z");
    let session = bench.gateway(&credentials).unwrap();
    assert_eq!(session.principal.arn.to_string(), ARN);
    assert_eq!(session.principal.unique_id.as_deref(), Some("AROACKCEVSQ6C2EXAMPLE"));
    assert_eq!(session.voucher, Voucher::Sts);
    assert_eq!((session.label.as_deref(), session.claims.len()), (None, 0));
    bench.pass(15 * 60 + 1);
    assert!(matches!(bench.gateway(&credentials), Err(Unverified::Expired { .. })));
    assert_eq!((bench.count("nonce", "done"), bench.count("sts", "done")), (1, 1));
}

#[tokio::test]
async fn s15_a_nonce_is_good_for_one_session() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    assert_eq!(bench.post("/v1/session/sts", &bench.proof(&nonce)).await.0, 200);
    let again = bench.post("/v1/session/sts", &bench.proof(&nonce)).await;
    assert_eq!((again.0, again.1.as_str()), (403, "InvalidSignatureException"));
    assert_eq!(bench.count("sts", "nonce-spent"), 1);
    // At the same time, too.
    let nonce = bench.nonce().await;
    let proof = bench.proof(&nonce);
    let (one, other) =
        tokio::join!(bench.post("/v1/session/sts", &proof), bench.post("/v1/session/sts", &proof));
    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

#[tokio::test]
async fn s15_an_old_or_foreign_nonce_is_refused_before_sts_is_asked() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    bench.pass(60);
    let over = bench.post("/v1/session/sts", &bench.proof(&nonce)).await;
    assert_eq!((over.0, over.1.as_str()), (403, "ExpiredTokenException"));
    let forged = bench.post("/v1/session/sts", &bench.proof("AQJrMXh4eHh4eHg")).await;
    assert_eq!((forged.0, forged.1.as_str()), (403, "InvalidSignatureException"));
    // A nonce of this guard's from when it had another audience.
    let nonce = bench.nonce().await;
    let other = SessionOptions { audience: "other".into(), sts: Some(fake.options.clone()), ..options() };
    bench.exchange.replace(other, session_keys()).unwrap();
    assert_eq!(bench.post("/v1/session/sts", &bench.proof(&nonce)).await.0, 403);
    assert_eq!(fake.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn v1_a_proof_for_another_audience_is_none_here() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    let proof = StsProof::sign(&credentials(), "us-east-1", "evil.example.com", &nonce, bench.now()).unwrap();
    let refused = bench.post("/v1/session/sts", &proof.body()).await;
    assert_eq!((refused.0, refused.1.as_str()), (403, "InvalidSignatureException"));
    assert_eq!((fake.asked.load(Ordering::SeqCst), bench.count("sts", "sts-refused")), (1, 1));
}

#[tokio::test]
async fn v1_answers_that_are_not_exactly_sts_s_prove_nobody() {
    let xml = body(ARN);
    let json = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Arn":"arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim","UserId":"AROACKCEVSQ6C2EXAMPLE:kim","Account":"111122223333"}}}"#;
    let (before, _) = xml.split_once("<ResponseMetadata>").unwrap();
    let (_, inner) = before.split_once("<GetCallerIdentityResult>").unwrap();
    let result = &format!("<GetCallerIdentityResult>{inner}");
    let twice = xml.replace(result, &format!("{result}{result}"));
    for (answer, code) in [
        (http("200 OK", "application/json", json), "sts-answer"),
        (http("200 OK", "text/xml", json), "sts-answer"),
        (http("200 OK", "text/html", &xml), "sts-answer"),
        (http("200 OK", "text/xml", &format!("<Outer>{xml}</Outer>")), "sts-answer"),
        (http("200 OK", "text/xml", &twice), "sts-answer"),
        (http("200 OK", "text/xml", &format!("{xml}<!-- x -->")), "sts-answer"),
        (http("200 OK", "text/xml", &format!("{xml}{}", " ".repeat(70_000))), "sts-unavailable"),
        (http("302 Found\r\nLocation: https://example.com/", "text/xml", &xml), "sts-status"),
        (http("500 Internal Server Error", "text/xml", &xml), "sts-status"),
        (http("400 Bad Request", "text/xml", &xml), "sts-rejected"),
        (http("200 OK", "text/xml", &body("arn:aws:iam::111122223333:root")), "sts-principal"),
        (http("200 OK", "text/xml", &body("arn:aws:sts::111122223333:federated-user/kim")), "sts-principal"),
        (http("200 OK", "text/xml", &body(&ARN.replace(ACCOUNT, "444455556666"))), "sts-account"),
    ] {
        let fake = fake(NAME, answer.clone()).await;
        let bench = bench(&fake).await;
        let (status, _, body) = bench.prove().await;
        assert!((400..600).contains(&status), "{answer}: {body}");
        assert_eq!(bench.count("sts", code), 1, "{answer}: {:?}", bench.exchange.stats());
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
        // The caller hears nothing of the answer.
        assert!(!body.contains("444455556666") && !body.contains("arn:"), "{body}");
    }
}

#[tokio::test]
async fn v1_the_name_that_is_verified_is_sts_s_wherever_the_connection_leads() {
    let fake = fake("sts.example.com", http("200 OK", "text/xml", &body(ARN))).await;
    let bench = bench(&fake).await;
    let (status, error, _) = bench.prove().await;
    assert_eq!((status, error.as_str()), (503, "ServiceUnavailableException"));
    assert_eq!((bench.count("sts", "sts-unavailable"), fake.asked.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn v1_regions_that_are_not_configured_are_not_asked() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    let proof = StsProof::sign(&credentials(), "sa-east-1", AUDIENCE, &nonce, bench.now()).unwrap();
    assert_eq!(bench.post("/v1/session/sts", &proof.body()).await.0, 400);
    assert_eq!((bench.count("sts", "sts-region"), fake.asked.load(Ordering::SeqCst)), (1, 0));
}

#[tokio::test]
async fn a_proof_that_was_signed_at_another_time_is_refused() {
    let fake = good().await;
    let bench = bench(&fake).await;
    for seconds in [-301, 301] {
        let nonce = bench.nonce().await;
        let then = bench.now().plus(SignedDuration::from_secs(seconds));
        let proof = StsProof::sign(&credentials(), "us-east-1", AUDIENCE, &nonce, then).unwrap();
        let refused = bench.post("/v1/session/sts", &proof.body()).await;
        assert_eq!((refused.0, refused.1.as_str()), (403, "RequestTimeTooSkewed"));
    }
    assert_eq!(fake.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn g9_a_source_that_fails_too_often_is_answered_before_sts_is_asked() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    let mut proof = StsProof::sign(&credentials(), "us-east-1", AUDIENCE, &nonce, bench.now()).unwrap();
    proof.signature = "0".repeat(64);
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(bench.post("/v1/session/sts", &proof.body()).await.0);
    }
    let asked = fake.asked.load(Ordering::SeqCst);
    assert!(statuses.starts_with(&[403; 10]) && statuses.ends_with(&[429; 5]), "{statuses:?}");
    assert!(asked < 35, "{asked}");
    assert_eq!(bench.post("/v1/nonce", b"").await.0, 429);
}

#[tokio::test]
async fn proofs_are_not_taken_where_none_are_configured() {
    let bench = Bench::open(options()).await;
    let nonce = bench.nonce().await;
    let refused = bench.post("/v1/session/sts", &bench.proof(&nonce)).await;
    assert_eq!((refused.0, refused.1.as_str()), (403, "AccessDeniedException"));
}

#[tokio::test]
async fn bodies_are_strict() {
    let fake = good().await;
    let bench = bench(&fake).await;
    let nonce = bench.nonce().await;
    let good = String::from_utf8(bench.proof(&nonce)).unwrap();
    for bad in [
        good.replacen('{', r#"{"url":"https://example.com/","#, 1),
        good.replacen('{', r#"{"nonce":"x","#, 1),
        good.replacen('{', r#"{"signature":null,"#, 1),
        format!("{good}{good}"),
        "[]".into(),
        String::new(),
    ] {
        assert_eq!(bench.post("/v1/session/sts", bad.as_bytes()).await.0, 400, "{bad}");
    }
    let form = post("/v1/session/sts", "text/plain", good.as_bytes());
    assert_eq!(bench.answer(form).await.0, 415);
    assert_eq!(bench.post("/v1/nonce", br#"{"audience":"x"}"#).await.0, 400);
    assert_eq!(fake.asked.load(Ordering::SeqCst), 0);
}

#[test]
fn sts_options_make_sense() {
    let options = |accounts: &[&str], regions: &[&str]| StsOptions {
        accounts: accounts.iter().map(|text| (*text).into()).collect(),
        regions: regions.iter().map(|text| (*text).into()).collect(),
        address: None,
        ca_file: Some(PathBuf::from("/none")),
        timeout: Duration::from_secs(5),
    };
    let fault = |accounts: &[&str], regions: &[&str]| {
        crate::session::sts::Sts::new(&options(accounts, regions)).err().unwrap().to_string()
    };
    assert!(fault(&[], &["us-east-1"]).contains("accounts"));
    assert!(fault(&["*"], &["us-east-1"]).contains("accounts"));
    assert!(fault(&[ACCOUNT], &[]).contains("no region"));
    assert!(fault(&[ACCOUNT], &["us-east-1.example.com"]).contains("no host"));
    assert!(fault(&[ACCOUNT], &["us-east-1"]).contains("no client"));
}
