//! `[[allow]]` and `[[deny]]`: from what is written to what is meant.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use crate::{
    clock::Now,
    diagnostic::nearest,
    operation::{Class, Field, Route},
    policy::{
        QuotaOf, RuleRef,
        binding::Directory,
        pattern::Pattern,
        rule::{Action, Allow, Deny, Mode, PasswordRule, Restore},
    },
};

use super::{
    bound::{binding, domain},
    own,
    scope::{self, Side, names, reached},
    table::{Reading, Table, Text},
    when,
};

/// The operations that take each closed list of things a rule may grant.
const GRANTING: [&str; 3] = ["CreateUser", "UpdateUserSecurityProfiles", "AssociateSecurityProfiles"];
const CREATING: [&str; 1] = ["CreateUser"];
const PERMITTING: [&str; 2] = ["CreateSecurityProfile", "UpdateSecurityProfile"];

/// Reads an `[[allow]]`; none when it is faulty, which is noted.
pub(super) fn allow(
    mut table: Table<'_>,
    directories: &HashMap<String, Option<Arc<Directory>>>,
    now: Now,
    reading: &mut Reading<'_>,
) -> Option<(Allow, Range<usize>)> {
    let before = reading.faults.iter().count();
    let span = table.span.clone();
    let (rule, _) = identity(&mut table, reading);
    let scope = scope::scope(Side::Allow, &mut table, Some(now), reading);
    let routes = reached(&scope.actions);
    let fields = fields(&mut table, reading);
    let remove = remove(&mut table, reading);
    let binding = binding(&mut table, &fields, directories, reading);
    let members = table.texts("members", reading).unwrap_or_default();
    let allow = Allow {
        fields,
        remove,
        binding,
        plus: table.sentence("plus", reading).map(|plus| plus.value),
        restore: restore(&mut table, reading),
        usernames: names("usernames", &mut table, reading),
        grants: list("grants", &mut table, reading),
        permissions: list("permissions", &mut table, reading),
        members: members.iter().map(|text| text.value.clone()).collect(),
        password: password(&mut table, reading),
        protected: table.sentence("protected", reading).map(|protected| protected.value),
        quota: when::quota(&mut table, reading),
        own: own::own(&mut table, reading),
        ticket: own::ticket(&mut table, reading),
        mode: Mode::Allow,
        rule: rule.clone().unwrap_or_else(|| RuleRef { id: "".into(), place: "".into() }),
        scope,
    };
    if !routes.is_empty() {
        fits_its_actions(&allow, &routes, &table, reading);
        members_of(&routes, &members, reading);
        own::fits(&allow, &routes, &table, reading);
    }
    table.finish(reading);
    let clean = !has_errors_since(before, reading);
    (clean && rule.is_some()).then_some((allow, span))
}

/// Reads a `[[deny]]`; none when it is faulty, which is noted.
pub(super) fn deny(
    mut table: Table<'_>,
    now: Option<Now>,
    reading: &mut Reading<'_>,
) -> Option<(Deny, Range<usize>)> {
    let before = reading.faults.iter().count();
    let span = table.span.clone();
    let (rule, reason) = identity(&mut table, reading);
    let scope = scope::scope(Side::Deny, &mut table, now, reading);
    let fields = fields(&mut table, reading);
    let mut domains = HashSet::new();
    for text in table.texts("domains", reading).unwrap_or_default() {
        domains.extend(domain(&text, reading));
    }
    about_changes(&scope.actions, &table, reading);
    table.finish(reading);
    if has_errors_since(before, reading) {
        return None;
    }
    Some((Deny { rule: rule?, reason: reason?, scope, fields, domains }, span))
}

/// `id` and `reason`.
/// The rule's own keys.
pub(super) fn identity(
    table: &mut Table<'_>,
    reading: &mut Reading<'_>,
) -> (Option<RuleRef>, Option<Arc<str>>) {
    table.require("id", "give the rule a name of its own: records and refusals quote it", reading);
    table.require("reason", "say why the rule is there, with a ticket or a decision", reading);
    let place: Arc<str> = reading.file_and_line(&table.span).into();
    let id = table.text("id", reading).filter(|id| is_id(id, "id", reading));
    let reason = table.text("reason", reading).map(|reason| reason.value.into());
    (id.map(|id| RuleRef { id: id.value.into(), place }), reason)
}

