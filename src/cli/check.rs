//! `config check`: every fault at once, with its place; and reading a configuration for the others.

use std::path::{Path, PathBuf};

use super::{
    Exit,
    args::Format,
    online::{self, Online},
    output::Output,
};
use crate::{
    app::{Assembly, Ways, configuration},
    clock::Clock,
    config::{Config, Overrides},
    diagnostic::{Fault, Faults, Severity, Source},
};

/// A configuration that is not to be had.
pub(super) enum Unread {
    /// None is named.
    Unnamed,
    /// It cannot be read, or has faults.
    Faults(Faults),
}

impl Unread {
    /// Says so to whoever watches, and how it ends.
    pub(super) fn told(self, output: Output) -> Exit {
        match self {
            Self::Unnamed => unnamed(output),
            Self::Faults(faults) => {
                output.tell(&faults);
                Exit::Invalid
            }
        }
    }
}

/// A configuration that was read, and what it was read from.
pub(super) struct Read {
    /// The configuration.
    pub(super) config: Config,
    /// What is worth a look in it.
    pub(super) warnings: Faults,
    /// The file.
    pub(super) source: Source,
    /// What the environment sets.
    pub(super) overrides: Overrides,
}

/// Reads the configuration named by the argument or by `CONNECT_GUARD_CONFIG`.
pub(super) fn open(named: Option<&Path>) -> Result<Read, Unread> {
    let (source, overrides) = source(named)?;
    let (config, warnings) =
        Config::read(&source, &overrides, Clock::system().now()).map_err(Unread::Faults)?;
    Ok(Read { config, warnings, source, overrides })
}

/// The file named by the argument or by `CONNECT_GUARD_CONFIG`, and what the environment sets.
pub(super) fn source(named: Option<&Path>) -> Result<(Source, Overrides), Unread> {
    let Some(path) = named.map(Path::to_owned).or_else(|| Overrides::config_file().map(PathBuf::from)) else {
        return Err(Unread::Unnamed);
    };
    let source = configuration(&path).map_err(Unread::Faults)?;
    Ok((source, Overrides::from_environment()))
}

/// The same, for whoever needs no more than the configuration and what is worth a look in it.
pub(super) fn read(named: Option<&Path>) -> Result<(Config, Faults), Unread> {
    open(named).map(|read| (read.config, read.warnings))
}

/// Reads it again, in a process that serves.
pub(super) fn reread(named: Option<&Path>) -> Result<Config, Faults> {
    match read(named) {
        Ok((config, _)) => Ok(config),
        Err(Unread::Faults(faults)) => Err(faults),
        Err(Unread::Unnamed) => {
            let mut faults = Faults::new();
            faults.push(Fault::bare("no configuration is named"));
            Err(faults)
        }
    }
}

/// `config check`. What is outside is tried whatever the files are at fault with, as far as they can be understood.
pub(super) fn config(named: Option<&Path>, asked: Online, output: Output) -> Exit {
    let (config, mut faults) = match read(named) {
        Ok(read) => read,
        Err(Unread::Unnamed) => return unnamed(output),
        Err(Unread::Faults(faults)) => return conclude(&faults, "", output),
    };
    let clock = Clock::system();
    let assembly = match Assembly::of(&config, &clock) {
        Ok((assembly, more)) => {
            faults.extend(more);
            Some(assembly)
        }
        Err(more) => {
            faults.extend(more);
            None
        }
    };
    let exit = conclude(&faults, "the configuration, its secrets and the policy hold", output);
    if !asked.online {
        return exit;
    }
    let tried = online::tried(&config, Ways::of(assembly, &config, &clock), asked.trust, output);
    if exit == Exit::Done { tried } else { exit }
}

fn unnamed(output: Output) -> Exit {
    output.error("no configuration is named");
    output.hint("give --config FILE, or set CONNECT_GUARD_CONFIG");
    Exit::Usage
}

/// Faults as the result of a check, and how it ends.
pub(super) fn conclude(faults: &Faults, summary: &str, output: Output) -> Exit {
    output.result(faults);
    if output.format() == Format::Human && !faults.is_empty() {
        output.say("");
    }
    if faults.fatal() {
        let count = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
        output.say(&counted(count, "fault"));
        return Exit::Invalid;
    }
    output.say(summary);
    Exit::Done
}

/// `2 rules`
pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
