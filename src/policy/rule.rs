//! Rules as they are meant: what was read is checked, and nothing in here can fail any more.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};

use crate::{
    clock::Now,
    operation::{Class, Field},
};

use super::{
    QuotaOf, RuleRef,
    binding::Binding,
    hours::Hours,
    miss::{Match, Miss, need},
    pattern::{Names, Pattern},
    permission_set,
    question::{Asker, Kind, Person, Question},
    ticket::Ticket,
};

/// Who, what, where and when: what `[[allow]]` and `[[deny]]` share.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scope {
    /// Callers; any when none, which only a deny has.
    pub(super) callers: Callers,
    /// Operations; any when none, which only a deny has.
    pub(super) actions: Vec<Action>,
    /// Instances as bare ids or ARNs, `none` for none; any when empty, which only a deny has.
    pub(super) instances: HashSet<String>,
    /// Usernames; any when none.
    pub(super) users: Names,
    /// User ids; any when none.
    pub(super) user_ids: HashSet<String>,
    /// When, and for which unique ids and permission set.
    pub(super) conditions: Conditions,
}

/// Callers by ARN.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Callers {
    /// Written out.
    pub(super) exact: HashSet<String>,
    /// Roles of an account, by pattern.
    pub(super) roles: Vec<(String, Pattern)>,
}

/// Conditions that need nothing but the caller and the time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conditions {
    /// Unique ids; any when none.
    pub(super) unique_ids: BTreeSet<String>,
    /// The Identity Center permission set whose generated role the caller has.
    pub(super) permission_set: Option<String>,
    /// At which hours.
    pub(super) hours: Option<Hours>,
    /// The first instant at which it holds no more.
    pub(super) ends: Option<Timestamp>,
}

/// Operations of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Action {
    /// One, by name.
    Named(String),
    /// Those whose names begin so, of these classes.
    Wild(String, Reach),
}

/// Which classes a wildcard reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reach {
    /// `connect:*` in an allow.
    Reads,
    /// `connect:Prefix*` in an allow.
    ReadsAndWrites,
    /// Any wildcard in a deny.
    Everything,
}

/// What a matcher does where the fact it is about does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lacking {
    /// An allow does not apply.
    Fails,
    /// A deny does.
    Holds,
}

/// An `[[allow]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Allow {
    /// Its id and place.
    pub(super) rule: RuleRef,
    /// To whom, what and when it applies.
    pub(super) scope: Scope,
    /// Fields whose values it lets be set.
    pub(super) fields: BTreeSet<Field>,
    /// Fields whose values it lets be removed.
    pub(super) remove: BTreeSet<Field>,
    /// To which address.
    pub(super) binding: Option<Binding>,
    /// The sentence that lets plus-addresses through.
    pub(super) plus: Option<String>,
    /// Whether a way back to a former address is counted.
    pub(super) restore: Restore,
    /// Usernames it lets be created.
    pub(super) usernames: Names,
    /// Security profiles it may give.
    pub(super) grants: HashSet<String>,
    /// Permissions it may put into a security profile.
    pub(super) permissions: HashSet<String>,
    /// Members of a body that it lets be given besides.
    pub(super) members: HashSet<String>,
    /// Whether it lets a password be set with `CreateUser`.
    pub(super) password: PasswordRule,
    /// The sentence that lifts protection.
    pub(super) protected: Option<String>,
    /// So many changes in so long.
    pub(super) quota: Option<Quota>,
    /// `self`: the verified claim of the caller that has to be the Username of the user concerned.
    pub(super) own: Option<String>,
    /// The ticket that the request has to carry.
    pub(super) ticket: Option<Ticket>,
    /// Whether it allows, or lets through what nothing allows.
    pub(super) mode: Mode,
}

/// What a rule is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// It allows.
    Allow,
    /// `[[monitor]]`: it lets through, and notes, what nothing allows. Of ordinary operations alone.
    Monitor,
}

/// Whether a change back to a recorded former address counts against quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restore {
    /// As any other.
    Counted,
    /// It is exempt: `restore = true`.
    Exempt,
}

