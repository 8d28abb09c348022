//! The one writer: collects what waits, writes it in one transaction, tells those who wait.
//!
//! Its work is never cut off in the middle: whoever waits goes away by himself when his time is over, and this task waits
//! for the store as long as that takes. So what became of a transaction is always known here:
//!
//! - A step whose requester is gone before it is written is not written.
//! - A transaction that lasts longer than all who wait for it is rolled back instead of committed.
//! - When the commit itself hangs and goes through after all, the intents in it whose requesters are gone are on record,
//!   and nothing was sent for them: they are closed as such (`abandoned`) in the next transaction, before anything else,
//!   so that a new attempt finds the way free.
//! - When a commit reports an error, the next thing asked of the same connection is where the chain ends. What is found
//!   there beyond the last known record went through after all: its intents are closed in the same way.
//! - An outcome that was written although its requester had given up is found when he tries again: the intent is closed,
//!   and its record is given.
//! - A chain that ends elsewhere than it was left, without this writer having written there, is not continued.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval, sleep_until},
};

use crate::store::{Head, IntentRef, Others, Reader, Writer};

use super::{
    core::Core,
    lease::AtWork,
    queue::{Note, Purpose, Request, Shared},
};

mod commit;
mod upkeep;

use commit::{Batch, Certainty};

/// Steps in one transaction at most, and as many notes again.
const BATCH: usize = 256;
/// As many on a server, which answers many times for each: the other replicas wait meanwhile.
const SHARED_BATCH: usize = 32;
/// Steps of deliveries in one transaction at most: whoever asks the guard for something waits for no more of them.
const DELIVERIES: usize = 16;
/// How long steps of deliveries are collected, so that many of them are one transaction; whatever else comes takes them along.
const GATHER: Duration = Duration::from_millis(5);
/// How long notes are collected: nobody waits for them.
const COLLECT: Duration = Duration::from_millis(100);

/// The writer's task.
pub(super) struct Task {
    core: Arc<Core>,
    shared: Arc<Shared>,
    at_work: AtWork,
    writer: Writer,
    reader: Reader,
    head: Head,
    requests: mpsc::Receiver<Request>,
    deliveries: mpsc::Receiver<Request>,
    notes: mpsc::Receiver<Note>,
    /// Intents on record that nobody waits for: closed before anything else is written.
    abandoned: Vec<Abandoned>,
    certainty: Certainty,
    /// When summaries are written next.
    summary_at: i64,
    /// When is pruned next.
    prune_at: i64,
    /// When the rest of what is forgotten goes on, where there is more than goes at once.
    rest: Option<Instant>,
    /// When the end of the chain is looked at next.
    check_at: i64,
    /// The look at the end of the chain that is under way.
    check: Option<JoinHandle<()>>,
}

/// An intent on record that nobody waits for, and its record's hash.
struct Abandoned(IntentRef, String);

/// Whether the task goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Ended,
}

/// What woke the task.
enum Woken {
    Request(Option<Request>),
    Delivery(Request),
    Note(Option<Note>),
    Flush,
    Rest,
    Tick,
}

impl Task {
    pub(super) fn new(
        core: Arc<Core>,
        shared: Arc<Shared>,
        at_work: AtWork,
        (writer, reader, head): (Writer, Reader, Head),
        (requests, deliveries, notes): (
            mpsc::Receiver<Request>,
            mpsc::Receiver<Request>,
            mpsc::Receiver<Note>,
        ),
    ) -> Self {
        let now = core.now();
        Self {
            core,
            shared,
            at_work,
            writer,
            reader,
            head,
            requests,
            deliveries,
            notes,
            abandoned: Vec::new(),
            certainty: Certainty::Known,
            summary_at: now.saturating_add(upkeep::SUMMARY),
            prune_at: now.saturating_add(upkeep::PRUNE),
            rest: None,
            check_at: now.saturating_add(upkeep::CHECK),
            check: None,
        }
    }

