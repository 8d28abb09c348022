//! The request target (RFC 9112 section 3.2), in normal form or not at all.
//!
//! Every AWS client signs a *normalised* path and sends the raw one (measured), so the signature does not bind the raw
//! target: whatever is not already in normal form is refused before the signature is looked at. The normal form is the
//! AWS clients' own: every octet but `A-Za-z0-9-._~` as `%XX` in upper case, so that one text has one spelling.

use std::collections::HashMap;

use super::{Malformed, quoted};

/// A target in origin form: split on `/` raw, each segment decoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget {
    raw: String,
    segments: Vec<Segment>,
    query: Vec<QueryPair>,
}

/// One path segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// As received.
    pub raw: String,
    /// Percent-decoded once, UTF-8.
    pub text: String,
}

/// One query member, name and value percent-decoded once. A name may come more than once (a list), in one spelling:
/// whether an operation has a list there is not for the wire to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryPair {
    /// The member's name; never empty.
    pub name: String,
    /// Its value; empty when there is no `=`.
    pub value: String,
}

impl RequestTarget {
    /// Reads a target. Refused: anything but origin form; an empty, `.` or `..` segment, raw or decoded (or one of dots
    /// only); `\`, `;`, also decoded; `#`, control or non-ASCII characters; any other character that AWS clients
    /// encode; an escape of an unreserved character, in lower-case hexadecimal, broken, of a control character, or
    /// decoding to bad UTF-8; a decoded text that still holds an escape; `%2F` in a segment that is not one full ARN; a
    /// trailing `/`; a trailing `?`; `+` in the query; a query member without a name, or in two
    /// spellings.
    ///
    /// # Errors
    /// 400 `InvalidRequestException`.
    pub fn read(raw: &str) -> Result<Self, Malformed> {
        let rest = raw.strip_prefix('/').ok_or_else(|| fault("is not in origin form"))?;
        let (path, members) = match rest.split_once('?') {
            None => (rest, None),
            Some((_, "")) => return Err(fault("ends with `?`")),
            Some((path, members)) => (path, Some(members)),
        };
        let segments = match path {
            "" => Vec::new(),
            path => path.split('/').map(segment).collect::<Result<_, _>>()?,
        };
        Ok(Self { raw: raw.to_owned(), segments, query: members.map_or(Ok(Vec::new()), query)? })
    }

    /// As received, query included.
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The path's segments; none for `/`.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The query's members in the order received.
    pub fn query(&self) -> &[QueryPair] {
        &self.query
    }

    /// A segment or query text as AWS clients encode it: all but `A-Za-z0-9-._~` as `%XX`.
    pub fn encode(text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            if unreserved(byte) {
                out.push(char::from(byte));
            } else {
                out.push('%');
                out.push(digit(byte >> 4));
                out.push(digit(byte & 0x0f));
            }
        }
        out
    }
}

fn fault(why: &str) -> Malformed {
    Malformed::form(format!("request target: it {why}"))
}

/// RFC 3986 section 2.3.
fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

fn segment(raw: &str) -> Result<Segment, Malformed> {
    if raw.is_empty() {
        return Err(fault("has an empty segment"));
    }
    let text = decode(raw)?;
    if only_dots(&text) {
        return Err(fault("has a segment of dots only"));
    }
    if let Some(found) = text.chars().find(|character| matches!(character, '\\' | ';')) {
        return Err(fault(&format!("has `{found}` in a segment")));
    }
    if text.contains('/') && !is_arn(&text) {
        return Err(fault("has an encoded `/` in a segment that is not one full ARN"));
    }
    Ok(Segment { raw: raw.to_owned(), text })
}

fn query(members: &str) -> Result<Vec<QueryPair>, Malformed> {
    let mut pairs: Vec<QueryPair> = Vec::new();
    let mut seen: HashMap<String, String> = HashMap::new();
    for member in members.split('&') {
        let (name, value) = member.split_once('=').unwrap_or((member, ""));
        if name.is_empty() {
            return Err(fault("has a query member without a name"));
        }
        let pair = QueryPair { name: decode(name)?, value: decode(value)? };
        // AWS clients write a list as one member repeated, always in one spelling; two spellings are two readings.
        let known = seen.entry(pair.name.to_lowercase()).or_insert_with(|| pair.name.clone());
        if *known != pair.name {
            return Err(fault(&format!("has the query member {} in two spellings", quoted(&pair.name))));
        }
        pairs.push(pair);
    }
    Ok(pairs)
}

/// Decodes once, and only what AWS clients would have encoded in the same way.
fn decode(raw: &str) -> Result<String, Malformed> {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let octet = rest.next().and_then(nibble).zip(rest.next().and_then(nibble));
                let Some((high, low)) = octet else {
                    return Err(fault("has a broken escape, or one in lower case"));
                };
                let octet = high << 4 | low;
                if unreserved(octet) {
                    return Err(fault("has an escape of a character that needs none"));
                }
                bytes.push(octet);
            }
            b'+' => return Err(fault("has `+`, which has two readings")),
            byte if unreserved(byte) => bytes.push(byte),
            byte if byte.is_ascii_graphic() => {
                return Err(fault(&format!(
                    "has {} unescaped",
                    quoted(char::from(byte).encode_utf8(&mut [0; 4]))
                )));
            }
            _ => return Err(fault("has a character that is not visible ASCII")),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| fault("has escapes that are not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(fault("has an escaped control character"));
    }
    if still_escaped(&text) {
        return Err(fault("is escaped twice"));
    }
    Ok(text)
}

/// An upper-case hexadecimal digit's value.
fn nibble(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn still_escaped(text: &str) -> bool {
    text.as_bytes().windows(3).any(
        |three| matches!(three, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit()),
    )
}

fn only_dots(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'.')
}

/// `arn:partition:service:region:account:resource`, complete. The account is twelve digits, or `aws` for what AWS owns.
/// The resource's own parts are never empty and never dots.
fn is_arn(text: &str) -> bool {
    let word = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let ["arn", partition, service, region, account, resource] = parts.as_slice() else {
        return false;
    };
    let owner = *account == "aws" || (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()));
    word(partition)
        && word(service)
        && word(region)
        && owner
        && resource.split('/').all(|part| !only_dots(part))
}

#[cfg(test)]
mod tests;
