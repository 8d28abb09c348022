//! What a caller is told of a change whose outcome is on record, and whether it is remembered.
//!
//! | what became of sending | told | remembered |
//! |---|---|---|
//! | accepted | Connect's own answer | yes |
//! | refused with 429 | `ThrottlingException` | no: an SDK comes again under the same invocation, and is to be let |
//! | refused with 401 or 403 | `ServiceUnavailableException`: it is the guard that lacks a right, not the caller | yes |
//! | refused otherwise | Connect's own error | yes |
//! | not sent | `ServiceUnavailableException` | no: nothing was done |
//! | unknown, found to be applied | 200, for the one operation whose answer has no body | yes |
//! | unknown otherwise | `InternalServiceException` | as `ConflictException` |
//!
//! Whoever comes again after the last of these is not told that something broke: an SDK would come again and again. The change
//! is not sent a second time, and a request of its own may be made once somebody has looked.
//!
//! What is not remembered counts for no quota either.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{
    operation::Effect,
    secret::{Seal, Sealed},
    store::Misfit,
    wire::ErrorType,
};

use super::token::{Answered, Sent};

const PURPOSE: &str = "answer";
/// The operation whose success has no body (Amazon Connect API reference).
const WITHOUT_BODY: &str = "UpdateUserIdentityInfo";

/// Whether a second arrival of the attempt gets the answer, or is a new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Memory {
    Kept,
    Forgotten,
}

/// An answer as it is kept, sealed.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    guard: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<KeptAnswer>,
}

#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    error: Option<String>,
    request_id: Option<String>,
    body: String,
}

/// What the caller is told.
pub(super) fn reply(sent: &Sent, operation: &str, effect: Effect) -> (Result<Answered, ErrorType>, Memory) {
    match sent {
        Sent::Accepted(answer) => (Ok(answer.clone()), Memory::Kept),
        Sent::Refused(answer) => match answer.status {
            429 => (Err(ErrorType::Throttling), Memory::Forgotten),
            401 | 403 => (Err(ErrorType::ServiceUnavailable), Memory::Kept),
            _ => (Ok(answer.clone()), Memory::Kept),
        },
        Sent::NotSent(_) => (Err(ErrorType::ServiceUnavailable), Memory::Forgotten),
        Sent::Unknown(_) | Sent::Recovered => match effect {
            Effect::Applied | Effect::InferredApplied if operation == WITHOUT_BODY => {
                let answer = Answered { status: 200, error: None, request_id: None, body: Bytes::new() };
                (Ok(answer), Memory::Kept)
            }
            Effect::Applied
            | Effect::NotApplied
            | Effect::Unknown
            | Effect::InferredApplied
            | Effect::InferredNotApplied
            | Effect::Undetermined => (Err(ErrorType::InternalService), Memory::Kept),
        },
    }
}

/// Seals an answer.
pub(super) fn seal(seal: &Seal, reply: &Result<Answered, ErrorType>) -> Result<Sealed, Misfit> {
    let kept = match reply {
        Ok(answer) => Kept {
            guard: None,
            connect: Some(KeptAnswer {
                status: answer.status,
                error: answer.error.clone(),
                request_id: answer.request_id.clone(),
                body: STANDARD.encode(&answer.body),
            }),
        },
        Err(error) => Kept { guard: Some(error.status()), connect: None },
    };
    let plain = serde_json::to_vec(&kept).map_err(Misfit::form("answer"))?;
    seal.seal(PURPOSE, &plain).map_err(Misfit::seal("answer"))
}

/// Opens an answer for whoever comes again; what does not open is an internal error, never a success.
pub(super) fn open(seal: &Seal, sealed: &Sealed) -> Result<Answered, ErrorType> {
    let plain = seal.open(PURPOSE, sealed).map_err(|_| ErrorType::InternalService)?;
    let kept: Kept = serde_json::from_slice(plain.expose()).map_err(|_| ErrorType::InternalService)?;
    match (kept.connect, kept.guard) {
        (Some(answer), None) => Ok(Answered {
            status: answer.status,
            error: answer.error,
            request_id: answer.request_id,
            body: STANDARD.decode(&answer.body).map_err(|_| ErrorType::InternalService)?.into(),
        }),
        (None, Some(503)) => Err(ErrorType::ServiceUnavailable),
        (None, Some(429)) => Err(ErrorType::Throttling),
        // The first arrival was told that it is not known what became of it.
        (None, Some(500)) => Err(ErrorType::Conflict),
        (None | Some(_), _) => Err(ErrorType::InternalService),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn answered(status: u16) -> Answered {
        Answered {
            status,
            error: (status != 200).then(|| "InvalidParameterException".into()),
            request_id: Some("r".into()),
            body: Bytes::from_static(b"{\"Message\":\"no\"}"),
        }
    }

    #[test]
    fn what_is_told_and_remembered() {
        use Memory::{Forgotten, Kept};
        let update = WITHOUT_BODY;
        let of = |sent: Sent, operation, effect| {
            let (reply, memory) = reply(&sent, operation, effect);
            (reply.map(|answer| answer.status), memory)
        };
        let unknown = || Sent::Unknown("reset".into());
        for (given, expected) in [
            (of(Sent::Accepted(answered(200)), update, Effect::Applied), (Ok(200), Kept)),
            (of(Sent::Refused(answered(400)), update, Effect::NotApplied), (Ok(400), Kept)),
            (of(Sent::Refused(answered(404)), update, Effect::NotApplied), (Ok(404), Kept)),
            (
                of(Sent::Refused(answered(403)), update, Effect::NotApplied),
                (Err(ErrorType::ServiceUnavailable), Kept),
            ),
            (
                of(Sent::Refused(answered(429)), update, Effect::NotApplied),
                (Err(ErrorType::Throttling), Forgotten),
            ),
            (
                of(Sent::NotSent("no route".into()), update, Effect::NotApplied),
                (Err(ErrorType::ServiceUnavailable), Forgotten),
            ),
            (of(unknown(), update, Effect::InferredApplied), (Ok(200), Kept)),
            (of(Sent::Recovered, update, Effect::InferredApplied), (Ok(200), Kept)),
            (of(unknown(), "CreateUser", Effect::InferredApplied), (Err(ErrorType::InternalService), Kept)),
            (of(unknown(), update, Effect::InferredNotApplied), (Err(ErrorType::InternalService), Kept)),
            (of(unknown(), update, Effect::Undetermined), (Err(ErrorType::InternalService), Kept)),
            (of(unknown(), update, Effect::Unknown), (Err(ErrorType::InternalService), Kept)),
        ] {
            assert_eq!(given, expected);
        }
    }

    #[test]
    fn what_is_kept_comes_back() {
        let keys = |fill| Seal::new(vec![("k".into(), Secret::new(vec![fill; 32]))]).unwrap();
        for reply in [
            Ok(answered(200)),
            Ok(answered(400)),
            Err(ErrorType::ServiceUnavailable),
            Err(ErrorType::InternalService),
        ] {
            let sealed = seal(&keys(1), &reply).unwrap();
            let again =
                if reply == Err(ErrorType::InternalService) { Err(ErrorType::Conflict) } else { reply };
            assert_eq!(open(&keys(1), &sealed), again);
            assert_eq!(open(&keys(2), &sealed), Err(ErrorType::InternalService));
        }
    }
}
