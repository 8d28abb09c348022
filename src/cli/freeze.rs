//! `freeze` and `unfreeze`: asked of the session listener, signed with a guard key or a session.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{
    Exit,
    args::Format,
    output::{Output, on_one_line},
    serve::runtime,
    session::SessionArgs,
};
use crate::{
    clock::Clock,
    policy::FreezeScope,
    relay::{As, Desk, Frozen, NoSession},
    secret::SecretRef,
    sigv4::Credentials,
};

/// What is frozen, and who says so.
#[derive(clap::Args)]
pub(super) struct FreezeArgs {
    #[command(flatten)]
    what: What,
    /// Why: it is recorded, and told.
    #[arg(long, value_name = "TEXT", required_unless_present = "list", conflicts_with = "list")]
    reason: Option<String>,
    #[command(flatten)]
    who: WhoArgs,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Every change of the users of this instance.
    #[arg(long, value_name = "ID")]
    instance: Option<String>,
    /// Every change that this caller asks for: a role or a user.
    #[arg(long, value_name = "ARN")]
    caller: Option<String>,
    /// Every change.
    #[arg(long)]
    all: bool,
    /// Freeze nothing; list what is frozen.
    #[arg(long)]
    list: bool,
}

/// Which freeze is lifted, and who says so.
#[derive(clap::Args)]
pub(super) struct UnfreezeArgs {
    /// The freeze's id, as `freeze --list` shows it.
    id: String,
    /// Why: it is recorded, and told.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: WhoArgs,
}

/// Where, and as whom.
#[derive(clap::Args)]
struct WhoArgs {
    #[command(flatten)]
    session: SessionArgs,
    /// Sign with this guard key instead of what the AWS SDK finds.
    #[arg(long, value_name = "ID", requires = "secret_file", conflicts_with = "profile")]
    key_id: Option<String>,
    /// The file with the guard key's secret.
    #[arg(long, value_name = "FILE", requires = "key_id")]
    secret_file: Option<PathBuf>,
}

/// Freezes, or lists.
pub(super) fn freeze(args: &FreezeArgs, output: Output) -> Exit {
    let Some(scope) = args.what.scope() else {
        return asked(
            &args.who,
            output,
            async |desk| desk.freezes().await,
            |freezes| listed(&freezes, output),
        );
    };
    let scope: FreezeScope = match scope.parse() {
        Ok(scope) => scope,
        Err(fault) => {
            output.error(&format!("`{scope}`: {fault}"));
            return Exit::Usage;
        }
    };
    let (scope, reason) = (scope.to_string(), args.reason.as_deref().unwrap_or_default());
    if !is_reason(reason, output) {
        return Exit::Usage;
    }
    asked(
        &args.who,
        output,
        async |desk| desk.freeze(&scope, reason).await,
        |told| {
            if let Some(warning) = &told.warning {
                output.say(&format!("warning: {}", on_one_line(warning)));
            }
            done("frozen", &scope, &told.id, output);
        },
    )
}

/// Lifts a freeze.
pub(super) fn unfreeze(args: &UnfreezeArgs, output: Output) -> Exit {
    if !is_reason(&args.reason, output) {
        return Exit::Usage;
    }
    asked(
        &args.who,
        output,
        async |desk| desk.unfreeze(&args.id, &args.reason).await,
        |told| {
            done("lifted", &args.id, &told.id, output);
        },
    )
}

impl What {
    /// As the listener names it; none: everything is listed.
    fn scope(&self) -> Option<String> {
        match (&self.instance, &self.caller, self.all) {
            (Some(id), _, _) => Some(format!("instance:{id}")),
            (_, Some(arn), _) => Some(format!("caller:{arn}")),
            (_, _, true) => Some("all".to_owned()),
            (None, None, false) => None,
        }
    }
}

impl WhoArgs {
    fn who(&self) -> Result<As, NoSession> {
        let Some((id, file)) = self.key_id.as_ref().zip(self.secret_file.as_ref()) else {
            return Ok(As::Own { profile: self.session.profile() });
        };
        let secret = SecretRef::File(file.clone()).read().map_err(NoSession::Secret)?;
        Ok(As::Key(Credentials { access_key_id: id.clone(), secret, session_token: None }))
    }
}

fn is_reason(reason: &str, output: Output) -> bool {
    let is_one = !reason.trim().is_empty();
    if !is_one {
        output.error("the reason says nothing");
        output.hint("it is what others read when they ask why changes are refused");
    }
    is_one
}

/// Asks the listener, and tells what came of it.
fn asked<T>(
    who: &WhoArgs,
    output: Output,
    ask: impl AsyncFnOnce(&Desk) -> Result<T, NoSession>,
    tell: impl FnOnce(T),
) -> Exit {
    let at = match who.session.at(who.session.sts(), None) {
        Ok(at) => at,
        Err(why) => {
            output.error(&why);
            return Exit::Usage;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Failed;
        }
    };
    let answer = runtime.block_on(async {
        let desk = Desk::open(at, who.session.region(), who.who()?, Clock::system()).await?;
        ask(&desk).await
    });
    runtime.shutdown_background();
    match answer {
        Ok(answer) => {
            tell(answer);
            Exit::Done
        }
        Err(fault) => {
            output.error(&fault.to_string());
            if let Some(hint) = fault.hint() {
                output.hint(hint);
            }
            if matches!(fault, NoSession::Refused { status: 403, .. }) { Exit::Refused } else { Exit::Failed }
        }
    }
}

fn done(what: &str, scope: &str, id: &str, output: Output) {
    match output.format() {
        Format::Human if scope == id => output.data(&format!("{what}: {id}")),
        Format::Human => output.data(&format!("{what}: {scope}, freeze {id}")),
        Format::Plain => output.data(id),
        Format::Json => output.data(&serde_json::json!({ "id": id }).to_string()),
    }
}

fn listed(freezes: &[Frozen], output: Output) {
    let since = |frozen: &Frozen| {
        Timestamp::from_millisecond(frozen.at)
            .map_or_else(|_| "?".to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    match output.format() {
        Format::Human if freezes.is_empty() => output.say("nothing is frozen"),
        Format::Human => {
            for frozen in freezes {
                output.data(&format!("{}  {}", frozen.id, frozen.scope));
                output.data(&format!("    since {} by {}: {}", since(frozen), frozen.by, frozen.reason));
            }
        }
        Format::Plain => {
            for frozen in freezes {
                let Frozen { id, scope, by, reason, .. } = frozen;
                output.data(&format!("{id}\t{scope}\t{}\t{by}\t{reason}", since(frozen)));
            }
        }
        Format::Json => {
            let all: Vec<serde_json::Value> = freezes
                .iter()
                .map(|frozen| {
                    let Frozen { id, scope, by, reason, .. } = frozen;
                    serde_json::json!({
                        "id": id, "scope": scope, "by": by, "reason": reason, "since": since(frozen),
                    })
                })
                .collect();
            output.data(&serde_json::Value::Array(all).to_string());
        }
    }
}
