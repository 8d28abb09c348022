//! Runs `[[test]]` cases: a policy that does not answer as its authors wrote does not load.

use crate::{
    diagnostic::{Fault, Faults},
    policy::{Policy, Refusal, case::Case, grant::Grant, judge::Judge, question::Kind},
};

use super::{
    Placed,
    case::{Answer, Expected},
};

/// What a policy answers to a case.
pub(in crate::policy) fn verdict(policy: &Policy, case: &Case) -> Result<Grant, Refusal> {
    let question = case.question();
    let judge = Judge::new(policy, &question, case.at).with_fresh_directories();
    match case.kind() {
        Kind::Ordinary => judge.screen().and_then(|()| judge.pass()),
        Kind::Identity | Kind::Create | Kind::Sensitive => judge.decide(&case.facts()),
    }
}

/// Runs one test.
pub(super) fn run(policy: &Policy, test: Placed<Expected>) -> Faults {
    let Placed { what: Expected { name, case, answer, span }, source, .. } = test;
    let mut faults = Faults::new();
    let verdict = verdict(policy, &case);
    let holds = match (&answer, &verdict) {
        (Answer::Allow(None), Ok(_)) => true,
        (Answer::Allow(Some(rule)), Ok(grant)) => {
            grant.basis.grounds.iter().any(|(_, ground)| *ground.id == **rule)
        }
        (Answer::Refuse(code, rule), Err(refusal)) => {
            let by = |rule: &String| refusal.rule.as_ref().is_some_and(|by| *by.id == **rule);
            *code == refusal.code && rule.as_ref().is_none_or(by)
        }
        (Answer::Allow(_), Err(_)) | (Answer::Refuse(..), Ok(_)) => false,
    };
    if !holds {
        let message = format!("test `{name}`: expected {}, but it is {}", wanted(&answer), found(&verdict));
        let fault = Fault::error(message, source.at(span));
        faults.push(match verdict {
            Ok(_) => fault,
            Err(refusal) => fault.hint(refusal.detail),
        });
    }
    faults
}

fn wanted(answer: &Answer) -> String {
    match answer {
        Answer::Allow(None) => "allow".to_owned(),
        Answer::Allow(Some(rule)) => format!("allow by `{rule}`"),
        Answer::Refuse(code, None) => format!("refuse because of `{code}`"),
        Answer::Refuse(code, Some(rule)) => format!("refuse because of `{code}` by `{rule}`"),
    }
}

fn found(verdict: &Result<Grant, Refusal>) -> String {
    match verdict {
        Ok(grant) => {
            let mut rules: Vec<String> =
                grant.basis.grounds.iter().map(|(_, rule)| format!("`{}`", rule.id)).collect();
            rules.dedup();
            format!("allowed by {}", rules.join(", "))
        }
        Err(refusal) => match &refusal.rule {
            Some(rule) => format!("refused because of `{}` by `{}`", refusal.code, rule.id),
            None => format!("refused because of `{}`", refusal.code),
        },
    }
}
