//! `[[test]]`: one question, what is true when it is asked, and what the policy is to answer.

use std::{collections::BTreeMap, ops::Range};

use toml::de::DeValue;

use crate::{
    caller::{Arn, Principal},
    operation::{Address, Class, Directory, Field, InstanceId, InstanceIn, Profile, Route, routes},
    policy::{
        Code, Known,
        case::{Case, CaseUser},
        question::Password,
        rule::NO_INSTANCE,
        ticket::{HEADER, Ticket},
    },
};

use super::{
    address,
    rules::{field, members_of},
    table::{Reading, Table, Text, text},
    when,
};

/// A case, and what the policy is to answer.
pub(super) struct Expected {
    pub(super) name: String,
    pub(super) case: Case,
    pub(super) answer: Answer,
    /// Where the answer is written.
    pub(super) span: Range<usize>,
    /// Where the instance is written.
    pub(super) instance: Range<usize>,
    /// The line on which the test begins, from 1.
    pub(super) line: usize,
}

/// What the policy is to answer.
pub(super) enum Answer {
    /// That it is allowed, by this rule among others.
    Allow(Option<String>),
    /// That it is refused for this reason, by this rule.
    Refuse(Code, Option<String>),
}

/// The id of the security profile that stands for the permissions a test gives its user.
const OF_TEST: &str = "permissions-of-the-test";
/// The id of a test's user that is given none.
const NO_ID: &str = "user-of-the-test";

