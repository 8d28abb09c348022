//! Suggested rules allow what was done, once somebody has answered what no log says, and nothing that was not done.

use serde_json::{Value, json};

use super::{
    past::{past, question},
    *,
};
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

/// The file for what the agents' desk did, as it is written.
const WRITTEN: &str = r#"# Suggested from 9 calls from 2027-03-12 to 2027-03-12. It allows what was done, and nothing else.
# What was done is not what should go on: read each rule, narrow it, and give it a reason of its own.
# Lines that end with `_to_be_written` keep the file from loading until somebody has answered them.
version = 1

# Seen: DeleteUser 2.
# The log has no unique id: whoever makes a role of this name again is this caller, too.
[[allow]]
id        = "seen-lead-1"
reason    = "Seen from 2027-03-12 to 2027-03-12: write why it is to go on"
callers   = ["arn:aws:iam::111122223333:role/Lead"]
actions   = ["connect:DeleteUser"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222"]
# These lead to a takeover, or hide one: name `users` or `user_ids` where you can.

# Seen: FirstName 1, SecondaryEmail (removed) 1.
[[allow]]
id        = "seen-identity-desk-2"
reason    = "Seen from 2027-03-12 to 2027-03-12: write why it is to go on"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
unique_ids = ["AROAEXAMPLEONE"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["FirstName"]
remove    = ["SecondaryEmail"]

# Seen: Email 2.
[[allow]]
id        = "seen-identity-desk-3"
reason    = "Seen from 2027-03-12 to 2027-03-12: write why it is to go on"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
unique_ids = ["AROAEXAMPLEONE"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["Email"]
# To which address? No log says it, and a rule without an answer would hand out every account it reaches.
# Write one of these in the place of the next line:
#   email_from = "{username}@example.com"
#   email_directory = "hr"
address_to_be_written = true

# Seen: CreateUser 1.
# The log has no unique id: whoever makes a role of this name again is this caller, too.
[[allow]]
id        = "seen-onboarding-4"
reason    = "Seen from 2027-03-12 to 2027-03-12: write why it is to go on"
callers   = ["arn:aws:iam::111122223333:role/Onboarding"]
actions   = ["connect:CreateUser"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
# Which Usernames? Write `usernames = [".."]` in the place of the next line:
usernames_to_be_written = true
grants = ["12345678-1111-2222-aaaa-111111111111"]
# A password set with CreateUser is refused, whatever was done before: `password = "allow"` says otherwise.
fields    = ["FirstName"]
members   = ["Tags"]

# Seen: CreateSecurityProfile 2.
# The log has no unique id: whoever makes a role of this name again is this caller, too.
[[allow]]
id        = "seen-lead-5"
reason    = "Seen from 2027-03-12 to 2027-03-12: write why it is to go on"
callers   = ["arn:aws:iam::111122223333:role/Lead"]
actions   = ["connect:CreateSecurityProfile"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
permissions = ["Queues.View", "Users.View"]
"#;

#[test]
fn the_file_is_laid_out_for_whoever_has_to_answer_it() {
    let deleted = || json!({ "user": { "username": "~", "id": "id-of-mary" } });
    let new =
        json!({ "username": "~", "change": { "FirstName": "~" }, "grants": [AGENT], "members": ["Tags"] });
    let all = [
        on(INSTANCE, "Lead", "DeleteUser", deleted()),
        on(OTHER, "Lead", "DeleteUser", deleted()),
        changed(INSTANCE, "IdentityDesk", "Email", "~"),
        changed(INSTANCE, "IdentityDesk", "Email", "~"),
        changed(INSTANCE, "IdentityDesk", "FirstName", "~"),
        changed(INSTANCE, "IdentityDesk", "SecondaryEmail", ""),
        on(INSTANCE, "Onboarding", "CreateUser", new),
        on(INSTANCE, "Lead", "CreateSecurityProfile", json!({ "permissions": ["Users.View"] })),
        on(INSTANCE, "Lead", "CreateSecurityProfile", json!({ "permissions": ["Queues.View"] })),
    ];
    assert_eq!(suggested(&all), WRITTEN);
}

#[test]
fn what_no_rule_is_suggested_for_is_counted() {
    let user = || json!({ "user": { "username": "~", "id": "id-of-mary" } });
    let mut suggestions = Suggestions::default();
    assert!(suggestions.toml().starts_with("# Suggested from 0 calls. It allows"), "{}", suggestions.toml());
    suggestions.add(&on(INSTANCE, "Desk", "GetFederationToken", json!({})));
    assert!(suggestions.toml().starts_with("# Suggested from 1 call from 2027-03-12 to"));
    suggestions.add(&on(INSTANCE, "Desk", "GetFederationToken", json!({})));
    suggestions.add(&on(INSTANCE, "Desk", "UpdateUserIdentityInfo", user()));
    suggestions.add(&past("Desk", "UpdateUserIdentityInfo", user(), &[], Logged::Fieldless));
    let mut named = user();
    named["change"] = json!({ "FirstName": "~" });
    suggestions.add(&past("Desk", "UpdateUserIdentityInfo", named, &[Field::FirstName], Logged::Fieldless));
    suggestions.pass_over_all("records that cannot be read", 3);
    suggestions.pass_over_all("records that cannot be read", 4);
    let text = suggestions.toml();
    for line in [
        "# Not in it: 2 calls of GetFederationToken, which the guard refuses whatever a policy says.",
        "# Not in it: 3 calls of UpdateUserIdentityInfo of which the log does not say which fields changed.",
        "# Not in it: 7 records that cannot be read.",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}: {text}");
    }
    assert!(!text.contains("[[allow]]"), "{text}");
}

#[test]
fn the_days_are_those_of_the_first_and_the_last_call() {
    let on_day = |day: u32| {
        let when = at(&format!("2027-03-{day}T23:59:59Z"));
        let question = question("Desk", "ListQueues", json!({}));
        Past::read(&question, std::collections::BTreeSet::new(), Logged::Outline, when).ok().unwrap()
    };
    let text = suggested(&[on_day(12), on_day(10), on_day(14), on_day(11)]);
    assert!(text.starts_with("# Suggested from 4 calls from 2027-03-10 to 2027-03-14."), "{text}");
    assert!(text.contains("Seen: ListQueues 4."), "{text}");
}

#[test]
fn what_one_log_of_several_does_not_say_was_given_is_left_open() {
    let given =
        |log| past("Lead", "CreateSecurityProfile", json!({ "permissions": ["Users.View"] }), &[], log);
    let text = suggested(&[given(Logged::Outline), given(Logged::Bare)]);
    assert!(text.contains("\npermissions_to_be_written = true\n") && !text.contains("Users.View"), "{text}");
    assert!(loads(&text).unwrap_err().contains("permissions_to_be_written"));
}

#[test]
fn an_id_is_made_of_the_last_part_of_the_caller() {
    for (role, slug) in [
        ("Hr", "hr"),
        ("HelpDesk2Lead", "help-desk2lead"),
        ("-Desk_b@c.", "desk-b-c"),
        (&"Aa".repeat(30), &format!("{}a", "aa-".repeat(13))),
    ] {
        let text = suggested(&[on(INSTANCE, role, "ListQueues", json!({}))]);
        assert!(text.contains(&format!("\nid        = \"seen-{slug}-1\"\n")), "{text}");
    }
}
