//! One request from proof to answer, in one piece: what is recorded, done and answered agrees whenever anybody looks.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    operation::{Class, Route, lookup},
    wire::{Method, RequestTarget},
};

use super::{
    Credential, Done, Door, Fault, Held, Received, Taken,
    answer::Answer,
    body,
    fault::{Plan, Stage},
    operations::{Asked, perform},
    proof::Gatekeeper,
    rate::Buckets,
    world::{Moment, World},
};

/// Octets of a body that is too long.
const LONG_BODY: usize = 2 * 1024 * 1024;

/// Everything that requests read and change.
pub(super) struct State {
    pub(super) world: World,
    pub(super) buckets: Buckets,
    pub(super) plan: Plan,
    pub(super) credentials: Vec<Credential>,
    pub(super) skew: Option<Duration>,
    pub(super) requests: Vec<Received>,
}

/// In which way an answer is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manner {
    /// At once and whole.
    Plain,
    /// So much later.
    Slow(Duration),
    /// Once it is let go.
    Held(Held),
    /// Not at all: the connection is closed.
    Close,
    /// Not at all: the connection stays open.
    Never,
    /// The head at once, the body octet by octet with these pauses.
    SlowBody(Duration),
    /// Only a part of what is announced.
    Truncated,
    /// Something that is not HTTP instead.
    Garbage,
    /// Not at all: the connection is reset.
    Reset,
    /// After a head line that is too long.
    LongHead,
    /// After so many interim answers.
    Interim(usize),
    /// At once and whole, and the door after it.
    Then(Door),
}

/// A request for an operation that exists.
struct Found {
    route: &'static Route,
    labels: Vec<String>,
    target: RequestTarget,
}

impl State {
    /// Receives a request: proof, route, rate, fault, operation, in this order.
    pub(super) fn receive(&mut self, mut received: Received, now: Instant) -> (Answer, Manner) {
        let moment = Moment { now, wall: received.at };
        let (answer, manner) =
            self.treat(&mut received, moment).unwrap_or_else(|refusal| (refusal, Manner::Plain));
        received.status = answer.status;
        self.requests.push(received);
        (answer, manner)
    }

    fn treat(&mut self, received: &mut Received, moment: Moment) -> Result<(Answer, Manner), Answer> {
        let found = self.find(received);
        received.operation = found.as_ref().ok().map(|found| found.route.operation);
        self.gatekeeper().check(received, moment.wall)?;
        let found = found?;
        let operation = found.route.operation;
        self.buckets.draw(operation, moment.now).map_err(|_| Answer::throttled())?;

        let fault = self.plan.take(operation);
        if let Some(fault) = fault.as_ref().filter(|fault| fault.stage() == Stage::Before) {
            return Ok(spoilt(fault, Answer::empty()));
        }
        let answer = self.apply(&found, received, moment);
        Ok(match fault {
            Some(fault) => spoilt(&fault, answer),
            None => (answer, Manner::Plain),
        })
    }

    fn apply(&mut self, found: &Found, received: &mut Received, moment: Moment) -> Answer {
        let Ok(body) = body::read(&received.body, self.world.switches.doubled_keys) else {
            return Answer::serialization("the body is not a JSON object");
        };
        let Found { route, labels, target } = found;
        let asked = Asked { route, labels, query: target.query(), body, moment };
        match perform(&mut self.world, &asked) {
            Err(refusal) => refusal,
            Ok(answer) => {
                received.done = match route.class {
                    Class::Read => Done::Nothing,
                    Class::Identity | Class::Sensitive | Class::Forbidden | Class::Write => Done::Applied,
                };
                answer
            }
        }
    }

    /// The operation at the raw target; a target that is not in normal form has none.
    fn find(&self, received: &Received) -> Result<Found, Answer> {
        let unknown = || Answer::error(404, "UnknownOperationException", "no such operation");
        let method = Method::read(&received.method).ok_or_else(unknown)?;
        let target = RequestTarget::read(&received.target).map_err(|_| unknown())?;
        let (route, labels) = lookup(method, &target).ok_or_else(unknown)?;
        let slash = target.segments().iter().any(|segment| segment.text.contains('/'));
        match self.world.switches.encoded_slashes {
            Taken::Refuse if slash && !route.template.starts_with("/tags/") => Err(unknown()),
            Taken::Refuse | Taken::Accept => Ok(Found { route, labels, target }),
        }
    }

    fn gatekeeper(&self) -> Gatekeeper<'_> {
        let region = &self.world.region;
        Gatekeeper { region, credentials: &self.credentials, skew: self.skew }
    }
}

/// The answer that a fault makes of the right one, and how it is given.
fn spoilt(fault: &Fault, right: Answer) -> (Answer, Manner) {
    match fault {
        Fault::Status(status, name) | Fault::StatusAfter(status, name) => {
            (Answer::error(*status, name, "as planned"), Manner::Plain)
        }
        Fault::Redirect => {
            let answer = Answer::error(307, "TemporaryRedirect", "as planned");
            (answer.with("location", "https://elsewhere.example.com/".to_owned()), Manner::Plain)
        }
        Fault::Throttle(seconds) => {
            (Answer::throttled().with("retry-after", seconds.to_string()), Manner::Plain)
        }
        Fault::Body(body) => {
            (Answer { status: 200, body: body.clone().into_bytes(), ..right }, Manner::Plain)
        }
        Fault::Slow(time) => (right, Manner::Slow(*time)),
        Fault::Held(held) => (right, Manner::Held(held.clone())),
        Fault::SlowBody(pause) => (right, Manner::SlowBody(*pause)),
        Fault::CloseBefore | Fault::CloseAfter => (right, Manner::Close),
        Fault::Hang | Fault::HangAfter => (right, Manner::Never),
        Fault::Truncated => (right, Manner::Truncated),
        Fault::Garbage => (right, Manner::Garbage),
        Fault::ResetAfter => (right, Manner::Reset),
        Fault::LongHead => (right, Manner::LongHead),
        Fault::LongBody => (Answer { status: 200, body: vec![b' '; LONG_BODY], ..right }, Manner::Plain),
        Fault::Interim(count) => (right, Manner::Interim(*count)),
        Fault::Then(door) => (right, Manner::Then(*door)),
    }
}
