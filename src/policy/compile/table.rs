//! A TOML table being read: typed values with their places, and in the end every key that nobody asked for.
//!
//! The document is read as a tree with spans, not by a derive: a derive stops at the first fault, and whoever mends a
//! policy wants to see all of them.

use std::{collections::HashSet, ops::Range, rc::Rc};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
    value::Datetime,
};

use crate::diagnostic::{Fault, Faults, Place, Source, nearest};

use super::{bound::BINDINGS, groups::Groups};

/// How a key ends that waits for an answer: `policy suggest` writes such.
const TO_BE_WRITTEN: &str = "_to_be_written";

/// One file being read, and the faults found in it.
pub(super) struct Reading<'s> {
    /// The file.
    pub(super) source: &'s Source,
    /// What is wrong with it.
    pub(super) faults: Faults,
    /// The groups that it may name; none where it is read by itself.
    pub(super) groups: Option<Rc<Groups>>,
    /// Where its lines begin, after the first.
    lines: Vec<usize>,
}

/// A table of which every key must be asked for.
pub(super) struct Table<'t> {
    /// As messages name it: `[[allow]]`.
    what: String,
    /// Its header.
    pub(super) span: Range<usize>,
    entries: Vec<(&'t Spanned<DeString<'t>>, &'t Spanned<DeValue<'t>>)>,
    asked: Vec<&'static str>,
}

/// A text and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) span: Range<usize>,
}

/// How many words a sentence has at least.
const WORDS: usize = 3;

impl<'s> Reading<'s> {
    /// Starts with a file.
    pub(super) fn of(source: &'s Source) -> Self {
        let lines = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { source, faults: Faults::new(), groups: None, lines: lines.collect() }
    }

    /// The document's tree; none, with every syntax fault noted, when it is not TOML.
    pub(super) fn tree(&mut self) -> Option<Spanned<DeTable<'s>>> {
        let (tree, errors) = DeTable::parse_recoverable(&self.source.text);
        for error in &errors {
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            self.error(message, error.span().unwrap_or(0..0));
        }
        errors.is_empty().then_some(tree)
    }

    /// Notes an error.
    pub(super) fn error(&mut self, message: impl Into<String>, span: Range<usize>) {
        self.faults.push(Fault::error(message, self.place(span)));
    }

    /// Notes an error with a hint.
    pub(super) fn error_hint(
        &mut self,
        message: impl Into<String>,
        span: Range<usize>,
        hint: impl Into<String>,
    ) {
        self.faults.push(Fault::error(message, self.place(span)).hint(hint));
    }

    /// Notes a warning.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Range<usize>,
        hint: impl Into<String>,
    ) {
        self.faults.push(Fault::warning(message, self.place(span)).hint(hint).code(code));
    }

    /// `file:line` as records quote it, without counting lines anew for each of thousands of rules.
    pub(super) fn file_and_line(&self, span: &Range<usize>) -> String {
        format!("{}:{}", self.source.local, self.line(span))
    }

    /// The line on which something begins, from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.lines.partition_point(|start| *start <= span.start) + 1
    }

    /// A place in this file.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        self.source.at(span)
    }
}

impl<'t> Table<'t> {
    /// The table to be read.
    pub(super) fn of(what: impl Into<String>, table: &'t DeTable<'t>, span: Range<usize>) -> Self {
        Self { what: what.into(), span, entries: table.iter().collect(), asked: Vec::new() }
    }

