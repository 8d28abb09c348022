//! Open and watched changes of guards that are gone: taken over, and rebuilt from what is on record.

use std::sync::Arc;

use crate::{
    notice::{PassedFor, RecordRef},
    operation::Effect,
    secret::Digest,
    store::{Done, Misfit, OrphanRow, PersonRow, State, Step},
};

use super::{
    Ledger, Orphan, Unwritten, Watch, answer,
    core::Core,
    lease::AtWork,
    notices::open_held,
    parts,
    person::DataKey,
    queue::Purpose,
    record::{Body, Inputs},
    submit::unexpected,
    token::{Open, Sent, Told},
};

impl Ledger {
    /// Open changes, and watched ones, whose lease ran out, or whose process is gone, taken over by this one.
    ///
    /// One whose notices cannot be opened is not given: it stays open (then its target stays blocked) or watched, and it is
    /// tried again when the new lease has run out.
    pub async fn orphans(&self) -> Result<Vec<Orphan>, Unwritten> {
        let core = &self.inner.core;
        let now = core.now();
        let step = Step::TakeOver {
            owner: core.owner.clone(),
            now,
            until: now.saturating_add(core.lease),
            others: core.others,
            except: self.inner.at_work.all(),
        };
        let done = self.submit(step, Purpose::Plain).await?;
        let Done::TakenOver(rows) = done else { return Err(unexpected(done)) };
        Ok(rows.into_iter().filter_map(|row| orphan(core, &self.inner.at_work, row)).collect())
    }
}

fn orphan(core: &Core, at_work: &AtWork, row: OrphanRow) -> Option<Orphan> {
    let intent = row.intent.clone();
    match rebuilt(core, at_work, row) {
        Ok(orphan) => Some(orphan),
        Err(error) => {
            let (chain, seq) = (intent.chain, intent.seq);
            tracing::error!(%chain, seq, %error, "a change cannot be taken over");
            None
        }
    }
}

fn rebuilt(core: &Core, at_work: &AtWork, row: OrphanRow) -> Result<Orphan, Misfit> {
    let held = open_held(&core.seal, &row.held)?;
    let body: Body = serde_json::from_slice(&row.bytes).map_err(Misfit::form("its record"))?;
    let (chain, seq) = (row.intent.chain.as_str(), row.intent.seq);
    let inputs = inputs(core, &row.people, (chain, seq), &body).unwrap_or_default();
    let target = body.target.as_ref().and_then(|part| parts::read_target(part, inputs.id.clone()));
    let target = target.ok_or(Misfit::Missing("its target"))?;
    let operation = body.operation.ok_or(Misfit::Missing("its operation"))?;
    // Connect's answer names the user that was created.
    let answer = row.watched.as_ref().and_then(|watched| watched.answer.as_ref());
    let sent = match answer.map(|sealed| answer::open(&core.seal, sealed)) {
        Some(Ok(answer)) => Sent::Accepted(answer),
        Some(Err(_)) | None => Sent::Recovered,
    };
    let open = Open {
        record: RecordRef {
            chain: row.intent.chain.clone(),
            seq: row.intent.seq,
            hash: Digest::of(&row.bytes).hex(),
        },
        target,
        operation,
        before: inputs.before.as_ref().map(parts::identity).filter(|_| is_identity(body.class.as_deref())),
        wanted: inputs.after.as_ref().map(parts::identity),
        sent,
        told: match row.state {
            State::Unknown => Told::MayHaveChanged,
            State::Open | State::Closed => Told::Nothing,
        },
        held: Arc::from(held),
        lease: at_work.begin(row.intent, at_work.until()),
    };
    let Some(watched) = row.watched else { return Ok(Orphan::Open(open)) };
    let outcome = &watched.outcome;
    let body: Body = serde_json::from_slice(&outcome.bytes).map_err(Misfit::form("its outcome"))?;
    let place = (outcome.chain.as_str(), outcome.seq.unsigned_abs());
    let told = self::inputs(core, &row.people, place, &body).and_then(|inputs| inputs.side_effects);
    let told = told.map(parts::read_side_effects).unwrap_or_default();
    let passed_for = passed_for(&body);
    Ok(Orphan::Watch(Watch { open, told, since: watched.since, passed_for }))
}

/// For what a watched change passes, as its outcome says.
fn passed_for(outcome: &Body) -> PassedFor {
    if outcome.effect.as_deref() == Some(parts::effect(Effect::InferredNotApplied)) {
        PassedFor::NotDone { told: outcome.notices.is_some() }
    } else {
        PassedFor::Done
    }
}

pub(super) fn is_identity(class: Option<&str>) -> bool {
    class.is_some_and(super::intent::is_identity)
}

/// What a record sealed; nothing when the person was erased.
pub(super) fn inputs(
    core: &Core,
    people: &[PersonRow],
    (chain, seq): (&str, u64),
    body: &Body,
) -> Option<Inputs> {
    let sealed = body.inputs.as_ref()?;
    let person = people.iter().find(|person| person.token == sealed.person)?;
    DataKey::open(&core.seal, person).ok()?.unseal(chain, seq, sealed)
}
