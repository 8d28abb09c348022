//! Why a request has no reading, as logs have it. The reason may repeat what a stranger wrote, in backticks: an address in
//! it is no more a log's business than one of a user, and what acts on a terminal is shown as its number.

use std::fmt::{self, Write as _};

/// What stands in the place of an address.
const ADDRESS: &str = "<address>";

/// A reason that can be logged.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, part) in self.0.split('`').enumerate() {
            if at > 0 {
                f.write_char('`')?;
            }
            if at % 2 == 1 && has_address(part) {
                f.write_str(ADDRESS)?;
                continue;
            }
            // Whoever wrote a backtick is not in them where he says so.
            for (at, word) in part.split(' ').enumerate() {
                if at > 0 {
                    f.write_char(' ')?;
                }
                if has_address(word) { f.write_str(ADDRESS)? } else { write!(f, "{}", word.escape_debug())? }
            }
        }
        Ok(())
    }
}

/// Whether an address may be in it, as it is or as a part of a URL.
fn has_address(text: &str) -> bool {
    text.contains(['@', '\u{ff20}', '\u{fe6b}']) || text.contains("%40")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> String {
        Quoted(text).to_string()
    }

    #[test]
    fn b16_no_address_of_a_stranger_reaches_the_log() {
        assert_eq!(quoted("`host` is not one name"), "`host` is not one name");
        for wrote in ["mary.major@example.com", "\"mary major\"@example.com", "mary.major%40example.com"] {
            assert_eq!(
                quoted(&format!("header `{wrote}` is not accepted")),
                "header `<address>` is not accepted"
            );
            assert!(!quoted(&format!("`a`{wrote}` occurs twice")).contains("mary.major"), "{wrote}");
            assert!(!quoted(&format!("the host {wrote} is odd")).contains("example"), "{wrote}");
        }
        assert_eq!(quoted("`a\u{1b}[31m\n` occurs twice"), "`a\\u{1b}[31m\\n` occurs twice");
    }
}
