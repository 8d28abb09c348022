//! The relay beside an application, in front of a stand-in for a guard that writes down every octet.

mod commands;
mod guard;
pub mod sidecar;

use std::{ffi::OsString, fs, sync::Arc, time::Duration};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, sync::Semaphore};

use self::{
    guard::{Does, Guard, Received, secret_of},
    sidecar::{
        APP_ID, APP_SIGNATURE, APP_TOKEN, OWN_ID, OWN_SECRET, OWN_TOKEN, Sidecar, answer, exchange, request,
        socket,
    },
};
use crate::{running::until, supervisor::Supervisor};

async fn guard() -> (TempDir, Guard) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let guard = Guard::start(folder.path()).await;
    (folder, guard)
}

/// Whether a request is signed with the secret of the session that it names, over every field that it says.
fn is_signed(received: &Received) -> bool {
    use aws_sigv4::http_request as signing;
    let authorization = received.field("authorization").unwrap();
    let part = |name: &str| authorization.split(name).nth(1).unwrap().split(',').next().unwrap();
    let names: Vec<&str> = part("SignedHeaders=").split(';').collect();
    let fields: Vec<(&str, &str)> = names.iter().map(|name| (*name, received.field(name).unwrap())).collect();
    let region = part("Credential=").split('/').nth(2).unwrap();
    let secret = secret_of(&received.key_id());
    let identity =
        aws_credential_types::Credentials::new(received.key_id(), secret, None, None, "test").into();
    let date = received.field("x-amz-date").unwrap();
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
    let mut settings = signing::SigningSettings::default();
    settings.excluded_headers = None;
    let params = aws_sigv4::sign::v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("connect")
        .time(at.into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let mut line = received.line().split(' ');
    let (method, target) = (line.next().unwrap(), line.next().unwrap());
    let body = signing::SignableBody::Bytes(&received.body);
    let request = signing::SignableRequest::new(method, target, fields.into_iter(), body).unwrap();
    let (_, signature) = signing::sign(request, &params).unwrap().into_parts();
    part("Signature=") == signature
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_and_signed_with_the_session() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    let body = "{\"IdentityInfo\": {\"Email\":\"zo\u{eb}@example.com\"}}";
    guard.script([Does::answer(200, None, "{\"made\": [1, 2]}")]);
    let notes = "X-Guard-Ticket: SEC-17\r\nX-Amz-Last-Modified-Region: eu-central-1\r\n";
    let answer = relay.send(&request("POST", "/users/i/u%2Bv/identity-info?a=b&a=c%20d", body, notes)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "{\"made\": [1, 2]}"));
    assert_eq!(answer.field("x-amzn-requestid"), Some("of-the-guard"));
    assert_eq!(answer.field("content-type"), Some("application/json"));

    let received = guard.received();
    assert_eq!(received.len(), 1);
    let received = &received[0];
    assert_eq!(received.line(), "POST /users/i/u%2Bv/identity-info?a=b&a=c%20d HTTP/1.1");
    assert_eq!(received.body, body.as_bytes());
    for (name, value) in [
        ("content-type", "application/json"),
        ("user-agent", "Boto3/1.43 app"),
        ("amz-sdk-invocation-id", "1f2e3d4c-0000-4000-8000-000000000001"),
        ("amz-sdk-request", "attempt=1"),
        ("x-guard-ticket", "SEC-17"),
        ("x-amz-last-modified-region", "eu-central-1"),
    ] {
        assert_eq!(received.field(name), Some(value), "{name}");
    }
    assert_eq!(received.field("host"), Some(format!("localhost:{}", guard.gateway.port()).as_str()));
    assert_eq!(
        received.field("x-amz-security-token"),
        Some(format!("token-of-{}", received.key_id()).as_str())
    );
    // The Region is the application's own.
    let authorization = received.field("authorization").unwrap();
    assert!(authorization.contains("/eu-central-1/connect/aws4_request"), "{authorization}");
    for name in ["amz-sdk-invocation-id", "x-guard-ticket", "content-type", "host", "x-amz-security-token"] {
        assert!(authorization.contains(name), "{name} is not signed: {authorization}");
    }
    assert!(is_signed(received));
}

