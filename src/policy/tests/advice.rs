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
}
