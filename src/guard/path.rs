//! The path of one request, up to the moment when its work belongs to the guard.

use std::{pin::pin, sync::Arc, time::Duration};

use super::{
    Guard, Outcome, Stage, Stop, answer,
    caught::{Caught, Panicked},
    line::Line,
    tally::Spent,
};
use crate::{
    caller::{Proof, Verified},
    clock::Now,
    crash::{Point, point},
    ledger::{Earlier, Recorded, Unintended},
    limit::{Admitted, Limited},
    notice::Plan,
    operation::{Class, Look, Unrecognised, Why, recognise},
    policy::{Code, Given, Next, Refusal, Refused, Undecided, screen},
    secret::Digest,
    upstream::Unseen,
    wire::{Reply, WireRequest},
};

/// How long a second arrival waits for the answer to the first. Shorter than any SDK's own timeout (60 s).
pub(super) const WAIT_FOR_FIRST: Duration = Duration::from_secs(25);

impl Guard {
    /// Answers a request. The returned future may be dropped when the caller hangs up: from the intent on, the work goes
    /// on without it. A panic on the way is answered like any other failure, and ends this request only.
    pub async fn handle(self: Arc<Self>, request: WireRequest) -> Reply {
        let id = request.head.origin.request_id.clone();
        let mut line = Line::begin(self.tally.clone(), &request.head.origin);
        point(Point::Received);
        let result = Caught::new(self.path(request, &mut line)).await;
        point(Point::Reply);
        match result.unwrap_or_else(|Panicked| Err(Stop::Panicked)) {
            Ok((reply, outcome)) => {
                line.end(outcome, None, reply.status);
                reply
            }
            Err(stop) => {
                let reply = stop.reply(&id);
                line.end(Outcome::from(&stop), Some(&stop), reply.status);
                reply
            }
        }
    }

    async fn path(self: Arc<Self>, request: WireRequest, line: &mut Line) -> Result<(Reply, Outcome), Stop> {
        let origin = request.head.origin.clone();
        let spent = line.spent.clone();
        let now = self.clock.now();
        let verified = self.tally.step(Stage::Verify, &spent, || self.verified(request, now))?;
        point(Point::Verified);
        // Whoever names his session may name it after a person, with an address: logs have the role alone.
        line.principal = Some(verified.caller().principal.account_key());
        line.proof = Some(verified.caller().proof.in_logs());
        if let Proof::Session(session) = &verified.caller().proof {
            self.ledger.session_used(session);
        }

        self.limiter.may_ask(verified.caller()).map_err(Stop::Limited)?;
        let policy = self.policy.load_full();
        let screened = match self.tally.step(Stage::Screen, &spent, || {
            let asked = recognise(verified, &self.sites)
                .map_err(|unrecognised| Unscreened::Unrecognised(Box::new(unrecognised)))?;
            line.operation = Some(asked.operation().route().operation);
            line.class = Some(asked.operation().class());
            if is_on_record(Some(asked.operation().class())) {
                self.limiter.may_be_refused(asked.caller()).map_err(Unscreened::Limited)?;
            }
            screen(&policy, asked, now).map_err(Unscreened::Refused)
        }) {
            Ok(screened) => screened,
            Err(Unscreened::Unrecognised(unrecognised)) => {
                return Err(Box::pin(self.unrecognised(*unrecognised, policy.digest(), line)).await);
            }
            Err(Unscreened::Limited(limited)) => return Err(Stop::Limited(limited)),
            Err(Unscreened::Refused(refused)) => return Err(Box::pin(self.refused(refused, &spent)).await),
        };
        point(Point::Screened);
        let admitted = self
            .tally
            .step(Stage::Limit, &spent, || self.limiter.admit(screened).map_err(|(_, limited)| limited))
            .map_err(Stop::Limited)?;
        point(Point::Admitted);
        match admitted.next() {
            Next::Pass(permit) => {
                let monitor = permit.basis().monitor.as_ref();
                line.monitor = monitor.map(|rule| format!("{} ({})", rule.id, rule.place));
                let pass = pin!(self.upstream.pass(self.ledger.note(permit)));
                point(Point::Pass);
                let (reply, passed) = self.tally.stage(Stage::Pass, &spent, pass).await;
                point(Point::Passed);
                Ok((reply, passed.into()))
            }
            Next::Look(undecided) => {
                // On the heap: the state of an ordinary operation, which there are many of, is not to have room for it.
                let recorded = Box::pin(self.clone().change(undecided, spent)).await?;
                line.record = Some(recorded.record().to_string());
                Ok((answer(&recorded, &origin.request_id), Outcome::from(&recorded)))
            }
        }
    }

