//! What a policy says to what was asked: counted, and each kind of difference once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Asked, Call, Was};
use crate::policy::{Code, Judged, Past, Policy, RuleRef};

/// What the policy would have said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Now {
    /// Allowed.
    Allowed,
    /// It depends on what the log does not say.
    Open,
    /// Refused.
    Refused,
}

/// Something that ended otherwise than the policy would have it. Calls that differ in time and user only are one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    pub(super) was: Was,
    pub(super) now: Now,
    pub(super) caller: String,
    pub(super) operation: String,
    pub(super) instance: Option<String>,
    pub(super) fields: Vec<&'static str>,
    pub(super) code: Option<&'static str>,
    pub(super) why: Option<String>,
    /// The rules that decide.
    pub(super) rules: Vec<RuleRef>,
}

/// How often, and where first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Often {
    pub(super) count: u64,
    pub(super) first: String,
}

/// Counts, and differences.
pub(super) struct Tally<'p> {
    policy: &'p Policy,
    /// How many, by how it ended and how it would end.
    pub(super) counts: BTreeMap<(Was, Now), u64>,
    /// What ended otherwise.
    pub(super) differences: BTreeMap<Difference, Often>,
    /// What could not be judged, in words, and of how many calls.
    pub(super) unsaid: BTreeMap<String, u64>,
}

impl<'p> Tally<'p> {
    /// By this policy.
    pub(super) fn of(policy: &'p Policy) -> Self {
        Self { policy, counts: BTreeMap::new(), differences: BTreeMap::new(), unsaid: BTreeMap::new() }
    }

    /// One more call.
    pub(super) fn add(&mut self, call: &Call) {
        let found = match &call.asked {
            Asked::Known(past) => self.judge(call.was, past),
            Asked::Unknown(caller, operation) => Difference {
                was: call.was,
                now: Now::Refused,
                caller: caller.clone(),
                operation: operation.clone(),
                instance: None,
                fields: Vec::new(),
                code: Some(Code::OperationUnknown.as_str()),
                why: Some("the guard does not know the operation".to_owned()),
                rules: Vec::new(),
            },
        };
        *self.counts.entry((found.was, found.now)).or_default() += 1;
        if matches!(
            (found.was, found.now),
            (Was::Done, Now::Refused) | (Was::Refused, Now::Allowed | Now::Open)
        ) {
            let often = self
                .differences
                .entry(found)
                .or_insert_with(|| Often { count: 0, first: call.place.clone() });
            often.count += 1;
        }
    }

    /// Whether something that was done would be refused.
    pub(super) fn is_refused_now(&self) -> bool {
        self.counts.contains_key(&(Was::Done, Now::Refused))
    }

    fn judge(&mut self, was: Was, past: &Past) -> Difference {
        let (now, code, why, rules) = match self.policy.replay(past) {
            Judged::Allowed(rules) => (Now::Allowed, None, None, rules),
            Judged::Open(rules, unsaid) => {
                let words: BTreeSet<String> = unsaid.iter().map(crate::policy::Unsaid::words).collect();
                for words in words {
                    *self.unsaid.entry(words).or_default() += 1;
                }
                (Now::Open, None, None, rules)
            }
            Judged::Refused(refusal) => {
                let rules = refusal.rule.into_iter().collect();
                (Now::Refused, Some(refusal.code.as_str()), Some(refusal.detail), rules)
            }
        };
        Difference {
            was,
            now,
            caller: past.caller(),
            operation: past.operation().to_owned(),
            instance: past.instance().map(str::to_owned),
            fields: past.fields().keys().map(|field| field.name()).collect(),
            code,
            why,
            rules,
        }
    }
}
