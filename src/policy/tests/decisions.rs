//! The golden decision matrix: what the example policies decide, callers x users x wishes, in one reviewed file.
//!
//! When a decision changes, the test fails and writes what it found to `target/decisions.actual`: read the difference,
//! and copy it over `tests/data/decisions.txt` when it is meant.

use std::fmt::Write as _;

use super::*;
use crate::operation::Address;

const OTHER: &str = "12345678-1111-2222-aaaa-222222222222";
const ADMIN: &str = "12345678-1111-2222-aaaa-333333333333";
const ROLES: [&str; 6] = [
    "IdentityDesk",
    "HrSync",
    "Onboarding",
    "HelpDesk",
    "AgentDesktop",
    "AWSReservedSSO_TeamLead_0123456789abcdef",
];
const USERS: [&str; 4] = ["mary", "john the administrator", "kim who was one", "lee without address"];
const WORKING_DAY: &str = "2035-03-12T10:00:00Z";
const TIMES: [(&str, &str); 4] = [
    ("a working day", WORKING_DAY),
    ("at night", "2035-03-12T23:00:00Z"),
    ("in audit week", "2035-01-29T10:00:00Z"),
    ("after the rules expired", "2035-07-02T10:00:00Z"),
];

/// A session of a role, with the unique id that the example pins it to.
fn pinned(name: &str) -> Principal {
    let unique_id = match name {
        "IdentityDesk" => Some("AROADBQP57FF2AEXAMPLE".to_owned()),
        "Onboarding" => Some("AROACLKWSDQRAOEXAMPLE".to_owned()),
        _ => None,
    };
    Principal { unique_id, ..role(name) }
}

