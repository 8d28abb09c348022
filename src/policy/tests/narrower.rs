//! Which terms are narrower than which: a narrower one is a loss and no gain, and one that cannot be compared is both.

use super::{
    differences::{between, told},
    *,
};

/// What of a change is told: how many gains and how many losses.
fn counted(before: &str, after: &str) -> (usize, usize) {
    let told = between(&[before], &[after]);
    let gains = told.iter().filter(|line| line.starts_with('+')).count();
    (gains, told.len() - gains)
}

fn is_narrower(wide: &str, narrow: &str) {
    assert_eq!(counted(wide, narrow), (0, 1), "less is a loss: {wide} {narrow}");
    assert_eq!(counted(narrow, wide), (1, 0), "more is a gain: {narrow} {wide}");
}

fn are_apart(one: &str, other: &str) {
    assert_eq!(counted(one, other), (1, 1), "{one} {other}");
    assert_eq!(counted(other, one), (1, 1), "{other} {one}");
}

fn names(lines: &str) -> String {
    allow("r", &format!("fields = [\"FirstName\"]\n{lines}"))
}

fn hours(days: &str, from: &str, to: &str) -> String {
    names(&format!("hours = {{ days = [{days}], from = \"{from}\", to = \"{to}\", zone = \"UTC\" }}"))
}

#[test]
fn callers_and_places() {
    let by = |role: &str| names("").replace("role/IdentityDesk", &format!("role/{role}"));
    is_narrower(&by("Desk*"), &by("Desk1"));
    is_narrower(&by("Desk*"), &by("Desk1*"));
    are_apart(&by("Desk*"), &by("Kim"));
    are_apart(&by("Desk1*"), &by("Desk2*"));
    are_apart(&by("Desk*"), &by("Desk*").replace("111122223333", "444455556666"));
    is_narrower(
        &names(""),
        &names("").replace(INSTANCE, &format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}")),
    );
}

#[test]
fn who_asks() {
    let ids = |ids: &str| names(&format!("unique_ids = [{ids}]"));
    let (one, two) = ("\"AROAEXAMPLEONE\"", "\"AROAEXAMPLETWO\"");
    is_narrower(&names(""), &ids(one));
    is_narrower(&ids(&format!("{one}, {two}")), &ids(two));
    are_apart(&ids(one), &ids(two));
    let set = |set: &str| names(set).replace("role/IdentityDesk", "role/AWSReservedSSO_*");
    is_narrower(&set(""), &set("permission_set = \"Desk\""));
    are_apart(&set("permission_set = \"Desk\""), &set("permission_set = \"Lead\""));
    let own = |claim: &str| {
        let line = format!("self = {{ claim = \"{claim}\", equals = \"username\" }}");
        let rule = names(&if claim.is_empty() { String::new() } else { line });
        rule.replace("FirstName", "Mobile")
    };
    is_narrower(&own(""), &own("email"));
    are_apart(&own("email"), &own("preferred_username"));
}

#[test]
fn hours_by_day_and_by_clock() {
    let day = hours("\"fri\"", "07:00", "19:00");
    is_narrower(&hours("\"fri\", \"sat\"", "07:00", "19:00"), &day);
    is_narrower(&hours("\"fri\"", "06:59", "19:00"), &day);
    is_narrower(&hours("\"fri\"", "07:00", "19:01"), &day);
    is_narrower(&hours("\"fri\", \"sat\"", "22:00", "06:00"), &hours("\"fri\"", "22:00", "06:00"));
    are_apart(&hours("\"sat\"", "07:00", "19:00"), &day);
    are_apart(&hours("\"fri\"", "08:00", "20:00"), &day);
    // Past midnight is not within a day, whatever the clock says.
    are_apart(&hours("\"fri\"", "05:00", "23:00"), &hours("\"fri\"", "22:00", "06:00"));
    are_apart(&hours("\"fri\"", "22:00", "06:00"), &hours("\"fri\"", "23:00", "05:00"));
}

#[test]
fn quotas() {
    let quota = |changes: u32, per: &str, more: &str| {
        names(&format!("quota = {{ changes = {changes}, per = \"{per}\", of = \"user\" }}\n{more}"))
    };
    is_narrower(&quota(2, "1h", ""), &quota(1, "1h", ""));
    is_narrower(&quota(1, "1h", ""), &quota(1, "2h", ""));
    is_narrower(&quota(1, "1h", "restore = true"), &quota(1, "1h", ""));
    are_apart(&quota(1, "1h", "restore = true"), &quota(2, "1h", ""));
    are_apart(&quota(2, "2h", ""), &quota(1, "1h", ""));
}

