//! Web identity tokens: signed JWTs (RFC 7519 in the compact form of RFC 7515), read once and strictly (RFC 8725).
//!
//! The only JSON reader is that of [`crate::wire`], which refuses doubled members, and the only cryptography that of
//! `aws-lc-rs`: a JOSE library would read the same header and claims a second time, more leniently. What the header may
//! choose is one key of the issuer's (`kid`) and one of the algorithms that the operator listed for that issuer; a key
//! in the header, or a place to fetch one from, is never looked at.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    clock::Now,
    wire::json::{Json, Object},
};

use super::{Algorithm, IssuerOptions, jwks::Key};

/// Characters of a token: what `AssumeRoleWithWebIdentity` takes.
pub(super) const TOKEN_MAX: usize = 20_000;
/// Characters of `kid`.
const KID_MAX: usize = 256;
/// Characters of `sub`: of `webIdentitySubjectType` of the STS API.
const SUBJECT_MAX: usize = 255;

/// A token that is well-formed. Nothing of it is proven. Has no `Debug`.
pub(super) struct Unproven<'a> {
    /// What was signed: the first two parts.
    signed: &'a str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    /// The id of the key it names.
    pub(super) kid: String,
    /// The issuer it names.
    pub(super) issuer: String,
    claims: Object,
}

/// What an issuer says of somebody, and for how long. Has no `Debug`: it holds names.
pub(super) struct Claims {
    /// `sub`.
    pub(super) subject: String,
    /// The first of the configured audiences that is in `aud`.
    pub(super) audience: String,
    /// `exp`: the first instant at which it holds no more.
    pub(super) expires: Now,
    /// All of them.
    pub(super) all: Object,
}

/// Why a token proves nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenFault {
    /// Not three parts of base64url without padding, or over 20,000 characters.
    Form,
    /// The header is not strict JSON, or has a member of another kind.
    Header,
    /// `alg` is none of the closed list: `none` and shared secrets are not in it.
    Algorithm,
    /// `alg` is not one of those listed for this issuer.
    NotListed,
    /// `crit`, or `b64` without it: something that must be understood and is not.
    Critical,
    /// `typ` says that it is something else.
    Type,
    /// No `kid`.
    NoKey,
    /// The claims are not strict JSON, or one that is needed is missing or of another kind; which.
    Claims(&'static str),
    /// The key is not for this algorithm.
    KeyKind,
    /// The signature is not that of these bytes under that key.
    Signature,
    /// `aud` is not this guard.
    Audience,
    /// `exp` is over.
    Expired,
    /// `nbf` or `iat` is still to come.
    NotYet,
}

impl<'a> Unproven<'a> {
    /// Reads a token.
    pub(super) fn read(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_MAX {
            return Err(TokenFault::Form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Form)?;
        let octets = |part: &str| {
            URL_SAFE_NO_PAD.decode(part).ok().filter(|octets| !octets.is_empty()).ok_or(TokenFault::Form)
        };
        let (header, claims, signature) = (octets(header)?, octets(claims)?, octets(signature)?);
        let (algorithm, kid) = read_header(&header)?;
        let claims = Json::read_object(&claims).map_err(|_| TokenFault::Claims("json"))?;
        let issuer = text(&claims, "iss")?;
        Ok(Self { signed, signature, algorithm, kid, issuer, claims })
    }

    /// The claims, when the key's owner signed them for this guard and for now.
    pub(super) fn prove(self, key: &Key, options: &IssuerOptions, now: Now) -> Result<Claims, TokenFault> {
        if !options.algorithms.contains(&self.algorithm) {
            return Err(TokenFault::NotListed);
        }
        if !key.is_for(self.algorithm) {
            return Err(TokenFault::KeyKind);
        }
        if !key.verifies(self.algorithm, self.signed.as_bytes(), &self.signature) {
            return Err(TokenFault::Signature);
        }
        // The keys were looked up by this very name: said again, where it matters.
        if self.issuer != options.issuer {
            return Err(TokenFault::Claims("iss"));
        }
        let subject = text(&self.claims, "sub")?;
        if subject.chars().count() > SUBJECT_MAX {
            return Err(TokenFault::Claims("sub"));
        }
        let audience = audience(&self.claims, options)?;
        let expires = timely(&self.claims, options, now)?;
        Ok(Claims { subject, audience, expires, all: self.claims })
    }
}

impl TokenFault {
    /// A stable word for counters.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Form | Self::Header | Self::Critical | Self::Type | Self::NoKey => "token-form",
            Self::Algorithm | Self::NotListed | Self::KeyKind => "token-algorithm",
            Self::Claims(_) => "token-claims",
            Self::Signature => "token-signature",
            Self::Audience => "token-audience",
            Self::Expired => "token-expired",
            Self::NotYet => "token-not-yet",
        }
    }

    /// What is said to whoever sent it: which part failed.
    pub(super) fn said(self) -> String {
        match self {
            Self::Form => "the token is not three parts of base64url, or too long".into(),
            Self::Header => "the header of the token cannot be read".into(),
            Self::Algorithm | Self::NotListed | Self::KeyKind => {
                "the token's algorithm is not accepted with this issuer and key".into()
            }
            Self::Critical => "the token's header has `crit` or `b64`, which are not understood".into(),
            Self::Type => "the token's `typ` says that it is something else".into(),
            Self::NoKey => "the token names no key (`kid`)".into(),
            Self::Claims(name) => format!("the token's claim `{name}` is missing or cannot be read"),
            Self::Signature => "the token's signature does not match".into(),
            Self::Audience => "Incorrect token audience".into(),
            Self::Expired => "Token expired: `exp` must be in the future".into(),
            Self::NotYet => "the token is not valid yet".into(),
        }
    }
}

