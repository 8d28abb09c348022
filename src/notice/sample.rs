//! Deliveries of every kind, made up from the examples of AWS's documentation: what templates are tried with before they
//! are used, as they usually are, with as little as there can be, and with as much, and as hostile, as there can be.

use std::collections::BTreeMap;

use crate::operation::DELETE_USER;

use super::{
    About, Audience, Became, ChangedField, Channel, Delivery, Event, Facts, Kind, Matter, RecordRef,
    Refusals, Told, Untold,
};

/// 2026-07-23 09:46:40 UTC.
pub(super) const AT: i64 = 1_784_800_000_000;
/// What somebody may have chosen as a name: markup, a template, ends of lines, characters that act.
pub(super) const HOSTILE: &str = "<b title=\"x\" onload='y'>&{{ 7 * 7 }}{% x %}\r\nBcc: a\n.\n\0\u{202e}\u{200b}\u{2028}https://www.example.net ";
const HASH: &str = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
const DIGEST: &str = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8";

/// What became of it where that is not "done".
const BECAME: [(Kind, Became); 7] = [
    (Kind::MayHaveChanged, Became::Unknown),
    (Kind::NotChangedAfterAll, Became::SeenNotDone),
    (Kind::ChangedAfterAll, Became::SeenDone),
    (Kind::Undetermined, Became::Undetermined),
    (Kind::NotShown, Became::NotShown),
    (Kind::AddressChangeRefused, Became::Refused),
    (Kind::Announced, Became::NotSent),
];

/// How much a sample says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// As usual.
    Usual,
    /// Nothing that can be left out.
    Bare,
    /// Everything, of each list so many, and all of it this text.
    Hostile(&'a str, usize),
}

/// A delivery of this kind, for this audience, about this.
pub(super) fn sample(
    kind: Kind,
    audience: Audience,
    matter: Matter,
    shape: Shape<'_>,
    language: &str,
) -> Delivery {
    let text = |usual: &str| match shape {
        Shape::Usual | Shape::Bare => usual.to_owned(),
        Shape::Hostile(text, _) => text.to_owned(),
    };
    let about = match event(kind, shape, &text) {
        Some(event) => About::Guard(event),
        None if kind == Kind::RepeatedRefusals => About::Refusals(Box::new(refusals(shape, &text))),
        None => About::Change(Box::new(told(kind, audience, matter, shape))),
    };
    let channel = if audience == Audience::Masked { Channel::Hook("chat".to_owned()) } else { Channel::Mail };
    let recipient = if audience == Audience::Masked { "chat" } else { "someone@example.com" };
    let at = if matches!(about, About::Change(_)) { AT + 2_000 } else { AT };
    let record = RecordRef { chain: text("guard-1"), seq: 42, hash: text(HASH) };
    Delivery::new(kind, (channel, recipient), (audience, language), about, (&record, at))
}

fn told(kind: Kind, audience: Audience, matter: Matter, shape: Shape<'_>) -> Told {
    let became = BECAME.iter().find(|(of, _)| *of == kind).map_or(Became::Done, |(_, became)| *became);
    let mut facts = facts(matter);
    // Of the sensitive operations the people concerned hear of this one.
    if matter == Matter::Sensitive && !audience.is_security() {
        facts = Facts { operation: DELETE_USER.to_owned(), fields: Vec::new(), ..facts };
    }
    if matter == Matter::Addresses && kind == Kind::AddressChanged {
        facts.fields.truncate(1);
    } else if matter == Matter::Addresses && kind == Kind::SecondaryChanged {
        facts.fields = vec![field("SecondaryEmail", Some("mary@home.example.net"), Some("mary@example.org"))];
    } else if matter == Matter::Addresses && kind == Kind::AddressRemoved {
        facts.fields.remove(0);
    }
    if kind == Kind::AddressChangeRefused {
        facts.refusal = Some("denied-by: a rule denies a change of `Email`".to_owned());
        facts.rules = vec!["no-changes-in-audit-week (freeze.toml:9)".to_owned()];
    }
    let beside = kind == Kind::SideEffect;
    let side_effects = if beside { vec![field("LastName", Some("Major"), None)] } else { Vec::new() };
    let told = Told { facts, became, side_effects };
    match shape {
        Shape::Usual => told,
        Shape::Bare => bare(told),
        Shape::Hostile(text, many) => hostile(told, text, many),
    }
}

/// A change with nothing that can be left out.
fn bare(told: Told) -> Told {
    let facts = Facts {
        instance: None,
        username: None,
        person: None,
        unique_id: None,
        user_agent: None,
        ticket: None,
        rules: Vec::new(),
        refusal: None,
        fields: Vec::new(),
        ..told.facts
    };
    Told { facts, side_effects: Vec::new(), ..told }
}

/// A change in which everything is this text, and there is much of it.
fn hostile(told: Told, text: &str, many: usize) -> Told {
    let some = || Some(text.to_owned());
    let fields = |names: [&str; 3]| names.map(|name| field(name, Some(text), Some(text))).to_vec();
    let facts = Facts {
        request_id: text.to_owned(),
        operation: text.to_owned(),
        account: text.to_owned(),
        region: text.to_owned(),
        instance: some(),
        subject: text.to_owned(),
        username: some(),
        person: some(),
        principal: text.to_owned(),
        unique_id: some(),
        proof: text.to_owned(),
        source: text.to_owned(),
        user_agent: some(),
        ticket: some(),
        rules: vec![text.to_owned(); many],
        refusal: some(),
        fields: fields(["Email", "FirstName", text]),
        untold: vec![Untold::OldPrimary, Untold::OldSecondary, Untold::New],
        policy: text.to_owned(),
        ..told.facts
    };
    let side_effects =
        if told.side_effects.is_empty() { Vec::new() } else { fields(["Email", "LastName", text]) };
    Told { facts, side_effects, ..told }
}

