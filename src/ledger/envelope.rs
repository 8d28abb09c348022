//! What every version and kind of record has, as read from its bytes, and what ties records to others.

use serde::Deserialize;

use super::proof_parts::SegmentPart;

/// Where a record stands, as read from its bytes: what every version and kind has.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Envelope {
    pub(super) v: u32,
    pub(super) chain: String,
    pub(super) seq: u64,
    pub(super) prev: String,
    pub(super) kind: String,
    /// The intent that an outcome closes.
    #[serde(default)]
    pub(super) intent: Option<EnvelopeIntent>,
    /// The freeze that was set or lifted.
    #[serde(default)]
    pub(super) freeze: Option<EnvelopeFreeze>,
    /// Where every chain ended.
    #[serde(default)]
    pub(super) heads: Vec<EnvelopeIntent>,
    /// What is sealed.
    #[serde(default)]
    pub(super) inputs: Option<EnvelopeInputs>,
    /// Of an operator who took a store that was put back: up to where it is as it was seen.
    #[serde(default)]
    pub(super) kept: Vec<EnvelopeIntent>,
    /// The names of the keys that an erasure took away.
    #[serde(default)]
    pub(super) erased: Vec<String>,
    /// The records that were closed into a segment.
    #[serde(default)]
    pub(super) segment: Option<SegmentPart>,
}

/// Under whose key something is sealed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct EnvelopeInputs {
    pub(super) person: String,
}

/// The freeze that a record names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct EnvelopeFreeze {
    /// The record that set it, where it is lifted.
    #[serde(default)]
    pub(super) set: Option<EnvelopeIntent>,
}

/// The intent that a record names.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct EnvelopeIntent {
    pub(super) chain: String,
    pub(super) seq: u64,
    pub(super) hash: String,
}
