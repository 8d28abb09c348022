//! `policy test`: every `[[test]]`, one by one, with what was expected and what was found.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::{
    app::policy_files,
    cli::{Exit, args::Format, check::counted, output::Output},
    clock::Clock,
    diagnostic::{Fault, Faults, Source},
    policy::{Trial, trials},
};

/// `policy test`: ends with [`Exit::Failed`] when one fails.
pub(super) fn test(directory: &Path, files: &[PathBuf], junit: Option<&Path>, output: Output) -> Exit {
    let ran = sources(files).and_then(|more| trials(&policy_files(directory)?, &more, Clock::system().now()));
    let trials = match ran {
        Ok(trials) => trials,
        Err(faults) => {
            output.tell(&faults);
            return Exit::Invalid;
        }
    };
    let failed = trials.iter().filter(|trial| trial.failure.is_some()).count();
    match output.format() {
        Format::Human => trials.iter().for_each(|trial| human(trial, output)),
        Format::Plain => trials.iter().for_each(|trial| plain(trial, output)),
        Format::Json => {
            let all: Vec<Value> = trials.iter().map(json_of).collect();
            let found = json!({ "passed": trials.len() - failed, "failed": failed, "tests": all });
            output.data(&found.to_string());
        }
    }
    output.say(&format!("{} passed, {failed} failed", counted(trials.len() - failed, "test")));
    if let Some(path) = junit
        && let Err(error) = fs::write(path, report(&trials, failed))
    {
        output.error(&format!("cannot write `{}`: {error}", path.display()));
        return Exit::Failed;
    }
    if failed == 0 { Exit::Done } else { Exit::Failed }
}

fn sources(files: &[PathBuf]) -> Result<Vec<Source>, Faults> {
    let mut faults = Faults::new();
    let mut sources = Vec::new();
    for path in files {
        match fs::read_to_string(path) {
            Ok(text) => sources.push(Source::new(path.display().to_string(), text)),
            Err(error) => faults.push(Fault::bare(format!("cannot read `{}`: {error}", path.display()))),
        }
    }
    if faults.fatal() { Err(faults) } else { Ok(sources) }
}

fn human(trial: &Trial, output: Output) {
    let word = if trial.failure.is_none() { "ok    " } else { "failed" };
    output.data(&format!("{word} {} ({}:{})", trial.name, trial.file, trial.line));
    if let Some(failure) = &trial.failure {
        output.data(&format!("         expected {}", trial.expected));
        output.data(&format!("         but it is {}", trial.found));
        if let Some(detail) = &failure.detail {
            output.data(&format!("         {detail}"));
        }
    }
}

fn plain(trial: &Trial, output: Output) {
    let Trial { name, file, line, expected, found, failure, .. } = trial;
    output.data(&match failure {
        None => format!("{file}:{line}: ok: {name}"),
        Some(_) => format!("{file}:{line}: failed: {name}: expected {expected}, but it is {found}"),
    });
}

fn json_of(trial: &Trial) -> Value {
    json!({
        "name": trial.name,
        "file": &*trial.file,
        "line": trial.line,
        "passed": trial.failure.is_none(),
        "expected": trial.expected,
        "found": trial.found,
        "detail": trial.failure.as_ref().and_then(|failure| failure.detail.clone()),
    })
}

/// As build servers read it.
fn report(trials: &[Trial], failed: usize) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"policy\" tests=\"{}\" failures=\"{failed}\">\n",
        trials.len()
    );
    for trial in trials {
        let Trial { name, file, line, expected, found, failure, .. } = trial;
        let (name, file) = (xml(name), xml(file));
        let begin = format!("<testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\"");
        match failure {
            None => text.extend([begin.as_str(), "/>\n"]),
            Some(failure) => {
                let message = xml(&format!("expected {expected}, but it is {found}"));
                let detail = xml(failure.detail.as_deref().unwrap_or_default());
                let why = format!("<failure message=\"{message}\">{file}:{line} {detail}</failure>");
                text.extend([begin.as_str(), ">", &why, "</testcase>\n"]);
            }
        }
    }
    text.push_str("</testsuite>\n</testsuites>\n");
    text
}

/// Text within XML 1.0; characters that it cannot hold are replaced.
fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' | '\r' => escaped.push(' '),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            plain => escaped.push(plain),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Failure;

    #[test]
    fn a_report_names_every_case_and_escapes_its_words() {
        let trial = |name: &str, failure| Trial {
            name: name.to_owned(),
            file: "a.toml".into(),
            line: 7,
            expected: "allow".to_owned(),
            found: "refused because of `no-rule`".to_owned(),
            rules: Vec::new(),
            failure,
        };
        let trials = [trial("good", None), trial("<\"&\n\u{1}>", Some(Failure { detail: None }))];
        assert_eq!(
            report(&trials, 1),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n\
             <testsuite name=\"policy\" tests=\"2\" failures=\"1\">\n\
             <testcase classname=\"a.toml\" name=\"good\" file=\"a.toml\" line=\"7\"/>\n\
             <testcase classname=\"a.toml\" name=\"&lt;&quot;&amp; \u{fffd}&gt;\" file=\"a.toml\" line=\"7\">\
             <failure message=\"expected allow, but it is refused because of `no-rule`\">a.toml:7 </failure></testcase>\n\
             </testsuite>\n</testsuites>\n"
        );
    }
}
