//! What a running guard says of itself to whoever watches it: probes, and the page of metrics.

use std::net::SocketAddr;

use connect_guard::demo::{
    caller::Request,
    connect::{Fault, Held},
    process::Signal,
    stage::{INSTANCE, Setting, Stage},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::{
    records::hold,
    running::{LIMIT, Running, own_address, program, put, rewrite, roomy, script, until, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";

/// A listener for whoever watches.
pub const LISTENER: &str = "\n[[listen]]\nkind = \"status\"\naddress = \"127.0.0.1:0\"\n";

/// The setting, watched.
pub fn watched(setting: Setting) -> Setting {
    Setting { more: setting.more + LISTENER, ..setting }
}

/// What a path is answered with: status and body.
pub async fn get(guard: &Running, path: &str) -> (u16, String) {
    let log = guard.log();
    let address = log.rsplit("answering for status address=").next().unwrap();
    let address: SocketAddr = address.split_whitespace().next().unwrap().parse().unwrap();
    let asking = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let answer = timeout(LIMIT, asking).await.expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The answer to a probe, once it has this status.
pub async fn answered(guard: &Running, path: &str, status: u16) -> String {
    until(path, || async {
        let (found, body) = get(guard, path).await;
        (found == status).then_some(body)
    })
    .await
}

/// The lines of the metrics that begin so.
pub async fn metrics(guard: &Running, begin: &str) -> Vec<String> {
    let (status, page) = get(guard, "/metrics").await;
    assert_eq!(status, 200, "{page}");
    page.lines().filter(|line| line.starts_with(begin)).map(str::to_owned).collect()
}

/// Whether the metrics have this line.
pub async fn shows(guard: &Running, line: &str) -> Option<()> {
    metrics(guard, line).await.iter().any(|found| found == line).then_some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_whose_policy_is_at_fault_says_so_and_is_as_ready_as_is_asked_for() {
    let guard = Running::with(watched(Setting::default())).await;
    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(get(&guard, path).await, (200, "ok\n".into()));
        let json = get(&guard, &format!("{path}?verbose")).await;
        assert_eq!(json, (200, r#"{"ok":true,"reasons":[]}"#.into()));
    }
    assert!(metrics(&guard, "connect_guard_policy_stale").await.iter().all(|line| line.starts_with('#')));

    let broken = guard.stage.folder.join("policies/people.toml");
    put(&broken, "version = 1\n\"kim@example.com\" = 1\n");
    guard.signal(Signal::HUP).unwrap();
    let why = answered(&guard, "/readyz", 503).await;
    assert!(why.starts_with("policy: at fault since ") && why.contains("people.toml:2:1: error: "), "{why}");
    assert!(!why.contains('@'), "{why}");
    assert_eq!(get(&guard, "/livez").await.0, 200);
    assert_eq!(get(&guard, "/startupz").await.0, 200);
    assert_eq!(get(&guard, "/readyz?exclude=policy").await, (200, "ok\n".into()));
    assert_eq!(get(&guard, "/readyz?exclude=ledger").await.0, 503);
    let (_, json) = get(&guard, "/readyz?verbose").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["ok"], &json["reasons"][0]["part"]), (&false.into(), &"policy".into()));
    until("the metric", || async {
        let lines = metrics(&guard, "connect_guard_policy_stale_since_timestamp_seconds ").await;
        (lines.len() == 1).then_some(())
    })
    .await;
    assert!(!guard.log().contains("kim@"), "{}", guard.log());

    std::fs::remove_file(&broken).unwrap();
    guard.signal(Signal::HUP).unwrap();
    answered(&guard, "/readyz", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o4_a_ledger_that_hangs_is_named_until_it_can_be_written() {
    let guard = Running::amended(watched(roomy([user(1)])), |stage| {
        rewrite(stage, "url = \"sqlite:ledger.db\"", "url = \"sqlite:ledger.db\"\ntimeout = \"1s\"");
        program().into()
    })
    .await;
    let held = hold(&guard.stage.folder.join("ledger.db")).await;
    let change = Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", "Other")]);
    assert_eq!(guard.caller("HelpDesk").send(&change).await.unwrap().status, 503, "{}", guard.log());
    let why = answered(&guard, "/readyz", 503).await;
    assert!(why.starts_with("ledger: "), "{why}");
    assert_eq!(get(&guard, "/livez").await.0, 200);
    assert_eq!(get(&guard, "/readyz?exclude=ledger").await.0, 200);
    drop(held);
    answered(&guard, "/readyz", 200).await;
}

/// The binary, with no credentials of any kind in reach.
fn without_credentials(stage: &Stage) -> std::path::PathBuf {
    let text =
        format!("#!/bin/sh\nunset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY\nexec {} \"$@\"\n", program());
    script(&stage.folder.join("guard.sh"), &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn k2_a_guard_without_credentials_is_not_ready() {
    let guard = Running::amended(watched(Setting::default()), without_credentials).await;
    let why = answered(&guard, "/readyz", 503).await;
    assert!(why.starts_with("upstream: `stage` has no credentials: "), "{why}");
    assert_eq!(get(&guard, "/livez").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_drains_lives_and_is_not_ready_and_says_so_to_the_end() {
    let mut guard = Running::with(watched(roomy([user(1)]))).await;
    let agent = user(1);
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    let in_flight = tokio::spawn(async move { desk.send(&request).await });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    guard.signal(Signal::TERM).unwrap();
    assert_eq!(answered(&guard, "/readyz", 503).await, "start: the guard stops\n");
    assert_eq!(get(&guard, "/livez").await.0, 200);
    assert_eq!(get(&guard, "/startupz").await.0, 200);
    assert!(!in_flight.is_finished(), "it was over before anybody asked");
    held.let_go();
    assert_eq!(timeout(LIMIT, in_flight).await.unwrap().unwrap().unwrap().status, 200);
    assert_eq!(guard.process.ended().await.unwrap().code(), Some(0), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn o9_what_was_done_is_counted_and_nobody_is_named() {
    let agent = user(1);
    let guard = Running::with(watched(roomy([agent.clone()]))).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let own = own_address(&agent);
    let (names, address) = ([("FirstName", "Other")], [("Email", own.as_str())]);
    for (caller, request, status) in [
        (&help, Request::describe_user(INSTANCE, &agent.id), 200),
        (&desk, Request::describe_user(INSTANCE, &agent.id), 200),
        (&help, Request::update_identity(INSTANCE, &agent.id, &names), 200),
        (&desk, Request::update_identity(INSTANCE, &agent.id, &address), 200),
        (&help, Request::update_identity(INSTANCE, &agent.id, &[("Email", "kim@example.com")]), 403),
        (
            &help,
            Request::new(
                "POST",
                &format!("/users/{INSTANCE}/{}/routing-profile", agent.id),
                br#"{"RoutingProfileId":"33333333-aaaa-bbbb-cccc-EXAMPLE33333"}"#,
            ),
            403,
        ),
    ] {
        let answer = caller.send(&request).await.unwrap();
        assert_eq!(answer.status, status, "{}\n{}", request.target, guard.log());
    }
    let (_, page) = get(&guard, "/metrics").await;
    let count = |labels: &str| -> f64 {
        let begin = format!("connect_guard_requests_total{{{labels}");
        let found = page
            .lines()
            .filter_map(|line| line.strip_prefix(&begin)?.rsplit(' ').next()?.parse::<f64>().ok());
        found.sum()
    };
    for (labels, expected) in [
        ("class=\"read\",decision=\"allowed\"", 2),
        ("class=\"identity\",decision=\"allowed\"", 2),
        ("class=\"identity\",decision=\"refused\",code=\"no-rule\"", 1),
        ("class=\"write\",decision=\"refused\",code=\"no-rule\"", 1),
        ("", 6),
    ] {
        assert!((count(labels) - f64::from(expected)).abs() < 0.1, "{labels}\n{page}");
    }
    for name in ["@", &agent.username, &agent.first_name, "Other", "HelpDesk"] {
        assert!(!page.contains(name), "`{name}` is in\n{page}");
    }
    assert!(page.contains("connect_guard_certificate_not_after_timestamp_seconds{"), "{page}");
}
