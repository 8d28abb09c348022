//! Heads that have no one reading.

use super::{Octets, Row, denied, raw, replaced, row, signed, stranger, with};
use crate::running::{identity_path, user};

/// What is refused before anybody is known.
fn unread(rows: Vec<(&'static str, Octets)>) -> Vec<Row> {
    rows.into_iter().map(|(what, octets)| stranger(what, octets, &[400])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn c1_both_lengths() {
    denied(unread(vec![
        ("after it", with("transfer-encoding: chunked")),
        ("before it", replaced("content-length: ", "transfer-encoding: chunked\r\ncontent-length: ")),
        ("in a list", with("transfer-encoding: gzip, chunked")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c3_a_length_that_is_none() {
    let length = |to: &'static str| replaced("content-length: ", to);
    denied(unread(vec![
        ("two", with("content-length: 5")),
        ("two alike", with("content-length: 54")),
        ("a sign", length("content-length: +")),
        ("a minus", length("content-length: -")),
        ("a list", length("content-length: 1, ")),
        ("a leading zero", length("content-length: 0")),
        ("hexadecimal", length("content-length: 0x")),
        ("too many digits", length("content-length: 99999999999999999999")),
        ("nothing", with("content-length:")),
        ("a fraction", length("content-length: 1.")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c4_any_transfer_encoding() {
    denied(unread(vec![
        ("chunked alone", replaced("content-length: ", "transfer-encoding: chunked\r\nx: ")),
        ("identity", with("transfer-encoding: identity")),
        ("a tab before it", with("transfer-encoding:\tchunked")),
        ("large letters", with("TRANSFER-ENCODING: CHUNKED")),
        ("empty", with("transfer-encoding:")),
        ("gzip", replaced("content-length: ", "transfer-encoding: gzip\r\nx: ")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c5_chunks() {
    let path = identity_path(&user(1).id);
    let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    let chunks = |body: &str| raw(format!("{head}{body}"));
    denied(unread(vec![
        ("plain", chunks("2\r\n{}\r\n0\r\n\r\n")),
        ("an extension", chunks("2;a=b\r\n{}\r\n0\r\n\r\n")),
        ("a bad size", chunks("0x2\r\n{}\r\n0\r\n\r\n")),
        ("a size without end", chunks("FFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n")),
        ("a trailer", chunks("2\r\n{}\r\n0\r\nx-amz-date: 1\r\n\r\n")),
        ("a forbidden trailer", chunks("2\r\n{}\r\n0\r\ncontent-length: 5\r\nhost: a\r\n\r\n")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c6_line_ends_and_folds() {
    denied(unread(vec![
        ("a bare LF", replaced("\r\nhost", "\nhost")),
        ("LF everywhere", replaced("\r\n", "\n")),
        ("a bare CR", replaced("\r\nhost", "\rhost")),
        ("a CR in a value", with("x-a: 1\r2")),
        ("a folded line", with("x-a: 1\r\n 2")),
        ("a folded line, by a tab", with("x-a: 1\r\n\t2")),
        ("a blank before the colon", with("x-a : 1")),
        ("a blank before the name", replaced("\r\nhost", "\r\n host")),
        ("no colon", with("x-a")),
        ("no name", with(": 1")),
        ("NUL", with("x-a: 1\0")),
        ("NUL in a name", with("x\0a: 1")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c7_absolute_form() {
    let path = identity_path(&user(1).id);
    let to = |authority: &str| {
        raw(format!(
            "POST https://{authority}{path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"
        ))
    };
    denied(unread(vec![
        ("its own", to("localhost")),
        ("another", to("evil.example.com")),
        ("with a user", to("localhost@evil.example.com")),
        ("plain", raw(format!("POST http://localhost{path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))),
        ("no authority", raw(format!("POST https://{path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_hosts() {
    denied(vec![
        stranger("two", with("host: localhost"), &[400]),
        stranger("two, one of them another", with("host: evil.example.com"), &[400]),
        stranger("none", replaced("host: localhost", "x-host: localhost"), &[400, 403]),
        stranger("another", replaced("host: localhost", "host: example.com"), &[400]),
        stranger("a user", replaced("host: localhost", "host: a@localhost"), &[400]),
        stranger("empty", replaced("host: localhost", "host: "), &[400]),
        stranger("a path", replaced("host: localhost", "host: localhost/x"), &[400]),
        stranger("a list", replaced("host: localhost", "host: localhost, localhost"), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s14_a_host_that_is_not_what_was_signed() {
    denied(vec![
        stranger("another port", replaced("host: localhost:", "host: localhost:1"), &[400, 403]),
        stranger("a dot at the end", replaced("host: localhost:", "host: localhost.:"), &[400, 403]),
        stranger("a signed host of another", signed(|r| r.target = "//localhost/".into()), &[400]),
        stranger("in the pseudo field of HTTP/2", with(":authority: localhost"), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c10_no_tunnel() {
    let connect = "CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    denied(vec![
        stranger("CONNECT", raw(connect), &[400, 405]),
        stranger("a websocket", with("connection: upgrade\r\nupgrade: websocket"), &[400]),
        stranger("upgrade alone", with("upgrade: websocket"), &[400]),
        stranger(
            "h2c",
            with("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAA"),
            &[400],
        ),
        stranger("the preface of HTTP/2", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &[400]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c14_other_methods() {
    let path = identity_path(&user(1).id);
    let method = |method: &'static str| signed(move |request| request.method = method.into());
    denied(vec![
        stranger("TRACE", raw(format!("TRACE {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")), &[405]),
        stranger("OPTIONS *", raw("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n"), &[400, 405]),
        stranger("in small letters", replaced("POST ", "post "), &[400, 405]),
        stranger("one that is none", replaced("POST ", "PUTT "), &[400, 405]),
        row("PUT", method("PUT"), &[403, 405]),
        row("PATCH", method("PATCH"), &[400, 403, 405]),
        row("DELETE", method("DELETE"), &[400, 403, 405]),
        row("OPTIONS", method("OPTIONS"), &[400, 403, 405]),
        row("GET", method("GET"), &[400, 403, 405]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c16_expectations() {
    denied(unread(vec![
        ("another", with("expect: 200-maybe")),
        ("two", with("expect: 100-continue, 200-ok")),
        ("empty", with("expect:")),
        ("twice", with("expect: 100-continue\r\nexpect: 100-continue")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c20_too_much_of_a_head() {
    let long = "x".repeat(20_000);
    let many = "x-h: 1\r\n".repeat(110);
    denied(vec![
        stranger("a target", raw(format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n")), &[414, 431]),
        stranger("a head", raw(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}{long}\r\n\r\n")), &[431]),
        stranger("lines", raw(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n")), &[431]),
        stranger("a head without end", raw(format!("GET / HTTP/1.1\r\nx: {}", long.repeat(4))), &[431]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c23_underscores() {
    denied(unread(vec![
        ("of a date", with("x_amz_date: 1")),
        ("of a coding", with("transfer_encoding: chunked")),
        ("of a host", with("x_forwarded_host: evil.example.com")),
        ("of a length", with("content_length: 5")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn c24_octets_above_ascii() {
    let octets = |value: &'static [u8]| -> Octets {
        Box::new(move |caller, now, request| {
            let signed = caller.sign(&request, now).unwrap();
            let end = signed.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            [&signed[..end], b"\r\nuser-agent: ", value, &signed[end..]].concat()
        })
    };
    denied(unread(vec![
        ("Latin-1", octets(b"x\xe9")),
        ("UTF-8", octets("x\u{e9}".as_bytes())),
        ("C1", octets(b"x\x9b2K")),
        ("0xff", octets(b"\xff")),
        ("DEL", octets(b"x\x7f")),
        ("an escape", octets(b"x\x1b[2K")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s8_folds_and_controls_in_what_is_signed() {
    // Put in after it was signed: no client signs these.
    let of = |value: &'static str| -> Octets {
        Box::new(move |caller, now, mut request| {
            request.signed.push(("x-note".into(), "aXb".into()));
            let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
            text.replace("aXb", value).into_bytes()
        })
    };
    denied(vec![
        row(
            "a fold",
            replaced("content-type: application/json", "content-type: application/json\r\n "),
            &[400],
        ),
        row("NUL", of("a\0b"), &[400]),
        row("ESC", of("a\u{1b}b"), &[400]),
        row("above ASCII", of("a\u{e9}b"), &[400]),
    ])
    .await;
}

/// Other things that are no request of HTTP/1.1.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request() {
    denied(unread(vec![
        ("HTTP/1.0", replaced("HTTP/1.1", "HTTP/1.0")),
        ("HTTP/1.2", replaced("HTTP/1.1", "HTTP/1.2")),
        ("HTTP/0.9", raw("GET /\r\n\r\n")),
        ("two blanks", replaced("POST ", "POST  ")),
        ("no request", raw("\u{16}\u{3}\u{1}\r\n\r\n")),
        ("a fragment", replaced("/identity-info ", "/identity-info#f ")),
        ("a backslash", replaced("/identity-info ", "\\identity-info ")),
    ]))
    .await;
}
