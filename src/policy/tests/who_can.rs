//! Who can do what.

use super::{
    super::{Capability, Query},
    *,
};
use crate::operation::Address;

fn ids(policy: &Policy, query: &Query) -> Vec<String> {
    policy.who_can(query, at(NOON)).iter().map(|one| one.rule.id.to_string()).collect()
}

fn desk() -> Policy {
    let from = "fields = [\"Email\", \"FirstName\"]\nemail_from = \"{username}@example.com\"\nusers = [\"m*\"]\nexpires = 2027-06-30";
    policy(&[
        &allow("from", from),
        &any_mail("any", "").replace("role/IdentityDesk", "role/Desk*"),
        &allow_of("delete", "DeleteUser", ""),
        &any_mail("past", "expires = 2027-03-11"),
        "[[deny]]\nid = \"d\"\nreason = \"test\"\nfields = [\"SecondaryEmail\"]",
        "[[deny]]\nid = \"old\"\nreason = \"test\"\nexpires = 2027-03-11",
        "[[deny]]\nid = \"kim\"\nreason = \"test\"\nusers = [\"kim\"]\ncallers = [\"arn:aws:iam::111122223333:role/Desk1\"]",
    ])
}

#[test]
fn rules_in_force_are_found_by_what_is_asked() {
    let policy = desk();
    let field = |field| Query { field: Some(field), ..Query::default() };
    assert_eq!(ids(&policy, &Query::default()), ["any", "delete", "from"]);
    assert_eq!(ids(&policy, &field(Field::Email)), ["any", "from"]);
    assert_eq!(ids(&policy, &field(Field::FirstName)), ["from"]);
    let route = routes().iter().find(|route| route.operation == "DeleteUser");
    assert_eq!(ids(&policy, &Query { action: route, ..Query::default() }), ["delete"]);
    assert_eq!(ids(&policy, &Query { caller: Some(role("Desk7")), ..Query::default() }), ["any"]);
    assert_eq!(
        ids(&policy, &Query { instance: Some("other".to_owned()), ..Query::default() }),
        Vec::<String>::new()
    );
    let user =
        |name: &str| Query { user: Some(name.to_owned()), field: Some(Field::Email), ..Query::default() };
    assert_eq!(ids(&policy, &user("kim")), ["any"]);
    let address = |name: Option<&str>, address: &str| Query {
        user: name.map(str::to_owned),
        address: Some(Address::read(address).unwrap()),
        ..Query::default()
    };
    assert_eq!(ids(&policy, &address(None, "kim@example.com")), ["any", "from"]);
    assert_eq!(ids(&policy, &address(Some("mary"), "kim@example.com")), ["any"]);
    assert_eq!(ids(&policy, &address(Some("mary"), "mary@example.com")), ["any", "from"]);
    assert_eq!(ids(&policy, &address(None, "kim@example.org")), Vec::<String>::new());
}

#[test]
fn a_capability_says_to_whom_to_what_until_when_and_what_stands_against_it() {
    let found = desk().who_can(&Query { field: Some(Field::Email), ..Query::default() }, at(NOON));
    let from = found.iter().find(|one| &*one.rule.id == "from").unwrap();
    assert_eq!(from.fields, [Field::Email]);
    assert_eq!(from.users, ["only for the users `m*`"]);
    assert_eq!(from.address, ["only to the address `{username}@example.com`"]);
    assert_eq!(from.until.as_deref(), Some("2027-06-30"));
    assert!(from.except.is_empty(), "{:?}", from.except);
    let any = found.iter().find(|one| &*one.rule.id == "any").unwrap();
    let except: Vec<&str> = any.except.iter().map(|rule| &*rule.id).collect();
    assert_eq!(except, ["d", "kim"], "not the one that has ended");
}

#[test]
fn what_narrows_one_operation_of_a_rule_does_not_hide_the_others() {
    let mail = r#"fields = ["Email"]
email_any_in = { domains = ["example.com"], because = "decided for this test" }
usernames = ["new-*"]
grants = ["p"]"#;
    let both = allow_of("both", "UpdateUserIdentityInfo\", \"connect:CreateUser", mail);
    let policy = policy(&[&both]);
    let of = |operation: Option<&str>, user: &str| Query {
        action: operation.and_then(|name| routes().iter().find(|route| route.operation == name)),
        user: Some(user.to_owned()),
        ..Query::default()
    };
    assert_eq!(ids(&policy, &of(None, "ceo")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("UpdateUserIdentityInfo"), "ceo")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("CreateUser"), "new-kim")), ["both"]);
    assert_eq!(ids(&policy, &of(Some("CreateUser"), "ceo")), Vec::<String>::new());
    assert_eq!(code(&policy, &Case { user: Some(user("ceo")), ..email("ceo@example.com") }), None);
}

