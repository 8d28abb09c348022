//! Where a request stops, and what its caller is told: the one match from errors to replies. The operator finds why in
//! the ledger and the log, under the request's id; the caller learns no more than AWS would say.

use std::time::Duration;

use crate::{
    caller::Unverified,
    ledger::{Recorded, Unintended, Unstreamed, Unwritten},
    limit::Limited,
    operation::{Unrecognised, Why},
    policy::{Code, Refused},
    upstream::{OVERLOADED, Unseen},
    wire::{Body, ErrorType, FAULT, Reply, RequestId},
};

/// Where a request stopped.
pub enum Stop {
    /// A rate is used up.
    Limited(Limited),
    /// Nobody is proven to have signed it.
    Unverified(Unverified),
    /// It asks for nothing the guard knows.
    Unrecognised(Box<Unrecognised>),
    /// The policy refuses.
    Refused(Box<Refused>),
    /// What is true now could not be read.
    Unseen(Unseen),
    /// The ledger could not be read or written; nothing was sent.
    Unwritten(Unwritten),
    /// There is no intent.
    Unintended(Unintended),
    /// Nobody would be told.
    NobodyTold,
    /// Somebody who has to know first did not acknowledge it; why, without addresses.
    Unannounced(String),
    /// A stream that has to did not take its record.
    Unstreamed(Unstreamed),
    /// What holds at once (`revoked.toml`, `deny.d`, a freeze) changed since it was decided; why.
    Withdrawn(&'static str),
    /// As many changes as may be are under way.
    Overloaded,
    /// It was answered before, and another change of the same target came after it.
    Superseded,
    /// An earlier arrival of it has no outcome yet.
    StillOpen,
    /// It was sent, and what became of it could not be written.
    Unrecorded,
    /// The guard panicked before anything was sent, or after: what became of a change is settled from its intent.
    Panicked,
}

impl Stop {
    /// The reply.
    pub fn reply(&self, id: &RequestId) -> Reply {
        let (error, wait) = self.error();
        let mut reply = Reply::error(error, &self.message(id), id);
        if let Self::Unverified(unverified) = self {
            reply.headers.push((FAULT, unverified.code().to_owned()));
        }
        match wait {
            Some(wait) => reply.retry_after(wait),
            None => reply,
        }
    }

    /// The error type, and when to come back.
    fn error(&self) -> (ErrorType, Option<Duration>) {
        match self {
            Self::Limited(limited) => (ErrorType::Throttling, Some(limited.wait)),
            Self::Unverified(unverified) => (unverified.error(), None),
            Self::Unrecognised(unrecognised) => (unrecognised.why.error(), None),
            Self::Refused(refused) => (refused.refusal.code.error(), None),
            Self::Unseen(Unseen::Unknown) => (ErrorType::ResourceNotFound, None),
            Self::Unseen(Unseen::Credentials(_) | Unseen::Unavailable(_))
            | Self::Unwritten(_)
            | Self::Unintended(Unintended::Unwritten(_))
            | Self::NobodyTold
            | Self::Unannounced(_)
            | Self::Unstreamed(_)
            | Self::Withdrawn(_) => (ErrorType::ServiceUnavailable, None),
            Self::Unseen(Unseen::Overloaded) | Self::Overloaded => {
                (ErrorType::ServiceUnavailable, Some(OVERLOADED))
            }
            Self::Unseen(Unseen::Throttled(wait)) => (ErrorType::Throttling, Some(*wait)),
            Self::Unintended(Unintended::Quota { wait, .. }) => {
                (ErrorType::Throttling, Some(*wait).filter(|wait| *wait <= SOON))
            }
            Self::Unintended(Unintended::InUse) => (ErrorType::AccessDenied, None),
            Self::Unintended(Unintended::Busy | Unintended::Repeated)
            | Self::Superseded
            | Self::StillOpen => (ErrorType::Conflict, None),
            Self::Unrecorded | Self::Panicked => (ErrorType::InternalService, None),
        }
    }

    /// What the caller reads: nothing he did not send or could not know.
    fn message(&self, id: &RequestId) -> String {
        match self {
            Self::Limited(_)
            | Self::Unseen(Unseen::Throttled(_))
            | Self::Unintended(Unintended::Quota { .. }) => EXCEEDED.into(),
            Self::Unverified(unverified) => unverified.to_string(),
            Self::Unrecognised(unrecognised) => match &unrecognised.why {
                Why::Malformed(malformed) => malformed.to_string(),
                Why::OperationUnknown | Why::OperationForbidden | Why::NotServed => denied(id),
            },
            Self::Refused(refused) => match refused.refusal.code {
                Code::UserUnknown => NOT_FOUND.into(),
                Code::Quota => EXCEEDED.into(),
                Code::OperationUnknown
                | Code::OperationForbidden
                | Code::Revoked
                | Code::Freeze
                | Code::NoRule
                | Code::EmailOnSaml
                | Code::Protected
                | Code::DeniedBy
                | Code::AddressNotPlain
                | Code::AddressShared
                | Code::AddressInUse
                | Code::Malformed => denied(id),
            },
            Self::Unseen(Unseen::Unknown) => NOT_FOUND.into(),
            Self::Unseen(Unseen::Credentials(_) | Unseen::Unavailable(_) | Unseen::Overloaded)
            | Self::Overloaded
            | Self::Unwritten(_)
            | Self::Unintended(Unintended::Unwritten(_))
            | Self::NobodyTold
            | Self::Unannounced(_)
            | Self::Unstreamed(_)
            | Self::Withdrawn(_) => format!("The request was not sent to Amazon Connect. Request id: {id}"),
            Self::Unintended(Unintended::InUse) => denied(id),
            Self::Unintended(Unintended::Busy) => {
                "Another change of this user is under way. Try again when it is done.".into()
            }
            Self::Unintended(Unintended::Repeated) | Self::StillOpen => {
                "This request was received before and has no outcome yet.".into()
            }
            Self::Superseded => "This request was received before, and the user was changed since.".into(),
            Self::Unrecorded | Self::Panicked => unknown(id),
        }
    }

