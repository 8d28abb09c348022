//! A message for a workflow of Teams ("when a Teams webhook request is received"): one adaptive card of rich text
//! blocks. A `TextBlock` reads Markdown and cannot be told not to; a `TextRun` reads none.

use serde_json::{Value, json};

use super::cut;

/// Longest body of a card, in octets of JSON: with what is around it it stays below the 28 KB that a workflow takes.
const CARD: usize = 26 * 1_024;
/// Longest line, in characters.
const LINE: usize = 1_000;

pub(super) fn message(subject: &str, text: &str) -> Value {
    let mut body = vec![block(&cut(subject, 200), "large", "bolder", "default")];
    let mut size = 0;
    let mut spacing = "default";
    for line in text.lines() {
        if line.trim().is_empty() {
            spacing = "default";
            continue;
        }
        let block = block(&cut(line, LINE), "default", "default", spacing);
        size += block.to_string().len() + 1;
        if size > CARD {
            body.push(ellipsis());
            break;
        }
        body.push(block);
        spacing = "none";
    }
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": body,
            },
        }],
    })
}

/// Shows that there is more.
fn ellipsis() -> Value {
    block("...", "default", "default", "none")
}

fn block(text: &str, size: &str, weight: &str, spacing: &str) -> Value {
    json!({
        "type": "RichTextBlock",
        "spacing": spacing,
        "inlines": [{ "type": "TextRun", "text": text, "size": size, "weight": weight }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_no_element_reads_markdown() {
        let card = message("**a**", "[here](https://example.com)\n\n# b\n");
        let body = card["attachments"][0]["content"]["body"].as_array().unwrap();
        let runs: Vec<_> = body.iter().map(|block| block["inlines"][0]["text"].as_str().unwrap()).collect();
        assert_eq!(runs, ["**a**", "[here](https://example.com)", "# b"]);
        assert!(body.iter().all(|block| block["type"] == "RichTextBlock"));
        assert!(body.iter().all(|block| block["inlines"][0]["type"] == "TextRun"));
        assert!(!card.to_string().contains("TextBlock\",\"text"));
    }

    #[test]
    fn a_card_is_small_enough() {
        for line in ["a", "\u{1f600}", "\"\\"] {
            let text = format!("{}\n", line.repeat(90)).repeat(1_000);
            let card = message(&line.repeat(500), &text).to_string();
            assert!(card.len() < 28 * 1024, "{}", card.len());
        }
        let card = message("a", &"a\n".repeat(10_000)).to_string();
        assert!(card.len() < 28 * 1024, "{}", card.len());
    }
}
