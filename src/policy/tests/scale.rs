//! Ten thousand rules are looked at like ten: counted, not timed. F14 is timed, with a wide margin.

use std::fmt::Write as _;

use super::{super::judge::Judge, *};

/// How many rules are evaluated to decide.
fn evaluated(policy: &Policy, case: &Case) -> (usize, bool) {
    let question = case.question();
    let judge = Judge::new(policy, &question, case.at).with_fresh_directories();
    let allowed = judge.decide(&case.facts()).is_ok();
    (judge.evaluated(), allowed)
}

/// So many rules, each made from its number.
fn many(count: usize, rule: impl Fn(usize) -> String) -> Policy {
    let mut text = String::new();
    for number in 0..count {
        let _ = writeln!(text, "{}", rule(number));
    }
    policy(&[&text])
}

const COUNTS: [usize; 2] = [10, 10_000];

#[test]
fn f14_callers_all_distinct() {
    for count in COUNTS {
        let policy =
            many(count, |n| any_mail(&format!("r{n}"), "").replace("IdentityDesk", &format!("Desk{n}")));
        let by = |n: usize| Case { caller: role(&format!("Desk{n}")), ..email("u@example.com") };
        assert_eq!(evaluated(&policy, &by(count - 1)), (1, true));
        assert_eq!(evaluated(&policy, &by(count)), (0, false));
    }
}

#[test]
fn f14_one_caller_and_users_all_distinct() {
    for count in COUNTS {
        let policy = many(count, |n| any_mail(&format!("r{n}"), &format!("users = [\"u{n}\"]")));
        let of = |n: usize| Case { user: Some(user(&format!("u{n}"))), ..email("u@example.com") };
        assert_eq!(evaluated(&policy, &of(count - 1)), (1, true));
        assert_eq!(evaluated(&policy, &of(count)), (0, false));
    }
}

#[test]
fn f14_one_caller_and_domains_all_distinct() {
    for count in COUNTS {
        let policy = many(count, |n| {
            any_mail(&format!("r{n}"), "").replace("example.com", &format!("d{n}.example.com"))
        });
        let (looked_at, allowed) = evaluated(&policy, &email(&format!("u@d{}.example.com", count - 1)));
        assert!(allowed && looked_at <= 2, "{looked_at}");
        assert_eq!(evaluated(&policy, &email("u@example.com")), (0, false));
    }
}

#[test]
fn f14_one_caller_and_rules_all_the_same() {
    for count in COUNTS {
        let policy = many(count, |n| any_mail(&format!("r{n}"), "")).clone();
        assert_eq!(evaluated(&policy, &email("u@example.com")), (1, true));
        assert_eq!(evaluated(&policy, &email("u@example.org")), (0, false));
    }
}

#[test]
fn f14_denies_by_user_and_by_caller() {
    for count in COUNTS {
        let deny = |n: usize| match n % 2 {
            0 => format!("[[deny]]\nid = \"d{n}\"\nreason = \"test\"\nusers = [\"u{n}\"]\n"),
            _ => format!(
                "[[deny]]\nid = \"d{n}\"\nreason = \"test\"\ncallers = [\"arn:aws:iam::111122223333:role/R{n}\"]\n"
            ),
        };
        let text: String = (0..count).map(deny).collect();
        let policy = policy(&[&any_mail("desk", ""), &text]);
        assert_eq!(evaluated(&policy, &email("u@example.com")), (1, true));
        let denied = Case { user: Some(user("u8")), ..email("u@example.com") };
        assert_eq!(evaluated(&policy, &denied), (1, false));
    }
}

#[test]
fn f14_the_screen_keeps_equal_conditions_once() {
    let one_day = |n: usize| format!("users = [\"u{n}\"]\nexpires = 2027-03-{:02}", n % 11 + 1);
    let policy = many(10_000, |n| any_mail(&format!("r{n}"), &one_day(n)));
    let case = email("u@example.com");
    let question = case.question();
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        assert!(Judge::new(&policy, &question, case.at).screen().is_err(), "all have expired");
    }
    assert!(
        start.elapsed().as_secs() < 5,
        "a screen over ten thousand rules takes {:?}",
        start.elapsed() / 1000
    );
}

#[test]
fn only_rules_that_name_the_operation_are_looked_at() {
    let policy = policy(&[
        &allow_of("delete", "DeleteUser", ""),
        &allow_of("rule", "DeleteRule", ""),
        &allow_of("tags", "Tag*", ""),
        "[[deny]]\nid = \"no\"\nreason = \"test\"\nactions = [\"connect:DeleteQueue*\"]\n",
    ]);
    assert_eq!(evaluated(&policy, &case("DeleteUser")), (1, true));
    assert_eq!(evaluated(&policy, &case("DeleteSecurityProfile")), (0, false));
}

/// 5 operations, 10 callers, 10 instances and 2 aims: a thousand combinations, each with so many users.
fn wide_rule(users: usize) -> Policy {
    let list = |texts: Vec<String>| format!("\"{}\"", texts.join("\", \""));
    let users = list((0..users).map(|n| format!("u{n}")).collect());
    let callers = list((0..9).map(|n| format!("arn:aws:iam::111122223333:role/Desk{n}")).collect());
    let instances = list((0..9).map(|n| format!("12345678-1111-2222-aaaa-00000000000{n}")).collect());
    let actions = ["DeleteUser", "DeleteRule", "CreateRule", "UpdateRule", "UpdateUserConfig"];
    let rule = allow_of(
        "wide",
        &actions.join("\", \"connect:"),
        &format!("users = [{users}]\nprotected = \"decided for this test\""),
    );
    policy(&[&rule
        .replace("callers = [", &format!("callers = [{callers}, "))
        .replace("instances = [", &format!("instances = [{instances}, "))])
}

#[test]
fn a_rule_with_too_many_combinations_is_found_without_regard_to_its_users() {
    let stranger = Case { user: Some(user("stranger")), ..case("DeleteUser") };
    let known = Case { user: Some(user("u7")), ..case("DeleteUser") };
    for (users, looked_at) in [(100, 0), (101, 1)] {
        let policy = wide_rule(users);
        assert_eq!(evaluated(&policy, &stranger), (looked_at, false), "{users}");
        assert_eq!(evaluated(&policy, &known), (1, true), "{users}");
    }
}

#[test]
fn f14_new_users_all_distinct() {
    for count in COUNTS {
        let policy = many(count, |n| {
            let lines = format!("fields = [\"FirstName\"]\nusernames = [\"u{n}\"]\ngrants = [\"{AGENT}\"]");
            allow_of(&format!("r{n}"), "CreateUser", &lines)
        });
        let of = |n: usize| Case {
            user: None,
            username: Some(format!("u{n}")),
            grants: vec![AGENT.to_owned()],
            ..case("CreateUser")
        };
        assert_eq!(evaluated(&policy, &of(count - 1)), (1, true));
        assert_eq!(evaluated(&policy, &of(count)), (0, false));
    }
}
