//! How often: of a caller, of a source, of Connect, in memory; and how many changes, in the ledger.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Caller, Request},
    process::Signal,
    stage::{INSTANCE, Setting},
};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use crate::records::of_kind;
use crate::running::{Running, few_or_required, own_address, roomy, user};

/// A rate that is used up in a test, in place of the one that is never reached.
fn tight(which: &str, to: &str, users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    let lines = setting.more.lines().map(|line| if line.starts_with(which) { to } else { line });
    setting.more = lines.collect::<Vec<_>>().join("\n") + "\n";
    setting
}

fn read(number: usize) -> Request {
    Request::describe_user(INSTANCE, &user(number).id)
}

/// How many of so many reads are served; the others are throttled, and told when to come back.
async fn served(caller: &Caller, count: usize) -> usize {
    let mut served = 0;
    for _ in 0..count {
        let answer = caller.send(&read(1)).await.unwrap();
        match answer.status {
            200 => served += 1,
            429 => {
                assert_eq!(answer.error(), Some("ThrottlingException"));
                assert!(
                    answer.header("retry-after").is_some() && answer.header("x-amz-retry-after").is_some()
                );
            }
            other => panic!("{other} {}", answer.text()),
        }
    }
    served
}

/// Keys of one role are one caller: another key, or another session, has no rate of its own.
#[tokio::test(flavor = "multi_thread")]
async fn g1_keys_of_one_role_share_its_rate() {
    let mut setting = tight("caller ", "caller = { per_second = 0.01, burst = 10 }", 1);
    // Two keys of one role.
    setting.roles.push("Other".into());
    let guard = Running::amended(setting, |stage| {
        let text = std::fs::read_to_string(stage.config()).unwrap();
        std::fs::write(stage.config(), text.replace("role/Other\"", "role/HelpDesk\"")).unwrap();
        crate::running::program().into()
    })
    .await;
    let (one, other, desk) = (guard.caller("HelpDesk"), guard.caller("Other"), guard.caller("IdentityDesk"));
    let first = served(&one, 15).await;
    assert!((3..=11).contains(&first), "{first} {}", guard.log());
    assert!(served(&other, 5).await <= 1, "{}", guard.log());
    assert!(served(&desk, 2).await >= 1, "{}", guard.log());
}

/// Connect serves two a second of each operation. Three callers change addresses as fast as they may, and a program reads a
/// user every second besides: everybody is served or told when to come back, nobody gets a fault, and Connect refuses next
/// to nothing. A change takes two reads, and the program has what they leave.
#[tokio::test(flavor = "multi_thread")]
async fn changes_go_on_at_connects_own_rate_beside_a_program_that_polls() {
    const LASTS: Duration = Duration::from_secs(30);
    let mut setting = Setting::default();
    setting.connect.instances[0].users.extend((1..=200).map(user));
    let guard = Running::with(setting).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let (begun, next) = (Instant::now(), Arc::new(AtomicUsize::new(1)));
    let mut working = JoinSet::new();
    for _ in 0..3 {
        let (desk, next) = (desk.clone(), Arc::clone(&next));
        working.spawn(async move {
            let (mut made, mut told) = (0, 0);
            while begun.elapsed() < LASTS {
                let user = user(next.fetch_add(1, Ordering::SeqCst));
                let request = Request::update_identity(INSTANCE, &user.id, &[("Email", &own_address(&user))]);
                loop {
                    let answer = desk.send(&request).await.unwrap();
                    match answer.status {
                        200 => made += 1,
                        429 => {
                            told += 1;
                            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
                            tokio::time::sleep(Duration::from_secs(wait.min(5))).await;
                            if begun.elapsed() < LASTS {
                                continue;
                            }
                        }
                        other => panic!("{other} {}", answer.text()),
                    }
                    break;
                }
            }
            (made, told)
        });
    }
    let mut poll = tokio::time::interval(Duration::from_secs(1));
    while begun.elapsed() < LASTS {
        poll.tick().await;
        let answer = help.send(&read(1)).await.unwrap();
        assert!([200, 429].contains(&answer.status), "{} {}", answer.status, answer.text());
    }
    let (made, told) =
        working.join_all().await.into_iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
    let seconds = begun.elapsed().as_secs();
    // Two reads a change, of two a second less one.
    assert!(
        made * 10 >= usize::try_from(seconds).unwrap() * 4,
        "{made} changes in {seconds} s, {told} times told to wait {}",
        guard.log()
    );
    assert_eq!(guard.stage.connect.updates().len(), made, "each change is sent once");
}

