//! `policy fmt`: the one way in which a policy file is laid out. Keys of a table stand in one order, their `=` in one
//! column, one empty line before each table. Nothing is written and nothing is taken away: only places and spaces change.

use std::collections::BTreeMap;

use toml_edit::{DocumentMut, Item, Table};

use crate::diagnostic::{Fault, Faults, Source};

/// Keys in the order in which they are written: who, what, where, what of it, when, and what is expected. Others stay as
/// they are, after these.
const ORDER: [&str; 53] = [
    "id",
    "name",
    "reason",
    "caller",
    "callers",
    "unique_id",
    "unique_ids",
    "permission_set",
    "self",
    "claims",
    "ticket",
    "notes",
    "principal",
    "key_id",
    "session",
    "issued_before",
    "action",
    "actions",
    "instance",
    "instances",
    "user",
    "users",
    "user_ids",
    "username",
    "usernames",
    "password",
    "grants",
    "permissions",
    "members",
    "profile",
    "profiles",
    "directory",
    "channel",
    "known",
    "fields",
    "remove",
    "domains",
    "email_from",
    "email_directory",
    "email_any_in",
    "plus",
    "protected",
    "restore",
    "at",
    "change",
    "until",
    "expires",
    "hours",
    "quota",
    "expect",
    "because",
    "rule",
    "file",
];

/// The file as it is to be laid out: the same keys and values, every comment, and the same when it is laid out again.
///
/// # Errors
/// What is no TOML.
pub fn formatted(source: &Source) -> Result<String, Faults> {
    let fail = |message: String, span: Option<std::ops::Range<usize>>| {
        let mut faults = Faults::new();
        faults.push(Fault::error(message, source.at(span.unwrap_or(0..0))));
        faults
    };
    let mut document = source
        .text
        .parse::<DocumentMut>()
        .map_err(|error| fail(error.message().lines().collect::<Vec<_>>().join(", "), error.span()))?;
    let trailing = paragraphs(document.trailing().as_str().unwrap_or_default());
    table(document.as_table_mut(), Depth::File);
    let trailing = if trailing.is_empty() { trailing } else { format!("\n{trailing}") };
    document.set_trailing(trailing);
    let text = document.to_string();
    let text = format!("{}\n", text.trim_matches('\n'));
    // What cannot be laid out without touching what it says is left alone.
    if same(&source.text, &text) {
        Ok(text)
    } else {
        Err(fail("the file cannot be laid out anew".to_owned(), None))
    }
}

/// Whether only places and spaces changed, and no value did.
fn same(before: &str, after: &str) -> bool {
    let letters = |text: &str| {
        let mut counted: BTreeMap<char, usize> = BTreeMap::new();
        for letter in text.chars().filter(|letter| !letter.is_whitespace()) {
            *counted.entry(letter).or_default() += 1;
        }
        counted
    };
    let value = |text: &str| toml::from_str::<toml::Table>(text).ok();
    letters(before) == letters(after) && value(before).is_some() && value(before) == value(after)
}

/// What a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The file itself: its keys stay in their order, because what it begins with belongs there.
    File,
    /// A table in it.
    Table,
}

fn table(table: &mut Table, depth: Depth) {
    let dotted = table.iter().any(|(_, item)| match item {
        Item::Table(inner) => inner.is_dotted(),
        Item::Value(value) => value.as_inline_table().is_some_and(toml_edit::InlineTable::is_dotted),
        Item::ArrayOfTables(_) | Item::None => false,
    });
    if depth == Depth::Table {
        let prefix = paragraphs(table.decor().prefix().and_then(|text| text.as_str()).unwrap_or_default());
        table.decor_mut().set_prefix(format!("\n{prefix}"));
        let remark = remark(table.decor().suffix().and_then(|text| text.as_str()).unwrap_or_default());
        table.decor_mut().set_suffix(remark);
    }
    // Keys with dots are a table over several lines, which have no one column.
    if !dotted {
        if depth == Depth::Table {
            table.sort_values_by(|one, _, other, _| rank(one.get()).cmp(&rank(other.get())));
        }
        values(table, depth);
    }
    for (_, item) in table.iter_mut() {
        match item {
            Item::Table(inner) if !inner.is_dotted() => self::table(inner, Depth::Table),
            Item::ArrayOfTables(inner) => inner.iter_mut().for_each(|one| self::table(one, Depth::Table)),
            Item::Table(_) | Item::Value(_) | Item::None => {}
        }
    }
}

fn values(table: &mut Table, depth: Depth) {
    let keys = table.iter().filter(|(_, item)| item.is_value()).map(|(name, _)| name.to_owned());
    let keys: Vec<String> = keys.collect();
    let width =
        |table: &Table, name: &str| table.key(name).map_or(0, |key| key.display_repr().chars().count());
    let widest = keys.iter().map(|name| width(table, name)).max().unwrap_or(0);
    for (number, name) in keys.iter().enumerate() {
        let space = " ".repeat(widest - width(table, name) + 1);
        let Some((mut key, item)) = table.get_key_value_mut(name) else { continue };
        let before = key.leaf_decor().prefix().and_then(|text| text.as_str()).unwrap_or_default();
        let lines = paragraphs(before);
        let lines = match depth {
            Depth::File if number > 0 && before.starts_with(['\n', '\r']) => format!("\n{lines}"),
            Depth::File => lines,
            Depth::Table => lines.replace("\n\n", "\n"),
        };
        key.leaf_decor_mut().set_prefix(lines);
        key.leaf_decor_mut().set_suffix(space);
        let Some(value) = item.as_value_mut() else { continue };
        let remark = remark(value.decor().suffix().and_then(|text| text.as_str()).unwrap_or_default());
        value.decor_mut().set_prefix(" ");
        value.decor_mut().set_suffix(remark);
    }
}

fn rank(key: &str) -> usize {
    ORDER.iter().position(|name| *name == key).unwrap_or(ORDER.len())
}

/// Comments, a line each, with at most one empty line between two of them; each ends its line.
fn paragraphs(text: &str) -> String {
    let mut lines = String::new();
    let mut gap = false;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            gap = !lines.is_empty();
            continue;
        }
        if gap {
            lines.push('\n');
        }
        gap = false;
        lines.push_str(line);
        lines.push('\n');
    }
    // A comment that stands by itself, such as a heading, is not drawn to what follows it.
    if gap {
        lines.push('\n');
    }
    lines
}

/// The comment at the end of a line.
fn remark(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(" {text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_a_letter_or_a_value_is_not_the_same() {
        assert!(same("a=12 # why\n", "\na = 12 # why\n"));
        assert!(!same("a = 12", "a = 21"), "another value with the same letters");
        assert!(!same("a = 12 # why", "a = 12"), "a comment less");
        assert!(!same("a = ", "a ="), "no TOML");
    }
}
