//! What one allow rule admits, and the search for the rule that does.

use crate::operation::{Address, Field};

use super::{
    binding::{Binding, Bound, Holder},
    index::{Aim, Rank},
    judge::{Judge, Lift, Standing},
    miss::{Match, Miss, need},
    question::{Kind, Password, Person},
    rule::{Allow, Lacking, PasswordRule},
    ticket::Ticket,
};

impl<'a> Judge<'a> {
    /// The rule of the lowest rank that admits something.
    pub(super) fn find(&self, aim: &Aim<'_>, standing: &Standing<'_>) -> Option<&'a Allow> {
        let rules = self.policy.rules();
        let username = standing.person.map(|person| person.username);
        let lists = rules.allow_index.candidates(self.question, username, aim);
        first(&rules.allow, &lists, |allow| self.admits(allow, aim, standing))
    }

    /// Whether a rule admits something, evaluated in full whatever the index says.
    fn admits(&self, allow: &Allow, aim: &Aim<'_>, standing: &Standing<'_>) -> bool {
        #[cfg(test)]
        self.evaluated.set(self.evaluated.get() + 1);
        self.matches(allow, aim, standing).is_ok()
    }

    /// Whether a rule admits something, and otherwise what in it does not match.
    pub(super) fn matches(&self, allow: &Allow, aim: &Aim<'_>, standing: &Standing<'_>) -> Match {
        allow.scope.fits(self.question, self.now, Lacking::Fails)?;
        let ticket = |ticket: &Ticket| ticket.of(self.question.notes).is_some();
        need(allow.ticket.as_ref().is_none_or(ticket), Miss::Ticket)?;
        allow.scope.reaches(self.question, standing.person, Lacking::Fails)?;
        need(allow.is_own(self.question, standing.person), Miss::Own)?;
        need(standing.lift == Lift::NotNeeded || allow.protected.is_some(), Miss::Protected)?;
        match aim {
            Aim::Operation => self.covers(allow, standing.person),
            Aim::Lift => need(allow.protected.is_some(), Miss::Protected),
            Aim::Text(field) => need(allow.fields.contains(field), Miss::Fields),
            Aim::Removal(field) => need(allow.remove.contains(field), Miss::Remove),
            Aim::Address(field, address) => {
                need(allow.fields.contains(field), Miss::Fields)?;
                need(!address.is_plus() || allow.plus.is_some(), Miss::Plus)?;
                match self.bound(allow, address, standing) {
                    Bound::Yes => Ok(()),
                    Bound::No => Err(Miss::Address),
                    Bound::Stale => Err(Miss::Stale),
                }
            }
        }
    }

    fn bound(&self, allow: &Allow, address: &Address, standing: &Standing<'_>) -> Bound {
        let holder = match (standing.person, self.question.username) {
            (Some(person), _) => Holder {
                username: person.username,
                first_name: person.value(Field::FirstName),
                last_name: person.value(Field::LastName),
            },
            (None, Some(username)) => Holder {
                username,
                first_name: self.question.asked(Field::FirstName),
                last_name: self.question.asked(Field::LastName),
            },
            (None, None) => return Bound::No,
        };
        match &allow.binding {
            Some(binding) => binding.allows(address, &holder, self.now, self.ages),
            None => Bound::No,
        }
    }

    /// Whether everything that the operation itself gives is in the rule's closed lists.
    fn covers(&self, allow: &Allow, person: Option<&Person<'_>>) -> Match {
        let question = self.question;
        let has_already = |id: &String| person.is_some_and(|person| person.profiles.contains(id));
        let named = match (question.kind, question.username) {
            (Kind::Create, Some(username)) => allow.usernames.has(username),
            (Kind::Create, None) => false,
            (Kind::Ordinary | Kind::Identity | Kind::Sensitive, _) => true,
        };
        need(named, Miss::Usernames)?;
        let given = |id: &String| allow.grants.contains(id) || has_already(id);
        need(question.profiles.iter().all(given), Miss::Grants)?;
        let permitted = |permission: &String| allow.permissions.contains(permission);
        need(question.permissions.iter().all(permitted), Miss::Permissions)?;
        need(question.members.iter().all(|member| allow.members.contains(*member)), Miss::Members)?;
        need(question.password == Password::Absent || allow.password == PasswordRule::Allow, Miss::Password)
    }

    /// Whether a rule would have admitted it, had its directory file not been too old: for the refusal's words only.
    pub(super) fn is_stale(&self, aim: &Aim<'_>, standing: &Standing<'_>) -> Option<String> {
        let Aim::Address(_, address) = aim else { return None };
        let rules = self.policy.rules();
        let username = standing.person.map(|person| person.username);
        let lists = rules.allow_index.candidates(self.question, username, aim);
        let stale = |allow: &Allow| self.bound(allow, address, standing) == Bound::Stale;
        match &first(&rules.allow, &lists, stale)?.binding {
            Some(Binding::Directory(directory)) => Some(directory.name.clone()),
            Some(Binding::From(_) | Binding::AnyIn(_)) | None => None,
        }
    }
}

/// The rule of the lowest rank for which it holds. Each list is in the order of ranks.
pub(super) fn first<'r, R>(rules: &'r [R], lists: &[&[Rank]], holds: impl Fn(&R) -> bool) -> Option<&'r R> {
    let mut best: Option<(Rank, &R)> = None;
    for list in lists {
        for rank in *list {
            if best.as_ref().is_some_and(|(found, _)| found <= rank) {
                break;
            }
            let Some(rule) = usize::try_from(*rank).ok().and_then(|at| rules.get(at)) else { break };
            if holds(rule) {
                best = Some((*rank, rule));
                break;
            }
        }
    }
    best.map(|(_, rule)| rule)
}
