//! What `screen` asks: for an action, a caller and an instance, the conditions under which some allow rule names them.
//! Equal conditions are kept once, so ten thousand rules for one caller are one question.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::clock::Now;

use super::{
    index::Words,
    pattern::Pattern,
    question::Question,
    rule::{Action, Allow, Conditions, Lacking},
};

/// Which actions, callers and instances the allow rules of a policy name, and under which conditions.
#[derive(Debug, Clone, Default)]
pub(super) struct Screening {
    words: Words,
    entries: HashMap<[u32; 3], Vec<Entry>>,
}

/// An action, the callers by pattern, and when it holds.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    action: Action,
    role: Option<Pattern>,
    conditions: Conditions,
}

impl Screening {
    /// What these rules name.
    pub(super) fn of(rules: &[Allow]) -> Self {
        let mut screening = Self::default();
        for rule in rules {
            let callers = &rule.scope.callers;
            let exact = callers.exact.iter().map(|caller| (caller, None));
            let patterns = callers.roles.iter().map(|(account, role)| (account, Some(role)));
            let callers: Vec<_> =
                exact.chain(patterns).map(|(caller, role)| (screening.words.number(caller), role)).collect();
            for action in &rule.scope.actions {
                let named = screening.words.action(action);
                for instance in &rule.scope.instances {
                    let instance = screening.words.number(instance);
                    for (caller, role) in &callers {
                        let conditions = rule.scope.conditions.clone();
                        screening.add([named, *caller, instance], action, role.cloned(), conditions);
                    }
                }
            }
        }
        screening
    }

    /// Whether an allow rule in force names this caller, action and instance. Its users and fields are not asked.
    pub(super) fn could_allow(&self, question: &Question<'_>, now: Now) -> bool {
        let actions = self.words.actions(question.route.operation);
        let callers = self.words.callers(question);
        let instances = self.words.instances(question);
        let mut keys = actions.iter().flat_map(|action| {
            callers.iter().flat_map(|caller| instances.iter().map(|instance| [*action, *caller, *instance]))
        });
        keys.any(|key| {
            self.entries
                .get(&key)
                .is_some_and(|entries| entries.iter().any(|entry| entry.names(question, now)))
        })
    }

    /// Of two entries that differ only in how long they hold, the longer is kept.
    fn add(&mut self, key: [u32; 3], action: &Action, role: Option<Pattern>, conditions: Conditions) {
        let entries = self.entries.entry(key).or_default();
        let like = |entry: &&mut Entry| {
            entry.action == *action
                && entry.role == role
                && entry.conditions.unique_ids == conditions.unique_ids
                && entry.conditions.permission_set == conditions.permission_set
                && entry.conditions.hours == conditions.hours
        };
        match entries.iter_mut().find(like) {
            Some(entry) => entry.conditions.ends = later(entry.conditions.ends, conditions.ends),
            None => entries.push(Entry { action: action.clone(), role, conditions }),
        }
    }
}

impl Entry {
    fn names(&self, question: &Question<'_>, now: Now) -> bool {
        self.action.is(question.route.operation, question.class)
            && self
                .role
                .as_ref()
                .is_none_or(|role| question.asker.role().is_some_and(|name| role.matches(name)))
            && self.conditions.hold(&question.asker, now, Lacking::Fails).is_ok()
    }
}

/// The later of two ends; none is never.
fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}
