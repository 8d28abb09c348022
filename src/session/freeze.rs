//! Freezing changes and lifting that: signed like any call, by those who are named for it. That who froze does not lift is
//! decided in the ledger's own transaction, not here.

use crate::{
    caller::{Caller, Proof, Unverified},
    clock::Now,
    limit::Limited,
    policy::{Freeze, FreezeScope},
    wire::{
        Malformed, Reply, WireRequest,
        json::{Json, Object},
    },
};

use super::{Exchange, grant::json, rights::Rights, route::Route, stop::Stop};

/// Characters of a reason.
const REASON_MAX: usize = 256;
/// What is said of a freeze that stops nothing at present.
const NOT_NAMED: &str = "no rule in force names this caller: compare the ARN";
/// Characters of a freeze's id.
const ID_MAX: usize = 128;

impl Exchange {
    /// Answers a signed request about freezes.
    pub(super) async fn frozen(&self, route: Route, request: WireRequest, now: Now) -> Result<Reply, Stop> {
        let id = request.head.origin.request_id.clone();
        request.expect_json().map_err(Stop::Malformed)?;
        let (caller, body) = self.caller(request, now)?;
        if let Proof::Session(session) = &caller.proof {
            self.ledger.session_used(session);
        }
        self.limiter.ask(&caller).map_err(Stop::Limited)?;
        let result = match self.may_speak(route, &caller) {
            Ok(()) => self.by(route, &caller, &body).await,
            Err(stop) => Err(stop),
        };
        if let Err(stop) = &result {
            let principal = caller.principal.account_key();
            tracing::warn!(request = %id, %principal, route = route.as_str(), code = stop.code(), "not done");
        }
        result.map(|object| json(object, &id))
    }

    /// Whoever is revoked does nothing here; and nobody lifts a freeze while it is not known who is revoked.
    fn may_speak(&self, route: Route, caller: &Caller) -> Result<(), Stop> {
        let policy = (self.policy)();
        if policy.revokes(caller) || (route == Route::Unfreeze && policy.frozen_by().is_some()) {
            return Err(Stop::Revoked);
        }
        Ok(())
    }

    /// A freeze of an instance that no upstream has would be confirmed and stop nothing. Ids are compared exactly, as those
    /// of requests are.
    fn is_here(&self, scope: &FreezeScope) -> Result<(), Malformed> {
        match scope {
            FreezeScope::Instance(id) if !self.instances.iter().any(|here| here.as_str() == id) => {
                Err(Malformed::form(
                    "`scope`: no upstream of this guard has the instance; ids are compared exactly",
                ))
            }
            FreezeScope::Instance(_) | FreezeScope::All | FreezeScope::Caller(_) => Ok(()),
        }
    }

    async fn by(&self, route: Route, caller: &Caller, body: &[u8]) -> Result<Object, Stop> {
        let force = self.force.load_full();
        let routing = self.routing.load_full();
        let allowed = |may: fn(&Rights, &crate::caller::Principal) -> bool| {
            if may(&force.rights, &caller.principal) { Ok(()) } else { Err(Stop::Rights) }
        };
        match route {
            Route::Freeze => {
                allowed(Rights::may_freeze)?;
                let (scope, reason) = read_freeze(body).map_err(Stop::Malformed)?;
                self.is_here(&scope).map_err(Stop::Malformed)?;
                let done = self.ledger.freeze(&scope, &reason, caller, &routing).await;
                let mut object = told(&done.map_err(Stop::Unwritten)?, caller, "frozen");
                // It may be meant for somebody who is let in later: it holds all the same.
                if !(self.policy)().meets(&scope) {
                    object.set("warning", NOT_NAMED.into());
                }
                Ok(object)
            }
            Route::Unfreeze => {
                allowed(Rights::may_unfreeze)?;
                let (id, reason) = read_unfreeze(body).map_err(Stop::Malformed)?;
                let freeze = self.ledger.freeze_named(&id).await.map_err(Stop::NotLifted)?;
                if freeze.is_own(&caller.principal.account_key()) {
                    // It will be refused, and that goes on record: nobody fills the ledger so.
                    self.limiter.may_be_refused(caller).map_err(Stop::Limited)?;
                    self.limiter.refused_on_record(caller);
                }
                let done = self.ledger.unfreeze(&id, &reason, caller, &routing).await;
                Ok(told(&done.map_err(Stop::NotLifted)?, caller, "lifted"))
            }
            Route::Freezes => {
                allowed(Rights::may_see)?;
                empty(body).map_err(Stop::Malformed)?;
                let freezes = self.ledger.freezes().await.map_err(Stop::Unwritten)?;
                let mut object = Object::new();
                object.set("freezes", Json::Array(freezes.iter().map(|one| listed(one).into()).collect()));
                Ok(object)
            }
            Route::Nonce | Route::Sts | Route::Certificate | Route::WebIdentity => Err(Stop::Path),
        }
    }

