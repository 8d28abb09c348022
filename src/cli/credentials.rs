//! `credentials`: a `credential_process` of AWS's configuration files. On standard output stands one JSON document, or
//! nothing; why there is none stands on standard error.
//!
//! Source: <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>.

use std::{ffi::OsString, path::PathBuf};

use super::{Exit, output::Output, serve::runtime, session::SessionArgs};
use crate::{
    clock::Clock,
    config::Person,
    relay::{Granted, Kept, NoSession, ProofBy, SessionAt, SessionListener},
};

/// How a session is had.
#[derive(clap::Args)]
pub(super) struct CredentialsArgs {
    #[command(flatten)]
    session: SessionArgs,
    /// Prove with this token instead of AWS credentials.
    #[arg(long, value_name = "FILE", requires = "role", conflicts_with_all = ["profile", "certificate"])]
    web_identity_token_file: Option<PathBuf>,
    /// The role that the guard maps the token to.
    #[arg(long, value_name = "ARN", requires = "web_identity_token_file")]
    role: Option<String>,
    /// Prove with this client certificate (PEM) instead of AWS credentials.
    #[arg(long, value_name = "FILE", requires = "key_file", conflicts_with = "profile")]
    certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key_file: Option<PathBuf>,
}

/// Prints a session.
pub(super) fn credentials(args: &CredentialsArgs, output: Output) -> Exit {
    let at = match args.session.at(args.proof(), args.certificate.clone().zip(args.key_file.clone())) {
        Ok(at) => at,
        Err(why) => {
            output.error(&why);
            return Exit::Usage;
        }
    };
    match kept(at, output) {
        Ok(granted) => print(&granted, output),
        Err(fault) => {
            output.error(&fault.to_string());
            if let Some(hint) = fault.hint() {
                output.hint(hint);
            }
            Exit::Failed
        }
    }
}

impl CredentialsArgs {
    fn proof(&self) -> ProofBy {
        match (&self.web_identity_token_file, &self.role, &self.certificate) {
            (Some(token_file), Some(role), _) => ProofBy::WebIdentity {
                token_file: token_file.clone(),
                role: role.clone(),
                label: "credentials".to_owned(),
            },
            (_, _, Some(_)) => ProofBy::Certificate,
            (_, _, None) => self.session.sts(),
        }
    }
}

/// The session that is kept, or a new one.
fn kept(at: SessionAt, output: Output) -> Result<Granted, NoSession> {
    let person = Person::of_environment();
    let place = person.cache.as_deref().map(|cache| Kept::of(cache, &parts(&at, &person)));
    let turn = match place.as_ref().map(Kept::turn) {
        Some(Ok(turn)) => Some(turn),
        Some(Err(fault)) if fault.is_circle() => return Err(NoSession::Circle(fault.to_string())),
        Some(Err(fault)) => {
            output.say(&format!("warning: the session is not kept: {fault}"));
            None
        }
        None => {
            output.say("warning: the session is not kept: neither XDG_CACHE_HOME nor HOME is set");
            None
        }
    };
    // Without a lock a profile that calls this very command would call it without end.
    if turn.is_none() && matches!(&at.proof, ProofBy::Sts { .. }) && !person.has_keys() {
        let why = "without a place to keep sessions, only keys in the environment can be used";
        return Err(NoSession::OwnCredentials(why.to_owned()));
    }
    let clock = Clock::system();
    match turn.as_ref().map(|turn| turn.read(clock.now())) {
        Some(Ok(Some(granted))) => return Ok(granted),
        Some(Err(fault)) => output.say(&format!("warning: {fault}")),
        Some(Ok(None)) | None => {}
    }
    let granted = had(at, clock)?;
    if let Some(Err(fault)) = turn.map(|turn| turn.write(&granted)) {
        output.say(&format!("warning: the session is not kept: {fault}"));
    }
    Ok(granted)
}

fn had(at: SessionAt, clock: Clock) -> Result<Granted, NoSession> {
    let runtime = runtime().map_err(NoSession::System)?;
    let granted = runtime.block_on(async { SessionListener::open(at, clock).await?.session().await });
    runtime.shutdown_background();
    granted
}

/// Everything that chooses whose session it is, and of which guard.
fn parts(at: &SessionAt, person: &Person) -> Vec<OsString> {
    let mut parts: Vec<OsString> = vec![format!("{at:?}").into()];
    for (name, value) in &person.chosen {
        parts.push(name.into());
        parts.push(value.clone());
    }
    parts
}

fn print(granted: &Granted, output: Output) -> Exit {
    let credentials = &granted.credentials;
    let token = credentials.session_token.as_ref().and_then(|token| token.expose_str());
    let (Some(secret), Some(token)) = (credentials.secret.expose_str(), token) else { return Exit::Failed };
    let document = serde_json::json!({
        "Version": 1,
        "AccessKeyId": credentials.access_key_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": granted.expires.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    });
    output.data(&document.to_string());
    Exit::Done
}
