//! Quotas are claimed here and counted in the ledger.

use jiff::SignedDuration;

use super::{super::QuotaOf, *};

const QUOTA: &str = "quota = { changes = 2, per = \"1h\", of = \"user\" }";

fn former() -> Case {
    let mut case = email("mary@example.com");
    case.known.former = vec![crate::operation::Address::read("mary@example.com").unwrap()];
    case
}

#[test]
fn a_rule_with_a_quota_claims_it_once() {
    let policy = policy(&[&any_mail("desk", QUOTA)]);
    let both = update(&[(Field::Email, "a@example.com"), (Field::SecondaryEmail, "b@example.com")]);
    let grant = allowed(&policy, &both);
    let [claim] = grant.quotas.as_slice() else { panic!("{} claims", grant.quotas.len()) };
    assert_eq!((&*claim.rule.id, claim.of, claim.changes), ("desk", QuotaOf::User, 2));
    assert_eq!(claim.per, SignedDuration::from_hours(1));
}

#[test]
fn a_rule_without_a_quota_goes_first() {
    let policy = policy(&[&any_mail("a-limited", QUOTA), &any_mail("b-unlimited", "")]);
    let grant = allowed(&policy, &email("a@example.com"));
    assert_eq!((rules(&grant), grant.quotas.len()), (vec!["b-unlimited"], 0));
}

#[test]
fn the_way_back_is_exempt_where_a_rule_says_so() {
    let counted = policy(&[&any_mail("desk", QUOTA)]);
    assert_eq!(allowed(&counted, &former()).quotas.len(), 1);
    let exempt = policy(&[&any_mail("desk", &format!("{QUOTA}\nrestore = true"))]);
    assert_eq!(allowed(&exempt, &former()).quotas.len(), 0);
    assert_eq!(allowed(&exempt, &email("other@example.com")).quotas.len(), 1);
    let two = policy(&[&any_mail("a", QUOTA), &any_mail("b", &format!("{QUOTA}\nrestore = true"))]);
    assert_eq!(rules(&allowed(&two, &former())), ["b"]);
}

#[test]
fn the_way_back_is_bound_like_any_other() {
    let policy = policy(&[&allow(
        "desk",
        "fields = [\"Email\"]\nemail_from = \"{username}@example.com\"\nrestore = true",
    )]);
    let mut case = email("attacker@example.com");
    case.known.former = vec![crate::operation::Address::read("attacker@example.com").unwrap()];
    assert_eq!(code(&policy, &case), Some(Code::NoRule), "an attacker's address is a former one too");
}

#[test]
fn a_quota_is_counted_of_what_it_says_over_as_long_as_it_says() {
    for (of, counted) in
        [("user", QuotaOf::User), ("caller", QuotaOf::Caller), ("instance", QuotaOf::Instance)]
    {
        for (per, minutes) in [("1m", 1), ("90m", 90), ("24h", 1440), ("7d", 10_080), ("366d", 527_040)] {
            let quota = format!("quota = {{ changes = 3, per = \"{per}\", of = \"{of}\" }}");
            let grant = allowed(&policy(&[&any_mail("desk", &quota)]), &email("a@example.com"));
            let [claim] = grant.quotas.as_slice() else { panic!("{} claims", grant.quotas.len()) };
            assert_eq!((claim.of, claim.changes), (counted, 3), "{quota}");
            assert_eq!(claim.per, SignedDuration::from_mins(minutes), "{quota}");
        }
    }
    for per in ["0m", "367d", "8785h", "1", "m", "1w", "-1h", "+1h", "1 h", "99999999999999999999d"] {
        let quota = format!("quota = {{ changes = 3, per = \"{per}\", of = \"user\" }}");
        assert!(faults(&[&any_mail("desk", &quota)]).contains("`per` is no length of time"), "{per}");
    }
}

#[test]
fn a_quota_of_a_user_bounds_nobody_who_is_created() {
    let rule = |actions: &str, of: &str| {
        let quota = format!("quota = {{ changes = 1, per = \"1h\", of = \"{of}\" }}");
        allow_of(
            "new",
            actions,
            &format!("fields = [\"LastName\"]\nusernames = [\"*\"]\ngrants = [\"p\"]\n{quota}"),
        )
    };
    let found = faults(&[&rule("CreateUser", "user")]);
    assert!(
        found.contains("warning[unbounded-creation]: this quota bounds no CreateUser")
            && found.lines().count() == 1,
        "{found}"
    );
    for of in ["caller", "instance"] {
        assert_eq!(faults(&[&rule("CreateUser", of)]), "", "{of}");
    }
}
