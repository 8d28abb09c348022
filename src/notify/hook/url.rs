//! Where a webhook is posted to. Only `https`, only what can be read in one way.

use std::{error::Error, fmt};

use http::Uri;

/// Longest URL, in octets.
const LONGEST: usize = 2_048;

/// A URL in its parts. Has no `Debug`: the target may be a secret.
pub(crate) struct HookUrl {
    /// A DNS name, or an IP address (IPv6 in brackets).
    pub(crate) host: String,
    /// Not 0; 443 where none is written.
    pub(crate) port: u16,
    /// Path and query.
    pub(crate) target: String,
}

/// What is wrong with a URL; its message goes on "the URL of a hook". Never quotes it: it may be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookUrlFault {
    /// It is too long, holds what no URL may hold, or has no parts.
    Unreadable,
    /// Another scheme, or none.
    NotHttps,
    /// A fragment, which is never sent.
    Fragment,
    /// A user or a password.
    Credentials,
    /// No host, or a colon without a port after it.
    HostOrPort,
}

impl HookUrl {
    /// `https://host[:port][/path][?query]`: visible ASCII, no user, no password, no fragment, at most 2,048 octets.
    ///
    /// # Errors
    /// What is wrong with it first.
    pub(crate) fn read(text: &str) -> Result<Self, HookUrlFault> {
        let plain = text.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'\\');
        if !plain || text.len() > LONGEST {
            return Err(HookUrlFault::Unreadable);
        }
        if text.contains('#') {
            return Err(HookUrlFault::Fragment);
        }
        if !text.starts_with("https://") {
            return Err(HookUrlFault::NotHttps);
        }
        let uri: Uri = text.parse().map_err(|_| HookUrlFault::Unreadable)?;
        let (authority, target) =
            uri.authority().zip(uri.path_and_query()).ok_or(HookUrlFault::HostOrPort)?;
        if authority.as_str().contains('@') {
            return Err(HookUrlFault::Credentials);
        }
        let host = authority.host();
        let port = port(authority.as_str(), host).ok_or(HookUrlFault::HostOrPort)?;
        Ok(Self { host: host.to_owned(), port, target: target.as_str().to_owned() })
    }
}

impl fmt::Display for HookUrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable => "cannot be read",
            Self::NotHttps => "is not https",
            Self::Fragment => "has a fragment",
            Self::Credentials => "holds credentials",
            Self::HostOrPort => "has no host, or no port after its colon",
        })
    }
}

impl Error for HookUrlFault {}

/// What is not taken for a port would be left out silently.
fn port(authority: &str, host: &str) -> Option<u16> {
    match authority.strip_prefix(host)? {
        _ if host.is_empty() => None,
        "" => Some(443),
        rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read() {
        for (text, host, port, target) in [
            ("https://hooks.example.com", "hooks.example.com", 443, "/"),
            ("https://hooks.example.com:8443/a/b?c=d%2Fe", "hooks.example.com", 8443, "/a/b?c=d%2Fe"),
            ("https://[2001:db8::1]:1/x", "[2001:db8::1]", 1, "/x"),
            ("https://192.0.2.1/?a", "192.0.2.1", 443, "/?a"),
        ] {
            let url = HookUrl::read(text).ok().unwrap();
            assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target), "{text}");
        }
    }

    #[test]
    fn h9_what_is_no_https_or_has_two_readings_is_refused() {
        use HookUrlFault::{Credentials, Fragment, HostOrPort, NotHttps, Unreadable};
        for (text, fault) in [
            ("", NotHttps),
            ("https://", Unreadable),
            ("https:///a", Unreadable),
            ("http://example.com/", NotHttps),
            ("HTTPS://example.com/", NotHttps),
            ("https:/example.com", NotHttps),
            ("ftp://example.com/", NotHttps),
            ("example.com/", NotHttps),
            ("https://user@example.com/", Credentials),
            ("https://user:pass@example.com/", Credentials),
            ("https://example.com@192.0.2.1/", Credentials),
            ("https://example.com/#a", Fragment),
            ("https://example.com\\@192.0.2.1/", Unreadable),
            ("https://example.com:0/", HostOrPort),
            ("https://example.com:/", HostOrPort),
            ("https://:443/", HostOrPort),
            ("https://example.com:65536/", HostOrPort),
            ("https://example.com:x/", HostOrPort),
            ("https://exa mple.com/", Unreadable),
            ("https://example.com/a b", Unreadable),
            ("https://example.com/\r\nx", Unreadable),
            ("https://ex\u{e4}.com/", Unreadable),
        ] {
            assert_eq!(HookUrl::read(text).err(), Some(fault), "{text:?}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        assert_eq!(HookUrl::read(&long).err(), Some(Unreadable));
    }
}
