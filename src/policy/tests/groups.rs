//! Groups: a rule that names one says the same as one that names its members.

use proptest::prelude::*;

use super::{super::who_can::Query, *};

const GROUPS: &str = "[groups.desk]\ncallers = [\"arn:aws:iam::111122223333:role/IdentityDesk\", \"arn:aws:iam::111122223333:role/Desk*\"]\n\
                      [groups.agents]\nusers = [\"mary\", \"agent-*\"]\n";

fn of_desk(rule: &str) -> String {
    rule.replace("arn:aws:iam::111122223333:role/IdentityDesk", "group:desk")
}

#[test]
fn members_are_known_in_every_file_and_every_list() {
    let rule = of_desk(&any_mail("r", "users = [\"group:agents\", \"john\"]"));
    let policy = policy(&[&rule, GROUPS]);
    for (role_name, name, allowed) in [
        ("IdentityDesk", "mary", true),
        ("Desk-2", "agent-7", true),
        ("Desk-2", "john", true),
        ("Other", "mary", false),
        ("IdentityDesk", "kim", false),
    ] {
        let case = Case { caller: role(role_name), user: Some(user(name)), ..email("u@example.com") };
        assert_eq!(code(&policy, &case).is_none(), allowed, "{role_name} {name}");
    }
    let protected = "[protected]\nusers = [\"group:agents\"]\n";
    let deny = "[[deny]]\nid = \"d\"\nreason = \"test\"\ncallers = [\"group:desk\"]\n";
    for (more, expected) in [(protected, Code::Protected), (deny, Code::DeniedBy)] {
        let policy = super::policy(&[&any_mail("r", ""), GROUPS, more]);
        assert_eq!(code(&policy, &email("u@example.com")), Some(expected));
    }
    let create = "usernames = [\"group:agents\"]\ngrants = [\"x\"]\nfields = [\"FirstName\"]";
    let created = super::policy(&[&allow_of("c", "CreateUser", create), GROUPS]);
    let case = |name: &str| Case { user: None, username: Some(name.to_owned()), ..case("CreateUser") };
    assert_eq!(code(&created, &case("agent-9")), None);
    assert_eq!(code(&created, &case("kim")), Some(Code::NoRule));
}

#[test]
fn who_can_and_diff_show_the_members() {
    let rule = of_desk(&any_mail("r", "users = [\"group:agents\"]"));
    let policy = policy(&[&rule, GROUPS]);
    let found = policy.who_can(&Query::default(), at(NOON));
    let callers: Vec<&str> = found[0].callers.iter().map(String::as_str).collect();
    assert_eq!(
        callers,
        ["arn:aws:iam::111122223333:role/Desk*", "arn:aws:iam::111122223333:role/IdentityDesk"]
    );
    assert_eq!(found[0].users, ["only for the users `agent-*` and `mary`"]);
    let written_out = any_mail("other", "users = [\"mary\", \"agent-*\"]").replace(
        "[\"arn:aws:iam::111122223333:role/IdentityDesk\"]",
        "[\"arn:aws:iam::111122223333:role/Desk*\", \"arn:aws:iam::111122223333:role/IdentityDesk\"]",
    );
    assert!(policy.differences(&super::policy(&[&written_out])).is_empty());
    let more = GROUPS.replace("role/Desk*", "role/Desk*\", \"arn:aws:iam::111122223333:role/Lead");
    let found = policy.differences(&super::policy(&[&rule, &more]));
    assert_eq!(found.losses(), []);
    assert_eq!(found.gains()[0].who, "`arn:aws:iam::111122223333:role/Lead`");
}

