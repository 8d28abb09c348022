//! Freezes, by the running guard: who may set and lift them, that they hold within seconds and over a crash, that people
//! are told, and that they say no to changes only.

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::{Credential, Fault},
    stage::{INSTANCE, SECURITY, Setting},
    sts::Identity,
};
use serde_json::{Value, json};

use crate::{
    records::of_kind,
    running::{Running, event, own_address, program, put, rewrite, roomy, until, user},
};

/// Within which a freeze is to be effective, and a lifted one not to be.
const EFFECTIVE: Duration = Duration::from_secs(5);

const RIGHTS: &str = r#"
[freeze]
may_freeze   = ["arn:aws:iam::111122223333:role/IdentityDesk", "arn:aws:iam::111122223333:role/Lead"]
may_unfreeze = ["arn:aws:iam::111122223333:role/IdentityDesk", "arn:aws:iam::111122223333:role/Lead"]
"#;

/// A guard with a session listener, three keys, and so many users.
fn setting(users: usize) -> Setting {
    let setting = roomy((1..=users).map(user));
    let more = format!("{}{RIGHTS}", setting.more);
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let arn = "arn:aws:iam::111122223333:user/kim".into();
    let identities = vec![Identity { credential, arn, user_id: "AIDACKCEVSQ6C2EXAMPLE".into() }];
    let roles = ["HelpDesk", "IdentityDesk", "Lead"].map(str::to_owned).to_vec();
    Setting { more, identities, roles, ..setting }
}

/// With a rate that is used up in a test.
fn tight(which: &str, to: &str) -> Setting {
    let mut setting = setting(1);
    let lines = setting.more.lines().map(|line| if line.starts_with(which) { to } else { line });
    setting.more = lines.collect::<Vec<_>>().join("\n") + "\n";
    setting
}

/// The same caller, at the session listener.
fn at_sessions(guard: &Running, role: &str) -> Caller {
    let address: SocketAddr = guard.sessions().expect("a session listener");
    Caller { address, ..guard.caller(role) }
}

async fn asked(caller: &Caller, path: &str, body: &Value) -> Answer {
    caller.send(&Request::new("POST", path, body.to_string().as_bytes())).await.unwrap()
}

/// Freezes, and gives the id.
async fn freeze(guard: &Running, role: &str, scope: &str) -> String {
    let body = json!({ "scope": scope, "reason": "a phished desk" });
    let answer = asked(&at_sessions(guard, role), "/v1/freeze", &body).await;
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    said["id"].as_str().unwrap().to_owned()
}

async fn unfreeze(guard: &Running, role: &str, id: &str) -> Answer {
    let body = json!({ "id": id, "reason": "the desk is itself again" });
    asked(&at_sessions(guard, role), "/v1/unfreeze", &body).await
}

