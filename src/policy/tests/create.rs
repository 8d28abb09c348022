//! Closed lists: what `CreateUser` and the operations on security profiles may give.

use super::*;

const OTHER: &str = "12345678-1111-2222-aaaa-222222222222";

fn create(lines: &str) -> Policy {
    policy(&[&allow_of(
        "create",
        "CreateUser",
        &format!(
            "grants = [\"{AGENT}\"]\nfields = [\"FirstName\", \"Email\"]\nemail_from = \"{{username}}@example.com\"\n{lines}"
        ),
    )])
}

fn paulo() -> Case {
    Case {
        user: None,
        username: Some("paulo".to_owned()),
        grants: vec![AGENT.to_owned()],
        wanted: vec![
            (Field::FirstName, Some("Paulo".to_owned())),
            (Field::Email, Some("paulo@example.com".to_owned())),
        ],
        ..case("CreateUser")
    }
}

#[test]
fn d12_a_user_is_created_within_the_closed_lists() {
    let policy = create("usernames = [\"paulo\"]");
    let grant = allowed(&policy, &paulo());
    assert_eq!(rules(&grant), ["create"; 3]);
    assert_eq!(grant.differences.len(), 2);
    assert!(grant.differences.iter().all(|difference| difference.before.is_none()));
    for case in [
        Case { username: Some("kim".to_owned()), ..paulo() },
        Case { username: Some("Paulo".to_owned()), ..paulo() },
        Case { grants: vec![AGENT.to_owned(), OTHER.to_owned()], ..paulo() },
        Case { password: Password::Set, ..paulo() },
        Case { wanted: vec![(Field::Email, Some("kim@example.com".to_owned()))], ..paulo() },
        Case { wanted: vec![(Field::Mobile, Some("+12065550100".to_owned()))], ..paulo() },
        Case { caller: role("HelpDesk"), ..paulo() },
    ] {
        assert_eq!(code(&policy, &case), Some(Code::NoRule));
    }
}

#[test]
fn usernames_may_be_patterns() {
    let policy = create("usernames = [\"pau*\", \"x\"]");
    assert_eq!(code(&policy, &paulo()), None);
    let other = Case { username: Some("xpau".to_owned()), wanted: Vec::new(), ..paulo() };
    assert_eq!(code(&policy, &other), Some(Code::NoRule));
}

#[test]
fn a_password_is_set_only_where_a_rule_says_so() {
    let policy = create("usernames = [\"*\"]\npassword = \"allow\"");
    assert_eq!(code(&policy, &Case { password: Password::Set, ..paulo() }), None);
    let policy = create("usernames = [\"*\"]\npassword = \"refuse\"");
    assert_eq!(code(&policy, &Case { password: Password::Set, ..paulo() }), Some(Code::NoRule));
}

#[test]
fn two_rules_do_not_add_up_to_one_operation() {
    let one = allow_of(
        "one",
        "CreateUser",
        &format!("usernames = [\"paulo\"]\ngrants = [\"{OTHER}\"]\nfields = [\"FirstName\"]"),
    );
    let other = allow_of(
        "other",
        "CreateUser",
        &format!("usernames = [\"kim\"]\ngrants = [\"{AGENT}\"]\nfields = [\"FirstName\"]"),
    );
    let case = Case { wanted: Vec::new(), ..paulo() };
    assert_eq!(code(&policy(&[&one, &other]), &case), Some(Code::NoRule));
}

#[test]
fn profiles_that_a_user_has_already_are_not_given() {
    let policy =
        policy(&[&allow_of("move", "UpdateUserSecurityProfiles", &format!("grants = [\"{OTHER}\"]"))]);
    let asked = |grants: &[&str]| Case {
        grants: grants.iter().map(|&id| id.to_owned()).collect(),
        ..case("UpdateUserSecurityProfiles")
    };
    assert_eq!(code(&policy, &asked(&[OTHER])), None);
    assert_eq!(code(&policy, &asked(&[OTHER, AGENT])), None);
    assert_eq!(code(&policy, &asked(&["12345678-1111-2222-aaaa-333333333333"])), Some(Code::NoRule));
}

#[test]
fn permissions_of_profiles_are_a_closed_list() {
    for operation in ["CreateSecurityProfile", "UpdateSecurityProfile"] {
        let policy = policy(&[&allow_of("profiles", operation, "permissions = [\"BasicAgentAccess\"]")]);
        let asked = |permission: &str| Case {
            user: None,
            permissions: vec![permission.to_owned()],
            ..case(operation)
        };
        assert_eq!(code(&policy, &asked("BasicAgentAccess")), None);
        assert_eq!(code(&policy, &asked("Users.Edit")), Some(Code::NoRule));
        assert_eq!(code(&policy, &asked("basicagentaccess")), Some(Code::NoRule));
    }
}

