//! What people are told of the guard itself: policies, faults, alarms. Each event waits here until it is in the ledger
//! with its notices, however long the ledger cannot be written.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep, timeout_at},
};

use crate::{
    ledger::{Ledger, Unwritten},
    notice::{Event, Routing},
};

/// Events that wait at most; there are a few in a bad hour.
const WAITING: usize = 1_024;
/// Between two tries.
const AGAIN: Duration = Duration::from_secs(2);
/// How long what waits is tried to be written when the guard stops.
const AT_THE_END: Duration = Duration::from_secs(2);

/// Who is told what, as it is now.
pub(super) type Routes = Arc<ArcSwap<Routing>>;

/// Takes what is to be told. Cheap to clone.
#[derive(Clone)]
pub(super) struct Teller(mpsc::Sender<Told>);

/// Brings it into the ledger.
pub(super) struct Telling {
    waiting: mpsc::Receiver<Told>,
    ledger: Ledger,
    routes: Routes,
}

struct Told {
    event: Event,
    once: Option<String>,
}

/// Both ends.
pub(super) fn teller(ledger: Ledger, routes: Routes) -> (Teller, Telling) {
    let (tell, waiting) = mpsc::channel(WAITING);
    (Teller(tell), Telling { waiting, ledger, routes })
}

impl Teller {
    /// Tells people of an event.
    pub(super) fn tell(&self, event: Event) {
        self.send(Told { event, once: None });
    }

    /// Tells people of an event unless one with this key was told before, be it by an earlier process. Says whether there
    /// was room for it.
    pub(super) fn tell_once(&self, event: Event, key: String) -> bool {
        self.send(Told { event, once: Some(key) })
    }

    fn send(&self, told: Told) -> bool {
        let sent = self.0.try_send(told);
        if let Err(TrySendError::Full(told) | TrySendError::Closed(told)) = &sent {
            tracing::error!(kind = %told.event.kind(), "people cannot be told of an event: too much waits");
        }
        sent.is_ok()
    }
}

impl Telling {
    /// Works until `shutdown` resolves; then for a moment on what still waits.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let told = tokio::select! {
                biased;
                Some(told) = self.waiting.recv() => told,
                () = &mut shutdown => return,
            };
            tokio::select! {
                biased;
                () = self.told(&told) => continue,
                () = &mut shutdown => {}
            }
            return self.rest(told).await;
        }
    }

    /// Writes one, however often it has to be tried.
    async fn told(&self, told: &Told) {
        while let Err(unwritten) = self.say(told).await {
            tracing::error!(%unwritten, kind = %told.event.kind(), "an event cannot be recorded yet");
            sleep(AGAIN).await;
        }
    }

    async fn say(&self, told: &Told) -> Result<(), Unwritten> {
        self.ledger.say(&told.event, &self.routes.load_full(), told.once.as_deref()).await.map(|_| ())
    }

    async fn rest(mut self, first: Told) {
        let end = Instant::now() + AT_THE_END;
        let mut left = Some(first);
        while let Some(told) = left {
            if timeout_at(end, self.told(&told)).await.is_err() {
                tracing::error!(kind = %told.event.kind(), "nobody is told of an event: the guard stops");
            }
            left = self.waiting.try_recv().ok();
        }
    }
}
