//! Logins that end, and begin anew: who hears of it, and whose the addresses are from then on.

use std::time::Duration;

use connect_guard::demo::{
    caller::{Answer, Request},
    connect::Fault,
    stage::{INSTANCE, SECURITY, Setting},
};

use crate::{
    records::{Record, of_kind},
    running::{Running, pairs, roomy, told, user},
};

const CREATE: &str = "CreateUser";
const DELETE: &str = "DeleteUser";
const DONE: (u16, Option<&str>) = (200, None);

/// Besides the usual rules: whoever creates and deletes users, and a desk that may give them other addresses.
fn setting(users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    setting.roles.extend(["Onboarding".into(), "OtherDesk".into()]);
    let policy = &mut setting.policy[0].1;
    *policy = format!(
        r#"{policy}
[[allow]]
id         = "joiners"
reason     = "New agents"
callers    = ["arn:aws:iam::111122223333:role/Onboarding"]
actions    = ["connect:CreateUser"]
instances  = ["{INSTANCE}"]
usernames  = ["*"]
grants     = ["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]
fields     = ["FirstName", "LastName", "Email"]
email_from = "{{username}}@example.com"
password   = "allow"

[[allow]]
id        = "leavers"
reason    = "Agents who leave"
callers   = ["arn:aws:iam::111122223333:role/Onboarding"]
actions   = ["connect:DeleteUser"]
instances = ["{INSTANCE}"]

[[allow]]
id           = "any"
reason       = "A desk that may give any address"
callers      = ["arn:aws:iam::111122223333:role/OtherDesk"]
actions      = ["connect:UpdateUserIdentityInfo"]
instances    = ["{INSTANCE}"]
fields       = ["Email"]
email_any_in = {{ domains = ["example.com"], because = "decided for this test" }}
"#
    );
    setting
}

fn create(username: &str) -> Request {
    let body = format!(
        r#"{{"Username":"{username}","Password":"Correct-Horse-1","IdentityInfo":{{"FirstName":"New","LastName":"Agent","Email":"{username}@example.com"}},"RoutingProfileId":"99999999-aaaa-bbbb-cccc-EXAMPLE99999","SecurityProfileIds":["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]}}"#
    );
    Request::new("PUT", &format!("/users/{INSTANCE}"), body.as_bytes())
}

fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.error())
}

