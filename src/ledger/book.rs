//! The ledger: one writer task that collects what waits, chains it, and appends it in one transaction.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use tokio::{
    sync::{
        mpsc::{self, error::TrySendError},
        oneshot,
    },
    task::JoinHandle,
    time::timeout,
};

use crate::{
    clock::Now,
    notice::{Finding, Plan, RecordRef, Shows},
    operation::{Change, Effect, Ordinary, Target},
    policy::{Permit, Refused},
    secret::{Digest, random},
    store::{Done, Head, IntentRef, Location, Medium, Reader, Step, StoreError, Writer},
    wire::ErrorType,
};

use super::{
    Closed, Intent, LedgerFault, LedgerOptions, LedgerStats, Noted, Open, Recorded, Stranger, Unintended,
    Unwritten, Watch, answer,
    core::Core,
    intent,
    lease::AtWork,
    notices, outcome,
    outcome::reference,
    queue::{Note, Purpose, Request, Shared},
    record::Kind,
    refusal, summary,
    verify::Verifier,
    watch::is_watched,
    writer::{SUMMARY, Task},
};

/// Steps that wait for the writer at most: beyond that the ledger is overloaded.
const WAITING: usize = 1_024;
/// Records checked at the end of the chain when it is opened.
const TAIL: u32 = 1_000;

/// The ledger. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    pub(super) inner: Arc<Inner>,
}

