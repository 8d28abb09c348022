//! The keys that callers sign with, and the one function that verifies.
//!
//! There is one order of checks and no second path (requirement V3): what the head claims, then the signature, then what
//! only the owner of the key may be told. An unknown key costs what a wrong signature costs and gets the same answer
//! (requirement A10).

use std::{
    collections::{BTreeSet, HashMap},
    error::Error,
    fmt,
    net::IpAddr,
};

use crate::{
    clock::Now,
    secret::{Digest, Secret},
    sigv4::{self, Claimed, Signable},
    wire::{Head, Occurs, WireRequest},
};

use super::{
    Attempt, Caller, GuardKey, Proof, Unverified, Verified,
    claims::{Claims, Scope, invocation},
};

/// The keys in force, the Regions a signature may name and the hosts it may be for. Has no `Debug`: it holds secrets.
pub struct KeyRing {
    keys: HashMap<String, GuardKey>,
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
}

impl KeyRing {
    /// A key ring. It may be empty: then nobody is anybody. `hosts` are the names this guard has, as clients send them
    /// in `Host`, with a port or for every port; any name will do when it is empty. With names, a request signed for
    /// another guard that knows the same key is refused here.
    pub fn new(
        keys: Vec<GuardKey>,
        regions: BTreeSet<String>,
        hosts: BTreeSet<String>,
    ) -> Result<Self, KeyRingFault> {
        if regions.is_empty() {
            return Err(KeyRingFault::NoRegion);
        }
        if let Some(host) = hosts.iter().find(|host| !is_host(host)) {
            return Err(KeyRingFault::Host(host.clone()));
        }
        let mut ids = BTreeSet::new();
        let mut secrets = BTreeSet::new();
        for key in &keys {
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
        Ok(Self::assemble(keys, regions, hosts))
    }

    /// What can be said of a head before its body is read: everything but the signature and the body's hash. So a
    /// request that cannot be verified is answered before `100 Continue`. Whether a key exists is not said here.
    pub fn precheck(&self, head: &Head, now: Now) -> Result<(), Unverified> {
        Claims::read(head, &self.scope, now).map(drop)
    }

    /// The key that a head names, when there is one of that id. Proves nothing and computes nothing: a failed proof is
    /// charged to it.
    pub fn named(&self, head: &Head) -> Option<&str> {
        let Occurs::One(value) = head.headers.occurs("authorization") else { return None };
        let claimed = Claimed::read(value).ok()?;
        self.keys.get_key_value(&claimed.access_key_id).map(|(id, _)| id.as_str())
    }

    /// Every key's id, and when it ends: milliseconds since 1970.
    pub fn ends(&self) -> Vec<(String, i64)> {
        self.keys.values().map(|key| (key.key_id.clone(), key.expires.as_millisecond())).collect()
    }

    /// Who signed exactly these bytes.
    pub fn verify(&self, request: WireRequest, now: Now) -> Result<Verified, Unverified> {
        let head = &request.head;
        let claims = Claims::read(head, &self.scope, now)?;
        let body = Digest::of(&request.body);
        claims.body_is(&body)?;
        let key = self.prove(&claims, &request)?;
        key.may_be_used(head.origin.source, now)?;
        let attempt = Attempt {
            signature: Digest::of(&claims.claimed.signature),
            invocation: invocation(&head.headers),
            body,
            signed_at: claims.signed_at,
        };
        let caller = Caller {
            principal: key.principal.clone(),
            proof: Proof::GuardKey { key_id: key.key_id.clone() },
            origin: head.origin.clone(),
        };
        let region = claims.claimed.region;
        Ok(Verified { caller, attempt, region, request })
    }

    /// The key whose holder signed the request. A signature is computed whether or not there is such a key.
    fn prove(&self, claims: &Claims<'_>, request: &WireRequest) -> Result<&GuardKey, Unverified> {
        let headers: Vec<(&str, &str)> = request.head.headers.iter().collect();
        let signable = Signable {
            method: request.head.method.as_str(),
            target: request.head.target.raw(),
            headers: &headers,
            body: &request.body,
        };
        let (key, secret) = self.key(&claims.claimed.access_key_id);
        match (key, sigv4::verify(&claims.claimed, signable, claims.date, secret)) {
            (Some(key), Ok(())) => Ok(key),
            (Some(_), Err(sigv4::Mismatch)) | (None, Ok(()) | Err(sigv4::Mismatch)) => {
                Err(Unverified::Signature)
            }
        }
    }

    /// The key of this id, and the secret to compute with: nobody's when there is none.
    fn key(&self, key_id: &str) -> (Option<&GuardKey>, &Secret) {
        let key = self.keys.get(key_id);
        (key, key.map_or(&self.nobody, |key| &key.secret))
    }

    /// The same ring without the keys that are not among these: what is withdrawn is withdrawn even when no whole ring
    /// can be made.
    #[must_use]
    pub fn only(&self, ids: &BTreeSet<String>) -> Self {
        let kept = self.keys.iter().filter(|(id, _)| ids.contains(*id));
        Self {
            keys: kept.map(|(id, key)| (id.clone(), key.clone())).collect(),
            scope: self.scope.clone(),
            nobody: self.nobody.clone(),
        }
    }

    /// The ring itself, of keys that have been looked at.
    pub(super) fn assemble(keys: Vec<GuardKey>, regions: BTreeSet<String>, hosts: BTreeSet<String>) -> Self {
        let hosts = hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
        Self {
            keys: keys.into_iter().map(|key| (key.key_id.clone(), key)).collect(),
            scope: Scope { regions, hosts },
            nobody: Secret::new(NOBODY.to_vec()),
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
        }
    }
}

impl Error for KeyRingFault {}

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
        let (known, secret) = ring.key(KEY);
        assert!(known.is_some());
        assert_eq!(secret.expose(), SECRET.as_bytes());
        let (unknown, dummy) = ring.key(UNKNOWN_KEY);
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
