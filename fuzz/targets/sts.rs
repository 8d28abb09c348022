//! STS's answer: whoever it proves is named by a document of exactly one form, as a reader finds that knows nothing of XML but
//! tags and the text between them.
#![no_main]

use connect_guard::fuzzing::identified;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let proven = identified(200, "text/xml", octets);
    for (status, kind) in [(403, "text/xml"), (500, "text/xml"), (302, "text/xml"), (200, "application/json")]
    {
        assert!(identified(status, kind, octets).is_none());
    }
    let Some(principal) = proven else { return };
    let text = std::str::from_utf8(octets).expect("UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = match text.strip_prefix("<?xml ") {
        Some(rest) => split_tag(rest).1,
        None => text,
    };
    assert!(!text.contains("<!") && !text.contains("<?") && !text.contains('&'));

    let mut open: Vec<&str> = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    let mut shape = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        let (tag, after) = split_tag(after);
        if let Some(name) = tag.strip_prefix('/') {
            let name = local(name);
            assert_eq!(open.pop(), Some(name));
            if shape.last() == Some(&name) {
                found.push((name.to_owned(), before.to_owned()));
            } else {
                assert!(before.trim_ascii().is_empty(), "{before}");
            }
        } else {
            assert!(before.trim_ascii().is_empty() && !tag.ends_with('/'), "{before}<{tag}>");
            open.push(local(tag));
            shape.push(local(tag));
        }
        rest = after;
    }
    assert!(open.is_empty() && rest.trim_ascii().is_empty());

    let result = ["Account", "Arn", "GetCallerIdentityResult", "UserId"];
    let metadata = ["RequestId", "ResponseMetadata"];
    assert_eq!(shape.first(), Some(&"GetCallerIdentityResponse"));
    let mut inner = shape[1..].to_vec();
    inner.sort_unstable();
    let mut both = [&result[..], &metadata[..]].concat();
    both.sort_unstable();
    assert!(inner == result || inner == both, "{shape:?}");

    let value = |name: &str| {
        let mut all = found.iter().filter(|(of, _)| of == name);
        let (Some((_, value)), None) = (all.next(), all.next()) else { panic!("{name}") };
        value.replace("\r\n", "\n").replace('\r', "\n")
    };
    assert_eq!(principal.arn.to_string(), value("Arn"));
    assert_eq!((principal.arn.account.as_str(), value("Account").as_str()), ("111122223333", "111122223333"));
    let id = principal.unique_id.expect("STS names one");
    let said = value("UserId");
    assert_eq!(said.split(':').next(), Some(id.as_str()));
    let session = value("Arn").rsplit_once('/').map(|(_, name)| name.to_owned());
    match said.split_once(':') {
        Some((_, name)) => assert!(id.starts_with("AROA") && session.as_deref() == Some(name)),
        None => assert!(id.starts_with("AIDA")),
    }
});

/// A tag without its brackets, and what comes after it. `>` may stand within quotation marks.
fn split_tag(text: &str) -> (&str, &str) {
    let mut quoted = None;
    for (at, character) in text.char_indices() {
        match (quoted, character) {
            (None, '>') => return (&text[..at], &text[at + 1..]),
            (None, '"' | '\'') => quoted = Some(character),
            (Some(mark), other) if mark == other => quoted = None,
            (_, _) => {}
        }
    }
    panic!("a tag without an end")
}

/// The name of a tag without its prefix.
fn local(tag: &str) -> &str {
    let name = tag.split_ascii_whitespace().next().unwrap_or_default();
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}
