//! Who gains and who loses what: by example, by property over random policies, and at ten thousand rules.

use std::fmt::Write as _;

use super::{super::Differences, *};

/// Gains with `+`, losses with `-`, without the rule.
pub(super) fn told(before: &Policy, after: &Policy) -> Vec<String> {
    let found = before.differences(after);
    let line = |sign: &str, one: &crate::policy::Difference| {
        let text = format!("{sign} {one}").replace("arn:aws:iam::111122223333:role/", "");
        let text = text.replace(&format!(" on the instance `{INSTANCE}`"), "");
        text.split(" (`").next().unwrap().to_owned()
    };
    let gains = found.gains().iter().map(|one| line("+", one));
    gains.chain(found.losses().iter().map(|one| line("-", one))).collect()
}

pub(super) fn between(before: &[&str], after: &[&str]) -> Vec<String> {
    told(&policy(before), &policy(after))
}

fn names(lines: &str) -> String {
    allow("names", &format!("fields = [\"FirstName\"]\n{lines}"))
}

pub(super) const NONE: [String; 0] = [];

#[test]
fn nothing_but_wording_is_no_difference() {
    let before = policy(&[
        &any_mail("one", "protected = \"because of this test\""),
        &names(""),
        "[[deny]]\nid = \"d\"\nreason = \"a\"\nfields = [\"Email\"]\nusers = [\"john\"]",
    ]);
    let after = policy(&[
        "[[deny]]\nid = \"e\"\nreason = \"b\"\nfields = [\"Email\"]\nusers = [\"john\"]",
        &names("").replace("\"names\"", "\"renamed\"").replace("reason = \"test\"", "reason = \"other\""),
        &any_mail("other", "protected = \"because of another test\"").replace("decided for", "agreed for"),
    ]);
    assert_eq!(told(&before, &after), NONE);
    assert!(before.differences(&after).is_empty());
    assert_ne!(before.rules_digest(), after.rules_digest());
    assert_eq!(before.emergency_digest(), after.emergency_digest());
}

#[test]
fn a_rule_more_is_a_gain_and_a_rule_less_a_loss() {
    let one =
        &any_mail("one", "users = [\"mary\", \"k*\"]\nquota = { changes = 2, per = \"90m\", of = \"user\" }");
    let expected = "set Email and SecondaryEmail with connect:UpdateUserIdentityInfo, only for the users `k*` and `mary`, \
                    to any address at `example.com`, at most 2 changes in 90m for each user";
    assert_eq!(between(&[], &[one]), [format!("+ `IdentityDesk` may now {expected}")]);
    assert_eq!(between(&[one], &[]), [format!("- `IdentityDesk` may no longer {expected}")]);
    assert!(!policy(&[one]).differences(&policy(&[])).is_empty());
    let found = policy(&[]).differences(&policy(&[one]));
    assert!(!found.is_empty());
    let rule = found.gains()[0].rule.clone().unwrap();
    assert_eq!((&*rule.id, &*rule.place), ("one", "rules-1.toml:3"));
    assert_eq!(found.gains()[0].who, "`arn:aws:iam::111122223333:role/IdentityDesk`");
    assert_eq!(found.gains()[0].where_, format!("on the instance `{INSTANCE}`"));
}

#[test]
fn only_the_field_that_is_new_is_a_gain() {
    let before = allow("r", "fields = [\"FirstName\"]");
    let after = allow("r", "fields = [\"FirstName\", \"LastName\"]\nremove = [\"Mobile\"]");
    assert_eq!(
        between(&[&before], &[&after]),
        ["+ `IdentityDesk` may now set LastName and remove Mobile with connect:UpdateUserIdentityInfo"]
    );
    assert_eq!(
        between(&[&after], &[&before]),
        ["- `IdentityDesk` may no longer set LastName and remove Mobile with connect:UpdateUserIdentityInfo"]
    );
}

