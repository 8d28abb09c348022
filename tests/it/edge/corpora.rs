//! Corpora that are made here: many cases of one property.

use std::{fmt::Write, sync::Arc};

use connect_guard::{
    demo::{caller::Caller, caller::Request, stage::INSTANCE},
    wire::RequestTarget,
};

use super::{allowed, shared};
use crate::{
    running::{Running, identity_path, roomy, user},
    status,
};

/// Sends each on a connection of its own, a few at a time, and gives back the statuses of all answers to each.
async fn all_answers(desk: &Caller, cases: Vec<Vec<u8>>) -> Vec<Vec<u16>> {
    let cases = Arc::new(cases);
    let mut tasks = Vec::new();
    for part in 0..4 {
        let (desk, cases) = (desk.clone(), Arc::clone(&cases));
        tasks.push(tokio::spawn(async move {
            let mut found = Vec::new();
            for (number, octets) in cases.iter().enumerate().skip(part).step_by(4) {
                let mut connection = desk.connect().await.unwrap();
                // It may be cut while it is still written.
                let _ = connection.write(octets).await;
                let mut statuses = Vec::new();
                while let Ok(answer) = connection.read().await {
                    let closes = answer.header("connection") == Some("close");
                    statuses.push(answer.status);
                    if !closes && statuses.len() > 1 {
                        break;
                    }
                    if !closes {
                        // Whatever else it takes for a request is answered before this.
                        let _ = connection
                            .write(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                            .await;
                    }
                }
                found.push((number, statuses));
            }
            found
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all.sort();
    all.into_iter().map(|(_, statuses)| statuses).collect()
}

/// Lines that somebody could take for `Transfer-Encoding: chunked`.
fn codings() -> Vec<Vec<u8>> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    // Any octet, wherever one may be slipped in, but for those that make another field's name of it.
    for octet in 0..=255_u8 {
        let token = octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^`|~".contains(&octet);
        let places: [(&[u8], &[u8]); 7] = [
            (b"", b"Transfer-Encoding: chunked"),
            (b"Transfer-Encoding", b": chunked"),
            (b"Transfer", b"Encoding: chunked"),
            (b"Transfer-Encoding:", b"chunked"),
            (b"Transfer-Encoding: ", b"chunked"),
            (b"Transfer-Encoding: chun", b"ked"),
            (b"Transfer-Encoding: chunked", b""),
        ];
        for (number, (before, after)) in places.into_iter().enumerate() {
            if number < 3 && (token || octet == b':') {
                continue;
            }
            found.push([before, &[octet], after].concat());
        }
    }
    let values = [
        "chunked",
        "Chunked",
        "CHUNKED",
        "\"chunked\"",
        "'chunked'",
        "chunked, chunked",
        "identity, chunked",
        "chunked, identity",
        "gzip, chunked",
        "chunked, gzip",
        "chunked;q=1",
        "chunked; a=b",
        ",chunked",
        "chunked,",
        ", ,chunked",
        "x-chunked",
        "chunked2",
        "cow",
        "identity",
        "",
        " ",
        "\tchunked",
        "chunked\t",
        " chunked ",
        "chunked\r\n",
        "trailers",
        "deflate",
        "compress",
        "br",
        "0",
    ];
    let names = [
        "Transfer-Encoding",
        "transfer-encoding",
        "TRANSFER-ENCODING",
        "tRANSFER-eNCODING",
        "Transfer_Encoding",
        "transfer_encoding",
    ];
    for name in names {
        for value in values {
            for line in [format!("{name}: {value}"), format!("{name}:{value}"), format!("{name} : {value}")] {
                found.push(line.into_bytes());
            }
        }
    }
    found
}

/// However it is written: one answer, and what would be a second request to whoever reads chunks is none.
#[tokio::test(flavor = "multi_thread")]
async fn c2_variants_of_a_transfer_encoding() {
    let guard = shared().await;
    let desk = guard.caller("IdentityDesk");
    let now = desk.now();
    let smuggled =
        desk.sign(&Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", "Smuggled")]), now);
    let mut outer = allowed();
    outer.body = [b"0\r\n\r\n".as_slice(), &smuggled.unwrap()].concat();
    let octets = desk.sign(&outer, now).unwrap();
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let codings = codings();
    assert!(codings.len() >= 1_768, "{}", codings.len());
    let mut cases = Vec::new();
    for line in &codings {
        cases.push([&octets[..end], b"\r\n", line, &octets[end..]].concat());
    }
    assert!(cases.len() >= 1_768);
    let count = cases.len();
    for (line, statuses) in codings.iter().zip(all_answers(&desk, cases).await) {
        let shown = String::from_utf8_lossy(line);
        assert_eq!(statuses.len(), 1, "{shown:?} has {statuses:?}");
        assert!((400..500).contains(&statuses[0]), "{shown:?}: {statuses:?}");
    }
    assert!(guard.stage.connect.requests().is_empty(), "of {count}");
    assert!(!guard.log().contains("panicked"));
}

/// What somebody could read in place of a letter, and what might be taken out of a path by somebody.
fn spellings(letter: char) -> [String; 17] {
    let code = u32::from(letter);
    [
        format!("%{code:02x}"),
        format!("%{code:02X}"),
        format!("%25{code:02x}"),
        format!("%2525{code:02X}"),
        letter.to_uppercase().collect(),
        wide(letter),
        format!("%C0%{:02X}", 0x80 | code & 0x3f),
        format!("{letter}%00"),
        format!("%00{letter}"),
        format!("{letter};x"),
        format!("{letter}/"),
        format!("{letter}/./"),
        format!("{letter}%2F"),
        format!("{letter}\\"),
        format!("{letter}//"),
        format!("{letter}/x/../"),
        format!("{letter}%09"),
    ]
}

/// The same letter in full width, as AWS clients would encode it.
fn wide(letter: char) -> String {
    let wide = char::from_u32(u32::from(letter) + 0xfee0).unwrap();
    let mut out = String::new();
    for octet in wide.encode_utf8(&mut [0; 4]).bytes() {
        write!(out, "%{octet:02X}").unwrap();
    }
    out
}

/// 22,582 names that look like the end of the operation's path to somebody.
fn names() -> Vec<String> {
    let letters: Vec<char> = "identity-info".chars().collect();
    let mut found = Vec::new();
    for first in 0..letters.len() {
        for second in first + 1..letters.len() {
            for one in spellings(letters[first]) {
                for other in spellings(letters[second]) {
                    let mut name = String::new();
                    for (at, letter) in letters.iter().enumerate() {
                        match at {
                            at if at == first => name.push_str(&one),
                            at if at == second => name.push_str(&other),
                            _ => name.push(*letter),
                        }
                    }
                    found.push(name);
                }
            }
        }
    }
    for ending in [
        "", "/", "?", "#", ";", "%20", "%3F", "%23", ".", "/.", "/..", "%2e", "\\", "%5c", "%00", "~", "*",
        "+", "&", "=",
    ] {
        found.push(format!("identity-info{ending}x"));
        found.push(format!("IDENTITY-INFO{ending}"));
    }
    found
}

/// The five places where one may stand.
fn places(name: &str) -> [String; 5] {
    let id = user(1).id;
    [
        format!("/users/{INSTANCE}/{id}/{name}"),
        format!("/{name}/{INSTANCE}/{id}/identity-info"),
        format!("/{name}/users/{INSTANCE}/{id}/identity-info"),
        format!("/users/{INSTANCE}/{id}/{name}/identity-info"),
        format!("/users/{INSTANCE}/{id}/identity-info/{name}"),
    ]
}

/// What a lenient reader could make of a target: decoded so often, in small letters, without parameters, dots and doubled
/// slashes.
fn lenient(target: &str, times: usize) -> String {
    let mut octets = target.as_bytes().to_vec();
    for _ in 0..times {
        let mut out = Vec::new();
        let mut at = 0;
        while at < octets.len() {
            let escaped = octets.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
            let octet = escaped.and_then(|two| u8::from_str_radix(two, 16).ok());
            if let Some(octet) = octet.filter(|_| octets[at] == b'%') {
                out.push(octet);
                at += 3;
            } else {
                out.push(octets[at]);
                at += 1;
            }
        }
        octets = out;
    }
    let text: String = String::from_utf8_lossy(&octets).to_lowercase().replace('\\', "/");
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    let mut kept: Vec<&str> = Vec::new();
    for segment in text.split('/').map(|segment| segment.split(';').next().unwrap_or_default()) {
        match segment {
            "" | "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// No path that anybody could take for the operation's passes as another one's.
#[tokio::test(flavor = "multi_thread")]
async fn d11_names_that_somebody_could_take_for_a_changes() {
    let names = names();
    assert_eq!(names.len(), 22_582);
    let meant = identity_path(&user(1).id).to_lowercase();
    let (mut alike, mut read, mut sample) = (0, 0, Vec::new());
    for (number, name) in names.iter().enumerate() {
        for (place, target) in places(name).into_iter().enumerate() {
            assert_ne!(target, identity_path(&user(1).id));
            let looks = (0..=3).any(|times| lenient(&target, times) == meant);
            alike += usize::from(looks);
            if let Ok(found) = RequestTarget::read(&target) {
                read += 1;
                // What is read at all is what it looks like: nobody decodes anything else out of it. Letters in another case
                // are another route, which nobody has.
                assert_eq!(found.raw(), target);
                assert!(!target.contains('%') || !looks, "{target} could be taken for the operation");
            }
            if number % 50 == place * 10 {
                sample.push(target);
            }
        }
    }
    assert!(alike > 5_000, "only {alike} look like it");
    assert!(read < 60_000, "{read} are read");
    assert!(sample.len() >= 2_000, "{}", sample.len());
    let guard = shared().await;
    let desk = guard.caller("IdentityDesk");
    let now = desk.now();
    let cases = sample
        .iter()
        .map(|target| desk.sign(&Request { target: target.clone(), ..allowed() }, now).unwrap())
        .collect();
    for (target, statuses) in sample.iter().zip(all_answers(&desk, cases).await) {
        assert!([400, 403].contains(&statuses[0]), "{target}: {statuses:?}");
    }
    assert!(guard.stage.connect.requests().is_empty());
}

/// Texts that break something somewhere.
fn naughty() -> Vec<String> {
    let mut found: Vec<String> =
        (0_u32..0x100).filter_map(char::from_u32).map(|letter| format!("a{letter}b")).collect();
    found.extend(
        (0x2000..0x2070)
            .chain(0xfff0..0x1_0000)
            .filter_map(char::from_u32)
            .map(|letter| format!("a{letter}b")),
    );
    for text in [
        "\r\n{\"level\":\"INFO\",\"message\":\"listening\"}",
        "\n2026-01-01T00:00:00Z  INFO everything is fine",
        "\u{1b}[2K\u{1b}[1A",
        "\u{1b}]0;title\u{7}",
        "<script>alert(1)</script>",
        "{{7*7}}",
        "${jndi:ldap://example.com/a}",
        "%s%n%x",
        "'; DROP TABLE records;--",
        "\" OR 1=1 --",
        "../../etc/passwd",
        "`id`",
        "$(id)",
        "|id",
        "&&id",
        "=cmd|' /C calc'!A0",
        "@SUM(1)",
        "\u{feff}",
        "\u{202e}txt.exe",
        "\u{200b}",
        "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308}",
        "null",
        "undefined",
        "NaN",
        "true",
        "\\",
        "\\\\",
        "\\n",
        "\\u0000",
        "\"",
        "\"\"",
        "]]>",
        "-->",
        "{",
        "}",
        "[",
        "0x7fffffff",
        "1e309",
        "-0",
        "Infinity",
        "\u{3000}",
        "\t\t",
        " ",
        "%00",
        "%0d%0a",
        "\u{85}",
        "\u{ad}",
    ] {
        found.push(text.into());
        found.push(text.repeat(3));
        found.push(format!("{text}@example.com"));
    }
    found
}

/// Whatever stands in a name, a path, a user agent or an invocation: each line of the log is one object, and acts on nobody's
/// terminal.
#[tokio::test(flavor = "multi_thread")]
async fn i7_515_strings_break_no_line_of_the_log() {
    let mut setting = roomy([user(1)]);
    setting.more.push_str("\n[log]\nformat = \"json\"\n");
    let guard = Running::with(status::watched(setting)).await;
    let help = guard.caller("HelpDesk");
    let strings = naughty();
    assert!(strings.len() >= 515, "{}", strings.len());
    let now = help.now();
    let mut cases = Vec::new();
    for text in strings.iter().take(515) {
        let body = serde_json::json!({ "IdentityInfo": { "Email": text, "FirstName": text } }).to_string();
        let in_body = Request { body: body.into_bytes(), ..allowed() };
        cases.push(help.sign(&in_body, now).unwrap());
        let in_path =
            Request { target: format!("/users/{INSTANCE}/{}", RequestTarget::encode(text)), ..allowed() };
        cases.extend(help.sign(&in_path, now));
        for field in ["user-agent", "amz-sdk-invocation-id"] {
            let mut in_field = Request::new("GET", "/nothing", b"").invocation("1");
            in_field.unsigned.retain(|(name, _)| name != field);
            in_field.unsigned.push((field.into(), text.clone()));
            cases.extend(help.sign(&in_field, now));
        }
    }
    assert!(cases.len() >= 4 * 515 - 100, "{}", cases.len());
    for statuses in all_answers(&help, cases).await {
        assert!((400..500).contains(&statuses[0]), "{statuses:?}");
    }
    let log = guard.log();
    assert!(log.lines().count() > 1_000, "{}", log.lines().count());
    for line in log.lines() {
        assert!(!line.contains(|letter: char| letter.is_control() || letter == '\u{202e}'), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line:?}"));
        assert!(read.is_object(), "{line}");
    }
    assert!(!log.contains("panicked"));
    assert!(guard.stage.connect.updates().is_empty());
}
