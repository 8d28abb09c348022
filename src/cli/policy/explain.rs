//! `policy explain`: one question, the answer, and what each rule said.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};

use super::{args::Explain, loaded};
use crate::{
    cli::{Exit, args::Format, check::counted, output::Output},
    clock::Clock,
    policy::{Ambiguous, Basis, Explanation, Ground, Miss, Probe, Side, Traced},
};

/// `policy explain`: ends with [`Exit::Refused`] when the answer is no.
pub(super) fn explain(asked: &Explain, output: Output) -> Exit {
    let question = match question(asked) {
        Ok(question) => question,
        Err(why) => {
            output.error(&why);
            return Exit::Usage;
        }
    };
    let probe = match Probe::of_json(&question, Clock::system().now()) {
        Ok(probe) => probe,
        Err(faults) => {
            output.tell(&faults);
            return Exit::Usage;
        }
    };
    let policy = match loaded(&asked.directory, output) {
        Ok(policy) => policy,
        Err(exit) => return exit,
    };
    let explained = match policy.explain(&probe) {
        Ok(explained) => explained,
        Err(ambiguous) => {
            output.error(&ambiguous.to_string());
            output.hint(Ambiguous::HINT);
            return Exit::Usage;
        }
    };
    let shown: Vec<&Traced> =
        explained.rules.iter().filter(|traced| asked.all || !traced.is_elsewhere()).collect();
    match output.format() {
        Format::Human => human(&explained, &shown, output),
        Format::Plain => plain(&explained, &shown, output),
        Format::Json => output.data(&json_of(&explained, &shown, &policy.digest().hex()).to_string()),
    }
    let hidden = explained.rules.len() - shown.len();
    if hidden > 0 {
        let rules = counted(hidden, "rule");
        output.say(&format!("{rules} about other operations, callers or instances: --all shows them"));
    }
    if explained.verdict.is_ok() { Exit::Done } else { Exit::Refused }
}

/// The question as an object with the keys of a `[[test]]`.
fn question(asked: &Explain) -> Result<Map<String, Value>, String> {
    let mut question = match &asked.request {
        Some(path) => request(path)?,
        None => Map::new(),
    };
    let texts = [
        ("caller", &asked.caller),
        ("unique_id", &asked.unique_id),
        ("action", &asked.action),
        ("instance", &asked.instance),
        ("username", &asked.username),
        ("ticket", &asked.ticket),
        ("at", &asked.at),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            question.insert(key.to_owned(), value.as_str().into());
        }
    }
    if let Some(username) = &asked.user_username {
        let mut user = pairs(&asked.has);
        user.insert("username".to_owned(), username.as_str().into());
        if let Some(id) = &asked.user_id {
            user.insert("id".to_owned(), id.as_str().into());
        }
        question.insert("user".to_owned(), user.into());
    }
    if !asked.set.is_empty() {
        question.insert("change".to_owned(), pairs(&asked.set).into());
    }
    if !asked.claim.is_empty() {
        question.insert("claims".to_owned(), pairs(&asked.claim).into());
    }
    if !asked.grant.is_empty() {
        question.insert("grants".to_owned(), asked.grant.clone().into());
    }
    Ok(question)
}

fn request(path: &Path) -> Result<Map<String, Value>, String> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    match serde_json::from_str(&text) {
        Ok(Value::Object(question)) => Ok(question),
        Ok(_) => Err(format!("`{}` is no JSON object", path.display())),
        Err(error) => Err(format!("`{}` is no JSON: {error}", path.display())),
    }
}

fn pairs(pairs: &[(String, String)]) -> Map<String, Value> {
    pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect()
}

fn human(explained: &Explanation, shown: &[&Traced], output: Output) {
    verdict(explained, output);
    for traced in shown {
        output.data("");
        let kind = kind(traced.side);
        output.data(&format!("{}: {kind} `{}`", traced.rule.place, traced.rule.id));
        for (ground, said) in &traced.said {
            let said = said_in_words(traced.side, *said);
            output.data(&match about(traced.side, *ground) {
                Some(about) => format!("  {about}: {said}"),
                None => format!("  {said}"),
            });
        }
    }
}

