//! What operators do to a ledger is on record as well: on a chain of their own, since each guard alone continues its own.
//! Each of its records says where all chains end, so that none of them can be cut off behind it.

use crate::{
    notice::shown,
    secret::{HashKey, random},
    store::{Append, Check, Composed, Done, Misfit, NewPerson, Op, Place, Weight},
};

use super::{
    Desk, LedgerFault, Operator, heads, parts,
    person::{DataKey, new_person},
    proof_parts::{OperatorPart, RevealPart},
    record::{self, Body, Inputs, Kind, Stand, instant},
};

/// The chain of operators. No replica can have this name, and no guard continues it.
pub(super) const CHAIN: &str = "~desk";

/// What a record says, and what is written beside it.
type Make = Box<dyn FnOnce(&Place) -> Result<(Body, Vec<Op>), Misfit> + Send>;

/// A record to be written.
pub(super) struct Draft {
    pub(super) kind: Kind,
    pub(super) person: Option<NewPerson>,
    pub(super) checks: Vec<Check>,
    pub(super) make: Make,
}

impl Desk {
    /// Writes a record: on disk when this returns.
    pub(super) async fn write(&self, draft: Draft) -> Result<Done, LedgerFault> {
        let owner = hex::encode(random::<12>().map_err(LedgerFault::Randomness)?);
        let at = instant(self.clock.now().millis());
        let Draft { kind, person, mut checks, make } = draft;
        checks.insert(0, Check::Heads);
        let compose = move |place: &Place| {
            let (body, ops) = make(place)?;
            let heads = heads::references(&place.heads).iter().map(parts::reference).collect();
            let guard = env!("CARGO_PKG_VERSION");
            let stand = Stand { chain: CHAIN, seq: place.seq, prev: place.prev, at, guard, owner: &owner };
            Ok(Composed { record: Some(record::bytes(stand, kind, Body { heads, ..body })?), ops })
        };
        let append = Append { weight: Weight::Vital, person, checks, compose: Box::new(compose) };
        match self.store.step(CHAIN, append).await? {
            Done::Failed(misfit) => Err(LedgerFault::Kept(misfit)),
            done @ (Done::Written(_)
            | Done::Plain
            | Done::Repeated
            | Done::Busy
            | Done::InUse
            | Done::BySame
            | Done::Quota { .. }
            | Done::Closed { .. }
            | Done::Lost
            | Done::Already
            | Done::Behind
            | Done::Renewed(_)
            | Done::Claimed(_)
            | Done::PrunedInPart
            | Done::TakenOver(_)
            | Done::Reserve) => Ok(done),
        }
    }

    /// A record that says why, sealed as what the guard says of itself is: no part of what anybody is known by.
    pub(super) fn reasoned(
        &self,
        kind: Kind,
        hash: &HashKey,
        (reason, who): (&str, &Operator),
        rest: impl FnOnce(&Place, Body) -> (Body, Vec<Op>) + Send + 'static,
    ) -> Result<Draft, LedgerFault> {
        let itself = hash.hash("guard", CHAIN.as_bytes()).hex();
        let itself =
            new_person(&self.seal, itself).map_err(|why| LedgerFault::Kept(Misfit::seal("data key")(why)))?;
        let (seal, operator) = (self.seal.clone(), who.part());
        let inputs = Inputs { words: Some(reason.to_owned()), ..Inputs::default() };
        let make: Make = Box::new(move |place| {
            let row = place.person.as_ref().ok_or(Misfit::Missing("data key"))?;
            let key = DataKey::open(&seal, row).map_err(Misfit::seal("data key"))?;
            let inputs = Some(key.seal(CHAIN, place.seq, &inputs)?);
            Ok(rest(place, Body { inputs, operator: Some(operator), ..Body::default() }))
        });
        Ok(Draft { kind, person: Some(itself), checks: Vec::new(), make })
    }

    /// Records who looks at what: records, as `chain/seq`.
    pub(super) async fn looked(
        &self,
        records: Vec<String>,
        asked: &str,
        who: &Operator,
    ) -> Result<(), LedgerFault> {
        let OperatorPart { uid, user, login_uid, login, host } = who.part();
        let reveal = RevealPart {
            uid,
            user,
            login_uid,
            login,
            host,
            filter: Some(shown(asked)).filter(|asked| !asked.is_empty()),
            count: Some(records.len()),
            records,
        };
        let body = Body { reveal: Some(reveal), ..Body::default() };
        let make: Make = Box::new(move |_| Ok((body, Vec::new())));
        self.write(Draft { kind: Kind::Reveal, person: None, checks: Vec::new(), make }).await.map(|_| ())
    }
}

impl Operator {
    /// As a record says it.
    pub(super) fn part(&self) -> OperatorPart {
        OperatorPart {
            uid: self.uid,
            user: self.user.clone(),
            login_uid: self.login_uid,
            login: self.login.clone(),
            host: self.host.clone(),
        }
    }
}
