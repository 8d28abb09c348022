//! What the ledger remembers: of attempts, of addresses, of permissions.

use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    caller::{Attempt, Principal},
    operation::Change,
    policy::{Known, Recall},
    store::{AttemptRow, State},
};

use super::{Earlier, Ledger, Recorded, Unwritten, answer, core::MEMORY, notices::written};

/// How often an open attempt is looked at again: another replica may close it.
const AGAIN: Duration = Duration::from_millis(250);
/// Records read at once, and how many times at most, when the last policy is looked for.
const PAGE: u32 = 1_000;
const PAGES: u32 = 200;

/// What a record says of the policy it was written under.
#[derive(Deserialize)]
struct Under {
    kind: String,
    policy: Option<String>,
}

impl Ledger {
    /// The digest of the policy that was last in force for this chain; none when nothing on record says so. The start, each
    /// policy that came into force and each heartbeat say it; far back, any record under a policy does. For a chain that
    /// begins, it is the one that was last in force for any: whoever takes the place of a guard that was killed has a chain
    /// of its own, and people are told what changed meanwhile.
    pub async fn last_policy(&self) -> Result<Option<String>, Unwritten> {
        let core = &self.inner.core;
        let mut last = self.head().seq;
        if last == 0 {
            let record = self.read(self.inner.reader.last_in_force()).await?;
            let under = record.and_then(|bytes| serde_json::from_slice::<Under>(&bytes).ok());
            return Ok(under.and_then(|under| under.policy));
        }
        let mut any = None;
        for _ in 0..PAGES {
            if last == 0 {
                break;
            }
            let rows = self.read(self.inner.reader.up_to(&core.chain, last, PAGE)).await?;
            for row in rows.iter().rev() {
                let Ok(Under { kind, policy: Some(policy) }) = serde_json::from_slice(&row.bytes) else {
                    continue;
                };
                if matches!(kind.as_str(), "start" | "policy" | "event") {
                    return Ok(Some(policy));
                }
                any.get_or_insert(policy);
            }
            last = rows.first().map_or(0, |first| first.seq.unsigned_abs().saturating_sub(1));
        }
        Ok(any)
    }

    /// What is remembered of this attempt of this change by this principal; waits for an open one to be answered (at most
    /// `wait`).
    pub async fn earlier(
        &self,
        principal: &Principal,
        change: &Change,
        attempt: &Attempt,
        wait: Duration,
    ) -> Result<Earlier, Unwritten> {
        let core = &self.inner.core;
        let (attempt, marks) = core.attempt(principal, change, attempt);
        let until = Instant::now() + wait;
        loop {
            // Asked for before looking, so that an outcome in between is not missed.
            let outcome = self.inner.shared.outcomes.notified();
            let since = core.now().saturating_sub(MEMORY);
            let row = self.read(self.inner.reader.attempt(&attempt, &marks, since)).await?;
            let Some(row) = row else { return Ok(Earlier::None) };
            if row.state == State::Closed {
                return Ok(self.answered(row));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Earlier::Open);
            }
            // Whether it was an outcome or the time: look again.
            let _ = timeout(left.min(AGAIN), outcome).await;
        }
    }

    fn answered(&self, row: AttemptRow) -> Earlier {
        match (row.later, row.answer) {
            // An answer that was erased cannot be given again.
            (true, _) | (false, None) => Earlier::Superseded,
            (false, Some(kept)) => Earlier::Answered(Recorded {
                reply: answer::open(&self.inner.core.seal, &kept.sealed),
                record: written(&kept.chain, kept.seq, &kept.bytes),
            }),
        }
    }

    /// What is known of a target and addresses. Asked before Connect is read, so that a change in between is noticed.
    pub async fn recall(&self, recall: &Recall) -> Result<Known, Unwritten> {
        let core = &self.inner.core;
        let reader = &self.inner.reader;
        let name = core.target(&recall.target);
        let mut known = Known { latest: self.read(reader.latest(&name)).await?, ..Known::default() };
        if !recall.addresses.is_empty() {
            let rows: Vec<_> =
                recall.addresses.iter().map(|address| core.plain_address(&recall.target, address)).collect();
            let in_use = self.read(reader.in_use(&name, &rows)).await?;
            let former = self.read(reader.former(&name)).await?;
            for (index, (address, row)) in recall.addresses.iter().zip(&rows).enumerate() {
                if in_use.contains(&index) {
                    known.in_use.push(address.clone());
                }
                if former.contains(&row.exact) {
                    known.former.push(address.clone());
                }
            }
        }
        if recall.permissions {
            known.held = self.held(&name).await?;
        }
        Ok(known)
    }
}
