//! Bodies that have no one reading, or none that Connect would take.

use super::{Row, all_refused, body, recorded, signed, with};

#[tokio::test(flavor = "multi_thread")]
async fn b_bodies_that_have_no_one_reading() {
    let info = |inner: &str| body(format!(r#"{{"IdentityInfo":{{{inner}}}}}"#));
    let of_type = |value: &'static str| {
        signed(move |request| {
            request.signed.retain(|(name, _)| name != "content-type");
            if !value.is_empty() {
                request.signed.push(("content-type".into(), value.into()));
            }
        })
    };
    let deep = format!(r#"{{"IdentityInfo":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
    let utf16: Vec<u8> = r#"{"IdentityInfo":{}}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let full = format!(r#"{{"IdentityInfo":{{"FirstName":"{}"}}}}"#, "x".repeat(64 * 1024));
    let rows = vec![
        Row("B1 a key twice", info(r#""Email":"a@example.com","Email":"b@example.com""#), &[400]),
        Row("B1 the object twice", body(r#"{"IdentityInfo":{},"IdentityInfo":{"Email":"a@b.cd"}}"#), &[400]),
        Row("B2 through an escape", info(r#""Email":"a@b.cd","\u0045mail":"c@d.ef""#), &[400]),
        Row("B3 case", info(r#""email":"a@b.cd""#), &[400]),
        Row("B3 case of the object", body(r#"{"identityInfo":{"Email":"a@b.cd"}}"#), &[400]),
        Row("B4 an unknown key", info(r#""Email":"a@b.cd","Other":"1""#), &[400]),
        Row("B4 an unknown key outside", body(r#"{"IdentityInfo":{"Mobile":""},"UserId":"x"}"#), &[400]),
        Row("B5 arrays for objects", body(r#"{"IdentityInfo":["a@b.cd"]}"#), &[400]),
        Row("B5 an array", body(r#"[["a@b.cd"]]"#), &[400]),
        Row("B6 null", info(r#""Email":null"#), &[400]),
        Row("B6 a number", info(r#""Email":1"#), &[400]),
        Row("B6 an object", info(r#""Email":{}"#), &[400]),
        Row("B6 nothing", info(r#""Email":"""#), &[400]),
        Row("B7 BOM", body("\u{feff}{\"IdentityInfo\":{\"Mobile\":\"\"}}"), &[400]),
        Row("B7 two documents", body(r#"{"IdentityInfo":{"Mobile":""}}{}"#), &[400]),
        Row("B7 octets after it", body("{\"IdentityInfo\":{\"Mobile\":\"\"}}\0"), &[400]),
        Row("B8 a lone surrogate", info(r#""FirstName":"\ud800""#), &[400]),
        Row("B8 UTF-16", body(utf16), &[400]),
        Row("B8 overlong", body(b"{\"IdentityInfo\":{\"FirstName\":\"\xc0\xaf\"}}"), &[400]),
        Row("B8 NUL", info("\"FirstName\":\"a\\u0000\""), &[400]),
        Row("B9 depth", body(deep), &[400]),
        Row("B10 a number too large", info(r#""Email":1e999999"#), &[400]),
        Row("B11 nothing", body(""), &[400, 415]),
        Row("B11 too long", body(full), &[413]),
        Row("B12 gzip", with("content-encoding: gzip"), &[415]),
        Row("B13 no type", of_type(""), &[400, 403, 415]),
        Row("B13 text", of_type("text/plain"), &[415]),
        Row("B13 another charset", of_type("application/json; charset=utf-16"), &[415]),
        Row("B13 CBOR", of_type("application/cbor"), &[415]),
        Row("B13 JSON 1.1", of_type("application/x-amz-json-1.1"), &[415]),
        Row("B14 a comment", body("{/**/\"IdentityInfo\":{\"Mobile\":\"\"}}"), &[400]),
        Row("B14 a comma too many", info(r#""Email":"a@b.cd","#), &[400]),
        Row("B14 NaN", info(r#""Email":NaN"#), &[400]),
        Row("B15 nothing asked", body("{}"), &[400]),
        Row("B15 no field", info(""), &[400]),
        Row("E4 a dot at the end", info(r#""Email":"agent1@example.com.""#), &[400]),
        Row("E6 two @", info(r#""Email":"agent1@evil.net@example.com""#), &[400]),
        Row("E6 the percent hack", info(r#""Email":"agent1%evil.net@example.com""#), &[400]),
        Row("E7 an IP literal", info(r#""Email":"agent1@[127.0.0.1]""#), &[400]),
        Row("E14 not NFC", info("\"FirstName\":\"Zoe\u{308}\""), &[400]),
        Row("E14 direction", info("\"FirstName\":\"a\u{202e}b\""), &[400]),
    ];
    let found = all_refused(rows).await;
    let recorded = recorded(&found).await;
    // Who sent it is known; but for what the head alone says, it is on record.
    for (what, status, _) in found.1 {
        assert!(status != 400 || recorded.contains(&what), "{what} is not on record");
    }
}
