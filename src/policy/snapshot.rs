//! A compiled policy: a snapshot that never changes and cannot fail.

use std::{collections::BTreeSet, sync::Arc};

use crate::{clock::Now, diagnostic::Faults, secret::Digest};

use super::{
    PolicyFiles, compile,
    emergency::{Emergency, Revoked},
    index::Index,
    protected::Protected,
    question::Asker,
    rule::{Allow, Deny},
    screening::Screening,
};

/// A compiled policy: a snapshot that never changes and cannot fail.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Arc<Rules>,
    emergency: Arc<Emergency>,
    frozen: Option<Arc<str>>,
    digest: Digest,
}

/// What the files of the directory itself say.
#[derive(Debug)]
pub(super) struct Rules {
    /// By rank.
    pub(super) allow: Vec<Allow>,
    pub(super) allow_index: Index,
    pub(super) screening: Screening,
    pub(super) deny: Vec<Deny>,
    pub(super) deny_index: Index,
    pub(super) protected: Protected,
    /// Shared mailboxes, as [`Address::mailbox`](crate::operation::Address::mailbox) has them.
    pub(super) shared: BTreeSet<String>,
    /// `xn--` domains that are listed.
    pub(super) internationalised: BTreeSet<String>,
    /// How many `[[test]]` cases there are; all of them passed.
    pub(super) tests: usize,
    /// Over the names and texts of the files.
    pub(super) digest: Digest,
}

impl Policy {
    /// Compiles, runs the `[[test]]` cases, and returns the policy with its faults; or every fault.
    ///
    /// # Errors
    /// When a file of the directory itself has an error. A broken `revoked.toml` or file of `deny.d` is no such error: the
    /// policy that is returned then refuses every change (`freeze`), and the faults returned with it are
    /// [fatal](Faults::fatal), so that a start can be refused for them.
    pub fn compile(files: &PolicyFiles, now: Now) -> Result<(Self, Faults), Faults> {
        let (emergency, mut faults) = compile::emergency(files);
        match compile::rules(files, now) {
            Ok((rules, warnings)) => {
                faults.extend(warnings);
                Ok((Self::new(Arc::new(rules), emergency, None), faults))
            }
            Err(errors) => {
                faults.extend(errors);
                Err(faults)
            }
        }
    }

    /// A policy that refuses everything: what holds where none could be loaded.
    pub fn closed() -> Self {
        Self::new(Arc::new(Rules::none()), Emergency::none(), None)
    }

    /// The same rules with `revoked.toml` and `deny.d` read anew: these hold at once, whatever else is broken.
    #[must_use]
    pub fn renewed(&self, files: &PolicyFiles) -> (Self, Faults) {
        let (emergency, faults) = compile::emergency(files);
        let emergency = emergency.holding(&self.emergency);
        (Self::new(Arc::clone(&self.rules), emergency, self.frozen.clone()), faults)
    }

    /// This policy after another one: where `revoked.toml` or a file of `deny.d` is broken, what held before holds on.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        let emergency = (*self.emergency).clone().holding(&before.emergency);
        Self::new(self.rules, emergency, self.frozen)
    }

    /// The same policy, refusing every change with `freeze`: what holds once it is too old.
    #[must_use]
    pub fn frozen(&self, why: &str) -> Self {
        Self { frozen: Some(why.into()), ..self.clone() }
    }

    /// SHA-256 over two digests: that of the names and texts of the directory's own files, in order, and that of
    /// `revoked.toml` and `deny.d`.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// SHA-256 over the names and texts of the directory's own files, in order.
    pub fn rules_digest(&self) -> Digest {
        self.rules.digest
    }

    /// SHA-256 over the names and texts of `revoked.toml` and `deny.d`.
    pub fn emergency_digest(&self) -> Digest {
        self.emergency.digest
    }

    /// How many allow rules, deny rules and tests it has.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.rules.allow.len(), self.rules.deny.len() + self.emergency.deny.len(), self.rules.tests)
    }

    /// A policy of rules that are only being tried.
    pub(super) fn on_trial(rules: Rules) -> Self {
        Self::new(Arc::new(rules), Emergency::none(), None)
    }

    /// The rules of a policy that was only on trial.
    pub(super) fn into_rules(self) -> Option<Rules> {
        Arc::into_inner(self.rules)
    }

    /// What the files of the directory itself say.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What holds at once.
    pub(super) fn emergency(&self) -> &Emergency {
        &self.emergency
    }

    /// Why changes are frozen, when they are.
    pub fn frozen_by(&self) -> Option<&str> {
        self.frozen.as_deref().or(self.emergency.broken.as_deref())
    }

    /// The revocation that is about a caller.
    pub(super) fn revoked(&self, asker: &Asker<'_>) -> Option<&Revoked> {
        self.emergency.revoked.iter().find(|revoked| revoked.is(asker))
    }

    fn new(rules: Arc<Rules>, emergency: Emergency, frozen: Option<Arc<str>>) -> Self {
        let both = [*rules.digest.bytes(), *emergency.digest.bytes()].concat();
        Self { rules, emergency: Arc::new(emergency), frozen, digest: Digest::of(&both) }
    }
}

impl Rules {
    fn none() -> Self {
        Self {
            allow: Vec::new(),
            allow_index: Index::default(),
            screening: Screening::default(),
            deny: Vec::new(),
            deny_index: Index::default(),
            protected: Protected::default(),
            shared: BTreeSet::new(),
            internationalised: BTreeSet::new(),
            tests: 0,
            digest: Digest::of(b""),
        }
    }
}
