//! What of certificates and revocation lists the TLS library reads and does not say: how long they are valid, and whose
//! they are. Only what the TLS library has taken is believed; nothing is verified here.

use std::{fmt::Write as _, net::IpAddr};

use jiff::Timestamp;
use x509_parser::{
    asn1_rs::{Any, Oid, Tag, ToDer},
    extensions::GeneralName,
    prelude::{AttributeTypeAndValue, CertificateRevocationList, FromDer, X509Certificate, X509Name},
    time::ASN1Time,
};

use crate::{
    secret::Digest,
    wire::{PeerCertificate, is_spiffe_id},
};

/// The period in which a certificate is valid: milliseconds since 1970, both ends within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl Validity {
    /// Reads a certificate (DER); none when it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        read(certificate).map(|read| Self::read(&read))
    }

    fn read(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self { not_before: millis(validity.not_before), not_after: millis(validity.not_after) }
    }
}

/// What of a certificate a client looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    pub(super) subject: String,
    pub(super) issuer: String,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
    /// DNS names and addresses.
    pub(super) names: Vec<String>,
}

impl Outline {
    /// Reads a certificate (DER); none when it is none.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let read = read(certificate)?;
        let Validity { not_before, not_after } = Validity::read(&read);
        let names = read.subject_alternative_name().ok()?;
        let names = names.iter().flat_map(|names| &names.value.general_names).filter_map(name).collect();
        let (subject, issuer) = (subject(read.subject())?, subject(read.issuer())?);
        Some(Self { subject, issuer, not_before, not_after, names })
    }

    /// A name that it is for.
    pub(super) fn a_name(&self) -> Option<String> {
        self.names.first().map(|name| match name.strip_prefix("*.") {
            Some(domain) => format!("guard.{domain}"),
            None => name.clone(),
        })
    }
}

/// A name by which a server is called.
fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(octets) => match octets.len() {
            4 => <[u8; 4]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
            _ => <[u8; 16]>::try_from(*octets).ok().map(|octets| IpAddr::from(octets).to_string()),
        },
        GeneralName::OtherName(..)
        | GeneralName::RFC822Name(_)
        | GeneralName::X400Address(_)
        | GeneralName::DirectoryName(_)
        | GeneralName::EDIPartyName(_)
        | GeneralName::URI(_)
        | GeneralName::RegisteredID(_)
        | GeneralName::Invalid(..) => None,
    }
}

/// Who issued a revocation list (DER), as RFC 4514 writes it.
pub(super) fn issuer_of(list: &[u8]) -> Option<String> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    subject(list.issuer())
}

/// What a client's certificate (DER) says of the client; none when it is none.
pub(in crate::server) fn peer(certificate: &[u8]) -> Option<PeerCertificate> {
    let read = read(certificate)?;
    Some(PeerCertificate {
        spiffe: spiffe(&read).ok()?,
        subject: subject(read.subject())?,
        fingerprint: Digest::of(certificate),
        not_after: Validity::read(&read).not_after,
    })
}

/// Until when a revocation list (DER) says that it is complete: milliseconds since 1970.
pub(super) fn next_update(list: &[u8]) -> Option<i64> {
    let (_, list) = CertificateRevocationList::from_der(list).ok()?;
    list.next_update().map(millis)
}

fn read(certificate: &[u8]) -> Option<X509Certificate<'_>> {
    match X509Certificate::from_der(certificate) {
        Ok(([], read)) => Some(read),
        Ok(_) | Err(_) => None,
    }
}

/// The names of a certificate cannot be read.
struct Unreadable;

/// What is later than a timestamp can be, such as the last day of 9999, which means "never" (RFC 5280 section 4.1.2.5),
/// is its end.
fn millis(at: ASN1Time) -> i64 {
    Timestamp::from_second(at.timestamp()).unwrap_or(Timestamp::MAX).as_millisecond()
}

/// The certificate's only URI, when it is a SPIFFE id: a workload's certificate has exactly one (X.509-SVID section 2).
///
/// # Errors
/// No certificate is one whose names cannot be read.
fn spiffe(certificate: &X509Certificate<'_>) -> Result<Option<String>, Unreadable> {
    let names = certificate.subject_alternative_name().map_err(|_| Unreadable)?;
    let mut uris = Vec::new();
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::URI(uri) => uris.push(*uri),
            GeneralName::Invalid(..) => return Err(Unreadable),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::DNSName(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    let [uri] = uris.as_slice() else { return Ok(None) };
    Ok(is_spiffe_id(uri).then(|| (*uri).to_owned()))
}

/// A name as RFC 4514 writes it: the last part first.
fn subject(name: &X509Name<'_>) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.iter_rdn() {
        let pairs: Vec<String> = part.iter().map(pair).collect::<Option<_>>()?;
        parts.push(pairs.join("+"));
    }
    parts.reverse();
    Some(parts.join(","))
}

fn pair(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let (kind, value) = (attribute.attr_type(), attribute.attr_value());
    match (keyword(kind), text(value)) {
        (Some(keyword), Some(text)) => Some(format!("{keyword}={}", escaped(text))),
        (keyword, _) => {
            let kind = keyword.map_or_else(|| kind.to_id_string(), str::to_owned);
            Some(format!("{kind}=#{}", hex::encode(value.to_der_vec().ok()?)))
        }
    }
}

/// The types that have a name in RFC 4514 (section 3). Every other is written as its object identifier.
fn keyword(kind: &Oid<'_>) -> Option<&'static str> {
    Some(match kind.to_id_string().as_str() {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        _ => return None,
    })
}

/// A value that is text in a form that has one reading.
fn text<'a>(value: &'a Any<'_>) -> Option<&'a str> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => std::str::from_utf8(value.data).ok(),
        _ => None,
    }
}

/// A value as RFC 4514 section 2.4 has it; and every octet that is not visible ASCII as a backslash and two digits.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let last = text.len().saturating_sub(1);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => out.extend(['\\', char::from(byte)]),
            b'#' if at == 0 => out.push_str("\\#"),
            b' ' if at == 0 || at == last => out.push_str("\\ "),
            b' '..=b'~' => out.push(char::from(byte)),
            // Writing to a text never fails.
            other => drop(write!(out, "\\{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests;
