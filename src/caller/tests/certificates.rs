//! Connections with a certificate: alone, in addition, and for nobody.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    caller::{CertificateName, Proof, Session, SessionKeys, Voucher},
    secret::Digest,
    wire::{PeerCertificate, Require},
};

use super::{
    sessions::{SESSION, keys, session},
    *,
};

const DESK: &str = "spiffe://example.com/ns/desk/sa/identity";
const HELP: &str = "CN=help,OU=Desks,O=Example Corp";

fn certificate(spiffe: Option<&str>, subject: &str) -> PeerCertificate {
    PeerCertificate {
        spiffe: spiffe.map(str::to_owned),
        subject: subject.to_owned(),
        fingerprint: Digest::of(subject.as_bytes()),
        not_after: later(100).millis(),
    }
}

fn desk() -> PeerCertificate {
    certificate(Some(DESK), "CN=identity")
}

fn name(spiffe: Option<&str>, subject: Option<&str>, role: &str) -> CertificateName {
    CertificateName {
        spiffe: spiffe.map(str::to_owned),
        subject: subject.map(str::to_owned),
        principal: principal(role),
        claims: BTreeMap::from([("team".to_owned(), role.to_owned())]),
    }
}

fn made_of(
    certificates: Vec<CertificateName>,
    sessions: Option<SessionKeys>,
) -> Result<KeyRing, KeyRingFault> {
    KeyRing::new(Ring {
        keys: desks(),
        sessions: sessions.map(Arc::new),
        certificates,
        regions: names(["us-east-1"]),
        hosts: names(["guard.example.com"]),
    })
}

fn ring() -> KeyRing {
    let names = vec![name(Some(DESK), None, "IdentityDesk"), name(None, Some(HELP), "HelpDesk")];
    made_of(names, Some(keys(&[("k1", 1)]))).unwrap()
}

impl Draft {
    fn over(mut self, require: Require, certificate: Option<PeerCertificate>) -> Self {
        let region = Some("us-east-1".into());
        self.peer = Peer { require, certificate: certificate.map(Arc::new), region };
        self
    }

    fn at(&self, now: Now) -> Result<Verified, Unverified> {
        self.verify_at(&ring(), now)
    }
}

#[test]
fn v3_a_certificate_alone_is_proof_where_it_is_required() {
    let draft = Draft::update().over(Require::Certificate, Some(desk()));
    let verified = draft.at(now()).ok().unwrap();
    let caller = verified.caller();
    assert_eq!(caller.principal, principal("IdentityDesk"));
    assert_eq!(caller.proof.to_string(), format!("certificate:{DESK}"));
    assert!(
        matches!(&caller.proof, Proof::Certificate { fingerprint, .. } if *fingerprint == desk().fingerprint)
    );
    assert_eq!(caller.claim("team"), Some("IdentityDesk"));
    assert_eq!((verified.region(), verified.attempt().signed_at), ("us-east-1", now()));
    assert_eq!(verified.attempt().body, Digest::of(&draft.body));
    let by_subject = Draft::update().over(Require::Certificate, Some(certificate(None, HELP)));
    assert_eq!(by_subject.at(now()).ok().unwrap().caller().principal, principal("HelpDesk"));
}

#[test]
fn v3_a_certificate_is_no_proof_where_a_signature_is_required() {
    for require in [Require::Signature, Require::Both] {
        let draft = Draft::update().over(require, Some(desk()));
        assert_eq!(draft.at(now()).err(), Some(Unverified::Missing));
    }
}

#[test]
fn v3_where_a_certificate_is_required_a_signature_is_none() {
    for require in [Require::Certificate, Require::Both] {
        for (what, shown) in [
            ("none", None),
            ("nobody's", Some(certificate(Some("spiffe://example.com/other"), "CN=other"))),
            ("of no name", Some(certificate(None, ""))),
            ("of part of a name", Some(certificate(None, "CN=help"))),
            ("of more than a name", Some(certificate(Some(&format!("{DESK}/x")), "CN=identity"))),
        ] {
            let draft = Draft::update().over(require, shown.clone()).signed();
            assert_eq!(draft.at(now()).err(), Some(Unverified::Certificate), "{what}");
            let draft = Draft::update().over(require, shown);
            assert_eq!(draft.at(now()).err(), Some(Unverified::Certificate), "{what}, unsigned");
        }
    }
}

