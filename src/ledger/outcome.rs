//! What became of a change: outcomes, and unknown ones on the way to them.

use std::sync::Arc;

use crate::{
    notice::{Finding, Held, RecordRef, Shows},
    operation::{DELETE_USER, Effect, Field, Identity, Subject, Target, read_created_user},
    secret::Sealed,
    store::{Append, Check, Composed, IntentRef, Misfit, Op, Place, State, Step, Weight},
};

use super::{
    answer::{self, Memory},
    core::Core,
    intent::standing,
    notices, parts,
    record::{Body, ConnectPart, Inputs, Kind, RefPart, TargetPart, instant},
    token::{Answered, Open, Sent},
    watch,
};

/// What is to be recorded of an open change.
struct Draft {
    intent: IntentRef,
    reference: RefPart,
    name: String,
    target: TargetPart,
    operation: String,
    sent: Sent,
    held: Arc<[Held]>,
    finding: Finding,
    shows: Shows,
    known: Vec<Op>,
}

/// The step that writes an outcome.
pub(super) fn close(
    core: &Arc<Core>,
    open: &Open,
    finding: &Finding,
    reply: &Result<Answered, crate::wire::ErrorType>,
    memory: Memory,
) -> Result<Step, Misfit> {
    let answer = match memory {
        Memory::Kept => Some(answer::seal(&core.seal, reply)?),
        Memory::Forgotten => None,
    };
    let draft = Draft::of(core, open, finding.clone());
    draft.step(core, move |draft, core, place| draft.outcome(core, place, answer))
}

/// The step that records that nobody knows.
pub(super) fn unknown(core: &Arc<Core>, open: &Open, finding: Finding) -> Result<Step, Misfit> {
    Draft::of(core, open, finding).step(core, Draft::unknown)
}

impl Draft {
    fn of(core: &Core, open: &Open, finding: Finding) -> Self {
        let name = core.target(open.target());
        Self {
            intent: open.lease.intent().clone(),
            reference: parts::reference(open.record()),
            target: parts::target(open.target()).0,
            operation: open.operation().into(),
            sent: open.outcome().clone(),
            held: Arc::clone(&open.held),
            known: known(core, open, &finding, &name),
            name,
            shows: if watch::is_watched(open, &finding) { Shows::NotYet } else { Shows::Already },
            finding,
        }
    }

    fn step(
        self,
        core: &Arc<Core>,
        compose: impl FnOnce(Self, &Core, &Place) -> Result<Composed, Misfit> + Send + 'static,
    ) -> Result<Step, Misfit> {
        let core_in = Arc::clone(core);
        Ok(Step::Append(Append {
            weight: Weight::Vital,
            person: Some(core.new_person(self.name.clone())?),
            checks: vec![Check::Holds { intent: self.intent.clone(), owner: core.owner.clone() }],
            compose: Box::new(move |place| compose(self, &core_in, place)),
        }))
    }

    fn outcome(self, core: &Core, place: &Place, answer: Option<Sealed>) -> Result<Composed, Misfit> {
        let at = core.now();
        let intent = self.intent.clone();
        let left = match self.shows {
            Shows::Already => None,
            Shows::NotYet => {
                Some(notices::seal_held(&core.seal, &watch::left(&self.held, self.finding.effect))?)
            }
        };
        let (record, mut ops) = self.told(core, place, at, Kind::Outcome, None)?;
        ops.push(Op::Close { intent: intent.clone(), at, answer });
        if let Some(held) = left {
            let (owner, lease_until) = (core.owner.clone(), at.saturating_add(core.lease));
            ops.push(Op::Watch { intent, owner, lease_until, since: at, held });
        }
        Ok(Composed { record: Some(record), ops })
    }

    fn unknown(self, core: &Core, place: &Place) -> Result<Composed, Misfit> {
        let at = core.now();
        let intent = self.intent.clone();
        let lease_until = at.saturating_add(core.lease);
        let (record, mut ops) = self.told(core, place, at, Kind::Unknown, Some(lease_until))?;
        ops.push(Op::Unknown { intent, lease_until });
        Ok(Composed { record: Some(record), ops })
    }

