//! What rules say, asked of the running guard: to which address, by whom, when, how often, and what becomes of files that hold
//! none. Each decision is that of the policy that the record names.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use connect_guard::demo::{
    caller::{Answer, Caller, Request},
    connect::{Fault, Held, User},
    stage::{INSTANCE, Setting},
};
use jiff::{SignedDuration, ToSpan};
use tokio::time::timeout;

use crate::{
    records::{effects, of_kind},
    running::{LIMIT, Running, few_or_required, own_address, program, put, roomy, until, user},
};

const UPDATE: &str = "UpdateUserIdentityInfo";
const DENIED: (u16, Option<&str>) = (403, Some("AccessDeniedException"));

/// A rule of the identity desk with something more in it.
fn rule(id: &str, more: &str) -> String {
    format!(
        "[[allow]]\nid = \"{id}\"\nreason = \"a test of rules\"\nactions = [\"connect:{UPDATE}\"]\ninstances = [\"{INSTANCE}\"]\n{more}\n"
    )
}

const DESK: &str = "callers = [\"arn:aws:iam::111122223333:role/IdentityDesk\"]\nfields = [\"Email\", \"SecondaryEmail\", \"FirstName\"]\nemail_from = \"{username}@example.com\"\n";

/// A guard with these rules alone.
fn of(rules: &str, users: usize) -> Setting {
    let mut setting = roomy((1..=users).map(user));
    setting.policy = vec![("policy.toml".into(), format!("version = 1\n{rules}"))];
    setting
}

fn email(agent: &User, to: &str) -> Request {
    Request::update_identity(INSTANCE, &agent.id, &[("Email", to)])
}

fn said(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.error())
}

/// What is denied: nothing is sent, and the record says this.
async fn is_denied(guard: &Running, caller: &Caller, request: &Request, code: &str) {
    let updates = guard.stage.connect.updates().len();
    let answer = caller.send(request).await.unwrap();
    assert_eq!(said(&answer), DENIED, "{code}: {} {}", answer.text(), guard.log());
    assert_eq!(guard.stage.connect.updates().len(), updates, "{code}");
    let id = answer.header("x-amzn-requestid").unwrap().to_owned();
    let of = |one: &&crate::records::Record| one.text("/request/id") == id;
    let records = guard.recorded(|records| of_kind(records, "refusal").iter().any(of)).await;
    let found: Vec<_> = of_kind(&records, "refusal").into_iter().filter(of).collect();
    assert_eq!(found.len(), 1, "{code}");
    assert_eq!(found[0].text("/refusal/code"), code);
}

