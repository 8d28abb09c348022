//! Calls from records of the ledger. An intent is a call whose end its outcome tells; refusals and ordinary operations are
//! calls by themselves. What is sealed is used where it was opened.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::{
    Asked, Call, Left, Was,
    members::{UNSAID, put, text, texts},
};
use crate::{
    caller::Arn,
    cli::policy::args::Period,
    operation::{Class, Field, Route, routes},
    policy::{Logged, Past},
};

/// Reads records, and gives each call on.
pub(super) struct Records<F> {
    period: Period,
    each: F,
    left: Left,
    /// Intents whose outcome was not seen yet, by chain and number.
    open: HashMap<(String, u64), Call>,
    /// Outcomes whose intent was not seen yet: another chain may come first.
    early: HashMap<(String, u64), Was>,
}

/// Chain and number, as notices name a record.
pub(in crate::cli::policy) fn place(record: &Value) -> String {
    let seq = record.get("seq").and_then(Value::as_u64).unwrap_or_default();
    format!("{}/{seq}", text(record, "/chain").unwrap_or_default())
}

impl<F: FnMut(Call)> Records<F> {
    /// Of this period.
    pub(super) fn of(period: Period, each: F) -> Self {
        Self { period, each, left: Left::new(), open: HashMap::new(), early: HashMap::new() }
    }

    /// One record, and what is sealed in it where it was opened.
    pub(super) fn add(&mut self, record: &Value, inputs: Option<&Value>, place: String) {
        let was = match text(record, "/kind") {
            Some("outcome") => return self.outcome(record),
            Some("intent") => None,
            Some("refusal") => Some(Was::Refused),
            Some("ordinary") => Some(Was::Done),
            Some("gap") => {
                let count = record.pointer("/gap/count").and_then(Value::as_u64).unwrap_or(1);
                return self.leave("ordinary operations that were not recorded singly", count);
            }
            // What is about the guard itself, or later in the life of a change.
            Some(_) => return,
            None => return self.leave("lines that are no records", 1),
        };
        let call = match call(record, inputs, was.unwrap_or(Was::Failed), place, self.period) {
            Ok(call) => call,
            Err(why) => return self.leave(why, 1),
        };
        if was.is_some() {
            return (self.each)(call);
        }
        let Some(key) = key(record) else { return self.leave("lines that are no records", 1) };
        match self.early.remove(&key) {
            Some(was) => (self.each)(Call { was, ..call }),
            None => {
                self.open.insert(key, call);
            }
        }
    }

    /// What was left out; changes that are open count as done: nobody knows better.
    pub(super) fn finish(mut self, unread: u64) -> Left {
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_iter().collect();
        open.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, call) in open {
            (self.each)(Call { was: Was::Done, ..call });
        }
        if unread > 0 {
            self.leave("lines that are no records", unread);
        }
        self.left
    }

    fn outcome(&mut self, record: &Value) {
        let intent = record.get("intent").and_then(key);
        let Some(key) = intent else { return self.leave("lines that are no records", 1) };
        let was = match (text(record, "/sent"), text(record, "/effect")) {
            (Some("refused" | "not-sent" | "abandoned"), _) | (_, Some("inferred_not_applied")) => {
                Was::Failed
            }
            _ => Was::Done,
        };
        match self.open.remove(&key) {
            Some(call) => (self.each)(Call { was, ..call }),
            None => {
                self.early.insert(key, was);
            }
        }
    }

    fn leave(&mut self, why: &'static str, count: u64) {
        *self.left.entry(why).or_default() += count;
    }
}

fn key(of: &Value) -> Option<(String, u64)> {
    Some((text(of, "/chain")?.to_owned(), of.get("seq")?.as_u64()?))
}

fn call(
    record: &Value,
    inputs: Option<&Value>,
    was: Was,
    place: String,
    period: Period,
) -> Result<Call, &'static str> {
    if !period.has(time(record).ok_or(MEAGRE)?) {
        return Err("calls outside of the period");
    }
    Ok(Call { asked: asked_by(record, inputs)?, was, place })
}

const MEAGRE: &str = "records that do not say enough to be asked again";

fn time(record: &Value) -> Option<jiff::Timestamp> {
    text(record, "/at")?.parse().ok()
}

