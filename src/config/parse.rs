//! From text to what is written in it: every key that there is none of, and every value of a wrong type. What the values
//! mean is looked at later, and only where there is no such fault.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeArray, DeTable, DeValue, Deserializer};

use crate::diagnostic::{Fault, Faults, Source, nearest};

/// The keys under which people write a secret itself.
const INLINE: [&str; 9] =
    ["secret", "secret_key", "password", "pass", "token", "key", "hash", "secret_access_key", "private_key"];

/// No more faults than these are looked for: for each the file is read once more.
const MOST: usize = 100;

/// The file as written; or every fault of its form: whatever has one is left out, and the rest is read again.
pub(super) fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Faults> {
    let mut faults = Faults::new();
    let (mut tree, errors) = DeTable::parse_recoverable(&source.text);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        faults.push(Fault::error(plain(error.message()), veiled(source, &span).at(span)));
    }
    if faults.fatal() {
        return Err(faults);
    }
    let mut thinned = Vec::new();
    for _ in 0..MOST {
        let error = match T::deserialize(Deserializer::from(tree.clone())) {
            Ok(read) if !faults.fatal() => return Ok(read),
            Ok(_) => break,
            Err(error) => error,
        };
        let at = error.span().unwrap_or(0..0);
        // What is missing where something was left out may be just that.
        if !error.message().starts_with(MISSING) || !thinned.contains(&at) {
            faults.push(fault(source, error.message(), at.clone()));
        }
        let whole = tree.span();
        match without(tree.get_mut(), whole, &at) {
            Some(of) => thinned.push(of),
            None => break,
        }
    }
    Err(faults)
}

/// Takes out what is at this place, the innermost first, and says what it was taken out of.
fn without(table: &mut DeTable<'_>, whole: Range<usize>, at: &Range<usize>) -> Option<Range<usize>> {
    for (_, value) in table.iter_mut() {
        let span = value.span();
        if let Some(of) = within(value.get_mut(), span, at) {
            return Some(of);
        }
    }
    let (key, _) = table.iter().find(|(key, value)| key.span() == *at || value.span() == *at)?;
    let name = key.get_ref().to_string();
    table.remove(name.as_str()).map(|_| whole)
}

fn within(value: &mut DeValue<'_>, whole: Range<usize>, at: &Range<usize>) -> Option<Range<usize>> {
    match value {
        DeValue::Table(table) => without(table, whole, at),
        DeValue::Array(items) => {
            for item in items.iter_mut() {
                let span = item.span();
                if let Some(of) = within(item.get_mut(), span, at) {
                    return Some(of);
                }
            }
            let taken = items.iter().position(|item| item.span() == *at)?;
            let mut rest = DeArray::new();
            for (_, item) in items.iter().enumerate().filter(|(place, _)| *place != taken) {
                rest.push(item.clone());
            }
            *items = rest;
            Some(whole)
        }
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}

fn fault(source: &Source, message: &str, span: Range<usize>) -> Fault {
    if let Some(mut quoted) = quoted(message, "unknown field ")
        && let Some(given) = quoted.next()
    {
        let said = format!("unknown key `{given}`");
        if INLINE.contains(&given) {
            return Fault::error(said, covered(source, span.clone()).at(span))
                .hint("secrets stand elsewhere: a key that ends in `_file`, `_credential`, `_command` or `_env` says where");
        }
        let known: Vec<&str> = quoted.collect();
        let hint = nearest(given, known.iter().copied()).map_or_else(
            || format!("the keys here are: {}", known.join(", ")),
            |known| format!("did you mean `{known}`?"),
        );
        return Fault::error(said, source.at(span)).hint(hint);
    }
    if let Some(missing) = quoted(message, MISSING).and_then(|mut quoted| quoted.next()) {
        return Fault::error(format!("`{missing}` is missing"), source.at(span));
    }
    Fault::error(plain(message), source.at(span))
}

/// How serde says that a key is not there.
const MISSING: &str = "missing field ";

/// What stands in backticks in a message that begins so, in order.
fn quoted<'a>(message: &'a str, begin: &str) -> Option<impl Iterator<Item = &'a str>> {
    message.strip_prefix(begin).map(|rest| rest.split('`').skip(1).step_by(2))
}

/// What serde expects, in the words of TOML.
const EXPECTED: [(&str, &str); 7] = [
    ("expected f64", "expected a number"),
    ("expected usize", "expected a number from 0 up"),
    ("expected u32", "expected a number from 0 up"),
    ("expected u16", "expected a number from 0 to 65535"),
    ("expected path string", "expected a string"),
    ("expected a sequence", "expected a list in brackets"),
    ("expected a TOML datetime", "expected a date without quotes, such as 2027-01-31"),
];

/// The message on one line.
fn plain(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let line = lines.join("; ");
    let said = EXPECTED.iter().find_map(|(serde, toml)| Some(format!("{}{toml}", line.strip_suffix(serde)?)));
    said.unwrap_or(line)
}

/// The file with nothing but keys and headers in the line of a place: where a value ends nobody knows, and it may be a secret.
fn veiled(source: &Source, span: &Range<usize>) -> Source {
    let start = source.text.floor_char_boundary(span.start);
    let begin = source.text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
    let end = source
        .text
        .get(start..)
        .and_then(|after| after.find('\n'))
        .map_or(source.text.len(), |end| start + end);
    let (Some(before), Some(line), Some(after)) =
        (source.text.get(..begin), source.text.get(begin..end), source.text.get(end..))
    else {
        return Source::new(source.name.clone(), "");
    };
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.[] ".contains(&byte);
    let shown = match line.split_once('=') {
        Some((key, _)) if key.bytes().all(is_name) => key.len() + 1,
        None if line.starts_with('[') && line.bytes().all(is_name) => line.len(),
        Some(_) | None => 0,
    };
    let (key, value) = line.split_at_checked(shown).unwrap_or_default();
    Source::new(source.name.clone(), [before, key, &".".repeat(value.len()), after].concat())
}

/// The file without the rest of the line after a place: what was written there is shown nowhere.
fn covered(source: &Source, span: Range<usize>) -> Source {
    let (Some(before), Some(after)) = (source.text.get(..span.end), source.text.get(span.end..)) else {
        return Source::new(source.name.clone(), "");
    };
    let rest = after.find('\n').and_then(|end| after.get(end..)).unwrap_or_default();
    Source::new(source.name.clone(), format!("{before} = ...{rest}"))
}
