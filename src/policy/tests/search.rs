//! The search for what a policy claims and another does not: fast by what tells claims apart, and bounded.

use std::fmt::Write as _;

use super::*;

/// As many rules as it takes to exceed the bound, when each is held against each other.
const MANY: usize = 1_200;

/// So many rules, each made from its number.
fn many(rule: impl Fn(usize) -> String) -> Policy {
    let mut text = String::new();
    for number in 0..MANY {
        let _ = writeln!(text, "{}", rule(number));
    }
    policy(&[&text])
}

fn names(number: usize, lines: &str) -> String {
    allow(&format!("r{number}"), &format!("fields = [\"FirstName\"]\n{lines}"))
}

#[test]
fn rules_of_other_callers_are_not_looked_at() {
    let of = |last: &str| {
        let line = format!("expires = 2027-06-{last}");
        many(|n| names(n, &line).replace("IdentityDesk", &format!("Desk{n}")))
    };
    let found = of("30").differences(&of("29"));
    assert_eq!((found.gains().len(), found.losses().len()), (0, MANY));
}

#[test]
fn what_is_not_looked_for_any_more_is_told_as_gained() {
    let of = |last: &str| many(|n| names(n, &format!("users = [\"u{n}-*\"]\nexpires = 2027-06-{last}")));
    let (longer, shorter) = (of("30"), of("29"));
    let found = longer.differences(&shorter).gains().len();
    assert!(found > 0 && found < MANY, "{found}");
    assert!(longer.differences(&longer).is_empty(), "what is the same is set aside before");
}

#[test]
fn nor_is_it_told_any_more_what_was_allowed_on_other_terms() {
    let mut before = String::new();
    for number in 0..MANY {
        let _ = writeln!(
            before,
            "{}",
            allow_of(&format!("r{number}"), "DeleteUser", &format!("users = [\"u{number}\"]"))
        );
    }
    let last = allow("z", "fields = [\"FirstName\"]\nusers = [\"kim\"]");
    let after = many(|n| names(n, &format!("users = [\"p{n}-*\"]")));
    let found = policy(&[&before, &last]).differences(&after);
    let told =
        found.gains().iter().filter(|one| one.conditions.iter().any(|text| text.contains("other terms")));
    let told = told.count();
    assert_eq!(found.gains().len(), MANY);
    assert!(told > 0 && told < MANY, "{told}");
}