#[test]
fn v3_whoever_signs_as_well_signs_as_the_one_the_certificate_stands_for() {
    for require in [Require::Certificate, Require::Both] {
        let over = |draft: Draft| draft.over(require, Some(desk())).at(now());
        let verified = over(Draft::update().signed()).ok().unwrap();
        assert_eq!(verified.caller().proof.to_string(), format!("guard-key:{KEY}"));
        let of_another = over(Draft::update().signed_by(OTHER_KEY, OTHER_SECRET)).err();
        assert_eq!(of_another, Some(Unverified::CertificateOfAnother));
        // A certificate makes no bad signature good.
        let wrong = over(Draft::update().signed_by(KEY, OTHER_SECRET)).err();
        assert_eq!(wrong, Some(Unverified::Signature));
        let none = over(Draft::update().with("authorization", "Bearer x")).err();
        assert!(matches!(none, Some(Unverified::Authorization(_))));
        let aws = over(Draft::update().signed_by("AKIAIOSFODNN7EXAMPLE", SECRET)).err();
        assert_eq!(aws, Some(Unverified::AwsKey));
    }
}

#[test]
fn s16_both_are_one_whatever_the_session_is_called_but_not_whatever_its_role_is() {
    let of = |arn: &str, id: Option<&str>, mapped: Option<&str>| {
        let mut name = name(Some(DESK), None, "IdentityDesk");
        name.principal.unique_id = mapped.map(str::to_owned);
        let ring = made_of(vec![name], Some(keys(&[("k1", 1)]))).unwrap();
        let principal = Principal { arn: Arn::read(arn).unwrap(), unique_id: id.map(str::to_owned) };
        let issued = keys(&[("k1", 1)]).issue(&Session { principal, ..session(SESSION) }).unwrap();
        let draft = Draft::update().with("x-amz-security-token", &issued.token);
        let draft = draft.signed_by(SESSION, issued.secret.expose_str().unwrap());
        draft.over(Require::Both, Some(desk())).verify_at(&ring, now()).err()
    };
    let another = Some(Unverified::CertificateOfAnother);
    let role = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/mary";
    assert_eq!(of(role, None, None), None);
    assert_eq!(of(role, Some("AROAEXAMPLE1"), None), None);
    assert_eq!(of(role, Some("AROAEXAMPLE1"), Some("AROAEXAMPLE1")), None);
    assert_eq!(of(role, Some("AROAEXAMPLE2"), Some("AROAEXAMPLE1")), another);
    assert_eq!(of("arn:aws:sts::111122223333:assumed-role/HelpDesk/IdentityDesk", None, None), another);
    assert_eq!(of("arn:aws:sts::444455556666:assumed-role/IdentityDesk/mary", None, None), another);
}

#[test]
fn a13_what_a_certificate_proved_ends_with_it_even_on_an_open_connection() {
    let over = later(100).plus(SignedDuration::from_millis(1));
    for (require, draft) in [
        (Require::Certificate, Draft::update()),
        (Require::Both, Draft::update().signed()),
        (Require::Signature, Draft::update().signed()),
    ] {
        let draft = draft.over(require, Some(desk()));
        assert_eq!(draft.at(later(100)).err(), None);
        assert_eq!(draft.at(over).err(), Some(Unverified::CertificateExpired));
    }
}

#[test]
fn a13_no_session_outlives_its_certificate() {
    let desk = desk();
    assert_eq!(Session::end(now(), SignedDuration::from_secs(50), Some(&desk)), later(50));
    assert_eq!(Session::end(now(), SignedDuration::from_secs(900), Some(&desk)), later(100));
    assert_eq!(Session::end(now(), SignedDuration::from_secs(900), None), later(900));
    let voucher = Voucher::Certificate { name: DESK.to_owned(), fingerprint: desk.fingerprint };
    let expires = Session::end(now(), SignedDuration::from_secs(-1), None);
    assert!(keys(&[("k1", 1)]).issue(&Session { voucher, expires, ..session(SESSION) }).is_err());
}

