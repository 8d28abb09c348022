//! What is judged where a log says neither values nor the user as it was, and what stays open.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{past::past, *};
use crate::policy::{Ground, Judged, Logged, Miss, Past, Said, Unsaid};

/// A change of one field; `~` is masked.
fn change(field: Field, value: &str, log: Logged) -> Past {
    let more = json!({ "user": { "username": "~", "id": "id-of-mary" }, "change": { field.name(): value } });
    let masked = if value == "~" { vec![field] } else { Vec::new() };
    past("IdentityDesk", "UpdateUserIdentityInfo", more, &masked, log)
}

/// What is asked of a user about whom the log says only the id.
fn asked(operation: &str, more: &Value, log: Logged) -> Past {
    let mut all = json!({ "user": { "username": "~", "id": "id-of-mary" } });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    past("IdentityDesk", operation, all, &[], log)
}

/// What stays open.
fn open(policy: &Policy, past: &Past) -> BTreeSet<Unsaid> {
    match policy.replay(past) {
        Judged::Open(_, unsaid) => unsaid,
        Judged::Allowed(_) => BTreeSet::new(),
        Judged::Refused(refusal) => panic!("{}: {}", refusal.code, refusal.detail),
    }
}

fn refusal(policy: &Policy, past: &Past) -> Refusal {
    match policy.replay(past) {
        Judged::Refused(refusal) => refusal,
        judged @ (Judged::Allowed(_) | Judged::Open(..)) => panic!("{judged:?}"),
    }
}

#[test]
fn an_address_that_is_set_is_open_and_any_other_change_is_not() {
    let policy = policy(&[
        &any_mail("mail", "remove = [\"SecondaryEmail\"]"),
        &allow("names", "fields = [\"FirstName\"]\nremove = [\"Mobile\"]"),
    ]);
    for (field, value, is_open) in [
        (Field::Email, "~", true),
        (Field::Email, "mary@example.com", true),
        (Field::SecondaryEmail, "~", true),
        (Field::SecondaryEmail, "", false),
        (Field::FirstName, "~", false),
        (Field::FirstName, "Maria", false),
        (Field::Mobile, "~", false),
        (Field::Mobile, "", false),
    ] {
        let expected = is_open.then_some(Unsaid::Address).into_iter().collect();
        assert_eq!(open(&policy, &change(field, value, Logged::Outline)), expected, "{field} {value}");
    }
    for (field, value) in [(Field::Mobile, "+12065550100"), (Field::FirstName, ""), (Field::LastName, "~")] {
        let refusal = refusal(&policy, &change(field, value, Logged::Outline));
        assert_eq!((refusal.code, refusal.fields), (Code::NoRule, vec![field]), "{value}");
    }
}