/// Each refused change is a record on disk: of those a caller has a rate. Beyond it nothing of his that could be refused is
/// looked at, not even what he is allowed, so that nobody tries out unseen what would pass; his reads go on, and so do others.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_without_end_fills_no_ledger() {
    let guard = Running::with(tight("refusals", "refusals = { per_second = 0.01, burst = 5 }", 1)).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let change = |to: &str| Request::update_identity(INSTANCE, &user(1).id, &[("Email", to)]);
    let unknown = Request::new("POST", "/no-such-operation", b"{}");
    let malformed = Request::new("POST", &crate::running::identity_path(&user(1).id), b"{");
    let mut answered = Vec::new();
    for number in 0..40 {
        let request = match number % 4 {
            0 => &unknown,
            1 => &malformed,
            _ => &change(&format!("kim{number}@attacker.example")),
        };
        let answer = help.send(request).await.unwrap();
        if answer.status == 429 {
            assert_eq!(answer.error(), Some("ThrottlingException"));
            assert!(answer.header("retry-after").is_some(), "{}", answer.text());
        }
        answered.push(answer.status);
    }
    let limited = answered.iter().filter(|status| **status == 429).count();
    assert!((33..=35).contains(&limited), "{answered:?} {}", guard.log());
    assert!(answered.iter().rev().take(20).all(|status| *status == 429), "{answered:?}");
    assert_eq!(served(&help, 2).await, 2, "{}", guard.log());
    assert_eq!(desk.send(&change(&own_address(&user(1)))).await.unwrap().status, 200, "{}", guard.log());
    let records = guard.records().await;
    assert_eq!(of_kind(&records, "refusal").len(), 40 - limited);
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

/// Tagging a queue is a write, though tagging a user is a change: nothing of its refusals is sealed, told or charged to the rate
/// of refused changes.
#[tokio::test(flavor = "multi_thread")]
async fn who_tags_a_queue_in_vain_is_refused_a_write() {
    let guard = Running::with(tight("refusals", "refusals = { per_second = 0.01, burst = 5 }", 1)).await;
    let help = guard.caller("HelpDesk");
    let tags = |what: &str| {
        let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}/{what}");
        let path = format!("/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"));
        Request::new("POST", &path, br#"{"tags":{"team":"north"}}"#)
    };
    for _ in 0..10 {
        assert_eq!(help.send(&tags("queue/q-1")).await.unwrap().status, 403, "{}", guard.log());
    }
    assert_eq!(
        help.send(&tags(&format!("agent/{}", user(1).id))).await.unwrap().status,
        403,
        "{}",
        guard.log()
    );
    let records = guard.recorded(|records| of_kind(records, "refusal").len() == 11).await;
    for (class, sealed, count) in [("write", false, 10), ("sensitive", true, 1)] {
        let refusals = of_kind(&records, "refusal");
        let such = refusals
            .iter()
            .filter(|refusal| refusal["class"] == class && refusal.get("inputs").is_some() == sealed);
        assert_eq!(such.count(), count, "{class}: {records:?}");
    }
}

