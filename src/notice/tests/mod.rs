//! Facts for tests, with the values of AWS's documentation.

pub(crate) mod permit;
mod plan;
pub(crate) mod render;

use super::{
    Audience, ChangedField, Confirmation, Delivery, Facts, Finding, Held, Kind, Later, Matter, Plan,
    PlanFault, RecordRef, Routing, Shows, facts::Concerned,
};
use crate::{
    clock::Now,
    operation::{Address, Effect},
};

const AT: i64 = 1_784_800_000_000;

fn field(name: &str, before: Option<&str>, after: Option<&str>) -> ChangedField {
    ChangedField {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    }
}

fn facts(matter: Matter) -> Facts {
    let some = |text: &str| Some(text.to_owned());
    let user = "11111111-2222-3333-4444-555555555555";
    let (operation, subject, fields) = match matter {
        Matter::Addresses => (
            "UpdateUserIdentityInfo",
            user,
            vec![
                field("Email", Some("mary.major@example.com"), Some("mary@example.org")),
                field("SecondaryEmail", Some("mary@home.example.net"), None),
            ],
        ),
        Matter::Details => (
            "UpdateUserIdentityInfo",
            user,
            vec![field("Mobile", Some("+15555550100"), Some("+15555550199"))],
        ),
        Matter::Creation => (
            "CreateUser",
            "mmajor",
            vec![
                field("FirstName", None, Some("Mary")),
                field("Email", None, Some("mary@example.org")),
                field("SecurityProfileIds", None, Some("aaaaaaaa-1111-2222-3333-bbbbbbbbbbbb")),
            ],
        ),
        Matter::Sensitive => (
            "UpdateUserSecurityProfiles",
            user,
            vec![field("SecurityProfileIds", Some("agent"), Some("agent, admin"))],
        ),
    };
    Facts {
        matter,
        request_id: "99999999-aaaa-4bbb-8ccc-dddddddddddd".to_owned(),
        operation: operation.to_owned(),
        account: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        instance: some("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"),
        subject: subject.to_owned(),
        username: some("mmajor"),
        person: some("Mary Major"),
        principal: "arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim".to_owned(),
        unique_id: some("AROAEXAMPLEID"),
        proof: "guard-key:GKEXAMPLE".to_owned(),
        source: "192.0.2.7".to_owned(),
        user_agent: some("aws-sdk-rust/1.3.15 os/linux"),
        rules: vec!["identity-desk-email (desk.toml:3)".to_owned()],
        refusal: None,
        fields,
        untold: Vec::new(),
        policy: "5e".repeat(32),
        at: AT,
    }
}

fn record() -> RecordRef {
    RecordRef { chain: "guard-1".to_owned(), seq: 42, hash: "ab".repeat(32) }
}

fn now(millis: i64) -> Now {
    jiff::Timestamp::from_millisecond(millis).unwrap().into()
}

fn finding(effect: Effect) -> Finding {
    Finding {
        effect,
        side_effects: Vec::new(),
        told_unknown: false,
        shows: Shows::Already,
        at: now(AT + 2_000),
    }
}

fn told(effect: Effect) -> Finding {
    Finding { told_unknown: true, ..finding(effect) }
}

fn side_effect(effect: Effect) -> Finding {
    Finding { side_effects: vec![field("LastName", Some("Major"), None)], ..finding(effect) }
}

fn confirmation(later: Later) -> Confirmation {
    Confirmation { later, side_effects: Vec::new(), at: now(AT + 300_000) }
}

/// What is held for these people.
fn held(
    facts: Facts,
    security: &[&str],
    old_primary: Option<&str>,
    old_secondary: Option<&str>,
    new: &[&str],
) -> Result<Vec<Held>, PlanFault> {
    let address = |text: &str| Address::read(text).unwrap();
    let addresses = |texts: &[&str]| texts.iter().map(|text| address(text)).collect();
    let routing = Routing { security: addresses(security), language: "en".to_owned() };
    let (old_primary, old_secondary) = (old_primary.map(address), old_secondary.map(address));
    let concerned = Concerned { facts, old_primary, old_secondary, new: addresses(new) };
    Ok(Plan::held_for(concerned, &routing)?.held().to_vec())
}

fn one(audience: Audience, facts: Facts) -> Held {
    Held { channel: "mail".to_owned(), recipient: "someone@example.com".to_owned(), audience, facts }
}

/// A delivery of an applied change of addresses, for the tests of whoever stores or brings it.
pub(crate) fn delivery(audience: Audience, recipient: &str, seq: u64) -> Delivery {
    let held = Held { recipient: recipient.to_owned(), ..one(audience, facts(Matter::Addresses)) };
    held.resolve(&finding(Effect::Applied), &RecordRef { seq, ..record() }).unwrap()
}

/// One finding that gives each kind.
fn leading_to(kind: Kind) -> (Matter, Finding) {
    match kind {
        Kind::AddressChanged => (Matter::Addresses, finding(Effect::Applied)),
        Kind::UserCreated => (Matter::Creation, finding(Effect::Applied)),
        Kind::SensitiveDone => (Matter::Sensitive, finding(Effect::Applied)),
        Kind::MayHaveChanged => (Matter::Addresses, finding(Effect::Unknown)),
        Kind::NotChangedAfterAll => (Matter::Addresses, told(Effect::InferredNotApplied)),
        Kind::ChangedAfterAll => (Matter::Details, told(Effect::InferredApplied)),
        Kind::Undetermined => (Matter::Addresses, finding(Effect::Undetermined)),
        Kind::SideEffect => (Matter::Addresses, side_effect(Effect::Applied)),
        Kind::NotShown | Kind::AddressChangeRefused => (Matter::Addresses, finding(Effect::NotApplied)),
    }
}
