//! Freezes: what each scope refuses, what none of them touches, and that they outlast every renewal.

use super::{
    super::{Freeze, FreezeScope, FreezeScopeFault, who_can::Query},
    *,
};

const DESK: &str = "arn:aws:iam::111122223333:role/IdentityDesk";

fn freeze(id: &str, scope: &str) -> Freeze {
    Freeze {
        id: id.to_owned(),
        scope: scope.parse().unwrap(),
        reason: "INC-12".to_owned(),
        by: DESK.to_owned(),
        at: 1_700_000_000_000,
    }
}

fn rules() -> PolicyFiles {
    let delete = allow_of("delete", "DeleteUser", "");
    let create = allow_of("instances", "CreateInstance", "").replace(INSTANCE, "none");
    files(&[&any_mail("desk", ""), &allow_of("read", "ListQueues", ""), &delete, &create])
}

#[test]
fn each_scope_refuses_its_changes_and_no_read() {
    let policy = compile(&rules());
    let other = "11111111-2222-3333-4444-EXAMPLE22222";
    let bare = Case { user: None, instance: None, instance_arn: None, ..case("CreateInstance") };
    for (scope, mary, instanceless) in [
        ("all".to_owned(), true, true),
        (format!("instance:{INSTANCE}"), true, true),
        // What forbids holds where its fact is lacking.
        (format!("instance:{other}"), false, true),
        (format!("caller:{DESK}"), true, true),
        (format!("caller:{DESK}2"), false, false),
    ] {
        let frozen = policy.with_freezes(&[freeze("F1", &scope)]);
        let expected = |held: bool| held.then_some(Code::Freeze);
        assert_eq!(code(&frozen, &email("u@example.com")), expected(mary), "{scope}");
        assert_eq!(code(&frozen, &case("DeleteUser")), expected(mary), "{scope}");
        assert_eq!(code(&frozen, &bare), expected(instanceless), "{scope}");
        assert_eq!(code(&frozen, &Case { user: None, ..case("ListQueues") }), None, "{scope}");
    }
    let refusal = refused(&policy.with_freezes(&[freeze("F1", "all")]), &email("u@example.com"));
    assert_eq!(refusal.detail, "changes are frozen by `F1` (all)", "its reason is not for logs");
}

#[test]
fn who_can_says_what_is_frozen() {
    let policy = compile(&rules());
    let told = |scope: &str| -> Vec<String> {
        let found = policy.with_freezes(&[freeze("F1", scope)]).who_can(&Query::default(), at(NOON));
        let frozen =
            found.iter().filter(|one| one.conditions.iter().any(|word| word.starts_with("frozen by `F1`")));
        frozen.map(|one| one.rule.id.to_string()).collect()
    };
    assert_eq!(told("all"), ["delete", "desk", "instances"]);
    assert_eq!(told(&format!("instance:{INSTANCE}")), ["delete", "desk", "instances"]);
    assert_eq!(told("instance:11111111-2222-3333-4444-EXAMPLE22222"), ["instances"]);
    assert_eq!(told(&format!("caller:{DESK}")), ["delete", "desk", "instances"]);
    assert_eq!(told(&format!("caller:{DESK}2")), Vec::<String>::new());
}

#[test]
fn they_outlast_renewals_and_are_lifted_by_a_list_without_them() {
    let policy = compile(&rules());
    let frozen = policy.with_freezes(&[freeze("F1", "all")]);
    assert_eq!(code(&frozen.renewed(&rules()).0, &email("u@example.com")), Some(Code::Freeze));
    assert_eq!(code(&compile(&rules()).after(&frozen), &email("u@example.com")), Some(Code::Freeze));
    assert_eq!(code(&frozen.frozen("old"), &email("u@example.com")), Some(Code::Freeze));
    let lifted = compile(&rules()).after(&frozen).with_freezes(&[]);
    assert_eq!(code(&lifted, &email("u@example.com")), None);
    assert_eq!(lifted.emergency_digest(), policy.emergency_digest());
}

