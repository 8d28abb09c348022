//! The record format, final from the first one: chained data cannot be changed later.
//!
//! A record is one JSON object on one line. Its exact bytes are stored, and the hash of a record is SHA-256 over them;
//! they contain the hash of the record before. Members stand in the order of [`Record`]; what a kind does not need is
//! absent. Kinds and members may be added; what is there keeps its name and meaning. No address, no name and no secret
//! stands in a record in clear: they are in `inputs`, sealed with the data key of the person it is about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{secret::Digest, store::Misfit};

pub(super) use super::{
    envelope::Envelope,
    inputs::{FromTo, Inputs},
    kind::Kind,
    proof_parts::{OperatorPart, RevealPart, SegmentPart},
};

/// The version of the format.
pub(super) const VERSION: u32 = 1;

/// A record before it has its place.
#[derive(Serialize)]
struct Record<'a> {
    v: u32,
    chain: &'a str,
    seq: u64,
    prev: String,
    at: String,
    kind: Kind,
    guard: &'a str,
    owner: &'a str,
    #[serde(flatten)]
    body: Body,
}

/// What a record says, besides its place.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Body {
    /// Until when the owner holds an intent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<RequestPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caller: Option<CallerPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<TargetPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) class: Option<String>,
    /// The digest of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) basis: Option<BasisPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refusal: Option<RefusalPart>,
    /// The intent that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) intent: Option<RefPart>,
    /// What became of sending: `accepted`, `refused`, `not-sent`, `unknown`, `recovered`, `abandoned`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connect: Option<ConnectPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effect: Option<String>,
    /// Whether a change shows: `not-yet` in an outcome, that is watched then (accepted, or taken for not applied); `shown`, `not-shown`, `not-read` or
    /// `superseded` in a confirmation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shows: Option<String>,
    /// Fields that changed and were not asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) side_effects: Vec<String>,
    /// The idempotency key: a keyed hash under the person's data key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<String>,
    /// The names of the keys that an erasure took away.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) erased: Vec<String>,
    /// The rules whose quotas it counts for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) quotas: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) inputs: Option<SealedPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notices: Option<NoticesPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delivery: Option<DeliveryPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gap: Option<GapPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) strangers: Option<StrangersPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<EventPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) freeze: Option<FreezePart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reveal: Option<RevealPart>,
    /// Where every chain ended before this record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) heads: Vec<RefPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) segment: Option<SegmentPart>,
    /// Of a store that was put back and taken: the last record of each chain that is as others saw it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<RefPart>,
    /// Who erased, or took a store that was put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operator: Option<OperatorPart>,
}

/// Which request.
#[derive(Serialize, Deserialize)]
pub(super) struct RequestPart {
    pub(super) id: String,
    pub(super) source: String,
}

/// Who asked.
#[derive(Serialize, Deserialize)]
pub(super) struct CallerPart {
    /// The ARN. The name of a session is `~` when it could be an address; the whole is in `inputs` then.
    pub(super) principal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unique_id: Option<String>,
    pub(super) proof: String,
}

/// Of what.
#[derive(Serialize, Deserialize)]
pub(super) struct TargetPart {
    pub(super) site: String,
    pub(super) partition: String,
    pub(super) account: String,
    pub(super) region: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance: Option<String>,
    pub(super) kind: String,
    /// Ids. What could be a name is `~` and stands in `inputs`.
    pub(super) id: Vec<String>,
}

/// On which ground.
#[derive(Serialize, Deserialize)]
pub(super) struct BasisPart {
    pub(super) grounds: Vec<GroundPart>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) protected: Option<String>,
    /// The tickets that the request carried; `~` where one could be an address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) ticket: Option<String>,
    /// The `[[monitor]]` that lets it through, where no rule allows it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) monitor: Option<RulePart>,
}

/// A rule.
#[derive(Serialize, Deserialize)]
pub(super) struct RulePart {
    pub(super) rule: String,
    pub(super) place: String,
}

/// One ground.
#[derive(Serialize, Deserialize)]
pub(super) struct GroundPart {
    /// `operation`, or the field.
    pub(super) of: String,
    pub(super) rule: String,
    pub(super) place: String,
}

/// Why not.
#[derive(Serialize, Deserialize)]
pub(super) struct RefusalPart {
    pub(super) code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) fields: Vec<String>,
}

