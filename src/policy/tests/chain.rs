//! The chain of tokens: from what is asked to a permit, with what lies between.

use std::sync::Arc;

use super::{
    super::{Ground, Next, Permit, Screened, Undecided, screen},
    *,
};
use crate::{
    limit::{Admitted, Limiter, Rate, Rates},
    operation::{Address, Change, Identity, Look, Ordinary, Seen, User, UserId, testing},
};

/// One that has room.
fn limiter() -> Limiter {
    let mut rates = Rates::default();
    rates.connect.default = Rate { per_second: 100.0, burst: 100 };
    Limiter::new(rates).ok().unwrap()
}

fn admitted(policy: &Arc<Policy>, method: &str, target: &str, body: &str) -> Admitted<Screened> {
    let asked = testing::asked(method, target, body).ok().unwrap();
    let screened =
        screen(policy, asked, at(NOON)).unwrap_or_else(|refused| panic!("{}", refused.refusal.detail));
    limiter().admit(screened).ok().unwrap()
}

fn undecided(policy: &Arc<Policy>, method: &str, target: &str, body: &str) -> Undecided {
    match admitted(policy, method, target, body).next() {
        Next::Look(undecided) => undecided,
        Next::Pass(_) => panic!("it passed"),
    }
}

fn passed(policy: &Arc<Policy>, method: &str, target: &str) -> Permit<Ordinary> {
    match admitted(policy, method, target, "").next() {
        Next::Look(_) => panic!("it is a change"),
        Next::Pass(permit) => permit,
    }
}

fn reserved(undecided: Undecided) -> Admitted<Undecided> {
    limiter().reserve(undecided, &[]).ok().unwrap()
}

const BODY: &str = r#"{"IdentityInfo":{"FirstName":"Mary","Email":"mary@example.com"}}"#;

fn seen() -> Seen {
    let values = [(Field::FirstName, "Mary".to_owned()), (Field::Email, "mary.old@example.com".to_owned())];
    Seen {
        directory: Some(Directory::ConnectManaged),
        user: Some(User {
            id: UserId::read(testing::USER).unwrap(),
            username: "mary".to_owned(),
            identity: Identity::new(values),
            security_profiles: vec![AGENT.to_owned()],
        }),
        profiles: vec![profile(AGENT, &["BasicAgentAccess"])],
        ..Seen::default()
    }
}

fn desk() -> Arc<Policy> {
    Arc::new(policy(&["[protected]\npermissions = [\"Users.Edit\"]\n", &any_mail("desk", "")]))
}

#[test]
fn a_change_is_looked_at_and_permitted() {
    let policy = desk();
    let undecided = undecided(&policy, "POST", &testing::identity_info(), BODY);
    let look = undecided.look();
    let address = Address::read("mary@example.com").unwrap();
    assert_eq!(
        look,
        Look {
            instance: undecided.change().target().instance.clone(),
            user: UserId::read(testing::USER),
            username: None,
            profiles: Vec::new(),
            permissions: true,
            addresses: vec![address.clone()],
        }
    );
    let recall = undecided.recall();
    assert_eq!((recall.addresses, recall.permissions), (vec![address], true));
    assert_eq!(&recall.target, undecided.change().target());
    let permit: Permit<Change> = reserved(undecided)
        .decide(seen(), Known { latest: 7, ..Known::default() }, at(NOON))
        .unwrap_or_else(|refused| panic!("{}", refused.refusal.detail));
    let change = permit.differences().iter().find(|change| change.field == Field::Email).unwrap();
    assert_eq!(change.before.as_deref(), Some("mary.old@example.com"));
    assert_eq!(change.after.as_deref(), Some("mary@example.com"));
    assert_eq!(permit.differences().len(), 1, "the first name is the same");
    assert_eq!(permit.basis().grounds[0].0, Ground::Field(Field::Email));
    assert_eq!(
        (&*permit.basis().grounds[0].1.id, &*permit.basis().grounds[0].1.place),
        ("desk", "rules-2.toml:3")
    );
    assert_eq!((permit.policy(), permit.decided()), (policy.digest(), at(NOON)));
    assert!(permit.seen().user.is_some());
    assert_eq!(permit.looked().user().map(|user| user.username.as_str()), Some("mary"));
    assert!(permit.looked().permissions && permit.quotas().is_empty());
    assert_eq!((permit.latest(), permit.emergency()), (7, policy.emergency_digest()));
}

#[test]
fn f9_a_request_is_decided_by_the_policy_it_was_screened_with() {
    let mut policy = desk();
    let undecided = undecided(&policy, "POST", &testing::identity_info(), BODY);
    let digest = policy.digest();
    policy = Arc::new(Policy::closed());
    let permit = reserved(undecided).decide(seen(), Known::default(), at(NOON)).ok().unwrap();
    assert_eq!(permit.policy(), digest);
    assert_ne!(permit.policy(), policy.digest());
}

