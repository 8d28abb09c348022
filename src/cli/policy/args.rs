//! The arguments of the `policy` commands.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use jiff::{Timestamp, civil::Date, tz::TimeZone};

#[derive(Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check a policy directory and run its tests: every fault of every file at once.
    ///
    /// Warnings have codes, such as `untested`; policies/README.md lists them. They fail the check with --deny-warnings only.
    #[command(after_help = "Example: connect-guard policy check policies")]
    Check {
        /// The policy directory.
        directory: PathBuf,
        /// End with 1 when there are warnings.
        #[arg(long)]
        deny_warnings: bool,
        /// Who may have signed it: a file of allowed signers, as OpenSSH has it. A policy without their signature fails.
        #[arg(long, value_name = "FILE")]
        signers: Option<PathBuf>,
        /// The lowest epoch it may have: that of the policy in force.
        #[arg(long, value_name = "EPOCH")]
        at_least: Option<u64>,
    },
    /// Tell who gains and who loses what when one policy takes the place of another.
    ///
    /// Ids, reasons, order and tests are no difference. What cannot be shown to have been allowed before is told as
    /// gained. Ends with 1 when anybody gains anything.
    #[command(after_help = "Example: connect-guard policy diff policies-before policies")]
    Diff {
        /// The policy directory as it was.
        before: PathBuf,
        /// The policy directory as it is to be.
        after: PathBuf,
    },
    /// Run the tests of a policy directory, and those of more files, one by one.
    ///
    /// Decision and reason must both be as expected. Ends with 1 when a test fails.
    #[command(after_help = "Example: connect-guard policy test policies cases.toml --junit tests.xml")]
    Test {
        /// The policy directory.
        directory: PathBuf,
        /// More files with [[test]] cases and nothing else.
        files: Vec<PathBuf>,
        /// Write a report in the JUnit format as well.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
    /// Ask a policy one question, and see what each rule says to it.
    ///
    /// The answer is that of the guard, for the facts given; what is not given is as in a [[test]]. Ends with 0 when it is
    /// allowed, with 4 when it is refused, and with 1 when that depends on what a record does not say.
    #[command(
        after_help = "Example: connect-guard policy explain policies --user-username mary --set Email=mary@example.com \\\n  --caller arn:aws:iam::111122223333:role/HelpDesk --action connect:UpdateUserIdentityInfo \\\n  --instance a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"
    )]
    Explain(Box<Explain>),
    /// Show who can do what to whom, to which address and until when, by the rules in force.
    ///
    /// Each rule is shown with the denies that may stand against it. Protected users are out of reach of all rules that do
    /// not say otherwise.
    #[command(after_help = "Example: connect-guard policy who-can policies --field Email --user mary")]
    WhoCan(Box<WhoCan>),
    /// Write down for reviewers what a policy says: one page to read, to print and to file.
    ///
    /// The page needs nothing from elsewhere and runs no script.
    #[command(
        override_usage = "connect-guard policy report <DIRECTORY> --html [--out <FILE>]",
        after_help = "Example: connect-guard policy report policies --html --out policy.html"
    )]
    Report {
        /// The policy directory.
        directory: PathBuf,
        /// As HTML: the one form there is.
        #[arg(long, required = true)]
        html: bool,
        /// Where to; standard output otherwise.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Ask a policy what was asked in the past, and tell where it would have answered otherwise.
    ///
    /// What a log does not say is named, and what depends on it is `open`: the ledger seals values and CloudTrail masks
    /// them. Each call is judged at its own time. Ends with 1 when something that was done would be refused.
    #[command(after_help = "Example: connect-guard policy replay --policy policies --cloudtrail trail")]
    Replay(Box<Replay>),
    /// Write the smallest allow rules for what was done in a period, to be reviewed.
    ///
    /// To which address an account may be pointed no log can say: such a rule does not load until somebody has written it.
    #[command(
        after_help = "Example: connect-guard policy suggest --cloudtrail trail --since 2027-01-01 > suggested.toml"
    )]
    Suggest(Box<Suggest>),
    /// Lay policy files out in the one way: order of keys, columns, empty lines.
    ///
    /// Every comment stays, and no value changes. Names the files that were not laid out; with --check writes none and ends
    /// with 1 where there are any. A signed policy is to be signed anew.
    #[command(after_help = "Example: connect-guard policy fmt --check policies")]
    Fmt {
        /// Policy directories and files.
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Only look.
        #[arg(long)]
        check: bool,
    },
    /// Print what a signature of a policy directory is over: SHA-256 and name of each file.
    ///
    /// revoked.toml and deny.d are not in it: they hold at once, and can only take away.
    #[command(
        after_help = "Example: connect-guard policy manifest policies |\n  ssh-keygen -Y sign -n connect-guard-policy -f KEY > policies/policy.sig"
    )]
    Manifest {
        /// The policy directory.
        directory: PathBuf,
    },
    /// Print the JSON Schema of the policy files, for editors.
    #[command(after_help = "Example: connect-guard policy schema > policy.schema.json")]
    Schema,
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// The policy directory.
    pub(super) directory: PathBuf,
    /// Who asks: an ARN as AWS shows it.
    #[arg(long, value_name = "ARN", required_unless_present_any = ["request", "record"])]
    pub(super) caller: Option<String>,
    /// The caller's unique id.
    #[arg(long, value_name = "ID")]
    pub(super) unique_id: Option<String>,
    /// For which operation, such as `connect:UpdateUserIdentityInfo`.
    #[arg(long, required_unless_present_any = ["request", "record"])]
    pub(super) action: Option<String>,
    /// On which instance; `none` for operations without one.
    #[arg(long, required_unless_present_any = ["request", "record"])]
    pub(super) instance: Option<String>,
    /// The Username of the user concerned.
    #[arg(long, value_name = "NAME")]
    pub(super) user_username: Option<String>,
    /// The id of the user concerned.
    #[arg(long, value_name = "ID", requires = "user_username")]
    pub(super) user_id: Option<String>,
    /// A value that the user has now.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair, requires = "user_username")]
    pub(super) has: Vec<(String, String)>,
    /// A value to be set; an empty one is to be removed.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = pair)]
    pub(super) set: Vec<(String, String)>,
    /// The Username to be created.
    #[arg(long, value_name = "NAME")]
    pub(super) username: Option<String>,
    /// A security profile to be given.
    #[arg(long, value_name = "ID")]
    pub(super) grant: Vec<String>,
    /// A member of the body that a rule has to name, such as `Tags`.
    #[arg(long, value_name = "NAME")]
    pub(super) member: Vec<String>,
    /// The ticket that the request carries, in the signed header `x-guard-ticket`.
    #[arg(long)]
    pub(super) ticket: Option<String>,
    /// A verified claim of the caller.
    #[arg(long, value_name = "CLAIM=VALUE", value_parser = pair)]
    pub(super) claim: Vec<(String, String)>,
    /// When; now otherwise.
    #[arg(long, value_name = "INSTANT")]
    pub(super) at: Option<String>,
    /// The question as a JSON object with the keys of a [[test]]; what else is given takes the place of its keys.
    #[arg(long, value_name = "FILE.json")]
    pub(super) request: Option<PathBuf>,
    #[command(flatten)]
    pub(super) record: Recorded,
    /// Show rules about other operations, callers and instances too.
    #[arg(long)]
    pub(super) all: bool,
}

