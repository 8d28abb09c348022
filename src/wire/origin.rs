//! Where a request came from, and the id under which it is spoken of.

use std::{fmt, net::IpAddr, sync::Arc};

/// Characters of a `User-Agent` that are kept.
const MOST: usize = 256;

/// The id of one request: in the reply's `x-amzn-RequestId`, in the log line, the record and the notices.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

/// Where a request came from. Nothing in it is proof of anything.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The id given to the request.
    pub request_id: RequestId,
    /// The address of the peer on the connection.
    pub source: IpAddr,
    /// `User-Agent` as claimed: at most 256 characters of visible ASCII and space, others replaced by `?`.
    pub user_agent: Option<Arc<str>>,
}

impl Origin {
    /// An origin; `user_agent` is the field's value as it came, and is made harmless here.
    pub fn new(request_id: RequestId, source: IpAddr, user_agent: Option<&[u8]>) -> Self {
        let harmless = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '?',
        };
        let user_agent =
            user_agent.map(|value| value.iter().take(MOST).map(harmless).collect::<String>().into());
        Self { request_id, source, user_agent }
    }
}

impl RequestId {
    /// A fresh random id (UUID version 4, RFC 9562).
    pub fn fresh() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for RequestId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn agent(value: Option<&[u8]>) -> Option<String> {
        let origin = Origin::new(RequestId::from("r"), Ipv4Addr::LOCALHOST.into(), value);
        origin.user_agent.map(|text| text.to_string())
    }

    #[test]
    fn i7_a_user_agent_is_made_harmless() {
        assert_eq!(agent(None), None);
        assert_eq!(agent(Some(b"")), Some(String::new()));
        assert_eq!(agent(Some(b"aws-cli/1.45 md/x#1")), Some("aws-cli/1.45 md/x#1".into()));
        assert_eq!(agent(Some(b"a\r\nb\0\x1b[31m\t\x7f\xc3\xa9")), Some("a??b??[31m????".into()));
        assert_eq!(agent(Some(&[b'x'; 300])), Some("x".repeat(256)));
    }

    #[test]
    fn ids_are_fresh() {
        let id = RequestId::fresh();
        assert_ne!(id, RequestId::fresh());
        assert_eq!(id.as_str().len(), 36);
        assert_eq!(id.to_string(), id.as_str());
    }
}
