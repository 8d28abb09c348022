//! Which open changes are at work in this process. Their leases are renewed; one that is dropped without an outcome is
//! renewed no more, and is taken over when its lease has run out.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::store::IntentRef;

/// The open changes at work.
#[derive(Clone, Default)]
pub(super) struct AtWork(Arc<Mutex<HashSet<IntentRef>>>);

/// One open change at work, as long as it is not dropped.
pub(super) struct Lease {
    at_work: AtWork,
    intent: IntentRef,
}

impl AtWork {
    /// From now on at work.
    pub(super) fn begin(&self, intent: IntentRef) -> Lease {
        self.set().insert(intent.clone());
        Lease { at_work: self.clone(), intent }
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<IntentRef> {
        self.set().iter().cloned().collect()
    }

    fn set(&self) -> MutexGuard<'_, HashSet<IntentRef>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Which.
    pub(super) fn intent(&self) -> &IntentRef {
        &self.intent
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.at_work.set().remove(&self.intent);
    }
}
