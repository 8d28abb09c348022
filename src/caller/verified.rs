//! The proof that somebody signed a request, and what is known of them.

use std::{fmt, sync::Arc};

use crate::{
    clock::Now,
    secret::Digest,
    wire::{Origin, WireRequest},
};

use super::Arn;

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
}

/// What makes two arrivals one attempt: the same signature, or the same `amz-sdk-invocation-id`, over the same body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// SHA-256 of the signature. Never the signature itself: it is not stored.
    pub signature: Digest,
    /// SHA-256 of `amz-sdk-invocation-id`, when sent once and well-formed (a UUID).
    pub invocation: Option<Digest>,
    /// SHA-256 of the body.
    pub body: Digest,
    /// `x-amz-date`.
    pub signed_at: Now,
}

/// Somebody signed exactly these bytes. Made by [`super::KeyRing::verify`] only, spent by value.
#[must_use]
pub struct Verified {
    pub(super) caller: Caller,
    pub(super) attempt: Attempt,
    pub(super) region: String,
    pub(super) request: WireRequest,
}

impl Principal {
    /// Whom rates and quotas are charged to: the role, not its session (requirement G1).
    pub fn account_key(&self) -> Arc<str> {
        self.arn.without_session().into()
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

    /// The Region in the signature's scope.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The request that was signed.
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

/// As records and notices name it: `guard-key:GK...`.
impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GuardKey { key_id } => write!(f, "guard-key:{key_id}"),
        }
    }
}
