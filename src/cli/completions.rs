//! `completions`: what makes a shell complete these commands, made from the arguments themselves.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::{Exit, args::Args, output::Output};

/// Prints the completions for a shell.
pub(super) fn completions(shell: Shell, output: Output) -> Exit {
    let mut command = Args::command();
    let name = command.get_name().to_owned();
    // Into memory: a reader that has gone away would be a panic there.
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    output.text(String::from_utf8_lossy(&script).trim_end());
    Exit::Done
}
