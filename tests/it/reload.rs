//! The policy directory, written while the guard serves.

use std::fs;

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    stage::INSTANCE,
};
use tokio::time::{Duration, Instant, sleep};

use crate::running::{self, LIMIT, Running, put};

const MARY: &str = "87654321-2222-1234-1234-111234567891";

/// Sends until the answer is this one.
async fn until(caller: &Caller, fields: &[(&str, &str)], status: u16) -> Answer {
    let begun = Instant::now();
    loop {
        let answer = caller.send(&Request::update_identity(INSTANCE, MARY, fields)).await.unwrap();
        if answer.status == status || begun.elapsed() > LIMIT {
            assert_eq!(answer.status, status, "{}", answer.text());
            return answer;
        }
        sleep(Duration::from_millis(300)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_or_denied_holds_without_a_restart_and_whatever_else_is_broken() {
    let guard = Running::start().await;
    let desk = guard.caller("IdentityDesk");
    let policies = guard.stage.folder.join("policies");
    until(&desk, &[("FirstName", "Maria")], 200).await;

    // A rule file that is broken keeps the rules in force.
    let rules = fs::read_to_string(policies.join("policy.toml")).unwrap();
    fs::write(policies.join("policy.toml"), format!("{rules}\n[[alow]]\n")).unwrap();
    let kept = async || guard.log().contains("the rules in force are kept").then_some(());
    running::until("the old policy", kept).await;
    until(&desk, &[("FirstName", "Mary")], 200).await;

    // And yet a denial holds at once.
    let denial = "version = 1\n[[deny]]\nid = \"stop\"\nreason = \"a test\"\n";
    put(&policies.join("deny.d/stop.toml"), denial);
    let refused = until(&desk, &[("FirstName", "Maria")], 403).await;
    assert_eq!(refused.error(), Some("AccessDeniedException"));
    let named = async || guard.log().contains("stop (deny.d/stop.toml:2)").then_some(());
    running::until("the rule in the log", named).await;
    fs::remove_file(policies.join("deny.d/stop.toml")).unwrap();
    until(&desk, &[("FirstName", "Maria")], 200).await;

    // So does a revocation; and mended rules come into force.
    let revoked = format!("version = 1\n[[revoked]]\nkey_id = \"{}\"\nreason = \"a test\"\n", desk.key_id);
    put(&policies.join("revoked.toml"), &revoked);
    until(&desk, &[("FirstName", "Mary")], 403).await;
    fs::remove_file(policies.join("revoked.toml")).unwrap();
    put(
        &policies.join("policy.toml"),
        &rules.replace("\"FirstName\", \"LastName\", \"Email\"", "\"LastName\", \"Email\""),
    );
    until(&desk, &[("FirstName", "Mariam")], 403).await;
    until(&desk, &[("LastName", "Roe")], 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_holds_on_when_its_file_is_broken() {
    let guard = Running::start().await;
    let help = guard.caller("HelpDesk");
    let revoked = guard.stage.folder.join("policies/revoked.toml");
    let entry = format!("version = 1\n[[revoked]]\nkey_id = \"{}\"\nreason = \"a test\"\n", help.key_id);
    put(&revoked, &entry);
    let look = Request::describe_user(INSTANCE, MARY);
    let refused = async || (help.send(&look).await.unwrap().status == 403).then_some(());
    running::until("the revocation", refused).await;
    fs::write(&revoked, format!("{entry}[[revoked]]\nkeyid = \"GK\"\n")).unwrap();
    let frozen = async || guard.log().contains("revoked.toml` is broken").then_some(());
    running::until("the broken file", frozen).await;
    assert_eq!(help.send(&look).await.unwrap().status, 403, "{}", guard.log());
}
