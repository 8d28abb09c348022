//! What is sealed in a record: the values of people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::notice::Event;

/// A value before and after.
pub(super) type FromTo = (Option<String>, Option<String>);

/// What is sealed: values of people, and texts of others that could hold such values.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Inputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<BTreeMap<String, String>>,
    /// A removal is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<String>,
    /// The security profiles that the user had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profiles: Option<Vec<String>>,
    /// The body of a sensitive operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// The target's ids, when one could be a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Vec<String>>,
    /// The caller's ARN, when its session could be an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
    /// A refusal in words; why sending failed; what a receiver answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<String>,
    /// What changed and was not asked for: before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) side_effects: Option<BTreeMap<String, FromTo>>,
    /// How the caller was proven, when that could hold an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
    /// The name that a session was asked for with, when it could be an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// The claims that a session carries.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) claims: BTreeMap<String, String>,
    /// The whole of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Event>,
}
