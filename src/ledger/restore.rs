//! A store that was put back to an earlier day, taken by an operator: what others saw beyond it is given up, on record.

use crate::{
    secret::HashKey,
    store::{Done, Misfit},
};

use super::{
    Broken, Desk, HeadsLine, Known, LedgerFault, Operator,
    desk_chain::CHAIN,
    heads,
    outcome::reference,
    parts,
    record::{Body, Kind},
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
        let named = kept.iter().map(parts::reference).collect();
        let draft = self.reasoned(Kind::Restore, hash, (reason, who), |_, body| {
            (Body { kept: named, ..body }, Vec::new())
        })?;
        let Done::Written(head) = self.write(draft).await? else {
            return Err(LedgerFault::Kept(Misfit::Missing("the record of it")));
        };
        let heads = heads::references(&reader.heads().await?);
        let line = HeadsLine::of(self.clock.now().millis(), CHAIN, heads);
        Ok(line.accepting(reference(CHAIN, head), kept))
    }
}
