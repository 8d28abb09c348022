//! What is answered: rest-json as Connect speaks it, before any fault changes it.

use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// 200 with an empty body, as the operations without an output answer.
    pub(super) fn empty() -> Self {
        Self::of(200, Vec::new())
    }

    /// 200 with this body.
    pub(super) fn json(body: &Value) -> Self {
        Self::of(200, body.to_string().into_bytes())
    }

    /// An error under a name of the API.
    pub(super) fn error(status: u16, name: &str, message: &str) -> Self {
        let mut answer = Self::of(status, json!({ "Message": message }).to_string().into_bytes());
        answer.headers.push(("x-amzn-ErrorType", name.to_owned()));
        answer
    }

    /// 400 `InvalidRequestException`.
    pub(super) fn invalid_request(message: &str) -> Self {
        Self::error(400, "InvalidRequestException", message)
    }

    /// 400 `InvalidParameterException`.
    pub(super) fn invalid_parameter(message: &str) -> Self {
        Self::error(400, "InvalidParameterException", message)
    }

    /// 400 `SerializationException`: the body does not have the form of the model.
    pub(super) fn serialization(message: &str) -> Self {
        Self::error(400, "SerializationException", message)
    }

    /// 404 `ResourceNotFoundException`.
    pub(super) fn not_found(what: &str) -> Self {
        Self::error(404, "ResourceNotFoundException", &format!("{what} not found"))
    }

    /// 429 `ThrottlingException`.
    pub(super) fn throttled() -> Self {
        Self::error(429, "ThrottlingException", "Rate exceeded")
    }

    /// This answer with one more header field.
    pub(super) fn with(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    fn of(status: u16, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body }
    }
}
