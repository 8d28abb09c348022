//! A message for an incoming webhook of Slack. Every text is a `plain_text` object, in which Slack reads no markup, and
//! its three control characters are escaped all the same (`&`, `<`, `>`): `<!channel>` is words and calls nobody.

use serde_json::{Value, json};

use super::{cut, pieces};

/// Longest header, in characters.
const HEADER: usize = 150;
/// Longest text of a section, in characters, escapes counted.
const SECTION: usize = 3_000;
/// Blocks of a message.
const BLOCKS: usize = 50;

pub(super) fn message(subject: &str, text: &str) -> Value {
    let header = escaped(subject, HEADER);
    let mut blocks = vec![json!({ "type": "header", "text": plain(&header) })];
    // Escaping makes a character five at most: lines are escaped before they are counted.
    let lines: Vec<_> = text.lines().map(|line| escaped(line, SECTION)).collect();
    let sections = pieces(&lines.join("\n"), SECTION);
    let sections = sections.iter().take(BLOCKS - blocks.len());
    blocks.extend(sections.map(|text| json!({ "type": "section", "text": plain(text) })));
    // `text` is what notifications show.
    json!({ "text": header, "mrkdwn": false, "unfurl_links": false, "unfurl_media": false, "blocks": blocks })
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": false })
}

/// Escaped, and not longer than `longest`: cut before it is escaped, so that no escape is cut in two.
fn escaped(text: &str, longest: usize) -> String {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let whole = escape(&cut(text, longest));
    if whole.chars().count() <= longest { whole } else { escape(&cut(text, longest / 5)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h2_nothing_a_person_chose_is_markup() {
        let message = message("<!channel> & <https://example.com|here>", "*bold* <@U0> &amp;\n>quote\n");
        assert_eq!(message["text"], "&lt;!channel&gt; &amp; &lt;https://example.com|here&gt;");
        assert_eq!(message["blocks"][1]["text"]["text"], "*bold* &lt;@U0&gt; &amp;amp;\n&gt;quote");
        assert_eq!(message["blocks"][1]["text"]["type"], "plain_text");
    }

    #[test]
    fn limits_are_kept() {
        let long = "<".repeat(80);
        let text = format!("{long}\n").repeat(2_000) + &"<".repeat(4_000);
        let message = message(&"&".repeat(200), &text);
        let blocks = message["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), BLOCKS);
        for block in blocks {
            let text = block["text"]["text"].as_str().unwrap();
            let longest = if block["type"] == "header" { HEADER } else { SECTION };
            assert!(!text.is_empty() && text.chars().count() <= longest, "{}", text.len());
        }
    }
}