#[test]
fn a_new_user_is_always_open() {
    let lines = format!("usernames = [\"*\"]\ngrants = [\"{AGENT}\"]\nfields = [\"FirstName\"]");
    let policy = policy(&[&allow_of("new", "CreateUser", &lines)]);
    let created = |more: Value, log| {
        let mut all = json!({ "username": "~", "change": { "FirstName": "~" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        past("IdentityDesk", "CreateUser", all, &[Field::FirstName], log)
    };
    for log in [Logged::Outline, Logged::Bare] {
        assert_eq!(open(&policy, &created(json!({ "grants": [AGENT] }), log)), [Unsaid::Given].into());
    }
    for more in [json!({ "grants": ["admin"] }), json!({ "members": ["Tags"] })] {
        assert_eq!(refusal(&policy, &created(more, Logged::Outline)).code, Code::NoRule);
    }
}

#[test]
fn what_was_given_is_open_where_the_log_does_not_say_it() {
    let profile = allow_of("profile", "CreateSecurityProfile", "permissions = [\"Users.View\"]");
    let policy = policy(&[&profile, &allow_of("delete", "DeleteUser", "")]);
    let created = |permission: &str, log| {
        let more = json!({ "permissions": [permission] });
        past("IdentityDesk", "CreateSecurityProfile", more, &[], log)
    };
    assert_eq!(open(&policy, &created("Users.View", Logged::Outline)), [].into());
    assert_eq!(refusal(&policy, &created("Users.Edit", Logged::Outline)).code, Code::NoRule);
    assert_eq!(open(&policy, &created("Users.Edit", Logged::Bare)), [Unsaid::Given].into());
    assert_eq!(open(&policy, &asked("DeleteUser", &json!({}), Logged::Bare)), [].into());
}

#[test]
fn a_log_without_fields_is_judged_without_them() {
    let rules = policy(&[&any_mail("desk", ""), &allow_of("delete", "DeleteUser", "")]);
    let without = asked("UpdateUserIdentityInfo", &json!({}), Logged::Fieldless);
    // A field that is there all the same is not one that the log says.
    for past in [&without, &change(Field::Mobile, "~", Logged::Fieldless)] {
        assert_eq!(open(&rules, past), [Unsaid::Fields].into());
        let recalled = rules.recall(past).unwrap();
        let desk = &recalled.rules[0];
        assert_eq!(desk.said, [(Ground::Operation, Said::Open([Unsaid::Fields].into()))]);
    }
    let deleted = rules.recall(&asked("DeleteUser", &json!({}), Logged::Outline)).unwrap();
    assert!(matches!(deleted.judged, Judged::Allowed(_)));
    assert_eq!(deleted.rules[1].said, [(Ground::Operation, Said::Yes)]);
    assert_eq!(deleted.rules[0].said, [(Ground::Operation, Said::No(Miss::Actions))]);
    assert!(deleted.changing.is_empty() && deleted.protected.is_none());
}

#[test]
fn a_deny_is_certain_where_the_log_says_all_that_it_is_about() {
    let of = |lines: &str| {
        policy(&[
            &any_mail("desk", ""),
            &allow("names", "fields = [\"FirstName\"]"),
            &allow_of("delete", "DeleteUser", ""),
            &format!("[[deny]]\nid = \"no\"\nreason = \"decided so\"\n{lines}\n"),
        ])
    };
    let name = change(Field::FirstName, "~", Logged::Outline);
    let pinned = |id: &str| {
        let more = json!({ "change": { "FirstName": "Maria" }, "unique_id": id });
        asked("UpdateUserIdentityInfo", &more, Logged::Outline)
    };
    for (lines, past) in [
        ("", &name),
        ("fields = [\"FirstName\"]", &name),
        ("user_ids = [\"id-of-mary\"]", &name),
        ("unique_ids = [\"AROAEXAMPLEONE\"]", &pinned("AROAEXAMPLEONE")),
    ] {
        let refusal = refusal(&of(lines), past);
        assert_eq!((refusal.code, refusal.detail.as_str()), (Code::DeniedBy, "denied by `no`: decided so"));
        assert_eq!(refusal.rule.map(|rule| rule.id.to_string()).as_deref(), Some("no"), "{lines}");
    }
    let denies = |lines: &str, past: &Past| {
        open(&of(lines), past).iter().filter(|unsaid| matches!(unsaid, Unsaid::Deny(_))).count()
    };
    let fieldless = asked("UpdateUserIdentityInfo", &json!({}), Logged::Fieldless);
    let email = change(Field::Email, "~", Logged::Outline);
    for (lines, past, perhaps) in [
        ("users = [\"kim\"]", &name, 1),
        ("unique_ids = [\"AROAEXAMPLEONE\"]", &name, 1),
        ("unique_ids = [\"AROAEXAMPLEONE\"]", &pinned("AROAEXAMPLETWO"), 0),
        ("user_ids = [\"id-of-john\"]", &name, 0),
        ("fields = [\"Email\"]", &name, 0),
        ("domains = [\"example.org\"]", &name, 0),
        ("domains = [\"example.org\"]", &email, 1),
        ("domains = [\"example.org\"]\nfields = [\"SecondaryEmail\"]", &email, 0),
        ("domains = [\"example.org\"]", &fieldless, 1),
        ("fields = [\"Email\"]", &fieldless, 1),
        ("fields = [\"Email\"]", &asked("DeleteUser", &json!({}), Logged::Fieldless), 0),
        ("domains = [\"example.org\"]", &asked("DeleteUser", &json!({}), Logged::Fieldless), 0),
        ("expires = 2027-03-11", &name, 0),
    ] {
        assert_eq!(denies(lines, past), perhaps, "{lines}");
    }
}

#[test]
fn a_rule_tells_what_of_it_no_log_says() {
    let ticket = "ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }";
    let own = "self = { claim = \"preferred_username\", equals = \"username\" }";
    let name = change(Field::FirstName, "~", Logged::Outline);
    for (lines, unsaid) in [
        ("", None),
        ("users = [\"mary\"]", Some(Unsaid::Username)),
        ("user_ids = [\"id-of-mary\"]", None),
        (ticket, Some(Unsaid::Ticket)),
        (own, Some(Unsaid::Own)),
    ] {
        let policy = policy(&[&allow("r", &format!("fields = [\"FirstName\"]\n{lines}"))]);
        assert_eq!(open(&policy, &name), unsaid.into_iter().collect(), "{lines}");
    }
    let rule = |lines: &str| allow("r", &format!("fields = [\"FirstName\"]\n{lines}"));
    for protected in ["permissions = [\"Users.Edit\"]", "users = [\"root*\"]", "user_ids = [\"id-of-john\"]"]
    {
        let listed = format!("[protected]\n{protected}\n");
        assert_eq!(open(&policy(&[&listed, &rule("")]), &name), [Unsaid::Protection].into());
        let lifting = rule("protected = \"decided for this test\"");
        assert_eq!(open(&policy(&[&listed, &lifting]), &name), [].into());
    }
}

#[test]
fn the_rule_that_leaves_least_open_is_told() {
    let rule = |id: &str, lines: &str| allow(id, &format!("fields = [\"FirstName\"]\n{lines}"));
    let quota = "quota = { changes = 1, per = \"1h\", of = \"user\" }";
    let name = change(Field::FirstName, "~", Logged::Outline);
    for (rules, told) in [
        ([rule("a", "users = [\"mary\"]"), rule("b", quota)], "b"),
        ([rule("a", quota), rule("b", "")], "b"),
        ([rule("a", ""), rule("b", "")], "a"),
        ([rule("a", "user_ids = [\"id-of-john\"]"), rule("b", "")], "b"),
    ] {
        let Judged::Allowed(found) = policy(&[&rules.concat()]).replay(&name) else { panic!("{told}") };
        assert_eq!(found.iter().map(|rule| &*rule.id).collect::<Vec<_>>(), [told]);
    }
}

#[test]
fn which_of_several_instances_it_was_is_open() {
    let at = |id: &str, region: &str| {
        let arn = format!("arn:aws:connect:{region}:111122223333:instance/{INSTANCE}");
        any_mail(id, "").replace(INSTANCE, &arn)
    };
    let email = change(Field::Email, "~", Logged::Outline);
    let one = policy(&[&at("here", "us-east-1")]);
    assert_eq!(open(&one, &email), [Unsaid::Address].into());
    let two = policy(&[&at("here", "us-east-1"), &at("there", "eu-central-1")]);
    assert_eq!(open(&two, &email), [Unsaid::Instance].into());
    assert_eq!(two.recall(&email).unwrap_err().arns.len(), 2);
}

#[test]
fn only_where_a_ticket_may_be_missing_from_the_log_is_a_refusal_open() {
    let ticket = "ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }";
    let deny = "[[deny]]\nid = \"no\"\nreason = \"test\"\nfields = [\"Email\"]\n";
    let asking = policy(&[&any_mail("desk", ticket)]);
    let denying = policy(&[&any_mail("desk", ticket), deny]);
    let of = |log| {
        let more = json!({
            "user": { "username": "mary", "id": "id-of-mary" }, "change": { "Email": "mary@example.com" },
        });
        past("IdentityDesk", "UpdateUserIdentityInfo", more, &[], log)
    };
    assert_eq!(open(&asking, &of(Logged::Whole)), [Unsaid::Address, Unsaid::Ticket].into());
    for log in [Logged::Exact, Logged::NotPermissions] {
        assert_eq!(refusal(&asking, &of(log)).code, Code::NoRule);
    }
    assert_eq!(refusal(&denying, &of(Logged::Whole)).code, Code::DeniedBy);
    assert_eq!(
        refusal(&policy(&[&any_mail("desk", "").replace("example.com", "example.org")]), &of(Logged::Whole))
            .code,
        Code::NoRule
    );
}