    /// Whether it has a key.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name.get_ref() == key)
    }

    /// The place of a key, or of the table when it has no such key.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        let found = self.entries.iter().find(|(name, _)| name.get_ref() == key);
        found.map_or_else(|| self.span.clone(), |(name, _)| name.span())
    }

    /// The value of a key.
    pub(super) fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.asked.push(key);
        self.entries.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| *value)
    }

    /// Notes that a key is missing, when it is.
    pub(super) fn require(&self, key: &str, hint: &str, reading: &mut Reading<'_>) {
        if !self.has(key) {
            reading.error_hint(format!("{} has no `{key}`", self.what), self.span.clone(), hint);
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Text> {
        let value = self.value(key)?;
        text(key, value, reading)
    }

    /// A text of at least three words: what a dangerous switch takes.
    pub(super) fn sentence(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Text> {
        let value = self.value(key)?;
        if let DeValue::Boolean(_) = value.get_ref() {
            reading.error_hint(
                format!("`{key}` is a sentence"),
                value.span(),
                format!("say why, in words: {key} = \"...\""),
            );
            return None;
        }
        let text = text(key, value, reading)?;
        if text.value.split_whitespace().count() < WORDS {
            reading.error_hint(
                format!("`{key}` is a sentence"),
                text.span,
                "say why, in at least three words: it is read by whoever audits the change",
            );
            return None;
        }
        Some(text)
    }

    /// A list of texts, neither it nor any of them empty.
    pub(super) fn texts(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Vec<Text>> {
        let list = self.texts_or_none(key, reading)?;
        if list.is_empty() {
            reading.error_hint(
                format!("`{key}` is empty"),
                self.span_of(key),
                "an empty list matches nothing: name something, or leave the key out where that is allowed",
            );
            return None;
        }
        Some(list)
    }

    /// A list of texts, which may be empty.
    pub(super) fn texts_or_none(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<Vec<Text>> {
        let value = self.value(key)?;
        let DeValue::Array(array) = value.get_ref() else {
            reading.error_hint(
                format!("`{key}` is a list of texts"),
                value.span(),
                format!("write {key} = [\"...\"]"),
            );
            return None;
        };
        let mut texts = Vec::new();
        let mut known = HashSet::new();
        for item in array {
            let Some(text) = text(key, item, reading) else { continue };
            if known.insert(text.value.clone()) {
                texts.push(text);
            } else {
                reading.error(format!("`{}` is in `{key}` twice", text.value), text.span);
            }
        }
        Some(texts)
    }

    /// Every text in the lists of these keys, without a word about anything else.
    pub(super) fn texts_of(&self, keys: &[&str]) -> impl Iterator<Item = Text> {
        let values = self.entries.iter().filter(|(name, _)| keys.contains(&name.get_ref().as_ref()));
        let items = values.filter_map(|(_, value)| value.get_ref().as_array()).flatten();
        items.filter_map(|item| {
            item.get_ref().as_str().map(|value| Text { value: value.to_owned(), span: item.span() })
        })
    }

    /// A date or time as TOML has it.
    pub(super) fn datetime(
        &mut self,
        key: &'static str,
        reading: &mut Reading<'_>,
    ) -> Option<(Datetime, Range<usize>)> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Datetime(datetime) => Some((*datetime, value.span())),
            DeValue::String(_)
            | DeValue::Integer(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => {
                reading.error_hint(
                    format!("`{key}` is a date"),
                    value.span(),
                    "dates are written without quotes",
                );
                None
            }
        }
    }

    /// A whole number from 1, of 32 bits.
    pub(super) fn number(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<u32> {
        let number = self.whole(key, reading)?;
        let small = u32::try_from(number).ok();
        if small.is_none() {
            reading.error(format!("`{key}` is a whole number from 1"), self.value(key)?.span());
        }
        small
    }

    /// A whole number from 1.
    pub(super) fn whole(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<u64> {
        let value = self.value(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse::<u64>().ok(),
            DeValue::Integer(_)
            | DeValue::String(_)
            | DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => None,
        };
        let number = number.filter(|number| *number > 0);
        if number.is_none() {
            reading.error(format!("`{key}` is a whole number from 1"), value.span());
        }
        number
    }

    /// A table within.
    pub(super) fn table(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<Table<'t>> {
        let value = self.value(key)?;
        let Some(table) = value.get_ref().as_table() else {
            reading.error_hint(
                format!("`{key}` is a table"),
                value.span(),
                format!("write {key} = {{ ... }}"),
            );
            return None;
        };
        Some(Table::of(format!("`{key}`"), table, value.span()))
    }

    /// The tables of a list such as `[[allow]]`.
    pub(super) fn tables(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Vec<Table<'t>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let what = format!("`[[{key}]]`");
        let mut tables = Vec::new();
        let DeValue::Array(array) = value.get_ref() else {
            reading.error_hint(
                format!("`{key}` is a list of tables"),
                self.span_of(key),
                format!("write [[{key}]] with two brackets"),
            );
            return tables;
        };
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => tables.push(Table::of(what.clone(), table, item.span())),
                None => reading.error(format!("`{key}` is a list of tables"), item.span()),
            }
        }
        tables
    }

    /// Every key with its table: for tables whose keys are names.
    pub(super) fn named(&mut self, reading: &mut Reading<'_>) -> Vec<(Text, Table<'t>)> {
        let mut named = Vec::new();
        for (key, value) in std::mem::take(&mut self.entries) {
            let name = Text { value: key.get_ref().to_string(), span: key.span() };
            match value.get_ref().as_table() {
                Some(table) => {
                    named.push((name.clone(), Table::of(format!("`{}`", name.value), table, value.span())));
                }
                None => reading.error(format!("`{}` is a table", name.value), value.span()),
            }
        }
        named
    }

    /// Every key with its value: for tables whose keys are names.
    pub(super) fn pairs(&mut self) -> Vec<(Text, &'t Spanned<DeValue<'t>>)> {
        std::mem::take(&mut self.entries)
            .into_iter()
            .map(|(key, value)| (Text { value: key.get_ref().to_string(), span: key.span() }, value))
            .collect()
    }

    /// Notes every key that was not asked for.
    pub(super) fn finish(self, reading: &mut Reading<'_>) {
        for (key, _) in &self.entries {
            let (name, span) = (key.get_ref(), key.span());
            if self.asked.iter().any(|asked| asked == name) {
                continue;
            }
            let message = format!("{} has no key `{name}`", self.what);
            if let Some(key) = name.strip_suffix(TO_BE_WRITTEN) {
                let answers = if key == "address" { BINDINGS.join(" or ") } else { key.to_owned() };
                let hint = format!("no log says what it is to be: write {answers} in the place of this line");
                reading.error_hint(format!("`{name}` waits for an answer"), span, hint);
                continue;
            }
            let hint = if let Some(near) = nearest(name, self.asked.iter().copied()) {
                format!("did you mean `{near}`?")
            } else {
                let mut known = self.asked.clone();
                known.sort_unstable();
                known.dedup();
                format!("its keys are: {}", known.join(", "))
            };
            reading.error_hint(message, span, hint);
        }
    }
}

/// A text that is not empty.
pub(super) fn text(key: &str, value: &Spanned<DeValue<'_>>, reading: &mut Reading<'_>) -> Option<Text> {
    match value.get_ref().as_str() {
        None => {
            reading.error(format!("`{key}` takes text in quotes"), value.span());
            None
        }
        Some(text) if text.trim().is_empty() => {
            reading.error(format!("`{key}` is empty"), value.span());
            None
        }
        Some(text) => Some(Text { value: text.to_owned(), span: value.span() }),
    }
}
