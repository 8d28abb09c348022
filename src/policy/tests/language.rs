//! Callers, actions, instances, times: requirements F2 to F9 and F12.

use super::*;

fn reads(callers: &str, lines: &str) -> Policy {
    policy(&[&format!(
        "[[allow]]\nid = \"r\"\nreason = \"test\"\ncallers = [\"{callers}\"]\nactions = [\"connect:ListQueues\"]\n\
         instances = [\"{INSTANCE}\"]\n{lines}"
    )])
}

fn by(arn: &str) -> Case {
    Case { caller: principal(arn), user: None, ..case("ListQueues") }
}

#[test]
fn f2_a_role_is_all_its_sessions_and_no_other_role() {
    let policy = reads("arn:aws:iam::111122223333:role/Role", "");
    for arn in [
        "arn:aws:iam::111122223333:role/Role",
        "arn:aws:sts::111122223333:assumed-role/Role/kim",
        "arn:aws:sts::111122223333:assumed-role/Role/anybody@example.com",
    ] {
        assert_eq!(code(&policy, &by(arn)), None, "{arn}");
    }
    for arn in [
        "arn:aws:iam::111122223333:role/Role2",
        "arn:aws:iam::111122223333:role/role",
        "arn:aws:sts::111122223333:assumed-role/Role2/Role",
        "arn:aws:iam::111122223333:user/Role",
        "arn:aws:iam::444455556666:role/Role",
        "arn:aws-cn:iam::111122223333:role/Role",
    ] {
        assert_eq!(code(&policy, &by(arn)), Some(Code::NoRule), "{arn}");
    }
}

#[test]
fn f2_a_user_is_named_with_its_path() {
    let policy = reads("arn:aws:iam::111122223333:user/desk/mary", "");
    assert_eq!(code(&policy, &by("arn:aws:iam::111122223333:user/desk/mary")), None);
    assert_eq!(code(&policy, &by("arn:aws:iam::111122223333:user/mary")), Some(Code::NoRule));
}

#[test]
fn f3_a_pattern_stays_within_the_name_of_a_role() {
    let policy = reads("arn:aws:iam::111122223333:role/Desk*", "");
    assert_eq!(code(&policy, &by("arn:aws:iam::111122223333:role/Desk")), None);
    assert_eq!(code(&policy, &by("arn:aws:sts::111122223333:assumed-role/Desk-2/kim")), None);
    for arn in [
        "arn:aws:iam::111122223333:role/HelpDesk",
        "arn:aws:sts::111122223333:assumed-role/Other/Desk",
        "arn:aws:iam::111122223333:user/Desk",
        "arn:aws:iam::444455556666:role/Desk",
        "arn:aws-cn:iam::111122223333:role/Desk",
    ] {
        assert_eq!(code(&policy, &by(arn)), Some(Code::NoRule), "{arn}");
    }
}

#[test]
fn f4_a_unique_id_pins_a_role() {
    let policy = reads("arn:aws:iam::111122223333:role/Role", "unique_ids = [\"AROAEXAMPLE\"]");
    let with = |id: Option<&str>| {
        let mut case = by("arn:aws:iam::111122223333:role/Role");
        case.caller.unique_id = id.map(str::to_owned);
        case
    };
    assert_eq!(code(&policy, &with(Some("AROAEXAMPLE"))), None);
    assert_eq!(code(&policy, &with(Some("AROAOTHER"))), Some(Code::NoRule));
    assert_eq!(code(&policy, &with(None)), Some(Code::NoRule), "not known is not equal");
}

#[test]
fn f2_a_permission_set_narrows_a_pattern() {
    let policy = reads("arn:aws:iam::111122223333:role/AWSReservedSSO_*", "permission_set = \"Desk\"");
    let of = |role: &str| by(&format!("arn:aws:sts::111122223333:assumed-role/{role}/kim"));
    assert_eq!(code(&policy, &of("AWSReservedSSO_Desk_0123456789abcdef")), None);
    assert_eq!(code(&policy, &of("AWSReservedSSO_Desk_x_0123456789abcdef")), Some(Code::NoRule));
    assert_eq!(code(&policy, &of("AWSReservedSSO_Desk_mine")), Some(Code::NoRule));
}

#[test]
fn an_instance_is_an_id_or_an_arn_and_none_is_none() {
    let asked = |arn: Option<&str>| Case {
        instance_arn: arn.map(str::to_owned),
        ..by("arn:aws:iam::111122223333:role/Role")
    };
    let here = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let there = format!("arn:aws:connect:us-west-2:111122223333:instance/{INSTANCE}");
    let by_arn = allow_of("r", "ListQueues", "").replace(INSTANCE, &here).replace("IdentityDesk", "Role");
    let by_arn = policy(&[&by_arn]);
    assert_eq!(code(&by_arn, &asked(Some(&here))), None);
    assert_eq!(code(&by_arn, &asked(Some(&there))), Some(Code::NoRule));
    assert_eq!(code(&by_arn, &asked(None)), Some(Code::NoRule));
    let none = Case { instance: None, instance_arn: None, ..case("ListInstances") };
    let rule = allow_of("r", "ListInstances", "").replace(INSTANCE, "none");
    assert_eq!(code(&policy(&[&rule]), &none), None);
    assert_eq!(code(&policy(&[&allow_of("r", "ListQueues", "")]), &none), Some(Code::NoRule));
}