/// Whoever only claims to be somebody uses up nothing of his.
#[tokio::test(flavor = "multi_thread")]
async fn g2_claims_charge_nobody_else() {
    let guard = Running::with(tight("caller ", "caller = { per_second = 0.01, burst = 10 }", 1)).await;
    let help = guard.caller("HelpDesk");
    let liar = Caller { secret: "x".repeat(40), ..help.clone() };
    for _ in 0..40 {
        assert_eq!(liar.send(&read(1)).await.unwrap().status, 403);
    }
    assert!(served(&help, 5).await >= 3, "{}", guard.log());
}

/// Proofs that fail are charged to their source before anything is computed of them: the guard asks nobody and remembers no key.
#[tokio::test(flavor = "multi_thread")]
async fn o7_strangers_are_turned_away_before_anything_is_done() {
    let guard = Running::with(tight("failures", "failures = { per_second = 0.01, burst = 5 }", 1)).await;
    let help = guard.caller("HelpDesk");
    let mut statuses = Vec::new();
    for number in 0..20 {
        let stranger = Caller { key_id: format!("GK{number:0>18}").replace('0', "A"), ..help.clone() };
        statuses.push(stranger.send(&read(1)).await.unwrap().status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 5, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429));
    assert!(guard.stage.connect.requests().is_empty());
    // Somebody who is known is heard.
    assert_eq!(help.send(&read(1)).await.unwrap().status, 200, "{}", guard.log());
}

/// A head that no key could make right tries nothing of a secret: it is charged apart, to its source, so that a relay's key is not
/// shut out by what its applications ask for, nor others at its address. And it tells nobody which keys are known.
#[tokio::test(flavor = "multi_thread")]
async fn heads_that_no_key_makes_right_shut_out_nobody() {
    let guard = Running::with(tight("failures", "failures = { per_second = 0.01, burst = 5 }", 1)).await;
    let help = guard.caller("HelpDesk");
    let stranger = Caller { key_id: "GKAAAAAAAAAAAAAAAAAA".into(), ..help.clone() };
    let mut noted = read(1);
    noted.unsigned.push(("x-guard-ticket".into(), "SEC-1".into()));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(help.send(&noted).await.unwrap().status);
        statuses.push(stranger.send(&noted).await.unwrap().status);
    }
    assert_eq!(statuses, [[403; 5].as_slice(), &[429; 7]].concat());
    assert_eq!(help.send(&read(1)).await.unwrap().status, 200, "{}", guard.log());
    // Proofs of secrets have lost nothing by it, and are bounded as they were.
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(stranger.send(&read(1)).await.unwrap().status);
    }
    assert_eq!(statuses, [[403; 5].as_slice(), &[429; 3]].concat(), "{}", guard.log());
    assert_eq!(help.send(&read(1)).await.unwrap().status, 200, "{}", guard.log());
}