/// What all clones of a ledger share.
pub(super) struct Inner {
    pub(super) core: Arc<Core>,
    pub(super) shared: Arc<Shared>,
    pub(super) at_work: AtWork,
    pub(super) reader: Reader,
    requests: mpsc::Sender<Request>,
    notes: mpsc::Sender<Note>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Opens (and on first use creates) the store, takes it for this process alone, checks the chain's tail, and starts
    /// the writer.
    pub async fn open(options: LedgerOptions) -> Result<Self, LedgerFault> {
        let fault = |error: StoreError| LedgerFault(error.to_string());
        let location = Location::read(&options.url).map_err(fault)?;
        let medium = match options.ephemeral {
            Some(sentence) if !sentence.trim().is_empty() => Medium::Any,
            Some(_) | None => Medium::Lasting,
        };
        let (mut writer, reader) = Writer::open(location, medium, options.timeout).await.map_err(fault)?;
        let head = writer.head(&options.replica).await.map_err(fault)?;
        check_tail(&reader, &options.replica, head).await?;
        let owner = random::<12>().map_err(|error| LedgerFault(error.to_string()))?;
        let core = Arc::new(Core {
            chain: options.replica.into(),
            owner: hex::encode(owner),
            seal: options.seal,
            hash: options.hash,
            clock: options.clock,
            lease: i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX),
            timeout: options.timeout,
        });
        let shared = Arc::new(Shared::default());
        shared.set_head(head);
        let at_work = AtWork::default();
        let (requests, requested) = mpsc::channel(WAITING);
        let (notes, for_notes) = mpsc::channel(options.queue.max(1));
        let task = Task {
            core: Arc::clone(&core),
            shared: Arc::clone(&shared),
            at_work: at_work.clone(),
            writer,
            reader: reader.clone(),
            head,
            summary_at: core.now().saturating_add(SUMMARY),
            requests: requested,
            notes: for_notes,
        };
        let task = Mutex::new(Some(tokio::spawn(task.run())));
        Ok(Self { inner: Arc::new(Inner { core, shared, at_work, reader, requests, notes, task }) })
    }

    /// Records that the guard started, under which policy.
    pub async fn started(&self, policy: Digest) -> Result<(), Unwritten> {
        self.written(summary::policy(&self.inner.core, Kind::Start, policy), Purpose::Plain).await.map(|_| ())
    }

    /// Records that a policy came into force.
    pub async fn in_force(&self, policy: Digest) -> Result<(), Unwritten> {
        self.written(summary::policy(&self.inner.core, Kind::Policy, policy), Purpose::Plain)
            .await
            .map(|_| ())
    }

    /// Writes the intent, its held notices and its quota counts in one transaction, and waits until it is on disk.
    ///
    /// When this is not `Ok`, nothing may be sent. An intent that reaches the disk nevertheless is closed as never sent.
    pub async fn intend(&self, permit: Permit<Change>, plan: Plan) -> Result<Intent, Unintended> {
        let core = &self.inner.core;
        let unwritten = |why| Unintended::Unwritten(Unwritten::Store(why));
        let step = intent::step(core, &permit, &plan).map_err(unwritten)?;
        match self.submit(step, Purpose::Intent).await.map_err(Unintended::Unwritten)? {
            Done::Written(head) => {
                let lease =
                    self.inner.at_work.begin(IntentRef { chain: core.chain.to_string(), seq: head.seq });
                let (before, wanted) = intent::identities(&permit);
                Ok(Intent {
                    permit,
                    record: reference(&core.chain, head),
                    before,
                    wanted,
                    held: plan.held().into(),
                    lease,
                })
            }
            Done::Busy(_) => Err(Unintended::Busy),
            Done::Repeated => Err(Unintended::Repeated),
            Done::Quota { index, wait, .. } => {
                let claim = permit.quotas().get(index).ok_or_else(|| unwritten("no such quota".into()))?;
                let wait = Duration::from_millis(wait.unsigned_abs());
                Err(Unintended::Quota { rule: claim.rule.clone(), wait })
            }
            other @ (Done::Plain
            | Done::Closed { .. }
            | Done::Lost
            | Done::Already
            | Done::Claimed(_)
            | Done::TakenOver(_)
            | Done::Reserve
            | Done::Failed(_)) => Err(Unintended::Unwritten(unexpected(&other))),
        }
    }

    /// Puts an ordinary operation into the queue for recording; when the queue is full it is counted in a gap.
    pub fn note(&self, permit: Permit<Ordinary>) -> Noted {
        let at = self.inner.core.now();
        self.queue(Note { at, compose: refusal::ordinary(&self.inner.core, &permit, at) });
        Noted { permit }
    }

    /// Sent, and nobody knows: records that, and tells people that it may have been changed. It stays open, and its
    /// lease is renewed; who waits for the answer of this attempt waits until it is closed. What is given back says that
    /// the outcome is unknown.
    pub async fn unknown(&self, open: &Open, at: Now) -> Result<Recorded, Unwritten> {
        let core = &self.inner.core;
        let finding = Finding {
            effect: Effect::Unknown,
            side_effects: Vec::new(),
            told_unknown: false,
            shows: Shows::Already,
            at,
        };
        let step = outcome::unknown(core, open, finding).map_err(Unwritten::Store)?;
        let reply = Err(ErrorType::InternalService);
        // One that is closed already: people were told more than this.
        let done = self.submit(step, Purpose::Notices).await?;
        Ok(Recorded { reply, record: outcome_of(core, done)? })
    }

    /// Writes the outcome, releases, amends or drops the notices, and remembers the answer for 15 minutes. On failure
    /// the [`Open`] comes back, to be tried again; an outcome that was written nevertheless is found then.
    ///
    /// Of an accepted change that no read shows yet ([`Shows::NotYet`]) a watch stays in the same transaction, with what
    /// is left of the notices. The target is free for another change all the same.
    pub async fn close(&self, open: Open, finding: Finding) -> Result<Closed, (Open, Unwritten)> {
        let core = &self.inner.core;
        let (reply, memory) = answer::reply(open.outcome(), open.operation(), finding.effect);
        let step = match outcome::close(core, &open, &finding, &reply, memory) {
            Ok(step) => step,
            Err(why) => return Err((open, Unwritten::Store(why))),
        };
        match self.submit(step, Purpose::Outcome).await.and_then(|done| outcome_of(core, done)) {
            Ok(record) => {
                let watch = is_watched(&open, &finding).then(|| Watch::begin(open, finding));
                Ok(Closed { recorded: Recorded { reply, record }, watch })
            }
            Err(unwritten) => Err((open, unwritten)),
        }
    }

    /// Records the refusal of an authenticated caller, with its notices. Never dropped.
    pub async fn refuse(&self, refused: &Refused, plan: Plan) -> Result<(), Unwritten> {
        let step = refusal::step(&self.inner.core, refused, &plan).map_err(Unwritten::Store)?;
        self.written(step, Purpose::Notices).await.map(|_| ())
    }

    /// Records the refusal of an ordinary operation or of one that was not recognised: through the queue, never dropped
    /// singly without being counted.
    pub fn refuse_ordinary(&self, refused: &Refused) {
        let at = self.inner.core.now();
        self.queue(Note { at, compose: refusal::compact(&self.inner.core, refused, at) });
    }

    /// Counts a stranger.
    pub fn stranger(&self, stranger: Stranger) {
        self.inner.shared.stranger(&stranger, self.inner.core.now());
    }

    /// Erases what the ledger holds of a target: its data key, and with it everything sealed under that; what is known
    /// of its addresses and permissions; its notices that are settled. The chain still verifies. Refused while a change
    /// of it is open or watched.
    pub async fn erase(&self, target: &Target) -> Result<(), Unintended> {
        let step = summary::erasure(&self.inner.core, target);
        let done = self.submit(step, Purpose::Plain).await.map_err(Unintended::Unwritten)?;
        if matches!(done, Done::Busy(_)) {
            return Err(Unintended::Busy);
        }
        head_of(done).map(|_| ()).map_err(Unintended::Unwritten)
    }

    /// Writes what waits, records the stop, and gives the store back.
    pub async fn stop(&self) -> Result<(), Unwritten> {
        let written = self.written(summary::stop(&self.inner.core), Purpose::Last).await.map(|_| ());
        let task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            match timeout(self.inner.core.timeout, task).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Unwritten::Store("the writer ended before its time".into())),
                Err(_) => return Err(Unwritten::Timeout),
            }
        }
        written
    }

    /// Counts.
    pub fn stats(&self) -> LedgerStats {
        let shared = &self.inner.shared;
        let head = shared.head();
        let requests = &self.inner.requests;
        let notes = &self.inner.notes;
        LedgerStats {
            seq: head.map_or(0, |head| head.seq),
            head: head.map(|head| head.hash.hex()).unwrap_or_default(),
            waiting: requests.max_capacity().saturating_sub(requests.capacity())
                + notes.max_capacity().saturating_sub(notes.capacity()),
            commits: shared.commits.load(Ordering::Relaxed),
            failures: shared.failures.load(Ordering::Relaxed),
            gaps: shared.gaps.load(Ordering::Relaxed),
            writable: !shared.unwritable.load(Ordering::Relaxed),
        }
    }

    /// Gives a step to the writer and waits for what becomes of it, for as long as a write may last.
    pub(super) async fn submit(&self, step: Step, purpose: Purpose) -> Result<Done, Unwritten> {
        let limit = self.inner.core.timeout;
        let (reply, mut result) = oneshot::channel();
        let request = Request { step, purpose, deadline: Instant::now() + limit, reply };
        self.inner.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => Unwritten::Overloaded,
            TrySendError::Closed(_) => Unwritten::Store("the ledger is stopped".into()),
        })?;
        match timeout(limit, &mut result).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Unwritten::Store("the ledger is stopped".into())),
            Err(_) => {
                // From here on the writer cannot give a result any more; what it gave just now is not lost.
                result.close();
                result.try_recv().unwrap_or_else(|_| {
                    self.inner.shared.unwritable.store(true, Ordering::Relaxed);
                    Err(Unwritten::Timeout)
                })
            }
        }
    }

    /// Reads, for as long as a write may last.
    pub(super) async fn read<T>(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unwritten> {
        match timeout(self.inner.core.timeout, read).await {
            Ok(read) => read.map_err(|error| Unwritten::Store(error.to_string())),
            Err(_) => Err(Unwritten::Timeout),
        }
    }

    async fn written(&self, step: Step, purpose: Purpose) -> Result<Head, Unwritten> {
        self.submit(step, purpose).await.and_then(head_of)
    }

    fn queue(&self, note: Note) {
        let at = note.at;
        if self.inner.notes.try_send(note).is_err() {
            self.inner.shared.missed(at);
        }
    }

    /// As a crash ends it: the writer is gone, nothing more is written.
    #[cfg(test)]
    pub(super) async fn crash(self) {
        let task = self.inner.task.lock().unwrap().take().unwrap();
        task.abort();
        let _ = task.await;
    }
}