#[test]
fn an_unsigned_request_is_for_the_region_and_the_host_of_its_listener() {
    let draft = Draft::update().over(Require::Certificate, Some(desk()));
    for region in [None, Some("eu-central-1"), Some("")] {
        let mut draft = draft.clone();
        draft.peer.region = region.map(Into::into);
        assert_eq!(draft.at(now()).err(), Some(Unverified::Scope("Region")));
    }
    let elsewhere = draft.clone().edited("host", |_| "other.example.com".to_owned());
    assert_eq!(elsewhere.at(now()).err(), Some(Unverified::Host));
    let presigned = Draft { target: format!("{}?X-Amz-Signature=1", draft.target), ..draft.clone() };
    assert_eq!(presigned.at(now()).err(), Some(Unverified::Query));
    let token = draft.clone().with("x-amz-security-token", "AAAA");
    assert_eq!(token.at(now()).err(), Some(Unverified::Token));
    let right = Digest::of(&draft.body).hex();
    assert!(draft.clone().with("x-amz-content-sha256", &right).at(now()).is_ok());
    for hash in [Digest::of(b"").hex(), "UNSIGNED-PAYLOAD".to_owned()] {
        assert_eq!(
            draft.clone().with("x-amz-content-sha256", &hash).at(now()).err(),
            Some(Unverified::ContentHash)
        );
    }
}

#[test]
fn unsigned_requests_are_one_attempt_by_their_invocation_id_only() {
    let draft = Draft::update().over(Require::Certificate, Some(desk()));
    let draft = draft.with("amz-sdk-invocation-id", "0B8F7A2E-3C4D-4E5F-8A9B-0C1D2E3F4A5B");
    let attempt = |id: &str| {
        let mut request = draft.request();
        request.head.origin.request_id = id.into();
        ring().verify(request, now()).ok().unwrap().attempt().clone()
    };
    let (one, other) = (attempt("1"), attempt("2"));
    assert_ne!(one.signature, other.signature);
    assert!(one.invocation.is_some() && one.invocation == other.invocation);
}

#[test]
fn s16_a_certificate_of_two_names_is_nobodys() {
    let both = certificate(Some(DESK), HELP);
    assert!(ring().certificate(&both).is_none());
    assert!(ring().certificate(&desk()).is_some());
    let exact = name(Some(DESK), Some("CN=identity"), "IdentityDesk");
    let ring = made_of(vec![exact.clone()], None).unwrap();
    assert_eq!(ring.certificate(&desk()), Some(&exact));
    assert_eq!(ring.certificate(&certificate(Some(DESK), "CN=other")), None);
    assert_eq!(ring.certificate(&certificate(None, "CN=identity")), None);
}

#[test]
fn s16_names_of_certificates_are_whole_and_unique() {
    let fault = |names: Vec<CertificateName>| made_of(names, None).err();
    let not_one = |shown: &str| Some(KeyRingFault::CertificateName(shown.to_owned()));
    assert_eq!(fault(vec![name(None, None, "R")]), not_one(""));
    assert_eq!(fault(vec![name(None, Some(""), "R")]), not_one(""));
    assert_eq!(fault(vec![name(Some(DESK), Some(""), "R")]), not_one(DESK));
    for spiffe in ["spiffe://example.com", "spiffe://example.com/*", "desk"] {
        assert_eq!(fault(vec![name(Some(spiffe), None, "R")]), not_one(spiffe));
    }
    let twice = vec![name(Some(DESK), None, "R"), name(Some(DESK), None, "S")];
    assert_eq!(fault(twice), Some(KeyRingFault::CertificateDoubled(DESK.to_owned())));
    let mut much = name(Some(DESK), None, "R");
    much.claims = (0..17).map(|at| (at.to_string(), String::new())).collect();
    assert_eq!(fault(vec![much]), Some(KeyRingFault::CertificateClaims(DESK.to_owned())));
}
