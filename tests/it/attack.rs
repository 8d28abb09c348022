//! Ways around the guard that were tried: each test is one, and shows it closed.

use std::time::Duration;

use connect_guard::demo::{
    caller::Request,
    connect::{Fault, Held, Omitted, Switches},
    stage::{INSTANCE, Setting},
};
use tokio::time::{sleep, timeout};

use crate::running::{LIMIT, Running, WIDE};

const MARY: &str = "87654321-2222-1234-1234-111234567891";
const OLD: &str = "mary.major@example.com";
const NEW: &str = "mary@example.com";

/// A setting in which nobody has to wait for room.
fn unhurried() -> Setting {
    let mut setting = Setting { more: WIDE.into(), ..Setting::default() };
    setting.connect.rate = None;
    setting
}

/// The help desk may change names only. Right after the identity desk changed the address, Connect still shows the old
/// one: sent along "unchanged" with a name, it would be put back.
#[tokio::test(flavor = "multi_thread")]
async fn e10_an_address_that_just_left_does_not_come_back_as_unchanged() {
    let guard = Running::with(unhurried()).await;
    let changed = guard
        .caller("IdentityDesk")
        .send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)]))
        .await
        .unwrap();
    assert_eq!(changed.status, 200, "{}", guard.log());
    // One read showed it; the next is answered from somewhere that has not heard of it yet.
    let connect = &guard.stage.connect;
    connect.set_switches(Switches { read_lag: LIMIT, ..connect.switches() });
    let sent = guard
        .caller("HelpDesk")
        .send(&Request::update_identity(INSTANCE, MARY, &[("FirstName", "Maria"), ("Email", OLD)]))
        .await
        .unwrap();
    assert_eq!(guard.stage.connect.user(MARY).unwrap().email, NEW, "{}", guard.log());
    assert_eq!((sent.status, sent.error()), (409, Some("ConflictException")));
}

/// The help desk's read of the user comes back late: meanwhile the identity desk changed the address.
#[tokio::test(flavor = "multi_thread")]
async fn e12_a_change_between_look_and_intent_makes_the_decision_void() {
    let guard = Running::with(unhurried()).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let answer = Held::default();
    guard.stage.connect.fail_next("DescribeUser", Fault::Held(answer.clone()));
    let slow = tokio::spawn(async move {
        help.send(&Request::update_identity(INSTANCE, MARY, &[("FirstName", "Maria"), ("Email", OLD)])).await
    });
    timeout(LIMIT, guard.stage.connect.wait_for(1, "DescribeUser")).await.unwrap();
    let changed = desk.send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)])).await.unwrap();
    assert_eq!(changed.status, 200, "{}", guard.log());
    answer.let_go();
    let sent = slow.await.unwrap().unwrap();
    assert_eq!(guard.stage.connect.user(MARY).unwrap().email, NEW, "{}", guard.log());
    assert_eq!((sent.status, sent.error()), (409, Some("ConflictException")));
}

/// A caller whose changes are all refused leaves room for those of the others.
#[tokio::test(flavor = "multi_thread")]
async fn g4_refused_changes_of_one_caller_do_not_starve_another() {
    let guard = Running::start().await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let refused = tokio::spawn(async move {
        for _ in 0..90 {
            let _ = help.send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)])).await;
            sleep(Duration::from_millis(150)).await;
        }
    });
    // So long until the other has used up what he may ask for in vain at once.
    sleep(Duration::from_secs(3)).await;
    let mut answered = Vec::new();
    for _ in 0..8 {
        let answer = desk.send(&Request::update_identity(INSTANCE, MARY, &[("Email", NEW)])).await.unwrap();
        answered.push(answer.status);
        if answer.status == 200 {
            break;
        }
        sleep(Duration::from_millis(1100)).await;
    }
    refused.abort();
    assert_eq!(answered.last(), Some(&200), "{answered:?}");
}

