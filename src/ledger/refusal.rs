//! Refusals of authenticated callers, and ordinary operations: what is recorded of a request without an intent.

use std::sync::Arc;

use serde_json::json;

use crate::{
    caller::Caller,
    operation::{Class, Field, Ordinary, Route, Target},
    policy::{Permit, Refused},
    secret::Digest,
    store::{Append, Compose, Composed, Misfit, Op, Place, Step, Weight},
};

use super::{
    core::Core,
    inputs::{self, BuiltPart, LookedPart},
    notices, parts, permissions,
    record::{Body, Inputs, Kind},
};
use crate::notice::{Held, Plan};

/// The longest body of a refused change that its record seals, octets.
const BODY_MAX: usize = 8 * 1024;

/// The step that writes a refusal and its notices.
pub(super) fn step(core: &Arc<Core>, refused: &Refused, plan: &Plan) -> Result<Step, Misfit> {
    let person = match &refused.target {
        Some(target) => core.target(target),
        None => core.caller(&refused.caller.principal),
    };
    let now = core.now();
    let (body, inputs) = said(refused);
    let held: Vec<Held> = plan.held().to_vec();
    let core_in = Arc::clone(core);
    let name = person.clone();
    let known = known(core, refused, &person, now);
    Ok(Step::Append(Append {
        weight: Weight::Ordinary,
        person: Some(core.new_person(person)?),
        checks: Vec::new(),
        compose: Box::new(move |place| {
            let (record, mut ops) = refusal(&core_in, place, now, &name, (body, inputs), &held)?;
            ops.extend(known);
            Ok(Composed { record: Some(record), ops })
        }),
    }))
}

fn refusal(
    core: &Core,
    place: &Place,
    now: i64,
    person: &str,
    (mut body, inputs): (Body, Inputs),
    held: &[Held],
) -> Result<(Vec<u8>, Vec<Op>), Misfit> {
    let key = core.data_key(place)?;
    body.inputs = Some(key.seal(&core.chain, place.seq, &inputs)?);
    body.notices = notices::part(&key, held.iter().map(|held| held.recipient.as_str()));
    let record = core.record(place, now, Kind::Refusal, body)?;
    let written = notices::written(&core.chain, place.seq, &record);
    let all = held.iter().map(|held| held.refusal(&written)).collect();
    Ok((record, notices::deliver(core, person, now, all)?))
}

/// What was read: the Username of the user that it is about, and permissions, which count for a while.
fn known(core: &Core, refused: &Refused, name: &str, now: i64) -> Vec<Op> {
    let (Some(target), Some(looked)) = (&refused.target, &refused.looked) else { return Vec::new() };
    let user = looked.user().filter(|user| target.user() == Some(&user.id));
    let named = user.map(|user| core.named(target, &user.username));
    let permissions = permissions::seen(core, target, user.map(|user| (user, name)), &looked.seen, now);
    named.into_iter().chain(permissions).collect()
}

/// The compact record of a refusal that nobody waits for: without anything sealed, and without what could be a name.
pub(super) fn compact(core: &Arc<Core>, refused: &Refused, now: i64) -> Compose {
    let (body, _) = said(refused);
    note(core, now, Kind::Refusal, body)
}

/// The compact record of an ordinary operation.
pub(super) fn ordinary(core: &Arc<Core>, permit: &Permit<Ordinary>, now: i64) -> Compose {
    let operation = permit.operation();
    let body = Body {
        policy: Some(permit.policy().hex()),
        basis: Some(parts::basis(permit.basis())),
        ..who(permit.caller(), Some(operation.target()), Some(operation.route()), Some(operation.class()))
    };
    note(core, now, Kind::Ordinary, body)
}

fn note(core: &Arc<Core>, now: i64, kind: Kind, body: Body) -> Compose {
    let core = Arc::clone(core);
    Box::new(move |place| {
        Ok(Composed { record: Some(core.record(place, now, kind, body)?), ops: Vec::new() })
    })
}

/// What a refusal's record says and what it seals.
fn said(refused: &Refused) -> (Body, Inputs) {
    let body = Body {
        policy: Some(refused.policy.hex()),
        refusal: Some(parts::refusal(&refused.refusal)),
        ..who(&refused.caller, refused.target.as_ref(), refused.route, refused.class)
    };
    let asked = |(field, value): &(Field, Option<String>)| (field.name().to_owned(), value.clone());
    let inputs = Inputs {
        before: refused.user().map(|user| parts::fields(&user.identity)),
        asked: (!refused.asked.is_empty()).then(|| refused.asked.iter().map(asked).collect()),
        username: refused.user().map(|user| user.username.clone()),
        profiles: refused.user().map(|user| user.security_profiles.clone()),
        request: refused.change.as_deref().and_then(BuiltPart::of),
        body: refused.change.as_deref().and_then(inputs::body).map(bounded),
        given: parts::given(&refused.given),
        looked: refused.looked.as_deref().map(LookedPart::of),
        id: refused.target.as_ref().and_then(|target| parts::target(target).1),
        words: Some(refused.refusal.detail.clone()).filter(|words| !words.is_empty()),
        ..parts::of_caller(&refused.caller)
    };
    (body, inputs)
}

/// The body of what was refused, or of a long one how long it was and its SHA-256: whoever is refused on purpose is not to fill
/// the ledger with it.
fn bounded(body: String) -> String {
    if body.len() <= BODY_MAX {
        return body;
    }
    json!({ "octets": body.len(), "sha256": Digest::of(body.as_bytes()).hex() }).to_string()
}

fn who(
    caller: &Caller,
    target: Option<&Target>,
    route: Option<&'static Route>,
    class: Option<Class>,
) -> Body {
    Body {
        request: Some(parts::request(caller)),
        caller: Some(parts::caller(caller)),
        target: target.map(|target| parts::target(target).0),
        operation: route.map(|route| route.operation.into()),
        class: class.map(|class| parts::class(class).into()),
        ..Body::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_body_that_was_refused_is_known_by_its_digest() {
        let longest = "x".repeat(BODY_MAX);
        assert_eq!(bounded(longest.clone()), longest);
        let longer = longest + "x";
        let digest = Digest::of(longer.as_bytes()).hex();
        assert_eq!(bounded(longer), format!(r#"{{"octets":8193,"sha256":"{digest}"}}"#));
    }
}
