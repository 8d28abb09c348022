//! What comes out of the store, and parts of what goes in: plain rows.

use crate::secret::{Digest, Sealed};

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// The last record's number; 0 for an empty chain.
    pub(crate) seq: u64,
    /// SHA-256 of its bytes; zeros for an empty chain.
    pub(crate) hash: Digest,
}

/// One record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordRow {
    /// Its chain.
    pub(crate) chain: String,
    /// Its number.
    pub(crate) seq: i64,
    /// Its exact bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Which intent.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct IntentRef {
    /// Its record's chain.
    pub(crate) chain: String,
    /// Its record's number.
    pub(crate) seq: u64,
}

/// A person's row beside the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PersonRow {
    /// What the chain calls this person.
    pub(crate) token: String,
    /// The data key, sealed.
    pub(crate) key: Sealed,
}

/// Whose data a record holds, and the row to be made when there is none yet.
pub(crate) struct NewPerson {
    /// The keyed hash under which the row is found.
    pub(crate) person: String,
    /// The row to be made.
    pub(crate) row: PersonRow,
}

/// An address as the store knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct AddressRow {
    /// The keyed hash of the exact address.
    pub(crate) exact: String,
    /// The keyed hash of the address in lower case.
    pub(crate) folded: String,
    /// The keyed hash of its mailbox: without `+tag`, in lower case.
    pub(crate) mailbox: String,
    /// The instance it is used in.
    pub(crate) instance: String,
}

/// A freeze that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FreezeRow {
    /// Its id.
    pub(crate) id: String,
    /// The record that set it.
    pub(crate) record: IntentRef,
    /// What it is about.
    pub(crate) scope: String,
    /// By whom: the ARN without a session.
    pub(crate) account: String,
    /// Since when, milliseconds since 1970.
    pub(crate) at: i64,
    /// Why.
    pub(crate) reason: Sealed,
    /// The bytes of the record that set it.
    pub(crate) bytes: Vec<u8>,
}

/// A file of a version of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PolicyFileRow {
    /// Its name.
    pub(crate) name: String,
    /// SHA-256 of its text, hexadecimal.
    pub(crate) digest: String,
    /// Its text, where that is kept.
    pub(crate) text: Option<Sealed>,
}

/// A message: one delivery, or several that go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageRow {
    /// Their numbers, in order.
    pub(crate) ids: Vec<i64>,
    /// Attempts before this one.
    pub(crate) attempts: u32,
    /// When the first was written, milliseconds since 1970.
    pub(crate) first_at: i64,
    /// Their contents, in the same order.
    pub(crate) sealed: Vec<Sealed>,
}

/// What waits in one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueueRow {
    /// The channel's name.
    pub(crate) channel: String,
    /// 0 or 1.
    pub(crate) urgency: i64,
    /// Deliveries that wait.
    pub(crate) waiting: u64,
    /// When the oldest of them was written, milliseconds since 1970.
    pub(crate) oldest: Option<i64>,
    /// Deliveries that were given up.
    pub(crate) dead: u64,
}

/// An intent that was taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrphanRow {
    /// Which.
    pub(crate) intent: IntentRef,
    /// How far it came.
    pub(crate) state: State,
    /// Its record.
    pub(crate) bytes: Vec<u8>,
    /// The rows of people by token: the one its record names.
    pub(crate) people: Vec<PersonRow>,
    /// Its held notices.
    pub(crate) held: Vec<Sealed>,
    /// What is known of a closed one that is watched; none of an open one.
    pub(crate) watched: Option<WatchedRow>,
}

/// What is known of an intent that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WatchedRow {
    /// Since when.
    pub(crate) since: i64,
    /// Its outcome.
    pub(crate) outcome: RecordRow,
    /// What was answered, while that is remembered.
    pub(crate) answer: Option<Sealed>,
}

/// An intent that came after another one of the same target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaterRow {
    /// Its record.
    pub(crate) intent: RecordRow,
    /// The record that closed it.
    pub(crate) outcome: Option<Vec<u8>>,
    /// The row of the person it is about.
    pub(crate) person: Option<PersonRow>,
}

/// How far an intent came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// On record.
    Open,
    /// Sent, and nobody knows.
    Unknown,
    /// Its outcome is on record.
    Closed,
}

/// An attempt that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttemptRow {
    /// Its intent.
    pub(crate) intent: IntentRef,
    /// How far it came.
    pub(crate) state: State,
    /// Whether a later intent has the same target.
    pub(crate) later: bool,
    /// What was answered.
    pub(crate) answer: Option<AnswerRow>,
}

/// An answer that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnswerRow {
    /// The outcome's chain.
    pub(crate) chain: String,
    /// The outcome's number.
    pub(crate) seq: u64,
    /// The outcome's bytes.
    pub(crate) bytes: Vec<u8>,
    /// The answer.
    pub(crate) sealed: Sealed,
}
