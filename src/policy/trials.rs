//! The `[[test]]` cases of a policy, run one by one for a report: loading runs the same cases, and stops at none.

use std::sync::Arc;

use crate::{
    clock::Now,
    diagnostic::{Faults, Source},
};

use super::{PolicyFiles, RuleRef, compile};

/// How one `[[test]]` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// The file it stands in.
    pub file: Arc<str>,
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The decision and the reason that were expected, in words.
    pub expected: String,
    /// Those that were found.
    pub found: String,
    /// The rules that decided: those that allow, or the one that denies.
    pub rules: Vec<RuleRef>,
    /// Present when they differ.
    pub failure: Option<Failure>,
}

/// That a test failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why it was refused, when it was.
    pub detail: Option<String>,
}

/// Runs every `[[test]]` of these files and of more files, which hold nothing else.
///
/// # Errors
/// Every fault of the directory itself, and of the other files. A test that fails is none.
pub fn trials(files: &PolicyFiles, more: &[Source], now: Now) -> Result<Vec<Trial>, Faults> {
    compile::trials(files, more, now)
}

/// What is worth a look in files that load: warnings with codes, for whoever writes a policy. A guard that loads them says
/// none of it.
pub fn advice(files: &PolicyFiles, now: Now) -> Faults {
    compile::advice(files, now)
}
