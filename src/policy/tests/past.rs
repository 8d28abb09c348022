//! What was asked once is asked again, with as much as the log says.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::*;
use crate::policy::{Ground, Judged, Logged, Miss, Past, Said, Unsaid};

pub(super) fn question(role: &str, operation: &str, more: Value) -> Map<String, Value> {
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
        // One that lets other fields be changed is about what was asked: the field that it does not name is.
        assert!(!rules.contains("id = \"names\"") || refusal.fields == [Field::Email], "{rules}");
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

const PROTECTED: &str = "[protected]\npermissions = [\"Users.Edit\"]\n";
const ADMIN: &str = "12345678-1111-2222-aaaa-333333333333";

/// What was asked of a user with one security profile, which permitted this, and who had been permitted that.
fn of_permitted(now: &str, held: &str, log: Logged) -> Past {
    let user = json!({ "username": "mary", "id": "id-of-mary", "profiles": [ADMIN] });
    let profiles: Map<String, Value> = [(ADMIN.to_owned(), json!([now]))].into_iter().collect();
    let more = json!({
        "user": user, "profiles": profiles, "known": { "held": [held] },
        "change": { "Email": "mary@example.com" },
    });
    past("IdentityDesk", "UpdateUserIdentityInfo", more, &[], log)
}

#[test]
fn permissions_that_are_on_record_decide() {
    let open = policy(&[&any_mail("desk", "")]);
    let protects = policy(&[PROTECTED, &any_mail("desk", "")]);
    for (now, held, protected) in [
        ("Users.Edit", "Users.View", true),
        ("Users.View", "Users.Edit", true),
        ("Users.View", "Users.View", false),
    ] {
        let past = of_permitted(now, held, Logged::Exact);
        assert!(matches!(open.replay(&past), Judged::Allowed(_)));
        match protects.replay(&past) {
            Judged::Refused(refusal) => assert_eq!((refusal.code, protected), (Code::Protected, true)),
            Judged::Allowed(_) => assert!(!protected, "{now} {held}"),
            Judged::Open(..) => panic!("everything is on record"),
        }
    }
    let past = of_permitted("Users.View", "Users.View", Logged::NotPermissions);
    let Judged::Open(_, unsaid) = protects.replay(&past) else { panic!("it is judged") };
    assert_eq!(unsaid, [Unsaid::Protection].into());
    assert!(matches!(open.replay(&past), Judged::Allowed(_)));
}

const TICKET: &str = "ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }";

#[test]
fn tickets_and_keys_that_are_on_record_decide() {
    let rules = policy(&[&any_mail("desk", TICKET)]);
    let with = |ticket: &str, log| {
        let more = json!({
            "user": { "username": "mary" }, "change": { "Email": "mary@example.com" },
            "notes": { "x-guard-ticket": ticket },
        });
        past("IdentityDesk", "UpdateUserIdentityInfo", more, &[], log)
    };
    assert!(matches!(rules.replay(&with("SEC-7", Logged::Exact)), Judged::Allowed(_)));
    let Judged::Refused(refusal) = rules.replay(&with("none", Logged::Exact)) else {
        panic!("it is allowed")
    };
    assert_eq!(refusal.code, Code::NoRule);
    assert!(matches!(rules.replay(&with("none", Logged::Whole)), Judged::Open(..)));

    let mut files = files(&[&any_mail("desk", TICKET)]);
    let text = "[[revoked]]\nreason = \"lost\"\nissued_before = 2026-03-11T00:00:00Z\n";
    files.revoked = Some(Ok(Source::new("revoked.toml", text)));
    let revoking = compile(&files);
    for (issued, revoked) in [("2026-03-10T23:59:59Z", true), ("2026-03-11T00:00:00Z", false)] {
        let past = with("SEC-7", Logged::Exact).signed(Some("GSKEY".to_owned()), issued.parse().ok());
        let judged = revoking.replay(&past);
        assert_eq!(matches!(judged, Judged::Refused(refusal) if refusal.code == Code::Revoked), revoked);
    }
}

/// A rule's id, and what it said.
type Row = (String, Vec<(Ground, Said)>);

/// What each rule says to what was asked once.
fn recalled(rules: &str, past: &Past) -> (Judged, Vec<Row>) {
    let recalled = policy(&[rules]).recall(past).unwrap();
    let said = recalled.rules.into_iter().map(|traced| (traced.rule.id.to_string(), traced.said));
    (recalled.judged, said.collect())
}

#[test]
fn each_rule_says_what_it_can_to_what_was_asked_once() {
    let rules = format!(
        "{}{}{}[[deny]]\nid = \"mary\"\nreason = \"test\"\nusers = [\"mary\"]\n\
         [[deny]]\nid = \"mobile\"\nreason = \"test\"\nfields = [\"Mobile\"]\n",
        any_mail("desk", "users = [\"mary\"]"),
        any_mail("other", "").replace("IdentityDesk", "Other"),
        allow("names", "fields = [\"FirstName\"]"),
    );
    let email = |said| vec![(Ground::Field(Field::Email), said)];
    let denied = |said| vec![(Ground::Operation, said)];
    let (judged, said) = recalled(&rules, &masked_email());
    assert!(matches!(judged, Judged::Open(..)), "{judged:?}");
    let mary = said.iter().find(|(id, _)| id == "mary").unwrap();
    let Said::Open(deny) = &mary.1[0].1 else { panic!("{said:?}") };
    assert!(matches!(deny.first(), Some(Unsaid::Deny(rule)) if &*rule.id == "mary"));
    let expected = [
        ("desk", email(Said::Open([Unsaid::Address, Unsaid::Username].into()))),
        ("other", email(Said::No(Miss::Callers))),
        ("names", email(Said::No(Miss::Fields))),
        ("mary", denied(Said::Open(deny.clone()))),
        ("mobile", denied(Said::No(Miss::Unchanged))),
    ];
    let expected: Vec<_> = expected.into_iter().map(|(id, said)| (id.to_owned(), said)).collect();
    assert_eq!(said, expected);
}

#[test]
fn what_is_said_whole_is_explained_as_it_is_decided() {
    let more = |to: &str| {
        json!({
            "user": { "username": "mary", "id": "id-of-mary", "Email": "old@example.com" },
            "change": { "Email": to },
        })
    };
    let asked = |to: &str| past("IdentityDesk", "UpdateUserIdentityInfo", more(to), &[], Logged::Exact);
    let rules = any_mail("desk", "users = [\"mary\"]");
    let email = |said| vec![("desk".to_owned(), vec![(Ground::Field(Field::Email), said)])];
    let (judged, said) = recalled(&rules, &asked("new@example.com"));
    assert!(matches!(judged, Judged::Allowed(_)), "{judged:?}");
    assert_eq!(said, email(Said::Yes));
    let (judged, said) = recalled(&rules, &asked("new@example.org"));
    assert!(matches!(judged, Judged::Refused(_)), "{judged:?}");
    assert_eq!(said, email(Said::No(Miss::Address)));
}
