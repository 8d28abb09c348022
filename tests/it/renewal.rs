//! Certificates, keys and secrets, replaced while the guard serves.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use connect_guard::{
    caller::GuardKey,
    demo::{
        caller::{Caller, Request},
        certificates::Authority,
        mailbox::Fault,
        process::Signal,
        stage::{INSTANCE, Stage},
    },
};
use rcgen::{CertificateParams, KeyPair};
use tokio::time::timeout;

use crate::{
    running::{LIMIT, Running, event, own_address, program, roomy, until, user},
    status::{get, metrics, shows, watched},
};

const MARY: &str = "87654321-2222-1234-1234-111234567891";
const CERTIFICATE: &str = "connect_guard_renewal_failed{what=\"certificate:127.0.0.1:0\"} 1.0";

/// The status of the answer to a look at somebody; none when there is no connection.
async fn status(caller: &Caller) -> Option<u16> {
    caller.send(&Request::describe_user(INSTANCE, MARY)).await.ok().map(|answer| answer.status)
}

async fn answered(caller: &Caller, expected: u16) {
    until("an answer", || async { (status(caller).await == Some(expected)).then_some(()) }).await;
}

fn secret(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Rewrites the configuration, and has it read again.
fn renew(guard: &Running, rewrite: impl FnOnce(String) -> String) {
    let path = guard.stage.config();
    fs::write(&path, rewrite(fs::read_to_string(&path).unwrap())).unwrap();
    guard.signal(Signal::HUP).unwrap();
}

/// The configuration without a caller.
fn without(text: &str, key_id: &str) -> String {
    let kept = text.split("\n\n").filter(|part| !(part.contains("[[caller]]") && part.contains(key_id)));
    let kept = kept.collect::<Vec<_>>().join("\n\n");
    assert!(!kept.contains(key_id));
    kept
}

/// A key that the stage does not know, for the help desk: the entry of the configuration, and whoever has it.
fn another(guard: &Running) -> (String, Caller) {
    let help = guard.caller("HelpDesk");
    let (key_id, issued) = GuardKey::issue([7; GuardKey::RANDOM]);
    secret(&guard.stage.folder.join("secrets").join(&key_id), issued.expose());
    let text = fs::read_to_string(guard.stage.config()).unwrap();
    let entry = text.split("\n\n").find(|part| part.contains(&help.key_id)).unwrap();
    let entry = format!("\n\n{}\n\n", entry.replace(&help.key_id, &key_id));
    let secret = String::from_utf8(issued.expose().to_vec()).unwrap();
    (entry, Caller { key_id, secret, ..help })
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_and_go_without_a_restart_and_what_is_withdrawn_does_not_wait() {
    let guard = Running::with(watched(roomy([]))).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let (entry, new) = another(&guard);
    assert_eq!((status(&new).await, status(&desk).await), (Some(403), Some(200)));

    // One comes, one goes.
    renew(&guard, |text| without(&text, &desk.key_id) + &entry);
    answered(&new, 200).await;
    assert_eq!((status(&desk).await, status(&help).await), (Some(403), Some(200)));

    // A configuration that is broken changes nothing, and is seen.
    let configuration = "connect_guard_renewal_failed{what=\"configuration\"} 1.0";
    renew(&guard, |text| without(&text, &help.key_id) + "\n[nonsense]\n");
    until("the metric", || shows(&guard, configuration)).await;
    assert_eq!((status(&new).await, status(&help).await), (Some(200), Some(200)));
    assert_eq!(get(&guard, "/readyz").await.0, 200);

    // Of one that names a secret that cannot be read, what is withdrawn is withdrawn.
    let folder = guard.stage.folder.join("secrets");
    fs::rename(folder.join(&new.key_id), folder.join("away")).unwrap();
    renew(&guard, |text| text.replace("\n[nonsense]\n", ""));
    until("the metric", || shows(&guard, "connect_guard_renewal_failed{what=\"callers\"} 1.0")).await;
    assert_eq!((status(&new).await, status(&help).await), (Some(200), Some(403)));
    assert!(metrics(&guard, configuration).await.is_empty());

    fs::rename(folder.join("away"), folder.join(&new.key_id)).unwrap();
    guard.signal(Signal::HUP).unwrap();
    until("nothing that fails", || async {
        metrics(&guard, "connect_guard_renewal_failed{").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(status(&new).await, Some(200));
}

#[tokio::test(flavor = "multi_thread")]
async fn k3_a_certificate_is_served_once_it_is_whole_and_nobody_has_to_say_so() {
    let guard = Running::with(watched(roomy([]))).await;
    let old = guard.caller("HelpDesk");
    let authority = Authority::new("another authority").unwrap();
    let new = Caller { ca: authority.pem().to_owned(), ..old.clone() };
    let issued = authority.issue(&["localhost"]).unwrap();
    let tls = guard.stage.folder.join("tls");

    // The key comes after its certificate: until then the pair is another's, and the old one is served.
    fs::write(tls.join("guard.pem"), &issued.certificate).unwrap();
    until("the metric", || shows(&guard, CERTIFICATE)).await;
    assert_eq!((status(&old).await, status(&new).await), (Some(200), None));
    assert_eq!(get(&guard, "/readyz").await.0, 200);
    secret(&tls.join("guard.key"), issued.key.as_bytes());
    answered(&new, 200).await;
    assert_eq!(status(&old).await, None);
    until("no metric", || async { metrics(&guard, CERTIFICATE).await.is_empty().then_some(()) }).await;

    // One that has ended is not served.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let ended = params.self_signed(&key).unwrap();
    fs::write(tls.join("guard.pem"), ended.pem()).unwrap();
    secret(&tls.join("guard.key"), key.serialize_pem().as_bytes());
    guard.signal(Signal::HUP).unwrap();
    until("the metric", || shows(&guard, CERTIFICATE)).await;
    assert_eq!(status(&new).await, Some(200));
}

/// A listener that stands before it in the configuration is another one.
#[tokio::test(flavor = "multi_thread")]
async fn no_listener_serves_what_is_anothers() {
    let guard = Running::start().await;
    let foreign = Authority::new("another authority").unwrap().issue(&["localhost"]).unwrap();
    let tls = guard.stage.folder.join("tls");
    fs::write(tls.join("other.pem"), &foreign.certificate).unwrap();
    secret(&tls.join("other.key"), foreign.key.as_bytes());
    let other = "[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.2:18443\"\ncertificate = \"tls/other.pem\"\n\
                 key_file = \"tls/other.key\"\nclient_ca = \"tls/ca.pem\"\n\n";
    renew(&guard, |text| format!("{other}{text}"));
    let read = async || guard.log().contains("the callers' keys were read again").then_some(());
    until("the renewal", read).await;
    assert_eq!(status(&guard.caller("HelpDesk")).await, Some(200), "{}", guard.log());
}

fn wrong_password(stage: &Stage) -> std::path::PathBuf {
    secret(&stage.folder.join("secrets/mail"), b"not the password");
    // Nothing that anybody notices: but no heartbeat is waited for.
    stage.mailbox.fail(Fault::Busy(0));
    program().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_for_mail_is_used() {
    let guard = Running::amended(roomy([user(1)]), wrong_password).await;
    let failing = async || guard.log().contains("notices cannot be handed in").then_some(());
    until("a refusal", failing).await;
    let agent = user(1);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    assert_eq!(guard.caller("IdentityDesk").send(&request).await.unwrap().status, 200, "{}", guard.log());
    secret(&guard.stage.folder.join("secrets/mail"), b"a password of the demo");
    guard.signal(Signal::HUP).unwrap();
    let letters = timeout(2 * LIMIT, guard.stage.mailbox.received(4)).await.expect("letters");
    assert!(letters.iter().any(|letter| event(letter) == "address-changed"), "{}", guard.log());
}

/// The configuration tells another mailbox of the security team, and by a hook that was not there at the start.
#[tokio::test(flavor = "multi_thread")]
async fn other_people_are_told_from_then_on_but_nobody_by_a_hook_that_is_new() {
    const HOOK: &str = "\n[[notify.hook]]\nname = \"late\"\nformat = \"cloudevents\"\n\
                        url = \"https://hooks.example.com/\"\nsecret_file = \"secrets/hook\"\n";
    let guard = Running::with(watched(roomy([user(1), user(2)]))).await;
    secret(&guard.stage.folder.join("secrets/hook"), b"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3");
    let told = async |number: usize| {
        let agent = user(number);
        let change = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
        assert_eq!(guard.caller("IdentityDesk").send(&change).await.unwrap().status, 200, "{}", guard.log());
        let of_it = |letter: &connect_guard::demo::mailbox::Letter| {
            letter.text().is_some_and(|text| text.contains(&format!("User: {}", agent.username)))
        };
        let letters = guard.letters().await;
        letters.into_iter().filter(of_it).flat_map(|letter| letter.to).collect::<Vec<_>>()
    };

    // Its notices would wait for the next start, so the routes stay as they are.
    let refused = "connect_guard_renewal_failed{what=\"routes\"} 1.0";
    let late = "\n[[notify.route]]\nmail = [\"late@example.com\"]\nhooks = [\"late\"]\n";
    renew(&guard, |text| text + HOOK + late);
    let shown = timeout(LIMIT / 4, until("the metric", || shows(&guard, refused))).await;
    assert!(shown.is_ok(), "{}", guard.log());
    assert!(!told(1).await.contains(&"late@example.com".to_owned()));

    renew(&guard, |text| text.replace("hooks = [\"late\"]\n", ""));
    until("routes in force", || async { metrics(&guard, refused).await.is_empty().then_some(()) }).await;
    assert!(told(2).await.contains(&"late@example.com".to_owned()), "{}", guard.log());
}
