//! Every key that a configuration may have, with what it takes and what it is when it is absent. The keys are those that the
//! parser reads (`raw::section`), and the defaults those of a configuration that says nothing of them (`show`): nothing here is
//! a list that somebody keeps.

mod schema;

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    Config, LogFormat, Origin, Overrides, RelayAt, RelayFile,
    raw::{
        self,
        section::{DURATIONS, Form, Key, Says, Written},
    },
    show,
};
use crate::{clock::Now, diagnostic::Source, relay::ProofBy};

/// A configuration with every table once, and nothing in it that has a default.
const LEAST: &str = include_str!("least.toml");
/// The same of a relay.
const LEAST_RELAY: &str = include_str!("least-relay.toml");
/// When they are read: none of their dates is over.
const WHEN: &str = "2026-12-01T12:00:00Z";
/// How a secret is referred to besides by a file, and what such a key names.
const WAYS: [(&str, &str); 3] = [
    ("_credential", "the name of a systemd credential (LoadCredential=)"),
    ("_command", "a program that prints it and its arguments, in a list; no shell is started"),
    ("_env", "the name of an environment variable"),
];

/// All keys of a file.
pub(crate) struct Reference {
    /// Whose file: for titles.
    pub(crate) title: &'static str,
    /// Every key, tables before what is in them, in the order of the definitions.
    pub(crate) keys: Vec<Entry>,
    keyed: Vec<Key>,
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// From the top of the file: `listen[].timeouts.head`, `limits.operations.NAME.burst`.
    pub(crate) key: String,
    /// Its last part.
    pub(crate) name: String,
    /// The table that it is in: `listen[].timeouts`; empty at the top.
    pub(crate) table: String,
    /// Whether it is a table, or a list of tables.
    pub(crate) is_table: bool,
    /// What it takes, in words.
    pub(crate) takes: String,
    /// Whether it has to be there, where its table is.
    pub(crate) required: bool,
    /// What it is when it is absent, in words; none where it has to be there or where nothing takes its place.
    pub(crate) default: Option<String>,
    /// What it says.
    pub(crate) doc: String,
    says: Says,
}

impl Reference {
    /// That of a guard's configuration.
    pub(crate) fn of_guard() -> Self {
        Self::of("Connect Guard's configuration", raw::Raw::form(), &defaults())
    }

    /// That of a relay's.
    pub(crate) fn of_relay() -> Self {
        Self::of("The configuration of Connect Guard's relay", raw::relay::Raw::form(), &relay_defaults())
    }

    fn of(title: &'static str, form: Form, defaults: &BTreeMap<String, Value>) -> Self {
        let keyed = if let Form::Table(keys) = form { keys } else { Vec::new() };
        let mut keys = Vec::new();
        walk("", &keyed, defaults, &mut keys);
        Self { title, keys, keyed }
    }

    /// A JSON Schema (draft 2020-12) of the file, for editors. It knows every key and its form, and not what depends on several
    /// of them: `config check` decides.
    pub(crate) fn schema(&self) -> Value {
        schema::of(self.title, &self.keyed, &self.keys)
    }
}

fn walk(table: &str, keys: &[Key], defaults: &BTreeMap<String, Value>, found: &mut Vec<Entry>) {
    for key in keys {
        let below = if table.is_empty() { key.name.to_owned() } else { format!("{table}.{}", key.name) };
        let (path, inner) = inside(below, &key.form);
        let default = match &key.says {
            Says::Otherwise(said) => Some((*said).to_owned()),
            Says::Nothing | Says::Duration(_) | Says::Days(_) | Says::Number(_) | Says::OneOf(_) => {
                defaults.get(&path).filter(|value| !value.is_null()).map(written)
            }
        };
        found.push(Entry {
            key: path.clone(),
            name: key.name.to_owned(),
            table: table.to_owned(),
            is_table: inner.is_some(),
            takes: takes(&key.form, &key.says),
            required: key.required,
            default: default.filter(|_| !key.required && inner.is_none()),
            doc: doc(key, keys),
            says: key.says.clone(),
        });
        if let Some(inner) = inner {
            walk(&path, inner, defaults, found);
        }
    }
}

/// The path of what is in a value, and the keys there are.
fn inside(path: String, form: &Form) -> (String, Option<&[Key]>) {
    match form {
        Form::Table(keys) => (path, Some(keys)),
        Form::List(of) => match keys_of(of) {
            Some(keys) => (format!("{path}[]"), Some(keys)),
            None => (path, None),
        },
        Form::Named(of) => match keys_of(of) {
            Some(keys) => (format!("{path}.NAME"), Some(keys)),
            None => (path, None),
        },
        Form::Text | Form::Path | Form::Switch | Form::Number | Form::Fraction | Form::Date => (path, None),
    }
}

