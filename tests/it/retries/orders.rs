//! Two callers and one user: orders of arrival, and what was read too early.

use connect_guard::demo::{
    caller::Request,
    connect::{Fault, Held, User},
    stage::INSTANCE,
};

use super::{CONFLICT, DONE, UPDATE, email, later, received, said, start, two_addresses};
use crate::{
    records::{effects, of_kind},
    running::{LIMIT, Running, own_address, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn e12_of_two_callers_at_once_one_waits_its_turn() {
    let guard = start(1).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let agent = user(1);
    let answer = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(answer.clone()));
    let first = later(&desk, &email(&agent, &own_address(&agent)));
    received(&guard, 1, UPDATE).await;
    let request = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Other")]);
    assert_eq!(said(&help.send(&request).await.unwrap()), CONFLICT, "{}", guard.log());
    answer.let_go();
    assert_eq!(said(&first.await.unwrap()), DONE);
    // Somebody else's change was never in the way of it; now it is done, and the retry goes through.
    assert_eq!(said(&help.send(&request).await.unwrap()), DONE, "{}", guard.log());
    let records = guard.records().await;
    assert_eq!(effects(&records, &agent.id), ["applied", "applied"]);
    assert_eq!(of_kind(&records, "refusal").len(), 1, "the one that was in the way is on record");
}

/// Who may change names only submits the address as well, as it was read; it must not be written back.
#[tokio::test(flavor = "multi_thread")]
async fn e10_who_may_not_change_the_address_cannot_restore_it() {
    let guard = start(1).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let agent = user(1);
    let new = own_address(&agent);
    // What the help desk's request sees is read before the correction, and arrives after it.
    let answer = Held::default();
    guard.stage.connect.fail_next("DescribeUser", Fault::Held(answer.clone()));
    let fields = [("FirstName", "Other"), ("Email", &*agent.email)];
    let looped = later(&help, &Request::update_identity(INSTANCE, &agent.id, &fields));
    received(&guard, 1, "DescribeUser").await;
    assert_eq!(said(&desk.send(&email(&agent, &new)).await.unwrap()), DONE, "{}", guard.log());
    answer.let_go();
    assert_eq!(said(&looped.await.unwrap()), CONFLICT, "{}", guard.log());
    assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, new);
    assert_eq!(guard.stage.connect.updates().len(), 1);
    // From now on it is a change of the address, which it may not make.
    let again = Request::update_identity(INSTANCE, &agent.id, &fields);
    let refused = help.send(&again).await.unwrap();
    assert_eq!(said(&refused), (403, Some("AccessDeniedException")), "{}", guard.log());
    assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, new);
}

/// Addresses that are there still, each in the field that it was in, are as much a state of before as those that are gone.
#[tokio::test(flavor = "multi_thread")]
async fn e10_who_may_not_change_an_address_cannot_move_it_back() {
    let mut setting = two_addresses(0);
    let rules = &mut setting.policy[0].1;
    *rules = rules.replace("fields     = [\"Email\"]", "fields     = [\"Email\", \"SecondaryEmail\"]");
    let own = |number| own_address(&user(number));
    // How a user was, what the identity desk makes of it, and what the help desk sends along as it was.
    let cases = [
        // The old address is kept as the second one.
        (
            User { secondary_email: String::new(), ..user(1) },
            vec![("Email", own(1)), ("SecondaryEmail", user(1).email)],
            "Email",
        ),
        // They change places.
        (
            User { secondary_email: own(2), ..user(2) },
            vec![("Email", own(2)), ("SecondaryEmail", user(2).email)],
            "Email",
        ),
        // Both were the same, and the second one stays.
        (User { secondary_email: user(3).email, ..user(3) }, vec![("Email", own(3))], "Email"),
        // There was no second one.
        (
            User { secondary_email: String::new(), ..user(4) },
            vec![("SecondaryEmail", own(4))],
            "SecondaryEmail",
        ),
    ];
    setting.connect.instances[0].users.extend(cases.iter().map(|(agent, ..)| agent.clone()));
    let guard = Running::with(setting).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    for (agent, made, along) in cases {
        let made: Vec<(&str, &str)> = made.iter().map(|(field, value)| (*field, value.as_str())).collect();
        let change = Request::update_identity(INSTANCE, &agent.id, &made);
        assert_eq!(said(&desk.send(&change).await.unwrap()), DONE, "{}", guard.log());
        // As reads show it that are behind.
        guard.stage.connect.put_user(INSTANCE, &agent.id, Some(agent.clone()));
        let updates = guard.stage.connect.updates().len();
        let was = if along == "Email" { &agent.email } else { &agent.secondary_email };
        let fields = [("FirstName", "Other"), (along, was)];
        let along = help.send(&Request::update_identity(INSTANCE, &agent.id, &fields)).await.unwrap();
        assert_eq!(said(&along), CONFLICT, "{agent:?} {}", guard.log());
        assert_eq!(guard.stage.connect.updates().len(), updates);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e10_a_loop_with_the_old_address_never_restores_it() {
    let guard = start(1).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let agent = user(1);
    let new = own_address(&agent);
    let looping = tokio::spawn({
        let agent = agent.clone();
        async move {
            let mut seen = Vec::new();
            for number in 0.. {
                let fields = [("FirstName", &*format!("Other{number}")), ("Email", &*agent.email)];
                let answer =
                    help.send(&Request::update_identity(INSTANCE, &agent.id, &fields)).await.unwrap();
                seen.push(answer.status);
                if answer.status == 403 {
                    break;
                }
            }
            seen
        }
    });
    received(&guard, 3, UPDATE).await;
    let corrected = loop {
        let answer = desk.send(&email(&agent, &new)).await.unwrap();
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(said(&corrected), DONE, "{}", guard.log());
    let seen = tokio::time::timeout(LIMIT, looping).await.unwrap().unwrap();
    assert!(seen.iter().all(|status| [200, 403, 409].contains(status)), "{seen:?}");
    assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, new);
    let mut history = guard.stage.connect.history().into_iter().map(|change| change.after.unwrap().email);
    assert!(history.by_ref().any(|email| email == new));
    assert!(history.all(|email| email == new), "the old address came back");
}
