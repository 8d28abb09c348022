//! An overview says all that a policy says, in the order in which it is written.

use super::{
    super::{Overview, Written},
    *,
};
use crate::secret::Digest;

const MONITOR: &str = r#"
[[monitor]]
id = "learn"
reason = "we are learning"
callers = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions = ["connect:ListQueues"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
until = 2027-03-20
"#;
const DENIES: &str = r#"
[[deny]]
id = "z-narrow"
reason = "decided so"
callers = ["arn:aws:iam::111122223333:role/Desk*", "arn:aws:iam::111122223333:role/Kim"]
actions = ["connect:UpdateUserIdentityInfo", "connect:Create*"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
users = ["m*"]
fields = ["Email"]
domains = ["example.org"]
unique_ids = ["AROADBQP57FF2AEXAMPLE"]
expires = 2027-06-30

[[deny]]
id = "a-wide"
reason = "test"
expires = 2027-03-11
"#;
const LISTS: &str = r#"
epoch = 7
[protected]
permissions = ["Users.Edit"]
users = ["root*", "boss"]
user_ids = ["12345678-1111-2222-aaaa-111111111111"]
[shared]
mailboxes = ["support@example.com"]
[internationalised]
domains = ["xn--bcher-kva.example"]
[directories.hr]
file = "hr.csv"
max_age = "24h"
"#;
const REVOKED: &str = r#"version = 1
[[revoked]]
reason = "left"
principal = "arn:aws:iam::111122223333:role/Old"
[[revoked]]
reason = "made anew"
unique_id = "AROADBQP57FF2AEXAMPLE"
[[revoked]]
reason = "lost"
key_id = "GKEXAMPLEEXAMPLE2345"
[[revoked]]
reason = "stolen"
session = "kim"
[[revoked]]
reason = "all anew"
issued_before = 2027-01-01T00:00:00Z
"#;
const URGENT: &str = "[[deny]]\nid = \"urgent\"\nreason = \"INC-12\"\nusers = [\"kim\"]\n";
const CSV: &str = "username,address\nmary,mary@example.com\n";

fn everything() -> PolicyFiles {
    let dangerous = any_mail(
        "zeta",
        "plus = \"plus for this test\"\nprotected = \"protected for this test\"\nexpires = 2027-03-11",
    );
    let plain = allow("alpha", "fields = [\"FirstName\"]\nexpires = 2027-06-30");
    let listed = allow("beta", "fields = [\"Email\"]\nemail_directory = \"hr\"");
    let source = Source::new("hr.csv", CSV);
    PolicyFiles {
        directories: vec![DirectoryFile { source, modified: at(NOON) }],
        deny: vec![Ok(Source::new("deny.d/1.toml", URGENT)), Err("permission denied".to_owned())],
        revoked: Some(Ok(Source::new("revoked.toml", REVOKED))),
        ..files(&[&format!("{MONITOR}{dangerous}{plain}"), &listed, DENIES, LISTS])
    }
}

/// At the second at which the rules that end on the eleventh have ended.
fn overview() -> Overview {
    let files = everything();
    let (policy, _) = Policy::compile(&files, at(NOON)).unwrap();
    policy.overview(&files, at("2027-03-12T00:00:00Z"))
}

/// The id, the place and the last day, and whether that is over.
fn outline(written: &Written) -> (String, Option<&str>, bool) {
    (format!("{} {}", written.rule.id, written.rule.place), written.until.as_deref(), written.ended)
}

#[test]
fn rules_are_told_by_file_and_line_with_what_was_signed_for() {
    let overview = overview();
    let told: Vec<_> = overview.allows.iter().map(outline).collect();
    assert_eq!(
        told,
        [
            ("learn rules-1.toml:3".to_owned(), Some("2027-03-20"), false),
            ("zeta rules-1.toml:11".to_owned(), Some("2027-03-11"), true),
            ("alpha rules-1.toml:23".to_owned(), Some("2027-06-30"), false),
            ("beta rules-2.toml:3".to_owned(), None, false),
        ]
    );
    let reasons: Vec<_> = overview.allows.iter().map(|written| written.reason.as_str()).collect();
    assert_eq!(reasons, ["we are learning", "test", "test", "test"]);
    let sentences = [
        ("any mailbox of a domain", "decided for this test"),
        ("addresses with a +", "plus for this test"),
        ("protected users", "protected for this test"),
    ];
    assert_eq!(overview.allows[1].sentences, sentences.map(|(what, text)| (what, text.to_owned())));
    assert!(overview.allows[2].sentences.is_empty());
    assert_eq!(overview.capabilities.len(), 3, "of the rules in force");
}

#[test]
fn denies_are_told_with_all_that_narrows_them() {
    let overview = overview();
    let told: Vec<_> = overview.denies.iter().map(|denied| outline(&denied.written)).collect();
    assert_eq!(
        told,
        [
            ("urgent deny.d/1.toml:1".to_owned(), None, false),
            ("z-narrow rules-3.toml:3".to_owned(), Some("2027-06-30"), false),
            ("a-wide rules-3.toml:15".to_owned(), Some("2027-03-11"), true),
        ]
    );
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let narrow = &overview.denies[1];
    assert_eq!(narrow.written.reason, "decided so");
    assert_eq!(
        narrow.callers,
        texts(&["arn:aws:iam::111122223333:role/Desk*", "arn:aws:iam::111122223333:role/Kim"])
    );
    assert_eq!(narrow.actions, texts(&["connect:Create*", "connect:UpdateUserIdentityInfo"]));
    assert_eq!(narrow.instances, texts(&[INSTANCE]));
    assert_eq!(narrow.users, ["only for the users `m*`"]);
    assert_eq!(narrow.fields, [Field::Email]);
    assert_eq!(narrow.domains, texts(&["example.org"]));
    assert_eq!(narrow.conditions, ["only with the unique id `AROADBQP57FF2AEXAMPLE`"]);
    assert!(overview.denies[2].callers.is_empty() && overview.denies[2].conditions.is_empty());
}

#[test]
fn lists_are_told_with_who_is_shut_out_and_why() {
    let overview = overview();
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    assert_eq!(
        overview.protected,
        [texts(&["Users.Edit"]), texts(&["boss", "root*"]), texts(&["12345678-1111-2222-aaaa-111111111111"])]
    );
    assert_eq!(overview.shared, texts(&["support@example.com"]));
    assert_eq!(overview.internationalised, texts(&["xn--bcher-kva.example"]));
    assert_eq!(overview.epoch, Some(7));
    let revoked: Vec<_> =
        overview.revoked.iter().map(|(who, why, place)| format!("{who} | {why} | {place}")).collect();
    assert_eq!(
        revoked,
        [
            "the caller arn:aws:iam::111122223333:role/Old | left | revoked.toml:2",
            "whoever has the unique id AROADBQP57FF2AEXAMPLE | made anew | revoked.toml:5",
            "the key GKEXAMPLEEXAMPLE2345 | lost | revoked.toml:8",
            "the session kim | stolen | revoked.toml:11",
            "every proof issued before 2027-01-01T00:00:00Z | all anew | revoked.toml:14",
        ]
    );
}

#[test]
fn every_file_that_could_be_read_is_told_with_its_digest() {
    let files = everything();
    let of = |name: &str, text: &str, modified| (name.to_owned(), Digest::of(text.as_bytes()), modified);
    let rules = files.rules.iter().map(|source| of(&source.name, &source.text, None));
    let mut expected: Vec<_> = rules.collect();
    assert_eq!(expected.len(), 4);
    expected.extend([
        of("hr.csv", CSV, Some(at(NOON))),
        of("deny.d/1.toml", URGENT, None),
        of("revoked.toml", REVOKED, None),
    ]);
    assert_eq!(overview().files, expected);
}
