//! One question put to a policy by hand: what `policy explain` and the benchmark ask. No token comes of it.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::{clock::Now, diagnostic::Faults};

use super::{Basis, Policy, Refusal, case::Case, compile};

/// One question and what is true when it is asked, written as a `[[test]]`; what it expects is not asked.
#[derive(Clone)]
pub struct Probe(Case);

impl Probe {
    /// Reads a text with one `[[test]]`.
    ///
    /// # Errors
    /// Every fault of it.
    pub fn read(text: &str) -> Result<Self, Faults> {
        compile::probe(text).map(Self)
    }

    /// Reads a question in JSON: an object with the keys of a `[[test]]`, where `at` is a text. It is asked at `now` when it
    /// says no time, and needs neither name nor expectation.
    ///
    /// # Errors
    /// Every fault of it, in the words of a `[[test]]`.
    pub fn of_json(question: &Map<String, Value>, now: Now) -> Result<Self, Faults> {
        let mut text = "[[test]]\n".to_owned();
        for (key, default) in [("name", "question"), ("expect", "allow")] {
            if !question.contains_key(key) {
                let _ = writeln!(text, "{key} = \"{default}\"");
            }
        }
        if !question.contains_key("at") {
            let _ = writeln!(text, "at = {}", now.timestamp());
        }
        for (key, value) in question {
            let at = value.as_str().filter(|_| key == "at").and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let value = at.map_or_else(|| toml(value), |at| at.to_string());
            let _ = writeln!(text, "{} = {value}", toml(&Value::from(key.as_str())));
        }
        Self::read(&text)
    }

    /// A question of a test.
    #[cfg(test)]
    pub(super) fn for_tests(case: Case) -> Self {
        Self(case)
    }

    /// The question.
    pub(super) fn case(&self) -> &Case {
        &self.0
    }
}

impl Policy {
    /// What this policy answers: the grounds, or why not. Directory files count as fresh. An instance that is asked for by
    /// its id alone, and that rules name by several ARNs, counts as none of these.
    ///
    /// # Errors
    /// The refusal.
    pub fn answer(&self, probe: &Probe) -> Result<Basis, Refusal> {
        let mut case = probe.0.clone();
        let _ = self.place(&mut case);
        compile::verdict(self, &case).map(|grant| grant.basis)
    }
}

/// JSON as TOML has it: texts, numbers and lists are the same, an object is an inline table. What TOML has not (null) is
/// a fault of the question.
fn toml(value: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members =
                members.iter().map(|(key, value)| format!("{} = {}", Value::from(key.as_str()), toml(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}