/// The facts of a change as usual.
pub(super) fn facts(matter: Matter) -> Facts {
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
        ticket: some("SEC-1042"),
        rules: vec!["identity-desk-email (desk.toml:3)".to_owned()],
        refusal: None,
        fields,
        untold: Vec::new(),
        policy: DIGEST.to_owned(),
        at: AT,
    }
}

pub(super) fn field(name: &str, before: Option<&str>, after: Option<&str>) -> ChangedField {
    ChangedField {
        field: name.to_owned(),
        before: before.map(str::to_owned),
        after: after.map(str::to_owned),
    }
}

fn refusals(shape: Shape<'_>, text: &dyn Fn(&str) -> String) -> Refusals {
    let counts = |names: &[(&str, u64)]| match shape {
        Shape::Usual | Shape::Bare => {
            names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<BTreeMap<_, _>>()
        }
        Shape::Hostile(_, many) => (0..many).map(|at| (format!("{at}{}", text("")), 1_000_000)).collect(),
    };
    let records = if let Shape::Hostile(_, many) = shape { many } else { 3 };
    let record = |seq| RecordRef { chain: text("guard-1"), seq, hash: text(HASH) };
    Refusals {
        callers: counts(&[
            ("arn:aws:sts::111122223333:assumed-role/HelpDesk/kim", 2),
            ("arn:aws:sts::111122223333:assumed-role/IdentityDesk/kim", 1),
        ]),
        users: counts(&[
            ("mmajor in a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", 2),
            ("jroe in a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", 1),
        ]),
        codes: counts(&[("no-rule", 2), ("address-in-use", 1)]),
        first: AT - 600_000,
        last: AT,
        records: (40..).map(record).take(records).collect(),
    }
}

fn event(kind: Kind, shape: Shape<'_>, text: &dyn Fn(&str) -> String) -> Option<Event> {
    let lines = |usual: &[&str]| match shape {
        Shape::Usual => usual.iter().map(|line| (*line).to_owned()).collect(),
        Shape::Bare => Vec::new(),
        Shape::Hostile(text, many) => vec![text.to_owned(); many],
    };
    let since = AT - 3_600_000;
    let count = |usual: u64| if matches!(shape, Shape::Hostile(..)) { u64::MAX } else { usual };
    Some(match kind {
        Kind::PolicyChanged => Event::PolicyChanged {
            before: text(DIGEST),
            after: text(HASH),
            gains: lines(&[
                "arn:aws:iam::111122223333:role/IdentityDesk may change `SecondaryEmail` (desk.toml:3)",
            ]),
            losses: lines(&["arn:aws:iam::111122223333:role/HelpDesk may no longer change `Email`"]),
            left_out: if shape == Shape::Usual { 2 } else { 0 },
        },
        Kind::PolicyFailed => Event::PolicyFailed {
            faults: lines(&["desk.toml:7:1: no field is called `emial`"]),
            since,
            changes_refused: shape != Shape::Bare,
        },
        Kind::PolicyMended => Event::PolicyMended { digest: text(DIGEST), since },
        Kind::RuleExpiring => Event::RuleExpiring {
            rule: text("identity-desk-email"),
            place: text("desk.toml:3"),
            ends: AT + 7 * 86_400_000,
        },
        Kind::Frozen => Event::Frozen {
            scope: text("instance:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"),
            by: text("arn:aws:sts::111122223333:assumed-role/SecurityDesk/kim"),
            reason: text("suspected takeover (SEC-2077)"),
            id: text("FZABCDEFGHIJKL"),
            proof: text("session:GSEXAMPLEEXAMPLE2345 sts"),
            source: text("192.0.2.7"),
        },
        Kind::Unfrozen => Event::Unfrozen {
            scope: text("instance:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"),
            by: text("arn:aws:iam::111122223333:role/SecurityLead"),
            reason: text("looked into (SEC-2077)"),
            id: text("FZABCDEFGHIJKL"),
            proof: text("certificate:spiffe://example.com/security/lead"),
            source: text("192.0.2.9"),
            frozen_by: text("arn:aws:iam::111122223333:role/SecurityDesk"),
        },
        Kind::DeliveryFailing => Event::DeliveryFailing {
            channel: text("hook:siem"),
            since,
            waiting: count(12),
            why: text("the connection was refused"),
        },
        Kind::DeliveryMended => Event::DeliveryMended { channel: text("hook:siem"), since },
        Kind::ChainBroken => Event::ChainBroken {
            chain: text("guard-1"),
            seq: count(17),
            why: text("the hash of the record before does not fit"),
        },
        Kind::Heartbeat => Event::Heartbeat {
            since: AT - 7 * 86_400_000,
            changes: count(31),
            refusals: count(4),
            delivered: count(97),
            waiting: count(0),
            dead: count(1),
            policy: text(DIGEST),
        },
        Kind::Test => Event::Test { channel: text("mail") },
        Kind::AddressChanged
        | Kind::SecondaryChanged
        | Kind::AddressRemoved
        | Kind::UserCreated
        | Kind::SensitiveDone
        | Kind::MayHaveChanged
        | Kind::NotChangedAfterAll
        | Kind::ChangedAfterAll
        | Kind::Undetermined
        | Kind::SideEffect
        | Kind::NotShown
        | Kind::AddressChangeRefused
        | Kind::RepeatedRefusals
        | Kind::Announced => return None,
    })
}
