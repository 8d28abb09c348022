//! The proof that somebody signed a request, and what is known of them.

use std::{collections::BTreeMap, fmt, sync::Arc};

use crate::{
    clock::Now,
    secret::Digest,
    wire::{Origin, WireRequest, is_spiffe_id},
};

use super::{Arn, Session};

/// Who somebody is, as AWS, the cluster, the CA or the configuration vouches for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// The ARN.
    pub arn: Arn,
    /// The unique id (`AROA...`, `AIDA...`), when the proof gives one.
    pub unique_id: Option<String>,
}

/// How a principal was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A signature under a key issued by the guard.
    GuardKey {
        /// The access key id.
        key_id: String,
    },
    /// A signature under the credentials of a session.
    Session(Arc<Session>),
    /// The certificate of the connection, and no signature.
    Certificate {
        /// Its SPIFFE id, or its subject.
        name: String,
        /// SHA-256 of it.
        fingerprint: Digest,
        /// What the configuration says of its holder.
        claims: Arc<BTreeMap<String, String>>,
    },
}

/// Who asks, how that was proven, and from where: what records and notices say of a caller.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub principal: Principal,
    /// How it was proven.
    pub proof: Proof,
    /// From where, and the request's id.
    pub origin: Origin,
    /// What the caller says of the request in `x-guard-*` headers that the proof covers: lower-case name, and 1 to 256
    /// visible ASCII characters; at most 8.
    pub notes: BTreeMap<String, String>,
}

/// What makes two arrivals one attempt: the same signature, or the same `amz-sdk-invocation-id`, over the same body. The
/// invocation is not signed: that path, query and header members are the same as well is for the ledger to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// SHA-256 of the signature. Never the signature itself: it is not stored. Without a signature, of the request's id:
    /// then only an invocation id makes two arrivals one.
    pub signature: Digest,
    /// SHA-256 of `amz-sdk-invocation-id`, when sent once and well-formed (a UUID).
    pub invocation: Option<Digest>,
    /// SHA-256 of the body.
    pub body: Digest,
    /// `x-amz-date`; without a signature, when the request came.
    pub signed_at: Now,
}

/// Somebody signed exactly these bytes, or sent them over a connection of his own. Made by [`super::KeyRing::verify`] only, spent by value.
#[must_use]
pub struct Verified {
    pub(super) caller: Caller,
    pub(super) attempt: Attempt,
    pub(super) region: String,
    pub(super) request: WireRequest,
}

impl Principal {
    /// Whom rates and quotas are charged to: the role, not its session.
    pub fn account_key(&self) -> Arc<str> {
        self.arn.without_session().into()
    }
}

impl Caller {
    /// What was verified of the caller under this name, when a session or a certificate was issued or mapped with it.
    /// Never what he said of himself.
    pub fn claim(&self, name: &str) -> Option<&str> {
        let claims = match &self.proof {
            Proof::GuardKey { .. } => return None,
            Proof::Session(session) => &session.claims,
            Proof::Certificate { claims, .. } => &**claims,
        };
        claims.get(name).map(String::as_str)
    }
}

impl Verified {
    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What makes a second arrival the same attempt.
    pub fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// The Region in the signature's scope; without a signature that of the listener.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The request that was proven.
    pub fn request(&self) -> &WireRequest {
        &self.request
    }

    /// For unit tests of other modules: a proof that nobody gave, of a request that nobody need have signed. The
    /// attempt is computed from the request; what the request lacks is empty there, and the time is 1970.
    #[cfg(test)]
    pub(crate) fn for_tests(caller: Caller, region: &str, request: WireRequest) -> Self {
        let one = |name: &str| match request.head.headers.occurs(name) {
            crate::wire::Occurs::One(value) => Some(value),
            crate::wire::Occurs::Absent | crate::wire::Occurs::Many => None,
        };
        let signed_at =
            one("x-amz-date").and_then(crate::sigv4::instant).unwrap_or(jiff::Timestamp::UNIX_EPOCH).into();
        let signature = Digest::of(one("authorization").unwrap_or_default().as_bytes());
        let attempt = Attempt {
            signature,
            invocation: super::claims::invocation(&request.head.headers),
            body: Digest::of(&request.body),
            signed_at,
        };
        Self { caller, attempt, region: region.to_owned(), request }
    }

    /// Spends it.
    pub fn into_parts(self) -> (Caller, Attempt, String, WireRequest) {
        (self.caller, self.attempt, self.region, self.request)
    }
}

impl Proof {
    /// For logs: by which key, session or certificate. Nothing of it names a person: a token's subject, a session's name and
    /// a certificate's may be an address.
    pub fn in_logs(&self) -> String {
        match self {
            Self::GuardKey { key_id } => format!("guard-key:{key_id}"),
            Self::Session(session) => format!("session:{}:{}", session.id, session.voucher.kind()),
            Self::Certificate { name, .. } if is_spiffe_id(name) => format!("certificate:{name}"),
            Self::Certificate { fingerprint, .. } => {
                format!("certificate:{}", fingerprint.hex().chars().take(16).collect::<String>())
            }
        }
    }
}

/// As records and notices name it: `guard-key:GK...`, `session:GS...:` and what vouches for it, `certificate:` and a name.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuardKey { key_id } => write!(f, "guard-key:{key_id}"),
            Self::Session(session) => write!(f, "session:{}:{}", session.id, session.voucher),
            Self::Certificate { name, .. } => write!(f, "certificate:{name}"),
        }
    }
}
