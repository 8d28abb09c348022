//! Which rules to look at: a hash over what rules are told apart by, so that ten thousand rules decide as fast as ten.
//!
//! The index only leaves rules out that cannot apply; every rule it gives is then evaluated in full, so a decision does
//! not depend on it. Rules are numbered by rank (those without a quota first, then by id): the order of files means
//! nothing, and the first that applies is always the same one.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::operation::{Address, Field};

use super::{
    binding::Binding,
    question::{Kind, Question},
    rule::{Action, Allow, Deny, Lacking, NO_INSTANCE, Scope},
};

/// A rule's number, by rank.
pub(super) type Rank = u32;

/// A number for each word that rules name: actions, callers, instances, users, aims.
#[derive(Debug, Clone, Default)]
pub(super) struct Words(HashMap<String, u32>);

/// Rules by action, caller, instance, user and aim.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    words: Words,
    rules: HashMap<[u32; 5], Vec<Rank>>,
}

/// What is to be allowed by a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aim<'a> {
    /// The operation.
    Operation,
    /// That protection is lifted.
    Lift,
    /// A field that is no address is set.
    Text(Field),
    /// An address is set.
    Address(Field, &'a Address),
    /// A field's value is removed.
    Removal(Field),
}

/// No word: the rule does not ask, or nothing is known.
pub(super) const ANY: u32 = 0;
/// The word for a user whose Username is lacking. No Username is empty.
const NO_NAME: &str = "name:";
/// The word for a user whose id is lacking. No id is empty.
const NO_ID: &str = "id:";
/// A rule with more combinations than this is found without regard to its users: bounded memory before speed.
const MANY: usize = 100_000;

impl Words {
    /// The number of a word; a new one if need be.
    pub(super) fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.0.get(word) {
            return *number;
        }
        let number = u32::try_from(self.0.len()).unwrap_or(u32::MAX - 1) + 1;
        self.0.insert(word.to_owned(), number);
        number
    }

    /// The number of an action.
    pub(super) fn action(&mut self, action: &Action) -> u32 {
        match action {
            Action::Named(name) => self.number(&format!("is:{name}")),
            Action::Wild(prefix, _) => self.number(&format!("wild:{prefix}")),
        }
    }

    /// The numbers under which rules may name this operation.
    pub(super) fn actions(&self, operation: &str) -> Vec<u32> {
        let mut found = self.known([Some(format!("is:{operation}").as_str()), None]);
        let mut wild = format!("wild:{operation}");
        loop {
            found.extend(self.0.get(&wild));
            if wild.ends_with(':') {
                return found;
            }
            wild.pop();
        }
    }

    /// The numbers under which rules may name this caller.
    pub(super) fn callers(&self, question: &Question<'_>) -> Vec<u32> {
        let account = question.asker.roles_of_account();
        self.known([Some(question.asker.arn.as_str()), Some(account.as_str())])
    }

    /// The numbers under which rules may name this instance.
    pub(super) fn instances(&self, question: &Question<'_>) -> Vec<u32> {
        match question.instance {
            Some(id) => self.known([Some(id), question.instance_arn.as_deref()]),
            None => self.known([Some(NO_INSTANCE), None]),
        }
    }

    /// The numbers of those words that some rule has, and [`ANY`].
    fn known(&self, words: [Option<&str>; 2]) -> Vec<u32> {
        let known = words.into_iter().flatten().filter_map(|word| self.0.get(word).copied());
        std::iter::once(ANY).chain(known).collect()
    }

    /// The numbers under which rules may name this user; of a change whose user is lacking, those of every deny that
    /// names one.
    fn users(&self, question: &Question<'_>, username: Option<&str>) -> Vec<u32> {
        let lacking = |word: &str| (question.kind != Kind::Ordinary).then(|| word.to_owned());
        let name = username.or(question.username);
        let name = name.map_or_else(|| lacking(NO_NAME), |name| Some(format!("name:{name}")));
        let id = question.user.map_or_else(|| lacking(NO_ID), |id| Some(format!("id:{id}")));
        self.known([name.as_deref(), id.as_deref()])
    }

    fn aims(&self, aim: &Aim<'_>) -> Vec<u32> {
        let (word, other) = match aim {
            Aim::Operation => ("op".to_owned(), None),
            Aim::Lift => ("lift".to_owned(), None),
            Aim::Text(field) => (format!("set:{field}"), None),
            Aim::Removal(field) => (format!("remove:{field}"), None),
            Aim::Address(field, address) => {
                (format!("set:{field}@"), Some(format!("set:{field}@{}", address.domain())))
            }
        };
        self.known([Some(word.as_str()), other.as_deref()])
    }
}

impl Index {
    /// An index over allow rules, in the order of their ranks.
    pub(super) fn of_allow(rules: &[Allow]) -> Self {
        let mut index = Self::default();
        for (rank, rule) in (0..).zip(rules) {
            index.add(rank, &rule.scope, &aims_of(rule), created_names(rule), Lacking::Fails);
        }
        index
    }

