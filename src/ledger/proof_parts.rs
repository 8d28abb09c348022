//! Parts of records by which a ledger is proven: who looked or erased, and what was closed into a segment.

use serde::{Deserialize, Serialize};

/// What was shown, and to whom.
#[derive(Serialize, Deserialize)]
pub(super) struct RevealPart {
    /// The user of the operating system, by number.
    pub(super) uid: u32,
    /// Its name there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<String>,
    /// The number of whoever logged in, where the system keeps that through a change of user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login_uid: Option<u32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login: Option<String>,
    /// The machine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) host: Option<String>,
    /// What was looked for, as it was asked; `~` for what could be an address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) filter: Option<String>,
    /// How many records that are.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) count: Option<usize>,
    /// The records, as `chain/seq`.
    pub(super) records: Vec<String>,
}

/// Whoever ran a command, as the operating system knows them.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OperatorPart {
    /// The user, by number.
    pub(super) uid: u32,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) user: Option<String>,
    /// Whoever logged in, where the system keeps that through a change of user.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) login_uid: Option<u32>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) login: Option<String>,
    /// The machine.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) host: Option<String>,
}

/// Records that were closed into a file of their own, and are no longer in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SegmentPart {
    /// Their chain.
    pub(super) chain: String,
    /// The first of them.
    pub(super) first: u64,
    /// The last of them.
    pub(super) last: u64,
    /// The hash of the last of them: the next one names it.
    pub(super) hash: String,
    /// The file's name.
    pub(super) file: String,
    /// SHA-256 of the file, hexadecimal.
    pub(super) digest: String,
}