#[tokio::test]
async fn nobodys_credentials_leave() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    guard.script([Does::answer(403, Some("AccessDeniedException"), "{}"), Does::Ends]);
    let more =
        format!("Cookie: {APP_TOKEN}\r\nProxy-Authorization: {APP_TOKEN}\r\nX-Amz-Meta: {APP_TOKEN}\r\n");
    for _ in 0..3 {
        relay.send(&request("POST", "/search-users", "{}", &more)).await;
    }
    let unsigned = "POST /search-users HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(relay.send(unsigned).await.status, 200);
    assert!(guard.received()[3].field("authorization").unwrap().contains("/us-east-1/connect/"));
    assert!(guard.saw("search-users"), "the test sees nothing");
    for secret in [APP_ID, APP_SIGNATURE, APP_TOKEN, OWN_SECRET] {
        assert!(!guard.saw(secret), "{secret} has left");
    }
    // The relay's own token and id are in the proof, once for each session, and nowhere else.
    for secret in [OWN_ID, OWN_TOKEN] {
        assert!(guard.received().iter().all(|one| !one.head.contains(secret)));
        let proofs = guard.asked().into_iter().filter(|one| !one.head.contains("/v1/nonce"));
        for proof in proofs {
            assert!(!proof.head.contains(secret));
        }
    }
    for secret in [APP_TOKEN, APP_SIGNATURE, OWN_SECRET, OWN_TOKEN, "secret-of-", "token-of-"] {
        assert!(!relay.log().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_gateway_that_restarts_is_found_again_and_nothing_is_sent_twice() {
    let (_folder, mut guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    assert_eq!(relay.ask().await.status, 200);
    guard.gateway_down().await;
    let away = relay.ask().await;
    assert_eq!(away.status, 503);
    assert_eq!(away.field("x-amzn-errortype"), Some("ServiceUnavailableException"));
    assert!(away.body.contains("not carried out"), "{}", away.body);
    guard.gateway_up().await;
    assert_eq!(relay.ask().await.status, 200);
    assert_eq!(guard.received().len(), 2);

    // What was sent and not answered is not sent again, and said so.
    guard.script([Does::Ends]);
    let lost = relay.ask().await;
    assert_eq!((lost.status, lost.field("x-amzn-errortype")), (500, Some("InternalServiceException")));
    assert_eq!(guard.received().len(), 3);
}

#[tokio::test]
async fn sessions_end_in_mid_run_and_nobody_notices() {
    let (_folder, guard) = guard().await;
    guard.lifetime(Duration::from_millis(1500));
    let relay = Sidecar::start(&guard).await;
    relay.once_ready().await;
    until("a fourth session", || async {
        assert_eq!(relay.ask().await.status, 200);
        (guard.sessions() >= 4).then_some(())
    })
    .await;
    let mut used: Vec<String> = guard.received().iter().map(Received::key_id).collect();
    assert!(guard.received().iter().all(is_signed));
    used.dedup();
    let mut different = used.clone();
    different.sort();
    different.dedup();
    assert!(used.len() >= 3 && used.len() == different.len(), "{used:?}");
}

#[tokio::test]
async fn without_a_session_requests_are_answered_as_aws_does() {
    let (_folder, mut guard) = guard().await;
    guard.session_down().await;
    let relay = Sidecar::start(&guard).await;
    let answer = relay.ask().await;
    assert_eq!((answer.status, answer.field("x-amzn-errortype")), (503, Some("ServiceUnavailableException")));
    assert_eq!(answer.field("content-type"), Some("application/json"));
    assert!(answer.body.starts_with("{\"Message\":\"The request was not carried out"), "{}", answer.body);
    let ready = relay.ready().await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.starts_with("session: "), "{}", ready.body);
    guard.session_up().await;
    relay.once_ready().await;
    assert_eq!(relay.ask().await.status, 200);
    assert_eq!(guard.received().len(), 1);
}

#[tokio::test]
async fn a_session_that_the_gateway_does_not_take_is_replaced() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    guard.script([Does::answer(403, Some("ExpiredTokenException"), "{\"Message\":\"expired\"}")]);
    // The application's own credentials are not at fault: it comes again.
    assert_eq!(relay.ask().await.status, 503);
    assert_eq!(relay.ask().await.status, 200);
    let used: Vec<String> = guard.received().iter().map(Received::key_id).collect();
    assert_eq!(used.len(), 2);
    assert_ne!(used[0], used[1]);
    // What the gateway says of the application is the application's.
    guard.script([Does::answer(403, Some("AccessDeniedException"), "{\"Message\":\"no\"}")]);
    let refused = relay.ask().await;
    assert_eq!((refused.status, refused.body.as_str()), (403, "{\"Message\":\"no\"}"));
    assert_eq!(guard.sessions(), 2);
}

/// The gateway answers as AWS does to a Region that it does not serve, and says by a word of its own that it is that.
#[tokio::test]
async fn a_region_that_the_gateway_does_not_serve_costs_no_session() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    let Does::Answers(status, mut fields, body) =
        Does::answer(403, Some("InvalidSignatureException"), "{\"Message\":\"the Region\"}")
    else {
        panic!("another answer")
    };
    fields.push(("x-guard-fault", "scope".to_owned()));
    guard.script([Does::Answers(status, fields.clone(), body.clone())]);
    let refused = relay.ask().await;
    assert_eq!((refused.status, refused.body.as_str()), (403, body.as_str()));
    assert_eq!(refused.field("x-amzn-errortype"), Some("InvalidSignatureException"));
    assert_eq!(refused.field("x-guard-fault"), None);
    assert_eq!(relay.ask().await.status, 200);
    assert_eq!(guard.sessions(), 1);
    // A signature that is not the session's is the relay's own affair.
    fields.pop();
    fields.push(("x-guard-fault", "signature".to_owned()));
    guard.script([Does::Answers(status, fields, body)]);
    assert_eq!(relay.ask().await.status, 503);
    assert_eq!(relay.ask().await.status, 200);
    assert_eq!(guard.sessions(), 2);
}

