//! Suggested rules allow what was done, once somebody has answered what no log says, and nothing that was not done.

use serde_json::{Value, json};

use super::{past::past, *};
use crate::policy::{Judged, Logged, Past, Suggestions};

const OTHER: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222";

fn on(instance: &str, role: &str, operation: &str, more: Value) -> Past {
    let mut more = more;
    more["instance"] = instance.into();
    let field = |name: &str| Field::ALL.into_iter().find(|field| field.name() == name).unwrap();
    let change = more.get("change").and_then(Value::as_object).cloned().unwrap_or_default();
    let masked: Vec<Field> =
        change.iter().filter(|(_, value)| **value == "~").map(|(name, _)| field(name)).collect();
    past(role, operation, more, &masked, Logged::Outline)
}

fn changed(instance: &str, role: &str, field: &str, value: &str) -> Past {
    let more = json!({ "user": { "username": "~", "id": "id-of-mary" }, "change": { field: value }, "unique_id": "AROAEXAMPLEONE" });
    on(instance, role, "UpdateUserIdentityInfo", more)
}

fn done() -> Vec<Past> {
    let profile = json!({ "user": { "username": "~", "id": "id-of-mary" }, "grants": [AGENT] });
    vec![
        on(INSTANCE, "Desktop", "ListQueues", json!({})),
        on(OTHER, "Desktop", "CreateQueue", json!({})),
        on(INSTANCE, "Hr", "ListUsers", json!({})),
        on(OTHER, "Hr", "ListUsers", json!({})),
        changed(INSTANCE, "IdentityDesk", "Email", "~"),
        changed(INSTANCE, "IdentityDesk", "SecondaryEmail", ""),
        changed(OTHER, "IdentityDesk", "FirstName", "~"),
        on(INSTANCE, "Lead", "UpdateUserSecurityProfiles", profile),
        on(INSTANCE, "Lead", "DeleteUser", json!({ "user": { "username": "~", "id": "id-of-mary" } })),
    ]
}

fn suggested(of: &[Past]) -> String {
    let mut suggestions = Suggestions::default();
    for past in of {
        suggestions.add(past);
    }
    suggestions.toml()
}

fn answered(text: &str) -> String {
    let binding = "email_any_in = { domains = [\"example.com\"], because = \"answered for this test\" }";
    text.replace("address_to_be_written = true", binding)
}

fn loads(text: &str) -> Result<Policy, String> {
    let files = PolicyFiles::of_rules([("suggested.toml", text)]);
    Policy::compile(&files, at(NOON)).map(|(policy, _)| policy).map_err(|faults| faults.plain())
}

#[test]
fn an_address_is_never_handed_out_by_itself() {
    let text = suggested(&done());
    let faults = loads(&text).unwrap_err();
    assert!(faults.contains("address_to_be_written"), "{faults}");
    // Taking the line away is no answer either.
    let faults = loads(&text.replace("address_to_be_written = true\n", "")).unwrap_err();
    assert!(faults.contains("email_from"), "{faults}");
    assert!(!text.contains("email_any_in"), "{text}");
    // It is TOML all the same.
    assert_eq!(text.parse::<toml::Table>().unwrap()["version"].as_integer(), Some(1));
}

#[test]
fn what_was_done_is_allowed_and_nothing_else() {
    let policy = loads(&answered(&suggested(&done()))).unwrap();
    for past in done() {
        assert!(
            !matches!(policy.replay(&past), Judged::Refused(_)),
            "{} {}",
            past.caller(),
            past.operation()
        );
    }
    let known: Vec<_> = done().iter().map(told).collect();
    let mut others = 0;
    for role in ["Desktop", "Hr", "IdentityDesk", "Lead", "Stranger"] {
        for instance in [INSTANCE, OTHER] {
            let user = json!({ "user": { "username": "~", "id": "id-of-mary" } });
            let mut asked: Vec<Past> = ["ListQueues", "CreateQueue", "ListUsers", "DeleteUser"]
                .map(|operation| {
                    on(
                        instance,
                        role,
                        operation,
                        if operation == "DeleteUser" { user.clone() } else { json!({}) },
                    )
                })
                .into();
            for (field, value) in [
                ("Email", "~"),
                ("SecondaryEmail", ""),
                ("SecondaryEmail", "kim@example.com"),
                ("FirstName", "~"),
                ("Mobile", "~"),
            ] {
                asked.push(changed(instance, role, field, value));
            }
            for past in asked.iter().filter(|past| !known.contains(&told(past))) {
                others += 1;
                assert!(matches!(policy.replay(past), Judged::Refused(_)), "{:?}", told(past));
            }
        }
    }
    assert_eq!(others, 90 - 8, "each that was not done was asked");
}

fn told(past: &Past) -> String {
    format!("{} {} {:?} {:?}", past.caller(), past.operation(), past.instance(), past.fields())
}

#[test]
fn another_role_of_the_same_name_is_another() {
    let policy = loads(&answered(&suggested(&done()))).unwrap();
    let other = json!({ "user": { "username": "~", "id": "id-of-mary" }, "change": { "FirstName": "~" }, "unique_id": "AROAEXAMPLETWO" });
    let past = on(OTHER, "IdentityDesk", "UpdateUserIdentityInfo", other);
    assert!(matches!(policy.replay(&past), Judged::Refused(_)));
}

#[test]
fn what_a_log_leaves_out_of_a_new_user_is_left_open() {
    let more = json!({ "username": "~", "change": { "FirstName": "~", "Email": "~" }, "grants": [AGENT] });
    let text = suggested(&[on(INSTANCE, "Onboarding", "CreateUser", more)]);
    let faults = loads(&text).unwrap_err();
    assert!(
        faults.contains("usernames_to_be_written") && faults.contains("address_to_be_written"),
        "{faults}"
    );
    loads(&answered(&text).replace("usernames_to_be_written = true", "usernames = [\"paulo\"]")).unwrap();
}

#[test]
fn what_else_a_body_gave_is_in_the_rule() {
    let more =
        json!({ "username": "~", "change": { "FirstName": "~" }, "grants": [AGENT], "members": ["Tags"] });
    let past = on(INSTANCE, "Onboarding", "CreateUser", more);
    let text = suggested(std::slice::from_ref(&past));
    let whole = text.replace("usernames_to_be_written = true", "usernames = [\"paulo\"]");
    let policy = loads(&whole).unwrap();
    assert!(!matches!(policy.replay(&past), Judged::Refused(_)), "{text}");
    let policy = loads(&whole.replace("members   = [\"Tags\"]\n", "")).unwrap();
    assert!(matches!(policy.replay(&past), Judged::Refused(_)), "{text}");
}

#[test]
fn calls_are_counted_over_all_instances_and_what_was_given_is_listed() {
    let mut all = vec![on(INSTANCE, "Hr", "ListUsers", json!({})); 3];
    all.extend(vec![on(OTHER, "Hr", "ListUsers", json!({})); 4]);
    let profile = json!({ "permissions": ["Users.View"] });
    all.push(on(INSTANCE, "Lead", "CreateSecurityProfile", profile));
    let text = suggested(&all);
    assert!(text.contains("Suggested from 8 calls"), "{text}");
    assert!(
        text.contains("7 ListUsers") || text.contains("ListUsers: 7") || text.contains("ListUsers 7"),
        "{text}"
    );
    assert!(text.contains("permissions") && text.contains("\"Users.View\""), "{text}");
}
