//! Bodies that have no one reading, or none that Connect would take.

use connect_guard::demo::{caller::Request, stage::INSTANCE};

use super::{Octets, Row, body, denied, known, row, signed, stranger, with};
use crate::running::{Running, roomy, user};

/// A body with these members of `IdentityInfo`.
fn info(inner: &str) -> Octets {
    body(format!(r#"{{"IdentityInfo":{{{inner}}}}}"#))
}

/// The request with this content type, signed; none when it is empty.
fn of_type(value: &'static str) -> Octets {
    signed(move |request| {
        request.signed.retain(|(name, _)| name != "content-type");
        if !value.is_empty() {
            request.signed.push(("content-type".into(), value.into()));
        }
    })
}

/// What is refused with 400 to somebody who is known.
fn malformed(rows: Vec<(&'static str, Octets)>) -> Vec<Row> {
    rows.into_iter().map(|(what, octets)| known(what, octets, &[400])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_a_key_twice() {
    denied(malformed(vec![
        ("a field", info(r#""Email":"a@example.com","Email":"b@example.com""#)),
        ("the same value", info(r#""Email":"a@example.com","Email":"a@example.com""#)),
        ("the object", body(r#"{"IdentityInfo":{},"IdentityInfo":{"Email":"a@b.cd"}}"#)),
        ("below an unknown key", body(r#"{"IdentityInfo":{"Mobile":""},"Other":{"a":1,"a":2}}"#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b2_a_key_twice_through_an_escape() {
    denied(malformed(vec![
        ("a field", info(r#""Email":"a@b.cd","\u0045mail":"c@d.ef""#)),
        ("the escaped one first", info(r#""\u0045mail":"a@b.cd","Email":"c@d.ef""#)),
        ("the object", body(r#"{"IdentityInfo":{"Mobile":""},"\u0049dentityInfo":{"Email":"a@b.cd"}}"#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b3_a_key_in_another_case() {
    denied(malformed(vec![
        ("small", info(r#""email":"a@b.cd""#)),
        ("large", info(r#""EMAIL":"a@b.cd""#)),
        ("beside the right one", info(r#""FirstName":"A","firstname":"B""#)),
        ("the object", body(r#"{"identityInfo":{"Email":"a@b.cd"}}"#)),
        ("the object, small", body(r#"{"identityinfo":{"Email":"a@b.cd"}}"#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b4_a_key_that_is_not_known() {
    denied(malformed(vec![
        ("within", info(r#""Email":"a@b.cd","Other":"1""#)),
        ("outside", body(r#"{"IdentityInfo":{"Mobile":""},"UserId":"x"}"#)),
        ("of another operation", body(r#"{"IdentityInfo":{"Mobile":""},"Password":"x"}"#)),
        ("with a blank", info(r#""Email ":"a@b.cd""#)),
        ("empty", info(r#""":"a@b.cd""#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b5_an_array_in_place_of_an_object() {
    denied(malformed(vec![
        ("of the object", body(r#"{"IdentityInfo":["a@b.cd"]}"#)),
        ("of everything", body(r#"[["a@b.cd"]]"#)),
        ("of everything, with the object", body(r#"[{"Email":"a@b.cd"}]"#)),
        ("no object at all", body(r#""IdentityInfo""#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b6_values_of_another_type() {
    let mut rows = Vec::new();
    for field in ["Email", "SecondaryEmail", "FirstName", "LastName", "Mobile"] {
        for value in ["null", "1", "true", "{}", "[]", r#"["a@b.cd"]"#] {
            rows.push(("another type", info(&format!(r#""{field}":{value}"#))));
        }
    }
    rows.push(("no address", info(r#""Email":"""#)));
    rows.push(("no object", body(r#"{"IdentityInfo":null}"#)));
    denied(malformed(rows)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b7_more_than_one_document() {
    let one = r#"{"IdentityInfo":{"Mobile":""}}"#;
    denied(malformed(vec![
        ("BOM", body(format!("\u{feff}{one}"))),
        ("something before it", body(format!(")]}}',\n{one}"))),
        ("two documents", body(format!("{one}{{}}"))),
        ("a line each", body(format!("{one}\n{one}\n"))),
        ("NUL after it", body(format!("{one}\0"))),
        ("a blank that JSON has not", body(format!("{one}\u{a0}"))),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b8_what_is_not_utf_8() {
    let text = r#"{"IdentityInfo":{"FirstName":"A"}}"#;
    let utf16 = |octets: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(octets).collect::<Vec<_>>();
    let utf32: Vec<u8> = text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect();
    denied(malformed(vec![
        ("a lone surrogate", info(r#""FirstName":"\ud800""#)),
        ("a pair the wrong way round", info(r#""FirstName":"\udc00\ud800""#)),
        ("UTF-16, little end first", body(utf16(u16::to_le_bytes))),
        ("UTF-16, big end first", body(utf16(u16::to_be_bytes))),
        ("UTF-32", body(utf32)),
        ("overlong", body(b"{\"IdentityInfo\":{\"FirstName\":\"\xc0\xaf\"}}")),
        ("a surrogate in UTF-8", body(b"{\"IdentityInfo\":{\"FirstName\":\"\xed\xa0\x80\"}}")),
        ("Latin-1", body(b"{\"IdentityInfo\":{\"FirstName\":\"Zo\xeb\"}}")),
        ("NUL", info("\"FirstName\":\"a\\u0000\"")),
    ]))
    .await;
}

/// However deep, it costs neither time nor memory that anybody would notice.
#[tokio::test(flavor = "multi_thread")]
async fn b9_nesting() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        body(format!(r#"{{"IdentityInfo":{open}{close}}}"#))
    };
    let objects = format!(r#"{{"IdentityInfo":{}1{}}}"#, r#"{"a":"#.repeat(9_000), "}".repeat(9_000));
    denied(malformed(vec![
        ("10", nested(10)),
        ("128", nested(128)),
        ("30,000", nested(30_000)),
        ("30,000 and no end", body(format!(r#"{{"IdentityInfo":{}"#, "[".repeat(30_000)))),
        ("objects", body(objects)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b10_numbers_without_end() {
    denied(malformed(vec![
        ("an exponent", info(r#""Email":1e999999"#)),
        ("a negative exponent", info(r#""Email":1e-999999"#)),
        ("60,000 digits", info(&format!(r#""Email":{}"#, "9".repeat(60_000)))),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b11_lengths_around_the_limit() {
    const LIMIT: usize = 64 * 1024;
    let of = |length: usize| {
        let frame = r#"{"IdentityInfo":{"FirstName":""}}"#.len();
        body(format!(r#"{{"IdentityInfo":{{"FirstName":"{}"}}}}"#, "x".repeat(length - frame)))
    };
    let declared = |length: &'static str| -> Octets {
        Box::new(move |caller, now, request| {
            let length_was = format!("content-length: {}", request.body.len());
            let octets = caller.sign(&request, now).unwrap();
            let text = String::from_utf8(octets).unwrap();
            text.replace(&length_was, &format!("content-length: {length}")).into_bytes()
        })
    };
    denied(vec![
        row("nothing", body(""), &[400, 415]),
        known("one octet", body("{"), &[400]),
        // One name of 64 KiB is no name, but it is read.
        known("the limit", of(LIMIT), &[400]),
        stranger("one more", of(LIMIT + 1), &[413]),
        stranger("100 MiB, declared", declared("104857600"), &[413]),
        stranger("more than there is, declared", declared("18446744073709551615"), &[400, 413]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b12_nothing_is_decompressed() {
    let coded = |line: &'static str| with(line);
    denied(vec![
        row("gzip", coded("content-encoding: gzip"), &[415]),
        row("deflate", coded("content-encoding: deflate"), &[415]),
        row("br", coded("content-encoding: br"), &[415]),
        row("two", coded("content-encoding: identity, gzip"), &[415]),
        row("aws-chunked", coded("content-encoding: aws-chunked"), &[415]),
        row("large letters", coded("Content-Encoding: GZIP"), &[415]),
        row("twice", coded("content-encoding: gzip\r\ncontent-encoding: gzip"), &[400, 415]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b13_one_content_type() {
    denied(vec![
        row("none", of_type(""), &[400, 403, 415]),
        row("text", of_type("text/plain"), &[415]),
        row("another charset", of_type("application/json; charset=utf-16"), &[415]),
        row("CBOR", of_type("application/cbor"), &[415]),
        row("JSON 1.1", of_type("application/x-amz-json-1.1"), &[415]),
        row("a form", of_type("application/x-www-form-urlencoded"), &[415]),
        row("two", of_type("application/json, text/plain"), &[415]),
        row("another ending", of_type("application/jsonp"), &[415]),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b14_what_is_nearly_json() {
    denied(malformed(vec![
        ("a comment", body("{/**/\"IdentityInfo\":{\"Mobile\":\"\"}}")),
        ("a line's comment", body("{\"IdentityInfo\":{\"Mobile\":\"\"}} // done")),
        ("single quotes", body("{'IdentityInfo':{'Mobile':''}}")),
        ("no quotes", body("{IdentityInfo:{\"Mobile\":\"\"}}")),
        ("a comma too many", info(r#""Email":"a@b.cd","#)),
        ("NaN", info(r#""Email":NaN"#)),
        ("Infinity", info(r#""Email":-Infinity"#)),
        ("a raw line end", info("\"FirstName\":\"a\nb\"")),
        ("an escape that is none", info(r#""FirstName":"\x41""#)),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b15_nothing_asked() {
    denied(malformed(vec![("nothing", body("{}")), ("no field", info("")), ("blanks", body("  "))])).await;
}

/// What looks like an address elsewhere is text: it changes no address, and stands in no log.
#[tokio::test(flavor = "multi_thread")]
async fn b16_an_address_in_another_field_is_text() {
    let guard = Running::with(roomy([user(1)])).await;
    let help = guard.caller("HelpDesk");
    let fields = [("FirstName", "kim@evil.example.com"), ("LastName", "Email: kim@evil.example.com")];
    let answer = help.send(&Request::update_identity(INSTANCE, &user(1).id, &fields)).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let now = guard.stage.connect.user(&user(1).id).unwrap();
    assert_eq!((now.first_name.as_str(), now.email), (fields[0].1, user(1).email));
    assert!(!guard.log().contains("evil.example.com"), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn e4_dots_where_none_may_be() {
    let of = |address: &str| info(&format!(r#""Email":"{address}""#));
    denied(malformed(vec![
        ("at the end", of("agent1@example.com.")),
        ("at the beginning", of("agent1@.example.com")),
        ("two", of("agent1@example..com")),
        ("before it", of(".agent1@example.com")),
        ("after it", of("agent1.@example.com")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e6_addresses_that_mail_servers_read_in_two_ways() {
    let of = |address: &str| info(&format!(r#""Email":"{address}""#));
    denied(malformed(vec![
        ("two @", of("agent1@evil.net@example.com")),
        ("the percent hack", of("agent1%evil.net@example.com")),
        ("the bang path", of("evil.net!agent1@example.com")),
        ("a source route", of("@evil.net:agent1@example.com")),
        ("quotes", of(r#"\"agent1@evil.net\"@example.com"#)),
        ("a comment", of("agent1(evil)@example.com")),
        ("a name before it", of("Agent <agent1@example.com>")),
        ("a list", of("agent1@example.com,kim@evil.net")),
        ("a blank", of("agent1 @example.com")),
        ("a line end", of(r"agent1@example.com\r\nBcc: kim@evil.net")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e7_literals_single_labels_and_lengths() {
    let of = |address: &str| info(&format!(r#""Email":"{address}""#));
    denied(malformed(vec![
        ("an IP literal", of("agent1@[127.0.0.1]")),
        ("an IPv6 literal", of("agent1@[IPv6:::1]")),
        ("a bare address", of("agent1@127.0.0.1")),
        ("a single label", of("agent1@localhost")),
        ("a long local part", of(&format!("{}@example.com", "a".repeat(65)))),
        ("a long label", of(&format!("agent1@{}.com", "a".repeat(64)))),
        ("a long domain", of(&format!("agent1@{}com", "a234567.".repeat(32)))),
        ("no local part", of("@example.com")),
        ("no domain", of("agent1@")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e14_names_that_act() {
    let of = |name: &str| info(&format!(r#""FirstName":"{name}""#));
    denied(malformed(vec![
        ("not NFC", of("Zoe\u{308}")),
        ("direction", of("a\u{202e}b")),
        ("an isolate", of("a\u{2066}b")),
        ("no width", of("a\u{200b}b")),
        ("a joiner at the end", of("a\u{feff}")),
        ("an escape of a terminal", of(r"a\u001b[2K")),
        ("C1", of("a\u{9b}b")),
        ("a line end", of(r"a\nb")),
        ("a line separator", of("a\u{2028}b")),
    ]))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn v8_one_reading_of_a_body() {
    denied(vec![
        known("two cases", info(r#""Email":"a@b.cd","email":"c@d.ef""#), &[400]),
        known("an escape", info(r#""Email":"a@b.cd","\u0045mail":"c@d.ef""#), &[400]),
        known("the object twice", body(r#"{"IdentityInfo":{"Email":"a@b.cd"},"IdentityInfo":{}}"#), &[400]),
        known("two documents", body(r#"{"IdentityInfo":{"Mobile":""}}{}"#), &[400]),
        known("depth", body(format!(r#"{{"IdentityInfo":{}"#, "[".repeat(10_000))), &[400]),
        row("coded", with("content-encoding: gzip"), &[415]),
    ])
    .await;
}
