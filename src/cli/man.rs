//! `man`: manual pages, made from the arguments themselves. The same arguments make the same octets: no page has a date.

use std::{fs, io, path::Path};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Exit, args::Args, output::Output, reference};

/// Prints the page of the program, or writes it and one for each command into a directory.
pub(super) fn man(out: Option<&Path>, output: Output) -> Exit {
    let mut command = Args::command().disable_help_subcommand(true);
    command.build();
    let done = match out {
        None => printed(command, output),
        Some(directory) => written(&command, directory).and_then(|()| of_files(directory)),
    };
    match done {
        Ok(()) => Exit::Done,
        Err((at, error)) => {
            output.error(&format!("cannot write `{at}`: {error}"));
            Exit::Failed
        }
    }
}

fn printed(command: Command, output: Output) -> Result<(), (String, io::Error)> {
    let mut text = Vec::new();
    page(command).render(&mut text).map_err(|error| ("the page".to_owned(), error))?;
    output.text(String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

/// The page of this command, then those of the commands below it.
fn written(command: &Command, directory: &Path) -> Result<(), (String, io::Error)> {
    let page = page(command.clone());
    let path = directory.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text)
        .and_then(|()| fs::write(&path, &text))
        .map_err(|error| (path.display().to_string(), error))?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| written(below, directory))
}

/// The pages of the configuration files.
fn of_files(directory: &Path) -> Result<(), (String, io::Error)> {
    reference::pages().into_iter().try_for_each(|(name, text)| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| (path.display().to_string(), error))
    })
}

fn page(command: Command) -> Man {
    let source = format!("connect-guard {}", env!("CARGO_PKG_VERSION"));
    Man::new(command).source(source).manual("Connect Guard")
}
