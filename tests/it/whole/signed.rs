//! Signed policies under a running guard: what is not signed and what is older is not taken, not even by the next start.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use connect_guard::demo::{caller::Caller, process::Signal};
use tokio::time::timeout;

use super::{by_operator, change, said, text, vouched};
use crate::{
    records::of_kind,
    running::{LIMIT, Running, event, program, put, rewrite, until},
};

const RULES: &str = include_str!("policy.toml");

/// The rules of an epoch: who may set first names by key, and nothing else.
fn rules(epoch: u32, field: &str) -> String {
    RULES
        .replace("version = 1", &format!("version = 1\nepoch = {epoch}"))
        .replace("unique_ids = [\"AROAEXAMPLEDESK000001\"]\n", "")
        .replace("email_from = \"{username}@example.com\"\n", "")
        .replace("\"FirstName\", \"LastName\", \"Email\"", &format!("\"{field}\""))
}

/// Signs what is in a policy directory with OpenSSH's own tool.
fn sign(folder: &std::path::Path) {
    let policies = folder.join("policies");
    let manifest = Command::new(program()).args(["policy", "manifest"]).arg(&policies).output().unwrap();
    assert!(manifest.status.success(), "{}", text(&manifest.stderr));
    fs::write(folder.join("manifest"), manifest.stdout).unwrap();
    drop(fs::remove_file(folder.join("manifest.sig")));
    keygen(folder, &["-Y", "sign", "-n", "connect-guard-policy", "-f", "signer", "manifest"]);
    put(&policies.join("policy.sig"), &fs::read_to_string(folder.join("manifest.sig")).unwrap());
}

fn keygen(folder: &std::path::Path, words: &[&str]) {
    let mut command = Command::new("ssh-keygen");
    command.arg("-q").args(words).current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    assert!(command.status().expect("ssh-keygen of OpenSSH is needed").success());
}

/// Asks for a value of its own until the answer has this status.
async fn until_changed(desk: &Caller, field: &str, status: u16) {
    let asked = std::cell::Cell::new(0);
    until(&format!("{status} for {field}"), || async {
        asked.set(asked.get() + 1);
        let answer = change(desk, 1, &[(field, &format!("Name{}", asked.get()))]).await;
        (answer.status == status).then_some(())
    })
    .await;
}

async fn said_in_log(guard: &Running, words: &str) {
    until(&format!("`{words}` in the log"), || async { guard.log().contains(words).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f13_a_policy_is_taken_when_it_is_signed_and_newer_and_at_no_other_time() {
    let setting = vouched(&rules(1, "FirstName"), 1);
    let mut guard = Running::amended(setting, |stage| {
        rewrite(stage, "directory = \"policies\"", "directory = \"policies\"\nsigners = \"allowed_signers\"");
        keygen(&stage.folder, &["-t", "ed25519", "-N", "", "-C", "", "-f", "signer"]);
        let key = fs::read_to_string(stage.folder.join("signer.pub")).unwrap();
        let line = format!("security@example.com namespaces=\"connect-guard-policy\" {key}");
        fs::write(stage.folder.join("allowed_signers"), line).unwrap();
        sign(&stage.folder);
        PathBuf::from(program())
    })
    .await;
    let policies = guard.stage.folder.join("policies");
    let first = ["policy.toml", "policy.sig"].map(|name| fs::read_to_string(policies.join(name)).unwrap());
    let desk = guard.caller("IdentityDesk");
    until_changed(&desk, "FirstName", 200).await;

    // Not signed: the old rules go on, and people hear of it.
    put(&policies.join("policy.toml"), &rules(2, "LastName"));
    guard.signal(Signal::HUP).unwrap();
    said_in_log(&guard, "the policy directory is at fault: the rules in force are kept").await;
    until_changed(&desk, "LastName", 403).await;
    until_changed(&desk, "FirstName", 200).await;
    until("the letter", || async {
        guard.stage.mailbox.letters().iter().any(|letter| event(letter) == "policy-failed").then_some(())
    })
    .await;

    // Signed, it comes into force.
    sign(&guard.stage.folder);
    guard.signal(Signal::HUP).unwrap();
    until_changed(&desk, "LastName", 200).await;
    until_changed(&desk, "FirstName", 403).await;

    // The first one was signed well, and is older.
    let put_back = || {
        for (name, text) in ["policy.toml", "policy.sig"].iter().zip(&first) {
            put(&policies.join(name), text);
        }
    };
    put_back();
    guard.signal(Signal::HUP).unwrap();
    said_in_log(&guard, "epoch").await;
    until_changed(&desk, "LastName", 200).await;
    assert_eq!(change(&desk, 1, &[("FirstName", "Older")]).await.status, 403);

    // Nor does a start take it.
    assert!(guard.process.stop().await.unwrap().success());
    let mut serve = tokio::process::Command::from(by_operator(&guard, &["serve"]));
    serve.envs([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "SECRETEXAMPLE")]);
    let ended = timeout(LIMIT, serve.kill_on_drop(true).output()).await.expect("it serves").unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    assert!(text(&ended.stderr).contains("its epoch is lower than 2"), "{}", text(&ended.stderr));
    assert!(!text(&ended.stderr).contains("listening"), "{}", text(&ended.stderr));

    // The newer one it does.
    put(&policies.join("policy.toml"), &rules(3, "FirstName"));
    sign(&guard.stage.folder);
    guard.process.restart(&guard.stage).await.unwrap();
    let desk = guard.caller("IdentityDesk");
    assert_eq!(change(&desk, 1, &[("FirstName", "Newer")]).await.status, 200);
    let records = guard.records().await;
    assert!(!of_kind(&records, "policy").is_empty());
    assert!(said(by_operator(&guard, &["audit", "show", "--kind", "policy"])).await.contains("policy"));
}
