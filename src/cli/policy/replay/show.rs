//! A table of counts, what could not be judged, and each difference.

use serde_json::{Value, json};

use super::{
    Left, Was,
    tally::{Difference, Now, Often, Tally},
};
use crate::{
    cli::{args::Format, check::counted, output::Output},
    policy::Policy,
};

/// Writes it all.
pub(super) fn show(tally: &Tally<'_>, left: &Left, policy: &Policy, output: Output) {
    match output.format() {
        Format::Human => human(tally, output),
        Format::Plain => plain(tally, output),
        Format::Json => output.data(&json_of(tally, left, policy).to_string()),
    }
    for (why, count) in left {
        output.say(&format!("left out: {count} {why}"));
    }
    output.say(&summary(tally));
}

fn human(tally: &Tally<'_>, output: Output) {
    output.data(&format!("{:<10}{:>10}{:>10}{:>10}", "", "allowed", "open", "refused"));
    for was in [Was::Done, Was::Refused, Was::Failed] {
        let of = |now| tally.counts.get(&(was, now)).copied().unwrap_or_default();
        let row = [of(Now::Allowed), of(Now::Open), of(Now::Refused)];
        if row != [0, 0, 0] {
            let [allowed, open, refused] = row;
            output.data(&format!("{:<10}{allowed:>10}{open:>10}{refused:>10}", word(was)));
        }
    }
    if !tally.unsaid.is_empty() {
        output.data("");
        output.data("open, since the log does not say:");
        for (words, count) in &tally.unsaid {
            output.data(&format!("{count:>6}  {words}"));
        }
    }
    for (title, was) in
        [("was done, and would be refused:", Was::Done), ("was refused, and would not be:", Was::Refused)]
    {
        let mut of = tally.differences.iter().filter(|(difference, _)| difference.was == was).peekable();
        if of.peek().is_some() {
            output.data("");
            output.data(title);
        }
        for (difference, often) in of {
            output.data(&format!("{:>6}  {}", often.count, sentence(difference)));
            output.data(&format!("        {}", verdict(difference)));
            output.data(&format!("        first: {}", often.first));
        }
    }
}

fn plain(tally: &Tally<'_>, output: Output) {
    for ((was, now), count) in &tally.counts {
        output.data(&format!("count: {}: {}: {count}", word(*was), answer(*now)));
    }
    for (words, count) in &tally.unsaid {
        output.data(&format!("open: {count}: {words}"));
    }
    for (difference, often) in &tally.differences {
        let Often { count, first } = often;
        output.data(&format!(
            "{first}: {}: {count}: {}: {}",
            word(difference.was),
            sentence(difference),
            verdict(difference)
        ));
    }
}

fn json_of(tally: &Tally<'_>, left: &Left, policy: &Policy) -> Value {
    let counts: Vec<Value> = tally
        .counts
        .iter()
        .map(|((was, now), count)| json!({ "was": word(*was), "would_be": answer(*now), "count": count }))
        .collect();
    let differences: Vec<Value> =
        tally.differences.iter().map(|(one, often)| difference(one, often)).collect();
    json!({
        "policy": policy.digest().hex(),
        "counts": counts,
        "open": tally.unsaid,
        "differences": differences,
        "left_out": left,
    })
}

fn difference(one: &Difference, often: &Often) -> Value {
    let rule = one.rules.first();
    json!({
        "was": word(one.was),
        "would_be": answer(one.now),
        "caller": one.caller,
        "action": format!("connect:{}", one.operation),
        "instance": one.instance,
        "fields": one.fields,
        "code": one.code,
        "why": one.why,
        "rule": rule.map(|rule| &*rule.id),
        "place": rule.map(|rule| &*rule.place),
        "count": often.count,
        "first": often.first,
    })
}

fn sentence(one: &Difference) -> String {
    let fields = if one.fields.is_empty() { String::new() } else { format!(" ({})", one.fields.join(", ")) };
    let instance = one.instance.as_deref().map(|id| format!(" on {id}")).unwrap_or_default();
    format!("`{}` connect:{}{fields}{instance}", one.caller, one.operation)
}

fn verdict(one: &Difference) -> String {
    let rules: Vec<String> = one.rules.iter().map(|rule| format!("`{}` ({})", rule.id, rule.place)).collect();
    let by = if rules.is_empty() { String::new() } else { format!(" by {}", rules.join(", ")) };
    match (one.code, &one.why) {
        (Some(code), Some(why)) if rules.is_empty() => format!("{code}: {why}"),
        (Some(code), _) => format!("{code}{by}"),
        (None, _) => format!("{}{by}", if one.now == Now::Open { "perhaps allowed" } else { "allowed" }),
    }
}

fn word(was: Was) -> &'static str {
    match was {
        Was::Done => "done",
        Was::Refused => "refused",
        Was::Failed => "failed",
    }
}

fn answer(now: Now) -> &'static str {
    match now {
        Now::Allowed => "allowed",
        Now::Open => "open",
        Now::Refused => "refused",
    }
}

fn summary(tally: &Tally<'_>) -> String {
    let calls: u64 = tally.counts.values().sum();
    let count = |number: u64, what| counted(usize::try_from(number).unwrap_or(usize::MAX), what);
    let done: u64 = tally.counts.get(&(Was::Done, Now::Refused)).copied().unwrap_or_default();
    if done == 0 {
        format!("{}: nothing that was done would be refused", count(calls, "call"))
    } else {
        format!("{}: {done} of those that were done would be refused", count(calls, "call"))
    }
}
