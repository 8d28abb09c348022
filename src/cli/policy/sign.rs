//! `policy manifest`: what a signature of a policy is over; and who may have signed it.

use std::{fs, path::Path};

use crate::{
    app::policy_files,
    cli::{Exit, output::Output},
    diagnostic::{Fault, Faults, Source},
    policy::Signers,
};

/// `policy manifest`
pub(super) fn manifest(directory: &Path, output: Output) -> Exit {
    match policy_files(directory).and_then(|files| files.manifest()) {
        Ok(manifest) => {
            // Octet by octet what is signed: names in it are visible ASCII.
            manifest.lines().for_each(|line| output.data(line));
            Exit::Done
        }
        Err(faults) => {
            output.tell(&faults);
            Exit::Invalid
        }
    }
}

/// The signers that a file lists.
pub(super) fn signers(path: &Path) -> Result<Signers, Faults> {
    match fs::read_to_string(path) {
        Ok(text) => Signers::read(&Source::new(path.display().to_string(), text)),
        Err(error) => {
            let mut faults = Faults::new();
            faults.push(Fault::bare(format!("cannot read `{}`: {error}", path.display())));
            Err(faults)
        }
    }
}
