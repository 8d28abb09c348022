//! Addresses: requirements E1 to E16.

use super::*;

fn desk(lines: &str) -> Policy {
    policy(&[&any_mail("desk", lines)])
}

#[test]
fn e1_a_suffix_of_another_domain_is_another_domain() {
    assert_eq!(code(&desk(""), &email("u@evilexample.com")), Some(Code::NoRule));
    assert_eq!(code(&desk(""), &email("u@example.com")), None);
}

#[test]
fn e2_a_prefix_of_another_domain_is_another_domain() {
    assert_eq!(code(&desk(""), &email("u@example.com.evil.com")), Some(Code::NoRule));
}

#[test]
fn e3_a_sub_domain_is_another_domain_unless_it_is_listed() {
    assert_eq!(code(&desk(""), &email("u@a.example.com")), Some(Code::NoRule));
    let any = r#"email_any_in = { domains = ["a.example.com"], because = "decided for this test" }"#;
    let listed = policy(&[&allow("desk", &format!("fields = [\"Email\"]\n{any}"))]);
    assert_eq!(code(&listed, &email("u@a.example.com")), None);
    assert_eq!(code(&listed, &email("u@example.com")), Some(Code::NoRule));
}

#[test]
fn e4_e6_e7_what_is_no_plain_address_is_refused_here_too() {
    for address in [
        "u@example.com.",
        "u@.example.com",
        "u@example..com",
        "\"u\"@example.com",
        "u(x)@example.com",
        "@a:u@example.com",
        "u%evil.com@example.com",
        "u@evil.com@example.com",
        "u@[127.0.0.1]",
        "u@localhost",
        "u@example.com\n",
        "ü@example.com",
    ] {
        assert_eq!(code(&desk(""), &email(address)), Some(Code::AddressNotPlain), "{address}");
    }
}

#[test]
fn e5_an_internationalised_domain_is_refused_unless_it_is_listed() {
    let any = r#"email_any_in = { domains = ["xn--exmple-cua.com"], because = "decided for this test" }"#;
    let rule = allow("desk", &format!("fields = [\"Email\"]\n{any}"));
    let asked = email("u@xn--exmple-cua.com");
    assert_eq!(code(&policy(&[&rule]), &asked), Some(Code::AddressNotPlain));
    let listed = "[internationalised]\ndomains = [\"xn--exmple-cua.com\"]\n";
    assert_eq!(code(&policy(&[listed, &rule]), &asked), None);
    assert_eq!(code(&policy(&[listed, &rule]), &email("u@xn--other-cua.com")), Some(Code::AddressNotPlain));
}

#[test]
fn e8_a_plus_address_is_refused_unless_a_rule_says_so() {
    let plus = email("mary+x@example.com");
    let refusal = refused(&desk(""), &plus);
    assert_eq!((refusal.code, refusal.fields), (Code::AddressNotPlain, vec![Field::Email]));
    assert_eq!(code(&desk("plus = \"test accounts share one mailbox\""), &plus), None);
    let other = policy(&[
        &any_mail("desk", ""),
        &any_mail("plus", "plus = \"for the others only\"\nusers = [\"john\"]"),
    ]);
    assert_eq!(code(&other, &plus), Some(Code::AddressNotPlain));
}

#[test]
fn e8_a_change_of_case_is_a_change() {
    let nobody = policy(&[&allow("names", "fields = [\"FirstName\"]")]);
    assert_eq!(code(&nobody, &email("Mary.old@example.com")), Some(Code::NoRule));
    assert_eq!(code(&nobody, &email("mary.old@EXAMPLE.com")), Some(Code::NoRule));
    let grant = allowed(&desk(""), &email("Mary.old@example.com"));
    assert_eq!(grant.differences.len(), 1);
}