#[test]
fn only_the_caller_place_and_operation_that_are_new_are_gains() {
    let before = &allow_of("r", "DeleteUser", "");
    let callers = before
        .replace("role/IdentityDesk\"", "role/IdentityDesk\", \"arn:aws:iam::111122223333:role/Other\"");
    assert_eq!(between(&[before], &[&callers]), ["+ `Other` may now call connect:DeleteUser"]);
    let places = before.replace("instances = [", "instances = [\"12345678-1111-2222-aaaa-999999999999\", ");
    assert_eq!(
        between(&[before], &[&places]),
        [
            "+ `IdentityDesk` may now call connect:DeleteUser on the instance `12345678-1111-2222-aaaa-999999999999`"
        ]
    );
    let more = before.replace("DeleteUser\"", "DeleteUser\", \"connect:DeleteRule\"");
    assert_eq!(between(&[before], &[&more]), ["+ `IdentityDesk` may now call connect:DeleteRule"]);
}

#[test]
fn a_narrower_condition_is_a_loss_and_a_wider_one_a_gain() {
    for (wide, narrow) in [
        ("", "users = [\"mary\"]"),
        ("users = [\"m*\"]", "users = [\"mary\", \"ma*y\"]"),
        ("", "user_ids = [\"12345678-1111-2222-aaaa-111111111111\"]"),
        ("", "unique_ids = [\"AROAEXAMPLEEXAMPLE\"]"),
        ("", "expires = 2027-06-30"),
        ("expires = 2027-07-01", "expires = 2027-06-30"),
        ("", "hours = { days = [\"mon\"], from = \"07:00\", to = \"19:00\", zone = \"UTC\" }"),
        (
            "hours = { days = [\"mon\", \"tue\"], from = \"07:00\", to = \"19:00\", zone = \"UTC\" }",
            "hours = { days = [\"mon\"], from = \"08:00\", to = \"19:00\", zone = \"UTC\" }",
        ),
        ("", "quota = { changes = 1, per = \"1h\", of = \"user\" }"),
        (
            "quota = { changes = 2, per = \"1h\", of = \"user\" }\nrestore = true",
            "quota = { changes = 1, per = \"2h\", of = \"user\" }",
        ),
        ("protected = \"decided for this test\"", ""),
    ] {
        let (wide, narrow) = (names(wide), names(narrow));
        let gains = between(&[&narrow], &[&wide]);
        let losses = between(&[&wide], &[&narrow]);
        assert!(gains.len() == 1 && gains[0].starts_with('+'), "{wide} {narrow}: {gains:?}");
        assert!(losses.len() == 1 && losses[0].starts_with('-'), "{wide} {narrow}: {losses:?}");
    }
}

#[test]
fn a_quota_covers_one_rule_and_no_second_one() {
    let quota = "quota = { changes = 5, per = \"1h\", of = \"user\" }";
    let named = |id: &str, lines: &str| names(lines).replace("\"names\"", &format!("\"{id}\""));
    let one = [names(quota)];
    // The same text twice, and as parts of it.
    for parts in [["", ""], ["users = [\"m*\"]\n", "users = [\"k*\"]\n"]] {
        let [a, b] =
            [("a", parts[0]), ("b", parts[1])].map(|(id, part)| named(id, &format!("{part}{quota}")));
        let gains = policy(&[&one[0]]).differences(&policy(&[&a, &b])).gains().len();
        assert_eq!(gains, 1, "{parts:?}");
        assert!(policy(&[&a, &b]).differences(&policy(&[&a, &b])).is_empty());
    }
    // One part alone is no gain, and without a quota before neither are two.
    let part = named("a", &format!("users = [\"m*\"]\n{quota}"));
    let gains = |before: &str, after: &[&str]| policy(&[before]).differences(&policy(after)).gains().len();
    assert_eq!(gains(&one[0], &[&part]), 0);
    assert_eq!(gains(&names(""), &[&part, &named("b", quota)]), 0);
}

#[test]
fn members_that_a_rule_names_besides_are_gains() {
    let rule = |lines: &str| {
        allow_of(
            "new",
            "CreateUser",
            &format!("fields = [\"FirstName\"]\nusernames = [\"m*\"]\ngrants = [\"p\"]\n{lines}"),
        )
    };
    let (plain, tags) = (policy(&[&rule("")]), policy(&[&rule("members = [\"Tags\"]")]));
    assert_eq!(plain.differences(&tags).gains().len(), 1);
    assert!(tags.differences(&plain).gains().is_empty());
}

