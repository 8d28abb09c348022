//! The path of one request, up to the moment when its work belongs to the guard.

use std::{sync::Arc, time::Duration};

use super::{Guard, Stop, answer};
use crate::{
    ledger::{Earlier, Recorded, Unintended},
    limit::Admitted,
    notice::Plan,
    operation::{Class, Look, Unrecognised, Why, recognise},
    policy::{Code, Next, Refusal, Refused, Undecided, screen},
    secret::Digest,
    upstream::Unseen,
    wire::{Reply, WireRequest},
};

/// How long a second arrival waits for the answer to the first. Shorter than any SDK's own timeout (60 s).
pub(super) const WAIT_FOR_FIRST: Duration = Duration::from_secs(25);

/// What the log line says of a request.
#[derive(Default)]
struct Line {
    principal: Option<String>,
    proof: Option<String>,
    operation: Option<&'static str>,
    record: Option<u64>,
}

impl Guard {
    /// Answers a request. The returned future may be dropped when the caller hangs up: from the intent on, the work goes
    /// on without it.
    pub async fn handle(self: Arc<Self>, request: WireRequest) -> Reply {
        let id = request.head.origin.request_id.clone();
        let source = request.head.origin.source;
        let begun = self.clock.now();
        let mut line = Line::default();
        let (reply, decision, rule, why) = match self.clone().path(request, &mut line).await {
            Ok(reply) => (reply, "allowed", None, None),
            Err(stop) => (stop.reply(&id), stop.word(), stop.rule(), stop.why()),
        };
        tracing::info!(
            request = %id,
            %source,
            principal = line.principal,
            proof = line.proof,
            operation = line.operation,
            decision,
            rule,
            why,
            status = reply.status,
            record = line.record,
            millis = self.clock.now().millis() - begun.millis(),
            "request"
        );
        reply
    }

    async fn path(self: Arc<Self>, request: WireRequest, line: &mut Line) -> Result<Reply, Stop> {
        let origin = request.head.origin.clone();
        let now = self.clock.now();
        self.limiter.may_try(origin.source).map_err(Stop::Limited)?;
        let verified = self.keys.verify(request, now).map_err(|unverified| {
            self.unproven(&origin, unverified.code());
            Stop::Unverified(unverified)
        })?;
        line.principal = Some(verified.caller().principal.arn.to_string());
        line.proof = Some(verified.caller().proof.to_string());

        self.limiter.may_ask(verified.caller()).map_err(Stop::Limited)?;
        let policy = self.policy.load_full();
        let asked = match recognise(verified, &self.sites) {
            Ok(asked) => asked,
            Err(unrecognised) => return Err(self.unrecognised(unrecognised, policy.digest(), line).await),
        };
        line.operation = Some(asked.operation().route().operation);
        let screened = match screen(&policy, asked, now) {
            Ok(screened) => screened,
            Err(refused) => return Err(self.refused(refused).await),
        };
        let admitted = self.limiter.admit(screened).map_err(|(_, limited)| Stop::Limited(limited))?;
        match admitted.next() {
            Next::Pass(permit) => Ok(self.upstream.pass(self.ledger.note(permit)).await),
            Next::Look(undecided) => {
                let recorded = self.clone().change(undecided).await?;
                line.record = Some(recorded.record().seq);
                Ok(answer(&recorded, &origin.request_id))
            }
        }
    }

    /// A change: what is remembered of it, what is true now, the decision; then the work is the guard's.
    async fn change(self: Arc<Self>, undecided: Undecided) -> Result<Recorded, Stop> {
        let principal = &undecided.caller().principal;
        match self.ledger.earlier(principal, undecided.change(), undecided.attempt(), WAIT_FOR_FIRST).await {
            Ok(Earlier::None) => {}
            Ok(Earlier::Answered(recorded)) => return Ok(recorded),
            Ok(Earlier::Superseded) => return Err(Stop::Superseded),
            Ok(Earlier::Open) => return Err(Stop::StillOpen),
            Err(unwritten) => return Err(Stop::Unwritten(unwritten)),
        }
        let caller = undecided.caller().clone();
        let look = undecided.look();
        let admitted =
            self.limiter.reserve(undecided, &reads(&look)).map_err(|(_, limited)| Stop::Limited(limited))?;
        let done = self.clone().decided(admitted, &look).await;
        // A security profile that does not exist is a read that fails, and the caller's choice.
        if let Err(
            Stop::Refused(_)
            | Stop::Unseen(Unseen::Unavailable(_))
            | Stop::Unintended(Unintended::Busy | Unintended::Quota { .. }),
        ) = &done
        {
            self.limiter.in_vain(&caller);
        }
        done
    }

