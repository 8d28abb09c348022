//! Whether one rule's terms can be shown to be no wider than another's. "No" means "not shown": whoever cannot be shown to
//! have had it before is told as having gained it.

use std::{
    collections::{BTreeSet, HashSet},
    hash::Hash,
};

use crate::{
    operation::InstanceId,
    policy::{
        binding::{Binding, Template},
        hours::Hours,
        pattern::Names,
        place,
        rule::{Allow, Conditions, Deny, PasswordRule, Restore, Scope},
    },
};

use super::claim::{Body, Caller, Claim, Matter, callers};

/// Whether `wide` says of a matter at least what `narrow` says, for one of its callers at one of its places. Operations
/// are not looked at.
pub(super) fn covers(
    wide: &Claim<'_>,
    (narrow, caller, place, matter): (&Claim<'_>, Caller<'_>, Option<&str>, Matter),
) -> bool {
    has_matter(wide, matter)
        && has_place(wide, place)
        && wide.callers.iter().any(|other| has_caller(*other, caller))
        && scope(wide.scope, narrow.scope)
        && match (wide.body, narrow.body) {
            (Body::Allow(wide), Body::Allow(narrow)) => allow(wide, narrow, matter),
            (Body::Deny(wide), Body::Deny(narrow)) => deny(wide, narrow),
            (Body::Allow(_), Body::Deny(_)) | (Body::Deny(_), Body::Allow(_)) => false,
        }
}

/// Whether `other` says something of the same matter, caller and place, and not of other users only. Operations are not
/// looked at.
pub(super) fn meets(
    other: &Claim<'_>,
    (claim, caller, place, matter): (&Claim<'_>, Caller<'_>, Option<&str>, Matter),
) -> bool {
    has_matter(other, matter)
        && has_place(other, place)
        && other.callers.iter().any(|other| has_caller(*other, caller))
        && !are_others(other.scope, claim.scope)
}

/// Whether a deny and an allow may be about the same; yes where that cannot be told.
pub(super) fn may_meet(deny: &Claim<'_>, allow: &Claim<'_>) -> bool {
    // Ten thousand rules are held against a thousand denies: what tells most of them apart comes first.
    if are_others(deny.scope, allow.scope) {
        return false;
    }
    let callers = deny.callers.iter().any(|one| allow.callers.iter().any(|other| may_be_one(*one, *other)));
    let places = allow.places.iter().any(|place| has_place(deny, *place))
        || deny.places.iter().any(|place| has_place(allow, *place));
    let fields = allow.matters.iter().any(|matter| match matter {
        Matter::Set(field) | Matter::Remove(field) => has_matter(deny, Matter::DenyField(*field)),
        Matter::Perform
        | Matter::Create
        | Matter::Give
        | Matter::Permit
        | Matter::Deny
        | Matter::DenyField(_) => deny.matters.contains(&Matter::Deny),
    });
    let operations = !deny.operations.and(&allow.operations).is_empty();
    callers && places && fields && operations
}

/// Whether a deny covers everything that an allow allows, whatever the values are.
pub(super) fn shadows(deny: &Claim<'_>, allow: &Claim<'_>) -> bool {
    let Body::Deny(Deny { domains, .. }) = deny.body else { return false };
    let matter = |matter: &Matter| match matter {
        Matter::Set(field) | Matter::Remove(field) => has_matter(deny, Matter::DenyField(*field)),
        // That it may be called with values that are there already is no reason for a rule.
        Matter::Perform
        | Matter::Create
        | Matter::Give
        | Matter::Permit
        | Matter::Deny
        | Matter::DenyField(_) => {
            deny.matters.contains(&Matter::Deny)
                || allow.operations.iter().all(|(route, _)| route.operation == "UpdateUserIdentityInfo")
        }
    };
    domains.is_empty()
        && allow.callers.iter().all(|one| deny.callers.iter().any(|wide| has_caller(*wide, *one)))
        && allow.places.iter().all(|place| has_place(deny, *place))
        && allow.operations.are_within(&deny.operations)
        && allow.matters.iter().all(matter)
        && scope(deny.scope, allow.scope)
}

