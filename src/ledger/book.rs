//! The ledger: what may be asked of it for the requests that pass through.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use crate::{
    clock::Now,
    crash::{Point, point},
    notice::{Finding, Plan, Shows},
    operation::{Change, Effect, Ordinary},
    policy::{Permit, Refused},
    secret::Digest,
    store::{Done, IntentRef, Reader, Step},
    wire::ErrorType,
};

use super::{
    Closed, Intent, Noted, Open, Recorded, Stranger, Unintended, Unwritten, Watch, answer,
    core::Core,
    intent,
    lease::AtWork,
    outcome,
    outcome::reference,
    queue::{Note, Purpose, Request, Shared},
    record::Kind,
    refusal,
    submit::{outcome_of, unexpected},
    summary,
};

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
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) deliveries: mpsc::Sender<Request>,
    pub(super) notes: mpsc::Sender<Note>,
    pub(super) task: Mutex<Option<JoinHandle<()>>>,
}

impl Ledger {
    /// Records that the guard started, under which policy.
    pub async fn started(&self, policy: Digest) -> Result<(), Unwritten> {
        self.under(Kind::Start, policy).await
    }

    /// Records that a policy came into force.
    pub async fn in_force(&self, policy: Digest) -> Result<(), Unwritten> {
        self.under(Kind::Policy, policy).await
    }

    async fn under(&self, kind: Kind, policy: Digest) -> Result<(), Unwritten> {
        let core = &self.inner.core;
        point(Point::RecordPolicy);
        let head = self.written(summary::policy(core, kind, policy), Purpose::Plain).await?;
        point(Point::PolicyRecorded);
        self.inner.shared.set_policy(policy, reference(&core.chain, head));
        Ok(())
    }

    /// Writes the intent, its held notices and its quota counts in one transaction, and waits until it is on disk.
    ///
    /// When this is not `Ok`, nothing may be sent. An intent that reaches the disk nevertheless is closed as never sent.
    pub async fn intend(&self, permit: Permit<Change>, plan: Plan) -> Result<Intent, Unintended> {
        let core = &self.inner.core;
        // Before the lease that is written: what is believed of it is never more than what is true.
        let until = self.inner.at_work.until();
        let mut step = intent::step(core, &permit, &plan).map_err(Unintended::Unwritten)?;
        if let Step::Append(append) = &mut step {
            append.checks.splice(0..0, self.not_behind());
        }
        match self.submit(step, Purpose::Intent).await.map_err(Unintended::Unwritten)? {
            Done::Written(head) => {
                let intent = IntentRef { chain: core.chain.to_string(), seq: head.seq };
                let lease = self.inner.at_work.begin(intent, until);
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
            Done::Busy => Err(Unintended::Busy),
            Done::Repeated => Err(Unintended::Repeated),
            Done::Quota { index, wait } => {
                let claim = permit.quotas().get(index);
                let claim = claim.ok_or(Unintended::Unwritten(Unwritten::Unexpected))?;
                let wait = Duration::from_millis(wait.unsigned_abs());
                Err(Unintended::Quota { rule: claim.rule.clone(), wait })
            }
            Done::InUse => Err(Unintended::InUse),
            other @ (Done::Plain
            | Done::PrunedInPart
            | Done::Closed { .. }
            | Done::Lost
            | Done::Renewed(_)
            | Done::Behind
            | Done::BySame
            | Done::Already
            | Done::Claimed(_)
            | Done::TakenOver(_)
            | Done::Reserve
            | Done::Failed(_)) => Err(Unintended::Unwritten(unexpected(other))),
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
            user: None,
            at,
        };
        let step = outcome::unknown(core, open, finding)?;
        let reply = Err(ErrorType::InternalService);
        // One that is closed already: people were told more than this.
        let done = self.submit(step, Purpose::Notices).await?;
        Ok(Recorded { reply, record: outcome_of(core, done)? })
    }

    /// Writes the outcome, releases, amends or drops the notices, and remembers the answer for 15 minutes. On failure
    /// the [`Open`] comes back, to be tried again; an outcome that was written nevertheless is found then.
    ///
    /// Of a change that may yet show ([`Shows::NotYet`]) a watch stays in the same transaction, with what is left of the
    /// notices. The target is free for another change all the same.
    pub async fn close(&self, open: Open, finding: Finding) -> Result<Closed, (Open, Unwritten)> {
        let core = &self.inner.core;
        let (reply, memory) = answer::reply(open.outcome(), open.operation(), finding.effect);
        let step = match outcome::close(core, &open, &finding, &reply, memory) {
            Ok(step) => step,
            Err(misfit) => return Err((open, misfit.into())),
        };
        match self.submit(step, Purpose::Outcome).await.and_then(|done| outcome_of(core, done)) {
            Ok(record) => {
                let watch = Watch::begin(open, finding);
                Ok(Closed { recorded: Recorded { reply, record }, watch })
            }
            Err(unwritten) => Err((open, unwritten)),
        }
    }

    /// Records the refusal of an authenticated caller, with its notices. Never dropped.
    pub async fn refuse(&self, refused: &Refused, plan: Plan) -> Result<(), Unwritten> {
        let step = refusal::step(&self.inner.core, refused, &plan)?;
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

    /// Writes what waits, records the stop, and gives the store back.
    pub async fn stop(&self) -> Result<(), Unwritten> {
        let written = self.written(summary::stop(&self.inner.core), Purpose::Last).await.map(|_| ());
        let task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            match timeout(self.inner.core.timeout, task).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Unwritten::Stopped),
                Err(_) => return Err(Unwritten::Timeout),
            }
        }
        written
    }

    /// As a crash ends it: the writer is gone, nothing more is written.
    #[cfg(test)]
    pub(super) async fn crash(self) {
        let task = self.inner.task.lock().unwrap().take().unwrap();
        task.abort();
        let _ = task.await;
    }
}
