//! Reading JSON: `serde_json` finds the tokens, this decides what is one reading.
//!
//! `serde_json` hands numbers over as a map with one private key, so that a document which spells that key itself would
//! be taken for a number. Such a document is refused before it is read; spelt with escapes the key is an ordinary one,
//! because only `serde_json`'s own comes to the visitor as borrowed text.

use std::{collections::HashSet, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Json, Number, Object};
use crate::wire::{Malformed, quoted};

/// Levels of arrays and objects, the root included.
const DEPTH: usize = 32;
/// Values in one document, the root and every element and member counted.
const VALUES: usize = 10_000;
/// Characters of one number.
const DIGITS: usize = 64;
/// The key under which `serde_json` hands a number over.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads one whole document whose root is an object.
pub(super) fn object(bytes: &[u8]) -> Result<Object, Malformed> {
    if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return Err(Malformed::form("body: begins with a byte order mark"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Malformed::form("body: not UTF-8"))?;
    if text.contains(NUMBER) {
        return Err(Malformed::form(format!("body: holds the reserved text {}", quoted(NUMBER))));
    }
    let mut left = VALUES;
    let mut reader = serde_json::Deserializer::from_str(text);
    let fault = |error: serde_json::Error| Malformed::form(format!("body: {error}"));
    let root = Value { depth: 0, left: &mut left }.deserialize(&mut reader).map_err(fault)?;
    reader.end().map_err(fault)?;
    match root {
        Json::Object(object) => Ok(object),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_)) => {
            Err(Malformed::form(format!("body: must be an object, it is {}", other.kind())))
        }
    }
}

/// One value, with what it may still hold.
struct Value<'a> {
    depth: usize,
    left: &'a mut usize,
}

/// A key, and whether it came as it stands in the text or unescaped.
enum Key {
    AsWritten(String),
    Unescaped(String),
}

struct KeySeed;

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        *self.left = self
            .left
            .checked_sub(1)
            .ok_or_else(|| D::Error::custom(format_args!("more than {VALUES} values")))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(Number(value.to_string())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(Number(value.to_string())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        without_nul(text)?;
        Ok(Json::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let depth = deeper(self.depth)?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(Value { depth, left: &mut *self.left })? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        let mut depth = None;
        while let Some(key) = map.next_key_seed(KeySeed)? {
            let key = match key {
                Key::AsWritten(key) if key == NUMBER => return number(&map.next_value::<String>()?),
                Key::AsWritten(key) | Key::Unescaped(key) => key,
            };
            let depth = match depth {
                Some(depth) => depth,
                None => *depth.insert(deeper(self.depth)?),
            };
            without_nul(&key)?;
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format_args!("key {} occurs twice", quoted(&key))));
            }
            let value = map.next_value_seed(Value { depth, left: &mut *self.left })?;
            members.push((key, value));
        }
        if depth.is_none() {
            deeper(self.depth)?;
        }
        Ok(Json::Object(Object(members)))
    }
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Key, E> {
        Ok(Key::AsWritten(text.to_owned()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
        Ok(Key::Unescaped(text.to_owned()))
    }
}

fn deeper<E: Error>(depth: usize) -> Result<usize, E> {
    if depth < DEPTH { Ok(depth + 1) } else { Err(E::custom(format_args!("deeper than {DEPTH} levels"))) }
}

fn without_nul<E: Error>(text: &str) -> Result<(), E> {
    if text.contains('\0') { Err(E::custom("a string holds the character U+0000")) } else { Ok(()) }
}

fn number<E: Error>(text: &str) -> Result<Json, E> {
    if text.len() > DIGITS {
        return Err(E::custom(format_args!("a number of more than {DIGITS} characters")));
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(Json::Number(Number(text.to_owned()))),
        Ok(_) | Err(_) => Err(E::custom(format_args!("number {} is too large", quoted(text)))),
    }
}
