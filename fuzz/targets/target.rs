//! The request target: what is accepted is its own canonical form, decodes in one way, and holds no dot segment and no slash
//! but in an ARN.
#![no_main]

use connect_guard::wire::RequestTarget;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    let Ok(raw) = std::str::from_utf8(octets) else { return };
    let Ok(target) = RequestTarget::read(raw) else { return };
    assert_eq!(target.raw(), raw);

    let path: String = target
        .segments()
        .iter()
        .map(|segment| {
            assert_eq!(segment.text, decoded(&segment.raw));
            assert!(!segment.text.chars().all(|character| character == '.'));
            assert!(!segment.text.contains(['\\', ';', '\0']) && !segment.text.chars().any(char::is_control));
            let escaped = segment.text.contains('/');
            assert!(!escaped || segment.text.starts_with("arn:"), "{}", segment.text);
            assert!(segment.text.split('/').all(|part| part.is_empty() || !part.bytes().all(|b| b == b'.')));
            let again = RequestTarget::encode(&segment.text);
            assert_eq!(again, segment.raw);
            format!("/{again}")
        })
        .collect();
    let (raw_path, raw_query) = raw.split_once('?').map_or((raw, None), |(path, query)| (path, Some(query)));
    assert_eq!(if path.is_empty() { "/" } else { &path }, raw_path);

    let members: Vec<&str> = raw_query.map_or(Vec::new(), |query| query.split('&').collect());
    assert_eq!(members.len(), target.query().len());
    let mut canonical = Vec::new();
    for (member, pair) in members.iter().zip(target.query()) {
        let (name, value) = member.split_once('=').unwrap_or((member, ""));
        assert_eq!((&pair.name, &pair.value), (&decoded(name), &decoded(value)));
        assert!(!pair.name.is_empty());
        let encoded = (RequestTarget::encode(&pair.name), RequestTarget::encode(&pair.value));
        assert_eq!((encoded.0.as_str(), encoded.1.as_str()), (name, value));
        canonical.push(format!("{}={}", encoded.0, encoded.1));
    }
    for one in target.query() {
        for other in target.query() {
            let alike = one.name.to_lowercase() == other.name.to_lowercase();
            assert!(!alike || one.name == other.name, "one member, two spellings");
        }
    }

    let query = if canonical.is_empty() { String::new() } else { format!("?{}", canonical.join("&")) };
    let canonical = format!("{raw_path}{query}");
    let again = RequestTarget::read(&canonical).expect("the canonical form is one");
    assert_eq!((again.segments(), again.query()), (target.segments(), target.query()));
    assert_eq!(again.raw(), canonical);
});

/// Decoded once, the plain way.
fn decoded(raw: &str) -> String {
    let mut octets = Vec::new();
    let mut rest = raw.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        if *first != b'%' {
            octets.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
        octets.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
        rest = &rest[2..];
    }
    String::from_utf8(octets).expect("UTF-8")
}
