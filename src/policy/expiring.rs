//! Which rules end soon: an allow or a monitor that ends takes something away, a deny that ends gives it back.

use jiff::{SignedDuration, Timestamp};

use crate::clock::Now;

use super::{Policy, RuleRef, rule::Scope};

/// A rule that ends soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiring {
    /// Which.
    pub rule: RuleRef,
    /// What it does until then.
    pub side: Side,
    /// The first instant at which it holds no more.
    pub at: Timestamp,
}

/// Whether a rule allows, denies, or lets through what nothing allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// `[[allow]]`
    Allow,
    /// `[[deny]]`
    Deny,
    /// `[[monitor]]`
    Monitor,
}

impl Policy {
    /// The rules that hold now and end within so long, `deny.d` included; those that end first come first.
    pub fn expiring(&self, now: Now, within: SignedDuration) -> Vec<Expiring> {
        let latest = now.plus(within).timestamp();
        let of = |rule: &RuleRef, scope: &Scope, side| {
            let at = scope.conditions.ends.filter(|at| now.timestamp() < *at && *at <= latest)?;
            Some(Expiring { rule: rule.clone(), side, at })
        };
        let allows = self.rules().allow.iter().filter_map(|allow| of(&allow.rule, &allow.scope, Side::Allow));
        let denies = self.rules().deny.iter().chain(&self.emergency().deny);
        let denies = denies.filter_map(|deny| of(&deny.rule, &deny.scope, Side::Deny));
        let monitors = self.rules().monitor.iter();
        let monitors = monitors.filter_map(|monitor| of(&monitor.rule, &monitor.scope, Side::Monitor));
        let mut found: Vec<Expiring> = allows.chain(denies).chain(monitors).collect();
        found.sort_by(|one, other| (one.at, &one.rule).cmp(&(other.at, &other.rule)));
        found
    }
}
