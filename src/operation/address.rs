//! E-mail addresses, stricter than Connect: plain ASCII addr-spec, because a character that two systems read differently
//! is how an address of another domain gets through a check of this one (requirements N8, N9, E1-E8).

use std::{error::Error, fmt};

/// An address whose local part and domain have one reading. The local part is kept as given, the domain lower-case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    local: String,
    domain: String,
}

/// Why a text is not such an address. Names no character of it: addresses are not for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    /// Empty.
    Empty,
    /// Longer than 64 octets before the `@`, 253 after it, 254 in all (RFC 5321 section 4.5.3.1, with erratum 1690).
    Long,
    /// Not ASCII, or with a control character or white space.
    Character,
    /// Quoted, with a comment, a route, `%`, `!` or anything else that is not a plain dot-atom.
    Form,
    /// The domain is not two or more labels of letters, digits and inner hyphens, the last of letters.
    Domain,
}

impl Address {
    /// Reads an address.
    ///
    /// The local part is a dot-atom (RFC 5322 section 3.2.3) of letters, digits and `_ + - ' & = ~` only: of the other
    /// characters that RFC allows, `%`, `!`, `/` and `|` mean routing to some mail systems, and none is needed.
    pub fn read(text: &str) -> Result<Self, AddressFault> {
        if text.is_empty() {
            return Err(AddressFault::Empty);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AddressFault::Character);
        }
        let (local, domain) = text.split_once('@').ok_or(AddressFault::Form)?;
        // A domain of more than 253 characters makes the whole longer than 254.
        if local.len() > 64 || text.len() > 254 {
            return Err(AddressFault::Long);
        }
        let atom = |atom: &str| !atom.is_empty() && atom.bytes().all(is_local);
        if !local.split('.').all(atom) || domain.contains('@') {
            return Err(AddressFault::Form);
        }
        if !is_domain(domain) {
            return Err(AddressFault::Domain);
        }
        Ok(Self { local: local.to_owned(), domain: domain.to_ascii_lowercase() })
    }

    /// Before the `@`, as given.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// After the `@`, lower-case.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether the local part has a `+`: the same mailbox under another name.
    pub fn is_plus(&self) -> bool {
        self.local.contains('+')
    }

    /// Whether a label of the domain is an A-label (`xn--`).
    pub fn is_internationalised(&self) -> bool {
        self.domain.split('.').any(|label| label.starts_with("xn--"))
    }

    /// The mailbox as most mail systems see it, for comparisons that *refuse*: the local part without `+tag`, in lower
    /// case. Two addresses of one mailbox give one text.
    pub fn mailbox(&self) -> String {
        let local = self.local.split_once('+').map_or(self.local.as_str(), |(local, _)| local);
        format!("{}@{}", local.to_ascii_lowercase(), self.domain)
    }

    /// `m***@example.com`: what people without need see. A local part of one character is hidden as well.
    pub fn masked(&self) -> String {
        let mut letters = self.local.chars();
        match (letters.next(), letters.next()) {
            (Some(first), Some(_)) => format!("{first}***@{}", self.domain),
            _ => format!("***@{}", self.domain),
        }
    }
}

/// The whole address, for the one place that needs it. `Debug` shows nothing: addresses do not belong in logs.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(_)")
    }
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the address is empty",
            Self::Long => "the address is too long",
            Self::Character => "the address has a character other than visible ASCII",
            Self::Form => "the address is not a plain one",
            Self::Domain => "the address has no plain domain",
        })
    }
}

