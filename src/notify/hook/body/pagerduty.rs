//! An event for PagerDuty's Events API v2 (`https://events.pagerduty.com/v2/enqueue`). A repeat has the same `dedup_key`.

use serde_json::{Value, json};

use crate::{notice::Rendered, secret::Secret};

use super::{Message, cut};

/// Longest summary, in characters.
const SUMMARY: usize = 1_024;

pub(super) fn event(message: &Message<'_>, words: &Rendered, key: &Secret) -> Value {
    let delivery = message.delivery;
    json!({
        "routing_key": key.expose_str().unwrap_or_default().trim(),
        "event_action": "trigger",
        "dedup_key": message.id,
        "client": "Connect Guard",
        "payload": {
            "summary": cut(words.subject.as_str(), SUMMARY),
            "source": delivery.record.chain,
            "severity": delivery.kind.severity().as_str(),
            "timestamp": message.time(),
            "component": "connect-guard",
            "class": delivery.kind.as_str(),
            "custom_details": message.facts(),
        },
    })
}
