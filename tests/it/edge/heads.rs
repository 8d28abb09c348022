//! Heads that have no one reading.

use super::{Row, all_refused, raw, recorded, replaced, with};
use crate::running::{identity_path, user};

#[tokio::test(flavor = "multi_thread")]
async fn c_heads_that_have_no_one_reading() {
    let long = "x".repeat(20_000);
    let many = "x-h: 1\r\n".repeat(110);
    let path = identity_path(&user(1).id);
    let absolute = format!("POST https://localhost{path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let rows = vec![
        Row("C1 both lengths", with("transfer-encoding: chunked"), &[400]),
        Row("C3 two lengths", with("content-length: 5"), &[400]),
        Row("C3 a signed length", replaced("content-length: ", "content-length: +"), &[400]),
        Row("C3 a list", replaced("content-length: ", "content-length: 1, "), &[400]),
        Row("C3 a leading zero", replaced("content-length: ", "content-length: 0"), &[400]),
        Row("C3 hexadecimal", replaced("content-length: ", "content-length: 0x"), &[400]),
        Row(
            "C3 too many digits",
            replaced("content-length: ", "content-length: 99999999999999999999"),
            &[400],
        ),
        Row("C4 identity", with("transfer-encoding: identity"), &[400]),
        Row("C4 a tab before it", with("transfer-encoding:\tchunked"), &[400]),
        Row("C4 chunked alone", replaced("content-length: ", "transfer-encoding: chunked\r\nx: "), &[400]),
        Row("C6 bare LF", replaced("\r\nhost", "\nhost"), &[400]),
        Row("C6 bare CR", replaced("\r\nhost", "\rhost"), &[400]),
        Row("C6 a folded line", with("x-a: 1\r\n 2"), &[400]),
        Row("C6 a blank before the colon", with("x-a : 1"), &[400]),
        Row("C6 no colon", with("x-a"), &[400]),
        Row("C6 NUL", with("x-a: 1\0"), &[400]),
        Row("C7 absolute form", raw(absolute), &[400]),
        Row("C8 two hosts", with("host: localhost"), &[400]),
        Row("C8 no host", replaced("host: localhost", "x-host: localhost"), &[400, 403]),
        Row("C8 another host", replaced("host: localhost", "host: example.com"), &[400]),
        Row("C8 a host with a user", replaced("host: localhost", "host: a@localhost"), &[400]),
        Row("C10 CONNECT", raw("CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n"), &[400, 405]),
        Row("C10 upgrade", with("upgrade: websocket"), &[400]),
        Row("C10 h2 preface", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), &[400]),
        Row("C14 TRACE", raw("TRACE / HTTP/1.1\r\nhost: localhost\r\n\r\n"), &[405]),
        Row("C14 OPTIONS *", raw("OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n"), &[400, 405]),
        Row("C14 a method in small letters", replaced("POST ", "post "), &[400, 405]),
        Row("C14 HEAD", replaced("POST ", "PUTT "), &[400, 405]),
        Row("C16 another expectation", with("expect: 200-maybe"), &[400]),
        Row("C20 a long target", raw(format!("GET /{long} HTTP/1.1\r\nhost: localhost\r\n\r\n")), &[431]),
        Row("C20 a long head", raw(format!("GET / HTTP/1.1\r\nhost: a\r\nx: {long}{long}\r\n\r\n")), &[431]),
        Row("C20 many lines", raw(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n")), &[431]),
        Row("C23 underscores", with("x_amz_date: 1"), &[400]),
        Row("C24 octets above ASCII", with("x-a: \u{e9}"), &[400]),
        Row("HTTP/1.0", replaced("HTTP/1.1", "HTTP/1.0"), &[400]),
        Row("HTTP/1.2", replaced("HTTP/1.1", "HTTP/1.2"), &[400]),
        Row("HTTP/0.9", raw("GET /\r\n\r\n"), &[400]),
        Row("two blanks", replaced("POST ", "POST  "), &[400]),
        Row("no request", raw("\u{16}\u{3}\u{1}\r\n\r\n"), &[400]),
        Row("a fragment", replaced("/identity-info ", "/identity-info#f "), &[400]),
        Row("a backslash", replaced("/identity-info ", "\\identity-info "), &[400]),
    ];
    // Strangers are counted, not recorded one by one.
    assert!(recorded(&all_refused(rows).await).await.is_empty());
}
