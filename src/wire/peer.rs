//! Whom a connection is with, as TLS proved it, and what a listener asks of its callers.
//!
//! Nothing here is a person yet: whether a certificate stands for anybody is `caller`'s to say.

use std::sync::Arc;

use crate::secret::Digest;

/// What a listener takes as proof of who asks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Require {
    /// A signature.
    #[default]
    Signature,
    /// The certificate of the connection. A request that is signed as well must be signed by the same principal.
    Certificate,
    /// Both, and both of the same principal.
    Both,
}

/// A client's certificate that the listener's authorities have signed and nobody has revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    /// The SPIFFE id: the certificate's only URI, when that is one.
    pub spiffe: Option<String>,
    /// The subject as RFC 4514 writes it, every octet that is not visible ASCII escaped: what
    /// `openssl x509 -subject -nameopt RFC2253` prints. Empty when it is.
    pub subject: String,
    /// SHA-256 of the certificate (DER).
    pub fingerprint: Digest,
    /// The last moment at which it is valid: milliseconds since 1970.
    pub not_after: i64,
}

/// Whom the connection of a request is with. The default asks for a signature and knows of no certificate.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// What the listener takes as proof.
    pub require: Require,
    /// The client's certificate, where the listener asked for one.
    pub certificate: Option<Arc<PeerCertificate>>,
    /// The Region that unsigned requests at this listener are for; without one there can be none.
    pub region: Option<Arc<str>>,
}

/// The longest SPIFFE id (SPIFFE-ID section 2.3), and the longest trust domain (section 2.1).
const SPIFFE_MAX: usize = 2048;
const TRUST_DOMAIN_MAX: usize = 255;

/// Whether a text is the SPIFFE id of a workload: `spiffe://`, a trust domain in lower case, and a path whose segments
/// are neither empty nor dots. No port, query, fragment or escape has a place in it.
/// <https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md>
pub fn is_spiffe_id(text: &str) -> bool {
    let Some((domain, path)) = text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let of_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    let of_path = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    text.len() <= SPIFFE_MAX
        && (1..=TRUST_DOMAIN_MAX).contains(&domain.len())
        && domain.bytes().all(of_domain)
        && path.split('/').all(|segment| !matches!(segment, "" | "." | "..") && segment.bytes().all(of_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_a_spiffe_id_is_a_trust_domain_and_a_path() {
        for id in [
            "spiffe://example.com/ns/desk/sa/identity",
            "spiffe://prod_1.example-2.com/Desk.A/b_c-d",
            "spiffe://a/b",
            &format!("spiffe://{}/{}", "d".repeat(255), "p".repeat(2048 - 10 - 255)),
        ] {
            assert!(is_spiffe_id(id), "{id}");
        }
    }

    #[test]
    fn s16_what_has_another_reading_is_no_spiffe_id() {
        for text in [
            "",
            "spiffe://",
            "spiffe:///a",
            "spiffe://example.com",
            "spiffe://example.com/",
            "spiffe://example.com/a/",
            "spiffe://example.com//a",
            "spiffe://example.com/./a",
            "spiffe://example.com/a/..",
            "spiffe://example.com/a%2fb",
            "spiffe://example.com/a?b",
            "spiffe://example.com/a#b",
            "spiffe://example.com/a b",
            "spiffe://example.com/\u{e9}",
            "spiffe://Example.com/a",
            "spiffe://example.com:8443/a",
            "spiffe://me@example.com/a",
            "SPIFFE://example.com/a",
            "https://example.com/a",
            " spiffe://example.com/a",
            "spiffe://example.com/a\n",
            &format!("spiffe://{}/a", "d".repeat(256)),
            &format!("spiffe://a/{}", "p".repeat(2038)),
        ] {
            assert!(!is_spiffe_id(text), "{text}");
        }
    }
}