#[test]
fn what_cannot_be_compared_is_both() {
    for (one, other) in [
        ("users = [\"mary\"]", "users = [\"kim\"]"),
        ("users = [\"mary\"]", "user_ids = [\"12345678-1111-2222-aaaa-111111111111\"]"),
        (
            "quota = { changes = 1, per = \"1h\", of = \"user\" }",
            "quota = { changes = 9, per = \"24h\", of = \"user\" }",
        ),
        (
            "quota = { changes = 1, per = \"1h\", of = \"user\" }",
            "quota = { changes = 1, per = \"1h\", of = \"caller\" }",
        ),
        (
            "hours = { days = [\"mon\"], from = \"07:00\", to = \"19:00\", zone = \"UTC\" }",
            "hours = { days = [\"mon\"], from = \"07:00\", to = \"19:00\", zone = \"Europe/Berlin\" }",
        ),
    ] {
        let both = between(&[&names(one)], &[&names(other)]);
        assert!(both.len() == 2 && both[0].starts_with('+') && both[1].starts_with('-'), "{both:?}");
    }
}

#[test]
fn to_another_address_is_a_gain() {
    let of = |binding: &str| allow("r", &format!("fields = [\"Email\", \"FirstName\"]\n{binding}"));
    let from = &of("email_from = \"{username}@example.com\"");
    let any = &of("email_any_in = { domains = [\"example.com\"], because = \"for this test\" }");
    let plus = &of("email_from = \"{username}@example.com\"\nplus = \"decided for this test\"");
    assert_eq!(
        between(&[from], &[any]),
        [
            "+ `IdentityDesk` may now set Email with connect:UpdateUserIdentityInfo, to any address at `example.com`, \
             allowed on other terms before"
        ]
    );
    assert_eq!(
        between(&[any], &[from]),
        [
            "- `IdentityDesk` may no longer set Email with connect:UpdateUserIdentityInfo, to any address at `example.com`, \
             still allowed on other terms"
        ]
    );
    assert_eq!(
        between(&[from], &[plus]),
        ["+ `IdentityDesk` may now set Email with connect:UpdateUserIdentityInfo, \
             only to the address `{username}@example.com`, addresses with a `+` too, allowed on other terms before"]
    );
}

#[test]
fn wildcards_are_the_operations_they_reach() {
    let of = |action: &str| allow_of("r", action, "");
    let more = between(&[&of("List*")], &[&of("*")]);
    assert_eq!(more.len(), 1, "{more:?}");
    assert!(
        more[0].contains("connect:DescribeUser, ") && !more[0].contains("connect:ListQueues"),
        "{more:?}"
    );
    assert_eq!(between(&[&of("*")], &[&of("ListQueues")]).len(), 1);
    assert_eq!(between(&[&of("*"), &of("ListQueues").replace("\"r\"", "\"s\"")], &[&of("*")]), NONE);
    let new = between(&[], &[&of("Tag*")]);
    assert!(new[0].contains("may now call connect:Tag* ("), "{new:?}");
    let tag = between(&[], &[&of("TagResource")]);
    assert_eq!(
        tag,
        ["+ `IdentityDesk` may now call connect:TagResource and connect:TagResource \
             (of what is neither user nor security profile)"]
    );
    let sensitive = between(&[&of("Tag*")], &[&of("TagResource")]);
    assert_eq!(sensitive[0], "+ `IdentityDesk` may now call connect:TagResource", "{sensitive:?}");
}

#[test]
fn several_rules_cover_together() {
    let first = allow("a", "fields = [\"FirstName\"]");
    let last = allow("b", "fields = [\"LastName\"]");
    let both = allow("c", "fields = [\"FirstName\", \"LastName\"]");
    assert_eq!(between(&[&first, &last], &[&both]), NONE);
    assert_eq!(between(&[&both], &[&first, &last]), NONE);
}

