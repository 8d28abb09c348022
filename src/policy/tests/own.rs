//! `self`: the caller's own user, by a verified claim.

use super::*;

const OWN: &str =
    "fields = [\"FirstName\", \"Mobile\"]\nself = { claim = \"preferred_username\", equals = \"username\" }";

fn claiming(claims: &[(&str, &str)], name: &str) -> Case {
    Case {
        claims: claims.iter().map(|(claim, value)| ((*claim).to_owned(), (*value).to_owned())).collect(),
        user: Some(user(name)),
        ..update(&[(Field::Mobile, "+12065550100")])
    }
}

#[test]
fn the_claim_is_the_username_letter_by_letter() {
    let policy = policy(&[&allow("r", OWN)]);
    assert_eq!(rules(&allowed(&policy, &claiming(&[("preferred_username", "mary")], "mary"))), ["r"]);
    for (claims, name) in [
        (vec![], "mary"),
        (vec![("preferred_username", "john")], "mary"),
        (vec![("preferred_username", "Mary")], "mary"),
        (vec![("preferred_username", "mary ")], "mary"),
        (vec![("preferred_username", "")], "mary"),
        (vec![("sub", "mary")], "mary"),
        (vec![("Preferred_Username", "mary")], "mary"),
        (vec![("preferred_username", "mary*")], "mary"),
        (vec![("preferred_username", "*")], "mary"),
    ] {
        assert_eq!(code(&policy, &claiming(&claims, name)), Some(Code::NoRule), "{claims:?}");
    }
}

#[test]
fn the_name_of_a_session_is_no_claim() {
    let policy = policy(&[&allow("r", OWN)]);
    let kim = Case { caller: role("IdentityDesk"), ..claiming(&[], "kim") };
    assert_eq!(code(&policy, &kim), Some(Code::NoRule));
}

#[test]
fn a_rule_for_oneself_lifts_nothing_for_others() {
    let own = allow("own", &format!("{OWN}\nprotected = \"their own number only\""));
    let policy = policy(&[&own, "[protected]\nusers = [\"john\"]\n", &any_mail("any", "")]);
    assert_eq!(code(&policy, &claiming(&[("preferred_username", "john")], "john")), None);
    assert_eq!(code(&policy, &claiming(&[("preferred_username", "mary")], "john")), Some(Code::Protected));
}

#[test]
fn nobody_gives_themself_an_address_or_a_right() {
    let own = "self = { claim = \"c\", equals = \"username\" }";
    let from = "email_from = \"{username}@example.com\"";
    for (rule, fault) in [
        (allow("r", &format!("fields = [\"Email\"]\n{from}\n{own}")), "`self` does not go with Email"),
        (
            allow("r", &format!("fields = [\"SecondaryEmail\"]\n{from}\n{own}")),
            "`self` does not go with SecondaryEmail",
        ),
        (allow("r", &format!("remove = [\"SecondaryEmail\"]\n{own}")), "the removal of SecondaryEmail"),
        (
            allow_of("r", "UpdateUserSecurityProfiles", &format!("grants = [\"x\"]\n{own}")),
            "does not go with `grants`",
        ),
        (allow_of("r", "ListQueues", own), "does not go with `connect:ListQueues`"),
        (allow_of("r", "DescribeUser", own), "does not go with `connect:DescribeUser`"),
        (allow_of("r", "DeleteRule", own), "does not go with `connect:DeleteRule`"),
        (
            allow_of("r", "CreateUser", &format!("fields = [\"FirstName\"]\nusernames = [\"*\"]\n{own}")),
            "`connect:CreateUser`",
        ),
        (
            allow("r", "fields = [\"Mobile\"]\nself = { claim = \"c\", equals = \"email\" }"),
            "is not compared with `email`",
        ),
        (allow("r", "fields = [\"Mobile\"]\nself = { claim = \"c\" }"), "`self` has no `equals`"),
    ] {
        let found = faults(&[&rule]);
        assert!(found.contains(fault), "{rule}: {found}");
    }
}

#[test]
fn a_test_says_what_is_claimed() {
    let test = |claim: &str, expect: &str| {
        format!(
            "[[test]]\nname = \"t\"\ncaller = \"arn:aws:iam::111122223333:role/IdentityDesk\"\n\
             action = \"connect:UpdateUserIdentityInfo\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n\
             claims = {{ preferred_username = \"{claim}\" }}\nuser = {{ username = \"mary\" }}\n\
             change = {{ Mobile = \"+12065550100\" }}\n{expect}\n"
        )
    };
    let tests =
        test("mary", "expect = \"allow\"") + &test("kim", "expect = \"refuse\"\nbecause = \"no-rule\"");
    assert_eq!(faults(&[&allow("r", OWN), &tests]), "");
    assert!(faults(&[&allow("r", OWN), &test("kim", "expect = \"allow\"")]).contains("test `t`"));
}

#[test]
fn to_open_it_to_others_is_a_gain() {
    let (own, all) =
        (policy(&[&allow("r", OWN)]), policy(&[&allow("r", "fields = [\"FirstName\", \"Mobile\"]")]));
    assert!(own.differences(&all).losses().is_empty());
    assert!(!own.differences(&all).gains().is_empty());
    let found = all.differences(&own);
    assert!(found.gains().is_empty() && !found.losses().is_empty());
    let other = policy(&[&allow("r", &OWN.replace("preferred_username", "sub"))]);
    assert!(!own.differences(&other).gains().is_empty());
    let gained = own.differences(&other).gains()[0].to_string();
    assert!(gained.contains("only for the caller's own user, by the claim `sub`"), "{gained}");
}
