//! A request that has one reading: its head, and with its body.

use std::{error::Error, fmt};

use bytes::Bytes;

use super::{ErrorType, Headers, Occurs, Origin, Peer, RequestTarget, quoted};

/// Characters of a method that is well-formed though unknown; the longest registered one has seventeen.
const MOST_METHOD: usize = 20;

/// Fields that would give a request a second reading: another framing, protocol, operation or kind of signature.
const NEVER: [&str; 7] = [
    "smithy-protocol",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-amz-decoded-content-length",
    "x-amz-target",
    "x-amz-trailer",
];

/// Fields of which one is meant, besides every `x-amz-*` and `amz-sdk-*`.
const SINGLE: [&str; 8] = [
    "authorization",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "expect",
    "host",
    "user-agent",
];

/// The methods of Connect's API; every other is answered 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// GET
    Get,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
}

/// Why a request has no single reading. `error` decides the status, `why` is for the operator *and* the caller: it says
/// nothing the caller did not send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// The reply's error type.
    pub error: ErrorType,
    /// What is wrong: lower case, no full stop.
    pub why: String,
}

/// A request's head.
#[derive(Debug, Clone)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The target in normal form.
    pub target: RequestTarget,
    /// The header fields.
    pub headers: Headers,
    /// Where it came from.
    pub origin: Origin,
    /// Whom its connection is with.
    pub peer: Peer,
}

/// A whole request.
#[derive(Debug, Clone)]
pub struct WireRequest {
    /// Its head.
    pub head: Head,
    /// Its body, as sent; empty when there is none.
    pub body: Bytes,
}

impl Method {
    /// Reads a method, exactly as registered: upper case.
    pub fn read(text: &str) -> Option<Self> {
        Some(match text {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// Reads a method, or says how to refuse it: 405 for another well-formed one (upper-case letters and `-`), 400 for
    /// what is none.
    pub(super) fn expect(text: &str) -> Result<Self, Malformed> {
        let well_formed = (1..=MOST_METHOD).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
        Self::read(text).ok_or_else(|| {
            if well_formed {
                Malformed::with(
                    ErrorType::MethodNotAllowed,
                    format!("method {} is not one of this API", quoted(text)),
                )
            } else {
                Malformed::form(format!("method {} is not a method", quoted(text)))
            }
        })
    }

    /// The method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl Head {
    /// Reads a head: method, target, and header fields that may not be there at all (`Transfer-Encoding`, `Trailer`,
    /// `Upgrade`, `X-Amz-Target`, `smithy-protocol`, what belongs to `aws-chunked`, `Expect` other than `100-continue`,
    /// `Content-Encoding`), or not twice (`Host`, `Authorization`, `Content-*`, `Date`, `Expect`, `User-Agent`, every
    /// `x-amz-*`, `amz-sdk-*`). `X-Amz-*` in the query is refused as query authentication. All other fields, method
    /// overrides, `Forwarded` and the names in `Connection` among them, mean nothing to this guard.
    ///
    /// # Errors
    /// 400 `InvalidRequestException` but for 403 `InvalidSignatureException` (query authentication), 405 and 415.
    pub fn read<'a>(
        method: &str,
        target: &str,
        fields: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        origin: Origin,
    ) -> Result<Self, Malformed> {
        let method = Method::expect(method)?;
        let target = RequestTarget::read(target)?;
        let headers = Headers::read(fields)?;
        if target.query().iter().any(|pair| pair.name.to_ascii_lowercase().starts_with("x-amz-")) {
            let why = "query authentication (`X-Amz-*` in the query) is not accepted";
            return Err(Malformed::with(ErrorType::InvalidSignature, why));
        }
        for (name, value) in headers.iter() {
            check_field(name, value)?;
            if is_single(name) && headers.occurs(name) == Occurs::Many {
                return Err(Malformed::form(format!("header {} occurs more than once", quoted(name))));
            }
        }
        Ok(Self { method, target, headers, origin, peer: Peer::default() })
    }

    /// The same head, come over a connection with this peer.
    #[must_use]
    pub fn over(self, peer: Peer) -> Self {
        Self { peer, ..self }
    }
}

impl WireRequest {
    /// Whether the body is what it must be where a body is JSON: exactly `application/json`, with no parameter but
    /// `charset=utf-8`. A request without a body may also have no `Content-Type`.
    ///
    /// # Errors
    /// 415 `InvalidRequestException`.
    pub fn expect_json(&self) -> Result<(), Malformed> {
        let refuse = |why: &str| Err(Malformed::with(ErrorType::UnsupportedMediaType, why));
        let value = match self.head.headers.occurs("content-type") {
            Occurs::One(value) => value,
            Occurs::Absent if self.body.is_empty() => return Ok(()),
            Occurs::Absent => return refuse("a body without `content-type`"),
            Occurs::Many => return refuse("more than one `content-type`"),
        };
        let (kind, parameter) = match value.split_once(';') {
            None => (value, None),
            Some((kind, parameter)) => (kind.trim_end(), Some(parameter.trim_start())),
        };
        let utf8 = parameter.is_none_or(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"));
        if kind.eq_ignore_ascii_case("application/json") && utf8 {
            return Ok(());
        }
        refuse("the only `content-type` is `application/json`")
    }
}

impl Malformed {
    /// Bad form: 400 `InvalidRequestException`.
    pub fn form(why: impl Into<String>) -> Self {
        Self { error: ErrorType::InvalidRequest, why: why.into() }
    }

    /// Bad form with a status of its own (405, 413, 415, 431 ...).
    pub fn with(error: ErrorType, why: impl Into<String>) -> Self {
        Self { error, why: why.into() }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl Error for Malformed {}

fn check_field(name: &str, value: &str) -> Result<(), Malformed> {
    if NEVER.contains(&name) {
        return Err(Malformed::form(format!("header `{name}` is not accepted")));
    }
    if name == "content-encoding" {
        return Err(Malformed::with(
            ErrorType::UnsupportedMediaType,
            "header `content-encoding` is not accepted",
        ));
    }
    if name == "expect" && !value.eq_ignore_ascii_case("100-continue") {
        return Err(Malformed::form("header `expect`: only `100-continue` is accepted"));
    }
    Ok(())
}

fn is_single(name: &str) -> bool {
    SINGLE.contains(&name) || name.starts_with("x-amz-") || name.starts_with("amz-sdk-")
}

#[cfg(test)]
mod tests;
