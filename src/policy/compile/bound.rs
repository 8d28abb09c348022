//! The three address bindings, domains, and the `username,address` files.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    diagnostic::{Fault, Faults, nearest},
    operation::{Address, Field},
    policy::{
        DirectoryFile,
        binding::{Binding, Directory, Piece, Placeholder, Template},
    },
    secret::Digest,
};

use super::{
    table::{Reading, Table, Text},
    when,
};

/// The keys that say to which address; exactly one of them where an address may change.
pub(super) const BINDINGS: [&str; 3] = ["email_from", "email_directory", "email_any_in"];
/// The first line of a directory file.
const HEADER: &str = "username,address";

/// Reads the binding of a rule: exactly one where an address may change, none elsewhere.
pub(super) fn binding(
    table: &mut Table<'_>,
    fields: &BTreeSet<Field>,
    directories: &HashMap<String, Option<Arc<Directory>>>,
    reading: &mut Reading<'_>,
) -> Option<Binding> {
    let given: Vec<&str> = BINDINGS.into_iter().filter(|key| table.has(key)).collect();
    let from = table.text("email_from", reading).and_then(|text| template(&text, reading)).map(Binding::From);
    let directory = table.text("email_directory", reading).and_then(|name| {
        let found = directories.get(&name.value);
        if found.is_none() {
            let hint = match nearest(&name.value, directories.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("write [directories.{}] with file and max_age", name.value),
            };
            reading.error_hint(format!("there is no directory `{}`", name.value), name.span, hint);
        }
        // One that is there and at fault is not missed here.
        found.cloned().flatten().map(Binding::Directory)
    });
    let any_in = any_in(table, reading);
    match (given.as_slice(), fields.iter().find(|field| field.is_address())) {
        ([], Some(_)) if table.has("address_to_be_written") => {}
        ([], Some(field)) => reading.error_hint(
            format!("the rule lets {field} change, and does not say to which address"),
            table.span_of("fields"),
            "add one of email_from, email_directory, email_any_in: a domain alone stops nobody inside it",
        ),
        ([_, second, ..], _) => reading.error_hint(
            "a rule has one address binding",
            table.span_of(second),
            "write a rule for each of them",
        ),
        ([only], None) => reading.error_hint(
            format!("`{only}` is for Email and SecondaryEmail, and `fields` has neither"),
            table.span_of(only),
            "remove the key, or name the field",
        ),
        ([] | [_], _) => {}
    }
    from.or(directory).or(any_in)
}

/// A plain domain, in lower case.
pub(super) fn domain(text: &Text, reading: &mut Reading<'_>) -> Option<String> {
    let found =
        Address::read(&format!("a@{}", text.value)).ok().filter(|address| address.domain() == text.value);
    if found.is_none() {
        reading.error_hint(
            format!("`{}` is no domain", text.value),
            text.span.clone(),
            "write it in lower case, without `@`, `*` or a leading dot; sub-domains are named one by one",
        );
    }
    found.map(|address| address.domain().to_owned())
}

/// Reads `[directories.NAME]`.
pub(super) fn directory(
    name: &Text,
    mut table: Table<'_>,
    files: &[DirectoryFile],
    reading: &mut Reading<'_>,
) -> Option<Directory> {
    table.require("file", "name a .csv file of the policy directory", reading);
    table.require("max_age", "say how old the file may be, such as \"24h\"", reading);
    let file = table.text("file", reading);
    let max_age = table.text("max_age", reading).and_then(|text| when::duration("max_age", &text, reading));
    table.finish(reading);
    let (file, max_age) = (file?, max_age?);
    let Some(found) =
        files.iter().find(|other| *other.source.name == *file.value || ends_with(other, &file.value))
    else {
        reading.error_hint(
            format!("there is no file `{}`", file.value),
            file.span,
            "directory files lie beside the rules and end in .csv",
        );
        return None;
    };
    let (addresses, faults) = entries(found);
    reading.faults.extend(faults);
    Some(Directory {
        name: name.value.clone(),
        addresses,
        modified: found.modified,
        max_age,
        digest: Digest::of(found.source.text.as_bytes()),
    })
}

/// Whether a file's name, which may be given with its directory, is this one.
fn ends_with(file: &DirectoryFile, name: &str) -> bool {
    file.source.name.rsplit(['/', '\\']).next() == Some(name)
}

