//! What each format of a webhook says, whatever values it is given.

use serde_json::{Value, json};

use super::{
    hook::{CURRENT, ROUTING_KEY, now, over, post, secret, to_siem},
    receiver::{Answer, Receiver},
    *,
};
use crate::{
    notice::{
        Audience,
        tests::render::{HOSTILE, hostile},
    },
    notify::{Hook, HookFormat},
};

/// What each kind of receiver requires of a message.
fn required(format: HookFormat, body: &Value) {
    let text = |value: &Value, longest: usize| {
        let text = value.as_str().unwrap_or_else(|| panic!("no text: {value}"));
        assert!(!text.is_empty() && text.chars().count() <= longest, "{text}");
    };
    match format {
        HookFormat::CloudEvents => {
            assert_eq!(body["specversion"], "1.0");
            for name in ["id", "source", "type", "subject", "time"] {
                text(&body[name], 10_000);
            }
            body["time"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert!(body["data"].is_object());
            for name in body.as_object().unwrap().keys() {
                assert!(name.bytes().all(|octet| octet.is_ascii_lowercase()), "an attribute's name: {name}");
            }
        }
        HookFormat::Slack => {
            text(&body["text"], 150);
            let blocks = body["blocks"].as_array().unwrap();
            assert!((2..=50).contains(&blocks.len()));
            for (place, block) in blocks.iter().enumerate() {
                assert_eq!(block["type"], if place == 0 { "header" } else { "section" });
                assert_eq!(block["text"]["type"], "plain_text");
                text(&block["text"]["text"], if place == 0 { 150 } else { 3_000 });
                let shown = block["text"]["text"].as_str().unwrap();
                assert!(!shown.contains(['<', '>']), "{shown}");
            }
        }
        HookFormat::Teams => {
            assert_eq!(body["type"], "message");
            let attachments = body["attachments"].as_array().unwrap();
            assert_eq!(attachments.len(), 1);
            assert_eq!(attachments[0]["contentType"], "application/vnd.microsoft.card.adaptive");
            let card = &attachments[0]["content"];
            assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
            for block in card["body"].as_array().unwrap() {
                assert_eq!(block["type"], "RichTextBlock");
                assert_eq!(block["inlines"][0]["type"], "TextRun");
                text(&block["inlines"][0]["text"], 1_000);
            }
            assert!(body.to_string().len() < 28 * 1024);
        }
        HookFormat::PagerDuty => {
            assert_eq!(body["routing_key"], ROUTING_KEY);
            assert_eq!(body["event_action"], "trigger");
            text(&body["dedup_key"], 255);
            text(&body["payload"]["summary"], 1_024);
            text(&body["payload"]["source"], 1_024);
            let severity = body["payload"]["severity"].as_str().unwrap();
            assert!(["critical", "error", "warning", "info"].contains(&severity));
            body["payload"]["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
            assert!(body["payload"]["custom_details"].is_object());
            assert!(body.to_string().len() < 512 * 1024);
        }
    }
}

fn formatted(receiver: &Receiver, format: HookFormat) -> Hook {
    over(receiver, |options| {
        options.format = format;
        options.secrets = match format {
            HookFormat::CloudEvents => vec![secret(CURRENT)],
            HookFormat::Slack | HookFormat::Teams => Vec::new(),
            HookFormat::PagerDuty => vec![secret(ROUTING_KEY)],
        };
    })
}

#[tokio::test]
async fn h1_h2_hostile_values_are_words_in_every_format() {
    for format in HookFormat::ALL {
        let receiver = Receiver::start().await;
        let hook = formatted(&receiver, format);
        let mut names = None;
        let long = ["a".repeat(255), "\u{1f600}".repeat(255), "<&>".repeat(85)];
        for text in HOSTILE.iter().map(|text| (*text).to_owned()).chain(long) {
            let mut delivery = hostile(&text, Audience::Security);
            delivery.record.chain.clone_from(&text);
            delivery.message_id.clone_from(&text);
            if text.is_empty() {
                continue;
            }
            hook.post(&words(), &delivery, now()).await.unwrap();
            let posted = receiver.posted().pop().unwrap();
            if format != HookFormat::PagerDuty || !text.trim().is_empty() {
                required(format, &posted.json());
            }
            let headers: Vec<_> = posted.headers.keys().cloned().collect();
            assert_eq!(headers, *names.get_or_insert_with(|| headers.clone()), "{text:?}");
            let id = &posted.headers["webhook-id"];
            assert!(id.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet)), "{id}");
            assert_eq!(posted.headers.contains_key("webhook-signature"), format == HookFormat::CloudEvents);
        }
        assert_eq!(receiver.connections(), 1, "the connection never broke");
    }
}

#[tokio::test]
async fn pagerduty_is_told_everything() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::Says(
        "HTTP/1.1 202 Accepted\r\ncontent-length: 20\r\n\r\n{\"status\":\"success\"}".into(),
    ));
    let reply = post(&formatted(&receiver, HookFormat::PagerDuty)).await.unwrap();
    assert_eq!(reply, "202 {\"status\":\"success\"}");
    let delivery = to_siem(42);
    let golden = json!({
        "routing_key": ROUTING_KEY,
        "event_action": "trigger",
        "dedup_key": delivery.message_id.replace('.', "_"),
        "client": "Connect Guard",
        "payload": {
            "summary": templates().render(&delivery).unwrap().subject.as_str(),
            "source": "guard-1",
            "severity": delivery.kind.severity().as_str(),
            "timestamp": "2026-07-23T09:46:42Z",
            "component": "connect-guard",
            "class": "address-changed",
            "custom_details": delivery.payload(),
        },
    });
    assert_eq!(receiver.posted()[0].json(), golden);
}
