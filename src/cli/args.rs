//! The arguments, from which help and usage are made.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::SignedDuration;

use super::{
    audit::{ExportArgs, VerifyArgs},
    audit_desk::{AcceptArgs, BackupArgs, EraseArgs},
    audit_show::ShowArgs,
    aws::AwsCommand,
    caller_sessions::SessionsArgs,
    credentials::CredentialsArgs,
    freeze::{FreezeArgs, UnfreezeArgs},
    online::Online,
    policy::PolicyCommand,
};
use crate::{
    ledger::DeliveryState,
    notice::{Channel, Kind, Recipient},
};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage, 3 invalid configuration or policy, 4 refused, 5 ledger broken, \
     6 ledger not proven from its first record.";

/// A TLS reverse proxy in front of Amazon Connect that decides, field by field, who may change a login e-mail.
#[derive(Parser)]
#[command(name = "connect-guard", version, about, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(super) struct Args {
    /// How results are written: for people, one line each without colour, or as JSON.
    #[arg(long, value_enum, global = true, default_value = "human")]
    pub(super) format: Written,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What `--format` takes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Written {
    Human,
    Plain,
    Json,
    /// Of the `aws` commands alone, whose help names it.
    #[value(hide = true)]
    Cloudformation,
}

impl Written {
    /// What is said is said as in JSON where the result is a template.
    pub(super) fn format(self) -> Format {
        match self {
            Self::Human => Format::Human,
            Self::Plain => Format::Plain,
            Self::Json | Self::Cloudformation => Format::Json,
        }
    }
}

/// For people, with colour on a terminal; one line a finding; JSON.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    /// Stand beside an application: sign what it sends with a session, and forward it.
    #[command(after_help = "Example: connect-guard relay --config /etc/connect-guard/relay.toml")]
    Relay {
        /// The relay's own file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Check the file, try everything that it names, and end: the guard's listeners, a session, the clock. The guard
        /// records the session.
        #[arg(long)]
        check: bool,
        /// The CAs (PEM) that applications trust, where those are not the platform's: for the relay's own certificate.
        #[arg(long, value_name = "FILE", requires = "check")]
        trust: Option<PathBuf>,
    },
    /// Print a session, for `credential_process` in AWS's configuration files.
    ///
    /// Who one is, is proven with one's own AWS credentials, which stay here; a token or a certificate does as well. The
    /// session is kept for its first half, for its owner alone.
    #[command(
        after_help = "Example: connect-guard credentials --session-url https://guard.example.com:8444 --profile desk"
    )]
    Credentials(CredentialsArgs),
    /// Refuse changes: all, those of an instance or those of a caller.
    #[command(
        after_help = "Example: connect-guard freeze --all --reason \"INC-12\" --session-url https://guard.example.com:8444"
    )]
    Freeze(FreezeArgs),
    /// Lift a freeze.
    #[command(
        after_help = "Example: connect-guard unfreeze ID --reason \"a drill\" --session-url https://guard.example.com:8444"
    )]
    Unfreeze(UnfreezeArgs),
    /// Show the guard at work, on an embedded Connect and mailbox.
    ///
    /// Nothing outside this machine is touched.
    #[cfg(feature = "demo")]
    #[command(after_help = "Example: connect-guard demo --once")]
    Demo {
        /// End after the story instead of staying up.
        #[arg(long)]
        once: bool,
    },
    /// Check the configuration, or show all of it.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check a policy, test it, and ask it who may do what.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Issue keys to callers, and see who has a session.
    #[command(subcommand)]
    Caller(CallerCommand),
    /// Verify the ledger, and look into it.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look at notices that wait, try them again, test a channel.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Write the roles, policies and alarms that keep others from going past the guard, and see whom they stop.
    #[command(subcommand)]
    Aws(AwsCommand),
    /// Ask the guard of this machine whether it lives.
    ///
    /// Asks the first status listener of the configuration, at most 2 s. Meant for health checks of containers.
    #[command(after_help = "Example: connect-guard health --config /etc/connect-guard/config.toml --ready")]
    Health {
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// The status listener: http://ADDRESS:PORT of loopback; that of the configuration otherwise.
        #[arg(long, value_name = "URL", conflicts_with = "config")]
        url: Option<String>,
        /// Ask whether it is ready for callers, not whether it lives.
        #[arg(long)]
        ready: bool,
    },
    /// Print what completes these commands in a shell.
    #[command(after_help = "Example: connect-guard completions bash > /etc/bash_completion.d/connect-guard")]
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// Print the manual page, or write those of all commands.
    #[command(
        after_help = "Example: connect-guard man --out pages && mv pages/*.5 /usr/local/share/man/man5"
    )]
    Man {
        /// Write a page for the program, one for each command (section 1) and those of the configuration files (section 5) into
        /// this directory.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration, then the secrets it refers to and the policy: all faults of each together.
    #[command(
        after_help = "Exit codes: 0 all of it holds, 1 something that was tried does not, 3 the configuration, a secret or the policy \
                      is at fault.\nExample: connect-guard config check --online --config /etc/connect-guard/config.toml"
    )]
    Check {
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        online: Online,
    },
    /// Show every value in force and where it comes from; no secret is read.
    #[command(after_help = "Example: connect-guard config show --config /etc/connect-guard/config.toml")]
    Show {
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print every key that a configuration may have, what it takes and what it is otherwise.
    ///
    /// The manual pages connect-guard.toml(5) and connect-guard-relay.toml(5) are the same.
    #[command(
        after_help = "--format plain writes a line for each key, json a JSON Schema for editors.\n\nExample: connect-guard config reference --format json > connect-guard.schema.json"
    )]
    Reference {
        /// Of a relay's file instead.
        #[arg(long)]
        relay: bool,
    },
}

