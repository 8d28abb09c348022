//! A record as a syslog message (RFC 5424), framed for TLS (RFC 5425 section 4.3: its length in octets, a space, the
//! message). So a message is one message, whatever is in it. Pure.

use std::str::FromStr;

use crate::ledger::{Grade, Streamed};

/// What stands before the text where it is UTF-8 (RFC 5424 section 6.4).
const BOM: &str = "\u{feff}";
/// What is said where there is nothing to say.
const NIL: &str = "-";
/// A name of a host, at most (section 6.2.4).
const HOST: usize = 255;

/// A facility (RFC 5424 table 1), by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facility(u8);

/// Who says it: the same in every message of a process.
pub(super) struct Origin {
    pub(super) facility: Facility,
    /// The machine, or `-`.
    pub(super) host: String,
    /// The process.
    pub(super) process: u32,
}

impl Facility {
    /// Those that programs like this one are given, by the words for them.
    pub(crate) const WORDS: [(&str, u8); 13] = [
        ("user", 1),
        ("daemon", 3),
        ("auth", 4),
        ("authpriv", 10),
        ("audit", 13),
        ("local0", 16),
        ("local1", 17),
        ("local2", 18),
        ("local3", 19),
        ("local4", 20),
        ("local5", 21),
        ("local6", 22),
        ("local7", 23),
    ];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, number)| *number == self.0).map_or(NIL, |(word, _)| word)
    }
}

impl Default for Facility {
    /// `local0`: what nothing else on a machine uses.
    fn default() -> Self {
        Self(16)
    }
}

impl FromStr for Facility {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, number)| Self(*number)).ok_or(())
    }
}

impl Origin {
    /// Of this host; one that has no name that a message can hold is `-`.
    pub(super) fn new(facility: Facility, host: &str) -> Self {
        let fits = (1..=HOST).contains(&host.len()) && host.bytes().all(|octet| octet.is_ascii_graphic());
        let host = if fits { host } else { NIL }.to_owned();
        Self { facility, host, process: std::process::id() }
    }

    /// Adds the frame of a record.
    pub(super) fn frame(&self, record: &Streamed, to: &mut Vec<u8>) {
        let priority = u32::from(self.facility.0) * 8 + severity(record.grade);
        // Milliseconds, and always UTC.
        let at = record.at.map_or_else(|| NIL.to_owned(), |at| format!("{at:.3}"));
        let (host, process) = (&self.host, self.process);
        let kind = record.kind.map_or(NIL, |kind| kind.as_str());
        let head = format!("<{priority}>1 {at} {host} connect-guard {process} {kind} {NIL} {BOM}");
        to.extend_from_slice(format!("{} ", head.len() + record.line.len()).as_bytes());
        to.extend_from_slice(head.as_bytes());
        to.extend_from_slice(&record.line);
    }
}

/// RFC 5424 table 2.
fn severity(grade: Grade) -> u32 {
    match grade {
        Grade::Critical => 2,
        Grade::Error => 3,
        Grade::Warning => 4,
        Grade::Notice => 5,
        Grade::Info => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Kind;

    fn record(line: &str) -> Streamed {
        Streamed {
            seq: 7,
            at: Some("2027-03-12T10:00:00.5Z".parse().unwrap()),
            kind: Some(Kind::Refusal),
            grade: Grade::Warning,
            line: line.as_bytes().to_vec(),
        }
    }

    fn origin(host: &str) -> Origin {
        Origin { process: 42, ..Origin::new(Facility::default(), host) }
    }

    fn framed(origin: &Origin, record: &Streamed) -> String {
        let mut octets = Vec::new();
        origin.frame(record, &mut octets);
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn a_message_has_the_form_of_the_rfc_and_its_length_in_octets() {
        let text = framed(&origin("gw-1.example.com"), &record("{\"n\":\"\u{e4}\u{1f510}\"}"));
        let (length, message) = text.split_once(' ').unwrap();
        assert_eq!(
            message,
            "<132>1 2027-03-12T10:00:00.500Z gw-1.example.com connect-guard 42 refusal - \u{feff}{\"n\":\"\u{e4}\u{1f510}\"}"
        );
        // Octets and not letters: two letters of the text are six octets, and the mark before it is three.
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        assert_ne!(message.len(), message.chars().count());
    }

    #[test]
    fn what_is_not_known_is_nil_and_a_host_cannot_part_the_message() {
        let unknown = Streamed { at: None, kind: None, grade: Grade::Info, ..record("{}") };
        for host in ["", "a b", "a\nb", "\u{e4}", &"a".repeat(256)] {
            let text = framed(&origin(host), &unknown);
            assert!(text.ends_with("<134>1 - - connect-guard 42 - - \u{feff}{}"), "{text}");
        }
    }

    #[test]
    fn a_facility_is_read_as_it_is_written() {
        for (word, number) in Facility::WORDS {
            assert_eq!(word.parse(), Ok(Facility(number)));
            assert_eq!(Facility(number).as_str(), word);
        }
        assert!("kern".parse::<Facility>().is_err() && "16".parse::<Facility>().is_err());
        let mut critical = record("{}");
        critical.grade = Grade::Critical;
        assert!(framed(&Origin { facility: Facility(13), ..origin("h") }, &critical).contains(" <106>1 "));
    }
}
