//! A store that was put back to an earlier day, taken by an operator: what others saw beyond it is given up, on record.

use crate::{
    secret::HashKey,
    store::{Done, Misfit},
};

use super::{
    Broken, Desk, HeadsLine, Known, LedgerFault, Operator,
    desk_chain::{CHAIN, Draft},
    heads,
    outcome::reference,
    parts,
    person::{DataKey, new_person},
    record::{Body, Inputs, Kind},
};

impl Desk {
    /// What is wrong with the store when it is not the one that was seen.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_as_seen(&self, known: &Known) -> Result<Option<Broken>, LedgerFault> {
        Ok(heads::unseen(&self.store.reader(), known).await?)
    }

    /// Records that this store is taken as it is, by whom and why, and gives the line that says so to those who keep heads:
    /// up to which records it is as it was seen, and where it ends now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn accept(
        &self,
        hash: &HashKey,
        known: &Known,
        reason: &str,
        who: &Operator,
    ) -> Result<HeadsLine, LedgerFault> {
        let reader = self.store.reader();
        let kept = known.agreed(&reader).await?;
        let itself = hash.hash("guard", CHAIN.as_bytes()).hex();
        let itself =
            new_person(&self.seal, itself).map_err(|why| LedgerFault::Kept(Misfit::seal("data key")(why)))?;
        let (seal, operator) = (self.seal.clone(), who.part());
        let named = kept.iter().map(parts::reference).collect();
        let inputs = Inputs { words: Some(reason.to_owned()), ..Inputs::default() };
        let draft = Draft {
            kind: Kind::Restore,
            person: Some(itself),
            checks: Vec::new(),
            make: Box::new(move |place| {
                let row = place.person.as_ref().ok_or(Misfit::Missing("data key"))?;
                let key = DataKey::open(&seal, row).map_err(Misfit::seal("data key"))?;
                let inputs = Some(key.seal(CHAIN, place.seq, &inputs)?);
                Ok((Body { inputs, kept: named, operator: Some(operator), ..Body::default() }, Vec::new()))
            }),
        };
        let Done::Written(head) = self.write(draft).await? else {
            return Err(LedgerFault::Kept(Misfit::Missing("the record of it")));
        };
        let heads = heads::references(&reader.heads().await?);
        let line = HeadsLine::of(self.clock.now().millis(), CHAIN, heads);
        Ok(line.accepting(reference(CHAIN, head), kept))
    }
}
