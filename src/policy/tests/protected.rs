//! `[protected]`: a built-in deny, lifted by a sentence only.

use super::*;

const PROTECTED: &str =
    "[protected]\npermissions = [\"Users.Edit\"]\nusers = [\"boss*\"]\nuser_ids = [\"id-of-chief\"]\n";
const ADMIN: &str = "12345678-1111-2222-aaaa-333333333333";

fn desk(lines: &str) -> Policy {
    policy(&[PROTECTED, &any_mail("desk", lines)])
}

fn admin() -> Case {
    let mut case = email("new@example.com");
    case.user.as_mut().unwrap().profiles = vec![AGENT.to_owned(), ADMIN.to_owned()];
    case.profiles.push(profile(ADMIN, &["Users.Edit", "Users.View"]));
    case
}

#[test]
fn whom_nobody_can_be_is_not_protected_but_a_fault() {
    for (line, fault) in [
        ("users = [\" mary\"]", "` mary` is no Username"),
        ("users = [\"mary\\t\"]", "is no Username"),
        (
            "user_ids = [\"arn:aws:connect:us-east-1:111122223333:instance/i/agent/u\"]",
            "agent/u` is no user id",
        ),
        ("user_ids = [\"\"]", "`user_ids` is empty"),
    ] {
        let found = faults(&[&format!("[protected]\n{line}\n"), &any_mail("desk", "")]);
        assert!(found.contains(fault), "{line}: {found}");
    }
    assert_eq!(code(&policy(&["[protected]\nuser_ids = []\n", &any_mail("desk", "")]), &admin()), None);
}

#[test]
fn e16_a_user_with_a_protected_permission_is_not_changed() {
    assert_eq!(code(&desk(""), &email("new@example.com")), None);
    assert_eq!(code(&desk(""), &admin()), Some(Code::Protected));
}

#[test]
fn nor_one_that_had_it_within_thirty_days() {
    let mut case = email("new@example.com");
    case.known.held = ["Users.View".to_owned()].into();
    assert_eq!(code(&desk(""), &case), None);
    case.known.held = ["Users.Edit".to_owned()].into();
    assert_eq!(code(&desk(""), &case), Some(Code::Protected));
}

#[test]
fn nor_one_whose_permissions_were_not_read() {
    let mut case = email("new@example.com");
    case.profiles.clear();
    assert_eq!(code(&desk(""), &case), Some(Code::Protected));
}

#[test]
fn nor_one_that_is_listed() {
    for (name, protected) in
        [("boss", true), ("boss-2", true), ("chief", true), ("mary", false), ("theboss", false)]
    {
        let case = Case { user: Some(user(name)), ..email("new@example.com") };
        assert_eq!(code(&desk(""), &case), protected.then_some(Code::Protected), "{name}");
    }
}

#[test]
fn a_sentence_lifts_it_and_is_kept() {
    let lifted = desk("protected = \"two directors decided this, SEC-9\"");
    let grant = allowed(&lifted, &admin());
    assert_eq!(grant.basis.protected.as_deref(), Some("two directors decided this, SEC-9"));
    assert_eq!(
        allowed(&lifted, &email("new@example.com")).basis.protected,
        None,
        "not where nothing is protected"
    );
}

#[test]
fn only_rules_with_the_sentence_count_then() {
    let policy = policy(&[
        PROTECTED,
        &allow("names", "fields = [\"FirstName\"]\nprotected = \"names are harmless, SEC-9\""),
        &any_mail("mail", ""),
    ]);
    let mut case = admin();
    case.wanted = vec![(Field::FirstName, Some("Maria".to_owned()))];
    assert_eq!(rules(&allowed(&policy, &case)), ["names"]);
    case.wanted.push((Field::Email, Some("new@example.com".to_owned())));
    let refusal = refused(&policy, &case);
    assert_eq!((refusal.code, refusal.fields), (Code::NoRule, vec![Field::Email]));
}

