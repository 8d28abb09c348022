//! Values without power: what somebody chose is shown in a notice, and neither ends a line, nor turns the reading
//! direction round, nor becomes a link. Nothing is left out silently: what is taken away is
//! shown as its number.

use jiff::Timestamp;

use crate::operation::{Address, is_invisible};

/// Longer values are cut, with three dots.
const LONGEST: usize = 512;

/// One line of visible text: control, direction and zero-width characters and line separators as `\u{202e}`.
pub(super) fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, letter) in text.chars().enumerate() {
        if place == LONGEST {
            out.push_str("...");
            break;
        }
        if is_active(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out.replace("://", "[:]//").replace("www.", "www[.]").replace("WWW.", "WWW[.]")
}

/// One line that no mail program takes for a link: a dot before a letter is `[.]`, `@` is `[at]`.
pub(super) fn inert(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let line = line(text);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' if letters.peek().is_some_and(|next| next.is_alphabetic()) => out.push_str("[.]"),
            '@' => out.push_str("[at]"),
            other => out.push(other),
        }
    }
    out
}

/// An address in full when it is a plain one; otherwise inert.
pub(super) fn address(text: &str) -> String {
    Address::read(text).map_or_else(|_| inert(text), |address| address.to_string())
}

/// An address as people without need see it; nothing of what is not a plain one.
pub(super) fn masked_address(text: &str) -> String {
    Address::read(text).map_or_else(|_| "***".to_owned(), |address| address.masked())
}

/// `m***`; nothing of a single letter.
pub(super) fn masked(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(_)) => format!("{}***", inert(&first.to_string())),
        _ => "***".to_owned(),
    }
}

/// At most `longest` characters of visible ASCII and space, others as `?`: for a subject.
pub(crate) fn ascii(text: &str, longest: usize) -> String {
    let visible = |letter: char| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' };
    text.chars().take(longest).map(visible).collect()
}

/// A time in UTC, to the second (RFC 3339); `?` for what no calendar holds.
pub(super) fn utc(millis: i64) -> String {
    Timestamp::from_millisecond(millis)
        .map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// Characters that act instead of being seen: Unicode `Cc`, and what no name may have.
pub(super) fn is_active(letter: char) -> bool {
    letter.is_control() || is_invisible(letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn h1_a_value_is_one_line() {
        assert_eq!(line("a\r\nBcc: b\0"), "a\\u{d}\\u{a}Bcc: b\\u{0}");
        assert_eq!(line("a\u{2028}b\u{85}c"), "a\\u{2028}b\\u{85}c");
    }

    #[test]
    fn e14_direction_and_width_are_shown() {
        assert_eq!(line("\u{202e}moc\u{200b}\u{feff}"), "\\u{202e}moc\\u{200b}\\u{feff}");
        assert_eq!(line("Zoë Müller 山田"), "Zoë Müller 山田");
    }

    #[test]
    fn h2_nothing_is_a_link() {
        assert_eq!(line("https://example.com"), "https[:]//example.com");
        assert_eq!(inert("go to www.example.com now."), "go to www[.]example[.]com now.");
        assert_eq!(inert("mary@example.com"), "mary[at]example[.]com");
        assert_eq!(inert("aws-sdk-rust/1.3.15"), "aws-sdk-rust/1.3.15");
    }

    #[test]
    fn addresses_are_whole_only_when_plain() {
        assert_eq!(address("mary@Example.com"), "mary@example.com");
        assert_eq!(address("\"a b\"@example.com"), "\"a b\"[at]example[.]com");
        assert_eq!(masked_address("mary@example.com"), "m***@example.com");
        assert_eq!(masked_address("mary"), "***");
    }

    #[test]
    fn masks_hide_short_values_too() {
        assert_eq!(masked("Mary"), "M***");
        assert_eq!(masked("M"), "***");
        assert_eq!(masked(""), "***");
    }

    #[test]
    fn long_values_are_cut() {
        let cut = line(&"a".repeat(LONGEST + 9));
        assert_eq!(cut.len(), LONGEST + 3);
        assert!(cut.ends_with("a..."));
        assert_eq!(line(&"a".repeat(LONGEST)).len(), LONGEST);
    }

    proptest! {
        #[test]
        fn no_text_is_active(text in any::<String>()) {
            for shown in [line(&text), inert(&text), masked(&text), address(&text), ascii(&text, 78)] {
                prop_assert!(!shown.chars().any(is_active));
            }
            prop_assert!(!inert(&text).contains("://"));
            prop_assert!(ascii(&text, 78).is_ascii());
        }
    }
}