#[test]
fn e8_domains_are_compared_without_case_and_local_parts_exactly() {
    let policy = policy(&[&allow("desk", "fields = [\"Email\"]\nemail_from = \"{username}@example.com\"")]);
    assert_eq!(code(&policy, &email("mary@EXAMPLE.com")), None);
    assert_eq!(code(&policy, &email("Mary@example.com")), Some(Code::NoRule));
}

#[test]
fn e9_the_second_address_is_bound_like_the_first() {
    let policy = policy(&[&allow(
        "desk",
        "fields = [\"Email\", \"SecondaryEmail\"]\nemail_from = \"{username}@example.com\"",
    )]);
    let second = |address| update(&[(Field::SecondaryEmail, address)]);
    assert_eq!(code(&policy, &second("mary@example.com")), None);
    assert_eq!(code(&policy, &second("kim@example.com")), Some(Code::NoRule));
    let both = update(&[(Field::Email, "mary@example.com"), (Field::SecondaryEmail, "kim@example.com")]);
    assert_eq!(refused(&policy, &both).fields, [Field::SecondaryEmail]);
}

#[test]
fn e11_a_user_that_was_not_read_is_refused() {
    let policy = desk("");
    let case = email("u@example.com");
    let question = case.question();
    let mut facts = case.facts();
    facts.person = None;
    let judge = crate::policy::judge::Judge::new(&policy, &question, case.at);
    assert_eq!(judge.decide(&facts).expect_err("allowed").code, Code::UserUnknown);
    let other = Case { user: Some(user("john")), ..email("u@example.com") };
    let judge = crate::policy::judge::Judge::new(&policy, &question, case.at);
    let refusal = judge.decide(&other.facts()).expect_err("allowed");
    assert_eq!((refusal.code, refusal.detail.as_str()), (Code::UserUnknown, "what was read is another user"));
}

#[test]
fn e13_the_same_value_again_is_allowed_without_a_difference() {
    let policy = policy(&[&allow("names", "fields = [\"FirstName\"]")]);
    let grant = allowed(&policy, &email("mary.old@example.com"));
    assert!(grant.differences.is_empty());
    assert_eq!(rules(&grant), ["names"], "the rule of the operation");
    let nobody = Case { caller: role("HelpDesk"), ..email("mary.old@example.com") };
    assert_eq!(code(&policy, &nobody), Some(Code::NoRule));
    let others = policy_for_john();
    assert_eq!(code(&others, &email("mary.old@example.com")), Some(Code::NoRule), "for other users only");
}

fn policy_for_john() -> Policy {
    policy(&[&allow("names", "fields = [\"FirstName\"]\nusers = [\"john\"]")])
}

#[test]
fn e13_an_unchanged_field_needs_no_rule_beside_a_changed_one() {
    let policy = policy(&[&allow("names", "fields = [\"FirstName\"]")]);
    let asked = update(&[(Field::FirstName, "Maria"), (Field::Email, "mary.old@example.com")]);
    let grant = allowed(&policy, &asked);
    assert_eq!(grant.differences.iter().map(|d| d.field).collect::<Vec<_>>(), [Field::FirstName]);
    assert_eq!(grant.differences[0].before.as_deref(), Some("Mary"));
    assert_eq!(grant.differences[0].after.as_deref(), Some("Maria"));
}

#[test]
fn e15_an_address_of_another_user_is_refused() {
    let mut case = email("john@example.com");
    case.known.in_use = vec![crate::operation::Address::read("john@example.com").unwrap()];
    let refusal = refused(&desk(""), &case);
    assert_eq!((refusal.code, refusal.fields), (Code::AddressInUse, vec![Field::Email]));
}

#[test]
fn shared_mailboxes_are_refused_however_they_are_written() {
    let shared = "[shared]\nmailboxes = [\"Support@example.com\"]\n";
    let policy = policy(&[shared, &any_mail("desk", "plus = \"decided for this test\"")]);
    for address in ["support@example.com", "SUPPORT@example.com", "support+mary@example.com"] {
        assert_eq!(code(&policy, &email(address)), Some(Code::AddressShared), "{address}");
    }
    assert_eq!(code(&policy, &email("supporter@example.com")), None);
}

