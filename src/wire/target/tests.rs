//! Targets in normal form, and everything else.

use proptest::prelude::*;

use super::*;

const ARN: &str = "arn%3Aaws%3Aconnect%3Aus-east-1%3A123456789012%3Ainstance%2Fi";

fn texts(raw: &str) -> Vec<String> {
    let target = RequestTarget::read(raw).unwrap_or_else(|fault| panic!("{raw}: {fault}"));
    assert_eq!(target.raw(), raw);
    target.segments().iter().map(|segment| segment.text.clone()).collect()
}

fn refused(raw: &str, why: &str) {
    match RequestTarget::read(raw) {
        Ok(target) => panic!("{raw} is read as {target:?}"),
        Err(fault) => {
            assert_eq!(fault.error, crate::wire::ErrorType::InvalidRequest);
            assert!(fault.why.contains(why), "{raw}: {}", fault.why);
        }
    }
}

#[test]
fn what_aws_clients_send_is_read() {
    assert_eq!(texts("/"), Vec::<String>::new());
    assert_eq!(texts("/users/i/u/identity-info"), ["users", "i", "u", "identity-info"]);
    assert_eq!(texts("/users/i/zo%C3%AB%F0%9F%98%80"), ["users", "i", "zo\u{eb}\u{1f600}"]);
    assert_eq!(texts("/users/i/a%20b%2Bc"), ["users", "i", "a b+c"]);
    assert_eq!(texts("/users/i/u%20"), ["users", "i", "u "]);
    assert_eq!(
        texts("/users/i/%21%24%26%27%28%29%2A%2C%3D%3A%40~%3F%23%5B%5D%7C%22%3C%3E%5E%60%7B%7D"),
        ["users", "i", "!$&'()*,=:@~?#[]|\"<>^`{}"]
    );
    assert_eq!(texts("/a/...b/.c/d./%25/100%25x"), ["a", "...b", ".c", "d.", "%", "100%x"]);
}

#[test]
fn d8_a_full_arn_is_one_segment() {
    let arn = "arn:aws:connect:us-east-1:123456789012:instance/i";
    assert_eq!(texts(&format!("/users/{ARN}/u")), ["users", arn, "u"]);
    let user = format!("{ARN}%2Fagent%2Fu");
    assert_eq!(texts(&format!("/users/{ARN}/{user}")), ["users", arn, &format!("{arn}/agent/u")]);
    assert_eq!(
        texts(&format!("/{}", RequestTarget::encode("arn:aws:connect:us-east-1:aws:view/detail:1"))).len(),
        1
    );
    let partition = "arn:aws-us-gov:connect:us-gov-west-1:123456789012:instance/i";
    assert_eq!(texts(&format!("/{}", RequestTarget::encode(partition))), [partition]);
}

#[test]
fn d1_an_encoded_slash_is_refused_outside_of_an_arn() {
    for text in [
        "a/b",
        "a/b/../c",
        "/",
        "a/",
        "/a",
        "arn:aws:connect:us-east-1:12345678901:instance/i",
        "arn:aws:connect:us-east-1:12345678901x:instance/i",
        "arn:aws:connect:us-east-1::instance/i",
        "arn:aws:connect::123456789012:instance/i",
        "arn:aws::us-east-1:123456789012:instance/i",
        "arn::connect:us-east-1:123456789012:instance/i",
        "ARN:aws:connect:us-east-1:123456789012:instance/i",
        "arn:AWS:connect:us-east-1:123456789012:instance/i",
        "arn:aws:connect:us-east-1:123456789012:instance/..",
        "arn:aws:connect:us-east-1:123456789012:instance/../x",
        "arn:aws:connect:us-east-1:123456789012:instance/./x",
        "arn:aws:connect:us-east-1:123456789012:instance//x",
        "arn:aws:connect:us-east-1:123456789012:instance/",
        "arn:aws:connect:us-east-1:123456789012:/x",
        "arn:aws:connect:us-east-1/x:123456789012:instance/i",
        "xarn:aws:connect:us-east-1:123456789012:instance/i",
    ] {
        refused(&format!("/users/{}/u", RequestTarget::encode(text)), "not one full ARN");
    }
    refused("/users/i/a%2Fb%2F..%2Fc", "not one full ARN");
    refused("/users/i/a%2fb", "lower case");
    refused("/users/i/%252e%252e%252Fx", "escaped twice");
    refused("/users/i/%252F", "escaped twice");
    refused("/users/i/%5C", "has `\\`");
    refused("/users/i\\u", "unescaped");
    refused(&format!("/users/{ARN}%5C"), "has `\\`");
    refused("/q?x=%252F", "escaped twice");
}

