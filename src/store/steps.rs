//! What the store does: atomic steps, what must hold before each, what is written with it, what became of it.

use crate::secret::{Digest, Sealed};

use super::rows::{AddressRow, Head, IntentRef, NewPerson, OrphanRow, OutboxRow, PersonRow};

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
}

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is in the way.
    Clear,
    /// Another change of the target is open, or is watched where that is in the way.
    Busy,
    /// A quota is used up.
    Quota {
        /// Which of the step's quotas, from 0.
        index: usize,
        /// When there is room, milliseconds from now.
        wait: i64,
    },
}

/// What is to be written in one place of the chain.
pub(crate) struct Composed {
    /// The record's exact bytes; none when the step needs no record.
    pub(crate) record: Option<Vec<u8>>,
    /// What goes with it.
    pub(crate) ops: Vec<Op>,
}

/// Makes the record for a place. An error fails its step only.
pub(crate) type Compose = Box<dyn FnOnce(&Place) -> Result<Composed, String> + Send>;

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

/// What must hold before a step is done.
pub(crate) enum Check {
    /// No intent is remembered under this attempt and one of these marks.
    Unrepeated {
        /// The attempt.
        attempt: String,
        /// Its marks.
        marks: Vec<String>,
        /// Intents closed before this are forgotten.
        since: i64,
    },
    /// No change of this target is open.
    Free {
        /// The target.
        target: String,
    },
    /// No later change of this target is known than this one: what was read before it may no longer hold.
    Latest {
        /// The target.
        target: String,
        /// The change, by its row.
        latest: u64,
    },
    /// None of these addresses was replaced as this target's since then: what shows them now is not older than the
    /// change that replaced them.
    NotReplaced {
        /// The target.
        target: String,
        /// The addresses, by the hash of their exact form.
        exact: Vec<String>,
        /// Since when, milliseconds since 1970.
        since: i64,
    },
    /// Fewer than so many intents were counted since then.
    Quota {
        /// The rule.
        rule: String,
        /// What it is counted for.
        subject: String,
        /// So many.
        changes: u32,
        /// The window, milliseconds.
        per: i64,
        /// The time.
        now: i64,
    },
    /// This intent is open, and this owner's.
    Holds {
        /// Which.
        intent: IntentRef,
        /// Whose.
        owner: String,
    },
    /// No change of this target is watched.
    Unwatched {
        /// The target.
        target: String,
    },
    /// This intent is watched, and by this owner.
    Watched {
        /// Which.
        intent: IntentRef,
        /// Whose.
        owner: String,
    },
    /// This delivery is not settled.
    Undelivered {
        /// Which.
        id: i64,
    },
}

/// What is written beside a record. "This record" is the one composed with it.
pub(crate) enum Op {
    /// This record is an intent.
    Intent {
        /// Its target.
        target: String,
        /// Whose it is.
        owner: String,
        /// Until when.
        lease_until: i64,
        /// When it was made.
        at: i64,
        /// Under which attempt and marks it is remembered.
        attempt: String,
        /// The marks.
        marks: Vec<String>,
        /// What it counts for: rule and subject.
        counts: Vec<(String, String)>,
        /// Its held notices.
        held: Vec<Sealed>,
    },
    /// Nobody knows what became of this intent; its lease is renewed.
    Unknown {
        /// Which.
        intent: IntentRef,
        /// Until when.
        lease_until: i64,
    },
    /// This record closes an intent.
    Close {
        /// Which.
        intent: IntentRef,
        /// When.
        at: i64,
        /// What is remembered: the answer, or nothing at all, so that the next attempt is new and uncounted.
        answer: Option<Sealed>,
    },
    /// An intent that was just closed is watched.
    Watch {
        /// Which.
        intent: IntentRef,
        /// By whom.
        owner: String,
        /// Until when.
        lease_until: i64,
        /// Since when.
        since: i64,
        /// Its held notices that may still be needed.
        held: Vec<Sealed>,
    },
    /// An intent is watched no more.
    Confirm {
        /// Which.
        intent: IntentRef,
    },
    /// A notice to be delivered.
    Deliver {
        /// Whom it is about.
        person: String,
        /// 0 before 1.
        urgency: i64,
        /// When.
        at: i64,
        /// Its content.
        sealed: Sealed,
    },
    /// These are a target's addresses now; those it had before and has no longer, it had.
    Addresses {
        /// Whose.
        target: String,
        /// All of them.
        rows: Vec<AddressRow>,
        /// When.
        at: i64,
    },
    /// These may be a target's addresses now, too.
    PerhapsAddresses {
        /// Whose.
        target: String,
        /// Which.
        rows: Vec<AddressRow>,
        /// When.
        at: i64,
    },
    /// A target was seen with these permissions.
    Permissions {
        /// Whose.
        target: String,
        /// The digest of the names.
        digest: String,
        /// The names, one a line.
        names: String,
        /// When.
        at: i64,
    },
    /// A delivery is settled.
    Settle {
        /// Which.
        id: i64,
        /// How.
        settled: Settled,
        /// When.
        at: i64,
    },
    /// Forgets a person: the data key, the addresses, the permissions, and notices already settled.
    Erase {
        /// The keyed hash of the person.
        person: String,
    },
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It reached the other side.
    Delivered,
    /// It was given up.
    Dead,
}

/// One atomic step; several share a transaction.
pub(crate) enum Step {
    /// Appends a record.
    Append(Append),
    /// Claims deliveries that are due.
    Claim {
        /// The time.
        now: i64,
        /// Until when they are claimed.
        until: i64,
        /// How many at most.
        most: u32,
    },
    /// A delivery is to be tried again.
    Retry {
        /// Which.
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
    /// Writes something, to see whether that is possible.
    Probe {
        /// The time.
        now: i64,
    },
    /// Deletes what is no longer remembered: answers and attempts of intents closed before this.
    Forget {
        /// Before when.
        before: i64,
    },
}

/// Whose intents may be taken over before their lease ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// Every other owner's: the lock on the store proves that they are gone.
    AreGone,
}

/// What became of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Done {
    /// It was done, and this is its record.
    Written(Head),
    /// It was done, and needed no record.
    Plain,
    /// Not done: this attempt has an intent.
    Repeated,
    /// Not done: another change is open. The refusal's record.
    Busy(Head),
    /// Not done: a quota is used up. The refusal's record.
    Quota {
        /// The record.
        record: Head,
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
    /// Not done: it is settled already, or watched no more.
    Already,
    /// Claimed deliveries.
    Claimed(Vec<OutboxRow>),
    /// Intents taken over.
    TakenOver(Vec<OrphanRow>),
    /// Not done: only the reserve of space is left.
    Reserve,
    /// Not done: it could not be composed.
    Failed(String),
}