    /// Looks, decides, and carries out what is permitted.
    async fn decided(self: Arc<Self>, admitted: Admitted<Undecided>, look: &Look) -> Result<Recorded, Stop> {
        // Before anything is read: what changes from here on makes the decision void.
        let known = self.ledger.recall(&admitted.get().recall()).await.map_err(Stop::Unwritten)?;
        let seen = match self.upstream.observe(admitted.get().change().target(), look).await {
            Ok(seen) => seen,
            Err(Unseen::Unknown) => {
                let refusal = Refusal {
                    code: Code::UserUnknown,
                    rule: None,
                    fields: Vec::new(),
                    detail: "Connect does not know the user or the instance".into(),
                };
                let refused = admitted.into_inner().refuse(refusal);
                return Err(self.refused(refused).await);
            }
            Err(unseen) => return Err(Stop::Unseen(unseen)),
        };
        let permit = match admitted.decide(seen, &known, self.clock.now()) {
            Ok(permit) => permit,
            Err(refused) => return Err(self.refused(refused).await),
        };
        let plan = Plan::of(&permit, &self.routing).map_err(|_| Stop::NobodyTold)?;
        let work = self.tasks.spawn(self.clone().carry_out(permit, plan));
        // The work was not cancelled by anybody, so a join error is a panic in it: what became of it is settled later.
        work.await.unwrap_or(Err(Stop::Unrecorded))
    }

    /// Writes a refusal down before it is given. One that cannot be written is answered as unavailable: nothing was sent
    /// either way, and no refusal goes unrecorded.
    async fn refused(&self, refused: Box<Refused>) -> Stop {
        self.limiter.refused(&refused.caller);
        let guarded = refused
            .route
            .is_none_or(|route| matches!(route.class, Class::Identity | Class::Sensitive | Class::Forbidden));
        if !guarded {
            self.ledger.refuse_ordinary(&refused);
            return Stop::Refused(refused);
        }
        let plan = Plan::of_refusal(&refused, &self.routing, self.clock.now());
        match self.ledger.refuse(&refused, plan).await {
            Ok(()) => Stop::Refused(refused),
            Err(unwritten) => Stop::Unwritten(unwritten),
        }
    }

    /// Writes down what an authenticated caller asked for in vain before any rule was looked at.
    async fn unrecognised(&self, unrecognised: Unrecognised, policy: Digest, line: &mut Line) -> Stop {
        line.operation = unrecognised.route.map(|route| route.operation);
        let (code, detail) = match &unrecognised.why {
            Why::OperationUnknown => (Code::OperationUnknown, "not an operation of Connect".to_owned()),
            Why::OperationForbidden => {
                (Code::OperationForbidden, "it mints a login for whoever signs it".to_owned())
            }
            Why::NotServed => {
                (Code::NoRule, "no upstream has this instance in the Region that was signed for".to_owned())
            }
            Why::Malformed(malformed) => (Code::Malformed, malformed.why.clone()),
        };
        let refused = Box::new(Refused {
            caller: unrecognised.caller.clone(),
            route: unrecognised.route,
            target: None,
            asked: Vec::new(),
            user: None,
            refusal: Refusal { code, rule: None, fields: Vec::new(), detail },
            policy,
        });
        let stop = self.refused(refused).await;
        // The caller of something malformed is told what is wrong with it: it is his own.
        if matches!(&stop, Stop::Refused(refused) if refused.refusal.code == Code::Malformed) {
            return Stop::Unrecognised(Box::new(unrecognised));
        }
        stop
    }
}

/// The reads of users that a change needs, to be reserved with it: the one before and the one after.
fn reads(look: &Look) -> Vec<(&'static str, u32)> {
    match (&look.user, &look.username) {
        (Some(_), _) => vec![("DescribeUser", 2)],
        (None, Some(_)) => vec![("DescribeUser", 1)],
        (None, None) => Vec::new(),
    }
}
