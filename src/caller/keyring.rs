//! The keys that callers sign with, and the one function that verifies.
//!
//! There is one order of checks and no second path: the certificate where the listener requires one,
//! what the head claims, then the signature, then what only the owner of the key may be told. An unknown key or a forged
//! token costs what a wrong signature costs and gets the same answer.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    error::Error,
    fmt,
    net::IpAddr,
    sync::Arc,
};

use crate::{
    clock::Now,
    secret::{Digest, Secret},
    sigv4::{self, Claimed, Signable},
    wire::{Head, Occurs, PeerCertificate, Require, WireRequest},
};

use super::{
    Attempt, Caller, CertificateName, GuardKey, Principal, Proof, Session, SessionKeys, Unverified, Verified,
    certificates::{Badge, Certificates},
    claims::{Claims, Scope, Unsigned, invocation},
};

/// What a key ring is made of. Has no `Debug`: it holds secrets.
#[derive(Clone)]
pub struct Ring {
    /// The guard keys.
    pub keys: Vec<GuardKey>,
    /// The keys of sessions; without them a session is nobody.
    pub sessions: Option<Arc<SessionKeys>>,
    /// Whom certificates stand for.
    pub certificates: Vec<CertificateName>,
    /// The Regions that a request may be for; at least one.
    pub regions: BTreeSet<String>,
    /// The names this guard has, as clients send them in `Host`, with a port or for every port; any name will do when it
    /// is empty. With names, a request signed for another guard that knows the same key is refused here.
    pub hosts: BTreeSet<String>,
}

/// The keys in force, the Regions a request may name and the hosts it may be for. Has no `Debug`: it holds secrets.
pub struct KeyRing {
    keys: HashMap<String, GuardKey>,
    sessions: Option<Arc<SessionKeys>>,
    certificates: Certificates,
    scope: Scope,
    /// What the signature of an unknown key is computed with. It is no secret, and nobody's.
    nobody: Secret,
}

/// Why a key ring cannot be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyRingFault {
    /// Two keys have this id.
    Doubled(String),
    /// Not an id the guard issues.
    KeyId(String),
    /// A secret of this key is shorter than 32 characters.
    ShortSecret(String),
    /// The secret of this key has a character that is not visible ASCII.
    SecretForm(String),
    /// This key has the secret of another one. The key id is not part of what is signed, so whoever holds the one could
    /// sign as the other.
    SharedSecret(String),
    /// No Region.
    NoRegion,
    /// Not a host name or address, with or without a port.
    Host(String),
    /// A certificate's name is neither a SPIFFE id nor a subject.
    CertificateName(String),
    /// Two people have certificates of this name.
    CertificateDoubled(String),
    /// More than 16 claims of a certificate of this name, or too long ones.
    CertificateClaims(String),
}

/// Somebody's key, who has proven nothing yet.
enum Key<'a> {
    Guard(&'a GuardKey),
    Session(Box<Session>),
}

impl KeyRing {
    /// A key ring. It may be empty but for a Region: then nobody is anybody.
    ///
    /// # Errors
    /// See [`KeyRingFault`].
    pub fn new(ring: Ring) -> Result<Self, KeyRingFault> {
        let Ring { keys, regions, hosts, .. } = &ring;
        if regions.is_empty() {
            return Err(KeyRingFault::NoRegion);
        }
        if let Some(host) = hosts.iter().find(|host| !is_host(host)) {
            return Err(KeyRingFault::Host(host.clone()));
        }
        let mut ids = BTreeSet::new();
        let mut secrets = BTreeSet::new();
        for key in keys {
            let id = || key.key_id.clone();
            if !GuardKey::is_id(&key.key_id) {
                return Err(KeyRingFault::KeyId(id()));
            }
            if !ids.insert(key.key_id.as_str()) {
                return Err(KeyRingFault::Doubled(id()));
            }
            if !key.secret_is_long() {
                return Err(KeyRingFault::ShortSecret(id()));
            }
            if !key.secret_is_visible() {
                return Err(KeyRingFault::SecretForm(id()));
            }
            if !secrets.insert(Digest::of(key.secret.expose())) {
                return Err(KeyRingFault::SharedSecret(id()));
            }
        }
        Self::assemble(ring)
    }

