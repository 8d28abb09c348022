//! `policy check`: every fault of every file, the policy's own tests, and what is worth a look.

use std::path::Path;

use crate::{
    app::policy_files,
    cli::{
        Exit,
        check::{conclude, counted},
        output::Output,
    },
    clock::Clock,
    diagnostic::Faults,
    policy::{Policy, advice},
};

/// `policy check`
pub(super) fn check(directory: &Path, deny_warnings: bool, output: Output) -> Exit {
    let (policy, warnings) = match compile(directory) {
        Ok(compiled) => compiled,
        Err(faults) => return conclude(&faults, "", output),
    };
    let (allows, denies, tests) = policy.counts();
    let mut summary = format!(
        "the policy holds: {}, {}, {} passed, digest {}",
        counted(allows, "allow rule"),
        counted(denies, "deny rule"),
        counted(tests, "test"),
        policy.digest()
    );
    let warned = warnings.iter().count();
    if warned > 0 {
        summary = format!("{summary}; {}", counted(warned, "warning"));
    }
    let exit = conclude(&warnings, &summary, output);
    if exit == Exit::Done && deny_warnings && warned > 0 {
        output.error("warnings are denied");
        return Exit::Failed;
    }
    exit
}

fn compile(directory: &Path) -> Result<(Policy, Faults), Faults> {
    let (files, now) = (policy_files(directory)?, Clock::system().now());
    let (policy, mut faults) = Policy::compile(&files, now)?;
    faults.extend(advice(&files, now));
    Ok((policy, faults))
}
