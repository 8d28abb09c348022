//! `policy report`: what a policy says, as one page that needs nothing from elsewhere and runs no script.

mod filled;

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;
use serde_json::Value;

use crate::{
    app::policy_files,
    cli::{Exit, output::Output},
    clock::Clock,
    policy::{Policy, advice, trials},
    secret::Digest,
};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// `policy report`
pub(super) fn report(directory: &Path, out: Option<&Path>, output: Output) -> Exit {
    let now = Clock::system().now();
    let compiled = policy_files(directory).and_then(|files| {
        let (policy, mut faults) = Policy::compile(&files, now)?;
        faults.extend(advice(&files, now));
        let trials = trials(&files, &[], now)?;
        Ok((policy, files, faults, trials))
    });
    let (policy, files, faults, trials) = match compiled {
        Ok(compiled) => compiled,
        Err(faults) => {
            output.tell(&faults);
            return Exit::Invalid;
        }
    };
    let name = directory.file_name().map_or_else(|| "policy".into(), |name| name.to_string_lossy());
    let filled = filled::filled(&name, &policy, &policy.overview(&files, now), &faults, &trials, now);
    let page = match page(&filled) {
        Ok(page) => page,
        Err(error) => {
            output.error(&format!("the page cannot be written: {error}"));
            return Exit::Failed;
        }
    };
    match out {
        None => output.text(page.trim_end()),
        Some(path) => {
            if let Err(error) = fs::write(path, page) {
                output.error(&format!("cannot write `{}`: {error}", path.display()));
                return Exit::Failed;
            }
            output.say(&format!("written to {}", path.display()));
        }
    }
    // A broken file of emergencies is on the page, and is a fault all the same.
    if faults.fatal() {
        output.tell(&faults);
        return Exit::Invalid;
    }
    Exit::Done
}

/// What the template takes.
#[derive(Serialize)]
struct Page<'a> {
    style: &'static str,
    /// Of the style: the one thing that the page's own policy lets in.
    hash: String,
    #[serde(flatten)]
    filled: &'a Value,
}

/// The page with this in it. Whatever a policy says is escaped: only the style is put in as it is.
fn page(filled: &Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_template("page.html", PAGE)?;
    let hash = STANDARD.encode(Digest::of(STYLE.as_bytes()).bytes());
    environment.get_template("page.html")?.render(minijinja::Value::from(Serde(Page {
        style: STYLE,
        hash,
        filled,
    })))
}

#[cfg(test)]
mod tests;
