//! An answer as it is shown, with what each rule said.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    cli::{args::Format, output::Output},
    operation::Field,
    policy::{Basis, Explanation, Ground, Judged, Recalled, Refusal, RuleRef, Said, Side, Traced, Unsaid},
};

/// What is answered, and what each rule said.
pub(super) struct Answer<'a> {
    verdict: Verdict<'a>,
    /// The record that was asked, and what is in it.
    past: Option<Value>,
    changing: &'a [Field],
    protected: Option<&'a Refusal>,
    rules: Vec<&'a Traced>,
}

enum Verdict<'a> {
    Allowed(&'a Basis),
    /// By these rules, as far as a record says.
    Fits(&'a [RuleRef]),
    Open(&'a [RuleRef], &'a BTreeSet<Unsaid>),
    Refused(&'a Refusal),
}

impl<'a> Answer<'a> {
    /// To a question.
    pub(super) fn of(explained: &'a Explanation) -> Self {
        let verdict = match &explained.verdict {
            Ok(basis) => Verdict::Allowed(basis),
            Err(refusal) => Verdict::Refused(refusal),
        };
        Self {
            verdict,
            past: None,
            changing: &explained.changing,
            protected: explained.protected.as_ref(),
            rules: explained.rules.iter().collect(),
        }
    }

    /// To what a record says was asked.
    pub(super) fn of_record(past: Value, recalled: &'a Recalled) -> Self {
        let verdict = match &recalled.judged {
            Judged::Allowed(rules) => Verdict::Fits(rules),
            Judged::Open(rules, unsaid) => Verdict::Open(rules, unsaid),
            Judged::Refused(refusal) => Verdict::Refused(refusal),
        };
        Self {
            verdict,
            past: Some(past),
            changing: &recalled.changing,
            protected: recalled.protected.as_ref(),
            rules: recalled.rules.iter().collect(),
        }
    }

    /// Leaves out the rules that are about other operations, callers or instances, and tells how many.
    pub(super) fn without_those_elsewhere(&mut self) -> usize {
        let all = self.rules.len();
        self.rules.retain(|traced| !traced.is_elsewhere());
        all - self.rules.len()
    }

    /// Shows it.
    pub(super) fn show(&self, digest: &str, output: Output) {
        match output.format() {
            Format::Human => self.human(output),
            Format::Plain => self.plain(output),
            Format::Json => output.data(&self.json(digest).to_string()),
        }
    }

    fn human(&self, output: Output) {
        for line in self.lines() {
            output.data(&line);
        }
        for traced in &self.rules {
            output.data("");
            let kind = kind(traced.side);
            output.data(&format!("{}: {kind} `{}`", traced.rule.place, traced.rule.id));
            for (ground, said) in &traced.said {
                let said = said_in_words(traced.side, said);
                output.data(&match about(traced.side, *ground) {
                    Some(about) => format!("  {about}: {said}"),
                    None => format!("  {said}"),
                });
            }
        }
    }

    /// The answer, for people.
    fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.decision()];
        match &self.verdict {
            Verdict::Allowed(basis) => {
                let by = basis.grounds.iter();
                lines.extend(by.map(|(ground, rule)| format!("  {} by {}", name(*ground), named(rule))));
                lines.extend(basis.ticket.iter().map(|ticket| format!("  with the ticket `{ticket}`")));
            }
            Verdict::Fits(rules) => lines.extend(rules.iter().map(|rule| format!("  by {}", named(rule)))),
            Verdict::Open(rules, unsaid) => {
                lines.extend(rules.iter().map(|rule| format!("  {} could allow it", named(rule))));
                lines.extend(unsaid.iter().map(|unsaid| format!("  not in the record: {}", unsaid.words())));
            }
            Verdict::Refused(refusal) => {
                lines.extend(refusal.rule.iter().map(|rule| format!("  by {}", named(rule))));
            }
        }
        lines
    }

    /// The answer on one line.
    fn decision(&self) -> String {
        match &self.verdict {
            Verdict::Allowed(basis) if basis.monitor.is_some() => {
                "let through by a monitor: no rule allows it".to_owned()
            }
            Verdict::Allowed(_) | Verdict::Fits(_) => "allowed".to_owned(),
            Verdict::Open(..) => "open: it depends on what the record does not say".to_owned(),
            Verdict::Refused(refusal) => format!("refused: {}: {}", refusal.code, refusal.detail),
        }
    }

    fn plain(&self, output: Output) {
        output.data(&self.decision());
        for traced in &self.rules {
            for (ground, said) in &traced.said {
                let said = said_in_words(traced.side, said);
                let about = about(traced.side, *ground).map(|about| format!("{about}: ")).unwrap_or_default();
                let (place, id) = (&traced.rule.place, &traced.rule.id);
                output.data(&format!("{place}: {} `{id}`: {about}{said}", kind(traced.side)));
            }
        }
    }

    fn json(&self, digest: &str) -> Value {
        let rule = |rule: &RuleRef| json!({ "rule": &*rule.id, "place": &*rule.place });
        let by: Vec<Value> = match &self.verdict {
            Verdict::Allowed(basis) => basis.grounds.iter().map(|(_, ground)| rule(ground)).collect(),
            Verdict::Fits(rules) | Verdict::Open(rules, _) => rules.iter().map(rule).collect(),
            Verdict::Refused(refusal) => refusal.rule.iter().map(rule).collect(),
        };
        let basis = match &self.verdict {
            Verdict::Allowed(basis) => Some(basis),
            Verdict::Fits(_) | Verdict::Open(..) | Verdict::Refused(_) => None,
        };
        let (decision, refusal, unsaid) = match &self.verdict {
            Verdict::Allowed(_) | Verdict::Fits(_) => ("allow", None, Vec::new()),
            Verdict::Open(_, unsaid) => ("open", None, words(unsaid)),
            Verdict::Refused(refusal) => ("refuse", Some(refusal), Vec::new()),
        };
        let mut answer = json!({
            "decision": decision,
            "code": refusal.map(|refusal| refusal.code.as_str()),
            "detail": refusal.map(|refusal| refusal.detail.as_str()),
            "by": by,
            "ticket": basis.and_then(|basis| basis.ticket.as_deref()),
            "monitor": basis.is_some_and(|basis| basis.monitor.is_some()),
            "changing": self.changing.iter().map(|field| field.name()).collect::<Vec<_>>(),
            "protected": self.protected.map(|refusal| refusal.detail.as_str()),
            "rules": self.rules.iter().map(|traced| json_of(traced)).collect::<Vec<_>>(),
            "policy": digest,
        });
        if let (Some(past), Value::Object(members)) = (&self.past, &mut answer) {
            members.insert("record".to_owned(), past.clone());
            members.insert("unsaid".to_owned(), unsaid.into());
        }
        answer
    }
}