#[test]
fn an_instance_is_found_by_its_id_and_by_its_arn() {
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    let elsewhere = arn.replace("us-east-1", "eu-central-1");
    let policy = policy(&[
        &any_mail("arn", "").replace(&format!("\"{INSTANCE}\""), &format!("\"{arn}\"")),
        &any_mail("id", ""),
    ]);
    let on = |instance: &str| Query { instance: Some(instance.to_owned()), ..Query::default() };
    assert_eq!(ids(&policy, &on(INSTANCE)), ["arn", "id"]);
    assert_eq!(ids(&policy, &on(&arn)), ["arn", "id"]);
    assert_eq!(ids(&policy, &on(&elsewhere)), ["id"]);
}

#[test]
fn an_operation_is_found_in_each_class_that_it_is_asked_in() {
    let policy = policy(&[&allow_of("tags", "Tag*", "")]);
    let route = routes().iter().find(|route| route.operation == "TagResource");
    assert_eq!(ids(&policy, &Query { action: route, ..Query::default() }), ["tags"]);
}

/// A rule for each way to bind an address, all for the same callers.
fn bindings() -> Policy {
    let any = "email_any_in = { domains = [\"example.com\"], because = \"decided for this test\" }";
    let mail = |id: &str, binding: &str| allow(id, &format!("fields = [\"Email\"]\n{binding}"));
    let source = Source::new("hr.csv", "username,address\nkim,kim@example.com\n");
    let with_names = allow_of(
        "any",
        "UpdateUserIdentityInfo\", \"connect:DeleteUser",
        &format!("fields = [\"Email\", \"LastName\"]\n{any}"),
    );
    compile(&PolicyFiles {
        directories: vec![DirectoryFile { source, modified: at("2027-01-01T00:00:00Z") }],
        ..files(&[
            &with_names,
            &mail("domain", "email_from = \"{username}@example.com\""),
            &mail("hr", "email_directory = \"hr\""),
            &mail("names", "email_from = \"{first_name}@example.com\""),
            &mail("plus", &format!("{any}\nplus = \"decided for this test\"")),
            &mail("username", "email_from = \"{username}\""),
            "[directories.hr]\nfile = \"hr.csv\"\nmax_age = \"24h\"",
        ])
    })
}

#[test]
fn an_address_is_found_where_a_rule_may_give_it() {
    let policy = bindings();
    let to = |address: &str, user: Option<&str>| Query {
        address: Some(Address::read(address).unwrap()),
        user: user.map(str::to_owned),
        ..Query::default()
    };
    let all = ["any", "domain", "hr", "names", "plus", "username"];
    for (address, user, found) in [
        ("kim@example.com", None, &all[..]),
        ("lee@example.com", None, &["any", "domain", "names", "plus", "username"]),
        ("kim@example.org", None, &["username"]),
        ("kim+1@example.com", None, &["plus"]),
        ("kim@example.com", Some("kim"), &["any", "domain", "hr", "names", "plus"]),
        ("kim@example.com", Some("mary"), &["any", "names", "plus"]),
        ("kim@example.com", Some("kim@example.com"), &["any", "names", "plus", "username"]),
        ("kim@example.org", Some("kim"), &[]),
    ] {
        assert_eq!(ids(&policy, &to(address, user)), found, "{address} {user:?}");
    }
    let kim = to("kim@example.com", None);
    let of = |field| Query { field: Some(field), ..kim.clone() };
    assert_eq!(ids(&policy, &of(Field::Email)), all);
    assert_eq!(ids(&policy, &of(Field::SecondaryEmail)), Vec::<String>::new());
    assert_eq!(ids(&policy, &of(Field::LastName)), Vec::<String>::new());
    let action = |name: &str| routes().iter().find(|route| route.operation == name);
    assert_eq!(ids(&policy, &Query { action: action("UpdateUserIdentityInfo"), ..kim.clone() }), all);
    assert_eq!(ids(&policy, &Query { action: action("DeleteUser"), ..kim.clone() }), Vec::<String>::new());
}

#[test]
fn no_field_of_a_new_user_is_emptied() {
    let both = allow_of(
        "both",
        "UpdateUserIdentityInfo\", \"connect:CreateUser",
        "fields = [\"FirstName\"]\nremove = [\"Mobile\"]\nusernames = [\"*\"]\ngrants = [\"p\"]",
    );
    let policy = policy(&[&both]);
    let of = |operation: &str, field| Query {
        action: routes().iter().find(|route| route.operation == operation),
        field: Some(field),
        ..Query::default()
    };
    for (operation, field, found) in [
        ("UpdateUserIdentityInfo", Field::Mobile, 1),
        ("UpdateUserIdentityInfo", Field::FirstName, 1),
        ("CreateUser", Field::FirstName, 1),
        ("CreateUser", Field::Mobile, 0),
    ] {
        assert_eq!(ids(&policy, &of(operation, field)).len(), found, "{operation} {field}");
    }
}

