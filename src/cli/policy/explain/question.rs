//! A question from arguments, and from a file of JSON.

use std::{fs, path::Path};

use serde_json::{Map, Value};

use crate::cli::policy::args::Explain;

/// The question as an object with the keys of a `[[test]]`.
pub(super) fn question(asked: &Explain) -> Result<Map<String, Value>, String> {
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
    if !asked.member.is_empty() {
        question.insert("members".to_owned(), asked.member.clone().into());
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
