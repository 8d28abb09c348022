//! Nothing secret and nothing personal stands in what the guard writes: its log, its ledger, its answers.

use std::{fs, path::PathBuf};

use base64::{Engine, engine::general_purpose::STANDARD};
use connect_guard::demo::{
    caller::Request,
    connect::{Fault, User},
    stage::{INSTANCE, Setting},
};
use jiff::Timestamp;

use crate::{
    records::of_kind,
    running::{Running, own_address, rewrite, roomy, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";
const PASSWORD: &str = "Correct-Horse-1";

/// What stands behind `zqx` in every value of this test that is somebody's.
const PERSONAL: [&str; 17] = [
    "username", "first", "last", "old", "second", "agent/", "contact", "newuser", "newfirst", "newlast",
    "married", "attacker", "late@", "other", "unread", "third", "value",
];

/// A user whose values stand nowhere by accident.
fn person() -> User {
    User {
        username: "zqxusername".into(),
        first_name: "Zqxfirst".into(),
        last_name: "Zqxlast".into(),
        email: "zqxold@example.org".into(),
        secondary_email: "zqxsecond@example.org".into(),
        mobile: "+12065559876".into(),
        ..user(1)
    }
}

fn setting() -> Setting {
    let mut setting = roomy([person(), user(2)]);
    setting.roles.push("Onboarding".into());
    setting.policy.push((
        "onboarding.toml".into(),
        format!(
            r#"version = 1
[[allow]]
id         = "onboarding"
reason     = "New agents"
callers    = ["arn:aws:iam::111122223333:role/Onboarding"]
actions    = ["connect:CreateUser"]
instances  = ["{INSTANCE}"]
usernames  = ["*"]
grants     = ["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]
fields     = ["FirstName", "LastName", "Email"]
email_from = "{{username}}@example.com"
password   = "allow"
"#
        ),
    ));
    setting
}

fn identity(fields: &[(&str, &str)]) -> Request {
    let mut request = Request::update_identity(INSTANCE, &person().id, fields);
    // Whoever calls chooses this, and may put anything in it.
    request.unsigned.push(("user-agent".into(), "zqxagent/1 (zqxcontact@example.org)".into()));
    request
}

fn create() -> Request {
    let body = format!(
        r#"{{"Username":"zqxnewuser","Password":"{PASSWORD}","IdentityInfo":{{"FirstName":"Zqxnewfirst",
        "LastName":"Zqxnewlast","Email":"zqxnewuser@example.com"}},"RoutingProfileId":"99999999-aaaa-bbbb-cccc-EXAMPLE99999",
        "SecurityProfileIds":["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]}}"#
    );
    Request::new("PUT", &format!("/users/{INSTANCE}"), body.as_bytes())
}

/// Everything that may stand nowhere.
struct Hidden(Vec<(String, Vec<u8>)>);

impl Hidden {
    fn add(&mut self, what: &str, secret: impl AsRef<[u8]>) {
        self.0.push((what.into(), secret.as_ref().to_vec()));
    }

    /// Signs a request, remembers its proof, and sends it.
    async fn send(&mut self, guard: &Running, role: &str, request: &Request, at: Timestamp) -> u16 {
        let octets = guard.caller(role).sign(request, at).unwrap();
        let text = String::from_utf8_lossy(&octets);
        let signature = text.split_once("Signature=").unwrap().1.split("\r\n").next().unwrap();
        assert_eq!(signature.len(), 64);
        self.add("signature", signature);
        self.add("signature", hex::decode(signature).unwrap());
        let answer = guard.caller(role).exchange(&octets).await.unwrap();
        if answer.status >= 400 {
            let body = format!("{:?} {}", answer.headers, answer.text());
            assert!(!body.to_ascii_lowercase().contains("zqx"), "an answer says {body}");
        }
        answer.status
    }

    fn look(&self, place: &str, octets: &[u8]) {
        for (what, secret) in &self.0 {
            let found = octets.windows(secret.len()).position(|window| window.eq_ignore_ascii_case(secret));
            if let Some(at) = found {
                let around = &octets[at.saturating_sub(120)..(at + 120).min(octets.len())];
                panic!("{what} stands in {place}: {}", String::from_utf8_lossy(around));
            }
        }
    }
}

async fn everything(log: &str) {
    let amend = |stage: &connect_guard::demo::stage::Stage| {
        rewrite(stage, "[limits]", &format!("[log]\nformat = \"{log}\"\n\n[limits]"));
        PathBuf::from(crate::running::program())
    };
    let mut guard = Running::amended(setting(), amend).await;
    let mut hidden = Hidden(Vec::new());
    for role in ["IdentityDesk", "HelpDesk", "Onboarding"] {
        let secret = guard.caller(role).secret;
        hidden.add("a caller's secret", STANDARD.encode(&secret));
        hidden.add("a caller's secret", secret);
    }
    hidden.add("the guard's secret", "SECRETEXAMPLE");
    hidden.add("the mail password", "a password of the demo");
    hidden.add("the mail password", STANDARD.encode("\0connect-guard\0a password of the demo"));
    hidden.add("a user's password", PASSWORD);
    hidden.add("a sealing key", fs::read(guard.stage.folder.join("secrets/seal")).unwrap());
    hidden.add("a hashing key", fs::read(guard.stage.folder.join("secrets/hash")).unwrap());
    for word in PERSONAL {
        hidden.add("something personal", format!("zqx{word}"));
    }
    hidden.add("something personal", "2065559876");
    hidden.add("an address", own_address(&user(2)));
    hidden.add("an address", &user(2).email);

    let now = guard.caller("HelpDesk").now();
    let sent = |seconds: u64| now - std::time::Duration::from_secs(seconds);
    let right = own_address(&person());
    let connect = &guard.stage.connect;
    // Refusals after the first wait for each other: it is the first change whose notice cannot be delivered.
    guard.stage.mailbox.fail(connect_guard::demo::mailbox::Fault::Unknown(person().secondary_email));
    for (role, request, status, seconds) in [
        ("IdentityDesk", identity(&[("Email", &right), ("LastName", "Zqxmarried")]), 200, 0),
        ("IdentityDesk", identity(&[("Email", &right), ("LastName", "Zqxmarried")]), 200, 0),
        ("IdentityDesk", identity(&[("Email", "zqxattacker@example.com")]), 403, 1),
        ("HelpDesk", identity(&[("SecondaryEmail", "zqxattacker@example.com")]), 403, 2),
        ("IdentityDesk", identity(&[("Email", "zqx not plain@example.com")]), 400, 3),
        ("IdentityDesk", identity(&[("Unknown", "zqxvalue")]), 400, 4),
        ("IdentityDesk", identity(&[("Email", "zqxlate@example.com")]), 403, 900),
        ("Onboarding", create(), 200, 5),
        ("HelpDesk", create(), 403, 6),
        ("HelpDesk", Request::new("GET", &format!("/users/{INSTANCE}/zqx@example.org"), b""), 400, 7),
        ("HelpDesk", Request::new("GET", "/zqx/unknown", b""), 403, 8),
        ("HelpDesk", Request::describe_user(INSTANCE, &person().id), 200, 9),
        (
            "HelpDesk",
            Request::new("POST", "/search-users", format!(r#"{{"InstanceId":"{INSTANCE}"}}"#).as_bytes()),
            200,
            10,
        ),
    ] {
        let found = hidden.send(&guard, role, &request, sent(seconds)).await;
        assert_eq!(found, status, "{} {seconds}", request.target);
    }
    // A forged proof, an answer that never comes, one that says too much, and mail that is refused.
    let mut forged = guard.caller("IdentityDesk").sign(&identity(&[("Email", &right)]), sent(11)).unwrap();
    let last = forged.len() - 1;
    forged[last] = b' ';
    assert_eq!(guard.caller("IdentityDesk").exchange(&forged).await.unwrap().status, 403);
    connect.fail_next(UPDATE, Fault::CloseAfter);
    let names = identity(&[("FirstName", "Zqxother")]);
    assert_eq!(hidden.send(&guard, "HelpDesk", &names, sent(12)).await, 500, "{}", guard.log());
    guard
        .recorded(|records| {
            of_kind(records, "outcome").iter().any(|one| one.text("/effect") == "inferred_applied")
        })
        .await;
    connect.fail_next("DescribeUser", Fault::Body(r#"{"User":{"Id":"zqx","Username":"zqx"}}"#.into()));
    let names = identity(&[("FirstName", "Zqxunread")]);
    assert_eq!(hidden.send(&guard, "HelpDesk", &names, sent(13)).await, 503, "{}", guard.log());
    let mine = identity(&[("FirstName", "Zqxthird"), ("Email", &person().email)]);
    assert_eq!(hidden.send(&guard, "IdentityDesk", &mine, sent(14)).await, 403, "{}", guard.log());
    crate::running::until("a dead letter", || async {
        guard.outbox().await.iter().any(|one| one.state == "dead").then_some(())
    })
    .await;
    guard.process.stop().await.unwrap();

    let log = guard.log();
    assert!(log.len() > 1000 && guard.stage.mailbox.letters().len() > 5);
    hidden.look("the log", log.as_bytes());
    let mut files = 0;
    for file in fs::read_dir(&guard.stage.folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("ledger.db") {
            hidden.look(&name, &fs::read(&file).unwrap());
            files += 1;
        }
    }
    assert!(files > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_nothing_personal_is_written_for_people() {
    everything("human").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i8_nothing_personal_is_written_as_json() {
    everything("json").await;
}

/// What is looked for would be found.
#[test]
#[should_panic(expected = "a name stands in the log")]
fn what_is_there_is_found() {
    let mut hidden = Hidden(Vec::new());
    hidden.add("a name", "Mary");
    hidden.look("the log", b"... mary ...");
}
