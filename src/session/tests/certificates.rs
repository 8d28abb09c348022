//! Sessions for client certificates.

use super::*;
use crate::{secret::Digest, wire::PeerCertificate};

const SPIFFE: &str = "spiffe://example.com/ns/desk/sa/sync";

fn certificate(spiffe: &str, not_after: &str) -> Peer {
    let certificate = PeerCertificate {
        spiffe: Some(spiffe.into()),
        subject: "CN=sync".into(),
        fingerprint: Digest::of(b"certificate"),
        not_after: at(not_after).as_millisecond(),
    };
    Peer { certificate: Some(Arc::new(certificate)), ..Peer::default() }
}

fn asked(peer: Peer) -> WireRequest {
    let mut request = request("/v1/session/certificate", &[("host", HOST)], b"");
    request.head.peer = peer;
    request
}

#[tokio::test]
async fn s10_a_certificate_gives_a_session_that_does_not_outlive_it() {
    let bench = Bench::open(options()).await;
    let credentials = bench.granted(asked(certificate(SPIFFE, "2027-03-12T10:05:00.5Z"))).await;
    assert_eq!(text(&credentials, "Expiration"), "2027-03-12T10:05:00Z");
    let session = bench.gateway(&credentials).unwrap();
    assert_eq!(session.principal, role("IdentitySync"));
    let voucher = Voucher::Certificate { name: SPIFFE.into(), fingerprint: Digest::of(b"certificate") };
    assert_eq!(session.voucher, voucher);
    assert_eq!(session.claims.get("team").map(String::as_str), Some("desk"));
    let long = bench.granted(asked(certificate(SPIFFE, "2028-01-01T00:00:00Z"))).await;
    assert_eq!(text(&long, "Expiration"), "2027-03-12T10:15:00Z");
}

#[tokio::test]
async fn s12_a_certificate_that_stands_for_nobody_gives_none() {
    let bench = Bench::open(options()).await;
    let over = bench.answer(asked(certificate(SPIFFE, "2027-03-12T10:00:00Z"))).await;
    assert_eq!((over.0, over.1.as_str()), (403, "ExpiredTokenException"));
    let other =
        bench.answer(asked(certificate("spiffe://example.com/ns/desk/sa/sync2", "2028-01-01T00:00:00Z")));
    let other = other.await;
    assert_eq!((other.0, other.1.as_str()), (403, "UnrecognizedClientException"));
    let none = bench.answer(asked(Peer::default())).await;
    assert_eq!((none.0, none.1.as_str()), (403, "MissingAuthenticationTokenException"));
    // What a proxy or a client writes into a header is no certificate.
    let mut header = request(
        "/v1/session/certificate",
        &[("host", HOST), ("x-forwarded-client-cert", "URI=spiffe://example.com/ns/desk/sa/sync")],
        b"",
    );
    header.head.peer = Peer::default();
    assert_eq!(bench.answer(header).await.0, 403);
    assert_eq!(bench.count("certificate", "no-certificate"), 2);
}

#[tokio::test]
async fn a_body_says_nothing() {
    let bench = Bench::open(options()).await;
    let mut asked = post("/v1/session/certificate", "application/json", br#"{"principal":"x"}"#);
    asked.head.peer = certificate(SPIFFE, "2028-01-01T00:00:00Z");
    assert_eq!(bench.answer(asked).await.0, 400);
}
