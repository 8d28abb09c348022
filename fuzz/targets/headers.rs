//! Header fields: what is accepted is read by httparse in the same way, reads again as itself, and absent, one and many are
//! what counting by hand gives. An input is lines `name:value`.
#![no_main]

use connect_guard::wire::{Head, Headers, Occurs, Origin, RequestId};
use libfuzzer_sys::fuzz_target;

/// Fields that are not there at all in a head that was read.
const NEVER: [&str; 6] =
    ["transfer-encoding", "trailer", "upgrade", "x-amz-target", "content-encoding", "smithy-protocol"];

fuzz_target!(|octets: &[u8]| {
    let lines: Vec<(&str, &[u8])> = octets
        .split(|octet| *octet == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|octet| *octet == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
        .take(100)
        .collect();
    let Ok(headers) = Headers::read(lines.iter().copied()) else {
        assert!(head(&lines).is_none());
        return;
    };
    let read: Vec<(&str, &str)> = headers.iter().collect();
    assert_eq!(read.len(), lines.len());
    for ((name, value), (given, octets)) in read.iter().zip(&lines) {
        assert_eq!(*name, given.to_ascii_lowercase());
        assert!(!name.is_empty() && !name.contains(['_', ':', ' ', '\r', '\n']));
        assert!(value.bytes().all(|octet| octet == b'\t' || (b' '..=b'~').contains(&octet)));
        let text = std::str::from_utf8(octets).expect("ASCII");
        assert_eq!(*value, text.trim_matches([' ', '\t']));
        let count = read.iter().filter(|(other, _)| other == name).count();
        match headers.occurs(name) {
            Occurs::Absent => panic!("`{name}` is there"),
            Occurs::One(only) => assert_eq!((only, count), (*value, 1)),
            Occurs::Many => assert!(count > 1),
        }
    }
    let again = Headers::read(read.iter().map(|(name, value)| (*name, value.as_bytes()))).expect("the same");
    assert!(again.iter().eq(headers.iter()));
    by_httparse(&lines, &read);

    if let Some(head) = head(&lines) {
        assert!(head.headers.iter().eq(headers.iter()));
        for name in NEVER {
            assert_eq!(head.headers.occurs(name), Occurs::Absent);
        }
        for (name, _) in head.headers.iter() {
            let single = ["authorization", "host", "content-length", "content-type", "expect", "date"];
            if single.contains(&name) || name.starts_with("x-amz-") || name.starts_with("amz-sdk-") {
                assert!(matches!(head.headers.occurs(name), Occurs::One(_)), "{name}");
            }
        }
    }
});

fn head(fields: &[(&str, &[u8])]) -> Option<Head> {
    let origin = Origin {
        request_id: RequestId::from("00000000-0000-4000-8000-000000000000"),
        source: [192, 0, 2, 1].into(),
        user_agent: None,
    };
    Head::read("POST", "/users", fields.iter().copied(), origin).ok()
}

fn by_httparse(lines: &[(&str, &[u8])], read: &[(&str, &str)]) {
    let mut octets = b"GET / HTTP/1.1\r\n".to_vec();
    for (name, value) in lines {
        octets.extend([name.as_bytes(), b":", value, b"\r\n"].concat());
    }
    octets.extend(b"\r\n");
    let mut room = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut room);
    assert_eq!(request.parse(&octets), Ok(httparse::Status::Complete(octets.len())));
    assert_eq!(request.headers.len(), read.len());
    for (field, (name, value)) in request.headers.iter().zip(read) {
        assert!(field.name.eq_ignore_ascii_case(name));
        assert_eq!(field.value.trim_ascii(), value.as_bytes());
    }
}
