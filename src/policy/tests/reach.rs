//! Which operations the guard itself has to be allowed: those that a rule in force could let through.

use super::*;
use crate::operation::Route;

const ARN: &str = "arn:aws:connect:us-east-1:111122223333:instance/a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

fn route(operation: &str) -> &'static Route {
    routes().iter().find(|route| route.operation == operation).unwrap()
}

#[test]
fn an_operation_is_reached_where_a_rule_names_it_and_its_instance() {
    let policy = policy(&[
        &allow_of("by-id", "DeleteUser", ""),
        &allow_of("by-arn", "CreateQueue", "").replace(INSTANCE, ARN),
        &allow_of("without", "ListInstances", "").replace(INSTANCE, "none"),
        "[[deny]]\nid = \"d\"\nreason = \"test\"\n",
    ]);
    let here = Some((INSTANCE, ARN));
    let other = Some(("12345678-1111-2222-aaaa-999999999999", "arn"));
    for (operation, instance, reached) in [
        ("DeleteUser", here, true),
        ("CreateQueue", here, true),
        ("ListInstances", None, true),
        ("DeleteUser", other, false),
        ("CreateQueue", other, false),
        ("DeleteUser", None, false),
        ("ListInstances", here, false),
        ("DeleteQueue", here, false),
    ] {
        let found = policy.may_reach(route(operation), instance, at(NOON));
        assert_eq!(found, reached, "{operation} {instance:?}");
    }
}

#[test]
fn wildcards_reach_what_they_allow_and_nothing_forbidden() {
    let policy = policy(&[&allow_of("reads", "*", ""), &allow_of("writes", "Create*", "")]);
    let reached = |operation: &str| policy.may_reach(route(operation), Some((INSTANCE, ARN)), at(NOON));
    assert!(reached("ListQueues") && reached("CreateQueue"));
    for operation in ["DeleteQueue", "CreateUser", "CreateRule", "GetFederationToken"] {
        assert!(!reached(operation), "{operation}");
    }
}

#[test]
fn a_rule_reaches_nothing_from_the_second_at_which_it_ends() {
    let monitor = format!(
        "[[monitor]]\nid = \"m\"\nreason = \"test\"\ncallers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]\n\
         actions = [\"connect:ListQueues\"]\ninstances = [\"{INSTANCE}\"]\nuntil = 2027-03-12\n"
    );
    let policy = policy(&[&allow_of("delete", "DeleteUser", "expires = 2027-03-12"), &monitor]);
    for operation in ["DeleteUser", "ListQueues"] {
        let reached = |now: &str| policy.may_reach(route(operation), Some((INSTANCE, ARN)), at(now));
        assert!(reached("2027-03-12T23:59:59Z"), "{operation}");
        assert!(!reached("2027-03-13T00:00:00Z"), "{operation}");
        assert!(!reached("2027-03-14T00:00:00Z"), "{operation}");
    }
}