    /// The ring itself, of keys that have been looked at.
    pub(super) fn assemble(ring: Ring) -> Result<Self, KeyRingFault> {
        let Ring { keys, sessions, certificates, regions, hosts } = ring;
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Self {
            keys: keys.into_iter().map(|key| (key.key_id.clone(), key)).collect(),
            sessions,
            certificates: Certificates::new(certificates)?,
            scope: Scope { regions, hosts },
            nobody: Secret::new(NOBODY.to_vec()),
        })
    }

    /// What can be said of a head before its body is read: everything but the signature and the body's hash. So a
    /// request that cannot be verified is answered before `100 Continue`. Whether a key exists is not said here.
    pub fn precheck(&self, head: &Head, now: Now) -> Result<(), Unverified> {
        let badge = self.certificates.required(head, now)?;
        match badge {
            Some(_) if is_unsigned(head) => Unsigned::read(head, &self.scope).map(drop),
            Some(_) | None => Claims::read(head, &self.scope, now).map(drop),
        }
    }

    /// The key or the session that a head names, when there is one of that id. Proves nothing and computes no signature:
    /// a failed proof is charged to it.
    pub fn named<'a>(&'a self, head: &Head) -> Option<Cow<'a, str>> {
        let Occurs::One(value) = head.headers.occurs("authorization") else { return None };
        let key_id = Claimed::read(value).ok()?.access_key_id;
        if let Some((id, _)) = self.keys.get_key_value(key_id) {
            return Some(Cow::Borrowed(id));
        }
        let Occurs::One(token) = head.headers.occurs("x-amz-security-token") else { return None };
        let (session, _) = self.sessions.as_ref().filter(|_| Session::is_id(key_id))?.unsealed(token);
        session.filter(|session| session.id == key_id).map(|session| Cow::Owned(session.id))
    }

    /// Whom a certificate stands for: the only name that fits it.
    pub fn certificate(&self, certificate: &PeerCertificate) -> Option<&CertificateName> {
        self.certificates.of(certificate)
    }

    /// Every key's id, and when it ends: milliseconds since 1970.
    pub fn ends(&self) -> Vec<(String, i64)> {
        self.keys.values().map(|key| (key.key_id.clone(), key.expires.as_millisecond())).collect()
    }

    /// Who signed exactly these bytes, or whose connection they came over.
    pub fn verify(&self, request: WireRequest, now: Now) -> Result<Verified, Unverified> {
        let head = &request.head;
        let badge = self.certificates.required(head, now)?;
        match badge {
            Some(badge) if is_unsigned(head) => {
                let (caller, attempt, region) = self.certified(&badge, &request, now)?;
                Ok(Verified { caller, attempt, region, request })
            }
            Some(_) | None => {
                let (caller, attempt, region) = self.signed(badge, &request, now)?;
                Ok(Verified { caller, attempt, region, request })
            }
        }
    }

    /// Who signed a request; and, where a certificate is required as well, that both are the same principal's.
    fn signed(
        &self,
        badge: Option<Badge<'_>>,
        request: &WireRequest,
        now: Now,
    ) -> Result<(Caller, Attempt, String), Unverified> {
        let head = &request.head;
        let claims = Claims::read(head, &self.scope, now)?;
        let body = Digest::of(&request.body);
        claims.body_is(&body)?;
        let key = self.prove(&claims, request)?;
        key.may_be_used(head.origin.source, now)?;
        let (principal, proof) = key.holder();
        badge.map_or(Ok(()), |badge| badge.is_of(&principal))?;
        let attempt = Attempt {
            signature: Digest::of(&claims.claimed.signature),
            invocation: invocation(&head.headers),
            body,
            signed_at: claims.signed_at,
        };
        let caller = Caller { principal, proof, origin: head.origin.clone(), notes: claims.notes };
        Ok((caller, attempt, claims.claimed.region.to_owned()))
    }

    /// Whose connection an unsigned request came over: TLS has proven all of it.
    fn certified(
        &self,
        badge: &Badge<'_>,
        request: &WireRequest,
        now: Now,
    ) -> Result<(Caller, Attempt, String), Unverified> {
        let head = &request.head;
        let claims = Unsigned::read(head, &self.scope)?;
        let body = Digest::of(&request.body);
        claims.body_is(&body)?;
        let attempt = Attempt {
            // The id is random, and this request's alone.
            signature: Digest::of_list(["unsigned", head.origin.request_id.as_str()]),
            invocation: invocation(&head.headers),
            body,
            signed_at: now,
        };
        let proof = Proof::Certificate {
            name: badge.name.as_str().to_owned(),
            fingerprint: badge.certificate.fingerprint,
            claims: Arc::new(badge.name.claims.clone()),
        };
        let principal = badge.name.principal.clone();
        let region = claims.region.to_owned();
        Ok((Caller { principal, proof, origin: head.origin.clone(), notes: claims.notes }, attempt, region))
    }

    /// The key whose holder signed the request. A signature is computed whether or not there is such a key.
    fn prove(&self, claims: &Claims<'_>, request: &WireRequest) -> Result<Key<'_>, Unverified> {
        let headers: Vec<(&str, &str)> = request.head.headers.iter().collect();
        let signable = Signable {
            method: request.head.method.as_str(),
            target: request.head.target.raw(),
            headers: &headers,
            body: &request.body,
        };
        let (key, secret) = self.key(claims.claimed.access_key_id, claims.token);
        match (key, sigv4::verify(&claims.claimed, signable, claims.date, &secret)) {
            (Some(key), Ok(())) => Ok(key),
            (Some(_), Err(sigv4::Mismatch)) | (None, Ok(()) | Err(sigv4::Mismatch)) => {
                Err(Unverified::Signature)
            }
        }
    }

    /// The key of this id, and the secret to compute with: one that nobody has when there is none.
    fn key(&self, key_id: &str, token: Option<&str>) -> (Option<Key<'_>>, Cow<'_, Secret>) {
        if let (Some(token), Some(sessions)) = (token, &self.sessions) {
            let (session, secret) = sessions.unsealed(token);
            let session = session.filter(|session| session.id == key_id);
            return (session.map(|session| Key::Session(Box::new(session))), Cow::Owned(secret));
        }
        let key = self.keys.get(key_id).filter(|_| token.is_none());
        (key.map(Key::Guard), Cow::Borrowed(key.map_or(&self.nobody, |key| &key.secret)))
    }

    /// The keys that sessions are sealed with.
    pub fn sessions(&self) -> Option<&Arc<SessionKeys>> {
        self.sessions.as_ref()
    }

    /// The same ring without the keys that are not among these, and with these keys of sessions: what is withdrawn is
    /// withdrawn even when no whole ring can be made.
    #[must_use]
    pub fn only(&self, ids: &BTreeSet<String>, sessions: Option<Arc<SessionKeys>>) -> Self {
        let kept = self.keys.iter().filter(|(id, _)| ids.contains(*id));
        Self {
            keys: kept.map(|(id, key)| (id.clone(), key.clone())).collect(),
            sessions,
            certificates: self.certificates.clone(),
            scope: self.scope.clone(),
            nobody: self.nobody.clone(),
        }
    }
}

