//! One question to one policy. The only place where anything is allowed.

use std::fmt::Write as _;

use crate::{
    clock::Now,
    operation::{Address, Class, Directory as Keeping, Field},
};

use super::{
    Code, Ground, Policy, Refusal,
    admission::first,
    binding::Ages,
    grant::{Grant, grant_of},
    index::{Aim, Index},
    question::{Facts, Kind, Person, Question},
    rule::{Allow, Deny, Lacking},
};

/// One question to one policy at one time.
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) question: &'a Question<'a>,
    pub(super) now: Now,
    pub(super) ages: Ages,
    #[cfg(test)]
    pub(super) evaluated: std::cell::Cell<usize>,
}

/// Whether only rules with a sentence that lifts protection count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lift {
    NotNeeded,
    Needed,
}

/// What is true, gathered for the evaluation of rules.
pub(super) struct Standing<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) person: Option<&'a Person<'a>>,
    /// The fields whose values would change.
    pub(super) changing: Vec<(Field, Option<&'a str>)>,
    pub(super) lift: Lift,
}

impl<'a> Judge<'a> {
    /// Asks a policy.
    pub(super) fn new(policy: &'a Policy, question: &'a Question<'a>, now: Now) -> Self {
        Self {
            policy,
            question,
            now,
            ages: Ages::Count,
            #[cfg(test)]
            evaluated: std::cell::Cell::new(0),
        }
    }

    /// For `[[test]]` cases, which have a time of their own: directory files are as fresh as can be.
    pub(super) fn with_fresh_directories(mut self) -> Self {
        self.ages = Ages::Fresh;
        self
    }

    /// Whether any rule could allow it: needs nothing but the request.
    pub(super) fn screen(&self) -> Result<(), Refusal> {
        if self.question.class == Class::Forbidden {
            return Err(Refusal::new(
                Code::OperationForbidden,
                "the operation mints a login for whoever signs it",
            ));
        }
        if let Some(revoked) = self.policy.revoked(&self.question.asker) {
            return Err(Refusal {
                rule: Some(revoked.rule.clone()),
                ..Refusal::new(Code::Revoked, &format!("the caller is revoked: {}", revoked.reason))
            });
        }
        if let (true, Some(why)) = (self.question.kind != Kind::Ordinary, self.policy.frozen_by()) {
            return Err(Refusal::new(Code::Freeze, &format!("changes are frozen: {why}")));
        }
        if let Some(freeze) = self.policy.freezes().iter().find(|freeze| freeze.holds(self.question)) {
            // Its reason may be personal, and this is for logs as well: the record of the freeze has it.
            let why = format!("changes are frozen by `{}` ({})", freeze.id, freeze.scope);
            return Err(Refusal::new(Code::Freeze, &why));
        }
        let allowed = self.policy.rules().screening.could_allow(self.question, self.now);
        if allowed || self.monitored().is_some() {
            Ok(())
        } else {
            Err(Refusal::new(Code::NoRule, "no rule that is in force names this caller, action and instance"))
        }
    }

    /// Whether an ordinary operation may pass: after [`Judge::screen`], and without any read.
    pub(super) fn pass(&self) -> Result<Grant, Refusal> {
        self.denied(None, &[])?;
        let known = super::Known::default();
        let facts = Facts::none(&known);
        let standing = Standing { facts: &facts, person: None, changing: Vec::new(), lift: Lift::NotNeeded };
        if let Some(rule) = self.find(&Aim::Operation, &standing) {
            return Ok(grant_of(&[(Ground::Operation, rule)], self.question, &standing, &[]));
        }
        let rule = self.monitored();
        let rule = rule.ok_or_else(|| Refusal::new(Code::NoRule, "no rule allows it for this user"))?;
        Ok(Grant::monitored(rule))
    }