#[test]
fn what_is_given_is_compared_where_it_is_given() {
    let profiles = |grants: &str| {
        allow_of("r", "UpdateUserSecurityProfiles", &format!("grants = [{grants}]"))
            .replace("Profiles\"]", "Profiles\", \"connect:DeleteUser\"]")
    };
    let (one, two) = (profiles("\"p1\""), profiles("\"p1\", \"p2\""));
    assert_eq!(
        between(&[&one], &[&two]),
        ["+ `IdentityDesk` may now give security profiles with connect:UpdateUserSecurityProfiles, \
             giving the security profiles `p1` and `p2` and no other, allowed on other terms before"]
    );
    let create = |lines: &str| {
        let more = format!("usernames = [\"a*\"]\ngrants = []\nfields = [\"FirstName\"]\n{lines}");
        allow_of("r", "CreateUser", &more.replace("grants = []\n", "grants = [\"p1\"]\n"))
    };
    assert_eq!(
        between(&[&create("")], &[&create("password = \"allow\"")]),
        [
            "+ `IdentityDesk` may now create users with connect:CreateUser, with the Usernames `a*`, with a password too, \
             giving the security profiles `p1` and no other, allowed on other terms before"
        ]
    );
}

#[test]
fn a_deny_less_or_narrower_is_a_gain_and_one_more_a_loss() {
    let deny = |lines: &str| format!("[[deny]]\nid = \"d\"\nreason = \"test\"\n{lines}");
    let wide = &deny("fields = [\"Email\", \"SecondaryEmail\"]");
    let narrow = &deny("fields = [\"Email\"]");
    assert_eq!(
        between(&[wide], &[narrow]),
        ["+ everybody is no longer denied every change of SecondaryEmail on every instance"]
    );
    assert_eq!(
        between(&[], &[narrow]),
        ["- everybody is now denied every change of Email on every instance"]
    );
    for more in ["users = [\"mary\"]", "domains = [\"example.org\"]", "expires = 2027-06-30"] {
        let told = between(&[narrow], &[&deny(&format!("fields = [\"Email\"]\n{more}"))]);
        assert!(told.len() == 1 && told[0].starts_with("+ everybody is no longer denied"), "{told:?}");
    }
    assert_eq!(between(&[&deny("")], &[&deny(""), &narrow.replace("\"d\"", "\"e\"")]), NONE);
    let urgent = PolicyFiles { deny: vec![Ok(Source::new("d.toml", wide.clone()))], ..files(&[]) };
    assert_eq!(told(&policy(&[wide]), &compile(&urgent)), NONE, "deny.d or beside the rules is the same");
}

#[test]
fn lists_that_protect_are_gains_when_they_shrink() {
    let full = "[protected]\npermissions = [\"Users.Edit\"]\nusers = [\"root*\"]\n\
                user_ids = [\"12345678-1111-2222-aaaa-111111111111\"]\n\
                [shared]\nmailboxes = [\"support@example.com\"]\n\
                [internationalised]\ndomains = [\"xn--bcher-kva.example\"]";
    assert_eq!(
        between(&[full], &[]),
        [
            "+ whoever has a rule for it may now change users who have the permission `Users.Edit`, and may now give it",
            "+ whoever has a rule for it may now change the users `root*`",
            "+ whoever has a rule for it may now change the user with the id `12345678-1111-2222-aaaa-111111111111`",
            "+ whoever has a rule for it may now set the shared mailbox `support@example.com`",
            "- whoever has a rule for it may no longer set addresses of the domain `xn--bcher-kva.example`",
        ]
    );
    assert_eq!(between(&[], &[full]).iter().filter(|line| line.starts_with('-')).count(), 4);
    assert_eq!(
        between(&["[protected]\nusers = [\"root1\"]"], &["[protected]\nusers = [\"root*\"]"]),
        ["- whoever has a rule for it may no longer change the users `root*`"]
    );
}

