//! Who gains and who loses what when one policy takes the place of another, in sentences for people who do not program.
//!
//! Every rule is taken as what it grants: callers, operations, instances, matters (the operation itself, a field set, a
//! field emptied, what may be given) and terms (users, address binding, hours, quota, end, protection). What the policy
//! after it grants and no single rule before it can be shown to have granted is a gain; the reverse is a loss. Ids,
//! reasons, sentences, places, order and tests are no difference. Of a deny, a revocation, a protected or a shared entry
//! it is the other way round.
//!
//! It errs on one side only: what cannot be shown to be the same or narrower is told as gained. Quotas are compared rule by
//! rule; in which order two overlapping ones are spent is not looked at, nor is the time: a rule that has ended counts.

mod claim;
mod lists;
mod narrower;
mod search;
mod sentence;

use std::{collections::HashMap, fmt};

use super::{
    Policy, RuleRef,
    rule::{Allow, Deny},
};
pub(super) use claim::variants;
pub(super) use narrower::may_share;

use claim::Claim;
use narrower::{may_meet, shadows};
use search::rest;
use sentence::{Change, of_rest};

/// One thing that somebody gains or loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Who: ARNs as the policy writes them, or words such as `everybody`.
    pub who: String,
    /// Gains or loses what: `may now set Email with connect:UpdateUserIdentityInfo`.
    pub what: String,
    /// Where: `on the instance ...`; empty where it is about no instance.
    pub where_: String,
    /// On which terms, in words; empty when on none.
    pub conditions: Vec<String>,
    /// By which rule (of the policy after for what is granted, of the one before for what ended); none for lists, whose
    /// entries have no id.
    pub rule: Option<RuleRef>,
}

/// Who gains and who loses what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    gains: Vec<Difference>,
    losses: Vec<Difference>,
}

impl Policy {
    /// Who gains and who loses what when `after` takes the place of this policy.
    pub fn differences(&self, after: &Self) -> Differences {
        let mut found = Differences::default();
        let (old, new) = (allow_claims(self), allow_claims(after));
        found.gains.extend(rest(&new, &old).iter().map(|rest| of_rest(rest, Change::Granted)));
        found.losses.extend(rest(&old, &new).iter().map(|rest| of_rest(rest, Change::Withdrawn)));
        let (old, new) = (deny_claims(self), deny_claims(after));
        found.gains.extend(rest(&old, &new).iter().map(|rest| of_rest(rest, Change::DenyEnded)));
        found.losses.extend(rest(&new, &old).iter().map(|rest| of_rest(rest, Change::Denied)));
        lists::compare(self, after, &mut found);
        found
    }
}

impl Differences {
    /// What somebody may that nobody can be shown to have been allowed before.
    pub fn gains(&self) -> &[Difference] {
        &self.gains
    }

    /// What somebody may no more.
    pub fn losses(&self) -> &[Difference] {
        &self.losses
    }

    /// Whether nobody gains or loses anything.
    pub fn is_empty(&self) -> bool {
        self.gains.is_empty() && self.losses.is_empty()
    }

    /// The first so many of a list, and how many more there are.
    pub fn first(list: &[Difference], most: usize) -> (&[Difference], usize) {
        let shown = list.get(..most).unwrap_or(list);
        (shown, list.len() - shown.len())
    }
}

/// One sentence of plain text, without a line break.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.who, self.what)?;
        if !self.where_.is_empty() {
            write!(f, " {}", self.where_)?;
        }
        for condition in &self.conditions {
            write!(f, ", {condition}")?;
        }
        match &self.rule {
            Some(rule) => write!(f, " (`{}`, {})", rule.id, rule.place),
            None => Ok(()),
        }
    }
}

/// Denies, to be held against one allow after another.
pub(super) struct Against<'p>(Vec<Claim<'p>>);

impl<'p> Against<'p> {
    /// These denies.
    pub(super) fn of(denies: impl IntoIterator<Item = &'p Deny>) -> Self {
        Self(denies.into_iter().map(Claim::of_deny).collect())
    }

    /// Those that may stand against an allow, for some caller, operation, instance, user and field; and those of which
    /// that cannot be told.
    pub(super) fn meeting(&self, allow: &Allow) -> Vec<RuleRef> {
        let claim = Claim::of_allow(allow);
        self.0.iter().filter(|deny| may_meet(deny, &claim)).map(|deny| deny.rule.clone()).collect()
    }
}

/// The denies that may cover an allow wholly. Of those that are about users by their exact names alone, only the ones about
/// a user of the allow are looked at: ten thousand rules are held against a thousand denies.
pub(super) struct Shadows<'p> {
    denies: Vec<Claim<'p>>,
    /// Places in `denies`, in order, by each of the names.
    by_name: HashMap<&'p str, Vec<usize>>,
    /// All others, in order.
    others: Vec<usize>,
    left: u32,
}

impl<'p> Shadows<'p> {
    /// So many comparisons; after them nothing more is found.
    const MOST: u32 = 1_000_000;

    /// Of these denies.
    pub(super) fn of(denies: &[&'p Deny]) -> Self {
        let mut by_name: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut others = Vec::new();
        for (place, deny) in denies.iter().enumerate() {
            let users = &deny.scope.users;
            if users.exact.is_empty() || !users.patterns.is_empty() {
                others.push(place);
                continue;
            }
            for name in &users.exact {
                by_name.entry(name).or_default().push(place);
            }
        }
        let denies = denies.iter().map(|deny| Claim::of_deny(deny)).collect();
        Self { denies, by_name, others, left: Self::MOST }
    }

    /// The deny that covers everything a rule allows.
    pub(super) fn over(&mut self, allow: &Allow) -> Option<&'p RuleRef> {
        let claim = Claim::of_allow(allow);
        // Whatever covers the allow has every one of its users.
        let named = allow.scope.users.exact.iter().next().and_then(|name| self.by_name.get(name.as_str()));
        let named = named.map(Vec::as_slice).unwrap_or_default();
        let left = usize::try_from(self.left).unwrap_or(0);
        let covering = |places: &[usize]| {
            let mut denies =
                places.iter().take(left).filter_map(|place| Some((*place, self.denies.get(*place)?)));
            denies.find(|(_, deny)| shadows(deny, &claim))
        };
        let found = covering(named).into_iter().chain(covering(&self.others)).min_by_key(|(place, _)| *place);
        let found = found.map(|(_, deny)| deny.rule);
        let looked = named.len().saturating_add(self.others.len());
        self.left = self.left.saturating_sub(u32::try_from(looked).unwrap_or(u32::MAX));
        found
    }
}

fn allow_claims(policy: &Policy) -> Vec<Claim<'_>> {
    policy.rules().allow.iter().chain(&policy.rules().monitor).map(Claim::of_allow).collect()
}

/// A deny is the same in `deny.d` and beside the rules.
fn deny_claims(policy: &Policy) -> Vec<Claim<'_>> {
    policy.rules().deny.iter().chain(&policy.emergency().deny).map(Claim::of_deny).collect()
}
