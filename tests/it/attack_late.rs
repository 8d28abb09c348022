//! Ways around the guard in time: what is revoked or denied while a change is under way is not sent any more.

use std::{fs, os::unix::fs::PermissionsExt};

use connect_guard::demo::{
    caller::Request,
    certificates::Authority,
    connect::{Fault, Held},
    process::Signal,
    stage::{INSTANCE, Setting},
};
use tokio::time::timeout;

use crate::{
    records::of_kind,
    running::{LIMIT, Running, WIDE, put, until},
};

const MARY: &str = "87654321-2222-1234-1234-111234567891";
const NEW: &str = "mary@example.com";

/// Somebody sees what is coming and stops it: by a revocation, by a denial, by a file that says neither.
#[tokio::test(flavor = "multi_thread")]
async fn o8_what_is_revoked_or_denied_while_a_change_is_under_way_is_not_sent() {
    for (file, text) in [
        ("revoked.toml", "version = 1\n[[revoked]]\nkey_id = \"KEY\"\nreason = \"a test\"\n"),
        ("deny.d/stop.toml", "version = 1\n[[deny]]\nid = \"stop\"\nreason = \"a test\"\n"),
        ("deny.d/stop.toml", "versio"),
    ] {
        let mut setting = Setting { more: WIDE.into(), ..Setting::default() };
        setting.connect.rate = None;
        let guard = Running::with(setting).await;
        let desk = guard.caller("IdentityDesk");
        let path = guard.stage.folder.join("policies").join(file);
        let text = text.replace("KEY", &desk.key_id);
        let held = Held::default();
        guard.stage.connect.fail_next("DescribeUser", Fault::Held(held.clone()));
        let change =
            async { desk.send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)])).await.unwrap() };
        let stop = async {
            timeout(LIMIT, guard.stage.connect.wait_for(1, "DescribeUser")).await.unwrap();
            put(&path, &text);
            let holds = async || guard.log().contains("a policy came into force").then_some(());
            until("the file's policy", holds).await;
            assert_eq!(sent(&guard), 0);
            held.let_go();
        };
        let (answer, ()) = tokio::join!(change, stop);
        assert_eq!(sent(&guard), 0, "{file}: {}", guard.log());
        assert_eq!((answer.status, answer.error()), (503, Some("ServiceUnavailableException")), "{file}");
        let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
        assert_eq!(of_kind(&records, "outcome")[0].text("/sent"), "not-sent", "{file}");
        assert!(guard.log().contains("withdrawn"), "{}", guard.log());
        // Asked again it is refused for what holds now.
        let again = desk.send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)])).await.unwrap();
        assert_eq!((again.status, again.error()), (403, Some("AccessDeniedException")), "{file}");
    }
}

/// A listener that is to be there from the next start on stands before the one that serves: it is not served with what is
/// the other's, be it a certificate or the authorities that callers' own come from.
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_keeps_what_is_its_own_when_others_are_configured_before_it() {
    let guard = Running::start().await;
    let stranger = Authority::new("a stranger").unwrap();
    let issued = stranger.issue(&["localhost", "127.0.0.1"]).unwrap();
    let folder = guard.stage.folder.join("tls");
    fs::write(folder.join("other.pem"), issued.certificate).unwrap();
    fs::write(folder.join("other.key"), issued.key.as_bytes()).unwrap();
    fs::set_permissions(folder.join("other.key"), fs::Permissions::from_mode(0o600)).unwrap();
    let other = "[[listen]]\nkind = \"gateway\"\naddress = \"127.0.0.3:0\"\n\
                 certificate = \"tls/other.pem\"\nkey_file = \"tls/other.key\"\n";
    let config = fs::read_to_string(guard.stage.config()).unwrap();
    fs::write(guard.stage.config(), format!("{other}\n{config}")).unwrap();
    guard.process.signal(Signal::HUP).unwrap();
    let again = async || guard.log().contains("the callers' keys were read again").then_some(());
    until("the configuration, read again", again).await;
    let answer = guard.caller("HelpDesk").send(&Request::describe_user(INSTANCE, MARY)).await;
    assert_eq!(answer.expect("the certificate is its own").status, 200, "{}", guard.log());
}

fn sent(guard: &Running) -> usize {
    let all = guard.stage.connect.requests();
    all.iter().filter(|one| one.operation == Some("UpdateUserIdentityInfo")).count()
}
