//! What one recipient may see of a delivery: values in full for the security team, masked for the rest, and nothing of
//! the caller for the new address. Templates and payloads are filled from this and from nothing else; every text here is
//! one line and without power.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    About, Audience, Became, ChangedField, Delivery, Facts, RecordRef, Refusals, Told, Untold,
    members::{self, Member},
    neutral::{address, ascii, inert, line, masked, masked_address, utc},
};

/// So many digits of a record's hash tell it from every other: for whoever does not compare heads.
const HASH_HEAD: usize = 16;
/// Longer lists are cut, with a count.
pub(super) const MOST: usize = 40;

/// What the templates see. A name that is not here fails the rendering.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) kind: &'static str,
    pub(super) severity: &'static str,
    /// `security`, `old` or `new`.
    pub(super) audience: &'static str,
    /// Whether values are masked.
    pub(super) masked: bool,
    /// When it was found.
    pub(super) time: String,
    pub(super) record: RecordView,
    #[serde(flatten)]
    pub(super) about: AboutView,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum AboutView {
    Change(Box<ChangeView>),
    Guard { event: BTreeMap<&'static str, Member> },
    Refusals { refusals: RefusalsView },
}

#[derive(Serialize)]
pub(super) struct RecordView {
    chain: String,
    seq: u64,
    /// The hash of the record: the head of its chain when it was written.
    head: String,
}

/// A change, or one refusal.
#[derive(Serialize)]
pub(super) struct ChangeView {
    operation: String,
    /// What became of it: a word of [`outcome`].
    outcome: &'static str,
    /// Which addresses it is about: `primary`, `secondary`, `both` or `details`.
    pub(super) what: &'static str,
    pub(super) subject_user: String,
    decided: String,
    target: TargetView,
    /// None for the new address.
    caller: Option<CallerView>,
    ticket: Option<String>,
    rules: Vec<String>,
    refusal: Option<String>,
    fields: Vec<FieldView>,
    side_effects: Vec<FieldView>,
    /// The security team's: roles of addresses that could not be told.
    untold: Vec<&'static str>,
    policy: Option<String>,
    request_id: String,
}

/// None but the login name for the new address.
#[derive(Serialize)]
struct TargetView {
    account: Option<String>,
    region: Option<String>,
    instance: Option<String>,
    id: Option<String>,
    username: Option<String>,
    person: Option<String>,
}

#[derive(Serialize)]
struct CallerView {
    principal: String,
    unique_id: Option<String>,
    proof: String,
    source: String,
    user_agent: Option<String>,
}

#[derive(Serialize)]
struct FieldView {
    field: String,
    before: Option<String>,
    after: Option<String>,
    /// Whether the old value is kept from this recipient.
    hidden: bool,
}

#[derive(Serialize)]
pub(super) struct RefusalsView {
    pub(super) count: usize,
    first: String,
    last: String,
    callers: CountsView,
    users: CountsView,
    codes: CountsView,
    records: Vec<String>,
    records_left_out: usize,
}

/// The most frequent names; how many more there are, and how many refusals those have together.
#[derive(Serialize)]
struct CountsView {
    most: Vec<CountView>,
    left_out: usize,
    left_out_count: u64,
}

#[derive(Serialize)]
struct CountView {
    name: String,
    count: u64,
}

impl View {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let audience = delivery.audience;
        Self {
            kind: delivery.kind.as_str(),
            severity: delivery.kind.severity().as_str(),
            audience: match audience {
                Audience::Security | Audience::Masked => "security",
                Audience::OldPrimary | Audience::OldSecondary => "old",
                Audience::New => "new",
            },
            masked: audience != Audience::Security,
            time: utc(delivery.at),
            record: RecordView::of(&delivery.record, audience),
            about: match &delivery.about {
                About::Change(told) => AboutView::Change(Box::new(ChangeView::of(told, audience))),
                About::Guard(event) => AboutView::Guard { event: members::event(event) },
                About::Refusals(refusals) => {
                    AboutView::Refusals { refusals: RefusalsView::of(refusals, audience) }
                }
            },
        }
    }
}

impl RecordView {
    fn of(record: &RecordRef, audience: Audience) -> Self {
        let longest = if audience.is_security() { usize::MAX } else { HASH_HEAD };
        let head: String = record.hash.chars().take(longest).collect();
        Self { chain: line(&record.chain), seq: record.seq, head: line(&head) }
    }
}

impl ChangeView {
    fn of(told: &Told, audience: Audience) -> Self {
        let facts = &told.facts;
        let security = audience.is_security();
        let refusal = facts.refusal.as_deref().map(|refusal| match audience {
            Audience::Security => line(refusal),
            Audience::Masked | Audience::OldPrimary | Audience::OldSecondary | Audience::New => {
                line(code(refusal))
            }
        });
        let all = facts.fields.iter().chain(&told.side_effects);
        let rules = if audience == Audience::New { &[][..] } else { facts.rules.as_slice() };
        Self {
            operation: line(&facts.operation),
            outcome: outcome(told.became),
            what: what(all),
            subject_user: ascii(&subject_user(facts, audience), 64),
            decided: utc(facts.at),
            target: TargetView::of(facts, audience),
            caller: (audience != Audience::New).then(|| CallerView::of(facts)),
            ticket: facts.ticket.as_deref().filter(|_| audience != Audience::New).map(line),
            rules: rules.iter().take(MOST).map(|rule| line(rule)).collect(),
            refusal,
            fields: shown(&facts.fields, audience),
            side_effects: shown(&told.side_effects, audience),
            untold: facts.untold.iter().filter(|_| security).map(|untold| role(*untold)).collect(),
            policy: security.then(|| line(&facts.policy)),
            request_id: line(&facts.request_id),
        }
    }
}

