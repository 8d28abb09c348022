//! Constructs everything once, in the order of the modules, and runs it until it is told to stop.

mod assembly;
mod calendar;
mod directory;
mod doors;
mod evidence;
mod freezes;
mod parts;
mod reload;
mod renewal;
mod retention;
mod running;
mod said;
mod served;
mod service;
mod standing;
mod started;
mod teller;
mod watched;
mod wording;

pub use assembly::{Assembly, Correspondence, Ways};
pub use directory::{configuration, policy_files};

use std::{error::Error, fmt, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use self::{
    calendar::Calendar,
    doors::Doors,
    evidence::Evidence,
    freezes::Freezes,
    reload::{Known, Reload},
    renewal::Renewal,
    served::{Served, fingerprint},
    standing::{Phase, Standing},
    started::started,
    teller::{Teller, Telling, teller},
    watched::Watch,
};
use crate::{
    caller::SessionKeys,
    clock::Clock,
    config::{Config, Drain, EvidencePlace, RetentionPlace},
    diagnostic::Faults,
    guard::{Guard, Parts, Settling},
    ledger::{Ledger, LedgerOptions, Unwritten},
    limit::Limiter,
    notify::{Announcer, Channels, Courier, Post, Streams},
    operation::Sites,
    secret::{HashKey, Seal},
    server::{StatusServer, supervisor},
    session::{Exchange, ExchangeParts},
    upstream::Upstream,
};

/// How long an intent belongs to the process that made it.
const LEASE: Duration = Duration::from_secs(30);
/// Ordinary operations that wait to be recorded at most.
const QUEUE: usize = 4096;

/// Reads the configuration again.
pub type Reread = Box<dyn Fn() -> Result<Config, Faults> + Send + Sync>;

/// Somebody waits for something to be read again: dropping it says that it was.
type Again = oneshot::Sender<()>;

/// Everything, running.
pub struct App {
    guard: Arc<Guard>,
    ledger: Ledger,
    courier: Arc<Courier>,
    doors: Doors,
    exchange: Option<Arc<Exchange>>,
    standing: Arc<Standing>,
    watch: Arc<Watch>,
    drain: Drain,
    reload: Reload,
    reload_again: mpsc::Receiver<Again>,
    renewal: Renewal,
    renewal_again: mpsc::Receiver<Again>,
    renew: Renew,
    calendar: Calendar,
    freezes: Arc<Freezes>,
    telling: Telling,
    evidence: Evidence,
    channels: Arc<Channels>,
    streams: Arc<Streams>,
    teller: Teller,
    kept: EvidencePlace,
    retention: Option<RetentionPlace>,
}

/// Has everything read again that can change while the guard serves.
#[derive(Clone)]
pub struct Renew {
    policy: mpsc::Sender<Again>,
    material: mpsc::Sender<Again>,
    standing: Arc<Standing>,
}

/// The guard does not start.
#[derive(Debug)]
pub enum AppFault {
    /// The configuration, a secret or the policy is at fault.
    Invalid(Faults),
    /// Something outside is: the store, an address, a certificate.
    Failed {
        /// What was being done.
        what: String,
        /// What went wrong.
        why: String,
    },
}

impl App {
    /// Starts everything but the serving; listens last, so that a guard that cannot work has no open port.
    pub async fn start(
        config: Config,
        reread: Reread,
        clock: Clock,
        settling: Settling,
    ) -> Result<Self, AppFault> {
        let since = clock.now();
        // Before they are read, so that one that is replaced meanwhile is read again.
        let files = fingerprint(&config);
        let assembly = assembled(&config, &clock)?;
        let Assembly { policy, keys, sessions, tls, session_tls, status_tls, limiter, .. } = assembly;
        let Assembly { channels, streams, templates, seal, hash, signers, .. } = assembly;
        let signers = Arc::new(ArcSwap::from_pointee(signers));
        let limiter = Arc::new(limiter);
        let ledger = opened(&config, seal, hash, &clock).await?;
        let upstream = reached(&config, &limiter, &clock).await?;
        let routes = Arc::new(ArcSwap::from_pointee(config.notify.routing.clone()));
        let (teller, telling) = teller(ledger.clone(), routes.clone());
        let evidence =
            Evidence::begin(&ledger, (&channels, &teller, &clock), config.evidence.clone()).await?;
        streams.begin(&ledger).await.map_err(|fault| failed("streams cannot begin", &fault))?;
        started(&ledger, &policy, &config.notify.routing).await?;
        let guard = Guard::new(Parts {
            keys: Arc::new(keys),
            policy: Arc::new(policy),
            sites: Sites::new(config.upstream.iter().map(|upstream| upstream.site.clone()).collect()),
            limiter: limiter.clone(),
            ledger: ledger.clone(),
            upstream,
            announcer: Some(Announcer::new(channels.clone(), templates.clone())),
            routing: config.notify.routing.clone(),
            clock: clock.clone(),
            bodies: config.bodies,
            settling,
        });
        let exchange = exchange(&config, sessions, &limiter, (&guard, &ledger, &clock))?;
        let freezes = Freezes::as_recorded(&guard, &ledger).await.map_err(unfrozen)?;
        let standing = Arc::new(Standing::of(&guard.policy(), since));
        let post = Post::new(ledger.clone(), routes.clone());
        let courier = Arc::new(Courier::new(post, &templates, &channels, &clock));
        let doors = Doors::open(&config, &tls, &session_tls, &status_tls)?;
        let watch = Arc::new(Watch {
            guard: guard.clone(),
            ledger: ledger.clone(),
            courier: courier.clone(),
            streams: streams.clone(),
            standing: standing.clone(),
            exchange: exchange.clone(),
            listeners: doors.counts(),
            certificates: doors.certificates(&tls, &session_tls, &status_tls),
            clock: clock.clone(),
            since,
        });
        let (policy_again, reload_again) = mpsc::channel(1);
        let (material_again, renewal_again) = mpsc::channel(1);
        Ok(Self {
            reload: Reload {
                directory: config.policy.clone(),
                signers: signers.clone(),
                max_stale: config.max_stale,
                guard: guard.clone(),
                ledger: ledger.clone(),
                teller: teller.clone(),
                routes: routes.clone(),
                standing: standing.clone(),
                clock: clock.clone(),
                known: Known::default(),
            },
            reload_again,
            drain: config.drain,
            kept: config.evidence.clone(),
            retention: config.retention.clone(),
            renewal: Renewal {
                reread,
                signers,
                served: Served::all(&config, &tls, &session_tls, &status_tls),
                files,
                config: ArcSwap::from_pointee(config),
                guard: guard.clone(),
                exchange: exchange.clone(),
                channels: channels.clone(),
                streams: streams.clone(),
                ledger: ledger.clone(),
                routes,
                standing: standing.clone(),
                clock: clock.clone(),
            },
            renewal_again,
            renew: Renew { policy: policy_again, material: material_again, standing: standing.clone() },
            calendar: Calendar::new((&guard, &ledger, &courier), teller.clone(), clock),
            freezes,
            telling,
            evidence,
            channels,
            streams,
            teller,
            guard,
            ledger,
            courier,
            doors,
            exchange,
            standing,
            watch,
        })
    }

    /// Where it listens for callers.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.gateways.iter().filter_map(|server| server.bound().address()).collect()
    }

    /// Where it listens for whoever wants a session.
    pub fn session_addresses(&self) -> Vec<SocketAddr> {
        self.doors.issuing.iter().filter_map(|server| server.bound().address()).collect()
    }

    /// Where it listens for whoever watches it.
    pub fn status_addresses(&self) -> Vec<SocketAddr> {
        self.doors.statuses.iter().map(StatusServer::address).collect()
    }

    /// For whoever is told to have everything read again.
    pub fn renew(&self) -> Renew {
        self.renew.clone()
    }
}

