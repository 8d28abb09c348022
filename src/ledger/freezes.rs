//! Freezes: set, lifted, and which are in force. A freeze, its record and its notices are one transaction.

use std::{error::Error, fmt, sync::Arc};

use serde::Deserialize;

use crate::{
    caller::Caller,
    clock::Now,
    crash::{Point, point},
    notice::{Event, RecordRef, Routing, proven},
    policy::{Freeze, FreezeScope},
    secret::random,
    store::{Append, Check, Composed, Done, FreezeRow, Misfit, NewFreeze, Op, Place, Step, Verdict, Weight},
};

use super::{
    Ledger, Unwritten,
    core::Core,
    notices, parts,
    queue::Purpose,
    record::{Body, FreezePart, Inputs, Kind, RefPart, RefusalPart},
    submit::head_of,
};

/// What the reason of a freeze is sealed for.
const PURPOSE: &str = "freeze";
/// What every id begins with, and how many characters follow: five random bits each.
const PREFIX: &str = "FZ";
const CHARACTERS: usize = 12;
/// The refusal of whoever wants to lift a freeze of their own.
pub(super) const OWN: &str = "freeze-own";

/// Why a freeze is not lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotLifted {
    /// No freeze of this id is in force: it was lifted before, or never set.
    Unknown,
    /// Whoever asks is who set it. The attempt is on record.
    BySame,
    /// It could not be written: it holds on, or was lifted and that is on record. [`Ledger::freezes`] knows.
    Unwritten(Unwritten),
}

impl Ledger {
    /// Freezes changes: record, row and notices in one transaction. It may use the reserve of space.
    ///
    /// # Errors
    /// When it cannot be written. It may be in force all the same, and is on record then: ask [`Ledger::freezes`].
    pub async fn freeze(
        &self,
        scope: &FreezeScope,
        reason: &str,
        by: &Caller,
        routing: &Routing,
    ) -> Result<Freeze, Unwritten> {
        let core = &self.inner.core;
        let at = core.clock.now();
        let freeze = Freeze {
            id: id(random::<CHARACTERS>().map_err(Misfit::seal(PURPOSE))?),
            scope: scope.clone(),
            reason: reason.to_owned(),
            by: by.principal.account_key().to_string(),
            at: at.millis(),
        };
        let hand = Hand { by: by.clone(), reason: reason.to_owned(), routing: routing.clone(), at };
        point(Point::Freeze);
        self.written(set(core, freeze.clone(), hand)?, Purpose::Notices).await?;
        point(Point::Frozen);
        Ok(freeze)
    }

    /// Lifts a freeze: record, row and notices in one transaction. Whoever set it, by the account that is charged, does
    /// not lift it; the refusal of that has none of the reserve of space.
    ///
    /// # Errors
    /// See [`NotLifted`].
    pub async fn unfreeze(
        &self,
        id: &str,
        reason: &str,
        by: &Caller,
        routing: &Routing,
    ) -> Result<Freeze, NotLifted> {
        let core = &self.inner.core;
        let freeze = self.freeze_named(id).await?;
        let at = core.clock.now();
        let hand = Hand { by: by.clone(), reason: reason.to_owned(), routing: routing.clone(), at };
        let step = lift(core, &freeze, hand).map_err(|misfit| NotLifted::Unwritten(misfit.into()))?;
        point(Point::Lift);
        let done = self.submit(step, Purpose::Notices).await.map_err(NotLifted::Unwritten)?;
        point(Point::Lifted);
        if matches!(done, Done::Already) {
            return Err(NotLifted::Unknown);
        }
        if matches!(done, Done::BySame) {
            return Err(NotLifted::BySame);
        }
        head_of(done).map(|_| freeze).map_err(NotLifted::Unwritten)
    }

