//! What was found to have become of a change: at once, and by later reads.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Now,
    operation::{Effect, UserId},
};

use super::ChangedField;

/// What was found to have become of a change.
#[derive(Clone)]
pub struct Finding {
    /// The effect.
    pub effect: Effect,
    /// What changed that was not asked for (before, after).
    pub side_effects: Vec<ChangedField>,
    /// Whether people were told before that it may have been changed.
    pub told_unknown: bool,
    /// Whether a read shows it. A change that Connect accepted and no read shows yet is watched, and so is one that no
    /// read showed for so long that it passes for not done.
    pub shows: Shows,
    /// The user that later looks showed: of a creation without an answer the one that has its Username now. None where
    /// there was no later look, or none showed anybody.
    pub user: Option<UserId>,
    /// When.
    pub at: Now,
}

/// Whether a read shows what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// It does, or no read can.
    Already,
    /// What was there before still shows, or it could not be read: Connect may show or do it later.
    NotYet,
}

/// What later reads showed of a change that did not show before.
#[derive(Clone)]
pub struct Confirmation {
    /// For what it passed until then.
    pub passed_for: PassedFor,
    /// Whether it came to show.
    pub later: Later,
    /// What changed that was not asked for (before, after), and nobody was told of yet.
    pub side_effects: Vec<ChangedField>,
    /// When.
    pub at: Now,
}

/// For what a change passed that did not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassedFor {
    /// Done: Connect accepted it.
    Done,
    /// Not done: no answer came, and for minutes no read showed it.
    NotDone {
        /// Whether people were told so.
        told: bool,
    },
}

/// Whether a change came to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// It did.
    Shown,
    /// It did not: what was there before still shows.
    NotShown,
    /// It could not be read.
    NotRead,
    /// It did not before another change of the same target was made: what differs from then on is that one's.
    Superseded,
}

/// What became of it, as a notice says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Became {
    /// Connect said yes.
    Done,
    /// No answer, but a later read shows it.
    SeenDone,
    /// Connect said no.
    NotDone,
    /// No answer, and later reads show it was not done.
    SeenNotDone,
    /// Nobody knows yet.
    Unknown,
    /// Nobody will know.
    Undetermined,
    /// Connect said yes, and later reads show what was there before.
    NotShown,
    /// Connect said yes, and it could not be read whether it was done.
    NotRead,
    /// The guard refused it; nothing was sent.
    Refused,
    /// It is about to be sent.
    NotSent,
}

impl Became {
    pub(super) fn of(effect: Effect) -> Self {
        match effect {
            Effect::Applied => Self::Done,
            Effect::InferredApplied => Self::SeenDone,
            Effect::NotApplied => Self::NotDone,
            Effect::InferredNotApplied => Self::SeenNotDone,
            Effect::Unknown => Self::Unknown,
            Effect::Undetermined => Self::Undetermined,
        }
    }
}
