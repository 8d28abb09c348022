//! Notices while mail cannot be handed in: they wait, and arrive when it can.

use std::collections::BTreeSet;

use connect_guard::demo::{caller::Request, mailbox::Fault, stage::INSTANCE, stage::SECURITY};

use crate::running::{Running, own_address, roomy, told, until, user};

const CHANGES: usize = 4;

const FAILING: &str = "notices cannot be handed in";
const REFUSED: &str = "a notice was refused; it waits";

/// Changes while this goes wrong; afterwards everybody has been told once.
async fn told_after(fault: Fault, crash: bool) {
    let mut guard = Running::with(roomy((1..=CHANGES).map(user))).await;
    // What is said of a recipient is not the channel's failure, as long as it lasts for seconds.
    let said = if matches!(fault, Fault::RelayDenied) { REFUSED } else { FAILING };
    guard.stage.mailbox.fail(fault);
    // The connection over which the heartbeat came is open still.
    guard.stage.mailbox.hang_up();
    let mut expected = Vec::new();
    for agent in (1..=CHANGES).map(user) {
        let new = own_address(&agent);
        let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &new)]);
        let answer = guard.caller("IdentityDesk").send(&request).await.unwrap();
        assert_eq!(answer.status, 200, "{}", guard.log());
        let people = [SECURITY.to_owned(), agent.email, agent.secondary_email, new];
        expected.extend(people.map(|to| (to, "address-changed".to_owned())));
    }
    until("a failure that is said", || async { guard.log().contains(said).then_some(()) }).await;
    if crash {
        guard.process.stop().await.unwrap();
        guard.process.restart(&guard.stage).await.unwrap();
    }
    assert!(guard.stage.mailbox.letters().is_empty());
    guard.stage.mailbox.heal();
    let letters = guard.letters().await;
    expected.sort();
    // That mail failed, and no longer does, is told as well where it failed often enough.
    let of_mail = |(_, kind): &(String, String)| kind.starts_with("delivery-");
    assert_eq!(told(&letters).into_iter().filter(|one| !of_mail(one)).collect::<Vec<_>>(), expected);
    let ids: BTreeSet<_> = letters.iter().map(|letter| letter.header("Message-ID").concat()).collect();
    assert_eq!(ids.len(), letters.len());
    assert!(letters.iter().all(|letter| letter.user.as_deref() == Some("connect-guard")));
    assert_eq!(guard.log().matches(FAILING).count(), usize::from(said == FAILING), "{}", guard.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_a_mail_server_that_is_down_gets_everything_once_when_it_is_up() {
    told_after(Fault::Down, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_a_wrong_password_loses_nothing() {
    told_after(Fault::WrongPassword, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h5_without_starttls_nothing_is_sent_until_it_is_back() {
    told_after(Fault::NoStartTls, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn h10_a_sender_that_is_refused_is_no_reason_to_give_a_notice_up() {
    told_after(Fault::RelayDenied, false).await;
}

/// Whether the mail server took a message is not known: it is sent again, and known by its id.
#[tokio::test(flavor = "multi_thread")]
async fn h10_a_repeat_carries_the_same_message_id() {
    let guard = Running::with(roomy([user(1)])).await;
    guard.stage.mailbox.fail(Fault::DropAfterContent(1));
    let agent = user(1);
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(&agent))]);
    assert_eq!(guard.caller("IdentityDesk").send(&request).await.unwrap().status, 200, "{}", guard.log());
    let letters = guard.letters().await;
    assert_eq!(letters.len(), 5);
    let ids: BTreeSet<_> = letters.iter().map(|letter| letter.header("Message-ID").concat()).collect();
    assert_eq!(ids.len(), 4);
}
