//! Why nobody is proven to have signed a request.

use std::{error::Error, fmt, net::IpAddr};

use crate::{sigv4::AuthorizationFault, wire::ErrorType};

/// Why nobody is proven to have signed a request. Only what a stranger may know goes into the reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unverified {
    /// No `Authorization`.
    Missing,
    /// `X-Amz-*` in the query: a presigned request, or two proofs at once.
    Query,
    /// `Authorization` is not one of ours.
    Authorization(AuthorizationFault),
    /// `x-amz-date` is absent or misshapen, or `Date` says something else.
    Date,
    /// This header, `host`, `x-amz-date`, `content-type` or a present `x-amz-*`, is not among the signed ones; or it is
    /// among them, and absent or there twice. At most 64 characters of the name.
    SignedHeaders(String),
    /// The scope's service, Region or day is not the guard's or not that of `x-amz-date`.
    Scope(&'static str),
    /// Signed for a host that is not the guard.
    Host,
    /// `x-amz-content-sha256` is not the body's hash.
    ContentHash,
    /// Signed more than 300 s ago.
    Stale,
    /// Signed more than 300 s in the future.
    Future,
    /// An access key id that AWS issues: nobody but AWS can verify those.
    AwsKey,
    /// A session token with a key that has none, or none with one that has; or what no token can be.
    Token,
    /// No such key, or the signature is not that of these bytes: deliberately one case.
    Signature,
    /// Proven, but the time of the key or of the session is over.
    Expired {
        /// The key.
        key_id: String,
    },
    /// A certificate is required, and there is none, or it stands for nobody or for more than one.
    Certificate,
    /// The certificate of the connection has expired since the handshake.
    CertificateExpired,
    /// Proven twice, by a signature and a certificate, and not of the same principal.
    CertificateOfAnother,
    /// This `x-guard-*` header is there twice or is too long, or there are too many. At most 64 characters of the name.
    Note(String),
    /// Proven, but not from one of the key's networks.
    Network {
        /// The key.
        key_id: String,
        /// The source.
        source: IpAddr,
    },
}

impl Unverified {
    /// The reply's error type, as AWS names it.
    pub fn error(&self) -> ErrorType {
        match self {
            Self::Missing => ErrorType::MissingAuthenticationToken,
            Self::Query
            | Self::Authorization(_)
            | Self::Date
            | Self::SignedHeaders(_)
            | Self::Scope(_)
            | Self::Host
            | Self::ContentHash
            | Self::Signature => ErrorType::InvalidSignature,
            Self::Stale | Self::Future => ErrorType::RequestTimeTooSkewed,
            Self::AwsKey
            | Self::Token
            | Self::Certificate
            | Self::CertificateOfAnother
            | Self::Network { .. } => ErrorType::UnrecognizedClient,
            Self::Note(_) => ErrorType::InvalidRequest,
            Self::CertificateExpired | Self::Expired { .. } => ErrorType::ExpiredToken,
        }
    }

    /// A stable word for counters and summaries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Query => "query",
            Self::Authorization(_) => "authorization",
            Self::Date => "date",
            Self::SignedHeaders(_) => "signed-headers",
            Self::Scope(_) => "scope",
            Self::Host => "host",
            Self::ContentHash => "content-hash",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::AwsKey => "aws-key",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::Expired { .. } => "expired",
            Self::Certificate => "certificate",
            Self::CertificateExpired => "certificate-expired",
            Self::CertificateOfAnother => "certificate-of-another",
            Self::Note(_) => "note",
            Self::Network { .. } => "network",
        }
    }
}

/// For the caller: nothing he did not send himself.
impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the request is not signed"),
            Self::Query => f.write_str("a signature in the query is not accepted"),
            Self::Authorization(fault) => fault.fmt(f),
            Self::Date => f.write_str("`x-amz-date` is absent, misshapen or not what `date` says"),
            Self::SignedHeaders(name) => write!(f, "the header `{name}` must be there once and be signed"),
            Self::Scope(what) => write!(f, "the {what} in the scope of the signature does not fit"),
            Self::Host => f.write_str("the request is signed for another host"),
            Self::ContentHash => f.write_str("`x-amz-content-sha256` is not the hash of the body"),
            Self::Stale => f.write_str("the request was signed more than 300 s ago"),
            Self::Future => f.write_str("the request is signed more than 300 s in the future"),
            Self::AwsKey => f.write_str("keys issued by AWS cannot be verified here"),
            Self::Token => f.write_str("the session token does not belong to this kind of key"),
            Self::Signature => f.write_str("the key is unknown or the signature does not match"),
            Self::Expired { key_id } => write!(f, "the key `{key_id}` has expired"),
            Self::Certificate => {
                f.write_str("the connection has no certificate that stands for anybody here")
            }
            Self::CertificateExpired => f.write_str("the certificate of the connection has expired"),
            Self::CertificateOfAnother => {
                f.write_str("the signature and the certificate are not of the same principal")
            }
            Self::Note(name) => {
                write!(
                    f,
                    "the header `{name}` is there twice, is not 1 to 256 visible ASCII characters, or is one too many"
                )
            }
            Self::Network { key_id, .. } => write!(f, "the key `{key_id}` may not be used from here"),
        }
    }
}

impl Error for Unverified {}

impl From<AuthorizationFault> for Unverified {
    fn from(fault: AuthorizationFault) -> Self {
        Self::Authorization(fault)
    }
}