#[test]
fn a_new_user_gets_tags_and_a_place_only_where_a_rule_names_them() {
    let with = |members: &[&str]| Case {
        members: members.iter().map(|&member| member.to_owned()).collect(),
        ..paulo()
    };
    let plain = create("usernames = [\"paulo\"]");
    let tags = create("usernames = [\"paulo\"]\nmembers = [\"Tags\"]");
    for member in ["Tags", "HierarchyGroupId", "DirectoryUserId"] {
        assert_eq!(code(&plain, &with(&[member])), Some(Code::NoRule), "{member}");
        assert_eq!(code(&tags, &with(&[member])).is_none(), member == "Tags", "{member}");
    }
    assert_eq!(code(&tags, &with(&["Tags", "HierarchyGroupId"])), Some(Code::NoRule));
    assert_eq!(code(&tags, &paulo()), None);
    let wrong = allow_of(
        "r",
        "CreateUser",
        "usernames = [\"*\"]\ngrants = [\"p\"]\nfields = [\"FirstName\"]\nmembers = [\"Applications\"]",
    );
    assert!(faults(&[&wrong]).contains("`Applications` is no member that a rule names"));
    assert!(
        faults(&[&allow("r", "fields = [\"FirstName\"]\nmembers = [\"Tags\"]")]).contains("is no member")
    );
}

#[test]
fn a_security_profile_is_widened_only_where_a_rule_names_how() {
    for operation in ["CreateSecurityProfile", "UpdateSecurityProfile"] {
        let rule = allow_of("profiles", operation, "permissions = [\"BasicAgentAccess\"]");
        let named = policy(&[&format!("{rule}members = [\"TagRestrictedResources\"]\n")]);
        let plain = policy(&[&rule]);
        let asked = Case { user: None, permissions: vec!["BasicAgentAccess".to_owned()], ..case(operation) };
        assert_eq!(code(&plain, &asked), None);
        let route = asked.route;
        assert!(route.granting_members().len() >= 8);
        for member in route.granting_members() {
            let asked = Case { members: vec![(*member).to_owned()], ..asked.clone() };
            assert_eq!(code(&plain, &asked), Some(Code::NoRule), "{member}");
            assert_eq!(code(&named, &asked).is_none(), *member == "TagRestrictedResources", "{member}");
        }
    }
}

#[test]
fn a_member_that_no_operation_of_the_rule_has_is_a_fault_with_those_there_are() {
    let create = "fields = [\"FirstName\"]\nusernames = [\"*\"]\ngrants = [\"p\"]\n";
    for (operation, lines, hint) in [
        ("DeleteUser", "", "members are of CreateUser, CreateSecurityProfile and UpdateSecurityProfile"),
        ("CreateUser", create, "members are: DirectoryUserId, HierarchyGroupId, Tags"),
    ] {
        let found = faults(&[&allow_of("r", operation, &format!("{lines}members = [\"Nothing\"]"))]);
        assert!(found.contains("`Nothing` is no member that a rule names"), "{found}");
        assert!(found.contains(hint), "{found}");
    }
    let near = faults(&[&allow_of("r", "CreateUser", &format!("{create}members = [\"Tag\"]"))]);
    assert!(near.contains("did you mean `Tags`?"), "{near}");
}

#[test]
fn the_address_of_a_new_user_is_made_of_the_names_it_is_given() {
    let rule = "usernames = [\"paulo\"]\nfields = [\"FirstName\", \"LastName\", \"Email\"]\n\
                email_from = \"{first_name}.{last_name}@example.com\"";
    let policy = policy(&[&allow_of("create", "CreateUser", &format!("grants = [\"{AGENT}\"]\n{rule}"))]);
    let named = |address: &str| Case {
        wanted: vec![
            (Field::FirstName, Some("Paulo".to_owned())),
            (Field::LastName, Some("Santos".to_owned())),
            (Field::Email, Some(address.to_owned())),
        ],
        ..paulo()
    };
    assert_eq!(code(&policy, &named("paulo.santos@example.com")), None);
    assert_eq!(code(&policy, &named("kim.santos@example.com")), Some(Code::NoRule));
}

#[test]
fn usernames_of_a_rule_narrow_creations_alone() {
    let both = allow_of(
        "both",
        "UpdateUserIdentityInfo\", \"connect:CreateUser",
        &format!("fields = [\"FirstName\"]\nusernames = [\"paulo\"]\ngrants = [\"{AGENT}\"]"),
    );
    let policy = policy(&[&both]);
    let new = |name: &str| Case {
        username: Some(name.to_owned()),
        wanted: vec![(Field::FirstName, Some("Paulo".to_owned()))],
        ..paulo()
    };
    assert_eq!((code(&policy, &new("paulo")), code(&policy, &new("kim"))), (None, Some(Code::NoRule)));
    assert_eq!(code(&policy, &update(&[(Field::FirstName, "Maria")])), None);
}
