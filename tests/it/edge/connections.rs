//! What can be done with connections: before TLS, in it, between requests, and on the side of Connect.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::Fault,
    stage::INSTANCE,
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{allowed, shared};
use crate::{
    records::{effects, of_kind},
    running::{LIMIT, Running, own_address, program, rewrite, roomy, until, user},
};

/// How a client of this caller's guard speaks TLS.
fn client(caller: &Caller) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(caller.ca.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

async fn connect(caller: &Caller, config: Arc<ClientConfig>, name: &str) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let tcp = TcpStream::connect(caller.address).await?;
    TlsConnector::from(config).connect(name, tcp).await
}

/// A connection of this caller's from another address of this host.
async fn from(source: [u8; 4], caller: &Caller) -> TlsStream<TcpStream> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    let tcp = socket.connect(caller.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(client(caller))).connect(name, tcp).await.unwrap()
}

/// Everything that comes until the other side ends.
async fn rest(mut stream: impl AsyncReadExt + Unpin) -> String {
    let mut octets = Vec::new();
    let _ = timeout(LIMIT, stream.read_to_end(&mut octets)).await.expect("an end");
    String::from_utf8_lossy(&octets).into_owned()
}

/// A replay after the end of the guard is a replay still: what is remembered is in the ledger.
#[tokio::test(flavor = "multi_thread")]
async fn a8_a_replay_after_a_restart_has_no_second_effect() {
    let mut guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    let octets = desk.sign(&allowed(), desk.now()).unwrap();
    let first = desk.exchange(&octets).await.unwrap();
    assert_eq!(first.status, 200, "{}", guard.log());
    guard.crash().await;
    let desk = guard.caller("IdentityDesk");
    let again = desk.exchange(&octets).await.unwrap();
    // The port is another, and so is the host that was signed; whoever listens at the same one answers as before.
    assert!(again.status == 403 || (again.status, &again.body) == (200, &first.body), "{}", again.text());
    let again = desk.send(&allowed_as(&octets)).await.unwrap();
    assert_eq!((again.status, &again.body), (200, &first.body), "{} {}", again.text(), guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 1);
    assert_eq!(effects(&guard.records().await, &user(1).id), ["applied"]);
}

/// The same attempt, as the SDK would sign it for another port: the same invocation.
fn allowed_as(octets: &[u8]) -> Request {
    let text = String::from_utf8_lossy(octets);
    let line = text.lines().find_map(|line| line.strip_prefix("amz-sdk-invocation-id: ")).unwrap();
    allowed().invocation(line)
}

/// Who says that he is somebody, or comes from somewhere, is who signed and comes from where he connects.
#[tokio::test(flavor = "multi_thread")]
async fn a14_fields_that_claim_an_identity() {
    let guard = Running::with(roomy([user(1)])).await;
    let help = guard.caller("HelpDesk");
    let arn = "arn:aws:iam::111122223333:role/IdentityDesk";
    for (name, value) in [
        ("x-amzn-principal", arn),
        ("x-amzn-iam-arn", arn),
        ("x-forwarded-user", "IdentityDesk"),
        ("x-forwarded-client-cert", "URI=spiffe://example.com/contact-center/desk"),
        ("x-principal", arn),
        ("remote-user", "IdentityDesk"),
        ("x-forwarded-for", "10.0.0.1"),
    ] {
        let mut request = allowed();
        request.unsigned.push((name.into(), value.into()));
        assert_eq!(help.send(&request).await.unwrap().status, 403, "{name} {}", guard.log());
        request.signed.push((name.into(), value.into()));
        request.unsigned.retain(|(field, _)| field != name);
        assert_eq!(help.send(&request).await.unwrap().status, 403, "{name}, signed {}", guard.log());
    }
    assert!(guard.stage.connect.updates().is_empty());
    let records = guard.recorded(|records| of_kind(records, "refusal").len() == 14).await;
    for refusal in of_kind(&records, "refusal") {
        assert_eq!(refusal.text("/caller/principal"), "arn:aws:iam::111122223333:role/HelpDesk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a15_what_is_no_tls_of_this_guard() {
    let guard = shared().await;
    let desk = guard.caller("IdentityDesk");
    // In clear: no answer in HTTP.
    let mut plain = TcpStream::connect(desk.address).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(!rest(plain).await.contains("HTTP/"));
    // TLS 1.1: a ClientHello that offers nothing newer.
    let mut old = TcpStream::connect(desk.address).await.unwrap();
    let body = [&[3, 2], [7; 32].as_slice(), &[0, 0, 2, 0, 0x2f, 1, 0]].concat();
    let length = u8::try_from(body.len()).unwrap();
    let hello = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length], body.as_slice()].concat();
    old.write_all(&hello).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(LIMIT, old.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.is_empty() || answer[0] == 0x15, "no alert: {answer:?}");
    // Another server's name: the certificate is not for it, and no request for another host is served.
    let config = Arc::new(client(&desk));
    assert!(connect(&desk, config.clone(), "evil.example.com").await.is_err());
    // No name: as whoever connects to an address.
    let mut unnamed = client(&desk);
    unnamed.enable_sni = false;
    let mut stream = connect(&desk, Arc::new(unnamed), "localhost").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let text = rest(stream).await;
    assert!(text.starts_with("HTTP/1.1 403"), "{text}");
}