#[tokio::test]
async fn whoever_hangs_up_cancels_nothing() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    let may = Arc::new(Semaphore::new(0));
    guard.script([Does::Waits(Arc::clone(&may))]);
    let mut application = relay.connect().await;
    application.write_all(request("POST", "/search-users", "{}", "").as_bytes()).await.unwrap();
    until("the request at the gateway", || async { (guard.received().len() == 1).then_some(()) }).await;
    drop(application);
    // Another request is answered meanwhile, after the relay has seen the end of the first connection.
    assert_eq!(relay.ask().await.status, 200);
    may.add_permits(1);
    until("both requests in the log", || async {
        let done =
            relay.lines().into_iter().filter(|line| line["message"] == "request" && line["status"] == 200);
        (done.count() == 2).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_not_made_up() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::with(&guard, "address = \"127.0.0.1:0\"", "answer_timeout = \"300ms\"").await;
    guard.script([Does::Waits(Arc::new(Semaphore::new(0)))]);
    let slow = relay.ask().await;
    assert_eq!((slow.status, slow.field("x-amzn-errortype")), (500, Some("InternalServiceException")));
    // Neither is what something before the gateway says: it may stand for a request that was carried out.
    let page = || vec![("content-type", "text/html".to_owned())];
    for status in [200, 302, 502, 504] {
        guard.script([Does::Answers(status, page(), "<html>".to_owned())]);
        assert_eq!(relay.ask().await.status, 500, "{status}");
    }
    assert_eq!(relay.ask().await.status, 200);
}

#[tokio::test]
async fn what_has_no_single_reading_does_not_leave() {
    let (_folder, guard) = guard().await;
    let relay = Sidecar::start(&guard).await;
    relay.once_ready().await;
    let long = format!("X-Long: {}\r\n", "x".repeat(40_000));
    let length = request("POST", "/a", "{}", "").replace("Content-Length: 2", "Content-Length: 9999999");
    for (octets, status) in [
        (request("POST", "/a", "{}", &long), 431),
        (request("POST", "/a/../b", "{}", ""), 400),
        (request("PATCH", "/a", "{}", ""), 405),
        (request("POST", "/a", "{}", "Transfer-Encoding: chunked\r\n"), 400),
        (request("POST", "/a", "{}", "x-guard-a: 1\r\nX-Guard-A: 2\r\n"), 400),
        (request("POST", "/a", "{}", "x-guard-a: 1 2\r\n"), 400),
        (request("POST", "/a", "{}", "x-guard-a:\r\n"), 400),
        (request("POST", "/a?X-Amz-Signature=1", "{}", ""), 403),
        (request("POST", "/a", "{}", "").replace("/connect/", "/s3/"), 400),
        (request("POST", "/a", "{}", "Origin: https://example.com\r\n"), 403),
        (request("POST", "/a", "{}", "").replace("Host: 127.0.0.1:8080", "Host: rebound.example.com"), 403),
        (length, 413),
    ] {
        let answer = relay.send(&octets).await;
        assert_eq!(answer.status, status, "{}", octets.lines().next().unwrap());
        assert!(answer.body.starts_with("{\"Message\":"), "{}", answer.body);
    }
    assert!(guard.received().is_empty());
}

#[tokio::test]
async fn a_socket_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, guard) = guard().await;
    let relay = Sidecar::with(&guard, "socket = \"relay.sock\"", "").await;
    let path = folder.path().join("relay.sock");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let answer = exchange(socket(&path).await, &request("GET", "/users/i", "", "")).await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(guard.received()[0].line(), "GET /users/i HTTP/1.1");
    relay.tell(Signal::TERM);
    let mut relay = relay;
    assert!(relay.ended().await.success());
    assert!(!path.exists());
}

