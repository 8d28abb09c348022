//! Giving steps to the writer and waiting for what becomes of them; reading, for no longer than a write may last.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc::error::TrySendError, oneshot},
    time::timeout,
};

use crate::{
    notice::RecordRef,
    store::{Done, Head, Step, StoreError},
};

use super::{
    Ledger, Unwritten,
    core::Core,
    notices,
    outcome::reference,
    queue::{Note, Purpose, Request},
};

impl Ledger {
    /// Gives a step to the writer and waits for what becomes of it, for as long as a write may last.
    pub(super) async fn submit(&self, step: Step, purpose: Purpose) -> Result<Done, Unwritten> {
        let shared = &self.inner.shared;
        // What was begun is brought to its end; nothing is begun on a chain that does not hold.
        if purpose == Purpose::Intent && shared.is_broken() {
            return Err(Unwritten::Broken);
        }
        let limit = self.inner.core.timeout;
        let (reply, mut result) = oneshot::channel();
        let request = Request { step, purpose, deadline: Instant::now() + limit, reply };
        let queue = match purpose {
            Purpose::Delivery => &self.inner.deliveries,
            Purpose::Intent | Purpose::Outcome | Purpose::Notices | Purpose::Plain | Purpose::Last => {
                shared.asked.now();
                &self.inner.requests
            }
        };
        queue.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Unwritten::Overloaded,
            TrySendError::Closed(_) => Unwritten::Stopped,
        })?;
        match timeout(limit, &mut result).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Unwritten::Stopped),
            Err(_) => {
                // From here on the writer cannot give a result any more; what it gave just now is not lost.
                result.close();
                result.try_recv().unwrap_or_else(|_| {
                    shared.unwritable.store(true, Ordering::Relaxed);
                    shared.failed(self.inner.core.now(), Unwritten::Timeout.word());
                    Err(Unwritten::Timeout)
                })
            }
        }
    }

    /// Reads, for as long as a write may last.
    pub(super) async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unwritten> {
        within(self.inner.core.timeout, read).await
    }

    /// Gives a step to the writer that leaves a record.
    pub(super) async fn written(&self, step: Step, purpose: Purpose) -> Result<Head, Unwritten> {
        self.submit(step, purpose).await.and_then(head_of)
    }

    /// Gives a note to the writer; one that finds no place is counted in a gap.
    pub(super) fn queue(&self, note: Note) {
        let at = note.at;
        let notes = &self.inner.notes;
        if notes.try_send(note).is_err() {
            self.inner.shared.missed(at);
        }
        if notes.capacity() <= notes.max_capacity() / 2 {
            self.inner.shared.crowded.notify_one();
        }
    }
}

async fn within<T>(
    limit: Duration,
    read: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, Unwritten> {
    match timeout(limit, read).await {
        Ok(read) => read.map_err(Unwritten::from),
        Err(_) => Err(Unwritten::Timeout),
    }
}

/// The record that a step left.
pub(super) fn head_of(done: Done) -> Result<Head, Unwritten> {
    if let Done::Written(head) = done { Ok(head) } else { Err(unexpected(done)) }
}

/// The record that a step left, or the one that closed the intent before it.
pub(super) fn outcome_of(core: &Core, done: Done) -> Result<RecordRef, Unwritten> {
    if let Done::Closed { chain, seq, bytes } = &done {
        return Ok(notices::written(chain, *seq, bytes));
    }
    head_of(done).map(|head| reference(&core.chain, head))
}

/// A result that is none for this step.
pub(super) fn unexpected(done: Done) -> Unwritten {
    match done {
        Done::Failed(misfit) => misfit.into(),
        Done::Reserve => Unwritten::Reserve,
        Done::Lost => Unwritten::Lost,
        Done::Behind => Unwritten::Behind,
        Done::Written(_)
        | Done::Plain
        | Done::PrunedInPart
        | Done::Repeated
        | Done::Busy
        | Done::InUse
        | Done::Quota { .. }
        | Done::Closed { .. }
        | Done::Renewed(_)
        | Done::BySame
        | Done::Already
        | Done::Claimed(_)
        | Done::TakenOver(_) => Unwritten::Unexpected,
    }
}