    /// The `[[monitor]]` that lets an ordinary operation through where no rule allows it; of a change there is none.
    fn monitored(&self) -> Option<&'a Allow> {
        let ordinary = match (self.question.kind, self.question.class) {
            (Kind::Ordinary, Class::Read | Class::Write) => true,
            (Kind::Ordinary, Class::Identity | Class::Sensitive | Class::Forbidden)
            | (Kind::Identity | Kind::Create | Kind::Sensitive, _) => false,
        };
        let fits = |rule: &&Allow| rule.scope.fits(self.question, self.now, Lacking::Fails).is_ok();
        self.policy.rules().monitor.iter().filter(|_| ordinary).find(fits)
    }

    /// Decides a change: screens it again at this time, then asks with what is true now.
    pub(super) fn decide(&self, facts: &Facts<'_>) -> Result<Grant, Refusal> {
        self.screen()?;
        self.after_reads(facts)
    }

    /// The second half of [`Judge::decide`]. Refuses by itself whatever `screen` refuses for want of a rule.
    pub(super) fn after_reads(&self, facts: &Facts<'_>) -> Result<Grant, Refusal> {
        let person = self.person(facts)?;
        self.kept_here(facts.directory)?;
        let changing = self.changing(person);
        let mut standing = Standing { facts, person, changing, lift: Lift::NotNeeded };
        standing.lift = self.protection(&standing)?;
        self.denied(person, &standing.changing)?;
        let addresses = self.addresses(&standing)?;
        self.grounds(&standing, &addresses)
    }

    /// How many rules were evaluated.
    #[cfg(test)]
    pub(super) fn evaluated(&self) -> usize {
        self.evaluated.get()
    }

    /// The user of the target, and no other.
    pub(super) fn person<'f>(&self, facts: &'f Facts<'f>) -> Result<Option<&'f Person<'f>>, Refusal> {
        match (self.question.user, &facts.person) {
            (Some(id), Some(person)) if person.id == id => Ok(Some(person)),
            (Some(_), Some(_)) => Err(Refusal::new(Code::UserUnknown, "what was read is another user")),
            (Some(_), None) => Err(Refusal::new(Code::UserUnknown, "the user was not read")),
            (None, _) => Ok(None),
        }
    }

    /// Where the directory is elsewhere, Email (and the names) are not set here: an attack, or a bug.
    fn kept_here(&self, directory: Option<Keeping>) -> Result<(), Refusal> {
        let (elsewhere, why): (&[Field], _) = match directory {
            Some(Keeping::ConnectManaged) => return Ok(()),
            Some(Keeping::Saml) => (&[Field::Email], "the instance signs its users in by SAML"),
            Some(Keeping::Existing) => (
                &[Field::FirstName, Field::LastName, Field::Email],
                "the instance's users are kept in a directory",
            ),
            None => (&[Field::Email], "how the instance keeps its users was not read"),
        };
        let fields: Vec<Field> = self
            .question
            .wanted
            .iter()
            .map(|(field, _)| *field)
            .filter(|field| elsewhere.contains(field))
            .collect();
        if fields.is_empty() {
            Ok(())
        } else {
            Err(Refusal { fields, ..Refusal::new(Code::EmailOnSaml, why) })
        }
    }

    /// The fields whose values would change. Any difference counts, also one of case only (E8).
    pub(super) fn changing<'f>(&self, person: Option<&'f Person<'f>>) -> Vec<(Field, Option<&'f str>)>
    where
        'a: 'f,
    {
        let before = |field| person.and_then(|person| person.value(field));
        self.question.wanted.iter().copied().filter(|(field, after)| before(*field) != *after).collect()
    }

    pub(super) fn protection(&self, standing: &Standing<'_>) -> Result<Lift, Refusal> {
        let Some(why) = self.policy.rules().protected.holds(self.question, standing.facts) else {
            return Ok(Lift::NotNeeded);
        };
        let lifted = self.find(&Aim::Lift, standing).is_some();
        if lifted { Ok(Lift::Needed) } else { Err(Refusal::new(Code::Protected, why)) }
    }

    fn denied(&self, person: Option<&Person<'_>>, changing: &[(Field, Option<&str>)]) -> Result<(), Refusal> {
        let rules = self.policy.rules();
        let emergency = self.policy.emergency();
        let regular = self.denying(&rules.deny, &rules.deny_index, person, changing);
        let urgent = self.denying(&emergency.deny, &emergency.deny_index, person, changing);
        match urgent.or(regular) {
            None => Ok(()),
            Some(deny) => Err(Refusal {
                rule: Some(deny.rule.clone()),
                fields: changing
                    .iter()
                    .map(|(field, _)| *field)
                    .filter(|f| deny.fields.contains(f))
                    .collect(),
                ..Refusal::new(Code::DeniedBy, &format!("denied by `{}`: {}", deny.rule.id, deny.reason))
            }),
        }
    }

    fn denying<'d>(
        &self,
        rules: &'d [Deny],
        index: &Index,
        person: Option<&Person<'_>>,
        changing: &[(Field, Option<&str>)],
    ) -> Option<&'d Deny> {
        let username = person.map(|person| person.username);
        let applies = |deny: &Deny| {
            #[cfg(test)]
            self.evaluated.set(self.evaluated.get() + 1);
            deny.applies(self.question, person, changing, self.now).is_ok()
        };
        first(rules, &index.candidates(self.question, username, &Aim::Operation), applies)
    }

    /// The addresses wanted, each plain, not shared and not another user's.
    fn addresses(&self, standing: &Standing<'_>) -> Result<Vec<(Field, Address)>, Refusal> {
        let mut addresses = Vec::new();
        for (field, value) in &standing.changing {
            let (true, Some(value)) = (field.is_address(), value) else { continue };
            let about = |code, detail| Refusal { fields: vec![*field], ..Refusal::new(code, detail) };
            let Ok(address) = Address::read(value) else {
                return Err(about(Code::AddressNotPlain, "the address is not a plain one"));
            };
            let rules = self.policy.rules();
            if address.is_internationalised() && !rules.internationalised.contains(address.domain()) {
                return Err(about(
                    Code::AddressNotPlain,
                    "the address has an `xn--` domain that is not listed",
                ));
            }
            if address.is_plus() && self.find(&Aim::Address(*field, &address), standing).is_none() {
                return Err(about(
                    Code::AddressNotPlain,
                    "the address has a `+`, and no rule allows that here",
                ));
            }
            addresses.push((*field, address));
        }
        for (field, address) in &addresses {
            let mailbox = address.mailbox();
            let among = |list: &[Address]| list.iter().any(|other| other.mailbox() == mailbox);
            let about = |code, detail| Refusal { fields: vec![*field], ..Refusal::new(code, detail) };
            if self.policy.rules().shared.contains(&mailbox) {
                return Err(about(Code::AddressShared, "the address is listed as a shared mailbox"));
            }
            if among(standing.facts.channel) {
                return Err(about(
                    Code::AddressShared,
                    "the address is one of the instance's e-mail channel",
                ));
            }
            if among(&standing.facts.known.in_use) {
                return Err(about(Code::AddressInUse, "the address is known on another user"));
            }
        }
        Ok(addresses)
    }

    /// A rule for everything that would change.
    fn grounds(&self, standing: &Standing<'_>, addresses: &[(Field, Address)]) -> Result<Grant, Refusal> {
        let mut found: Vec<(Ground, &Allow)> = Vec::new();
        if self.needs_operation(standing) {
            let rule = self.find(&Aim::Operation, standing);
            found.push((Ground::Operation, rule.ok_or_else(|| self.no_rule_for_operation())?));
        }
        let mut missing = Vec::new();
        for (field, value) in &standing.changing {
            let aim = aim_of(*field, *value, addresses);
            match self.find(&aim, standing) {
                Some(rule) => found.push((Ground::Field(*field), rule)),
                None => missing.push((*field, self.is_stale(&aim, standing))),
            }
        }
        if !missing.is_empty() {
            return Err(no_rule_for_fields(&missing));
        }
        Ok(grant_of(&found, self.question, standing, addresses))
    }

    /// Whether a rule for the operation itself is needed: one for each field that would change is enough for an identity.
    pub(super) fn needs_operation(&self, standing: &Standing<'_>) -> bool {
        match self.question.kind {
            Kind::Identity => standing.changing.is_empty(),
            Kind::Create | Kind::Sensitive | Kind::Ordinary => true,
        }
    }

    fn no_rule_for_operation(&self) -> Refusal {
        let detail = match self.question.kind {
            Kind::Create => {
                "no rule allows a user of this Username, with these security profiles and this way to sign in"
            }
            Kind::Sensitive => "no rule allows it for this user, with what it would give",
            Kind::Identity | Kind::Ordinary => "no rule allows it for this user",
        };
        Refusal::new(Code::NoRule, detail)
    }
}

/// What is to be allowed for a field whose value would change, given the addresses that were read.
pub(super) fn aim_of<'a>(field: Field, value: Option<&str>, addresses: &'a [(Field, Address)]) -> Aim<'a> {
    let address = addresses.iter().find(|(other, _)| *other == field).map(|(_, address)| address);
    match (value, address) {
        (None, _) => Aim::Removal(field),
        (Some(_), Some(address)) => Aim::Address(field, address),
        (Some(_), None) => Aim::Text(field),
    }
}

fn no_rule_for_fields(missing: &[(Field, Option<String>)]) -> Refusal {
    let names: Vec<&str> = missing.iter().map(|(field, _)| field.name()).collect();
    let mut detail = format!("no rule allows this change of {}", names.join(", "));
    for (field, stale) in missing {
        if let Some(directory) = stale {
            let _ =
                write!(detail, "; for {field} the file of directory `{directory}` is older than its max_age");
        }
    }
    Refusal {
        fields: missing.iter().map(|(field, _)| *field).collect(),
        ..Refusal::new(Code::NoRule, &detail)
    }
}
