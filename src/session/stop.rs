//! Where a request for a session stops, and what its caller is told: the one match from errors to replies, in the form of
//! the route. The caller learns which part failed, and of accounts, roles and freezes no more than AWS would say.

use std::time::Duration;

use crate::{
    caller::{IssueFault, Unverified},
    ledger::{NotLifted, Unwritten},
    limit::Limited,
    secret::SealError,
    wire::{ErrorType, Malformed, Reply, RequestId},
};

use super::{
    answer::AnswerFault, form::FormFault, jwt::TokenFault, mapping::TooLong, nonce::NonceFault, route::Route,
    sts::StsFault, xml,
};

/// Where a request stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// No such path.
    Path,
    /// The path is there, for another method.
    Method,
    /// The request has no reading.
    Malformed(Malformed),
    /// A form of STS's protocol has no reading.
    Form(FormFault),
    /// The source, or the caller, has used up its rate.
    Limited(Limited),
    /// As many proofs as may be are being looked at.
    Busy,
    /// This guard takes no proofs of this kind.
    NotServed,
    /// The nonce.
    Nonce(NonceFault),
    /// The nonce was spent before.
    Spent,
    /// Signed more than 300 s ago or ahead.
    Skewed,
    /// STS proves nobody.
    Sts(StsFault),
    /// A web identity token proves nobody.
    Token(TokenFault),
    /// No such issuer is configured.
    Issuer,
    /// The issuer has no key of the id that the token names.
    Key,
    /// The issuer's keys cannot be had.
    Keys,
    /// What is verified is not the role that is asked for.
    Role,
    /// A claim that is to be carried is too long.
    Claim(TooLong),
    /// The connection has no certificate.
    NoCertificate,
    /// The certificate stands for nobody.
    Certificate,
    /// What vouches for the session is over.
    Over,
    /// The session could not be issued.
    Issue(IssueFault),
    /// Nothing could be sealed.
    Seal(SealError),
    /// Nobody is proven to have signed it.
    Unverified(Unverified),
    /// The caller may not freeze, lift or see.
    Rights,
    /// The policy in force revokes the caller; or it is not known whom it revokes, and a freeze was to be lifted.
    Revoked,
    /// The freeze could not be lifted.
    NotLifted(NotLifted),
    /// The ledger could not be written or read.
    Unwritten(Unwritten),
}

/// When to come back to a guard that is busy.
const BUSY: Duration = Duration::from_secs(1);

