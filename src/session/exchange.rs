//! The path of one request for a session: route, rate, proof, and the answer from what is on record.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::{
    caller::{Session, Voucher},
    clock::Now,
    ledger::Stranger,
    sigv4::instant,
    wire::{
        Head, Malformed, Origin, Reply, WireRequest,
        json::{Json, Object},
    },
};

use super::{
    Exchange,
    grant::{self, Draft},
    nonce,
    proof::StsProof,
    route::Route,
    stop::Stop,
    tally::DONE,
};

/// How far the clock of whoever signed may be off: as for any call.
const SKEW: SignedDuration = SignedDuration::from_secs(300);

impl Exchange {
    /// Judges a head before any of its body is read: how many octets of body may follow, or the reply.
    pub fn admit(&self, head: &Head) -> Result<usize, Reply> {
        let route = Route::of(head);
        let known = route.as_ref().ok().copied();
        route.and_then(|route| self.may_follow(route, head).map(|()| route.body())).map_err(|stop| {
            self.stopped(known, &stop, &head.origin);
            stop.reply(known, &head.origin.request_id)
        })
    }

    /// Whether a request that is answered with 200 has set or lifted a freeze.
    pub fn changes_freezes(head: &Head) -> bool {
        matches!(Route::of(head), Ok(Route::Freeze | Route::Unfreeze))
    }

    /// Answers a request. Dropped when its caller hangs up: what is on record by then stays so.
    pub async fn handle(self: Arc<Self>, request: WireRequest) -> Reply {
        let origin = request.head.origin.clone();
        let route = Route::of(&request.head);
        let known = route.as_ref().ok().copied();
        let result = match route {
            Ok(route) => self.routed(route, request).await,
            Err(stop) => Err(stop),
        };
        match result {
            Ok(reply) => {
                self.tally.count(known, DONE);
                reply
            }
            Err(stop) => {
                let stop = self.charged(stop, &origin);
                self.stopped(known, &stop, &origin);
                stop.reply(known, &origin.request_id)
            }
        }
    }

