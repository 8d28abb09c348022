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
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep_until},
};

use crate::{
    secret::Digest,
    store::{Append, Done, Head, IntentRef, Reader, Step, StoreError, Weight, Writer},
};

use super::{
    Unwritten,
    core::{Core, MEMORY},
    lease::AtWork,
    queue::{Gap, Note, Purpose, Request, Shared, Strangers},
    summary,
    verify::envelope,
};

/// Steps in one transaction at most, and as many notes again.
const BATCH: usize = 256;
/// How long notes are collected: nobody waits for them.
const COLLECT: Duration = Duration::from_millis(100);
/// How often summaries are written.
pub(super) const SUMMARY: i64 = 60_000;

/// The writer's task.
pub(super) struct Task {
    pub(super) core: Arc<Core>,
    pub(super) shared: Arc<Shared>,
    pub(super) at_work: AtWork,
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) head: Head,
    /// When summaries are written next.
    pub(super) summary_at: i64,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) notes: mpsc::Receiver<Note>,
}

/// Whether the store's state is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    Known,
    /// A transaction failed, or may have been committed.
    Unknown,
}

/// Whether the task goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    On,
    Ended,
}

/// An intent on record that nobody waits for, and its record's hash.
struct Abandoned(IntentRef, String);

/// What a step in a transaction is for.
enum Slot {
    Request(Purpose, tokio::sync::oneshot::Sender<Result<Done, Unwritten>>),
    Note(i64),
    Gap(Gap),
    Strangers(Strangers),
    Own,
}