#[test]
fn they_count_in_the_digest_of_what_holds_at_once_and_not_in_that_of_the_files() {
    let policy = compile(&rules());
    let (one, two) = (freeze("F1", "all"), freeze("F2", &format!("caller:{DESK}")));
    let digest = |freezes: &[Freeze]| policy.with_freezes(freezes).emergency_digest();
    let digests = [
        digest(&[]),
        digest(std::slice::from_ref(&one)),
        digest(std::slice::from_ref(&two)),
        digest(&[one.clone(), two.clone()]),
    ];
    for (n, digest) in digests.iter().enumerate() {
        assert!(!digests[..n].contains(digest), "{n}");
    }
    assert_eq!(digest(&[two.clone(), one.clone(), two.clone()]), digests[3], "order and doubles are nothing");
    assert_eq!(policy.with_freezes(std::slice::from_ref(&one)).digest(), policy.digest());
    assert_eq!(policy.with_freezes(&[two, one]).freezes().len(), 2);
}

#[test]
fn scopes_are_written_as_they_are_read() {
    for text in ["all".to_owned(), format!("instance:{INSTANCE}"), format!("caller:{DESK}")] {
        assert_eq!(text.parse::<FreezeScope>().unwrap().to_string(), text);
    }
    let arn = format!("instance:arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    assert_eq!(arn.parse::<FreezeScope>().unwrap(), FreezeScope::Instance(INSTANCE.to_owned()));
    let session = "caller:arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim";
    assert_eq!(session.parse::<FreezeScope>().unwrap(), FreezeScope::Caller(DESK.to_owned()));
    for (text, fault) in [
        ("", FreezeScopeFault::Form),
        ("All", FreezeScopeFault::Form),
        ("all:", FreezeScopeFault::Form),
        ("user:mary", FreezeScopeFault::Form),
        ("instance:", FreezeScopeFault::Instance),
        ("instance:a/b", FreezeScopeFault::Instance),
        ("caller:*", FreezeScopeFault::Caller),
        ("caller:arn:aws:iam::111122223333:root", FreezeScopeFault::Caller),
    ] {
        assert_eq!(text.parse::<FreezeScope>(), Err(fault), "{text}");
    }
}

#[test]
fn a_revocation_is_told_before_a_freeze_and_a_freeze_before_a_missing_rule() {
    let frozen = compile(&rules()).with_freezes(&[freeze("F1", "all")]);
    let stranger = Case { caller: role("Other"), ..email("u@example.com") };
    assert_eq!(code(&frozen, &stranger), Some(Code::Freeze));
    let revoked = PolicyFiles {
        revoked: Some(Ok(Source::new("revoked.toml", "[[revoked]]\nreason = \"x\"\nsession = \"kim\"\n"))),
        ..rules()
    };
    assert_eq!(code(&frozen.renewed(&revoked).0, &email("u@example.com")), Some(Code::Revoked));
}

#[test]
fn a_freeze_of_a_caller_meets_rules_about_that_caller_alone() {
    let delete = allow_of("delete", "DeleteUser", "").replace("IdentityDesk", "Desk*");
    let policy = policy(&[
        &any_mail("desk", ""),
        &delete,
        &allow_of("read", "ListQueues", "").replace("IdentityDesk", "Reader"),
    ]);
    for (scope, meets) in [
        (DESK.to_owned(), true),
        (DESK.replace("IdentityDesk", "Desk7"), true),
        (format!("{DESK}2"), false),
        (DESK.replace("role/", "user/"), false),
        // Reads are not frozen.
        (DESK.replace("IdentityDesk", "Reader"), false),
    ] {
        assert_eq!(policy.meets(&FreezeScope::Caller(scope.clone())), meets, "{scope}");
    }
    assert!(Policy::closed().meets(&FreezeScope::All));
    assert!(Policy::closed().meets(&FreezeScope::Instance(INSTANCE.to_owned())));
}