/// `username,address`, a line each, after a first line that says so. No quotes, no spaces: one reading.
fn entries(file: &DirectoryFile) -> (HashMap<String, Address>, Faults) {
    let mut addresses = HashMap::new();
    let mut faults = Faults::new();
    let mut start = 0;
    for (number, raw) in file.source.text.split_inclusive('\n').enumerate() {
        let line = raw.trim_end_matches(['\r', '\n']);
        let span = start..start + line.len();
        start += raw.len();
        let mut error = |message: &str, hint: &str| {
            faults.push(Fault::error(message, file.source.at(span.clone())).hint(hint));
        };
        if number == 0 {
            if line != HEADER {
                error("the first line of a directory file is its header", "write username,address");
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let entry = line.split_once(',').filter(|(name, address)| {
            let plain = |text: &str| !text.is_empty() && !text.contains([',', '"', ' ', '\t']);
            plain(name) && plain(address)
        });
        let Some((name, address)) = entry else {
            error("a line is username,address", "without quotes and spaces, and with one comma");
            continue;
        };
        match Address::read(address) {
            Ok(address) => {
                if addresses.insert(name.to_owned(), address).is_some() {
                    error("this username has two addresses", "keep one line for each username");
                }
            }
            Err(fault) => error(&fault.to_string(), "write a plain address, such as mary.major@example.com"),
        }
    }
    if file.source.text.is_empty() {
        faults.push(
            Fault::error("a directory file is empty", file.source.at(0..0)).hint("write username,address"),
        );
    }
    (addresses, faults)
}

/// `email_from = "{first_name}.{last_name}@example.com"`
fn template(text: &Text, reading: &mut Reading<'_>) -> Option<Template> {
    if text.value == "{username}" {
        return Some(Template::Username);
    }
    let mut refuse = |message: String, hint: String| {
        reading.error_hint(message, text.span.clone(), hint);
        None
    };
    let Some((local, domain)) = text.value.split_once('@') else {
        return refuse(
            "`email_from` is no address".to_owned(),
            "write such as {username}@example.com, or {username} alone where Usernames are addresses"
                .to_owned(),
        );
    };
    let mut pieces = Vec::new();
    let mut sample = String::new();
    let mut rest = local;
    while let Some((literal, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return refuse("a `{` is not closed".to_owned(), "write {username}".to_owned());
        };
        let Some(placeholder) = Placeholder::read(name) else {
            let hint = match nearest(name, Placeholder::NAMES) {
                Some(near) => format!("did you mean `{{{near}}}`?"),
                None => format!("placeholders are: {}", Placeholder::NAMES.join(", ")),
            };
            return refuse(format!("there is no placeholder `{{{name}}}`"), hint);
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.to_owned()));
        }
        pieces.push(Piece::Of(placeholder));
        sample.push_str(literal);
        sample.push('x');
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Literal(rest.to_owned()));
        sample.push_str(rest);
    }
    if !pieces.iter().any(|piece| matches!(piece, Piece::Of(_))) {
        return refuse(
            "`email_from` is the same address for everybody".to_owned(),
            format!("use a placeholder: {}", Placeholder::NAMES.map(|name| format!("{{{name}}}")).join(", ")),
        );
    }
    match Address::read(&format!("{sample}@{domain}")) {
        Ok(address) if address.domain() == domain => Some(Template::Parts(pieces, domain.to_owned())),
        Ok(_) | Err(_) => refuse(
            "`email_from` gives no plain address".to_owned(),
            "placeholders stand before the `@`, and the domain is written out in lower case".to_owned(),
        ),
    }
}

/// `email_any_in = { domains = ["example.com"], because = "..." }`
fn any_in(table: &mut Table<'_>, reading: &mut Reading<'_>) -> Option<Binding> {
    let mut table = table.table("email_any_in", reading)?;
    table.require("domains", "name the domains, each written out", reading);
    table.require(
        "because",
        "any mailbox of the domain may then take over any account this rule reaches: say who decided that, and why",
        reading,
    );
    let texts = table.texts("domains", reading).unwrap_or_default();
    let domains: BTreeSet<String> = texts.iter().filter_map(|text| domain(text, reading)).collect();
    let because = table.sentence("because", reading);
    table.finish(reading);
    because.map(|_| Binding::AnyIn(domains))
}