/// Whether a password may be set with `CreateUser`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PasswordRule {
    /// The default.
    Refuse,
    /// `password = "allow"`.
    Allow,
}

/// So many changes in so long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) changes: u32,
    pub(super) per: SignedDuration,
    pub(super) of: QuotaOf,
}

/// A `[[deny]]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Deny {
    /// Its id and place.
    pub(super) rule: RuleRef,
    /// Its reason: the operator is told it.
    pub(super) reason: Arc<str>,
    /// To whom, what and when it applies.
    pub(super) scope: Scope,
    /// Fields whose values would change; any when none.
    pub(super) fields: BTreeSet<Field>,
    /// Domains of wanted addresses; any when none.
    pub(super) domains: HashSet<String>,
}

impl Callers {
    /// These and more.
    pub(super) fn add(&mut self, more: Self) {
        self.exact.extend(more.exact);
        for role in more.roles {
            if !self.roles.contains(&role) {
                self.roles.push(role);
            }
        }
    }

    /// Whether any was named.
    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.roles.is_empty()
    }

    /// Whether the asker is one of them.
    pub(super) fn has(&self, asker: &Asker<'_>) -> bool {
        if self.exact.contains(&asker.arn) {
            return true;
        }
        let Some(role) = asker.role() else { return false };
        self.roles.iter().any(|(account, pattern)| {
            asker.arn.strip_prefix(account.as_str()) == Some(role) && pattern.matches(role)
        })
    }
}

impl Action {
    /// Whether it is this operation.
    pub(super) fn is(&self, operation: &str, class: Class) -> bool {
        match self {
            Self::Named(name) => name == operation,
            Self::Wild(prefix, reach) => operation.starts_with(prefix.as_str()) && reach.reaches(class),
        }
    }
}

impl Reach {
    /// Whether it reaches operations of a class.
    pub(super) fn reaches(self, class: Class) -> bool {
        match class {
            Class::Read => true,
            Class::Write => self != Self::Reads,
            Class::Identity | Class::Sensitive | Class::Forbidden => self == Self::Everything,
        }
    }
}

impl Conditions {
    /// Whether they hold for this caller at this time.
    pub(super) fn hold(&self, asker: &Asker<'_>, now: Now, lacking: Lacking) -> Match {
        need(self.ends.is_none_or(|ends| now.timestamp() < ends), Miss::Expires)?;
        self.is_for(asker, lacking)?;
        need(self.hours.as_ref().is_none_or(|hours| hours.hold(now)), Miss::Hours)
    }

    fn is_for(&self, asker: &Asker<'_>, lacking: Lacking) -> Match {
        let unique = self.unique_ids.is_empty()
            || match &asker.principal.unique_id {
                Some(id) => self.unique_ids.contains(id),
                None => lacking == Lacking::Holds,
            };
        let set = self.permission_set.as_ref().is_none_or(|set| {
            asker.role().is_some_and(|role| permission_set::of_role(role) == Some(set.as_str()))
        });
        need(unique, Miss::UniqueIds)?;
        need(set, Miss::PermissionSet)
    }
}

impl Scope {
    /// Whether caller, action, instance and time fit.
    pub(super) fn fits(&self, question: &Question<'_>, now: Now, lacking: Lacking) -> Match {
        let named = |action: &Action| action.is(question.route.operation, question.class);
        need(self.actions.is_empty() || self.actions.iter().any(named), Miss::Actions)?;
        need(self.callers.is_empty() || self.callers.has(&question.asker), Miss::Callers)?;
        need(self.is_in(question), Miss::Instances)?;
        self.conditions.hold(&question.asker, now, lacking)
    }

    /// Whether the user concerned is one of its users. Usernames are known for changes only.
    pub(super) fn reaches(
        &self,
        question: &Question<'_>,
        person: Option<&Person<'_>>,
        lacking: Lacking,
    ) -> Match {
        let id = question.user.or(person.map(|person| person.id));
        let name = person.map(|person| person.username).or(question.username);
        let either = |known: Option<bool>| known.unwrap_or(lacking == Lacking::Holds);
        let by_id = self.user_ids.is_empty() || either(id.map(|id| self.user_ids.contains(id)));
        need(by_id, Miss::UserIds)?;
        need(self.users.is_empty() || either(name.map(|name| self.users.has(name))), Miss::Users)
    }

