//! The program as people and service managers meet it: its words, its exit codes, how it starts and how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what goes wrong here fails the test")]

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::Request,
    connect::Fault,
    stage::{INSTANCE, Setting, Stage},
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::running::{LIMIT, Running, program};

const MARY: &str = "87654321-2222-1234-1234-111234567891";

/// Every command, as transcripts.
#[test]
fn transcripts() {
    trycmd::TestCases::new().register_bin("connect-guard", Path::new(program())).case("tests/cli/*.trycmd");
}

/// What the README shows is what the transcripts are.
#[test]
fn the_readme_shows_the_transcripts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for name in ["config-broken", "policy-broken"] {
        let text = fs::read_to_string(root.join(format!("tests/cli/{name}.trycmd"))).unwrap();
        let first = text.split("$ connect-guard").nth(1).unwrap();
        let said: Vec<&str> = first.lines().skip(2).collect();
        let said = said.join("\n");
        assert!(!said.trim().is_empty() && readme.contains(said.trim()), "the README does not show {name}");
    }
}

/// The result of a command is all that is on standard output.
#[test]
fn json_is_data_and_its_summary_is_not() {
    let root = env!("CARGO_MANIFEST_DIR");
    let output = Command::new(program())
        .args(["policy", "check", "policies", "--format", "json"])
        .current_dir(root)
        .output()
        .unwrap();
    let (code, data, words) = said(&output);
    assert_eq!((code, data.as_str()), (Some(0), "[]\n"));
    assert!(words.starts_with("the policy holds: "), "{words}");
}

#[test]
fn an_issued_secret_is_alone_on_standard_output() {
    let issue = ["caller", "issue", "--principal", "arn:aws:iam::111122223333:role/IdentityDesk"];
    let issued = || said(&Command::new(program()).args(issue).output().unwrap());
    let (code, secret, words) = issued();
    assert_eq!((code, secret.trim_end().len()), (Some(0), 43));
    assert!(!words.contains(secret.trim_end()));
    let lines: toml::Table = toml::from_str(words.split_once("\n\n").unwrap().1).unwrap();
    assert_eq!(lines["caller"][0]["principal"].as_str(), Some(issue[3]));
    assert_ne!(issued().1, secret);
}

async fn stage(setting: Setting) -> (Stage, TempDir) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    (Stage::set(setting, folder.path()).await.unwrap(), folder)
}

