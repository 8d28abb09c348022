//! Records streamed to a SIEM by the running binary: in order, whole, at least once, whatever becomes of the receiver, of the
//! guard and of what is between them; and changes that wait for it, where it is required.

mod receiver;

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    certificates::Authority,
    process::Signal,
    stage::{INSTANCE, Setting},
};
use serde_json::Value;

use self::receiver::{Manner, Receiver};
use crate::{
    records::of_kind,
    running::{Running, program, roomy, until, user},
    status::{metrics, watched},
};

/// A guard that streams to a receiver which has a certificate by this authority.
struct Bench {
    authority: Authority,
    siem: Receiver,
}

impl Bench {
    fn new() -> Self {
        Self { authority: Authority::new("SIEM").unwrap(), siem: Receiver::new() }
    }

    fn start(&mut self, manner: Manner) {
        self.siem.start(&self.authority, "localhost", manner);
    }

    fn setting(&self, more: &str) -> Setting {
        self.with(roomy((1..=3).map(user)), more)
    }

    fn with(&self, setting: Setting, more: &str) -> Setting {
        let port = self.siem.address.port();
        let stream = format!(
            "\n[[stream]]\nname = \"siem\"\nkind = \"syslog\"\naddress = \"localhost:{port}\"\nca_file = \"siem-ca.pem\"\n{more}\n"
        );
        watched(Setting { more: setting.more + &stream, ..setting })
    }

    async fn run(&self, setting: Setting) -> Running {
        let ca = self.authority.pem().to_owned();
        Running::amended(setting, |stage| {
            fs::write(stage.folder.join("siem-ca.pem"), ca).unwrap();
            program().into()
        })
        .await
    }
}

/// Changes a name.
async fn change(desk: &Caller, number: usize, name: &str) -> Answer {
    let id = user(number).id;
    desk.send(&Request::update_identity(INSTANCE, &id, &[("FirstName", name)])).await.unwrap()
}

/// The numbers of the records of the guard's own chain, in the order in which they came.
fn numbers(lines: &[Value]) -> Vec<u64> {
    let own = lines.iter().filter(|line| line["chain"] == "guard");
    own.map(|line| line["seq"].as_u64().unwrap()).collect()
}

/// Whether every record from one to another came.
fn has_all(lines: &[Value], last: u64) -> bool {
    let seen: BTreeSet<u64> = numbers(lines).into_iter().collect();
    (1..=last).all(|number| seen.contains(&number))
}

/// Nothing is left out, and what comes again comes in order: a number follows the one before, or goes back.
fn assert_ordered(lines: &[Value]) {
    let numbers = numbers(lines);
    let mut highest = 0;
    for pair in numbers.windows(2) {
        highest = highest.max(pair[0]);
        assert!(pair[1] == pair[0] + 1 || pair[1] <= highest, "{numbers:?}");
    }
}

async fn last(guard: &Running) -> u64 {
    guard.records().await.last().unwrap().seq()
}