impl Renew {
    /// Has it read again, and waits until it was. What is at fault keeps what is in force, and is told of.
    pub async fn now(&self) {
        let serves = || self.standing.known().phase == Phase::Serving;
        if serves() {
            supervisor::reloading();
        }
        tokio::join!(asked(&self.material), asked(&self.policy));
        // A guard that is stopping by now is not ready again.
        if serves() {
            supervisor::ready("serving");
        }
    }
}

async fn reached(config: &Config, limiter: &Arc<Limiter>, clock: &Clock) -> Result<Upstream, AppFault> {
    Upstream::new(config.upstream.clone(), limiter.clone(), clock.clone())
        .await
        .map_err(|fault| failed(&format!("the upstream `{}` cannot be used", fault.site), &fault.why))
}

async fn opened(config: &Config, seal: Seal, hash: HashKey, clock: &Clock) -> Result<Ledger, AppFault> {
    let options = LedgerOptions {
        url: config.store.url.clone(),
        replica: config.store.replica.clone(),
        timeout: config.store.timeout,
        lease: LEASE,
        queue: QUEUE,
        ephemeral: config.store.ephemeral.clone(),
        seal,
        hash,
        clock: clock.clone(),
    };
    Ledger::open(options).await.map_err(|fault| failed("the ledger cannot be opened", &fault))
}

async fn asked(part: &mpsc::Sender<Again>) {
    let (done, is_done) = oneshot::channel();
    if part.send(done).await.is_ok() {
        // Nothing is ever sent: it is dropped when it is done.
        let _ = is_done.await;
    }
}

/// The parts that need nothing from outside, and in the log what is worth a look.
fn assembled(config: &Config, clock: &Clock) -> Result<Assembly, AppFault> {
    let (assembly, warnings) = Assembly::of(config, clock).map_err(AppFault::Invalid)?;
    for warning in warnings.iter() {
        let place = warning.place.as_ref().map(ToString::to_string);
        tracing::warn!(place, hint = warning.hint, "{}", warning.message);
    }
    Ok(assembly)
}

/// The exchange of proofs for sessions, where somebody can ask for one.
fn exchange(
    config: &Config,
    sessions: Option<Arc<SessionKeys>>,
    limiter: &Arc<Limiter>,
    (guard, ledger, clock): (&Arc<Guard>, &Ledger, &Clock),
) -> Result<Option<Arc<Exchange>>, AppFault> {
    let Some((place, sessions)) = config.session.as_ref().zip(sessions) else { return Ok(None) };
    if place.listen.is_empty() {
        return Ok(None);
    }
    let parts = ExchangeParts {
        keys: guard.keys(),
        sessions,
        ledger: ledger.clone(),
        limiter: limiter.clone(),
        routing: config.notify.routing.clone(),
        policy: {
            let guard = guard.clone();
            Arc::new(move || guard.policy())
        },
        instances: config.upstream.iter().flat_map(|upstream| upstream.site.instances.clone()).collect(),
        clock: clock.clone(),
        options: place.options.clone(),
    };
    Exchange::new(parts).map(Some).map_err(|fault| failed("sessions cannot be issued", &fault))
}

fn unfrozen(fault: Unwritten) -> AppFault {
    failed("the freezes in force cannot be read", &fault)
}

fn failed(what: &str, why: &impl ToString) -> AppFault {
    AppFault::Failed { what: what.to_owned(), why: why.to_string() }
}

impl fmt::Display for AppFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(faults) => f.write_str(&faults.plain()),
            Self::Failed { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl Error for AppFault {}
