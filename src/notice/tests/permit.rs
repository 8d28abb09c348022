//! Plans made from real permits and refusals: recognised, screened, admitted and decided as in the path of a request.

use super::*;
use crate::{
    diagnostic::Source,
    limit::{Limiter, Rates},
    notice::{Plan, Untold},
    operation::{
        Change, Directory, Field, Identity, Profile, Seen, User, UserId,
        testing::{INSTANCE, USER, asked, identity_info},
    },
    policy::{Code, Given, Known, Looked, Next, Permit, Policy, PolicyFiles, Refusal, Refused, screen},
};

const AGENT: &str = "12345678-1111-2222-aaaa-111111111111";

const OTHER: &str = "12345678-1111-2222-aaaa-222222222222";

const RULES: &str = r#"version = 1
[[allow]]
id        = "everything"
reason    = "What the tests of notices change"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:UpdateUserIdentityInfo"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["FirstName", "LastName", "Mobile", "Email", "SecondaryEmail"]
remove    = ["SecondaryEmail"]
email_any_in = { domains = ["example.com", "example.org"], because = "these are tests of something else" }

[[allow]]
id        = "create"
reason    = "What the tests of notices create"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:CreateUser"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
fields    = ["FirstName", "LastName", "Email"]
usernames = ["*"]
grants    = ["12345678-1111-2222-aaaa-111111111111"]
email_any_in = { domains = ["example.com", "example.org"], because = "these are tests of something else" }

[[allow]]
id        = "grant"
reason    = "What the tests of notices grant"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:UpdateUserSecurityProfiles"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]
grants    = ["12345678-1111-2222-aaaa-111111111111"]

[[allow]]
id        = "delete"
reason    = "What the tests of notices delete"
callers   = ["arn:aws:iam::111122223333:role/IdentityDesk"]
actions   = ["connect:DeleteUser"]
instances = ["a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"]

[protected]
permissions = ["Users.Edit"]
"#;

pub(crate) fn mary(email: &str, secondary: &str) -> User {
    User {
        id: UserId::read(USER).unwrap(),
        username: "mary".to_owned(),
        identity: Identity::new([
            (Field::FirstName, "Mary".to_owned()),
            (Field::LastName, "Major".to_owned()),
            (Field::Email, email.to_owned()),
            (Field::SecondaryEmail, secondary.to_owned()),
        ]),
        security_profiles: vec![AGENT.to_owned()],
    }
}

fn permit(method: &str, target: &str, body: &str, user: Option<User>) -> Permit<Change> {
    let files = PolicyFiles { rules: vec![Source::new("rules.toml", RULES)], ..PolicyFiles::default() };
    let policy = match Policy::compile(&files, now(AT)) {
        Ok((policy, _)) => std::sync::Arc::new(policy),
        Err(faults) => panic!("{}", faults.plain()),
    };
    let asked = asked(method, target, body).ok().unwrap();
    let screened = screen(&policy, asked, now(AT)).map_err(|refused| refused.refusal).ok().unwrap();
    let limiter = Limiter::new(Rates::default()).unwrap();
    let Next::Look(undecided) = limiter.admit(screened).ok().unwrap().next() else { panic!("not a change") };
    let seen = Seen {
        directory: Some(Directory::ConnectManaged),
        user,
        profiles: [AGENT, OTHER]
            .map(|id| Profile { id: id.to_owned(), name: "Agent".to_owned(), permissions: [].into() })
            .into(),
        ..Seen::default()
    };
    let decided = limiter.reserve(undecided, &[]).ok().unwrap().decide(seen, Known::default(), now(AT));
    match decided {
        Ok(permit) => permit,
        Err(refused) => panic!("{:?}", refused.refusal),
    }
}

pub(crate) fn update(body: &str, user: User) -> Permit<Change> {
    permit("POST", &identity_info(), body, Some(user))
}

pub(crate) fn routing() -> Routing {
    Routing::simple(vec![Address::read("security@example.com").unwrap()])
}

fn told(plan: &Plan) -> Vec<(Audience, String)> {
    plan.held().iter().map(|held| (held.audience, held.recipient.clone())).collect()
}

fn expected(people: &[(Audience, &str)]) -> Vec<(Audience, String)> {
    people.iter().map(|(audience, recipient)| (*audience, (*recipient).to_owned())).collect()
}

const SECURITY: (Audience, &str) = (Audience::Security, "security@example.com");