/// A wish about a user there is: words, operation, fields, grants.
type Wish = (&'static str, &'static str, Vec<(Field, &'static str)>, Vec<&'static str>);

fn wishes() -> Vec<Wish> {
    let update = "UpdateUserIdentityInfo";
    vec![
        ("Email: as it is", update, vec![(Field::Email, "mary.old@example.com")], vec![]),
        ("Email: that of the HR file", update, vec![(Field::Email, "mary.major@example.com")], vec![]),
        ("Email: in other case", update, vec![(Field::Email, "Mary.Major@example.com")], vec![]),
        ("Email: a colleague's", update, vec![(Field::Email, "kim@example.com")], vec![]),
        ("Email: elsewhere", update, vec![(Field::Email, "mary.major@example.org")], vec![]),
        ("Email: plus", update, vec![(Field::Email, "mary.major+x@example.com")], vec![]),
        ("Email: shared", update, vec![(Field::Email, "support@example.com")], vec![]),
        ("Email: xn--", update, vec![(Field::Email, "mary@xn--exmple-cua.com")], vec![]),
        (
            "SecondaryEmail: that of the HR file",
            update,
            vec![(Field::SecondaryEmail, "mary.major@example.com")],
            vec![],
        ),
        ("SecondaryEmail: elsewhere", update, vec![(Field::SecondaryEmail, "x@example.org")], vec![]),
        ("SecondaryEmail: removed", update, vec![(Field::SecondaryEmail, "")], vec![]),
        ("FirstName", update, vec![(Field::FirstName, "Maria")], vec![]),
        (
            "FirstName and Email",
            update,
            vec![(Field::FirstName, "Maria"), (Field::Email, "mary.major@example.com")],
            vec![],
        ),
        ("Mobile", update, vec![(Field::Mobile, "+12065550100")], vec![]),
        ("profiles: the other agents'", "UpdateUserSecurityProfiles", vec![], vec![OTHER]),
        ("profiles: the administrators'", "UpdateUserSecurityProfiles", vec![], vec![ADMIN]),
        ("deleted", "DeleteUser", vec![], vec![]),
        ("read", "DescribeUser", vec![], vec![]),
        ("all read", "SearchUsers", vec![], vec![]),
        ("called back", "StartOutboundVoiceContact", vec![], vec![]),
    ]
}

fn asked(
    role_name: &str,
    name: &str,
    time: &str,
    operation: &str,
    fields: &[(Field, &str)],
    grants: &[&str],
) -> Case {
    let value = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut case = Case {
        caller: pinned(role_name),
        wanted: fields.iter().map(|(field, text)| (*field, value(text))).collect(),
        grants: grants.iter().map(|&id| id.to_owned()).collect(),
        profiles: vec![
            profile(AGENT, &["BasicAgentAccess"]),
            profile(OTHER, &["BasicAgentAccess"]),
            profile(ADMIN, &["Users.Edit"]),
        ],
        at: at(time),
        ..case(operation)
    };
    let username = name.split(' ').next().unwrap();
    let mut person = user(username);
    person.values.push((Field::SecondaryEmail, "mary.second@example.com".to_owned()));
    match username {
        "john" => person.profiles = vec![ADMIN.to_owned()],
        "kim" => case.known.held = ["Users.Edit".to_owned()].into(),
        "lee" => person.values.clear(),
        _ => case.known.former = vec![Address::read("mary.major@example.com").unwrap()],
    }
    case.user = Some(person);
    case
}

fn answer(policy: &Policy, case: &Case) -> String {
    match verdict(policy, case) {
        Ok(grant) => {
            let mut ids = rules(&grant);
            ids.dedup();
            let quota = if grant.quotas.is_empty() { "" } else { ", counted" };
            format!("allow   {}{quota}", ids.join(", "))
        }
        Err(refusal) => match refusal.rule {
            Some(rule) => format!("refuse  {} {}", refusal.code, rule.id),
            None => format!("refuse  {}", refusal.code),
        },
    }
}

fn matrix(policy: &Policy) -> String {
    let mut text = "# What the example policies decide: who, of whom, what. Written and compared by the tests of `policy`.\n".to_owned();
    for (when, time) in TIMES {
        // All of them on a working day; at other times one caller and one user tell the difference.
        let (roles, all) = if time == WORKING_DAY { (&ROLES[..], true) } else { (&ROLES[..1], false) };
        for &role in roles {
            let users = match (all, role) {
                (true, "IdentityDesk") => &USERS[..],
                (true, _) => &USERS[..2],
                (false, _) => &USERS[..1],
            };
            for name in users {
                let _ = writeln!(text, "\n{role}, {name}, {when}");
                for (words, operation, fields, grants) in wishes() {
                    let case = asked(role, name, time, operation, &fields, &grants);
                    let _ = writeln!(text, "  {words:<38}{}", answer(policy, &case));
                }
            }
            if !all {
                continue;
            }
            let _ = writeln!(text, "\n{role}, to create paulo, {when}");
            for (words, username, email, password, grants) in [
                (
                    "with the address of the HR file",
                    "paulo",
                    "paulo.santos@example.com",
                    Password::Absent,
                    AGENT,
                ),
                ("with a colleague's address", "paulo", "kim@example.com", Password::Absent, AGENT),
                ("with a password", "paulo", "paulo.santos@example.com", Password::Set, AGENT),
                ("with another profile", "paulo", "paulo.santos@example.com", Password::Absent, OTHER),
                ("as an administrator", "paulo", "paulo.santos@example.com", Password::Absent, ADMIN),
                ("under a name HR does not know", "ana", "paulo.santos@example.com", Password::Absent, AGENT),
            ] {
                let mut case = asked(role, "mary", time, "CreateUser", &[(Field::Email, email)], &[grants]);
                (case.user, case.username, case.password) = (None, Some(username.to_owned()), password);
                let _ = writeln!(text, "  {words:<38}{}", answer(policy, &case));
            }
        }
    }
    text
}

#[test]
fn the_decisions_are_those_reviewed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policy = compile(&directory(&root.join("policies"), at(WORKING_DAY)));
    let found = matrix(&policy);
    if fs::read_to_string(root.join("tests/data/decisions.txt")).ok().as_ref() != Some(&found) {
        fs::create_dir_all(root.join("target")).unwrap();
        fs::write(root.join("target/decisions.actual"), &found).unwrap();
        panic!("the decisions are not those of tests/data/decisions.txt: see target/decisions.actual");
    }
    assert!(found.lines().count() > 400);
}
