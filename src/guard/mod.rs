//! The path of one request, from the wire to the reply, and the settling of changes whose outcome nobody knows yet.
//!
//! The path is a chain of tokens, each made by one module only, each containing the one before and spent by value:
//! `WireRequest` → `Verified` → `Asked` → `Screened` → `Admitted<Screened>` → `Undecided` → `Admitted<Undecided>` →
//! `Permit<Change>` → `Intent` → `Cleared` → `Open` → `Recorded`; for an ordinary operation `... → Permit<Ordinary> → Noted`. A step
//! cannot be left out, because its token cannot be had otherwise. Each pair below differs in one token: the first
//! compiles, the second does not.
//!
//! An intent is made by the ledger only:
//! ```
//! async fn f(ledger: connect_guard::ledger::Ledger, permit: connect_guard::policy::Permit<connect_guard::operation::Change>, plan: connect_guard::notice::Plan) { let _ = ledger.intend(permit, plan).await; }
//! ```
//! ```compile_fail
//! async fn f(ledger: connect_guard::ledger::Ledger, permit: connect_guard::operation::Change, plan: connect_guard::notice::Plan) { let _ = ledger.intend(permit, plan).await; }
//! ```
//! No intent without a plan of who is told:
//! ```compile_fail
//! async fn f(ledger: connect_guard::ledger::Ledger, permit: connect_guard::policy::Permit<connect_guard::operation::Change>, plan: Option<connect_guard::notice::Plan>) { let _ = ledger.intend(permit, plan).await; }
//! ```
//! Only a cleared intent is sent, not one of which somebody may have to hear first, nor the permit it was made from:
//! ```
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::ledger::Cleared) { let _ = upstream.act(it).await; }
//! ```
//! ```compile_fail
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::ledger::Intent) { let _ = upstream.act(it).await; }
//! ```
//! ```compile_fail
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::policy::Permit<connect_guard::operation::Change>) { let _ = upstream.act(it).await; }
//! ```
//! An intent is cleared by the ledger only, and spent by that:
//! ```
//! async fn f(ledger: connect_guard::ledger::Ledger, it: connect_guard::ledger::Intent) { let _ = ledger.clear(it, &[]).await; }
//! ```
//! ```compile_fail
//! async fn f(ledger: connect_guard::ledger::Ledger, it: connect_guard::ledger::Intent) { let _ = ledger.clear(it, &[]).await; let _ = ledger.clear(it, &[]).await; }
//! ```
//! ```compile_fail
//! fn f(it: connect_guard::ledger::Intent) -> connect_guard::ledger::Cleared { connect_guard::ledger::Cleared(it) }
//! ```
//! It is sent once:
//! ```compile_fail
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::ledger::Cleared) { let _ = upstream.act(it).await; let _ = upstream.act(it).await; }
//! ```
//! What was sent, or taken over after a crash, is not sent again:
//! ```compile_fail
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::ledger::Open) { let _ = upstream.act(it).await; }
//! ```
//! A change does not take the ordinary door:
//! ```
//! fn f(ledger: connect_guard::ledger::Ledger, permit: connect_guard::policy::Permit<connect_guard::operation::Ordinary>) { let _ = ledger.note(permit); }
//! ```
//! ```compile_fail
//! fn f(ledger: connect_guard::ledger::Ledger, permit: connect_guard::policy::Permit<connect_guard::operation::Change>) { let _ = ledger.note(permit); }
//! ```
//! Nothing passes without its place in the record:
//! ```
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::ledger::Noted) { let _ = upstream.pass(it).await; }
//! ```
//! ```compile_fail
//! async fn f(upstream: connect_guard::upstream::Upstream, it: connect_guard::policy::Permit<connect_guard::operation::Ordinary>) { let _ = upstream.pass(it).await; }
//! ```
//! The answer to a change is made from what is on record:
//! ```
//! fn f(it: connect_guard::ledger::Recorded, id: &connect_guard::wire::RequestId) { let _ = connect_guard::guard::answer(&it, id); }
//! ```
//! ```compile_fail
//! fn f(it: connect_guard::ledger::Open, id: &connect_guard::wire::RequestId) { let _ = connect_guard::guard::answer(&it, id); }
//! ```
//! Screening takes what was recognised, and deciding takes what was admitted:
//! ```
//! fn f(policy: &std::sync::Arc<connect_guard::policy::Policy>, it: connect_guard::operation::Asked, now: connect_guard::guard::Now) { let _ = connect_guard::policy::screen(policy, it, now); }
//! ```
//! ```compile_fail
//! fn f(policy: &std::sync::Arc<connect_guard::policy::Policy>, it: connect_guard::caller::Verified, now: connect_guard::guard::Now) { let _ = connect_guard::policy::screen(policy, it, now); }
//! ```
//! ```
//! fn f(it: connect_guard::limit::Admitted<connect_guard::policy::Undecided>, seen: connect_guard::operation::Seen, known: connect_guard::policy::Known, now: connect_guard::guard::Now) { let _ = it.decide(seen, known, now); }
//! ```
//! ```compile_fail
//! fn f(it: connect_guard::policy::Undecided, seen: connect_guard::operation::Seen, known: connect_guard::policy::Known, now: connect_guard::guard::Now) { let _ = it.decide(seen, known, now); }
//! ```
//! None of the tokens can be made by hand or copied:
//! ```compile_fail
//! fn f(inner: connect_guard::policy::Screened) -> connect_guard::limit::Admitted<connect_guard::policy::Screened> { connect_guard::limit::Admitted { inner } }
//! ```
//! ```compile_fail
//! fn f(it: &connect_guard::ledger::Intent) -> connect_guard::ledger::Intent { it.clone() }
//! ```

