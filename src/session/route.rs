//! The closed list of what a session listener answers.

use crate::wire::{Head, Method};

use super::stop::Stop;

/// A route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// `POST /v1/nonce`
    Nonce,
    /// `POST /v1/session/sts`
    Sts,
    /// `POST /v1/session/certificate`
    Certificate,
    /// `POST /`: STS's query protocol.
    WebIdentity,
    /// `POST /v1/freeze`
    Freeze,
    /// `POST /v1/unfreeze`
    Unfreeze,
    /// `POST /v1/freezes`
    Freezes,
}

/// Octets of a JSON body.
const JSON_MAX: usize = 16 * 1024;
/// Octets of a form: a token of 20,000 characters, percent-encoded where it needs to be, and the rest.
const FORM_MAX: usize = 32 * 1024;

impl Route {
    /// The route of a head.
    pub(super) fn of(head: &Head) -> Result<Self, Stop> {
        let route = match head.target.raw() {
            "/" => Self::WebIdentity,
            "/v1/nonce" => Self::Nonce,
            "/v1/session/sts" => Self::Sts,
            "/v1/session/certificate" => Self::Certificate,
            "/v1/freeze" => Self::Freeze,
            "/v1/unfreeze" => Self::Unfreeze,
            "/v1/freezes" => Self::Freezes,
            _ => return Err(Stop::Path),
        };
        if head.method == Method::Post { Ok(route) } else { Err(Stop::Method) }
    }

    /// Octets of body that may follow.
    pub(super) fn body(self) -> usize {
        match self {
            Self::WebIdentity => FORM_MAX,
            Self::Nonce | Self::Sts | Self::Certificate | Self::Freeze | Self::Unfreeze | Self::Freezes => {
                JSON_MAX
            }
        }
    }

    /// Whether its requests are signed like any call.
    pub(super) fn is_signed(self) -> bool {
        match self {
            Self::Freeze | Self::Unfreeze | Self::Freezes => true,
            Self::Nonce | Self::Sts | Self::Certificate | Self::WebIdentity => false,
        }
    }

    /// The word for logs and counters.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nonce => "nonce",
            Self::Sts => "sts",
            Self::Certificate => "certificate",
            Self::WebIdentity => "web-identity",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Freezes => "freezes",
        }
    }
}
