//! `caller issue`: a key for a caller. The secret is printed once and kept nowhere.

use jiff::{SignedDuration, Timestamp};

use super::{Exit, args::Format, output::Output};
use crate::{
    caller::{Arn, GuardKey, Resource},
    clock::{Clock, Now},
    secret::{self, Secret},
};

/// Issues a key.
pub(super) fn issue(principal: &str, days: u8, output: Output) -> Exit {
    let arn = match Arn::read(principal) {
        Ok(arn) if matches!(arn.resource, Resource::Session { .. }) => {
            output.error(&format!("`{principal}` is a session of a role"));
            output.hint(&format!("name the role: {}", arn.without_session()));
            return Exit::Usage;
        }
        Ok(arn) => arn,
        Err(fault) => {
            output.error(&format!("`{principal}`: {fault}"));
            output.hint("such as arn:aws:iam::111122223333:role/IdentityDesk");
            return Exit::Usage;
        }
    };
    let Some((key_id, secret)) = fresh(output) else { return Exit::Failed };
    let Some(secret) = secret.expose_str() else { return Exit::Failed };
    let expires = instant(Clock::system().now(), SignedDuration::from_hours(24 * i64::from(days)));
    if output.format() == Format::Json {
        let issued = serde_json::json!({
            "key_id": key_id, "secret": secret, "principal": arn.to_string(), "expires": expires,
        });
        output.data(&issued.to_string());
        return Exit::Done;
    }
    output.say("The secret is on standard output and kept nowhere: it cannot be shown again.");
    output.say(
        "Give both to the caller (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), and add to the configuration:",
    );
    output.say("");
    output.say("[[caller]]");
    output.say(&format!("key_id      = \"{key_id}\""));
    output.say(&format!("principal   = \"{arn}\""));
    output.say(&format!("expires     = {expires}"));
    output.say(&format!("secret_file = \"secrets/{key_id}\""));
    output.say("");
    output.data(secret);
    Exit::Done
}

/// A new key: its id, and its secret. What fails is told.
pub(super) fn fresh(output: Output) -> Option<(String, Secret)> {
    match secret::random::<{ GuardKey::RANDOM }>() {
        Ok(random) => Some(GuardKey::issue(random)),
        Err(fault) => {
            output.error(&fault.to_string());
            None
        }
    }
}

/// So long from now, as the configuration writes an instant: whole seconds, UTC.
pub(super) fn instant(now: Now, later: SignedDuration) -> String {
    written(now.plus(later).timestamp())
}

/// An instant as the configuration writes it: whole seconds, UTC.
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