    /// The freeze of this id.
    ///
    /// # Errors
    /// [`NotLifted::Unknown`] when none is in force; [`NotLifted::Unwritten`] as for [`Ledger::freezes`].
    pub async fn freeze_named(&self, id: &str) -> Result<Freeze, NotLifted> {
        let known = self.freezes().await.map_err(NotLifted::Unwritten)?;
        known.into_iter().find(|freeze| freeze.id == id).ok_or(NotLifted::Unknown)
    }

    /// The freezes in force, in the order in which they were set. Cheap: meant to be asked every few seconds.
    ///
    /// # Errors
    /// When the store cannot be read, or what is there cannot be: then it is not known what is frozen.
    pub async fn freezes(&self) -> Result<Vec<Freeze>, Unwritten> {
        let core = &self.inner.core;
        let rows = self.read(self.inner.reader.freezes()).await?;
        rows.into_iter().map(|row| read(core, row).map_err(Unwritten::from)).collect()
    }
}

/// Whose hand it is, why, and who is told.
struct Hand {
    by: Caller,
    reason: String,
    routing: Routing,
    at: Now,
}

/// The step that sets a freeze.
fn set(core: &Arc<Core>, freeze: Freeze, hand: Hand) -> Result<Step, Misfit> {
    let person = core.new_person(core.itself())?;
    let reason = core.seal.seal(PURPOSE, freeze.reason.as_bytes()).map_err(Misfit::seal(PURPOSE))?;
    let row = NewFreeze {
        id: freeze.id.clone(),
        scope: freeze.scope.to_string(),
        account: freeze.by.clone(),
        at: freeze.at,
        reason,
    };
    let part = FreezePart { id: row.id.clone(), scope: row.scope.clone(), set: None, by: None };
    let event = Event::Frozen {
        scope: row.scope.clone(),
        by: hand.by.principal.arn.to_string(),
        reason: freeze.reason,
        id: row.id.clone(),
        proof: proven(&hand.by.proof),
        source: hand.by.origin.source.to_string(),
    };
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Vital,
        person: Some(person),
        checks: Vec::new(),
        compose: Box::new(move |place| {
            let mut composed = hand.composed(&core, place, Kind::Freeze, part, Some(&event))?;
            composed.ops.push(Op::Freeze(row));
            Ok(composed)
        }),
    }))
}

/// The step that lifts a freeze, or records that it may not be.
fn lift(core: &Arc<Core>, freeze: &Freeze, hand: Hand) -> Result<Step, Misfit> {
    let person = core.new_person(core.itself())?;
    let account = hand.by.principal.account_key().to_string();
    // Who set a freeze, and whom it is about, never changes: what the transaction finds is known here.
    let weight = if freeze.is_own(&account) { Weight::Ordinary } else { Weight::Vital };
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight,
        person: Some(person),
        checks: vec![Check::Frozen { id: freeze.id.clone(), account }],
        compose: Box::new(move |place| {
            let row = place.freeze.as_ref().ok_or(Misfit::Missing("freeze"))?;
            let set = notices::written(&row.record.chain, row.record.seq, &row.bytes);
            let set: RefPart = parts::reference(&set);
            let (id, scope) = (row.id.clone(), row.scope.clone());
            let part = FreezePart { id, scope, set: Some(set), by: Some(row.account.clone()) };
            if place.verdict == Verdict::BySame {
                return hand.composed(&core, place, Kind::Refusal, part, None);
            }
            let event = Event::Unfrozen {
                scope: row.scope.clone(),
                by: hand.by.principal.arn.to_string(),
                reason: hand.reason.clone(),
                id: row.id.clone(),
                proof: proven(&hand.by.proof),
                source: hand.by.origin.source.to_string(),
                frozen_by: row.account.clone(),
            };
            let lift = Op::Lift { id: row.id.clone() };
            let mut composed = hand.composed(&core, place, Kind::Unfreeze, part, Some(&event))?;
            composed.ops.push(lift);
            Ok(composed)
        }),
    }))
}