impl Key<'_> {
    /// That a proven key holds now and from here. Only its owner is told.
    fn may_be_used(&self, source: IpAddr, now: Now) -> Result<(), Unverified> {
        match self {
            Self::Guard(key) => key.may_be_used(source, now),
            Self::Session(session) if session.holds(now) => Ok(()),
            Self::Session(session) => Err(Unverified::Expired { key_id: session.id.clone() }),
        }
    }

    /// Whom it stands for, and as what it is proof.
    fn holder(self) -> (Principal, Proof) {
        match self {
            Self::Guard(key) => (key.principal.clone(), Proof::GuardKey { key_id: key.key_id.clone() }),
            Self::Session(session) => (session.principal.clone(), Proof::Session(Arc::new(*session))),
        }
    }
}

impl GuardKey {
    /// That a proven key holds now and from here. Only its owner is told.
    fn may_be_used(&self, source: IpAddr, now: Now) -> Result<(), Unverified> {
        let key_id = || self.key_id.clone();
        if now.timestamp() > self.expires {
            return Err(Unverified::Expired { key_id: key_id() });
        }
        // On a listener for both families an IPv4 peer shows as `::ffff:a.b.c.d`.
        let address = source.to_canonical();
        if self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&address)) {
            Ok(())
        } else {
            Err(Unverified::Network { key_id: key_id(), source: address })
        }
    }
}