fn command(arguments: &[&str], stage: &Stage) -> Command {
    let mut command = Command::new(program());
    command
        .args(arguments)
        .arg("--config")
        .arg(stage.config())
        .env_clear()
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str], stage: &Stage) -> Output {
    command(arguments, stage).output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A guard whose words are read line by line.
struct Serving {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

impl Serving {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines, seen: Vec::new() }
    }

    /// The next line that has this in it.
    fn line(&mut self, part: &str) -> String {
        loop {
            let line =
                self.lines.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("no {part} in {:#?}", self.seen));
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    fn tell(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// How it ended, and everything it said.
    fn end(mut self) -> (ExitStatus, Vec<String>) {
        let until = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end: {:#?}", self.seen);
            thread::sleep(Duration::from_millis(10));
        };
        self.seen.extend(self.lines.iter());
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_holds() {
    let (stage, _folder) = stage(Setting::default()).await;
    let (code, data, words) = said(&run(&["config", "check"], &stage));
    assert_eq!(
        (code, data.as_str(), words.as_str()),
        (Some(0), "", "the configuration, its secrets and the policy hold\n")
    );
    let (code, data, _) = said(&run(&["config", "check", "--format", "json"], &stage));
    assert_eq!((code, data.as_str()), (Some(0), "[]\n"));
    let named = command(&["config", "check"], &stage).output().unwrap();
    assert!(named.status.success());
    let by_environment = Command::new(program())
        .args(["config", "check"])
        .env("CONNECT_GUARD_CONFIG", stage.config())
        .output()
        .unwrap();
    assert_eq!(by_environment.status.code(), Some(0));
}

/// Secrets, certificates and the policy are looked at too, all in one run.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_configuration_refers_to_is_checked() {
    let (stage, folder) = stage(Setting::default()).await;
    let public = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(folder.path().join("secrets/seal"), public).unwrap();
    fs::remove_file(folder.path().join("secrets/mail")).unwrap();
    fs::write(folder.path().join("tls/guard.pem"), "no certificate").unwrap();
    fs::write(folder.path().join("policies/more.toml"), "version = 2\n").unwrap();
    let (code, data, words) = said(&run(&["config", "check", "--format", "plain"], &stage));
    assert_eq!((code, data.as_str()), (Some(3), ""), "{words}");
    for part in [
        "secrets/seal`: others may read or write it",
        "secrets/mail`: No such file",
        "policies/more.toml:1:",
        "config.toml:4:15: error: ",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f11_a_broken_policy_at_start_ends_with_3_and_no_open_port() {
    // The port is taken: whoever tried to listen would fail otherwise.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let policy = vec![("policy.toml".into(), "version = 1\n\n[[allow]]\nid = \"x\"\n".into())];
    let (stage, folder) =
        stage(Setting { policy, listen: taken.local_addr().unwrap(), ..Setting::default() }).await;
    let (code, data, words) = said(&run(&["serve"], &stage));
    assert_eq!((code, data.as_str()), (Some(3), ""), "{words}");
    assert!(words.contains("policies/policy.toml:3"), "{words}");
    assert!(!folder.path().join("ledger.db").exists(), "nothing outside is touched");
}

#[tokio::test(flavor = "multi_thread")]
async fn f10_a_policy_that_anybody_may_write_is_not_served() {
    let (stage, folder) = stage(Setting::default()).await;
    let public = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    fs::set_permissions(folder.path().join("policies/policy.toml"), public).unwrap();
    let (code, _, words) = said(&run(&["serve"], &stage));
    assert_eq!(code, Some(3), "{words}");
    assert!(words.contains("policy.toml`: anybody may write it (mode 0666)"), "{words}");
    assert!(words.contains("hint: take the right away"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_ends_with_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let (stage, _folder) = stage(Setting { listen: address, ..Setting::default() }).await;
    let (code, data, words) = said(&run(&["serve"], &stage));
    assert_eq!((code, data.as_str()), (Some(1), ""), "{words}");
    assert!(words.contains(&format!("error: cannot listen on {address}")), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn g5_a_ledger_that_another_process_has_ends_with_1() {
    let guard = Running::start().await;
    let (code, data, words) = said(&run(&["serve"], &guard.stage));
    assert_eq!((code, data.as_str()), (Some(1), ""), "{words}");
    assert!(words.contains("error: the ledger cannot be opened: another process has the store"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn told_once_it_ends_in_good_order() {
    let (stage, _folder) = stage(Setting::default()).await;
    let mut serving = Serving::start(command(&["serve"], &stage));
    serving.line("listening");
    serving.tell(Signal::INT);
    let (status, lines) = serving.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let (code, _, _) = said(&run(&["audit", "verify"], &stage));
    assert_eq!(code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn told_twice_it_ends_at_once() {
    let (stage, _folder) = stage(Setting::default()).await;
    stage.connect.fail_all("DescribeUser", Fault::Hang);
    let mut serving = Serving::start(command(&["serve"], &stage));
    let address = address_of(&serving.line("listening"));
    let caller = stage.caller("HelpDesk", address).unwrap();
    let hanging = tokio::spawn(async move { caller.send(&Request::describe_user(INSTANCE, MARY)).await });
    stage.connect.wait_for(1, "DescribeUser").await;
    serving.tell(Signal::TERM);
    serving.line("stopping");
    let begun = Instant::now();
    serving.tell(Signal::TERM);
    let (status, lines) = serving.end();
    // No signal ended it, so no core was dumped.
    assert_eq!(status.code(), Some(1), "{lines:#?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(lines.iter().any(|line| line.contains("told to stop twice")), "{lines:#?}");
    hanging.abort();
}

/// Whatever ends it, its memory is left nowhere.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn k4_no_core_is_dumped() {
    use std::os::unix::process::ExitStatusExt;
    let (_stage, folder) = stage(Setting::default()).await;
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "ulimit -c unlimited; exec \"$0\" serve --config config.toml", program()])
        .current_dir(folder.path())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE");
    let mut serving = Serving::start(shell);
    serving.line("listening");
    serving.tell(Signal::ABORT);
    let (status, lines) = serving.end();
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false), "{lines:#?}");
}

/// Health asks over TLS as well, and trusts the listener's own certificate and no other.
#[tokio::test(flavor = "multi_thread")]
async fn health_asks_the_status_listener_of_this_machine() {
    // Below the ports that the system gives to whoever asks for any, so that nobody else gets them meanwhile.
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    let mut free =
        (first..).filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()?.local_addr().ok());
    let (plain, secured) = (free.next().unwrap(), free.next().unwrap());
    let more = format!(
        "[[listen]]\nkind = \"status\"\naddress = \"{secured}\"\ncertificate = \"tls/guard.pem\"\n\
         key_file = \"tls/guard.key\"\n\n[[listen]]\nkind = \"status\"\naddress = \"{plain}\"\n"
    );
    let (stage, folder) = stage(Setting { more, ..Setting::default() }).await;
    let (code, data, words) = said(&run(&["health"], &stage));
    assert_eq!((code, words.as_str()), (Some(1), ""), "nothing runs yet: {data}");
    assert!(data.starts_with(&format!("status: {secured}: no connection: ")), "{data}");
    let mut serving = Serving::start(command(&["serve"], &stage));
    serving.line("listening");
    let (code, data, words) = said(&run(&["health"], &stage));
    assert_eq!((code, data.as_str(), words.as_str()), (Some(0), "live\n", ""));
    let (code, data, _) = said(&run(&["health", "--ready"], &stage));
    assert_eq!((code, data.as_str()), (Some(0), "ready\n"));
    let (code, data, _) = said(&run(&["health", "--ready", "--format", "json"], &stage));
    assert_eq!((code, data.as_str()), (Some(0), "{\"ok\":true,\"reasons\":[]}\n"));
    let url = format!("http://{plain}");
    let by_url = Command::new(program()).args(["health", "--url", &url]).output().unwrap();
    assert_eq!(said(&by_url).0, Some(0));
    // Another certificate than the one that is served is no answer.
    let ca = fs::read(folder.path().join("tls/ca.pem")).unwrap();
    fs::write(folder.path().join("tls/guard.pem"), ca).unwrap();
    let (code, data, _) = said(&run(&["health"], &stage));
    assert_eq!(code, Some(1), "{data}");
    assert!(data.contains("no TLS with the listener's own certificate"), "{data}");
    serving.tell(Signal::TERM);
    assert_eq!(serving.end().0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_tested_step_by_step() {
    let (stage, folder) = stage(Setting::default()).await;
    let test = ["notify", "test", "--channel", "mail:kim@example.com"];
    let (code, data, words) = said(&run(&test, &stage));
    assert_eq!(code, Some(0), "{data}{words}");
    let steps: Vec<&str> = data.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(steps, ["ok     reached, with TLS and credentials", "ok     put into words", "ok     taken"]);
    assert_eq!(stage.mailbox.letters().len(), 1);
    assert!(!folder.path().join("ledger.db").exists(), "nothing is recorded");
    fs::write(folder.path().join("secrets/mail"), "another password").unwrap();
    let (code, data, words) = said(&run(&test, &stage));
    assert_eq!(code, Some(1), "{data}{words}");
    assert!(data.starts_with("FAILED reached, with TLS and credentials: "), "{data}");
    assert!(words.contains("hint: look at [mail]"), "{words}");
    let (code, data, _) = said(&run(&[&test[..], &["--format", "json"]].concat(), &stage));
    let report: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, &report["ok"]), (Some(1), &false.into()), "{report}");
    let (code, _, words) = said(&run(&["notify", "test", "--channel", "hook:siem"], &stage));
    assert_eq!((code, words.contains("no webhook is called `siem`")), (Some(2), true), "{words}");
}

/// Beside a running guard, and without one; addresses for whoever asks for them only.
#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_shown_to_operators() {
    let mut guard = Running::start().await;
    let desk = guard.caller("IdentityDesk");
    let change = Request::update_identity(INSTANCE, MARY, &[("Email", "mary@example.com")]);
    assert_eq!(desk.send(&change).await.unwrap().status, 200, "{}", guard.log());
    let (code, data, words) = said(&run(&["notify", "list", "--format", "plain"], &guard.stage));
    assert_eq!(code, Some(0), "{data}{words}");
    assert!(data.lines().count() >= 2 && data.contains(" address-changed mail attempts="), "{data}");
    assert!(!data.contains('@'), "{data}");
    let (_, data, _) = said(&run(&["notify", "list", "--reveal", "--format", "json"], &guard.stage));
    let listed: Vec<serde_json::Value> = serde_json::from_str(&data).unwrap();
    assert!(listed.iter().any(|listed| listed["recipient"] == "security@example.com"), "{data}");
    let id = listed[0]["id"].to_string();
    let (code, data, words) = said(&run(&["notify", "show", &id], &guard.stage));
    assert_eq!(code, Some(0), "{words}");
    assert!(!data.contains('@') && words.contains("--reveal"), "{data}{words}");
    let (_, data, _) = said(&run(&["notify", "show", &id, "--reveal"], &guard.stage));
    assert!(data.contains("\nSubject: ") && data.contains('@'), "{data}");
    // Who looked at which is on record, and nothing of it where nothing was shown.
    let (_, data, _) = said(&run(&["audit", "show", "--kind", "reveal", "--format", "json"], &guard.stage));
    let looks: Vec<serde_json::Value> =
        data.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let filters: Vec<_> = looks.iter().map(|look| &look["record"]["reveal"]["filter"]).collect();
    assert_eq!(filters, ["notify list limit=100", &*format!("notify show {id}")], "{data}");
    let on = &listed[0]["record"];
    let named = format!("{}/{}", on["chain"].as_str().unwrap(), on["seq"]);
    for look in &looks {
        let records = look["record"]["reveal"]["records"].as_array().unwrap();
        assert!(records.contains(&named.as_str().into()), "{look}");
    }
    let (code, _, words) = said(&run(&["notify", "show", "4711"], &guard.stage));
    assert_eq!((code, words.lines().next()), (Some(1), Some("error: there is no delivery 4711")));
    assert!(guard.process.stop().await.unwrap().success());
    let (code, data, _) = said(&run(&["notify", "list", "--state", "dead"], &guard.stage));
    assert_eq!((code, data.as_str()), (Some(0), ""));
    let (code, data, _) = said(&run(&["notify", "retry", "--dead"], &guard.stage));
    assert_eq!((code, data.as_str()), (Some(0), "0 due now\n"));
    let (code, _, words) = said(&run(&["notify", "retry", "4711"], &guard.stage));
    assert_eq!(code, Some(1), "{words}");
}

fn address_of(line: &str) -> SocketAddr {
    let (_, address) = line.split_once("address=").unwrap();
    address.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_says_where_and_in_which_form() {
    let (stage, _folder) = stage(Setting { listen: ([127, 0, 0, 1], 1).into(), ..Setting::default() }).await;
    let mut command = command(&["serve"], &stage);
    command.env("CONNECT_GUARD_LISTEN", "127.0.0.1:0").env("CONNECT_GUARD_LOG_FORMAT", "json");
    let mut serving = Serving::start(command);
    let line: serde_json::Value = serde_json::from_str(&serving.line("listening")).unwrap();
    let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
    let caller = stage.caller("HelpDesk", address).unwrap();
    let answer = caller.send(&Request::describe_user(INSTANCE, MARY)).await.unwrap();
    assert_eq!(answer.status, 200);
    let request = answer.header("x-amzn-requestid").unwrap().to_owned();
    drop(TcpStream::connect(address).unwrap());
    serving.tell(Signal::TERM);
    let (status, lines) = serving.end();
    assert_eq!(status.code(), Some(0), "{lines:#?}");
    let lines: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let of_it: Vec<_> = lines.iter().filter(|line| line["request"] == request.as_str()).collect();
    assert_eq!(of_it.len(), 1, "one line a request: {lines:#?}");
    assert_eq!(of_it[0]["level"], "INFO");
}

#[tokio::test(flavor = "multi_thread")]
async fn i3_a_ledger_that_was_changed_ends_with_5() {
    let mut guard = Running::start().await;
    let desk = guard.caller("IdentityDesk");
    let change = Request::update_identity(INSTANCE, MARY, &[("Email", "mary@example.com")]);
    assert_eq!(desk.send(&change).await.unwrap().status, 200, "{}", guard.log());
    assert!(guard.process.stop().await.unwrap().success());
    let (code, data, words) = said(&run(&["audit", "verify"], &guard.stage));
    assert_eq!((code, words.as_str()), (Some(0), ""));
    assert!(data.contains(" records verified, 0 changes open\nchain guard: head "), "{data}");
    let nothing = guard.stage.folder.join("nothing.jsonl");
    fs::write(&nothing, "").unwrap();
    let (code, _, words) =
        said(&run(&["audit", "verify", "--heads", nothing.to_str().unwrap()], &guard.stage));
    assert!(code == Some(1) && words.contains("says nothing"), "{words}");
    let ledger = guard.stage.folder.join("ledger.db");
    let mut bytes = fs::read(&ledger).unwrap();
    let (from, to) = (b"UpdateUserIdentityInfo", b"UpdateUserIdentityInf0");
    let mut at = 0;
    let mut changed = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        at += found;
        bytes[at..at + to.len()].copy_from_slice(to);
        changed += 1;
    }
    assert!(changed > 0);
    fs::write(&ledger, bytes).unwrap();
    let (code, _, words) = said(&run(&["audit", "verify"], &guard.stage));
    assert_eq!(code, Some(5), "{words}");
    assert!(words.starts_with("error: chain guard, record "), "{words}");
    let (code, data, words) = said(&run(&["audit", "verify", "--format", "json"], &guard.stage));
    let report: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!((code, words.as_str()), (Some(5), ""));
    assert_eq!(report["faults"][0]["chain"], "guard");
}