mod announce;
mod carry;
mod caught;
mod line;
mod outcome;
mod path;
mod quoted;
mod reply;
mod settle;
mod tally;
mod watch;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use crate::clock::Now;
pub use outcome::{Decision, Outcome};
pub use reply::{Stop, answer};
pub use tally::{Counted, GuardStats, Stage};

use self::{quoted::Quoted, tally::Tally};
use crate::{
    caller::{KeyRing, SessionKeys, Unverified},
    client::ClientStats,
    clock::Clock,
    crash::hastened,
    ledger::{Ledger, Stranger},
    limit::{Limited, Limiter, LimiterStats},
    notice::Routing,
    notify::Announcer,
    operation::{Class, Sites, body_limit},
    policy::{Freeze, Policy},
    upstream::Upstream,
    wire::{Head, Malformed, Origin, Reply},
};

/// Changes that are carried out, settled or watched at once. A change beyond that is answered 503; what is to be settled
/// or watched is on disk, and taken up when there is room.
const OWN_WORK: usize = 4_096;

/// What a guard is made of.
pub struct Parts {
    /// The callers' keys.
    pub keys: Arc<KeyRing>,
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// Where instances are.
    pub sites: Sites,
    /// Rates.
    pub limiter: Arc<Limiter>,
    /// The ledger.
    pub ledger: Ledger,
    /// Connect.
    pub upstream: Upstream,
    /// Who is told.
    pub routing: Routing,
    /// Tells those who have to know before a change is made. Without it such a change is not made.
    pub(crate) announcer: Option<Announcer>,
    /// The time.
    pub clock: Clock,
    /// How many octets of body a request may have.
    pub bodies: BodyLimits,
    /// When to look again at a change whose outcome is unknown, or that was accepted and does not show.
    pub settling: Settling,
}

/// How many octets of body a request may have, by class.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    /// Identity and sensitive operations, and unknown ones. Default 64 KiB.
    pub change: usize,
    /// Ordinary ones. Default 1 MiB.
    pub ordinary: usize,
}

