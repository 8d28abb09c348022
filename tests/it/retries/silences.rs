//! Answers that never come, or say nothing of what was done.

use std::time::Duration;

use connect_guard::demo::{
    caller::Request,
    connect::Fault,
    stage::{INSTANCE, SECURITY},
};

use super::{CONFLICT, DONE, UNKNOWN, UPDATE, email, received, said, start, two_addresses};
use crate::{
    records::{effects, of_kind},
    running::{Running, own_address, pairs, told, user},
};

/// Answers that say nothing of what was done: all of these were applied.
fn silences() -> Vec<Fault> {
    vec![
        Fault::CloseAfter,
        Fault::StatusAfter(500, "InternalServiceException"),
        Fault::HangAfter,
        Fault::Truncated,
        Fault::Garbage,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_told_at_once_and_settled_later() {
    let mut setting = two_addresses(silences().len());
    setting.upstream = "answer_timeout = \"1s\"".into();
    // The first look, after two seconds, does not show it yet, and the next is eight seconds later: as long is somebody
    // else in the way, however slow this machine is.
    setting.connect.switches.read_lag = Duration::from_secs(5);
    let guard = Running::with(setting).await;
    let desk = guard.caller("IdentityDesk");
    let mut expected = Vec::new();
    for (number, fault) in silences().into_iter().enumerate() {
        let agent = user(number + 1);
        let new = own_address(&agent);
        let request = email(&agent, &new);
        guard.stage.connect.fail_next(UPDATE, fault.clone());
        let answer = desk.send(&request).await.unwrap();
        assert_eq!(said(&answer), UNKNOWN, "{fault:?}\n{}", guard.log());
        let records = guard.records().await;
        let unknown: Vec<_> =
            of_kind(&records, "unknown").into_iter().filter(|one| one.is_of(&agent.id)).collect();
        assert_eq!(unknown.len(), 1, "{fault:?}");
        for to in [SECURITY, &*agent.email, &*agent.secondary_email, &*new] {
            expected.push((to.to_owned(), "may-have-changed".to_owned()));
            expected.push((to.to_owned(), "address-changed".to_owned()));
        }
        // A change of the same user by another has to wait until it is known.
        let other = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Other")]);
        assert_eq!(said(&guard.caller("HelpDesk").send(&other).await.unwrap()), CONFLICT, "{fault:?}");
    }
    let count = silences().len();
    let records = guard.recorded(|records| of_kind(records, "outcome").len() == count).await;
    for number in 1..=count {
        assert_eq!(effects(&records, &user(number).id), ["inferred_applied"]);
    }
    assert_eq!(guard.stage.connect.updates().len(), count, "something was sent twice");
    expected.sort();
    assert_eq!(told(&guard.letters().await), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_of_an_unknown_change_waits_until_it_is_known() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let request = email(&agent, &own_address(&agent));
    guard.stage.connect.fail_next(UPDATE, Fault::CloseAfter);
    let octets = desk.sign(&request, desk.now()).unwrap();
    assert_eq!(said(&desk.exchange(&octets).await.unwrap()), UNKNOWN, "{}", guard.log());
    let (same, signed_anew) = tokio::join!(desk.exchange(&octets), desk.send(&request));
    for answer in [same.unwrap(), signed_anew.unwrap()] {
        assert_eq!(said(&answer), DONE, "{}", guard.log());
    }
    assert_eq!(guard.stage.connect.updates().len(), 1);
    assert_eq!(effects(&guard.records().await, &agent.id), ["inferred_applied"]);
}

/// Sent, not applied, and nobody knows: it stays open, and nothing else is sent for this user meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_was_not_applied_stays_unknown_and_is_not_sent_again() {
    let guard = start(1).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let agent = user(1);
    let new = own_address(&agent);
    guard.stage.connect.fail_next(UPDATE, Fault::CloseBefore);
    assert_eq!(said(&desk.send(&email(&agent, &new)).await.unwrap()), UNKNOWN, "{}", guard.log());
    let people = [SECURITY, &*agent.email, &*agent.secondary_email, &*new];
    assert_eq!(told(&guard.letters().await), pairs(&people.map(|to| (to, "may-have-changed"))));
    // After the first look at the user it is as open as before: Connect may yet apply it.
    received(&guard, 2, "DescribeUser").await;
    let other = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Other")]);
    assert_eq!(said(&help.send(&other).await.unwrap()), CONFLICT, "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["-"]);
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

/// Connect says no: nothing changed, nobody is told, and the caller gets Connect's own words.
#[tokio::test(flavor = "multi_thread")]
async fn what_connect_refuses_is_passed_on_and_on_record() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::Status(400, "InvalidParameterException"));
    let answer = desk.send(&email(&agent, &own_address(&agent))).await.unwrap();
    assert_eq!(said(&answer), (400, Some("InvalidParameterException")), "{}", guard.log());
    assert_eq!(effects(&guard.records().await, &agent.id), ["not_applied"]);
    assert!(guard.letters().await.is_empty());
}

/// A redirect is not followed: nobody elsewhere gets a signed request.
#[tokio::test(flavor = "multi_thread")]
async fn c27_a_redirect_is_an_unknown_outcome() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    guard.stage.connect.fail_next(UPDATE, Fault::Redirect);
    let answer = desk.send(&email(&agent, &own_address(&agent))).await.unwrap();
    assert_eq!(said(&answer), UNKNOWN, "{}", guard.log());
    assert_eq!(guard.stage.connect.updates().len(), 1);
    assert_eq!(effects(&guard.records().await, &agent.id), ["-"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn o10_an_unreachable_connect_is_503_and_nobody_is_told() {
    let guard = start(1).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    guard.stage.connect.stop().await;
    let answer = desk.send(&email(&agent, &own_address(&agent))).await.unwrap();
    assert_eq!(said(&answer), (503, Some("ServiceUnavailableException")), "{}", guard.log());
    assert!(guard.letters().await.is_empty());
    assert!(effects(&guard.records().await, &agent.id).is_empty());
}
