//! `policy check`: every fault of every file, the policy's own tests, and what is worth a look.

use std::path::{Path, PathBuf};

use super::sign::signers;
use crate::{
    app::policy_files,
    cli::{
        Exit,
        check::{conclude, counted},
        output::Output,
    },
    clock::Clock,
    diagnostic::Faults,
    policy::{Policy, Terms},
};

/// How a policy is checked.
pub(super) struct Asked {
    /// Whether warnings fail it.
    pub(super) deny_warnings: bool,
    /// The file of those who may sign it.
    pub(super) signers: Option<PathBuf>,
    /// The lowest epoch.
    pub(super) at_least: Option<u64>,
}

/// `policy check`
pub(super) fn check(directory: &Path, asked: &Asked, output: Output) -> Exit {
    let (policy, warnings) = match compile(directory, asked) {
        Ok(compiled) => compiled,
        Err(faults) => return conclude(&faults, "", output),
    };
    let (allows, denies, tests) = policy.counts();
    let mut rules = format!("{}, {}", counted(allows, "allow rule"), counted(denies, "deny rule"));
    if policy.monitors() > 0 {
        rules = format!("{rules}, {}", counted(policy.monitors(), "monitor"));
    }
    let mut summary =
        format!("the policy holds: {rules}, {} passed, digest {}", counted(tests, "test"), policy.digest());
    if let Some(signer) = policy.signer() {
        summary = format!("{summary}, signed by {signer}");
    }
    let warned = warnings.iter().count();
    if warned > 0 {
        summary = format!("{summary}; {}", counted(warned, "warning"));
    }
    let exit = conclude(&warnings, &summary, output);
    if exit == Exit::Done && asked.deny_warnings && warned > 0 {
        output.error("warnings are denied");
        return Exit::Failed;
    }
    exit
}

pub(super) fn compile(directory: &Path, asked: &Asked) -> Result<(Policy, Faults), Faults> {
    let (files, now) = (policy_files(directory)?, Clock::system().now());
    let signers = asked.signers.as_deref().map(signers).transpose()?;
    let terms = Terms { signers: signers.as_ref(), at_least: asked.at_least };
    Policy::check(&files, now, terms)
}
