//! `credentials`, `freeze` and `unfreeze`, run as people and SDKs run them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    guard as started,
    guard::{AUDIENCE, Guard, secret_of},
    is_signed,
    sidecar::{OWN_ID, OWN_SECRET, OWN_TOKEN, command, configuration},
};

/// The command with the session listener's place and credentials in the environment.
fn own(guard: &Guard, words: &[&str]) -> Command {
    let mut command = command(&guard.folder);
    command
        .args(words)
        .arg("--session-url")
        .arg(format!("https://localhost:{}", guard.session.port()))
        .arg("--ca-file")
        .arg(guard.folder.join("ca.pem"))
        .args(["--audience", AUDIENCE])
        .env("AWS_ACCESS_KEY_ID", OWN_ID)
        .env("AWS_SECRET_ACCESS_KEY", OWN_SECRET)
        .env("AWS_SESSION_TOKEN", OWN_TOKEN);
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn document(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn started_guard() -> (TempDir, Guard) {
    started().await
}

#[tokio::test]
async fn credentials_prints_what_sdks_read_and_nothing_else() {
    let (folder, guard) = started_guard().await;
    let first = run(own(&guard, &["credentials"])).await;
    let session = document(&first);
    assert_eq!(text(&first.stdout).lines().count(), 1);
    assert_eq!(text(&first.stderr), "");
    let id = session["AccessKeyId"].as_str().unwrap();
    assert_eq!(session["Version"], 1);
    assert_eq!(session["SecretAccessKey"], secret_of(id));
    assert_eq!(session["SessionToken"], format!("token-of-{id}"));
    assert!(session["Expiration"].as_str().unwrap().ends_with('Z'));
    assert_eq!(session.as_object().unwrap().len(), 5);

    // The proof is what the guard says it must be, and nothing more.
    let asked = guard.asked();
    let lines: Vec<&str> = asked.iter().map(super::guard::Received::line).collect();
    assert_eq!(lines, ["POST /v1/nonce HTTP/1.1", "POST /v1/session/sts HTTP/1.1"]);
    let proof = asked[1].json();
    assert_eq!(proof["accessKeyId"], OWN_ID);
    assert_eq!(proof["securityToken"], OWN_TOKEN);
    assert_eq!((&proof["nonce"], &proof["region"]), (&"k1.AbC".into(), &"us-east-1".into()));
    assert!(!guard.saw(OWN_SECRET));

    // The next run asks nobody, and what is kept is for its owner alone.
    assert_eq!(document(&run(own(&guard, &["credentials"])).await), session);
    assert_eq!(guard.sessions(), 1);
    let kept = folder.path().join(".cache/connect-guard");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o700);
    let files: Vec<_> = fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o077, 0, "{file:?}");
    }

    // Under another identity it is not used.
    let mut other = own(&guard, &["credentials"]);
    other.env("AWS_ACCESS_KEY_ID", "ASIAI44QH8DHBEXAMPLE");
    assert_ne!(document(&run(other).await), session);

    // Readable by others, it is not used either.
    let file = files.iter().find(|file| file.extension().unwrap() == "json").unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    let again = run(own(&guard, &["credentials"])).await;
    assert_ne!(document(&again), session);
    assert!(text(&again.stderr).contains("is not yours alone"), "{}", text(&again.stderr));
}