/// The record that a step left.
fn head_of(done: Done) -> Result<Head, Unwritten> {
    if let Done::Written(head) = done { Ok(head) } else { Err(unexpected(&done)) }
}

/// The record that a step left, or the one that closed the intent before it.
fn outcome_of(core: &Core, done: Done) -> Result<RecordRef, Unwritten> {
    if let Done::Closed { chain, seq, bytes } = &done {
        return Ok(notices::written(chain, *seq, bytes));
    }
    head_of(done).map(|head| reference(&core.chain, head))
}

/// A result that this step does not have.
pub(super) fn unexpected(done: &Done) -> Unwritten {
    Unwritten::Store(match done {
        Done::Failed(why) => why.clone(),
        Done::Reserve => "only the reserve of space is left".into(),
        Done::Lost => "the change is another process's now".into(),
        Done::Written(_)
        | Done::Plain
        | Done::Repeated
        | Done::Busy(_)
        | Done::Quota { .. }
        | Done::Closed { .. }
        | Done::Already
        | Done::Claimed(_)
        | Done::TakenOver(_) => "the store gave a result that this step does not have".into(),
    })
}

/// The last records have to follow one from another: what is broken is not continued.
async fn check_tail(reader: &Reader, chain: &str, head: Head) -> Result<(), LedgerFault> {
    let rows = reader.tail(chain, TAIL).await.map_err(|error| LedgerFault(error.to_string()))?;
    let mut verifier = Verifier::default();
    let mut rows = rows.iter();
    if head.seq > u64::from(TAIL)
        && let Some(first) = rows.next()
    {
        verifier.after(chain, first.seq.unsigned_abs(), Digest::of(&first.bytes));
    }
    for row in rows {
        verifier.link(row);
    }
    match verifier.finish().faults.first() {
        None => Ok(()),
        Some((chain, seq, why)) => Err(LedgerFault(format!(
            "record {seq} of chain `{chain}` {why}\nhint: `audit verify` shows the first fault of every chain"
        ))),
    }
}