/// What a record says was asked.
pub(in crate::cli::policy) fn asked_by(
    record: &Value,
    inputs: Option<&Value>,
) -> Result<Asked, &'static str> {
    let at = time(record).ok_or(MEAGRE)?;
    let shown = text(record, "/caller/principal").ok_or(MEAGRE)?;
    let whole = inputs.and_then(|inputs| text(inputs, "/principal")).unwrap_or(shown);
    // A session's name that could be an address is `~`: it is no identity, and any stands for it.
    let who = Arn::read(&whole.replace("/~", "/unsaid")).map_err(|_| MEAGRE)?;
    let operation = text(record, "/operation").unwrap_or_default();
    let Some(route) = routes().iter().find(|route| route.operation == operation) else {
        return Ok(Asked::Unknown(who.without_session(), operation.to_owned()));
    };
    let past = past(record, inputs, &who, route, at).ok_or(MEAGRE)?;
    Ok(Asked::Known(Box::new(past)))
}

fn past(
    record: &Value,
    inputs: Option<&Value>,
    who: &Arn,
    route: &'static Route,
    at: jiff::Timestamp,
) -> Option<Past> {
    // Sealed inputs are an object too, with `person` and `sealed` alone.
    let inputs = inputs.filter(|inputs| inputs.get("sealed").is_none());
    let mut question = Map::new();
    put(&mut question, "caller", Some(who.to_string()));
    put(&mut question, "unique_id", text(record, "/caller/unique_id"));
    put(&mut question, "action", Some(route.action()));
    put(&mut question, "instance", Some(instance(record)));
    let kind = text(record, "/target/kind");
    let shown = text(record, "/target/id/0").filter(|id| *id != UNSAID);
    let id = shown.or_else(|| inputs.and_then(|inputs| text(inputs, "/id/0")));
    let resource = id.filter(|_| kind == Some("resource"));
    let of_user = id.filter(|_| kind == Some("user")).or_else(|| within(resource, "/agent/"));
    let of_profile = id.filter(|_| kind == Some("security-profile"));
    put(&mut question, "profile", of_profile.or_else(|| within(resource, "/security-profile/")));
    let mut log = logged(record, inputs, route);
    let mut masked = BTreeSet::new();
    if of_user.is_some() || route.template.contains("{UserId}") {
        let (user, whole) = user(inputs, of_user);
        question.insert("user".into(), user);
        if !whole && log != Logged::Outline {
            log = Logged::Bare;
        }
    }
    if route.class == Class::Identity {
        let asked = inputs.and_then(|inputs| inputs.get("asked")).and_then(Value::as_object);
        let change: Map<String, Value> = if let Some(asked) = asked {
            let text = |value: &Value| value.as_str().unwrap_or_default().into();
            asked.iter().map(|(field, value)| (field.clone(), text(value))).collect()
        } else if says_all(log) {
            Map::new()
        } else {
            masked = named(record);
            log = if masked.is_empty() { Logged::Fieldless } else { Logged::Bare };
            masked.iter().map(|field| (field.name().to_owned(), UNSAID.into())).collect()
        };
        put(&mut question, "change", Some(change));
    }
    if route.operation == "CreateUser" {
        let username = inputs.and_then(|inputs| text(inputs, "/username"));
        put(&mut question, "username", Some(username.unwrap_or(UNSAID)));
        put(&mut question, "grants", inputs.and_then(|inputs| texts(inputs.get("profiles")?)));
    }
    if let Some(inputs) = inputs {
        put(&mut question, "claims", inputs.get("claims").cloned());
        put(&mut question, "notes", inputs.get("notes").cloned());
        looked(&mut question, inputs);
    }
    let body = inputs
        .and_then(|inputs| text(inputs, "/body"))
        .and_then(|body| serde_json::from_str::<Value>(body).ok());
    if let Some(body) = body {
        let given = ["SecurityProfileIds", "SecurityProfiles"].iter().find_map(|name| body.get(name));
        put(&mut question, "grants", given.and_then(profiles));
        put(&mut question, "permissions", body.get("Permissions").and_then(texts));
        let members = route.granting_members().iter().filter(|name| body.get(**name).is_some());
        put(
            &mut question,
            "members",
            Some(members.copied().collect::<Vec<_>>()).filter(|members| !members.is_empty()),
        );
    }
    if let Some(given) = inputs.and_then(|inputs| inputs.get("given")) {
        put(&mut question, "username", text(given, "/username").filter(|_| route.operation == "CreateUser"));
        put(&mut question, "password", (given.get("password") == Some(&Value::Bool(true))).then_some("set"));
        put(&mut question, "grants", given.get("profiles").cloned());
        put(&mut question, "permissions", given.get("permissions").cloned());
        put(&mut question, "members", given.get("members").cloned());
    }
    let signed = |name: &str| inputs.and_then(|inputs| text(inputs, name));
    let issued = signed("/issued").and_then(|at| at.parse().ok());
    Some(
        Past::read(&question, masked, log, at.into()).ok()?.signed(signed("/key").map(str::to_owned), issued),
    )
}

