//! A session is made, written down, and only then handed over.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::SignedDuration;

use crate::{
    caller::{Caller, Issued, Principal, Proof, Session, Voucher},
    clock::Now,
    secret::random,
    wire::{
        Body, Origin, Reply, RequestId,
        json::{Json, Object},
    },
};

use super::{Exchange, stop::Stop};

/// What a session is to be of.
pub(super) struct Draft {
    pub(super) principal: Principal,
    pub(super) voucher: Voucher,
    /// When what vouches for it ends.
    pub(super) until: Option<Now>,
    /// How long it is asked for; never longer than is configured.
    pub(super) asked: Option<Duration>,
    pub(super) claims: BTreeMap<String, String>,
    pub(super) label: Option<String>,
}

impl Exchange {
    /// Issues a session: on record before anybody has its secret.
    pub(super) async fn grant(
        &self,
        draft: Draft,
        origin: &Origin,
        now: Now,
    ) -> Result<(Session, Issued), Stop> {
        let force = self.force.load_full();
        let lifetime = draft.asked.map_or(force.options.lifetime, |asked| asked.min(force.options.lifetime));
        let expires = end(now, lifetime, draft.until).ok_or(Stop::Over)?;
        let session = Session {
            id: Session::fresh_id(random().map_err(Stop::Seal)?),
            principal: draft.principal,
            voucher: draft.voucher,
            issued: now,
            expires,
            claims: draft.claims,
            label: draft.label,
        };
        let session = self.unrevoked(session, origin)?;
        self.limiter.may_have_session(&session.principal, origin.source).map_err(Stop::Limited)?;
        let issued = force.sessions.issue(&session).map_err(Stop::Issue)?;
        self.ledger.session_issued(&session, origin).await.map_err(Stop::Unwritten)?;
        Ok((session, issued))
    }
}

impl Exchange {
    /// A session of somebody whom the policy in force does not revoke.
    fn unrevoked(&self, session: Session, origin: &Origin) -> Result<Session, Stop> {
        let caller = Caller {
            principal: session.principal.clone(),
            proof: Proof::Session(Arc::new(session.clone())),
            origin: origin.clone(),
            notes: BTreeMap::new(),
        };
        if (self.policy)().revokes(&caller) { Err(Stop::Revoked) } else { Ok(session) }
    }
}

/// When a session ends, in whole seconds, as its holder is told: never later than what vouches for it. None when that is
/// over.
fn end(now: Now, lifetime: Duration, until: Option<Now>) -> Option<Now> {
    let by_lifetime = now.plus(SignedDuration::try_from(lifetime).ok()?);
    let end = until.map_or(by_lifetime, |until| until.min(by_lifetime));
    let whole: Now = jiff::Timestamp::from_second(end.millis().div_euclid(1000)).ok()?.into();
    (whole > now).then_some(whole)
}

/// An instant as STS writes it: whole seconds, `Z`.
pub(super) fn expiration(at: Now) -> String {
    at.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The credentials in the form that `credential_process` hands on, and whose they are.
pub(super) fn reply(session: &Session, issued: &Issued, id: &RequestId) -> Reply {
    let mut object = Object::new();
    object.set("Version", 1.into());
    object.set("AccessKeyId", issued.access_key_id.as_str().into());
    object.set("SecretAccessKey", issued.secret.expose_str().unwrap_or_default().into());
    object.set("SessionToken", issued.token.as_str().into());
    object.set("Expiration", expiration(issued.expires).into());
    object.set("Principal", session.principal.arn.to_string().into());
    json(object, id)
}

/// An answer in JSON, which nobody keeps on the way.
pub(super) fn json(object: Object, id: &RequestId) -> Reply {
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("cache-control", "no-store".to_owned()),
        ("x-amzn-requestid", id.as_str().to_owned()),
    ];
    Reply { status: 200, headers, body: Body::Whole(Json::from(object).write().into()), close: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Now {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn s10_a_session_never_outlives_what_vouches_for_it() {
        let now = at("2027-03-12T10:00:00.4Z");
        let quarter = Duration::from_mins(15);
        let said = |until: Option<&str>| end(now, quarter, until.map(at)).map(expiration);
        assert_eq!(said(None).as_deref(), Some("2027-03-12T10:15:00Z"));
        assert_eq!(said(Some("2027-03-12T11:00:00Z")).as_deref(), Some("2027-03-12T10:15:00Z"));
        assert_eq!(said(Some("2027-03-12T10:05:00.9Z")).as_deref(), Some("2027-03-12T10:05:00Z"));
        assert_eq!(said(Some("2027-03-12T10:00:00.9Z")), None);
        assert_eq!(said(Some("2027-03-12T09:00:00Z")), None);
    }
}
