//! Rules that ask for more than a caller: for a ticket, for the caller's own user; and monitors, which ask for less.

use std::path::PathBuf;

use connect_guard::demo::{
    caller::{Caller, Request},
    stage::{INSTANCE, SECURITY, Setting},
};
use jiff::ToSpan;

use super::{change, vouched};
use crate::{
    records::of_kind,
    running::{Running, event, own_address, program, user},
};

const TICKETS: &str = r#"version = 1

[[allow]]
id         = "with-ticket"
reason     = "The desk corrects addresses, each with a ticket"
callers    = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions    = ["connect:UpdateUserIdentityInfo"]
instances  = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields     = ["Email"]
email_from = "{username}@example.com"
ticket     = { header = "x-guard-ticket", pattern = "SEC-[0-9]+" }
"#;

const OWN: &str = r#"version = 1

[[allow]]
id        = "own-number"
reason    = "Everybody keeps their own number"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["Mobile"]
self      = { claim = "preferred_username", equals = "username" }
"#;

const MONITOR: &str = r#"version = 1

[[monitor]]
id        = "learn-desk"
reason    = "What does the desk need?"
callers   = ["arn:aws:iam::111122223333:role/HelpDesk"]
actions   = ["connect:*", "connect:CreateQueue"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
until     = UNTIL
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_asked_for_signed_recorded_and_told() {
    let guard = Running::with(vouched(TICKETS, 1)).await;
    let desk = guard.caller("IdentityDesk");
    let one = user(1);
    let request = || Request::update_identity(INSTANCE, &one.id, &[("Email", &own_address(&one))]);
    let ticket = |value: &str| ("x-guard-ticket".to_owned(), value.to_owned());
    let refused = desk.send(&request()).await.unwrap();
    assert_eq!((refused.status, refused.error()), (403, Some("AccessDeniedException")));
    // Somebody on the way may have added what is not signed; and a part of a value is none.
    let mut unsigned = request();
    unsigned.unsigned.push(ticket("SEC-17"));
    let refused = desk.send(&unsigned).await.unwrap();
    assert!(matches!(refused.status, 400 | 403), "{} {}", refused.status, refused.text());
    let mut other = request();
    other.signed.push(ticket("SEC-17-or-so"));
    assert_eq!(desk.send(&other).await.unwrap().status, 403);
    assert!(guard.stage.connect.updates().is_empty());

    let mut signed = request();
    signed.signed.push(ticket("SEC-17"));
    let answer = desk.send(&signed).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let intent = of_kind(&records, "intent")[0];
    assert_eq!(
        (intent.text("/basis/ticket"), intent.text("/basis/grounds/0/rule")),
        ("SEC-17", "with-ticket")
    );
    let letters = crate::running::until("the letter", || async {
        let letters = guard.stage.mailbox.letters();
        letters
            .iter()
            .any(|letter| letter.to == [SECURITY] && event(letter) == "address-changed")
            .then_some(letters)
    })
    .await;
    let told = letters.iter().find(|one| one.to == [SECURITY] && event(one) == "address-changed").unwrap();
    assert!(told.text().unwrap().contains("SEC-17"), "{:?}", told.text());
    // Connect is not told of it.
    let sent = &guard.stage.connect.updates()[0];
    assert!(sent.values("x-guard-ticket").is_empty() && !sent.text().contains("SEC-17"), "{}", sent.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_certificate_is_of_changes_their_own_user_alone() {
    let setting = vouched(OWN, 2);
    let more = format!(
        "{}\n[[certificate]]\nspiffe = \"spiffe://example.com/agent2\"\n\
         principal = \"arn:aws:iam::111122223333:role/IdentityDesk\"\nclaims = {{ preferred_username = \"agent2\" }}\n",
        setting.more
    );
    let gateway = "client_ca = \"tls/clients-ca.pem\"\nrequire = \"certificate\"\n".to_owned();
    let guard = Running::with(Setting { more, gateway, ..setting }).await;
    let badge = guard.stage.clients.issue_client("agent2", Some("spiffe://example.com/agent2")).unwrap();
    let desk = Caller { certificate: Some(badge), ..guard.caller("IdentityDesk") };
    for (number, status) in [(1, 403), (2, 200)] {
        let request = Request::update_identity(INSTANCE, &user(number).id, &[("Mobile", "+12065550199")]);
        let answer = desk.exchange(&desk.unsigned(&request)).await.unwrap();
        assert_eq!(answer.status, status, "{number} {} {}", answer.text(), guard.log());
    }
    // By the key of the role, which says nothing of whose it is, not even that.
    let signed = change(&desk, 2, &[("Mobile", "+12065550198")]).await;
    assert_eq!(signed.status, 403, "{}", signed.text());
    assert_eq!(guard.stage.connect.user(&user(2).id).unwrap().mobile, "+12065550199");
    assert_eq!(guard.stage.connect.updates().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn o12_a_monitor_lets_ordinary_operations_through_and_says_so() {
    let setting = vouched(MONITOR, 1);
    let guard = Running::amended(setting, |stage| {
        let now = stage.caller("HelpDesk", ([127, 0, 0, 1], 1).into()).unwrap().now();
        let until = now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(30.days());
        let rules = stage.folder.join("policies/policy.toml");
        super::amend(&rules, "UNTIL", &until.to_string());
        PathBuf::from(program())
    })
    .await;
    let help = guard.caller("HelpDesk");
    let queue = format!("/queues/{INSTANCE}");
    let body = br#"{"Name":"learning","HoursOfOperationId":"12345678-1111-2222-aaaa-a1b2c3d4f5g7"}"#;
    let create = Request::new("PUT", &queue, body);
    let answer = help.send(&create).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let records = guard.recorded(|records| !of_kind(records, "ordinary").is_empty()).await;
    let ordinary = of_kind(&records, "ordinary")[0];
    assert_eq!(ordinary.text("/operation"), "CreateQueue");
    assert_eq!(ordinary.text("/basis/monitor/rule"), "learn-desk");
    let line = || guard.log().lines().find(|line| line.contains("CreateQueue")).map(str::to_owned);
    let line = crate::running::until("its line", || async { line() }).await;
    assert!(line.contains("learn-desk (policy.toml:3)"), "{line}");
    assert!(!guard.log().contains("everything is refused"), "{}", guard.log());
    // Others have no monitor, and changes none of them.
    assert_eq!(guard.caller("IdentityDesk").send(&create).await.unwrap().status, 403);
    assert_eq!(change(&help, 1, &[("FirstName", "Maria")]).await.status, 403);
    assert_eq!(guard.stage.connect.requests_of("CreateQueue").len(), 1);
    assert!(guard.stage.connect.updates().is_empty());
}
