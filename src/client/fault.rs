//! Why there is no answer, and whether anything of the request may have left.

use std::{error::Error, fmt};

/// Why there is no answer.
#[derive(Debug)]
pub struct ClientError {
    /// Whether any octet of the request may have left: then its effect is unknown.
    pub sent: bool,
    /// What failed.
    pub why: Failure,
}

/// What failed.
#[derive(Debug)]
pub enum Failure {
    /// Too many requests under way.
    Busy,
    /// The request is none that this client sends: another `host`, framing fields, not HTTP.
    Request(String),
    /// No address for the name, or no connection.
    Connect(String),
    /// The certificate was not accepted, or TLS failed otherwise.
    Tls(String),
    /// A step took too long.
    Timeout(&'static str),
    /// The answer is not HTTP/1.1, has two readings, is cut short or too long.
    Answer(String),
    /// The connection broke.
    Broken(String),
    /// It may not be sent any more.
    Late,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many requests under way"),
            Self::Request(why) => write!(f, "request refused: {why}"),
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Tls(why) => write!(f, "tls failed: {why}"),
            Self::Timeout(step) => write!(f, "{step} took too long"),
            Self::Answer(why) => write!(f, "answer refused: {why}"),
            Self::Broken(why) => write!(f, "connection broke: {why}"),
            Self::Late => f.write_str("it may not be sent any more"),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.why, if self.sent { "perhaps sent" } else { "nothing sent" })
    }
}

impl Error for ClientError {}
