//! What a session listener is told: how long sessions last, and whom it believes. Plain values; [`super::Exchange::new`]
//! looks at them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

use crate::caller::Arn;

/// What the exchange goes by.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The name of this guard in proofs: 1 to 256 of `A-Za-z0-9._:/-`. A proof for another audience is none here.
    pub audience: String,
    /// How long a session lasts at most: 1 minute to 12 hours. Default 15 minutes.
    pub lifetime: Duration,
    /// Proofs by STS; none are taken without it.
    pub sts: Option<StsOptions>,
    /// Issuers of web identity tokens; each named once.
    pub issuers: Vec<IssuerOptions>,
    /// Which claims are which role. The first that fits is taken.
    pub roles: Vec<RoleMapping>,
    /// Who may freeze and lift.
    pub freeze: FreezeRights,
}

/// Whose proofs STS is asked about.
#[derive(Debug, Clone)]
pub struct StsOptions {
    /// Accounts whose principals get sessions: twelve digits each, at least one.
    pub accounts: BTreeSet<String>,
    /// Regions whose STS is asked, at least one; each must be in the table of [`super::StsHost`].
    pub regions: BTreeSet<String>,
    /// Connect to this host (a name or an address) and port instead: the name that is verified and signed stays STS's.
    pub address: Option<(String, u16)>,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// Connecting, and then waiting for the answer, take at most so long each. Default 5 s.
    pub timeout: Duration,
}

/// An issuer of web identity tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerOptions {
    /// `iss`, exactly.
    pub issuer: String,
    /// One of `aud` must be one of these; at least one.
    pub audiences: BTreeSet<String>,
    /// The algorithms a token may be signed with; at least one.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub jwks: Jwks,
    /// How far its clock may be off: at most 60 s. Default 30 s.
    pub leeway: Duration,
}

/// Where an issuer's keys are (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Jwks {
    /// At a URL.
    Url {
        /// `https://host[:port][/path][?query]`.
        url: String,
        /// Trust these CAs (PEM) instead of the platform's.
        ca_file: Option<PathBuf>,
        /// Networks that are not public and may be connected to all the same.
        private: Vec<IpNet>,
    },
    /// In a file, which may be replaced at any time.
    File(PathBuf),
}

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037). No `none`, and no shared secrets: there is no word for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// Claims that are a role.
#[derive(Debug, Clone)]
pub struct RoleMapping {
    /// The issuer they come from.
    pub issuer: String,
    /// Claims by name: all must be there and equal. At least one. Strings, and numbers and booleans as written.
    pub claims: BTreeMap<String, String>,
    /// The role: `arn:aws:iam::A:role/NAME`.
    pub role: Arn,
    /// Names of claims that become part of the session when they are there: at most 16.
    pub carry: Vec<String>,
}

/// Who may freeze changes and lift a freeze, as rules name callers: ARNs of users and roles (a role stands for its
/// sessions), and roles with `*` inside the name. Nobody when empty.
#[derive(Debug, Clone, Default)]
pub struct FreezeRights {
    /// Who may freeze.
    pub freeze: Vec<String>,
    /// Who may lift what somebody else froze.
    pub unfreeze: Vec<String>,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::EdDsa,
    ];

    /// Its name in `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name, letter by letter.
    pub fn read(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            audience: String::new(),
            lifetime: Duration::from_mins(15),
            sts: None,
            issuers: Vec::new(),
            roles: Vec::new(),
            freeze: FreezeRights::default(),
        }
    }
}
