//! What `policy check` advises, and that a load says none of it.

use super::{super::advice, *};

/// The codes, each with the rule its message begins with.
fn codes(rules: &[&str]) -> Vec<String> {
    codes_of(&files(rules))
}

fn codes_of(files: &PolicyFiles) -> Vec<String> {
    let found = advice(files, at(NOON));
    assert!(!found.fatal());
    found
        .iter()
        .filter_map(|fault| fault.code)
        .filter(|code| *code != "untested")
        .map(str::to_owned)
        .collect()
}

fn names(lines: &str) -> String {
    allow("names", &format!("fields = [\"FirstName\"]\n{lines}"))
}

#[test]
fn a_plain_rule_has_no_advice_but_to_be_tested() {
    assert_eq!(codes(&[&names("")]), Vec::<String>::new());
    let found = advice(&files(&[&names("")]), at(NOON));
    assert_eq!(
        found.plain(),
        "rules-1.toml:3:1: warning[untested]: no test is allowed by `names` (hint: write a [[test]] that it allows)\n"
    );
    assert_eq!(faults(&[&names("")]), "", "a load says nothing");
}

#[test]
fn rules_that_do_nothing() {
    let deny = "[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"FirstName\"]\n";
    assert_eq!(codes(&[&names(""), deny]), ["shadowed"]);
    assert_eq!(codes(&[&names("remove = [\"Mobile\"]"), deny]), Vec::<String>::new());
    assert_eq!(codes(&[&names(""), &format!("{deny}users = [\"mary\"]")]), Vec::<String>::new());
    assert_eq!(codes(&[&names(""), &format!("{deny}expires = 2027-06-30")]), Vec::<String>::new());
    let mail = any_mail("m", "users = [\"mary\"]\nunique_ids = [\"AROADBQP57FF2AEXAMPLE\"]");
    let address = "[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"Email\", \"SecondaryEmail\"]\n";
    assert_eq!(codes(&[&mail, address]), ["shadowed"]);
    assert_eq!(codes(&[&mail, &format!("{address}domains = [\"example.org\"]")]), Vec::<String>::new());
    let nowhere = allow_of("r", "DeleteUser", "").replace(INSTANCE, "none");
    assert_eq!(codes(&[&nowhere]), ["never-applies"]);
}

#[test]
fn rules_that_end_soon() {
    assert_eq!(codes(&[&names("expires = 2027-03-25")]), ["ends-soon"]);
    assert_eq!(codes(&[&names("expires = 2027-03-26")]), Vec::<String>::new());
}

#[test]
fn rules_that_reach_far() {
    let pinned = "unique_ids = [\"AROADBQP57FF2AEXAMPLE\"]";
    assert_eq!(codes(&[&any_mail("r", pinned)]), ["wide-address"]);
    assert_eq!(codes(&[&any_mail("r", &format!("{pinned}\nusers = [\"mary\"]"))]), Vec::<String>::new());
    assert_eq!(codes(&[&any_mail("r", "users = [\"mary\"]")]), ["no-unique-id"]);
    assert_eq!(codes(&[&names("").replace("role/IdentityDesk", "role/Id*")]), ["wide-callers"]);
}

#[test]
fn usernames_that_are_addresses_have_a_domain_of_the_rules() {
    let new = |usernames: &str, from: &str| {
        allow_of(
            "new",
            "CreateUser",
            &format!(
                "fields = [\"Email\"]\nemail_from = \"{from}\"\nusernames = [{usernames}]\ngrants = [\"p\"]\n\
                 unique_ids = [\"AROADBQP57FF2AEXAMPLE\"]"
            ),
        )
    };
    for open in
        ["\"agent-*\"", "\"*\"", "\"a@example.*\"", "\"a*@*.example.com\"", "\"*@example.com\", \"a*\""]
    {
        assert_eq!(codes(&[&new(open, "{username}")]), ["wide-address"], "{open}");
        assert_eq!(codes(&[&new(open, "{username}@example.com")]), Vec::<String>::new(), "{open}");
    }
    for pinned in ["\"agent-*@example.com\"", "\"a@example.com\"", "\"mary\""] {
        assert_eq!(codes(&[&new(pinned, "{username}")]), Vec::<String>::new(), "{pinned}");
    }
}

#[test]
fn a_rule_that_decides_a_test_is_tested() {
    let test = format!(
        "[[test]]\nname = \"t\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
         action = \"connect:UpdateUserIdentityInfo\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n\
         user = {{ username = \"mary\" }}\nchange = {{ FirstName = \"Maria\" }}\nexpect = \"allow\"\n"
    );
    assert!(advice(&files(&[&names(""), &test]), at(NOON)).is_empty());
}

