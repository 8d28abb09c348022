//! The third door: an ordinary operation. Its answer is passed on as it comes, with the header fields of a list.

use super::{
    OVERLOADED,
    answer::{error_in_header, field, is_own, request_id},
    site::{AGENT, SiteClient, Unsigned},
};
use crate::{
    caller::Principal,
    client::{ClientError, Failure, Streaming},
    operation::{Built, Class, Ordinary},
    wire::{Body, ErrorType, Reply, RequestId},
};

/// Fields that are passed on as they are. The rest are the connection's, or say what nobody asked for; the error's name
/// and the request ids are written anew.
const PASSED: [&str; 3] = ["content-type", "retry-after", "x-amz-retry-after"];

/// What became of passing an ordinary operation on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// Connect answered; its answer is passed on, whatever it says.
    Answered,
    /// Nothing took effect: nothing was sent, or Connect does not accept the guard itself.
    NotSent,
    /// Sent, and what came back is no answer of Connect.
    NoAnswer,
}

impl SiteClient {
    /// Sends an ordinary operation once. `id` is the guard's id of the request: it is the one that the caller can ask
    /// about; Connect's own is beside it in `x-amzn-connect-requestid`.
    pub(super) async fn pass(
        &self,
        ordinary: &Ordinary,
        principal: &Principal,
        id: &RequestId,
    ) -> (Reply, Passed) {
        let route = ordinary.route();
        let built = Built {
            method: route.method.as_str(),
            target: ordinary.path().to_owned(),
            headers: ordinary.headers().to_vec(),
            body: ordinary.body().clone(),
        };
        let credentials = self.credentials.ordinary().of_caller(principal);
        let signed = match self.sign(built, credentials, AGENT.to_owned()).await {
            Ok(signed) => signed,
            Err(Unsigned::Credentials(why)) => {
                tracing::error!(request = %id, site = self.site.name, why, "the guard has no credentials");
                return not_sent(id);
            }
            Err(Unsigned::Form(why)) => {
                tracing::warn!(request = %id, operation = route.operation, why, "not signed");
                return not_sent(id);
            }
        };
        let answer = match self.client.stream(signed.outgoing).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::warn!(request = %id, operation = route.operation, %error, "no answer of Connect");
                return match error {
                    ClientError { sent: true, .. } => no_answer(ordinary, id),
                    ClientError { why: Failure::Busy, .. } => {
                        let (reply, passed) = not_sent(id);
                        (reply.retry_after(OVERLOADED), passed)
                    }
                    ClientError { sent: false, .. } => not_sent(id),
                };
            }
        };
        let error = error_in_header(&answer.headers);
        match (answer.status, error) {
            (200..=299, _) => (reply(answer, None, id), Passed::Answered),
            (400..=499, Some(name)) if is_own(&name) => {
                self.not_accepted(&signed.by, route.operation, &name);
                not_sent(id)
            }
            (400..=599, Some(name)) => (reply(answer, Some(name), id), Passed::Answered),
            (400..=599, None) if is_json(&answer) => (reply(answer, None, id), Passed::Answered),
            (status, _) => {
                tracing::warn!(
                    request = %id,
                    operation = route.operation,
                    status,
                    "what was answered is no answer of Connect"
                );
                no_answer(ordinary, id)
            }
        }
    }
}

fn reply(answer: Streaming, error: Option<String>, id: &RequestId) -> Reply {
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    for name in PASSED {
        headers.extend(field(&answer.headers, name).map(|value| (name, value.to_owned())));
    }
    headers.extend(error.map(|name| ("x-amzn-errortype", name)));
    headers.push(("x-amzn-requestid", id.as_str().to_owned()));
    headers.extend(request_id(&answer.headers).map(|id| ("x-amzn-connect-requestid", id)));
    Reply { status: answer.status, headers, body: Body::Stream(answer.body), close: false }
}

fn is_json(answer: &Streaming) -> bool {
    field(&answer.headers, "content-type").is_some_and(|kind| {
        let kind = kind.split_once(';').map_or(kind, |(kind, _)| kind).trim();
        kind.eq_ignore_ascii_case("application/json")
            || kind.eq_ignore_ascii_case("application/x-amz-json-1.1")
    })
}

/// Nothing took effect.
pub(super) fn not_sent(id: &RequestId) -> (Reply, Passed) {
    let words = format!("The request was not carried out. Request id: {id}");
    (Reply::error(ErrorType::ServiceUnavailable, &words, id), Passed::NotSent)
}

/// It was sent, and there is no answer: of a read that is nothing, of a write nobody knows.
fn no_answer(ordinary: &Ordinary, id: &RequestId) -> (Reply, Passed) {
    let reply = match ordinary.class() {
        Class::Read => not_sent(id).0,
        Class::Write | Class::Identity | Class::Sensitive | Class::Forbidden => {
            let words = format!("The outcome of the request is not known. Request id: {id}");
            Reply::error(ErrorType::InternalService, &words, id)
        }
    };
    (reply, Passed::NoAnswer)
}