/// Another record.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RefPart {
    pub(super) chain: String,
    pub(super) seq: u64,
    pub(super) hash: String,
}

/// What Connect answered.
#[derive(Serialize, Deserialize)]
pub(super) struct ConnectPart {
    pub(super) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request_id: Option<String>,
}

/// What is sealed.
#[derive(Serialize, Deserialize)]
pub(super) struct SealedPart {
    /// What the row beside the chain calls the person whose data key seals it.
    pub(super) person: String,
    /// Nonce, ciphertext and tag (AES-256-GCM), base64; bound to the record's chain and number.
    pub(super) sealed: String,
}

/// Who is told.
#[derive(Serialize, Deserialize)]
pub(super) struct NoticesPart {
    pub(super) count: usize,
    /// Keyed hashes of the recipients under the person's data key.
    pub(super) recipients: Vec<String>,
}

/// How a delivery ended.
#[derive(Serialize, Deserialize)]
pub(super) struct DeliveryPart {
    /// The record that the notice rests on.
    pub(super) record: RefPart,
    pub(super) channel: String,
    pub(super) audience: String,
    pub(super) notice: String,
    /// `delivered` or `dead`; `acknowledged` for one that was handed over before the change it announces was sent.
    pub(super) result: String,
    pub(super) attempts: u32,
    /// How many came folded in this message; absent for one alone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) together: Option<usize>,
}

/// Something about the guard itself: words, digests, places, times and numbers; what people wrote is in `inputs`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct EventPart {
    /// What its notices say.
    pub(super) event: String,
    /// The record that says that the policy is in force which it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) record: Option<RefPart>,
    /// The digest of the policy before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<String>,
    /// The chain that does not hold, and the record in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ends: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changes_refused: Option<bool>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) counts: BTreeMap<String, u64>,
}

/// A session that was issued. What it was issued on is the proof of `caller`.
#[derive(Serialize, Deserialize)]
pub(super) struct SessionPart {
    /// Its access key id.
    pub(super) id: String,
    pub(super) issued: String,
    pub(super) expires: String,
    /// The name that was asked for, which nobody verified; `~` when it could be an address, and in `inputs` then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// The names of the claims it carries; their values are in `inputs`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) claims: Vec<String>,
}

/// A freeze that was set or lifted. Why is in `inputs`.
#[derive(Serialize, Deserialize)]
pub(super) struct FreezePart {
    pub(super) id: String,
    /// `all`, `instance:ID`, `caller:ARN`.
    pub(super) scope: String,
    /// Of one that is lifted: the record that set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) set: Option<RefPart>,
    /// Of one that is lifted: who set it, without a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<String>,
}

/// What was not recorded singly.
#[derive(Serialize, Deserialize)]
pub(super) struct GapPart {
    pub(super) count: u64,
    pub(super) from: String,
    pub(super) to: String,
}

/// Unauthenticated requests.
#[derive(Serialize, Deserialize)]
pub(super) struct StrangersPart {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) sources: Vec<SourcePart>,
    /// From more sources than are kept.
    pub(super) others: u64,
}

/// Unauthenticated requests from one source.
#[derive(Serialize, Deserialize)]
pub(super) struct SourcePart {
    pub(super) prefix: String,
    pub(super) code: String,
    pub(super) count: u64,
}

/// Where and when a record is written, and by whom.
pub(super) struct Stand<'a> {
    pub(super) chain: &'a str,
    pub(super) seq: u64,
    pub(super) prev: Digest,
    pub(super) at: String,
    /// The guard's version.
    pub(super) guard: &'a str,
    /// The process, by a random name.
    pub(super) owner: &'a str,
}

/// The exact bytes of a record.
pub(super) fn bytes(stand: Stand<'_>, kind: Kind, body: Body) -> Result<Vec<u8>, Misfit> {
    let record = Record {
        v: VERSION,
        chain: stand.chain,
        seq: stand.seq,
        prev: stand.prev.hex(),
        at: stand.at,
        kind,
        guard: stand.guard,
        owner: stand.owner,
        body,
    };
    serde_json::to_vec(&record).map_err(Misfit::form("record"))
}

/// An instant as records write it: RFC 3339, UTC, milliseconds.
pub(super) fn instant(millis: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{at:.3}")
}