/// A user leaves its address and comes back to it: nobody else has it.
async fn there_and_back(guard: &Running, username: &str) {
    let id = guard.stage.connect.user_named(username).unwrap().id;
    for (role, to) in [
        ("OtherDesk", format!("other.{username}@example.com")),
        ("IdentityDesk", format!("{username}@example.com")),
    ] {
        let answer = guard
            .caller(role)
            .send(&Request::update_identity(INSTANCE, &id, &[("Email", &to)]))
            .await
            .unwrap();
        assert_eq!(said(&answer), DONE, "{to}\n{}", guard.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_addresses_of_a_user_that_was_or_may_have_been_deleted_are_told() {
    let guard = Running::with(setting(3)).await;
    let onboarding = guard.caller("Onboarding");
    let mut expected = Vec::new();
    for (number, fault, status, event) in [
        (1, None, 200, Some("sensitive-done")),
        (2, Some(Fault::CloseBefore), 500, Some("undetermined")),
        (3, Some(Fault::Status(400, "InvalidParameterException")), 400, None),
    ] {
        let agent = user(number);
        if let Some(fault) = fault {
            guard.stage.connect.fail_next(DELETE, fault);
        }
        let request = Request::new("DELETE", &format!("/users/{INSTANCE}/{}", agent.id), b"");
        let answer = onboarding.send(&request).await.unwrap();
        assert_eq!(answer.status, status, "{} {}", answer.text(), guard.log());
        let people = [SECURITY.to_owned(), agent.email, agent.secondary_email];
        expected.extend(people.into_iter().filter_map(|to| Some((to, event?.to_owned()))));
    }
    expected.sort();
    assert_eq!(told(&guard.letters().await), expected);

    // Whoever begins anew under that name has another address; the one from before has heard of it.
    let answer = onboarding.send(&create("agent1")).await.unwrap();
    assert_eq!(said(&answer), DONE, "{} {}", answer.text(), guard.log());
    let created = pairs(&[(SECURITY, "user-created"), ("agent1@example.com", "user-created")]);
    let letters = told(&guard.letters().await);
    assert!(created.iter().all(|pair| letters.contains(pair)), "{letters:?}");
    assert_eq!(letters.len(), expected.len() + created.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_creation_had_no_answer_has_its_own_address() {
    let guard = Running::with(setting(1)).await;
    guard.stage.connect.fail_next(CREATE, Fault::CloseAfter);
    let answer = guard.caller("Onboarding").send(&create("zoe")).await.unwrap();
    assert_eq!(answer.status, 500, "{}", guard.log());
    let inferred = |records: &[Record]| {
        of_kind(records, "outcome").iter().any(|one| one.text("/effect") == "inferred_applied")
    };
    guard.recorded(inferred).await;
    there_and_back(&guard, "zoe").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_deleted_past_the_guard_is_created_anew_with_the_same_address() {
    let guard = Running::with(setting(1)).await;
    let onboarding = guard.caller("Onboarding");
    // Signatures have a resolution of a second: the second request is no retry of this one.
    let octets = onboarding.sign(&create("yan"), onboarding.now() - Duration::from_secs(2)).unwrap();
    assert_eq!(said(&onboarding.exchange(&octets).await.unwrap()), DONE, "{}", guard.log());
    let first = guard.stage.connect.user_named("yan").unwrap().id;
    guard.stage.connect.put_user(INSTANCE, &first, None);
    let answer = onboarding.send(&create("yan")).await.unwrap();
    assert_eq!(said(&answer), DONE, "{} {}", answer.text(), guard.log());
    assert_ne!(guard.stage.connect.user_named("yan").unwrap().id, first);
    there_and_back(&guard, "yan").await;
}

/// The two ways out that the runbook names, of an address that only the ledger still knows on somebody.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_has_any_more_is_free_again() {
    let guard = Running::with(setting(3)).await;
    let (desk, help, onboarding) =
        (guard.caller("OtherDesk"), guard.caller("HelpDesk"), guard.caller("Onboarding"));
    let email =
        |number: usize, to: &str| Request::update_identity(INSTANCE, &user(number).id, &[("Email", to)]);
    let denied = (403, Some("AccessDeniedException"));

    // Somebody gives the user another address past the guard; a look at the user shows it.
    assert_eq!(said(&desk.send(&email(1, "one@example.com")).await.unwrap()), DONE, "{}", guard.log());
    let mut agent = guard.stage.connect.user(&user(1).id).unwrap();
    agent.email = "elsewhere@example.com".to_owned();
    let first_name = agent.first_name.clone();
    guard.stage.connect.put_user(INSTANCE, &agent.id.clone(), Some(agent));
    assert_eq!(said(&desk.send(&email(2, "one@example.com")).await.unwrap()), denied, "{}", guard.log());
    let look = Request::update_identity(INSTANCE, &user(1).id, &[("FirstName", &first_name)]);
    assert_eq!(said(&help.send(&look).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(said(&desk.send(&email(2, "one@example.com")).await.unwrap()), DONE, "{}", guard.log());

    // Somebody deletes the user past the guard; it is made once more, and deleted by way of the guard.
    let answer = onboarding.send(&create("kim")).await.unwrap();
    assert_eq!(said(&answer), DONE, "{} {}", answer.text(), guard.log());
    let first = guard.stage.connect.user_named("kim").unwrap().id;
    guard.stage.connect.put_user(INSTANCE, &first, None);
    assert_eq!(said(&desk.send(&email(3, "kim@example.com")).await.unwrap()), denied, "{}", guard.log());
    let octets = onboarding.sign(&create("kim"), onboarding.now() + Duration::from_secs(2)).unwrap();
    assert_eq!(said(&onboarding.exchange(&octets).await.unwrap()), DONE, "{}", guard.log());
    let second = guard.stage.connect.user_named("kim").unwrap().id;
    let delete = Request::new("DELETE", &format!("/users/{INSTANCE}/{second}"), b"");
    assert_eq!(said(&onboarding.send(&delete).await.unwrap()), DONE, "{}", guard.log());
    assert_eq!(said(&desk.send(&email(3, "kim@example.com")).await.unwrap()), DONE, "{}", guard.log());
}