/// Asks for changes until one is answered so; each of a value of its own.
async fn answered(guard: &Running, role: &str, number: usize, status: u16) -> Answer {
    let begun = Instant::now();
    let caller = guard.caller(role);
    let mut attempt = 0;
    loop {
        attempt += 1;
        let first = format!("Given{attempt}");
        let request = Request::update_identity(INSTANCE, &user(number).id, &[("FirstName", &first)]);
        let answer = caller.send(&request).await.unwrap();
        if answer.status == status {
            assert!(begun.elapsed() < EFFECTIVE, "after {:?} only", begun.elapsed());
            return answer;
        }
        assert!(begun.elapsed() < EFFECTIVE, "{} {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_of_everything_refuses_changes_only_until_somebody_else_lifts_it() {
    let mut guard = Running::with(setting(1)).await;
    answered(&guard, "HelpDesk", 1, 200).await;
    let id = freeze(&guard, "IdentityDesk", "all").await;
    let refused = answered(&guard, "HelpDesk", 1, 403).await;
    assert_eq!(refused.error(), Some("AccessDeniedException"));
    let read = Request::describe_user(INSTANCE, &user(1).id);
    assert_eq!(guard.caller("HelpDesk").send(&read).await.unwrap().status, 200, "reads go on");

    // Whoever froze does not lift it, nor does anybody without the right; and it outlives the process.
    let same = unfreeze(&guard, "IdentityDesk", &id).await;
    assert_eq!((same.status, same.error()), (403, Some("AccessDeniedException")), "{}", same.text());
    let nobody = unfreeze(&guard, "HelpDesk", &id).await;
    assert_eq!((nobody.status, nobody.error()), (403, Some("AccessDeniedException")), "{}", nobody.text());
    guard.crash().await;
    let first = Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", "Crashed")]);
    let after = guard.caller("HelpDesk").send(&first).await.unwrap();
    assert_eq!(after.status, 403, "the first change after a start: {}", after.text());

    assert_eq!(unfreeze(&guard, "Lead", &id).await.status, 200);
    answered(&guard, "HelpDesk", 1, 200).await;
    assert_ne!(unfreeze(&guard, "Lead", &id).await.status, 200, "it was lifted already");

    let told = until("both letters", || async {
        let letters = guard.stage.mailbox.letters();
        let about = |kind: &str| letters.iter().find(|letter| event(letter) == kind).cloned();
        about("frozen").zip(about("unfrozen"))
    })
    .await;
    for letter in [&told.0, &told.1] {
        assert_eq!(letter.to, [SECURITY]);
    }
    let text = told.0.text().unwrap();
    assert!(text.contains("a phished desk") && text.contains("IdentityDesk"), "{text}");
    let text = told.1.text().unwrap();
    assert!(text.contains("itself again") && text.contains("Lead"), "{text}");
    let records = guard.records().await;
    let refusals = of_kind(&records, "refusal");
    assert!(refusals.iter().any(|one| one.text("/refusal/code") == "freeze"), "{refusals:?}");
    assert_eq!(of_kind(&records, "freeze").len(), 1);
    assert_eq!(of_kind(&records, "unfreeze").len(), 1);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_of_a_caller_is_about_nobody_else() {
    let guard = Running::with(setting(2)).await;
    let id = freeze(&guard, "Lead", "caller:arn:aws:iam::111122223333:role/HelpDesk").await;
    answered(&guard, "HelpDesk", 1, 403).await;
    answered(&guard, "IdentityDesk", 2, 200).await;
    assert_eq!(unfreeze(&guard, "IdentityDesk", &id).await.status, 200);
    answered(&guard, "HelpDesk", 1, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_of_another_instance_stops_nothing_here() {
    let other = "b1b2c3d4-5678-90ab-cdef-EXAMPLE22222";
    let guard = Running::amended(setting(1), |stage| {
        let one = format!("instances = [\"{INSTANCE}\"]");
        rewrite(stage, &one, &one.replace(']', &format!(", \"{other}\"]")));
        PathBuf::from(program())
    })
    .await;
    freeze(&guard, "Lead", &format!("instance:{other}")).await;
    tokio::time::sleep(EFFECTIVE).await;
    answered(&guard, "HelpDesk", 1, 200).await;
    freeze(&guard, "Lead", &format!("instance:{INSTANCE}")).await;
    answered(&guard, "HelpDesk", 1, 403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_right_to_freeze_does_not_and_nonsense_is_refused() {
    let guard = Running::with(setting(1)).await;
    let help = at_sessions(&guard, "HelpDesk");
    let all = json!({ "scope": "all", "reason": "because" });
    let refused = asked(&help, "/v1/freeze", &all).await;
    assert_eq!((refused.status, refused.error()), (403, Some("AccessDeniedException")));
    let lead = at_sessions(&guard, "Lead");
    for body in [
        json!({ "scope": "all" }),
        json!({ "scope": "all", "reason": "" }),
        json!({ "scope": "everything", "reason": "because" }),
        json!({ "scope": "caller:HelpDesk", "reason": "because" }),
        json!({ "scope": "all", "reason": "because", "until": "tomorrow" }),
        json!({ "scope": "all", "reason": "x".repeat(257) }),
    ] {
        let refused = asked(&lead, "/v1/freeze", &body).await;
        assert_eq!(refused.status, 400, "{body} {}", refused.text());
    }
    let unsigned =
        lead.exchange(&lead.unsigned(&Request::new("POST", "/v1/freeze", all.to_string().as_bytes()))).await;
    assert_eq!(unsigned.unwrap().status, 403);
    let lists = asked(&lead, "/v1/freezes", &json!({})).await;
    assert!(!lists.text().contains("because"), "{}", lists.text());
    answered(&guard, "HelpDesk", 1, 200).await;
}

/// Whom a freeze is about does not lift it, whatever else he may lift.
#[tokio::test(flavor = "multi_thread")]
async fn whom_a_freeze_is_about_does_not_lift_it() {
    let guard = Running::with(setting(1)).await;
    let id = freeze(&guard, "IdentityDesk", "caller:arn:aws:iam::111122223333:role/Lead").await;
    let refused = unfreeze(&guard, "Lead", &id).await;
    assert_eq!((refused.status, refused.error()), (403, Some("AccessDeniedException")), "{}", refused.text());
    let of_another = freeze(&guard, "IdentityDesk", "caller:arn:aws:iam::111122223333:role/HelpDesk").await;
    assert_eq!(unfreeze(&guard, "Lead", &of_another).await.status, 200);
}

/// Each attempt to lift one's own freeze goes on record: of such refusals a caller has a rate, whatever he asks in vain.
#[tokio::test(flavor = "multi_thread")]
async fn who_tries_without_end_to_lift_his_own_freeze_fills_no_ledger() {
    let guard = Running::with(tight("refusals", "refusals = { per_second = 0.01, burst = 5 }")).await;
    let own = freeze(&guard, "Lead", "all").await;
    let other = freeze(&guard, "IdentityDesk", "all").await;
    let mut answered = Vec::new();
    for _ in 0..12 {
        let answer = unfreeze(&guard, "Lead", &own).await;
        if answer.status == 429 {
            assert_eq!(answer.error(), Some("ThrottlingException"));
            assert!(answer.header("retry-after").is_some(), "{}", answer.text());
        }
        answered.push(answer.status);
    }
    assert_eq!(answered, [[403; 5].as_slice(), &[429; 7]].concat(), "{}", guard.log());
    // What he may lift he does, and others are not held up.
    assert_eq!(unfreeze(&guard, "Lead", &other).await.status, 200);
    assert_eq!(unfreeze(&guard, "IdentityDesk", &own).await.status, 200);
    assert_eq!(of_kind(&guard.records().await, "refusal").len(), 5);
}

/// Freezing and lifting are requests of their caller's, charged as any other.
#[tokio::test(flavor = "multi_thread")]
async fn freezes_are_charged_to_their_caller() {
    let guard = Running::with(tight("caller ", "caller = { per_second = 0.01, burst = 6 }")).await;
    let all = json!({ "scope": "all", "reason": "because" });
    let mut answered = Vec::new();
    for _ in 0..9 {
        answered.push(asked(&at_sessions(&guard, "Lead"), "/v1/freeze", &all).await.status);
    }
    assert_eq!(answered, [[200; 6].as_slice(), &[429; 3]].concat(), "{}", guard.log());
    freeze(&guard, "IdentityDesk", "all").await;
    assert_eq!(of_kind(&guard.records().await, "freeze").len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_revoked_neither_freezes_nor_lifts_nor_sees() {
    let guard = Running::with(setting(1)).await;
    let id = freeze(&guard, "IdentityDesk", "all").await;
    let revoked = "version = 1\n[[revoked]]\nprincipal = \"arn:aws:iam::111122223333:role/Lead\"\n\
                   reason = \"left\"\n";
    put(&guard.stage.folder.join("policies/revoked.toml"), revoked);
    let lead = at_sessions(&guard, "Lead");
    until("the revocation", || async {
        let seen = asked(&lead, "/v1/freezes", &json!({})).await;
        (seen.status == 403).then_some(())
    })
    .await;
    let all = json!({ "scope": "all", "reason": "because" });
    assert_eq!(asked(&lead, "/v1/freeze", &all).await.status, 403);
    let refused = unfreeze(&guard, "Lead", &id).await;
    assert_eq!((refused.status, refused.error()), (403, Some("AccessDeniedException")), "{}", refused.text());
    answered(&guard, "HelpDesk", 1, 403).await;
    // Nobody knows who is revoked: nothing is lifted, by nobody.
    put(&guard.stage.folder.join("policies/revoked.toml"), "versio");
    until("the fault", || async { guard.log().contains("a policy came into force").then_some(()) }).await;
    assert_ne!(unfreeze(&guard, "Lead", &id).await.status, 200);
}

/// A change that was decided before and waits for its announcement or its turn is not sent any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_under_way_is_stopped_by_a_freeze() {
    let guard = Running::with(setting(1)).await;
    // The read before the decision takes its time: the freeze comes in between.
    guard.stage.connect.fail_next("DescribeUser", Fault::Slow(EFFECTIVE));
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &user(1).id, &[("Email", &own_address(&user(1)))]);
    let change = tokio::spawn(async move { desk.send(&request).await.unwrap() });
    guard.stage.connect.wait_for(1, "DescribeUser").await;
    freeze(&guard, "Lead", "all").await;
    let answer = change.await.unwrap();
    assert!(matches!(answer.status, 403 | 503), "{} {}", answer.status, answer.text());
    assert!(guard.stage.connect.updates().is_empty(), "it was sent");
}
