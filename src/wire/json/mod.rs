//! Strict JSON (RFC 8259): what two readers could read differently is refused.
//!
//! Doubled keys at any depth (also through escapes), arrays for objects, trailing bytes, a byte order mark, bad UTF-8,
//! lone surrogates, NUL in a string, numbers that overflow, and nesting over 32 levels are faults.
//!
//! Nothing here ever drops, merges or repairs a value: what is read is written again as it was meant, or refused.

mod read;
mod write;

#[cfg(test)]
mod suite;

use super::{Malformed, quoted};

/// A JSON value. Objects keep their order and have unique keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// null
    Null,
    /// true, false
    Bool(bool),
    /// A number, as written.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

/// A number, digit for digit as written (RFC 8259 section 6), except that an exponent is always `e` with a sign.
///
/// At most 64 characters, and finite when read as an IEEE 754 double, so that no reader turns it into an infinity. Only
/// the reader and whole numbers make one: nothing else can get into a document by this way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(String);

/// An object: members in the order received, keys unique.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(String, Json)>);

impl Json {
    /// Reads one whole document whose root is an object: at most 32 levels deep, at most 10,000 values.
    ///
    /// # Errors
    /// 400 `InvalidRequestException`, naming what has more than one reading.
    pub fn read_object(bytes: &[u8]) -> Result<Object, Malformed> {
        read::object(bytes)
    }

    /// Writes it compactly, non-ASCII as UTF-8.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write::value(self, &mut out);
        out
    }

    fn sorted(self) -> Self {
        match self {
            Self::Object(object) => Self::Object(object.sorted()),
            Self::Array(values) => Self::Array(values.into_iter().map(Self::sorted).collect()),
            other @ (Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_)) => other,
        }
    }

    /// What kind of value it is, as a message says it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

impl Number {
    /// The number's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Object {
    /// An empty object.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes it compactly, non-ASCII as UTF-8.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write::object(self, &mut out);
        out
    }

    /// Adds a member; an existing one of the same key is replaced in its place.
    pub fn set(&mut self, key: &str, value: Json) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// The member of this key.
    pub fn get(&self, key: &str) -> Option<&Json> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Takes the member of this key out: what is left over in the end is unknown, and an error.
    pub fn take(&mut self, key: &str) -> Option<Json> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// Takes out a member that must be a string when it is there; null never means absent.
    ///
    /// # Errors
    /// 400 `InvalidRequestException` naming the key, for any other kind of value.
    pub fn take_string(&mut self, key: &str) -> Result<Option<String>, Malformed> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text)),
            Some(other) => Err(unlike(key, "a string", &other)),
        }
    }

    /// Takes out a member that must be an object when it is there; null never means absent.
    ///
    /// # Errors
    /// 400 `InvalidRequestException` naming the key, for any other kind of value.
    pub fn take_object(&mut self, key: &str) -> Result<Option<Object>, Malformed> {
        match self.take(key) {
            None => Ok(None),
            Some(Json::Object(object)) => Ok(Some(object)),
            Some(other) => Err(unlike(key, "an object", &other)),
        }
    }

    /// Takes out a member that must be an array of strings when it is there; null never means absent.
    ///
    /// # Errors
    /// 400 `InvalidRequestException` naming the key, for any other kind of value or element.
    pub fn take_strings(&mut self, key: &str) -> Result<Option<Vec<String>>, Malformed> {
        let values = match self.take(key) {
            None => return Ok(None),
            Some(Json::Array(values)) => values,
            Some(other) => return Err(unlike(key, "an array of strings", &other)),
        };
        let mut texts = Vec::with_capacity(values.len());
        for value in values {
            let Json::String(text) = value else {
                return Err(unlike(key, "an array of strings", &value));
            };
            texts.push(text);
        }
        Ok(Some(texts))
    }

    /// Ends the reading of this object: what nobody took is unknown.
    ///
    /// # Errors
    /// 400 `InvalidRequestException` naming the first key that is left.
    pub fn finish(self) -> Result<(), Malformed> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(Malformed::form(format!("unknown key {}", quoted(key)))),
        }
    }

    /// The same object with its members sorted by key, at every depth: objects have no order (RFC 8259 section 4), so
    /// two that mean the same are then written the same. Arrays keep theirs.
    #[must_use]
    pub fn sorted(self) -> Self {
        let mut members: Vec<_> = self.0.into_iter().map(|(key, value)| (key, value.sorted())).collect();
        members.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(members)
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Object> for Json {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Number(Number(number.to_string()))
    }
}

