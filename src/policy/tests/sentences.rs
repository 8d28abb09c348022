//! What is gained and lost, word by word.

use super::{differences::between, *};

fn gained(rule: &str) -> Vec<String> {
    between(&[], &[rule])
}

fn deny(lines: &str) -> String {
    format!("[[deny]]\nid = \"d\"\nreason = \"test\"\n{lines}\n")
}

#[test]
fn each_operation_is_told_with_what_it_does() {
    let rule = allow_of(
        "r",
        "UpdateUserIdentityInfo\", \"connect:CreateUser\", \"connect:DeleteUser",
        "fields = [\"FirstName\"]\nremove = [\"Mobile\"]\nusernames = [\"m*\"]\ngrants = [\"p\"]",
    );
    assert_eq!(
        gained(&rule),
        [
            "+ `IdentityDesk` may now call connect:DeleteUser",
            "+ `IdentityDesk` may now set FirstName and remove Mobile with connect:UpdateUserIdentityInfo",
            "+ `IdentityDesk` may now create users and set FirstName with connect:CreateUser, \
             with the Usernames `m*`, without a password, giving the security profiles `p` and no other",
        ]
    );
    assert_eq!(
        gained(&allow_of("r", "CreateSecurityProfile", "permissions = [\"Users.View\"]")),
        [
            "+ `IdentityDesk` may now give permissions to security profiles with connect:CreateSecurityProfile, \
          with the permissions `Users.View` and no other"
        ]
    );
}

#[test]
fn terms_are_told_in_one_order() {
    let rule = allow(
        "r",
        r#"fields = ["FirstName"]
unique_ids = ["AROAEXAMPLETWO", "AROAEXAMPLEONE"]
hours = { days = ["sat", "mon"], from = "07:30", to = "24:00", zone = "Europe/Berlin" }
quota = { changes = 1, per = "48h", of = "instance" }
restore = true
protected = "decided for this test"
ticket = { header = "x-guard-ticket", pattern = "SEC-[0-9]+" }
expires = 2027-06-30"#,
    );
    assert_eq!(
        gained(&rule),
        [
            "+ `IdentityDesk` may now set FirstName with connect:UpdateUserIdentityInfo, only with a ticket like \
          `SEC-[0-9]+` in the signed header `x-guard-ticket`, protected users too, at most 1 change in 2d for each \
          instance (a change back to a former address is not counted), only with the unique id `AROAEXAMPLEONE` and \
          `AROAEXAMPLETWO`, only on mon, sat from 07:30 to 24:00 Europe/Berlin, through 2027-06-30"
        ]
    );
    let own = "fields = [\"Mobile\"]\nself = { claim = \"preferred_username\", equals = \"username\" }\n\
               quota = { changes = 2, per = \"25h\", of = \"caller\" }";
    assert_eq!(
        gained(&allow("r", own)),
        [
            "+ `IdentityDesk` may now set Mobile with connect:UpdateUserIdentityInfo, only for the caller's own user, \
          by the claim `preferred_username`, at most 2 changes in 25h for each caller"
        ]
    );
}

#[test]
fn long_lists_are_counted() {
    let users: Vec<String> = (10..63).map(|n| format!("\"u{n}\"")).collect();
    let told = gained(&allow("r", &format!("fields = [\"FirstName\"]\nusers = [{}]", users.join(", "))));
    assert!(
        told[0].contains("only for the users `u10`, `u11`, ") && told[0].ends_with(", `u59` and 3 more"),
        "{told:?}"
    );
    let three = gained(&allow("r", "fields = [\"FirstName\", \"LastName\", \"Mobile\"]"));
    assert!(three[0].contains("set FirstName, LastName and Mobile with"), "{three:?}");
}

#[test]
fn places_are_told_where_there_are_none_one_or_several() {
    let on = |actions: &str, instances: &str| {
        gained(&allow_of("r", actions, "").replace(&format!("\"{INSTANCE}\""), instances))
    };
    let other = "12345678-1111-2222-aaaa-999999999999";
    let (delete, list) = ("connect:DeleteUser", "connect:ListInstances");
    let may = "+ `IdentityDesk` may now call";
    assert_eq!(on("ListInstances", "\"none\""), [format!("{may} {list} without an instance")]);
    assert_eq!(
        on("DeleteUser", &format!("\"{INSTANCE}\", \"{other}\"")),
        [format!("{may} {delete} on the instances `{other}` and `{INSTANCE}`")]
    );
    assert_eq!(
        on("ListInstances\", \"connect:DeleteUser", &format!("\"none\", \"{other}\"")),
        [format!("{may} {delete} and {list} on the instances `{other}` and without an instance")]
    );
}

#[test]
fn denies_are_told_by_whom_they_are_about_and_what_they_end() {
    let two = "callers = [\"arn:aws:iam::111122223333:role/Desk*\", \"arn:aws:iam::111122223333:role/Kim\"]";
    for (lines, told) in [
        (two, "`Kim` and `Desk*` are now denied every operation on every instance"),
        (
            "actions = [\"connect:DeleteUser\"]",
            "everybody is now denied connect:DeleteUser on every instance",
        ),
        (
            "actions = [\"connect:UpdateUserIdentityInfo\"]\nfields = [\"Mobile\", \"Email\"]",
            "everybody is now denied connect:UpdateUserIdentityInfo that changes Email or Mobile on every instance",
        ),
        (
            "users = [\"m*\"]\ndomains = [\"example.org\"]",
            "everybody is now denied every operation on every instance, only for the users `m*`, \
             only to addresses at `example.org`",
        ),
    ] {
        assert_eq!(gained(&deny(lines)), [format!("- {told}")]);
        let ended = told.replace("now denied", "no longer denied");
        assert_eq!(between(&[&deny(lines)], &[]), [format!("+ {ended}")]);
    }
    let (one, more) = (
        deny("fields = [\"Email\"]\nusers = [\"kim\"]"),
        deny("fields = [\"Email\"]\nusers = [\"kim\", \"mary\"]"),
    );
    let whom = "every change of Email on every instance, only for the users `kim` and `mary`";
    assert_eq!(
        between(&[&one], &[&more]),
        [format!("- everybody is now denied {whom}, denied on other terms before")]
    );
    assert_eq!(
        between(&[&more], &[&one]),
        [format!("+ everybody is no longer denied {whom}, still denied on other terms")]
    );
}

#[test]
fn what_was_allowed_of_everybody_was_allowed_of_one_on_other_terms() {
    let rule = |lines: &str| allow("r", &format!("fields = [\"FirstName\"]\n{lines}"));
    let (all, mary) = (rule("expires = 2027-06-29"), rule("users = [\"mary\"]\nexpires = 2027-06-30"));
    let kim = rule("users = [\"kim\"]\nexpires = 2027-06-29");
    let told = "+ `IdentityDesk` may now set FirstName with connect:UpdateUserIdentityInfo, only for the users `mary`, \
               through 2027-06-30";
    assert_eq!(between(&[&all], &[&mary])[0], format!("{told}, allowed on other terms before"));
    assert_eq!(between(&[&kim], &[&mary])[0], told);
}
