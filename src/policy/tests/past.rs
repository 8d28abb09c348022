//! What was asked once is asked again, with as much as the log says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::policy::{Judged, Logged, Past, Unsaid};

fn question(role: &str, operation: &str, more: Value) -> Map<String, Value> {
    let mut question = json!({
        "caller": format!("arn:aws:sts::111122223333:assumed-role/{role}/kim"),
        "action": format!("connect:{operation}"),
        "instance": INSTANCE,
    });
    let all = question.as_object_mut().unwrap();
    all.extend(more.as_object().unwrap().clone());
    all.clone()
}

pub(super) fn past(role: &str, operation: &str, more: Value, masked: &[Field], log: Logged) -> Past {
    let masked: BTreeSet<Field> = masked.iter().copied().collect();
    let read = Past::read(&question(role, operation, more), masked, log, at(NOON));
    read.unwrap_or_else(|faults| panic!("{}", faults.plain()))
}

/// An e-mail that a log masks.
fn masked_email() -> Past {
    let more = json!({ "user": { "username": "~", "id": "id-of-mary" }, "change": { "Email": "~" } });
    past("IdentityDesk", "UpdateUserIdentityInfo", more, &[Field::Email], Logged::Outline)
}

#[test]
fn a_masked_address_is_not_judged_and_the_rest_is() {
    let allowing = policy(&[&any_mail("desk", "")]);
    let Judged::Open(rules, unsaid) = allowing.replay(&masked_email()) else { panic!("it is judged") };
    assert_eq!(rules.iter().map(|rule| &*rule.id).collect::<Vec<_>>(), ["desk"]);
    assert_eq!(unsaid, [Unsaid::Address].into());
    for (rules, code) in [
        (allow("names", "fields = [\"FirstName\"]"), Code::NoRule),
        (any_mail("desk", "").replace("IdentityDesk", "Other"), Code::NoRule),
        (any_mail("desk", "expires = 2027-03-11"), Code::NoRule),
        (any_mail("desk", "user_ids = [\"id-of-john\"]"), Code::NoRule),
        (
            format!(
                "{}[[deny]]\nid = \"no\"\nreason = \"test\"\nfields = [\"Email\"]\n",
                any_mail("desk", "")
            ),
            Code::DeniedBy,
        ),
    ] {
        let Judged::Refused(refusal) = policy(&[&rules]).replay(&masked_email()) else { panic!("{rules}") };
        assert_eq!(refusal.code, code, "{rules}");
    }
}

#[test]
fn what_depends_on_what_is_not_said_is_named() {
    let rules = format!(
        "{}[[deny]]\nid = \"no\"\nreason = \"test\"\nfields = [\"Email\"]\ndomains = [\"example.org\"]\n\
         [[deny]]\nid = \"mary\"\nreason = \"test\"\nusers = [\"mary\"]\n[protected]\npermissions = [\"Users.Edit\"]\n",
        any_mail("desk", "users = [\"mary\", \"john\"]")
    );
    let Judged::Open(_, unsaid) = policy(&[&rules]).replay(&masked_email()) else { panic!("it is judged") };
    let denies = unsaid.iter().filter(|one| matches!(one, Unsaid::Deny(_))).count();
    assert_eq!((denies, unsaid.len()), (2, 5));
    for one in [Unsaid::Address, Unsaid::Username, Unsaid::Protection] {
        assert!(unsaid.contains(&one), "{one:?}");
        assert!(!one.words().is_empty());
    }
}

#[test]
fn ordinary_operations_are_judged_whole() {
    let rules = policy(&[&allow_of("reads", "*", "")]);
    let of =
        |operation: &str| rules.replay(&past("IdentityDesk", operation, json!({}), &[], Logged::Outline));
    assert!(matches!(of("ListQueues"), Judged::Allowed(_)));
    assert!(matches!(of("CreateQueue"), Judged::Refused(_)));
}

#[test]
fn what_was_given_must_be_in_the_list() {
    let rules =
        policy(&[&allow_of("profiles", "UpdateUserSecurityProfiles", &format!("grants = [\"{AGENT}\"]"))]);
    let given = |id: &str, log| {
        let more = json!({ "user": { "username": "~", "id": "u" }, "grants": [id] });
        rules.replay(&past("IdentityDesk", "UpdateUserSecurityProfiles", more, &[], log))
    };
    assert!(matches!(given(AGENT, Logged::Outline), Judged::Allowed(_)));
    assert!(matches!(given("admin", Logged::Outline), Judged::Refused(_)));
    let Judged::Open(_, unsaid) = given("admin", Logged::Bare) else { panic!("it is judged") };
    assert_eq!(unsaid, [Unsaid::Given].into());
}

#[test]
fn with_every_value_it_is_the_decision_itself() {
    let rules = policy(&[&any_mail("desk", "")]);
    let whole = |address: &str| {
        let more = json!({ "user": { "username": "mary", "Email": "mary.old@example.com" }, "change": { "Email": address } });
        rules.replay(&past("IdentityDesk", "UpdateUserIdentityInfo", more, &[], Logged::Whole))
    };
    assert!(matches!(whole("mary@example.com"), Judged::Allowed(_)));
    assert!(matches!(whole("mary@example.org"), Judged::Refused(_)));
}