/// So no test that shows them depends on the day it runs on.
#[test]
fn the_examples_are_without_advice_for_years() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for year in 2026..2035 {
        let files = directory(&path, at(&format!("{year}-11-20T06:00:00Z")));
        assert_eq!(advice(&files, at(&format!("{year}-11-20T10:00:00Z"))).plain(), "", "{year}");
    }
}

#[test]
fn usernames_narrow_nothing_but_creations() {
    let mail = r#"fields = ["Email"]
email_any_in = { domains = ["example.com"], because = "decided for this test" }
unique_ids = ["AROADBQP57FF2AEXAMPLE"]
usernames = ["new-*"]
grants = ["p"]"#;
    let both = allow_of("both", "UpdateUserIdentityInfo\", \"connect:CreateUser", mail);
    assert_eq!(codes(&[&both]), ["wide-address", "creation-only"]);
    assert_eq!(codes(&[&format!("{both}users = [\"mary\"]")]), Vec::<String>::new());
    assert_eq!(codes(&[&allow_of("new", "CreateUser", mail)]), Vec::<String>::new());
    // A write that is none of identity is no takeover.
    let queue = allow_of("queue", "CreateQueue\", \"connect:CreateUser", mail);
    assert_eq!(codes(&[&queue]), Vec::<String>::new());
    let delete = allow_of("delete", "DeleteUser\", \"connect:CreateUser", mail);
    assert_eq!(codes(&[&delete]), ["creation-only", "delete-and-create"]);
}

#[test]
fn who_may_delete_and_create_moves_a_login() {
    let lines = "usernames = [\"new-*\"]\ngrants = [\"p\"]\nfields = [\"FirstName\"]";
    let new = allow_of("new", "CreateUser", lines);
    let gone = allow_of("gone", "DeleteUser", "");
    assert_eq!(codes(&[&new, &gone]), ["delete-and-create"]);
    let found = advice(&files(&[&new, &gone]), at(NOON)).plain();
    assert!(
        found.contains(
            "warning[delete-and-create]: a caller of `gone` may delete a user and create one of the same name"
        ) && found.contains("`new` at rules-1.toml:3 creates them"),
        "{found}"
    );
    assert_eq!(codes(&[&new]), Vec::<String>::new());
    assert_eq!(codes(&[&gone]), Vec::<String>::new());
    let place = INSTANCE.replace("11111", "22222");
    for other in [
        gone.replace("role/IdentityDesk", "role/Leavers"),
        gone.replace(INSTANCE, &place),
        gone.replace("111122223333", "444455556666"),
        allow_of("gone", "UpdateUserHierarchy", ""),
    ] {
        assert_eq!(codes(&[&new, &other]), Vec::<String>::new(), "{other}");
    }
    // By a pattern, and beside other operations.
    let wide = allow_of("gone", "UpdateUserHierarchy\", \"connect:DeleteUser", "");
    assert_eq!(codes(&[&new, &wide.replace("role/IdentityDesk", "role/Identity*")]), ["delete-and-create"]);
}

/// Every message, tests among them.
fn told(rules: &[&str], now: &str) -> String {
    advice(&files(rules), at(now)).plain()
}

#[test]
fn each_side_is_to_be_tested_in_its_own_words() {
    let monitor = format!(
        "[[monitor]]\nid = \"m\"\nreason = \"test\"\ncallers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]\n\
         actions = [\"connect:ListQueues\"]\ninstances = [\"{INSTANCE}\"]\nuntil = 2027-03-20\n"
    );
    let deny =
        "[[deny]]\nid = \"d\"\nreason = \"test\"\nactions = [\"connect:DeleteUser\"]\nexpires = 2027-03-21\n";
    let found = told(&[&names(""), &monitor, deny], NOON);
    for message in [
        "no test is allowed by `names` (hint: write a [[test]] that it allows)",
        "no test is let through by `m` (hint: write a [[test]] that it lets through)",
        "no test is refused by `d` (hint: write a [[test]] that it refuses)",
        "rules-2.toml:2:1: warning[ends-soon]: the rule ends soon: its last day is 2027-03-20",
        "rules-3.toml:2:1: warning[ends-soon]: the rule ends soon: its last day is 2027-03-21",
    ] {
        assert!(found.contains(message), "{message}: {found}");
    }
    let test = |action: &str, who: &str, expect: &str| {
        format!(
            "[[test]]\nname = \"{action}\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
             action = \"connect:{action}\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n{who}\n{expect}\n"
        )
    };
    let tests = [
        test("ListQueues", "", "expect = \"allow\""),
        test("DeleteUser", "user = { username = \"mary\" }", "expect = \"refuse\"\nbecause = \"denied-by\""),
    ];
    let delete = allow_of("delete", "DeleteUser", "");
    let found = told(&[&names(""), &monitor, deny, &delete, &tests.concat()], NOON);
    assert!(found.contains("allowed by `names`"), "{found}");
    assert!(!found.contains("let through by") && !found.contains("refused by"), "{found}");
}

