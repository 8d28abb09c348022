//! What a gateway listener serves: the guard.

use std::{future::Future, sync::Arc};

use crate::{
    guard::Guard,
    server::Service,
    wire::{Head, Malformed, Origin, Reply, WireRequest},
};

/// The guard as a listener's service.
pub(super) struct Gateway {
    guard: Arc<Guard>,
}

impl Gateway {
    pub(super) fn new(guard: Arc<Guard>) -> Self {
        Self { guard }
    }
}

impl Service for Gateway {
    fn admit(&self, head: &Head) -> Result<usize, Reply> {
        self.guard.admit(head)
    }

    fn call(self: Arc<Self>, request: WireRequest) -> impl Future<Output = Reply> + Send {
        self.guard.clone().handle(request)
    }

    fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        self.guard.malformed(malformed, origin);
    }

    fn unread(&self, origin: &Origin) {
        self.guard.unread(origin);
    }
}
