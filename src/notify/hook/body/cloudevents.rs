//! CloudEvents 1.0, structured mode, `application/cloudevents+json`.
//!
//! The same body can be relayed to Amazon EventBridge or SNS by a function behind an HTTPS URL: verify the signature, then
//! put `type` into `DetailType`, `source` into `Source` and the whole event into `Detail` (or into the message of a
//! topic); `id` is for deduplication there as well.

use serde_json::{Value, json};

use super::Message;

pub(super) fn event(message: &Message<'_>) -> Value {
    let delivery = message.delivery;
    json!({
        "specversion": "1.0",
        "id": message.id,
        "source": source(&delivery.record.chain),
        "type": format!("connect-guard.{}", delivery.kind),
        "subject": message.record(),
        "time": message.time(),
        "datacontenttype": "application/json",
        "data": message.facts(),
    })
}

/// A URN (RFC 8141) of the chain: whatever a URN cannot hold is percent-encoded.
fn source(chain: &str) -> String {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~".contains(&octet);
    let encoded = chain.bytes().map(|octet| match octet {
        octet if plain(octet) => char::from(octet).to_string(),
        octet => format!("%{octet:02X}"),
    });
    format!("urn:connect-guard:{}", encoded.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_uri() {
        assert_eq!(source("guard-1.eu"), "urn:connect-guard:guard-1.eu");
        assert_eq!(source("a b/\u{e4}\n"), "urn:connect-guard:a%20b%2F%C3%A4%0A");
    }
}