#[test]
fn a_rule_that_has_ended_does_not_end_soon() {
    let rule = names("expires = 2027-03-12");
    assert!(told(&[&rule], "2027-03-12T23:59:59Z").contains("ends-soon"));
    assert!(!told(&[&rule], "2027-03-13T00:00:00Z").contains("ends-soon"));
}

#[test]
fn an_operation_without_an_instance_and_one_with_go_with_their_own() {
    let rule = |actions: &str, instances: &str| {
        allow_of("r", actions, "").replace(&format!("[\"{INSTANCE}\"]"), instances)
    };
    let (here, none, both) =
        (format!("[\"{INSTANCE}\"]"), "[\"none\"]".to_owned(), format!("[\"none\", \"{INSTANCE}\"]"));
    for (actions, instances, applies) in [
        ("DeleteUser", &here, true),
        ("DeleteUser", &none, false),
        ("DeleteUser", &both, true),
        ("ListInstances", &none, true),
        ("ListInstances", &both, true),
        ("ListInstances\", \"connect:DeleteUser", &both, true),
        ("ListInstances\", \"connect:DeleteUser", &none, true),
        ("TagResource", &none, true),
        ("ListInst*", &none, true),
        ("*", &here, true),
    ] {
        let found = codes(&[&rule(actions, instances)]);
        assert_eq!(found.is_empty(), applies, "{actions} {instances}: {found:?}");
    }
}

#[test]
fn a_role_is_to_be_pinned_and_a_pattern_to_be_long() {
    let by =
        |caller: &str| codes(&[&any_mail("r", "users = [\"mary\"]").replace("role/IdentityDesk", caller)]);
    assert_eq!(by("role/Desk*"), ["no-unique-id"]);
    assert_eq!(by("role/Des*"), ["wide-callers", "no-unique-id"]);
    assert_eq!(by("user/desk/kim"), Vec::<String>::new());
    let set = any_mail("r", "users = [\"mary\"]\npermission_set = \"Desk\"");
    assert_eq!(codes(&[&set.replace("role/IdentityDesk", "role/AWSReservedSSO_*")]), Vec::<String>::new());
}

#[test]
fn a_rule_is_shadowed_by_a_deny_that_has_all_of_it() {
    let rule = names("users = [\"mary\"]");
    let other = INSTANCE.replace("11111", "22222");
    for (lines, shadowed) in [
        (String::new(), true),
        ("callers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]".to_owned(), true),
        ("callers = [\"arn:aws:iam::111122223333:role/Identity*\"]".to_owned(), true),
        ("callers = [\"arn:aws:iam::111122223333:role/Lead\"]".to_owned(), false),
        (format!("instances = [\"{INSTANCE}\"]"), true),
        (format!("instances = [\"{other}\"]"), false),
        ("actions = [\"connect:UpdateUserIdentityInfo\"]".to_owned(), true),
        ("actions = [\"connect:CreateUser\"]".to_owned(), false),
        ("users = [\"mary\", \"kim\"]".to_owned(), true),
        ("users = [\"john\", \"m*\"]".to_owned(), true),
        ("users = [\"kim\"]".to_owned(), false),
        ("user_ids = [\"id-of-mary\"]".to_owned(), false),
        ("unique_ids = [\"AROADBQP57FF2AEXAMPLE\"]".to_owned(), false),
        ("expires = 2027-06-30".to_owned(), false),
        ("domains = [\"example.org\"]".to_owned(), false),
    ] {
        let deny = format!("[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"FirstName\"]\n{lines}");
        let found = codes(&[&rule, &deny]);
        assert_eq!(found.contains(&"shadowed".to_owned()), shadowed, "{lines}: {found:?}");
    }
    // The first of several is told.
    let deny = |id: &str, users: &str| {
        format!("[[deny]]\nid = \"{id}\"\nreason = \"test\"\nfields = [\"FirstName\"]\nusers = [{users}]\n")
    };
    let several =
        [deny("z", "\"kim\""), deny("y", "\"m*\""), deny("x", "\"mary\""), deny("w", "\"*y\"")].concat();
    let found = told(&[&rule, &several], NOON);
    assert!(found.contains("`names` can never apply: `y` denies all of it"), "{found}");
}
