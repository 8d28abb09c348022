//! Writing JSON: compact, members in order, non-ASCII as UTF-8, and only the escapes that RFC 8259 section 7 requires.

use super::{Json, Object};

/// Writes one value.
pub(super) fn value(json: &Json, out: &mut Vec<u8>) {
    match json {
        Json::Null => out.extend_from_slice(b"null"),
        Json::Bool(true) => out.extend_from_slice(b"true"),
        Json::Bool(false) => out.extend_from_slice(b"false"),
        Json::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
        Json::String(text) => string(text, out),
        Json::Array(values) => {
            out.push(b'[');
            for (at, inner) in values.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                value(inner, out);
            }
            out.push(b']');
        }
        Json::Object(members) => object(members, out),
    }
}

/// Writes one object.
pub(super) fn object(members: &Object, out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, (key, inner)) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        string(key, out);
        out.push(b':');
        value(inner, out);
    }
    out.push(b'}');
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x00..=0x1f | 0x7f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            other => out.push(other),
        }
    }
    out.push(b'"');
}
