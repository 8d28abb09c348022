//! `policy who-can`: the rules in force as a table.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{args::WhoCan, loaded};
use crate::{
    caller::{Arn, Principal},
    cli::{Exit, args::Format, check::counted, output::Output},
    clock::Clock,
    operation::{Address, Field, routes},
    policy::{Capability, Query},
};

const HEADER: [&str; 11] = [
    "caller",
    "actions",
    "field",
    "users",
    "address",
    "instances",
    "conditions",
    "until",
    "except",
    "rule",
    "place",
];

/// `policy who-can`
pub(super) fn who_can(asked: &WhoCan, output: Output) -> Exit {
    let query = match query(asked) {
        Ok(query) => query,
        Err(why) => {
            output.error(&why);
            return Exit::Usage;
        }
    };
    let policy = match loaded(&asked.directory, output) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let found = policy.who_can(&query, Clock::system().now());
    if asked.csv {
        output.data(&HEADER.join(","));
        for row in found.iter().flat_map(rows) {
            output.data(&row.map(|cell| quoted(&cell)).join(","));
        }
    } else {
        match output.format() {
            Format::Human => human(&found, output),
            Format::Plain => {
                for row in found.iter().flat_map(rows) {
                    output.data(&row.join("\t"));
                }
            }
            Format::Json => {
                output.data(&Value::from(found.iter().map(json_of).collect::<Vec<_>>()).to_string());
            }
        }
    }
    output.say(&counted(found.len(), "rule"));
    if let Some(why) = policy.frozen_by() {
        output.say(&format!("changes are frozen: {why}"));
    }
    Exit::Done
}

fn query(asked: &WhoCan) -> Result<Query, String> {
    let action = asked.action.as_ref().map(|action| {
        let known = routes().iter().find(|route| route.action() == *action);
        known.ok_or_else(|| format!("`{action}` is no action of Connect"))
    });
    let field = asked.field.as_ref().map(|field| {
        let known = Field::ALL.into_iter().find(|known| known.name() == field);
        known.ok_or_else(|| format!("`{field}` is no field"))
    });
    let caller = asked.caller.as_ref().map(|caller| match Arn::read(caller) {
        Ok(arn) => Ok(Principal { arn, unique_id: None }),
        Err(fault) => Err(format!("`{caller}`: {fault}")),
    });
    let address =
        asked.address.as_ref().map(|address| Address::read(address).map_err(|fault| fault.to_string()));
    Ok(Query {
        action: action.transpose()?,
        field: field.transpose()?,
        caller: caller.transpose()?,
        instance: asked.instance.clone(),
        user: asked.user.clone(),
        address: address.transpose()?,
    })
}

/// A row for each caller and each field, in the order of [`HEADER`].
fn rows(found: &Capability) -> Vec<[String; 11]> {
    let set = found.fields.iter().map(|field| field.name().to_owned());
    let remove = found.remove.iter().map(|field| format!("{field} (removed)"));
    let mut fields: Vec<String> = set.chain(remove).collect();
    if fields.is_empty() {
        fields.push(String::new());
    }
    let row = |caller: &String, field: &String| {
        let address = Field::ALL.iter().any(|known| known.is_address() && known.name() == field);
        [
            caller.clone(),
            joined(&found.actions),
            field.clone(),
            words_or(&found.users, "all"),
            if address { found.address.join(", ") } else { String::new() },
            joined(&found.instances),
            found.conditions.join(", "),
            found.until.clone().unwrap_or_default(),
            except(found),
            found.rule.id.to_string(),
            found.rule.place.to_string(),
        ]
    };
    found.callers.iter().flat_map(|caller| fields.iter().map(move |field| row(caller, field))).collect()
}

fn human(found: &[Capability], output: Output) {
    for (number, one) in found.iter().enumerate() {
        if number > 0 {
            output.data("");
        }
        output.data(&format!("{} ({})", one.rule.id, one.rule.place));
        let names = |fields: &[Field]| fields.iter().map(|field| field.name()).collect::<Vec<_>>().join(", ");
        let lines = [
            ("callers", joined(&one.callers)),
            ("actions", joined(&one.actions)),
            ("set", names(&one.fields)),
            ("remove", names(&one.remove)),
            ("users", words_or(&one.users, "all")),
            ("address", one.address.join(", ")),
            ("instances", joined(&one.instances)),
            ("conditions", one.conditions.join(", ")),
            ("until", one.until.clone().unwrap_or_default()),
            ("except", except(one)),
        ];
        for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
            output.data(&format!("  {name:<11} {value}"));
        }
    }
}

fn json_of(found: &Capability) -> Value {
    let names = |fields: &[Field]| fields.iter().map(|field| field.name()).collect::<Vec<_>>();
    json!({
        "callers": found.callers,
        "actions": found.actions,
        "set": names(&found.fields),
        "remove": names(&found.remove),
        "users": found.users,
        "address": found.address,
        "instances": found.instances,
        "conditions": found.conditions,
        "until": found.until,
        "except": found.except.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
        "rule": &*found.rule.id,
        "place": &*found.rule.place,
    })
}

fn joined(texts: &BTreeSet<String>) -> String {
    texts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn words_or(words: &[String], none: &str) -> String {
    if words.is_empty() { none.to_owned() } else { words.join(", ") }
}

fn except(found: &Capability) -> String {
    let ids: Vec<String> = found.except.iter().map(|rule| format!("what `{}` denies", rule.id)).collect();
    ids.join(", ")
}

/// A cell (RFC 4180). What a spreadsheet would take for a formula is kept from being one.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells_are_quoted_and_are_no_formulas() {
        for (cell, written) in [
            ("a", "a"),
            ("a, b", "\"a, b\""),
            ("a \"b\"", "\"a \"\"b\"\"\""),
            ("=1+1", "'=1+1"),
            ("@a,b", "\"'@a,b\""),
            ("\t=1+1", "'\t=1+1"),
        ] {
            assert_eq!(quoted(cell), written);
        }
    }
}