    fn is_in(&self, question: &Question<'_>) -> bool {
        self.instances.is_empty()
            || match (question.instance, &question.instance_arn) {
                (Some(id), arn) => {
                    self.instances.contains(id)
                        || arn.as_ref().is_some_and(|arn| self.instances.contains(arn))
                }
                (None, _) => self.instances.contains(NO_INSTANCE),
            }
    }
}

impl Allow {
    /// A rule that gives nothing but the operations of its scope.
    pub(super) fn bare(rule: RuleRef, scope: Scope) -> Self {
        Self {
            rule,
            scope,
            fields: BTreeSet::new(),
            remove: BTreeSet::new(),
            binding: None,
            plus: None,
            restore: Restore::Counted,
            usernames: Names::default(),
            grants: HashSet::new(),
            permissions: HashSet::new(),
            members: HashSet::new(),
            password: PasswordRule::Refuse,
            protected: None,
            quota: None,
            own: None,
            ticket: None,
            mode: Mode::Allow,
        }
    }

    /// Whether it is about this user: by `self` the caller's own, told by a verified claim and letter by letter. Of a user
    /// that is not known it is never the caller's own.
    pub(super) fn is_own(&self, question: &Question<'_>, person: Option<&Person<'_>>) -> bool {
        self.own.as_ref().is_none_or(|claim| {
            let claimed = question.asker.claims.get(claim);
            person.zip(claimed).is_some_and(|(person, claimed)| person.username == claimed)
        })
    }

    /// What rules are ordered by: those without a quota first, so that one is spent only where nothing else allows; then
    /// those that exempt the way back; then by id.
    pub(super) fn rank(&self) -> impl Ord + '_ {
        (self.quota.is_some(), self.restore == Restore::Counted, &self.rule)
    }
}

impl Deny {
    /// Whether it applies, given the fields whose values would change.
    ///
    /// `fields` and `domains` are about identity operations, `users` about changes: an operation of another kind is not
    /// theirs. A change whose user is not known is theirs: a deny holds where its fact is lacking.
    pub(super) fn applies(
        &self,
        question: &Question<'_>,
        person: Option<&Person<'_>>,
        changing: &[(Field, Option<&str>)],
        now: Now,
    ) -> Match {
        let identity = match question.kind {
            Kind::Identity | Kind::Create => true,
            Kind::Sensitive | Kind::Ordinary => false,
        };
        let of_its_kind = (self.fields.is_empty() && self.domains.is_empty() || identity)
            && (self.scope.users.is_empty() || question.kind != Kind::Ordinary)
            && (self.scope.user_ids.is_empty() || question.kind != Kind::Ordinary || question.user.is_some());
        need(of_its_kind, Miss::Kind)?;
        self.scope.fits(question, now, Lacking::Holds)?;
        self.scope.reaches(question, person, Lacking::Holds)?;
        let about = self.fields.is_empty() && self.domains.is_empty()
            || changing.iter().any(|(field, value)| self.is_about(*field, *value));
        need(about, Miss::Unchanged)
    }

    fn is_about(&self, field: Field, value: Option<&str>) -> bool {
        let domain = || {
            field.is_address()
                && value
                    .and_then(|value| value.rsplit_once('@'))
                    .is_some_and(|(_, domain)| self.domains.contains(&domain.to_ascii_lowercase()))
        };
        (self.fields.is_empty() || self.fields.contains(&field)) && (self.domains.is_empty() || domain())
    }
}

/// What `instances` says for operations without an instance.
pub(super) const NO_INSTANCE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_reach_reads_writes_or_everything() {
        for (class, reads, writes) in [
            (Class::Read, true, true),
            (Class::Write, false, true),
            (Class::Sensitive, false, false),
            (Class::Identity, false, false),
            (Class::Forbidden, false, false),
        ] {
            assert_eq!(Reach::Reads.reaches(class), reads);
            assert_eq!(Reach::ReadsAndWrites.reaches(class), writes);
            assert!(Reach::Everything.reaches(class));
        }
    }
}
