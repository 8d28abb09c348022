//! `config show`: the whole effective configuration, and where each value comes from.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Exit,
    args::Format,
    check::{self, Read},
    output::Output,
};
use crate::config::{Origin, Setting};

/// Shows it.
pub(super) fn show(named: Option<&Path>, output: Output) -> Exit {
    let Read { config, warnings, source, overrides } = match check::open(named) {
        Ok(read) => read,
        Err(unread) => return unread.told(output),
    };
    output.tell(&warnings);
    let settings = config.shown(&source, &overrides);
    match output.format() {
        Format::Human => human(&settings, output),
        Format::Plain => {
            for setting in &settings {
                output.data(&format!("{} = {} ({})", setting.key, written(&setting.value), setting.origin));
            }
        }
        Format::Json => {
            let settings: Vec<Value> = settings.iter().map(as_json).collect();
            output.data(&Value::from(settings).to_string());
        }
    }
    Exit::Done
}

/// Keys and values in columns, an empty line between two sections; long values push their origin to the right.
fn human(settings: &[Setting], output: Output) {
    let width = |length: fn(&Setting) -> usize, most: usize| {
        settings.iter().map(length).filter(|width| *width <= most).max().unwrap_or_default()
    };
    let keys = width(|setting| setting.key.chars().count(), 48);
    let values = width(|setting| written(&setting.value).chars().count(), 44);
    let mut before = "";
    for Setting { key, value, origin } in settings {
        let section = section(key);
        if !before.is_empty() && section != before {
            output.data("");
        }
        before = section;
        output.data(&format!("{key:<keys$}  {:<values$}  {origin}", written(value)));
    }
}

/// `listen[0].timeouts.head` stands in `listen[0]`, `notify.route[0].mail` in `notify.route[0]`.
fn section(key: &str) -> &str {
    let end = match key.rfind(']') {
        Some(end) => end + 1,
        None => key.find('.').unwrap_or(key.len()),
    };
    key.get(..end).unwrap_or(key)
}

/// As TOML writes it; `none` where there is nothing.
fn written(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

fn as_json(setting: &Setting) -> Value {
    let origin = match &setting.origin {
        Origin::File(place) => {
            let (line, column) = place.line_column();
            json!({ "from": "file", "file": &*place.source.name, "line": line, "column": column })
        }
        Origin::Default => json!({ "from": "default" }),
        Origin::Environment(variable) => json!({ "from": "environment", "variable": variable }),
    };
    json!({ "key": setting.key, "value": setting.value, "origin": origin })
}