#[test]
fn a_wildcard_reaches_reads_a_prefix_writes_and_neither_a_change() {
    let all = policy(&[&allow_of("r", "*", "")]);
    let update = policy(&[&allow_of("r", "Update*", "")]);
    for (operation, by_all, by_update) in [
        ("DescribeUser", true, false),
        ("ListQueues", true, false),
        ("UpdateQueueName", false, true),
        ("CreateQueue", false, false),
        ("UpdateUserIdentityInfo", false, false),
        ("UpdateUserSecurityProfiles", false, false),
        ("DeleteUser", false, false),
    ] {
        let case = case(operation);
        assert_eq!(code(&all, &case).is_none(), by_all, "connect:* {operation}");
        assert_eq!(code(&update, &case).is_none(), by_update, "connect:Update* {operation}");
    }
}

#[test]
fn tagging_is_a_write_where_no_user_or_profile_is_tagged() {
    let policy = policy(&[&allow_of("r", "TagResource", "")]);
    let grant = allowed(&policy, &Case { user: None, ..case("TagResource") });
    assert_eq!(rules(&grant), ["r"]);
    let by_wildcard = self::policy(&[&allow_of("r", "T*", "")]);
    assert_eq!(code(&by_wildcard, &case("TagResource")), Some(Code::NoRule), "a user");
    assert_eq!(code(&by_wildcard, &Case { user: None, ..case("TagResource") }), None);
}

#[test]
fn forbidden_operations_are_refused_whatever_the_policy_says() {
    let policy = policy(&[&allow_of("r", "*", "")]);
    assert_eq!(
        code(&policy, &Case { user: None, ..case("GetFederationToken") }),
        Some(Code::OperationForbidden)
    );
}

#[test]
fn f12_an_expired_rule_allows_nothing_from_the_very_second() {
    let policy = policy(&[&any_mail("desk", "expires = 2027-03-12")]);
    let at = |text: &str| Case { at: at(text), ..email("u@example.com") };
    assert_eq!(code(&policy, &at("2027-03-12T23:59:59.999Z")), None);
    assert_eq!(code(&policy, &at("2027-03-13T00:00:00Z")), Some(Code::NoRule));
}

#[test]
fn f8_hours_close_the_screen_already() {
    let policy = policy(&[&any_mail(
        "desk",
        "hours = { days = [\"sat\"], from = \"00:00\", to = \"24:00\", zone = \"UTC\" }",
    )]);
    let case = email("u@example.com");
    let question = case.question();
    let screen = |now| crate::policy::judge::Judge::new(&policy, &question, now).screen();
    assert_eq!(screen(at(NOON)).expect_err("open").code, Code::NoRule);
    assert!(screen(at("2027-03-13T10:00:00Z")).is_ok());
}

#[test]
fn users_of_an_allow_are_known_or_it_does_not_apply() {
    let policy = policy(&[
        &any_mail("m", "users = [\"m*\", \"kim\"]"),
        &allow_of("origin", "AssociateApprovedOrigin", "users = [\"mary\"]"),
        &allow_of("read", "DescribeUser", "user_ids = [\"id-of-mary\"]"),
    ]);
    let of = |name: &str| Case { user: Some(user(name)), ..email("u@example.com") };
    assert_eq!(code(&policy, &of("mary")), None);
    assert_eq!(code(&policy, &of("kim")), None);
    assert_eq!(code(&policy, &of("john")), Some(Code::NoRule));
    assert_eq!(code(&policy, &Case { user: None, ..case("AssociateApprovedOrigin") }), Some(Code::NoRule));
    assert_eq!(code(&policy, &case("DescribeUser")), None);
    assert_eq!(code(&policy, &Case { user: Some(user("john")), ..case("DescribeUser") }), Some(Code::NoRule));
    assert_eq!(code(&policy, &Case { user: None, ..case("DescribeUser") }), Some(Code::NoRule));
}

#[test]
fn f7_rules_that_say_the_same_or_can_never_apply_are_worth_a_warning() {
    let rule = any_mail("a", "");
    assert!(faults(&[&rule, &any_mail("b", "")]).contains("warning[duplicate]: `b` says the same as `a`"));
    assert!(!faults(&[&rule, &any_mail("b", "users = [\"mary\"]")]).contains("warning"));
    let deny = "[[deny]]\nid = \"no\"\nreason = \"test\"\nactions = [\"connect:UpdateUser*\"]\n";
    assert!(faults(&[&rule, deny]).contains("warning[shadowed]: `a` can never apply: `no` denies all of it"));
    assert!(!faults(&[&rule, &format!("{deny}users = [\"mary\"]")]).contains("warning"));
    assert!(faults(&[""]).contains("warning[no-allow]: there is no `[[allow]]`: everything is refused"));
    assert!(
        faults(&[&any_mail("a", "expires = 2027-03-11")]).contains("warning[expired]: the rule has expired")
    );
}

