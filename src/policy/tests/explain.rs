//! What an explanation says of each rule.

use super::{
    super::{Explanation, Ground, Miss, Probe, Said, Side},
    *,
};

fn explain(rules: &[&str], case: Case) -> Explanation {
    policy(rules).explain(&Probe::for_tests(case)).unwrap()
}

/// A rule's id, its side, and what it said.
type Row<'e> = (&'e str, Side, Vec<(Ground, Said)>);

/// What each rule said, in the order of places.
fn said(explained: &Explanation) -> Vec<Row<'_>> {
    explained.rules.iter().map(|traced| (&*traced.rule.id, traced.side, traced.said.clone())).collect()
}

#[test]
fn each_rule_says_what_in_it_does_not_match() {
    let field = |lines: &str| any_mail("r", lines);
    for (rule, miss) in [
        (
            field("")
                .replace("UpdateUserIdentityInfo", "CreateUser")
                .replace("fields", "usernames = [\"*\"]\ngrants = [\"p\"]\nfields"),
            Miss::Actions,
        ),
        (field("").replace("IdentityDesk", "Other"), Miss::Callers),
        (field("").replace(INSTANCE, "12345678-1111-2222-aaaa-999999999999"), Miss::Instances),
        (field("expires = 2027-03-11"), Miss::Expires),
        (field("unique_ids = [\"AROADBQP57FF2AEXAMPLE\"]"), Miss::UniqueIds),
        (
            field("hours = { days = [\"sat\"], from = \"07:00\", to = \"19:00\", zone = \"UTC\" }"),
            Miss::Hours,
        ),
        (field("users = [\"kim\"]"), Miss::Users),
        (field("user_ids = [\"12345678-1111-2222-aaaa-111111111111\"]"), Miss::UserIds),
        (allow("r", "fields = [\"FirstName\"]"), Miss::Fields),
        (field("").replace("example.com", "example.org"), Miss::Address),
    ] {
        let explained = explain(&[&rule], email("mary@example.com"));
        assert!(explained.verdict.is_err(), "{miss:?}");
        let expected = vec![("r", Side::Allow, vec![(Ground::Field(Field::Email), Said::No(miss))])];
        assert_eq!(said(&explained), expected);
        let elsewhere = matches!(miss, Miss::Actions | Miss::Callers | Miss::Instances);
        assert_eq!(explained.rules[0].is_elsewhere(), elsewhere, "{miss:?}");
    }
}

#[test]
fn fields_are_asked_one_by_one() {
    let case = update(&[(Field::Email, "mary@example.com"), (Field::Mobile, "")]);
    let mut case = case;
    case.user.as_mut().unwrap().values.push((Field::Mobile, "+12065550100".to_owned()));
    let deny = "[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"Mobile\"]";
    let explained = explain(&[&any_mail("mail", ""), &allow("mobile", "remove = [\"Mobile\"]"), deny], case);
    assert_eq!(explained.verdict.as_ref().unwrap_err().code, Code::DeniedBy);
    assert_eq!(explained.changing, [Field::Email, Field::Mobile]);
    let (mail, mobile) = (Ground::Field(Field::Email), Ground::Field(Field::Mobile));
    assert_eq!(
        said(&explained),
        [
            ("mail", Side::Allow, vec![(mail, Said::Yes), (mobile, Said::No(Miss::Remove))]),
            ("mobile", Side::Allow, vec![(mail, Said::No(Miss::Fields)), (mobile, Said::Yes)]),
            ("d", Side::Deny, vec![(Ground::Operation, Said::Yes)]),
        ]
    );
}

#[test]
fn protection_is_said_by_the_rules_that_do_not_lift_it() {
    let listed = "[protected]\nusers = [\"mary\"]";
    let explained = explain(&[&any_mail("r", ""), listed], email("mary@example.com"));
    assert_eq!(explained.verdict.as_ref().unwrap_err().code, Code::Protected);
    assert!(explained.protected.is_some());
    assert_eq!(explained.rules[0].said, [(Ground::Field(Field::Email), Said::No(Miss::Protected))]);
    let with_sentence = any_mail("r", "protected = \"decided for this test\"");
    assert!(explain(&[&with_sentence, listed], email("mary@example.com")).verdict.is_ok());
}

#[test]
fn a_question_in_json_is_a_test() {
    let question = r#"{
        "caller": "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim",
        "action": "connect:UpdateUserIdentityInfo",
        "instance": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
        "user": { "username": "mary", "permissions": ["BasicAgentAccess"] },
        "change": { "Email": "mary@example.com" },
        "known": { "in_use": ["mary@example.com"] },
        "at": "2027-03-12T10:00:00Z"
    }"#;
    let serde_json::Value::Object(mut question) = serde_json::from_str(question).unwrap() else { panic!() };
    let rules = policy(&[&any_mail("r", "")]);
    let code = |question: &serde_json::Map<String, serde_json::Value>| {
        rules.explain(&Probe::of_json(question, at(NOON)).unwrap()).unwrap().verdict.err().map(|no| no.code)
    };
    assert_eq!(code(&question), Some(Code::AddressInUse));
    question.remove("known");
    question.remove("at");
    assert_eq!(code(&question), None);
    for (key, value) in
        [("changes", "x".into()), ("user", serde_json::Value::Null), ("at", "x\ny = 1".into())]
    {
        let mut wrong = question.clone();
        wrong.insert(key.to_owned(), value);
        assert!(Probe::of_json(&wrong, at(NOON)).is_err(), "{key}");
    }
}

/// A rule that names the instance by this ARN alone.
fn by_arn(id: &str, arn: &str) -> String {
    any_mail(id, "").replace(&format!("\"{INSTANCE}\""), &format!("\"{arn}\""))
}

