//! The screen knows every condition under which some rule names caller, operation and instance.

use super::*;

fn reads(id: &str, lines: &str) -> String {
    allow_of(id, "ListQueues", lines)
}

/// That each of two rules lets its own case through, and none a third; in either order.
fn each_lets_its_own_through(rules: [String; 2], own: [Case; 2], neither: Case) {
    let [one, other] = rules;
    for policy in [policy(&[&one, &other]), policy(&[&other.replace("\"b\"", "\"0\""), &one])] {
        for case in &own {
            assert_eq!(code(&policy, case), None, "{case:?} {one} {other}");
        }
        assert_eq!(code(&policy, &neither), Some(Code::NoRule), "{one} {other}");
    }
}

#[test]
fn rules_that_differ_in_one_condition_are_asked_each() {
    let list = || Case { user: None, ..case("ListQueues") };
    let pinned = |id: &str| {
        let mut case = list();
        case.caller.unique_id = Some(id.to_owned());
        case
    };
    let by = |name: &str| Case { caller: role(name), ..list() };
    let on = |time: &str| Case { at: at(time), ..list() };
    let ids =
        [("a", "AROAONE"), ("b", "AROATWO")].map(|(id, one)| reads(id, &format!("unique_ids = [\"{one}\"]")));
    each_lets_its_own_through(ids, ["AROAONE", "AROATWO"].map(pinned), pinned("AROATHREE"));
    let sets = [("a", "Desk"), ("b", "Lead")].map(|(id, set)| {
        reads(id, &format!("permission_set = \"{set}\"")).replace("IdentityDesk", "AWSReservedSSO_*")
    });
    let generated = |set: &str| by(&format!("AWSReservedSSO_{set}_0123456789abcdef"));
    each_lets_its_own_through(sets, ["Desk", "Lead"].map(generated), generated("Kim"));
    let hours = [("a", "fri"), ("b", "sat")].map(|(id, day)| {
        reads(
            id,
            &format!("hours = {{ days = [\"{day}\"], from = \"00:00\", to = \"24:00\", zone = \"UTC\" }}"),
        )
    });
    each_lets_its_own_through(hours, [NOON, "2027-03-13T10:00:00Z"].map(on), on("2027-03-14T10:00:00Z"));
    let roles =
        [("a", "Desk*"), ("b", "Lead*")].map(|(id, role)| reads(id, "").replace("IdentityDesk", role));
    each_lets_its_own_through(roles, ["Desk1", "Lead1"].map(by), by("Kim1"));
}

#[test]
fn of_rules_that_differ_in_their_end_the_last_one_counts() {
    let on = |time: &str| Case { at: at(time), user: None, ..case("ListQueues") };
    let until = |id: &str, day: &str| reads(id, &format!("expires = 2027-03-{day}"));
    for rules in [[until("a", "12"), until("b", "20")], [until("a", "20"), until("b", "12")]] {
        let policy = policy(&[&rules.concat()]);
        assert_eq!(code(&policy, &on("2027-03-20T23:59:59Z")), None);
        assert_eq!(code(&policy, &on("2027-03-21T00:00:00Z")), Some(Code::NoRule));
    }
    for rules in [[until("a", "12"), reads("b", "")], [reads("a", ""), until("b", "12")]] {
        assert_eq!(code(&policy(&[&rules.concat()]), &on("2037-03-20T10:00:00Z")), None);
    }
}