/// Waits until the chain rests, and every record of it has come.
async fn all_came(guard: &Running, siem: &Receiver) -> Vec<Value> {
    until("every record", || async {
        let last = last(guard).await;
        let lines = siem.lines();
        has_all(&lines, last).then_some(lines)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_in_order_in_the_form_of_the_rfcs_as_an_export_has_them() {
    let mut bench = Bench::new();
    bench.start(Manner::Syslog);
    // What names a rule in records holds what would part a message where lines are messages.
    let mut setting = bench.setting("facility = \"audit\"");
    let hostile = "p\u{f6}l\ni\r\u{7f}c\u{1b}y \u{1f510}.toml";
    for (name, _) in &mut setting.policy {
        if name == "policy.toml" {
            *name = hostile.to_owned();
        }
    }
    let guard = bench.run(setting).await;
    let help = guard.caller("HelpDesk");
    for name in ["One", "Tw\u{f6}", "\u{1f510}"] {
        assert_eq!(change(&help, 1, name).await.status, 200, "{}", guard.log());
        let taken = Request::update_identity(INSTANCE, &user(1).id, &[("Email", "taken@example.com")]);
        assert_eq!(help.send(&taken).await.unwrap().status, 403);
    }
    let lines = all_came(&guard, &bench.siem).await;
    let came = numbers(&lines);
    assert_eq!(came, (1..=came.len() as u64).collect::<Vec<_>>(), "each once, in order");

    // As an export has them, byte by byte, and nothing of anybody in clear.
    let to = guard.stage.folder.join("export.jsonl");
    let exported = Command::new(program())
        .args(["audit", "export", "--store", &guard.stage.ledger(), "--to", to.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let export = fs::read_to_string(to).unwrap();
    // Between what an export says of itself, first and last. What is mailed meanwhile is on record after it.
    let mut records: Vec<&str> = export.lines().skip(1).collect();
    records.pop();
    assert!(records.len() >= lines.len(), "{} of {} exported", records.len(), lines.len());
    let mut kinds = BTreeSet::new();
    for (message, exported) in bench.siem.messages().iter().zip(records) {
        let (head, line) = message.split_once('\u{feff}').unwrap();
        assert_eq!(line, exported);
        assert!(!message.bytes().any(|octet| octet < b' '), "{message:?}");
        let parts: Vec<&str> = head.split(' ').collect();
        let [priority, time, host, app, process, kind, data, ""] = parts[..] else { panic!("{head}") };
        let record: Value = serde_json::from_str(line).unwrap();
        assert_eq!((app, data, kind), ("connect-guard", "-", record["record"]["kind"].as_str().unwrap()));
        assert_eq!(time, record["record"]["at"].as_str().unwrap());
        assert_eq!(process.parse::<i32>().ok(), guard.id());
        assert!(!host.is_empty());
        let severity = match kind {
            "refusal" | "strangers" => 4,
            "intent" | "outcome" => 5,
            _ => 6,
        };
        assert_eq!(priority, format!("<{}>1", 13 * 8 + severity), "{kind}");
        kinds.insert(kind.to_owned());
    }
    for kind in ["start", "intent", "outcome", "refusal", "delivery"] {
        assert!(kinds.contains(kind), "{kinds:?}");
    }
    let all = bench.siem.messages().concat();
    assert!(all.contains("p\u{f6}l"), "the hostile name is in a record");
    for secret in ["@example.com", "@example.org", "Given1", "Tw\u{f6}"] {
        assert!(!all.contains(secret), "{secret}");
    }
    let caught_up = || async {
        let lag = metrics(&guard, "connect_guard_stream_lag_records").await;
        lag.iter().any(|line| line.ends_with("{stream=\"siem\"} 0.0")).then_some(())
    };
    until("no lag", caught_up).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_was_away_gets_everything_and_nothing_waits_for_it() {
    let mut bench = Bench::new();
    let guard = bench.run(bench.setting("timeout = \"500ms\"")).await;
    let help = guard.caller("HelpDesk");
    assert_eq!(change(&help, 1, "Before").await.status, 200, "{}", guard.log());
    bench.start(Manner::Syslog);
    assert_ordered(&all_came(&guard, &bench.siem).await);
    for round in 0..3 {
        bench.siem.stop().await;
        let begun = Instant::now();
        assert_eq!(change(&help, 1, &format!("Away{round}")).await.status, 200);
        assert!(begun.elapsed() < Duration::from_secs(10));
        bench.start(Manner::Syslog);
        assert_eq!(change(&help, 1, &format!("Back{round}")).await.status, 200);
        assert_ordered(&all_came(&guard, &bench.siem).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_the_receiver_gets_nothing() {
    let mut bench = Bench::new();
    let stranger = Authority::new("stranger").unwrap();
    bench.siem.start(&stranger, "localhost", Manner::Syslog);
    let guard = bench.run(bench.setting("")).await;
    let help = guard.caller("HelpDesk");
    assert_eq!(change(&help, 1, "One").await.status, 200);
    let tried = || async { (bench.siem.connections.load(Ordering::Relaxed) > 1).then_some(()) };
    until("two tries", tried).await;
    assert!(!metrics(&guard, "connect_guard_stream_failing_since").await.is_empty());
    bench.siem.stop().await;
    // Another name, by the right authority.
    let before = bench.siem.connections.load(Ordering::Relaxed);
    bench.siem.start(&bench.authority, "siem.example.com", Manner::Syslog);
    let tried = || async { (bench.siem.connections.load(Ordering::Relaxed) > before).then_some(()) };
    until("a try", tried).await;
    bench.siem.stop().await;
    assert_eq!(bench.siem.messages(), Vec::<String>::new());
    assert!(guard.log().contains("tls failed"), "{}", guard.log());
    bench.start(Manner::Syslog);
    assert_ordered(&all_came(&guard, &bench.siem).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_waits_for_a_required_stream_and_is_not_sent_without_it() {
    let mut bench = Bench::new();
    bench.start(Manner::Silent);
    let guard = bench.run(bench.setting("required = true\ntimeout = \"1s\"")).await;
    let help = guard.caller("HelpDesk");
    let begun = Instant::now();
    let answer = change(&help, 1, "One").await;
    assert_eq!(
        (answer.status, answer.error()),
        (503, Some("ServiceUnavailableException")),
        "{}",
        guard.log()
    );
    assert!(
        (Duration::from_secs(1)..Duration::from_secs(20)).contains(&begun.elapsed()),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(guard.stage.connect.updates().len(), 0, "nothing is sent");
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    assert_eq!(of_kind(&records, "outcome")[0].text("/sent"), "not-sent");
    let counted = metrics(&guard, "connect_guard_requests_total").await;
    assert!(
        counted.iter().any(|line| line.contains("code=\"unstreamed\"") && line.ends_with(" 1")),
        "{counted:?}"
    );

    // Once it is there, the record of an intent comes before its change is sent.
    bench.siem.stop().await;
    bench.start(Manner::Syslog);
    until("a change", || async { (change(&help, 1, "Two").await.status == 200).then_some(()) }).await;
    let intents: Vec<u64> =
        of_kind(&guard.records().await, "intent").iter().map(|intent| intent.seq()).collect();
    assert!(numbers(&bench.siem.lines()).contains(intents.last().unwrap()));
    assert_ordered(&all_came(&guard, &bench.siem).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_reads_holds_up_required_changes_only() {
    let mut bench = Bench::new();
    bench.start(Manner::Mute);
    let guard = bench.run(bench.setting("timeout = \"1s\"")).await;
    let help = guard.caller("HelpDesk");
    // More than every buffer between the two holds.
    for _ in 0..600 {
        assert_eq!(help.send(&Request::describe_user(INSTANCE, &user(1).id)).await.unwrap().status, 200);
    }
    let lags = || async {
        let lag = metrics(&guard, "connect_guard_stream_lag_records").await;
        let lag = lag.iter().find_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        lag.filter(|lag| *lag > 0.0)
    };
    until("a lag", lags).await;
    let begun = Instant::now();
    assert_eq!(change(&help, 1, "One").await.status, 200, "{}", guard.log());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // The same, required from now on.
    crate::running::rewrite(&guard.stage, "timeout = \"1s\"", "timeout = \"1s\"\nrequired = true");
    guard.signal(Signal::HUP).unwrap();
    let waits = || async { (change(&help, 1, "Two").await.status == 503).then_some(()) };
    until("a change that is not sent", waits).await;
    bench.siem.stop().await;
    bench.start(Manner::Syslog);
    assert_ordered(&all_came(&guard, &bench.siem).await);
    until("a change", || async { (change(&help, 1, "Three").await.status == 200).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_brought_is_brought_after_a_kill() {
    let mut bench = Bench::new();
    bench.start(Manner::Syslog);
    let mut guard = bench.run(bench.setting("")).await;
    for round in 0..3 {
        let help = guard.caller("HelpDesk");
        assert_eq!(change(&help, 1, &format!("One{round}")).await.status, 200);
        if round == 1 {
            bench.siem.stop().await;
        }
        assert_eq!(change(&help, 1, &format!("Two{round}")).await.status, 200);
        guard.crash().await;
        if round == 1 {
            bench.start(Manner::Syslog);
        }
    }
    let lines = all_came(&guard, &bench.siem).await;
    assert_ordered(&lines);
    let starts = lines.iter().filter(|line| line["record"]["kind"] == "start");
    let starts: BTreeSet<u64> = starts.map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(starts.len(), 4);
    // And after an end in order.
    let before = last(&guard).await;
    guard.process.stop().await.unwrap();
    guard.process.restart(&guard.stage).await.unwrap();
    assert!(last(&guard).await > before);
    assert_ordered(&all_came(&guard, &bench.siem).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_gets_lines_once_it_takes_them_and_a_reload_moves_a_stream() {
    let mut bench = Bench::new();
    bench.start(Manner::Webhook(2));
    let setting = roomy((1..=3).map(user));
    let port = bench.siem.address.port();
    let stream = format!(
        "\n[[stream]]\nname = \"lines\"\nkind = \"webhook\"\nurl = \"https://localhost:{port}/in\"\nca_file = \"siem-ca.pem\"\n\
         private = [\"127.0.0.0/8\"]\nsecret_file = \"secrets/stream\"\nrequired = true\ntimeout = \"20s\"\nkinds = [\"intent\", \"outcome\"]\n"
    );
    let ca = bench.authority.pem().to_owned();
    let guard = Running::amended(watched(Setting { more: setting.more + &stream, ..setting }), |stage| {
        fs::write(stage.folder.join("siem-ca.pem"), ca).unwrap();
        let secret = stage.folder.join("secrets/stream");
        fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        fs::set_permissions(secret, fs::Permissions::from_mode(0o600)).unwrap();
        program().into()
    })
    .await;
    let help = guard.caller("HelpDesk");
    assert_eq!(change(&help, 1, "One").await.status, 200, "{}", guard.log());
    let lines = bench.siem.once("an intent and its outcome", |lines| lines.len() == 2).await;
    let kinds: Vec<_> = lines.iter().map(|line| line["record"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["intent", "outcome"]);
    for head in bench.siem.heads.lock().unwrap().iter() {
        assert!(head.starts_with("POST /in HTTP/1.1\r\n"), "{head}");
        for name in
            ["content-type: application/x-ndjson", "webhook-id: records-guard-", "webhook-signature: v1,"]
        {
            assert!(head.contains(name), "{name}: {head}");
        }
    }

    // Somewhere else, and one more that waits for the next start.
    let mut other = Receiver::new();
    other.start(&bench.authority, "localhost", Manner::Webhook(0));
    let text = fs::read_to_string(guard.stage.config()).unwrap();
    let moved =
        text.replace(&format!("localhost:{port}/in"), &format!("localhost:{}/in", other.address.port()));
    let new = stream.replace("\"lines\"", "\"more\"");
    fs::write(guard.stage.config(), format!("{moved}{new}")).unwrap();
    guard.signal(Signal::HUP).unwrap();
    let failed = || async {
        let failed = metrics(&guard, "connect_guard_renewal_failed").await;
        failed.iter().any(|line| line.contains("stream:more")).then_some(())
    };
    until("what waits for a start", failed).await;
    assert_eq!(change(&help, 1, "Two").await.status, 200, "{}", guard.log());
    let lines = other.once("an intent and its outcome", |lines| lines.len() >= 2).await;
    assert!(lines.iter().all(|line| line["chain"] == "guard"));
    assert_eq!(bench.siem.lines().len(), 2, "nothing more where it was");
}
