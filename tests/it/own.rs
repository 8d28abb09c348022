//! The guard as a process: what it takes from files, what it shows to others, what it is built of.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

use connect_guard::demo::{
    caller::{Caller, Request},
    connect::{Door, User},
    process::Signal,
    stage::{INSTANCE, Setting, Stage},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    running::{Running, event, own_address, program, roomy, until, user},
    status::{get, watched},
};

/// A stage, and what `serve` says and ends with after something was done to it.
async fn served(amend: impl FnOnce(&Stage)) -> (Option<i32>, String, TempDir) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let stage = Stage::set(Setting::default(), folder.path()).await.unwrap();
    amend(&stage);
    let output = Command::new(program())
        .args(["serve", "--config"])
        .arg(stage.config())
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
        .output()
        .unwrap();
    assert!(stage.connect.requests().is_empty());
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), folder)
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "no {from}");
    fs::write(path, text.replace(from, to)).unwrap();
}

/// Where Connect is: a name of AWS's, checked at load, and nothing that leads elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn d13_endpoints_that_are_none_are_no_start() {
    for endpoint in [
        "http://localhost:1",
        "https://169.254.169.254",
        "https://evil.com#localhost",
        "https://user@localhost",
        "https://localhost/path",
        "https://localhost?x=1",
        "localhost",
        "https://",
        "https://[::1]:1",
        "https://127.0.0.1:1",
    ] {
        let (code, said, _folder) = served(|stage| {
            let text = fs::read_to_string(stage.config()).unwrap();
            let line = text.lines().find(|line| line.starts_with("endpoint")).unwrap().to_owned();
            fs::write(stage.config(), text.replace(&line, &format!("endpoint  = \"{endpoint}\""))).unwrap();
        })
        .await;
        assert_eq!(code, Some(3), "{endpoint}: {said}");
        assert!(said.contains("config.toml:") && !said.contains("listening"), "{endpoint}: {said}");
    }
    for region in ["us-east-1.evil.com", "evil.com#", "us-east-1/", "../x", ""] {
        let (code, said, _folder) = served(|stage| {
            replace(&stage.config(), "region    = \"us-east-1\"", &format!("region    = \"{region}\""));
        })
        .await;
        assert_eq!(code, Some(3), "{region}: {said}");
    }
}

/// FIPS, dual-stack, endpoints in a VPC: what is configured is asked, and no environment changes that.
#[tokio::test(flavor = "multi_thread")]
async fn d16_only_the_configured_endpoint() {
    let elsewhere = "https://evil.example.com".into();
    let guard = Running::start_in(vec![
        ("AWS_ENDPOINT_URL".into(), elsewhere),
        ("AWS_ENDPOINT_URL_CONNECT".into(), "https://evil.example.com".into()),
        ("AWS_USE_FIPS_ENDPOINT".into(), "true".into()),
        ("AWS_USE_DUALSTACK_ENDPOINT".into(), "true".into()),
        ("AWS_REGION".into(), "eu-west-1".into()),
    ])
    .await;
    let read = Request::describe_user(INSTANCE, "87654321-2222-1234-1234-111234567891");
    let answer = guard.caller("HelpDesk").send(&read).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let port = guard.stage.connect.address().port();
    assert_eq!(guard.stage.connect.requests()[0].values("host"), [format!("localhost:{port}")]);
    // Beside one that is configured there is no switch to another.
    let (code, said, _folder) = served(|stage| {
        replace(&stage.config(), "name      = \"stage\"", "name      = \"stage\"\nfips = true");
    })
    .await;
    assert_eq!(code, Some(3), "{said}");
}

/// Another certificate where Connect should be: nothing is sent there, not even a head.
#[tokio::test(flavor = "multi_thread")]
async fn k8_another_certificate_of_connect() {
    let mut setting = roomy([user(1)]);
    setting.upstream = "connect_timeout = \"1s\"\nanswer_timeout = \"1s\"".into();
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    for door in [Door::Stranger, Door::Misnamed, Door::Reset] {
        guard.stage.connect.set_door(door);
        let answer = desk.send(&request).await.unwrap();
        assert_eq!(
            (answer.status, answer.error()),
            (503, Some("ServiceUnavailableException")),
            "{door:?} {}",
            guard.log()
        );
        assert!(guard.stage.connect.requests().is_empty(), "{door:?}");
    }
    guard.stage.connect.set_door(Door::Open);
    assert_eq!(desk.send(&request).await.unwrap().status, 200, "{}", guard.log());
}