#[test]
fn an_instance_asked_for_by_its_id_is_the_one_that_rules_name() {
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let bare = Case { instance_arn: None, ..email("mary@example.com") };
    assert!(explain(&[&by_arn("r", &arn)], bare.clone()).verdict.is_ok());
    let deny = format!("[[deny]]\nid = \"d\"\nreason = \"test\"\ninstances = [\"{arn}\"]");
    let denied = explain(&[&any_mail("r", ""), &deny], bare.clone()).verdict;
    assert_eq!(denied.map_err(|refusal| refusal.code).err(), Some(Code::DeniedBy));

    let elsewhere = arn.replace("us-east-1", "eu-central-1");
    let two = policy(&[&by_arn("here", &arn), &by_arn("there", &elsewhere)]);
    let ambiguous = two.explain(&Probe::for_tests(bare)).unwrap_err();
    assert_eq!(ambiguous.arns, [elsewhere, arn].into());
    assert!(two.explain(&Probe::for_tests(email("mary@example.com"))).unwrap().verdict.is_ok());
}

#[test]
fn a_test_that_names_an_instance_by_its_id_means_the_arn_of_the_rules() {
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let test = |expect: &str| {
        format!(
            "[[test]]\nname = \"t\"\ncaller = \"arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim\"\n\
             action = \"connect:UpdateUserIdentityInfo\"\ninstance = \"{INSTANCE}\"\nat = {NOON}\n\
             user = {{ username = \"mary\" }}\nchange = {{ Email = \"mary@example.com\" }}\n{expect}"
        )
    };
    let (yes, no) = (test("expect = \"allow\""), test("expect = \"refuse\"\nbecause = \"no-rule\""));
    let here = by_arn("here", &arn);
    let there = by_arn("there", &arn.replace("us-east-1", "eu-central-1"));
    assert!(compile_rules(&[&here, &yes]).is_ok());
    assert!(compile_rules(&[&here, &no]).unwrap_err().contains("expected refuse"));
    for test in [yes, no] {
        let faults = compile_rules(&[&here, &there, &test]).unwrap_err();
        assert!(faults.contains("one instance of several") && faults.contains("write the ARN"), "{faults}");
    }
}

fn compile_rules(rules: &[&str]) -> Result<(), String> {
    Policy::compile(&files(rules), at(NOON)).map(|_| ()).map_err(|faults| faults.plain())
}

#[test]
fn rules_are_told_by_file_and_line() {
    let deny = "[[deny]]\nid = \"m\"\nreason = \"test\"\n";
    let both = format!("{}{}", any_mail("z", ""), any_mail("a", ""));
    let explained = explain(&[deny, &both], email("mary@example.com"));
    let told: Vec<_> = explained.rules.iter().map(|traced| (&*traced.rule.id, &*traced.rule.place)).collect();
    assert_eq!(told, [("m", "rules-1.toml:2"), ("z", "rules-2.toml:3"), ("a", "rules-2.toml:13")]);
}

#[test]
fn a_deny_says_what_in_it_does_not_match() {
    let list = Case { user: None, ..case("ListQueues") };
    let address = email("u@example.com");
    for (lines, case, expected) in [
        ("", &case("DeleteUser"), Said::Yes),
        ("fields = [\"Email\"]", &address, Said::Yes),
        ("fields = [\"Mobile\"]", &address, Said::No(Miss::Unchanged)),
        ("domains = [\"example.org\"]", &address, Said::No(Miss::Unchanged)),
        ("fields = [\"Email\"]", &case("DeleteUser"), Said::No(Miss::Kind)),
        ("domains = [\"example.org\"]", &case("DeleteUser"), Said::No(Miss::Kind)),
        ("users = [\"mary\"]", &case("DeleteUser"), Said::Yes),
        ("users = [\"john\"]", &case("DeleteUser"), Said::No(Miss::Users)),
        ("users = [\"mary\"]", &case("DescribeUser"), Said::No(Miss::Kind)),
        ("user_ids = [\"id-of-mary\"]", &case("DescribeUser"), Said::Yes),
        ("user_ids = [\"id-of-john\"]", &case("DescribeUser"), Said::No(Miss::UserIds)),
        ("user_ids = [\"id-of-mary\"]", &list, Said::No(Miss::Kind)),
    ] {
        let deny = format!("[[deny]]\nid = \"d\"\nreason = \"test\"\n{lines}\n");
        let explained = explain(&[&deny], case.clone());
        assert_eq!(explained.rules[0].said, [(Ground::Operation, expected)], "{lines} {case:?}");
    }
}

#[test]
fn what_does_not_match_is_told_by_its_key() {
    for (miss, key) in [
        (Miss::Actions, "`actions`"),
        (Miss::Callers, "`callers`"),
        (Miss::Instances, "`instances`"),
        (Miss::Expires, "expired"),
        (Miss::UniqueIds, "`unique_ids`"),
        (Miss::PermissionSet, "`permission_set`"),
        (Miss::Hours, "`hours`"),
        (Miss::Ticket, "`ticket`"),
        (Miss::UserIds, "`user_ids`"),
        (Miss::Users, "`users`"),
        (Miss::Own, "`self`"),
        (Miss::Protected, "`protected`"),
        (Miss::Fields, "`fields`"),
        (Miss::Remove, "`remove`"),
        (Miss::Plus, "`plus`"),
        (Miss::Stale, "`max_age`"),
        (Miss::Usernames, "`usernames`"),
        (Miss::Grants, "`grants`"),
        (Miss::Permissions, "`permissions`"),
        (Miss::Members, "`members`"),
    ] {
        assert!(miss.as_str().contains(key), "{key}: {}", miss.as_str());
    }
}
