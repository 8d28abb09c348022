//! The subject of a message, and its form as a header field: one line, whatever it was made from.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::neutral::is_active;

/// Longest subject, in characters.
const LONGEST: usize = 150;
/// An encoded word is at most 75 characters (RFC 2047 section 2), 12 of them for `=?UTF-8?B?` and `?=`: 45 octets.
const WORD: usize = 45;

/// One line without control, direction or zero-width characters, at most 150 characters: nothing else can be held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// White space is one space; what acts instead of being seen is `?`; what is too long is cut, with three dots.
    pub(super) fn new(text: &str) -> Self {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let visible = |letter: char| if is_active(letter) { '?' } else { letter };
        let mut subject: String = line.chars().take(LONGEST).map(visible).collect();
        if line.chars().count() > LONGEST {
            subject = subject.chars().take(LONGEST - 3).chain("...".chars()).collect();
        }
        Self(subject)
    }

    /// As people read it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As a header field carries it: visible ASCII and space; where the text is more than that, encoded words (RFC 2047).
    pub fn header(&self) -> String {
        let plain = self.0.chars().all(|letter| letter == ' ' || letter.is_ascii_graphic());
        // What only looks like an encoded word must not be read as one.
        if plain && !self.0.contains("=?") {
            return self.0.clone();
        }
        let mut words = vec![String::new()];
        for letter in self.0.chars() {
            match words.last_mut() {
                Some(word) if word.len() + letter.len_utf8() <= WORD => word.push(letter),
                _ => words.push(letter.to_string()),
            }
        }
        words
            .iter()
            .map(|word| format!("=?UTF-8?B?{}?=", STANDARD.encode(word)))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
