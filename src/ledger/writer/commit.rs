//! One transaction: what goes into it, what became of it, who is told.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use tokio::sync::oneshot;

use super::{Abandoned, Task};
use crate::{
    crash::{Point, point},
    ledger::{
        Broken, Unwritten,
        queue::{Gap, Note, Purpose, Request, Strangers},
        summary,
        verify::envelope,
    },
    secret::Digest,
    store::{Append, Done, Head, IntentRef, Step, StoreError, Weight},
};

/// Whether the store's state is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Certainty {
    Known,
    /// A transaction failed, or may have been committed.
    Unknown,
}

/// What is to be written at once.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) requests: Vec<Request>,
    pub(super) notes: Vec<Note>,
    /// The writer's own.
    pub(super) own: Vec<(Slot, Step)>,
}

/// What a step in a transaction is for.
pub(super) enum Slot {
    Request(Purpose, oneshot::Sender<Result<Done, Unwritten>>),
    Note(i64),
    Gap(Gap),
    Strangers(Strangers),
    Uses(Vec<(String, i64)>),
    /// Leases, until then.
    Leases(i64),
    Prune,
    Own,
}

/// Who has to be told besides those who asked.
#[derive(Default)]
struct Others {
    notices: bool,
    outcomes: bool,
}

impl Slot {
    /// Where a test may end the process: before the transaction and after it.
    const fn points(&self) -> Option<[Point; 2]> {
        match self {
            Self::Request(Purpose::Intent, _) => Some([Point::IntentCommit, Point::IntentCommitted]),
            Self::Request(Purpose::Outcome, _) => Some([Point::OutcomeCommit, Point::OutcomeCommitted]),
            Self::Request(Purpose::Notices, _) => Some([Point::NoticesCommit, Point::NoticesCommitted]),
            Self::Request(Purpose::Plain | Purpose::Delivery, _) => {
                Some([Point::PlainCommit, Point::PlainCommitted])
            }
            Self::Request(Purpose::Last, _)
            | Self::Note(_)
            | Self::Gap(_)
            | Self::Strangers(_)
            | Self::Uses(_)
            | Self::Leases(_)
            | Self::Prune
            | Self::Own => None,
        }
    }
}

impl Task {
    /// Writes a batch, and before it what has to be brought in order.
    pub(super) async fn write(&mut self, mut batch: Batch) {
        // Those who went away while waiting want nothing any more.
        batch.requests.retain(|request| !request.reply.is_closed());
        let gap = self.shared.take_gap();
        let nothing = batch.requests.is_empty() && batch.notes.is_empty() && batch.own.is_empty();
        if nothing && gap.is_none() && self.abandoned.is_empty() {
            return;
        }
        let deadline = batch.requests.iter().map(|request| request.deadline).max();
        let deadline = deadline.unwrap_or_else(|| Instant::now() + self.core.timeout);
        let settled = match self.certainty {
            Certainty::Unknown => self.settle().await,
            Certainty::Known => Ok(()),
        };
        let (slots, steps) = self.steps(batch, gap);
        let points: Vec<_> = slots.iter().filter_map(Slot::points).collect();
        for [before, _] in &points {
            point(*before);
        }
        let chain = Arc::clone(&self.core.chain);
        let written = match settled {
            Ok(()) => self.writer.append(&chain, self.head, steps, deadline).await,
            Err(error) => Err(error),
        };
        match written {
            Ok(appended) => {
                for [_, after] in &points {
                    point(*after);
                }
                self.head = appended.head;
                self.shared.set_head(appended.head);
                self.shared.sync.took(appended.sync);
                self.shared.set_space(appended.space);
                self.shared.commits.fetch_add(1, Ordering::Relaxed);
                self.shared.unwritable.store(false, Ordering::Relaxed);
                self.abandoned.clear();
                self.tell(slots, appended.done);
                self.certainty = Certainty::Known;
            }
            Err(error) => {
                self.failed(&error);
                self.fail(slots, &Unwritten::from(error));
                self.certainty = Certainty::Unknown;
            }
        }
    }

    /// All steps in order: what was abandoned first, what nobody waits for last.
    fn steps(&self, batch: Batch, gap: Option<Gap>) -> (Vec<Slot>, Vec<Step>) {
        let now = self.core.now();
        let abandoned = self.abandoned.iter();
        let mut all: Vec<(Slot, Step)> = abandoned
            .map(|Abandoned(intent, hash)| (Slot::Own, summary::abandoned(&self.core, now, intent, hash)))
            .collect();
        all.extend(gap.map(|gap| (Slot::Gap(gap), summary::gap(&self.core, now, gap))));
        all.extend(batch.own);
        let requests = batch.requests.into_iter();
        all.extend(requests.map(|request| (Slot::Request(request.purpose, request.reply), request.step)));
        all.extend(batch.notes.into_iter().map(|note| {
            let append =
                Append { weight: Weight::Ordinary, person: None, checks: Vec::new(), compose: note.compose };
            (Slot::Note(note.at), Step::Append(append))
        }));
        all.into_iter().unzip()
    }

