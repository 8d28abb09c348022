//! Reading a request's JSON body as leniently as a service may, but for doubled keys, which are read as the switch says.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::DoubledKeys;

/// The key under which `serde_json`, when it keeps numbers as written, hands over one that is no integer of 64 bits: as an
/// object of one member.
const NUMBER: &str = "$serde_json::private::Number";

/// Reads a body; an empty one is an empty object.
///
/// # Errors
/// Not JSON, not an object, or a doubled key where none is taken.
pub(super) fn read(bytes: &[u8], doubled: DoubledKeys) -> Result<Map<String, Value>, serde_json::Error> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Reader(doubled).deserialize(&mut reader)?;
    reader.end()?;
    match value {
        Value::Object(members) => Ok(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(serde_json::Error::custom("not an object"))
        }
    }
}

#[derive(Clone, Copy)]
struct Reader(DoubledKeys);

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(self)?;
            if let (NUMBER, Some(text)) = (key.as_str(), value.as_str()) {
                return text.parse().map(Value::Number).map_err(A::Error::custom);
            }
            match (members.contains_key(&key), self.0) {
                (true, DoubledKeys::First) => {}
                (true, DoubledKeys::Refuse) => return Err(A::Error::custom("a key is there twice")),
                (true, DoubledKeys::Last) | (false, _) => {
                    members.insert(key, value);
                }
            }
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(body: &str, doubled: DoubledKeys) -> Option<String> {
        read(body.as_bytes(), doubled).ok().map(|members| Value::Object(members).to_string())
    }

    #[test]
    fn b1_doubled_keys_are_read_as_the_switch_says() {
        let body = r#"{"a":{"x":1,"\u0078":2},"b":[{"y":"1","y":"2"}],"a":{"x":3}}"#;
        let last = Some(r#"{"a":{"x":3},"b":[{"y":"2"}]}"#.to_owned());
        let first = Some(r#"{"a":{"x":1},"b":[{"y":"1"}]}"#.to_owned());
        assert_eq!(text(body, DoubledKeys::Last), last);
        assert_eq!(text(body, DoubledKeys::First), first);
        assert_eq!(text(body, DoubledKeys::Refuse), None);
    }

    #[test]
    fn every_kind_of_value_is_read() {
        let body = r#" {"a":[null,true,1,-2.5e3,"t",{}],"n":12345678901234567890} "#;
        for doubled in [DoubledKeys::First, DoubledKeys::Last, DoubledKeys::Refuse] {
            let members = read(body.as_bytes(), doubled).unwrap();
            let plain: Value = serde_json::from_str(body).unwrap();
            assert_eq!(Value::Object(members), plain);
        }
        assert_eq!(read(b"", DoubledKeys::Last).unwrap(), Map::new());
        assert_eq!(read(b"{\"a\":7}", DoubledKeys::Last).unwrap().get("a"), Some(&json!(7)));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for body in ["[]", "null", "1", "\"{}\"", "{", "{}{}", "{} x", "<html>"] {
            assert!(read(body.as_bytes(), DoubledKeys::Last).is_err(), "{body}");
        }
    }
}
