//! `[protected]`: a built-in deny over every change of a user who has a protected permission, or had one within thirty
//! days, or has a security profile that had one, and over every change that would give one to anybody.

use std::collections::BTreeSet;

use crate::operation::Profile;

use super::{
    pattern::Names,
    question::{Facts, Kind, Question},
};

/// Who and what is protected.
#[derive(Debug, Clone, Default)]
pub(super) struct Protected {
    /// Permissions of security profiles.
    pub(super) permissions: BTreeSet<String>,
    /// Usernames.
    pub(super) users: Names,
    /// User ids.
    pub(super) user_ids: BTreeSet<String>,
}

impl Protected {
    /// Why protection holds; none when it does not. What could not be read counts as protected.
    pub(super) fn holds(&self, question: &Question<'_>, facts: &Facts<'_>) -> Option<&'static str> {
        if question.kind == Kind::Ordinary {
            return None;
        }
        self.is_listed(question, facts)
            .or_else(|| if self.permissions.is_empty() { None } else { self.by_permission(question, facts) })
    }

    fn is_listed(&self, question: &Question<'_>, facts: &Facts<'_>) -> Option<&'static str> {
        let name = facts.person.as_ref().map(|person| person.username).or(question.username);
        let listed = name.is_some_and(|name| self.users.has(name))
            || question.user.is_some_and(|id| self.user_ids.contains(id));
        listed.then_some("the user is listed as protected")
    }

    fn by_permission(&self, question: &Question<'_>, facts: &Facts<'_>) -> Option<&'static str> {
        let protects = |id: &str| match facts.profiles.iter().find(|profile| profile.id == id) {
            Some(profile) => self.has_one(profile),
            None => true,
        };
        if facts.person.as_ref().is_some_and(|person| person.profiles.iter().any(|id| protects(id))) {
            return Some("the user has a protected permission, or a security profile that was not read");
        }
        if facts.known.held.iter().any(|permission| self.permissions.contains(permission)) {
            return Some(
                "the user, or a security profile that it is about, had a protected permission within thirty days",
            );
        }
        if question.profiles.iter().any(|id| protects(id)) {
            return Some("it would give a protected permission, or a security profile that was not read");
        }
        if question.permissions.iter().any(|permission| self.permissions.contains(permission)) {
            return Some("it would put a protected permission into a security profile");
        }
        question
            .profile
            .is_some_and(protects)
            .then_some("the security profile has a protected permission, or was not read")
    }

    fn has_one(&self, profile: &Profile) -> bool {
        profile.permissions.iter().any(|permission| self.permissions.contains(permission))
    }
}
