//! What is allowed, put together: grounds, differences, quotas.

use std::collections::BTreeSet;

use crate::{
    operation::{Address, Field},
    secret::Digest,
};

use super::{
    Basis, FieldChange, Ground, QuotaClaim,
    binding::Binding,
    judge::{Lift, Standing},
    question::Question,
    rule::{Allow, Restore},
};

/// What is allowed, and on which ground.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) basis: Basis,
    pub(super) differences: Vec<FieldChange>,
    pub(super) quotas: Vec<QuotaClaim>,
}

impl Grant {
    /// What rests on nothing: for a change that is only screened.
    pub(super) fn none() -> Self {
        let basis =
            Basis { grounds: Vec::new(), directory: None, protected: None, ticket: None, monitor: None };
        Self { basis, differences: Vec::new(), quotas: Vec::new() }
    }

    /// What no rule allows and a `[[monitor]]` lets through.
    pub(super) fn monitored(monitor: &Allow) -> Self {
        let mut grant = Self::none();
        grant.basis.grounds.push((Ground::Operation, monitor.rule.clone()));
        grant.basis.monitor = Some(monitor.rule.clone());
        grant
    }
}

/// The tickets that the rules asked for, each once.
fn tickets(found: &[(Ground, &Allow)], question: &Question<'_>) -> Option<String> {
    let asked = found.iter().filter_map(|(_, allow)| allow.ticket.as_ref()?.of(question.notes));
    let tickets: BTreeSet<&str> = asked.collect();
    (!tickets.is_empty()).then(|| tickets.into_iter().collect::<Vec<_>>().join(", "))
}

/// What a permit rests on, given the rule for each thing.
pub(super) fn grant_of(
    found: &[(Ground, &Allow)],
    question: &Question<'_>,
    standing: &Standing<'_>,
    addresses: &[(Field, Address)],
) -> Grant {
    let former = |ground: &Ground| match ground {
        Ground::Operation => false,
        Ground::Field(field) => {
            addresses.iter().any(|(other, to)| other == field && standing.facts.known.former.contains(to))
        }
    };
    let mut quotas: Vec<QuotaClaim> = Vec::new();
    let mut directories = BTreeSet::new();
    for (ground, allow) in found {
        let exempt = allow.restore == Restore::Exempt && former(ground);
        let counted = quotas.iter().any(|claim| claim.rule == allow.rule);
        if let (Some(quota), false, false) = (&allow.quota, exempt, counted) {
            let rule = allow.rule.clone();
            quotas.push(QuotaClaim { rule, of: quota.of, changes: quota.changes, per: quota.per });
        }
        if let (true, Some(Binding::Directory(directory))) = (is_address(*ground), &allow.binding) {
            directories.insert(directory.digest);
        }
    }
    let sentence = match standing.lift {
        Lift::Needed => found.iter().find_map(|(_, allow)| allow.protected.clone()),
        Lift::NotNeeded => None,
    };
    let before = |field| standing.person.and_then(|person| person.value(field)).map(str::to_owned);
    let differences = standing.changing.iter().map(|(field, after)| FieldChange {
        field: *field,
        before: before(*field),
        after: after.map(str::to_owned),
    });
    let grounds = found.iter().map(|(ground, allow)| (*ground, allow.rule.clone())).collect();
    let basis = Basis {
        grounds,
        directory: one_digest(&directories),
        protected: sentence,
        ticket: tickets(found, question),
        monitor: None,
    };
    Grant { basis, differences: differences.collect(), quotas }
}

fn is_address(ground: Ground) -> bool {
    match ground {
        Ground::Operation => false,
        Ground::Field(field) => field.is_address(),
    }
}

/// The digest of the one directory file, or, should two have bound one change, of both their digests.
fn one_digest(digests: &BTreeSet<Digest>) -> Option<Digest> {
    match digests.len() {
        0 | 1 => digests.first().copied(),
        _ => Some(Digest::of(&digests.iter().flat_map(|digest| *digest.bytes()).collect::<Vec<u8>>())),
    }
}