#[test]
fn d2_dot_segments() {
    for segment in [".", "..", "...", "....."] {
        refused(&format!("/users/{segment}/u"), "dots only");
        refused(&format!("/users/{segment}"), "dots only");
        refused(&format!("/{segment}"), "dots only");
    }
    refused("/users/%2E%2E/u", "needs none");
    refused("/users/%2e%2e/u", "lower case");
    refused("/users/.%2E/u", "needs none");
    refused("/users/..;/u", "unescaped");
    refused("/users/..%3B/u", "has `;`");
}

#[test]
fn d3_empty_segments_and_other_forms() {
    for raw in
        ["//", "//users/i/u", "/users//u", "/users/i/u/", "/users//", "/users/i//identity-info", "/a/?x=1"]
    {
        refused(raw, "empty segment");
    }
    for raw in [
        "",
        "users/i/u",
        "*",
        "http://example.com/users",
        "https://example.com",
        "example.com:443",
        "?x=1",
        " /a",
    ] {
        refused(raw, "origin form");
    }
}

#[test]
fn d4_parameters_fragments_and_odd_queries() {
    refused("/users/i/u/identity-info;x=1", "has `;` unescaped");
    refused("/users/i/u#f", "has `#` unescaped");
    refused("/users/i/u?", "ends with `?`");
    refused("/?", "ends with `?`");
    refused("/a?x=1#f", "has `#` unescaped");
    refused("/a?x=1?y=2", "has `?` unescaped");
    refused("/a?x=1;y=2", "has `;` unescaped");
    refused("/a?x=a+b", "two readings");
    refused("/a?x=a/b", "has `/` unescaped");
    refused("/a?x=1=2", "has `=` unescaped");
    for raw in ["/a?=1", "/a?x=1&", "/a?&x=1", "/a?x=1&&y=2", "/a?&", "/a?="] {
        refused(raw, "without a name");
    }
}

#[test]
fn d6_letters_are_never_encoded() {
    refused("/users/i/u/identity%2Dinfo", "needs none");
    refused("/users/i/u/%69dentity-info", "needs none");
    refused("/users/i/%7Eu", "needs none");
    refused("/a?%78=1", "needs none");
}

#[test]
fn d7_bad_text() {
    refused("/users/i/%00", "control character");
    refused("/users/i/%0A", "control character");
    refused("/users/i/a%09b%0D%0AX-Y%3A%20z", "control character");
    refused("/users/i/%7F", "control character");
    refused("/users/i/%C2%85", "control character");
    refused("/a?x=%0D%0A", "control character");
    refused("/users/i/%C0%AE", "not UTF-8");
    refused("/users/i/%C0%AF", "not UTF-8");
    refused("/users/i/%FF", "not UTF-8");
    refused("/users/i/%ED%A0%80", "not UTF-8");
    refused("/users/i/zo\u{eb}", "not visible ASCII");
    refused("/users/i/a b", "not visible ASCII");
    refused("/users/i/a\tb", "not visible ASCII");
    refused("/users/i/a\0b", "not visible ASCII");
}

#[test]
fn broken_escapes() {
    for raw in [
        "/%", "/a%", "/a%2", "/a%2/b", "/a%GG", "/a%%20", "/a%u0041", "/a%c3%ab", "/a%C3%aB", "/a?x=%",
        "/a?%2=1",
    ] {
        refused(raw, "broken escape");
    }
}

#[test]
fn only_unreserved_characters_are_unescaped() {
    for byte in 0x21..=0x7eu8 {
        let character = char::from(byte);
        let raw = format!("/users/a{character}b");
        match RequestTarget::read(&raw) {
            Ok(_) => assert!(unreserved(byte) || "/?".contains(character), "{raw} is read"),
            Err(_) => assert!(!unreserved(byte), "{raw} is refused"),
        }
    }
}

