//! The start, on record; and why it cannot be.

use super::{
    AppFault, failed,
    reload::{changed_meanwhile, said_once},
};
use crate::{
    ledger::{Ledger, Unwritten},
    notice::Routing,
    policy::{Policy, epoch_in},
};

/// Records the start. A policy that is not the last one on record was put there while nobody looked: people are told of it
/// first, so that an end between the two repeats it and does not swallow it. One that is older by its epoch is not taken.
pub(super) async fn started(ledger: &Ledger, policy: &Policy, routing: &Routing) -> Result<(), NotStarted> {
    let before = ledger.last_policy().await?;
    let mut once = None;
    if let Some(before) = &before {
        let kept = ledger.kept_policy(before).await?;
        if kept.is_empty() {
            tracing::warn!("the last policy on record is not kept: whether this one is older cannot be told");
        }
        let least = epoch_in(&kept);
        if let Some(least) = least.filter(|least| policy.epoch() < Some(*least)) {
            return Err(NotStarted::Older(least));
        }
        once = said_once((before, least), policy);
    }
    match ledger.at_epoch(policy.epoch()).await {
        Err(Unwritten::Behind) => return Err(NotStarted::Behind),
        other => other?,
    }
    let (policy, texts) = (policy.digest(), policy.texts());
    ledger.keep_policy(policy, &texts).await?;
    if let Some(event) = before.and_then(|before| changed_meanwhile(before, policy)) {
        tracing::warn!(digest = %policy, "the policy was changed while no guard was running");
        ledger.say(&event, routing, once.as_deref()).await?;
    }
    Ok(ledger.started(policy).await?)
}

/// Why a start is not on record.
pub(super) enum NotStarted {
    /// The policy is older than the last one in force, whose epoch this is.
    Older(u64),
    /// The policy is older than one that was in force on another replica.
    Behind,
    /// The ledger cannot be written or read.
    Unwritten(Unwritten),
}

impl From<Unwritten> for NotStarted {
    fn from(unwritten: Unwritten) -> Self {
        Self::Unwritten(unwritten)
    }
}

impl From<NotStarted> for AppFault {
    fn from(why: NotStarted) -> Self {
        match why {
            NotStarted::Older(least) => failed(
                "the policy cannot be taken",
                &format!("its epoch is lower than {least}, that of the last one in force"),
            ),
            NotStarted::Behind => failed("the policy cannot be taken", &Unwritten::Behind),
            NotStarted::Unwritten(unwritten) => failed("the start cannot be recorded", &unwritten),
        }
    }
}