#[tokio::test]
async fn credentials_that_are_not_had_are_explained() {
    let (_folder, guard) = started_guard().await;
    let failed = async |command: Command| {
        let output = run(command).await;
        assert!(output.stdout.is_empty() && output.status.code() == Some(1), "{output:?}");
        text(&output.stderr)
    };
    guard.refuses(Some((403, "nobody that this guard knows")));
    let said = failed(own(&guard, &["credentials"])).await;
    assert!(said.contains("403 AccessDeniedException: nobody that this guard knows"), "{said}");
    assert!(said.contains("hint: "), "{said}");
    guard.refuses(None);

    // Another guard's audience: nothing is signed for it.
    let before = guard.asked().len();
    guard.says("other.example.com");
    let said = failed(own(&guard, &["credentials"])).await;
    assert!(said.contains("`other.example.com`, not `guard.example.com`"), "{said}");
    assert_eq!(guard.asked().len(), before + 1, "more than the nonce was asked for");
    guard.says(AUDIENCE);

    let mut redirected = own(&guard, &["credentials", "--profile", "desk"]);
    redirected.env("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    assert!(failed(redirected).await.contains("`AWS_ENDPOINT_URL` is set"));

    fs::remove_file(guard.folder.join("ca.pem")).unwrap();
    assert!(failed(own(&guard, &["credentials"])).await.contains("ca.pem"));
    let usage = own(&guard, &["credentials", "--web-identity-token-file", "x"]);
    assert_eq!(run(usage).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_profile_that_calls_itself_ends() {
    let (folder, guard) = started_guard().await;
    // Here the inner run waits for the outer one, and the outer one for the inner one: the clock of neither is waited
    // for, only the outer's patience with its own credentials.
    let url = format!("https://localhost:{}", guard.session.port());
    let line = format!(
        "{} credentials --profile circle --session-url {url} --audience {AUDIENCE}",
        crate::running::program()
    );
    fs::create_dir(folder.path().join(".aws")).unwrap();
    let config = format!("[profile circle]\ncredential_process = {line}\n");
    fs::write(folder.path().join(".aws/config"), config).unwrap();
    let mut words = line.split(' ');
    let mut outer = command(&guard.folder);
    assert_eq!(words.next(), outer.get_program().to_str());
    outer.args(words);
    let output = run(outer).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no aws credentials"), "{}", text(&output.stderr));
    assert_eq!(guard.asked().len(), 0);
}

#[tokio::test]
async fn freezes_are_asked_for_with_a_session_or_a_key() {
    let (_folder, guard) = started_guard().await;
    let output = run(own(&guard, &["freeze", "--all", "--reason", "a desk was taken over"])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "frozen: all, freeze FZ1\n");
    let asked = guard.asked().pop().unwrap();
    assert_eq!(asked.line(), "POST /v1/freeze HTTP/1.1");
    assert_eq!(asked.json(), serde_json::json!({"scope": "all", "reason": "a desk was taken over"}));
    assert!(asked.key_id().starts_with("GS") && is_signed(&asked));
    assert!(!guard.saw(OWN_SECRET));

    let key = "GKABCDEFGHIJKLMNOPQR";
    let file = guard.folder.join("key");
    fs::write(&file, secret_of(key)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let caller = "arn:aws:iam::111122223333:role/Desk";
    let words = ["freeze", "--caller", caller, "--reason", "r", "--format", "json", "--key-id", key];
    let mut with_key = own(&guard, &words);
    with_key.arg("--secret-file").arg(&file);
    assert_eq!(document(&run(with_key).await), serde_json::json!({"id": "FZ1"}));
    let asked = guard.asked().pop().unwrap();
    assert_eq!(asked.json()["scope"], format!("caller:{caller}"));
    assert!(asked.key_id() == key && is_signed(&asked));
    assert_eq!(asked.field("x-amz-security-token"), None);

    // A key in the environment signs by itself.
    let before = guard.sessions();
    let mut in_environment = own(&guard, &["unfreeze", "FZ1", "--reason", "a drill", "--format", "plain"]);
    in_environment.env("AWS_ACCESS_KEY_ID", key).env("AWS_SECRET_ACCESS_KEY", secret_of(key));
    in_environment.env_remove("AWS_SESSION_TOKEN");
    assert_eq!(text(&run(in_environment).await.stdout), "FZ1\n");
    assert_eq!(guard.sessions(), before);
    assert_eq!(guard.asked().pop().unwrap().json(), serde_json::json!({"id": "FZ1", "reason": "a drill"}));

    let listed = text(&run(own(&guard, &["freeze", "--list"])).await.stdout);
    assert!(listed.starts_with("FZ1  all\n") && listed.contains("a drill"), "{listed}");
    guard.refuses(Some((403, "no")));
    let mut refused =
        own(&guard, &["freeze", "--instance", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "--reason", "r"]);
    refused.env("AWS_ACCESS_KEY_ID", key);
    assert_eq!(run(refused).await.status.code(), Some(4));
    for words in [
        &["freeze", "--reason", "r"][..],
        &["freeze", "--all", "--list"],
        &["freeze", "--all"],
        &["freeze", "--all", "--reason", " "],
        &["freeze", "--caller", "somebody", "--reason", "r"],
        &["unfreeze", "--reason", "r"],
    ] {
        assert_eq!(run(own(&guard, words)).await.status.code(), Some(2), "{words:?}");
    }
}

#[tokio::test]
async fn every_fault_of_a_relays_file_is_told_at_once() {
    let (folder, guard) = started_guard().await;
    let path = folder.path().join("relay.toml");
    let said = async |text: &str| {
        fs::write(&path, text).unwrap();
        let mut command = command(&guard.folder);
        command.args(["relay", "--format", "plain", "--config"]).arg(&path);
        let output = run(command).await;
        assert_eq!(output.status.code(), Some(3), "{output:?}");
        String::from_utf8(output.stderr).unwrap().replace(folder.path().to_str().unwrap(), "")
    };
    let broken = "[listen]\naddress = \"0.0.0.0:8080\"\n[relay]\ngateway = \"http://guard.example.com\"\n\
        session = \"https://guard.example.com/path\"\nregion = \"nowhere\"\nproof = \"st\"\nlabel = \"x\"\n";
    let all = said(broken).await;
    for (place, what) in [
        ("relay.toml:2:11", "plain HTTP"),
        ("relay.toml:4:11", "`http://guard.example.com` is no listener of a guard"),
        ("relay.toml:5:11", "is no listener of a guard"),
        ("relay.toml:6:10", "`nowhere` is no Region"),
        ("relay.toml:7:9", "no proof is called `st`"),
    ] {
        assert!(all.lines().any(|line| line.contains(place) && line.contains(what)), "{place} {what}: {all}");
    }
    let fine = configuration(&guard, "address = \"127.0.0.1:0\"", "");
    for (from, to, what) in [
        ("proof = \"sts\"", "proof = \"web-identity\"", "no `token_file`"),
        ("proof = \"sts\"", "proof = \"certificate\"", "none is given"),
        ("proof = \"sts\"", "proof = \"sts\"\nrole = \"r\"", "`role` is of the proof `web-identity`"),
        ("proof = \"sts\"", "proof = \"sts\"\ncertificate = \"c\"", "go together"),
        ("proof = \"sts\"", "proof = \"sts\"\nsecret = \"s3cret\"", "unknown key `secret`"),
        (
            "address = \"127.0.0.1:0\"\n[status]",
            "address = \"127.0.0.1:0\"\nsocket = \"s\"\n[status]",
            "one of",
        ),
        ("address = \"127.0.0.1:0\"\n[status]", "socket = \"s\"\nmode = \"999\"\n[status]", "no mode"),
    ] {
        assert!(fine.contains(from), "{from}");
        let all = said(&fine.replacen(from, to, 1)).await;
        assert!(all.contains(what), "{what}: {all}");
        assert!(!all.contains("s3cret"), "{all}");
    }
}
