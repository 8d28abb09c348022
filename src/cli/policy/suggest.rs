//! `policy suggest`: the smallest allow rules for what was done.

use super::{
    args::Suggest,
    replay::{Asked, Was, calls},
};
use crate::{
    cli::{Exit, check::counted, output::Output},
    policy::Suggestions,
};

/// `policy suggest`
pub(super) fn suggest(asked: &Suggest, output: Output) -> Exit {
    let mut suggestions = Suggestions::default();
    let (mut done, mut others) = (0, 0);
    let mut unknown = 0;
    let read = calls(&asked.logs, output, |call| match (call.was, &call.asked) {
        (Was::Done, Asked::Known(past)) => {
            done += 1;
            suggestions.add(past);
        }
        (Was::Done, Asked::Unknown(..)) => unknown += 1,
        (Was::Refused | Was::Failed, _) => others += 1,
    });
    let left = match read {
        Ok(left) => left,
        Err(exit) => return exit,
    };
    for (why, count) in [
        ("calls that were refused or failed", others),
        ("calls of operations that the guard does not know", unknown),
    ] {
        if count > 0 {
            suggestions.pass_over_all(why, count);
        }
    }
    for (why, count) in left.iter().filter(|(why, _)| **why != "events of other services") {
        suggestions.pass_over_all(why, *count);
    }
    let text = suggestions.toml();
    output.text(text.trim_end());
    output.say(&format!(
        "{} suggested from {}",
        counted(text.matches("[[allow]]").count(), "rule"),
        counted(done, "call")
    ));
    if done == 0 {
        output.hint("only calls that were done are looked at; is it the right period?");
    }
    Exit::Done
}
