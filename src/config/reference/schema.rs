//! The JSON Schema of a configuration.

use serde_json::{Map, Value, json};

use super::{Entry, inside};
use crate::config::raw::section::{Form, Key, Says};

/// A schema whose title is this.
pub(super) fn of(title: &str, keys: &[Key], entries: &[Entry]) -> Value {
    let mut schema = table("", keys, entries);
    if let Some(fields) = schema.as_object_mut() {
        fields.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        fields.insert("title".into(), title.into());
    }
    schema
}

fn table(path: &str, keys: &[Key], entries: &[Entry]) -> Value {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    for key in keys {
        let below = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
        let (path, _) = inside(below, &key.form);
        let mut value = form(&path, &key.form, &key.says, entries);
        if let (Some(fields), Some(entry)) =
            (value.as_object_mut(), entries.iter().find(|entry| entry.key == path))
        {
            let default =
                entry.default.as_ref().map(|said| format!(" (otherwise {said})")).unwrap_or_default();
            fields.insert("description".into(), format!("{}{default}", entry.doc).into());
        }
        properties.insert(key.name.to_owned(), value);
        required.extend(key.required.then_some(key.name));
    }
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn form(path: &str, form: &Form, says: &Says, entries: &[Entry]) -> Value {
    match (form, says) {
        (_, Says::OneOf(all)) => json!({ "enum": all }),
        (_, Says::Number(bounds)) => {
            json!({ "type": "integer", "minimum": bounds.start(), "maximum": bounds.end() })
        }
        (_, Says::Days(_)) => json!({ "type": "string", "pattern": "^[0-9]+d$" }),
        (Form::Text | Form::Path, _) => json!({ "type": "string" }),
        (Form::Switch, _) => json!({ "type": "boolean" }),
        (Form::Number, _) => json!({ "type": "integer", "minimum": 0 }),
        (Form::Fraction, _) => json!({ "type": "number" }),
        // Editors show a date of TOML as text.
        (Form::Date, _) => json!({ "type": "string", "format": "date" }),
        (Form::List(of), _) => {
            json!({ "type": "array", "items": self::form(path, of, &Says::Nothing, entries) })
        }
        (Form::Named(of), _) => {
            json!({ "type": "object", "additionalProperties": self::form(path, of, &Says::Nothing, entries) })
        }
        (Form::Table(keys), _) => table(path, keys, entries),
    }
}
