//! `[[monitor]]`: for a while, what no rule allows is let through and noted. Of ordinary operations alone, for callers who
//! are named, and with an end: a switch to find out which rules are missing, not a way to do without them.

use std::ops::Range;

use jiff::SignedDuration;

use crate::{
    clock::Now,
    operation::{Class, routes},
    policy::rule::{Action, Allow, Conditions, Mode, Scope},
};

use super::{
    rules::{has_errors_since, identity},
    scope::{self, Side},
    table::{Reading, Table, Text},
    when,
};

/// So many days ahead its end may be.
const DAYS: i64 = 90;

/// Reads a `[[monitor]]`; none when it is faulty, which is noted.
pub(super) fn monitor(
    mut table: Table<'_>,
    now: Now,
    reading: &mut Reading<'_>,
) -> Option<(Allow, Range<usize>)> {
    let before = reading.faults.iter().count();
    let span = table.span.clone();
    let (rule, _) = identity(&mut table, reading);
    for (key, hint) in [
        ("callers", "name the ARNs of users or roles whose missing rules are looked for"),
        ("actions", "name ordinary operations, such as connect:*"),
        ("instances", "name instance ids, or \"none\" for operations without an instance"),
        ("until", "say on which day it ends: until = 2027-06-30, at most 90 days ahead"),
    ] {
        table.require(key, hint, reading);
    }
    let callers_at = table.span_of("callers");
    let callers = scope::callers(Side::Allow, &mut table, reading);
    if !callers.roles.is_empty() {
        let hint = "name each role: in monitor mode whoever matches may do what no rule allows";
        reading.error_hint("callers of a `[[monitor]]` have no patterns", callers_at, hint);
    }
    let actions = scope::actions(Side::Allow, &mut table, reading);
    for (action, text) in &actions {
        ordinary(action, text, reading);
    }
    let instances = scope::instances(Side::Allow, &actions, &mut table, reading);
    let ends = when::ends("until", &mut table, reading);
    if let Some((ends, span)) = &ends {
        if ends.duration_since(now.timestamp()) > SignedDuration::from_hours((DAYS + 1) * 24) {
            let hint = "a monitor looks for missing rules: write them, and let it end";
            reading.error_hint(format!("`until` is more than {DAYS} days ahead"), span.clone(), hint);
        }
        if *ends <= now.timestamp() {
            reading.warning(
                "ended",
                "the monitor has ended: it lets nothing through",
                span.clone(),
                "remove it",
            );
        }
    }
    table.finish(reading);
    if has_errors_since(before, reading) {
        return None;
    }
    let conditions = Conditions { ends: Some(ends?.0), ..Conditions::default() };
    let actions = actions.into_iter().map(|(action, _)| action).collect();
    let scope = Scope { callers, actions, instances, conditions, ..Scope::default() };
    Some((Allow { mode: Mode::Monitor, ..Allow::bare(rule?, scope) }, span))
}

/// That an operation which is named is an ordinary one whatever it is about. A wildcard reaches no other.
fn ordinary(action: &Action, text: &Text, reading: &mut Reading<'_>) {
    let Action::Named(name) = action else { return };
    let Some(route) = routes().iter().find(|route| route.operation == name) else { return };
    let class = match route.class {
        Class::Read | Class::Write => return,
        Class::Identity => "an identity operation",
        Class::Sensitive => "a sensitive operation",
        Class::Forbidden => "a forbidden operation",
    };
    reading.error_hint(
        format!("`{}` is {class}: none is let through for want of a rule", text.value),
        text.span.clone(),
        "a monitor is for operations that read or write and change nobody's identity or rights",
    );
}
