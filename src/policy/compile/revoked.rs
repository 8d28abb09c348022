//! `revoked.toml` and `deny.d`: read by themselves, whatever the rest of the directory says.

use std::sync::Arc;

use crate::{
    caller::{GuardKey, Session},
    diagnostic::{Fault, Faults, Source},
    policy::{
        PolicyFiles, RuleRef,
        emergency::{Emergency, Revoked, Who},
        index::Index,
        rule::Deny,
    },
};

use super::{
    digest_of, rules,
    scope::{is_unique_id, principal},
    table::{Reading, Table},
    version, when,
};

/// Reads both. A file that is not there denies nothing; one that is broken refuses every change, and so does one without
/// a word in it: that is what is found while somebody writes it anew in its place, and it takes nothing back.
pub(in crate::policy) fn emergency(files: &PolicyFiles) -> (Emergency, Faults) {
    let mut faults = Faults::new();
    let mut broken = Vec::new();
    let mut deny = Vec::new();
    let mut revoked = Vec::new();
    for file in &files.deny {
        match file {
            Ok(source) => match denies(source) {
                (Some(read), warnings) => {
                    deny.extend(read);
                    faults.extend(warnings);
                }
                (None, errors) => {
                    broken.push(format!("`{}` is broken", source.name));
                    faults.extend(errors);
                }
            },
            Err(why) => {
                broken.push("a file of deny.d cannot be read".to_owned());
                faults.push(Fault::bare(format!("a file of deny.d cannot be read: {why}")));
            }
        }
    }
    match &files.revoked {
        None => {}
        Some(Ok(source)) => match revocations(source) {
            (Some(read), warnings) => {
                revoked = read;
                faults.extend(warnings);
            }
            (None, errors) => {
                broken.push(format!("`{}` is broken", source.name));
                faults.extend(errors);
            }
        },
        Some(Err(why)) => {
            broken.push("revoked.toml cannot be read".to_owned());
            faults.push(Fault::bare(format!("revoked.toml cannot be read: {why}")));
        }
    }
    deny.sort_by(|one, other| one.rule.cmp(&other.rule));
    let deny_index = Index::of_deny(&deny);
    let broken = (!broken.is_empty()).then(|| Arc::from(broken.join(", ")));
    let files = digest_of(files.deny.iter().chain(&files.revoked).flatten());
    (Emergency { deny, deny_index, revoked, broken, freezes: Vec::new(), files }, faults)
}

/// Nothing is denied or revoked by a file that says so, or that is not there.
fn emptied(source: &Source, reading: &mut Reading<'_>) {
    if source.text.trim().is_empty() {
        reading.error_hint("the file is empty", 0..0, "write version = 1, or take the file away");
    }
}

fn denies(source: &Source) -> (Option<Vec<Deny>>, Faults) {
    let mut reading = Reading::of(source);
    emptied(source, &mut reading);
    let Some(tree) = reading.tree() else { return (None, reading.faults) };
    let mut file = Table::of("a file of deny.d", tree.get_ref(), 0..0);
    version(&mut file, &mut reading);
    let tables = file.tables("deny", &mut reading);
    let denies = tables.into_iter().filter_map(|table| rules::deny(table, None, &mut reading));
    let denies: Vec<Deny> = denies.map(|(deny, _)| deny).collect();
    file.finish(&mut reading);
    if reading.faults.fatal() { (None, reading.faults) } else { (Some(denies), reading.faults) }
}

fn revocations(source: &Source) -> (Option<Vec<Revoked>>, Faults) {
    let mut reading = Reading::of(source);
    emptied(source, &mut reading);
    let Some(tree) = reading.tree() else { return (None, reading.faults) };
    let mut file = Table::of("revoked.toml", tree.get_ref(), 0..0);
    version(&mut file, &mut reading);
    let tables = file.tables("revoked", &mut reading);
    let revoked = tables.into_iter().filter_map(|table| revocation(table, &mut reading)).collect();
    file.finish(&mut reading);
    if reading.faults.fatal() { (None, reading.faults) } else { (Some(revoked), reading.faults) }
}

fn revocation(mut table: Table<'_>, reading: &mut Reading<'_>) -> Option<Revoked> {
    const WHO: [&str; 5] = ["principal", "unique_id", "key_id", "session", "issued_before"];
    table.require("reason", "say why, with a ticket or an incident", reading);
    let place = reading.file_and_line(&table.span).into();
    let reason = table.text("reason", reading);
    let given: Vec<&str> = WHO.into_iter().filter(|key| table.has(key)).collect();
    if given.len() != 1 {
        reading.error_hint(
            format!("`[[revoked]]` names {} of the things it may revoke", given.len()),
            table.span.clone(),
            format!("write exactly one of {}", WHO.join(", ")),
        );
    }
    let arn = table.text("principal", reading).and_then(|text| principal(&text, reading));
    let texts = [
        formed(&mut table, "unique_id", UNIQUE_ID, reading).map(Who::UniqueId),
        formed(&mut table, "key_id", KEY_ID, reading).map(Who::KeyId),
        formed(&mut table, "session", SESSION, reading).map(Who::Session),
        when::instant("issued_before", &mut table, reading).map(Who::IssuedBefore),
    ];
    table.finish(reading);
    let who = arn.map(|arn| Who::Principal(arn.without_session())).or(texts.into_iter().flatten().next());
    Some(Revoked { rule: RuleRef { id: "revoked".into(), place }, reason: reason?.value.into(), who: who? })
}

/// What an id has to be, and how to come by it.
type Form = (fn(&str) -> bool, &'static str);

const UNIQUE_ID: Form = (
    is_unique_id,
    "it begins with AROA or AIDA and has nothing behind it: aws iam get-role --role-name NAME --query Role.RoleId",
);
const KEY_ID: Form = (
    is_key_id,
    "the access key id of a key or of a session, as records and `caller sessions` show it: GK... or GS...",
);
const SESSION: Form =
    (is_session, "the access key id of a session, or the name of a session of a role: not an ARN");

fn is_key_id(text: &str) -> bool {
    GuardKey::is_id(text) || Session::is_id(text)
}

/// `RoleSessionName` of the STS API, `AssumeRole`.
fn is_session(text: &str) -> bool {
    let is_of_names = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    (2..=64).contains(&text.len()) && text.bytes().all(is_of_names)
}

/// An id that somebody can have: one that nobody has would revoke nothing.
fn formed(
    table: &mut Table<'_>,
    key: &'static str,
    (is, hint): Form,
    reading: &mut Reading<'_>,
) -> Option<String> {
    let text = table.text(key, reading)?;
    if !is(&text.value) {
        reading.error_hint(format!("`{}` is no {}", text.value, key.replace('_', " ")), text.span, hint);
        return None;
    }
    Some(text.value)
}
