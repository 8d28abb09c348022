//! Requests to verify, signed as clients sign them, and rings to verify them with.

mod binding;
mod captures;
mod certificates;
mod notes;
mod properties;
mod refusals;
mod rings;
mod scope;
mod sessions;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Now,
    secret::Secret,
    sigv4::{Credentials, Signable, sign},
    wire::{Head, Headers, Method, Origin, Peer, RequestTarget, WireRequest},
};

use super::{Arn, GuardKey, KeyRing, KeyRingFault, Principal, Ring, Unverified, Verified};

pub(super) const KEY: &str = "GKAAAAAAAAAAAAAAAAA2";
pub(super) const SECRET: &str = "secret-of-the-identity-desk-EXAMPLE-0123456";
pub(super) const OTHER_KEY: &str = "GKAAAAAAAAAAAAAAAAA3";
pub(super) const OTHER_SECRET: &str = "secret-of-the-help-desk-EXAMPLE-01234567890";
pub(super) const UNKNOWN_KEY: &str = "GKAAAAAAAAAAAAAAAAA4";

/// A request in the making: not yet read, so that it can be wrong in any way.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) method: &'static str,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    pub(super) source: &'static str,
    pub(super) peer: Peer,
}

impl Draft {
    /// The change of a login e-mail, unsigned.
    pub(super) fn update() -> Self {
        let target =
            "/users/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111/87654321-2222-1234-1234-111234567891/identity-info";
        let draft = Self {
            method: "POST",
            target: target.to_owned(),
            headers: Vec::new(),
            body: br#"{"IdentityInfo": {"Email": "mary.major@example.com"}}"#.to_vec(),
            source: "192.0.2.7",
            peer: Peer::default(),
        };
        draft.with("host", "guard.example.com").with("content-type", "application/json")
    }

    /// One header more.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        let before = self.headers.len();
        self.headers.retain(|(other, _)| other != name);
        assert!(self.headers.len() < before, "there is no `{name}`");
        self
    }

    pub(super) fn value(&self, name: &str) -> &str {
        &self.headers.iter().find(|(other, _)| other == name).unwrap().1
    }

    pub(super) fn edited(mut self, name: &str, edit: impl Fn(&str) -> String) -> Self {
        let value = &mut self.headers.iter_mut().find(|(other, _)| other == name).unwrap().1;
        *value = edit(value);
        self
    }

    /// `authorization` with one text in place of another that must be there.
    pub(super) fn claiming(self, from: &str, to: &str) -> Self {
        assert!(self.value("authorization").contains(from));
        self.edited("authorization", |value| value.replacen(from, to, 1))
    }

    /// Signed by the identity desk, now, for `us-east-1`.
    pub(super) fn signed(self) -> Self {
        self.signed_by(KEY, SECRET)
    }

    pub(super) fn signed_by(self, key_id: &str, secret: &str) -> Self {
        self.signed_for(key_id, secret, "us-east-1", "connect", now())
    }

    /// Signed over all the headers it has.
    pub(super) fn signed_for(
        mut self,
        key_id: &str,
        secret: &str,
        region: &str,
        service: &str,
        at: Now,
    ) -> Self {
        // As an SDK does it: the token belongs to the credentials, and signing adds its header.
        let token = self.headers.iter().position(|(name, _)| name == "x-amz-security-token");
        let token = token.map(|at| self.headers.remove(at).1);
        let credentials = Credentials {
            access_key_id: key_id.to_owned(),
            secret: Secret::new(secret.as_bytes().to_vec()),
            session_token: token.map(|token| Secret::new(token.into_bytes())),
        };
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let signable =
            Signable { method: self.method, target: &self.target, headers: &headers, body: &self.body };
        let added = sign(signable, &credentials, region, service, at).unwrap();
        self.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    /// As read from the wire, but with whatever `wire` would already have refused in a head.
    pub(super) fn request(&self) -> WireRequest {
        let fields = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        WireRequest {
            head: Head {
                method: Method::read(self.method).unwrap(),
                target: RequestTarget::read(&self.target).unwrap(),
                headers: Headers::read(fields).unwrap(),
                origin: Origin {
                    request_id: "11111111-2222-4333-8444-555555555555".into(),
                    source: self.source.parse().unwrap(),
                    user_agent: None,
                },
                peer: self.peer.clone(),
            },
            body: self.body.clone().into(),
        }
    }

    pub(super) fn verify_at(&self, ring: &KeyRing, at: Now) -> Result<Verified, Unverified> {
        let request = self.request();
        let early = ring.precheck(&request.head, at);
        let verified = ring.verify(request, at);
        match (&early, verified.as_ref().err()) {
            (Ok(()), None) => {}
            (Err(early), Some(late)) => assert_eq!(early, late, "the head alone said something else"),
            (Err(early), None) => panic!("the head alone was refused: {early}"),
            (Ok(()), Some(late)) => {
                let may_come_late = matches!(
                    late,
                    Unverified::Signature
                        | Unverified::ContentHash
                        | Unverified::Expired { .. }
                        | Unverified::CertificateOfAnother
                        | Unverified::Network { .. }
                );
                assert!(may_come_late, "{late} could have been said of the head alone");
            }
        }
        verified
    }

    pub(super) fn verify(&self) -> Result<Verified, Unverified> {
        self.verify_at(&ring(), now())
    }

    /// Why it is refused.
    pub(super) fn refused(&self) -> Unverified {
        self.verify().err().expect("it was verified")
    }
}

pub(super) fn now() -> Now {
    Now::from("2026-11-21T16:11:02Z".parse::<Timestamp>().unwrap())
}

pub(super) fn later(seconds: i64) -> Now {
    now().plus(SignedDuration::from_secs(seconds))
}

pub(super) fn principal(role: &str) -> Principal {
    let arn = Arn::read(&format!("arn:aws:iam::111122223333:role/{role}")).unwrap();
    Principal { arn, unique_id: None }
}

/// A key for ever and from everywhere.
pub(super) fn key(key_id: &str, secret: &str, role: &str) -> GuardKey {
    GuardKey {
        key_id: key_id.to_owned(),
        secret: Secret::new(secret.as_bytes().to_vec()),
        principal: principal(role),
        expires: Timestamp::MAX,
        networks: Vec::new(),
    }
}

pub(super) fn desks() -> Vec<GuardKey> {
    vec![key(KEY, SECRET, "IdentityDesk"), key(OTHER_KEY, OTHER_SECRET, "HelpDesk")]
}

pub(super) fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// Two desks, two Regions, any host.
pub(super) fn ring() -> KeyRing {
    ring_of(desks(), names(["us-east-1", "eu-central-1"]), names([])).unwrap()
}

/// One key, in a ring that was made without looking at it.
pub(super) fn unchecked(key: GuardKey) -> KeyRing {
    let ring = Ring {
        keys: vec![key],
        sessions: None,
        certificates: Vec::new(),
        regions: names(["us-east-1"]),
        hosts: names([]),
    };
    KeyRing::assemble(ring).unwrap()
}

/// Guard keys alone.
pub(super) fn ring_of(
    keys: Vec<GuardKey>,
    regions: BTreeSet<String>,
    hosts: BTreeSet<String>,
) -> Result<KeyRing, KeyRingFault> {
    KeyRing::new(Ring { keys, sessions: None, certificates: Vec::new(), regions, hosts })
}