/// Whether two rules are about other users for certain.
fn are_others(one: &Scope, two: &Scope) -> bool {
    let apart = |one: &HashSet<String>, two: &HashSet<String>| {
        !one.is_empty() && !two.is_empty() && one.is_disjoint(two)
    };
    let names = one.users.patterns.is_empty() && two.users.patterns.is_empty();
    apart(&one.user_ids, &two.user_ids) || names && apart(&one.users.exact, &two.users.exact)
}

/// Whether one caller may ask by both rules, for one instance and user; yes where that cannot be told.
pub(in crate::policy) fn may_share(one: &Scope, other: &Scope) -> bool {
    let apart = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        !one.is_empty() && !other.is_empty() && one.is_disjoint(other)
    };
    let (when, then) = (&one.conditions, &other.conditions);
    let sets = when.permission_set.as_ref().zip(then.permission_set.as_ref());
    let named = callers(&other.callers);
    callers(&one.callers).iter().any(|one| named.iter().any(|other| may_be_one(*one, *other)))
        && one.instances.iter().any(|one| other.instances.iter().any(|other| place::may_be_one(one, other)))
        && !are_others(one, other)
        && !apart(&when.unique_ids, &then.unique_ids)
        && sets.is_none_or(|(one, other)| one == other)
}

/// Whether two may name one caller.
fn may_be_one(one: Caller<'_>, other: Caller<'_>) -> bool {
    match (one, other) {
        (Caller::Roles(account, one), Caller::Roles(another, other)) => {
            account == another && one.meets(other)
        }
        (Caller::Anyone | Caller::Exact(_) | Caller::Roles(..), _) => {
            has_caller(one, other) || has_caller(other, one)
        }
    }
}

fn has_matter(wide: &Claim<'_>, matter: Matter) -> bool {
    wide.matters.contains(&matter)
        || matches!(matter, Matter::DenyField(_)) && wide.matters.contains(&Matter::Deny)
}

/// An id reaches an instance in every Region, an ARN in one.
fn has_place(wide: &Claim<'_>, place: Option<&str>) -> bool {
    wide.places.contains(&None)
        || wide.places.contains(&place)
        || place.and_then(InstanceId::of_arn).is_some_and(|id| wide.places.contains(&Some(id.as_str())))
}

fn has_caller(wide: Caller<'_>, narrow: Caller<'_>) -> bool {
    match (wide, narrow) {
        (Caller::Anyone, _) => true,
        (_, Caller::Anyone) | (Caller::Exact(_), Caller::Roles(..)) => false,
        (Caller::Exact(wide), Caller::Exact(narrow)) => wide == narrow,
        (Caller::Roles(account, pattern), Caller::Exact(arn)) => {
            arn.strip_prefix(account).is_some_and(|role| pattern.matches(role))
        }
        (Caller::Roles(account, wide), Caller::Roles(other, narrow)) => {
            account == other && wide.contains(narrow)
        }
    }
}

fn scope(wide: &Scope, narrow: &Scope) -> bool {
    ids(&wide.user_ids, &narrow.user_ids)
        && users(&wide.users, &narrow.users)
        && conditions(&wide.conditions, &narrow.conditions)
}

/// None means any.
fn ids<T: Eq + Hash>(wide: &HashSet<T>, narrow: &HashSet<T>) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.is_subset(wide)
}

/// None means any.
fn users(wide: &Names, narrow: &Names) -> bool {
    wide.is_empty() || !narrow.is_empty() && wide.contain(narrow)
}

fn conditions(wide: &Conditions, narrow: &Conditions) -> bool {
    let unique = wide.unique_ids.is_empty()
        || !narrow.unique_ids.is_empty() && narrow.unique_ids.is_subset(&wide.unique_ids);
    unique
        && (wide.permission_set.is_none() || wide.permission_set == narrow.permission_set)
        && within(wide.hours.as_ref(), narrow.hours.as_ref(), hours)
        && within(wide.ends.as_ref(), narrow.ends.as_ref(), |wide, narrow| narrow <= wide)
}

