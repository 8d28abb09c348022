//! The epoch of the policy, across replicas: whoever has one that is lower than the highest that was ever in force on any of
//! them changes nothing. A guard that is alone compares with what its own chain says, when it starts.

use std::sync::atomic::Ordering;

use crate::store::{Append, Check, Composed, Done, Op, Others, Step, Weight};

use super::{Ledger, Unwritten, queue::Purpose, submit::unexpected};

impl Ledger {
    /// A policy of this epoch is about to come into force here.
    ///
    /// # Errors
    /// [`Unwritten::Behind`] when one of a higher epoch was in force on another replica.
    pub async fn at_epoch(&self, epoch: Option<u64>) -> Result<(), Unwritten> {
        if self.inner.core.others == Others::AreGone {
            return Ok(());
        }
        let shared = &self.inner.shared;
        let epoch = epoch.map_or(0, |epoch| i64::try_from(epoch).unwrap_or(i64::MAX));
        let step = Step::Append(Append {
            weight: Weight::Ordinary,
            person: None,
            checks: vec![Check::NotBehind { epoch }],
            compose: Box::new(move |_| Ok(Composed { record: None, ops: vec![Op::Epoch { epoch }] })),
        });
        let done = self.submit(step, Purpose::Plain).await?;
        if !matches!(done, Done::Plain) {
            return Err(unexpected(done));
        }
        shared.epoch.store(epoch, Ordering::Relaxed);
        shared.highest.fetch_max(epoch, Ordering::Relaxed);
        Ok(())
    }

    /// What must hold for a change: the policy that it was decided by is not behind.
    pub(super) fn not_behind(&self) -> Option<Check> {
        let epoch = self.inner.shared.epoch.load(Ordering::Relaxed);
        (self.inner.core.others == Others::MayLive).then_some(Check::NotBehind { epoch })
    }

    /// The highest epoch on record, when the policy in force here is behind it.
    pub(super) fn behind(&self) -> Option<i64> {
        let highest = self.inner.shared.highest.load(Ordering::Relaxed);
        (self.inner.shared.epoch.load(Ordering::Relaxed) < highest).then_some(highest)
    }
}