impl Task {
    /// Works until the last request, or until nobody is left who could ask.
    pub(super) async fn run(mut self) {
        let mut notes: Vec<Note> = Vec::new();
        let mut flush: Option<Instant> = None;
        let mut abandoned: Vec<Abandoned> = Vec::new();
        let mut certainty = Certainty::Known;
        let every = Duration::from_millis((self.core.lease / 3).clamp(50, 10_000).unsigned_abs());
        let mut tick = interval(every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut going = Going::On;
        while going == Going::On {
            let mut requests = Vec::new();
            let mut own = Vec::new();
            let due = flush.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                request = self.requests.recv() => match request {
                    Some(request) => requests.push(request),
                    None => going = Going::Ended,
                },
                note = self.notes.recv(), if notes.len() < BATCH => {
                    if let Some(note) = note {
                        notes.push(note);
                        flush.get_or_insert_with(|| Instant::now() + COLLECT);
                        if notes.len() < BATCH {
                            continue;
                        }
                    } else if notes.is_empty() {
                        going = Going::Ended;
                    }
                }
                () = sleep_until(due.into()), if flush.is_some() => {}
                _ = tick.tick() => own = self.housekeeping(),
            }
            while requests.len() < BATCH
                && let Ok(request) = self.requests.try_recv()
            {
                requests.push(request);
            }
            if requests.iter().any(|request| request.purpose == Purpose::Last) {
                going = Going::Ended;
            }
            loop {
                while notes.len() < BATCH
                    && let Ok(note) = self.notes.try_recv()
                {
                    notes.push(note);
                }
                flush = None;
                let batch =
                    (std::mem::take(&mut requests), std::mem::take(&mut notes), std::mem::take(&mut own));
                certainty = self.write(batch, &mut abandoned, certainty).await;
                // At the end everything that waits is written first.
                if going == Going::On || self.notes.is_empty() || certainty == Certainty::Unknown {
                    break;
                }
            }
        }
        self.reader.close().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "the store did not close cleanly");
        }
    }

    /// A look at the files, renewals and, once a minute, summaries and forgetting.
    fn housekeeping(&mut self) -> Vec<(Slot, Step)> {
        let now = self.core.now();
        let mut own = Vec::new();
        // A file that went away shows even when nothing is to be written.
        if let Err(error) = self.writer.check() {
            tracing::error!(%error, "the ledger cannot be written");
            self.shared.unwritable.store(true, Ordering::Relaxed);
        }
        // A guard that is not ready gets no requests: it has to find out by itself that the store is back.
        if self.shared.unwritable.load(Ordering::Relaxed) {
            own.push((Slot::Own, Step::Probe { now }));
        }
        let intents = self.at_work.all();
        if !intents.is_empty() {
            let until = now.saturating_add(self.core.lease);
            own.push((Slot::Own, Step::Renew { owner: self.core.owner.clone(), until, intents }));
        }
        if now >= self.summary_at {
            self.summary_at = now.saturating_add(SUMMARY);
            own.push((Slot::Own, Step::Forget { before: now.saturating_sub(MEMORY) }));
            if let Some(strangers) = self.shared.take_strangers() {
                let step = summary::strangers(&self.core, now, &strangers);
                own.push((Slot::Strangers(strangers), step));
            }
        }
        own
    }

    async fn write(
        &mut self,
        (requests, notes, own): (Vec<Request>, Vec<Note>, Vec<(Slot, Step)>),
        abandoned: &mut Vec<Abandoned>,
        certainty: Certainty,
    ) -> Certainty {
        // Those who went away while waiting want nothing any more.
        let requests: Vec<Request> =
            requests.into_iter().filter(|request| !request.reply.is_closed()).collect();
        let gap = self.shared.take_gap();
        if requests.is_empty() && notes.is_empty() && own.is_empty() && gap.is_none() && abandoned.is_empty()
        {
            return certainty;
        }
        let now = self.core.now();
        let deadline = requests
            .iter()
            .map(|request| request.deadline)
            .max()
            .unwrap_or_else(|| Instant::now() + self.core.timeout);
        let mut slots = Vec::new();
        let mut steps = Vec::new();
        let mut put = |slot, step| {
            slots.push(slot);
            steps.push(step);
        };
        let settled = if certainty == Certainty::Unknown { self.settle(abandoned).await } else { Ok(()) };
        for Abandoned(intent, hash) in abandoned.iter() {
            put(Slot::Own, summary::abandoned(&self.core, now, intent, hash));
        }
        if let Some(gap) = gap {
            put(Slot::Gap(gap), summary::gap(&self.core, now, gap));
        }
        for (slot, step) in own {
            put(slot, step);
        }
        for request in requests {
            put(Slot::Request(request.purpose, request.reply), request.step);
        }
        for note in notes {
            let append =
                Append { weight: Weight::Ordinary, person: None, checks: Vec::new(), compose: note.compose };
            put(Slot::Note(note.at), Step::Append(append));
        }
        let chain = Arc::clone(&self.core.chain);
        let written = match settled {
            Ok(()) => self.writer.append(&chain, self.head, steps, deadline).await,
            Err(error) => Err(error),
        };
        match written {
            Ok((done, head)) => {
                self.head = head;
                self.shared.set_head(head);
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.unwritable.store(false, Ordering::Relaxed);
                abandoned.clear();
                self.tell(slots, done, abandoned);
                Certainty::Known
            }
            Err(error) => {
                self.shared.failures.fetch_add(1, Ordering::Relaxed);
                self.shared.unwritable.store(true, Ordering::Relaxed);
                tracing::error!(%error, "the ledger cannot be written");
                self.fail(slots, &error);
                Certainty::Unknown
            }
        }
    }

    /// Finds out what became of a transaction that failed, or may have.
    async fn settle(&mut self, abandoned: &mut Vec<Abandoned>) -> Result<(), StoreError> {
        self.writer.settle().await?;
        let chain = Arc::clone(&self.core.chain);
        let found = self.writer.head(&chain).await?;
        if found == self.head {
            return Ok(());
        }
        let moved = StoreError::Moved { expected: self.head.seq, found: found.seq };
        let more = found.seq.checked_sub(self.head.seq).and_then(|more| u32::try_from(more).ok());
        let Some(more @ 1..) = more else { return Err(moved) };
        let rows = self.reader.tail(&chain, more).await?;
        // What was written follows from the last known record, or it was not this writer who wrote it.
        let first = rows.first().and_then(envelope);
        if first.is_none_or(|first| first.prev != self.head.hash.hex()) {
            return Err(moved);
        }
        for intent in self.reader.open_after(&chain, self.head.seq).await? {
            let row = rows.iter().find(|row| row.seq.unsigned_abs() == intent.seq);
            let hash = row.map(|row| Digest::of(&row.bytes).hex()).unwrap_or_default();
            abandoned.push(Abandoned(intent, hash));
        }
        self.head = found;
        self.shared.set_head(found);
        Ok(())
    }

    /// Gives each its result.
    fn tell(&self, slots: Vec<Slot>, done: Vec<Done>, abandoned: &mut Vec<Abandoned>) {
        let mut notices = false;
        let mut outcomes = false;
        for (slot, done) in slots.into_iter().zip(done) {
            let written = matches!(done, Done::Written(_));
            match slot {
                Slot::Request(purpose, reply) => {
                    let intent = match &done {
                        Done::Written(head) if purpose == Purpose::Intent => {
                            let intent = IntentRef { chain: self.core.chain.to_string(), seq: head.seq };
                            Some(Abandoned(intent, head.hash.hex()))
                        }
                        Done::Written(_)
                        | Done::Plain
                        | Done::Repeated
                        | Done::Busy(_)
                        | Done::Quota { .. }
                        | Done::Closed { .. }
                        | Done::Lost
                        | Done::Already
                        | Done::Claimed(_)
                        | Done::TakenOver(_)
                        | Done::Reserve
                        | Done::Failed(_) => None,
                    };
                    notices |= matches!(purpose, Purpose::Outcome | Purpose::Notices);
                    outcomes |= purpose == Purpose::Outcome;
                    if reply.send(Ok(done)).is_err()
                        && let Some(intent) = intent
                    {
                        abandoned.push(intent);
                    }
                }
                Slot::Note(at) => {
                    if !written {
                        self.shared.missed(at);
                    }
                }
                Slot::Gap(gap) => {
                    if !written {
                        self.shared.put_back(gap);
                    }
                }
                Slot::Strangers(strangers) => {
                    if !written {
                        self.shared.strangers_back(strangers);
                    }
                }
                Slot::Own => {}
            }
        }
        if notices {
            self.shared.notices.notify_one();
        }
        // Of an abandoned intent too: its attempt is new again.
        if outcomes {
            self.shared.outcomes.notify_waiters();
        }
    }

    /// Tells all that nothing was written.
    fn fail(&self, slots: Vec<Slot>, error: &StoreError) {
        let unwritten = if matches!(error, StoreError::Late) {
            Unwritten::Timeout
        } else {
            Unwritten::Store(error.to_string())
        };
        for slot in slots {
            match slot {
                // A requester who went away needs to know nothing.
                Slot::Request(_, reply) => drop(reply.send(Err(unwritten.clone()))),
                Slot::Note(at) => self.shared.missed(at),
                Slot::Gap(gap) => self.shared.put_back(gap),
                Slot::Strangers(strangers) => self.shared.strangers_back(strangers),
                Slot::Own => {}
            }
        }
    }
}