impl Stop {
    /// The stable word for logs and counters.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Method => "method",
            Self::Malformed(_) => "malformed",
            Self::Form(_) => "form",
            Self::Limited(_) => "limited",
            Self::Busy => "busy",
            Self::NotServed => "not-served",
            Self::Nonce(NonceFault::Forged) => "nonce",
            Self::Nonce(NonceFault::Over) => "nonce-over",
            Self::Spent => "nonce-spent",
            Self::Skewed => "skewed",
            Self::Sts(fault) => sts_code(fault),
            Self::Token(fault) => fault.code(),
            Self::Issuer => "issuer",
            Self::Key => "issuer-key",
            Self::Keys => "issuer-unavailable",
            Self::Role => "role",
            Self::Claim(_) => "claim",
            Self::NoCertificate => "no-certificate",
            Self::Certificate => "certificate",
            Self::Over => "over",
            Self::Issue(_) => "issue",
            Self::Seal(_) => "seal",
            Self::Unverified(unverified) => unverified.code(),
            Self::Rights => "rights",
            Self::Revoked => "revoked",
            Self::NotLifted(NotLifted::Unknown) => "freeze-unknown",
            Self::NotLifted(NotLifted::BySame) => "freeze-by-same",
            Self::NotLifted(NotLifted::Unwritten(_)) | Self::Unwritten(_) => "unwritten",
        }
    }

    /// What the log says besides: what the other side of a connection did, never what it wrote.
    pub(super) fn why(&self) -> Option<String> {
        match self {
            // What follows in backticks is what it wrote.
            Self::Malformed(malformed) => malformed.why.split('`').next().map(str::to_owned),
            Self::Sts(StsFault::Client(error)) => Some(error.to_string()),
            Self::Sts(StsFault::Answer(fault)) => Some(format!("{fault:?}").to_ascii_lowercase()),
            Self::Token(fault) => Some(fault.said()),
            Self::Seal(fault) => Some(fault.to_string()),
            Self::Issue(fault) => Some(fault.to_string()),
            Self::Unwritten(unwritten) | Self::NotLifted(NotLifted::Unwritten(unwritten)) => {
                Some(unwritten.to_string())
            }
            Self::Path
            | Self::Method
            | Self::Form(_)
            | Self::Limited(_)
            | Self::Busy
            | Self::NotServed
            | Self::Nonce(_)
            | Self::Spent
            | Self::Skewed
            | Self::Sts(StsFault::Region | StsFault::Address | StsFault::Trust)
            | Self::Issuer
            | Self::Key
            | Self::Keys
            | Self::Role
            | Self::Claim(_)
            | Self::NoCertificate
            | Self::Certificate
            | Self::Over
            | Self::Unverified(_)
            | Self::Rights
            | Self::Revoked
            | Self::NotLifted(NotLifted::Unknown | NotLifted::BySame) => None,
        }
    }

    /// Whether it is a proof that failed, and charged to its source. What the other side could not help is not.
    pub(super) fn is_failed_proof(&self) -> bool {
        match self {
            Self::Malformed(_)
            | Self::Form(_)
            | Self::Nonce(_)
            | Self::Spent
            | Self::Skewed
            | Self::Token(_)
            | Self::Issuer
            | Self::Key
            | Self::Role
            | Self::Claim(_)
            | Self::NoCertificate
            | Self::Certificate
            | Self::Unverified(_)
            | Self::Sts(StsFault::Region) => true,
            Self::Sts(StsFault::Answer(fault)) => match fault {
                AnswerFault::Status(_) => false,
                AnswerFault::Refused
                | AnswerFault::Rejected(_)
                | AnswerFault::ContentType
                | AnswerFault::TooLong
                | AnswerFault::Xml
                | AnswerFault::Shape(_)
                | AnswerFault::Principal
                | AnswerFault::UniqueId
                | AnswerFault::Account
                | AnswerFault::Partition => true,
            },
            Self::Sts(StsFault::Address | StsFault::Client(_) | StsFault::Trust)
            | Self::Path
            | Self::Method
            | Self::Limited(_)
            | Self::Busy
            | Self::NotServed
            | Self::Keys
            | Self::Over
            | Self::Issue(_)
            | Self::Seal(_)
            | Self::Rights
            | Self::Revoked
            | Self::NotLifted(_)
            | Self::Unwritten(_) => false,
        }
    }

    /// The reply, in the form of the route.
    pub(super) fn reply(&self, route: Option<Route>, id: &RequestId) -> Reply {
        let (error, message) = self.said();
        let wait = if let Self::Limited(limited) = self {
            Some(limited.wait)
        } else {
            matches!(self, Self::Busy).then_some(BUSY)
        };
        let reply = match route {
            Some(Route::WebIdentity) => {
                let (status, code) = self.of_sts(error);
                xml::error(status, code, &message, id)
            }
            Some(_) | None => Reply::error(error, &message, id),
        };
        match wait {
            Some(wait) => reply.retry_after(wait),
            None => reply,
        }
    }

    /// The error type, and what the caller reads.
    fn said(&self) -> (ErrorType, String) {
        let plain = |error: ErrorType, text: &str| (error, text.to_owned());
        match self {
            Self::Path => plain(ErrorType::ResourceNotFound, "there is nothing at this path"),
            Self::Method => plain(ErrorType::MethodNotAllowed, "only POST is answered here"),
            Self::Malformed(malformed) => (malformed.error, malformed.to_string()),
            Self::Form(fault) => (ErrorType::InvalidRequest, fault.said().1),
            Self::Limited(_) => plain(ErrorType::Throttling, "Rate exceeded"),
            Self::Busy => plain(ErrorType::ServiceUnavailable, "too many proofs are being looked at"),
            Self::NotServed => plain(ErrorType::AccessDenied, "proofs of this kind are not taken here"),
            Self::Nonce(NonceFault::Forged) => plain(
                ErrorType::InvalidSignature,
                "the nonce is not one of this guard's, or for another audience",
            ),
            Self::Nonce(NonceFault::Over) => {
                plain(ErrorType::ExpiredToken, "the nonce is over: ask for another")
            }
            Self::Spent => plain(ErrorType::InvalidSignature, "the nonce was used before: ask for another"),
            Self::Skewed => plain(
                ErrorType::RequestTimeTooSkewed,
                "the proof was signed more than 300 s ago or in the future: compare the clocks",
            ),
            Self::Sts(fault) => sts_said(fault),
            Self::Token(fault) => {
                let expired = *fault == TokenFault::Expired;
                let error = if expired { ErrorType::ExpiredToken } else { ErrorType::InvalidRequest };
                (error, fault.said())
            }
            Self::Issuer => {
                plain(ErrorType::InvalidRequest, "No OpenIDConnect provider found for this issuer")
            }
            Self::Key => {
                plain(ErrorType::InvalidRequest, "the issuer has no key of the id that the token names")
            }
            Self::Keys => {
                plain(ErrorType::ServiceUnavailable, "the issuer's keys cannot be had: try again later")
            }
            Self::Role => {
                plain(ErrorType::AccessDenied, "Not authorized to perform sts:AssumeRoleWithWebIdentity")
            }
            Self::Claim(TooLong(name)) => {
                (ErrorType::InvalidRequest, format!("the claim `{name}` is longer than 256 characters"))
            }
            Self::NoCertificate => {
                plain(ErrorType::MissingAuthenticationToken, "the connection has no client certificate")
            }
            Self::Certificate => {
                plain(ErrorType::UnrecognizedClient, "the certificate stands for nobody here")
            }
            Self::Over => plain(ErrorType::ExpiredToken, "what vouches for the session is over"),
            Self::Issue(IssueFault::Session(_) | IssueFault::TooLong) => {
                plain(ErrorType::InvalidRequest, "what is known of the caller does not fit into a session")
            }
            Self::Issue(IssueFault::Seal(_)) | Self::Seal(_) => {
                plain(ErrorType::ServiceUnavailable, "no session can be issued at the moment")
            }
            Self::Unverified(unverified) => (unverified.error(), unverified.to_string()),
            Self::Rights | Self::Revoked => plain(ErrorType::AccessDenied, "the caller may not do this"),
            Self::NotLifted(NotLifted::Unknown) => {
                plain(ErrorType::ResourceNotFound, "no freeze of this id is in force")
            }
            Self::NotLifted(NotLifted::BySame) => {
                plain(ErrorType::AccessDenied, "who set a freeze, or whom it is about, does not lift it")
            }
            Self::NotLifted(NotLifted::Unwritten(_)) | Self::Unwritten(_) => {
                plain(ErrorType::ServiceUnavailable, "the ledger cannot be written or read at the moment")
            }
        }
    }

    /// Status and code as STS has them. Every AWS SDK repeats `IDPCommunicationError` and `Throttling`, and none of the
    /// others but 5xx.
    fn of_sts(&self, error: ErrorType) -> (u16, &'static str) {
        match self {
            Self::Form(fault) => (400, fault.said().0),
            Self::Limited(_) => (400, "Throttling"),
            Self::Token(TokenFault::Expired) | Self::Over => (400, "ExpiredTokenException"),
            Self::Token(_) | Self::Issuer | Self::Key | Self::Claim(_) => (400, "InvalidIdentityToken"),
            Self::Keys => (400, "IDPCommunicationError"),
            Self::Role | Self::NotServed | Self::Revoked => (403, "AccessDenied"),
            Self::Issue(IssueFault::TooLong | IssueFault::Session(_)) => (400, "PackedPolicyTooLarge"),
            Self::Path
            | Self::Method
            | Self::Malformed(_)
            | Self::Busy
            | Self::Nonce(_)
            | Self::Spent
            | Self::Skewed
            | Self::Sts(_)
            | Self::NoCertificate
            | Self::Certificate
            | Self::Issue(IssueFault::Seal(_))
            | Self::Seal(_)
            | Self::Unverified(_)
            | Self::Rights
            | Self::NotLifted(_)
            | Self::Unwritten(_) => match error.status() {
                500.. => (503, "ServiceUnavailable"),
                status => (status, "ValidationError"),
            },
        }
    }
}

