//! The second door: a change. Sent once, whatever becomes of it; what became of it is said as far as it is certain.

use bytes::Bytes;

use super::{
    answer::{error_name, is_own, request_id},
    site::{AGENT, SiteClient, Unsigned},
};
use crate::{
    caller::Principal,
    client::Answer,
    ledger::{Answered, Sent},
    notice::RecordRef,
    operation::Change,
    wire::json::Json,
};

/// The longest body of an answer that is passed on.
const BODY: usize = 64 * 1024;

impl SiteClient {
    /// Sends a change once: for a caller, and with the number of its record in what `CloudTrail` keeps as the agent.
    pub(super) async fn act(
        &self,
        change: &Change,
        principal: &Principal,
        record: &RecordRef,
        may: &(dyn Fn() -> bool + Sync),
    ) -> Sent {
        let operation = change.route().operation;
        let agent = format!("{AGENT} rec/{}-{}", record.chain, record.seq);
        let signed = match self.sign(change.build(), self.credentials.of_caller(principal), agent).await {
            Ok(signed) => signed,
            Err(Unsigned::Credentials(why)) => {
                tracing::error!(site = self.site.name, operation, why, "the guard has no credentials");
                return Sent::NotSent(format!("no credentials: {why}"));
            }
            Err(Unsigned::Form(why)) => return Sent::NotSent(why),
        };
        let sent = self.client.send_while(signed.outgoing, may).await;
        if operation.ends_with("SecurityProfile") {
            // What its holders may do is not what was read before.
            self.profiles.clear();
        }
        match sent {
            Ok(answer) => {
                let error = error_name(&answer);
                if let Some(name) = error.as_deref().filter(|name| is_own(name)) {
                    self.not_accepted(&signed.by, operation, name);
                }
                classify(answer, error)
            }
            Err(error) if error.sent => Sent::Unknown(error.to_string()),
            Err(error) => Sent::NotSent(error.to_string()),
        }
    }
}

/// What an answer says of the change. A refusal is believed only when it is Connect's: a status of the 4xx kind, with
/// the name of an error. 408 and everything else leave open whether it was applied.
fn classify(answer: Answer, error: Option<String>) -> Sent {
    let request_id = request_id(&answer.headers);
    let answered =
        |error| Answered { status: answer.status, error, request_id, body: passed_on(&answer.body) };
    match (answer.status, error) {
        (200..=299, _) => Sent::Accepted(answered(None)),
        (408, _) => Sent::Unknown("status 408".to_owned()),
        (400..=499, Some(name)) => Sent::Refused(answered(Some(name))),
        (status, Some(name)) => Sent::Unknown(format!("status {status}, {name}")),
        (status, None) => Sent::Unknown(format!("status {status}, without the name of an error")),
    }
}

/// A JSON object as Connect wrote it. Whatever else came, or too much of it, is nobody's business: none.
fn passed_on(body: &Bytes) -> Bytes {
    if body.len() <= BODY && Json::read_object(body).is_ok() { body.clone() } else { Bytes::new() }
}