    /// Works until the last request, or until nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let every = Duration::from_millis((self.core.lease / 3).clamp(50, 10_000).unsigned_abs());
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut going = Going::On;
        while going == Going::On {
            let mut batch;
            (batch, going) = self.collect(&mut tick).await;
            loop {
                while going == Going::Ended
                    && let Ok(delivery) = self.deliveries.try_recv()
                {
                    batch.requests.push(delivery);
                }
                while batch.notes.len() < self.most()
                    && let Ok(note) = self.notes.try_recv()
                {
                    batch.notes.push(note);
                }
                self.write(std::mem::take(&mut batch)).await;
                // At the end everything that waits is written first.
                if going == Going::On || self.notes.is_empty() || self.certainty == Certainty::Unknown {
                    break;
                }
            }
        }
        self.reader.close().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }

    /// Waits until there is something to write, and takes all of it. Notes are collected for a moment.
    async fn collect(&mut self, tick: &mut Interval) -> (Batch, Going) {
        let mut flush: Option<Instant> = None;
        let mut batch = Batch::default();
        let mut going = Going::On;
        let mut ticked = false;
        let most = self.most();
        let mut deliveries = Vec::new();
        loop {
            // Whoever writes the next note need not wake this task.
            let room = (deliveries.len() < DELIVERIES, batch.notes.is_empty());
            match self.woken(tick, flush, room).await {
                Woken::Request(Some(request)) => batch.requests.push(request),
                Woken::Request(None) => going = Going::Ended,
                Woken::Delivery(delivery) => {
                    deliveries.push(delivery);
                    let until = Instant::now() + GATHER;
                    flush = Some(flush.map_or(until, |flush| flush.min(until)));
                    if deliveries.len() < DELIVERIES {
                        continue;
                    }
                }
                Woken::Note(Some(note)) => {
                    batch.notes.push(note);
                    flush.get_or_insert_with(|| Instant::now() + COLLECT);
                    if self.notes.len() < most {
                        continue;
                    }
                }
                Woken::Note(None) if batch.notes.is_empty() => going = Going::Ended,
                Woken::Note(None) | Woken::Flush => {}
                Woken::Rest => batch.own.push(self.forgotten()),
                Woken::Tick => ticked = true,
            }
            break;
        }
        while batch.requests.len() < most
            && let Ok(request) = self.requests.try_recv()
        {
            batch.requests.push(request);
        }
        // Behind what somebody waits for.
        while deliveries.len() < DELIVERIES
            && let Ok(delivery) = self.deliveries.try_recv()
        {
            deliveries.push(delivery);
        }
        batch.requests.append(&mut deliveries);
        if batch.requests.iter().any(|request| request.purpose == Purpose::Last) {
            going = Going::Ended;
        }
        if ticked {
            let own = self.upkeep(batch.requests.is_empty()).await;
            batch.own.extend(own);
        }
        if going == Going::Ended {
            batch.own.extend(self.summaries(self.core.now()));
        }
        (batch, going)
    }

    fn most(&self) -> usize {
        match self.core.others {
            Others::AreGone => BATCH,
            Others::MayLive => SHARED_BATCH,
        }
    }

    async fn woken(&mut self, tick: &mut Interval, flush: Option<Instant>, room: (bool, bool)) -> Woken {
        let (deliveries, notes) = room;
        let due = flush.unwrap_or_else(Instant::now);
        let rest = self.rest.unwrap_or_else(Instant::now);
        tokio::select! {
            biased;
            request = self.requests.recv() => Woken::Request(request),
            Some(delivery) = self.deliveries.recv(), if deliveries => Woken::Delivery(delivery),
            note = self.notes.recv(), if notes => Woken::Note(note),
            () = sleep_until(due.into()), if flush.is_some() => Woken::Flush,
            () = self.shared.crowded.notified(), if flush.is_some() => Woken::Flush,
            () = sleep_until(rest.into()), if self.rest.is_some() => Woken::Rest,
            _ = tick.tick() => Woken::Tick,
        }
    }
}
