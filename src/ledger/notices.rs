//! Notices on their way through the ledger: held with the intent, resolved with what was found, sealed in the outbox.

use crate::{
    notice::{Delivery, Finding, Held, RecordRef, Urgency},
    secret::{Digest, Seal, Sealed},
    store::{Letter, Misfit, Op},
};

use super::{core::Core, person::DataKey, record::NoticesPart};

const HELD: &str = "held notice";
const DELIVERY: &str = "delivery";

/// Seals held notices.
pub(super) fn seal_held(seal: &Seal, held: &[Held]) -> Result<Vec<Sealed>, Misfit> {
    held.iter()
        .map(|held| {
            let plain = serde_json::to_vec(held).map_err(Misfit::form("held notice"))?;
            seal.seal(HELD, &plain).map_err(Misfit::seal("held notice"))
        })
        .collect()
}

/// Opens held notices: all or none, since a notice that cannot be read must not be forgotten.
pub(super) fn open_held(seal: &Seal, sealed: &[Sealed]) -> Result<Vec<Held>, Misfit> {
    sealed
        .iter()
        .map(|sealed| {
            let plain = seal.open(HELD, sealed).map_err(Misfit::seal("held notice"))?;
            serde_json::from_slice(plain.expose()).map_err(Misfit::form("held notice"))
        })
        .collect()
}

/// Opens a delivery.
pub(super) fn open_delivery(seal: &Seal, sealed: &Sealed) -> Result<Delivery, Misfit> {
    let plain = seal.open(DELIVERY, sealed).map_err(Misfit::seal("delivery"))?;
    serde_json::from_slice(plain.expose()).map_err(Misfit::form("delivery"))
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
pub(super) fn deliver(core: &Core, person: &str, at: i64, all: Vec<Delivery>) -> Result<Vec<Op>, Misfit> {
    all.into_iter()
        .map(|delivery| {
            let plain = serde_json::to_vec(&delivery).map_err(Misfit::form("delivery"))?;
            Ok(Op::Deliver(Letter {
                person: person.into(),
                channel: delivery.channel.to_string(),
                urgency: urgency(delivery.urgency),
                fold: delivery.fold_key().map(|key| fold(core, &key, &delivery)),
                at,
                sealed: core.seal.seal(DELIVERY, &plain).map_err(Misfit::seal("delivery"))?,
            }))
        })
        .collect()
}

/// What may be folded with what, as the tables know it. Each part with its length: no two lists give one text.
fn fold(core: &Core, key: &str, delivery: &Delivery) -> String {
    let parts = [key, &delivery.channel.to_string(), &delivery.recipient];
    let text = parts.map(|part| format!("{}:{part}", part.len())).concat();
    core.hash.hash("fold", text.as_bytes()).hex()
}

/// An urgency as the tables know it.
pub(super) fn urgency(urgency: Urgency) -> i64 {
    match urgency {
        Urgency::Now => 0,
        Urgency::Later => 1,
    }
}

/// An urgency from a table.
pub(super) fn read_urgency(urgency: i64) -> Urgency {
    if urgency == 0 { Urgency::Now } else { Urgency::Later }
}
