//! The arguments of the `policy` commands.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
        /// Write a report in the `JUnit` format as well.
        #[arg(long, value_name = "FILE")]
        junit: Option<PathBuf>,
    },
    /// Ask a policy one question, and see what each rule says to it.
    ///
    /// The answer is that of the guard, for the facts given; what is not given is as in a [[test]]. Ends with 0 when it is
    /// allowed and with 4 when it is refused.
    #[command(
        after_help = "Example: connect-guard policy explain policies --caller arn:aws:sts::111122223333:assumed-role/HelpDesk/kim --action connect:UpdateUserIdentityInfo --instance a1b2c3d4-5678-90ab-cdef-EXAMPLE11111 --user-username mary --set Email=mary.major@example.com"
    )]
    Explain(Box<Explain>),
    /// Show who can do what to whom, to which address and until when, by the rules in force.
    ///
    /// Each rule is shown with the denies that may stand against it. Protected users are out of reach of all rules that do
    /// not say otherwise.
    #[command(after_help = "Example: connect-guard policy who-can policies --field Email --user mary")]
    WhoCan(Box<WhoCan>),
    /// Print the JSON Schema of the policy files, for editors.
    #[command(after_help = "Example: connect-guard policy schema > policy.schema.json")]
    Schema,
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// The policy directory.
    pub(super) directory: PathBuf,
    /// Who asks: an ARN as AWS shows it.
    #[arg(long, value_name = "ARN", required_unless_present = "request")]
    pub(super) caller: Option<String>,
    /// The caller's unique id.
    #[arg(long, value_name = "ID")]
    pub(super) unique_id: Option<String>,
    /// For which operation, such as `connect:UpdateUserIdentityInfo`.
    #[arg(long, required_unless_present = "request")]
    pub(super) action: Option<String>,
    /// On which instance; `none` for operations without one.
    #[arg(long, required_unless_present = "request")]
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
    /// When; now otherwise.
    #[arg(long, value_name = "INSTANT")]
    pub(super) at: Option<String>,
    /// The question as a JSON object with the keys of a [[test]]; what else is given takes the place of its keys.
    #[arg(long, value_name = "FILE.json")]
    pub(super) request: Option<PathBuf>,
    /// Show rules about other operations, callers and instances too.
    #[arg(long)]
    pub(super) all: bool,
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

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (field, value) = text.split_once('=').ok_or("it is written FIELD=VALUE")?;
    Ok((field.to_owned(), value.to_owned()))
}
