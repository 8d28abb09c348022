//! Who, what, where and when: the matchers that `[[allow]]` and `[[deny]]` share.

use std::collections::{BTreeSet, HashSet};

use crate::{
    caller::{Arn, ArnFault, Resource},
    clock::Now,
    diagnostic::nearest,
    operation::{Class, InstanceId, InstanceIn, Route, UserId, routes},
    policy::{
        pattern::{Names, Pattern},
        rule::{Action, Callers, Conditions, NO_INSTANCE, Reach, Scope},
    },
};

use super::{
    groups,
    table::{Reading, Table, Text},
    when,
};

/// Whether the rule allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Allow,
    Deny,
}

/// Reads the matchers; what is faulty is left out, and noted.
pub(super) fn scope(side: Side, table: &mut Table<'_>, now: Option<Now>, reading: &mut Reading<'_>) -> Scope {
    if side == Side::Allow {
        table.require(
            "callers",
            "name the ARNs of users or roles; a rule without callers is nobody's",
            reading,
        );
        table.require("actions", "name operations, such as connect:UpdateUserIdentityInfo", reading);
        table.require(
            "instances",
            "name instance ids, or \"none\" for operations without an instance",
            reading,
        );
    }
    let callers = callers(side, table, reading);
    let actions = actions(side, table, reading);
    let instances = instances(side, &actions, table, reading);
    let users = names("users", table, reading);
    let user_ids = user_ids(table.texts("user_ids", reading).unwrap_or_default(), reading);
    let conditions = conditions(&callers, table, now, reading);
    Scope {
        callers,
        actions: actions.into_iter().map(|(action, _)| action).collect(),
        instances,
        users,
        user_ids,
        conditions,
    }
}

/// Names and patterns; `*` alone is every name, and is written for nothing.
pub(super) fn names(key: &'static str, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Names {
    let mut names = Names::default();
    for text in table.texts(key, reading).unwrap_or_default() {
        if let Some(name) = groups::named(&text) {
            names.extend(reading.group_of_users(name, &text));
            continue;
        }
        let everything = Pattern::read(&text.value).is_some_and(|pattern| pattern.is_everything());
        if everything && key == "users" {
            reading.error_hint("`*` alone is every user", text.span, "leave `users` out to mean every user");
        } else {
            names.add(&text.value);
        }
    }
    names
}

/// The operations a rule names: all routes that its actions reach.
pub(super) fn reached(actions: &[Action]) -> Vec<&'static Route> {
    routes()
        .iter()
        .filter(|route| actions.iter().any(|action| action.is(route.operation, route.class)))
        .collect()
}

/// One principal's ARN without a session, as rules and revocations name it.
pub(super) fn principal(text: &Text, reading: &mut Reading<'_>) -> Option<Arn> {
    match Arn::read(&text.value) {
        Ok(arn) => match &arn.resource {
            Resource::User(_) | Resource::Role(_) => Some(arn),
            Resource::Session { .. } => {
                reading.error_hint(
                    "a session's name is chosen by whoever assumes the role, and is no identity",
                    text.span.clone(),
                    format!("name the role: {}", arn.without_session()),
                );
                None
            }
        },
        Err(fault) => {
            let hint = match fault {
                ArnFault::RolePath => without_path(&text.value),
                ArnFault::Form | ArnFault::Partition | ArnFault::Account | ArnFault::Resource => {
                    "write arn:aws:iam::111122223333:role/NAME or arn:aws:iam::111122223333:user/NAME"
                        .to_owned()
                }
            };
            reading.error_hint(format!("`{}`: {fault}", text.value), text.span.clone(), hint);
            None
        }
    }
}