/// Secrets, policy and denials that others may read or write.
#[tokio::test(flavor = "multi_thread")]
async fn i9_files_that_others_may_read() {
    for name in ["secrets/seal", "secrets/hash", "secrets/mail", "tls/guard.key"] {
        for mode in [0o644, 0o604, 0o666] {
            let (code, said, _folder) = served(|stage| {
                fs::set_permissions(stage.folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
            })
            .await;
            assert_eq!(code, Some(3), "{name} {mode:o}: {said}");
            assert!(said.contains(name.rsplit('/').next().unwrap()), "{said}");
        }
    }
    let guard = Running::with(roomy([])).await;
    let mode = fs::metadata(guard.stage.folder.join("ledger.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "the ledger is {mode:o}");
}

/// Whoever watches reads, from this machine, and does nothing.
#[tokio::test(flavor = "multi_thread")]
async fn k5_the_status_listener_reads_only() {
    let guard = Running::with(watched(roomy([user(1)]))).await;
    assert_eq!(get(&guard, "/livez").await.0, 200);
    let log = guard.log();
    let address = log
        .rsplit("answering for status address=")
        .next()
        .unwrap()
        .split_whitespace()
        .next()
        .unwrap()
        .to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    for (request, right) in [
        ("POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "405"),
        ("DELETE /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "405"),
        ("GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("GET /debug/pprof HTTP/1.1\r\nHost: localhost\r\n\r\n", "404"),
        ("POST /shutdown HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", "40"),
        ("GET /metrics HTTP/1.1\r\nHost: evil.example.com\r\n\r\n", "4"),
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(status.starts_with(right), "{request}: {answer}");
    }
    assert_eq!(get(&guard, "/livez").await.0, 200);
}

/// What it is built of is pinned: every package by its checksum, from one registry, but for what is in this tree.
#[test]
fn k6_every_dependency_is_pinned() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    let mut packages = 0;
    for package in text.split("[[package]]").skip(1) {
        let line = |name: &str| {
            package.lines().find_map(|line| line.strip_prefix(&format!("{name} = ")).map(str::to_owned))
        };
        let name = line("name").unwrap();
        let Some(source) = line("source") else {
            assert!(
                ["\"connect-guard\"", "\"webpki-roots\""].contains(&name.as_str()),
                "{name} comes from nowhere"
            );
            continue;
        };
        assert_eq!(source, "\"registry+https://github.com/rust-lang/crates.io-index\"", "{name}");
        assert!(line("checksum").is_some_and(|sum| sum.len() == 66), "{name} has no checksum");
        packages += 1;
    }
    assert!(packages > 100, "{packages}");
}

/// Random numbers come from the kernel and the processor's own: what is gathered from the jitter of its clock instead would be a
/// tenth of a second at every start, and is not built in.
#[test]
fn random_numbers_wait_for_no_jitter() {
    let built = fs::read(program()).unwrap();
    let has = |name: &[u8]| built.windows(name.len()).any(|octets| octets == name);
    assert!(has(b"RAND_bytes"), "its symbols have names");
    assert!(!has(b"jent_read_entropy"), "aws-lc was built without what .cargo/config.toml says");
}

fn called(number: usize, name: &str) -> User {
    User { first_name: name.into(), last_name: name.into(), ..user(number) }
}

/// Whatever somebody is called: one message for each, whose header has the fields that it always has.
#[tokio::test(flavor = "multi_thread")]
async fn h3_names_that_end_a_message() {
    let names = [
        "a\r\nBcc: kim@evil.example.net\r\n\r\nb",
        "a\r\n.\r\nMAIL FROM:<kim@evil.example.net>\r\n",
        "a\n.\n",
        "a\r.\r",
        ".",
        "..",
        "\r\n..\r\n",
        "a\u{85}b\u{2028}c",
        "=?utf-8?q?a?=",
        "<script>",
        "\u{1b}[2K",
    ];
    let users = names.iter().enumerate().map(|(number, name)| called(number + 1, name));
    let guard = Running::with(roomy(users)).await;
    let desk = guard.caller("IdentityDesk");
    let mut fields = None;
    for (number, name) in names.iter().enumerate() {
        let agent = user(number + 1);
        let before = guard.letters().await.len();
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        let answer = desk.send(&request).await.unwrap();
        assert_eq!(answer.status, 200, "{name:?} {} {}", answer.text(), guard.log());
        let letters = until("four letters", || async {
            let letters = guard.letters().await;
            (letters.len() >= before + 4).then_some(letters)
        })
        .await;
        assert_eq!(letters.len(), before + 4, "{name:?} at {number}");
        for letter in &letters[before..] {
            let mut names: Vec<_> = letter.headers().into_iter().map(|(name, _)| name).collect();
            names.sort();
            assert_eq!(&names, fields.get_or_insert_with(|| names.clone()), "{name:?}");
            assert_eq!(event(letter), "address-changed");
            assert!(!letter.to.iter().any(|to| to.contains("evil")), "{:?}", letter.to);
        }
    }
    assert!(!guard.log().contains("panicked"));
}

/// No message holds a secret: neither of the guard nor of whoever asked.
#[tokio::test(flavor = "multi_thread")]
async fn h11_no_secret_is_in_a_message() {
    let guard = Running::with(roomy([user(1)])).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    assert_eq!(help.send(&request).await.unwrap().status, 403);
    assert_eq!(desk.send(&request).await.unwrap().status, 200);
    guard.hasten();
    let letters = guard.letters().await;
    assert!(letters.len() > 4);
    let mut secrets =
        vec![desk.secret, help.secret, "SECRETEXAMPLE".to_owned(), "a password of the demo".to_owned()];
    for name in ["seal", "hash", "session"] {
        secrets.push(fs::read_to_string(guard.stage.folder.join("secrets").join(name)).unwrap());
    }
    for letter in &letters {
        let raw = String::from_utf8_lossy(&letter.raw).into_owned();
        let all = [raw, letter.text().unwrap(), letter.html().unwrap_or_default()].concat();
        for secret in &secrets {
            assert!(!all.contains(secret.trim()), "a secret is in {}", event(letter));
        }
    }
}

/// A certificate is replaced again and again while callers come and go: nobody's handshake fails.
#[tokio::test(flavor = "multi_thread")]
async fn fault_15_certificates_under_load() {
    const DONE: &str = "the callers' keys were read again";
    let guard = Running::with(roomy([user(1)])).await;
    let authority = connect_guard::demo::certificates::Authority::new("another").unwrap();
    let tls = guard.stage.folder.join("tls");
    // Callers trust both authorities.
    let ca = format!("{}\n{}", guard.stage.ca, authority.pem());
    let help = Caller { ca, ..guard.caller("HelpDesk") };
    let stop = tokio_util::sync::CancellationToken::new();
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let (help, stop) = (help.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            let mut served = 0;
            while !stop.is_cancelled() {
                let answer =
                    help.send(&Request::describe_user(INSTANCE, &user(1).id)).await.expect("a handshake");
                assert_eq!(answer.status, 200);
                served += 1;
            }
            served
        }));
    }
    for round in 1..=10 {
        let issued = authority.issue(&["localhost", "127.0.0.1"]).unwrap();
        // The key and its certificate are two files: between them the pair is nobody's, and the one before is served.
        let key = tls.join(".key");
        fs::write(&key, issued.key.as_bytes()).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(&key, tls.join("guard.key")).unwrap();
        crate::running::put(&tls.join("guard.pem"), &issued.certificate);
        guard.signal(Signal::HUP).unwrap();
        until("the renewal", || async { (guard.log().matches(DONE).count() >= round).then_some(()) }).await;
    }
    stop.cancel();
    let mut served = 0;
    for task in tasks {
        served += task.await.expect("nobody failed");
    }
    assert!(served >= 3, "{served}");
    // And it is the new one that is served.
    let new = Caller { ca: authority.pem().to_owned(), ..guard.caller("HelpDesk") };
    assert_eq!(new.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
}
