//! Several refusals in one message: a storm of attempts must neither bury the mail of those who have to look, nor be
//! hidden from them. Nothing is left out: every refusal is counted under its caller, its user and its code.

use std::{cmp::Reverse, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use super::{About, Delivery, Facts, Kind, RecordRef, Urgency, delivery::named};

/// Several refusals, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// By the caller's principal.
    pub callers: BTreeMap<String, u64>,
    /// By the user's login name, or its id where the name is not known; with the instance.
    pub users: BTreeMap<String, u64>,
    /// By the refusal's code.
    pub codes: BTreeMap<String, u64>,
    /// The first, milliseconds since 1970.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// The records of all of them.
    pub records: Vec<RecordRef>,
}

impl Refusals {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.records.len()
    }

    /// The most frequent first, at most so many, and how many are left out: names, and refusals.
    pub(super) fn most(counts: &BTreeMap<String, u64>, most: usize) -> (Vec<(&str, u64)>, (usize, u64)) {
        let mut all: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        all.sort_by_key(|(name, count)| (Reverse(*count), *name));
        let rest = all.split_off(most.min(all.len()));
        let left_out = (rest.len(), rest.iter().map(|(_, count)| count).sum());
        (all, left_out)
    }

    fn of(delivery: &Delivery) -> Option<Self> {
        match &delivery.about {
            About::Refusals(refusals) => Some((**refusals).clone()),
            About::Change(told) => Some(Self::one(&told.facts, &delivery.record)),
            About::Guard(_) => None,
        }
    }

    fn one(facts: &Facts, record: &RecordRef) -> Self {
        let user = facts.username.as_ref().unwrap_or(&facts.subject);
        let user = match &facts.instance {
            Some(instance) => format!("{user} in {instance}"),
            None => user.clone(),
        };
        let code = facts.refusal.as_deref().and_then(|words| words.split(':').next()).unwrap_or_default();
        let once = |name: &str| BTreeMap::from([(name.to_owned(), 1)]);
        Self {
            callers: once(&facts.principal),
            users: once(&user),
            codes: once(code),
            first: facts.at,
            last: facts.at,
            records: vec![record.clone()],
        }
    }

    fn and(mut self, other: Self) -> Self {
        for (counts, others) in [
            (&mut self.callers, other.callers),
            (&mut self.users, other.users),
            (&mut self.codes, other.codes),
        ] {
            for (name, count) in others {
                let sum = counts.entry(name).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        self.records.extend(other.records);
        self
    }
}

impl Delivery {
    /// What may be folded with what: refusals for the same recipient in the same role. None: this one comes alone. What is
    /// urgent is never folded.
    pub fn fold_key(&self) -> Option<String> {
        let refusal = matches!(self.kind, Kind::AddressChangeRefused | Kind::RepeatedRefusals);
        let key = || format!("{} {} {:?} {}", self.channel, self.recipient, self.audience, self.language);
        (refusal && self.urgency == Urgency::Later).then(key)
    }

    /// One message for all of these; a single one stays as it is. None when there is none, or when they may not be folded
    /// with each other. Its id is made from theirs, so that the same ones folded again carry the same.
    pub fn folded(mut all: Vec<Self>) -> Option<Self> {
        all.sort_by(|one, other| (one.at, &one.message_id).cmp(&(other.at, &other.message_id)));
        let key = all.first()?.fold_key()?;
        if all.iter().any(|delivery| delivery.fold_key().as_ref() != Some(&key)) {
            return None;
        }
        if all.len() == 1 {
            return all.pop();
        }
        let refusals = all.iter().filter_map(Refusals::of).reduce(Refusals::and)?;
        let message_id =
            named(Kind::RepeatedRefusals, all.iter().map(|delivery| delivery.message_id.as_str()));
        let last = all.pop()?;
        Some(Self {
            message_id,
            kind: Kind::RepeatedRefusals,
            about: About::Refusals(Box::new(refusals)),
            ..last
        })
    }
}
