//! Notices on their way through the ledger: held with the intent, resolved with what was found, sealed in the outbox.

use crate::{
    notice::{Delivery, Finding, Held, RecordRef, Urgency},
    secret::{Digest, Seal, Sealed},
    store::Op,
};

use super::{core::Core, person::DataKey, record::NoticesPart};

const HELD: &str = "held notice";
const DELIVERY: &str = "delivery";

/// Seals held notices.
pub(super) fn seal_held(seal: &Seal, held: &[Held]) -> Result<Vec<Sealed>, String> {
    held.iter()
        .map(|held| {
            let plain = serde_json::to_vec(held).map_err(|error| format!("held notice: {error}"))?;
            seal.seal(HELD, &plain).map_err(|error| format!("held notice: {error}"))
        })
        .collect()
}

/// Opens held notices: all or none, since a notice that cannot be read must not be forgotten.
pub(super) fn open_held(seal: &Seal, sealed: &[Sealed]) -> Result<Vec<Held>, String> {
    sealed
        .iter()
        .map(|sealed| {
            let plain = seal.open(HELD, sealed).map_err(|error| format!("held notice: {error}"))?;
            serde_json::from_slice(plain.expose()).map_err(|error| format!("held notice: {error}"))
        })
        .collect()
}

/// Opens a delivery.
pub(super) fn open_delivery(seal: &Seal, sealed: &Sealed) -> Result<Delivery, String> {
    let plain = seal.open(DELIVERY, sealed).map_err(|error| format!("delivery: {error}"))?;
    serde_json::from_slice(plain.expose()).map_err(|error| format!("delivery: {error}"))
}

/// What a record says of those who are told.
pub(super) fn part<'a>(key: &DataKey, recipients: impl Iterator<Item = &'a str>) -> Option<NoticesPart> {
    let recipients: Vec<String> = recipients.map(|recipient| key.hash("recipient", recipient)).collect();
    (!recipients.is_empty()).then_some(NoticesPart { count: recipients.len(), recipients })
}

/// The messages for what was found.
pub(super) fn resolve(held: &[Held], finding: &Finding, record: &RecordRef) -> Vec<Delivery> {
    held.iter().filter_map(|held| held.resolve(finding, record)).collect()
}

/// A record that is not written yet: to learn who will be told, before its hash is known.
pub(super) fn unwritten(chain: &str, seq: u64) -> RecordRef {
    RecordRef { chain: chain.into(), seq, hash: String::new() }
}

/// A record that is composed: its bytes are known.
pub(super) fn written(chain: &str, seq: u64, bytes: &[u8]) -> RecordRef {
    RecordRef { chain: chain.into(), seq, hash: Digest::of(bytes).hex() }
}

/// Puts deliveries into the outbox.
pub(super) fn deliver(core: &Core, person: &str, at: i64, all: Vec<Delivery>) -> Result<Vec<Op>, String> {
    all.into_iter()
        .map(|delivery| {
            let urgency = match delivery.urgency {
                Urgency::Now => 0,
                Urgency::Later => 1,
            };
            let plain = serde_json::to_vec(&delivery).map_err(|error| format!("delivery: {error}"))?;
            let sealed = core.seal.seal(DELIVERY, &plain).map_err(|error| format!("delivery: {error}"))?;
            Ok(Op::Deliver { person: person.into(), urgency, at, sealed })
        })
        .collect()
}
