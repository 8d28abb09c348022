//! What a record of the ledger says was asked, and what was answered then.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::{
    cli::{
        Exit,
        notify::{Parts, parts},
        output::{Output, on_one_line},
        policy::{
            args::Recorded,
            replay::{Asked, asked_by, recorded_as},
        },
        serve::runtime,
    },
    ledger::{Ledger, Line, part},
    policy::{Past, Policy},
    secret::Seal,
};

/// A record that asks something.
pub(super) struct Found {
    /// What was asked.
    pub(super) past: Past,
    /// The record, without what is sealed.
    pub(super) shown: Value,
}

/// The record that is asked for.
pub(super) fn find(asked: &Recorded, output: Output) -> Result<Found, Exit> {
    let Some((chain, seq)) = &asked.record else { return Err(Exit::Usage) };
    let name = format!("{}/{seq}", on_one_line(chain));
    let line = match &asked.records {
        Some(file) => exported(file, chain, *seq).map_err(|why| failed(&why, output))?,
        None => kept(asked, chain, *seq, output)?,
    };
    let Some(Line { record, inputs }) = line else {
        return Err(failed(&format!("there is no record {name}"), output));
    };
    match part(&record, "/kind").as_str() {
        Some("intent" | "refusal" | "ordinary") => {}
        Some("outcome") => {
            let of = recorded_as(part(&record, "/intent"));
            return Err(failed(&format!("the record {name} is what became of {of}: ask about that"), output));
        }
        Some(_) | None => {
            return Err(failed(&format!("the record {name} is of no request: nothing was asked"), output));
        }
    }
    match asked_by(&record, inputs.as_ref()) {
        Ok(Asked::Known(past)) => Ok(Found { past: *past, shown: shown(&record, inputs.is_some()) }),
        Ok(Asked::Unknown(..)) => {
            Err(failed(&format!("the record {name} is of an operation that the guard does not know"), output))
        }
        Err(_) => Err(failed(&format!("the record {name} does not say enough to be asked again"), output)),
    }
}

fn kept(asked: &Recorded, chain: &str, seq: u64, output: Output) -> Result<Option<Line>, Exit> {
    let (url, seal): (String, Option<Seal>) = match &asked.ledger {
        Some(url) if asked.config.is_none() => (url.clone(), None),
        url => {
            let Parts { config, correspondence, .. } = parts(asked.config.as_deref(), output)?;
            (url.clone().unwrap_or(config.store.url), Some(correspondence.seal))
        }
    };
    let runtime = runtime().map_err(|error| failed(&error.to_string(), output))?;
    let found = runtime.block_on(Ledger::line(&url, seal.as_ref(), chain, seq));
    found.map_err(|fault| failed(&format!("the ledger `{url}` cannot be read: {fault}"), output))
}

fn exported(file: &Path, chain: &str, seq: u64) -> Result<Option<Line>, String> {
    let text =
        fs::read_to_string(file).map_err(|error| format!("cannot read `{}`: {error}", file.display()))?;
    let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let found = records.into_iter().find(|record| {
        part(record, "/chain").as_str() == Some(chain) && part(record, "/seq").as_u64() == Some(seq)
    });
    Ok(found.map(|record| {
        // What is sealed stays so: an object with `person` and `sealed` alone.
        let inputs = record.get("inputs").filter(|inputs| inputs.get("sealed").is_none()).cloned();
        Line { record, inputs }
    }))
}

fn failed(why: &str, output: Output) -> Exit {
    output.error(why);
    Exit::Failed
}

fn shown(record: &Value, opened: bool) -> Value {
    let members = ["chain", "seq", "at", "kind", "operation", "policy", "basis", "refusal"];
    let members = members.into_iter().filter_map(|name| Some((name.to_owned(), record.get(name)?.clone())));
    let mut shown: serde_json::Map<String, Value> = members.collect();
    shown.insert("opened".to_owned(), opened.into());
    json!(shown)
}

impl Found {
    /// What was answered then.
    pub(super) fn said(&self) -> String {
        let text =
            |path: &str| on_one_line(part(&self.shown, path).as_str().unwrap_or_default()).into_owned();
        let answer = if part(&self.shown, "/kind") == "refusal" {
            format!("refused: {}", text("/refusal/code"))
        } else {
            let grounds = part(&self.shown, "/basis/grounds").as_array().into_iter().flatten();
            let mut rules: Vec<String> = grounds
                .filter_map(|ground| {
                    Some(format!("`{}` ({})", ground.get("rule")?.as_str()?, ground.get("place")?.as_str()?))
                })
                .collect();
            rules.dedup();
            if rules.is_empty() { "allowed".to_owned() } else { format!("allowed by {}", rules.join(", ")) }
        };
        let sealed = if part(&self.shown, "/opened") == &Value::Bool(true) {
            ""
        } else {
            "; what is sealed in it is not open to these keys"
        };
        format!("{} of {}: {answer}{sealed}", recorded_as(&self.shown), text("/at"))
    }

    /// Whether this policy decided it.
    pub(super) fn is_under(&self, policy: &Policy) -> bool {
        part(&self.shown, "/policy").as_str() == Some(&policy.digest().hex())
    }
}