fn verdict(explained: &Explanation, output: Output) {
    match &explained.verdict {
        Ok(basis) => {
            output.data(allowed(basis));
            for (ground, rule) in &basis.grounds {
                output.data(&format!("  {} by `{}` ({})", name(*ground), rule.id, rule.place));
            }
            if let Some(ticket) = &basis.ticket {
                output.data(&format!("  with the ticket `{ticket}`"));
            }
        }
        Err(refusal) => {
            output.data(&format!("refused: {}: {}", refusal.code, refusal.detail));
            if let Some(rule) = &refusal.rule {
                output.data(&format!("  by `{}` ({})", rule.id, rule.place));
            }
        }
    }
}

fn allowed(basis: &Basis) -> &'static str {
    if basis.monitor.is_some() { "let through by a monitor: no rule allows it" } else { "allowed" }
}

fn plain(explained: &Explanation, shown: &[&Traced], output: Output) {
    match &explained.verdict {
        Ok(basis) => output.data(allowed(basis)),
        Err(refusal) => output.data(&format!("refused: {}: {}", refusal.code, refusal.detail)),
    }
    for traced in shown {
        for (ground, said) in &traced.said {
            let said = said_in_words(traced.side, *said);
            let about = about(traced.side, *ground).map(|about| format!("{about}: ")).unwrap_or_default();
            let (place, id) = (&traced.rule.place, &traced.rule.id);
            output.data(&format!("{place}: {} `{id}`: {about}{said}", kind(traced.side)));
        }
    }
}

fn json_of(explained: &Explanation, shown: &[&Traced], digest: &str) -> Value {
    let rule = |rule: &crate::policy::RuleRef| json!({ "rule": &*rule.id, "place": &*rule.place });
    let (decision, code, detail) = match &explained.verdict {
        Ok(_) => ("allow", None, None),
        Err(refusal) => ("refuse", Some(refusal.code.as_str()), Some(refusal.detail.as_str())),
    };
    let by: Vec<Value> = match &explained.verdict {
        Ok(basis) => basis.grounds.iter().map(|(_, ground)| rule(ground)).collect(),
        Err(refusal) => refusal.rule.iter().map(rule).collect(),
    };
    let rules = shown.iter().map(|traced| {
        let said = traced.said.iter().map(|(ground, said)| {
            json!({
                "about": name(*ground),
                "matches": said.is_ok(),
                "why": said.err().map(Miss::as_str),
            })
        });
        json!({
            "rule": &*traced.rule.id,
            "place": &*traced.rule.place,
            "kind": kind(traced.side),
            "said": said.collect::<Vec<_>>(),
        })
    });
    json!({
        "decision": decision,
        "code": code,
        "detail": detail,
        "by": by,
        "ticket": explained.verdict.as_ref().ok().and_then(|basis| basis.ticket.as_deref()),
        "monitor": explained.verdict.as_ref().is_ok_and(|basis| basis.monitor.is_some()),
        "changing": explained.changing.iter().map(|field| field.name()).collect::<Vec<_>>(),
        "protected": explained.protected.as_ref().map(|refusal| refusal.detail.as_str()),
        "rules": rules.collect::<Vec<_>>(),
        "policy": digest,
    })
}

fn kind(side: Side) -> &'static str {
    match side {
        Side::Allow => "allow",
        Side::Deny => "deny",
        Side::Monitor => "monitor",
    }
}

/// What an allow was asked about; a deny and a monitor are asked once.
fn about(side: Side, ground: Ground) -> Option<&'static str> {
    match side {
        Side::Allow => Some(name(ground)),
        Side::Deny | Side::Monitor => None,
    }
}

fn name(ground: Ground) -> &'static str {
    match ground {
        Ground::Operation => "operation",
        Ground::Field(field) => field.name(),
    }
}

fn said_in_words(side: Side, said: Result<(), Miss>) -> &'static str {
    match (side, said) {
        (Side::Allow, Ok(())) => "allows it",
        (Side::Deny, Ok(())) => "denies it",
        (Side::Monitor, Ok(())) => "lets it through where no rule allows it",
        (_, Err(miss)) => miss.as_str(),
    }
}
