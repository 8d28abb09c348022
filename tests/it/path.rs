//! The path of a request, on real sockets, through the real binary.

use connect_guard::demo::{caller::Request, stage::INSTANCE};
use tokio::time::timeout;

use crate::running::{LIMIT, Running};

const MARY: &str = "87654321-2222-1234-1234-111234567891";

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_change_reaches_connect_rebuilt_and_people_are_told() {
    let guard = Running::start().await;
    let desk = guard.caller("IdentityDesk");
    let answer =
        desk.send(&Request::update_identity(INSTANCE, MARY, &[("Email", "mary@example.com")])).await.unwrap();
    assert_eq!((answer.status, answer.error(), answer.text().as_str()), (200, None, ""), "{}", guard.log());
    let updates = guard.stage.connect.updates();
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0].text(), r#"{"IdentityInfo":{"Email":"mary@example.com"}}"#);
    assert_eq!(updates[0].access_key_id.as_deref(), Some("AKIDEXAMPLE"));
    let letters = timeout(LIMIT, guard.stage.mailbox.received(3)).await.expect("three letters");
    let mut to: Vec<_> = letters.iter().flat_map(|letter| letter.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["mary.major@example.com", "mary@example.com", "security@example.com"]);
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_change_is_refused_recorded_and_told() {
    let guard = Running::start().await;
    let help = guard.caller("HelpDesk");
    let answer =
        help.send(&Request::update_identity(INSTANCE, MARY, &[("Email", "mary@example.com")])).await.unwrap();
    assert_eq!((answer.status, answer.error()), (403, Some("AccessDeniedException")), "{}", guard.log());
    assert!(guard.stage.connect.updates().is_empty());
    let letters = timeout(LIMIT, guard.stage.mailbox.received(2)).await.expect("two letters");
    let mut to: Vec<_> = letters.iter().flat_map(|letter| letter.to.clone()).collect();
    to.sort();
    assert_eq!(to, ["mary.major@example.com", "security@example.com"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_operation_passes() {
    let guard = Running::start().await;
    let help = guard.caller("HelpDesk");
    let answer = help.send(&Request::describe_user(INSTANCE, MARY)).await.unwrap();
    assert_eq!(answer.status, 200, "{}", guard.log());
    assert!(answer.text().contains("mary.major@example.com"));
}
