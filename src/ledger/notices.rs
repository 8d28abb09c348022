//! Notices on their way through the ledger: held with the intent, resolved with what was found, sealed in the outbox.
//!
//! What is sealed is JSON that says of which version it is: a later program opens what an earlier one wrote, or says that
//! it cannot.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    notice::{Delivery, Finding, Held, RecordRef, Urgency},
    secret::{Digest, Seal, Sealed},
    store::{Letter, Misfit, Op},
};

use super::{core::Core, person::DataKey, record::NoticesPart};

const HELD: &str = "held notice";
const DELIVERY: &str = "delivery";
/// The version of what is sealed: another one with every change of [`Held`] or [`Delivery`] that this program could not
/// read.
const VERSION: u32 = 1;

/// What is sealed, as it is written.
#[derive(Serialize)]
struct Wrapped<'a, T> {
    v: u32,
    content: &'a T,
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// What version 1 has.
#[derive(Deserialize)]
struct Unwrapped<T> {
    content: T,
}

/// Seals held notices.
pub(super) fn seal_held(seal: &Seal, held: &[Held]) -> Result<Vec<Sealed>, Misfit> {
    held.iter()
        .map(|held| {
            let plain = plain(HELD, held)?;
            seal.seal(HELD, &plain).map_err(Misfit::seal(HELD))
        })
        .collect()
}

/// Opens held notices: all or none, since a notice that cannot be read must not be forgotten.
pub(super) fn open_held(seal: &Seal, sealed: &[Sealed]) -> Result<Vec<Held>, Misfit> {
    sealed
        .iter()
        .map(|sealed| {
            let plain = seal.open(HELD, sealed).map_err(Misfit::seal(HELD))?;
            read(HELD, plain.expose())
        })
        .collect()
}

/// Opens a delivery.
pub(super) fn open_delivery(seal: &Seal, sealed: &Sealed) -> Result<Delivery, Misfit> {
    let plain = seal.open(DELIVERY, sealed).map_err(Misfit::seal(DELIVERY))?;
    read(DELIVERY, plain.expose())
}

fn plain<T: Serialize>(what: &'static str, content: &T) -> Result<Vec<u8>, Misfit> {
    serde_json::to_vec(&Wrapped { v: VERSION, content }).map_err(Misfit::form(what))
}

fn read<T: DeserializeOwned>(what: &'static str, plain: &[u8]) -> Result<T, Misfit> {
    let Version { v } = serde_json::from_slice(plain).map_err(Misfit::form(what))?;
    match v {
        1 => Ok(serde_json::from_slice::<Unwrapped<T>>(plain).map_err(Misfit::form(what))?.content),
        found => Err(Misfit::Version { what, found, known: VERSION }),
    }
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
            let plain = plain(DELIVERY, &delivery)?;
            Ok(Op::Deliver(Letter {
                person: person.into(),
                channel: delivery.channel.to_string(),
                urgency: urgency(delivery.urgency),
                fold: delivery.fold_key().map(|key| fold(core, &key, &delivery)),
                at,
                sealed: core.seal.seal(DELIVERY, &plain).map_err(Misfit::seal(DELIVERY))?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{notice::Kind, secret::Secret};

    const DELIVERIES: &str = include_str!("../../tests/data/ledger-golden/deliveries.v1.jsonl");
    const HELD_NOTICES: &str = include_str!("../../tests/data/ledger-golden/held-notices.v1.jsonl");

    /// Read, and written the same: whoever changes the form makes a new version, and reads this one all the same.
    fn golden<T: Serialize + DeserializeOwned>(what: &'static str, lines: &str) -> Vec<T> {
        let opened = lines.lines().map(|line| {
            let content = read(what, line.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}: {line}"));
            assert_eq!(String::from_utf8(plain(what, &content).unwrap()).unwrap(), line);
            content
        });
        opened.collect()
    }

    #[test]
    fn i13_what_version_1_sealed_is_opened() {
        let deliveries: Vec<Delivery> = golden(DELIVERY, DELIVERIES);
        assert_eq!(deliveries.iter().map(|delivery| delivery.kind).collect::<Vec<_>>(), Kind::ALL);
        let held: Vec<Held> = golden(HELD, HELD_NOTICES);
        assert!(held.iter().any(|held| held.also.is_some()));
        assert!(held.iter().any(|held| !held.kinds.is_empty()));
    }

    #[test]
    fn what_another_version_sealed_is_refused() {
        let seal = Seal::new(vec![("one".to_owned(), Secret::new(vec![7; 32]))]).unwrap();
        let line = DELIVERIES.lines().next().unwrap();
        let fault = |text: &str| {
            let sealed = seal.seal(DELIVERY, text.as_bytes()).unwrap();
            open_delivery(&seal, &sealed).err().map(|misfit| misfit.to_string())
        };
        assert_eq!(fault(line), None);
        let later = line.replacen("\"v\":1", "\"v\":2", 1);
        let said = "delivery: it is of version 2, and this program knows version 1";
        assert_eq!(fault(&later).as_deref(), Some(said));
        let none = line.replacen("\"v\":1,", "", 1);
        assert_eq!(fault(&none).as_deref(), Some("delivery: not of a known form"));
    }
}