    /// In words, for the operator; none where the word says it all.
    pub(super) fn why(&self) -> Option<String> {
        match self {
            Self::Unseen(Unseen::Credentials(why) | Unseen::Unavailable(why)) | Self::Unannounced(why) => {
                Some(why.clone())
            }
            Self::Unstreamed(why) => Some(why.to_string()),
            Self::Withdrawn(why) => Some((*why).to_owned()),
            Self::Unwritten(unwritten) | Self::Unintended(Unintended::Unwritten(unwritten)) => {
                Some(unwritten.to_string())
            }
            Self::Limited(limited) => Some(format!("{:?}", limited.bucket)),
            Self::Refused(refused) => Some(refused.refusal.detail.clone()),
            Self::Unrecognised(unrecognised) => match &unrecognised.why {
                Why::Malformed(malformed) => Some(without_addresses(&malformed.why)),
                Why::OperationUnknown | Why::OperationForbidden | Why::NotServed => None,
            },
            Self::Unverified(_)
            | Self::Unseen(Unseen::Unknown | Unseen::Throttled(_) | Unseen::Overloaded)
            | Self::Overloaded
            | Self::Unintended(
                Unintended::Busy | Unintended::InUse | Unintended::Repeated | Unintended::Quota { .. },
            )
            | Self::NobodyTold
            | Self::Superseded
            | Self::StillOpen
            | Self::Unrecorded
            | Self::Panicked => None,
        }
    }

    /// The rule that refuses: `id (file:line)`.
    pub(super) fn rule(&self) -> Option<String> {
        match self {
            Self::Refused(refused) => {
                refused.refusal.rule.as_ref().map(|rule| format!("{} ({})", rule.id, rule.place))
            }
            Self::Limited(_)
            | Self::Unverified(_)
            | Self::Unrecognised(_)
            | Self::Unseen(_)
            | Self::Unwritten(_)
            | Self::Unintended(_)
            | Self::NobodyTold
            | Self::Unannounced(_)
            | Self::Unstreamed(_)
            | Self::Withdrawn(_)
            | Self::Overloaded
            | Self::Superseded
            | Self::StillOpen
            | Self::Unrecorded
            | Self::Panicked => None,
        }
    }
}

/// Words without those that could be addresses: they are for the log.
fn without_addresses(words: &str) -> String {
    words.split(' ').map(|word| if word.contains('@') { "***" } else { word }).collect::<Vec<_>>().join(" ")
}

/// Longest wait for a quota that a caller is told of. SDKs sleep as long as `Retry-After` says, some without a bound of
/// their own (aws-sdk-go adds it to its own delay): told of an hour, a program would hang for that hour instead of failing.
const SOON: Duration = Duration::from_secs(30);
/// When to come back after Connect's own 429 on a change.
const THROTTLED: Duration = Duration::from_secs(1);
const EXCEEDED: &str = "Rate exceeded";
const NOT_FOUND: &str = "The specified resource was not found.";

fn denied(id: &RequestId) -> String {
    format!("Access denied. Request id: {id}")
}

fn unknown(id: &RequestId) -> String {
    format!("The outcome of the request is not known. Request id: {id}")
}

/// The answer to a change: Connect's own, or what is on record instead of it.
pub fn answer(recorded: &Recorded, id: &RequestId) -> Reply {
    match recorded.reply() {
        Ok(answered) => {
            let mut headers = vec![
                ("content-type", "application/json".to_owned()),
                ("x-amzn-requestid", id.as_str().to_owned()),
            ];
            headers.extend(answered.error.iter().map(|name| ("x-amzn-errortype", name.clone())));
            Reply { status: answered.status, headers, body: Body::Whole(answered.body.clone()), close: false }
        }
        Err(error) => {
            let message = if error == ErrorType::InternalService {
                unknown(id)
            } else if error == ErrorType::Conflict {
                format!("This request was received before, and is not sent again. Request id: {id}")
            } else {
                format!("The request was not carried out. Request id: {id}")
            };
            let reply = Reply::error(error, &message, id);
            // Connect's own 429: when to come back is not on record, and nobody is to come back at once.
            if error == ErrorType::Throttling { reply.retry_after(THROTTLED) } else { reply }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::RuleRef;

    #[test]
    fn a_quota_is_waited_for_only_when_there_is_room_soon() {
        let told = |wait| {
            let rule = RuleRef { id: "desk".into(), place: "desk.toml:1".into() };
            let reply = Stop::Unintended(Unintended::Quota { rule, wait }).reply(&"request".into());
            assert_eq!(reply.status, 429);
            let wait = |(name, value): &(&str, String)| name.contains("retry-after").then(|| value.clone());
            reply.headers.iter().filter_map(wait).collect::<Vec<_>>()
        };
        assert_eq!(told(SOON), ["30", "30000"]);
        assert!(told(SOON + Duration::from_millis(1)).is_empty());
        assert!(told(Duration::from_hours(1)).is_empty());
    }
}
