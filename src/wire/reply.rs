//! The reply, always in the form AWS clients parse: `x-amzn-ErrorType`, `x-amzn-RequestId`, `{"Message": "..."}`.
//!
//! Measured: every client takes any 2xx for success, retries every 5xx and 429, and takes the error's name from
//! `x-amzn-ErrorType`, whatever the status. So a refusal is a 403 with a name, and nothing undone is ever a 2xx.

use std::{error::Error, fmt, pin::Pin, time::Duration};

use bytes::Bytes;

use super::RequestId;

/// The header field that says by one word why nobody is proven to have signed a request. AWS has one error type for most of
/// that, and so has the guard; a relay reads here whether it is about its session or about what an application asked for.
pub const FAULT: &str = "x-guard-fault";

/// The errors the guard answers with: a closed list, the contract's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// 403: refused by policy, unknown or forbidden operation, freeze.
    AccessDenied,
    /// 403: no proof at all.
    MissingAuthenticationToken,
    /// 403: the proof does not hold.
    InvalidSignature,
    /// 403: the proof's time is over.
    ExpiredToken,
    /// 403: signed too long ago or in the future.
    RequestTimeTooSkewed,
    /// 403: not a kind of credential that this guard can verify.
    UnrecognizedClient,
    /// 400: malformed or ambiguous.
    InvalidRequest,
    /// 400: a value that Connect's documentation or the guard's stricter rules exclude.
    InvalidParameter,
    /// 405 with `InvalidRequestException`.
    MethodNotAllowed,
    /// 408 with `InvalidRequestException`.
    RequestTimeout,
    /// 413 with `InvalidRequestException`.
    ContentTooLarge,
    /// 415 with `InvalidRequestException`.
    UnsupportedMediaType,
    /// 431 with `InvalidRequestException`.
    HeadTooLarge,
    /// 404: unknown to Connect.
    ResourceNotFound,
    /// 409: another change of this user is open; a retry that is superseded, or whose first arrival had no known outcome.
    Conflict,
    /// 429: rate or quota.
    Throttling,
    /// 503: not available, nothing sent.
    ServiceUnavailable,
    /// 500: sent, outcome unknown.
    InternalService,
}

/// A reply's body could not be read to its end: the connection to the caller is cut, so it cannot look whole.
#[derive(Debug)]
pub struct Broken(pub String);

/// A reply's body.
pub enum Body {
    /// All of it.
    Whole(Bytes),
    /// As it comes from Connect (ordinary operations only).
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Broken> + Send>>),
}

/// What goes back to the caller.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Header fields, but for `content-length`, `connection` and `date`, which the server writes.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether the connection ends with this reply.
    pub close: bool,
}

impl ErrorType {
    /// The status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::AccessDenied
            | Self::MissingAuthenticationToken
            | Self::InvalidSignature
            | Self::ExpiredToken
            | Self::RequestTimeTooSkewed
            | Self::UnrecognizedClient => 403,
            Self::InvalidRequest | Self::InvalidParameter => 400,
            Self::MethodNotAllowed => 405,
            Self::RequestTimeout => 408,
            Self::ContentTooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::HeadTooLarge => 431,
            Self::ResourceNotFound => 404,
            Self::Conflict => 409,
            Self::Throttling => 429,
            Self::ServiceUnavailable => 503,
            Self::InternalService => 500,
        }
    }

    /// The name in `x-amzn-ErrorType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::MissingAuthenticationToken => "MissingAuthenticationTokenException",
            Self::InvalidSignature => "InvalidSignatureException",
            Self::ExpiredToken => "ExpiredTokenException",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::UnrecognizedClient => "UnrecognizedClientException",
            Self::InvalidRequest
            | Self::MethodNotAllowed
            | Self::RequestTimeout
            | Self::ContentTooLarge
            | Self::UnsupportedMediaType
            | Self::HeadTooLarge => "InvalidRequestException",
            Self::InvalidParameter => "InvalidParameterException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Conflict => "ConflictException",
            Self::Throttling => "ThrottlingException",
            Self::ServiceUnavailable => "ServiceUnavailableException",
            Self::InternalService => "InternalServiceException",
        }
    }
}

impl Reply {
    /// An AWS-shaped error.
    pub fn error(error: ErrorType, message: &str, id: &RequestId) -> Self {
        let body = serde_json::json!({ "Message": message }).to_string();
        Self {
            status: error.status(),
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-amzn-errortype", error.name().into()),
                ("x-amzn-requestid", id.as_str().into()),
            ],
            body: Body::Whole(body.into()),
            close: false,
        }
    }

    /// With when to come back: `Retry-After` in whole seconds rounded up, `x-amz-retry-after` in milliseconds.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
        self.headers.push(("retry-after", millis.div_ceil(1000).to_string()));
        self.headers.push(("x-amz-retry-after", millis.to_string()));
        self
    }

    /// Ending the connection.
    #[must_use]
    pub fn closing(mut self) -> Self {
        self.close = true;
        self
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Broken {}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ErrorType; 18] = [
        ErrorType::AccessDenied,
        ErrorType::MissingAuthenticationToken,
        ErrorType::InvalidSignature,
        ErrorType::ExpiredToken,
        ErrorType::RequestTimeTooSkewed,
        ErrorType::UnrecognizedClient,
        ErrorType::InvalidRequest,
        ErrorType::InvalidParameter,
        ErrorType::MethodNotAllowed,
        ErrorType::RequestTimeout,
        ErrorType::ContentTooLarge,
        ErrorType::UnsupportedMediaType,
        ErrorType::HeadTooLarge,
        ErrorType::ResourceNotFound,
        ErrorType::Conflict,
        ErrorType::Throttling,
        ErrorType::ServiceUnavailable,
        ErrorType::InternalService,
    ];

    #[test]
    fn no_error_is_a_success() {
        for error in ALL {
            assert!((400..=599).contains(&error.status()), "{error:?}");
            assert!(!error.name().is_empty());
        }
    }

    #[test]
    fn an_error_has_the_form_that_aws_clients_read() {
        let reply = Reply::error(ErrorType::AccessDenied, "no \"rule\"", &RequestId::from("r-1")).closing();
        assert_eq!(reply.status, 403);
        assert!(reply.close);
        let expected = [
            ("content-type", "application/json"),
            ("x-amzn-errortype", "AccessDeniedException"),
            ("x-amzn-requestid", "r-1"),
        ];
        assert!(reply.headers.iter().map(|(name, value)| (*name, value.as_str())).eq(expected));
        let Body::Whole(body) = reply.body else { panic!("not whole") };
        assert_eq!(body, r#"{"Message":"no \"rule\""}"#);
    }

    #[test]
    fn when_to_come_back_is_said_twice() {
        let said = |millis: u64| {
            let reply = Reply::error(ErrorType::Throttling, "slow down", &RequestId::from("r"));
            reply.retry_after(Duration::from_millis(millis)).headers.split_off(3)
        };
        let both = |seconds: &str, millis: &str| {
            vec![("retry-after", seconds.to_owned()), ("x-amz-retry-after", millis.to_owned())]
        };
        assert_eq!(said(0), both("1", "1"));
        assert_eq!(said(1000), both("1", "1000"));
        assert_eq!(said(1001), both("2", "1001"));
    }
}
