//! `[[monitor]]`: what no rule allows is let through for a while, and never a change.

use proptest::prelude::*;

use super::{
    super::{Miss, Probe, Side, who_can::Query},
    *,
};
use crate::operation::Class;

fn monitor(actions: &str, until: &str) -> String {
    format!(
        "[[monitor]]\nid = \"learn\"\nreason = \"test\"\ncallers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]\n\
         actions = [{actions}]\ninstances = [\"{INSTANCE}\"]\nuntil = {until}\n"
    )
}

fn list() -> Case {
    Case { user: None, ..case("ListQueues") }
}

#[test]
fn what_no_rule_allows_is_let_through_and_noted() {
    let policy = policy(&[&monitor("\"connect:*\", \"connect:CreateQueue\"", "2027-03-20")]);
    for asked in [list(), Case { user: None, ..case("CreateQueue") }] {
        let basis = allowed(&policy, &asked).basis;
        assert_eq!(basis.monitor.as_ref().map(|rule| &*rule.id), Some("learn"));
        assert_eq!(basis.grounds.len(), 1);
    }
    for asked in [
        Case { user: None, ..case("DeleteQueue") },
        Case { caller: role("Other"), ..list() },
        Case {
            instance: Some("11111111-2222-3333-4444-EXAMPLE22222".to_owned()),
            instance_arn: None,
            ..list()
        },
    ] {
        assert_eq!(code(&policy, &asked), Some(Code::NoRule), "{asked:?}");
    }
}

#[test]
fn what_a_rule_allows_is_allowed_by_the_rule() {
    let policy = policy(&[&monitor("\"connect:*\"", "2027-03-20"), &allow_of("read", "ListQueues", "")]);
    let grant = allowed(&policy, &list());
    assert_eq!((rules(&grant), &grant.basis.monitor), (vec!["read"], &None));
}

#[test]
fn denies_and_revocations_win() {
    let deny = "[[deny]]\nid = \"d\"\nreason = \"test\"\nactions = [\"connect:List*\"]\n";
    let policy = policy(&[&monitor("\"connect:*\"", "2027-03-20"), deny]);
    assert_eq!(code(&policy, &list()), Some(Code::DeniedBy));
    let revoked = PolicyFiles {
        revoked: Some(Ok(Source::new("revoked.toml", "[[revoked]]\nreason = \"x\"\nsession = \"kim\"\n"))),
        ..files(&[&monitor("\"connect:*\"", "2027-03-20")])
    };
    assert_eq!(code(&compile(&revoked), &list()), Some(Code::Revoked));
}

#[test]
fn after_its_last_day_it_is_refused() {
    let policy = policy(&[&monitor("\"connect:*\"", "2027-03-20")]);
    let on = |time: &str| Case { at: at(time), ..list() };
    assert_eq!(code(&policy, &on("2027-03-20T23:59:59Z")), None);
    assert_eq!(code(&policy, &on("2027-03-21T00:00:00Z")), Some(Code::NoRule));
    let said = |case: Case| policy.explain(&Probe::for_tests(case)).unwrap().rules[0].clone();
    assert_eq!(said(list()).side, Side::Monitor);
    assert_eq!(said(list()).said[0].1, crate::policy::Said::Yes);
    assert_eq!(said(on("2027-03-21T00:00:00Z")).said[0].1, crate::policy::Said::No(Miss::Expires));
    assert_eq!(said(email("u@example.com")).said[0].1, crate::policy::Said::No(Miss::Kind));
    let found = policy.who_can(&Query::default(), at(NOON));
    assert_eq!(found[0].conditions, ["in monitor mode, where no rule allows it"]);
    assert_eq!(found[0].until.as_deref(), Some("2027-03-20"));
    assert!(policy.who_can(&Query::default(), at("2027-03-21T00:00:00Z")).is_empty());
    let ending = policy.expiring(at(NOON), jiff::SignedDuration::from_hours(14 * 24));
    assert_eq!(ending.iter().map(|one| one.side).collect::<Vec<_>>(), [Side::Monitor]);
    assert!(policy.expiring(at(NOON), jiff::SignedDuration::from_hours(24)).is_empty());
}

