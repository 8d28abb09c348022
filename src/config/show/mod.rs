//! The whole effective configuration: every value, and where it comes from. Secrets are named by their places.

mod sections;
mod sessions;
mod streams;

use std::{fmt, time::Duration};

use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, Located, Overrides};
use crate::{
    diagnostic::{Place, Source},
    secret::SecretRef,
};

/// One value of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key from the top of the file: `listen[0].timeouts.head`.
    pub key: String,
    /// Its value; null where there is none.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The file says so.
    File(Place),
    /// Nothing says otherwise.
    Default,
    /// This variable says so.
    Environment(&'static str),
}

/// Collects settings in the order they are told.
struct Shown<'a> {
    source: &'a Source,
    document: DeTable<'a>,
    found: Vec<Setting>,
}

impl Config {
    /// Every setting in a stable order: that of the example configuration. `source` and `overrides` are what this
    /// configuration was read from.
    pub fn shown(&self, source: &Source, overrides: &Overrides) -> Vec<Setting> {
        let document = DeTable::parse(&source.text).map(toml::Spanned::into_inner).unwrap_or_default();
        let mut shown = Shown { source, document, found: Vec::new() };
        shown.config(self, overrides);
        shown.found
    }
}

impl Shown<'_> {
    /// One more, by its key from the top.
    fn say(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        let key = key.into();
        let origin = match self.place(&key) {
            Some(place) => Origin::File(place),
            None => Origin::Default,
        };
        self.found.push(Setting { key, value: value.into(), origin });
    }

    /// One more, which a variable may say.
    fn say_or(&mut self, key: impl Into<String>, value: impl Into<Value>, variable: Option<&'static str>) {
        self.say(key, value);
        if let (Some(variable), Some(setting)) = (variable, self.found.last_mut()) {
            setting.origin = Origin::Environment(variable);
        }
    }

    /// A secret: by the key that says where it is, never what it is.
    fn secret(&mut self, key: &str, at: &Located<SecretRef>) {
        let (way, place) = match &at.value {
            SecretRef::File(path) => ("file", format!("file {}", path.display())),
            SecretRef::Credential(name) => ("credential", format!("credential {name}")),
            // Arguments may be secret themselves.
            SecretRef::Command(words) => {
                ("command", format!("command {}", words.first().map_or("", String::as_str)))
            }
            SecretRef::Environment(name) => ("env", format!("environment variable {name}")),
        };
        self.say(format!("{key}_{way}"), format!("<secret from {place}>"));
    }

    /// The kind of each listener of the file.
    fn kinds(&self) -> impl Iterator<Item = Option<&str>> {
        let listen = self.document.get("listen").map(toml::Spanned::get_ref).and_then(DeValue::as_array);
        listen.into_iter().flatten().map(|listener| {
            let kind = listener.get_ref().as_table().and_then(|table| table.get("kind"));
            kind.and_then(|kind| kind.get_ref().as_str())
        })
    }

    /// Where a key stands in the file.
    fn place(&self, key: &str) -> Option<Place> {
        let mut table = &self.document;
        let mut parts = key.split('.').peekable();
        while let Some(part) = parts.next() {
            let (name, at) = match part.split_once('[') {
                Some((name, at)) => (name, Some(at.strip_suffix(']')?.parse::<usize>().ok()?)),
                None => (part, None),
            };
            let mut found = table.get(name)?;
            if let (Some(at), DeValue::Array(list)) = (at, found.get_ref()) {
                found = list.get(at)?;
            }
            if parts.peek().is_none() {
                return Some(self.source.at(found.span()));
            }
            table = found.get_ref().as_table()?;
        }
        None
    }
}

/// A duration as the configuration writes it.
pub(super) fn duration(of: Duration) -> Value {
    let (seconds, millis) = (of.as_secs(), of.as_millis());
    let text = match seconds {
        _ if !millis.is_multiple_of(1000) => format!("{millis}ms"),
        0 => format!("{millis}ms"),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    };
    text.into()
}

/// A list of what can be written as text.
fn list<T: ToString>(of: impl IntoIterator<Item = T>) -> Value {
    of.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().into()
}

/// `file:line:column`, `default`, or the variable.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(place) => {
                let (line, column) = place.line_column();
                write!(f, "{}:{line}:{column}", place.source.name)
            }
            Self::Default => f.write_str("default"),
            Self::Environment(variable) => write!(f, "environment {variable}"),
        }
    }
}
