//! `[[deny]]`: beats every allow; what it leaves out matches everything; where its fact is lacking, it holds.

use super::*;

fn deny(lines: &str) -> String {
    format!("[[deny]]\nid = \"no\"\nreason = \"decided so\"\n{lines}\n")
}

fn against(lines: &str, case: &Case) -> Option<Code> {
    let rule = allow_of(
        "desk",
        case.route.operation,
        match case.route.operation {
            "UpdateUserIdentityInfo" => {
                r#"fields = ["FirstName", "Email", "SecondaryEmail"]
email_any_in = { domains = ["example.com", "example.org"], because = "decided for this test" }"#
            }
            _ => "",
        },
    );
    code(&policy(&[&rule, &deny(lines)]), case)
}

const DENIED: Option<Code> = Some(Code::DeniedBy);

#[test]
fn f1_a_deny_without_matchers_denies_everything() {
    assert_eq!(against("", &email("u@example.com")), DENIED);
    assert_eq!(against("", &case("DeleteUser")), DENIED);
    assert_eq!(against("", &Case { user: None, ..case("ListQueues") }), DENIED);
}

#[test]
fn the_refusal_names_rule_place_and_reason() {
    let refusal =
        refused(&policy(&[&any_mail("desk", ""), &deny("fields = [\"Email\"]")]), &email("u@example.com"));
    let rule = refusal.rule.unwrap();
    assert_eq!((&*rule.id, &*rule.place), ("no", "rules-2.toml:2"));
    assert_eq!(refusal.detail, "denied by `no`: decided so");
    assert_eq!(refusal.fields, [Field::Email]);
}

#[test]
fn callers() {
    let asked = email("u@example.com");
    assert_eq!(against("callers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]", &asked), DENIED);
    assert_eq!(against("callers = [\"arn:aws:iam::111122223333:role/Identity*\"]", &asked), DENIED);
    assert_eq!(against("callers = [\"arn:aws:iam::111122223333:role/*\"]", &asked), DENIED);
    assert_eq!(against("callers = [\"arn:aws:iam::111122223333:role/Other\"]", &asked), None);
    assert_eq!(against("callers = [\"arn:aws:iam::444455556666:role/IdentityDesk\"]", &asked), None);
    assert_eq!(against("callers = [\"arn:aws:iam::111122223333:user/IdentityDesk\"]", &asked), None);
}

#[test]
fn actions_and_wildcards_of_every_class() {
    let asked = email("u@example.com");
    assert_eq!(against("actions = [\"connect:UpdateUserIdentityInfo\"]", &asked), DENIED);
    assert_eq!(against("actions = [\"connect:UpdateUser*\"]", &asked), DENIED);
    assert_eq!(against("actions = [\"connect:*\"]", &asked), DENIED);
    assert_eq!(against("actions = [\"connect:DeleteUser\"]", &asked), None);
    assert_eq!(against("actions = [\"connect:List*\"]", &asked), None);
}

#[test]
fn instances_by_id_and_by_arn() {
    let asked = email("u@example.com");
    assert_eq!(against(&format!("instances = [\"{INSTANCE}\"]"), &asked), DENIED);
    assert_eq!(against("instances = [\"other\"]", &asked), None);
    let arn =
        |region: &str| format!("instances = [\"arn:aws:connect:{region}:111122223333:instance/{INSTANCE}\"]");
    assert_eq!(against(&arn("us-east-1"), &asked), DENIED);
    assert_eq!(against(&arn("us-west-2"), &asked), None, "a replica is another target");
}

#[test]
fn users_and_ids() {
    let asked = email("u@example.com");
    assert_eq!(against("users = [\"mary\"]", &asked), DENIED);
    assert_eq!(against("users = [\"m*\"]", &asked), DENIED);
    assert_eq!(against("users = [\"john\"]", &asked), None);
    assert_eq!(against("user_ids = [\"id-of-mary\"]", &asked), DENIED);
    assert_eq!(against("user_ids = [\"id-of-john\"]", &asked), None);
    assert_eq!(against("user_ids = [\"id-of-mary\"]", &case("DescribeUser")), DENIED);
    assert_eq!(against("user_ids = [\"id-of-john\"]", &case("DescribeUser")), None);
}

