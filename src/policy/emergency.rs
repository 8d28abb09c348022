//! What must work at once, whatever else is broken: `revoked.toml` and `deny.d`. Each file loads by itself; one that
//! cannot be read refuses all changes.

use std::sync::Arc;

use jiff::Timestamp;

use crate::{caller::Resource, secret::Digest};

use super::{Freeze, RuleRef, index::Index, question::Asker, rule::Deny};

/// The denies of `deny.d`, the revocations, and whether one of those files is broken.
#[derive(Debug, Clone)]
pub(super) struct Emergency {
    pub(super) deny: Vec<Deny>,
    pub(super) deny_index: Index,
    pub(super) revoked: Vec<Revoked>,
    /// Which files are broken, in words.
    pub(super) broken: Option<Arc<str>>,
    /// The freezes in force, in order.
    pub(super) freezes: Vec<Freeze>,
    /// Over the names and texts of the files alone.
    pub(super) files: Digest,
}

/// A `[[revoked]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revoked {
    /// `revoked` and its place.
    pub(super) rule: RuleRef,
    /// Why: the operator is told it.
    pub(super) reason: Arc<str>,
    /// Who.
    pub(super) who: Who,
}

/// Who is revoked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// A user, or a role with all its sessions.
    Principal(String),
    /// The unique id that AWS gave.
    UniqueId(String),
    /// An access key id issued by the guard.
    KeyId(String),
    /// A session, by its name in the ARN or by its access key id.
    Session(String),
    /// Every proof (a session) issued before, and every proof whose time of issue is not known. The last in order: what follows one is
    /// a later one.
    IssuedBefore(Timestamp),
}

impl Emergency {
    /// Nothing denied or revoked.
    pub(super) fn none() -> Self {
        Self {
            deny: Vec::new(),
            deny_index: Index::default(),
            revoked: Vec::new(),
            broken: None,
            freezes: Vec::new(),
            files: Digest::of(b""),
        }
    }
}

impl Emergency {
    /// Over the files and the freezes.
    pub(super) fn digest(&self) -> Digest {
        Freeze::digest(&self.freezes, self.files)
    }

    /// With these freezes and no other.
    pub(super) fn with_freezes(mut self, freezes: &[Freeze]) -> Self {
        self.freezes = Freeze::sorted(freezes);
        self
    }

    /// This, with the freezes that held before; and where a file is broken or cannot be read with everything that held before: what the file said is not known
    /// now, and nobody who was shut out gets in by its being broken.
    pub(super) fn holding(mut self, before: &Self) -> Self {
        let freezes = [self.freezes.as_slice(), before.freezes.as_slice()].concat();
        self = self.with_freezes(&freezes);
        if self.broken.is_none() {
            return self;
        }
        self.deny
            .extend(before.deny.iter().filter(|rule| !self.deny.contains(rule)).cloned().collect::<Vec<_>>());
        self.deny.sort_by(|one, other| one.rule.cmp(&other.rule));
        self.deny_index = Index::of_deny(&self.deny);
        let more: Vec<_> = before.revoked.iter().filter(|one| !self.revoked.contains(one)).cloned().collect();
        self.revoked.extend(more);
        self
    }
}

impl Revoked {
    /// Whether it is about this caller.
    pub(super) fn is(&self, asker: &Asker<'_>) -> bool {
        match &self.who {
            Who::Principal(arn) => *arn == asker.arn,
            Who::UniqueId(id) => asker.principal.unique_id.as_ref() == Some(id),
            Who::KeyId(id) => asker.key_id == Some(id),
            Who::Session(name) => {
                asker.key_id == Some(name)
                    || match &asker.principal.arn.resource {
                        Resource::Session { session, .. } => session == name,
                        Resource::User(_) | Resource::Role(_) => false,
                    }
            }
            Who::IssuedBefore(instant) => asker.issued.is_none_or(|issued| issued < *instant),
        }
    }
}
