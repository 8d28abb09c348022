//! Features that people wrote apart from one another, used together through the running binary: sessions, certificates,
//! the commands that read a ledger, signed policies, tickets, the relay, and credentials of a role.

mod audit;
mod certificates;
mod evidence;
mod named;
mod past;
mod relay;
mod session;
mod signed;
mod tickets;

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::Credential,
    process::Signal,
    stage::{INSTANCE, Setting},
    sts::Identity,
};
use serde_json::Value;

use crate::running::{Running, program, roomy, until, user};

/// What the desk may do, by the unique id of its role.
const POLICY: &str = include_str!("policy.toml");
/// Who is known to STS.
const DESK: &str = "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim";
/// The unique id of the role.
const DESK_ID: &str = "AROAEXAMPLEDESK000001";
/// With which credentials.
const OWN_ID: &str = "ASIAIOSFODNN7EXAMPLE";
const OWN_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const OWN_TOKEN: &str = "FwoGZXIvYXdzEJrOwnTokenEXAMPLE";

/// The desk with its session in AWS.
fn desk() -> Identity {
    let credential = Credential {
        access_key_id: OWN_ID.into(),
        secret: OWN_SECRET.into(),
        session_token: Some(OWN_TOKEN.into()),
    };
    Identity { credential, arn: DESK.into(), user_id: format!("{DESK_ID}:kim") }
}

/// A guard that gives sessions to the desk, with this policy and so many users.
fn vouched(policy: &str, users: usize) -> Setting {
    Setting {
        policy: vec![("policy.toml".into(), policy.into())],
        identities: vec![desk()],
        ..roomy((1..=users).map(user))
    }
}

/// The command as the desk runs it: with its credentials, and nothing else of this process' environment.
fn by_desk(guard: &Running, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command
        .args(words)
        .env_clear()
        .env("HOME", guard.stage.folder.join("home"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", OWN_ID)
        .env("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
        .env("AWS_SESSION_TOKEN", OWN_TOKEN);
    command
}

/// The same, of the guard's session listener.
fn at_sessions(guard: &Running, words: &[&str]) -> Command {
    let mut command = by_desk(guard, words);
    command
        .arg("--session-url")
        .arg(format!("https://localhost:{}", guard.sessions().unwrap().port()))
        .arg("--ca-file")
        .arg(guard.stage.folder.join("tls/ca.pem"))
        .args(["--audience", "guard.example.com"]);
    command
}

/// A command of whoever runs the guard, about its configuration.
fn by_operator(guard: &Running, words: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(words).arg("--config").arg(guard.stage.config()).env_clear();
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// What a command says that succeeds.
async fn said(command: Command) -> String {
    let output = run(command).await;
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// JSON documents, one a line.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A new session, by `connect-guard credentials`.
async fn session(guard: &Running) -> Caller {
    // Nothing that was kept of an earlier one.
    let home = guard.stage.folder.join("home");
    drop(fs::remove_dir_all(&home));
    fs::create_dir(&home).unwrap();
    session_of(guard, at_sessions(guard, &["credentials"])).await
}

/// The session that a command prints.
async fn session_of(guard: &Running, command: Command) -> Caller {
    let given: Value = serde_json::from_str(&said(command).await).unwrap();
    let part = |name: &str| given[name].as_str().unwrap().to_owned();
    Caller {
        key_id: part("AccessKeyId"),
        secret: part("SecretAccessKey"),
        token: Some(part("SessionToken")),
        ..guard.caller("IdentityDesk")
    }
}

/// Asks for a change of a user.
async fn change(caller: &Caller, number: usize, fields: &[(&str, &str)]) -> Answer {
    caller.send(&Request::update_identity(INSTANCE, &user(number).id, fields)).await.unwrap()
}

/// Asks for a look at a user.
async fn look(caller: &Caller, number: usize) -> Answer {
    caller.send(&Request::describe_user(INSTANCE, &user(number).id)).await.unwrap()
}

/// Looks at a user until the answer has this status.
async fn answered(caller: &Caller, number: usize, status: u16) -> Answer {
    until(&format!("an answer of {status}"), || async {
        Some(look(caller, number).await).filter(|answer| answer.status == status)
    })
    .await
}

/// The text of a file, amended.
fn amend(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{} has no `{from}`", path.display());
    crate::running::put(path, &text.replace(from, to));
}

/// Has the guard read its configuration again (SIGHUP), and waits until it has.
async fn reread(guard: &Running) {
    const DONE: &str = "the callers' keys were read again";
    let before = guard.log().matches(DONE).count();
    guard.signal(Signal::HUP).unwrap();
    until("the configuration", || async { (guard.log().matches(DONE).count() > before).then_some(()) }).await;
}
