//! What loads and is worth a warning: the same rule twice, and rules that a deny covers wholly.

use super::*;

#[test]
fn rules_that_differ_in_anything_are_not_the_same() {
    let rule = |id: &str, more: &str| allow(id, &format!("fields = [\"FirstName\"]\n{more}"));
    let says_the_same = |more: &str| faults(&[&rule("a", ""), &rule("b", more)]).contains("says the same");
    assert!(says_the_same(""));
    for more in [
        "remove = [\"Mobile\"]",
        "expires = 2027-06-30",
        "unique_ids = [\"AROAEXAMPLEONE\"]",
        "hours = { days = [\"mon\"], from = \"07:00\", to = \"19:00\", zone = \"UTC\" }",
        "quota = { changes = 1, per = \"1h\", of = \"user\" }",
        "restore = true",
        "protected = \"decided for this test\"",
        "ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }",
        "self = { claim = \"preferred_username\", equals = \"username\" }",
        "users = [\"m*\"]",
    ] {
        assert!(!says_the_same(more), "{more}");
    }
}

#[test]
fn a_deny_covers_a_rule_where_it_has_every_caller_operation_and_instance() {
    let pattern = any_mail("r", "").replace("IdentityDesk", "Identity*");
    let two = any_mail("r", "")
        .replace("role/IdentityDesk", "role/IdentityDesk\", \"arn:aws:iam::111122223333:role/Lead");
    let both = any_mail("r", "").replace("\"connect:Update", "\"connect:ListUsers\", \"connect:Update");
    let caller = "callers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]";
    let update = "actions = [\"connect:UpdateUserIdentityInfo\"]";
    let here = &format!("instances = [\"{INSTANCE}\"]");
    for (rule, deny, covers) in [
        (&any_mail("r", ""), String::new(), true),
        (&any_mail("r", ""), caller.to_owned(), true),
        (&any_mail("r", ""), update.to_owned(), true),
        (&any_mail("r", ""), here.clone(), true),
        (&any_mail("r", ""), format!("{caller}\n{update}\n{here}"), true),
        (&any_mail("r", ""), "actions = [\"connect:Update*\"]".to_owned(), true),
        (&any_mail("r", ""), caller.replace("IdentityDesk", "Lead"), false),
        (&any_mail("r", ""), "actions = [\"connect:DeleteUser\"]".to_owned(), false),
        (&any_mail("r", ""), here.replace("11111", "22222"), false),
        (&any_mail("r", ""), format!("{update}\n{}", caller.replace("IdentityDesk", "Lead")), false),
        (&pattern, caller.to_owned(), false),
        (&pattern, update.to_owned(), true),
        (&two, caller.to_owned(), false),
        (&two, caller.replace("\"]", "\", \"arn:aws:iam::111122223333:role/Lead\"]"), true),
        (&both, update.to_owned(), false),
    ] {
        let deny = format!("[[deny]]\nid = \"no\"\nreason = \"test\"\n{deny}\n");
        let found = faults(&[rule, &deny]);
        assert_eq!(found.contains("`r` can never apply: `no` denies all of it"), covers, "{rule} {deny}");
    }
}

#[test]
fn a_deny_with_a_condition_is_not_held_against_every_rule_at_each_load() {
    for deny in [
        "fields = [\"Email\", \"SecondaryEmail\"]",
        "domains = [\"example.com\"]",
        "users = [\"m*\"]",
        "user_ids = [\"id-of-mary\"]",
        "expires = 2027-06-30",
        "callers = [\"arn:aws:iam::111122223333:role/Identity*\"]",
    ] {
        let deny = format!("[[deny]]\nid = \"no\"\nreason = \"test\"\n{deny}\n");
        assert_eq!(faults(&[&any_mail("r", "users = [\"mary\"]"), &deny]), "", "{deny}");
    }
}

#[test]
fn a_rule_with_a_fault_is_looked_at_no_further() {
    let names = allow("names", "fields = [\"LastName\"]");
    let mail = allow("mail", "fields = [\"Email\"]\nemail_from = \"{last_name}@example.com\"");
    assert!(faults(&[&names, &mail]).contains("a caller of `mail` may set LastName"));
    let faulty = format!("{names}hours = 7\n");
    let found = faults(&[&faulty, &mail, &names.replace("LastName", "FirstName")]);
    assert!(found.lines().count() == 1 && found.contains("hours"), "{found}");
}

#[test]
fn a_name_that_only_new_users_are_given_binds_no_address_of_the_others() {
    let create =
        allow_of("create", "CreateUser", "fields = [\"LastName\"]\nusernames = [\"*\"]\ngrants = [\"p\"]");
    let mail = allow("mail", "fields = [\"Email\"]\nemail_from = \"{last_name}@example.com\"");
    assert_eq!(faults(&[&create, &mail]), "");
}

#[test]
fn a_rule_says_the_same_as_another_whatever_stands_before_them() {
    let rule = |id: &str, field: &str| allow(id, &format!("fields = [\"{field}\"]"));
    let found = faults(&[&rule("a", "FirstName"), &rule("b", "LastName"), &rule("c", "LastName")]);
    assert!(found.contains("`c` says the same as `b`") && found.lines().count() == 1, "{found}");
    // Of three that begin alike, the first is another.
    let noted = |id: &str, more: &str| rule(id, "LastName") + more + "\n";
    let found = faults(&[
        &rule("a", "LastName"),
        &noted("b", "remove = [\"Mobile\"]"),
        &noted("c", "remove = [\"Mobile\"]"),
    ]);
    assert!(found.contains("`c` says the same as `b`") && found.lines().count() == 1, "{found}");
}

#[test]
fn a_name_is_set_and_bound_by_one_caller_alone_who_may_have_both_permission_sets() {
    let of = |rule: &str, set: &str| {
        format!("{rule}permission_set = \"{set}\"\n").replace("IdentityDesk", "AWSReservedSSO_*")
    };
    let names = allow("names", "fields = [\"LastName\"]");
    let mail = allow("mail", "fields = [\"Email\"]\nemail_from = \"{last_name}@example.com\"");
    assert!(faults(&[&of(&names, "Desk"), &of(&mail, "Desk")]).contains("may set LastName"));
    assert_eq!(faults(&[&of(&names, "Desk"), &of(&mail, "Lead")]), "");
}