/// A record of the ledger that is asked again.
#[derive(Args)]
pub(in crate::cli) struct Recorded {
    /// What this record of the ledger says was asked, at its time; named as in notices, or CHAIN-SEQ as in
    /// CloudTrail. From the store of the configuration, whose keys open what is sealed.
    #[arg(
        long,
        value_name = "CHAIN/SEQ",
        value_parser = record,
        conflicts_with_all = [
            "caller", "unique_id", "action", "instance", "user_username", "user_id", "has", "set", "username", "grant",
            "member", "ticket", "claim", "at", "request",
        ]
    )]
    pub(super) record: Option<(String, u64)>,
    /// The configuration file of the record's guard; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE", requires = "record")]
    pub(super) config: Option<PathBuf>,
    /// The store of the record's ledger. Without --config, what is sealed stays so.
    #[arg(long, value_name = "URL", requires = "record")]
    pub(super) ledger: Option<String>,
    /// A file with the record: records of the ledger, one a line.
    #[arg(long, value_name = "FILE.jsonl", requires = "record", conflicts_with_all = ["ledger", "config"])]
    pub(super) records: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Replay {
    /// The policy directory that is asked.
    #[arg(long, value_name = "DIR")]
    pub(super) policy: PathBuf,
    #[command(flatten)]
    pub(super) logs: Logs,
}

