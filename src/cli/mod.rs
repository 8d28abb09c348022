//! The command line: arguments, voice, exit codes. Data goes to standard output, everything else to standard error;
//! colour never carries meaning.

mod args;
mod audit;
mod audit_desk;
mod audit_show;
mod aws;
mod caller;
mod caller_sessions;
mod check;
mod completions;
mod config;
mod credentials;
#[cfg(feature = "demo")]
mod demo;
mod freeze;
mod health;
mod logs;
mod man;
mod notify;
mod notify_trial;
mod online;
mod output;
mod policy;
mod reference;
mod relay;
mod rotate;
mod serve;
mod session;
mod trail;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser;

use self::{
    args::{Args, AuditCommand, CallerCommand, Command, ConfigCommand, NotifyCommand, Written},
    output::Output,
};

/// Runs the program with these arguments, the program's own name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::try_parse_from(args) {
        Ok(args) => args,
        Err(error) => {
            // A reader that has gone away is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Done.into() };
        }
    };
    let output = Output::new(args.format.format());
    if args.format == Written::Cloudformation && !matches!(args.command, Command::Aws(_)) {
        output.error("only the `aws` commands write templates");
        return Exit::Usage.into();
    }
    let exit = match args.command {
        Command::Serve { config } => serve::serve(config.as_deref(), output),
        Command::Relay { config, check: false, trust: _ } => relay::relay(config.as_deref(), output),
        Command::Relay { config, check: true, trust } => relay::check(config.as_deref(), trust, output),
        Command::Credentials(args) => credentials::credentials(&args, output),
        Command::Freeze(args) => freeze::freeze(&args, output),
        Command::Unfreeze(args) => freeze::unfreeze(&args, output),
        #[cfg(feature = "demo")]
        Command::Demo { once } => demo::demo(once, output),
        Command::Config(ConfigCommand::Check { config, online }) => {
            check::config(config.as_deref(), online, output)
        }
        Command::Config(ConfigCommand::Show { config }) => config::show(config.as_deref(), output),
        Command::Config(ConfigCommand::Reference { relay }) => reference::reference(relay, output),
        Command::Policy(command) => policy::run(command, output),
        Command::Caller(CallerCommand::Issue { principal, days }) => caller::issue(&principal, days, output),
        Command::Caller(CallerCommand::Rotate { key_id, days, overlap, config }) => {
            rotate::rotate(config.as_deref(), &key_id, days, overlap, output)
        }
        Command::Caller(CallerCommand::Sessions(args)) => caller_sessions::sessions(&args, output),
        Command::Audit(AuditCommand::Show(args)) => audit_show::show(&args, output),
        Command::Audit(AuditCommand::Verify(args)) => audit::verify(*args, output),
        Command::Audit(AuditCommand::Export(args)) => audit::export(&args, output),
        Command::Audit(AuditCommand::Erase(args)) => audit_desk::erase(&args, output),
        Command::Audit(AuditCommand::Backup(args)) => audit_desk::backup(&args, output),
        Command::Audit(AuditCommand::AcceptRestore(args)) => audit_desk::accept(&args, output),
        Command::Audit(AuditCommand::AcceptHashKey(args)) => audit_desk::accept_hash_key(&args, output),
        Command::Notify(command) => notified(command, output),
        Command::Aws(command) => aws::run(&command, args.format, output),
        Command::Health { config, url, ready } => {
            health::health(config.as_deref(), url.as_deref(), ready, output)
        }
        Command::Completions { shell } => completions::completions(shell, output),
        Command::Man { out } => man::man(out.as_deref(), output),
    };
    exit.into()
}

fn notified(command: NotifyCommand, output: Output) -> Exit {
    match command {
        NotifyCommand::List(list) => notify::list(list.config.as_deref(), &list, output),
        NotifyCommand::Show { id, reveal, config } => notify::show(config.as_deref(), id, reveal, output),
        NotifyCommand::Retry { ids, dead, config } => notify::retry(config.as_deref(), ids, dead, output),
        NotifyCommand::Test { channel, config } => notify_trial::test(config.as_deref(), &channel, output),
    }
}

/// How it ended: the contract's exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// 0
    Done,
    /// 1
    Failed,
    /// 2
    Usage,
    /// 3
    Invalid,
    /// 4
    Refused,
    /// 5
    LedgerBroken,
    /// 6
    Unproven,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Invalid => 3,
            Exit::Refused => 4,
            Exit::LedgerBroken => 5,
            Exit::Unproven => 6,
        })
    }
}