impl TargetView {
    fn of(facts: &Facts, audience: Audience) -> Self {
        let inside = |text: &str| (audience != Audience::New).then(|| line(text));
        let named = facts.username.as_deref();
        Self {
            account: inside(&facts.account),
            region: inside(&facts.region),
            instance: facts.instance.as_deref().and_then(inside),
            id: inside(&id(facts, audience)),
            username: named.map(|name| username(name, audience)),
            person: facts.person.as_deref().filter(|_| audience == Audience::Security).map(inert),
        }
    }
}

impl CallerView {
    fn of(facts: &Facts) -> Self {
        Self {
            principal: line(&facts.principal),
            unique_id: facts.unique_id.as_deref().map(line),
            proof: line(&facts.proof),
            source: line(&facts.source),
            user_agent: facts.user_agent.as_deref().map(inert),
        }
    }
}

impl RefusalsView {
    fn of(refusals: &Refusals, audience: Audience) -> Self {
        let records = refusals.records.iter().take(MOST);
        Self {
            count: refusals.count(),
            first: utc(refusals.first),
            last: utc(refusals.last),
            callers: CountsView::of(&refusals.callers, line),
            users: CountsView::of(&refusals.users, |user| username(user, audience)),
            codes: CountsView::of(&refusals.codes, line),
            records: records.map(|record| line(&record.to_string())).collect(),
            records_left_out: refusals.records.len().saturating_sub(MOST),
        }
    }
}

impl CountsView {
    fn of(counts: &BTreeMap<String, u64>, name: impl Fn(&str) -> String) -> Self {
        let (most, (left_out, left_out_count)) = Refusals::most(counts, MOST);
        let most = most.into_iter().map(|(of, count)| CountView { name: name(of), count }).collect();
        Self { most, left_out, left_out_count }
    }
}

fn shown(fields: &[ChangedField], audience: Audience) -> Vec<FieldView> {
    let hidden = audience == Audience::New;
    let concerns = |field: &&ChangedField| !hidden || (field.is_address() && field.after.is_some());
    let field = |field: &ChangedField| {
        let value = |value: &Option<String>| value.as_deref().map(|value| of(field, value, audience));
        let before = if hidden { None } else { value(&field.before) };
        FieldView { field: line(&field.field), before, after: value(&field.after), hidden }
    };
    fields.iter().filter(concerns).take(MOST).map(field).collect()
}

fn of(field: &ChangedField, value: &str, audience: Audience) -> String {
    match (audience == Audience::Security, field.is_address()) {
        (true, true) => address(value),
        (true, false) => inert(value),
        (false, true) => masked_address(value),
        (false, false) => masked(value),
    }
}

/// A login name may be an address.
fn username(name: &str, audience: Audience) -> String {
    match audience {
        Audience::Security | Audience::OldPrimary | Audience::OldSecondary => line(name),
        Audience::Masked | Audience::New => masked(name),
    }
}

/// The target's id: of a user that is to be created its login name.
fn id(facts: &Facts, audience: Audience) -> String {
    if facts.username.as_ref() == Some(&facts.subject) {
        return username(&facts.subject, audience);
    }
    line(&facts.subject)
}

fn subject_user(facts: &Facts, audience: Audience) -> String {
    match (&facts.username, audience) {
        (Some(name), Audience::Security) => line(name),
        _ => id(facts, audience),
    }
}

/// The code of a refusal's words: what follows may quote values.
fn code(refusal: &str) -> &str {
    refusal.split(':').next().unwrap_or_default()
}

/// Which addresses.
fn what<'a>(fields: impl Iterator<Item = &'a ChangedField>) -> &'static str {
    let (mut primary, mut secondary) = (false, false);
    for field in fields.filter(|field| field.is_address()) {
        match field.field.as_str() {
            "Email" => primary = true,
            _ => secondary = true,
        }
    }
    match (primary, secondary) {
        (true, true) => "both",
        (true, false) => "primary",
        (false, true) => "secondary",
        (false, false) => "details",
    }
}

/// The word for what became of it: contract.
pub(super) fn outcome(became: Became) -> &'static str {
    match became {
        Became::Done => "done",
        Became::SeenDone => "seen-done",
        Became::NotDone => "not-done",
        Became::SeenNotDone => "seen-not-done",
        Became::Unknown => "unknown",
        Became::Undetermined => "undetermined",
        Became::NotShown => "not-shown",
        Became::NotRead => "not-read",
        Became::Refused => "refused",
        Became::NotSent => "not-sent",
    }
}

fn role(untold: Untold) -> &'static str {
    match untold {
        Untold::OldPrimary => "old-primary",
        Untold::OldSecondary => "old-secondary",
        Untold::New => "new",
    }
}