#[test]
fn addresses_of_the_e_mail_channel_are_refused() {
    let mut case = email("inbox@example.com");
    case.channel = vec![crate::operation::Address::read("inbox@example.com").unwrap()];
    assert_eq!(code(&desk(""), &case), Some(Code::AddressShared));
}

#[test]
fn email_on_an_instance_with_saml_is_refused() {
    for (directory, field, refused) in [
        (Directory::Saml, Field::Email, true),
        (Directory::Saml, Field::SecondaryEmail, false),
        (Directory::Saml, Field::FirstName, false),
        (Directory::Existing, Field::Email, true),
        (Directory::Existing, Field::FirstName, true),
        (Directory::Existing, Field::LastName, true),
        (Directory::Existing, Field::SecondaryEmail, false),
    ] {
        let policy =
            policy(&[&any_mail("desk", ""), &allow("names", "fields = [\"FirstName\", \"LastName\"]")]);
        let value = if field.is_address() { "u@example.com" } else { "Maria" };
        let case = Case { directory, ..update(&[(field, value)]) };
        assert_eq!(code(&policy, &case), refused.then_some(Code::EmailOnSaml), "{directory:?} {field}");
    }
    let same = Case { directory: Directory::Saml, ..email("mary.old@example.com") };
    assert_eq!(code(&desk(""), &same), Some(Code::EmailOnSaml), "even when nothing would change");
}

#[test]
fn email_is_refused_where_the_directory_type_was_not_read() {
    let policy = desk("");
    let case = email("u@example.com");
    let question = case.question();
    let mut facts = case.facts();
    facts.directory = None;
    let judge = crate::policy::judge::Judge::new(&policy, &question, case.at);
    assert_eq!(judge.decide(&facts).expect_err("allowed").code, Code::EmailOnSaml);
}

#[test]
fn templates_are_over_the_user_as_it_is() {
    let from = |template: &str| {
        policy(&[&allow("desk", &format!("fields = [\"Email\"]\nemail_from = \"{template}\""))])
    };
    assert_eq!(code(&from("{username}@example.com"), &email("mary@example.com")), None);
    assert_eq!(code(&from("{first_name}.{last_name}@example.com"), &email("mary.major@example.com")), None);
    assert_eq!(
        code(&from("{first_name}.{last_name}@example.com"), &email("Mary.Major@example.com")),
        Some(Code::NoRule)
    );
    assert_eq!(code(&from("x-{username}@example.com"), &email("x-mary@example.com")), None);
    // The names asked for in the same request do not count.
    let both = update(&[(Field::FirstName, "Kim"), (Field::Email, "kim@example.com")]);
    assert!(refused(&from("{first_name}@example.com"), &both).fields.contains(&Field::Email));
}

#[test]
fn a_template_gives_nothing_where_the_user_lacks_it_or_it_is_not_plain() {
    let policy = policy(&[&allow("desk", "fields = [\"Email\"]\nemail_from = \"{first_name}@example.com\"")]);
    for name in ["", "Mary Ann", "Mary.Ann", "Márja", "a@b"] {
        let mut case = email("mary@example.com");
        let values = [(Field::FirstName, name.to_owned()), (Field::Email, "mary.old@example.com".to_owned())];
        case.user.as_mut().unwrap().values =
            values.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        assert_eq!(code(&policy, &case), Some(Code::NoRule), "{name}");
    }
}

#[test]
fn a_username_that_is_an_address_can_be_the_address() {
    let policy = policy(&[&allow("desk", "fields = [\"Email\"]\nemail_from = \"{username}\"")]);
    let named = |username: &str, address: &str| Case { user: Some(user(username)), ..email(address) };
    assert_eq!(code(&policy, &named("mary@example.com", "mary@example.com")), None);
    assert_eq!(code(&policy, &named("mary@example.com", "kim@example.com")), Some(Code::NoRule));
    assert_eq!(code(&policy, &named("mary", "mary@example.com")), Some(Code::NoRule));
    let local =
        self::policy(&[&allow("desk", "fields = [\"Email\"]\nemail_from = \"{username}@example.com\"")]);
    assert_eq!(code(&local, &named("mary@evil.com", "mary@evil.com")), Some(Code::NoRule));
}