/// When to look at a user again: after how long since it was sent.
#[derive(Debug, Clone)]
pub struct Settling {
    /// For an unknown outcome, and for an accepted change that did not show within the request. Default 2, 10, 60, 300 s.
    pub unknown: Vec<Duration>,
    /// For a change that passes for not applied, since it passes for that. Default 15 and 60 min.
    pub late: Vec<Duration>,
    /// Within the request, when an accepted change does not show yet. Default 0.2 and 0.8 s.
    pub lag: Vec<Duration>,
    /// How often intents of guards that are gone are looked for. Default 5 s.
    pub sweep: Duration,
}

/// The guard: one for the whole process.
pub struct Guard {
    keys: ArcSwap<KeyRing>,
    policy: ArcSwap<Policy>,
    /// Those in force, in every policy that is put into force. Locked while one is.
    freezes: Mutex<Vec<Freeze>>,
    sites: Sites,
    limiter: Arc<Limiter>,
    ledger: Ledger,
    upstream: Upstream,
    routing: ArcSwap<Routing>,
    announcer: Option<Announcer>,
    clock: Clock,
    bodies: BodyLimits,
    settling: Settling,
    tally: Arc<Tally>,
    /// Work that belongs to the guard, whatever becomes of its caller.
    tasks: TaskTracker,
    /// How much more of it there may be.
    room: Arc<Semaphore>,
    /// Cancelled when the guard stops: what is watched is on disk, and nobody waits for it.
    stopping: CancellationToken,
}