#[test]
fn a_sentence_for_others_lifts_nothing() {
    let policy = policy(&[
        PROTECTED,
        &any_mail("mail", ""),
        &any_mail("john", "users = [\"john\"]\nprotected = \"two directors decided this, SEC-9\""),
    ]);
    assert_eq!(code(&policy, &admin()), Some(Code::Protected));
}

#[test]
fn nothing_that_would_give_it_is_allowed() {
    let grants = format!("grants = [\"{AGENT}\", \"{ADMIN}\"]");
    let policy = policy(&[PROTECTED, &allow_of("desk", "UpdateUserSecurityProfiles", &grants)]);
    let mut case = case("UpdateUserSecurityProfiles");
    case.grants = vec![AGENT.to_owned()];
    assert_eq!(code(&policy, &case), None);
    case.grants.push(ADMIN.to_owned());
    assert_eq!(code(&policy, &case), Some(Code::Protected), "a profile that was not read");
    case.profiles.push(profile(ADMIN, &["Users.Edit"]));
    assert_eq!(code(&policy, &case), Some(Code::Protected));
    case.profiles.pop();
    case.profiles.push(profile(ADMIN, &["Users.View"]));
    assert_eq!(code(&policy, &case), None);
}

#[test]
fn nor_what_would_put_it_into_a_profile() {
    let policy = policy(&[
        PROTECTED,
        &allow_of("desk", "UpdateSecurityProfile", "permissions = [\"Users.Edit\", \"Users.View\"]"),
    ]);
    let mut case = Case { user: None, profile: Some(AGENT.to_owned()), ..case("UpdateSecurityProfile") };
    case.permissions = vec!["Users.View".to_owned()];
    assert_eq!(code(&policy, &case), None);
    case.permissions.push("Users.Edit".to_owned());
    assert_eq!(code(&policy, &case), Some(Code::Protected));
    case.permissions.pop();
    case.profiles = vec![profile(AGENT, &["Users.Edit"])];
    assert_eq!(code(&policy, &case), Some(Code::Protected), "nor a profile that has it");
}

#[test]
fn it_is_over_every_sensitive_operation_on_such_a_user() {
    for operation in ["DeleteUser", "UpdateUserHierarchy", "UpdateUserConfig", "TagResource"] {
        let policy = policy(&[PROTECTED, &allow_of("desk", operation, "")]);
        let harmless = case(operation);
        assert_eq!(code(&policy, &harmless), None, "{operation}");
        let case = Case { route: harmless.route, wanted: Vec::new(), ..admin() };
        assert_eq!(code(&policy, &case), Some(Code::Protected), "{operation}");
    }
}

#[test]
fn it_is_not_over_operations_that_concern_no_user_or_profile() {
    let policy = policy(&[PROTECTED, &allow_of("desk", "AssociateApprovedOrigin", "")]);
    let case = Case { user: None, profiles: Vec::new(), ..case("AssociateApprovedOrigin") };
    assert_eq!(code(&policy, &case), None);
}

#[test]
fn a_user_to_be_created_is_protected_by_its_name() {
    let lines = format!("usernames = [\"*\"]\ngrants = [\"{AGENT}\"]\nfields = [\"FirstName\"]");
    let policy = policy(&[PROTECTED, &allow_of("desk", "CreateUser", &lines)]);
    let named = |name: &str| Case {
        user: None,
        username: Some(name.to_owned()),
        grants: vec![AGENT.to_owned()],
        ..case("CreateUser")
    };
    assert_eq!(code(&policy, &named("mary")), None);
    assert_eq!(code(&policy, &named("boss")), Some(Code::Protected));
}

#[test]
fn without_protected_permissions_none_are_needed() {
    let policy = policy(&["[protected]\nusers = [\"boss\"]\n", &any_mail("desk", "")]);
    let mut case = email("new@example.com");
    case.profiles.clear();
    assert_eq!(code(&policy, &case), None);
}
