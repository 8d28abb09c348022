//! What listeners serve: the guard at a gateway, and the exchange where sessions are issued.

use std::{future::Future, sync::Arc};

use super::freezes::Freezes;
use crate::{
    guard::Guard,
    server::Service,
    session::Exchange,
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

/// The exchange as a listener's service.
pub(super) struct Issuing {
    exchange: Arc<Exchange>,
    freezes: Arc<Freezes>,
}

impl Issuing {
    pub(super) fn new(exchange: Arc<Exchange>, freezes: Arc<Freezes>) -> Self {
        Self { exchange, freezes }
    }
}

impl Service for Issuing {
    fn admit(&self, head: &Head) -> Result<usize, Reply> {
        self.exchange.admit(head)
    }

    /// Whoever is told that changes are frozen, or are no more, finds it so at this guard.
    async fn call(self: Arc<Self>, request: WireRequest) -> Reply {
        let changes_freezes = Exchange::changes_freezes(&request.head);
        let reply = self.exchange.clone().handle(request).await;
        if changes_freezes && reply.status == 200 {
            self.freezes.changed().await;
        }
        reply
    }

    fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        self.exchange.malformed(malformed, origin);
    }

    fn unread(&self, origin: &Origin) {
        self.exchange.unread(origin);
    }
}
