//! What became of a request, in the words that the log line, the counters and the ledger share: one closed list.

use super::Stop;
use crate::{
    caller::Unverified,
    ledger::{Recorded, Unintended},
    limit::Bucket,
    policy::Code,
    upstream::{Passed, Unseen},
    wire::ErrorType,
};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The policy allows it; the code says what became of it.
    Allowed,
    /// Refused for what it asks, and on record.
    Refused,
    /// Nobody is proven to have asked for it.
    Unproven,
    /// Too many, too fast.
    Limited,
    /// Another change, or another arrival of this one, stands in its way.
    Conflict,
    /// Not decided, or not carried out, for a reason of the guard's own.
    Unavailable,
}

/// Writes the enum, its list and its words from one table.
macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident = $decision:ident $code:literal,)*) => {
        /// What became of a request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Outcome { $($(#[$doc])* $name,)* }

        impl Outcome {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What was decided.
            pub fn decision(self) -> Decision {
                match self { $(Self::$name => Decision::$decision,)* }
            }

            /// The stable word for it: for a refusal that of the policy, for a change that was sent that of its record.
            pub fn code(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }
        }
    };
}

outcomes! {
    /// Connect accepted the change.
    Accepted = Allowed "accepted",
    /// Connect refused the change.
    ConnectRefused = Allowed "refused",
    /// Allowed, and nothing left the guard.
    NotSent = Allowed "not-sent",
    /// Sent, and nobody knows what became of it.
    Unknown = Allowed "unknown",
    /// Connect answered an ordinary operation, whatever it answered.
    Passed = Allowed "passed",
    /// Sent, and what became of it could not be written.
    Unrecorded = Allowed "unrecorded",

    /// [`Code::OperationUnknown`].
    OperationUnknown = Refused "operation-unknown",
    /// [`Code::OperationForbidden`].
    OperationForbidden = Refused "operation-forbidden",
    /// [`Code::Revoked`].
    Revoked = Refused "revoked",
    /// [`Code::Freeze`].
    Freeze = Refused "freeze",
    /// [`Code::NoRule`].
    NoRule = Refused "no-rule",
    /// [`Code::UserUnknown`].
    UserUnknown = Refused "user-unknown",
    /// [`Code::EmailOnSaml`].
    EmailOnSaml = Refused "email-on-saml",
    /// [`Code::Protected`].
    Protected = Refused "protected",
    /// [`Code::DeniedBy`].
    DeniedBy = Refused "denied-by",
    /// [`Code::AddressNotPlain`].
    AddressNotPlain = Refused "address-not-plain",
    /// [`Code::AddressShared`].
    AddressShared = Refused "address-shared",
    /// [`Code::AddressInUse`].
    AddressInUse = Refused "address-in-use",
    /// [`Code::Quota`].
    Quota = Refused "quota",
    /// [`Code::Malformed`].
    Malformed = Refused "malformed",

    /// A head or body that has no single reading, of whomever.
    NoReading = Unproven "malformed",
    /// The body did not come.
    Unread = Unproven "unread",
    /// [`Unverified::Missing`].
    ProofMissing = Unproven "missing",
    /// [`Unverified::Query`].
    ProofInQuery = Unproven "query",
    /// [`Unverified::Authorization`].
    Authorization = Unproven "authorization",
    /// [`Unverified::Date`].
    Date = Unproven "date",
    /// [`Unverified::SignedHeaders`].
    SignedHeaders = Unproven "signed-headers",
    /// [`Unverified::Scope`].
    Scope = Unproven "scope",
    /// [`Unverified::Host`].
    Host = Unproven "host",
    /// [`Unverified::ContentHash`].
    ContentHash = Unproven "content-hash",
    /// [`Unverified::Stale`].
    Stale = Unproven "stale",
    /// [`Unverified::Future`].
    Future = Unproven "future",
    /// [`Unverified::AwsKey`].
    AwsKey = Unproven "aws-key",
    /// [`Unverified::Token`].
    Token = Unproven "token",
    /// [`Unverified::Signature`].
    Signature = Unproven "signature",
    /// [`Unverified::Certificate`].
    Certificate = Unproven "certificate",
    /// [`Unverified::CertificateExpired`].
    CertificateExpired = Unproven "certificate-expired",
    /// [`Unverified::CertificateOfAnother`].
    CertificateOfAnother = Unproven "certificate-of-another",
    /// [`Unverified::Note`].
    Note = Unproven "note",
    /// [`Unverified::Expired`].
    Expired = Unproven "expired",
    /// [`Unverified::Network`].
    Network = Unproven "network",

    /// [`Bucket::Source`].
    SourceLimited = Limited "source",
    /// [`Bucket::Caller`].
    CallerLimited = Limited "caller",
    /// [`Bucket::CallerRefusals`].
    CallerRefusalsLimited = Limited "caller-refusals",
    /// [`Bucket::CallerReads`].
    CallerReadsLimited = Limited "caller-reads",
    /// [`Bucket::Connect`].
    ConnectLimited = Limited "connect",
    /// Connect's own 429 on a read, or the guard's rate for its reads.
    Throttled = Limited "throttled",

    /// Another change of the target is open.
    Busy = Conflict "busy",
    /// An earlier arrival has no outcome yet.
    StillOpen = Conflict "still-open",
    /// It was answered before, and another change came after it.
    Superseded = Conflict "superseded",
    /// It was sent before and did not show, or cannot be shown: what was found is on record, and it is not sent again.
    Settled = Conflict "settled",

    /// The guard has no credentials.
    NoCredentials = Unavailable "no-credentials",
    /// What is true now could not be read.
    Unreadable = Unavailable "unreadable",
    /// Too much is under way: to Connect, or of the guard's own work.
    Overloaded = Unavailable "overloaded",
    /// The ledger could not be read or written.
    Unwritten = Unavailable "unwritten",
    /// Nobody would be told.
    NobodyTold = Unavailable "nobody-told",
    /// Somebody who has to know first did not acknowledge it.
    Unannounced = Unavailable "unannounced",
    /// A stream that has to did not take its record.
    Unstreamed = Unavailable "unstreamed",
    /// What holds at once changed since it was decided.
    Withdrawn = Unavailable "withdrawn",
    /// Its caller hung up before it was decided, or before its answer; what was begun goes on.
    HungUp = Unavailable "hung-up",
    /// The guard itself failed.
    Panicked = Unavailable "panicked",
}

