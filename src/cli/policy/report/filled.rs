//! What stands on the page, as the template takes it: texts and lists of texts.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    clock::Now,
    diagnostic::{Faults, Severity},
    operation::{Class, Field, routes},
    policy::{Capability, Denied, Overview, Policy, Trial, Written},
};

/// All of it.
pub(super) fn filled(
    name: &str,
    policy: &Policy,
    overview: &Overview,
    faults: &Faults,
    trials: &[Trial],
    now: Now,
) -> Value {
    let (changes, others): (Vec<&Capability>, Vec<&Capability>) =
        overview.capabilities.iter().partition(|capability| is_change(capability));
    let [permissions, users, user_ids] = &overview.protected;
    let failed = trials.iter().filter(|trial| trial.failure.is_some()).count();
    json!({
        "name": name,
        "made": made(now),
        "digest": policy.digest().hex(),
        "epoch": overview.epoch,
        "frozen": policy.frozen_by(),
        "summary": summary(overview, faults, trials.len(), failed),
        "findings": findings(faults),
        "changes": rows(&changes),
        "others": rows(&others),
        "denies": overview.denies.iter().map(denied).collect::<Vec<_>>(),
        "permissions": permissions,
        "users": users,
        "user_ids": user_ids,
        "shared": overview.shared,
        "internationalised": overview.internationalised,
        "revoked": overview.revoked.iter().map(|(who, why, place)| json!({ "who": who, "why": why, "place": place })).collect::<Vec<_>>(),
        "allows": overview.allows.iter().map(written).collect::<Vec<_>>(),
        "trials": trials.iter().map(trial).collect::<Vec<_>>(),
        "failed": failed,
        "files": overview.files.iter().map(|(file, digest, modified)| json!({ "file": file, "digest": digest.hex(), "modified": modified.map(made) })).collect::<Vec<_>>(),
    })
}

