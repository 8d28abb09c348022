//! Suites that others published, against the running guard.

use std::{fs, path::PathBuf};

use connect_guard::demo::{
    caller::{Caller, Request},
    stage::INSTANCE,
};

use super::{allowed, body, denied, known, row, signed, target, with};
use crate::running::{Running, own_address, roomy, user};

fn documents() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/json-testsuite/test_parsing");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = files
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

/// None of `JSONTestSuite`'s documents is a change; and as the value of a field, what is a text becomes exactly that text.
#[tokio::test(flavor = "multi_thread")]
async fn b17_documents_of_jsontestsuite() {
    let guard = Running::with(roomy([user(1)])).await;
    let help = guard.caller("HelpDesk");
    let documents = documents();
    assert_eq!(documents.len(), 318);
    let mut texts = 0;
    for (name, document) in documents {
        let whole = Request { body: document.clone(), ..allowed() };
        let answer = help.send(&whole).await.unwrap();
        assert!([400, 413, 415].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        let before = guard.stage.connect.updates().len();
        let inside = [br#"{"IdentityInfo":{"FirstName":"#.as_slice(), &document, b"}}"].concat();
        let answer = help.send(&Request { body: inside, ..allowed() }).await.unwrap();
        // A document of an array holds the text in it: as a value it is none.
        let text = serde_json::from_slice::<String>(&document).ok();
        if answer.status == 200 {
            let meant = text.unwrap_or_else(|| panic!("{name} is no text"));
            let sent = guard.stage.connect.updates().last().unwrap().text();
            let read: serde_json::Value = serde_json::from_str(&sent).unwrap();
            assert_eq!(read["IdentityInfo"]["FirstName"], meant, "{name}");
            assert_eq!(sent, serde_json::to_string(&read).unwrap(), "{name}: written anew");
            texts += 1;
        } else {
            assert!([400, 413].contains(&answer.status), "{name}: {}", answer.text());
            assert_eq!(guard.stage.connect.updates().len(), before, "{name}");
        }
    }
    assert!(texts >= 1, "{texts}");
    assert!(!guard.log().contains("panicked"));
}

/// What Smithy's protocol tests of restJson1 call malformed, put to the operation: bodies that are no JSON or no structure, values
/// of other types, content types.
#[tokio::test(flavor = "multi_thread")]
async fn b14_what_smithy_calls_malformed() {
    let value = |text: &str| body(format!(r#"{{"IdentityInfo":{{"FirstName":{text}}}}}"#));
    let of_type = |value: &'static str| {
        signed(move |request| {
            request.signed.retain(|(name, _)| name != "content-type");
            request.signed.push(("content-type".into(), value.into()));
        })
    };
    denied(vec![
        // RestJsonInvalidJsonBody
        known("case 0", body("{["), &[400]),
        known("case 1", body(r#"{ "IdentityInfo": {"Mobile": ""} }abc"#), &[400]),
        known("case 2", body(r#"abc{ "IdentityInfo": {"Mobile": ""} }"#), &[400]),
        known("case 3", body("{\n\"IdentityInfo\": {} // a comment\n}"), &[400]),
        known("case 4", body("{\n\"IdentityInfo\": {} /* a comment */\n}"), &[400]),
        known("case 5", body("{\"IdentityInfo\" :\u{c}{}}"), &[400]),
        known("case 6", body("{'IdentityInfo': {}}"), &[400]),
        known("case 7", body(r#"{"IdentityInfo": {},}"#), &[400]),
        // RestJsonTechnicallyValidJsonBody
        known("an array", body(r#"[{ "IdentityInfo": {}}]"#), &[400]),
        known("a number", body("10"), &[400]),
        known("null", body("null"), &[400]),
        // RestJsonBodyMalformed...: values of another type
        known("a boolean", value("true"), &[400]),
        known("a number", value("123"), &[400]),
        known("a float", value("1.001"), &[400]),
        known("an exponent", value("1e3"), &[400]),
        known("hexadecimal", value("0x42"), &[400]),
        known("NaN", value("NaN"), &[400]),
        known("a list", value(r#"["a"]"#), &[400]),
        known("a list with null", value("[null]"), &[400]),
        known("a map", value(r#"{"a":"b"}"#), &[400]),
        known("a map with null", value(r#"{"a":null}"#), &[400]),
        known("an open list", value(r#"["a""#), &[400]),
        known("an open text", value("\"a"), &[400]),
        known("no value", value(""), &[400]),
        known(
            "two members of a union",
            body(r#"{"IdentityInfo":{"Mobile":""},"Union":{"a":1,"b":2}}"#),
            &[400],
        ),
        // RestJsonWithBodyExpectsApplicationJsonContentType, malformed Accept
        row("application/hal+json", of_type("application/hal+json"), &[415]),
        row("image/jpeg", of_type("image/jpeg"), &[415]),
        row("none", signed(|request| request.signed.clear()), &[403, 415]),
        // Malformed labels
        row("a path with a query for a label", target(format!("/users/{INSTANCE}/?/identity-info")), &[400]),
        row("a compressed body", with("content-encoding: gzip"), &[415]),
    ])
    .await;
}

/// White space, letters and repetition as the vectors of aws-c-auth and botocore have them: what they canonicalise is verified,
/// what has two readings is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a12_values_as_the_vectors_have_them() {
    let guard = Running::with(roomy([user(1)])).await;
    let help = guard.caller("HelpDesk");
    let read = |value: &str| {
        let mut request = Request::describe_user(INSTANCE, &user(1).id);
        request.signed.push(("my-header1".into(), value.into()));
        request
    };
    let now = help.now();
    for (sent, signed) in [
        // get-header-value-trim: trimmed, and runs made one.
        ("  value1  ", "value1"),
        ("a   b   c", "a b c"),
        ("\t value4", "value4"),
        ("\"a   b\"", "\"a b\""),
        // get-header-value-multiline is refused below; get-utf8 is a path.
        ("", ""),
    ] {
        let text = String::from_utf8(help.sign(&read(signed), now).unwrap()).unwrap();
        let text = text.replacen(&format!("my-header1: {signed}\r\n"), &format!("My-Header1:{sent}\r\n"), 1);
        let answer = help.exchange(text.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 200, "{sent:?}: {} {}", answer.text(), guard.log());
    }
    for (what, from, to) in [
        ("get-header-key-duplicate", "my-header1: a\r\n", "my-header1: a\r\nmy-header1: b\r\n"),
        ("get-header-value-order", "my-header1: a\r\n", "my-header1: b\r\nmy-header1: a\r\n"),
        ("get-header-value-multiline", "my-header1: a\r\n", "my-header1: a\r\n  b\r\n"),
        ("get-space-normalized", "GET /users/", "GET /users /"),
        ("get-relative-normalized", "GET /users/", "GET /x/../users/"),
        ("get-slashes-normalized", "GET /users/", "GET //users//"),
    ] {
        let text = String::from_utf8(help.sign(&read("a"), now).unwrap()).unwrap();
        assert!(text.contains(from), "{what}");
        let answer = help.exchange(text.replacen(from, to, 1).as_bytes()).await.unwrap();
        assert!([400, 403].contains(&answer.status), "{what}: {}", answer.status);
    }
    assert_eq!(guard.stage.connect.requests().len(), 5);
}

/// A user agent is no field that an intermediary is expected to keep, but whoever signs it means it.
#[tokio::test(flavor = "multi_thread")]
async fn s7_signed_fields_that_others_alter() {
    let guard = Running::with(roomy([user(1)])).await;
    let help: Caller = guard.caller("HelpDesk");
    let now = help.now();
    for (name, value) in [
        ("user-agent", "aws-sdk-java/1.12.1 Linux/5.10 OpenJDK"),
        ("accept-encoding", "gzip"),
        ("connection", "keep-alive"),
        ("accept", "application/json"),
        ("amz-sdk-request", "attempt=1;max=3"),
    ] {
        let mut request = Request::describe_user(INSTANCE, &user(1).id);
        request.unsigned.retain(|(field, _)| field != name);
        request.signed.push((name.into(), value.into()));
        let octets = help.sign(&request, now).unwrap();
        assert_eq!(help.exchange(&octets).await.unwrap().status, 200, "{name} {}", guard.log());
        let altered = String::from_utf8(octets).unwrap().replacen(value, "other", 1);
        let answer = help.exchange(altered.as_bytes()).await.unwrap();
        assert_eq!(answer.status, 403, "{name}: {}", answer.text());
    }
    // A change with what Java's first SDK signs.
    let mut request = Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", "Maria")]);
    request.signed.push(("user-agent".into(), "aws-sdk-java/1.12.1".into()));
    request.signed.push(("amz-sdk-retry".into(), "0/0/500".into()));
    assert_eq!(help.send(&request).await.unwrap().status, 200, "{}", guard.log());
    let refused = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    assert_eq!(help.send(&refused).await.unwrap().status, 403);
}