/// Whether a text is an id of this kind, which is noted when it is not.
pub(super) fn is_id(id: &Text, what: &str, reading: &mut Reading<'_>) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let holds = id.value.len() <= 64 && id.value.bytes().all(plain);
    if !holds {
        reading.error_hint(
            format!("`{}` is no {what}", id.value),
            id.span.clone(),
            format!("{what}s are at most 64 lower-case letters, digits and hyphens"),
        );
    }
    holds
}

fn fields(table: &mut Table<'_>, reading: &mut Reading<'_>) -> BTreeSet<Field> {
    let texts = table.texts("fields", reading).unwrap_or_default();
    texts.iter().filter_map(|text| field(text, reading)).collect()
}

/// The field of a name.
pub(super) fn field(text: &Text, reading: &mut Reading<'_>) -> Option<Field> {
    let found = Field::ALL.into_iter().find(|field| field.name() == text.value);
    if found.is_none() {
        let names = || Field::ALL.iter().map(|field| field.name());
        let hint = match nearest(&text.value, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("fields are: {}", names().collect::<Vec<_>>().join(", ")),
        };
        reading.error_hint(format!("`{}` is no field", text.value), text.span.clone(), hint);
    }
    found
}

fn remove(table: &mut Table<'_>, reading: &mut Reading<'_>) -> BTreeSet<Field> {
    let mut fields = BTreeSet::new();
    for text in table.texts("remove", reading).unwrap_or_default() {
        match field(&text, reading) {
            Some(field @ (Field::SecondaryEmail | Field::Mobile)) => {
                fields.insert(field);
            }
            Some(field @ (Field::FirstName | Field::LastName | Field::Email)) => reading.error_hint(
                format!("`{field}` cannot be removed"),
                text.span,
                "only SecondaryEmail and Mobile can",
            ),
            None => {}
        }
    }
    fields
}

