//! How many requests may be under way at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places of one client.
pub(super) struct Places {
    most: usize,
    all: Arc<Semaphore>,
    /// Of all, those that answers may take which are handed on as they come.
    handed_on: Arc<Semaphore>,
}

/// A place, and one among those whose answers are handed on.
pub(super) type HandedOn = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        let semaphore = |most| Arc::new(Semaphore::new(most));
        Self { most, all: semaphore(most), handed_on: semaphore(most) }
    }

    /// Keeps a quarter of them for what is read whole.
    pub(super) fn keeping_room(self) -> Self {
        Self { handed_on: Arc::new(Semaphore::new((self.most - self.most / 4).max(1))), ..self }
    }

    /// A place for what is read whole; none where all are taken.
    pub(super) fn one(&self) -> Option<OwnedSemaphorePermit> {
        self.all.clone().try_acquire_owned().ok()
    }

    /// A place for what is handed on; none where all are taken that it may take.
    pub(super) fn handed_on(&self) -> Option<HandedOn> {
        Some((self.one()?, self.handed_on.clone().try_acquire_owned().ok()?))
    }

    /// How many are taken.
    pub(super) fn taken(&self) -> usize {
        self.most - self.all.available_permits()
    }
}
