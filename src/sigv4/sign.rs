//! Signing a request with the guard's own credentials.

use std::{error::Error, fmt};

use aws_credential_types::Credentials as Signer;

use crate::{clock::Now, secret::Secret};

use super::canonical::{self, AUTHORIZATION, Scope, X_AMZ_DATE, X_AMZ_SECURITY_TOKEN};

/// AWS credentials to sign with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: String,
    /// The secret access key, UTF-8.
    pub secret: Secret,
    /// The session token of temporary credentials, UTF-8.
    pub session_token: Option<Secret>,
}

/// A request to be signed, or whose signature is to be checked. Has no `Debug`: it holds a body and perhaps a token.
#[derive(Clone, Copy)]
pub struct Signable<'a> {
    /// The method: capital letters.
    pub method: &'a str,
    /// Path and query in origin form, encoded, as sent.
    pub target: &'a str,
    /// Header fields, `host` among them; names lower-case, each once.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

/// Why a request could not be signed. Says nothing about values.
#[derive(Debug)]
pub enum SigningFault {
    /// The method is not one or more capital letters.
    Method,
    /// The target is not in origin form, has a fragment, or a `+` in its query, which has two readings.
    Target,
    /// There is no `host` among the headers.
    NoHost,
    /// A header is there twice.
    Doubled(String),
    /// A header is there that signing itself adds.
    Added(&'static str),
    /// The secret access key or the session token is not UTF-8.
    Secret,
    /// The target, a header name or a header value has a form that cannot be signed.
    Form(Box<dyn Error + Send + Sync>),
}

/// Signs all of `request.headers` and returns the fields to add (`x-amz-date`, `authorization`, and
/// `x-amz-security-token` with temporary credentials, which is signed too), in no particular order.
///
/// The signature is over the normalised path (RFC 3986 section 5.2.4, empty segments removed), percent-encoded once
/// more, over `now` in whole seconds, and over the SHA-256 of the body.
///
/// # Errors
/// See [`SigningFault`]; none of them depends on the secret's bytes.
pub fn sign(
    request: Signable<'_>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Now,
) -> Result<Vec<(&'static str, String)>, SigningFault> {
    for added in [X_AMZ_DATE, X_AMZ_SECURITY_TOKEN, AUTHORIZATION] {
        if request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(added)) {
            return Err(SigningFault::Added(added));
        }
    }
    let secret = credentials.secret.expose_str().ok_or(SigningFault::Secret)?;
    let token = match &credentials.session_token {
        None => None,
        Some(token) => Some(token.expose_str().ok_or(SigningFault::Secret)?.to_owned()),
    };
    let signer = Signer::new(&credentials.access_key_id, secret, token, None, "connect-guard");
    let scope = Scope { region, service, at: now.timestamp() };
    let (headers, _) = canonical::instructions(request, signer, scope)?.into_parts();
    Ok(headers.iter().map(|header| (header.name(), header.value().to_owned())).collect())
}

impl fmt::Display for SigningFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request cannot be signed: ")?;
        match self {
            Self::Method => f.write_str("its method is not made of capital letters"),
            Self::Target => f.write_str("its target has more than one reading"),
            Self::NoHost => f.write_str("it has no host"),
            Self::Doubled(name) => write!(f, "its header `{name}` is there twice"),
            Self::Added(name) => write!(f, "its header `{name}` is added by signing"),
            Self::Secret => f.write_str("the credentials are not text"),
            Self::Form(_) => f.write_str("its target or a header has a form that cannot be signed"),
        }
    }
}

impl Error for SigningFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Form(source) => Some(source.as_ref()),
            Self::Method | Self::Target | Self::NoHost | Self::Doubled(_) | Self::Added(_) | Self::Secret => {
                None
            }
        }
    }
}