#[derive(Subcommand)]
pub(super) enum CallerCommand {
    /// Issue a key.
    ///
    /// The secret goes to standard output, once; the lines for the configuration go to standard error.
    #[command(
        after_help = "Example: connect-guard caller issue --principal arn:aws:iam::111122223333:role/IdentityDesk > desk"
    )]
    Issue {
        /// Whom the key stands for.
        #[arg(long, value_name = "ARN")]
        principal: String,
        /// For how many days, 1 to 90.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=90))]
        days: u8,
    },
    /// Issue a successor of a key: for the same principal and networks.
    ///
    /// The old key stays until its end, or for so long as --overlap says. The secret goes to standard output, once; the
    /// lines for the configuration go to standard error, and nothing is written.
    #[command(
        after_help = "Example: connect-guard caller rotate --key-id GKAAAAAAAAAAAAAAAAAA --config config.toml > desk"
    )]
    Rotate {
        /// The key that ends.
        #[arg(long, value_name = "ID")]
        key_id: String,
        /// For how many days the new one holds, 1 to 90.
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u8).range(1..=90))]
        days: u8,
        /// How much longer the old one is taken, such as 24h; until its end otherwise.
        #[arg(long, value_name = "DURATION", value_parser = super::rotate::overlap)]
        overlap: Option<SignedDuration>,
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// List sessions: who has one, what vouched for it, when it was used last.
    #[command(after_help = "Example: connect-guard caller sessions --active --config config.toml")]
    Sessions(SessionsArgs),
}

