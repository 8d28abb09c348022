//! Sessions: somebody whom the guard has seen proven once, for a short time. What is in one was verified when it was
//! issued, but for its label.

use std::{collections::BTreeMap, fmt};

use jiff::{SignedDuration, Timestamp};

use crate::{clock::Now, secret::Digest, wire::PeerCertificate};

use super::{Principal, key::base32};

/// A session that the guard has issued.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// Its access key id: `GS` and 18 characters of `A-Z2-7`. No AWS-issued id begins so, and no guard key's.
    pub id: String,
    /// Whom it stands for.
    pub principal: Principal,
    /// What vouched for that.
    pub voucher: Voucher,
    /// When it was issued.
    pub issued: Now,
    /// The last moment at which it holds.
    pub expires: Now,
    /// What was verified of its holder besides: at most 16, of at most 256 characters each.
    pub claims: BTreeMap<String, String>,
    /// The name that its holder asked for (`RoleSessionName`): chosen freely, and proof of nothing.
    pub label: Option<String>,
}

/// What vouches for the principal of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Voucher {
    /// STS, asked with `GetCallerIdentity`.
    Sts,
    /// A token of an issuer (`OpenID` Connect).
    WebIdentity {
        /// `iss`.
        issuer: String,
        /// `sub`.
        subject: String,
    },
    /// A certificate.
    Certificate {
        /// Its SPIFFE id, or its subject.
        name: String,
        /// SHA-256 of it.
        fingerprint: Digest,
    },
}

/// Why no session can be issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionFault {
    /// Not an id of sessions.
    Id,
    /// It ends before it begins, or later than twelve hours after.
    Time,
    /// More than 16 claims, or a claim with a name over 128 characters or a value over 256.
    Claims,
    /// A label that is not 2 to 64 characters of `A-Za-z0-9_+=,.@-`.
    Label,
}

/// What the id of every session begins with.
const PREFIX: &str = "GS";
/// Characters after the prefix, five random bits each.
const ID_CHARACTERS: usize = 18;
/// The longest that a session may last: as AWS has it for roles.
const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(12);
const CLAIMS_MAX: usize = 16;
const CLAIM_NAME_MAX: usize = 128;
const CLAIM_MAX: usize = 256;

impl Session {
    /// How many random bytes [`Session::fresh_id`] needs.
    pub const RANDOM: usize = 12;

    /// A new id: 90 random bits.
    pub fn fresh_id(random: [u8; Self::RANDOM]) -> String {
        let bits = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        PREFIX.chars().chain((0..ID_CHARACTERS).map(|at| base32(bits >> (5 * at)))).collect()
    }

    /// Whether `text` is an id that a session could have.
    pub fn is_id(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(|rest| {
            rest.len() == ID_CHARACTERS && rest.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        })
    }

    /// When a session ends that is issued now for so long: never later than the certificate that vouches for it.
    pub fn end(now: Now, lifetime: SignedDuration, certificate: Option<&PeerCertificate>) -> Now {
        let end = now.plus(lifetime);
        let not_after = certificate.and_then(|own| Timestamp::from_millisecond(own.not_after).ok());
        not_after.map_or(end, |not_after| end.min(not_after.into()))
    }

    /// Whether it still holds.
    pub fn holds(&self, now: Now) -> bool {
        now <= self.expires
    }

    /// That it is one that may be issued.
    pub(super) fn check(&self) -> Result<(), SessionFault> {
        let lifetime = self.expires.timestamp().duration_since(self.issued.timestamp());
        let is_label = |label: &String| {
            (2..=64).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
        };
        if !Self::is_id(&self.id) {
            Err(SessionFault::Id)
        } else if lifetime <= SignedDuration::ZERO || lifetime > LIFETIME_MAX {
            Err(SessionFault::Time)
        } else if !are_claims(&self.claims) {
            Err(SessionFault::Claims)
        } else if !self.label.as_ref().is_none_or(is_label) {
            Err(SessionFault::Label)
        } else {
            Ok(())
        }
    }
}

/// Whether claims are within their bounds.
pub(super) fn are_claims(claims: &BTreeMap<String, String>) -> bool {
    claims.len() <= CLAIMS_MAX
        && claims.iter().all(|(name, value)| {
            (1..=CLAIM_NAME_MAX).contains(&name.chars().count()) && value.chars().count() <= CLAIM_MAX
        })
}

/// Without claims, label and voucher: what they say may be personal.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("principal", &self.principal)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Voucher {
    /// Its kind: `sts`, `web-identity` or `certificate`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::WebIdentity { .. } => "web-identity",
            Self::Certificate { .. } => "certificate",
        }
    }
}

/// As records and notices name it: `sts`, `web-identity:ISSUER#SUBJECT`, `certificate:NAME`.
impl fmt::Display for Voucher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sts => f.write_str("sts"),
            Self::WebIdentity { issuer, subject } => write!(f, "web-identity:{issuer}#{subject}"),
            Self::Certificate { name, .. } => write!(f, "certificate:{name}"),
        }
    }
}

impl fmt::Display for SessionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id => "not the id of a session",
            Self::Time => "a session ends after it begins, and at most twelve hours after",
            Self::Claims => "more than 16 claims, or one with a name over 128 characters or a value over 256",
            Self::Label => "a session's name is 2 to 64 characters of `A-Za-z0-9_+=,.@-`",
        })
    }
}

impl std::error::Error for SessionFault {}
