//! What the store does: atomic steps, and what became of each.

use crate::secret::Digest;

use super::{
    Misfit,
    check::{Check, Verdict},
    op::Op,
    rows::{FreezeRow, Head, IntentRef, MessageRow, NewPerson, OrphanRow, PersonRow, State},
};

/// Where the next record goes.
pub(crate) struct Place {
    /// Its number.
    pub(crate) seq: u64,
    /// The hash of the record before it.
    pub(crate) prev: Digest,
    /// The person's row, when the step names one.
    pub(crate) person: Option<PersonRow>,
    /// What the checks found.
    pub(crate) verdict: Verdict,
    /// How far the intent came that the step names by [`Check::Holds`].
    pub(crate) intent: Option<State>,
    /// The freeze that the step names by [`Check::Frozen`].
    pub(crate) freeze: Option<FreezeRow>,
    /// Where every chain ends, when the step asks by [`Check::Heads`].
    pub(crate) heads: Vec<(String, Head)>,
}

/// What is to be written in one place of the chain.
pub(crate) struct Composed {
    /// The record's exact bytes; none when the step needs no record.
    pub(crate) record: Option<Vec<u8>>,
    /// What goes with it.
    pub(crate) ops: Vec<Op>,
}

/// Makes the record for a place. An error fails its step only.
pub(crate) type Compose = Box<dyn FnOnce(&Place) -> Result<Composed, Misfit> + Send>;

/// Whether a step may use the reserve of space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Outcomes, notices: all of it.
    Vital,
    /// Intents: but for its last quarter, which what follows from them may need.
    Intent,
    /// Everything else: none of it.
    Ordinary,
}

/// A step that appends a record.
pub(crate) struct Append {
    /// Whether it may use the reserve.
    pub(crate) weight: Weight,
    /// Whose data it holds.
    pub(crate) person: Option<NewPerson>,
    /// What must hold, in this order.
    pub(crate) checks: Vec<Check>,
    /// Makes the record.
    pub(crate) compose: Compose,
}

/// One atomic step; several share a transaction.
pub(crate) enum Step {
    /// Appends a record.
    Append(Append),
    /// Claims deliveries of one queue that are due.
    Claim {
        /// The channel's name.
        channel: String,
        /// The urgency.
        urgency: i64,
        /// The time.
        now: i64,
        /// Until when they are claimed.
        until: i64,
        /// How many messages at most.
        most: u32,
    },
    /// A delivery is to be tried again, with those that went in the same message.
    Retry {
        /// One of them.
        id: i64,
        /// When.
        at: i64,
    },
    /// Takes over open intents, and watched ones.
    TakeOver {
        /// For whom.
        owner: String,
        /// The time.
        now: i64,
        /// Until when.
        until: i64,
        /// Whose, besides those whose lease ran out.
        others: Others,
        /// Not these: they are at work.
        except: Vec<IntentRef>,
    },
    /// Renews leases.
    Renew {
        /// Whose.
        owner: String,
        /// Until when.
        until: i64,
        /// Which.
        intents: Vec<IntentRef>,
    },
    /// Sessions were used.
    Used {
        /// Which, and when last.
        uses: Vec<(String, i64)>,
    },
    /// Writes something, to see whether that is possible.
    Probe {
        /// The time.
        now: i64,
    },
    /// Deletes what is no longer remembered, so many rows of each table at most.
    Prune(Bounds),
}

/// Before when something is forgotten, milliseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Answers and attempts of intents closed before this.
    pub(crate) answers: i64,
    /// Deliveries settled before this.
    pub(crate) deliveries: i64,
    /// What was counted for quotas before this.
    pub(crate) counts: i64,
    /// Nonces that ended before this.
    pub(crate) nonces: i64,
    /// Sessions that ended before this.
    pub(crate) sessions: i64,
    /// What was said once before this.
    pub(crate) said: i64,
    /// Windows of messages folded into one that ended before this.
    pub(crate) folds: i64,
    /// Changes and freezes that were over before this.
    pub(crate) records: i64,
    /// Rows of each table at most.
    pub(crate) most: u32,
}

/// Whose intents may be taken over before their lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Every other owner's: the lock on the store proves that they are gone.
    AreGone,
    /// Nobody's: they may be at work.
    MayLive,
}

/// What became of a step.
#[derive(Debug)]
pub(crate) enum Done {
    /// It was done, and this is its record.
    Written(Head),
    /// It was done, and needed no record.
    Plain,
    /// Not done: this attempt has an intent.
    Repeated,
    /// Not done: another change is open. The refusal is on record.
    Busy,
    /// Not done: an address is another target's. The refusal is on record.
    InUse,
    /// Not done: who set a freeze, or whom it is about, does not lift it. The refusal is on record.
    BySame,
    /// Not done: a quota is used up. The refusal is on record.
    Quota {
        /// Which quota.
        index: usize,
        /// When there is room, milliseconds from now.
        wait: i64,
    },
    /// Not done: the intent is closed, by this record.
    Closed {
        /// The outcome's chain.
        chain: String,
        /// The outcome's number.
        seq: u64,
        /// The outcome's bytes.
        bytes: Vec<u8>,
    },
    /// Not done: the intent is another owner's now, or there is none.
    Lost,
    /// Not done: it is settled, said, spent or lifted already, or watched no more.
    Already,
    /// Not done: a policy of a higher epoch was in force.
    Behind,
    /// The leases of these were renewed; the others are not this owner's.
    Renewed(Vec<IntentRef>),
    /// Claimed deliveries.
    Claimed(Vec<MessageRow>),
    /// It was done; there may be more to prune.
    PrunedInPart,
    /// Intents taken over.
    TakenOver(Vec<OrphanRow>),
    /// Not done: only the reserve of space is left.
    Reserve,
    /// Not done: it could not be composed.
    Failed(Misfit),
}
