//! One complete head: read by httparse, then compared with the octets it was read from.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Request, Status};

use crate::wire::{ErrorType, Malformed, Method, headers::check_name, quoted};

use super::GateBounds;

/// Header lines that can be read at all.
const MOST_HEADERS: usize = 256;
/// Octets that a body may be said to have: 1 GiB. What a body may really have is decided by the operation's class.
const MOST_BODY: u64 = 1 << 30;
/// Octets of a host name (RFC 1035 section 2.3.4), with room for a port.
const MOST_HOST: usize = 255 + 6;

/// Reads a head that ends with its empty line, and says how long its body is.
pub(super) fn head(bytes: &[u8], bounds: GateBounds) -> Result<u64, Malformed> {
    let mut room = [MaybeUninit::uninit(); MOST_HEADERS];
    let mut request = Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut room) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(Status::Complete(_) | Status::Partial) => return Err(form("it does not end where it seems to")),
        Err(error) => return Err(unreadable(error)),
    }
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version) else {
        return Err(form("the version is not HTTP/1.1"));
    };
    let parts = [method, " ", target, " HTTP/1.1\r\n"];
    let lines = parts.iter().try_fold(bytes, |rest, part| rest.strip_prefix(part.as_bytes()));
    let Some(lines) = lines else {
        return Err(form("the request line is not method, target and version with one space between"));
    };
    if target.len() > bounds.target {
        return Err(too_large(format!("the request target is longer than {} octets", bounds.target)));
    }
    Method::expect(method)?;
    check_target(target)?;
    check_lines(lines, request.headers)?;
    if request.headers.len() > bounds.headers {
        return Err(too_large(format!("there are more than {} header lines", bounds.headers)));
    }
    for name in ["transfer-encoding", "upgrade"] {
        if named(request.headers, name).next().is_some() {
            return Err(form(&format!("`{name}` is not accepted")));
        }
    }
    check_host(request.headers)?;
    body_length(request.headers)
}

fn form(why: &str) -> Malformed {
    Malformed::form(format!("head: {why}"))
}

fn too_large(why: String) -> Malformed {
    Malformed::with(ErrorType::HeadTooLarge, why)
}

fn unreadable(error: Error) -> Malformed {
    match error {
        Error::TooManyHeaders => too_large(format!("there are more than {MOST_HEADERS} header lines")),
        Error::Version => form("the version is not HTTP/1.1"),
        Error::HeaderName => form("a header name is not a token"),
        Error::HeaderValue => form("a header value holds what it may not"),
        Error::NewLine => form("a line does not end with CR LF"),
        Error::Token | Error::Status => form("the request line is not method, target and version"),
    }
}

/// Only what a URI may hold (RFC 3986), in origin form and without a fragment; the normal form is judged later, so that
/// its refusal does not end the connection.
fn check_target(target: &str) -> Result<(), Malformed> {
    if !target.starts_with('/') {
        return Err(form("the request target is not in origin form"));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~%!$&'()*+,;=:@/?[]".contains(c);
    match target.chars().find(|c| !allowed(*c)) {
        None => Ok(()),
        Some(found) => {
            Err(form(&format!("the request target holds {}", quoted(found.encode_utf8(&mut [0; 4])))))
        }
    }
}

/// Each line is what httparse took it for: the name, at once a colon, the value with blanks around it.
fn check_lines(lines: &[u8], headers: &[Header<'_>]) -> Result<(), Malformed> {
    let mut rest = lines;
    for header in headers {
        check_name(header.name)?;
        let line = rest
            .strip_prefix(header.name.as_bytes())
            .and_then(|rest| rest.strip_prefix(b":"))
            .and_then(|rest| skip_blanks(rest).strip_prefix(header.value))
            .and_then(|rest| skip_blanks(rest).strip_prefix(b"\r\n"));
        rest = line.ok_or_else(|| form(&format!("header {} has two readings", quoted(header.name))))?;
    }
    if rest == b"\r\n" { Ok(()) } else { Err(form("the header lines have two readings")) }
}

fn skip_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The values of all fields of this name.
fn named<'a>(headers: &'a [Header<'_>], name: &'a str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
}

/// Exactly one `Host` (RFC 9112 section 3.2): a name of letters, digits, `-`, `_` and single dots within, an IPv4
/// address, or an IPv6 address in brackets; and a port or none. A dot at the end would be a second spelling.
fn check_host(headers: &[Header<'_>]) -> Result<(), Malformed> {
    let mut values = named(headers, "host");
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(form("`host` must be there exactly once"));
    };
    let host = std::str::from_utf8(value).unwrap_or_default();
    if host.len() <= MOST_HOST && is_host(host) {
        return Ok(());
    }
    Err(form(&format!("`host` {} is not a host with or without a port", quoted(host))))
}

fn is_host(text: &str) -> bool {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) if address.parse::<std::net::Ipv6Addr>().is_ok() => {
                return port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
            }
            Some(_) | None => return false,
        },
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.split('.').all(label) && port.is_none_or(is_port)
}

fn is_port(text: &str) -> bool {
    is_plain_number(text) && text.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Digits only, and no zero in front of others.
fn is_plain_number(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && (text == "0" || !text.starts_with('0'))
}

/// The one `Content-Length` (RFC 9112 section 6.3); 0 when there is none.
fn body_length(headers: &[Header<'_>]) -> Result<u64, Malformed> {
    let mut values = named(headers, "content-length");
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(0),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(form("`content-length` occurs more than once")),
    };
    let text = std::str::from_utf8(value).unwrap_or_default();
    match text.parse::<u64>() {
        Ok(length) if is_plain_number(text) => {
            if length <= MOST_BODY {
                return Ok(length);
            }
            Err(Malformed::with(
                ErrorType::ContentTooLarge,
                format!("the body is longer than {MOST_BODY} octets"),
            ))
        }
        Ok(_) | Err(_) => Err(form(&format!("`content-length` {} is not one plain number", quoted(text)))),
    }
}