impl fmt::Display for KeyRingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Doubled(id) => write!(f, "two keys have the id `{id}`"),
            Self::KeyId(id) => write!(f, "`{id}` is not a key id: `GK` and 18 characters of `A-Z2-7`"),
            Self::ShortSecret(id) => write!(f, "the secret of the key `{id}` is shorter than 32 characters"),
            Self::SecretForm(id) => write!(f, "the secret of the key `{id}` is not visible ASCII throughout"),
            Self::SharedSecret(id) => write!(f, "the key `{id}` has the secret of another key"),
            Self::NoRegion => f.write_str("no Region is named"),
            Self::Host(host) => write!(f, "`{host}` is not a host name or address, with or without a port"),
            Self::CertificateName(name) => {
                write!(
                    f,
                    "`{name}` is no name of a certificate: neither a SPIFFE id with a path nor a subject"
                )
            }
            Self::CertificateDoubled(name) => write!(f, "certificates of the name `{name}` stand for two"),
            Self::CertificateClaims(name) => {
                write!(f, "a certificate of the name `{name}` has more than 16 claims, or too long ones")
            }
        }
    }
}

impl Error for KeyRingFault {}

/// Whether a request is not signed at all, where a certificate can be the proof. One that is signed must be signed well,
/// by whom the certificate stands for.
fn is_unsigned(head: &Head) -> bool {
    head.peer.require == Require::Certificate && head.headers.occurs("authorization") == Occurs::Absent
}

/// As long as an issued secret, so that it costs as much.
const NOBODY: &[u8; 43] = b"...........................................";

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'))
}

#[cfg(test)]
mod tests {
    use super::{
        super::tests::{Draft, KEY, SECRET, UNKNOWN_KEY, ring},
        *,
    };

    #[test]
    fn a10_an_unknown_key_has_a_secret_to_compute_with() {
        let ring = ring();
        let (known, secret) = ring.key(KEY, None);
        assert!(known.is_some());
        assert_eq!(secret.expose(), SECRET.as_bytes());
        let (unknown, dummy) = ring.key(UNKNOWN_KEY, None);
        assert!(unknown.is_none());
        let (_, issued) = GuardKey::issue([1; GuardKey::RANDOM]);
        assert_eq!(dummy.expose().len(), issued.expose().len());
    }

    #[test]
    fn s12_who_knows_the_secret_of_nobody_is_nobody() {
        let nobody = std::str::from_utf8(NOBODY).unwrap();
        for key_id in [UNKNOWN_KEY, KEY, "x"] {
            assert_eq!(Draft::update().signed_by(key_id, nobody).refused(), Unverified::Signature);
        }
    }
}
