//! Which rules end soon.

use jiff::SignedDuration;

use super::{super::Side, *};

#[test]
fn a_rule_ends_soon_that_holds_now_and_ends_within_the_time_to_the_second() {
    let urgent = "[[deny]]\nid = \"urgent\"\nreason = \"test\"\nexpires = 2027-03-12\n";
    let policy = compile(&PolicyFiles {
        deny: vec![Ok(Source::new("deny.d/1.toml", urgent))],
        ..files(&[
            &any_mail("z-first", "expires = 2027-03-12"),
            &any_mail("a-last", "expires = 2027-03-13"),
            &any_mail("later", "expires = 2027-03-14"),
            &any_mail("lasting", ""),
        ])
    });
    let found = |now: &str, hours: i64| -> Vec<String> {
        let found = policy.expiring(at(now), SignedDuration::from_hours(hours));
        found.iter().map(|one| format!("{} {:?}", one.rule.id, one.side)).collect()
    };
    let deny = format!("urgent {:?}", Side::Deny);
    let allow = |id: &str| format!("{id} {:?}", Side::Allow);
    assert_eq!(found("2027-03-12T00:00:00Z", 48), [deny.clone(), allow("z-first"), allow("a-last")]);
    assert_eq!(found("2027-03-12T00:00:01Z", 72), [deny, allow("z-first"), allow("a-last"), allow("later")]);
    assert_eq!(found("2027-03-13T00:00:00Z", 24), [allow("a-last")]);
    assert_eq!(found("2027-03-12T00:00:00Z", 23), Vec::<String>::new());
}

#[test]
fn rules_that_end_soon_are_named() {
    let policy = policy(&[
        &allow("names", "fields = [\"FirstName\"]\nexpires = 2027-03-20"),
        &any_mail("later", "expires = 2027-06-30"),
        &any_mail("past", "expires = 2027-03-01"),
        "[[deny]]\nid = \"d\"\nreason = \"test\"\nexpires = 2027-03-12",
    ]);
    let found = policy.expiring(at(NOON), SignedDuration::from_hours(24 * 14));
    let found: Vec<_> = found.iter().map(|one| (&*one.rule.id, one.side, one.at.to_string())).collect();
    assert_eq!(
        found,
        [
            ("d", Side::Deny, "2027-03-13T00:00:00Z".to_owned()),
            ("names", Side::Allow, "2027-03-21T00:00:00Z".to_owned()),
        ]
    );
}
