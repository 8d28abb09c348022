//! What the guard stands between: Connect with some users, a mailbox, a receiver of webhooks, a policy with a rule for
//! everything that the story does.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use connect_guard::demo::{
    connect::{Credential, User},
    stage::{INSTANCE, SECURITY, Setting, Stage},
    sts::Identity,
};

use crate::{
    hook::Hook,
    running::{roomy, user},
    store::Store,
};

/// The profile that agents have.
pub const AGENT: &str = "11111111-aaaa-bbbb-cccc-EXAMPLE11111";

const RULES: &str = r#"
[[allow]]
id         = "onboarding"
reason     = "New agents"
callers    = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions    = ["connect:CreateUser"]
instances  = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
usernames  = ["*"]
grants     = ["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]
fields     = ["FirstName", "LastName", "Email"]
email_from = "{username}@example.com"
password   = "allow"

[[allow]]
id        = "leaving"
reason    = "Agents who left"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:DeleteUser"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
"#;

const RIGHTS: &str = r#"
[freeze]
may_freeze   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
may_unfreeze = ["arn:aws:iam::111122223333:role/Lead"]
"#;

/// Whether somebody has to know of a change before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Before {
    Nobody,
    Security,
}

/// A stage in a folder, with so many users and this ledger.
pub async fn set(folder: &Path, users: usize, before: Before, store: &Store) -> (Stage, Hook) {
    let hook = Hook::start().await;
    let stage = Stage::set(setting((1..=users).map(user), before, &hook), folder).await.unwrap();
    fs::write(folder.join("tls/hook-ca.pem"), &hook.ca).unwrap();
    let secret = folder.join("secrets/hook");
    fs::write(&secret, "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    put_store(&stage, store);
    (stage, hook)
}

/// Where the ledger is, with more time than a busy disk needs.
fn put_store(stage: &Stage, store: &Store) {
    let text = fs::read_to_string(stage.config()).unwrap();
    let url = "url = \"sqlite:ledger.db\"\n";
    assert!(text.contains(url), "{text}");
    let own = format!("url = \"{}\"\ntimeout = \"30s\"\n", store.url());
    fs::write(stage.config(), text.replace(url, &own)).unwrap();
}

fn setting(users: impl IntoIterator<Item = User>, before: Before, hook: &Hook) -> Setting {
    let mut setting = roomy(users);
    setting.policy[0].1.push_str(RULES);
    setting.roles = ["HelpDesk", "IdentityDesk", "Lead"].map(str::to_owned).to_vec();
    // A session listener is there when somebody is known.
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let arn = "arn:aws:iam::111122223333:user/kim".into();
    setting.identities = vec![Identity { credential, arn, user_id: "AIDACKCEVSQ6C2EXAMPLE".into() }];
    let port = hook.address.port();
    let first = match before {
        Before::Nobody => String::new(),
        Before::Security => format!(
            "before = \"acknowledged\"\nacknowledged_by = [\"mail:{SECURITY}\"]\npatience = \"20s\"\n"
        ),
    };
    let notify = format!(
        r#"
[notify]
{first}
[[notify.route]]
kinds = ["address-changed", "user-created"]
hooks = ["siem"]

[[notify.hook]]
name        = "siem"
format      = "cloudevents"
url         = "https://localhost:{port}/events"
secret_file = "secrets/hook"
ca_file     = "tls/hook-ca.pem"
private     = ["127.0.0.0/8", "::1/128"]
"#
    );
    setting.more = [setting.more.as_str(), RIGHTS, &notify].concat();
    setting
}

/// The body of a request that makes this user.
pub fn creation(new: &User) -> String {
    serde_json::json!({
        "Username": new.username,
        "Password": "Correct-Horse-7",
        "IdentityInfo": { "FirstName": new.first_name, "LastName": new.last_name, "Email": new.email },
        "RoutingProfileId": "99999999-aaaa-bbbb-cccc-EXAMPLE99999",
        "SecurityProfileIds": [AGENT],
    })
    .to_string()
}

/// The path of the instance's users.
pub fn users() -> String {
    format!("/users/{INSTANCE}")
}
