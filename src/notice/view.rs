//! What one recipient may see of a delivery: values in full for the security team, masked for the rest, and nothing of
//! the caller for the new address. Every text here is one line and without power.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    Audience, Became, ChangedField, Delivery, Untold,
    neutral::{address, ascii, inert, line, masked, masked_address},
};

/// No value, in words.
const NONE: &str = "(none)";
/// A value that is not the recipient's business.
const NOT_SHOWN: &str = "(not shown)";
/// So many digits of a record's hash tell it from every other.
const HASH_HEAD: usize = 16;

/// What the templates see. A name that is not here fails the rendering.
#[derive(Serialize)]
pub(super) struct View {
    audience: &'static str,
    became: &'static str,
    /// Which addresses it is about, in words.
    what: &'static str,
    /// Whether the address changed that password resets go to.
    primary: bool,
    /// For a subject line.
    subject_user: String,
    operation: String,
    username: Option<String>,
    person: Option<String>,
    subject: String,
    instance: Option<String>,
    region: String,
    account: String,
    principal: String,
    unique_id: Option<String>,
    proof: String,
    source: String,
    user_agent: Option<String>,
    rules: Vec<String>,
    refusal: Option<String>,
    fields: Vec<Shown>,
    side_effects: Vec<Shown>,
    untold: Vec<&'static str>,
    policy: String,
    at: String,
    found: String,
    request_id: String,
    record: String,
}

#[derive(Serialize)]
struct Shown {
    field: String,
    before: String,
    after: String,
}

impl View {
    pub(super) fn of(delivery: &Delivery) -> Self {
        let facts = &delivery.facts;
        let audience = delivery.audience;
        let optional = |text: &Option<String>| text.as_deref().map(line);
        let username = facts.username.as_deref().map(|name| match audience {
            Audience::Security | Audience::OldPrimary | Audience::OldSecondary => line(name),
            Audience::New => masked(name),
        });
        let refusal = facts.refusal.as_deref().map(|refusal| match audience {
            Audience::Security => line(refusal),
            Audience::OldPrimary | Audience::OldSecondary | Audience::New => {
                line(refusal.split(':').next().unwrap_or_default())
            }
        });
        let (what, primary) = what(facts.fields.iter().chain(&delivery.side_effects));
        Self {
            audience: match audience {
                Audience::Security => "security",
                Audience::OldPrimary | Audience::OldSecondary => "old",
                Audience::New => "new",
            },
            became: became(delivery.became),
            what,
            primary,
            subject_user: ascii(&line(facts.username.as_deref().unwrap_or(&facts.subject)), 64),
            operation: line(&facts.operation),
            username,
            person: facts.person.as_deref().map(inert),
            subject: line(&facts.subject),
            instance: optional(&facts.instance),
            region: line(&facts.region),
            account: line(&facts.account),
            principal: line(&facts.principal),
            unique_id: optional(&facts.unique_id),
            proof: line(&facts.proof),
            source: line(&facts.source),
            user_agent: facts.user_agent.as_deref().map(inert),
            rules: facts.rules.iter().map(|rule| line(rule)).collect(),
            refusal,
            fields: shown(&facts.fields, audience),
            side_effects: shown(&delivery.side_effects, audience),
            untold: facts.untold.iter().map(|untold| role(*untold)).collect(),
            policy: line(&facts.policy),
            at: utc(facts.at),
            found: utc(delivery.at),
            request_id: line(&facts.request_id),
            record: line(&format!(
                "{} number {}, hash {}",
                delivery.record.chain,
                delivery.record.seq,
                delivery.record.hash.chars().take(HASH_HEAD).collect::<String>()
            )),
        }
    }
}

fn shown(fields: &[ChangedField], audience: Audience) -> Vec<Shown> {
    let new = audience == Audience::New;
    let concerns = |field: &&ChangedField| !new || (field.is_address() && field.after.is_some());
    fields
        .iter()
        .filter(concerns)
        .map(|field| {
            let value = |value: &Option<String>| {
                value.as_deref().map_or_else(|| NONE.to_owned(), |value| of(field, value, audience))
            };
            Shown {
                field: line(&field.field),
                before: if new { NOT_SHOWN.to_owned() } else { value(&field.before) },
                after: value(&field.after),
            }
        })
        .collect()
}

fn of(field: &ChangedField, value: &str, audience: Audience) -> String {
    match (audience, field.is_address()) {
        (Audience::Security, true) => address(value),
        (Audience::Security, false) => inert(value),
        (Audience::OldPrimary | Audience::OldSecondary | Audience::New, true) => masked_address(value),
        (Audience::OldPrimary | Audience::OldSecondary | Audience::New, false) => masked(value),
    }
}

/// Which addresses, in words, and whether the one that password resets go to is among them.
fn what<'a>(fields: impl Iterator<Item = &'a ChangedField>) -> (&'static str, bool) {
    let (mut primary, mut secondary) = (false, false);
    for field in fields.filter(|field| field.is_address()) {
        match field.field.as_str() {
            "Email" => primary = true,
            _ => secondary = true,
        }
    }
    match (primary, secondary) {
        (true, true) => ("primary and secondary e-mail addresses", true),
        (true, false) => ("primary e-mail address", true),
        (false, true) => ("secondary e-mail address", false),
        (false, false) => ("details", false),
    }
}

fn became(became: Became) -> &'static str {
    match became {
        Became::Done => "done",
        Became::SeenDone => "done (no answer from Amazon Connect; a later read shows it)",
        Became::NotDone => "not done (Amazon Connect refused it)",
        Became::SeenNotDone => "not done (no answer from Amazon Connect; later reads show the old values)",
        Became::Unknown => "not known yet (sent, and no answer that can be believed)",
        Became::Undetermined => "not known, and no read can tell",
        Became::NotShown => "accepted by Amazon Connect; later reads show the old values",
        Became::NotRead => "accepted by Amazon Connect; it could not be read whether it was done",
        Became::Refused => "refused by Connect Guard; nothing was sent to Amazon Connect",
    }
}

fn role(untold: Untold) -> &'static str {
    match untold {
        Untold::OldPrimary => "the primary address from before",
        Untold::OldSecondary => "the secondary address from before",
        Untold::New => "the new address",
    }
}

fn utc(millis: i64) -> String {
    Timestamp::from_millisecond(millis)
        .map_or_else(|_| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}
