//! The reader against nst/JSONTestSuite, and its properties.

use std::{fs, path::PathBuf};

use proptest::prelude::*;

use super::{Json, Number, Object};

/// Documents that RFC 8259 accepts and this reader does not, each with its reason.
const STRICTER: [(&str, &str); 5] = [
    ("y_number_double_close_to_zero.json", "a number of more than 64 characters"),
    ("y_object_duplicated_key.json", "a key twice has two readings"),
    ("y_object_duplicated_key_and_value.json", "a key twice has two readings"),
    ("y_object_escaped_null_in_key.json", "text ends at NUL for some readers"),
    ("y_string_null_escape.json", "text ends at NUL for some readers"),
];

fn cases(prefix: &str) -> Vec<(String, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/json-testsuite/test_parsing");
    let mut cases: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect();
    cases.sort();
    cases
}

fn stable(name: &str, object: &Object) {
    let written = object.write();
    let again = Json::read_object(&written).unwrap();
    assert_eq!(&again, object, "{name}");
    assert_eq!(again.write(), written, "{name}");
}

#[test]
fn suite_what_must_be_refused_is_refused() {
    let cases = cases("n_");
    assert_eq!(cases.len(), 188);
    for (name, bytes) in cases {
        assert!(Json::read_object(&bytes).is_err(), "{name} is accepted");
    }
}

#[test]
fn suite_objects_that_must_be_accepted_are_accepted() {
    let mut accepted = 0;
    for (name, bytes) in cases("y_") {
        let read = Json::read_object(&bytes);
        let root = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
        let stricter = STRICTER.iter().any(|(file, _)| *file == name);
        match read {
            Ok(object) => {
                assert!(root.is_object() && !stricter, "{name} is accepted");
                stable(&name, &object);
                accepted += 1;
            }
            Err(fault) => assert!(!root.is_object() || stricter, "{name}: {fault}"),
        }
    }
    assert_eq!(accepted, 9);
}

#[test]
fn suite_what_may_be_either_is_stable() {
    let cases = cases("i_");
    assert_eq!(cases.len(), 35);
    for (name, bytes) in cases {
        if let Ok(object) = Json::read_object(&bytes) {
            stable(&name, &object);
        }
    }
}

/// The suite's values inside of an object, where they must fare as they do at the root.
#[test]
fn suite_as_members() {
    let read = |bytes: &[u8]| Json::read_object(&[b"{\"k\":".as_slice(), bytes, b"}"].concat());
    for (name, bytes) in cases("n_") {
        assert!(read(&bytes).is_err(), "{name} is accepted");
    }
    for (name, bytes) in cases("y_") {
        let stricter = STRICTER.iter().any(|(file, _)| *file == name);
        match read(&bytes) {
            Ok(object) => {
                assert!(!stricter, "{name} is accepted");
                stable(&name, &object);
            }
            Err(fault) => assert!(stricter, "{name}: {fault}"),
        }
    }
}

fn refused(body: &[u8], why: &str) {
    let fault = Json::read_object(body).unwrap_err();
    assert_eq!(fault.error, crate::wire::ErrorType::InvalidRequest);
    assert!(fault.why.contains(why), "{:?}: {}", String::from_utf8_lossy(body), fault.why);
}

