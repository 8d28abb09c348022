//! `aws impact`: whom a service control policy would have stopped.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    aws::{Done, Impact, Level, Plan, Way},
    cli::{Exit, args::Format, check::counted, output::Output, trail},
    clock::Clock,
};

/// How far back is looked unless somebody says otherwise: as long as the event history of `CloudTrail` reaches.
const BACK: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What such a trail cannot show.
const UNSEEN: [&str; 3] = [
    "whoever may do it and has not done it in this time is not in a trail",
    "a trail of some Regions or accounts shows those only; service control policies bind no principal of the management account",
    "the admin website acts through a service-linked role: it goes on as it does, whatever is denied",
];

/// `aws impact`: ends with [`Exit::Failed`] when anybody would be stopped.
pub(super) fn impact(
    plan: &Plan<'_>,
    level: Level,
    paths: &[PathBuf],
    since: Option<Timestamp>,
    output: Output,
) -> Exit {
    let mut found = match Impact::of(plan, level) {
        Ok(found) => found,
        Err(fault) => {
            output.error(&fault.to_string());
            output.hint(fault.hint());
            return Exit::Invalid;
        }
    };
    let since = since.unwrap_or_else(|| Clock::system().now().plus(-BACK).timestamp());
    let (mut seen, mut early, mut undated) = (0_u64, 0_u64, 0_u64);
    for path in paths {
        let read = trail::read(path, &mut |event, _| {
            if event.get("eventSource").and_then(Value::as_str) != Some("connect.amazonaws.com") {
                return;
            }
            let at =
                event.get("eventTime").and_then(Value::as_str).and_then(|at| at.parse::<Timestamp>().ok());
            match at {
                // An event that cannot be placed in time may be of this time.
                None => {
                    undated = undated.saturating_add(1);
                    found.add(event, since);
                }
                Some(at) if at < since => early = early.saturating_add(1),
                Some(at) => {
                    seen = seen.saturating_add(1);
                    found.add(event, at);
                }
            }
        });
        if let Err(why) = read {
            output.error(&why);
            return Exit::Failed;
        }
    }
    match output.format() {
        Format::Human => human(&found, output),
        Format::Plain => plain(&found, output),
        Format::Json => output.data(&document(&found, level, since).to_string()),
    }
    for (left, count) in found.left() {
        output.say(&format!("left out: {count} {}", left.words()));
    }
    if early > 0 {
        output.say(&format!("left out: {early} calls before {since:.0}"));
    }
    if undated > 0 {
        output.say(&format!("{undated} events without a time are counted"));
    }
    for unseen in UNSEEN {
        output.say(&format!("not shown: {unseen}"));
    }
    let principals = found.stopped().len();
    let calls = counted(usize::try_from(seen).unwrap_or(usize::MAX), "call");
    if principals == 0 {
        output.say(&format!(
            "{calls} of Connect since {since:.0}: the level {level} would have stopped nobody"
        ));
        return Exit::Done;
    }
    let who = counted(principals, "principal");
    output.say(&format!("{calls} of Connect since {since:.0}: the level {level} would have stopped {who}"));
    Exit::Failed
}

fn human(found: &Impact<'_>, output: Output) {
    let mut last = None;
    for ((way, principal), actions) in found.stopped() {
        if last != Some(*way) {
            if last.is_some() {
                output.data("");
            }
            output.data(heading(*way));
            last = Some(*way);
        }
        output.data(&format!("  {principal}"));
        for (action, done) in actions {
            let Done { count, first, last } = done;
            output.data(&format!("  {count:>6}  {action}  from {first} to {last}"));
        }
    }
}

fn heading(way: Way) -> &'static str {
    match way {
        Way::CloudFormation => "through CloudFormation (take these resources out of their stacks first):",
        Way::Terraform => "through Terraform:",
        Way::Scim => "provisioning, by its name:",
        Way::IdentityCenter => "people who signed in with IAM Identity Center:",
        Way::Direct => "directly:",
    }
}

fn plain(found: &Impact<'_>, output: Output) {
    for ((way, principal), actions) in found.stopped() {
        for (action, Done { count, first, last }) in actions {
            output.data(&format!("{}\t{principal}\t{action}\t{count}\t{first}\t{last}", way.name()));
        }
    }
}

fn document(found: &Impact<'_>, level: Level, since: Timestamp) -> Value {
    let of = |actions: &BTreeMap<String, Done>| -> Vec<Value> {
        let one = |(action, done): (&String, &Done)| {
            json!({
                "action": action,
                "count": done.count,
                "first": done.first.to_string(),
                "last": done.last.to_string(),
            })
        };
        actions.iter().map(one).collect()
    };
    let stopped: Vec<Value> = found
        .stopped()
        .iter()
        .map(|((way, principal), actions)| json!({ "actions": of(actions), "principal": principal, "way": way.name() }))
        .collect();
    let left: BTreeMap<&str, u64> = found.left().iter().map(|(left, count)| (left.words(), *count)).collect();
    json!({ "left_out": left, "level": level.name(), "since": since.to_string(), "stopped": stopped })
}
