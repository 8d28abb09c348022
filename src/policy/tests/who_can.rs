//! Who can do what.

use super::{super::Query, *};
use crate::operation::Address;

fn ids(policy: &Policy, query: &Query) -> Vec<String> {
    policy.who_can(query, at(NOON)).iter().map(|one| one.rule.id.to_string()).collect()
}

fn desk() -> Policy {
    let from = "fields = [\"Email\", \"FirstName\"]\nemail_from = \"{username}@example.com\"\nusers = [\"m*\"]\nexpires = 2027-06-30";
    policy(&[
        &allow("from", from),
        &any_mail("any", "").replace("role/IdentityDesk", "role/Desk*"),
        &allow_of("delete", "DeleteUser", ""),
        &any_mail("past", "expires = 2027-03-11"),
        "[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"SecondaryEmail\"]",
        "[[deny]]\nid = \"old\"\nreason = \"test\"\nexpires = 2027-03-11",
        "[[deny]]\nid = \"kim\"\nreason = \"test\"\nusers = [\"kim\"]\ncallers = [\"arn:aws:iam::111122223333:role/Desk1\"]",
    ])
}

#[test]
fn rules_in_force_are_found_by_what_is_asked() {
    let policy = desk();
    let field = |field| Query { field: Some(field), ..Query::default() };
    assert_eq!(ids(&policy, &Query::default()), ["any", "delete", "from"]);
    assert_eq!(ids(&policy, &field(Field::Email)), ["any", "from"]);
    assert_eq!(ids(&policy, &field(Field::FirstName)), ["from"]);
    let route = routes().iter().find(|route| route.operation == "DeleteUser");
    assert_eq!(ids(&policy, &Query { action: route, ..Query::default() }), ["delete"]);
    assert_eq!(ids(&policy, &Query { caller: Some(role("Desk7")), ..Query::default() }), ["any"]);
    assert_eq!(
        ids(&policy, &Query { instance: Some("other".to_owned()), ..Query::default() }),
        Vec::<String>::new()
    );
    let user =
        |name: &str| Query { user: Some(name.to_owned()), field: Some(Field::Email), ..Query::default() };
    assert_eq!(ids(&policy, &user("kim")), ["any"]);
    let address = |name: Option<&str>, address: &str| Query {
        user: name.map(str::to_owned),
        address: Some(Address::read(address).unwrap()),
        ..Query::default()
    };
    assert_eq!(ids(&policy, &address(None, "kim@example.com")), ["any", "from"]);
    assert_eq!(ids(&policy, &address(Some("mary"), "kim@example.com")), ["any"]);
    assert_eq!(ids(&policy, &address(Some("mary"), "mary@example.com")), ["any", "from"]);
    assert_eq!(ids(&policy, &address(None, "kim@example.org")), Vec::<String>::new());
}

#[test]
fn a_capability_says_to_whom_to_what_until_when_and_what_stands_against_it() {
    let found = desk().who_can(&Query { field: Some(Field::Email), ..Query::default() }, at(NOON));
    let from = found.iter().find(|one| &*one.rule.id == "from").unwrap();
    assert_eq!(from.fields, [Field::Email]);
    assert_eq!(from.users, ["only for the users `m*`"]);
    assert_eq!(from.address, ["only to the address `{username}@example.com`"]);
    assert_eq!(from.until.as_deref(), Some("2027-06-30"));
    assert!(from.except.is_empty(), "{:?}", from.except);
    let any = found.iter().find(|one| &*one.rule.id == "any").unwrap();
    let except: Vec<&str> = any.except.iter().map(|rule| &*rule.id).collect();
    assert_eq!(except, ["d", "kim"], "not the one that has ended");
}

#[test]
fn what_narrows_one_operation_of_a_rule_does_not_hide_the_others() {
    let mail = r#"fields = ["Email"]
email_any_in = { domains = ["example.com"], because = "decided for this test" }
usernames = ["new-*"]
grants = ["p"]"#;
    let both = allow_of("both", "UpdateUserIdentityInfo\", \"connect:CreateUser", mail);
    let policy = policy(&[&both]);
    let of = |operation: Option<&str>, user: &str| Query {
        action: operation.and_then(|name| routes().iter().find(|route| route.operation == name)),
        user: Some(user.to_owned()),
        ..Query::default()
    };
    assert_eq!(ids(&policy, &of(None, "ceo")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("UpdateUserIdentityInfo"), "ceo")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("CreateUser"), "new-kim")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("CreateUser"), "ceo")), Vec::<String>::new());
    assert_eq!(code(&policy, &Case { user: Some(user("ceo")), ..email("ceo@example.com") }), None);
}

#[test]
fn an_instance_is_found_by_its_id_and_by_its_arn() {
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let elsewhere = arn.replace("us-east-1", "eu-central-1");
    let policy = policy(&[
        &any_mail("arn", "").replace(&format!("\"{INSTANCE}\""), &format!("\"{arn}\"")),
        &any_mail("id", ""),
    ]);
    let on = |instance: &str| Query { instance: Some(instance.to_owned()), ..Query::default() };
    assert_eq!(ids(&policy, &on(INSTANCE)), ["arn", "id"]);
    assert_eq!(ids(&policy, &on(&arn)), ["arn", "id"]);
    assert_eq!(ids(&policy, &on(&elsewhere)), ["id"]);
}

#[test]
fn an_operation_is_found_in_each_class_that_it_is_asked_in() {
    let policy = policy(&[&allow_of("tags", "Tag*", "")]);
    let route = routes().iter().find(|route| route.operation == "TagResource");
    assert_eq!(ids(&policy, &Query { action: route, ..Query::default() }), ["tags"]);
}