#[derive(Subcommand)]
pub(super) enum AuditCommand {
    /// Show records, what became of them, and the rules that decided.
    ///
    /// Works beside a running guard. With --format json each record is one line.
    #[command(
        after_help = "Example: connect-guard audit show --user 87654321-2222-1234-1234-111234567891 --config config.toml"
    )]
    Show(Box<ShowArgs>),
    /// Verify every link of every chain in the ledger, and that it is the one that others saw.
    ///
    /// What was cut off at a chain's end, and a whole ledger that was put back to an earlier day, only heads can show that
    /// somebody else kept: those of --heads, of --head, and of the file that the configuration names.
    #[command(
        after_help = "Example: connect-guard audit verify --store sqlite:/var/lib/connect-guard/ledger.db"
    )]
    Verify(Box<VerifyArgs>),
    /// Write every record into a file, as it is, with where the chains end; continue one that is there.
    ///
    /// Only sealed bytes leave the store: no key goes with them. `audit verify --export` reads the file.
    #[command(after_help = "Example: connect-guard audit export --to ledger.jsonl --config config.toml")]
    Export(ExportArgs),
    /// Erase what is sealed of a user: addresses, names, reasons.
    ///
    /// The user's data key goes, so that nobody can open it any more, in the store or in an export; the chain still verifies.
    /// Backups of the whole store that were made before have the key: delete them.
    /// Who erased, and why, is on record. Refused while a change of the user is open or watched, or its notices are queued.
    #[command(
        after_help = "Example: connect-guard audit erase --user 87654321-2222-1234-1234-111234567891 \\\n  --instance a1b2c3d4-5678-90ab-cdef-EXAMPLE11111 --reason \"request 17\" --config config.toml"
    )]
    Erase(EraseArgs),
    /// Copy the whole store into a file, beside a running guard, and verify the copy.
    #[command(after_help = "Example: connect-guard audit backup --to ledger-backup.db --config config.toml")]
    Backup(BackupArgs),
    /// Take a store that was put back to an earlier day as it is: what others saw beyond it is given up, on record.
    ///
    /// A guard that finds less in its store than its file of heads names makes no change until this was said.
    #[command(
        after_help = "Example: connect-guard audit accept-restore --reason \"disk lost\" --config config.toml"
    )]
    AcceptRestore(AcceptArgs),
    /// Take another hash key than the ledger was written with: that one is lost.
    ///
    /// A guard does not start with another one until this was said. What was known under the lost one stays unknown: former
    /// addresses are not told any more, nobody who changed before can be erased, a caller's retry is not recognised, and
    /// quotas begin anew. End every guard of this ledger first.
    #[command(
        after_help = "Example: connect-guard audit accept-hash-key --reason \"hash key lost with its vault\" --config config.toml"
    )]
    AcceptHashKey(AcceptArgs),
}

#[derive(Subcommand)]
pub(super) enum NotifyCommand {
    /// List deliveries: number, state, kind, channel; no addresses.
    #[command(after_help = "Example: connect-guard notify list --config config.toml --state dead")]
    List(ListArgs),
    /// Show one delivery, and the message as it would be sent.
    #[command(after_help = "Example: connect-guard notify show 17 --reveal --config config.toml")]
    Show {
        /// Its number.
        id: i64,
        /// Show addresses, names and the text of the message. Who looks at it is recorded first.
        #[arg(long)]
        reveal: bool,
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Make deliveries due now: some that wait or were given up, or all that were given up.
    #[command(after_help = "Example: connect-guard notify retry --dead --config config.toml")]
    Retry {
        /// Their numbers.
        #[arg(required_unless_present = "dead", conflicts_with = "dead")]
        ids: Vec<i64>,
        /// All that were given up.
        #[arg(long)]
        dead: bool,
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Hand in a test message now, and say how each step went. Nothing is recorded.
    #[command(after_help = "Example: connect-guard notify test --channel hook:siem --config config.toml")]
    Test {
        /// Whom to tell: mail:ADDRESS or hook:NAME.
        #[arg(long, value_name = "CHANNEL", value_parser = super::notify::recipient)]
        channel: Recipient,
        /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Which deliveries are listed.
#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// In this state; in any otherwise.
    #[arg(long, value_enum)]
    pub(super) state: Option<State>,
    /// By this channel: mail, or hook:NAME.
    #[arg(long, value_name = "CHANNEL")]
    pub(super) channel: Option<Channel>,
    /// Of this kind, such as address-changed.
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<Kind>,
    /// So many at most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) limit: u32,
    /// Show to whom. Who looks at what is recorded first.
    #[arg(long)]
    pub(super) reveal: bool,
}

/// How far a delivery came.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// It waits for its time, or for an attempt.
    #[value(alias = "due")]
    Waiting,
    /// An attempt is under way.
    UnderWay,
    /// The other side took it.
    Delivered,
    /// It was given up.
    Dead,
}

impl From<State> for DeliveryState {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::UnderWay => Self::UnderWay,
            State::Delivered => Self::Delivered,
            State::Dead => Self::Dead,
        }
    }
}
