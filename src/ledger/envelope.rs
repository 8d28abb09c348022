//! What every version and kind of record has, as read from its bytes, and what ties records to others.

use std::borrow::Cow;

use serde::Deserialize;

use super::proof_parts::SegmentPart;

/// Where a record stands, as read from its bytes: what every version and kind has. Borrowed where it can be, since verifying
/// reads it from each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Envelope<'r> {
    pub(super) v: u32,
    #[serde(borrow)]
    pub(super) chain: Cow<'r, str>,
    pub(super) seq: u64,
    #[serde(borrow)]
    pub(super) prev: Cow<'r, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'r, str>,
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
    #[serde(borrow, default)]
    pub(super) inputs: Option<EnvelopeInputs<'r>>,
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
pub(super) struct EnvelopeInputs<'r> {
    #[serde(borrow)]
    pub(super) person: Cow<'r, str>,
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