    /// Finds out what became of a transaction that failed, or may have.
    async fn settle(&mut self) -> Result<(), StoreError> {
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
            self.abandoned.push(Abandoned(intent, hash));
        }
        self.head = found;
        self.shared.set_head(found);
        Ok(())
    }

    /// Gives each its result.
    fn tell(&mut self, slots: Vec<Slot>, done: Vec<Done>) {
        let mut others = Others::default();
        for (slot, done) in slots.into_iter().zip(done) {
            let written = matches!(done, Done::Written(_));
            match slot {
                Slot::Request(purpose, reply) => self.answer(purpose, reply, done, &mut others),
                Slot::Note(at) if !written => self.shared.missed(at),
                Slot::Gap(gap) if !written => self.shared.put_back(gap),
                Slot::Strangers(strangers) if !written => self.shared.strangers_back(strangers),
                Slot::Uses(uses) if !matches!(done, Done::Plain) => self.shared.uses.put_back(uses),
                Slot::Leases(until) => {
                    if let Done::Renewed(intents) = &done {
                        self.at_work.renewed(intents, until);
                    }
                }
                Slot::Prune => self.forgot(matches!(done, Done::PrunedInPart)),
                Slot::Note(_) | Slot::Gap(_) | Slot::Strangers(_) | Slot::Uses(_) | Slot::Own => {}
            }
        }
        if others.notices {
            self.shared.notices.notify_one();
        }
        // Of an abandoned intent too: its attempt is new again.
        if others.outcomes {
            self.shared.outcomes.notify_waiters();
        }
    }

    /// Gives a requester the result. An intent that nobody takes is abandoned.
    fn answer(
        &mut self,
        purpose: Purpose,
        reply: oneshot::Sender<Result<Done, Unwritten>>,
        done: Done,
        others: &mut Others,
    ) {
        let intent = match &done {
            Done::Written(head) if purpose == Purpose::Intent => Some(self.on_record(*head)),
            Done::Written(_)
            | Done::Plain
            | Done::PrunedInPart
            | Done::Repeated
            | Done::Busy
            | Done::InUse
            | Done::Quota { .. }
            | Done::Closed { .. }
            | Done::Lost
            | Done::Renewed(_)
            | Done::Behind
            | Done::BySame
            | Done::Already
            | Done::Claimed(_)
            | Done::TakenOver(_)
            | Done::Reserve
            | Done::Failed(_) => None,
        };
        others.notices |= matches!(purpose, Purpose::Outcome | Purpose::Notices);
        others.outcomes |= purpose == Purpose::Outcome;
        if reply.send(Ok(done)).is_err() {
            self.abandoned.extend(intent);
        }
    }

    fn on_record(&self, head: Head) -> Abandoned {
        Abandoned(IntentRef { chain: self.core.chain.to_string(), seq: head.seq }, head.hash.hex())
    }

    /// Notes a failure for status.
    fn failed(&self, error: &StoreError) {
        tracing::error!(%error, "the ledger cannot be written");
        self.shared.failures.fetch_add(1, Ordering::Relaxed);
        self.shared.unwritable.store(true, Ordering::Relaxed);
        self.shared.failed(self.core.now(), error.word());
        if let StoreError::Taken { .. } = error {
            self.shared.taken.store(true, Ordering::Relaxed);
        }
        if let StoreError::Moved { .. } = error {
            let why = "does not end the chain any more, or another hand continued it".into();
            let chain = self.core.chain.to_string();
            self.shared.set_broken(Broken { chain, seq: self.head.seq, why });
        }
    }

    /// Tells all that nothing was written.
    fn fail(&self, slots: Vec<Slot>, unwritten: &Unwritten) {
        for slot in slots {
            match slot {
                // A requester who went away needs to know nothing.
                Slot::Request(_, reply) => drop(reply.send(Err(unwritten.clone()))),
                Slot::Note(at) => self.shared.missed(at),
                Slot::Gap(gap) => self.shared.put_back(gap),
                Slot::Strangers(strangers) => self.shared.strangers_back(strangers),
                Slot::Uses(uses) => self.shared.uses.put_back(uses),
                Slot::Leases(_) | Slot::Prune | Slot::Own => {}
            }
        }
    }
}