/// Of one guard: addresses that the desk's rule does not make.
async fn addresses(rows: &[(&str, &str)]) {
    let guard = Running::with(of(&rule("desk", DESK), 2)).await;
    let desk = guard.caller("IdentityDesk");
    for (address, code) in rows {
        is_denied(&guard, &desk, &email(&user(1), address), code).await;
        let secondary = Request::update_identity(INSTANCE, &user(1).id, &[("SecondaryEmail", address)]);
        is_denied(&guard, &desk, &secondary, code).await;
    }
    assert_eq!(
        desk.send(&email(&user(1), &own_address(&user(1)))).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn e1_a_domain_that_ends_alike() {
    addresses(&[("agent1@evilexample.com", "no-rule"), ("agent1@evil-example.com", "no-rule")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e2_a_domain_that_begins_alike() {
    addresses(&[("agent1@example.com.evil.com", "no-rule"), ("agent1@example.community", "no-rule")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e3_a_domain_below_or_above() {
    addresses(&[("agent1@a.example.com", "no-rule"), ("agent1@com", "no-rule")][..1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e5_punycode_and_letters_beyond_ascii() {
    let guard = Running::with(of(&rule("desk", DESK), 1)).await;
    let desk = guard.caller("IdentityDesk");
    is_denied(&guard, &desk, &email(&user(1), "agent1@xn--exmple-cua.com"), "address-not-plain").await;
    for address in [
        "agent1@ex\u{430}mple.com",
        "\u{430}gent1@example.com",
        "agent1@example.\u{441}om",
        "agent1@\u{ff45}xample.com",
    ] {
        let answer = desk.send(&email(&user(1), address)).await.unwrap();
        assert!([400, 403].contains(&answer.status), "{address}: {}", answer.status);
    }
    assert!(guard.stage.connect.updates().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn e8_plus_dots_and_case() {
    let guard = Running::with(of(&rule("desk", DESK), 1)).await;
    let desk = guard.caller("IdentityDesk");
    for (address, code) in [
        ("agent1+x@example.com", "address-not-plain"),
        ("a.gent1@example.com", "no-rule"),
        ("Agent1@example.com", "no-rule"),
        ("agent10@example.com", "no-rule"),
    ] {
        is_denied(&guard, &desk, &email(&user(1), address), code).await;
    }
    // Letters after the @ are the same in either case; and a change of case only is a change, on record as one.
    assert_eq!(
        desk.send(&email(&user(1), "agent1@example.com")).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
    assert_eq!(
        desk.send(&email(&user(1), "agent1@Example.COM")).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
    assert_eq!(effects(&guard.records().await, &user(1).id).len(), 2);
}

/// The secondary address first, which silences its owner, then the address: the old ones are told of both.
#[tokio::test(flavor = "multi_thread")]
async fn e9_the_secondary_address_first() {
    let guard = Running::with(of(&rule("desk", DESK), 1)).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let secondary = |to: &str| Request::update_identity(INSTANCE, &agent.id, &[("SecondaryEmail", to)]);
    is_denied(&guard, &desk, &secondary("kim@example.com"), "no-rule").await;
    is_denied(&guard, &desk, &secondary("kim@evil.example.net"), "no-rule").await;
    assert_eq!(desk.send(&secondary(&own_address(&agent))).await.unwrap().status, 200, "{}", guard.log());
    guard.hasten();
    let letters = guard.letters().await;
    let told = |to: &str| letters.iter().filter(|letter| letter.to.iter().any(|one| one == to)).count();
    assert!(told(&agent.email) >= 1 && told(&agent.secondary_email) >= 1, "{} letters", letters.len());
}

/// Somebody changes the user past the guard while it decides: what is then on record says what was there and what is.
#[tokio::test(flavor = "multi_thread")]
async fn e10_what_changes_in_between_is_told() {
    let guard = Running::with(of(&rule("desk", DESK), 1)).await;
    let (desk, agent) = (guard.caller("IdentityDesk"), user(1));
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let request = Request::update_identity(INSTANCE, &agent.id, &[("FirstName", "Maria")]);
    let change = tokio::spawn(async move { desk.send(&request).await.unwrap() });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    let other = User { email: "kim@evil.example.net".into(), first_name: "Maria".into(), ..agent.clone() };
    guard.stage.connect.put_user(INSTANCE, &agent.id, Some(other));
    held.let_go();
    assert_eq!(change.await.unwrap().status, 200, "{}", guard.log());
    let effect = |records: &[crate::records::Record]| {
        of_kind(records, "outcome").iter().any(|one| !one.side_effects().is_empty())
    };
    let records = guard.recorded(effect).await;
    assert_eq!(of_kind(&records, "outcome")[0].side_effects(), ["Email"]);
    guard.hasten();
    assert!(guard.letters().await.iter().any(|letter| letter.to.contains(&agent.email)));
}

/// The user cannot be read: nothing is changed, whatever the rule says.
#[tokio::test(flavor = "multi_thread")]
async fn e11_a_user_that_cannot_be_read() {
    let mut setting = of(&rule("desk", DESK), 1);
    setting.upstream = "connect_timeout = \"1s\"\nanswer_timeout = \"1s\"".into();
    let guard = Running::with(setting).await;
    let (desk, agent) = (guard.caller("IdentityDesk"), user(1));
    for fault in [
        Fault::Status(500, "InternalServiceException"),
        Fault::Hang,
        Fault::Garbage,
        Fault::Body("{}".into()),
        Fault::Body("[]".into()),
    ] {
        guard.stage.connect.fail_next("DescribeUser", fault.clone());
        let answer = desk.send(&email(&agent, &own_address(&agent))).await.unwrap();
        assert_eq!(answer.status, 503, "{fault:?}: {} {}", answer.text(), guard.log());
        assert!(guard.stage.connect.updates().is_empty(), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e13_the_same_value_again() {
    let guard = Running::with(of(&rule("desk", DESK), 1)).await;
    let (desk, agent) = (guard.caller("IdentityDesk"), user(1));
    let answer = desk.send(&email(&agent, &agent.email)).await.unwrap();
    assert!([200, 403].contains(&answer.status), "{} {}", answer.text(), guard.log());
    let records = guard.recorded(|records| records.iter().any(|one| one.is_of(&agent.id))).await;
    assert!(records.iter().any(|one| one.is_of(&agent.id)));
    assert_eq!(guard.stage.connect.user(&agent.id).unwrap().email, agent.email);
    guard.hasten();
    let letters = guard.letters().await;
    assert!(
        !letters.iter().any(|letter| crate::running::event(letter) == "address-changed"),
        "{} letters",
        letters.len()
    );
}

/// An address that the ledger knows on somebody else is given to nobody.
#[tokio::test(flavor = "multi_thread")]
async fn e15_an_address_of_another_user() {
    let any = DESK.replace(
        "email_from = \"{username}@example.com\"",
        "email_any_in = { domains = [\"example.com\"], because = \"any mailbox of it, for this test\" }",
    );
    let guard = Running::with(of(&rule("desk", &any), 2)).await;
    let desk = guard.caller("IdentityDesk");
    assert_eq!(desk.send(&email(&user(1), "one@example.com")).await.unwrap().status, 200, "{}", guard.log());
    is_denied(&guard, &desk, &email(&user(2), "one@example.com"), "address-in-use").await;
    is_denied(&guard, &desk, &email(&user(2), "one@EXAMPLE.com"), "address-in-use").await;
    assert_eq!(desk.send(&email(&user(2), "two@example.com")).await.unwrap().status, 200, "{}", guard.log());
}

/// Whoever may edit users is changed by no rule that does not say so, and nobody gets that by a change.
#[tokio::test(flavor = "multi_thread")]
async fn e16_users_with_power() {
    let protected = "[protected]\npermissions = [\"Users.Edit\"]\nusers = [\"agent2\"]\n";
    let guard = Running::with(of(&format!("{}{protected}", rule("desk", DESK)), 2)).await;
    let desk = guard.caller("IdentityDesk");
    is_denied(&guard, &desk, &email(&user(2), &own_address(&user(2))), "protected").await;
    assert_eq!(
        desk.send(&email(&user(1), &own_address(&user(1)))).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
}

/// Permissions that a user was seen with count for thirty days, also where what was asked for then was refused.
#[tokio::test(flavor = "multi_thread")]
async fn e16_users_who_had_power_a_moment_ago() {
    let protected = "[protected]\npermissions = [\"Users.Edit\"]\n";
    let guard = Running::with(of(&format!("{}{protected}", rule("desk", DESK)), 2)).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let admin = vec!["22222222-aaaa-bbbb-cccc-EXAMPLE22222".to_owned()];
    guard.stage.connect.put_user(INSTANCE, &agent.id, Some(User { profiles: admin, ..agent.clone() }));
    is_denied(&guard, &desk, &email(&agent, &own_address(&agent)), "protected").await;
    // Somebody takes it away, and not by way of the guard.
    guard.stage.connect.put_user(INSTANCE, &agent.id, Some(agent.clone()));
    let again = Request::update_identity(
        INSTANCE,
        &agent.id,
        &[("Email", &own_address(&agent)), ("FirstName", "Other")],
    );
    is_denied(&guard, &desk, &again, "protected").await;
    assert_eq!(
        desk.send(&email(&user(2), &own_address(&user(2)))).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
}

/// Taking the permission out of the security profile takes nobody's protection away at once: neither that of its users, nor
/// that of the profile.
#[tokio::test(flavor = "multi_thread")]
async fn e16_users_whose_security_profile_had_power_a_moment_ago() {
    const ADMIN: &str = "22222222-aaaa-bbbb-cccc-EXAMPLE22222";
    let roles = "callers = [\"arn:aws:iam::111122223333:role/HelpDesk\"]\npermissions = [\"BasicAgentAccess\"]\n\
                 protected = \"for this test\"\n";
    let roles = rule("roles", roles).replace(UPDATE, "UpdateSecurityProfile");
    let grants = format!("{}grants = [\"{ADMIN}\"]\n", DESK.lines().next().unwrap().to_owned() + "\n");
    let grants = rule("grants", &grants).replace(UPDATE, "UpdateUserSecurityProfiles");
    let protected = "[protected]\npermissions = [\"Users.Edit\"]\n";
    let guard = Running::with(of(&format!("{}{roles}{grants}{protected}", rule("desk", DESK)), 2)).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    let agent = user(1);
    guard.stage.connect.put_user(
        INSTANCE,
        &agent.id,
        Some(User { profiles: vec![ADMIN.to_owned()], ..agent.clone() }),
    );
    let path = format!("/security-profiles/{INSTANCE}/{ADMIN}");
    let weaker = Request::new("POST", &path, br#"{"Permissions":["BasicAgentAccess"]}"#);
    assert_eq!(help.send(&weaker).await.unwrap().status, 200, "{}", guard.log());
    is_denied(&guard, &desk, &email(&agent, &own_address(&agent)), "protected").await;
    let body = format!(r#"{{"SecurityProfileIds":["{ADMIN}"]}}"#);
    let path = format!("/users/{INSTANCE}/{}/security-profiles", user(2).id);
    is_denied(&guard, &desk, &Request::new("POST", &path, body.as_bytes()), "protected").await;
    let other = email(&user(2), &own_address(&user(2)));
    assert_eq!(desk.send(&other).await.unwrap().status, 200, "{}", guard.log());
}

/// `CreateUser` gives an address as well: by a rule of its own kind, or not at all.
#[tokio::test(flavor = "multi_thread")]
async fn d12_a_user_that_is_created() {
    let create = |address: &str| {
        let body = format!(
            r#"{{"Username":"new","Password":"Correct-Horse-1","IdentityInfo":{{"FirstName":"New","LastName":"Agent","Email":"{address}"}},"RoutingProfileId":"99999999-aaaa-bbbb-cccc-EXAMPLE99999","SecurityProfileIds":["11111111-aaaa-bbbb-cccc-EXAMPLE11111"]}}"#
        );
        Request::new("PUT", &format!("/users/{INSTANCE}"), body.as_bytes())
    };
    let onboarding = format!(
        "[[allow]]\nid = \"new\"\nreason = \"new agents\"\ncallers = [\"arn:aws:iam::111122223333:role/HelpDesk\"]\n\
         actions = [\"connect:CreateUser\"]\ninstances = [\"{INSTANCE}\"]\nusernames = [\"*\"]\ngrants = []\n\
         fields = [\"FirstName\", \"LastName\", \"Email\"]\nemail_from = \"{{username}}@example.com\"\npassword = \"allow\"\n"
    )
    .replace("grants = []", "grants = [\"11111111-aaaa-bbbb-cccc-EXAMPLE11111\"]");
    let guard = Running::with(of(&format!("{}{onboarding}", rule("desk", DESK)), 1)).await;
    let (desk, help) = (guard.caller("IdentityDesk"), guard.caller("HelpDesk"));
    // A rule of the other operation is none for this.
    is_denied(&guard, &desk, &create("new@example.com"), "no-rule").await;
    is_denied(&guard, &help, &create("kim@evil.example.net"), "no-rule").await;
    is_denied(&guard, &help, &create("kim@example.com"), "no-rule").await;
    assert!(guard.stage.connect.requests_of("CreateUser").is_empty());
    let answer = help.send(&create("new@example.com")).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
}

/// No rules at all: everything is refused, and nothing is read of whom.
#[tokio::test(flavor = "multi_thread")]
async fn v10_no_rules_at_all() {
    let guard = Running::with(of("", 1)).await;
    let desk = guard.caller("IdentityDesk");
    is_denied(&guard, &desk, &email(&user(1), &own_address(&user(1))), "no-rule").await;
    is_denied(&guard, &desk, &Request::describe_user(INSTANCE, &user(1).id), "no-rule").await;
    is_denied(&guard, &desk, &Request::new("GET", "/nothing", b""), "operation-unknown").await;
    assert!(guard.stage.connect.requests().is_empty());
}

/// A role is itself in its account and partition, and no other that is called nearly so.
#[tokio::test(flavor = "multi_thread")]
async fn f2_a_role_and_others_of_similar_names() {
    let mut setting = of(&rule("desk", DESK), 1);
    let others = ["IdentityDesk2", "XIdentityDesk", "identitydesk", "IdentityDes", "IdentityDesk-kim"];
    setting.roles.extend(others.iter().map(|role| (*role).to_owned()));
    let guard = Running::with(setting).await;
    for role in others {
        is_denied(&guard, &guard.caller(role), &email(&user(1), &own_address(&user(1))), "no-rule").await;
    }
    let desk = guard.caller("IdentityDesk");
    assert_eq!(
        desk.send(&email(&user(1), &own_address(&user(1)))).await.unwrap().status,
        200,
        "{}",
        guard.log()
    );
}

/// A role stands for its sessions, whatever they are called; a key of the guard's own proves no unique id.
#[tokio::test(flavor = "multi_thread")]
async fn s16_a_role_with_a_unique_id() {
    let pinned = format!("{DESK}unique_ids = [\"AROAEXAMPLEDESK000001\"]\n");
    let guard = Running::with(of(&rule("desk", &pinned), 1)).await;
    is_denied(&guard, &guard.caller("IdentityDesk"), &email(&user(1), &own_address(&user(1))), "no-rule")
        .await;
    assert!(guard.stage.connect.requests().is_empty());
}

/// The same name with another id is another role.
#[tokio::test(flavor = "multi_thread")]
async fn f4_a_role_that_was_made_again() {
    let pinned = format!("{DESK}unique_ids = [\"AROAEXAMPLEDESK000001\"]\n");
    for (id, status) in [("AROAEXAMPLEDESK000001", 200), ("AROAEXAMPLEDESK000002", 403)] {
        let guard = Running::amended(of(&rule("desk", &pinned), 1), |stage| {
            let text = fs::read_to_string(stage.config()).unwrap();
            let line = "principal   = \"arn:aws:iam::111122223333:role/IdentityDesk\"";
            assert!(text.contains(line));
            fs::write(stage.config(), text.replace(line, &format!("{line}\nunique_id   = \"{id}\"")))
                .unwrap();
            PathBuf::from(program())
        })
        .await;
        let answer =
            guard.caller("IdentityDesk").send(&email(&user(1), &own_address(&user(1)))).await.unwrap();
        assert_eq!(answer.status, status, "{id} {}", guard.log());
    }
}

/// Rules that say less than they seem to say are no rules: whoever serves them is told where.
fn is_fault(more: &str, what: &str) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), format!("version = 1\n{}", rule("a", more))).unwrap();
    let output =
        std::process::Command::new(program()).args(["policy", "check"]).arg(folder.path()).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{more}: {said}");
    assert!(said.contains("a.toml:") && said.contains(what), "{more}: {said}");
}

#[test]
fn f3_wildcards_that_span_too_much() {
    for caller in [
        "*",
        "arn:aws:iam::*:role/IdentityDesk",
        "arn:aws:iam::111122223333:*",
        "arn:*:iam::111122223333:role/IdentityDesk",
        "arn:aws:iam::111122223333:role/path/IdentityDesk",
        "arn:aws:sts::111122223333:assumed-role/IdentityDesk/*",
        "",
        "role/IdentityDesk",
        "arn:aws:iam::11112222333?:role/IdentityDesk",
    ] {
        let more = DESK.replace("arn:aws:iam::111122223333:role/IdentityDesk", caller);
        is_fault(&more, "error");
    }
}

#[test]
fn f5_partitions_and_accounts() {
    for caller in [
        "arn:aws-xy:iam::111122223333:role/IdentityDesk",
        "arn:aws:iam::1111:role/IdentityDesk",
        "ARN:aws:iam::111122223333:role/IdentityDesk",
        "arn:aws:IAM::111122223333:role/IdentityDesk",
    ] {
        is_fault(&DESK.replace("arn:aws:iam::111122223333:role/IdentityDesk", caller), "error");
    }
}

#[test]
fn f6_a_misspelt_key_with_its_place() {
    is_fault(&DESK.replace("email_from", "emial_from"), "a.toml:9:1");
    is_fault(&format!("{DESK}enforcement = \"audit\"\n"), "enforcement");
    is_fault(&format!("{DESK}Expires = 2027-01-01\n"), "Expires");
}

#[test]
fn o11_learning_has_an_end_and_no_other_word_loosens_anything() {
    is_fault(&format!("{DESK}mode = \"monitor\"\n"), "mode");
    let folder = tempfile::tempdir().unwrap();
    let monitor = |more: &str| {
        format!(
            "version = 1\n[[monitor]]\nid = \"m\"\nreason = \"a test\"\ncallers = [\"arn:aws:iam::111122223333:role/A\"]\nactions = [\"connect:*\"]\ninstances = [\"{INSTANCE}\"]\n{more}\n"
        )
    };
    for more in ["", "until = 2099-01-01", "until = 2027-01-01\nenforce = false"] {
        fs::write(folder.path().join("a.toml"), monitor(more)).unwrap();
        let output = std::process::Command::new(program())
            .args(["policy", "check"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{more}");
    }
    let changes = monitor("until = 2026-12-01").replace("connect:*", "connect:UpdateUserIdentityInfo");
    fs::write(folder.path().join("a.toml"), changes).unwrap();
    let output =
        std::process::Command::new(program()).args(["policy", "check"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn f7_rules_that_do_nothing_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let twice = format!("version = 1\n{}{}", rule("a", DESK), rule("b", DESK));
    fs::write(folder.path().join("a.toml"), twice).unwrap();
    let output =
        std::process::Command::new(program()).args(["policy", "check"]).arg(folder.path()).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("warning") && said.contains('b'), "{said}");
    let ended = "expires = 2020-01-01\n";
    fs::write(folder.path().join("a.toml"), format!("version = 1\n{}", rule("a", &format!("{DESK}{ended}"))))
        .unwrap();
    let output =
        std::process::Command::new(program()).args(["policy", "check"]).arg(folder.path()).output().unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(said.contains("warning") || said.contains("error"), "{said}");
}

/// Outside of its hours a rule is none. The hours are said in a zone, and nothing else is a zone.
#[tokio::test(flavor = "multi_thread")]
async fn f8_hours() {
    is_fault(&format!("{DESK}hours = {{ days = [\"mon\"], from = \"07:00\", to = \"19:00\" }}\n"), "zone");
    is_fault(
        &format!(
            "{DESK}hours = {{ days = [\"mon\"], from = \"07:00\", to = \"19:00\", zone = \"Mars/Phobos\" }}\n"
        ),
        "Mars",
    );
    let guard = Running::with(of("", 1)).await;
    let now = guard.caller("IdentityDesk").now();
    for zone in ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"] {
        let here = now.in_tz(zone).unwrap();
        let around = |from: i64, to: i64| {
            let (from, to) = (&here + from.hours(), &here + to.hours());
            let days = "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]";
            format!(
                "hours = {{ days = {days}, from = \"{}\", to = \"{}\", zone = \"{zone}\" }}\n",
                from.strftime("%H:%M"),
                to.strftime("%H:%M")
            )
        };
        for (hours, status) in [(around(2, 4), 403), (around(-2, 2), 200), (around(-4, -2), 403)] {
            let mut setting = of(&rule("desk", &format!("{DESK}{hours}")), 1);
            setting.more.push('\n');
            let guard = Running::with(setting).await;
            let answer =
                guard.caller("IdentityDesk").send(&email(&user(1), &own_address(&user(1)))).await.unwrap();
            assert_eq!(answer.status, status, "{zone} {hours} {}", guard.log());
            if zone != "UTC" {
                break;
            }
        }
    }
}

/// One request is judged by one policy, which its record names, though another came into force meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn f9_one_policy_for_one_request() {
    let guard = Running::with(of(&rule("desk", DESK), 2)).await;
    let desk = guard.caller("IdentityDesk");
    let agent = user(1);
    let held = Held::default();
    guard.stage.connect.fail_next(UPDATE, Fault::Held(held.clone()));
    let (caller, request) = (desk.clone(), email(&agent, &own_address(&agent)));
    let change = tokio::spawn(async move { caller.send(&request).await.unwrap() });
    timeout(LIMIT, guard.stage.connect.wait_for(1, UPDATE)).await.unwrap();
    put(&guard.stage.folder.join("policies/policy.toml"), "version = 1\n");
    until("the policy", || async { guard.log().contains("a policy came into force").then_some(()) }).await;
    is_denied(&guard, &desk, &email(&user(2), &own_address(&user(2))), "no-rule").await;
    held.let_go();
    assert_eq!(change.await.unwrap().status, 200, "{}", guard.log());
    let records = guard.recorded(|records| !of_kind(records, "outcome").is_empty()).await;
    let digest =
        |kind: &str| of_kind(&records, kind).iter().find_map(|one| one.0.pointer("/policy").cloned());
    assert!(digest("intent").is_some() && digest("refusal").is_some());
    assert_ne!(digest("intent"), digest("refusal"));
}

/// Half a file, a file that is gone, one that anybody may write: what was in force stays.
#[tokio::test(flavor = "multi_thread")]
async fn f10_files_that_are_no_policy() {
    let guard = Running::with(of(&rule("desk", DESK), 4)).await;
    let desk = guard.caller("IdentityDesk");
    let path = guard.stage.folder.join("policies/policy.toml");
    let whole = fs::read_to_string(&path).unwrap();
    let fails = |log: &str| {
        log.matches("the policy cannot be loaded").count()
            + log.matches("policy-failed").count()
            + log.matches("stays in force").count()
    };
    for number in 1..=3 {
        let before = (fails(&guard.log()), guard.log().len());
        match number {
            1 => put(&path, &whole[..whole.len() / 2]),
            2 => fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap(),
            _ => put(&path, "not a policy"),
        }
        until("a word of it", || async {
            (guard.log().len() > before.1 || fails(&guard.log()) > before.0).then_some(())
        })
        .await;
        let answer = desk.send(&email(&user(number), &own_address(&user(number)))).await.unwrap();
        assert_eq!(answer.status, 200, "{number}: {} {}", answer.text(), guard.log());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        put(&path, &whole);
    }
}

/// To the second: a rule that ends on a day holds through it in UTC, and a day later it is none.
#[tokio::test(flavor = "multi_thread")]
async fn f12_a_rule_that_has_ended() {
    let guard = Running::with(of("", 1)).await;
    let today = guard.caller("IdentityDesk").now();
    let day = |days: i64| (today + SignedDuration::from_hours(24 * days)).strftime("%Y-%m-%d").to_string();
    drop(guard);
    for (days, right) in [(-1, 403), (1, 200)] {
        let rules = rule("desk", &format!("{DESK}expires = {}\n", day(days)));
        let guard = Running::with(of(&rules, 1)).await;
        let answer =
            guard.caller("IdentityDesk").send(&email(&user(1), &own_address(&user(1)))).await.unwrap();
        assert_eq!(answer.status, right, "{days} {}", guard.log());
    }
}

/// Ten thousand rules load, and decide; a hundred thousand do, where the required number is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn f14_a_policy_of_ten_thousand_rules() {
    let other = |number| {
        let only = format!(
            "callers = [\"arn:aws:iam::111122223333:role/Other{number}\"]\nfields = [\"FirstName\"]\n"
        );
        rule(&format!("other-{number}"), &only)
    };
    let mut setting = of(&rule("desk", DESK), 1);
    // A file has 16 MiB at most.
    for file in 0..few_or_required(1, 10) {
        let rules: String = (file * 10_000..(file + 1) * 10_000).map(other).collect();
        setting.policy.push((format!("others-{file}.toml"), format!("version = 1\n{rules}")));
    }
    let guard = Running::with(setting).await;
    let answer = guard.caller("IdentityDesk").send(&email(&user(1), &own_address(&user(1)))).await.unwrap();
    assert_eq!(answer.status, 200, "{} {}", answer.text(), guard.log());
    is_denied(&guard, &guard.caller("HelpDesk"), &email(&user(1), &own_address(&user(1))), "no-rule").await;
}
