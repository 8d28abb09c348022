//! From text to what is written in it. What is no TOML, or not of the form of a configuration, stops the reading at the
//! first fault; every other fault is found later, all of them together.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::diagnostic::{Fault, Faults, Source, nearest};

/// The keys under which people write a secret itself.
const INLINE: [&str; 9] =
    ["secret", "secret_key", "password", "pass", "token", "key", "hash", "secret_access_key", "private_key"];

/// The file as written, or the one fault that stops the reading.
pub(super) fn parse<T: DeserializeOwned>(source: &Source) -> Result<T, Faults> {
    toml::from_str(&source.text).map_err(|error| {
        let mut faults = Faults::new();
        faults.push(fault(source, error.message(), error.span().unwrap_or(0..0)));
        faults
    })
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
    if let Some(missing) = quoted(message, "missing field ").and_then(|mut quoted| quoted.next()) {
        return Fault::error(format!("`{missing}` is missing"), source.at(span));
    }
    Fault::error(plain(message), source.at(span))
}

/// What stands in backticks in a message that begins so, in order.
fn quoted<'a>(message: &'a str, begin: &str) -> Option<impl Iterator<Item = &'a str>> {
    message.strip_prefix(begin).map(|rest| rest.split('`').skip(1).step_by(2))
}

/// What serde expects, in the words of TOML.
const EXPECTED: [(&str, &str); 6] = [
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

/// The file without the rest of the line after a place: what was written there is shown nowhere.
fn covered(source: &Source, span: Range<usize>) -> Source {
    let (Some(before), Some(after)) = (source.text.get(..span.end), source.text.get(span.end..)) else {
        return Source::new(source.name.clone(), "");
    };
    let rest = after.find('\n').and_then(|end| after.get(end..)).unwrap_or_default();
    Source::new(source.name.clone(), format!("{before} = ...{rest}"))
}
