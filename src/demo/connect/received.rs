//! A request as it was received: everything a test can want to know of what was sent to Connect, octet for octet.

use bytes::Bytes;
use jiff::Timestamp;

/// A request as it was received. Has no `Debug`: it holds a signature and perhaps a session token.
#[derive(Clone)]
pub struct Received {
    /// When it was received whole.
    pub at: Timestamp,
    /// The method.
    pub method: String,
    /// The target, raw.
    pub target: String,
    /// The header lines in their order, raw, without line ends.
    pub lines: Vec<String>,
    /// The body.
    pub body: Bytes,
    /// The operation; none when no route matches the raw target, or the proof was not looked at for want of one.
    pub operation: Option<&'static str>,
    /// The access key id that it claims.
    pub access_key_id: Option<String>,
    /// Whether it did anything.
    pub done: Done,
    /// The status it was answered with, or would have been.
    pub status: u16,
}

/// Whether a request did anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// No: it was refused, failed before it was applied, or was a read.
    Nothing,
    /// It was a change that Connect made, or will have made when [`super::Switches::effect_delay`] is over.
    Applied,
}

impl Received {
    /// Reads a head; what is not in it is empty.
    pub(super) fn read(head: &[u8], body: Bytes, at: Timestamp) -> Self {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n").map(str::to_owned);
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        Self {
            at,
            method: words.next().unwrap_or_default().to_owned(),
            target: words.next().unwrap_or_default().to_owned(),
            lines: lines.collect(),
            body,
            operation: None,
            access_key_id: None,
            done: Done::Nothing,
            status: 0,
        }
    }

    /// The header fields in their order: names in lower case, values without white space at the ends.
    pub fn fields(&self) -> impl Iterator<Item = (String, &str)> {
        self.lines.iter().filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_ascii_lowercase(), value.trim_matches([' ', '\t'])))
        })
    }

    /// The values of a header field, given in lower case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.fields().filter(|(field, _)| field == name).map(|(_, value)| value).collect()
    }

    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_kept_as_it_came() {
        let head = b"PUT /a?b=c HTTP/1.1\r\nHost:  h \r\nX-One: 1\r\nx-one:2";
        let received = Received::read(head, Bytes::from_static(b"{}"), Timestamp::UNIX_EPOCH);
        assert_eq!((received.method.as_str(), received.target.as_str()), ("PUT", "/a?b=c"));
        assert_eq!(received.lines, ["Host:  h ", "X-One: 1", "x-one:2"]);
        assert_eq!(received.values("x-one"), ["1", "2"]);
        assert_eq!(received.values("host"), ["h"]);
        assert!(received.values("date").is_empty());
        assert_eq!(received.text(), "{}");
    }
}
