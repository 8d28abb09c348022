//! `ticket`: a rule that holds only for requests which carry a ticket, in a header that the caller signed.
//!
//! The whole value has to match. The pattern is a regular expression without look-around and back-references, of bounded
//! size, and is matched in time linear in the value, which is short.

use std::{collections::BTreeMap, error::Error, fmt};

use regex_lite::{Regex, RegexBuilder};

/// The header that a `[[test]]` and `policy explain` mean when they name none.
pub(super) const HEADER: &str = "x-guard-ticket";
/// What every header with a note begins with: only those are known of a request.
const PREFIX: &str = "x-guard-";
/// A pattern has at most so many characters.
const PATTERN_MAX: usize = 128;
/// A compiled pattern takes at most so many octets: `{1,100000}` is none.
const COMPILED_MAX: usize = 64 * 1024;
/// A value has at most so many octets.
const VALUE_MAX: usize = 256;

/// A header, and the form its value has to have.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// The header, in lower case.
    pub(super) header: String,
    /// The pattern as it is written.
    pub(super) pattern: String,
    whole: Regex,
}

/// Why a text is no pattern of tickets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PatternFault {
    /// It has more than 128 characters.
    Long,
    /// It is no regular expression, or a large one.
    Form(regex_lite::Error),
    /// No text, or any one character, matches: it asks for nothing.
    Anything,
}

impl Ticket {
    /// Whether notes come in a header of this name.
    pub(super) fn is_header(name: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        name.strip_prefix(PREFIX).is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain))
            && name.len() <= 64
    }

    /// Reads a pattern.
    pub(super) fn read(header: &str, pattern: &str) -> Result<Self, PatternFault> {
        if pattern.chars().count() > PATTERN_MAX {
            return Err(PatternFault::Long);
        }
        let compiled =
            |text: &str| RegexBuilder::new(text).size_limit(COMPILED_MAX).build().map_err(PatternFault::Form);
        // By itself first: `a)|(b` would be something else within a group.
        compiled(pattern)?;
        let whole = compiled(&format!("\\A(?:{pattern})\\z"))?;
        let one = |each: char| whole.is_match(each.encode_utf8(&mut [0; 4]));
        if whole.is_match("") || ('!'..='~').all(one) {
            return Err(PatternFault::Anything);
        }
        Ok(Self { header: header.to_owned(), pattern: pattern.to_owned(), whole })
    }

    /// The ticket that a request carries, when it is one.
    pub(super) fn of<'n>(&self, notes: &'n BTreeMap<String, String>) -> Option<&'n str> {
        let value = notes.get(&self.header)?;
        (value.len() <= VALUE_MAX && self.whole.is_match(value)).then_some(value.as_str())
    }
}

/// As they are written.
impl PartialEq for Ticket {
    fn eq(&self, other: &Self) -> bool {
        (&self.header, &self.pattern) == (&other.header, &other.pattern)
    }
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Long => write!(f, "the pattern has more than {PATTERN_MAX} characters"),
            Self::Form(error) => write!(f, "the pattern is none: {error}"),
            Self::Anything => f.write_str("the pattern matches anything, or nothing at all"),
        }
    }
}

impl Error for PatternFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Form(error) => Some(error),
            Self::Long | Self::Anything => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn holds(pattern: &str, value: &str) -> bool {
        let ticket = Ticket::read(HEADER, pattern).unwrap();
        ticket.of(&BTreeMap::from([(HEADER.to_owned(), value.to_owned())])).is_some()
    }

    #[test]
    fn the_whole_value_matches_or_nothing_does() {
        assert!(holds("SEC-[0-9]+", "SEC-1042"));
        for value in ["", "SEC-", "xSEC-1", "SEC-1x", "sec-1", "SEC-1\n", "SEC-1\nSEC-2", " SEC-1"] {
            assert!(!holds("SEC-[0-9]+", value), "{value:?}");
        }
        assert!(holds("SEC-1|INC-2", "INC-2"));
        assert!(!holds("SEC-1|INC-2", "SEC-1x"));
        assert!(!holds("(?m)^SEC-1$", "SEC-1\nx"));
        assert!(!holds("SEC-[0-9]+", &format!("SEC-{}", "1".repeat(VALUE_MAX))));
    }

    #[test]
    fn only_the_header_of_the_rule_counts() {
        let ticket = Ticket::read("x-guard-change", "CHG-[0-9]+").unwrap();
        let notes = BTreeMap::from([(HEADER.to_owned(), "CHG-1".to_owned())]);
        assert_eq!(ticket.of(&notes), None);
        for (name, is) in [
            ("x-guard-ticket", true),
            ("X-Guard-Ticket", false),
            ("x-guard-", false),
            ("x-amz-date", false),
            ("x-guard-a b", false),
        ] {
            assert_eq!(Ticket::is_header(name), is, "{name}");
        }
    }

    #[test]
    fn patterns_are_closed_bounded_and_ask_for_something() {
        for pattern in ["a)|(?:b", "(", "[", "(?x)SEC # ", "a{1,100000}", "((a{100}){100}){100}"] {
            assert!(matches!(Ticket::read(HEADER, pattern), Err(PatternFault::Form(_))), "{pattern}");
        }
        assert_eq!(Ticket::read(HEADER, &"a".repeat(129)), Err(PatternFault::Long));
        for pattern in ["", ".*", ".+", "a*", "[^ ]+", "(?s).+", "|a"] {
            assert_eq!(Ticket::read(HEADER, pattern), Err(PatternFault::Anything), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn no_pattern_and_no_value_panics(pattern in "\\PC{0,20}", value in "\\PC{0,40}") {
            if let Ok(ticket) = Ticket::read(HEADER, &pattern) {
                let _ = ticket.of(&BTreeMap::from([(HEADER.to_owned(), value)]));
            }
        }
    }
}