    /// Who signed it, and its body. As for any call: a source that failed too often is answered before a signature is
    /// computed.
    fn caller(&self, request: WireRequest, now: Now) -> Result<(Caller, bytes::Bytes), Stop> {
        let keys = self.keys.load_full();
        let source = request.head.origin.source;
        let key = keys.named(&request.head).map(std::borrow::Cow::into_owned);
        self.limiter.may_try(source, key.as_deref()).map_err(Stop::Limited)?;
        let verified = keys.verify(request, now);
        let verified =
            verified.map_err(|why| Self::unproven(why, self.limiter.failed(source, key.as_deref())))?;
        let (caller, _, _, request) = verified.into_parts();
        Ok((caller, request.body))
    }

    /// What proves nobody, as it was `charged`. From a source that is over its rate each has one answer.
    pub(super) fn unproven(why: Unverified, charged: Result<(), Limited>) -> Stop {
        charged.map_or_else(Stop::Limited, |()| Stop::Unverified(why))
    }
}

fn told(freeze: &Freeze, caller: &Caller, what: &'static str) -> Object {
    let (request, principal) = (&caller.origin.request_id, caller.principal.account_key());
    tracing::warn!(%request, %principal, freeze = freeze.id, scope = %freeze.scope, what, "changes frozen or released");
    let mut object = Object::new();
    object.set("id", freeze.id.as_str().into());
    object
}

fn listed(freeze: &Freeze) -> Object {
    let mut object = Object::new();
    object.set("id", freeze.id.as_str().into());
    object.set("scope", freeze.scope.to_string().into());
    object.set("reason", freeze.reason.as_str().into());
    object.set("by", freeze.by.as_str().into());
    object.set("at", freeze.at.into());
    object
}

fn read_freeze(body: &[u8]) -> Result<(FreezeScope, String), Malformed> {
    let mut object = Json::read_object(body)?;
    let (scope, reason) = (need(&mut object, "scope")?, reason(&mut object)?);
    object.finish()?;
    let scope = scope.parse().map_err(|fault| Malformed::form(format!("`scope`: {fault}")))?;
    Ok((scope, reason))
}

fn read_unfreeze(body: &[u8]) -> Result<(String, String), Malformed> {
    let mut object = Json::read_object(body)?;
    let (id, reason) = (need(&mut object, "id")?, reason(&mut object)?);
    object.finish()?;
    let is_id = (1..=ID_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic());
    if is_id { Ok((id, reason)) } else { Err(Malformed::form("`id` is no id of a freeze")) }
}

fn empty(body: &[u8]) -> Result<(), Malformed> {
    if body.is_empty() { Ok(()) } else { Json::read_object(body)?.finish() }
}

fn need(object: &mut Object, name: &str) -> Result<String, Malformed> {
    object.take_string(name)?.ok_or_else(|| Malformed::form(format!("`{name}` is missing")))
}

/// Why, in words that people are told: something must be said, on one line.
fn reason(object: &mut Object) -> Result<String, Malformed> {
    let reason = need(object, "reason")?;
    let length = reason.chars().count();
    if reason.trim().is_empty() || length > REASON_MAX || reason.chars().any(char::is_control) {
        return Err(Malformed::form("`reason` is 1 to 256 characters on one line"));
    }
    Ok(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(members: &[(&str, &str)]) -> Object {
        let mut object = Object::new();
        for (name, value) in members {
            object.set(name, (*value).into());
        }
        object
    }

    #[test]
    fn a_reason_is_said_on_one_line() {
        let said = |reason: &str| {
            let body = Json::from(pairs(&[("scope", "all"), ("reason", reason)])).write();
            read_freeze(&body).is_ok()
        };
        assert!(said("leaver, INC-7") && said(&"\u{e9}".repeat(256)));
        for reason in ["", " ", "a\nb", "a\u{85}b", &"r".repeat(257)] {
            assert!(!said(reason), "{reason:?}");
        }
    }

    #[test]
    fn a_scope_is_strict() {
        let scope = |text: &str| read_freeze(&Json::from(pairs(&[("scope", text), ("reason", "r")])).write());
        assert_eq!(scope("all").unwrap().0, FreezeScope::All);
        assert!(scope("instance:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111").is_ok());
        assert!(scope("caller:arn:aws:iam::111122223333:role/Desk").is_ok());
        for text in ["", "All", "all ", "instance:", "instance:*", "caller:*", "user:x", "caller:Desk"] {
            assert!(scope(text).is_err(), "{text}");
        }
        assert!(read_freeze(br#"{"scope":"all","reason":"r","for":"1h"}"#).is_err());
        assert!(read_freeze(br#"{"scope":"all","scope":"all","reason":"r"}"#).is_err());
        assert!(read_freeze(br#"{"scope":"all"}"#).is_err());
        assert!(read_unfreeze(br#"{"id":"x","reason":"r"}"#).is_ok());
        assert!(read_unfreeze(br#"{"id":"","reason":"r"}"#).is_err());
        assert!(read_unfreeze(br#"{"id":"x"}"#).is_err());
        assert!(empty(b"").is_ok() && empty(b"{}").is_ok() && empty(br#"{"a":1}"#).is_err());
    }
}
