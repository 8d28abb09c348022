//! What is posted: JSON, one shape for each kind of receiver. What people chose (names, user agents) is data in every one
//! of them: escaped where the receiver would read markup, and put only where it reads none.

use serde_json::Value;

use crate::{
    notice::{Delivery, Rendered},
    secret::Secret,
};

mod cloudevents;
mod pagerduty;
mod slack;
mod teams;

/// What a receiver is told, as facts.
pub(super) struct Message<'a> {
    /// As `webhook-id`.
    pub(super) id: &'a str,
    pub(super) delivery: &'a Delivery,
}

/// Blocks for Slack.
pub(super) fn slack(words: &Rendered) -> Value {
    slack::message(words.subject.as_str(), &words.text)
}

/// A card for Teams.
pub(super) fn teams(words: &Rendered) -> Value {
    teams::message(words.subject.as_str(), &words.text)
}

impl Message<'_> {
    /// A CloudEvent with every fact.
    pub(super) fn cloud_event(&self) -> Value {
        cloudevents::event(self)
    }

    /// An event for PagerDuty; the key is part of the body.
    pub(super) fn pager_duty(&self, words: &Rendered, key: &Secret) -> Value {
        pagerduty::event(self, words, key)
    }

    /// Where in the ledger it stands: chain and number.
    fn record(&self) -> String {
        self.delivery.record.to_string()
    }

    /// When it was found, RFC 3339.
    fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.delivery.at).unwrap_or_default().to_string()
    }

    /// Every fact.
    fn facts(&self) -> Value {
        self.delivery.payload()
    }
}

/// At most `longest` characters; what is cut off is shown as three dots.
fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(3)).chain("...".chars()).collect()
}

/// The lines of a text in pieces of at most `longest` characters each, cut between lines where there is a place.
fn pieces(text: &str, longest: usize) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    for line in text.lines() {
        let line = cut(line, longest);
        match pieces.last_mut() {
            Some(piece) if piece.chars().count() + 1 + line.chars().count() <= longest => {
                piece.push('\n');
                piece.push_str(&line);
            }
            _ => pieces.push(line),
        }
    }
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_visibly() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdefg", 6), "abc...");
        assert_eq!(cut("\u{1f600}\u{1f600}", 2), "\u{1f600}\u{1f600}");
    }

    #[test]
    fn pieces_end_between_lines() {
        assert_eq!(pieces("aa\nbb\ncc", 5), ["aa\nbb", "cc"]);
        assert_eq!(pieces("aaaaaaaaa\n\nb", 5), ["aa...", "\nb"]);
        assert_eq!(pieces("", 5), [""; 0]);
    }
}