#[test]
fn b1_a_key_twice() {
    refused(br#"{"Email":"a","Email":"a"}"#, "key `Email` occurs twice");
    refused(br#"{"IdentityInfo":{},"IdentityInfo":{}}"#, "key `IdentityInfo` occurs twice");
    refused(br#"{"a":[{"b":{"c":1,"d":2,"c":3}}]}"#, "key `c` occurs twice");
    refused(br#"{"":1,"":2}"#, "key `` occurs twice");
}

#[test]
fn b2_a_key_twice_through_escapes() {
    refused(br#"{"Email":"a","\u0045mail":"b"}"#, "key `Email` occurs twice");
    refused(br#"{"\u0045mail":"a","E\u006dail":"b"}"#, "key `Email` occurs twice");
}

#[test]
fn b3_letter_case_makes_another_key() {
    let object = Json::read_object(br#"{"Email":"a","email":"b"}"#).unwrap();
    assert_eq!(object.iter().count(), 2);
}

#[test]
fn b5_the_root_is_an_object() {
    for (body, kind) in [
        ("[[\"a\"]]", "an array"),
        ("\"a\"", "a string"),
        ("1", "a number"),
        ("1.5", "a number"),
        ("null", "null"),
        ("true", "a boolean"),
    ] {
        refused(body.as_bytes(), &format!("must be an object, it is {kind}"));
    }
    refused(b"", "EOF");
}

#[test]
fn b7_nothing_before_and_nothing_behind() {
    refused(b"\xEF\xBB\xBF{}", "byte order mark");
    refused("{\u{feff}}".as_bytes(), "body");
    refused(b"x{}", "body");
    refused(b"{}x", "trailing");
    refused(b"{}{}", "trailing");
    refused(b"{}\n{}", "trailing");
    refused(b"{}\0", "trailing");
    assert!(Json::read_object(b" \r\n\t{} \r\n\t").unwrap().is_empty());
}

#[test]
fn b8_text_is_utf8_and_whole() {
    refused(br#"{"a":"\ud800"}"#, "body");
    refused(br#"{"a":"\udc00\ud800"}"#, "body");
    refused(br#"{"\ud800":1}"#, "body");
    refused(b"{\"a\":\"\xC0\xAF\"}", "not UTF-8");
    refused(b"{\"a\":\"\xED\xA0\x80\"}", "not UTF-8");
    refused(b"{\0\"\0a\0\"\0:\x001\0}\0", "body");
    refused(b"\xFF\xFE{\0}\0", "not UTF-8");
    refused(br#"{"a":"\u0000"}"#, "U+0000");
    refused(br#"{"\u0000":"a"}"#, "U+0000");
    refused(b"{\"a\":\"\0\"}", "control character");
    refused(b"{\"a\":\"x\ny\"}", "control character");
    let object = Json::read_object(br#"{"a":"\ud83d\ude00"}"#).unwrap();
    assert_eq!(object.get("a"), Some(&"\u{1f600}".into()));
}

#[test]
fn b9_at_most_32_levels() {
    let arrays = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
    let objects = |levels: usize| format!("{}{{}}{}", "{\"a\":".repeat(levels - 1), "}".repeat(levels - 1));
    assert!(Json::read_object(arrays(32).as_bytes()).is_ok());
    assert!(Json::read_object(objects(32).as_bytes()).is_ok());
    for levels in [33, 34, 128, 129, 100_000] {
        refused(arrays(levels).as_bytes(), "deeper than 32 levels");
        refused(objects(levels).as_bytes(), "deeper than 32 levels");
    }
}

#[test]
fn b10_numbers_are_finite_and_short() {
    refused(br#"{"a":1e999999}"#, "too large");
    refused(br#"{"a":-1e309}"#, "too large");
    let digits = |count: usize| format!("{{\"a\":{}}}", "1".repeat(count));
    assert!(Json::read_object(digits(64).as_bytes()).is_ok());
    refused(digits(65).as_bytes(), "more than 64 characters");
    refused(digits(1 << 20).as_bytes(), "more than 64 characters");
}

#[test]
fn numbers_are_kept_as_written() {
    for text in
        ["0", "-0", "1.10", "-0.0", "18446744073709551616", "-9223372036854775808", "1.5e+300", "0.1e-7"]
    {
        let body = format!("{{\"a\":{text}}}");
        let object = Json::read_object(body.as_bytes()).unwrap();
        assert_eq!(object.get("a"), Some(&Json::Number(Number(text.into()))));
        assert_eq!(String::from_utf8(object.write()).unwrap(), body);
    }
    assert_eq!(Json::read_object(br#"{"a":1E5}"#).unwrap().write(), br#"{"a":1e+5}"#);
}

#[test]
fn b11_at_most_10_000_values() {
    let body = |count: usize| format!("{{\"a\":[{}]}}", vec!["1"; count].join(","));
    assert!(Json::read_object(body(9_998).as_bytes()).is_ok());
    refused(body(9_999).as_bytes(), "more than 10000 values");
}

#[test]
fn b14_only_json() {
    for body in [
        "{'a':1}",
        "{a:1}",
        "{\"a\":1,}",
        "{\"a\":NaN}",
        "{\"a\":Infinity}",
        "{\"a\":1 /* c */}",
        "{\"a\":1}// c",
        "{\"a\":[1,]}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":01}",
        "{\"a\":1.}",
        "{\"a\":0x1}",
        "{\"a\":True}",
    ] {
        refused(body.as_bytes(), "body");
    }
}

/// `serde_json`'s way of handing numbers over cannot be spelt by a document.
#[test]
fn an_object_is_never_taken_for_a_number() {
    refused(br#"{"a":{"$serde_json::private::Number":"1"}}"#, "reserved text");
    refused(br#"{"a":"$serde_json::private::Number"}"#, "reserved text");
    refused(br#"{"$serde_json::private::Number":"1"}"#, "reserved text");
    let object = Json::read_object(br#"{"a":{"\u0024serde_json::private::Number":"1"}}"#).unwrap();
    let Some(Json::Object(inner)) = object.get("a") else { panic!("not an object") };
    assert_eq!(inner.get("$serde_json::private::Number"), Some(&"1".into()));
}

/// What is written is text that the reader takes for the same, control characters and all.
#[test]
fn strings_are_written_with_few_escapes() {
    let mut object = Object::new();
    object.set("k", "a\"\\/\u{8}\u{c}\n\r\t\u{1}\u{7f}\u{e9}\u{1f600}\u{2028}".into());
    let written = String::from_utf8(object.write()).unwrap();
    assert_eq!(written, "{\"k\":\"a\\\"\\\\/\\u0008\\u000c\\n\\r\\t\\u0001\\u007f\u{e9}\u{1f600}\u{2028}\"}");
    stable("escapes", &object);
}

fn json() -> impl Strategy<Value = Json> {
    let text = || any::<String>().prop_map(|text| text.replace('\0', ""));
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        (-1e300..1e300).prop_map(|number: f64| Json::Number(Number(
            format!("{number:e}").replace('e', "e+").replace("+-", "-")
        ))),
        text().prop_map(Json::String),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::Array),
            prop::collection::vec((text(), inner), 0..8).prop_map(object_of).prop_map(Json::Object),
        ]
    })
}

fn object_of(members: Vec<(String, Json)>) -> Object {
    let mut object = Object::new();
    for (key, value) in members {
        object.set(&key, value);
    }
    object
}

proptest! {
    #[test]
    fn b17_what_is_written_is_read_again(value in json()) {
        let mut object = Object::new();
        object.set("value", value);
        prop_assert_eq!(Json::read_object(&object.write()), Ok(object));
    }

    #[test]
    fn b17_writing_what_was_read_is_a_fixed_point(body in "\\{(\"[a-c\\\\u0-9]{0,6}\":[\\[{]?(\"[a-z\\\\n]{0,3}\"|-?[0-9.eE+]{1,5}|null|true)[\\]}]?,?){0,4}\\}") {
        if let Ok(object) = Json::read_object(body.as_bytes()) {
            let written = object.write();
            let again = Json::read_object(&written);
            prop_assert_eq!(again.as_ref(), Ok(&object));
            prop_assert_eq!(object.write(), written);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = Json::read_object(&bytes);
    }
}