impl Guard {
    /// A guard of these parts.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new(Self {
            keys: ArcSwap::new(parts.keys),
            policy: ArcSwap::new(parts.policy),
            freezes: Mutex::default(),
            sites: parts.sites,
            limiter: parts.limiter,
            ledger: parts.ledger,
            upstream: parts.upstream,
            routing: ArcSwap::from_pointee(parts.routing),
            announcer: parts.announcer,
            clock: parts.clock,
            bodies: parts.bodies,
            settling: parts.settling,
            tally: Arc::default(),
            tasks: TaskTracker::new(),
            room: Arc::new(Semaphore::new(OWN_WORK)),
            stopping: CancellationToken::new(),
        })
    }

    /// Judges a head before any of its body is read: how many octets of body may follow, or the reply.
    pub fn admit(&self, head: &Head) -> Result<usize, Reply> {
        self.may_follow(head).map_err(|stop| {
            let (origin, outcome) = (&head.origin, Outcome::from(&stop));
            self.tally.count(None, outcome);
            let (decision, code) = (outcome.decision().as_str(), outcome.code());
            tracing::info!(request = %origin.request_id, source = %origin.source, decision, code, "not admitted");
            stop.reply(&origin.request_id)
        })
    }

    /// Counts a request that has no single reading.
    pub fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        self.tally.count(None, Outcome::NoReading);
        tracing::info!(request = %origin.request_id, source = %origin.source, why = %Quoted(&malformed.why), "malformed");
        self.ledger.stranger(Stranger { source: origin.source, code: Outcome::NoReading.code() });
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy into force: requests that were screened before are decided by the one before.
    pub fn enforce(&self, policy: Policy) {
        let freezes = self.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        self.policy.store(Arc::new(policy.with_freezes(&freezes)));
    }

    /// Puts these freezes into force and no other, in the policy of now and in every later one. A change that is under way
    /// is not sent any more. Says whether these are others than before.
    pub fn freeze(&self, freezes: Vec<Freeze>) -> bool {
        let mut held = self.freezes.lock().unwrap_or_else(PoisonError::into_inner);
        if *held == freezes {
            return false;
        }
        *held = freezes;
        self.policy.store(Arc::new(self.policy.load().with_freezes(&held)));
        true
    }

    /// Puts other keys into force, for every request from now on: one under way was verified by those before.
    pub fn replace_keys(&self, keys: Arc<KeyRing>) {
        self.keys.store(keys);
    }

    /// The keys in force.
    pub fn keys(&self) -> Arc<KeyRing> {
        self.keys.load_full()
    }

    /// Withdraws every key that is not among these; the others hold as they did, and sessions under these keys.
    pub fn keep_keys(&self, ids: &BTreeSet<String>, sessions: Option<Arc<SessionKeys>>) {
        self.keys.store(Arc::new(self.keys.load().only(ids, sessions)));
    }

    /// Tells other people, of every change from now on: what is held for one under way stays as it is.
    pub fn replace_routing(&self, routing: Routing) {
        self.routing.store(Arc::new(routing));
    }

    /// What was counted.
    pub fn stats(&self) -> GuardStats {
        self.tally.read()
    }

    /// The keys of callers, each with its end: milliseconds since 1970.
    pub fn key_ends(&self) -> Vec<(String, i64)> {
        self.keys.load().ends()
    }

    /// Whether each site has credentials, and why not.
    pub async fn credentials(&self) -> Vec<(String, Result<(), String>)> {
        self.upstream.credentials().await
    }

    /// What the limiter counted.
    pub fn rates(&self) -> LimiterStats {
        self.limiter.stats()
    }

    /// What was counted of Connect, by site.
    pub fn connect(&self) -> impl Iterator<Item = (&str, ClientStats)> {
        self.upstream.stats()
    }

    /// Charges a request whose body did not come to its source, as a proof that failed: it held a place for nothing.
    pub fn unread(&self, origin: &Origin) {
        self.tally.count(None, Outcome::Unread);
        self.ledger.stranger(Stranger { source: origin.source, code: Outcome::Unread.code() });
        tracing::info!(request = %origin.request_id, source = %origin.source, "its body did not come");
        // Whoever is over his rate learns of it at his next request.
        let _ = self.limiter.failed(origin.source, None);
    }

    /// Waits until the work that belongs to the guard is done. What is only watched is left to the next start.
    pub async fn drain(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Work of the guard's own, when there is room for more.
    fn own<F>(self: &Arc<Self>, work: impl FnOnce(Arc<Self>) -> F) -> Option<JoinHandle<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let room = self.room.clone().try_acquire_owned().ok()?;
        let work = work(self.clone());
        Some(self.tasks.spawn(async move {
            let result = work.await;
            drop(room);
            result
        }))
    }

    fn may_follow(&self, head: &Head) -> Result<usize, Stop> {
        let keys = self.keys.load();
        let key = keys.named(head);
        let key = key.as_deref();
        self.may_try(&head.origin, key)?;
        keys.precheck(head, self.clock.now()).map_err(|unverified| {
            self.unproven(&head.origin, unverified, self.limiter.ill_formed(head.origin.source))
        })?;
        Ok(body_limit(head, &|class| match class {
            Class::Identity | Class::Sensitive | Class::Forbidden => self.bodies.change,
            Class::Write | Class::Read => self.bodies.ordinary,
        }))
    }

    /// Whether anything is looked at that comes from there; what is not is counted.
    fn may_try(&self, origin: &Origin, key: Option<&str>) -> Result<(), Stop> {
        self.limiter.may_try(origin.source, key).map_err(|limited| {
            self.ledger.stranger(Stranger { source: origin.source, code: Outcome::SourceLimited.code() });
            Stop::Limited(limited)
        })
    }

    /// Counts what proves nobody, as it was `charged`. From a source that is over its rate each of them has one answer:
    /// whether the key that it names is known makes no difference.
    fn unproven(&self, origin: &Origin, unverified: Unverified, charged: Result<(), Limited>) -> Stop {
        self.ledger.stranger(Stranger { source: origin.source, code: unverified.code() });
        charged.map_or_else(Stop::Limited, |()| Stop::Unverified(unverified))
    }
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self { change: 64 * 1024, ordinary: 1024 * 1024 }
    }
}

impl Default for Settling {
    fn default() -> Self {
        Self {
            unknown: [2, 10, 60, 300].map(Duration::from_secs).map(hastened).to_vec(),
            late: [15 * 60, 60 * 60].map(Duration::from_secs).map(hastened).to_vec(),
            lag: [200, 800].map(Duration::from_millis).map(hastened).to_vec(),
            sweep: Duration::from_secs(5),
        }
    }
}
