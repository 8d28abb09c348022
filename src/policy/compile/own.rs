//! `self` and `ticket`: what a rule asks of the caller and of the request beside who it is.

use crate::{
    operation::{Class, Field, Route},
    policy::{rule::Allow, ticket::Ticket},
};

use super::table::{Reading, Table};

/// `self = { claim = "preferred_username", equals = "username" }`
pub(super) fn own(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<String> {
    let mut table = table.table("self", reading)?;
    for key in ["claim", "equals"] {
        table.require(key, "write self = { claim = \"...\", equals = \"username\" }", reading);
    }
    let claim = table.text("claim", reading);
    let equals = table.text("equals", reading);
    if let Some(other) = equals.filter(|equals| equals.value != "username") {
        let hint = "write equals = \"username\": nothing else of a user stays as it is";
        reading.error_hint(format!("a claim is not compared with `{}`", other.value), other.span, hint);
    }
    table.finish(reading);
    claim.map(|claim| claim.value)
}

/// `ticket = { header = "x-guard-ticket", pattern = "SEC-[0-9]+" }`
pub(super) fn ticket(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Ticket> {
    let mut table = table.table("ticket", reading)?;
    for key in ["header", "pattern"] {
        table.require(
            key,
            "write ticket = { header = \"x-guard-ticket\", pattern = \"SEC-[0-9]+\" }",
            reading,
        );
    }
    let header = table.text("header", reading).filter(|header| {
        let known = Ticket::is_header(&header.value);
        if !known {
            let hint =
                "name it x-guard-ticket or x-guard-..., in lower case: only those are known to be signed";
            reading.error_hint(
                format!("`{}` is no header of notes", header.value),
                header.span.clone(),
                hint,
            );
        }
        known
    });
    let pattern = table.text("pattern", reading);
    table.finish(reading);
    let (header, pattern) = (header?, pattern?);
    match Ticket::read(&header.value, &pattern.value) {
        Ok(ticket) => Some(ticket),
        Err(fault) => {
            let hint = "write a regular expression that the whole ticket matches, such as SEC-[0-9]+";
            reading.error_hint(fault.to_string(), pattern.span, hint);
            None
        }
    }
}

/// That nobody gives themself an address or a right.
pub(super) fn fits(allow: &Allow, routes: &[&Route], table: &Table<'_>, reading: &mut Reading<'_>) {
    if !table.has("self") {
        return;
    }
    let mut refuse = |message: String, key: &str, hint: &str| {
        reading.error_hint(message, table.span_of(key), hint);
    };
    if let Some(field) = allow.fields.iter().find(|field| field.is_address()) {
        let hint =
            "an address is what a login is recovered by: name the fields that users may set by themselves";
        refuse(format!("`self` does not go with {field}"), "fields", hint);
    }
    if allow.remove.contains(&Field::SecondaryEmail) {
        let hint = "an address is what a login is recovered by";
        refuse("`self` does not go with the removal of SecondaryEmail".to_owned(), "remove", hint);
    }
    if !allow.grants.is_empty() {
        refuse(
            "`self` does not go with `grants`".to_owned(),
            "grants",
            "nobody gives themself a security profile",
        );
    }
    let of_a_user = |route: &&&Route| {
        matches!(route.class, Class::Identity | Class::Sensitive) && route.template.contains("{UserId}")
    };
    if let Some(route) = routes.iter().find(|route| !of_a_user(route)) {
        let hint = "name operations that change an existing user, such as connect:UpdateUserIdentityInfo";
        refuse(format!("`self` does not go with `{}`", route.action()), "self", hint);
    }
}