#[test]
fn n11_a_change_of_either_address_tells_both_old_ones_and_the_new() {
    for (field, other) in [("Email", "old.two@example.com"), ("SecondaryEmail", "old.two@example.com")] {
        let body = format!(r#"{{"IdentityInfo":{{"{field}":"new@example.org"}}}}"#);
        let plan = Plan::of(&update(&body, mary("old@example.com", other)), &routing()).unwrap();
        let people = [
            SECURITY,
            (Audience::OldPrimary, "old@example.com"),
            (Audience::OldSecondary, "old.two@example.com"),
            (Audience::New, "new@example.org"),
        ];
        assert_eq!(told(&plan), expected(&people), "{field}");
        let facts = &plan.held()[0].facts;
        assert_eq!(facts.matter, Matter::Addresses);
        assert_eq!(facts.fields.len(), 1);
        assert_eq!(facts.fields[0].after.as_deref(), Some("new@example.org"));
        assert!(facts.fields[0].before.is_some());
        assert_eq!(facts.person.as_deref(), Some("Mary Major"));
        assert_eq!((facts.subject.as_str(), facts.instance.as_deref()), (USER, Some(INSTANCE)));
        assert_eq!(facts.rules, ["everything (rules.toml:2)"]);
        assert_eq!(facts.at, AT);
    }
}

#[test]
fn n11_the_removal_of_the_secondary_address_tells_it() {
    let permit =
        update(r#"{"IdentityInfo":{"SecondaryEmail":""}}"#, mary("old@example.com", "two@example.com"));
    let plan = Plan::of(&permit, &routing()).unwrap();
    let people =
        [SECURITY, (Audience::OldPrimary, "old@example.com"), (Audience::OldSecondary, "two@example.com")];
    assert_eq!(told(&plan), expected(&people));
    assert_eq!(plan.held()[0].facts.fields[0].after, None);
}

#[test]
fn a_change_of_details_holds_notices_for_side_effects() {
    let mobile = r#"{"IdentityInfo":{"Mobile":"+15555550199"}}"#;
    let same = r#"{"IdentityInfo":{"Email":"old@example.com"}}"#;
    for body in [mobile, same] {
        let plan = Plan::of(&update(body, mary("old@example.com", "")), &routing()).unwrap();
        assert_eq!(told(&plan), expected(&[SECURITY, (Audience::OldPrimary, "old@example.com")]));
        assert_eq!(plan.held()[0].facts.matter, Matter::Details, "{body}");
    }
}

#[test]
fn an_old_address_that_is_not_plain_is_noted_and_the_change_goes_on() {
    let permit = update(
        r#"{"IdentityInfo":{"Email":"new@example.org"}}"#,
        mary("Mary <m@example.com>\r\n", "m\u{e9}@example.com"),
    );
    let plan = Plan::of(&permit, &routing()).unwrap();
    assert_eq!(told(&plan), expected(&[SECURITY, (Audience::New, "new@example.org")]));
    assert_eq!(plan.held()[0].facts.untold, [Untold::OldPrimary, Untold::OldSecondary]);
}

#[test]
fn a_created_user_is_told_at_the_address_given() {
    let body = format!(
        r#"{{"Username":"jane","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["{AGENT}"],"RoutingProfileId":"r","IdentityInfo":{{"FirstName":"Jane","LastName":"Roe","Email":"jane@example.org"}}}}"#
    );
    let plan = Plan::of(&permit("PUT", &format!("/users/{INSTANCE}"), &body, None), &routing()).unwrap();
    assert_eq!(told(&plan), expected(&[SECURITY, (Audience::New, "jane@example.org")]));
    let facts = &plan.held()[0].facts;
    assert_eq!(facts.matter, Matter::Creation);
    assert_eq!((facts.username.as_deref(), facts.person.as_deref()), (Some("jane"), Some("Jane Roe")));
    let fields: Vec<_> = facts.fields.iter().map(|field| field.field.as_str()).collect();
    assert_eq!(fields, ["FirstName", "LastName", "Email", "SecurityProfileIds"]);
}

#[test]
fn a_sensitive_operation_tells_the_security_team_what_is_granted() {
    let body = format!(r#"{{"SecurityProfileIds":["{AGENT}"]}}"#);
    let target = format!("/users/{INSTANCE}/{USER}/security-profiles");
    let user = User { security_profiles: vec![OTHER.to_owned()], ..mary("old@example.com", "") };
    let plan = Plan::of(&permit("POST", &target, &body, Some(user)), &routing()).unwrap();
    assert_eq!(told(&plan), expected(&[SECURITY]));
    let facts = &plan.held()[0].facts;
    assert_eq!(facts.matter, Matter::Sensitive);
    assert!(facts.fields == [field("SecurityProfileIds", Some(OTHER), Some(AGENT))]);
}

#[test]
fn the_addresses_of_a_user_that_is_deleted_are_told_before_and_after() {
    let target = format!("/users/{INSTANCE}/{USER}");
    let of = |user| Plan::of(&permit("DELETE", &target, "", Some(user)), &routing()).unwrap();
    let plan = of(mary("old@example.com", "two@example.com"));
    let people =
        [SECURITY, (Audience::OldPrimary, "old@example.com"), (Audience::OldSecondary, "two@example.com")];
    assert_eq!(told(&plan), expected(&people));
    for (effect, kind) in [
        (Effect::Applied, Some(Kind::SensitiveDone)),
        (Effect::Undetermined, Some(Kind::Undetermined)),
        (Effect::NotApplied, None),
    ] {
        let said = plan.held().iter().map(|held| held.resolve(&finding(effect), &record()));
        let kinds: Vec<_> = said.map(|said| said.map(|delivery| delivery.kind)).collect();
        assert_eq!(kinds, [kind; 3], "{effect:?}");
    }
    let plan = of(mary("m\u{e9}@example.com", ""));
    assert_eq!(told(&plan), expected(&[SECURITY]));
    assert_eq!(plan.held()[0].facts.untold, [Untold::OldPrimary]);
}

fn refused(target: &str, asked_for: &[(Field, Option<&str>)], user: Option<User>) -> Refused {
    let permit = update(r#"{"IdentityInfo":{"Mobile":"+15555550199"}}"#, mary("old@example.com", ""));
    let change = match target {
        "CreateUser" => crate::operation::testing::change(
            "PUT",
            &format!("/users/{INSTANCE}"),
            &format!(
                r#"{{"Username":"jane","PhoneConfig":{{"PhoneType":"SOFT_PHONE"}},"SecurityProfileIds":["{AGENT}"],"RoutingProfileId":"r"}}"#
            ),
        ),
        _ => permit.operation().clone(),
    };
    Refused {
        caller: permit.caller().clone(),
        route: Some(change.route()),
        class: Some(change.class()),
        target: Some(change.target().clone()),
        change: Some(Box::new(change)),
        asked: asked_for.iter().map(|(field, value)| (*field, value.map(str::to_owned))).collect(),
        given: Given::default(),
        looked: user.map(|user| {
            let seen = Seen { user: Some(user), ..Seen::default() };
            Box::new(Looked { seen, ..Looked::default() })
        }),
        refusal: Refusal {
            code: Code::AddressInUse,
            rule: None,
            fields: vec![Field::Email],
            detail: "another user has it".to_owned(),
        },
        policy: permit.policy(),
    }
}

const NEW: [(Field, Option<&str>); 1] = [(Field::Email, Some("new@example.org"))];

#[test]
fn h7_a_refused_change_tells_the_old_addresses_and_never_the_one_that_was_refused() {
    let refused = refused("update", &NEW, Some(mary("old@example.com", "two@example.com")));
    let plan = Plan::of_refusal(&refused, &routing(), now(AT));
    let people =
        [SECURITY, (Audience::OldPrimary, "old@example.com"), (Audience::OldSecondary, "two@example.com")];
    assert_eq!(told(&plan), expected(&people));
    let facts = &plan.held()[0].facts;
    assert_eq!(facts.refusal.as_deref(), Some("address-in-use: another user has it"));
    assert!(facts.fields == [field("Email", Some("old@example.com"), Some("new@example.org"))]);
    assert_eq!(facts.at, AT);
}

#[test]
fn a_refusal_before_the_user_was_read_tells_the_security_team() {
    let plan = Plan::of_refusal(&refused("update", &NEW, None), &routing(), now(AT));
    assert_eq!(told(&plan), expected(&[SECURITY]));
}

#[test]
fn other_refusals_tell_nobody() {
    let user = || Some(mary("old@example.com", ""));
    let nobody = [
        refused("update", &[(Field::Mobile, Some("+15555550199"))], user()),
        refused("update", &[(Field::Email, Some("old@example.com"))], user()),
        refused("update", &[(Field::SecondaryEmail, None)], user()),
        refused("CreateUser", &NEW, None),
        Refused { target: None, ..refused("update", &NEW, user()) },
    ];
    for (place, refused) in nobody.iter().enumerate() {
        assert!(Plan::of_refusal(refused, &routing(), now(AT)).held().is_empty(), "{place}");
    }
}