#[test]
fn a_monitor_is_named_bounded_and_of_ordinary_operations() {
    for (text, fault) in [
        (
            monitor("\"connect:UpdateUserIdentityInfo\"", "2027-03-20"),
            "is an identity operation: none is let through",
        ),
        (monitor("\"connect:DeleteUser\"", "2027-03-20"), "is a sensitive operation"),
        (monitor("\"connect:TagResource\"", "2027-03-20"), "is a sensitive operation"),
        (monitor("\"connect:GetFederationToken\"", "2027-03-20"), "is refused whatever the policy says"),
        (monitor("\"connect:UpdateUserIdentity*\"", "2027-03-20"), "which no wildcard reaches"),
        (monitor("\"connect:*\"", "2027-06-11"), "`until` is more than 90 days ahead"),
        (monitor("\"connect:*\"", "2027-03-11"), "the monitor has ended"),
        (monitor("\"connect:*\"", "\"soon\""), "`until` is a date"),
        (monitor("\"connect:*\"", "2027-03-20").replace("until", "expires"), "has no `until`"),
        (
            monitor("\"connect:*\"", "2027-03-20").replace("role/IdentityDesk", "role/Desk*"),
            "have no patterns",
        ),
        (
            monitor("\"connect:*\"", "2027-03-20")
                .replace("arn:aws:iam::111122223333:role/IdentityDesk", "*"),
            "everybody is no caller",
        ),
        (monitor("\"connect:*\"", "2027-03-20") + "users = [\"mary\"]\n", "has no key `users`"),
        (
            monitor("\"connect:*\"", "2027-03-20") + &allow_of("learn", "ListQueues", ""),
            "there are two rules `learn`",
        ),
    ] {
        let found = faults(&[&text]);
        assert!(found.contains(fault), "{text}: {found}");
    }
    assert!(!faults(&[&monitor("\"connect:*\"", "2027-06-10")]).contains("90 days"));
    let midnight = |until: &str| {
        let monitor = monitor("\"connect:*\"", until);
        Policy::compile(&files(&[&monitor]), at("2027-03-12T00:00:00Z")).is_ok()
    };
    assert!(midnight("2027-06-10") && !midnight("2027-06-11"));
    let groups = "[groups.desk]\ncallers = [\"arn:aws:iam::111122223333:role/Desk*\"]\n";
    let by_group = monitor("\"connect:*\"", "2027-03-20")
        .replace("arn:aws:iam::111122223333:role/IdentityDesk", "group:desk");
    assert!(faults(&[&by_group, groups]).contains("have no patterns"));
    let named = groups.replace("Desk*", "IdentityDesk");
    assert_eq!(code(&policy(&[&by_group, &named]), &list()), None);
    let two = format!("{by_group}{}", monitor("\"connect:List*\"", "2027-03-20").replace("learn", "lists"));
    assert_eq!((policy(&[&two, &named]).monitors(), policy(&[]).monitors()), (2, 0));
}

#[test]
fn a_monitor_is_a_gain() {
    let (without, with) = (
        policy(&[&any_mail("r", "")]),
        policy(&[&any_mail("r", ""), &monitor("\"connect:*\"", "2027-03-20")]),
    );
    let found = without.differences(&with);
    assert!(found.losses().is_empty());
    assert!(
        found.gains()[0].to_string().contains("in monitor mode, where no rule allows it, through 2027-03-20")
    );
    assert!(with.differences(&without).gains().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever operation a monitor names and whatever is asked: it lets no change through.
    #[test]
    fn f1_a_monitor_never_lets_a_change_through(
        wild in prop::sample::select(vec!["*", "U*", "Up*", "T*", "De*", "Associate*", "C*"]),
        named in prop::sample::select(routes().iter().map(|route| route.operation).collect::<Vec<_>>()),
        asked in prop::sample::select(routes().iter().collect::<Vec<_>>()),
        tagged in any::<bool>(),
    ) {
        let mut texts = vec![monitor(&format!("\"connect:{wild}\""), "2027-03-20")];
        let other = monitor(&format!("\"connect:{named}\""), "2027-03-20").replace("learn", "other");
        if Policy::compile(&files(&[&other]), at(NOON)).is_ok() {
            texts.push(other);
        }
        let policy = policy(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let about = (tagged || asked.class == Class::Identity).then(|| user("mary"));
        let case = Case { user: about, username: Some("mary".to_owned()), ..case(asked.operation) };
        let change = !matches!(case.question().class, Class::Read | Class::Write);
        let verdict = verdict(&policy, &case);
        prop_assert!(!change || verdict.is_err());
        if let Ok(grant) = verdict {
            prop_assert!(grant.basis.monitor.is_some() && grant.differences.is_empty());
        }
    }
}