impl Hand {
    /// The record, and the notices of an event.
    fn composed(
        &self,
        core: &Core,
        place: &Place,
        kind: Kind,
        part: FreezePart,
        event: Option<&Event>,
    ) -> Result<Composed, Misfit> {
        let key = core.data_key(place)?;
        let at = self.at.millis();
        let told = |record: &RecordRef| {
            event.map(|event| event.deliveries(&self.routing, record, self.at)).unwrap_or_default()
        };
        let first = told(&notices::unwritten(&core.chain, place.seq));
        let inputs = Inputs { words: Some(self.reason.clone()), ..parts::of_caller(&self.by) };
        let refusal = (kind == Kind::Refusal).then(|| RefusalPart {
            code: OWN.into(),
            rule: None,
            place: None,
            fields: Vec::new(),
        });
        let body = Body {
            request: Some(parts::request(&self.by)),
            caller: Some(parts::caller(&self.by)),
            refusal,
            inputs: Some(key.seal(&core.chain, place.seq, &inputs)?),
            notices: notices::part(&key, first.iter().map(|delivery| delivery.recipient.as_str())),
            freeze: Some(part),
            ..Body::default()
        };
        let record = core.record(place, at, kind, body)?;
        let all = told(&notices::written(&core.chain, place.seq, &record));
        let ops = notices::deliver(core, &core.itself(), at, all)?;
        Ok(Composed { record: Some(record), ops })
    }
}

/// What the record of a freeze says of it.
#[derive(Deserialize)]
struct Recorded {
    kind: String,
    caller: RecordedCaller,
    freeze: FreezePart,
}

#[derive(Deserialize)]
struct RecordedCaller {
    principal: String,
}

/// Whether a row is of the freeze that its record sets: the chain shows when a record is changed, and nothing a row.
fn is_recorded(row: &FreezeRow) -> bool {
    serde_json::from_slice::<Recorded>(&row.bytes).is_ok_and(|record| {
        record.kind == Kind::Freeze.as_str()
            && record.freeze.id == row.id
            && record.freeze.scope == row.scope
            && parts::account(&record.caller.principal).is_some_and(|by| by == row.account)
    })
}

/// A freeze from its row.
fn read(core: &Core, row: FreezeRow) -> Result<Freeze, Misfit> {
    if !is_recorded(&row) {
        return Err(Misfit::Missing("a freeze as its record sets it"));
    }
    let reason = core.seal.open(PURPOSE, &row.reason).map_err(Misfit::seal(PURPOSE))?;
    Ok(Freeze {
        id: row.id,
        scope: row.scope.parse().map_err(|_| Misfit::Missing("the scope of a freeze"))?,
        reason: reason.expose_str().ok_or(Misfit::Missing("the reason of a freeze"))?.to_owned(),
        by: row.account,
        at: row.at,
    })
}

/// An id of random bytes: what people type to lift it.
fn id(random: [u8; CHARACTERS]) -> String {
    let character =
        |byte: u8| char::from(if byte & 31 < 26 { b'A' + (byte & 31) } else { b'2' + (byte & 31) - 26 });
    PREFIX.chars().chain(random.into_iter().map(character)).collect()
}

impl fmt::Display for NotLifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("no freeze of this id is in force"),
            Self::BySame => f.write_str("who set a freeze, or whom it is about, does not lift it"),
            Self::Unwritten(unwritten) => unwritten.fmt(f),
        }
    }
}

impl Error for NotLifted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unwritten(unwritten) => unwritten.source(),
            Self::Unknown | Self::BySame => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_id_is_of_the_letters_of_base32_each_as_likely_as_another() {
        let mut letters = BTreeSet::new();
        for byte in 0..=255 {
            let id = id([byte; CHARACTERS]);
            let own = id.strip_prefix(PREFIX).unwrap();
            assert!(
                own.len() == CHARACTERS && own.bytes().all(|one| matches!(one, b'A'..=b'Z' | b'2'..=b'7')),
                "{id}"
            );
            letters.insert((byte % 32, own.to_owned()));
        }
        assert_eq!(letters.len(), 32);
    }
}
