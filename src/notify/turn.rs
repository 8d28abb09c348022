//! Of the mails of a channel one at a time is between its content and the mark in the ledger that it was taken: a guard that is
//! killed repeats that one. What is urgent waits for one that is not, at most. A server that takes its time over one
//! holds up the next for a while only: people come before repeats.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::notice::Urgency;

/// The turns of one channel.
pub(super) struct Turns {
    one: Arc<Semaphore>,
    /// Where those wait that are not urgent: one of them waits with those that are.
    later: Arc<Semaphore>,
    patience: Duration,
}

/// Where a mail waits for its turn.
pub(super) struct Waiting {
    turns: Arc<Turns>,
    urgency: Urgency,
}

/// A turn, until it is dropped; none where nothing is waited for, or no longer.
#[derive(Default)]
pub(super) struct Turn {
    #[cfg_attr(not(test), expect(dead_code, reason = "it is held, and given back when it is dropped"))]
    held: Option<OwnedSemaphorePermit>,
}

/// A message that was taken.
pub(super) struct Taken {
    /// What was answered, without any address.
    pub(super) reply: String,
    /// Kept until the ledger has it.
    pub(super) turn: Turn,
}

impl Turns {
    /// All of them free; who waits goes on after `patience`.
    pub(super) fn new(patience: Duration) -> Arc<Self> {
        let one = || Arc::new(Semaphore::new(1));
        Arc::new(Self { one: one(), later: one(), patience })
    }

    /// Where a mail of this urgency waits.
    pub(super) fn waiting(self: &Arc<Self>, urgency: Urgency) -> Waiting {
        Waiting { turns: Arc::clone(self), urgency }
    }
}

impl Waiting {
    /// Waits, as long as the patience lasts.
    pub(super) async fn turn(&self) -> Turn {
        let held = timeout(self.turns.patience, self.held()).await;
        Turn { held: held.ok().flatten() }
    }

    async fn held(&self) -> Option<OwnedSemaphorePermit> {
        let Turns { one, later, .. } = &*self.turns;
        let _before = match self.urgency {
            Urgency::Now => None,
            Urgency::Later => Some(later.acquire().await.ok()?),
        };
        Arc::clone(one).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::{JoinHandle, yield_now};

    use super::*;

    fn waits(turns: &Arc<Turns>, urgency: Urgency) -> JoinHandle<Turn> {
        let waiting = turns.waiting(urgency);
        tokio::spawn(async move { waiting.turn().await })
    }

    /// Lets whoever can go on do so.
    async fn settle() {
        for _ in 0..10 {
            yield_now().await;
        }
    }

    #[tokio::test]
    async fn one_at_a_time_and_what_is_urgent_waits_for_one_that_is_not() {
        let turns = Turns::new(Duration::from_mins(1));
        let first = waits(&turns, Urgency::Later).await.unwrap();
        let [second, third] = [waits(&turns, Urgency::Later), waits(&turns, Urgency::Later)];
        settle().await;
        let urgent = waits(&turns, Urgency::Now);
        settle().await;
        assert!(![&second, &third, &urgent].iter().any(|one| one.is_finished()));
        drop(first);
        let second = second.await.unwrap();
        settle().await;
        assert!(!urgent.is_finished() && !third.is_finished());
        drop(second);
        let urgent = urgent.await.unwrap();
        settle().await;
        assert!(!third.is_finished());
        drop(urgent);
        third.await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let turns = Turns::new(Duration::from_millis(20));
        let _slow = waits(&turns, Urgency::Now).await.unwrap();
        let gone_on = waits(&turns, Urgency::Later).await.unwrap();
        assert!(gone_on.held.is_none());
    }
}
