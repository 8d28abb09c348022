//! The relay before a guard: an application signs with whatever it has, and the guard knows whose relay it is.

use connect_guard::demo::stage::{INSTANCE, Setting};
use serde_json::Value;

use super::{POLICY, at_sessions, by_operator, run, said, text, vouched};
use crate::{
    records::of_kind,
    relay::sidecar::{Sidecar, request},
    running::{Running, own_address, user},
};

const RIGHTS: &str = r#"
[freeze]
may_freeze   = ["arn:aws:iam::111122223333:role/HelpDesk"]
may_unfreeze = ["arn:aws:iam::111122223333:role/IdentityDesk"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_change_through_the_relay_is_of_the_relays_own_role_until_it_is_frozen() {
    let setting = vouched(POLICY, 2);
    let more = format!("{}{RIGHTS}", setting.more);
    let mut guard = Running::with(Setting { more, ..setting }).await;
    let relay = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[status]\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [relay]\ngateway = \"https://localhost:{}\"\nsession = \"https://localhost:{}\"\n\
         ca_file = \"tls/ca.pem\"\naudience = \"guard.example.com\"\nregion = \"us-east-1\"\nproof = \"sts\"\n",
        guard.address.port(),
        guard.sessions().unwrap().port(),
    );
    let relay = Sidecar::configured(&guard.stage.folder, &relay).await;
    relay.once_ready().await;
    let change = |number: usize, invocation: &str| {
        let one = user(number);
        let body = serde_json::json!({ "IdentityInfo": { "Email": own_address(&one) } }).to_string();
        let path = format!("/users/{INSTANCE}/{}/identity-info", one.id);
        request("POST", &path, &body, "")
            .replace("eu-central-1", "us-east-1")
            .replace("1f2e3d4c-0000-4000-8000-000000000001", invocation)
    };
    let answer = relay.send(&change(1, "1f2e3d4c-0000-4000-8000-000000000001")).await;
    assert_eq!(answer.status, 200, "{answer:?} {} {}", relay.log(), guard.log());
    assert_eq!(guard.stage.connect.user(&user(1).id).unwrap().email, own_address(&user(1)));
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let intent = of_kind(&records, "intent")[0];
    assert_eq!(intent.text("/caller/principal"), super::DESK);
    let proof = intent.text("/caller/proof");
    assert!(proof.starts_with("session:GS") && proof.ends_with(" sts"), "{proof}");

    // Somebody with a key of the guard's own freezes changes; not whoever has a session of another role.
    let key = guard.caller("HelpDesk").key_id;
    let secret = guard.stage.folder.join("secrets").join(&key);
    let freeze = |words: &[&str]| {
        let mut command = at_sessions(&guard, words);
        command.args(["--key-id", &key, "--secret-file"]).arg(&secret);
        command
    };
    said(freeze(&["freeze", "--all", "--reason", "a phished desk"])).await;
    let refused = relay.send(&change(2, "1f2e3d4c-0000-4000-8000-000000000002")).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(refused.field("x-amzn-errortype"), Some("AccessDeniedException"));
    let listed = said(freeze(&["--format", "json", "freeze", "--list"])).await;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let id = listed[0]["id"].as_str().unwrap();
    assert_eq!(listed[0]["scope"], "all", "{listed}");

    // By AWS credentials that STS knows the desk lifts it, which whoever froze may not.
    let own = run(freeze(&["unfreeze", id, "--reason", "again"])).await;
    assert_eq!(own.status.code(), Some(4), "{}", text(&own.stderr));
    std::fs::create_dir_all(guard.stage.folder.join("home")).unwrap();
    said(at_sessions(&guard, &["unfreeze", id, "--reason", "the desk is itself again"])).await;
    let answer = relay.send(&change(2, "1f2e3d4c-0000-4000-8000-000000000003")).await;
    assert_eq!(answer.status, 200, "{answer:?} {}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 2);
    for sent in guard.stage.connect.requests() {
        let whole = sent.lines.join("\n");
        assert!(!whole.contains("AKIAI44QH8DHBEXAMPLE") && !whole.contains("AppToken"), "{whole}");
    }

    // The session that lifted the freeze was used as well as the relay's.
    assert!(guard.process.stop().await.unwrap().success());
    let all = said(by_operator(&guard, &["--format", "json", "caller", "sessions"])).await;
    let all: Value = serde_json::from_str(&all).unwrap();
    let used = |one: &Value| one["used"].is_string();
    assert!(all.as_array().unwrap().iter().all(used), "{all}");
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

/// What one application asks for costs no other one its answers: not the relay's session, not what may fail under its key, and
/// not what may fail at its address, where the next session is had.
#[tokio::test(flavor = "multi_thread")]
async fn one_application_shuts_out_no_other_behind_a_relay() {
    let setting = vouched(POLICY, 1);
    let wide = "failures = { per_second = 100000.0, burst = 100000 }";
    assert!(setting.more.contains(wide));
    let more = setting.more.replace(wide, "failures = { per_second = 0.01, burst = 5 }");
    let guard = Running::with(Setting { more, ..setting }).await;
    let text = format!(
        "[listen]\naddress = \"127.0.0.1:0\"\n[status]\naddress = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [relay]\ngateway = \"https://localhost:{}\"\nsession = \"https://localhost:{}\"\n\
         ca_file = \"tls/ca.pem\"\naudience = \"guard.example.com\"\nregion = \"us-east-1\"\nproof = \"sts\"\n",
        guard.address.port(),
        guard.sessions().unwrap().port(),
    );
    let relay = Sidecar::configured(&guard.stage.folder, &text).await;
    relay.once_ready().await;
    let one = user(1);
    let body = serde_json::json!({ "IdentityInfo": { "Email": own_address(&one) } }).to_string();
    let path = format!("/users/{INSTANCE}/{}/identity-info", one.id);
    let change = |query: &str, region: &str, more: &str| {
        request("POST", &format!("{path}{query}"), &body, more).replace("eu-central-1", region)
    };
    let good = change("", "us-east-1", "");
    assert_eq!(relay.send(&good).await.status, 200, "{} {}", relay.log(), guard.log());
    for (what, bad, error) in [
        ("note", change("", "us-east-1", "x-guard-ticket: a b\r\n"), "InvalidRequestException"),
        ("query", change("?X-Amz-Signature=a", "us-east-1", ""), "InvalidSignatureException"),
    ] {
        for _ in 0..12 {
            let answer = relay.send(&bad).await;
            assert_eq!(answer.field("x-amzn-errortype"), Some(error), "{what} {answer:?}");
        }
        assert_eq!(relay.send(&good).await.status, 200, "{what} {} {}", relay.log(), guard.log());
    }
    // Which Regions are served the gateway alone knows: it is asked, and whoever asks too often waits alone.
    let mut answered = Vec::new();
    for _ in 0..12 {
        let answer = relay.send(&change("", "eu-west-1", "")).await;
        if answer.status == 403 {
            assert_eq!(answer.field("x-amzn-errortype"), Some("InvalidSignatureException"));
            assert!(answer.body.contains("Region"), "{answer:?}");
        }
        answered.push(answer.status);
        assert_eq!(relay.send(&good).await.status, 200, "{} {}", relay.log(), guard.log());
    }
    assert_eq!(answered, [[403; 5].as_slice(), &[429; 7]].concat());
    let had = relay.lines().into_iter().filter(|line| line["message"] == "a session was had");
    assert_eq!(had.count(), 1, "{}", relay.log());
    let another = Sidecar::configured(&guard.stage.folder, &text).await;
    another.once_ready().await;
    assert_eq!(another.send(&good).await.status, 200, "{} {}", another.log(), guard.log());
}
