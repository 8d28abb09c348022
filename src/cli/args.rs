//! The arguments, from which help and usage are made.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use super::policy::PolicyCommand;

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed, 2 usage, 3 invalid configuration or policy, 4 refused, 5 ledger broken.";

/// A TLS reverse proxy in front of Amazon Connect that decides, field by field, who may change a login e-mail.
#[derive(Parser)]
#[command(name = "connect-guard", version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Args {
    /// How results are written: for people, one line each without colour, or as JSON.
    #[arg(long, value_enum, global = true, default_value = "human")]
    pub(super) format: Format,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// For people, with colour on a terminal; one line a finding; JSON.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Human,
    Plain,
    Json,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Serve callers of Connect.
    #[command(after_help = "Example: connect-guard serve --config /etc/connect-guard/config.toml")]
    Serve {
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Show the guard at work, on an embedded Connect and mailbox.
    ///
    /// Nothing outside this machine is touched.
    #[cfg(feature = "demo")]
    Demo {
        /// End after the story instead of staying up.
        #[arg(long)]
        once: bool,
    },
    /// Check the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check a policy, test it, and ask it who may do what.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Issue keys to callers.
    #[command(subcommand)]
    Caller(CallerCommand),
    /// Verify the ledger.
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration, the secrets it refers to, and the policy: every fault at once.
    #[command(after_help = "Example: connect-guard config check --config /etc/connect-guard/config.toml")]
    Check {
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(super) enum CallerCommand {
    /// Issue a key.
    ///
    /// The secret goes to standard output, once; the lines for the configuration go to standard error.
    #[command(
        after_help = "Example: connect-guard caller issue --principal arn:aws:iam::111122223333:role/IdentityDesk > desk.secret"
    )]
    Issue {
        /// Whom the key stands for.
        #[arg(long, value_name = "ARN")]
        principal: String,
        /// For how many days, 1 to 90.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=90))]
        days: u8,
    },
}

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Verify every link of every chain in the ledger.
    #[command(
        after_help = "Example: connect-guard audit verify --store sqlite:/var/lib/connect-guard/ledger.db"
    )]
    Verify {
        /// The store; that of the configuration otherwise.
        #[arg(long, value_name = "URL", conflicts_with = "config")]
        store: Option<String>,
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}