#[test]
fn what_is_given() {
    let create = |lines: &str| {
        let base = "fields = [\"FirstName\"]\nusernames = [\"m*\", \"kim\"]\ngrants = [\"p\", \"q\"]\n";
        allow_of("r", "CreateUser", &format!("{base}{lines}"))
    };
    is_narrower(&create("password = \"allow\""), &create(""));
    is_narrower(&create("members = [\"Tags\"]"), &create(""));
    is_narrower(&create(""), &create("").replace("\"m*\", ", ""));
    is_narrower(&create(""), &create("").replace(", \"q\"", ""));
    are_apart(&create("password = \"allow\"").replace(", \"q\"", ""), &create(""));
    are_apart(&create("members = [\"Tags\"]").replace(", \"q\"", ""), &create(""));
    are_apart(&create("password = \"allow\"").replace("\"m*\", ", ""), &create(""));

    let give = |grants: &str| allow_of("r", "UpdateUserSecurityProfiles", &format!("grants = [{grants}]"));
    is_narrower(&give("\"p\", \"q\""), &give("\"q\""));
    are_apart(&give("\"p\""), &give("\"q\""));

    let permit = |lines: &str| {
        let base = "permissions = [\"Users.View\", \"Queues.View\"]";
        allow_of("r", "CreateSecurityProfile", &format!("{base}\n{lines}"))
    };
    is_narrower(&permit(""), &permit("").replace("\"Users.View\", ", ""));
    is_narrower(&permit("members = [\"Tags\"]"), &permit(""));
    are_apart(&permit("members = [\"Tags\"]").replace("\"Users.View\", ", ""), &permit(""));
}

#[test]
fn addresses() {
    let mail = |binding: &str| allow("r", &format!("fields = [\"Email\"]\n{binding}"));
    let any = |domains: &str| {
        mail(&format!("email_any_in = {{ domains = [{domains}], because = \"decided for this test\" }}"))
    };
    let (com, org) = ("\"example.com\"", "\"example.org\"");
    let from = mail("email_from = \"{username}@example.com\"");
    is_narrower(&any(&format!("{com}, {org}")), &any(com));
    is_narrower(&any(com), &from);
    are_apart(&any(org), &any(com));
    are_apart(&any(org), &from);
    are_apart(&mail("email_from = \"{username}\""), &from);
    are_apart(&mail("email_from = \"{username}\""), &any(com));
    is_narrower(
        &mail("email_from = \"{username}\"\nplus = \"decided for this test\""),
        &mail("email_from = \"{username}\""),
    );
}

#[test]
fn directories_by_their_age_and_by_what_they_list() {
    let of = |name: &str, max_age: &str, csv: &str| {
        let rule = allow("r", &format!("fields = [\"Email\"]\nemail_directory = \"{name}\""));
        let section = format!("[directories.{name}]\nfile = \"{name}.csv\"\nmax_age = \"{max_age}\"");
        let source = Source::new(format!("{name}.csv"), format!("username,address\n{csv}"));
        let directories = vec![DirectoryFile { source, modified: at(NOON) }];
        compile(&PolicyFiles { directories, ..files(&[&rule, &section]) })
    };
    let (mary, kim) = ("mary,mary@example.com\n", "kim,kim@example.com\n");
    let both = &format!("{mary}{kim}");
    let before = of("hr", "24h", both);
    for (after, gains, losses) in [
        (of("hr", "24h", both), 0, 0),
        (of("hr", "25h", both), 1, 0),
        (of("hr", "23h", both), 0, 1),
        (of("staff", "24h", both), 0, 0),
        (of("staff", "24h", mary), 0, 1),
        (of("staff", "25h", both), 1, 0),
        (of("staff", "24h", &both.replace("kim@", "lee@")), 1, 1),
        (of("staff", "25h", mary), 1, 1),
    ] {
        let told = told(&before, &after);
        let found = told.iter().filter(|line| line.starts_with('+')).count();
        assert_eq!((found, told.len() - found), (gains, losses), "{told:?}");
    }
}

#[test]
fn denies() {
    let deny = |lines: &str| format!("[[deny]]\nid = \"d\"\nreason = \"test\"\n{lines}\n");
    let denies_more = |wide: &str, narrow: &str| {
        let (wide, narrow) = (deny(wide), deny(narrow));
        assert_eq!(counted(&wide, &narrow), (1, 0), "less denied is a gain: {wide} {narrow}");
        assert_eq!(counted(&narrow, &wide), (0, 1), "more denied is a loss: {narrow} {wide}");
    };
    for narrow in [
        "callers = [\"arn:aws:iam::111122223333:role/Kim\"]",
        "actions = [\"connect:DeleteUser\"]",
        "instances = [\"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111\"]",
        "users = [\"mary\"]",
        "user_ids = [\"12345678-1111-2222-aaaa-111111111111\"]",
        "domains = [\"example.org\"]",
        "fields = [\"Email\"]",
        "unique_ids = [\"AROAEXAMPLEONE\"]",
    ] {
        denies_more("", narrow);
    }
    denies_more("domains = [\"example.org\", \"example.com\"]", "domains = [\"example.com\"]");
    denies_more("users = [\"m*\", \"kim\"]", "users = [\"mary\", \"kim\"]");
}
