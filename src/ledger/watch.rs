//! Changes that do not show and may yet: watched, on disk, until later reads have shown what became of them. Connect
//! accepted them; or nobody knows whether it did, and for minutes no read showed them, so that they passed for not applied.
//! A watch is beside the outcome, which is written at once: it keeps nobody from changing the target again.
//!
//! **Another change in between.** From then on a difference may be the other's doing. So the other's own look at the user,
//! made before it was decided and on record in its intent, is the last look of the first: what that look shows of the
//! first is told as of the first, and what it does not show yet is in none of the other's expectations, so the other's
//! reads find it and tell it as a side effect (what the first asked for, too: one alarm too many rather than one too few).
//! This holds as long as Connect does the first before it shows the other. A change that was not made (refused, not sent)
//! explains nothing and ends no watch.

use std::sync::Arc;

use crate::{
    notice::{ChangedField, Confirmation, Delivery, Finding, Held, Later, PassedFor, RecordRef, Shows},
    operation::{DELETE_USER, Effect, Identity},
    store::{Append, Check, Composed, Done, IntentRef, LaterRow, Misfit, Op, Place, Step, Weight},
};

use super::{
    Ledger, Open, Unwritten,
    core::Core,
    intent::standing,
    notices, outcome, parts,
    queue::Purpose,
    record::{Body, Inputs, Kind, RefPart, TargetPart},
    recover::{inputs, is_identity},
    submit::unexpected,
};

/// A change whose outcome is on record and does not show yet. It can only be looked at, and confirmed.
#[must_use]
pub struct Watch {
    pub(super) open: Open,
    /// What changed and was not asked for, as the outcome said.
    pub(super) told: Vec<ChangedField>,
    pub(super) since: i64,
    /// What the outcome said of it.
    pub(super) passed_for: PassedFor,
}

/// A change of a guard that is gone.
pub enum Orphan {
    /// Nobody has recorded what became of it.
    Open(Open),
    /// Its outcome is on record and does not show yet.
    Watch(Watch),
}

/// What came after a change, of the same target.
pub enum Since {
    /// No other change of an identity.
    Nothing,
    /// One of which it is not known yet whether it was made; the identity as it was before that.
    Open(Option<Identity>),
    /// One that was made, or may have been; the identity as it was before that. None where the user was deleted.
    Changed(Option<Identity>),
}

/// Whether a change is to be watched.
pub(super) fn is_watched(open: &Open, finding: &Finding) -> bool {
    open.wanted.is_some() && finding.shows == Shows::NotYet && passed_for(finding).is_some()
}

/// For what a change passes from its outcome on, where it may yet show.
fn passed_for(finding: &Finding) -> Option<PassedFor> {
    match finding.effect {
        Effect::Applied => Some(PassedFor::Done),
        Effect::InferredNotApplied => Some(PassedFor::NotDone { told: finding.told_unknown }),
        Effect::NotApplied | Effect::Unknown | Effect::InferredApplied | Effect::Undetermined => None,
    }
}

/// The notices that may still be needed: those that could tell of a side effect, or all.
pub(super) fn left(held: &[Held], effect: Effect) -> Vec<Held> {
    let all = effect == Effect::InferredNotApplied;
    held.iter().filter(|held| all || held.hears_of_side_effects()).cloned().collect()
}

impl Watch {
    /// None when there is nothing to be watched.
    pub(super) fn begin(open: Open, finding: Finding) -> Option<Self> {
        let passed_for = passed_for(&finding).filter(|_| is_watched(&open, &finding))?;
        Some(Self { open, told: finding.side_effects, since: finding.at.millis(), passed_for })
    }

    /// The change, as it was when it was closed.
    pub fn change(&self) -> &Open {
        &self.open
    }

    /// Since when it is watched, milliseconds since 1970.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// For what it passes until it shows.
    pub fn passed_for(&self) -> PassedFor {
        self.passed_for
    }

    /// What of this people were not told with the outcome.
    pub fn news(&self, side_effects: Vec<ChangedField>) -> Vec<ChangedField> {
        side_effects.into_iter().filter(|changed| !self.told.contains(changed)).collect()
    }
}

impl Ledger {
    /// What came after a watched change. Asked *after* a read of the user, it says whether another change can have had a
    /// part in what was read: an intent is on record before it is sent.
    pub async fn since(&self, watch: &Watch) -> Result<Since, Unwritten> {
        let core = &self.inner.core;
        let name = core.target(watch.open.target());
        // A user that was just made is a target of its own.
        let user = outcome::created(&watch.open).map_or_else(|| name.clone(), |target| core.target(&target));
        let intent = watch.open.lease.intent();
        let rows = self.read(self.inner.reader.later(intent, [&name, &user])).await?;
        for row in rows {
            if let Some(since) = explains(core, &row)? {
                return Ok(since);
            }
        }
        Ok(Since::Nothing)
    }

    /// Records what later reads showed, with the notices of it, and ends the watch. On failure it comes back, to be tried
    /// again. One that is confirmed already, or is another process's now, is left as it is.
    pub async fn confirm(&self, watch: Watch, found: Confirmation) -> Result<(), (Watch, Unwritten)> {
        let step = match step(&self.inner.core, &watch, found) {
            Ok(step) => step,
            Err(misfit) => return Err((watch, misfit.into())),
        };
        match self.submit(step, Purpose::Notices).await {
            Ok(Done::Written(_) | Done::Already | Done::Lost) => Ok(()),
            Ok(done) => Err((watch, unexpected(done))),
            Err(unwritten) => Err((watch, unwritten)),
        }
    }
}

