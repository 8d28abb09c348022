//! The payload of a webhook: a golden file for each kind, in full and masked.

use super::{
    render::{golden, of_kind},
    *,
};
use crate::notice::sample::Shape;

#[test]
fn each_payload_is_as_reviewed() {
    for kind in Kind::ALL {
        for (audience, name) in [(Audience::Security, ""), (Audience::Masked, ".masked")] {
            let payload = of_kind(kind, audience, Shape::Usual, "en").payload();
            golden(
                &format!("payload/{kind}{name}.json"),
                &(serde_json::to_string_pretty(&payload).unwrap() + "\n"),
            );
        }
    }
}

#[test]
fn what_is_in_every_payload() {
    for kind in Kind::ALL {
        let delivery = of_kind(kind, Audience::Security, Shape::Usual, "de");
        let payload = delivery.payload();
        assert_eq!(payload["id"], delivery.message_id.as_str());
        assert_eq!(payload["type"], format!("connect-guard.{kind}"));
        assert_eq!(payload["severity"], kind.severity().as_str());
        assert_eq!(payload["record"]["chain"], "guard-1");
        assert_eq!(payload["record"]["seq"], 42);
        assert_eq!(payload["record"]["head"], delivery.record.hash.as_str());
        assert_eq!(payload["masked"], false);
        assert!(!payload["summary"].as_str().unwrap().is_empty());
        assert!(!payload["steps"].as_array().unwrap().is_empty(), "{kind}");
        assert!(payload["time"].as_str().unwrap().ends_with('Z'));
    }
}

#[test]
fn a_masked_payload_holds_no_value() {
    for kind in Kind::ALL {
        let payload = of_kind(kind, Audience::Masked, Shape::Usual, "en").payload();
        assert_eq!(payload["masked"], true);
        let text = payload.to_string();
        for value in ["mary.", "mary@", "Mary", "mmajor", "Major", "+1555", "jroe"] {
            assert!(!text.contains(value), "{kind}: `{value}` in {text}");
        }
    }
}

#[test]
fn a_payload_speaks_english_whatever_the_mails_speak() {
    let payload =
        |language: &str| of_kind(Kind::AddressChanged, Audience::Security, Shape::Usual, language).payload();
    assert_eq!(payload("de"), payload("en"));
}