#[test]
fn an_address_is_bound_to_no_name_that_its_callers_may_change() {
    let names = allow("names", "fields = [\"LastName\"]");
    let mail = allow("mail", "fields = [\"Email\"]\nemail_from = \"{first_name}.{last_name}@example.com\"");
    let by = |rule: &str, role: &str| rule.replace("role/IdentityDesk", &format!("role/{role}"));
    let wanted = "error: a caller of `mail` may set LastName";
    for (setter, binder) in [
        ("IdentityDesk", "IdentityDesk"),
        ("Identity*", "IdentityDesk"),
        ("IdentityDesk", "*Desk"),
        ("Identity*", "*Desk"),
        ("*Desk*", "Identity*"),
    ] {
        let found = faults(&[&by(&names, setter), &by(&mail, binder)]);
        assert!(found.contains(wanted), "{setter} {binder}: {found}");
    }
    for (setter, binder) in [("HelpDesk", "IdentityDesk"), ("Help*", "IdentityDesk"), ("Help*", "Identity*")]
    {
        assert!(!faults(&[&by(&names, setter), &by(&mail, binder)]).contains("error"), "{setter} {binder}");
    }
    let users = |rule: &str, user: &str| format!("{rule}users = [\"{user}\"]\n");
    assert!(!faults(&[&users(&names, "kim"), &users(&mail, "mary")]).contains("error"));
    assert!(faults(&[&users(&names, "m*"), &users(&mail, "mary")]).contains(wanted));
    // Who is named by an id in one rule alone may be the caller of both.
    let who = |rule: &str, id: &str| format!("{rule}unique_ids = [\"{id}\"]\n");
    assert!(faults(&[&who(&names, "AROAONE"), &mail]).contains(wanted));
    assert!(faults(&[&names, &who(&mail, "AROAONE")]).contains(wanted));
    assert!(!faults(&[&who(&names, "AROAONE"), &who(&mail, "AROATWO")]).contains("error"));
    let first = names.replace("LastName", "FirstName");
    assert!(!faults(&[&first, &mail.replace("{first_name}.", "")]).contains("error"));
    // One rule for both; and a user who is created is given the name and the address at once.
    let one = mail.replace("[\"Email\"]", "[\"Email\", \"LastName\"]");
    assert!(faults(&[&one]).contains(wanted));
    let create = one
        .replace("UpdateUserIdentityInfo", "CreateUser")
        .replace("fields", "usernames = [\"*\"]\ngrants = [\"p\"]\nfields");
    let found = faults(&[&create]);
    assert!(
        found.contains("warning[given-name]: a caller of `mail` gives the LastName")
            && !found.contains("error"),
        "{found}"
    );
    // The name by another rule, which has both operations.
    let both = "actions = [\"connect:CreateUser\", \"connect:UpdateUserIdentityInfo\"]";
    let setter = names
        .replace("actions = [\"connect:UpdateUserIdentityInfo\"]", both)
        .replace("fields", "usernames = [\"*\"]\ngrants = [\"p\"]\nfields");
    assert!(setter.contains(both), "{setter}");
    let found = faults(&[&create.replace(", \"LastName\"", ""), &setter]);
    assert!(
        found.contains("warning[given-name]: a caller of `mail` gives the LastName")
            && !found.contains("error"),
        "{found}"
    );
    // What is an error already is no warning besides.
    let found = faults(&[&create.replace("actions = [\"connect:CreateUser\"]", both)]);
    assert!(found.contains(wanted) && !found.contains("gives the LastName"), "{found}");
}

#[test]
fn f9_the_digest_is_of_every_name_and_text() {
    let one = policy(&[&any_mail("a", "")]);
    assert_eq!(one.digest(), policy(&[&any_mail("a", "")]).digest());
    assert_ne!(one.digest(), policy(&[&any_mail("a", "# a remark")]).digest());
    let mut files = files(&[&any_mail("a", "")]);
    files.rules = files.rules.iter().map(|source| Source::new("other.toml", source.text.clone())).collect();
    assert_ne!(one.digest(), compile(&files).digest());
}

#[test]
fn the_first_rule_by_its_id_allows_however_it_names_the_caller() {
    let exact = |id: &str| any_mail(id, "");
    let pattern = |id: &str| any_mail(id, "").replace("role/IdentityDesk", "role/Identity*");
    for rules_of in [[exact("a"), pattern("b")], [pattern("a"), exact("b")]] {
        let grant = allowed(&policy(&[&rules_of.concat()]), &email("u@example.com"));
        assert_eq!(rules(&grant), ["a"], "{rules_of:?}");
    }
}
