//! `policy replay`: what another policy would have answered to what was asked in the past.

mod cloudtrail;
mod members;
mod record;
mod show;
mod tally;

use std::{
    fs,
    path::{Path, PathBuf},
};

use self::cloudtrail::Events;
use super::{
    args::{Logs, Replay},
    loaded,
};
use crate::{
    app::Correspondence,
    cli::{Exit, check, output::Output, serve::runtime},
    clock::Clock,
    ledger::Ledger,
    policy::Past,
};
use record::Records;
pub(super) use record::{asked_by, place as recorded_as};
use tally::Tally;

/// How a call of the past ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Was {
    /// It was done.
    Done,
    /// It was refused: by the guard, or in a trail for want of a permission.
    Refused,
    /// It came to nothing for another reason.
    Failed,
}

/// A call of the past.
pub(super) struct Call {
    /// What was asked; none where the guard knows no such operation.
    pub(super) asked: Asked,
    /// How it ended.
    pub(super) was: Was,
    /// The record, or the file and its line or number: where it is written.
    pub(super) place: String,
}

/// What was asked.
pub(super) enum Asked {
    /// A call of an operation that the guard knows.
    Known(Box<Past>),
    /// A call of one that it does not know: by whom, and what.
    Unknown(String, String),
}

/// What was read and is no call of a caller: how many, for which reason.
pub(super) type Left = std::collections::BTreeMap<&'static str, u64>;

/// `policy replay`: ends with [`Exit::Failed`] when something that was done would be refused.
pub(super) fn replay(asked: &Replay, output: Output) -> Exit {
    let policy = match loaded(&asked.policy, output) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let mut tally = Tally::of(&policy);
    let left = match calls(&asked.logs, output, |call| tally.add(&call)) {
        Ok(left) => left,
        Err(exit) => return exit,
    };
    show::show(&tally, &left, &policy, output);
    if tally.is_refused_now() { Exit::Failed } else { Exit::Done }
}

/// Every call in the logs, in the order in which it is written.
pub(super) fn calls(logs: &Logs, output: Output, mut each: impl FnMut(Call)) -> Result<Left, Exit> {
    if let Some(url) = &logs.ledger {
        return from_ledger(url, logs, output, each);
    }
    let read = match &logs.records {
        Some(file) => from_records(file, logs, &mut each),
        None => from_trails(&logs.cloudtrail, logs, &mut each),
    };
    read.map_err(|why| {
        output.error(&why);
        Exit::Failed
    })
}

fn from_ledger(url: &str, logs: &Logs, output: Output, each: impl FnMut(Call)) -> Result<Left, Exit> {
    let seal = match &logs.config {
        Some(path) => {
            let (config, warnings) = check::read(Some(path)).map_err(|unread| unread.told(output))?;
            output.tell(&warnings);
            let made = Correspondence::of(&config, &Clock::system());
            let parts = made.map_err(|faults| {
                output.tell(&faults);
                Exit::Invalid
            })?;
            Some(parts.seal)
        }
        None => None,
    };
    let runtime = runtime().map_err(|error| {
        output.error(&error.to_string());
        Exit::Failed
    })?;
    let mut records = Records::of(logs.period(), each);
    let read = runtime.block_on(Ledger::each_line(url, seal.as_ref(), |line| {
        let place = record::place(&line.record);
        records.add(&line.record, line.inputs.as_ref(), place);
    }));
    match read {
        Ok(unread) => Ok(records.finish(unread)),
        Err(fault) => {
            output.error(&format!("the ledger `{url}` cannot be read: {fault}"));
            Err(Exit::Failed)
        }
    }
}

fn from_records(file: &Path, logs: &Logs, each: impl FnMut(Call)) -> Result<Left, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let mut records = Records::of(logs.period(), each);
    let mut unread = 0;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<serde_json::Value>(line) {
            Ok(record) => records.add(&record, record.get("inputs"), format!("{}:{number}", file.display())),
            Err(_) => unread += 1,
        }
    }
    Ok(records.finish(unread))
}

fn from_trails(paths: &[PathBuf], logs: &Logs, each: impl FnMut(Call)) -> Result<Left, String> {
    let mut events = Events::of(logs.period(), each);
    for path in paths {
        events.read(path)?;
    }
    Ok(events.finish())
}
