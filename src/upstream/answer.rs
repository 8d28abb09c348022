//! What an answer of Connect says beside its status: the error's name, and when to come back.

use std::time::Duration;

use crate::{client::Answer, wire::json::Json};

/// The longest name of an error that is taken for one.
const NAME: usize = 80;
/// Without a word of Connect's, and at most.
const WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// The errors that speak of the guard's own credentials or rights, never of the caller's.
const OWN: [&str; 8] = [
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "RequestTimeTooSkewed",
    "UnrecognizedClientException",
];

/// The one value of a field; none when it is absent or there are several.
pub(super) fn field<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut found = headers.iter().filter(|(field, _)| field == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(value),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

/// The error's name in the header, as AWS clients read it: without `:http://...` after it and `namespace#` before it.
pub(super) fn error_in_header(headers: &[(String, String)]) -> Option<String> {
    field(headers, "x-amzn-errortype").and_then(name)
}

/// The error's name: in the header, or else `code` or `__type` in the body.
pub(super) fn error_name(answer: &Answer) -> Option<String> {
    error_in_header(&answer.headers).or_else(|| {
        let body = Json::read_object(&answer.body).ok()?;
        ["code", "__type"].into_iter().find_map(|key| match body.get(key) {
            Some(Json::String(text)) => name(text),
            Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) | None => {
                None
            }
        })
    })
}

/// Whether an error is about the guard itself.
pub(super) fn is_own(error: &str) -> bool {
    OWN.contains(&error)
}

/// Whether an answer says "too fast".
pub(super) fn is_throttled(status: u16, error: Option<&str>) -> bool {
    let named = matches!(error, Some("ThrottlingException" | "TooManyRequestsException"));
    status == 429 || ((400..=499).contains(&status) && named)
}

/// When to come back: `x-amz-retry-after` in milliseconds, or `Retry-After` in seconds; a second when neither says it,
/// a minute at most.
pub(super) fn wait(headers: &[(String, String)]) -> Duration {
    let number = |name: &str| field(headers, name).and_then(|text| text.parse::<u64>().ok());
    let said = number("x-amz-retry-after")
        .map(Duration::from_millis)
        .or_else(|| number("retry-after").map(Duration::from_secs));
    said.unwrap_or(WAIT).min(LONGEST_WAIT)
}

/// A request id of Connect's that may stand in a header, a log line and a record.
pub(super) fn request_id(headers: &[(String, String)]) -> Option<String> {
    let id = field(headers, "x-amzn-requestid")?;
    let harmless = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    ((1..=128).contains(&id.len()) && harmless).then(|| id.to_owned())
}

fn name(text: &str) -> Option<String> {
    let text = text.split_once(':').map_or(text, |(name, _)| name);
    let text = text.rsplit_once('#').map_or(text, |(_, name)| name);
    let harmless = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    ((1..=NAME).contains(&text.len()) && harmless).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn named(header: Option<&str>, body: &'static str) -> Option<String> {
        let headers = header.map(|value| headers(&[("x-amzn-errortype", value)])).unwrap_or_default();
        error_name(&Answer { status: 400, headers, body: body.into() })
    }

    #[test]
    fn names_are_read_as_aws_clients_read_them() {
        for (header, body, expected) in [
            (Some("AccessDeniedException"), "", Some("AccessDeniedException")),
            (Some("AccessDeniedException:http://x/"), "", Some("AccessDeniedException")),
            (Some("com.amazonaws.connect#ConflictException"), "", Some("ConflictException")),
            (Some("A"), r#"{"__type":"B"}"#, Some("A")),
            (None, r#"{"code":"A","__type":"B"}"#, Some("A")),
            (None, r#"{"code":1,"__type":"ns#B"}"#, Some("B")),
            (None, r#"{"Message":"no"}"#, None),
            (None, "<html>", None),
            (None, "", None),
            (Some(""), "", None),
            (Some("a b"), "", None),
            (Some("a\"b"), "", None),
            (Some(":x"), "", None),
        ] {
            assert_eq!(named(header, body).as_deref(), expected, "{header:?} {body}");
        }
        assert_eq!(named(Some(&"a".repeat(81)), ""), None);
        let two = headers(&[("x-amzn-errortype", "A"), ("x-amzn-errortype", "B")]);
        assert_eq!(error_in_header(&two), None);
    }

    #[test]
    fn when_to_come_back() {
        for (fields, millis) in [
            (vec![], 1000),
            (vec![("retry-after", "3")], 3000),
            (vec![("retry-after", "3"), ("x-amz-retry-after", "250")], 250),
            (vec![("retry-after", "Fri, 12 Mar 2027 10:00:00 GMT")], 1000),
            (vec![("retry-after", "-1")], 1000),
            (vec![("retry-after", "99999999999999999999")], 1000),
            (vec![("retry-after", "86400")], 60_000),
        ] {
            assert_eq!(wait(&headers(&fields)), Duration::from_millis(millis), "{fields:?}");
        }
    }

    #[test]
    fn request_ids_are_harmless() {
        let id = |value: &str| request_id(&headers(&[("x-amzn-requestid", value)]));
        assert_eq!(id("87654321-aaaa").as_deref(), Some("87654321-aaaa"));
        for value in ["", "a b", "a\"b", "a;b", &"a".repeat(129)] {
            assert_eq!(id(value), None, "{value}");
        }
    }
}