#[test]
fn revocations_are_losses_and_gains_when_they_end() {
    let with = |text: &str| {
        let text = text.replace("[[revoked]]", "[[revoked]]\nreason = \"test\"");
        compile(&PolicyFiles { revoked: Some(Ok(Source::new("revoked.toml", text))), ..files(&[]) })
    };
    let (none, key) = (with("version = 1"), with("[[revoked]]\nkey_id = \"GKEXAMPLEEXAMPLE2345\""));
    assert_eq!(told(&none, &key), ["- the key `GKEXAMPLEEXAMPLE2345` is now revoked"]);
    assert_eq!(told(&key, &none), ["+ the key `GKEXAMPLEEXAMPLE2345` is no longer revoked"]);
    let session = with("[[revoked]]\nsession = \"GKEXAMPLEEXAMPLE2345\"");
    assert_eq!(told(&key, &session), ["- the session `GKEXAMPLEEXAMPLE2345` is now revoked"]);
    let (early, late) = (
        with("[[revoked]]\nissued_before = 2027-01-01T00:00:00Z"),
        with("[[revoked]]\nissued_before = 2027-02-01T00:00:00Z"),
    );
    assert_eq!(told(&early, &late), ["- every proof issued before 2027-02-01T00:00:00Z is now revoked"]);
    assert_eq!(
        told(&late, &early),
        ["+ every proof issued before 2027-02-01T00:00:00Z is no longer revoked"]
    );
    assert_eq!(told(&none, &none.frozen("too old")).len(), 1);
    assert_eq!(told(&none.frozen("too old"), &none).len(), 1);
}

#[test]
fn a_directory_file_that_changes_is_told_once_and_names_nobody() {
    let with = |csv: &str| {
        let rules = [
            allow("a", "fields = [\"Email\"]\nemail_directory = \"hr\""),
            allow("b", "fields = [\"SecondaryEmail\"]\nemail_directory = \"hr\""),
            "[directories.hr]\nfile = \"hr.csv\"\nmax_age = \"24h\"".to_owned(),
        ];
        let source = Source::new("hr.csv", format!("username,address\n{csv}"));
        let directories = vec![DirectoryFile { source, modified: at(NOON) }];
        compile(&PolicyFiles { directories, ..files(&rules.each_ref().map(String::as_str)) })
    };
    let before = with("mary,mary@example.com\nkim,kim@example.com\n");
    let after = with("mary,mary@example.com\nkim,kim2@example.com\njohn,john@example.com\n");
    assert_eq!(
        told(&before, &after),
        [
            "+ whoever has a rule for the directory `hr` may now set other addresses: those of 2 users",
            "- whoever has a rule for the directory `hr` may no longer set former addresses: those of 1 user",
        ]
    );
}

#[test]
fn a_list_can_be_cut_with_a_count() {
    let rules: Vec<String> = (0..5)
        .map(|n| names("").replace("names", &format!("n{n}")).replace("IdentityDesk", &format!("R{n}")))
        .collect();
    let found = policy(&[]).differences(&policy(&[&rules.concat()]));
    let (shown, more) = Differences::first(found.gains(), 2);
    assert_eq!((shown.len(), more), (2, 3));
    assert_eq!(Differences::first(found.gains(), 9).1, 0);
}

#[test]
fn ten_thousand_rules_that_all_change() {
    let rules = |lines: &dyn Fn(usize) -> String| {
        let mut text = String::new();
        for n in 0..10_000 {
            let _ = write!(text, "{}", names(&lines(n)).replace("\"names\"", &format!("\"n{n}\"")));
        }
        policy(&[&text])
    };
    let before = rules(&|n| format!("users = [\"u{n}\"]\nexpires = 2027-06-30"));
    let same = before.clone();
    let longer = rules(&|n| format!("users = [\"u{n}\"]\nexpires = 2027-07-30"));
    let hard = rules(&|n| format!("users = [\"u{n}*\"]\nexpires = 2027-07-30"));
    let started = std::time::Instant::now();
    assert!(before.differences(&same).is_empty());
    let found = before.differences(&longer);
    assert_eq!((found.gains().len(), found.losses().len()), (10_000, 0));
    let found = before.differences(&hard);
    assert_eq!(found.gains().len(), 10_000);
    assert!(started.elapsed() < std::time::Duration::from_secs(30), "{:?}", started.elapsed());
}