#[test]
fn a_capability_says_all_that_its_rule_says() {
    let new = allow_of(
        "new",
        "CreateUser",
        "fields = [\"FirstName\"]\nusernames = [\"a*\"]\ngrants = [\"p1\"]\nmembers = [\"Tags\"]\n\
         unique_ids = [\"AROADBQP57FF2AEXAMPLE\"]",
    );
    let profile = allow_of("profile", "CreateSecurityProfile", "permissions = [\"Users.View\"]");
    let wild = allow_of("wild", "List*", "user_ids = [\"id-of-mary\"]\nexpires = 2027-06-30")
        .replace("role/IdentityDesk\"", "role/Desk*\", \"arn:aws:iam::111122223333:user/kim\"");
    let found = policy(&[&new, &profile, &wild]).who_can(&Query::default(), at(NOON));
    let [new, profile, wild] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(new.users, ["with the Usernames `a*`"]);
    assert_eq!(
        new.conditions,
        [
            "only with the unique id `AROADBQP57FF2AEXAMPLE`",
            "without a password",
            "giving the security profiles `p1` and no other",
            "with the members `Tags`",
        ]
    );
    assert_eq!(profile.conditions, ["with the permissions `Users.View` and no other"]);
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    assert_eq!(
        *wild,
        Capability {
            callers: texts(&["arn:aws:iam::111122223333:role/Desk*", "arn:aws:iam::111122223333:user/kim"]),
            actions: texts(&["connect:List*"]),
            fields: Vec::new(),
            remove: Vec::new(),
            instances: texts(&[INSTANCE]),
            users: vec!["only for the user ids `id-of-mary`".to_owned()],
            address: Vec::new(),
            conditions: Vec::new(),
            until: Some("2027-06-30".to_owned()),
            except: Vec::new(),
            rule: wild.rule.clone(),
        }
    );
}

#[test]
fn a_deny_stands_against_a_rule_unless_it_is_about_others_for_certain() {
    let rule = any_mail("r", "users = [\"mary\"]\nuser_ids = [\"id-of-mary\"]");
    let arn = format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}");
    for (lines, meets) in [
        (String::new(), true),
        ("users = [\"mary\"]".to_owned(), true),
        ("users = [\"john\"]".to_owned(), false),
        ("users = [\"john\", \"m*\"]".to_owned(), true),
        ("users = [\"j*\"]".to_owned(), true),
        ("user_ids = [\"id-of-mary\", \"id-of-john\"]".to_owned(), true),
        ("user_ids = [\"id-of-john\"]".to_owned(), false),
        ("fields = [\"Email\"]".to_owned(), true),
        ("fields = [\"Mobile\"]".to_owned(), false),
        ("domains = [\"example.org\"]".to_owned(), true),
        ("actions = [\"connect:Update*\"]".to_owned(), true),
        ("actions = [\"connect:DeleteUser\"]".to_owned(), false),
        (format!("instances = [\"{INSTANCE}\"]"), true),
        (format!("instances = [\"{arn}\"]"), true),
        (format!("instances = [\"{}\"]", INSTANCE.replace("11111", "22222")), false),
        ("callers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]".to_owned(), true),
        ("callers = [\"arn:aws:iam::111122223333:role/*Desk\"]".to_owned(), true),
        ("callers = [\"arn:aws:iam::111122223333:role/*Lead\"]".to_owned(), false),
        ("callers = [\"arn:aws:iam::444455556666:role/*Desk\"]".to_owned(), false),
        ("callers = [\"arn:aws:iam::111122223333:role/Lead\"]".to_owned(), false),
    ] {
        let deny = format!("[[deny]]\nid = \"d\"\nreason = \"test\"\n{lines}\n");
        let found = policy(&[&rule, &deny]).who_can(&Query::default(), at(NOON));
        assert_eq!(found[0].except.len(), usize::from(meets), "{lines}");
    }
    let pattern = any_mail("r", "users = [\"m*\", \"kim\"]");
    let john = "[[deny]]\nid = \"d\"\nreason = \"test\"\nusers = [\"john\"]\n";
    assert_eq!(
        policy(&[&pattern, john]).who_can(&Query::default(), at(NOON))[0].except.len(),
        1,
        "not told apart"
    );
}