/// `2027-03-12 10:00 UTC`
fn made(now: Now) -> String {
    now.timestamp().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// Whether it lets something be changed that leads to an account.
fn is_change(capability: &Capability) -> bool {
    capability.actions.iter().any(|action| {
        let named = routes().iter().find(|route| route.action() == *action);
        named.is_some_and(|route| !matches!(route.class, Class::Read | Class::Write))
    })
}

fn summary(overview: &Overview, faults: &Faults, tests: usize, failed: usize) -> Vec<String> {
    let mut said = vec![address_sentence(overview)];
    let wide: Vec<&str> = overview
        .capabilities
        .iter()
        .filter(|one| one.address.iter().any(|words| words.starts_with("to any address")))
        .map(|one| &*one.rule.id)
        .collect();
    if !wide.is_empty() {
        said.push(format!(
            "{} any account it reaches be pointed at any mailbox of a domain: {}.",
            count(wide.len(), "rule lets", "rules let"),
            wide.join(", ")
        ));
    }
    let ended = overview.allows.iter().filter(|written| written.ended).count();
    let mut rules = format!(
        "{} and {}",
        count(overview.allows.len(), "rule allows something", "rules allow something"),
        count(overview.denies.len(), "rule denies something", "rules deny something"),
    );
    if ended > 0 {
        // Writing to a text cannot fail.
        let _ = write!(rules, "; {} ended", count(ended, "allowing rule has", "allowing rules have"));
    }
    said.push(format!(
        "{rules}. What no rule allows is refused, and what a rule denies is refused whatever another allows."
    ));
    let protected: usize = overview.protected.iter().map(BTreeSet::len).sum();
    said.push(if protected == 0 {
        "Nobody is protected: whoever may edit users can be changed like anybody else.".to_owned()
    } else {
        "Protected users are out of reach of every rule that does not say otherwise.".to_owned()
    });
    if !overview.revoked.is_empty() {
        said.push(format!("{} in force.", count(overview.revoked.len(), "revocation is", "revocations are")));
    }
    said.push(match (tests, failed) {
        (0, _) => "The policy has no tests.".to_owned(),
        (_, 0) => format!("{} run for this page, and passed.", count(tests, "test was", "tests were")),
        (_, _) => {
            format!("{} run for this page, and {failed} failed.", count(tests, "test was", "tests were"))
        }
    });
    let findings = faults.iter().count();
    if findings > 0 {
        said.push(format!("{} worth a look.", count(findings, "finding is", "findings are")));
    }
    said
}

/// The sentence that matters most.
fn address_sentence(overview: &Overview) -> String {
    let sets = |one: &&Capability| one.fields.iter().any(|field| field.is_address());
    let callers: BTreeSet<&str> =
        overview.capabilities.iter().filter(sets).flat_map(|one| &one.callers).map(String::as_str).collect();
    let names: Vec<&str> = callers.iter().map(|arn| arn.rsplit('/').next().unwrap_or(arn)).collect();
    if names.is_empty() {
        return "Nobody can set an e-mail address of a user through the guard.".to_owned();
    }
    format!(
        "{} an e-mail address of a user through the guard: {}.",
        count(names.len(), "caller can set", "callers can set"),
        names.join(", ")
    )
}

fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn findings(faults: &Faults) -> Vec<Value> {
    let finding = |fault: &crate::diagnostic::Fault| {
        let place = fault.place.as_ref();
        json!({
            "severity": if fault.severity == Severity::Error { "error" } else { "warning" },
            "code": fault.code,
            "message": said(&fault.message),
            "hint": fault.hint.as_deref().map(said),
            "place": place.map(|place| format!("{}:{}", place.source.local, place.line_column().0)),
        })
    };
    faults.iter().map(finding).collect()
}

/// A line of the matrix for each rule.
fn rows(capabilities: &[&Capability]) -> Vec<Value> {
    let row = |one: &&Capability| {
        let set: Vec<&str> = one.fields.iter().map(|field| field.name()).collect();
        let remove: Vec<&str> = one.remove.iter().map(|field| field.name()).collect();
        json!({
            "callers": broken(&one.callers),
            "actions": broken(&one.actions),
            "set": set,
            "remove": remove,
            "instances": one.instances,
            "users": all_said(&one.users),
            "address": all_said(&one.address),
            "conditions": all_said(&one.conditions),
            "until": one.until,
            "except": one.except.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
            "id": &*one.rule.id,
            "place": &*one.rule.place,
        })
    };
    capabilities.iter().map(row).collect()
}

fn written(one: &Written) -> Value {
    json!({
        "id": &*one.rule.id,
        "place": &*one.rule.place,
        "reason": one.reason,
        "until": one.until,
        "ended": one.ended,
        "sentences": one.sentences.iter().map(|(what, text)| json!({ "what": what, "text": text })).collect::<Vec<_>>(),
    })
}

fn denied(one: &Denied) -> Value {
    let fields: Vec<&str> = one.fields.iter().map(|field: &Field| field.name()).collect();
    json!({
        "rule": written(&one.written),
        "callers": one.callers,
        "actions": one.actions,
        "instances": one.instances,
        "users": all_said(&one.users),
        "fields": fields,
        "domains": one.domains,
        "conditions": all_said(&one.conditions),
    })
}

fn trial(one: &Trial) -> Value {
    json!({
        "name": one.name,
        "file": &*one.file,
        "line": one.line,
        "passed": one.failure.is_none(),
        "expected": said(&one.expected),
        "found": said(&one.found),
        "rules": one.rules.iter().map(|rule| &*rule.id).collect::<Vec<_>>(),
    })
}

/// Words in which names stand in backticks, in pieces.
fn said(words: &str) -> Value {
    let paired = words.matches('`').count().is_multiple_of(2);
    let pieces = words.split(|letter| paired && letter == '`').enumerate();
    pieces
        .filter(|(_, text)| !text.is_empty())
        .map(|(number, text)| json!({ "code": number % 2 == 1, "text": text }))
        .collect()
}

fn all_said(words: &[String]) -> Vec<Value> {
    words.iter().map(|words| said(words)).collect()
}

/// ARNs and actions, which may be broken after their last colon.
fn broken(names: &BTreeSet<String>) -> Vec<Value> {
    let parts = |name: &String| {
        let at = name.rfind(':').map_or(0, |at| at + 1);
        let (before, after) = name.split_at(at);
        json!({ "before": before, "after": after })
    };
    names.iter().map(parts).collect()
}