/// Thousands of keys that nobody has: memory does not follow.
#[tokio::test(flavor = "multi_thread")]
async fn g3_a_flood_of_keys_is_bounded() {
    let keys = few_or_required(6_000, 1_000_000);
    let guard = Running::with(roomy([user(1)])).await;
    let help = guard.caller("HelpDesk");
    assert_eq!(help.send(&read(1)).await.unwrap().status, 200);
    let mut tasks = Vec::new();
    let before = resident(&guard);
    for part in 0..4 {
        let help = help.clone();
        tasks.push(tokio::spawn(async move {
            let mut connection = help.connect().await.unwrap();
            let now = help.now();
            for number in (part..keys).step_by(4) {
                let stranger = Caller { key_id: format!("GK{}", letters(number)), ..help.clone() };
                connection.write(&stranger.sign(&read(1), now).unwrap()).await.unwrap();
                assert_eq!(connection.read().await.unwrap().status, 403);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let grown = resident(&guard).saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    assert_eq!(help.send(&read(1)).await.unwrap().status, 200, "{}", guard.log());
    assert_eq!(guard.stage.connect.requests().len(), 2);
}

/// A number as 18 letters and digits of a key.
fn letters(mut number: usize) -> String {
    let mut out = vec![b'A'; 18];
    for place in &mut out {
        *place = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[number % 32];
        number /= 32;
    }
    String::from_utf8(out).unwrap()
}

/// Memory of a guard, in KiB.
pub fn resident(guard: &Running) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", guard.id().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// A quota is counted over intents: the end of the guard gives nothing back.
#[tokio::test(flavor = "multi_thread")]
async fn g6_a_restart_gives_nothing_back() {
    let mut setting = roomy([user(1)]);
    let policy = &mut setting.policy[0].1;
    let rule = "email_from = \"{username}@example.com\"";
    assert!(policy.contains(rule));
    *policy =
        policy.replacen(rule, &format!("{rule}\nquota = {{ changes = 1, per = \"24h\", of = \"user\" }}"), 1);
    let mut guard = Running::with(setting).await;
    let change = |to: &str| Request::update_identity(INSTANCE, &user(1).id, &[("LastName", to)]);
    assert_eq!(
        guard.caller("IdentityDesk").send(&change("First")).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
    for crash in [false, true] {
        if crash {
            guard.crash().await;
        }
        let answer = guard.caller("IdentityDesk").send(&change("Second")).await.unwrap();
        assert_eq!(
            (answer.status, answer.error()),
            (429, Some("ThrottlingException")),
            "{} {}",
            answer.text(),
            guard.log()
        );
    }
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

/// Time that the guard did not see gives it no burst: it is stopped for a while, and has what the rate gives, no more.
#[tokio::test(flavor = "multi_thread")]
async fn g7_time_that_is_not_seen_gives_no_burst() {
    let guard = Running::with(tight("caller ", "caller = { per_second = 0.5, burst = 5 }", 1)).await;
    let help = guard.caller("HelpDesk");
    served(&help, 12).await;
    guard.signal(Signal::STOP).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    guard.signal(Signal::CONT).unwrap();
    let begun = Instant::now();
    let again = served(&help, 6).await;
    let most = 3 + usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(again <= most.min(5), "{again} of {most}");
}

/// Behind a balancer: a stranger who changes his address within his network is the stranger he was.
#[tokio::test(flavor = "multi_thread")]
async fn g9_addresses_of_one_network_are_one_source() {
    let mut setting = tight("failures", "failures = { per_second = 0.01, burst = 5 }", 1);
    setting.gateway = "proxy_protocol = { from = [\"127.0.0.0/8\"] }".into();
    let guard = Running::with(setting).await;
    let help = guard.caller("HelpDesk");
    let stranger = Caller { key_id: "GKAAAAAAAAAAAAAAAAAA".into(), ..help.clone() };
    let mut statuses = Vec::new();
    for number in 0..12 {
        statuses.push(from(&stranger, &format!("2001:db8:1:2::{number:x}"), &read(1)).await);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 403).count(), 5, "{statuses:?} {}", guard.log());
    assert_eq!(statuses.last(), Some(&429));
    // Another network is another source.
    assert_eq!(from(&stranger, "2001:db8:1:3::1", &read(1)).await, 403);
    assert_eq!(from(&help, "2001:db8:1:2::1", &read(1)).await, 200, "{}", guard.log());
}

/// The status of the answer to somebody whom a balancer says to be at this address.
async fn from(caller: &Caller, source: &str, request: &Request) -> u16 {
    let source: std::net::Ipv6Addr = source.parse().unwrap();
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
    header.extend(source.octets());
    header.extend(source.octets());
    header.extend([0x12, 0x34, 0x01, 0xbb]);
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(caller.ca.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = TcpStream::connect(caller.address).await.unwrap();
    tcp.write_all(&header).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    let mut request = request.clone();
    request.unsigned.push(("connection".into(), "close".into()));
    stream.write_all(&caller.sign(&request, caller.now()).unwrap()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}