    /// Who signed it. A source, or a key at a source, that failed too often is answered before a signature is computed.
    fn verified(&self, request: WireRequest, now: Now) -> Result<Verified, Stop> {
        let keys = self.keys.load();
        let origin = request.head.origin.clone();
        let key = keys.named(&request.head);
        let key = key.as_deref();
        self.may_try(&origin, key)?;
        keys.verify(request, now)
            .map_err(|unverified| self.unproven(&origin, unverified, self.limiter.failed(origin.source, key)))
    }

    /// A change: what is remembered of it, what is true now, the decision; then the work is the guard's.
    async fn change(self: Arc<Self>, undecided: Undecided, spent: Arc<Spent>) -> Result<Recorded, Stop> {
        let principal = &undecided.caller().principal;
        let earlier = self.ledger.earlier(principal, undecided.change(), undecided.attempt(), WAIT_FOR_FIRST);
        match self.tally.stage(Stage::Recall, &spent, earlier).await {
            Ok(Earlier::None) => {}
            Ok(Earlier::Answered(recorded)) => return Ok(recorded),
            Ok(Earlier::Superseded) => return Err(Stop::Superseded),
            Ok(Earlier::Open) => return Err(Stop::StillOpen),
            Err(unwritten) => return Err(Stop::Unwritten(unwritten)),
        }
        point(Point::New);
        let caller = undecided.caller().clone();
        let look = undecided.look();
        let admitted = self
            .tally
            .step(Stage::Limit, &spent, || {
                self.limiter.reserve(undecided, &reads(&look)).map_err(|(_, limited)| limited)
            })
            .map_err(Stop::Limited)?;
        let done = self.clone().decided(admitted, &look, spent).await;
        // A security profile that does not exist is a read that fails, and the caller's choice.
        if let Err(
            Stop::Refused(_)
            | Stop::Unseen(Unseen::Unavailable(_))
            | Stop::Unintended(Unintended::Busy | Unintended::InUse | Unintended::Quota { .. }),
        ) = &done
        {
            self.limiter.in_vain(&caller);
        }
        done
    }

