//! Why there is no session. What is said holds no secret, no token and no signature.

use std::{error::Error, fmt, io, path::PathBuf, time::Duration};

use crate::{
    client::{ClientError, Unusable},
    secret::SecretError,
    session::proof::ProofFault,
    sigv4::SigningFault,
};

/// Why no session is to be had.
#[derive(Debug)]
pub enum NoSession {
    /// The SDK's chain gives no AWS credentials, or must not be asked for any; in words.
    OwnCredentials(String),
    /// What the SDK would ask of AWS would go elsewhere; in words.
    Redirected(String),
    /// The token's file cannot be read.
    Token {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The certificate's file cannot be read.
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A secret cannot be read: the certificate's key, or a guard key's secret.
    Secret(SecretError),
    /// There can be no client for the listener.
    Client(Unusable),
    /// The listener did not answer.
    Unreachable(ClientError),
    /// The listener refused.
    Refused {
        /// The status.
        status: u16,
        /// The error's name, as AWS names it; empty when there is none.
        error: String,
        /// What it says.
        message: String,
    },
    /// The listener is of another guard: nothing was signed for it.
    Audience {
        /// Its audience.
        found: String,
        /// The one that was configured.
        expected: String,
    },
    /// What came back is no answer of a session listener.
    Answer(&'static str),
    /// The proof for STS cannot be made.
    Proof(ProofFault),
    /// What was to be sent cannot be signed.
    Signing(SigningFault),
    /// Another run of this command is under way and does not end; in words.
    Circle(String),
    /// The system gives no threads or descriptors.
    System(io::Error),
    /// It took longer than this.
    Timeout(Duration),
}

impl NoSession {
    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::OwnCredentials(_) => {
                Some("`aws sts get-caller-identity` with the same profile shows whether AWS knows you")
            }
            Self::Redirected(_) => Some("unset it, or take it out of the profile"),
            Self::Audience { .. } => {
                Some("if that is your guard, set the audience to what its `[session]` says")
            }
            Self::Unreachable(_) | Self::Timeout(_) => Some(
                "is the session listener's URL right, does the CA file hold its authority, and does it want a certificate (`client_ca`)?",
            ),
            Self::Refused { error, .. } if error == "InvalidSignatureException" => {
                Some("the id of the key and its secret do not go together")
            }
            Self::Refused { status: 403, .. } => Some(
                "the guard's configuration says who may: `[session]` who is given one, `[freeze]` who freezes and who lifts",
            ),
            Self::Circle(_) => Some(
                "a profile whose `credential_process` is this command must not be the one it proves with: give --profile",
            ),
            Self::Proof(ProofFault::Part("accessKeyId")) => Some(
                "AWS credentials prove who one is, not those of the guard: name their profile with --profile",
            ),
            Self::System(_)
            | Self::Token { .. }
            | Self::Certificate { .. }
            | Self::Secret(_)
            | Self::Client(_)
            | Self::Refused { .. }
            | Self::Answer(_)
            | Self::Proof(_)
            | Self::Signing(_) => None,
        }
    }
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnCredentials(why) => write!(f, "no aws credentials: {why}"),
            Self::Token { path, source } => write!(f, "token file `{}`: {source}", path.display()),
            Self::Certificate { path, source } => write!(f, "certificate `{}`: {source}", path.display()),
            Self::Secret(source) => source.fmt(f),
            Self::Client(source) => source.fmt(f),
            Self::Unreachable(source) => write!(f, "session listener: {source}"),
            Self::Refused { status, error, message } if error.is_empty() => {
                write!(f, "the session listener answered {status}: {message}")
            }
            Self::Refused { status, error, message } => {
                write!(f, "the session listener answered {status} {error}: {message}")
            }
            Self::Audience { found, expected } => {
                write!(f, "the session listener is `{found}`, not `{expected}`: nothing was signed for it")
            }
            Self::Answer(what) => write!(f, "the session listener's answer is none: {what}"),
            Self::Proof(source) => source.fmt(f),
            Self::Signing(source) => source.fmt(f),
            Self::Redirected(why) | Self::Circle(why) => f.write_str(why),
            Self::System(source) => source.fmt(f),
            Self::Timeout(limit) => write!(f, "no session within {} s", limit.as_secs()),
        }
    }
}

impl Error for NoSession {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Token { source, .. } | Self::Certificate { source, .. } | Self::System(source) => {
                Some(source)
            }
            Self::Secret(source) => Some(source),
            Self::Client(source) => Some(source),
            Self::Unreachable(source) => Some(source),
            Self::Proof(source) => Some(source),
            Self::Signing(source) => Some(source),
            Self::OwnCredentials(_)
            | Self::Redirected(_)
            | Self::Circle(_)
            | Self::Refused { .. }
            | Self::Audience { .. }
            | Self::Answer(_)
            | Self::Timeout(_) => None,
        }
    }
}