/// The keys of a table.
fn keys_of(form: &Form) -> Option<&[Key]> {
    if let Form::Table(keys) = form { Some(keys) } else { None }
}

/// What a key says; of the further ways to refer to a secret what the first says.
fn doc(key: &Key, beside: &[Key]) -> String {
    if !key.doc.is_empty() {
        return key.doc.to_owned();
    }
    let way = WAYS.iter().find_map(|(end, what)| Some((key.name.strip_suffix(end)?, *what)));
    let Some((secret, what)) = way else { return String::new() };
    let file = format!("{secret}_file");
    match beside.iter().find(|one| one.name == file) {
        Some(_) => format!("Instead of `{file}`: {what}."),
        None => String::new(),
    }
}

/// What a value is, in words.
fn takes(form: &Form, says: &Says) -> String {
    match (form, says) {
        (_, Says::Duration(bounds)) if *bounds == DURATIONS => "a duration, at most 24h".to_owned(),
        (_, Says::Duration(bounds)) => {
            format!("a duration from {} to {}", plain(*bounds.start()), plain(*bounds.end()))
        }
        (_, Says::Days(bounds)) => format!("days, from {}d to {}d", bounds.start(), bounds.end()),
        (_, Says::Number(bounds)) => format!("a number from {} to {}", bounds.start(), bounds.end()),
        (_, Says::OneOf(all)) => {
            let all: Vec<String> = all.iter().map(|one| format!("\"{one}\"")).collect();
            all.join(" or ")
        }
        (Form::Text, _) => "text".to_owned(),
        (Form::Path, _) => "a path".to_owned(),
        (Form::Switch, _) => "true or false".to_owned(),
        (Form::Number | Form::Fraction, _) => "a number".to_owned(),
        (Form::Date, _) => "a date".to_owned(),
        (Form::Table(_), _) => "a table".to_owned(),
        (Form::List(of), _) if keys_of(of).is_some() => "tables".to_owned(),
        (Form::List(of), _) if matches!(**of, Form::Path) => "a list of paths".to_owned(),
        (Form::List(_), _) => "a list of texts".to_owned(),
        (Form::Named(of), _) if keys_of(of).is_some() => "a table of tables".to_owned(),
        (Form::Named(_), _) => "a table of texts".to_owned(),
    }
}

fn plain(of: Duration) -> String {
    show::duration(of).as_str().unwrap_or_default().to_owned()
}

/// As TOML writes it.
fn written(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{key} = {}", written(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// What is in force where nothing is said, by the key.
fn defaults() -> BTreeMap<String, Value> {
    let source = Source::new("least.toml", LEAST);
    let Ok((config, _)) = Config::read(&source, &Overrides::default(), now()) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for setting in config.shown(&source, &Overrides::default()) {
        if setting.origin == Origin::Default {
            let known = found.entry(unnumbered(&setting.key)).or_insert(Value::Null);
            if known.is_null() {
                *known = setting.value;
            }
        }
    }
    found
}

fn relay_defaults() -> BTreeMap<String, Value> {
    let source = Source::new("least-relay.toml", LEAST_RELAY);
    let Ok((file, _)) = RelayFile::read(&source, &Overrides::default(), now()) else {
        return BTreeMap::new();
    };
    let RelayFile { listen, drain, relay, log, status: _ } = file;
    let mut found = BTreeMap::from([
        ("drain.requests", show::duration(drain)),
        ("relay.connect_timeout", show::duration(relay.bounds.connect)),
        ("relay.answer_timeout", show::duration(relay.bounds.answer)),
        ("relay.in_flight", json!(relay.bounds.in_flight)),
        ("relay.body", json!(relay.body)),
        (
            "log.format",
            match log {
                LogFormat::Human => "human".into(),
                LogFormat::Json => "json".into(),
            },
        ),
    ]);
    if let RelayAt::Socket { mode, .. } = listen.at {
        found.insert("listen.mode", format!("{mode:04o}").into());
    }
    if let ProofBy::WebIdentity { label, .. } = relay.session.proof {
        found.insert("relay.label", label.into());
    }
    found.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn now() -> Now {
    Now::from(WHEN.parse().unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

/// `listen[0].caps` is `listen[].caps`.
fn unnumbered(key: &str) -> String {
    let mut plain = String::with_capacity(key.len());
    let mut within = false;
    for letter in key.chars() {
        within = within && letter != ']';
        if !within {
            plain.push(letter);
        }
        within = within || letter == '[';
    }
    plain
}

#[cfg(test)]
impl Entry {
    /// What is to be said of it besides its form.
    pub(super) fn says(&self) -> &Says {
        &self.says
    }
}
