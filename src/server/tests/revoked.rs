//! Certificates that were revoked, and whom a connection is said to be with.

use rcgen::{
    CertificateRevocationListParams, DistinguishedName, DnType, KeyIdMethod, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd, string::Ia5String,
};

use super::{
    clients::{Authority, Badge, visit},
    *,
};
use crate::{
    secret::Digest,
    wire::{Peer, PeerCertificate, Require},
};

const DESK: &str = "spiffe://example.com/ns/desk/sa/identity";

impl Authority {
    /// The list of what it has revoked, complete until this year.
    fn list(&self, serials: &[u64], until: i32) -> String {
        let revoked = |serial: &u64| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(until, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: serials.iter().map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.0).unwrap().pem().unwrap()
    }

    fn numbered(&self, serial: u64) -> Badge {
        self.badge(|params| params.serial_number = Some(SerialNumber::from(serial)))
    }

    fn strict(&self, list: &str) -> Result<Tls, TlsFault> {
        let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
        Tls::with_client_ca(chain, key, self.pem().as_bytes(), Some(list.as_bytes()), now())
    }
}

fn replaced(tls: &Tls, ca: Option<&str>, list: Option<&str>) -> Result<(), TlsFault> {
    let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
    tls.replace(chain, key, ca.map(str::as_bytes), list.map(str::as_bytes), now())
}

#[tokio::test]
async fn a13_a_revoked_client_is_not_let_in() {
    let ours = Authority::fresh();
    let running = Running::over(options(), ours.strict(&ours.list(&[7], 4000)).unwrap());
    assert!(visit(&running, &ours.numbered(8).client()).await.is_some());
    assert!(visit(&running, &ours.numbered(7).client()).await.is_none());
    eventually(|| running.counts.stats().handshake_failures == 1).await;
    // Another list, with the same authority: at once, and none of the old one.
    let (ca, next) = (ours.pem(), ours.list(&[8], 4000));
    replaced(&running.tls, Some(&ca), Some(&next)).unwrap();
    assert!(visit(&running, &ours.numbered(8).client()).await.is_none());
    assert!(visit(&running, &ours.numbered(7).client()).await.is_some());
}

#[tokio::test]
async fn a13_a_list_whose_successor_is_due_goes_on_refusing_what_is_on_it() {
    let ours = Authority::fresh();
    let running = Running::over(options(), ours.strict(&ours.list(&[7], 2025)).unwrap());
    assert!(visit(&running, &ours.numbered(7).client()).await.is_none());
    assert!(visit(&running, &ours.numbered(8).client()).await.is_some());
    assert_eq!(running.tls.crl_ends(), Some(1_735_689_600_000));
}

#[tokio::test]
async fn a13_without_a_list_of_its_authority_nobody_is_let_in() {
    let (ours, other) = (Authority::called("one"), Authority::called("other"));
    let both = ours.pem() + &other.pem();
    let (chain, key) = (pair().chain.as_bytes(), pair().key.as_bytes());
    let one = ours.list(&[], 4000);
    let tls = Tls::with_client_ca(chain, key, both.as_bytes(), Some(one.as_bytes()), now()).unwrap();
    let running = Running::over(options(), tls);
    assert!(visit(&running, &ours.numbered(7).client()).await.is_some());
    assert!(visit(&running, &other.numbered(7).client()).await.is_none());
    let lists = one + &other.list(&[], 4000);
    replaced(&running.tls, Some(&both), Some(&lists)).unwrap();
    assert!(visit(&running, &other.numbered(7).client()).await.is_some());
}

#[test]
fn k3_lists_that_cannot_be_used_are_told_apart_and_change_nothing() {
    let ours = Authority::fresh();
    let (ca, list) = (ours.pem(), ours.list(&[7], 4000));
    let tls = ours.strict(&list).unwrap();
    let ends = tls.crl_ends();
    let broken = "-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n";
    let none = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    let fault = |ca: Option<&str>, list: Option<&str>| replaced(&tls, ca, list).unwrap_err();
    assert!(matches!(fault(Some(&ca), None), TlsFault::NoCrl));
    assert!(matches!(fault(Some(&ca), Some("")), TlsFault::NoCrl));
    assert!(matches!(fault(Some(&ca), Some(&ca)), TlsFault::NoCrl));
    assert!(matches!(fault(Some(&ca), Some(broken)), TlsFault::CrlPem(_)));
    assert!(matches!(fault(Some(&ca), Some(&(list.clone() + none))), TlsFault::Crl));
    assert!(matches!(fault(None, Some(&list)), TlsFault::NoClientCa));
    assert_eq!(tls.crl_ends(), ends);
    assert!(matches!(replaced(&pair().tls(), None, Some(&list)), Err(TlsFault::NoClientCa)));
}

/// What the service was told of the peer.
async fn told(running: &Running, client: &ClientConfig) -> Peer {
    visit(running, client).await.expect("nobody is let in");
    running.service.calls.lock().unwrap().pop().unwrap().head.peer
}

#[tokio::test]
async fn a13_whom_a_connection_is_with_comes_with_each_request() {
    let ours = Authority::fresh();
    let options = Options { require: Require::Both, region: Some("us-east-1".into()), ..options() };
    let running = Running::over(options, ours.tls());
    let badge = ours.badge(|params| {
        params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(DESK).unwrap())];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Example Corp");
        params.distinguished_name.push(DnType::CommonName, "desk");
        params.not_after = date_time_ymd(3000, 1, 1);
    });
    let peer = told(&running, &badge.client()).await;
    let expected = PeerCertificate {
        spiffe: Some(DESK.to_owned()),
        subject: "CN=desk,O=Example Corp".to_owned(),
        fingerprint: Digest::of(&badge.certificate),
        not_after: 32_503_680_000_000,
    };
    assert_eq!(peer.certificate.as_deref(), Some(&expected));
    assert_eq!((peer.require, peer.region.as_deref()), (Require::Both, Some("us-east-1")));
}

#[tokio::test]
async fn who_is_not_asked_for_a_certificate_has_none() {
    let running = Running::start(options());
    let peer = told(&running, &Authority::fresh().badge(|_| ()).client()).await;
    assert!(peer.certificate.is_none() && peer.region.is_none());
    assert_eq!(peer.require, Require::Signature);
}