#[derive(Args)]
pub(in crate::cli) struct Suggest {
    #[command(flatten)]
    pub(super) logs: Logs,
}

/// Where the past is written.
#[derive(Args)]
#[command(group = clap::ArgGroup::new("log").required(true))]
pub(in crate::cli) struct Logs {
    /// The store of a ledger, as the configuration names it. Only read: a guard may be running.
    #[arg(long, value_name = "URL", group = "log")]
    pub(super) ledger: Option<String>,
    /// Records of the ledger, one a line.
    #[arg(long, value_name = "FILE.jsonl", group = "log")]
    pub(super) records: Option<PathBuf>,
    /// Events of CloudTrail: files of events, one a line or in `Records`, compressed or not; or directories of them, as in
    /// a trail's bucket.
    #[arg(long, value_name = "PATH", num_args = 1.., group = "log")]
    pub(super) cloudtrail: Vec<PathBuf>,
    /// The configuration file whose keys open what the ledger seals; nothing is opened otherwise.
    #[arg(long, value_name = "FILE", requires = "ledger")]
    pub(super) config: Option<PathBuf>,
    /// From this instant on, or from the beginning of this day, UTC.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) since: Option<Timestamp>,
    /// Before this instant, or before the beginning of this day, UTC.
    #[arg(long, value_name = "INSTANT", value_parser = instant)]
    pub(super) until: Option<Timestamp>,
}

/// From when until when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Period {
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Logs {
    /// From when until when.
    pub(super) fn period(&self) -> Period {
        Period { since: self.since, until: self.until }
    }
}

impl Period {
    /// Whether it is within.
    pub(super) fn has(self, at: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= at) && self.until.is_none_or(|until| at < until)
    }
}

#[derive(Args)]
pub(in crate::cli) struct WhoCan {
    /// The policy directory.
    pub(super) directory: PathBuf,
    /// By this operation, such as `connect:UpdateUserIdentityInfo`.
    #[arg(long)]
    pub(super) action: Option<String>,
    /// Set or remove this field.
    #[arg(long)]
    pub(super) field: Option<String>,
    /// This caller: an ARN.
    #[arg(long, value_name = "ARN")]
    pub(super) caller: Option<String>,
    /// On this instance.
    #[arg(long)]
    pub(super) instance: Option<String>,
    /// Of this user.
    #[arg(long, value_name = "USERNAME")]
    pub(super) user: Option<String>,
    /// To this address.
    #[arg(long)]
    pub(super) address: Option<String>,
    /// Write comma-separated values, a line for each caller and field.
    #[arg(long)]
    pub(super) csv: bool,
}

/// A record, as notices name it, or as the agent in CloudTrail does.
pub(in crate::cli) fn record(text: &str) -> Result<(String, u64), &'static str> {
    const HOW: &str = "write CHAIN/SEQ, such as guard/17";
    let (chain, seq) = text.rsplit_once('/').or_else(|| text.rsplit_once('-')).ok_or(HOW)?;
    Ok((chain.to_owned(), seq.parse().map_err(|_| HOW)?))
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (field, value) = text.split_once('=').ok_or("it is written NAME=VALUE")?;
    Ok((field.to_owned(), value.to_owned()))
}

pub(in crate::cli) fn instant(text: &str) -> Result<Timestamp, &'static str> {
    let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
    let instant = text.parse::<Timestamp>().ok().or_else(|| day().map(|day| day.timestamp()));
    instant.ok_or("write an instant (2027-03-12T10:00:00Z) or a day (2027-03-12)")
}