fn unlike(key: &str, wanted: &str, found: &Json) -> Malformed {
    Malformed::form(format!("{} must be {wanted}, it is or holds {}", quoted(key), found.kind()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ErrorType;

    fn object(text: &str) -> Object {
        Json::read_object(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_value_is_written_as_in_an_object() {
        assert_eq!(Json::from("\u{e4}\n").write(), "\"\u{e4}\\n\"".as_bytes());
        assert_eq!(Json::Array(vec![Json::Null, Json::Bool(true)]).write(), b"[null,true]");
    }

    #[test]
    fn set_replaces_in_place() {
        let mut body = object(r#"{"a":"1","b":"2"}"#);
        body.set("a", "3".into());
        body.set("c", Json::from(-7));
        assert_eq!(body.write(), br#"{"a":"3","b":"2","c":-7}"#);
    }

    #[test]
    fn sorted_at_every_depth() {
        let one = object(r#"{"b":[{"z":1,"y":2},"q","p"],"a":{"d":1,"c":2}}"#).sorted();
        assert_eq!(one.write(), br#"{"a":{"c":2,"d":1},"b":[{"y":2,"z":1},"q","p"]}"#);
    }

    #[test]
    fn take_and_finish() {
        let mut body = object(r#"{"Email":"mary.major@example.com","Tags":["x","y"],"Inner":{"k":1}}"#);
        assert_eq!(body.take_string("Email"), Ok(Some("mary.major@example.com".into())));
        assert_eq!(body.take_string("Email"), Ok(None));
        assert_eq!(body.take_strings("Tags"), Ok(Some(vec!["x".into(), "y".into()])));
        assert_eq!(body.take_strings("Tags"), Ok(None));
        let inner = body.take_object("Inner").unwrap().unwrap();
        assert!(!inner.is_empty());
        assert_eq!(body.take_object("Inner"), Ok(None));
        assert_eq!(body.finish(), Ok(()));
    }

    #[test]
    fn b4_a_key_that_is_left_over_is_named() {
        let fault = object(r#"{"email":"x","y":1}"#).finish().unwrap_err();
        assert_eq!(fault.error, ErrorType::InvalidRequest);
        assert_eq!(fault.why, "unknown key `email`");
        assert_eq!(object(r#"{"a\n`b":1}"#).finish().unwrap_err().why, r"unknown key `a\n\u{60}b`");
    }

    #[test]
    fn b6_another_kind_of_value_is_never_a_string() {
        for (value, kind) in [
            ("null", "null"),
            ("1", "a number"),
            ("true", "a boolean"),
            ("{}", "an object"),
            ("[]", "an array"),
        ] {
            let mut body = object(&format!(r#"{{"Email":{value}}}"#));
            let fault = body.take_string("Email").unwrap_err();
            assert_eq!(fault.error, ErrorType::InvalidRequest);
            assert_eq!(fault.why, format!("`Email` must be a string, it is or holds {kind}"));
        }
    }

    #[test]
    fn b5_an_array_is_no_object() {
        let mut body = object(r#"{"IdentityInfo":["a"]}"#);
        assert_eq!(
            body.take_object("IdentityInfo").unwrap_err().why,
            "`IdentityInfo` must be an object, it is or holds an array"
        );
        assert!(object(r#"{"IdentityInfo":null}"#).take_object("IdentityInfo").is_err());
        assert!(object(r#"{"IdentityInfo":"a"}"#).take_object("IdentityInfo").is_err());
    }

    #[test]
    fn an_array_of_strings_holds_nothing_else() {
        for value in ["null", "{}", "\"a\"", "1", "[1]", "[\"a\",null]", "[[\"a\"]]"] {
            let mut body = object(&format!(r#"{{"Tags":{value}}}"#));
            let fault = body.take_strings("Tags").unwrap_err();
            assert!(fault.why.starts_with("`Tags` must be an array of strings"), "{value}: {}", fault.why);
        }
        assert_eq!(object(r#"{"Tags":[]}"#).take_strings("Tags"), Ok(Some(vec![])));
    }
}