fn restore(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Restore {
    let Some(value) = table.value("restore") else { return Restore::Counted };
    match value.get_ref().as_bool() {
        Some(true) => Restore::Exempt,
        Some(false) => Restore::Counted,
        None => {
            reading.error("`restore` is true or false", value.span());
            Restore::Counted
        }
    }
}

fn password(table: &mut Table<'_>, reading: &mut Reading<'_>) -> PasswordRule {
    match table.text("password", reading) {
        None => PasswordRule::Refuse,
        Some(text) => match text.value.as_str() {
            "refuse" => PasswordRule::Refuse,
            "allow" => PasswordRule::Allow,
            _ => {
                reading
                    .error(format!("`password` is \"refuse\" or \"allow\", not `{}`", text.value), text.span);
                PasswordRule::Refuse
            }
        },
    }
}

/// A closed list: no patterns.
fn list(key: &'static str, table: &mut Table<'_>, reading: &mut Reading<'_>) -> HashSet<String> {
    let mut list = HashSet::new();
    for text in table.texts(key, reading).unwrap_or_default() {
        if Pattern::read(&text.value).is_some() {
            reading.error_hint(
                format!("`{key}` is a closed list, without patterns"),
                text.span,
                "name each of them",
            );
        } else {
            list.insert(text.value);
        }
    }
    list
}

/// That each is a member of a body of one of these operations, and one that a rule has to name.
pub(super) fn members_of(routes: &[&Route], members: &[Text], reading: &mut Reading<'_>) {
    let known: BTreeSet<&str> = routes.iter().flat_map(|route| route.granting_members()).copied().collect();
    for text in members {
        if known.contains(text.value.as_str()) {
            continue;
        }
        let hint = match nearest(&text.value, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => {
                "members are of CreateUser, CreateSecurityProfile and UpdateSecurityProfile".to_owned()
            }
            None => format!("members are: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
        };
        reading.error_hint(
            format!("`{}` is no member that a rule names", text.value),
            text.span.clone(),
            hint,
        );
    }
}

/// That a rule has what its operations need, and nothing that none of them has.
fn fits_its_actions(allow: &Allow, routes: &[&Route], table: &Table<'_>, reading: &mut Reading<'_>) {
    let of = |names: &[&str]| routes.iter().find(|route| names.contains(&route.operation)).copied();
    let identity = routes.iter().find(|route| route.class == Class::Identity).copied();
    let ordinary = routes.iter().find(|route| matches!(route.class, Class::Read | Class::Write)).copied();
    let change = routes.iter().find(|route| !matches!(route.class, Class::Read | Class::Write)).copied();
    if let (Some(route), true) = (identity, !table.has("fields") && allow.remove.is_empty()) {
        table.require("fields", &format!("{} changes fields: name them", route.action()), reading);
    }
    for (key, names, present) in [
        ("grants", &GRANTING[..], allow.grants.is_empty()),
        ("usernames", &CREATING[..], allow.usernames.is_empty()),
        ("permissions", &PERMITTING[..], allow.permissions.is_empty()),
    ] {
        if let (Some(route), true) = (of(names), present && !table.has(key)) {
            table.require(
                key,
                &format!("{} needs the closed list of what it may give", route.action()),
                reading,
            );
        }
    }
    for (key, holder, whose) in [
        ("fields", identity, "identity operations"),
        ("remove", identity, "identity operations"),
        ("restore", identity, "identity operations"),
        ("plus", identity, "identity operations"),
        ("grants", of(&GRANTING), "operations that give security profiles"),
        ("usernames", of(&CREATING), "CreateUser"),
        ("password", of(&CREATING), "CreateUser"),
        ("permissions", of(&PERMITTING), "CreateSecurityProfile and UpdateSecurityProfile"),
        ("protected", change, "identity and sensitive operations"),
    ] {
        if table.has(key) && holder.is_none() {
            reading.error_hint(
                format!("`{key}` is for {whose}, and this rule has none"),
                table.span_of(key),
                "remove the key, or name the operation in `actions`",
            );
        }
    }
    let of_user = allow.quota.as_ref().is_some_and(|quota| quota.of == QuotaOf::User);
    if let (Some(route), true) = (of(&CREATING), of_user) {
        reading.warning(
            "unbounded-creation",
            format!("this quota bounds no {}: each user who is created is another", route.operation),
            table.span_of("quota"),
            "count them of the caller or of the instance, in a rule of its own",
        );
    }
    for (key, why) in [
        (
            "users",
            "a Username is looked up for changes only: name `user_ids`, or put this operation into a rule of its own",
        ),
        ("quota", "quotas are counted over changes: put this operation into a rule of its own"),
    ] {
        if let (Some(route), true) = (ordinary, table.has(key)) {
            reading.error_hint(
                format!("`{key}` does not go with `{}`", route.action()),
                table.span_of(key),
                why,
            );
        }
    }
}

/// That a deny about users or fields names no operation for which these are never known.
fn about_changes(actions: &[Action], table: &Table<'_>, reading: &mut Reading<'_>) {
    for action in actions {
        let Action::Named(name) = action else { continue };
        let routes = reached(std::slice::from_ref(action));
        let is = |classes: &[Class]| routes.iter().all(|route| classes.contains(&route.class));
        for key in ["fields", "domains"] {
            if table.has(key) && !is(&[Class::Identity]) {
                reading.error_hint(
                    format!("`{key}` is for identity operations, and `connect:{name}` is none"),
                    table.span_of(key),
                    "put this operation into a deny of its own",
                );
            }
        }
        if table.has("users") && is(&[Class::Read, Class::Write]) {
            reading.error_hint(
                format!("`users` does not go with `connect:{name}`"),
                table.span_of("users"),
                "a Username is looked up for changes only: name `user_ids`",
            );
        }
    }
}

/// Whether an error was noted after so many faults.
pub(super) fn has_errors_since(count: usize, reading: &Reading<'_>) -> bool {
    reading.faults.iter().skip(count).any(|fault| fault.severity == crate::diagnostic::Severity::Error)
}