    /// Looks, decides, and carries out what is permitted.
    async fn decided(
        self: Arc<Self>,
        admitted: Admitted<Undecided>,
        look: &Look,
        spent: Arc<Spent>,
    ) -> Result<Recorded, Stop> {
        // Before anything is read: what changes from here on makes the decision void.
        let wanted = admitted.get().recall();
        let recall = self.ledger.recall(&wanted);
        let mut known = self.tally.stage(Stage::Recall, &spent, recall).await.map_err(Stop::Unwritten)?;
        point(Point::Recalled);
        let target = admitted.get().change().target();
        let observe = self.upstream.observe(target, look);
        // While it is looked: a change that cannot be signed is not begun.
        let ready = self.upstream.ready_for(admitted.get().caller(), target);
        let both = async { tokio::join!(observe, ready) };
        let (seen, ready) = self.tally.stage(Stage::Observe, &spent, Box::pin(both)).await;
        let seen = match seen {
            Ok(seen) => seen,
            Err(Unseen::Unknown) => {
                let refusal = Refusal {
                    code: Code::UserUnknown,
                    rule: None,
                    fields: Vec::new(),
                    detail: "Connect does not know the user or the instance".into(),
                };
                let refused = admitted.into_inner().refuse(refusal);
                return Err(self.refused(refused, &spent).await);
            }
            Err(unseen) => return Err(Stop::Unseen(unseen)),
        };
        point(Point::Observed);
        if wanted.permissions {
            let held = self.ledger.held_by(target, &seen.profiles);
            known.held.extend(self.tally.stage(Stage::Recall, &spent, held).await.map_err(Stop::Unwritten)?);
        }
        let now = self.clock.now();
        let permit = match self.tally.step(Stage::Decide, &spent, || admitted.decide(seen, known, now)) {
            Ok(permit) => permit,
            Err(refused) => return Err(self.refused(refused, &spent).await),
        };
        ready.map_err(Stop::Unseen)?;
        point(Point::Decided);
        let routing = self.routing.load_full();
        let plan = Plan::of(&permit, &routing).map_err(|_| Stop::NobodyTold)?;
        let work = self.own(|guard| guard.carry_out(permit, plan, routing, spent)).ok_or(Stop::Overloaded)?;
        // The work was not cancelled by anybody, so a join error is a panic in it: what became of it is settled later.
        work.await.unwrap_or(Err(Stop::Unrecorded))
    }

    /// Writes a refusal down before it is given. One that cannot be written is answered as unavailable: nothing was sent
    /// either way, and no refusal goes unrecorded.
    async fn refused(&self, refused: Box<Refused>, spent: &Spent) -> Stop {
        self.limiter.refused(&refused.caller);
        if !is_on_record(refused.class) {
            self.ledger.refuse_ordinary(&refused);
            return Stop::Refused(refused);
        }
        self.limiter.refused_on_record(&refused.caller);
        let plan = Plan::of_refusal(&refused, &self.routing.load(), self.clock.now());
        let written = self.ledger.refuse(&refused, plan);
        point(Point::Refuse);
        match self.tally.stage(Stage::Record, spent, written).await {
            Ok(()) => {
                point(Point::Refused);
                Stop::Refused(refused)
            }
            Err(unwritten) => Stop::Unwritten(unwritten),
        }
    }

    /// Writes down what an authenticated caller asked for in vain before any rule was looked at.
    async fn unrecognised(&self, unrecognised: Unrecognised, policy: Digest, line: &mut Line) -> Stop {
        let class = unrecognised.route.map(|route| route.class);
        line.operation = unrecognised.route.map(|route| route.operation);
        line.class = class;
        if is_on_record(class)
            && let Err(limited) = self.limiter.may_be_refused(&unrecognised.caller)
        {
            return Stop::Limited(limited);
        }
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
            class,
            target: None,
            change: None,
            asked: Vec::new(),
            given: Given::default(),
            looked: None,
            refusal: Refusal { code, rule: None, fields: Vec::new(), detail },
            policy,
        });
        let stop = self.refused(refused, &line.spent).await;
        // The caller of something malformed is told what is wrong with it: it is his own.
        if matches!(&stop, Stop::Refused(refused) if refused.refusal.code == Code::Malformed) {
            return Stop::Unrecognised(Box::new(unrecognised));
        }
        stop
    }
}

/// Why a request is not screened.
enum Unscreened {
    Unrecognised(Box<Unrecognised>),
    Limited(Limited),
    Refused(Box<Refused>),
}

/// Whether a refusal is on disk before it is given. Those of reads and ordinary writes are queued, as what is allowed of them is.
fn is_on_record(class: Option<Class>) -> bool {
    class.is_none_or(Class::is_guarded)
}

/// The reads of users that a change needs, to be reserved with it: the one before and the one after.
fn reads(look: &Look) -> Vec<(&'static str, u32)> {
    match (&look.user, &look.username) {
        (Some(_), _) => vec![("DescribeUser", 2)],
        (None, Some(_)) => vec![("DescribeUser", 1)],
        (None, None) => Vec::new(),
    }
}