/// Reads a `[[test]]`; none when it is faulty, which is noted.
pub(super) fn read(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<Expected> {
    for key in ["name", "caller", "action", "instance", "at", "expect"] {
        table.require(key, "a test has name, caller, action, instance, at and expect", reading);
    }
    let line = reading.line(&table.span);
    let name = table.text("name", reading);
    let caller = caller(&mut table, reading);
    let route = table.text("action", reading).and_then(|action| route(&action, reading));
    let instance = table.text("instance", reading);
    let at = when::instant("at", &mut table, reading);
    let span = table.span_of("expect");
    let answer = answer(&mut table, reading);
    let mut profiles = profiles(&mut table, reading);
    let user = user(&mut table, &mut profiles, reading);
    let wanted = change(&mut table, reading);
    let username = table.text("username", reading).map(|text| text.value);
    let password = match table.text("password", reading) {
        Some(text) if text.value == "set" => Password::Set,
        Some(text) => {
            reading.error("`password` of a test is \"set\"", text.span);
            Password::Absent
        }
        None => Password::Absent,
    };
    let grants = values("grants", &mut table, reading);
    let permissions = values("permissions", &mut table, reading);
    let members = table.texts_or_none("members", reading).unwrap_or_default();
    let profile = table.text("profile", reading).map(|text| text.value);
    let directory = directory(&mut table, reading);
    let channel = addresses("channel", &mut table, reading);
    let known = known(&mut table, reading);
    let claims = texts_by_name("claims", &mut table, reading);
    let notes = notes(&mut table, reading);
    if let Some(route) = route {
        about(route, user.is_some(), username.is_some(), &table, reading);
        members_of(&[route], &members, reading);
    }
    table.finish(reading);
    let (route, instance) = (route?, instance?);
    let place = instance.span.clone();
    let (instance, instance_arn) = instance_of(route, &instance, reading);
    let case = Case {
        caller: caller?,
        key_id: None,
        issued: None,
        claims,
        notes,
        route,
        instance,
        instance_arn,
        user,
        username,
        wanted,
        password,
        grants,
        permissions,
        members: values_of(Some(members)),
        profile,
        profiles,
        directory,
        channel,
        known,
        at: at?.into(),
    };
    Some(Expected { name: name?.value, case, answer: answer?, span, instance: place, line })
}

/// That a test says whom it is about.
fn about(route: &Route, user: bool, username: bool, table: &Table<'_>, reading: &mut Reading<'_>) {
    let action = route.action();
    if route.template.contains("{UserId}") && !user {
        table.require("user", &format!("{action} is about a user: user = {{ username = \"...\" }}"), reading);
    }
    if route.operation == "CreateUser" && !username {
        table.require("username", "CreateUser is about a Username", reading);
    }
    if table.has("change") && route.class != Class::Identity {
        reading.error(
            format!("`change` is for identity operations, and `{action}` is none"),
            table.span_of("change"),
        );
    }
}

fn caller(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Principal> {
    let text = table.text("caller", reading);
    let unique_id = table.text("unique_id", reading).map(|text| text.value);
    let text = text?;
    match Arn::read(&text.value) {
        Ok(arn) => Some(Principal { arn, unique_id }),
        Err(fault) => {
            reading.error_hint(
                format!("`{}`: {fault}", text.value),
                text.span,
                "write the caller as AWS shows it: arn:aws:sts::111122223333:assumed-role/ROLE/SESSION",
            );
            None
        }
    }
}

fn route(action: &Text, reading: &mut Reading<'_>) -> Option<&'static Route> {
    let name = action.value.strip_prefix("connect:");
    let found = routes().iter().find(|route| Some(route.operation) == name);
    if found.is_none() {
        reading.error_hint(
            format!("`{}` is no action of Connect", action.value),
            action.span.clone(),
            "name one operation, such as connect:UpdateUserIdentityInfo",
        );
    }
    found
}

/// The bare id, and the ARN when it was given.
fn instance_of(route: &Route, text: &Text, reading: &mut Reading<'_>) -> (Option<String>, Option<String>) {
    if text.value == NO_INSTANCE {
        return (None, None);
    }
    if route.instance == InstanceIn::None {
        reading.error_hint(
            format!("`{}` is an operation without an instance", route.action()),
            text.span.clone(),
            "write instance = \"none\"",
        );
    }
    match InstanceId::of_arn(&text.value) {
        Some(id) => (Some(id.as_str().to_owned()), Some(text.value.clone())),
        None => (Some(text.value.clone()), None),
    }
}

fn answer(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Answer> {
    let expect = table.text("expect", reading);
    let because = table.text("because", reading);
    let rule = table.text("rule", reading).map(|rule| rule.value);
    let expect = expect?;
    match (expect.value.as_str(), because) {
        ("allow", None) => Some(Answer::Allow(rule)),
        ("allow", Some(because)) => {
            reading.error_hint(
                "`because` is for refusals",
                because.span,
                "name the rule that allows it: rule = \"...\"",
            );
            None
        }
        ("refuse", Some(because)) => {
            let code = Code::ALL.into_iter().find(|code| code.as_str() == because.value);
            if code.is_none() {
                let codes = Code::ALL.map(Code::as_str).join(", ");
                reading.error_hint(
                    format!("`{}` is no refusal code", because.value),
                    because.span,
                    format!("codes are: {codes}"),
                );
            }
            code.map(|code| Answer::Refuse(code, rule))
        }
        ("refuse", None) => {
            table.require(
                "because",
                "a refusal is tested with its code, such as because = \"no-rule\"",
                reading,
            );
            None
        }
        _ => {
            reading
                .error(format!("`expect` is \"allow\" or \"refuse\", not `{}`", expect.value), expect.span);
            None
        }
    }
}

/// `profiles = { ID = ["Permission"] }`: the security profiles that can be read.
fn profiles(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<Profile> {
    let Some(mut table) = table.table("profiles", reading) else { return Vec::new() };
    let mut profiles = Vec::new();
    for (id, value) in table.pairs() {
        let permissions = match value.get_ref() {
            DeValue::Array(array) => array
                .iter()
                .filter_map(|item| text(&id.value, item, reading))
                .map(|text| text.value)
                .collect(),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Table(_) => {
                reading.error("a security profile has a list of permissions", value.span());
                continue;
            }
        };
        profiles.push(Profile { name: id.value.clone(), id: id.value, permissions });
    }
    profiles
}

fn user(table: &mut Table<'_>, all: &mut Vec<Profile>, reading: &mut Reading<'_>) -> Option<CaseUser> {
    let mut table = table.table("user", reading)?;
    table.require("username", "a user has a username", reading);
    let username = table.text("username", reading);
    let id = table.text("id", reading).map_or_else(|| NO_ID.to_owned(), |id| id.value);
    let values = Field::ALL.into_iter().filter_map(|field| {
        let text = table.text(field.name(), reading)?;
        Some((field, text.value))
    });
    let values = values.collect();
    let mut profiles = values_of(table.texts_or_none("profiles", reading));
    let permissions = values_of(table.texts_or_none("permissions", reading));
    if !permissions.is_empty() {
        profiles.push(OF_TEST.to_owned());
        all.push(Profile {
            id: OF_TEST.to_owned(),
            name: OF_TEST.to_owned(),
            permissions: permissions.into_iter().collect(),
        });
    }
    table.finish(reading);
    Some(CaseUser { id, username: username?.value, values, profiles })
}

/// `change = { Email = "...", Mobile = "" }`: an empty text is a removal.
fn change(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<(Field, Option<String>)> {
    let Some(mut table) = table.table("change", reading) else { return Vec::new() };
    let mut wanted = Vec::new();
    for (key, value) in table.pairs() {
        let Some(field) = field(&key, reading) else { continue };
        match value.get_ref().as_str() {
            Some("") => wanted.push((field, None)),
            Some(value) => wanted.push((field, Some(value.to_owned()))),
            None => reading.error(format!("`{field}` takes text in quotes"), value.span()),
        }
    }
    wanted.sort_by_key(|(field, _)| *field);
    wanted
}

fn directory(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Directory {
    let Some(text) = table.text("directory", reading) else { return Directory::ConnectManaged };
    match text.value.as_str() {
        "CONNECT_MANAGED" => Directory::ConnectManaged,
        "SAML" => Directory::Saml,
        "EXISTING_DIRECTORY" => Directory::Existing,
        _ => {
            reading.error_hint(
                format!("`{}` is no way to keep users", text.value),
                text.span,
                "write CONNECT_MANAGED, SAML or EXISTING_DIRECTORY",
            );
            Directory::ConnectManaged
        }
    }
}

/// `known = { in_use = [], former = [], held = [] }`: what the ledger knows.
fn known(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Known {
    let Some(mut table) = table.table("known", reading) else { return Known::default() };
    let known = Known {
        in_use: addresses("in_use", &mut table, reading),
        former: addresses("former", &mut table, reading),
        held: values("held", &mut table, reading).into_iter().collect(),
        ..Known::default()
    };
    table.finish(reading);
    known
}

/// Texts by names: `{ NAME = "..." }`.
fn texts_by_name(
    key: &'static str,
    table: &mut Table<'_>,
    reading: &mut Reading<'_>,
) -> BTreeMap<String, String> {
    let Some(mut table) = table.table(key, reading) else { return BTreeMap::new() };
    let pairs = table.pairs().into_iter();
    pairs
        .filter_map(|(name, value)| Some((name.value.clone(), text(&name.value, value, reading)?.value)))
        .collect()
}

/// `ticket`, and `notes` for other headers.
fn notes(table: &mut Table<'_>, reading: &mut Reading<'_>) -> BTreeMap<String, String> {
    let span = table.span_of("notes");
    let mut notes = texts_by_name("notes", table, reading);
    if let Some(name) = notes.keys().find(|name| !Ticket::is_header(name)) {
        let hint = "notes come in headers such as x-guard-ticket, in lower case";
        reading.error_hint(format!("`{name}` is no header of notes"), span, hint);
    }
    if let Some(ticket) = table.text("ticket", reading)
        && notes.insert(HEADER.to_owned(), ticket.value).is_some()
    {
        reading.error(format!("`ticket` is the note `{HEADER}`, which is given already"), ticket.span);
    }
    notes
}

fn addresses(key: &'static str, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<Address> {
    let texts = table.texts_or_none(key, reading).unwrap_or_default();
    texts.iter().filter_map(|text| address(text, reading)).collect()
}

fn values(key: &'static str, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<String> {
    values_of(table.texts_or_none(key, reading))
}

fn values_of(texts: Option<Vec<Text>>) -> Vec<String> {
    texts.unwrap_or_default().into_iter().map(|text| text.value).collect()
}