#[tokio::test]
async fn what_is_under_way_is_answered_before_the_end() {
    let (_folder, guard) = guard().await;
    let mut relay = Sidecar::start(&guard).await;
    let may = Arc::new(Semaphore::new(0));
    guard.script([Does::Waits(Arc::clone(&may))]);
    let mut application = relay.connect().await;
    application.write_all(request("POST", "/search-users", "{}", "").as_bytes()).await.unwrap();
    until("the request at the gateway", || async { (guard.received().len() == 1).then_some(()) }).await;
    relay.tell(Signal::TERM);
    until("a closed listener", || async {
        tokio::net::TcpStream::connect(&relay.address).await.is_err().then_some(())
    })
    .await;
    may.add_permits(1);
    assert_eq!(answer(&mut application).await.unwrap().status, 200);
    assert!(relay.ended().await.success());
}

#[tokio::test]
async fn systemd_is_told_of_a_relay_too() {
    let (folder, guard) = guard().await;
    let supervisor = Supervisor::listen();
    let environment =
        vec![("NOTIFY_SOCKET", supervisor.path.clone()), ("WATCHDOG_USEC", OsString::from("500000"))];
    let text = sidecar::configuration(&guard, "address = \"127.0.0.1:0\"", "");
    let mut relay = Sidecar::within(folder.path(), &text, environment).await;
    let ready = supervisor.news().await;
    assert_eq!(ready, ["READY=1".to_owned(), format!("STATUS=listening on {}", relay.address)]);
    assert_eq!(relay.ready().await.status, 200);
    assert_eq!(supervisor.next().await, ["WATCHDOG=1"]);

    // Without a certificate there is nothing to be read again, and SIGHUP ends nothing.
    relay.tell(Signal::HUP);
    let reloading = supervisor.news().await;
    assert_eq!(reloading[0], "RELOADING=1");
    assert!(reloading[1].starts_with("MONOTONIC_USEC="), "{reloading:?}");
    assert_eq!(supervisor.news().await, ["READY=1", "STATUS=serving"]);
    assert_eq!(relay.ask().await.status, 200);

    relay.tell(Signal::TERM);
    assert_eq!(supervisor.news().await[0], "STOPPING=1");
    assert!(relay.ended().await.success());
}

#[tokio::test]
async fn a_token_is_read_again_for_every_session() {
    let (folder, guard) = guard().await;
    guard.lifetime(Duration::from_millis(1200));
    let file = folder.path().join("token");
    fs::write(&file, "eyJh.first.token\n").unwrap();
    let more =
        "proof = \"web-identity\"\ntoken_file = \"token\"\nrole = \"arn:aws:iam::111122223333:role/Desk\"";
    let relay = Sidecar::with(&guard, "address = \"127.0.0.1:0\"", more).await;
    assert_eq!(relay.ask().await.status, 200);
    assert!(is_signed(&guard.received()[0]));
    let asked = guard.asked()[0].clone();
    assert_eq!(
        String::from_utf8(asked.body).unwrap(),
        "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2FDesk\
         &RoleSessionName=relay&WebIdentityToken=eyJh.first.token"
    );
    assert!(asked.head.contains("application/x-www-form-urlencoded"));
    assert_eq!(relay.said("a session was had").await["principal"], "arn:aws:iam::111122223333:role/Desk");
    fs::write(&file, "eyJh.second.token").unwrap();
    until("the second token", || async { guard.saw("eyJh.second.token").then_some(()) }).await;
    assert!(!relay.log().contains("eyJh"));
}
