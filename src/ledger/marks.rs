//! That the keys are those that the ledger was written with. Each leaves a mark that it alone makes, or opens, when it is
//! first used. A guard with another hash key would know no former address, no open change and nobody who is to be erased,
//! and one with another sealing key of the same id could neither send the notices that wait nor take changes over: it
//! does not start, and of several that share a ledger none differs from the others.

use std::fmt;

use serde::Deserialize;

use crate::{
    operation::Subject,
    secret::{HashKey, Seal, SealError, Sealed},
    store::{MarkRow, Op, Reader, StoreError, Writer},
};

use super::{
    Desk, LedgerFault, Operator, erase, parts,
    person::DataKey,
    record::{Kind, TargetPart},
};

/// The hash key.
const HASH: &str = "hash";
/// What the names of sealing keys begin with.
const SEAL: &str = "seal:";
/// What marks are made for: no other hash or sealed text is one.
const PURPOSE: &str = "mark";
/// Intents that are looked at for somebody whom a hash key knows.
const LOOKED_AT: u32 = 100;

/// Whom an intent is about.
#[derive(Deserialize)]
struct Intended {
    target: TargetPart,
}

/// A key that is another one than the ledger was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherKey {
    /// The hash key.
    Hash,
    /// The sealing key of this id.
    Seal(String),
}

/// Finds the keys that are others, and leaves the marks of those that have none yet when there are none.
pub(super) async fn settle(
    (writer, reader): (&mut Writer, &Reader),
    hash: &HashKey,
    seal: &Seal,
) -> Result<Vec<OtherKey>, LedgerFault> {
    let own = [of_hash(hash), of_seal(seal).map_err(LedgerFault::Randomness)?];
    let kept = writer.marks().await?;
    let mut found = others(&kept, hash, seal);
    let is_marked = |key: &str| kept.iter().any(|kept| kept.key == key);
    // A ledger from before there were marks knows its keys by what they made.
    if !is_marked(HASH) && !has_made(reader, hash).await? {
        found.push(OtherKey::Hash);
    }
    for id in seal.ids().filter(|id| !is_marked(&format!("{SEAL}{id}"))) {
        let row = reader.sealed_under(id).await?;
        if row.is_some_and(|row| DataKey::open(seal, &row).is_err()) {
            found.push(OtherKey::Seal(id.to_owned()));
        }
    }
    if !found.is_empty() || own.iter().all(|own| is_marked(&own.key)) {
        return Ok(found);
    }
    // Another replica may come first.
    Ok(others(&writer.keep_marks(&own).await?, hash, seal))
}

/// Whether users are known under this key by what they are known by; so they are where nobody was ever changed.
async fn has_made(reader: &Reader, hash: &HashKey) -> Result<bool, StoreError> {
    let made = reader.last_targets(LOOKED_AT).await?;
    let mut users = made.iter().filter_map(|(known, bytes)| {
        let part = serde_json::from_slice::<Intended>(bytes).ok()?.target;
        let target =
            parts::read_target(&part, None).filter(|target| matches!(target.subject, Subject::User(_)))?;
        Some(erase::name(hash, &target) == *known)
    });
    Ok(users.next().unwrap_or(true))
}

fn others(kept: &[MarkRow], hash: &HashKey, seal: &Seal) -> Vec<OtherKey> {
    kept.iter().filter_map(|kept| other(kept, hash, seal)).collect()
}

/// What is wrong with the keys, by a mark that one of this name left.
fn other(kept: &MarkRow, hash: &HashKey, seal: &Seal) -> Option<OtherKey> {
    if kept.key == HASH {
        return (of_hash(hash) != *kept).then_some(OtherKey::Hash);
    }
    let id = kept.key.strip_prefix(SEAL)?;
    let sealed = Sealed { key_id: id.to_owned(), bytes: kept.mark.clone() };
    match seal.open(PURPOSE, &sealed) {
        // One that is not here was taken away: what it sealed is not to be read any more.
        Ok(_) | Err(SealError::UnknownKey(_)) => None,
        Err(SealError::Forged | SealError::Key(_) | SealError::Randomness) => {
            Some(OtherKey::Seal(id.to_owned()))
        }
    }
}

fn of_hash(hash: &HashKey) -> MarkRow {
    MarkRow { key: HASH.into(), mark: hash.hash(PURPOSE, b"").bytes().to_vec() }
}

/// Of the one that seals: those that only open have one since they did.
fn of_seal(seal: &Seal) -> Result<MarkRow, SealError> {
    let Sealed { key_id, bytes } = seal.seal(PURPOSE, b"")?;
    Ok(MarkRow { key: format!("{SEAL}{key_id}"), mark: bytes })
}

impl fmt::Display for OtherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash => f.write_str(
                "the hash key is another one than the ledger was written with\n\
                 hint: put the one of then back; when it is lost, `audit accept-hash-key` says what that means",
            ),
            Self::Seal(id) => write!(
                f,
                "the sealing key `{id}` is another one than the ledger was written with\n\
                 hint: put the one of then back; give a new one an id of its own, above it"
            ),
        }
    }
}

impl Desk {
    /// Which keys are others than the ledger was written with.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn other_keys(&self, hash: &HashKey) -> Result<Vec<OtherKey>, LedgerFault> {
        Ok(others(&self.store.marks().await?, hash, &self.seal))
    }

    /// Whether a guard is at work on the ledger; one that crashed is, on a server, for ten minutes more.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_at_work(&self) -> Result<bool, LedgerFault> {
        Ok(self.store.is_at_work().await?)
    }

    /// Records that the hash key is this one from now on, by whom and why: the one before is lost. What was known under
    /// that stays unknown.
    ///
    /// # Errors
    /// When it cannot be written: the one before is the one that is known, then.
    pub async fn accept_hash_key(
        &self,
        hash: &HashKey,
        reason: &str,
        who: &Operator,
    ) -> Result<(), LedgerFault> {
        let mark = of_hash(hash);
        let draft =
            self.reasoned(Kind::Rekey, hash, (reason, who), |_, body| (body, vec![Op::Mark(mark)]))?;
        self.write(draft).await.map(|_| ())
    }
}