/// Whether a later intent can explain what is read: none when it cannot.
fn explains(core: &Core, row: &LaterRow) -> Result<Option<Since>, Misfit> {
    let read = |bytes: &[u8]| serde_json::from_slice::<Body>(bytes).map_err(Misfit::form("a later record"));
    let body = read(&row.intent.bytes)?;
    let identity = is_identity(body.class.as_deref());
    if !identity && body.operation.as_deref() != Some(DELETE_USER) {
        return Ok(None);
    }
    let people: Vec<_> = row.person.iter().cloned().collect();
    let place = (row.intent.chain.as_str(), row.intent.seq.unsigned_abs());
    let before = inputs(core, &people, place, &body)
        .filter(|_| identity)
        .and_then(|inputs| inputs.before)
        .map(|before| parts::identity(&before));
    let Some(outcome) = &row.outcome else { return Ok(Some(Since::Open(before))) };
    let effect = read(outcome)?.effect;
    let not_made = [Effect::NotApplied, Effect::InferredNotApplied].map(parts::effect);
    Ok((!not_made.into_iter().any(|word| effect.as_deref() == Some(word))).then_some(Since::Changed(before)))
}

/// Everything a confirmation is made of, before its place is known.
struct Draft {
    intent: IntentRef,
    reference: RefPart,
    name: String,
    target: TargetPart,
    operation: String,
    held: Arc<[Held]>,
    found: Confirmation,
    known: Vec<Op>,
}

/// The step that writes a confirmation.
fn step(core: &Arc<Core>, watch: &Watch, found: Confirmation) -> Result<Step, Misfit> {
    let open = &watch.open;
    let name = core.target(open.target());
    let intent = open.lease.intent().clone();
    let checks = vec![Check::Watched { intent: intent.clone(), owner: core.owner.clone() }];
    let person = core.new_person(name.clone())?;
    let draft = Draft {
        intent,
        reference: parts::reference(open.record()),
        target: parts::target(open.target()).0,
        operation: open.operation().into(),
        held: Arc::clone(&open.held),
        known: known(core, watch, &found, &name),
        name,
        found,
    };
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Vital,
        person: Some(person),
        checks,
        compose: Box::new(move |place| draft.compose(&core, place)),
    }))
}

impl Draft {
    fn compose(self, core: &Core, place: &Place) -> Result<Composed, Misfit> {
        let at = core.now();
        let key = core.data_key(place)?;
        let changed = &self.found.side_effects;
        let inputs = Inputs { side_effects: parts::side_effects(changed), ..Inputs::default() };
        let first = deliveries(&self.held, &self.found, &notices::unwritten(&core.chain, place.seq));
        let body = Body {
            target: Some(self.target),
            operation: Some(self.operation),
            intent: Some(self.reference),
            effect: revised(&self.found).map(|effect| parts::effect(effect).into()),
            shows: Some(parts::later(self.found.later).into()),
            side_effects: changed.iter().map(|changed| changed.field.clone()).collect(),
            inputs: Some(key.seal(&core.chain, place.seq, &inputs)?),
            notices: notices::part(&key, first.iter().map(|delivery| delivery.recipient.as_str())),
            ..Body::default()
        };
        let record = core.record(place, at, Kind::Confirmation, body)?;
        let all = deliveries(&self.held, &self.found, &notices::written(&core.chain, place.seq, &record));
        let mut ops = self.known;
        ops.extend(notices::deliver(core, &self.name, at, all)?);
        ops.push(Op::Confirm { intent: self.intent });
        Ok(Composed { record: Some(record), ops })
    }
}

/// The effect, where it is another one than the outcome says.
fn revised(found: &Confirmation) -> Option<Effect> {
    match (found.passed_for, found.later) {
        (PassedFor::NotDone { .. }, Later::Shown) => Some(Effect::InferredApplied),
        (PassedFor::Done, _)
        | (PassedFor::NotDone { .. }, Later::NotShown | Later::NotRead | Later::Superseded) => None,
    }
}

/// The messages for what later reads showed.
fn deliveries(held: &[Held], found: &Confirmation, record: &RecordRef) -> Vec<Delivery> {
    held.iter().filter_map(|held| held.confirmed(found, record)).collect()
}

/// What is known of addresses after this. What never showed may be as it was before; what came after another change is
/// known from that.
fn known(core: &Core, watch: &Watch, found: &Confirmation, name: &str) -> Vec<Op> {
    let open = &watch.open;
    match (found.later, found.passed_for) {
        (Later::Shown, _) => {
            let finding = Finding {
                effect: Effect::Applied,
                side_effects: found.side_effects.iter().chain(&watch.told).cloned().collect(),
                told_unknown: false,
                shows: Shows::Already,
                user: None,
                at: found.at,
            };
            outcome::known(core, open, &finding, name)
        }
        (Later::NotShown | Later::NotRead, PassedFor::Done) => {
            let rows =
                open.before.as_ref().map(|before| standing(core, open.target(), before)).unwrap_or_default();
            vec![Op::PerhapsAddresses { target: name.into(), rows, at: found.at.millis() }]
        }
        (Later::NotShown | Later::NotRead, PassedFor::NotDone { .. }) | (Later::Superseded, _) => Vec::new(),
    }
}
