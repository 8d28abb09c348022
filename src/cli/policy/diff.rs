//! `policy diff`: who gains and who loses what.

use std::path::Path;

use serde_json::{Value, json};

use super::loaded;
use crate::{
    cli::{Exit, args::Format, check::counted, output::Output},
    policy::{Difference, Differences, Policy},
};

/// `policy diff`: ends with [`Exit::Failed`] when anybody gains anything.
pub(super) fn diff(before: &Path, after: &Path, output: Output) -> Exit {
    let (before, after) = match (loaded(before, output), loaded(after, output)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(exit), _) | (_, Err(exit)) => return exit,
    };
    let found = before.differences(&after);
    match output.format() {
        Format::Human => human(&found, output),
        Format::Plain => {
            for (sign, one) in signed(&found) {
                output.data(&format!("{sign} {one}"));
            }
        }
        Format::Json => output.data(&json_of(&found, &before, &after).to_string()),
    }
    output.say(&summary(&found));
    if found.gains().is_empty() { Exit::Done } else { Exit::Failed }
}

fn human(found: &Differences, output: Output) {
    for (title, list) in [("gained", found.gains()), ("lost", found.losses())] {
        if list.is_empty() {
            continue;
        }
        output.data(&format!("{title}:"));
        for one in list {
            output.data(&format!("  {one}"));
        }
    }
}

fn signed(found: &Differences) -> impl Iterator<Item = (char, &Difference)> {
    let gains = found.gains().iter().map(|one| ('+', one));
    gains.chain(found.losses().iter().map(|one| ('-', one)))
}

fn summary(found: &Differences) -> String {
    if found.is_empty() {
        return "nobody gains or loses anything".to_owned();
    }
    let (gains, losses) = (found.gains().len(), found.losses().len());
    let losses = format!("{losses} loss{}", if losses == 1 { "" } else { "es" });
    format!("{}, {losses}", counted(gains, "gain"))
}

fn json_of(found: &Differences, before: &Policy, after: &Policy) -> Value {
    let all = |list: &[Difference]| list.iter().map(one).collect::<Vec<_>>();
    json!({
        "before": before.digest().hex(),
        "after": after.digest().hex(),
        "gains": all(found.gains()),
        "losses": all(found.losses()),
    })
}

fn one(difference: &Difference) -> Value {
    json!({
        "who": difference.who,
        "what": difference.what,
        "where": difference.where_,
        "conditions": difference.conditions,
        "rule": difference.rule.as_ref().map(|rule| &*rule.id),
        "place": difference.rule.as_ref().map(|rule| &*rule.place),
        "sentence": difference.to_string(),
    })
}
