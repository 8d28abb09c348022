//! The gate: what gets through and what does not.

use super::{
    cutting::{Phase, feed},
    *,
};

const GET: &str = "GET /users/i/u HTTP/1.1\r\nHost: example.com\r\n\r\n";

fn passes(bytes: &[u8]) {
    let (released, fault, phase) = feed(bytes, &[bytes.len()], GateBounds::default());
    assert_eq!(fault, None, "{}", String::from_utf8_lossy(bytes));
    assert_eq!(released, bytes);
    assert_eq!(phase, Phase::Idle);
}

fn refused_as(error: ErrorType, bytes: &[u8], why: &str) {
    let shown = String::from_utf8_lossy(bytes);
    let (released, fault, phase) = feed(bytes, &[bytes.len()], GateBounds::default());
    let fault = fault.unwrap_or_else(|| panic!("let through: {shown}"));
    assert_eq!(fault.error, error, "{shown}: {fault}");
    assert!(fault.why.contains(why), "{shown}: {fault}");
    assert_eq!(phase, Phase::Refused);
    assert!(released.is_empty(), "{shown}");
}

fn refused(bytes: impl AsRef<[u8]>, why: &str) {
    refused_as(ErrorType::InvalidRequest, bytes.as_ref(), why);
}

#[test]
fn a_head_is_inspected_to_its_end_and_no_further() {
    let length = |head: &str| inspect::head(head.as_bytes(), GateBounds::default()).ok();
    assert_eq!(length(GET), Some(0));
    assert_eq!(length(&format!("{GET}x")), None);
    assert_eq!(length(GET.strip_suffix("\r\n").unwrap()), None);
}

/// A GET with these lines besides `Host`.
fn lines(lines: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: example.com\r\n{lines}\r\n\r\n")
}

/// A GET with this target.
fn target(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: example.com\r\n\r\n")
}

/// A GET with this value of `Host`.
fn host(value: &str) -> String {
    format!("GET /a HTTP/1.1\r\nHost: {value}\r\n\r\n")
}

/// A POST with this value of `Content-Length`, and no body.
fn length(value: &str) -> String {
    format!("POST /a HTTP/1.1\r\nHost: example.com\r\nContent-Length: {value}\r\n\r\n")
}

#[test]
fn plain_requests_pass_unchanged() {
    passes(GET.as_bytes());
    passes(lines("X-A: b\r\nx-empty:\r\nx-blanks: \t a\tb \t").as_bytes());
    passes(target("/users/a%2Fb?x=1&y=%20").as_bytes());
    for method in ["GET", "POST", "PUT", "DELETE"] {
        passes(format!("{method} / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc").as_bytes());
    }
}

