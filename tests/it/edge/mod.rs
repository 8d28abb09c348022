//! Octets that no SDK sends: each is answered as AWS answers, on every layer, and Connect sees none of them.

use std::{
    path::PathBuf,
    sync::{Arc, LazyLock, Weak},
    time::Duration,
};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    stage::INSTANCE,
};
use jiff::Timestamp;
use tokio::{runtime::Runtime, sync::Mutex};

use crate::{
    records::{Record, of_kind},
    running::{Running, identity_path, own_address, program, rewrite, roomy, until, user},
};

mod bodies;
mod connections;
mod corpora;
mod descriptors;
mod heads;
mod paths;
mod proofs;
mod suites;

const FORM: &str = "InvalidRequestException";

/// Makes the octets of a row: the caller, the time, and a request that would be allowed.
type Octets = Box<dyn Fn(&Caller, Timestamp, Request) -> Vec<u8> + Send>;

/// One row: what it is, what is sent, the answers that are right, and whether it must be on record.
struct Row(&'static str, Octets, &'static [u16], Known);

/// Whether who asks is known by then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Yes: there is one record.
    Yes,
    /// For some of the right answers: there is one record at most.
    Perhaps,
    /// No: strangers are counted, not recorded one by one.
    No,
}

/// Refused whoever it is of.
fn row(what: &'static str, octets: Octets, right: &'static [u16]) -> Row {
    Row(what, octets, right, Known::Perhaps)
}

/// Refused to somebody who is known.
fn known(what: &'static str, octets: Octets, right: &'static [u16]) -> Row {
    Row(what, octets, right, Known::Yes)
}

/// Refused to nobody in particular.
fn stranger(what: &'static str, octets: Octets, right: &'static [u16]) -> Row {
    Row(what, octets, right, Known::No)
}

fn allowed() -> Request {
    Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))])
}

/// A request that is changed before it is signed.
fn signed(change: impl Fn(&mut Request) + Send + 'static) -> Octets {
    Box::new(move |caller, now, mut request| {
        change(&mut request);
        caller.sign(&request, now).unwrap()
    })
}

/// A request with this body, signed.
fn body(body: impl AsRef<[u8]>) -> Octets {
    let body = body.as_ref().to_vec();
    signed(move |request| request.body.clone_from(&body))
}

/// A request to this target, signed.
fn target(target: impl Into<String>) -> Octets {
    let target = target.into();
    Box::new(move |caller, now, request| {
        let meant = format!(" {} ", request.target);
        let other = Request { target: target.clone(), ..request.clone() };
        // What no client signs has the signature of the path that is meant.
        caller.sign(&other, now).unwrap_or_else(|_| {
            let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
            text.replacen(&meant, &format!(" {target} "), 1).into_bytes()
        })
    })
}

/// A request whose octets are changed after it was signed: every occurrence of a text.
fn replaced(from: &'static str, to: &'static str) -> Octets {
    Box::new(move |caller, now, request| {
        let octets = caller.sign(&request, now).unwrap();
        let text = String::from_utf8(octets).unwrap();
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text.replace(from, to).into_bytes()
    })
}

/// A line that is put before the end of the head.
fn with(line: &'static str) -> Octets {
    Box::new(move |caller, now, request| {
        let text = String::from_utf8(caller.sign(&request, now).unwrap()).unwrap();
        text.replacen("\r\n\r\n", &format!("\r\n{line}\r\n\r\n"), 1).into_bytes()
    })
}

/// Octets as they are.
fn raw(text: impl Into<String>) -> Octets {
    let text = text.into();
    Box::new(move |_, _, _| text.clone().into_bytes())
}

/// As AWS says no, on whichever layer: a name, an id, a message.
fn is_shaped(answer: &Answer, what: &str) {
    let error = answer.error().unwrap_or_else(|| panic!("{what}: no name of an error"));
    assert!(error.ends_with("Exception") || error == "RequestTimeTooSkewed", "{what}: {error}");
    assert_eq!(answer.header("x-amzn-requestid").map(str::len), Some(36), "{what}: no id");
    assert_eq!(answer.header("content-type"), Some("application/json"), "{what}");
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(body["Message"].as_str().is_some_and(|text| !text.is_empty()), "{what}: {body}");
    assert_eq!(body.as_object().unwrap().len(), 1, "{what}: {body}");
}

