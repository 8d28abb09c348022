//! How the guard stands as a whole: what of it is not ready, and why. Plain facts, set by whoever finds them out.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{clock::Now, policy::Policy, secret::Digest};

/// What is known of the guard as a whole.
#[derive(Default)]
pub(super) struct Standing(Mutex<Known>);

/// What is known.
#[derive(Clone, Default)]
pub(super) struct Known {
    /// Where in its life the guard is.
    pub(super) phase: Phase,
    /// The policy in force.
    pub(super) policy: Option<PolicyInForce>,
    /// Since when the policy directory is at fault, and the first fault.
    pub(super) directory: Option<(Now, String)>,
    /// Sites without credentials, and why.
    pub(super) without_credentials: BTreeMap<String, String>,
    /// Parts that ended without being told to.
    pub(super) ended: Vec<&'static str>,
    /// Certificates and secrets that could not be read again: what, and why.
    pub(super) unrenewed: BTreeMap<String, String>,
}

/// A policy in force.
#[derive(Clone)]
pub(super) struct PolicyInForce {
    pub(super) digest: Digest,
    pub(super) since: Now,
    /// Why it refuses every change, when it does.
    pub(super) frozen: Option<String>,
}

/// Where in its life the guard is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Starting,
    Serving,
    Stopping,
}

impl Standing {
    /// A guard that has come so far as to have a policy in force.
    pub(super) fn of(policy: &Policy, since: Now) -> Self {
        let standing = Self::default();
        standing.policy(policy.digest(), policy.frozen_by(), since);
        standing
    }

    /// What is known now.
    pub(super) fn known(&self) -> Known {
        self.lock().clone()
    }

    pub(super) fn phase(&self, phase: Phase) {
        self.lock().phase = phase;
    }

    /// A policy is in force; since `now` if it was not before.
    pub(super) fn policy(&self, digest: Digest, frozen: Option<&str>, now: Now) {
        let mut known = self.lock();
        let since = match &known.policy {
            Some(before) if before.digest == digest => before.since,
            Some(_) | None => now,
        };
        known.policy = Some(PolicyInForce { digest, since, frozen: frozen.map(str::to_owned) });
    }

    /// The policy directory is at fault, or in order.
    pub(super) fn directory(&self, fault: Option<(Now, String)>) {
        self.lock().directory = fault;
    }

    /// A site has credentials, or not; says whether that is news.
    pub(super) fn credentials(&self, site: &str, fault: Option<String>) -> bool {
        set(&mut self.lock().without_credentials, site, fault)
    }

    /// Something was read again, or could not be; says whether that is news.
    pub(super) fn renewed(&self, what: &str, fault: Option<String>) -> bool {
        set(&mut self.lock().unrenewed, what, fault)
    }

    /// Only these can be renewed: what was said of others is forgotten.
    pub(super) fn renewed_only(&self, names: &BTreeSet<String>) {
        self.lock().unrenewed.retain(|name, _| names.contains(name));
    }

    /// A part ended without being told to.
    pub(super) fn ended(&self, part: &'static str) {
        self.lock().ended.push(part);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn set(all: &mut BTreeMap<String, String>, name: &str, fault: Option<String>) -> bool {
    let before = match &fault {
        Some(why) => all.insert(name.to_owned(), why.clone()),
        None => all.remove(name),
    };
    before != fault
}
