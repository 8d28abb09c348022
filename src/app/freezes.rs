//! Freezes while the guard serves: what the ledger has of them holds within seconds, whichever guard took the word, and
//! again after every start. The guard that took the word itself goes by it before it answers.
//!
//! While they cannot be read, those that are known hold on. No change is made meanwhile either: it would have to be
//! written where they are read.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use tokio::{
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::{
    guard::Guard,
    ledger::{Ledger, Unwritten},
};

/// How often the ledger is asked: effective everywhere within 5 s.
const EVERY: Duration = Duration::from_secs(2);
/// A ledger that takes longer to say is asked again.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps a guard's freezes as the ledger has them.
pub(super) struct Freezes {
    guard: Arc<Guard>,
    ledger: Ledger,
    /// One look at a time: what was read first is put into force first.
    looking: Mutex<()>,
}

impl Freezes {
    /// Puts those on record into force.
    ///
    /// # Errors
    /// As [`Self::look`].
    pub(super) async fn as_recorded(guard: &Arc<Guard>, ledger: &Ledger) -> Result<Arc<Self>, Unwritten> {
        let freezes = Self { guard: guard.clone(), ledger: ledger.clone(), looking: Mutex::default() };
        freezes.look().await?;
        Ok(Arc::new(freezes))
    }

    /// Puts those of now into force.
    ///
    /// # Errors
    /// When the ledger cannot be read: those that are known hold on.
    pub(super) async fn look(&self) -> Result<(), Unwritten> {
        let _turn = self.looking.lock().await;
        let freezes = self.ledger.freezes().await?;
        let count = freezes.len();
        if self.guard.freeze(freezes) {
            tracing::warn!(in_force = count, "freezes came into force or were lifted");
        }
        Ok(())
    }

    /// Puts those of now into force, as somebody has just changed them here. When that fails the next look does it.
    pub(super) async fn changed(&self) {
        if !matches!(timeout(PATIENCE, self.look()).await, Ok(Ok(()))) {
            tracing::error!("a freeze that was set or lifted here is not in force here yet");
        }
    }

    /// Looks until `shutdown` resolves.
    pub(super) async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut known = true;
        loop {
            let looked = tokio::select! {
                () = &mut shutdown => return,
                looked = timeout(PATIENCE, self.look()) => matches!(looked, Ok(Ok(()))),
            };
            if known && !looked {
                tracing::error!("which freezes are in force cannot be read: those that are known hold on");
            }
            known = looked;
            tokio::select! {
                () = &mut shutdown => return,
                () = sleep(EVERY) => {}
            }
        }
    }
}