    /// The record and the deliveries that go with it.
    fn told(
        self,
        core: &Core,
        place: &Place,
        at: i64,
        kind: Kind,
        lease_until: Option<i64>,
    ) -> Result<(Vec<u8>, Vec<Op>), Misfit> {
        let key = core.data_key(place)?;
        // People were told that it may have been changed when that is on record, whatever the finder believes.
        let told_unknown = place.intent == Some(State::Unknown);
        let finding = Finding { told_unknown, ..self.finding };
        let (connect, words) = match &self.sent {
            Sent::Accepted(answer) | Sent::Refused(answer) => (Some(connect(answer)), None),
            Sent::NotSent(why) | Sent::Unknown(why) => (None, Some(why.clone())),
            Sent::Recovered => (None, None),
        };
        let changed = &finding.side_effects;
        let inputs = Inputs { words, side_effects: parts::side_effects(changed), ..Inputs::default() };
        let first = notices::resolve(&self.held, &finding, &notices::unwritten(&core.chain, place.seq));
        let body = Body {
            lease_until: lease_until.map(instant),
            target: Some(self.target),
            operation: Some(self.operation),
            intent: Some(self.reference),
            sent: Some(parts::sent(&self.sent).into()),
            connect,
            effect: Some(parts::effect(finding.effect).into()),
            shows: match self.shows {
                Shows::Already => None,
                Shows::NotYet => Some("not-yet".into()),
            },
            side_effects: changed.iter().map(|changed| changed.field.clone()).collect(),
            inputs: Some(key.seal(&core.chain, place.seq, &inputs)?),
            notices: notices::part(&key, first.iter().map(|delivery| delivery.recipient.as_str())),
            ..Body::default()
        };
        let record = core.record(place, at, kind, body)?;
        let written = notices::written(&core.chain, place.seq, &record);
        let all = notices::resolve(&self.held, &finding, &written);
        let mut ops = self.known;
        ops.extend(notices::deliver(core, &self.name, at, all)?);
        Ok((record, ops))
    }
}

fn connect(answer: &Answered) -> ConnectPart {
    ConnectPart { status: answer.status, error: answer.error.clone(), request_id: answer.request_id.clone() }
}

/// What is known of addresses after this finding, and of the Username of a user that was made.
pub(super) fn known(core: &Core, open: &Open, finding: &Finding, name: &str) -> Vec<Op> {
    if open.operation == DELETE_USER {
        return deleted(finding, name);
    }
    let Some(wanted) = &open.wanted else { return Vec::new() };
    let now = Identity::new(Field::ALL.into_iter().filter_map(|field| {
        let changed = finding.side_effects.iter().find(|changed| changed.field == field.name());
        let value = match changed {
            Some(changed) => changed.after.clone(),
            None => wanted.value(field).map(str::to_owned),
        };
        Some((field, value?))
    }));
    // A user that was just made has an id of its own: its addresses are that user's.
    let created = created(open).or_else(|| found(open, finding));
    let (name, target) = match &created {
        Some(target) => (core.target(target), target),
        None => (name.to_owned(), open.target()),
    };
    let rows = standing(core, target, &now);
    let at = finding.at.millis();
    let user = name.clone();
    let mut ops = match finding.effect {
        Effect::Applied | Effect::InferredApplied => vec![Op::Addresses { target: name, rows, at }],
        Effect::Unknown | Effect::Undetermined => vec![Op::PerhapsAddresses { target: name, rows, at }],
        Effect::NotApplied | Effect::InferredNotApplied => Vec::new(),
    };
    if let (Some(target), Subject::Username(username)) = (&created, &open.target().subject) {
        ops.push(core.named(target, username));
        // What may have been the Username's until it was known whose is that user's now, and whoever else had the
        // Username is gone: Connect gives it to one user at a time.
        ops.push(Op::Alone { user, name: core.target(open.target()), at });
    }
    ops
}

/// The user that `CreateUser` made without an answer, as a look by its Username found it.
fn found(open: &Open, finding: &Finding) -> Option<Target> {
    let (Subject::Username(_), Some(user)) = (&open.target().subject, &finding.user) else { return None };
    Some(Target { subject: Subject::User(user.clone()), ..open.target().clone() })
}

/// A user that is gone has no address any more, so that another one may have it: whoever comes back gets a new user.
fn deleted(finding: &Finding, name: &str) -> Vec<Op> {
    match finding.effect {
        Effect::Applied | Effect::InferredApplied => {
            vec![Op::Addresses { target: name.to_owned(), rows: Vec::new(), at: finding.at.millis() }]
        }
        Effect::Unknown | Effect::Undetermined | Effect::NotApplied | Effect::InferredNotApplied => {
            Vec::new()
        }
    }
}

/// The user that `CreateUser` made, as Connect's answer names it.
pub(super) fn created(open: &Open) -> Option<Target> {
    let (Subject::Username(_), Sent::Accepted(answer)) = (&open.target().subject, open.outcome()) else {
        return None;
    };
    let user = read_created_user(&answer.body).ok()?;
    Some(Target { subject: Subject::User(user), ..open.target().clone() })
}

/// The record that a step left.
pub(super) fn reference(chain: &str, head: crate::store::Head) -> RecordRef {
    RecordRef { chain: chain.into(), seq: head.seq, hash: head.hash.hex() }
}
