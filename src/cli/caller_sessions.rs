//! `caller sessions`: who has a session, what vouched for it, when it was used last. No secret is kept anywhere to be shown.

use std::{fmt::Write as _, path::PathBuf};

use serde_json::{Value, json};

use super::{
    Exit,
    args::Format,
    audit_show::{arn, revealed},
    notify::{at_desk, instant},
    output::Output,
};
use crate::{
    caller::Arn,
    ledger::{Audited, HeldSession, SessionFilter, Unsealed, part},
};

/// Which sessions are listed.
#[derive(clap::Args)]
pub(super) struct SessionsArgs {
    /// The configuration file; `CONNECT_GUARD_CONFIG` names it otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Of this role or user.
    #[arg(long, value_name = "ARN", value_parser = arn)]
    principal: Option<Arn>,
    /// Those alone that hold now.
    #[arg(long)]
    active: bool,
    /// So many at most: the latest.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Show names that could be addresses, and claims. Who looks at which records is recorded first.
    #[arg(long)]
    reveal: bool,
}

/// Lists sessions.
pub(super) fn sessions(args: &SessionsArgs, output: Output) -> Exit {
    at_desk(args.config.as_deref(), output, async |desk, _| {
        let filter =
            SessionFilter { principal: args.principal.clone(), active: args.active, most: args.limit };
        let found = desk.sessions(&filter).await?;
        let records: Vec<Audited> = found.iter().map(|held| held.record.clone()).collect();
        let unsealed = if args.reveal {
            revealed(desk, &records, "caller sessions").await?
        } else {
            vec![None; found.len()]
        };
        let all: Vec<Value> =
            found.iter().zip(&unsealed).map(|(held, unsealed)| as_json(held, unsealed.as_ref())).collect();
        if output.format() == Format::Json {
            output.data(&Value::from(all).to_string());
            return Ok(Exit::Done);
        }
        if found.is_empty() {
            output.say("none");
        }
        for session in &all {
            output.data(&line(session));
        }
        Ok(Exit::Done)
    })
}

fn as_json(held: &HeldSession, unsealed: Option<&Unsealed>) -> Value {
    let record = &held.record.record;
    let opened = match unsealed {
        Some(Unsealed::Opened(inputs)) => inputs,
        Some(Unsealed::Nothing | Unsealed::Erased | Unsealed::Locked) | None => &Value::Null,
    };
    // What is sealed is there only where the record itself could not say it.
    let either = |name: &str, said: &Value| opened.get(name).unwrap_or(said).clone();
    json!({
        "id": held.id,
        "principal": either("principal", part(record, "/caller/principal")),
        "unique_id": part(record, "/caller/unique_id"),
        "voucher": either("proof", part(record, "/caller/proof")),
        "label": either("label", part(record, "/session/label")),
        "claims": either("claims", part(record, "/session/claims")),
        "source": part(record, "/request/source"),
        "issued": instant(held.issued),
        "expires": instant(held.expires),
        "used": held.used.map(instant),
        "active": held.active,
        "record": { "chain": held.record.chain, "seq": held.record.seq },
    })
}

/// One session on one line.
fn line(session: &Value) -> String {
    let text = |name: &str| session.get(name).and_then(Value::as_str).unwrap_or("-");
    let state = if part(session, "/active") == &Value::Bool(true) { "active" } else { "ended" };
    let mut line = format!("{} {state} {}", text("id"), text("principal"));
    for (name, of) in [
        ("by", "voucher"),
        ("from", "source"),
        ("issued", "issued"),
        ("expires", "expires"),
        ("used", "used"),
    ] {
        // Writing to a text cannot fail.
        let _ = write!(line, " {name}={}", text(of));
    }
    if let Some(label) = part(session, "/label").as_str() {
        let _ = write!(line, " label={label}(unverified)");
    }
    let record = part(session, "/record");
    format!("{line} record={}/{}", part(record, "/chain").as_str().unwrap_or_default(), part(record, "/seq"))
}