#[test]
fn what_is_no_group_is_a_fault() {
    let rule = of_desk(&any_mail("r", ""));
    for (more, fault) in [
        ("", "there is no group `desk`"),
        ("[groups.desks]\nusers = [\"mary\"]\n", "did you mean `group:desks`?"),
        ("[groups.desk]\nusers = [\"mary\"]\n", "the group `desk` is one of users, not of callers"),
        ("[groups.desk]\ncallers = []\n", "`callers` is empty"),
        ("[groups.desk]\n", "a group is one of callers or one of users"),
        (
            "[groups.desk]\nusers = [\"mary\"]\ncallers = [\"arn:aws:iam::111122223333:role/A\"]\n",
            "one of callers or one of users",
        ),
        ("[groups.desk]\ncallers = [\"group:desk\"]\n", "a group is no member of a group"),
        ("[groups.desk]\ncallers = [\"*\"]\n", "everybody is no caller"),
        ("[groups.Desk_1]\nusers = [\"mary\"]\n", "`Desk_1` is no group name"),
        (&format!("{GROUPS}[groups.\"desk\"]\n"), "duplicate key"),
        (&format!("{GROUPS}[groups.odd]\nusers = [\"john\"]\n"), "no rule names the group `odd`"),
    ] {
        let found = faults(&[&rule, more]);
        assert!(found.contains(fault), "{more}: {found}");
    }
    let found = faults(&[&rule, GROUPS, "[groups.desk]\nusers = [\"john\"]\n"]);
    assert!(found.contains("there are two groups `desk`") && found.contains("rules-2.toml:"), "{found}");
}

#[test]
fn what_is_read_by_itself_knows_no_groups() {
    let deny = "[[deny]]\nid = \"stop\"\nreason = \"x\"\ncallers = [\"group:desk\"]\n";
    let files = PolicyFiles {
        deny: vec![Ok(Source::new("deny.d/1.toml", deny))],
        ..files(&[&of_desk(&any_mail("r", "users = [\"group:agents\"]")), GROUPS])
    };
    let (policy, faults) = Policy::compile(&files, at(NOON)).unwrap();
    assert!(faults.plain().contains("groups are not known here"), "{}", faults.plain());
    assert_eq!(code(&policy, &email("u@example.com")), Some(Code::Freeze));
}

const ROLES: [&str; 4] = ["IdentityDesk", "Desk-2", "Lead", "Other"];
const NAMES: [&str; 3] = ["mary", "agent-7", "john"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn f1_groups_say_what_their_members_say_in_any_order(
        callers in prop::sample::subsequence(ROLES.to_vec(), 1..=3).prop_shuffle(),
        users in prop::sample::subsequence(NAMES.to_vec(), 1..=2).prop_shuffle(),
        again in any::<bool>(),
    ) {
        let arn = |role: &&str| format!("\"arn:aws:iam::111122223333:role/{role}\"");
        let arns: Vec<String> = callers.iter().map(arn).collect();
        let names: Vec<String> = users.iter().map(|name| format!("\"{name}\"")).collect();
        let mut sorted = (arns.clone(), names.clone());
        sorted.0.sort();
        sorted.1.sort();
        let groups = format!("[groups.c]\ncallers = [{}]\n[groups.u]\nusers = [{}]\n", arns.join(", "), names.join(", "));
        let rule = any_mail("r", &format!("users = [{}]", sorted.1.join(", ")));
        let written = rule.replace("\"arn:aws:iam::111122223333:role/IdentityDesk\"", &sorted.0.join(", "));
        // A member that is named beside its group, too, is there once.
        let doubled = if again { format!("\"group:c\", {}", arns[0]) } else { "\"group:c\"".to_owned() };
        let named = rule
            .replace("\"arn:aws:iam::111122223333:role/IdentityDesk\"", &doubled)
            .replace(&format!("users = [{}]", sorted.1.join(", ")), "users = [\"group:u\"]");
        let (one, other) = (policy(&[&written]), policy(&[&named, &groups]));
        prop_assert!(one.differences(&other).is_empty());
        for role_name in ROLES {
            for name in NAMES {
                let case = Case { caller: role(role_name), user: Some(user(name)), ..email("u@example.com") };
                prop_assert_eq!(code(&one, &case), code(&other, &case));
            }
        }
    }
}