fn with_directory(modified: &str) -> Policy {
    let rules = format!(
        "[directories.hr]\nfile = \"hr.csv\"\nmax_age = \"24h\"\n{}",
        allow("desk", "fields = [\"Email\"]\nemail_directory = \"hr\"")
    );
    let mut files = files(&[&rules]);
    files.directories = vec![DirectoryFile {
        source: Source::new("hr.csv", "username,address\nmary,mary@example.com\n"),
        modified: at(modified),
    }];
    compile(&files)
}

#[test]
fn a_directory_binds_each_username_to_one_address() {
    let policy = with_directory("2027-03-12T06:00:00Z");
    let grant = allowed(&policy, &email("mary@example.com"));
    let digest = crate::secret::Digest::of(b"username,address\nmary,mary@example.com\n");
    assert_eq!(grant.basis.directory, Some(digest));
    assert_eq!(code(&policy, &email("kim@example.com")), Some(Code::NoRule));
    let other = Case { user: Some(user("kim")), ..email("mary@example.com") };
    assert_eq!(code(&policy, &other), Some(Code::NoRule));
}

#[test]
fn a_directory_that_is_too_old_binds_nothing() {
    let case = email("mary@example.com");
    let question = case.question();
    let decide = |modified| {
        let policy = with_directory(modified);
        crate::policy::judge::Judge::new(&policy, &question, case.at).decide(&case.facts())
    };
    assert!(decide("2027-03-11T10:00:00Z").is_ok(), "a day");
    let refusal = decide("2027-03-11T09:59:59Z").expect_err("allowed");
    assert_eq!(refusal.code, Code::NoRule);
    assert!(refusal.detail.contains("directory `hr` is older than its max_age"), "{}", refusal.detail);
    assert!(decide("2027-03-12T10:00:00Z").is_ok(), "just now");
    assert!(decide("2027-03-12T10:05:00Z").is_ok(), "by another clock");
    assert!(decide("2027-03-12T10:05:01Z").is_err(), "from the future");
}

#[test]
fn a_removal_is_granted_by_remove_alone() {
    let mut with_second = update(&[(Field::SecondaryEmail, "")]);
    with_second.user.as_mut().unwrap().values.push((Field::SecondaryEmail, "m@example.com".to_owned()));
    assert_eq!(code(&desk(""), &with_second), Some(Code::NoRule));
    let remover = policy(&[&allow("remove", "remove = [\"SecondaryEmail\"]")]);
    let grant = allowed(&remover, &with_second);
    assert_eq!((rules(&grant), grant.differences[0].after.as_deref()), (vec!["remove"], None));
    let set = update(&[(Field::SecondaryEmail, "m2@example.com")]);
    assert_eq!(code(&remover, &set), Some(Code::NoRule), "and it grants nothing else");
    let nothing_there = update(&[(Field::SecondaryEmail, "")]);
    assert!(allowed(&remover, &nothing_there).differences.is_empty());
}

#[test]
fn no_refusal_tells_an_address() {
    let policy = policy(&[&any_mail("desk", "")]);
    for address in ["kim@other.example", "mary+x@example.com", "u@xn--a.com", "not plain"] {
        let refusal = refused(&policy, &email(address));
        assert!(!refusal.detail.contains(address) && !refusal.detail.contains("kim"), "{}", refusal.detail);
    }
}

