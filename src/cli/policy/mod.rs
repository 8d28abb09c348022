//! `policy`: what a policy directory says, asked without a guard that serves it.

mod args;
mod check;
mod diff;
mod explain;
mod fmt;
mod replay;
mod report;
mod sign;
mod suggest;
mod test;
mod who_can;

use std::path::Path;

pub(super) use args::{PolicyCommand, instant, record};

use super::{Exit, output::Output};
use crate::{
    app::policy_files,
    clock::Clock,
    config::Config,
    policy::{Policy, schema},
};

/// Runs a `policy` command.
pub(super) fn run(command: PolicyCommand, output: Output) -> Exit {
    match command {
        PolicyCommand::Check { directory, deny_warnings, signers, at_least } => {
            check::check(&directory, &check::Asked { deny_warnings, signers, at_least }, output)
        }
        PolicyCommand::Diff { before, after } => diff::diff(&before, &after, output),
        PolicyCommand::Test { directory, files, junit } => {
            test::test(&directory, &files, junit.as_deref(), output)
        }
        PolicyCommand::Explain(asked) => explain::explain(&asked, output),
        PolicyCommand::WhoCan(asked) => who_can::who_can(&asked, output),
        PolicyCommand::Report { directory, html: _, out } => {
            report::report(&directory, out.as_deref(), output)
        }
        PolicyCommand::Replay(asked) => replay::replay(&asked, output),
        PolicyCommand::Suggest(asked) => suggest::suggest(&asked, output),
        PolicyCommand::Fmt { paths, check } => {
            fmt::fmt(&paths, if check { fmt::Aim::Check } else { fmt::Aim::Write }, output)
        }
        PolicyCommand::Manifest { directory } => sign::manifest(&directory, output),
        PolicyCommand::Schema => {
            output.text(&format!("{:#}", schema()));
            Exit::Done
        }
    }
}

/// The policy that a guard with this configuration serves with, signed where it has to be.
pub(super) fn served(config: &Config, output: Output) -> Result<Policy, Exit> {
    let signers = config.policy_signers.as_ref().map(|file| file.value.clone());
    let asked = check::Asked { deny_warnings: false, signers, at_least: None };
    match check::compile(&config.policy, &asked) {
        Ok((policy, faults)) if !faults.fatal() => Ok(policy),
        Ok((_, faults)) | Err(faults) => {
            output.tell(&faults);
            Err(Exit::Invalid)
        }
    }
}

/// The policy of a directory, for commands that ask it: errors go to whoever watches, and end the command.
fn loaded(directory: &Path, output: Output) -> Result<Policy, Exit> {
    let compiled = policy_files(directory).and_then(|files| Policy::compile(&files, Clock::system().now()));
    match compiled {
        Ok((policy, faults)) if !faults.fatal() => Ok(policy),
        Ok((_, faults)) | Err(faults) => {
            output.tell(&faults);
            Err(Exit::Invalid)
        }
    }
}