    /// Counts a request that has no single reading.
    pub fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        self.stopped(None, &Stop::Malformed(malformed.clone()), origin);
    }

    /// Charges a request whose body did not come to its source: it held a place for nothing.
    pub fn unread(&self, origin: &Origin) {
        self.tally.count(None, "unread");
        self.ledger.stranger(Stranger { source: origin.source, code: "unread" });
        tracing::info!(request = %origin.request_id, source = %origin.source, "its body did not come");
        // Whoever is over his rate learns of it at his next request.
        let _ = self.limiter.failed(origin.source, None);
    }

    async fn routed(&self, route: Route, request: WireRequest) -> Result<Reply, Stop> {
        let now = self.clock.now();
        if !route.is_signed() {
            self.limiter.may_try(request.head.origin.source, None).map_err(Stop::Limited)?;
        }
        match route {
            Route::Nonce => self.nonce(&request, now),
            Route::Sts => self.by_sts(&request, now).await,
            Route::Certificate => self.by_certificate(&request, now).await,
            Route::WebIdentity => self.web_identity(&request, now).await,
            Route::Freeze | Route::Unfreeze | Route::Freezes => self.frozen(route, request, now).await,
        }
    }

    fn may_follow(&self, route: Route, head: &Head) -> Result<(), Stop> {
        let source = head.origin.source;
        if !route.is_signed() {
            return self.limiter.may_try(source, None).map_err(Stop::Limited);
        }
        let keys = self.keys.load();
        let key = keys.named(head);
        self.limiter.may_try(source, key.as_deref()).map_err(Stop::Limited)?;
        let well_formed = keys.precheck(head, self.clock.now());
        well_formed.map_err(|why| Self::unproven(why, self.limiter.ill_formed(source)))
    }

    fn nonce(&self, request: &WireRequest, now: Now) -> Result<Reply, Stop> {
        empty(request).map_err(Stop::Malformed)?;
        let force = self.force.load();
        let audience = &force.options.audience;
        let nonce = nonce::issue(&force.sessions, audience, now).map_err(Stop::Seal)?;
        let mut object = Object::new();
        object.set("nonce", nonce.into());
        object.set("audience", audience.as_str().into());
        object.set("expiresIn", nonce::HOLDS.as_secs().into());
        Ok(grant::json(object, &request.head.origin.request_id))
    }

    /// A proof by STS. Everything that can be known without STS is looked at first; the nonce is spent after STS has proven
    /// somebody, so that no stranger ever makes the guard write.
    async fn by_sts(&self, request: &WireRequest, now: Now) -> Result<Reply, Stop> {
        request.expect_json().map_err(Stop::Malformed)?;
        let force = self.force.load_full();
        let sts = force.sts.as_ref().ok_or(Stop::NotServed)?;
        let proof = StsProof::read(&request.body).map_err(Stop::Malformed)?;
        let audience = &force.options.audience;
        let nonce = nonce::open(&force.sessions, audience, &proof.nonce, now).map_err(Stop::Nonce)?;
        let signed = instant(&proof.date).ok_or(Stop::Skewed)?;
        if signed.duration_since(now.timestamp()).abs() > SKEW {
            return Err(Stop::Skewed);
        }
        if !sts.serves(proof.host) {
            return Err(Stop::Sts(super::sts::StsFault::Region));
        }
        let origin = &request.head.origin;
        let place = self.places.take(origin.source).ok_or(Stop::Busy)?;
        let principal = sts.ask(&proof, audience).await.map_err(Stop::Sts)?;
        drop(place);
        if !self.ledger.spend(&nonce.digest, nonce.until).await.map_err(Stop::Unwritten)? {
            return Err(Stop::Spent);
        }
        let draft = Draft {
            principal,
            voucher: Voucher::Sts,
            until: None,
            asked: None,
            claims: std::collections::BTreeMap::new(),
            label: None,
        };
        self.answered(draft, origin, self.clock.now()).await
    }

    async fn by_certificate(&self, request: &WireRequest, now: Now) -> Result<Reply, Stop> {
        empty(request).map_err(Stop::Malformed)?;
        let certificate = request.head.peer.certificate.as_ref().ok_or(Stop::NoCertificate)?;
        let keys = self.keys.load_full();
        let name = keys.certificate(certificate).ok_or(Stop::Certificate)?;
        let not_after = jiff::Timestamp::from_millisecond(certificate.not_after).map_err(|_| Stop::Over)?;
        let draft = Draft {
            principal: name.principal.clone(),
            voucher: Voucher::Certificate {
                name: name.as_str().to_owned(),
                fingerprint: certificate.fingerprint,
            },
            until: Some(not_after.into()),
            asked: None,
            claims: name.claims.clone(),
            label: None,
        };
        self.answered(draft, &request.head.origin, now).await
    }

    async fn answered(&self, draft: Draft, origin: &Origin, now: Now) -> Result<Reply, Stop> {
        let (session, issued) = self.grant(draft, origin, now).await?;
        Self::granted(&session, origin);
        Ok(grant::reply(&session, &issued, &origin.request_id))
    }

    /// Tells the log of a session: whose, and by what kind of proof. No token, no subject,
    /// no claim and no name of a session: they may be personal.
    pub(super) fn granted(session: &Session, origin: &Origin) {
        let voucher = session.voucher.kind();
        let principal = session.principal.account_key();
        let expires = grant::expiration(session.expires);
        tracing::info!(request = %origin.request_id, source = %origin.source, %principal, session = session.id, voucher, expires, "session issued");
    }

    /// Charges a proof that failed to its source. A signature was charged where it was looked at.
    fn charged(&self, stop: Stop, origin: &Origin) -> Stop {
        if !stop.is_failed_proof() || matches!(stop, Stop::Unverified(_)) {
            return stop;
        }
        match self.limiter.failed(origin.source, None) {
            Ok(()) => stop,
            Err(limited) => Stop::Limited(limited),
        }
    }

    /// Counts and tells of a request that came to nothing. A failed proof is summarised in the ledger as well.
    fn stopped(&self, route: Option<Route>, stop: &Stop, origin: &Origin) {
        let code = stop.code();
        self.tally.count(route, code);
        if stop.is_failed_proof() {
            self.ledger.stranger(Stranger { source: origin.source, code });
        }
        let why = stop.why();
        let route = route.map(Route::as_str);
        tracing::info!(request = %origin.request_id, source = %origin.source, route, code, why, "no session");
    }
}

/// That a request says nothing: no body, or an empty object.
fn empty(request: &WireRequest) -> Result<(), Malformed> {
    if request.body.is_empty() {
        return Ok(());
    }
    request.expect_json()?;
    Json::read_object(&request.body)?.finish()
}
