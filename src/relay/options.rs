//! What the relay is told: where the gateway and the session listener are, and how it proves who it is.

use std::path::PathBuf;

use crate::client::{ClientBounds, Endpoint};

/// What a relay needs.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The guard's gateway listener.
    pub gateway: Endpoint,
    /// Bounds of the client that calls it.
    pub bounds: ClientBounds,
    /// How a session is had, and where.
    pub session: SessionAt,
    /// The Region of requests that are not signed.
    pub region: String,
    /// The most octets of a request's body.
    pub body: usize,
}

/// Where a session is had, and by which proof.
#[derive(Debug, Clone)]
pub struct SessionAt {
    /// The guard's session listener.
    pub endpoint: Endpoint,
    /// The audience that the listener must be: what is signed for it is good for no other guard.
    pub audience: String,
    /// The proof.
    pub proof: ProofBy,
    /// A client certificate, shown to the session listener and to the gateway.
    pub certificate: Option<CertificateFiles>,
}

/// How the relay proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofBy {
    /// One `GetCallerIdentity`, signed with AWS credentials of its own and sent to AWS by the guard.
    Sts {
        /// The profile of the AWS files; none: the SDK's chain (environment, profile, web identity, container, instance).
        profile: Option<String>,
        /// The Region whose STS it is signed for.
        region: String,
    },
    /// The token of an issuer that the guard trusts; read again for every session.
    WebIdentity {
        /// The file with the token.
        token_file: PathBuf,
        /// The role that the guard maps the token's claims to.
        role: String,
        /// A label for the session, unverified: 2 to 64 characters.
        label: String,
    },
    /// The client certificate.
    Certificate,
}

/// A client certificate, read again for every session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain, PEM, its own certificate first.
    pub chain: PathBuf,
    /// Its key, PEM; refused when others may read it.
    pub key: PathBuf,
}
