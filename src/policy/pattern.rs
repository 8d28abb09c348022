//! Patterns over one name: literal text in which `*` stands for any number of characters of that name. Anchored at both
//! ends, without `?`, classes or escapes. A pattern is applied to one segment of an ARN or one Username, so `*` never
//! reaches across `:` or `/` of an ARN.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

/// A name with at least one `*`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Pattern(Vec<String>);

/// Names: those written out, and patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Written out.
    pub(super) exact: HashSet<String>,
    /// With `*`.
    pub(super) patterns: Vec<Pattern>,
}

impl Pattern {
    /// The pattern in `text`; none when it has no `*`.
    pub(crate) fn read(text: &str) -> Option<Self> {
        text.contains('*').then(|| Self(text.split('*').map(str::to_owned).collect()))
    }

    /// Whether it is nothing but `*`.
    pub(super) fn is_everything(&self) -> bool {
        self.0.iter().all(String::is_empty)
    }

    /// Whether the whole of `name` matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else { return false };
        let Some(mut rest) = name.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }

    /// Whether it can be shown that every name that `other` matches is matched. No literal part holds a `*`, so each `*` of
    /// `other` is taken by one of this pattern's own.
    pub(super) fn contains(&self, other: &Self) -> bool {
        self.matches(&other.to_string())
    }
}

impl Pattern {
    /// Whether some name is matched by both. Each has a `*`, which takes whatever the other wants in the middle: so only
    /// how they begin and how they end can keep them apart.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let ([one, .., one_end], [two, .., two_end]) = (self.0.as_slice(), other.0.as_slice()) else {
            return false;
        };
        let begins = one.starts_with(two.as_str()) || two.starts_with(one.as_str());
        begins && (one_end.ends_with(two_end.as_str()) || two_end.ends_with(one_end.as_str()))
    }
}

/// As it is written.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("*"))
    }
}

impl Names {
    /// Adds a name or a pattern.
    pub(super) fn add(&mut self, text: &str) {
        match Pattern::read(text) {
            Some(pattern) => self.patterns.push(pattern),
            None => {
                self.exact.insert(text.to_owned());
            }
        }
    }

    /// These and more.
    pub(super) fn extend(&mut self, more: Self) {
        self.exact.extend(more.exact);
        for pattern in more.patterns {
            if !self.patterns.contains(&pattern) {
                self.patterns.push(pattern);
            }
        }
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.patterns.is_empty()
    }

    /// Whether one of them is this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.exact.contains(name) || self.patterns.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether it can be shown that every name of `other` is one of these.
    pub(super) fn contain(&self, other: &Self) -> bool {
        other.exact.iter().all(|name| self.has(name))
            && other.patterns.iter().all(|one| self.patterns.iter().any(|wide| wide.contains(one)))
    }

    /// The names as they are written, in order.
    pub(super) fn written(&self) -> BTreeSet<String> {
        self.exact.iter().cloned().chain(self.patterns.iter().map(Pattern::to_string)).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::read(pattern).unwrap().matches(name)
    }

    #[test]
    fn f3_patterns_are_anchored_at_both_ends() {
        assert!(matches("Desk*", "Desk"));
        assert!(matches("Desk*", "Desk2"));
        assert!(!matches("Desk*", "HelpDesk"));
        assert!(matches("*Desk", "HelpDesk"));
        assert!(!matches("*Desk", "HelpDesk2"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "ac"));
        assert!(!matches("ab*ba", "aba"));
        assert!(matches("*", ""));
    }

    #[test]
    fn f3_nothing_but_the_star_is_special() {
        assert!(!matches("a.*", "abc"));
        assert!(!matches("a?*", "abc"));
        assert!(!matches("[ab]*", "abc"));
        assert!(Pattern::read("a?b").is_none());
    }

    /// A second reading of the same language, by recursion.
    fn naive(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
            ([one, pattern @ ..], [other, name @ ..]) if one == other => naive(pattern, name),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_contains_a_pattern_matches_its_names(wide in "[ab*]{0,6}", one in "[ab*]{0,6}", name in "[ab]{0,8}") {
            if let (Some(wide), Some(one)) = (Pattern::read(&wide), Pattern::read(&one)) {
                prop_assert!(!wide.contains(&one) || !one.matches(&name) || wide.matches(&name));
            }
        }

        #[test]
        fn patterns_of_one_name_meet(one in "[ab*]{0,6}", two in "[ab*]{0,6}", name in "[ab]{0,8}") {
            if let (Some(one), Some(two)) = (Pattern::read(&one), Pattern::read(&two)) {
                prop_assert!(one.meets(&two) || !one.matches(&name) || !two.matches(&name));
                prop_assert_eq!(one.meets(&two), two.meets(&one));
            }
        }

        #[test]
        fn agrees_with_a_second_reading(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
            if let Some(read) = Pattern::read(&pattern) {
                prop_assert_eq!(read.matches(&name), naive(pattern.as_bytes(), name.as_bytes()));
            }
        }
    }
}
