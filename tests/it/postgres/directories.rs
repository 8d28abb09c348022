//! Two guards of one store whose policies lie in directories of their own, as on two machines: what of a policy is the
//! store's and holds for both, and what is the directory's and holds for one.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use connect_guard::demo::{connect::Credential, process::Process, stage::Setting, sts::Identity};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Place, together::at_sessions, until};

/// What is revoked or frozen at one guard holds there by then, and what is frozen holds at the other as well.
const HOLDS: Duration = Duration::from_secs(5);

/// A stage with a session listener, status, and who may freeze.
fn setting() -> Setting {
    let credential = Credential {
        access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        session_token: None,
    };
    let arn = "arn:aws:iam::111122223333:user/kim".into();
    Setting {
        identities: vec![Identity { credential, arn, user_id: "AIDACKCEVSQ6C2EXAMPLE".into() }],
        roles: ["HelpDesk", "IdentityDesk", "Lead"].map(str::to_owned).to_vec(),
        more: "\n[[listen]]\nkind = \"status\"\naddress = \"127.0.0.1:0\"\n\
               \n[freeze]\nmay_freeze = [\"arn:aws:iam::111122223333:role/Lead\"]\n"
            .into(),
        ..Setting::default()
    }
}

/// Two guards; the directory of each.
async fn two(place: &Place) -> [(Process, PathBuf); 2] {
    let config = place.stage.config();
    let folder = config.parent().unwrap();
    let (first, second) = (folder.join("policies"), folder.join("policies-2"));
    copied(&first, &second);
    let one = place.guard().await;
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains("directory = \"policies\""));
    let other = text.replace("directory = \"policies\"", "directory = \"policies-2\"");
    fs::write(&config, other).unwrap();
    let other = place.guard().await;
    fs::write(&config, text).unwrap();
    [(one, first), (other, second)]
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("deny.d")).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Puts a file into a directory at once, as a deployment does.
fn put(directory: &Path, name: &str, text: &str) {
    let beside = directory.parent().unwrap().join(format!("new-{name}"));
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, directory.join(name)).unwrap();
}

/// Waits until a guard answers a change of this user so, and gives how long that took.
async fn answered(place: &Place, guard: &Process, number: usize, status: u16) -> Duration {
    let since = Instant::now();
    until(&format!("a {status}"), || async {
        (place.status(guard, number).await == Some(status)).then_some(())
    })
    .await;
    since.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_holds_where_its_file_is_and_a_freeze_holds_everywhere() {
    let place = Place::with(4, setting()).await;
    let [(one, first), (other, second)] = two(&place).await;
    assert_eq!(place.status(&one, 1).await, Some(200), "{}", one.log());
    let role = "arn:aws:iam::111122223333:role/IdentityDesk";
    let revoked = format!("version = 1\n[[revoked]]\nprincipal = \"{role}\"\nreason = \"a stolen key\"\n");
    put(&first, "revoked.toml", &revoked);
    let took = answered(&place, &one, 1, 403).await;
    assert!(took < HOLDS, "{took:?}");
    // The file is one guard's: the other has another directory, and goes on.
    assert_eq!(place.status(&other, 2).await, Some(200), "{}", other.log());
    put(&second, "revoked.toml", &revoked);
    let took = answered(&place, &other, 2, 403).await;
    assert!(took < HOLDS, "{took:?}");
    assert_eq!(place.status(&other, 3).await, Some(403), "{}", other.log());
    for directory in [&first, &second] {
        // An emptied file would take nothing back: it goes away.
        fs::remove_file(directory.join("revoked.toml")).unwrap();
    }
    for guard in [&one, &other] {
        answered(&place, guard, 3, 200).await;
    }
    // The same said as a freeze is in the store: at either, within the same time.
    let body = json!({ "scope": format!("caller:{role}"), "reason": "a stolen key" });
    let frozen = at_sessions(&place, &one, "Lead", "/v1/freeze", &body).await;
    assert_eq!(frozen.status, 200, "{} {}", frozen.text(), one.log());
    assert_eq!(place.status(&one, 4).await, Some(403), "{}", one.log());
    let took = answered(&place, &other, 3, 403).await;
    assert!(took < HOLDS, "{took:?}");
    assert_eq!(place.status(&other, 4).await, Some(403), "{}", other.log());
    assert_eq!(place.made(4), 0);
    place.sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_whose_policy_is_behind_refuses_changes_and_is_not_ready() {
    let place = Place::with(4, setting()).await;
    let config = place.stage.config();
    let policies = config.parent().unwrap().join("policies");
    let text = fs::read_to_string(policies.join("policy.toml")).unwrap();
    let of = |epoch: u32| text.replacen("version = 1", &format!("version = 1\nepoch = {epoch}"), 1);
    put(&policies, "policy.toml", &of(3));
    let [(one, _), (other, second)] = two(&place).await;
    assert_eq!(place.status(&one, 1).await, Some(200), "{}", one.log());
    assert_eq!(place.status(&other, 2).await, Some(200), "{}", other.log());
    put(&second, "policy.toml", &of(4));
    answered(&place, &one, 1, 503).await;
    assert_eq!(place.status(&one, 3).await, Some(503), "{}", one.log());
    assert_eq!(place.made(3), 0);
    let why = until("a guard that is not ready", || async {
        let (status, text) = get(&one, "/readyz").await;
        (status == 503).then_some(text)
    })
    .await;
    assert!(why.contains("its epoch is lower than 4"), "{why}");
    assert_eq!(place.looks(&one).await, 200);
    assert_eq!(place.status(&other, 3).await, Some(200), "{}", other.log());
    assert_eq!(get(&other, "/readyz").await.0, 200);
    // Nor does one start that is behind.
    let why = place.refusal().await;
    assert!(why.contains("epoch"), "{why}");
    put(&policies, "policy.toml", &of(4));
    answered(&place, &one, 4, 200).await;
    until("a guard that is ready", || async { (get(&one, "/readyz").await.0 == 200).then_some(()) }).await;
    // Each made the change of the policy, and people were told of it once.
    let of = |kind: &'static str| place.server.count(kind);
    assert_eq!(of("SELECT count(DISTINCT chain) FROM records WHERE kind = 'policy'").await, 2);
    let told = "SELECT count(*) FROM records WHERE kind = 'event' \
        AND record_says(bytes, 'event', 'event') = 'policy-changed'";
    assert_eq!(of(told).await, 1);
    place.sound();
}

/// What the status listener says.
async fn get(guard: &Process, path: &str) -> (u16, String) {
    let log = guard.log();
    let address = log.rsplit("answering for status address=").next().unwrap();
    let mut stream = TcpStream::connect(address.split_whitespace().next().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
