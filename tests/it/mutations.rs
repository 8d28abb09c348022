//! One octet of what was signed is changed, and nothing happens; whatever was not signed is changed, and nothing changes.

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::Received,
    stage::INSTANCE,
};

use crate::running::{Running, identity_path, own_address, roomy, user};

const UPDATE: &str = "UpdateUserIdentityInfo";

/// The header fields that Connect gets from the guard with a change: these and no others.
const FIELDS: [&str; 6] =
    ["authorization", "content-length", "content-type", "host", "user-agent", "x-amz-date"];

/// Where what is signed stands: method, target, the values of signed fields and of the proof, and the body.
fn signed_places(octets: &[u8]) -> Vec<usize> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let mut places = Vec::new();
    let mut at = 0;
    for line in octets[..end].split(|octet| *octet == b'\n') {
        let text = String::from_utf8_lossy(line);
        if at == 0 {
            let target = text.rfind(' ').unwrap();
            places.extend(0..target);
        } else if let Some((name, value)) = text.trim_end_matches('\r').split_once(": ")
            && ["content-type", "host", "x-amz-date", "authorization"]
                .contains(&name.to_ascii_lowercase().as_str())
        {
            let start = at + name.len() + 2;
            places.extend(start..start + value.len());
        }
        at += line.len() + 1;
    }
    places.extend(end + 4..octets.len());
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_no_octet_of_what_was_signed_can_be_changed() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let fields = [("FirstName", "Other"), ("Email", &*own_address(&agent))];
    let request = Request::update_identity(INSTANCE, &agent.id, &fields);
    let octets = desk.sign(&request, desk.now()).unwrap();
    let places = signed_places(&octets);
    assert!(places.len() > 400, "{}", places.len());
    let mut mutants = Vec::new();
    for (number, at) in places.into_iter().enumerate() {
        // The lowest bit everywhere, and by turns the letter's case or the top bit.
        let other = if octets[at].is_ascii_alphabetic() { 0x20 } else { 0x80 };
        let flips: &[u8] = if number % 2 == 0 { &[0x01, other] } else { &[0x01] };
        for flip in flips {
            let mut mutant = octets.clone();
            mutant[at] ^= flip;
            mutants.push((at, mutant));
        }
    }
    let mut tasks = Vec::new();
    for part in mutants.chunks(mutants.len().div_ceil(4)) {
        let (desk, part) = (desk.clone(), part.to_vec());
        tasks.push(tokio::spawn(async move { refused(&desk, &part).await }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let seen = guard.stage.connect.requests();
    assert!(seen.is_empty(), "{} {}", seen[0].method, seen[0].target);
    assert_eq!(desk.exchange(&octets).await.unwrap().status, 200, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

async fn refused(desk: &Caller, mutants: &[(usize, Vec<u8>)]) {
    for (at, mutant) in mutants {
        let answer = desk.exchange(mutant).await.unwrap();
        let shown = || format!("octet {at}: {}", String::from_utf8_lossy(mutant));
        assert!((400..500).contains(&answer.status), "{} at {}", answer.status, shown());
        assert!(answer.error().is_some(), "{}", shown());
    }
}

/// What the guard sent, but for what the time decides.
fn sent(received: &Received) -> (String, String, Vec<(String, String)>, String) {
    let timed = |name: &str| ["authorization", "x-amz-date"].contains(&name);
    let mut fields: Vec<_> = received
        .fields()
        .map(|(name, value)| match value.strip_prefix("connect-guard/0.1.0 rec/guard-") {
            // It names the record, whose number is the next one.
            Some(number) if name == "user-agent" && number.parse::<u64>().is_ok() => (name, "*".into()),
            _ if timed(&name) => (name, "*".into()),
            _ => (name, value.to_owned()),
        })
        .collect();
    fields.sort();
    (received.method.clone(), received.target.clone(), fields, received.text())
}

/// Fields that an intermediary or another client adds, none of them signed.
const UNSIGNED: &[&[(&str, &str)]] = &[
    &[],
    &[("user-agent", "aws-sdk-js/3.1 os/linux")],
    &[("user-agent", "")],
    &[("accept-encoding", "gzip, br")],
    &[("accept", "application/cbor")],
    &[("amz-sdk-request", "attempt=3; max=3")],
    &[
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "evil.example.com"),
        ("x-forwarded-proto", "http"),
    ],
    &[("forwarded", "host=evil.example.com;proto=http")],
    &[("x-original-url", "/users"), ("x-rewrite-url", "/users")],
    &[("x-http-method-override", "DELETE"), ("x-http-method", "GET"), ("x-method-override", "PUT")],
    &[("connection", "keep-alive")],
    &[("connection", "close")],
    &[("connection", "authorization, x-amz-date, host")],
    &[("keep-alive", "timeout=5"), ("proxy-connection", "keep-alive")],
    &[("cookie", "session=1"), ("referer", "https://example.com/"), ("origin", "null")],
    &[("via", "1.1 proxy"), ("x-real-ip", "10.0.0.1"), ("traceparent", "00-0-0-01")],
    &[("x-request-id", "1"), ("x-principal", "arn:aws:iam::111122223333:role/Admin")],
    &[("expect", "100-continue")],
    &[("te", "trailers")],
];

#[tokio::test(flavor = "multi_thread")]
async fn s13_what_is_not_signed_changes_nothing() {
    // Each is a change of a user of its own: neither a retry nor the value that is there already.
    let guard = Running::with(roomy((10..10 + UNSIGNED.len()).map(user))).await;
    let desk = guard.caller("IdentityDesk");
    let now = desk.now();
    let mut first = None;
    for (number, fields) in UNSIGNED.iter().enumerate() {
        let agent = user(number + 10);
        let mut request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        let replaced = |name: &str| fields.iter().any(|(field, _)| *field == name);
        request.unsigned.retain(|(name, _)| !replaced(name));
        request.unsigned.extend(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let at = now - std::time::Duration::from_secs(number as u64);
        let answer = desk.exchange(&desk.sign(&request, at).unwrap()).await.unwrap();
        assert_eq!(answer.status, 200, "{fields:?}: {}\n{}", answer.text(), guard.log());
        assert_eq!(guard.stage.connect.updates().len(), number + 1, "{fields:?}");
        let (method, target, sent, body) = sent(&guard.stage.connect.updates()[number]);
        assert_eq!((method.as_str(), target), ("POST", identity_path(&agent.id)), "{fields:?}");
        assert_eq!(
            body,
            format!(r#"{{"IdentityInfo":{{"Email":"{}"}}}}"#, own_address(&agent)),
            "{fields:?}"
        );
        assert_eq!(sent.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), FIELDS, "{fields:?}");
        assert_eq!(&sent, first.get_or_insert_with(|| sent.clone()), "{fields:?}");
    }
    for read in guard.stage.connect.requests().iter().filter(|one| one.operation != Some(UPDATE)) {
        let names: Vec<_> = read.fields().map(|(name, _)| name).collect();
        assert!(names.iter().all(|name| FIELDS.contains(&&**name)), "{names:?}");
    }
}

/// The same body, spelt in another way, is built anew in the one way.
#[tokio::test(flavor = "multi_thread")]
async fn b17_connect_gets_one_spelling_of_a_body() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let new = own_address(&agent);
    let bodies = [
        format!(r#"{{"IdentityInfo":{{"FirstName":"Zoë","Email":"{new}"}}}}"#),
        format!("{{ \"IdentityInfo\" :\r\n\t{{\"Email\":\"{new}\" , \"FirstName\": \"Zo\\u00eb\" }} }} "),
        format!(r#"{{"\u0049dentityInfo":{{"\u0045mail":"{new}","FirstName":"Zo\u00EB"}}}}"#),
    ];
    for body in &bodies {
        let mut request = Request::update_identity(INSTANCE, &agent.id, &[]);
        request.body = body.clone().into_bytes();
        assert_eq!(desk.send(&request).await.unwrap().status, 200, "{body}\n{}", guard.log());
    }
    let updates = guard.stage.connect.updates();
    assert_eq!(updates.len(), bodies.len());
    assert!(updates.iter().all(|one| one.text() == updates[0].text()));
    assert_eq!(updates[0].text(), bodies[0]);
}

/// What could be read as a proof, a target or a length of its own is refused, not dropped.
#[tokio::test(flavor = "multi_thread")]
async fn v9_unsigned_fields_that_mean_something_are_refused() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    for (name, value, status) in [
        ("x-amz-target", "AmazonConnectService.UpdateUserIdentityInfo", 400),
        ("x-amz-security-token", "token", 403),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD", 403),
        ("x-amz-date", "20261121T161102Z", 400),
        ("x-amz-anything", "1", 403),
        ("authorization", "AWS4-HMAC-SHA256 x", 400),
        ("host", "localhost", 400),
        ("content-type", "application/json", 400),
        ("content-encoding", "gzip", 415),
        ("transfer-encoding", "chunked", 400),
        ("upgrade", "h2c", 400),
        ("x_forwarded_host", "evil.example.com", 400),
        ("transfer_encoding", "chunked", 400),
        ("expect", "200-ok", 400),
        ("date", "Thu, 01 Jan 1970 00:00:00 GMT", 403),
        ("x-name", "x\u{e9}", 400),
        ("x-name", "x\u{7f}", 400),
    ] {
        let mut request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        request.unsigned.push((name.into(), value.into()));
        let answer = desk.send(&request).await.unwrap();
        assert_eq!(answer.status, status, "{name}: {}", answer.text());
        assert!(answer.error().is_some(), "{name}");
    }
    assert!(guard.stage.connect.requests().is_empty());
}
