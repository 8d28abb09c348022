//! `policy explain`: one question, or a record of the ledger; the answer, and what each rule said.

mod past;
mod question;
mod show;

use self::show::Answer;
use super::{args::Explain, loaded};
use crate::{
    cli::{Exit, check::counted, output::Output},
    clock::Clock,
    policy::{Ambiguous, Judged, Policy, Probe},
};

/// `policy explain`: ends with [`Exit::Refused`] when the answer is no, and with [`Exit::Failed`] when a record does not say
/// what decides it.
pub(super) fn explain(asked: &Explain, output: Output) -> Exit {
    if asked.record.record.is_some() { recorded(asked, output) } else { put(asked, output) }
}

/// A question as it is put.
fn put(asked: &Explain, output: Output) -> Exit {
    let question = match question::question(asked) {
        Ok(question) => question,
        Err(why) => {
            output.error(&why);
            return Exit::Usage;
        }
    };
    let probe = match Probe::of_json(&question, Clock::system().now()) {
        Ok(probe) => probe,
        Err(faults) => {
            output.tell(&faults);
            return Exit::Usage;
        }
    };
    let policy = match loaded(&asked.directory, output) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    match policy.explain(&probe) {
        Ok(explained) => {
            show(Answer::of(&explained), asked, &policy, output);
            if explained.verdict.is_ok() { Exit::Done } else { Exit::Refused }
        }
        Err(ambiguous) => unplaced(&ambiguous, output),
    }
}

/// What a record says was asked.
fn recorded(asked: &Explain, output: Output) -> Exit {
    let found = match past::find(&asked.record, output) {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let policy = match loaded(&asked.directory, output) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let recalled = match policy.recall(&found.past) {
        Ok(recalled) => recalled,
        Err(ambiguous) => return unplaced(&ambiguous, output),
    };
    output.say(&found.said());
    if !found.is_under(&policy) {
        output.say("it was decided by another policy than this one");
    }
    show(Answer::of_record(found.shown, &recalled), asked, &policy, output);
    match recalled.judged {
        Judged::Allowed(_) => Exit::Done,
        Judged::Open(..) => Exit::Failed,
        Judged::Refused(_) => Exit::Refused,
    }
}

fn show(mut answer: Answer<'_>, asked: &Explain, policy: &Policy, output: Output) {
    let hidden = if asked.all { 0 } else { answer.without_those_elsewhere() };
    answer.show(&policy.digest().hex(), output);
    if hidden > 0 {
        let rules = counted(hidden, "rule");
        output.say(&format!("{rules} about other operations, callers or instances: --all shows them"));
    }
}

fn unplaced(ambiguous: &Ambiguous, output: Output) -> Exit {
    output.error(&ambiguous.to_string());
    output.hint(Ambiguous::HINT);
    Exit::Usage
}