#[test]
fn v2_query_members_have_one_spelling() {
    let target = RequestTarget::read("/a?nextToken=a%2Bb%3D&maxResults=10&flag&empty=").unwrap();
    let pair = |name: &str, value: &str| QueryPair { name: name.into(), value: value.into() };
    let expected = [pair("nextToken", "a+b="), pair("maxResults", "10"), pair("flag", ""), pair("empty", "")];
    assert_eq!(target.query(), expected);
    let target = RequestTarget::read("/a?tagKeys=1&tagKeys=2").unwrap();
    assert_eq!(target.query(), [pair("tagKeys", "1"), pair("tagKeys", "2")]);
    refused("/a?Action=1&action=2", "the query member `action` in two spellings");
    refused("/a?%C3%AB=1&%C3%8B=2", "two spellings");
    refused("/a?x=1&X&x=1", "two spellings");
}

#[test]
fn encoding_is_that_of_aws_clients() {
    assert_eq!(RequestTarget::encode("a b+c"), "a%20b%2Bc");
    assert_eq!(RequestTarget::encode("zo\u{eb}\u{1f600}"), "zo%C3%AB%F0%9F%98%80");
    assert_eq!(RequestTarget::encode("%2e"), "%252e");
    assert_eq!(RequestTarget::encode("AZaz09-._~"), "AZaz09-._~");
    assert_eq!(RequestTarget::encode("!$&'()*,;=:@/"), "%21%24%26%27%28%29%2A%2C%3B%3D%3A%40%2F");
}

proptest! {
    /// One text has one spelling: what was read, encoded again, is what was received.
    #[test]
    fn normal_form_is_unique(raw in "(/[a-z.%0-9A-F;\\\\~:]{0,6}){0,4}(\\?[a-z=&%0-9A-F+]{0,8})?") {
        if let Ok(target) = RequestTarget::read(&raw) {
            let path = target.segments().iter().fold(String::new(), |path, segment| {
                path + "/" + &RequestTarget::encode(&segment.text)
            });
            let query: Vec<String> = target
                .query()
                .iter()
                .map(|pair| format!("{}={}", RequestTarget::encode(&pair.name), RequestTarget::encode(&pair.value)))
                .collect();
            let received = raw.split_once('?').map_or(raw.as_str(), |(path, _)| path);
            prop_assert_eq!(if path.is_empty() { "/" } else { &path }, received);
            prop_assert_eq!(raw.contains('?'), !query.is_empty());
        }
    }

    /// No second decoding, merging of slashes, removal of dots or stripping of parameters finds anything to do.
    #[test]
    fn d11_a_path_that_was_read_cannot_be_read_further(raw in "(/(\\PC{0,2}|[a-z.;%]{0,3}|%25|%2E|%2e|%2F|%5C|%3B|%20|%3A|arn%3Aaws%3Ac%3Ar%3Aaws%3A){0,4}){1,4}") {
        if let Ok(target) = RequestTarget::read(&raw) {
            for Segment { text, .. } in target.segments() {
                prop_assert!(!still_escaped(text) && !text.contains([';', '\\']));
                prop_assert!(text.split('/').all(|part| !only_dots(part)), "{}", text);
                prop_assert!(!text.contains('/') || text.starts_with("arn:aws:c:r:aws:"));
            }
        }
    }

    #[test]
    fn any_text_is_answered(raw in "\\PC{0,64}") {
        let _ = RequestTarget::read(&raw);
        let _ = RequestTarget::read(&format!("/{raw}"));
    }

    #[test]
    fn what_is_encoded_is_read(text in "[^\\p{Cc}/\\\\;%]{1,32}") {
        prop_assume!(!only_dots(&text));
        let target = RequestTarget::read(&format!("/{}?x={0}", RequestTarget::encode(&text))).unwrap();
        prop_assert_eq!(&target.segments()[0].text, &text);
        prop_assert_eq!(&target.query()[0].value, &text);
    }
}
