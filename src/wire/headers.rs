//! Header fields as received: absent, one and many are three states, and many is an error wherever one is meant.

use std::ops::Range;

use super::{Malformed, quoted};

/// Fields for which room is made at once: those of a request as SDKs send it.
const ROOM: usize = 12;
/// Octets of their names and values together.
const ROOM_TEXT: usize = 1024;

/// The header fields of one request, in the order received; names lower-case.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    /// All names and values, one behind the other.
    text: String,
    fields: Vec<Field>,
}

/// Where a field is.
#[derive(Debug, Clone)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

/// How often a field occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occurs<'a> {
    /// Not at all.
    Absent,
    /// Once, with this value.
    One(&'a str),
    /// More than once.
    Many,
}

impl Headers {
    /// Reads name and value pairs. Names must be tokens without `_` (RFC 9110 section 5.6.2; `_` is read as `-` by
    /// some); values must be visible ASCII, space and tab. Names are lower-cased, values kept exactly but for leading and
    /// trailing white space.
    ///
    /// # Errors
    /// 400 `InvalidRequestException`.
    pub fn read<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Malformed> {
        let mut read = Self { text: String::with_capacity(ROOM_TEXT), fields: Vec::with_capacity(ROOM) };
        for (name, value) in fields {
            check_name(name)?;
            let text = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(is_value));
            let Some(text) = text else {
                return Err(Malformed::form(format!(
                    "header {}: the value is not visible ASCII",
                    quoted(name)
                )));
            };
            read.push(name, text.trim_matches([' ', '\t']));
        }
        Ok(read)
    }

    /// How often `name` (lower-case) occurs.
    pub fn occurs(&self, name: &str) -> Occurs<'_> {
        // By its length first: it is asked some forty times of each request.
        let is_it = |field: &&Field| field.name.len() == name.len() && self.at(&field.name) == name;
        let mut found = self.fields.iter().filter(is_it);
        match (found.next(), found.next()) {
            (None, _) => Occurs::Absent,
            (Some(field), None) => Occurs::One(self.at(&field.value)),
            (Some(_), Some(_)) => Occurs::Many,
        }
    }

    /// All fields in the order received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|field| (self.at(&field.name), self.at(&field.value)))
    }

    fn at(&self, place: &Range<usize>) -> &str {
        self.text.get(place.clone()).unwrap_or_default()
    }

    fn push(&mut self, name: &str, value: &str) {
        let begin = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        if let Some(name) = self.text.get_mut(begin..middle) {
            name.make_ascii_lowercase();
        }
        self.fields.push(Field { name: begin..middle, value: middle..self.text.len() });
    }
}

/// A token without `_`.
pub(super) fn check_name(name: &str) -> Result<(), Malformed> {
    if name.contains('_') {
        return Err(Malformed::form(format!("header {}: `_` in a name has two readings", quoted(name))));
    }
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(Malformed::form(format!("header {}: the name is not a token", quoted(name))));
    }
    Ok(())
}

/// tchar of RFC 9110 section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_value(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte == b' ' || byte == b'\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&str, &[u8])]) -> Result<Headers, Malformed> {
        Headers::read(fields.iter().copied())
    }

    #[test]
    fn v7_absent_one_and_many_are_three_states() {
        let headers = read(&[("Host", b"h"), ("X-Y", b"1"), ("x-y", b"1"), ("Empty", b"")]).unwrap();
        assert_eq!(headers.occurs("host"), Occurs::One("h"));
        assert_eq!(headers.occurs("x-y"), Occurs::Many);
        assert_eq!(headers.occurs("empty"), Occurs::One(""));
        assert_eq!(headers.occurs("authorization"), Occurs::Absent);
        let three = read(&[("a", b"1"), ("a", b"2"), ("a", b"3")]).unwrap();
        assert_eq!(three.occurs("a"), Occurs::Many);
    }

    #[test]
    fn s8_values_are_kept_but_for_white_space_at_the_ends() {
        let headers = read(&[("A", b" \t x  y\t z \t"), ("B", b"\t \t")]).unwrap();
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "x  y\t z"), ("b", "")]);
    }

    #[test]
    fn c23_names_with_underscores() {
        for name in ["X_Amz_Date", "Transfer_Encoding", "_", "a_"] {
            assert!(read(&[(name, b"1")]).unwrap_err().why.contains("two readings"), "{name}");
        }
    }

    #[test]
    fn names_are_tokens() {
        for name in
            ["", " ", "a b", "a:", "a\t", "a\r\nb", "a\0", "a/b", "\u{e9}", "(a)", "a,b", "\"a\"", "{a}"]
        {
            assert!(read(&[(name, b"1")]).unwrap_err().why.contains("not a token"), "{name}");
        }
        assert!(read(&[("!#$%&'*+-.^`|~09azAZ", b"1")]).is_ok());
    }

    #[test]
    fn c24_values_are_visible_ascii() {
        for byte in (0..=0x08).chain(0x0a..=0x1f).chain(0x7f..=0xffu8) {
            let fault = read(&[("a", &[b'x', byte, b'y'])]).unwrap_err();
            assert_eq!(fault.why, "header `a`: the value is not visible ASCII", "{byte:02x}");
        }
        for byte in (0x20..=0x7e).chain([b'\t']) {
            assert!(read(&[("a", &[b'x', byte, b'y'])]).is_ok(), "{byte:02x}");
        }
        assert!(read(&[("a", "\u{e9}".as_bytes())]).is_err());
    }
}