fn sts_code(fault: &StsFault) -> &'static str {
    match fault {
        StsFault::Region => "sts-region",
        StsFault::Address | StsFault::Client(_) | StsFault::Trust => "sts-unavailable",
        StsFault::Answer(AnswerFault::Refused) => "sts-refused",
        StsFault::Answer(AnswerFault::Rejected(_)) => "sts-rejected",
        StsFault::Answer(AnswerFault::Status(_)) => "sts-status",
        StsFault::Answer(
            AnswerFault::ContentType | AnswerFault::TooLong | AnswerFault::Xml | AnswerFault::Shape(_),
        ) => "sts-answer",
        StsFault::Answer(AnswerFault::Principal | AnswerFault::UniqueId) => "sts-principal",
        StsFault::Answer(AnswerFault::Account | AnswerFault::Partition) => "sts-account",
    }
}

fn sts_said(fault: &StsFault) -> (ErrorType, String) {
    let (error, text) = match fault {
        StsFault::Region => (ErrorType::InvalidRequest, "STS is not asked in this region"),
        StsFault::Address | StsFault::Client(_) | StsFault::Trust => {
            (ErrorType::ServiceUnavailable, "STS cannot be asked at the moment")
        }
        StsFault::Answer(AnswerFault::Refused) => (
            ErrorType::InvalidSignature,
            "STS refuses the proof: the credentials, the token or the signature",
        ),
        StsFault::Answer(AnswerFault::Rejected(_)) => {
            (ErrorType::InvalidSignature, "STS finds the proof malformed, or is asked too often")
        }
        StsFault::Answer(
            AnswerFault::Status(_)
            | AnswerFault::ContentType
            | AnswerFault::TooLong
            | AnswerFault::Xml
            | AnswerFault::Shape(_),
        ) => (ErrorType::ServiceUnavailable, "the answer of STS is not one that proves anybody"),
        StsFault::Answer(
            AnswerFault::Principal | AnswerFault::UniqueId | AnswerFault::Account | AnswerFault::Partition,
        ) => (
            ErrorType::AccessDenied,
            "sessions are for users and roles of configured accounts, not for this principal",
        ),
    };
    (error, text.to_owned())
}
