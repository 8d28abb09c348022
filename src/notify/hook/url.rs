//! Where a webhook is posted to. Only `https`, only what can be read in one way.

use http::Uri;

/// Longest URL, in octets.
const LONGEST: usize = 2_048;

/// The two parts of a URL. Has no `Debug`: the target may be a secret.
pub(super) struct Url {
    /// A DNS name, or an IP address (IPv6 in brackets).
    pub(super) host: String,
    pub(super) port: u16,
    /// Path and query.
    pub(super) target: String,
}

impl Url {
    /// `https://host[:port][/path][?query]`: visible ASCII, no user, no password, no fragment.
    pub(super) fn read(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|octet| octet.is_ascii_graphic());
        if !plain || text.len() > LONGEST || text.contains(['#', '\\']) || !text.starts_with("https://") {
            return None;
        }
        let uri: Uri = text.parse().ok()?;
        let authority = uri.authority()?;
        // What is not taken for a port would be left out silently.
        let written = authority.as_str();
        let port = match written.strip_prefix(authority.host())? {
            "" => 443,
            rest => rest.strip_prefix(':')?.parse().ok().filter(|port| *port > 0)?,
        };
        let target = uri.path_and_query()?.as_str().to_owned();
        Some(Self { host: authority.host().to_owned(), port, target })
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
            let url = Url::read(text).unwrap();
            assert_eq!((url.host.as_str(), url.port, url.target.as_str()), (host, port, target), "{text}");
        }
    }

    #[test]
    fn h9_what_is_no_https_or_has_two_readings_is_refused() {
        for text in [
            "",
            "https://",
            "https:///a",
            "http://example.com/",
            "HTTPS://example.com/",
            "https:/example.com",
            "ftp://example.com/",
            "example.com/",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://example.com@192.0.2.1/",
            "https://example.com/#a",
            "https://example.com\\@192.0.2.1/",
            "https://example.com:0/",
            "https://example.com:/",
            "https://example.com:65536/",
            "https://example.com:x/",
            "https://exa mple.com/",
            "https://example.com/a b",
            "https://example.com/\r\nx",
            "https://ex\u{e4}.com/",
        ] {
            assert!(Url::read(text).is_none(), "{text:?}");
        }
        assert!(Url::read(&format!("https://example.com/{}", "a".repeat(LONGEST))).is_none());
    }
}
