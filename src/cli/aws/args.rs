//! The arguments of the `aws` commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::{aws, cli::policy::instant};

const FORMATS: &str =
    "--format human writes documents for people, json everything in one object, cloudformation a template.";

#[derive(Subcommand)]
pub(in crate::cli) enum AwsCommand {
    /// Write the roles that the guard assumes: what the configuration and the policy could ever have it do.
    ///
    /// One for changes and what the guard reads itself, and where `ordinary_role` names one, another for ordinary operations.
    #[command(
        after_help = FORMATS,
        after_long_help = "--format human writes documents for people, json everything in one object, cloudformation a template.\n\nExample: connect-guard aws role --config config.toml --format cloudformation > roles.json"
    )]
    Role {
        #[command(flatten)]
        plan: PlanArgs,
        /// The roles of this account only.
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Write service control policies: what nobody but the guard may do in the accounts that they bind.
    ///
    /// Run `aws impact` first. They bind neither the management account nor service-linked roles.
    #[command(
        after_help = FORMATS,
        after_long_help = "--format human writes documents for people, json everything in one object, cloudformation a template.\n\nExample: connect-guard aws scp --config config.toml --level privilege --minify > policy.json"
    )]
    Scp {
        #[command(flatten)]
        plan: PlanArgs,
        /// How much is closed: each level holds the one before.
        #[arg(long, value_enum, default_value = "identity")]
        level: LevelArg,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Write alarms: rules of EventBridge for what goes past the guard, and for changes of what keeps others from it.
    #[command(
        after_help = FORMATS,
        after_long_help = "--format human writes documents for people, json everything in one object, cloudformation a template.\n\nExample: connect-guard aws alarm --config config.toml --format cloudformation --yaml > alarms.yaml"
    )]
    Alarm {
        #[command(flatten)]
        plan: PlanArgs,
        /// Calls of which level are told: each level holds the one before.
        #[arg(long, value_enum, default_value = "privilege")]
        level: LevelArg,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Tell whom a service control policy would have stopped, by what CloudTrail recorded.
    ///
    /// Each principal with its actions, how often, first and last. Ends with 1 when there is anybody.
    #[command(after_help = "Example: connect-guard aws impact --config config.toml --cloudtrail trail")]
    Impact {
        #[command(flatten)]
        plan: PlanArgs,
        /// Of which level: each holds the one before.
        #[arg(long, value_enum, default_value = "identity")]
        level: LevelArg,
        /// Files of events, one a line or in `Records`, compressed or not; or directories of them, as in a trail's bucket.
        #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
        cloudtrail: Vec<PathBuf>,
        /// From this instant on, or from the beginning of this day, UTC; 90 days ago otherwise.
        #[arg(long, value_name = "INSTANT", value_parser = instant)]
        since: Option<Timestamp>,
    },
}

/// What documents are written from.
#[derive(Args)]
pub(in crate::cli) struct PlanArgs {
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
}

/// How documents are written.
#[derive(Args)]
pub(in crate::cli) struct FormArgs {
    /// Without white space: a document a line.
    #[arg(long)]
    pub(super) minify: bool,
    /// A template in YAML; in JSON otherwise.
    #[arg(long)]
    pub(super) yaml: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum LevelArg {
    /// Who a user is, and signing in as somebody else.
    Identity,
    /// And what somebody may do: profiles, hierarchies, tags of users and security profiles.
    Privilege,
    /// And everything else that the guard guards.
    Instance,
}

impl From<LevelArg> for aws::Level {
    fn from(level: LevelArg) -> Self {
        match level {
            LevelArg::Identity => Self::Identity,
            LevelArg::Privilege => Self::Privilege,
            LevelArg::Instance => Self::Instance,
        }
    }
}