/// How much a record says, so far as its inputs are open.
fn logged(record: &Value, inputs: Option<&Value>, route: &Route) -> Logged {
    let Some(inputs) = inputs else { return Logged::Bare };
    let asks_fields = matches!(route.class, Class::Identity) && route.operation != "CreateUser";
    match inputs.get("looked") {
        Some(looked) if looked.get("permissions").is_some() => Logged::Exact,
        Some(_) => Logged::NotPermissions,
        // Refused before anything was looked at.
        None if inputs.get("given").is_some() => Logged::Outline,
        // Refusals of guards that did not yet say what was to be given.
        None if text(record, "/kind") == Some("refusal") && !asks_fields => Logged::Bare,
        None => Logged::Whole,
    }
}

/// Whether what a record does not say was not asked.
fn says_all(log: Logged) -> bool {
    match log {
        Logged::Exact | Logged::NotPermissions | Logged::Outline => true,
        Logged::Whole | Logged::Bare | Logged::Fieldless => false,
    }
}

/// What it was decided with.
fn looked(question: &mut Map<String, Value>, inputs: &Value) {
    let Some(looked) = inputs.get("looked") else { return };
    for (member, key) in [("permissions", "profiles"), ("directory", "directory"), ("channel", "channel")] {
        put(question, key, looked.get(member).cloned());
    }
    let known = ["held", "in_use", "former"].into_iter();
    let known: Map<String, Value> =
        known.filter_map(|name| Some((name.to_owned(), looked.get(name)?.clone()))).collect();
    put(question, "known", Some(known));
}

fn profiles(value: &Value) -> Option<Vec<String>> {
    let ids = value.as_array()?.iter();
    ids.map(|item| item.as_str().or_else(|| text(item, "/Id")).map(str::to_owned)).collect()
}

/// The user as it was, and whether all of it is known.
fn user(inputs: Option<&Value>, id: Option<&str>) -> (Value, bool) {
    let mut user = Map::new();
    let username = inputs.and_then(|inputs| text(inputs, "/username"));
    if let Some(before) = inputs.and_then(|inputs| inputs.get("before")).and_then(Value::as_object) {
        user.extend(before.clone());
    }
    put(&mut user, "profiles", inputs.and_then(|inputs| texts(inputs.get("profiles")?)));
    put(&mut user, "username", Some(username.unwrap_or(UNSAID)));
    put(&mut user, "id", id);
    (user.into(), username.is_some())
}

/// The fields that a record names in clear: those that were granted or refused.
fn named(record: &Value) -> BTreeSet<Field> {
    let grounds = record.pointer("/basis/grounds").and_then(Value::as_array).into_iter().flatten();
    let granted = grounds.filter_map(|ground| text(ground, "/of"));
    let refused = record.pointer("/refusal/fields").and_then(Value::as_array).into_iter().flatten();
    let names: BTreeSet<&str> = granted.chain(refused.filter_map(Value::as_str)).collect();
    Field::ALL.into_iter().filter(|field| names.contains(field.name())).collect()
}

fn instance(record: &Value) -> String {
    let of = |member: &str| text(record, &format!("/target/{member}"));
    let parts = (of("instance"), of("partition"), of("region"), of("account"));
    let (Some(id), Some(partition), Some(region), Some(account)) = parts else { return "none".to_owned() };
    format!("arn:{partition}:connect:{region}:{account}:instance/{id}")
}

/// What follows a part of an ARN.
fn within<'t>(arn: Option<&'t str>, part: &str) -> Option<&'t str> {
    arn.and_then(|arn| arn.split_once(part)).map(|(_, id)| id)
}