fn read_header(octets: &[u8]) -> Result<(Algorithm, String), TokenFault> {
    let mut header = Json::read_object(octets).map_err(|_| TokenFault::Header)?;
    let mut member = |name: &str| header.take_string(name).map_err(|_| TokenFault::Header);
    let (algorithm, kid, typ) = (member("alg")?, member("kid")?, member("typ")?);
    // RFC 7797 section 7: no token is signed over other than its encoded form, whether `crit` says so or not.
    if header.get("crit").is_some() || header.get("b64").is_some() {
        return Err(TokenFault::Critical);
    }
    // RFC 9068 section 2.1 for access tokens; a logout token or a proof of possession is no identity.
    let is_kind = |kind: &String| {
        ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(kind))
    };
    if !typ.as_ref().is_none_or(is_kind) {
        return Err(TokenFault::Type);
    }
    let algorithm = algorithm.as_deref().and_then(Algorithm::read).ok_or(TokenFault::Algorithm)?;
    let kid = kid.filter(|kid| (1..=KID_MAX).contains(&kid.len())).ok_or(TokenFault::NoKey)?;
    Ok((algorithm, kid))
}

/// A string that is not empty.
fn text(claims: &Object, name: &'static str) -> Result<String, TokenFault> {
    match claims.get(name) {
        Some(Json::String(text)) if !text.is_empty() => Ok(text.clone()),
        _ => Err(TokenFault::Claims(name)),
    }
}

fn audience(claims: &Object, options: &IssuerOptions) -> Result<String, TokenFault> {
    let named: Vec<&str> = match claims.get("aud") {
        Some(Json::String(one)) => vec![one],
        Some(Json::Array(many)) => many
            .iter()
            .map(|one| match one {
                Json::String(one) => Ok(one.as_str()),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => {
                    Err(TokenFault::Claims("aud"))
                }
            })
            .collect::<Result<_, _>>()?,
        _ => return Err(TokenFault::Claims("aud")),
    };
    let own = options.audiences.iter().find(|own| named.contains(&own.as_str()));
    own.cloned().ok_or(TokenFault::Audience)
}

/// `exp`, when the time is right. An issuer's clock may be off by the leeway; a session never outlives `exp` itself, so
/// within the leeway there is none to be had any more.
fn timely(claims: &Object, options: &IssuerOptions, now: Now) -> Result<Now, TokenFault> {
    let leeway = jiff::SignedDuration::try_from(options.leeway).unwrap_or(jiff::SignedDuration::ZERO);
    let expires = instant(claims, "exp")?.ok_or(TokenFault::Claims("exp"))?;
    if expires <= now {
        return Err(TokenFault::Expired);
    }
    for name in ["nbf", "iat"] {
        if instant(claims, name)?.is_some_and(|from| from > now.plus(leeway)) {
            return Err(TokenFault::NotYet);
        }
    }
    Ok(expires)
}

/// A `NumericDate` (RFC 7519 section 2): seconds since 1970. Parts of a second are dropped: never later than meant.
fn instant(claims: &Object, name: &'static str) -> Result<Option<Now>, TokenFault> {
    let number = match claims.get(name) {
        None => return Ok(None),
        Some(Json::Number(number)) => number.as_str(),
        Some(_) => return Err(TokenFault::Claims(name)),
    };
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    if number.contains(['e', 'E', '-']) {
        return Err(TokenFault::Claims(name));
    }
    let at = whole.parse().ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    at.map(|at| Some(Now::from(at))).ok_or(TokenFault::Claims(name))
}

#[cfg(test)]
pub(super) mod tests;