/// `callers`, those of groups among them.
pub(super) fn callers(side: Side, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Callers {
    let mut callers = Callers::default();
    for text in table.texts("callers", reading).unwrap_or_default() {
        if let Some(name) = groups::named(&text) {
            callers.add(reading.group_of_callers(name, &text));
        } else if !text.value.contains('*') {
            callers.exact.extend(principal(&text, reading).map(|arn| arn.without_session()));
        } else if let Some((account, role)) = roles(side, &text, reading) {
            callers.roles.push((account, role));
        }
    }
    callers
}

/// `arn:aws:iam::111122223333:role/Desk*`: `*` inside the name of a role, and nowhere else.
fn roles(side: Side, text: &Text, reading: &mut Reading<'_>) -> Option<(String, Pattern)> {
    let mut refuse = |message: &str, hint: &str| {
        reading.error_hint(format!("`{}`: {message}", text.value), text.span.clone(), hint);
        None
    };
    if text.value == "*" {
        return match side {
            Side::Allow => refuse("everybody is no caller", "name the ARNs of users or roles"),
            Side::Deny => refuse("everybody is no caller", "leave `callers` out to deny everybody"),
        };
    }
    let hint = "`*` stands for characters inside the name of a role, never for an account, a path or a user";
    let Some((before, name)) = text.value.split_once(":role/") else {
        return refuse("`*` is for the names of roles only", hint);
    };
    if before.contains('*') {
        return refuse("`*` is for the names of roles only", hint);
    }
    if name.contains('/') {
        return refuse("a role is named without its path", "STS never shows a role's path: write role/NAME");
    }
    let pattern = Pattern::read(name)?;
    if pattern.is_everything() && side == Side::Allow {
        return refuse(
            "every role of an account is no caller",
            "name the roles, or a common part of their names",
        );
    }
    match Arn::read(&format!("{before}:role/{}", name.replace('*', "x"))) {
        Ok(_) => Some((format!("{before}:role/"), pattern)),
        Err(fault) => refuse(&fault.to_string(), "write arn:aws:iam::111122223333:role/NAME*"),
    }
}

fn without_path(text: &str) -> String {
    let account = text.split_once(":role/").map(|(account, _)| account).unwrap_or_default();
    let name = text.rsplit('/').next().unwrap_or_default();
    format!("STS never shows a role's path: write {account}:role/{name}")
}

/// `actions`, each with its text.
pub(super) fn actions(side: Side, table: &mut Table<'_>, reading: &mut Reading<'_>) -> Vec<(Action, Text)> {
    let mut actions = Vec::new();
    for text in table.texts("actions", reading).unwrap_or_default() {
        let Some(name) = text.value.strip_prefix("connect:") else {
            let near = routes().iter().find(|route| route.operation == text.value);
            let hint = match near {
                Some(route) => format!("write {}", route.action()),
                None => "actions are written connect:Operation".to_owned(),
            };
            reading.error_hint(format!("`{}` is no action of Connect", text.value), text.span, hint);
            continue;
        };
        let action = match name.strip_suffix('*') {
            Some(prefix) => wildcard(side, prefix, &text, reading),
            None => named(side, name, &text, reading),
        };
        actions.extend(action.map(|action| (action, text)));
    }
    actions
}

fn named(side: Side, name: &str, text: &Text, reading: &mut Reading<'_>) -> Option<Action> {
    let Some(route) = routes().iter().find(|route| route.operation == name) else {
        let message = format!("Connect has no operation `{name}`");
        if name.contains('*') {
            reading.error_hint(message, text.span.clone(), "`*` stands at the end of an action only");
        } else {
            match nearest(name, routes().iter().map(|route| route.operation)) {
                Some(near) => {
                    reading.error_hint(message, text.span.clone(), format!("did you mean `connect:{near}`?"));
                }
                None => reading.error(message, text.span.clone()),
            }
        }
        return None;
    };
    if side == Side::Allow && route.class == Class::Forbidden {
        reading.error_hint(
            format!("`{}` is refused whatever the policy says", text.value),
            text.span.clone(),
            "it mints a login for whoever signs it, which would be the guard itself",
        );
        return None;
    }
    Some(Action::Named(name.to_owned()))
}

fn wildcard(side: Side, prefix: &str, text: &Text, reading: &mut Reading<'_>) -> Option<Action> {
    let reach = match (side, prefix.is_empty()) {
        (Side::Deny, _) => Reach::Everything,
        (Side::Allow, true) => Reach::Reads,
        (Side::Allow, false) => Reach::ReadsAndWrites,
    };
    let action = Action::Wild(prefix.to_owned(), reach);
    let mut begun = routes().iter().filter(|route| route.operation.starts_with(prefix)).peekable();
    if begun.peek().is_none() {
        let hint = if prefix.contains('*') {
            "`*` stands at the end of an action only"
        } else {
            "look at its spelling and case"
        };
        reading.error_hint(format!("`{}` matches no operation", text.value), text.span.clone(), hint);
        return None;
    }
    if !routes().iter().any(|route| action.is(route.operation, route.class)) {
        let names: Vec<&str> = begun.map(|route| route.operation).collect();
        reading.error_hint(
            format!(
                "`{}` matches identity and sensitive operations only, which no wildcard reaches",
                text.value
            ),
            text.span.clone(),
            format!("name each of them: {}", names.join(", ")),
        );
        return None;
    }
    Some(action)
}

/// `instances`, which have to go with the actions.
pub(super) fn instances(
    side: Side,
    actions: &[(Action, Text)],
    table: &mut Table<'_>,
    reading: &mut Reading<'_>,
) -> HashSet<String> {
    let mut instances = HashSet::new();
    let texts = table.texts("instances", reading).unwrap_or_default();
    for text in &texts {
        if text.value == "*" {
            let hint = match side {
                Side::Allow => "name instance ids, or \"none\" for operations without an instance",
                Side::Deny => "leave `instances` out to deny on every instance",
            };
            reading.error_hint("`*` is no instance", text.span.clone(), hint);
        } else if text.value == NO_INSTANCE
            || InstanceId::read(&text.value).is_some()
            || InstanceId::of_arn(&text.value).is_some()
        {
            instances.insert(text.value.clone());
        } else {
            reading.error_hint(
                format!("`{}` is no instance", text.value),
                text.span.clone(),
                "write the instance's id, its ARN (arn:aws:connect:REGION:ACCOUNT:instance/ID), or \"none\"",
            );
        }
    }
    for (action, text) in actions {
        let Action::Named(name) = action else { continue };
        let without = routes().iter().any(|r| r.operation == name && r.instance == InstanceIn::None);
        if without && !texts.is_empty() && !instances.contains(NO_INSTANCE) {
            reading.error_hint(
                format!("`{}` is an operation without an instance", text.value),
                text.span.clone(),
                "write instances = [\"none\"]",
            );
        }
    }
    instances
}

pub(super) fn user_ids(texts: Vec<Text>, reading: &mut Reading<'_>) -> HashSet<String> {
    let mut ids = HashSet::new();
    for text in texts {
        if UserId::read(&text.value).is_some() {
            ids.insert(text.value);
        } else {
            reading.error_hint(
                format!("`{}` is no user id", text.value),
                text.span,
                "user ids have no patterns; Usernames go into `users`",
            );
        }
    }
    ids
}

/// Whether it is the unique id of a role or of a user, without a session.
pub(super) fn is_unique_id(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    plain && (text.starts_with("AROA") || text.starts_with("AIDA"))
}

fn conditions(
    callers: &Callers,
    table: &mut Table<'_>,
    now: Option<Now>,
    reading: &mut Reading<'_>,
) -> Conditions {
    let mut unique_ids = BTreeSet::new();
    for text in table.texts("unique_ids", reading).unwrap_or_default() {
        if is_unique_id(&text.value) {
            unique_ids.insert(text.value);
        } else {
            reading.error_hint(
                format!("`{}` is no unique id of a role or user", text.value),
                text.span,
                "it begins with AROA or AIDA: aws iam get-role --role-name NAME --query Role.RoleId",
            );
        }
    }
    let permission_set = table.text("permission_set", reading);
    if let Some(set) = &permission_set {
        let generated =
            |role: &Pattern| role.matches(&format!("AWSReservedSSO_{}_0123456789abcdef", set.value));
        let named =
            callers.exact.iter().any(|arn| arn.contains(&format!(":role/AWSReservedSSO_{}_", set.value)));
        if !callers.is_empty() && !named && !callers.roles.iter().any(|(_, role)| generated(role)) {
            reading.error_hint(
                format!("no caller of this rule can have the permission set `{}`", set.value),
                set.span.clone(),
                format!("name its generated role: role/AWSReservedSSO_{}_*", set.value),
            );
        }
    }
    let ends = when::ends("expires", table, reading);
    if let Some((_, span)) = ends.as_ref().filter(|(ends, _)| now.is_some_and(|now| *ends <= now.timestamp()))
    {
        reading.warning("expired", "the rule has expired", span.clone(), "remove it, or give it a later day");
    }
    Conditions {
        unique_ids,
        permission_set: permission_set.map(|set| set.value),
        hours: when::hours(table, reading),
        ends: ends.map(|(ends, _)| ends),
    }
}
