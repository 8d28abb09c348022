//! A compiled policy: a snapshot that never changes and cannot fail.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    caller::Caller,
    clock::Now,
    diagnostic::{Faults, Source},
    secret::Digest,
};

use super::{
    Freeze, FreezeScope, PolicyFiles, Terms,
    compile::{self, Say},
    emergency::{Emergency, Revoked},
    index::Index,
    place::Places,
    protected::Protected,
    question::Asker,
    rule::{Allow, Deny},
    screening::Screening,
    terms::fulfilled,
};

/// A compiled policy: a snapshot that never changes and cannot fail.
#[derive(Debug, Clone)]
pub struct Policy {
    rules: Arc<Rules>,
    emergency: Arc<Emergency>,
    frozen: Option<Arc<str>>,
    /// Who signed it, where it had to be signed.
    signer: Option<Arc<str>>,
    digest: Digest,
    texts: Texts,
}

/// The names and texts of the files that a policy was read from, so that a decision can be explained by them.
#[derive(Debug, Clone, Default)]
struct Texts {
    rules: Arc<[(String, String)]>,
    emergency: Arc<[(String, String)]>,
}

/// What the files of the directory itself say.
#[derive(Debug)]
pub(super) struct Rules {
    /// By rank.
    pub(super) allow: Vec<Allow>,
    pub(super) allow_index: Index,
    pub(super) screening: Screening,
    /// `[[monitor]]`, in the order of ids. Few, and asked only where no rule allows.
    pub(super) monitor: Vec<Allow>,
    pub(super) deny: Vec<Deny>,
    pub(super) deny_index: Index,
    pub(super) protected: Protected,
    /// Shared mailboxes, as [`Address::mailbox`](crate::operation::Address::mailbox) has them.
    pub(super) shared: BTreeSet<String>,
    /// `xn--` domains that are listed.
    pub(super) internationalised: BTreeSet<String>,
    /// How many `[[test]]` cases there are; all of them passed.
    pub(super) tests: usize,
    /// The ARNs of instances that the files name.
    pub(super) places: Places,
    /// Which policy of a row of policies it is.
    pub(super) epoch: Option<u64>,
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
        Self::compile_on(files, now, Terms::default())
    }

    /// The same, of files that have to be signed, or are to be no older than what is in force. `revoked.toml` and
    /// `deny.d` are outside of both: they hold at once, and can only take away.
    ///
    /// # Errors
    /// When a file of the directory itself has an error; when a policy that has to be signed is not, or by somebody
    /// else, or was changed after it; when its `epoch` is lower than the one asked for.
    pub fn compile_on(files: &PolicyFiles, now: Now, terms: Terms<'_>) -> Result<(Self, Faults), Faults> {
        Self::compiled(files, now, terms, Say::Faults)
    }

    /// The same, with what is worth a look ([`advice`](super::advice)) after all faults: everything is read once.
    ///
    /// # Errors
    /// As [`Policy::compile_on`].
    pub fn check(files: &PolicyFiles, now: Now, terms: Terms<'_>) -> Result<(Self, Faults), Faults> {
        Self::compiled(files, now, terms, Say::Advice)
    }

    fn compiled(files: &PolicyFiles, now: Now, terms: Terms<'_>, say: Say) -> Result<(Self, Faults), Faults> {
        let (emergency, mut faults) = compile::emergency(files);
        // What is broken there refuses changes, and does not keep a policy from coming into force.
        let mut unfulfilled = Faults::new();
        match compile::rules(files, now, say) {
            Ok((rules, warnings, advice)) => {
                faults.extend(warnings);
                let signer = fulfilled(terms, files, rules.epoch, &mut unfulfilled);
                if unfulfilled.fatal() {
                    faults.extend(unfulfilled);
                    return Err(faults);
                }
                let texts = Texts { rules: Texts::of_rules(files), emergency: Texts::of_emergency(files) };
                let policy = Self::new(Arc::new(rules), emergency, None);
                faults.extend(advice);
                Ok((Self { signer: signer.map(Arc::from), texts, ..policy }, faults))
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
        let texts = Texts { emergency: Texts::of_emergency(files), ..self.texts.clone() };
        (Self { texts, ..self.with(emergency) }, faults)
    }

    /// This policy after another one: where `revoked.toml` or a file of `deny.d` is broken, what held before holds on.
    #[must_use]
    pub fn after(self, before: &Self) -> Self {
        let emergency = (*self.emergency).clone().holding(&before.emergency);
        self.with(emergency)
    }

    /// The same policy, refusing every change with `freeze`: what holds once it is too old.
    #[must_use]
    pub fn frozen(&self, why: &str) -> Self {
        Self { frozen: Some(why.into()), ..self.clone() }
    }

    /// The same policy with these freezes in force and no other: changes that one is about are refused with `freeze`. They
    /// outlast [`Policy::renewed`] and [`Policy::after`], and count in [`Policy::emergency_digest`].
    #[must_use]
    pub fn with_freezes(&self, freezes: &[Freeze]) -> Self {
        let emergency = (*self.emergency).clone().with_freezes(freezes);
        self.with(emergency)
    }

    /// The freezes in force, in the order of their ids.
    pub fn freezes(&self) -> &[Freeze] {
        &self.emergency.freezes
    }

    /// Whether some rule may let whom this is about make a change: a freeze of a caller whom no rule lets do anything stops
    /// nothing, and may be a slip of the pen. Freezes of everything and of instances meet whatever rules there are.
    pub fn meets(&self, scope: &FreezeScope) -> bool {
        let FreezeScope::Caller(_) = scope else { return true };
        self.rules.allow.iter().any(|allow| scope.may_meet(allow))
    }

    /// SHA-256 over two digests: that of the names and texts of the directory's own files, in order, and that of
    /// `revoked.toml` and `deny.d`. Freezes are none of the files: no version of the policy is told apart by them.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// SHA-256 over the names and texts of the directory's own files, in order.
    pub fn rules_digest(&self) -> Digest {
        self.rules.digest
    }

    /// SHA-256 over the names and texts of `revoked.toml` and `deny.d`, and over the freezes in force.
    pub fn emergency_digest(&self) -> Digest {
        self.emergency.digest()
    }

    /// The names within the directory and the texts of the files that it was read from, those of `revoked.toml` and `deny.d`
    /// last.
    pub fn texts(&self) -> Vec<(String, String)> {
        self.texts.rules.iter().chain(self.texts.emergency.iter()).cloned().collect()
    }

    /// Which policy of a row of policies it is: `epoch`. An app that loads one after another asks for at least this.
    pub fn epoch(&self) -> Option<u64> {
        self.rules.epoch
    }

    /// Who signed it, as the list of signers has it; none where it did not have to be signed.
    pub fn signer(&self) -> Option<&str> {
        self.signer.as_deref()
    }

    /// How many allow rules, deny rules and tests it has.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.rules.allow.len(), self.rules.deny.len() + self.emergency.deny.len(), self.rules.tests)
    }

    /// How many monitors it has, ended ones included.
    pub fn monitors(&self) -> usize {
        self.rules.monitor.len()
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

    /// Whether `revoked.toml` names a caller.
    pub fn revokes(&self, caller: &Caller) -> bool {
        self.revoked(&Asker::of(caller)).is_some()
    }

    /// The revocation that is about a caller.
    pub(super) fn revoked(&self, asker: &Asker<'_>) -> Option<&Revoked> {
        self.emergency.revoked.iter().find(|revoked| revoked.is(asker))
    }

    /// The same rules, with this beside them.
    fn with(&self, emergency: Emergency) -> Self {
        let new = Self::new(Arc::clone(&self.rules), emergency, self.frozen.clone());
        Self { signer: self.signer.clone(), texts: self.texts.clone(), ..new }
    }

    fn new(rules: Arc<Rules>, emergency: Emergency, frozen: Option<Arc<str>>) -> Self {
        let both = [*rules.digest.bytes(), *emergency.files.bytes()].concat();
        Self {
            rules,
            emergency: Arc::new(emergency),
            frozen,
            signer: None,
            digest: Digest::of(&both),
            texts: Texts::default(),
        }
    }
}

impl Texts {
    fn of_rules(files: &PolicyFiles) -> Arc<[(String, String)]> {
        let directories = files.directories.iter().map(|file| &file.source);
        files.rules.iter().chain(directories).map(named).collect()
    }

    /// Those that could be read.
    fn of_emergency(files: &PolicyFiles) -> Arc<[(String, String)]> {
        files.deny.iter().chain(&files.revoked).flatten().map(named).collect()
    }
}

fn named(source: &Source) -> (String, String) {
    (source.local.to_string(), source.text.to_string())
}

impl Rules {
    fn none() -> Self {
        Self {
            allow: Vec::new(),
            allow_index: Index::default(),
            screening: Screening::default(),
            monitor: Vec::new(),
            deny: Vec::new(),
            deny_index: Index::default(),
            protected: Protected::default(),
            shared: BTreeSet::new(),
            internationalised: BTreeSet::new(),
            tests: 0,
            places: Places::default(),
            epoch: None,
            digest: Digest::of(b""),
        }
    }
}