fn json_of(traced: &Traced) -> Value {
    let said = traced.said.iter().map(|(ground, said)| {
        let mut one = json!({ "about": name(*ground) });
        let (matches, why) = match said {
            Said::Yes => (Value::Bool(true), Value::Null),
            Said::No(miss) => (Value::Bool(false), miss.as_str().into()),
            Said::Open(unsaid) => (Value::Null, words(unsaid).join("; ").into()),
        };
        if let Value::Object(members) = &mut one {
            members.insert("matches".to_owned(), matches);
            members.insert("why".to_owned(), why);
        }
        one
    });
    json!({
        "rule": &*traced.rule.id,
        "place": &*traced.rule.place,
        "kind": kind(traced.side),
        "said": said.collect::<Vec<_>>(),
    })
}

fn words(unsaid: &BTreeSet<Unsaid>) -> Vec<String> {
    unsaid.iter().map(Unsaid::words).collect()
}

fn named(rule: &RuleRef) -> String {
    format!("`{}` ({})", rule.id, rule.place)
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

fn said_in_words(side: Side, said: &Said) -> String {
    match (side, said) {
        (Side::Allow, Said::Yes) => "allows it".to_owned(),
        (Side::Deny, Said::Yes) => "denies it".to_owned(),
        (Side::Monitor, Said::Yes) => "lets it through where no rule allows it".to_owned(),
        (Side::Deny, Said::Open(_)) => "may deny it: that depends on what the record does not say".to_owned(),
        (_, Said::Open(unsaid)) => format!("may allow it; not in the record: {}", words(unsaid).join("; ")),
        (_, Said::No(miss)) => miss.as_str().to_owned(),
    }
}