#[test]
fn where_the_user_of_a_change_is_lacking_a_deny_holds() {
    let origin = Case { user: None, ..case("AssociateApprovedOrigin") };
    assert_eq!(against("users = [\"mary\"]", &origin), DENIED);
    assert_eq!(against("user_ids = [\"id-of-mary\"]", &origin), DENIED);
    // Reads and writes are about no user's name, and those without a user about no id.
    assert_eq!(against("users = [\"mary\"]", &case("DescribeUser")), None);
    assert_eq!(against("users = [\"m*\"]", &case("DescribeUser")), None);
    assert_eq!(against("user_ids = [\"id-of-mary\"]", &Case { user: None, ..case("ListQueues") }), None);
}

#[test]
fn fields_are_those_that_would_change() {
    assert_eq!(against("fields = [\"Email\"]", &email("u@example.com")), DENIED);
    assert_eq!(against("fields = [\"Email\"]", &email("mary.old@example.com")), None, "no change of it");
    assert_eq!(against("fields = [\"Email\"]", &update(&[(Field::FirstName, "Maria")])), None);
    assert_eq!(against("fields = [\"Email\"]", &case("DeleteUser")), None, "not an identity operation");
    let mut removal = update(&[(Field::SecondaryEmail, "")]);
    removal.user.as_mut().unwrap().values.push((Field::SecondaryEmail, "m@example.com".to_owned()));
    assert_eq!(against("fields = [\"SecondaryEmail\"]", &removal), DENIED, "a removal is a change");
}

#[test]
fn domains_are_those_of_the_wanted_addresses() {
    assert_eq!(against("domains = [\"example.org\"]", &email("u@example.org")), DENIED);
    assert_eq!(against("domains = [\"example.org\"]", &email("u@EXAMPLE.org")), DENIED);
    assert_eq!(against("domains = [\"example.org\"]", &email("u@example.com")), None);
    let second = update(&[(Field::SecondaryEmail, "u@example.org")]);
    assert_eq!(against("domains = [\"example.org\"]\nfields = [\"Email\"]", &second), None);
}

#[test]
fn unique_ids_and_permission_sets() {
    let mut asked = email("u@example.com");
    assert_eq!(against("unique_ids = [\"AROAEXAMPLE\"]", &asked), DENIED, "not known: it holds");
    asked.caller.unique_id = Some("AROAOTHER".to_owned());
    assert_eq!(against("unique_ids = [\"AROAEXAMPLE\"]", &asked), None);
    assert_eq!(against("permission_set = \"Desk\"", &asked), None);
}

#[test]
fn expires_and_hours() {
    let asked = email("u@example.com");
    assert_eq!(against("expires = 2027-03-12", &asked), DENIED);
    assert_eq!(against("expires = 2027-03-11", &asked), None);
    let hours = |from: &str| {
        format!("hours = {{ days = [\"fri\"], from = \"{from}\", to = \"20:00\", zone = \"UTC\" }}")
    };
    assert_eq!(against(&hours("09:00"), &asked), DENIED);
    assert_eq!(against(&hours("11:00"), &asked), None);
}

#[test]
fn an_ordinary_operation_is_denied_before_it_passes() {
    let list = Case { user: None, ..case("ListQueues") };
    assert_eq!(against("actions = [\"connect:List*\"]", &list), DENIED);
    assert_eq!(against("actions = [\"connect:Describe*\"]", &list), None);
}

#[test]
fn the_order_of_codes() {
    // Protected before denied, denied before the fixed address refusals, those before no-rule.
    let policy = policy(&[
        "[protected]\nusers = [\"boss\"]\n[shared]\nmailboxes = [\"shared@other.example\"]",
        &any_mail("desk", ""),
        &deny("users = [\"boss\", \"john\"]"),
    ]);
    let of = |name: &str| Case { user: Some(user(name)), ..email("shared@other.example") };
    assert_eq!(code(&policy, &of("boss")), Some(Code::Protected));
    assert_eq!(code(&policy, &of("john")), Some(Code::DeniedBy));
    assert_eq!(code(&policy, &of("mary")), Some(Code::AddressShared));
    let saml = Case { directory: Directory::Saml, ..of("boss") };
    assert_eq!(code(&policy, &saml), Some(Code::EmailOnSaml));
    let mut sorted = Code::ALL;
    sorted.sort();
    assert_eq!(sorted, Code::ALL);
}
