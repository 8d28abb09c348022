//! Runs `[[test]]` cases: a policy that does not answer as its authors wrote does not load.

use crate::{
    diagnostic::{Fault, Faults},
    policy::{
        Ambiguous, Policy, Refusal, Trial, case::Case, grant::Grant, judge::Judge, question::Kind,
        trials::Failure,
    },
};

use super::{
    Placed,
    case::{Answer, Expected},
};

/// What a policy answers to a case.
pub(in crate::policy) fn verdict(policy: &Policy, case: &Case) -> Result<Grant, Refusal> {
    let question = case.question();
    asked(&Judge::new(policy, &question, case.at).with_fresh_directories(), case)
}

/// What the engine decides of a case, as it decides of a request: an ordinary operation after the screen, a change with
/// what is true.
pub(in crate::policy) fn asked(judge: &Judge<'_>, case: &Case) -> Result<Grant, Refusal> {
    match case.kind() {
        Kind::Ordinary => judge.screen().and_then(|()| judge.pass()),
        Kind::Identity | Kind::Create | Kind::Sensitive => judge.decide(&case.facts()),
    }
}

/// Gives each test the ARN of its instance, and sets aside those of which it cannot be told: with a fault for each.
pub(super) fn place(policy: &Policy, tests: &mut Vec<Placed<Expected>>) -> Faults {
    let mut faults = Faults::new();
    tests.retain_mut(|test| match policy.place(&mut test.what.case) {
        Ok(()) => true,
        Err(ambiguous) => {
            let at = test.source.at(test.what.instance.clone());
            faults.push(Fault::error(ambiguous.to_string(), at).hint(Ambiguous::HINT));
            false
        }
    });
    faults
}

/// What is wrong with a policy where a test of it failed.
pub(super) fn fault(test: &Placed<Expected>, trial: &Trial) -> Faults {
    let mut faults = Faults::new();
    let Trial { name, expected, found, failure, .. } = trial;
    if let Some(Failure { detail }) = failure {
        let message = format!("test `{name}`: expected {expected}, but it is {found}");
        let fault = Fault::error(message, test.source.at(test.what.span.clone()));
        faults.push(match detail {
            None => fault,
            Some(detail) => fault.hint(detail.clone()),
        });
    }
    faults
}

/// Runs one test, and says how it ended.
pub(super) fn tried(policy: &Policy, test: &Placed<Expected>) -> Trial {
    let Placed { what: Expected { name, case, answer, line, .. }, source, .. } = test;
    let verdict = verdict(policy, case);
    let holds = match (answer, &verdict) {
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
    let rules = match &verdict {
        Ok(grant) => grant.basis.grounds.iter().map(|(_, rule)| rule.clone()).collect(),
        Err(refusal) => refusal.rule.iter().cloned().collect(),
    };
    Trial {
        name: name.clone(),
        file: source.name.clone(),
        line: *line,
        expected: wanted(answer),
        found: found(&verdict),
        rules,
        failure: (!holds).then(|| Failure { detail: verdict.err().map(|refusal| refusal.detail) }),
    }
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
            let verb = if grant.basis.monitor.is_some() { "let through" } else { "allowed" };
            format!("{verb} by {}", rules.join(", "))
        }
        Err(refusal) => match &refusal.rule {
            Some(rule) => format!("refused because of `{}` by `{}`", refusal.code, rule.id),
            None => format!("refused because of `{}`", refusal.code),
        },
    }
}
