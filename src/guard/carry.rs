//! Carrying a permitted change out: intent, effect, outcome. Runs to its end whatever becomes of the caller.

use std::{sync::Arc, time::Duration};

use super::{Guard, Stage, Stop, path::WAIT_FOR_FIRST, tally::Spent};
use crate::{
    crash::{Point, point},
    ledger::{Closed, Earlier, Intent, Open, Recorded, Sent, Told, Unintended},
    notice::{ChangedField, Finding, Plan, Routing, Shows},
    operation::{Change, Effect, Field, Identity, Look, Subject, Target, User, UserId, read_created_user},
    policy::Permit,
    secret::Digest,
};

/// How often an outcome is tried to be written, and how long is waited before each.
const RECORD_AGAIN: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];
/// Between two tries once the caller waits no more.
const RECORD_LATER: Duration = Duration::from_secs(5);

/// How long a read that belongs to no request waits for room in Connect's rate.
const ROOM: Duration = Duration::from_secs(30);

/// What a read of the guard's own is charged to.
#[derive(Clone, Copy)]
pub(super) enum Budget {
    /// It was reserved with the change.
    Reserved,
    /// Connect's rate, and without it there is no read: somebody waits.
    AtOnce,
    /// Connect's rate, as soon as there is room: nobody waits.
    Waiting,
}

/// What a read after a change shows.
pub(super) enum Shown {
    /// Exactly what was asked for, or with something else changed as well.
    Applied(Vec<ChangedField>),
    /// What was there before, and nothing else was asked for: only what else changes tells whether it was done.
    Same,
    /// What was there before.
    Before,
    /// Neither.
    Otherwise(Vec<ChangedField>),
    /// It could not be read.
    Unread,
}

impl Guard {
    pub(super) async fn carry_out(
        self: Arc<Self>,
        permit: Permit<Change>,
        plan: Plan,
        routing: Arc<Routing>,
        spent: Arc<Spent>,
    ) -> Result<Recorded, Stop> {
        let principal = permit.caller().principal.clone();
        let attempt = permit.attempt().clone();
        let change = permit.operation().clone();
        let decided = permit.emergency();
        point(Point::Intend);
        let written = self.ledger.intend(permit, plan);
        let intent = match self.tally.stage(Stage::Intent, &spent, written).await {
            Ok(intent) => intent,
            // Its twin was faster between the two looks at the ledger: wait for its answer.
            Err(Unintended::Repeated) => {
                return match self.ledger.earlier(&principal, &change, &attempt, WAIT_FOR_FIRST).await {
                    Ok(Earlier::Answered(recorded)) => Ok(recorded),
                    Ok(Earlier::Superseded) => Err(Stop::Superseded),
                    Ok(Earlier::Open | Earlier::None) => Err(Stop::StillOpen),
                    Err(unwritten) => Err(Stop::Unwritten(unwritten)),
                };
            }
            Err(unintended) => return Err(Stop::Unintended(unintended)),
        };
        point(Point::Intended);
        let tally = self.tally.clone();
        Box::pin(tally.open.during(self.made(intent, decided, routing, spent))).await
    }

    /// Sends what is on record, when whoever has to know first does, and records what became of it. It may have been under
    /// way for a minute until then, and somebody who heard of it may have stopped it: `decided` is what held at once then.
    async fn made(
        self: Arc<Self>,
        intent: Intent,
        decided: Digest,
        routing: Arc<Routing>,
        spent: Arc<Spent>,
    ) -> Result<Recorded, Stop> {
        let cleared = match self.announced(intent, &routing, &spent).await {
            Ok(cleared) => cleared,
            Err((intent, stop)) => {
                let why = stop.why().unwrap_or_default();
                let why = if let Stop::Unannounced(_) = stop { format!("not announced: {why}") } else { why };
                // On record, and told to whoever may have heard of it.
                drop(self.conclude(intent.sent(Sent::NotSent(why)), &spent).await?);
                return Err(stop);
            }
        };
        point(Point::Cleared);
        if let Some(why) = self.withdrawn(decided) {
            drop(self.conclude(cleared.sent(Sent::NotSent(why.to_owned())), &spent).await?);
            return Err(Stop::Withdrawn(why));
        }
        point(Point::Send);
        let open = self.tally.stage(Stage::Act, &spent, self.upstream.act(cleared)).await;
        point(Point::Answered);
        self.conclude(open, &spent).await
    }

