//! Sessions: on record when they are issued, and when each was used last.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    caller::Session,
    notice::{shown, vouched_shown},
    store::{Append, Composed, Misfit, NewSession, Op, Step, Weight},
    wire::Origin,
};

use super::{
    Ledger, Unwritten,
    core::Core,
    parts,
    queue::Purpose,
    record::{Body, CallerPart, Inputs, Kind, RequestPart, SessionPart, instant},
};

/// Sessions of which a use waits to be written at most: the use of others is not written.
const MOST: usize = 10_000;

/// When sessions were used last: what waits to be written, once a minute.
#[derive(Default)]
pub(super) struct Uses(Mutex<HashMap<String, i64>>);

impl Ledger {
    /// Records that a session was issued. On disk before this returns: the credentials are given out after it.
    ///
    /// # Errors
    /// When it cannot be written: the session is not to be given out.
    pub async fn session_issued(&self, session: &Session, origin: &Origin) -> Result<(), Unwritten> {
        let step = issued(&self.inner.core, session, origin)?;
        self.written(step, Purpose::Plain).await.map(|_| ())
    }

    /// Notes that a session was used now. Never waits; written at most once a minute for each session.
    pub fn session_used(&self, session: &Session) {
        self.inner.shared.uses.note(&session.id, self.inner.core.now());
    }
}

impl Uses {
    /// A session was used.
    fn note(&self, id: &str, at: i64) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = uses.get_mut(id) {
            *last = at.max(*last);
        } else if uses.len() < MOST {
            uses.insert(id.to_owned(), at);
        }
    }

    /// All that waits; none when nothing does.
    pub(super) fn take(&self) -> Option<Vec<(String, i64)>> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!taken.is_empty()).then(|| taken.into_iter().collect())
    }

    /// What could not be written.
    pub(super) fn put_back(&self, uses: Vec<(String, i64)>) {
        for (id, at) in uses {
            self.note(&id, at);
        }
    }
}

/// The step that records a session.
fn issued(core: &Arc<Core>, session: &Session, origin: &Origin) -> Result<Step, Misfit> {
    let now = core.now();
    let principal = &session.principal;
    let (whole, voucher) = (principal.arn.to_string(), session.voucher.to_string());
    let caller = CallerPart {
        principal: parts::principal(principal),
        unique_id: principal.unique_id.clone(),
        proof: vouched_shown(&session.voucher),
    };
    let label = session.label.as_deref().map(shown);
    let inputs = Inputs {
        principal: (caller.principal != whole).then_some(whole),
        proof: (caller.proof != voucher).then_some(voucher),
        label: session.label.clone().filter(|whole| label.as_ref() != Some(whole)),
        claims: session.claims.clone(),
        user_agent: origin.user_agent.as_deref().map(str::to_owned),
        ..Inputs::default()
    };
    let part = SessionPart {
        id: session.id.clone(),
        issued: instant(session.issued.millis()),
        expires: instant(session.expires.millis()),
        label,
        claims: session.claims.keys().map(|name| shown(name)).collect(),
    };
    let row = NewSession {
        id: session.id.clone(),
        account: principal.account_key().to_string(),
        issued: session.issued.millis(),
        expires: session.expires.millis(),
    };
    let request = RequestPart { id: origin.request_id.as_str().into(), source: origin.source.to_string() };
    let person = core.new_person(core.caller(principal))?;
    let core = Arc::clone(core);
    Ok(Step::Append(Append {
        weight: Weight::Ordinary,
        person: Some(person),
        checks: Vec::new(),
        compose: Box::new(move |place| {
            let key = core.data_key(place)?;
            let body = Body {
                request: Some(request),
                caller: Some(caller),
                inputs: Some(key.seal(&core.chain, place.seq, &inputs)?),
                session: Some(part),
                ..Body::default()
            };
            let record = core.record(place, now, Kind::Session, body)?;
            Ok(Composed { record: Some(record), ops: vec![Op::Session(row)] })
        }),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_so_many_sessions_wait_and_of_no_more() {
        let uses = Uses::default();
        for number in 0..=MOST {
            uses.note(&number.to_string(), 7);
        }
        // One that waits already is noted still, and never back in time.
        uses.note("0", 9);
        uses.note("1", 5);
        let waiting = uses.take().unwrap();
        assert_eq!(waiting.len(), MOST);
        let at = |id: &str| waiting.iter().find(|(waiting, _)| waiting == id).map(|(_, at)| *at);
        assert_eq!((at("0"), at("1"), at(&MOST.to_string())), (Some(9), Some(7), None));
        assert!(uses.take().is_none());
    }
}