impl Decision {
    /// The stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Unproven => "unproven",
            Self::Limited => "limited",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<&Stop> for Outcome {
    fn from(stop: &Stop) -> Self {
        match stop {
            Stop::Limited(limited) => limited.bucket.into(),
            Stop::Unverified(unverified) => unverified.into(),
            Stop::Unrecognised(_) => Self::Malformed,
            Stop::Refused(refused) => refused.refusal.code.into(),
            Stop::Unseen(Unseen::Unknown) => Self::UserUnknown,
            Stop::Unseen(Unseen::Throttled(_)) => Self::Throttled,
            Stop::Unseen(Unseen::Credentials(_)) => Self::NoCredentials,
            Stop::Unseen(Unseen::Unavailable(_)) => Self::Unreadable,
            Stop::Unseen(Unseen::Overloaded) | Stop::Overloaded => Self::Overloaded,
            Stop::Unwritten(_) | Stop::Unintended(Unintended::Unwritten(_)) => Self::Unwritten,
            Stop::Unintended(Unintended::Quota { .. }) => Self::Quota,
            Stop::Unintended(Unintended::InUse) => Self::AddressInUse,
            Stop::Unintended(Unintended::Busy) => Self::Busy,
            Stop::Unintended(Unintended::Repeated) | Stop::StillOpen => Self::StillOpen,
            Stop::NobodyTold => Self::NobodyTold,
            Stop::Unannounced(_) => Self::Unannounced,
            Stop::Unstreamed(_) => Self::Unstreamed,
            Stop::Withdrawn(_) => Self::Withdrawn,
            Stop::Superseded => Self::Superseded,
            Stop::Unrecorded => Self::Unrecorded,
            Stop::Panicked => Self::Panicked,
        }
    }
}

impl From<&Recorded> for Outcome {
    fn from(recorded: &Recorded) -> Self {
        match recorded.reply() {
            Ok(answered) if (200..=299).contains(&answered.status) => Self::Accepted,
            // Connect's 429, 401 and 403 on a change are answered in the guard's name, and are refusals of Connect's.
            Ok(_) | Err(ErrorType::Throttling) => Self::ConnectRefused,
            Err(ErrorType::ServiceUnavailable) => Self::NotSent,
            Err(ErrorType::Conflict) => Self::Settled,
            Err(_) => Self::Unknown,
        }
    }
}

impl From<Passed> for Outcome {
    fn from(passed: Passed) -> Self {
        match passed {
            Passed::Answered => Self::Passed,
            Passed::NotSent => Self::NotSent,
            Passed::NoAnswer => Self::Unknown,
        }
    }
}

impl From<Bucket> for Outcome {
    fn from(bucket: Bucket) -> Self {
        match bucket {
            Bucket::Source => Self::SourceLimited,
            Bucket::Caller => Self::CallerLimited,
            Bucket::CallerRefusals => Self::CallerRefusalsLimited,
            Bucket::CallerReads => Self::CallerReadsLimited,
            Bucket::Connect => Self::ConnectLimited,
        }
    }
}

impl From<Code> for Outcome {
    fn from(code: Code) -> Self {
        match code {
            Code::OperationUnknown => Self::OperationUnknown,
            Code::OperationForbidden => Self::OperationForbidden,
            Code::Revoked => Self::Revoked,
            Code::Freeze => Self::Freeze,
            Code::NoRule => Self::NoRule,
            Code::UserUnknown => Self::UserUnknown,
            Code::EmailOnSaml => Self::EmailOnSaml,
            Code::Protected => Self::Protected,
            Code::DeniedBy => Self::DeniedBy,
            Code::AddressNotPlain => Self::AddressNotPlain,
            Code::AddressShared => Self::AddressShared,
            Code::AddressInUse => Self::AddressInUse,
            Code::Quota => Self::Quota,
            Code::Malformed => Self::Malformed,
        }
    }
}

impl From<&Unverified> for Outcome {
    fn from(unverified: &Unverified) -> Self {
        match unverified {
            Unverified::Missing => Self::ProofMissing,
            Unverified::Query => Self::ProofInQuery,
            Unverified::Authorization(_) => Self::Authorization,
            Unverified::Date => Self::Date,
            Unverified::SignedHeaders(_) => Self::SignedHeaders,
            Unverified::Scope(_) => Self::Scope,
            Unverified::Host => Self::Host,
            Unverified::ContentHash => Self::ContentHash,
            Unverified::Stale => Self::Stale,
            Unverified::Future => Self::Future,
            Unverified::AwsKey => Self::AwsKey,
            Unverified::Token => Self::Token,
            Unverified::Signature => Self::Signature,
            Unverified::Certificate => Self::Certificate,
            Unverified::CertificateExpired => Self::CertificateExpired,
            Unverified::CertificateOfAnother => Self::CertificateOfAnother,
            Unverified::Note(_) => Self::Note,
            Unverified::Expired { .. } => Self::Expired,
            Unverified::Network { .. } => Self::Network,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_outcome_has_words_of_its_own() {
        let words: BTreeSet<_> =
            Outcome::ALL.iter().map(|one| (one.decision().as_str(), one.code())).collect();
        assert_eq!(words.len(), Outcome::ALL.len());
        for (at, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at, "they are counted by their place");
        }
    }

    #[test]
    fn the_words_of_a_refusal_are_those_of_its_record() {
        for code in Code::ALL {
            let outcome = Outcome::from(code);
            assert_eq!((outcome.decision(), outcome.code()), (Decision::Refused, code.as_str()));
        }
    }

    #[test]
    fn the_words_of_a_proof_that_failed_are_those_of_its_summary() {
        for unverified in [
            Unverified::Missing,
            Unverified::Query,
            Unverified::Authorization(crate::sigv4::AuthorizationFault::Form("")),
            Unverified::Date,
            Unverified::SignedHeaders(String::new()),
            Unverified::Scope(""),
            Unverified::Host,
            Unverified::ContentHash,
            Unverified::Stale,
            Unverified::Future,
            Unverified::AwsKey,
            Unverified::Token,
            Unverified::Signature,
            Unverified::Certificate,
            Unverified::CertificateExpired,
            Unverified::CertificateOfAnother,
            Unverified::Note(String::new()),
            Unverified::Expired { key_id: String::new() },
            Unverified::Network { key_id: String::new(), source: std::net::Ipv4Addr::LOCALHOST.into() },
        ] {
            let outcome = Outcome::from(&unverified);
            assert_eq!((outcome.decision(), outcome.code()), (Decision::Unproven, unverified.code()));
        }
    }
}