/// A ticket of an earlier connection resumes it, and takes no data before the handshake is done.
#[tokio::test(flavor = "multi_thread")]
async fn c17_no_early_data() {
    let guard = shared().await;
    let desk = guard.caller("IdentityDesk");
    let mut config = client(&desk);
    config.enable_early_data = true;
    let config = Arc::new(config);
    for _ in 0..2 {
        let mut stream = connect(&desk, config.clone(), "localhost").await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        assert!(rest(stream).await.starts_with("HTTP/1.1 403"));
        // Whatever ticket came with it: none lets anything be sent ahead of the handshake.
        let name = ServerName::try_from("localhost").unwrap();
        let mut next = rustls::ClientConnection::new(config.clone(), name).unwrap();
        assert!(next.early_data().is_none(), "a ticket allows early data");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c19_nothing_after_the_last_request() {
    let guard = Running::with(roomy([user(1)])).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let mut last = Request::describe_user(INSTANCE, &user(1).id);
    last.unsigned.push(("connection".into(), "close".into()));
    let last = help.sign(&last, help.now()).unwrap();
    let change = desk.sign(&allowed(), desk.now()).unwrap();
    let mut connection = desk.connect().await.unwrap();
    connection.write(&[last, change].concat()).await.unwrap();
    assert_eq!(connection.read().await.unwrap().status, 200, "{}", guard.log());
    assert!(connection.ended().await, "something came after the last answer");
    assert!(guard.stage.connect.updates().is_empty());
    // Who ends his side has his answer all the same.
    let read = help.sign(&Request::describe_user(INSTANCE, &user(1).id), help.now()).unwrap();
    let mut stream = connect(&help, Arc::new(client(&help)), "localhost").await.unwrap();
    stream.write_all(&read).await.unwrap();
    stream.shutdown().await.unwrap();
    assert!(rest(stream).await.starts_with("HTTP/1.1 200"), "{}", guard.log());
}

/// Naming a field in `Connection` takes it away from nobody who verifies, and it never leaves.
#[tokio::test(flavor = "multi_thread")]
async fn c25_fields_named_in_connection() {
    let guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    for named in ["authorization, x-amz-date", "host", "content-type, content-length", "close, x-note"] {
        let mut request = Request::describe_user(INSTANCE, &user(1).id);
        request.unsigned.push(("connection".into(), named.into()));
        assert_eq!(desk.send(&request).await.unwrap().status, 200, "{named} {}", guard.log());
    }
    for request in guard.stage.connect.requests() {
        assert!(request.values("connection").iter().all(|value| !value.contains(',')), "{:?}", request.lines);
        assert!(!request.values("authorization").is_empty());
    }
}

/// An answer of Connect that has two readings or no end is none: what is not known to have been done is not called done.
#[tokio::test(flavor = "multi_thread")]
async fn c26_answers_that_have_no_one_reading() {
    let mut setting = roomy((1..=4).map(user));
    setting.upstream = "connect_timeout = \"1s\"\nanswer_timeout = \"2s\"".into();
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    let faults = [Fault::Garbage, Fault::Truncated, Fault::LongHead, Fault::Interim(2_000)];
    for (number, fault) in faults.into_iter().enumerate() {
        let agent = user(number + 1);
        guard.stage.connect.fail_next("UpdateUserIdentityInfo", fault.clone());
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        let answer = desk.send(&request).await.unwrap();
        assert!(answer.status != 200, "{fault:?}: {}", guard.log());
        assert!(answer.error().is_some(), "{fault:?}");
        let sent = guard.stage.connect.updates().len();
        assert_eq!(sent, number + 1, "{fault:?} was sent twice");
        guard.stage.connect.fail_next("DescribeUser", fault);
        let read = desk.send(&Request::describe_user(INSTANCE, &agent.id)).await;
        assert!(read.is_err() || read.unwrap().status >= 500);
    }
}

/// Where Connect is comes from the configuration, whatever a request says.
#[tokio::test(flavor = "multi_thread")]
async fn v5_nothing_steers_where_connect_is() {
    let guard = Running::with(roomy((1..=7).map(user))).await;
    let desk = guard.caller("IdentityDesk");
    let fields = [
        ("x-forwarded-host", "evil.example.com"),
        ("forwarded", "host=evil.example.com"),
        ("x-original-host", "evil.example.com"),
        ("x-original-url", "https://evil.example.com/"),
        ("x-forwarded-server", "evil.example.com"),
        ("x-host", "169.254.169.254"),
        ("x-amz-region", "eu-west-1"),
    ];
    for (number, (name, value)) in fields.into_iter().enumerate() {
        let agent = user(number + 1);
        let mut request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        let (signs, unsigned) = if name.starts_with("x-amz-") { (true, false) } else { (false, true) };
        let field = (name.to_owned(), value.to_owned());
        if signs {
            request.signed.push(field.clone());
        }
        if unsigned {
            request.unsigned.push(field);
        }
        let answer = desk.send(&request).await.unwrap();
        assert!([200, 400, 403].contains(&answer.status), "{name}: {}", answer.text());
    }
    let port = guard.stage.connect.address().port();
    for request in guard.stage.connect.requests() {
        assert_eq!(request.values("host"), [format!("localhost:{port}")]);
        assert!(request.lines.iter().all(|line| !line.contains("evil") && !line.contains("169.254")));
    }
}

/// Whoever stalls is cut, whoever opens too much is turned away, and others do not notice.
#[tokio::test(flavor = "multi_thread")]
async fn v11_stalled_handshakes_and_too_many_connections() {
    let short = "key_file    = \"tls/guard.key\"\n\n[listen.timeouts]\nhandshake = \"500ms\"\nhead = \"500ms\"\n\n[listen.caps]\nconnections_per_source = 20\n";
    let guard = Running::amended(roomy([user(1)]), |stage| {
        rewrite(stage, "key_file    = \"tls/guard.key\"\n", short);
        PathBuf::from(program())
    })
    .await;
    let desk = guard.caller("IdentityDesk");
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(TcpStream::connect(desk.address).await.unwrap());
    }
    // One more is closed at once, or waits for nothing.
    assert!(desk.connect().await.is_err() || !stalled.is_empty());
    for stream in stalled {
        assert_eq!(rest(stream).await, "");
    }
    let answer = || async { (desk.send(&allowed()).await.ok()?.status == 200).then_some(()) };
    until("an answer", answer).await;
    let mut slow = connect(&desk, Arc::new(client(&desk)), "localhost").await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
    assert!(rest(slow).await.starts_with("HTTP/1.1 408"), "{}", guard.log());
}

/// Whoever sends bodies slowly has a share of the places for requests, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn v11_slow_bodies_of_one_source_leave_places_for_others() {
    let caps = "key_file    = \"tls/guard.key\"\n\n[listen.caps]\nrequests = 8\n";
    let guard = Running::amended(roomy([user(1)]), |stage| {
        rewrite(stage, "key_file    = \"tls/guard.key\"\n", caps);
        rewrite(stage, "address     = \"127.0.0.1:0\"", "address     = \"0.0.0.0:0\"");
        PathBuf::from(program())
    })
    .await;
    let mut desk = guard.caller("IdentityDesk");
    desk.address.set_ip([127, 0, 0, 1].into());
    let octets = desk.sign(&allowed(), desk.now()).unwrap();
    let mut slow = Vec::new();
    // A quarter of eight.
    for _ in 0..2 {
        let mut connection = desk.connect().await.unwrap();
        connection.write(&octets[..octets.len() - 1]).await.unwrap();
        slow.push(connection);
    }
    until("a full share", || async {
        let answer = desk.exchange(&octets).await.unwrap();
        let full = (answer.status, answer.error()) == (503, Some("ServiceUnavailableException"));
        full.then_some(())
    })
    .await;
    // Somebody at another address is served meanwhile: signed for the host that he asks for.
    let mut other = desk.clone();
    other.address.set_ip([127, 0, 0, 2].into());
    // What connects to 127.0.0.2 comes from there.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let tcp = socket.connect(other.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(client(&other))).connect(name, tcp).await.unwrap();
    let mut read = Request::describe_user(INSTANCE, &user(1).id);
    read.unsigned.push(("connection".into(), "close".into()));
    stream.write_all(&other.sign(&read, other.now()).unwrap()).await.unwrap();
    let text = rest(stream).await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text} {}", guard.log());
    drop(slow);
}