#[test]
fn the_file_of_a_directory_is_found_by_its_name_within_the_directory() {
    let rules = |file: &str| {
        format!(
            "[directories.hr]\nfile = \"{file}\"\nmax_age = \"24h\"\n{}",
            allow("desk", "fields = [\"Email\"]\nemail_directory = \"hr\"")
        )
    };
    for (read, named, found) in [
        ("hr.csv", "hr.csv", true),
        ("/etc/guard/hr.csv", "hr.csv", true),
        ("C:\\guard\\hr.csv", "hr.csv", true),
        ("/etc/guard/hr.csv", "/etc/guard/hr.csv", true),
        ("/etc/guard/other-hr.csv", "hr.csv", false),
        ("hr.csv", "/etc/guard/hr.csv", false),
    ] {
        let source = Source::new(read, "username,address\nmary,mary@example.com\n");
        let mut files = files(&[&rules(named)]);
        files.directories = vec![DirectoryFile { source, modified: at(NOON) }];
        assert_eq!(Policy::compile(&files, at(NOON)).is_ok(), found, "{read} {named}");
    }
}

#[test]
fn a_change_rests_on_the_files_that_bound_its_addresses() {
    let rules = [
        allow("hr", "fields = [\"FirstName\", \"Email\"]\nemail_directory = \"hr\""),
        allow("it", "fields = [\"SecondaryEmail\"]\nemail_directory = \"it\""),
        "[directories.hr]\nfile = \"hr.csv\"\nmax_age = \"24h\"".to_owned(),
        "[directories.it]\nfile = \"it.csv\"\nmax_age = \"24h\"".to_owned(),
    ];
    let csv = |name: &str| format!("username,address\nmary,mary@{name}.example.com\n");
    let file = |name: &str| DirectoryFile {
        source: Source::new(format!("{name}.csv"), csv(name)),
        modified: at(NOON),
    };
    let directories = vec![file("hr"), file("it")];
    let both = PolicyFiles { directories, ..files(&rules.each_ref().map(String::as_str)) };
    // One that no rule uses is worth a warning.
    let one =
        PolicyFiles { directories: both.directories.clone(), ..files(&[&rules[0], &rules[2], &rules[3]]) };
    let (_, worth) = Policy::compile(&one, at(NOON)).unwrap();
    assert!(
        worth.plain().contains("warning[unused-directory]: no rule uses the directory `it`"),
        "{}",
        worth.plain()
    );
    assert_eq!(Policy::compile(&both, at(NOON)).unwrap().1.plain(), "");
    let policy = compile(&both);
    let rests_on = |wanted: &[(Field, &str)]| allowed(&policy, &update(wanted)).basis.directory;
    let (first, second) =
        ((Field::Email, "mary@hr.example.com"), (Field::SecondaryEmail, "mary@it.example.com"));
    let digest = |name: &str| crate::secret::Digest::of(csv(name).as_bytes());
    assert_eq!(rests_on(&[(Field::FirstName, "Maria")]), None);
    assert_eq!(rests_on(&[first, (Field::FirstName, "Maria")]), Some(digest("hr")));
    assert_eq!(rests_on(&[second]), Some(digest("it")));
    let both = rests_on(&[first, second]).unwrap();
    assert!(both != digest("hr") && both != digest("it"));
}

#[test]
fn a_name_is_part_of_an_address_as_it_stands_or_not_at_all() {
    let policy = policy(&[&allow("r", "fields = [\"Email\"]\nemail_from = \"x{first_name}@example.com\"")]);
    for (name, address, expected) in [
        ("Mary", "xmary@example.com", None),
        ("Mary-Ann", "xmary-ann@example.com", None),
        ("J.R", "xj.r@example.com", Some(Code::NoRule)),
        ("j_r", "xj_r@example.com", Some(Code::NoRule)),
        ("", "x@example.com", Some(Code::NoRule)),
    ] {
        let mut case = email(address);
        case.user.as_mut().unwrap().values = vec![(Field::FirstName, name.to_owned())];
        assert_eq!(code(&policy, &case), expected, "{name}");
    }
}
