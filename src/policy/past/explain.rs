//! What each rule says to what was asked once: as it is decided where the log says enough, and otherwise as far as it says.

use super::{
    super::{
        Ambiguous, Ground, Policy, Refusal, Side,
        case::Case,
        compile,
        explain::{Explanation, Said, Traced, in_order, monitors, trace},
        judge::Judge,
        question::{Kind, Question},
        rule::Allow,
    },
    Judged, Past, Unsaid, judged,
    outline::{Denial, Want, asked, denial, unsaid, wants},
};
use crate::operation::Field;

/// What a policy would have answered to what was asked once, and what each rule says to it.
#[derive(Debug, Clone)]
pub struct Recalled {
    /// The answer.
    pub judged: Judged,
    /// Why protection holds, where it is known to.
    pub protected: Option<Refusal>,
    /// The fields whose values would have changed; those that the log names, where it says no values.
    pub changing: Vec<Field>,
    /// Every allow, deny and monitor, those of `deny.d` included, in the order of their places.
    pub rules: Vec<Traced>,
}

impl Policy {
    /// What this policy would have answered then, and why. Directory files count as fresh.
    ///
    /// # Errors
    /// When the instance is known by its id alone, and rules name it by several ARNs.
    pub fn recall(&self, past: &Past) -> Result<Recalled, Ambiguous> {
        let mut past = past.clone();
        self.place(&mut past.case)?;
        let (judged, case) = judged(self, &past);
        Ok(match case {
            Some(case) => whole(self, judged, &case),
            None => outlined(self, judged, &past),
        })
    }
}

fn whole(policy: &Policy, judged: Judged, case: &Case) -> Recalled {
    let question = case.question();
    let judge = Judge::new(policy, &question, case.at).with_fresh_directories();
    let verdict = compile::asked(&judge, case).map(|grant| grant.basis);
    let Explanation { verdict: _, protected, changing, rules } = trace(&judge, case, verdict);
    Recalled { judged, protected, changing, rules }
}

fn outlined(policy: &Policy, judged: Judged, past: &Past) -> Recalled {
    let question = past.case.question();
    let wants = wants(past);
    let allows = policy.rules().allow.iter().map(|allow| {
        let said = wants.iter().map(|want| (ground(*want), said(policy, allow, &question, past, *want)));
        Traced { rule: allow.rule.clone(), side: Side::Allow, said: said.collect() }
    });
    let denies = policy.rules().deny.iter().chain(&policy.emergency().deny).map(|deny| {
        let said = match denial(deny, &question, past) {
            Ok(Denial::Certain) => Said::Yes,
            Ok(Denial::Perhaps) => Said::Open([Unsaid::Deny(deny.rule.clone())].into()),
            Err(miss) => Said::No(miss),
        };
        Traced { rule: deny.rule.clone(), side: Side::Deny, said: vec![(Ground::Operation, said)] }
    });
    let judge = Judge::new(policy, &question, past.case.at);
    let rules = in_order(allows.chain(denies).chain(monitors(&judge)).collect());
    Recalled { judged, protected: None, changing: past.fields().into_keys().collect(), rules }
}

fn said(policy: &Policy, allow: &Allow, question: &Question<'_>, past: &Past, want: Want) -> Said {
    if let Err(miss) = asked(allow, question, past, want) {
        return Said::No(miss);
    }
    let mut open = unsaid(policy, allow, past, want);
    if matches!(want, Want::Operation) && past.case.kind() == Kind::Identity {
        open.insert(Unsaid::Fields);
    }
    if open.is_empty() { Said::Yes } else { Said::Open(open) }
}

fn ground(want: Want) -> Ground {
    match want {
        Want::Operation => Ground::Operation,
        Want::Field(field, _) => Ground::Field(field),
    }
}
