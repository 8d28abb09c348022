//! Members of a question as a `[[test]]` writes them, and members of logs.

use serde_json::{Map, Value};

/// What stands for a text that the log does not have.
pub(super) const UNSAID: &str = "~";

/// A member, where there is something to say.
pub(super) fn put(question: &mut Map<String, Value>, key: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        question.insert(key.to_owned(), value.into());
    }
}

/// A text at a path of members.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

/// The texts of a list; none where it is none.
pub(super) fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// `ID` of `.../KIND/ID` in an ARN.
pub(super) fn part(arn: Option<&str>, kind: &str) -> Option<String> {
    let mut parts = arn.filter(|arn| arn.starts_with("arn:"))?.rsplit(':').next()?.split('/');
    parts.find(|part| *part == kind)?;
    parts.next().map(str::to_owned)
}

/// What follows the last `/`.
pub(super) fn last(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// A member by its name in the model, or beginning in lower case: services write both.
pub(super) fn value<'v>(asked: &'v Value, name: &str) -> Option<&'v Value> {
    asked.get(name).or_else(|| asked.get(lowered(name))).filter(|value| !value.is_null())
}

/// A text by its name in the model.
pub(super) fn member<'v>(asked: &'v Value, name: &str) -> Option<&'v str> {
    value(asked, name).and_then(Value::as_str)
}

/// A name that begins in lower case.
pub(super) fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + letters.as_str())
}

/// Labels of paths stand in events as they were sent, encoded: `arn%3Aaws%3Aconnect...`.
pub(super) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match (first, more) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or_default() * 16 + hex(*low).unwrap_or_default());
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
