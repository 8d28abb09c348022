//! What is judged where a log says neither values nor the user as it was: what needs neither.

use std::collections::{BTreeSet, HashSet};

use crate::{operation::Field, policy::miss::need};

use super::{
    super::{
        Code, Miss, Policy, Refusal,
        judge::Judge,
        miss::Match,
        question::{Kind, Question},
        rule::{Allow, Deny, Lacking},
    },
    Judged, Logged, Past, Unsaid,
};

/// Caller, action, instance, fields and what was given, without values and without the user.
pub(super) fn outline(policy: &Policy, past: &Past) -> Judged {
    let question = past.case.question();
    if let Err(refusal) = Judge::new(policy, &question, past.case.at).with_fresh_directories().screen() {
        return Judged::Refused(refusal);
    }
    let mut open = BTreeSet::new();
    for deny in policy.rules().deny.iter().chain(&policy.emergency().deny) {
        match denial(deny, &question, past) {
            Ok(Denial::Certain) => return Judged::Refused(denied(deny)),
            Ok(Denial::Perhaps) => {
                open.insert(Unsaid::Deny(deny.rule.clone()));
            }
            Err(_) => {}
        }
    }
    if is_fieldless(past) {
        open.insert(Unsaid::Fields);
    }
    let mut found = BTreeSet::new();
    for want in wants(past) {
        let fits = policy.rules().allow.iter().filter(|allow| asked(allow, &question, past, want).is_ok());
        let best = fits
            .map(|allow| (unsaid(policy, allow, past, want), allow))
            .min_by(|one, other| (one.0.len(), one.1.rank()).cmp(&(other.0.len(), other.1.rank())));
        let Some((unsaid, allow)) = best else { return Judged::Refused(no_rule(want)) };
        open.extend(unsaid);
        found.insert(allow.rule.clone());
    }
    let rules = found.into_iter().collect();
    if open.is_empty() { Judged::Allowed(rules) } else { Judged::Open(rules, open) }
}

/// What a rule is wanted for.
#[derive(Clone, Copy)]
pub(super) enum Want {
    Operation,
    /// Whether it is set, where that is known.
    Field(Field, Option<bool>),
}

/// Whether a deny is about it.
pub(super) enum Denial {
    Certain,
    Perhaps,
}

/// What rules are wanted for.
pub(super) fn wants(past: &Past) -> Vec<Want> {
    let fields = past.fields();
    let mut wants: Vec<Want> = fields.iter().map(|(field, set)| Want::Field(*field, *set)).collect();
    match past.case.kind() {
        Kind::Identity if is_fieldless(past) => wants = vec![Want::Operation],
        Kind::Identity if !wants.is_empty() => {}
        Kind::Identity | Kind::Create | Kind::Sensitive | Kind::Ordinary => wants.push(Want::Operation),
    }
    wants
}

fn is_fieldless(past: &Past) -> bool {
    past.case.kind() == Kind::Identity && past.log == Logged::Fieldless
}

/// What of a rule does not match, by what the log says.
pub(super) fn asked(allow: &Allow, question: &Question<'_>, past: &Past, want: Want) -> Match {
    let case = &past.case;
    allow.scope.fits(question, case.at, Lacking::Fails)?;
    let ids = &allow.scope.user_ids;
    let reached = ids.is_empty() || case.user.as_ref().is_none_or(|user| ids.contains(&user.id));
    need(reached, Miss::UserIds)?;
    match want {
        Want::Operation if past.says_given() => {
            need(case.grants.iter().all(|id| allow.grants.contains(id)), Miss::Grants)?;
            need(case.permissions.iter().all(|name| allow.permissions.contains(name)), Miss::Permissions)?;
            need(case.members.iter().all(|name| allow.members.contains(name)), Miss::Members)
        }
        Want::Operation => Ok(()),
        Want::Field(field, Some(true)) => need(allow.fields.contains(&field), Miss::Fields),
        Want::Field(field, Some(false)) => need(allow.remove.contains(&field), Miss::Remove),
        Want::Field(field, None) => {
            need(allow.fields.contains(&field) || allow.remove.contains(&field), Miss::Fields)
        }
    }
}

/// What its answer depends on that the log does not say.
pub(super) fn unsaid(policy: &Policy, allow: &Allow, past: &Past, want: Want) -> BTreeSet<Unsaid> {
    let mut unsaid = BTreeSet::new();
    let protected = &policy.rules().protected;
    let protects =
        !protected.permissions.is_empty() || !protected.users.is_empty() || !protected.user_ids.is_empty();
    if protects && allow.protected.is_none() {
        unsaid.insert(Unsaid::Protection);
    }
    if !allow.scope.users.is_empty() {
        unsaid.insert(Unsaid::Username);
    }
    unsaid.extend(allow.ticket.is_some().then_some(Unsaid::Ticket));
    unsaid.extend(allow.own.is_some().then_some(Unsaid::Own));
    match want {
        Want::Field(field, set) if field.is_address() && set != Some(false) => {
            unsaid.insert(Unsaid::Address);
        }
        Want::Operation if past.case.kind() == Kind::Create => {
            unsaid.insert(Unsaid::Given);
        }
        Want::Operation
            if !past.says_given() && (!allow.grants.is_empty() || !allow.permissions.is_empty()) =>
        {
            unsaid.insert(Unsaid::Given);
        }
        Want::Field(..) | Want::Operation => {}
    }
    unsaid
}

/// Whether a deny holds, by what the log says; what of it does not match otherwise.
pub(super) fn denial(deny: &Deny, question: &Question<'_>, past: &Past) -> Result<Denial, Miss> {
    let case = &past.case;
    let has_fields = matches!(case.kind(), Kind::Identity | Kind::Create);
    let is_silent = past.log == Logged::Fieldless && has_fields;
    // Asked with a value of no domain: `domains` is looked at here. A log without fields leaves open whether it was one of these.
    let fields = if is_silent { BTreeSet::new() } else { deny.fields.clone() };
    let blunt = Deny { domains: HashSet::new(), fields, ..deny.clone() };
    let wanted: Vec<(Field, Option<&str>)> = question.wanted.clone();
    blunt.applies(question, None, &wanted, case.at)?;
    let of_domains = !deny.domains.is_empty();
    if of_domains && !wanted.iter().any(|(field, _)| field.is_address()) && !is_silent {
        return Err(Miss::Unchanged);
    }
    let conditions = &deny.scope.conditions;
    let certain = deny.scope.users.is_empty()
        && !of_domains
        && (!is_silent || deny.fields.is_empty())
        && (deny.scope.user_ids.is_empty() || case.user.is_some())
        && (conditions.unique_ids.is_empty() || case.caller.unique_id.is_some());
    Ok(if certain { Denial::Certain } else { Denial::Perhaps })
}

fn denied(deny: &Deny) -> Refusal {
    Refusal {
        rule: Some(deny.rule.clone()),
        ..Refusal::new(Code::DeniedBy, &format!("denied by `{}`: {}", deny.rule.id, deny.reason))
    }
}

fn no_rule(want: Want) -> Refusal {
    match want {
        Want::Operation => Refusal::new(Code::NoRule, "no rule allows it, with what it would give"),
        Want::Field(field, _) => Refusal {
            fields: vec![field],
            ..Refusal::new(Code::NoRule, &format!("no rule allows a change of {field}"))
        },
    }
}
