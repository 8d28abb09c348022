//! Tests of a policy, run for a report.

use super::{super::trials, *};

fn test(name: &str, address: &str, expect: &str) -> String {
    format!(
        "[[test]]\nname = \"{name}\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
         action = \"connect:UpdateUserIdentityInfo\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n\
         user = {{ username = \"mary\" }}\nchange = {{ Email = \"{address}\" }}\n{expect}\n"
    )
}

#[test]
fn every_case_is_run_with_its_reason() {
    let good = test("good", "mary@example.com", "expect = \"allow\"\nrule = \"r\"");
    let reason = test("reason", "mary@example.org", "expect = \"refuse\"\nbecause = \"denied-by\"");
    let rule = test("rule", "mary@example.com", "expect = \"allow\"\nrule = \"other\"");
    let more = [Source::new("cases/more.toml", format!("{reason}{rule}"))];
    let found = trials(&files(&[&any_mail("r", ""), &good]), &more, at(NOON)).unwrap();
    let told: Vec<_> = found
        .iter()
        .map(|one| {
            (format!("{}:{} {}", one.file, one.line, one.name), one.failure.is_none(), one.found.as_str())
        })
        .collect();
    assert_eq!(
        told,
        [
            ("rules-2.toml:2 good".to_owned(), true, "allowed by `r`"),
            ("cases/more.toml:1 reason".to_owned(), false, "refused because of `no-rule`"),
            ("cases/more.toml:11 rule".to_owned(), false, "allowed by `r`"),
        ]
    );
    assert_eq!(found[1].expected, "refuse because of `denied-by`");
}

#[test]
fn a_failing_case_beside_the_rules_is_a_trial_and_no_fault() {
    let bad = test("bad", "mary@example.org", "expect = \"allow\"");
    assert!(faults(&[&any_mail("r", ""), &bad]).contains("test `bad`"));
    let found = trials(&files(&[&any_mail("r", ""), &bad]), &[], at(NOON)).unwrap();
    assert!(found.len() == 1 && found[0].failure.is_some());
}

#[test]
fn more_files_hold_tests_and_nothing_else() {
    let more = [Source::new("more.toml", any_mail("r", ""))];
    let found = trials(&files(&[]), &more, at(NOON)).expect_err("a rule is no test").plain();
    assert!(found.contains("a file of tests has no key `allow`"), "{found}");
}

#[test]
fn a_test_says_how_the_instance_keeps_its_users() {
    let of = |directory: &str, field: &str, expect: &str| {
        let asked = test("t", "mary@example.com", expect).replace("Email =", &format!("{field} ="));
        let asked = asked.replace("user = {", &format!("{directory}\nuser = {{"));
        faults(&[&any_mail("mail", ""), &allow("names", "fields = [\"FirstName\"]"), &asked])
    };
    let (yes, no) = ("expect = \"allow\"", "expect = \"refuse\"\nbecause = \"email-on-saml\"");
    for (directory, email, name) in [
        ("", yes, yes),
        ("directory = \"CONNECT_MANAGED\"", yes, yes),
        ("directory = \"SAML\"", no, yes),
        ("directory = \"EXISTING_DIRECTORY\"", no, no),
    ] {
        assert_eq!(of(directory, "Email", email), "", "{directory}");
        assert_eq!(of(directory, "FirstName", name), "", "{directory}");
    }
    let unknown = of("directory = \"LDAP\"", "Email", yes);
    assert!(unknown.contains("`LDAP` is no way to keep users"), "{unknown}");
}