/// One guard for the tests that run at the same time and that must all leave no trace at Connect.
async fn shared() -> Arc<Running> {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    static SHARED: Mutex<Weak<Running>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(running) = shared.upgrade() {
        return running;
    }
    // Not of this test's runtime, which ends with it.
    let running = RUNTIME.spawn(Running::with(roomy([user(1)]))).await.unwrap();
    let running = Arc::new(running);
    *shared = Arc::downgrade(&running);
    running
}

/// Sends every row, each on a connection of its own: all are refused in AWS's shape, Connect sees nothing of them, and there
/// is one record with a reason of each whose sender is known.
async fn denied(rows: Vec<Row>) {
    let guard = shared().await;
    let desk = guard.caller("IdentityDesk");
    let mut wrong = Vec::new();
    let mut refused = Vec::new();
    for Row(what, octets, right, known) in rows {
        let octets = octets(&desk, desk.now(), allowed());
        let shown = || String::from_utf8_lossy(&octets[..octets.len().min(700)]).into_owned();
        let answer =
            desk.exchange(&octets).await.unwrap_or_else(|error| panic!("{what}: {error}\n{}", shown()));
        if right.contains(&answer.status) {
            is_shaped(&answer, what);
            // Only whoever is known is told that access is denied.
            let known = if answer.error() == Some("AccessDeniedException") { Known::Yes } else { known };
            refused.push((what, known, answer.header("x-amzn-requestid").unwrap().to_owned()));
        } else {
            wrong.push(format!("{what}: {} {} to\n{}", answer.status, answer.text(), shown()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let seen = guard.stage.connect.requests();
    assert!(seen.is_empty(), "Connect got {} {}", seen[0].method, seen[0].target);
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    are_recorded(&guard, &refused).await;
}

/// Each that is known is on record once, with a reason; what is nobody's is not.
async fn are_recorded(guard: &Running, refused: &[(&str, Known, String)]) {
    // What comes last is on record last.
    let last = guard.caller("IdentityDesk").send(&Request::new("GET", "/nothing", b"")).await.unwrap();
    let last = last.header("x-amzn-requestid").unwrap();
    let of = |records: &[Record], id: &str| {
        let all = of_kind(records, "refusal").into_iter();
        all.filter(|one| one.text("/request/id") == id).cloned().collect::<Vec<_>>()
    };
    let records = guard.recorded(|records| !of(records, last).is_empty()).await;
    for (what, known, id) in refused {
        let found = of(&records, id);
        assert!(found.iter().all(|one| !one.text("/refusal/code").is_empty()), "{what}: no reason");
        match known {
            Known::Yes => assert_eq!(found.len(), 1, "{what} is not on record once"),
            Known::Perhaps => assert!(found.len() <= 1, "{what} is on record {} times", found.len()),
            Known::No => assert!(found.is_empty(), "{what} is on record, of nobody"),
        }
    }
}

/// What an authenticated caller is denied is on record, once and with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn d15_what_is_denied_is_on_record_once() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let rpc = "/service/AmazonConnectService/operation/UpdateUserIdentityInfo";
    let domain = |address: &str| Request::update_identity(INSTANCE, &user(1).id, &[("Email", address)]);
    let other = identity_path(&user(1).id).replacen(INSTANCE, "b2c3d4e5-6789-01ab-cdef-EXAMPLE22222", 1);
    let elsewhere = Request { target: other, ..allowed() };
    let login = Request::new("GET", &format!("/user/federate/{INSTANCE}"), b"");
    let rows = [
        ("D15 an unknown route", Request::new("GET", "/nothing", b""), "operation-unknown"),
        ("C12 at the root", Request { target: "/".into(), ..allowed() }, "operation-unknown"),
        ("C13 another protocol", Request::new("POST", rpc, b"{}"), "operation-unknown"),
        ("a login for the signer", login, "operation-forbidden"),
        ("an instance of somebody else", elsewhere, "no-rule"),
        ("E1 a suffix", domain("agent1@evilexample.com"), "no-rule"),
        ("E2 a prefix", domain("agent1@example.com.evil.com"), "no-rule"),
        ("E3 a domain below", domain("agent1@a.example.com"), "no-rule"),
        ("E5 punycode", domain("agent1@xn--exmple-cua.com"), "address-not-plain"),
        ("E8 plus", domain("agent1+x@example.com"), "address-not-plain"),
        ("E8 another local part", domain("Agent1@example.com"), "no-rule"),
    ];
    for (number, (what, request, code)) in rows.iter().enumerate() {
        let answer = desk.send(request).await.unwrap();
        assert_eq!(answer.status, 403, "{what}: {}\n{}", answer.text(), guard.log());
        assert_eq!(answer.error(), Some("AccessDeniedException"), "{what}");
        is_shaped(&answer, what);
        // No more than AWS would say: not even which rule, or that there are rules.
        assert!(answer.text().contains("Access denied") && !answer.text().contains(code), "{what}");
        let records = guard.recorded(|records| of_kind(records, "refusal").len() > number).await;
        let refusals = of_kind(&records, "refusal");
        assert_eq!(refusals.len(), number + 1, "{what}");
        let last = refusals[number];
        assert_eq!(last.text("/refusal/code"), *code, "{what}");
        let id = answer.header("x-amzn-requestid").unwrap();
        assert_eq!(last.text("/request/id"), id, "{what}: the id leads to the record");
    }
    assert!(guard.stage.connect.updates().is_empty());
}

/// Nobody can hold a connection for ever by being slow, and is told so.
#[tokio::test(flavor = "multi_thread")]
async fn c22_slow_heads_and_bodies_are_answered_408() {
    let short = "key_file    = \"tls/guard.key\"\n\n[listen.timeouts]\nhead = \"300ms\"\nbody = \"300ms\"\n";
    let guard = Running::amended(roomy([user(1)]), |stage| {
        rewrite(stage, "key_file    = \"tls/guard.key\"\n", short);
        PathBuf::from(program())
    })
    .await;
    let desk = guard.caller("IdentityDesk");
    let octets = desk.sign(&allowed(), desk.now()).unwrap();
    let head = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    for (what, cut) in [("a head", head - 10), ("a body", octets.len() - 1), ("no body", head + 4)] {
        let mut connection = desk.connect().await.unwrap();
        connection.write(&octets[..cut]).await.unwrap();
        let answer = connection.read().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((answer.status, answer.error()), (408, Some(FORM)), "{what}");
        is_shaped(&answer, what);
        assert!(tokio::time::timeout(Duration::from_secs(20), connection.ended()).await.unwrap(), "{what}");
    }
    assert!(guard.stage.connect.requests().is_empty());
    // Whoever is quick enough is served; nothing on a busy machine need be so the first time.
    until("an answer", || async { (desk.exchange(&octets).await.ok()?.status == 200).then_some(()) }).await;
}

/// Each request of a connection is judged alone; the first bad one is the last.
#[tokio::test(flavor = "multi_thread")]
async fn c18_pipelined_requests_are_judged_one_by_one() {
    let guard = Running::with(roomy([user(1)])).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let read = help.sign(&Request::describe_user(INSTANCE, &user(1).id), help.now()).unwrap();
    let refused = help.sign(&allowed(), help.now()).unwrap();
    let made = desk.sign(&allowed(), desk.now()).unwrap();
    let bad = b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_vec();
    let smuggled =
        desk.sign(&Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", "X")]), desk.now());
    let mut connection = desk.connect().await.unwrap();
    connection.write(&[read, refused, made, bad, smuggled.unwrap()].concat()).await.unwrap();
    let mut found = Vec::new();
    for _ in 0..4 {
        found.push(connection.read().await.unwrap().status);
    }
    assert_eq!(found, [200, 403, 200, 400], "{}", guard.log());
    assert!(connection.ended().await, "something came after the bad one");
    assert_eq!(guard.stage.connect.updates().len(), 1);
}