#[test]
fn a_refusal_after_the_reads_keeps_what_the_record_needs() {
    let policy = desk();
    let undecided = undecided(&policy, "POST", &testing::identity_info(), BODY);
    let known = Known { in_use: vec![Address::read("mary@example.com").unwrap()], ..Known::default() };
    let refused = reserved(undecided).decide(seen(), known, at(NOON)).err().unwrap();
    assert_eq!(refused.refusal.code, Code::AddressInUse);
    assert_eq!(refused.route.unwrap().operation, "UpdateUserIdentityInfo");
    assert_eq!(refused.user().unwrap().username, "mary");
    assert_eq!(
        refused.asked,
        [(Field::FirstName, Some("Mary".to_owned())), (Field::Email, Some("mary@example.com".to_owned())),]
    );
    assert_eq!(refused.policy, policy.digest());
    assert!(refused.target.is_some());
}

#[test]
fn v10_a_refusal_at_the_screen_needs_no_read() {
    let closed = Arc::new(Policy::closed());
    let asked = testing::asked("POST", &testing::identity_info(), BODY).ok().unwrap();
    let refused = screen(&closed, asked, at(NOON)).err().unwrap();
    assert_eq!(
        (refused.refusal.code, refused.user().is_none(), refused.asked.len()),
        (Code::NoRule, true, 2)
    );
}

#[test]
fn another_stage_may_give_it_up() {
    let policy = desk();
    let undecided = undecided(&policy, "POST", &testing::identity_info(), BODY);
    let refused = undecided.refuse(Refusal::new(Code::UserUnknown, "Connect does not know the user"));
    assert_eq!((refused.refusal.code, refused.asked.len()), (Code::UserUnknown, 2));
}

#[test]
fn f12_a_rule_that_expires_between_screen_and_decision_allows_nothing() {
    let policy = Arc::new(policy(&[&any_mail("desk", "expires = 2027-03-12")]));
    let undecided = undecided(&policy, "POST", &testing::identity_info(), BODY);
    let later = at("2027-03-13T00:00:00Z");
    let refused = reserved(undecided).decide(seen(), Known::default(), later).err().unwrap();
    assert_eq!(refused.refusal.code, Code::NoRule);
}

#[test]
fn an_ordinary_operation_passes_on_a_rule() {
    let policy = Arc::new(policy(&[&allow_of("read", "*", "")]));
    let permit = passed(&policy, "GET", &format!("/users/{INSTANCE}/{}", testing::USER));
    assert_eq!(permit.operation().route().operation, "DescribeUser");
    assert_eq!((permit.basis().grounds[0].0, &*permit.basis().grounds[0].1.id), (Ground::Operation, "read"));
    assert_eq!(permit.decided(), at(NOON));
    let asked = testing::asked("POST", &testing::identity_info(), BODY).ok().unwrap();
    assert_eq!(screen(&policy, asked, at(NOON)).err().unwrap().refusal.code, Code::NoRule);
}

/// What creates a user with one security profile.
fn new_user() -> String {
    format!(
        r#"{{"Username":"paulo","RoutingProfileId":"r","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["{AGENT}"]}}"#
    )
}

/// A rule that lets users be created.
fn creating() -> String {
    let quota = "quota = { changes = 2, per = \"1h\", of = \"caller\" }";
    let lines = format!("usernames = [\"*\"]\ngrants = [\"{AGENT}\"]\nfields = [\"FirstName\"]\n{quota}");
    allow_of("create", "CreateUser", &lines)
}

#[test]
fn a_permit_says_what_it_gives_and_which_quotas_it_takes() {
    let policy = Arc::new(policy(&[&creating()]));
    let undecided = undecided(&policy, "PUT", &format!("/users/{INSTANCE}"), &new_user());
    let seen = Seen { directory: Some(Directory::ConnectManaged), ..Seen::default() };
    let permit = reserved(undecided)
        .decide(seen, Known::default(), at(NOON))
        .unwrap_or_else(|refused| panic!("{}", refused.refusal.detail));
    let given = permit.given();
    assert_eq!((given.username.as_deref(), given.profiles), (Some("paulo"), vec![AGENT.to_owned()]));
    assert_eq!(permit.quotas().iter().map(|claim| &*claim.rule.id).collect::<Vec<_>>(), ["create"]);
}

#[test]
fn only_what_is_needed_is_read() {
    let create = new_user();
    let rule = creating();
    let target = format!("/users/{INSTANCE}");
    let asked = |policy: Policy| undecided(&Arc::new(policy), "PUT", &target, &create);
    let look = |policy: Policy| asked(policy).look();
    let bare = look(policy(&[&rule]));
    assert_eq!((bare.username.as_deref(), bare.profiles.len(), bare.permissions), (Some("paulo"), 0, false));
    let protected = look(policy(&["[protected]\npermissions = [\"Users.Edit\"]\n", &rule]));
    assert_eq!((protected.profiles, protected.permissions), (vec![AGENT.to_owned()], false));
    assert!(!asked(policy(&["[protected]\npermissions = [\"Users.Edit\"]\n", &rule])).recall().permissions);
    let open = Arc::new(policy(&[&any_mail("desk", "")]));
    assert!(!undecided(&open, "POST", &testing::identity_info(), BODY).recall().permissions);
    let delete = Arc::new(policy(&[&allow_of("delete", "DeleteUser", "")]));
    let look = undecided(&delete, "DELETE", &format!("/users/{INSTANCE}/{}", testing::USER), "").look();
    assert_eq!((look.instance, look.user.is_some(), look.permissions), (None, true, false));
}
