//! Why a question is answered as it is: each rule with what in it matched or did not. The answer is the decision's own,
//! and each rule is asked by the matchers that decide: nothing is read a second way.

use std::collections::BTreeSet;

use crate::operation::{Address, Field};

use super::{
    Ambiguous, Basis, Ground, Known, Policy, Probe, Refusal, RuleRef, Side, Unsaid,
    case::Case,
    compile,
    index::Aim,
    judge::{Judge, Lift, Standing, aim_of},
    miss::{Match, Miss, need},
    question::{Facts, Kind},
    rule::Lacking,
};

/// The answer to a question, and what each rule said to it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The grounds, or why not.
    pub verdict: Result<Basis, Refusal>,
    /// Why protection holds, when it does.
    pub protected: Option<Refusal>,
    /// The fields whose values would change.
    pub changing: Vec<Field>,
    /// Every allow, deny and monitor, those of `deny.d` included, in the order of their places.
    pub rules: Vec<Traced>,
}

/// A rule, and what it said to each thing that is to be allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// Which.
    pub rule: RuleRef,
    /// Whether it allows, denies or monitors.
    pub side: Side,
    /// For each thing that is to be allowed whether it matched, or what did not. A deny and a
    /// monitor are asked about the operation once.
    pub said: Vec<(Ground, Said)>,
}

/// What a rule said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It matched.
    Yes,
    /// This of it did not.
    No(Miss),
    /// Whether it matches depends on what a log does not say.
    Open(BTreeSet<Unsaid>),
}

impl From<Match> for Said {
    fn from(found: Match) -> Self {
        found.map_or_else(Self::No, |()| Self::Yes)
    }
}

impl Traced {
    /// Whether it is about other operations, callers or instances altogether.
    pub fn is_elsewhere(&self) -> bool {
        self.said.iter().all(|(_, said)| matches!(said, Said::No(miss) if miss.is_elsewhere()))
    }
}

impl Policy {
    /// What this policy answers, and why. Directory files count as old as they are.
    ///
    /// # Errors
    /// When the instance is asked for by its id alone, and rules name it by several ARNs.
    pub fn explain(&self, probe: &Probe) -> Result<Explanation, Ambiguous> {
        let mut case = probe.case().clone();
        self.place(&mut case)?;
        let case = &case;
        let question = case.question();
        let judge = Judge::new(self, &question, case.at);
        let verdict = compile::asked(&judge, case).map(|grant| grant.basis);
        Ok(trace(&judge, case, verdict))
    }
}

/// What each rule says to a case that is answered so.
pub(super) fn trace(judge: &Judge<'_>, case: &Case, verdict: Result<Basis, Refusal>) -> Explanation {
    let known = Known::default();
    let facts = &if case.kind() == Kind::Ordinary { Facts::none(&known) } else { case.facts() };
    // A user that was not read is refused before any rule is asked; the rules are shown what is known all the same.
    let person = judge.person(facts).ok().flatten();
    let changing = if case.kind() == Kind::Ordinary { Vec::new() } else { judge.changing(person) };
    let mut standing = Standing { facts, person, changing, lift: Lift::NotNeeded };
    let protected = match judge.protection(&standing) {
        Ok(lift) => {
            standing.lift = lift;
            None
        }
        Err(refusal) => {
            standing.lift = Lift::Needed;
            Some(refusal)
        }
    };
    let policy = judge.policy;
    let addresses = addresses(&standing);
    let allows = policy.rules().allow.iter().map(|allow| {
        let said = |ground: Ground, aim: &Aim<'_>| (ground, judge.matches(allow, aim, &standing).into());
        let operation =
            judge.needs_operation(&standing).then(|| said(Ground::Operation, &Aim::Operation)).into_iter();
        let fields = standing
            .changing
            .iter()
            .map(|(field, value)| said(Ground::Field(*field), &aim_of(*field, *value, &addresses)));
        Traced { rule: allow.rule.clone(), side: Side::Allow, said: operation.chain(fields).collect() }
    });
    let denies = policy.rules().deny.iter().chain(&policy.emergency().deny).map(|deny| {
        let said = deny.applies(judge.question, person, &standing.changing, judge.now);
        Traced { rule: deny.rule.clone(), side: Side::Deny, said: vec![(Ground::Operation, said.into())] }
    });
    let rules = in_order(allows.chain(denies).chain(monitors(judge)).collect());
    let changing = standing.changing.iter().map(|(field, _)| *field).collect();
    Explanation { verdict, protected, changing, rules }
}

/// What each monitor says.
pub(super) fn monitors(judge: &Judge<'_>) -> impl Iterator<Item = Traced> {
    judge.policy.rules().monitor.iter().map(|monitor| {
        let ordinary = need(judge.question.kind == Kind::Ordinary, Miss::Kind);
        let said = ordinary.and_then(|()| monitor.scope.fits(judge.question, judge.now, Lacking::Fails));
        Traced {
            rule: monitor.rule.clone(),
            side: Side::Monitor,
            said: vec![(Ground::Operation, said.into())],
        }
    })
}

/// In the order of their places.
pub(super) fn in_order(mut rules: Vec<Traced>) -> Vec<Traced> {
    rules.sort_by_cached_key(|traced| place_of(&traced.rule));
    rules
}

/// The addresses asked for. What is none has no rule to ask: the verdict says so.
fn addresses(standing: &Standing<'_>) -> Vec<(Field, Address)> {
    let asked = standing.changing.iter().filter(|(field, _)| field.is_address());
    asked.filter_map(|(field, value)| Some((*field, Address::read((*value)?).ok()?))).collect()
}

/// File and line.
fn place_of(rule: &RuleRef) -> (String, usize) {
    let (file, line) = rule.place.rsplit_once(':').unwrap_or((&rule.place, "0"));
    (file.to_owned(), line.parse().unwrap_or(0))
}