/// Whoever sends whole bodies but for the last octet, without any key, costs a bounded amount of memory, and others are
/// served meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn v11_bodies_without_end_are_bounded_in_memory() {
    let guard = Running::amended(roomy([user(1)]), |stage| {
        rewrite(stage, "[limits]\n", "[limits]\nbodies_at_once = 16777216\n");
        rewrite(stage, "address     = \"127.0.0.1:0\"", "address     = \"0.0.0.0:0\"");
        PathBuf::from(program())
    })
    .await;
    let mut desk = guard.caller("IdentityDesk");
    desk.address.set_ip([127, 0, 0, 1].into());
    let stranger = Caller { key_id: format!("GK{}", "A".repeat(18)), ..desk.clone() };
    let task = Request::new("PUT", "/contact/task", &vec![b'x'; 1024 * 1024]);
    let octets = stranger.sign(&task, stranger.now()).unwrap();
    let idle = crate::rates::resident(&guard);
    let (mut held, mut refused) = (Vec::new(), 0);
    for number in 0..80_u8 {
        let mut stream = from([127, 0, 0, 2 + number % 2], &stranger).await;
        // Refused in the middle of it, the rest is not taken.
        let _ = stream.write_all(&octets[..octets.len() - 1]).await;
        match timeout(Duration::from_millis(50), stream.read_u8()).await {
            Err(_) => held.push(stream),
            Ok(Ok(first)) => {
                let text = format!("{}{}", char::from(first), rest(stream).await);
                assert!(text.starts_with("HTTP/1.1 503"), "{text}");
                assert!(text.contains("ServiceUnavailableException"), "{text}");
                refused += 1;
            }
            Ok(Err(_)) => refused += 1,
        }
    }
    let grown = crate::rates::resident(&guard).saturating_sub(idle);
    assert!(grown < 40 * 1024, "{grown} KiB more for {} bodies, {refused} refused", held.len());
    assert!(refused > 0 && held.len() >= 8, "{refused} refused, {} held", held.len());
    // Another source is served meanwhile.
    let answer = desk.send(&allowed()).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
}

/// Accepting fails for want of descriptors, and goes on when there are some.
#[tokio::test(flavor = "multi_thread")]
async fn k7_accepting_goes_on_after_it_failed() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};

    let mut guard = Running::with(roomy([user(1)])).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(desk.send(&allowed()).await.unwrap().status, 200, "{}", guard.log());
    let pid = Pid::from_raw(guard.process.id().unwrap()).unwrap();
    let limit = |current| Rlimit { current: Some(current), maximum: Some(20_000) };
    // Not one more than it has.
    let before = prlimit(Some(pid), Resource::Nofile, limit(3)).unwrap();
    let mut waiting = TcpStream::connect(desk.address).await.unwrap();
    waiting.write_all(b"x").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    prlimit(Some(pid), Resource::Nofile, before).unwrap();
    drop(waiting);
    until("an answer", || async { (desk.send(&allowed()).await.ok()?.status == 200).then_some(()) }).await;
    assert!(!guard.log().contains("panicked"), "{}", guard.log());
    assert!(guard.process.stop().await.unwrap().success());
    let log = guard.log().replace('\\', "");
    let failures = log.split("\"accept_failures\":").nth(1).expect("nothing was counted");
    assert!(!failures.starts_with("0,"), "accepting never failed: {log}");
}
