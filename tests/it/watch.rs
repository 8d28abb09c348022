//! Connect shows or does a change seconds after it said yes: people are told at once, and told of what else it did.

use std::time::{Duration, Instant};

use connect_guard::demo::{
    caller::Request,
    connect::{Omitted, Switches, User},
    stage::{INSTANCE, SECURITY},
};

use crate::{
    records::{Record, of_kind},
    running::{Running, event, own_address, pairs, roomy, told, until, user},
};

/// Later than a request waits, and than the first look after it.
const LATE: Duration = Duration::from_secs(3);
/// Everything that a change of the primary address leaves out.
const LEFT: [&str; 4] = ["FirstName", "LastName", "SecondaryEmail", "Mobile"];

/// A guard, and one user in a Connect with these switches.
async fn running(switches: Switches) -> (Running, User) {
    let agent = user(1);
    let guard = Running::with(roomy([agent.clone()])).await;
    guard.stage.connect.set_switches(switches);
    (guard, agent)
}

fn clearing() -> Switches {
    Switches { omitted: Omitted::Clear, effect_delay: LATE, ..Switches::default() }
}

/// Changes the address: Connect's own answer, at once.
async fn change(guard: &Running, agent: &User) {
    let desk = guard.caller("IdentityDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("Email", &own_address(agent))]);
    let answer = desk.send(&request).await.unwrap();
    assert_eq!((answer.status, answer.error()), (200, None), "{}", guard.log());
}

/// The confirmation, once there is one.
async fn confirmation(guard: &Running) -> Record {
    let records = guard.recorded(|records| !of_kind(records, "confirmation").is_empty()).await;
    of_kind(&records, "confirmation")[0].clone()
}

/// Who is told of the change, and of what went with it.
fn everybody(agent: &User) -> Vec<(String, String)> {
    let new = own_address(agent);
    let old = [SECURITY, &agent.email, &agent.secondary_email];
    let mut all: Vec<_> =
        old.iter().flat_map(|to| [(*to, "address-changed"), (*to, "side-effect")]).collect();
    all.push((&new, "address-changed"));
    pairs(&all)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_a_change_does_later_is_told() {
    let (guard, agent) = running(clearing()).await;
    let begun = Instant::now();
    change(&guard, &agent).await;
    let letters = guard.stage.mailbox.received(4).await;
    assert!(letters.iter().all(|letter| event(letter) == "address-changed"));
    let record = confirmation(&guard).await;
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!((record.text("/shows"), record.side_effects()), ("shown", LEFT.to_vec()));
    assert_eq!(told(&guard.letters().await), everybody(&agent));
    let outcome = of_kind(&guard.records().await, "outcome")[0].clone();
    assert_eq!((outcome.text("/effect"), outcome.text("/shows")), ("applied", "not-yet"));
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_shows_later_is_confirmed_and_nobody_is_told_again() {
    let (guard, agent) = running(Switches { read_lag: LATE, ..Switches::default() }).await;
    change(&guard, &agent).await;
    let record = confirmation(&guard).await;
    assert_eq!((record.text("/shows"), record.side_effects()), ("shown", Vec::new()));
    let letters = guard.letters().await;
    assert_eq!(letters.len(), 4);
    assert!(letters.iter().all(|letter| event(letter) == "address-changed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_watched_outlives_the_end_of_the_machine() {
    let (mut guard, agent) = running(clearing()).await;
    change(&guard, &agent).await;
    guard.crash().await;
    let record = confirmation(&guard).await;
    assert_eq!((record.text("/shows"), record.side_effects()), ("shown", LEFT.to_vec()));
    assert_eq!(told(&guard.letters().await), everybody(&agent));
    let (report, whole) = guard.verify();
    assert!(whole, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_stops_leaves_what_is_watched_to_the_next() {
    let (mut guard, agent) = running(clearing()).await;
    change(&guard, &agent).await;
    let begun = Instant::now();
    assert!(guard.process.stop().await.unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(of_kind(&guard.records().await, "confirmation").is_empty());
    guard.process.restart(&guard.stage).await.unwrap();
    let record = confirmation(&guard).await;
    assert_eq!(record.side_effects(), LEFT);
    assert_eq!(told(&guard.letters().await), everybody(&agent));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_change_hides_nothing_of_the_first() {
    // Between the first look and the second.
    let (guard, agent) = running(Switches { effect_delay: LATE + LATE, ..clearing() }).await;
    change(&guard, &agent).await;
    // It is done, and no look has seen it: what the next change finds is as the first left it.
    until("the effect", || async {
        guard.stage.connect.user(&agent.id).is_some_and(|user| user.first_name.is_empty()).then_some(())
    })
    .await;
    guard.stage.connect.set_switches(Switches::default());
    let help = guard.caller("HelpDesk");
    let request = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Other")]);
    assert_eq!(help.send(&request).await.unwrap().status, 200, "{}", guard.log());
    assert!(of_kind(&guard.records().await, "confirmation").is_empty(), "{}", guard.log());
    let record = confirmation(&guard).await;
    let first = of_kind(&guard.records().await, "intent")[0].seq();
    assert_eq!(
        (record.intent(), record.text("/shows"), record.side_effects()),
        (first, "shown", LEFT.to_vec())
    );
    assert_eq!(told(&guard.letters().await), everybody(&agent));
}
