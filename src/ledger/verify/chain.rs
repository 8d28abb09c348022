//! One chain, read from its first record to its last.

use super::{
    Flaw, Seen, Witness,
    claims::{Claims, digest, is_written},
};
use crate::{ledger::envelope::Envelope, secret::Digest, store::RecordRow};

/// What was read of a chain so far.
#[derive(Default)]
pub(super) struct Chain {
    /// The first record that is here, where those before are closed into segments.
    pub(super) begins: u64,
    pub(super) seq: u64,
    pub(super) hash: Option<Digest>,
    pub(super) fault: Option<(u64, Flaw)>,
    /// The last record that is as somebody saw it.
    agreed: u64,
    /// So many heads that were seen are there.
    pub(super) confirmed: u64,
    /// The last record and the one before it do not fit: which was changed, the next one shows.
    doubt: Doubt,
}

/// Whether the record that was changed is still to be found out.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    #[default]
    None,
    /// The last record, or the one before it.
    Last,
}

/// Why a record does not follow.
enum Fault {
    /// This record is at fault.
    At(u64, Flaw),
    /// It names another hash than that of the record before it.
    Unlinked,
}

impl Chain {
    /// From its middle on: after this record.
    pub(super) fn after(seq: u64, hash: Digest) -> Self {
        Self { begins: seq + 1, seq, hash: Some(hash), ..Self::default() }
    }

    /// The next record. Finds the first fault.
    pub(super) fn next(
        &mut self,
        row: &RecordRow,
        hash: Digest,
        envelope: Option<&Envelope<'_>>,
        claims: &Claims,
    ) {
        if self.seq == 0 && self.begins == 0 {
            self.begin(row, envelope, claims);
        }
        let seq = row.seq.unsigned_abs();
        match (std::mem::take(&mut self.doubt), &self.fault) {
            // The last record fits neither before nor after: it was changed, and not the one before it.
            (Doubt::Last, Some(_)) if envelope.is_some_and(|next| !self.is_named_by(next)) => {
                self.fault = Some((self.seq, Flaw::Changed));
            }
            // What was missed comes later.
            (_, Some((missed, Flaw::Missing))) if *missed == seq => {
                self.fault = Some((seq, Flaw::OutOfOrder(self.seq)));
            }
            (_, Some(_)) => {}
            (_, None) => match self.follows(row, envelope) {
                Ok(()) => {}
                Err(Fault::At(seq, flaw)) => self.fault = Some((seq, flaw)),
                Err(Fault::Unlinked) => {
                    self.fault = Some((self.seq.max(1), Flaw::Changed));
                    self.doubt = if self.seq == 0 { Doubt::None } else { Doubt::Last };
                }
            },
        }
        self.seen(row, hash, claims);
        self.seq = seq;
        self.hash = Some(hash);
    }

    /// A chain whose beginning is closed into segments begins behind one, or in it while it is being taken away.
    fn begin(&mut self, row: &RecordRow, envelope: Option<&Envelope<'_>>, claims: &Claims) {
        let (seq, Some(envelope)) = (row.seq.unsigned_abs(), envelope) else { return };
        let Some(closed) = claims.closed(&row.chain, seq).filter(|_| seq > 1) else { return };
        let before = if seq - 1 == closed.last { &closed.hash } else { &*envelope.prev };
        self.begins = seq;
        self.seq = seq - 1;
        self.hash = digest(before);
    }

    /// Whether it is the record that somebody saw here.
    fn seen(&mut self, row: &RecordRow, hash: Digest, claims: &Claims) {
        let seq = row.seq.unsigned_abs();
        let Some(claim) = claims.of(&row.chain, seq) else { return };
        if claim.hash == hash {
            self.confirmed += 1;
            // Whoever rewrote this chain could rewrite the others as well.
            if self.fault.is_none() && !matches!(claim.by, Witness::Record(..)) {
                self.agreed = seq;
            }
            return;
        }
        // Of two that do not fit, this is the one that was changed.
        if self.fault.is_none() || self.doubt == Doubt::Last {
            self.doubt = Doubt::None;
            self.fault = Some((seq, Flaw::Replaced(Seen { seq, by: claim.by.clone() }, self.agreed)));
        }
    }

    /// Whether this one names the last record as the one before it.
    fn is_named_by(&self, next: &Envelope<'_>) -> bool {
        self.hash.is_some_and(|hash| is_written(&next.prev, hash))
    }

    /// Whether a record follows from what came before it.
    fn follows(&self, row: &RecordRow, envelope: Option<&Envelope<'_>>) -> Result<(), Fault> {
        let seq = row.seq.unsigned_abs();
        let next = self.seq + 1;
        let Some(envelope) = envelope else { return Err(Fault::At(seq, Flaw::NotARecord)) };
        if *envelope.chain != *row.chain || Some(envelope.seq) != u64::try_from(row.seq).ok() {
            return Err(Fault::At(seq, Flaw::Misplaced(envelope.chain.clone().into_owned(), envelope.seq)));
        }
        if seq < next {
            return Err(Fault::At(seq, Flaw::Twice));
        }
        if seq > next {
            return Err(Fault::At(next, Flaw::Missing));
        }
        let prev = self.hash.unwrap_or_else(|| Digest::from_bytes([0; 32]));
        if is_written(&envelope.prev, prev) {
            Ok(())
        } else if self.seq > 0 && self.agreed == self.seq {
            // The one before it is as it was seen.
            Err(Fault::At(seq, Flaw::Changed))
        } else {
            Err(Fault::Unlinked)
        }
    }
}
