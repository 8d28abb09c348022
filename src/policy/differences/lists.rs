//! What stands in lists: protected users and permissions, shared mailboxes, listed domains, revocations, directory files;
//! and whether changes are frozen.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::policy::{
    Policy,
    binding::{Binding, Directory},
    emergency::Who,
};

use super::{Difference, Differences, narrower::names_without};

/// Whom it concerns that a list is another.
const WHOEVER: &str = "whoever has a rule for it";

/// Compares them all.
pub(super) fn compare(before: &Policy, after: &Policy, found: &mut Differences) {
    ended(before, after, &mut found.gains);
    begun(before, after, &mut found.losses);
    let (old, new) = (&before.rules().internationalised, &after.rules().internationalised);
    for domain in new.difference(old) {
        found.gains.push(entry(WHOEVER, format!("may now set addresses of the domain `{domain}`")));
    }
    for domain in old.difference(new) {
        found.losses.push(entry(WHOEVER, format!("may no longer set addresses of the domain `{domain}`")));
    }
    directories(before, after, found);
}

/// What protected before and does no more.
fn ended(before: &Policy, after: &Policy, gains: &mut Vec<Difference>) {
    for entry in protection(before, after) {
        gains.push(entry.told("may now change", "may now give", "may now set"));
    }
    for who in revoked(before, after) {
        gains.push(entry(&who, "is no longer revoked".to_owned()));
    }
    if before.frozen_by().is_some() && after.frozen_by().is_none() {
        gains.push(entry(WHOEVER, "may make changes again, which were frozen".to_owned()));
    }
}

/// What protects now and did not before.
fn begun(before: &Policy, after: &Policy, losses: &mut Vec<Difference>) {
    for entry in protection(after, before) {
        losses.push(entry.told("may no longer change", "may no longer give", "may no longer set"));
    }
    for who in revoked(after, before) {
        losses.push(entry(&who, "is now revoked".to_owned()));
    }
    if before.frozen_by().is_none() && after.frozen_by().is_some() {
        losses.push(entry(WHOEVER, "may make no change any more: changes are frozen".to_owned()));
    }
}

/// An entry of a list that protects somebody.
enum Entry<'p> {
    Permission(&'p str),
    User(String),
    UserId(&'p str),
    Mailbox(&'p str),
}

impl Entry<'_> {
    fn told(&self, change: &str, give: &str, set: &str) -> Difference {
        let what = match self {
            Self::Permission(permission) => {
                format!("{change} users who have the permission `{permission}`, and {give} it")
            }
            Self::User(name) => format!("{change} the users `{name}`"),
            Self::UserId(id) => format!("{change} the user with the id `{id}`"),
            Self::Mailbox(mailbox) => format!("{set} the shared mailbox `{mailbox}`"),
        };
        entry(WHOEVER, what)
    }
}

/// Entries of one policy that the other lacks.
fn protection<'p>(of: &'p Policy, other: &'p Policy) -> Vec<Entry<'p>> {
    let (one, another) = (&of.rules().protected, &other.rules().protected);
    let permissions = one.permissions.difference(&another.permissions).map(|name| Entry::Permission(name));
    let users = names_without(&one.users, &another.users).into_iter().map(Entry::User);
    let ids = one.user_ids.difference(&another.user_ids).map(|id| Entry::UserId(id));
    let shared = of.rules().shared.difference(&other.rules().shared).map(|mailbox| Entry::Mailbox(mailbox));
    permissions.chain(users).chain(ids).chain(shared).collect()
}

/// Whom one policy revokes and the other does not.
fn revoked(of: &Policy, other: &Policy) -> BTreeSet<String> {
    let others: BTreeSet<&Who> = other.emergency().revoked.iter().map(|revoked| &revoked.who).collect();
    let covered = |who: &Who| match who {
        Who::KeyId(id) => others.contains(who) || others.contains(&Who::Session(id.clone())),
        Who::IssuedBefore(at) => others.range(Who::IssuedBefore(*at)..).next().is_some(),
        Who::Principal(_) | Who::UniqueId(_) | Who::Session(_) => others.contains(who),
    };
    let alone = of.emergency().revoked.iter().map(|revoked| &revoked.who).filter(|who| !covered(who));
    let told = alone.map(|who| match who {
        Who::Principal(arn) => format!("`{arn}`"),
        Who::UniqueId(id) => format!("the role or user with the unique id `{id}`"),
        Who::KeyId(id) => format!("the key `{id}`"),
        Who::Session(name) => format!("the session `{name}`"),
        Who::IssuedBefore(instant) => format!("every proof issued before {instant}"),
    });
    told.collect()
}

/// The files of directories that rules of both policies use: how many addresses are others. None is named.
fn directories(before: &Policy, after: &Policy, found: &mut Differences) {
    let (old, new) = (used(before), used(after));
    for (name, directory) in &new {
        let Some(former) = old.get(name) else { continue };
        let missing = |of: &Directory, other: &Directory| {
            of.addresses.iter().filter(|(name, address)| other.addresses.get(*name) != Some(*address)).count()
        };
        let whoever = format!("whoever has a rule for the directory `{name}`");
        match missing(directory, former) {
            0 => {}
            count => {
                found
                    .gains
                    .push(entry(&whoever, format!("may now set other addresses: those of {}", users(count))));
            }
        }
        match missing(former, directory) {
            0 => {}
            count => {
                let what = format!("may no longer set former addresses: those of {}", users(count));
                found.losses.push(entry(&whoever, what));
            }
        }
    }
}

fn used(policy: &Policy) -> BTreeMap<&str, &Arc<Directory>> {
    let bindings = policy.rules().allow.iter().filter_map(|allow| allow.binding.as_ref());
    let named = bindings.filter_map(|binding| match binding {
        Binding::Directory(directory) => Some((directory.name.as_str(), directory)),
        Binding::From(_) | Binding::AnyIn(_) => None,
    });
    named.collect()
}

fn users(count: usize) -> String {
    if count == 1 { "1 user".to_owned() } else { format!("{count} users") }
}

fn entry(who: &str, what: String) -> Difference {
    Difference { who: who.to_owned(), what, where_: String::new(), conditions: Vec::new(), rule: None }
}