/// None is no bound.
fn within<T>(wide: Option<&T>, narrow: Option<&T>, fits: impl Fn(&T, &T) -> bool) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => fits(wide, narrow),
    }
}

/// Windows past midnight only when they are the same.
fn hours(wide: &Hours, narrow: &Hours) -> bool {
    let days = narrow.days.iter().all(|day| wide.days.contains(day));
    let plain = wide.from <= wide.to && narrow.from <= narrow.to;
    let inside = plain && wide.from <= narrow.from && narrow.to <= wide.to;
    days && wide.zone == narrow.zone && (inside || (wide.from, wide.to) == (narrow.from, narrow.to))
}

fn allow(wide: &Allow, narrow: &Allow, matter: Matter) -> bool {
    let grants = narrow.grants.is_subset(&wide.grants);
    let members = narrow.members.is_subset(&wide.members);
    let terms = match matter {
        Matter::Create => {
            grants
                && members
                && wide.usernames.contain(&narrow.usernames)
                && (wide.password == PasswordRule::Allow || narrow.password == PasswordRule::Refuse)
        }
        Matter::Give => grants,
        Matter::Permit => members && narrow.permissions.is_subset(&wide.permissions),
        Matter::Set(field) if field.is_address() => {
            (wide.plus.is_some() || narrow.plus.is_none())
                && wide
                    .binding
                    .as_ref()
                    .zip(narrow.binding.as_ref())
                    .is_some_and(|(wide, narrow)| binding(wide, narrow))
        }
        Matter::Perform | Matter::Set(_) | Matter::Remove(_) | Matter::Deny | Matter::DenyField(_) => true,
    };
    terms
        && within(wide.own.as_ref(), narrow.own.as_ref(), PartialEq::eq)
        && within(wide.ticket.as_ref(), narrow.ticket.as_ref(), PartialEq::eq)
        && (wide.protected.is_some() || narrow.protected.is_none())
        && quota(wide, narrow)
}

/// Each binding for itself. What the file of a directory says is compared by itself, once for all its rules.
fn binding(wide: &Binding, narrow: &Binding) -> bool {
    match (wide, narrow) {
        (Binding::From(wide), Binding::From(narrow)) => wide == narrow,
        (Binding::AnyIn(wide), Binding::AnyIn(narrow)) => narrow.is_subset(wide),
        (Binding::AnyIn(wide), Binding::From(Template::Parts(_, domain))) => wide.contains(domain),
        (Binding::Directory(wide), Binding::Directory(narrow)) => {
            let listed = || narrow.addresses.iter().all(|(name, to)| wide.addresses.get(name) == Some(to));
            narrow.max_age <= wide.max_age && (wide.name == narrow.name || listed())
        }
        (Binding::From(_) | Binding::Directory(_) | Binding::AnyIn(_), _) => false,
    }
}

fn quota(wide: &Allow, narrow: &Allow) -> bool {
    let exempt = wide.restore == Restore::Exempt || narrow.restore == Restore::Counted;
    within(wide.quota.as_ref(), narrow.quota.as_ref(), |wide, narrow| {
        exempt && wide.of == narrow.of && narrow.changes <= wide.changes && narrow.per >= wide.per
    })
}

fn deny(wide: &Deny, narrow: &Deny) -> bool {
    ids(&wide.domains, &narrow.domains)
}

/// Those of the first that cannot be shown to be among the second.
pub(super) fn names_without(names: &Names, others: &Names) -> BTreeSet<String> {
    let exact = names.exact.iter().filter(|name| !others.has(name)).cloned();
    let covered =
        |pattern| others.patterns.iter().any(|wide: &crate::policy::pattern::Pattern| wide.contains(pattern));
    let patterns = names.patterns.iter().filter(|pattern| !covered(pattern)).map(ToString::to_string);
    exact.chain(patterns).collect()
}