    /// Why a change that was decided with this `revoked.toml` and `deny.d` is not to be sent any more: its caller is to ask
    /// again, and is answered by what holds now.
    fn withdrawn(&self, decided: Digest) -> Option<&'static str> {
        let policy = self.policy.load();
        if policy.frozen_by().is_some() {
            Some("changes were frozen since it was decided")
        } else if policy.emergency_digest() != decided {
            Some("`revoked.toml` or `deny.d` changed since it was decided")
        } else {
            None
        }
    }

    /// Finds out what became of it and records that.
    async fn conclude(self: Arc<Self>, open: Open, spent: &Spent) -> Result<Recorded, Stop> {
        let (effect, (side_effects, shows)) = match open.outcome() {
            Sent::NotSent(_) => (Effect::NotApplied, (Vec::new(), Shows::Already)),
            Sent::Refused(_) => {
                let unasked = self.tally.stage(Stage::Confirm, spent, self.unasked(&open)).await;
                (Effect::NotApplied, (unasked, Shows::Already))
            }
            Sent::Accepted(_) => {
                (Effect::Applied, self.tally.stage(Stage::Confirm, spent, self.confirmed(&open)).await)
            }
            Sent::Unknown(_) | Sent::Recovered => return self.undetermined(open).await,
        };
        point(Point::Confirmed);
        let at = self.clock.now();
        let finding = Finding { effect, side_effects, told_unknown: false, shows, user: None, at };
        self.tally.stage(Stage::Record, spent, self.clone().record(open, finding)).await
    }

    /// Sent, and nobody knows. What a read can tell is settled by reading; everything else is settled now.
    async fn undetermined(self: Arc<Self>, open: Open) -> Result<Recorded, Stop> {
        if !readable(&open) {
            let finding = Finding {
                effect: Effect::Undetermined,
                side_effects: Vec::new(),
                told_unknown: false,
                shows: Shows::Already,
                user: None,
                at: self.clock.now(),
            };
            return self.record(open, finding).await;
        }
        point(Point::Doubt);
        let told = self.ledger.unknown(&open, self.clock.now()).await;
        point(Point::Doubted);
        self.settled_later(open, Told::MayHaveChanged);
        told.map_err(|_| Stop::Unrecorded)
    }

    /// Writes the outcome; a ledger that cannot be written for the moment is tried again, and in the end without the
    /// caller waiting.
    pub(super) async fn record(self: Arc<Self>, mut open: Open, finding: Finding) -> Result<Recorded, Stop> {
        for wait in RECORD_AGAIN {
            tokio::time::sleep(wait).await;
            point(Point::Close);
            match self.ledger.close(open, finding.clone()).await {
                Ok(closed) => return Ok(self.closed(closed)),
                Err((same, unwritten)) => {
                    tracing::error!(record = %same.record(), %unwritten, "an outcome could not be written");
                    open = same;
                }
            }
        }
        let guard = self.clone();
        self.tasks.spawn(async move {
            loop {
                tokio::time::sleep(RECORD_LATER).await;
                match guard.ledger.close(open, finding.clone()).await {
                    Ok(closed) => {
                        drop(guard.closed(closed));
                        return;
                    }
                    Err((same, _)) => open = same,
                }
            }
        });
        Err(Stop::Unrecorded)
    }

    /// The outcome; what it leaves to be watched is watched from now on.
    fn closed(self: &Arc<Self>, closed: Closed) -> Recorded {
        point(Point::Closed);
        if let Some(watch) = closed.watch {
            self.watched_later(watch);
        }
        closed.recorded
    }

    /// After an accepted change: what else changed. Connect may show the change later than it accepts it, so what does
    /// not show it yet is looked at again, briefly; for what comes later than that the caller does not wait.
    async fn confirmed(&self, open: &Open) -> (Vec<ChangedField>, Shows) {
        if open.wanted().is_none() {
            return (Vec::new(), Shows::Already);
        }
        let mut shown = self.shown(open, Budget::Reserved).await;
        for wait in &self.settling.lag {
            match shown {
                Shown::Applied(_) => break,
                Shown::Same | Shown::Before | Shown::Otherwise(_) | Shown::Unread => {}
            }
            tokio::time::sleep(*wait).await;
            shown = self.shown(open, Budget::AtOnce).await;
        }
        match shown {
            Shown::Applied(side_effects) => (side_effects, Shows::Already),
            Shown::Otherwise(side_effects) => (side_effects, Shows::NotYet),
            Shown::Same | Shown::Before | Shown::Unread => (Vec::new(), Shows::NotYet),
        }
    }

    /// After a refused one: whether anything changed all the same.
    async fn unasked(&self, open: &Open) -> Vec<ChangedField> {
        if open.before().is_none() {
            return Vec::new();
        }
        match self.shown(open, Budget::Reserved).await {
            Shown::Applied(fields) | Shown::Otherwise(fields) => fields,
            Shown::Same | Shown::Before | Shown::Unread => Vec::new(),
        }
    }

    /// What a read shows now.
    pub(super) async fn shown(&self, open: &Open, budget: Budget) -> Shown {
        self.looked(open, budget).await.0
    }

    /// What a read shows now, and of which user.
    pub(super) async fn looked(&self, open: &Open, budget: Budget) -> (Shown, Option<UserId>) {
        if !self.may_read(open.target(), budget).await {
            return (Shown::Unread, None);
        }
        let Some(user) = self.user_of(open).await else { return (Shown::Unread, None) };
        (compare(open, &user.identity), Some(user.id))
    }

    /// Charges a read of the guard's own, and waits for room where the budget says so.
    async fn may_read(&self, target: &Target, budget: Budget) -> bool {
        let patience = match budget {
            Budget::Reserved => return true,
            Budget::AtOnce => Duration::ZERO,
            Budget::Waiting => ROOM,
        };
        let mut waited = Duration::ZERO;
        loop {
            match self.limiter.own_reads(&target.account, &target.region, &[("DescribeUser", 1)]) {
                Ok(()) => return true,
                Err(limited) if waited + limited.wait <= patience => {
                    tokio::time::sleep(limited.wait).await;
                    waited += limited.wait;
                }
                Err(_) => return false,
            }
        }
    }

    /// The user a change was of: the target, or the one that now has the Username.
    async fn user_of(&self, open: &Open) -> Option<User> {
        let target = open.target();
        let id = match (&target.subject, open.outcome()) {
            (Subject::User(id), _) => id.clone(),
            (Subject::Username(_), Sent::Accepted(answered)) => read_created_user(&answered.body).ok()?,
            (Subject::Username(name), _) => {
                let look = Look { username: Some(name.clone()), ..Look::default() };
                self.upstream.observe(target, &look).await.ok()?.username_taken_by?
            }
            (Subject::Other(_) | Subject::SecurityProfile(_) | Subject::Resource(_), _) => return None,
        };
        let look = Look { user: Some(id), ..Look::default() };
        self.upstream.observe(target, &look).await.ok()?.user
    }
}

/// Whether a read of the closed list can show what became of it.
pub(super) fn readable(open: &Open) -> bool {
    open.wanted().is_some()
}

/// What an identity shows of a change.
pub(super) fn compare(open: &Open, now: &Identity) -> Shown {
    let nothing = Identity::default();
    let before = open.before().unwrap_or(&nothing);
    let Some(wanted) = open.wanted() else { return Shown::Unread };
    let asked = before.differences(wanted);
    let off = wanted.differences(now);
    if asked.is_empty() && off.is_empty() {
        return Shown::Same;
    }
    if asked.iter().all(|field| !off.contains(field)) {
        return Shown::Applied(changed(&off, wanted, now));
    }
    let moved = before.differences(now);
    if moved.is_empty() {
        return Shown::Before;
    }
    let others: Vec<Field> = moved.into_iter().filter(|field| off.contains(field)).collect();
    Shown::Otherwise(changed(&others, before, now))
}

fn changed(fields: &[Field], from: &Identity, to: &Identity) -> Vec<ChangedField> {
    fields
        .iter()
        .map(|field| ChangedField {
            field: field.name().to_owned(),
            before: from.value(*field).map(str::to_owned),
            after: to.value(*field).map(str::to_owned),
        })
        .collect()
}