/// A stranger needs no key to have a body waited for: heads that promise one and go away are failed proofs.
#[tokio::test(flavor = "multi_thread")]
async fn c22_bodies_that_do_not_come_are_charged_to_their_source() {
    let guard = Running::start().await;
    let mut stranger = guard.caller("HelpDesk");
    stranger.secret = "S".repeat(40);
    let request = Request::update_identity(INSTANCE, MARY, &[("FirstName", "Maria")]);
    let octets = stranger.sign(&request, stranger.now()).unwrap();
    let (begun, _) = octets.split_at(octets.len() - 1);
    for _ in 0..40 {
        let mut connection = stranger.connect().await.unwrap();
        connection.write(begun).await.unwrap();
    }
    // A source has twenty. The guard may not have noticed yet that they are gone, and forgives one a second.
    for _ in 0..15 {
        let answer = stranger.exchange(&octets).await.unwrap();
        if (answer.status, answer.error()) == (429, Some("ThrottlingException")) {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing was charged: {}", guard.log());
}

/// The help desk changes a name, and Connect clears what was left out, the address among it. It shows late, and is told
/// all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_side_effect_that_shows_late_is_told() {
    let mut setting = Setting::default();
    setting.connect.rate = None;
    let switches = setting.connect.switches;
    setting.connect.switches =
        Switches { omitted: Omitted::Clear, read_lag: Duration::from_secs(4), ..switches };
    let guard = Running::with(setting).await;
    let sent = guard
        .caller("HelpDesk")
        .send(&Request::update_identity(INSTANCE, MARY, &[("FirstName", "Maria")]))
        .await
        .unwrap();
    assert_eq!(sent.status, 200, "{}", guard.log());
    assert_eq!(guard.stage.connect.user(MARY).unwrap().email, "");
    let letters = timeout(LIMIT, guard.stage.mailbox.received(2)).await.expect("two letters");
    let mut to: Vec<_> = letters.iter().flat_map(|letter| letter.to.clone()).collect();
    to.sort();
    assert_eq!(to, [OLD, "security@example.com"]);
}

/// Whoever repeats one operation on a whole instance holds up nobody else's other one; a second of the same operation waits.
#[tokio::test(flavor = "multi_thread")]
async fn one_operation_on_an_instance_holds_up_no_other() {
    let rule = |id: &str, caller: &str, operation: &str| {
        format!(
            "[[allow]]\nid = \"{id}\"\nreason = \"a test\"\ncallers = [\"arn:aws:iam::111122223333:role/{caller}\"]\n\
             actions = [\"connect:{operation}\"]\ninstances = [\"{INSTANCE}\"]\n"
        )
    };
    let rules = [
        rule("open", "HelpDesk", "AssociateApprovedOrigin"),
        rule("close", "IdentityDesk", "DisassociateApprovedOrigin"),
    ];
    let mut setting = unhurried();
    setting.policy = vec![("policy.toml".into(), format!("version = 1\n{}", rules.concat()))];
    let guard = Running::with(setting).await;
    let (help, desk) = (guard.caller("HelpDesk"), guard.caller("IdentityDesk"));
    let path = format!("/instance/{INSTANCE}/approved-origin");
    let open = |origin: &str| {
        let body = format!(r#"{{"Origin":"https://{origin}.example.com"}}"#);
        Request::new("PUT", &path, body.as_bytes())
    };
    let waiting = Held::default();
    guard.stage.connect.fail_next("AssociateApprovedOrigin", Fault::Held(waiting.clone()));
    let (slow, first) = (help.clone(), open("one"));
    let slow = tokio::spawn(async move { slow.send(&first).await.unwrap() });
    timeout(LIMIT, guard.stage.connect.wait_for(1, "AssociateApprovedOrigin")).await.unwrap();
    assert_eq!(help.send(&open("two")).await.unwrap().error(), Some("ConflictException"), "{}", guard.log());
    let close = Request::new("DELETE", &format!("{path}?origin=https%3A%2F%2Fthree.example.com"), b"");
    assert_eq!(desk.send(&close).await.unwrap().status, 200, "{}", guard.log());
    waiting.let_go();
    assert_eq!(slow.await.unwrap().status, 200, "{}", guard.log());
}