#[test]
fn c1_c2_c4_any_transfer_encoding() {
    refused(lines("Transfer-Encoding: chunked"), "`transfer-encoding` is not accepted");
    refused(lines("Content-Length: 5\r\nTransfer-Encoding: chunked"), "`transfer-encoding` is not accepted");
    for value in
        ["identity", "", "gzip, chunked", " chunked", "\tchunked", "xchunked", "chunked, chunked", "CHUNKED"]
    {
        refused(lines(&format!("transfer-encoding:{value}")), "`transfer-encoding` is not accepted");
    }
    for line in
        ["Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "X: y\r\n\tTransfer-Encoding: chunked"]
    {
        refused(lines(line), "head: ");
    }
    for line in
        ["Transfer-Encoding\t: chunked", "Transfer-Encoding\x0b: chunked", "X: y\nTransfer-Encoding: chunked"]
    {
        refused(lines(line), "head: ");
    }
}

#[test]
fn c3_content_length_is_one_plain_number() {
    for value in [
        "",
        "+5",
        "-5",
        "05",
        "00",
        "5 5",
        "5,5",
        "5, 5",
        "0x5",
        "5.0",
        "5e1",
        "a",
        "\"5\"",
        "5;",
        "18446744073709551616",
        "99999999999999999999999999",
    ] {
        refused(length(value), "is not one plain number");
    }
    refused(lines("Content-Length: 5\r\nContent-Length: 5"), "more than once");
    refused(lines("Content-Length: 5\r\ncontent-length: 6"), "more than once");
    refused(lines("Content-Length: 0\r\nContent-Length:"), "more than once");
    passes(length("0").as_bytes());
    passes(format!("{}12345", length("  5\t")).as_bytes());
}

#[test]
fn b11_a_body_beyond_all_bounds() {
    refused_as(ErrorType::ContentTooLarge, length("1073741825").as_bytes(), "longer than 1073741824 octets");
    refused_as(ErrorType::ContentTooLarge, length("18446744073709551615").as_bytes(), "longer than");
    let (released, fault, phase) = feed(length("1073741824").as_bytes(), &[9], GateBounds::default());
    assert_eq!((released.len(), fault, phase), (length("1073741824").len(), None, Phase::Body));
}

#[test]
fn c6_line_ends_and_white_space() {
    refused("GET / HTTP/1.1\nHost: h\n\n", "an LF without CR");
    refused("GET / HTTP/1.1\r\nHost: h\n\r\n", "an LF without CR");
    refused("GET / HTTP/1.1\r\nHost: h\r\n\n", "an LF without CR");
    refused("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", "a CR without LF");
    refused("GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", "a CR without LF");
    refused("GET / HTTP/1.1\r\nHost: h\r\n\rX", "a CR without LF");
    refused("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "begins with white space");
    refused("GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n", "begins with white space");
    refused("GET / HTTP/1.1\r\n Host: h\r\n\r\n", "begins with white space");
    refused("GET / HTTP/1.1\r\nHost : h\r\n\r\n", "head: ");
    refused("GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", "head: ");
    refused(format!("\r\n{GET}"), "before the request line");
    refused(format!("\n{GET}"), "before the request line");
    refused(format!("{}\r\n", ""), "before the request line");
}

#[test]
fn c24_octets_that_no_head_may_hold() {
    for byte in (0..=0x1f).chain(0x7f..=0xff).filter(|byte| !b"\t\r\n".contains(byte)) {
        for place in [
            "G@T / HTTP/1.1\r\n",
            "GET /@ HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nX-@: y\r\n",
            "GET / HTTP/1.1\r\nX: @\r\n",
        ] {
            let bytes: Vec<u8> = place.bytes().map(|b| if b == b'@' { byte } else { b }).collect();
            refused(bytes, if byte < 0x80 { "a control character" } else { "not ASCII" });
        }
    }
    refused("GET /\t HTTP/1.1\r\nHost: h\r\n\r\n", "head: ");
    refused(b"\x16\x03\x01\x02\0\x01", "a control character");
}

#[test]
fn the_request_line_has_one_form() {
    for line in [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET /",
        "GET",
        "GET / http/1.1",
        "GET / HTTP/1.1x",
        "GET / HTTP/1.",
        "GET / HTTP/1.10",
        "GET / HTTP/01.1",
        "GET HTTP/1.1",
        "/ HTTP/1.1",
        "GET / x HTTP/1.1",
        "GET / XTTP/1.1",
        "HTTP/1.1 200 OK",
    ] {
        refused(format!("{line}\r\nHost: h\r\n\r\n"), "");
    }
    for version in ["HTTP/1.0", "HTTP/2.0", "HTTP/0.9", "HTTP/1.2", "HTTP/3"] {
        refused(format!("GET / {version}\r\nHost: h\r\n\r\n"), "the version is not HTTP/1.1");
    }
    refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "the version is not HTTP/1.1");
}

#[test]
fn c14_methods() {
    for method in ["PATCH", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "GETX", "GE"] {
        let bytes = format!("{method} /a HTTP/1.1\r\nHost: h\r\n\r\n");
        refused_as(ErrorType::MethodNotAllowed, bytes.as_bytes(), "is not one of this API");
    }
    refused_as(
        ErrorType::MethodNotAllowed,
        b"CONNECT example.com:443 HTTP/1.1\r\nHost: h\r\n\r\n",
        "`CONNECT`",
    );
    refused_as(ErrorType::MethodNotAllowed, b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "`OPTIONS`");
    for method in ["get", "Post", "pOST", "G!T", "GET1", "G_T"] {
        refused(format!("{method} /a HTTP/1.1\r\nHost: h\r\n\r\n"), "is not a method");
    }
}

#[test]
fn c7_only_the_origin_form() {
    for form in
        ["http://example.com/a", "https://example.com", "example.com:443", "*", "a", "?x=1", "HTTP://h/a"]
    {
        refused(target(form), "not in origin form");
    }
    for found in ["#", "\\", "\"", "<", ">", "^", "`", "{", "|", "}"] {
        refused(target(&format!("/a{found}b")), "the request target holds");
    }
}

#[test]
fn c8_exactly_one_host() {
    refused("GET / HTTP/1.1\r\n\r\n", "exactly once");
    refused("GET / HTTP/1.1\r\nX: y\r\n\r\n", "exactly once");
    refused(lines("Host: example.com"), "exactly once");
    refused(lines("HOST: other.example.com"), "exactly once");
    refused(lines("Host:"), "exactly once");
    for value in [
        "",
        "user@example.com",
        "example.com/a",
        "example.com, other.example.com",
        "a b",
        "example.com.",
        ".example.com",
        "a..b",
        "example.com:",
        "example.com:0",
        "example.com:080",
        "example.com:65536",
        "example.com:x",
        "example.com:80:80",
        ":80",
        "http://example.com",
        "example.com?x",
        "example.com#x",
        "ex%61mple.com",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:",
        "[x]",
        "[]",
        "[fe80::1%25eth0]",
        "example.com\\x",
        "*",
        "a!b",
        "(a)",
    ] {
        refused(host(value), "is not a host");
    }
    refused(host(&"a".repeat(262)), "is not a host");
    for value in [
        "h",
        "example.com",
        "EXAMPLE.com:8443",
        "127.0.0.1:43027",
        "[::1]",
        "[::1]:8443",
        "connect_guard:8443",
        "a-b.c",
    ] {
        passes(host(value).as_bytes());
    }
}

#[test]
fn c10_no_upgrade() {
    refused(lines("Connection: Upgrade\r\nUpgrade: websocket"), "`upgrade` is not accepted");
    refused(lines("Upgrade: h2c"), "`upgrade` is not accepted");
    refused(lines("upgrade:"), "`upgrade` is not accepted");
}

#[test]
fn v9_c23_names_are_tokens_without_underscores() {
    for name in ["X_Forwarded_Proto", "Transfer_Encoding", "Content_Length", "X_Amz_Date", "_"] {
        refused(lines(&format!("{name}: 1")), "two readings");
    }
    for line in [": x", "x", "a b: c", "a(b): c", "a/b: c", "\"a\": b", "a@b: c", "[a]: b"] {
        refused(lines(line), "head");
    }
}

#[test]
fn c20_bounds_of_a_head() {
    let bounds = GateBounds { head: 200, target: 20, headers: 3 };
    let error = |bytes: String| {
        let whole = feed(bytes.as_bytes(), &[bytes.len()], bounds);
        let cut = feed(bytes.as_bytes(), &[1], bounds);
        assert_eq!(whole, cut);
        whole.1.map(|fault| (fault.error, fault.why))
    };
    let base = lines("X: ").len();
    assert_eq!(error(lines(&format!("X: {}", "a".repeat(200 - base)))), None);
    let too_large = |why: &str| Some((ErrorType::HeadTooLarge, why.to_owned()));
    assert_eq!(
        error(lines(&format!("X: {}", "a".repeat(201 - base)))),
        too_large("the head is larger than 200 octets")
    );
    assert_eq!(error("a".repeat(5000)), too_large("the head is larger than 200 octets"));
    assert_eq!(error(target(&format!("/{}", "a".repeat(19)))), None);
    assert_eq!(
        error(target(&format!("/{}", "a".repeat(20)))),
        too_large("the request target is longer than 20 octets")
    );
    assert_eq!(error(lines("A: 1\r\nB: 2")), None);
    assert_eq!(error(lines("A: 1\r\nB: 2\r\nC: 3")), too_large("there are more than 3 header lines"));
    let many = lines(&vec!["A: 1"; 99].join("\r\n"));
    assert_eq!(feed(many.as_bytes(), &[64], GateBounds::default()).1, None);
    refused_as(ErrorType::HeadTooLarge, lines(&vec!["A: 1"; 100].join("\r\n")).as_bytes(), "more than 100");
    refused_as(ErrorType::HeadTooLarge, lines(&vec!["A: 1"; 300].join("\r\n")).as_bytes(), "more than 256");
}
