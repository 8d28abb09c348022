//! Sessions for AWS credentials: had by the command, used at the gateway, listed, revoked, and outliving the guard.

use std::{fs, os::unix::fs::PermissionsExt};

use connect_guard::demo::caller::Caller;
use serde_json::Value;

use super::{POLICY, amend, answered, by_operator, change, look, reread, said, session, vouched};
use crate::{
    records::of_kind,
    running::{Running, own_address, put, user},
};

/// What `caller sessions` says of this one.
async fn listed(guard: &Running, held: &Caller) -> Value {
    let all = said(by_operator(guard, &["--format", "json", "caller", "sessions"])).await;
    let all: Value = serde_json::from_str(&all).unwrap();
    let mut of = all.as_array().unwrap().iter().filter(|one| one["id"] == held.key_id.as_str());
    let one = of.next().cloned().unwrap_or_else(|| panic!("no {} in {all}", held.key_id));
    assert!(of.next().is_none());
    one
}

/// The same session, at the guard where it listens now.
fn again(guard: &Running, held: &Caller) -> Caller {
    Caller { address: guard.address, ..held.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_session_changes_an_address_and_is_on_record_and_listed() {
    let mut guard = Running::with(vouched(POLICY, 2)).await;
    let desk = session(&guard).await;
    assert!(desk.key_id.starts_with("GS"), "{}", desk.key_id);
    assert_eq!(listed(&guard, &desk).await["used"], Value::Null);

    // The rule is about the role's unique id, which a key of the guard's own cannot prove.
    let own = own_address(&user(1));
    let by_key = change(&guard.caller("IdentityDesk"), 1, &[("Email", &own)]).await;
    assert_eq!((by_key.status, by_key.error()), (403, Some("AccessDeniedException")));
    let answer = change(&desk, 1, &[("Email", &own)]).await;
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    assert_eq!(guard.stage.connect.user(&user(1).id).unwrap().email, own);

    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let proof = format!("session:{} sts", desk.key_id);
    let intent = of_kind(&records, "intent")[0];
    assert_eq!(intent.text("/caller/proof"), proof);
    assert_eq!(intent.text("/caller/principal"), super::DESK);
    assert_eq!(intent.text("/caller/unique_id"), super::DESK_ID);
    let issued = of_kind(&records, "session");
    assert_eq!(issued.len(), 1);
    assert_eq!((issued[0].text("/session/id"), issued[0].text("/caller/proof")), (&*desk.key_id, "sts"));
    assert!(guard.log().contains(&format!("session:{}:sts", desk.key_id)), "{}", guard.log());
    for secret in [desk.token.as_deref().unwrap(), &desk.secret, super::OWN_SECRET, super::OWN_TOKEN] {
        assert!(!guard.log().contains(secret), "a secret is in the log");
    }

    // A token that somebody has touched is nobody's.
    let mut touched: Vec<char> = desk.token.as_deref().unwrap().chars().collect();
    let middle = touched.len() / 2;
    touched[middle] = if touched[middle] == 'A' { 'B' } else { 'A' };
    let touched = touched.into_iter().collect();
    let refused = look(&Caller { token: Some(touched), ..desk.clone() }, 1).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let refused = look(&Caller { secret: super::OWN_SECRET.into(), ..desk.clone() }, 1).await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert_eq!(look(&desk, 1).await.status, 200);

    // The session is good after a restart; when it was used last is on disk with the end of the guard.
    assert!(guard.process.stop().await.unwrap().success());
    let one = listed(&guard, &desk).await;
    assert_eq!(one["principal"], super::DESK, "{one}");
    assert_eq!((&one["voucher"], &one["active"]), (&"sts".into(), &true.into()), "{one}");
    assert!(one["used"].as_str() >= one["issued"].as_str() && one["used"].is_string(), "{one}");
    let human = said(by_operator(&guard, &["caller", "sessions", "--active"])).await;
    let line = human.lines().find(|line| line.starts_with(&desk.key_id)).unwrap();
    assert!(line.contains(&format!("active {} by=sts", super::DESK)), "{human}");
    assert!(line.contains(&format!("used={}", one["used"].as_str().unwrap())), "{human}");
    guard.process.restart(&guard.stage).await.unwrap();
    let answer = change(&again(&guard, &desk), 2, &[("FirstName", "Maria")]).await;
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_revoked_one_by_one_by_role_and_by_time() {
    let guard = Running::with(vouched(POLICY, 1)).await;
    let (one, other) = (session(&guard).await, session(&guard).await);
    let by_key = guard.caller("IdentityDesk");
    let revoked = guard.stage.folder.join("policies/revoked.toml");
    let revoke =
        |what: String| put(&revoked, &format!("version = 1\n[[revoked]]\n{what}\nreason = \"INC-12\"\n"));
    for caller in [&one, &other, &by_key] {
        assert_eq!(look(caller, 1).await.status, 200);
    }

    revoke(format!("session = \"{}\"", one.key_id));
    answered(&one, 1, 403).await;
    assert_eq!(change(&one, 1, &[("FirstName", "Maria")]).await.status, 403);
    assert_eq!(look(&other, 1).await.status, 200);

    revoke(format!("unique_id = \"{}\"", super::DESK_ID));
    answered(&other, 1, 403).await;
    assert_eq!(look(&one, 1).await.status, 403);
    assert_eq!(look(&by_key, 1).await.status, 200, "a key of the same role has no unique id");

    revoke(format!("issued_before = {}", one.now()));
    // Of a key nobody knows when it was issued.
    answered(&by_key, 1, 403).await;
    assert_eq!((look(&one, 1).await.status, look(&other, 1).await.status), (403, 403));
    let later = session(&guard).await;
    assert_eq!(look(&later, 1).await.status, 200, "{}", guard.log());
    fs::remove_file(&revoked).unwrap();
    answered(&one, 1, 200).await;
    assert!(guard.stage.connect.updates().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_sessions_changes_while_the_guard_serves() {
    let guard = Running::with(vouched(POLICY, 1)).await;
    let old = session(&guard).await;
    let config = guard.stage.config();
    let secret = guard.stage.folder.join("secrets/session-next");
    fs::write(&secret, "5f".repeat(32)).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let of_old = "[[session.key]]\nid          = \"stage\"\nsecret_file = \"secrets/session\"\n";
    let of_next = "[[session.key]]\nid = \"next\"\nsecret_file = \"secrets/session-next\"\n";
    amend(&config, of_old, &format!("{of_next}\n{of_old}"));
    reread(&guard).await;
    let next = session(&guard).await;
    assert_eq!((look(&old, 1).await.status, look(&next, 1).await.status), (200, 200), "{}", guard.log());

    amend(&config, of_old, "");
    reread(&guard).await;
    assert_eq!(look(&old, 1).await.status, 403);
    assert_eq!(look(&next, 1).await.status, 200, "the first key seals");
}