impl Error for AddressFault {}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+-'&=~".contains(&byte)
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let Some((rest, last)) = domain.rsplit_once('.') else { return false };
    let top = (2..=63).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    top && rest.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> AddressFault {
        Address::read(text).expect_err(text)
    }

    #[test]
    fn plain_addresses_are_read() {
        for text in [
            "mary.major@example.com",
            "m@example.co.uk",
            "mary+x@example.com",
            "o'brien_1@sub-domain.example.com",
            "a&b=c~d@1.example.com",
            "-@example.com",
            "mary@xn--bcher-kva.example",
        ] {
            assert_eq!(Address::read(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn e8_the_local_part_is_exact_and_the_domain_lower_case() {
        let address = Address::read("Mary.Major@Example.COM").unwrap();
        assert_eq!((address.local(), address.domain()), ("Mary.Major", "example.com"));
        assert_eq!(address, Address::read("Mary.Major@example.com").unwrap());
        assert_ne!(address, Address::read("mary.major@example.com").unwrap());
        assert!(!address.is_plus());
        assert!(Address::read("mary+x@example.com").unwrap().is_plus());
    }

    #[test]
    fn e1_e2_e3_domains_are_not_each_other() {
        let domain = |text| Address::read(text).unwrap().domain().to_owned();
        for text in ["u@evilexample.com", "u@example.com.evil.com", "u@a.example.com"] {
            assert_ne!(domain(text), "example.com");
        }
    }

    #[test]
    fn e4_dots_in_the_wrong_place() {
        for text in ["u@example.com.", "u@.example.com", "u@example..com", "u@-example.com", "u@example-.com"]
        {
            assert_eq!(refused(text), AddressFault::Domain, "{text}");
        }
        for text in [".u@example.com", "u.@example.com", "u..v@example.com", "@example.com", "u"] {
            assert_eq!(refused(text), AddressFault::Form, "{text}");
        }
    }

    #[test]
    fn e5_only_ascii_and_a_labels_are_marked() {
        for text in ["ü@example.com", "u@exämple.com", "u@еxample.com", "u\u{200b}@example.com"] {
            assert_eq!(refused(text), AddressFault::Character, "{text}");
        }
        assert!(Address::read("u@xn--exmple-cua.com").unwrap().is_internationalised());
        assert!(Address::read("u@XN--exmple-cua.com").unwrap().is_internationalised());
        assert!(!Address::read("u@example.com").unwrap().is_internationalised());
    }

    #[test]
    fn e6_n9_quotes_comments_routes_and_hacks() {
        for text in [
            "\"u\"@example.com",
            "u(c)@example.com",
            "<u@example.com>",
            "@a:b@example.com",
            "u@v@example.com",
            "u%evil.com@example.com",
            "evil.com!u@example.com",
            "a/b@example.com",
            "a|b@example.com",
            "`a`@example.com",
            "a,b@example.com",
            "a;b@example.com",
            "a:b@example.com",
            "a\\b@example.com",
        ] {
            assert_eq!(refused(text), AddressFault::Form, "{text}");
        }
        for text in
            ["u @example.com", "u@example.com\n", "\tu@example.com", "u@example.com\0", "u@exa\rmple.com"]
        {
            assert_eq!(refused(text), AddressFault::Character, "{text:?}");
        }
    }

    #[test]
    fn e7_n8_literals_single_labels_and_lengths() {
        for text in
            ["u@[127.0.0.1]", "u@127.0.0.1", "u@localhost", "u@example.c", "u@example.c0m", "u@a_b.com", "u@"]
        {
            assert_eq!(refused(text), AddressFault::Domain, "{text}");
        }
        assert_eq!(refused(""), AddressFault::Empty);
        let of =
            |local: usize, domain: usize| format!("{}@{}.com", "a".repeat(local), "b.".repeat(domain / 2));
        assert!(Address::read(&format!("{}@example.com", "a".repeat(64))).is_ok());
        assert_eq!(refused(&format!("{}@example.com", "a".repeat(65))), AddressFault::Long);
        assert_eq!(refused(&of(1, 260)), AddressFault::Long);
        let long = format!("{}@{}example.com", "a".repeat(64), "b.".repeat(90));
        assert_eq!(refused(&long), AddressFault::Long);
        // 254 characters, and 255.
        assert!(
            Address::read(&format!("{}@{}{}.com", "a".repeat(9), "b.".repeat(90), "b".repeat(60))).is_ok()
        );
        let long = format!("{}@{}{}.com", "a".repeat(10), "b.".repeat(90), "b".repeat(60));
        assert_eq!(refused(&long), AddressFault::Long);
        assert_eq!(refused(&format!("u@{}.com", "b".repeat(64))), AddressFault::Domain);
        assert!(Address::read(&format!("u@{}.com", "b".repeat(63))).is_ok());
    }

    #[test]
    fn n12_masked_and_debug_show_no_local_part() {
        let address = Address::read("mary.major@example.com").unwrap();
        assert_eq!(address.masked(), "m***@example.com");
        assert_eq!(format!("{address:?}"), "Address(_)");
        assert_eq!(Address::read("m@example.com").unwrap().masked(), "***@example.com");
    }

    proptest! {
        #[test]
        fn what_is_read_reads_again_as_itself(text in "[ -~]{0,12}@[a-zA-Z0-9.-]{1,20}\\.com") {
            if let Ok(address) = Address::read(&text) {
                prop_assert_eq!(address.to_string().to_ascii_lowercase(), text.to_ascii_lowercase());
                prop_assert_eq!(Address::read(&address.to_string()), Ok(address));
            }
        }
    }

    #[test]
    fn addresses_of_one_mailbox_give_one_text() {
        let mailbox = |text: &str| Address::read(text).unwrap().mailbox();
        for text in ["Mary+a+b@Example.com", "mary@example.com", "MARY+@example.com"] {
            assert_eq!(mailbox(text), "mary@example.com", "{text}");
        }
        assert_ne!(mailbox("mary.m@example.com"), mailbox("marym@example.com"));
    }
}