    /// An index over deny rules.
    pub(super) fn of_deny(rules: &[Deny]) -> Self {
        let mut index = Self::default();
        for (rank, rule) in (0..).zip(rules) {
            index.add(rank, &rule.scope, &[], None, Lacking::Holds);
        }
        index
    }

    /// The rules that may apply, in lists by rank.
    pub(super) fn candidates(
        &self,
        question: &Question<'_>,
        username: Option<&str>,
        aim: &Aim<'_>,
    ) -> Vec<&[Rank]> {
        if self.rules.is_empty() {
            return Vec::new();
        }
        let words = &self.words;
        let keys = Keys {
            actions: words.actions(question.route.operation),
            callers: words.callers(question),
            instances: words.instances(question),
            users: words.users(question, username),
            aims: words.aims(aim),
        };
        let mut lists = Vec::new();
        keys.each(|key| lists.extend(self.rules.get(&key).map(Vec::as_slice)));
        lists
    }

    fn add(
        &mut self,
        rank: Rank,
        scope: &Scope,
        aims: &[String],
        created: Option<&HashSet<String>>,
        lacking: Lacking,
    ) {
        let words = &mut self.words;
        let callers =
            scope.callers.exact.iter().chain(scope.callers.roles.iter().map(|(account, _)| account));
        let mut keys = Keys {
            actions: or_any(scope.actions.iter().map(|action| words.action(action)).collect()),
            callers: or_any(callers.map(|caller| words.number(caller)).collect()),
            instances: or_any(scope.instances.iter().map(|instance| words.number(instance)).collect()),
            users: Vec::new(),
            aims: or_any(aims.iter().map(|aim| words.number(aim)).collect()),
        };
        let size = keys.actions.len() * keys.callers.len() * keys.instances.len() * keys.aims.len();
        keys.users = or_any(users_of(words, scope, created, size, lacking));
        let rules = &mut self.rules;
        keys.each(|key| rules.entry(key).or_default().push(rank));
    }
}

/// Alternatives in each place of a key.
struct Keys {
    actions: Vec<u32>,
    callers: Vec<u32>,
    instances: Vec<u32>,
    users: Vec<u32>,
    aims: Vec<u32>,
}

impl Keys {
    fn each(&self, mut use_it: impl FnMut([u32; 5])) {
        for action in &self.actions {
            for caller in &self.callers {
                for instance in &self.instances {
                    for user in &self.users {
                        for aim in &self.aims {
                            use_it([*action, *caller, *instance, *user, *aim]);
                        }
                    }
                }
            }
        }
    }
}

fn aims_of(rule: &Allow) -> Vec<String> {
    let mut aims = vec!["op".to_owned()];
    if rule.protected.is_some() {
        aims.push("lift".to_owned());
    }
    aims.extend(rule.remove.iter().map(|field| format!("remove:{field}")));
    let domains = rule.binding.as_ref().and_then(Binding::domains);
    for field in &rule.fields {
        match (field.is_address(), &domains) {
            (false, _) => aims.push(format!("set:{field}")),
            (true, None) => aims.push(format!("set:{field}@")),
            (true, Some(domains)) => {
                aims.extend(domains.iter().map(|domain| format!("set:{field}@{domain}")));
            }
        }
    }
    aims
}

/// The users a rule is told apart by: its ids, or its Usernames when none of them is a pattern.
fn users_of(
    words: &mut Words,
    scope: &Scope,
    created: Option<&HashSet<String>>,
    size: usize,
    lacking: Lacking,
) -> BTreeSet<u32> {
    let lacks = |word: &'static str| (lacking == Lacking::Holds).then_some(word);
    let fits = |names: &HashSet<String>| !names.is_empty() && size.saturating_mul(names.len()) <= MANY;
    let exact = Some(&scope.users.exact).filter(|_| scope.users.patterns.is_empty());
    if fits(&scope.user_ids) {
        let ids = scope.user_ids.iter().map(|id| words.number(&format!("id:{id}")));
        let mut found: BTreeSet<u32> = ids.collect();
        found.extend(lacks(NO_ID).map(|word| words.number(word)));
        found
    } else if let Some(names) = exact.filter(|names| fits(names)).or(created.filter(|names| fits(names))) {
        let mut found: BTreeSet<u32> =
            names.iter().map(|name| words.number(&format!("name:{name}"))).collect();
        found.extend(lacks(NO_NAME).map(|word| words.number(word)));
        found
    } else {
        BTreeSet::new()
    }
}

/// The Usernames a rule is told apart by because it lets them be created and does nothing else.
fn created_names(rule: &Allow) -> Option<&HashSet<String>> {
    let creates = |action: &Action| matches!(action, Action::Named(name) if name == "CreateUser");
    let only = rule.usernames.patterns.is_empty() && rule.scope.actions.iter().all(creates);
    only.then_some(&rule.usernames.exact)
}

fn or_any(words: BTreeSet<u32>) -> Vec<u32> {
    if words.is_empty() { vec![ANY] } else { words.into_iter().collect() }
}
