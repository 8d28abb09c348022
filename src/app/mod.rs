//! Constructs everything once, in the order of the modules, and runs it until it is told to stop.

mod assembly;
mod calendar;
mod directory;
mod parts;
mod reload;
mod renewal;
mod running;
mod said;
mod service;
mod standing;
mod supervisor;
mod teller;
mod watched;
mod wording;

pub use assembly::{Assembly, Correspondence};
pub use directory::{configuration, policy_files};

use std::{collections::BTreeSet, error::Error, fmt, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};

use self::{
    calendar::Calendar,
    reload::{Known, Reload, changed_meanwhile},
    renewal::{Renewal, Served, fingerprint},
    standing::{Phase, Standing},
    teller::{Telling, teller},
    watched::Watch,
};
use crate::{
    clock::Clock,
    config::{Config, Drain, Listen},
    diagnostic::Faults,
    guard::{Guard, Parts, Settling},
    ledger::{Ledger, LedgerOptions, Unwritten},
    notice::Routing,
    notify::{Announcer, Courier, Post},
    operation::Sites,
    secret::{Digest, HashKey, Seal},
    server::{BindError, Options, ProxyProtocol, Server, StatusOptions, StatusServer, Tls},
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
    servers: Vec<Server>,
    statuses: Vec<StatusServer>,
    standing: Arc<Standing>,
    watch: Arc<Watch>,
    drain: Drain,
    reload: Reload,
    reload_again: mpsc::Receiver<Again>,
    renewal: Renewal,
    renewal_again: mpsc::Receiver<Again>,
    renew: Renew,
    calendar: Calendar,
    telling: Telling,
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
        let Assembly { policy, keys, tls, status_tls, limiter, channels, templates, seal, hash } = assembly;
        let digest = policy.digest();
        let limiter = Arc::new(limiter);
        let ledger = opened(&config, seal, hash, &clock).await?;
        let upstream = Upstream::new(config.upstream.clone(), limiter.clone(), clock.clone())
            .await
            .map_err(|fault| failed(&format!("the upstream `{}` cannot be used", fault.site), &fault.why))?;
        let routing = config.notify.routing.clone();
        started(&ledger, digest, &routing)
            .await
            .map_err(|fault| failed("the start cannot be recorded", &fault))?;
        let routes = Arc::new(ArcSwap::from_pointee(routing.clone()));
        let guard = Guard::new(Parts {
            keys,
            policy: Arc::new(policy),
            sites: Sites::new(config.upstream.iter().map(|upstream| upstream.site.clone()).collect()),
            limiter,
            ledger: ledger.clone(),
            upstream,
            announcer: Some(Announcer::new(channels.clone(), templates.clone())),
            routing,
            clock: clock.clone(),
            bodies: config.bodies,
            settling,
        });
        let standing = Arc::new(Standing::default());
        standing.policy(digest, guard.policy().frozen_by(), since);
        let (teller, telling) = teller(ledger.clone(), routes.clone());
        let post = Post::new(ledger.clone(), routes.clone());
        let courier = Arc::new(Courier::new(post, &templates, &channels, &clock));
        let (servers, statuses) = listeners(&config, &tls, &status_tls)?;
        let watch = Arc::new(Watch {
            guard: guard.clone(),
            ledger: ledger.clone(),
            courier: courier.clone(),
            standing: standing.clone(),
            listeners: servers.iter().map(|server| (server.address(), server.counts())).collect(),
            certificates: certificates(&servers, &tls, &statuses, &status_tls),
            clock: clock.clone(),
            since,
        });
        let (policy_again, reload_again) = mpsc::channel(1);
        let (material_again, renewal_again) = mpsc::channel(1);
        Ok(Self {
            reload: Reload {
                directory: config.policy.clone(),
                max_stale: config.max_stale,
                guard: guard.clone(),
                ledger: ledger.clone(),
                teller: teller.clone(),
                standing: standing.clone(),
                clock: clock.clone(),
                known: Known::default(),
            },
            reload_again,
            drain: config.drain,
            renewal: Renewal {
                reread,
                served: Served::all(&config, &tls, &status_tls),
                files,
                config: ArcSwap::from_pointee(config),
                guard: guard.clone(),
                channels,
                routes,
                standing: standing.clone(),
                clock: clock.clone(),
            },
            renewal_again,
            renew: Renew { policy: policy_again, material: material_again, standing: standing.clone() },
            calendar: Calendar {
                guard: guard.clone(),
                ledger: ledger.clone(),
                courier: courier.clone(),
                teller,
                clock,
                told: BTreeSet::new(),
            },
            telling,
            guard,
            ledger,
            courier,
            servers,
            statuses,
            standing,
            watch,
        })
    }

    /// Where it listens for callers.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    /// Where it listens for whoever watches it.
    pub fn status_addresses(&self) -> Vec<SocketAddr> {
        self.statuses.iter().map(StatusServer::address).collect()
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

/// Records the start. A policy that is not the last one on record was put there while nobody looked: people are told of it
/// first, so that an end between the two repeats it and does not swallow it.
async fn started(ledger: &Ledger, policy: Digest, routing: &Routing) -> Result<(), Unwritten> {
    if let Some(event) = ledger.last_policy().await?.and_then(|before| changed_meanwhile(before, policy)) {
        tracing::warn!(digest = %policy, "the policy was changed while no guard was running");
        ledger.say(&event, routing, None).await?;
    }
    ledger.started(policy).await
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

fn listeners(
    config: &Config,
    tls: &[Tls],
    status_tls: &[Option<Tls>],
) -> Result<(Vec<Server>, Vec<StatusServer>), AppFault> {
    let at = |fault: BindError| {
        let why = fault.source.to_string();
        failed(&format!("cannot listen on {}", fault.address), &why)
    };
    let mut servers = Vec::new();
    for (listen, tls) in config.listen.iter().zip(tls) {
        servers.push(Server::bind(options(listen, config.drain), tls.clone()).map_err(at)?);
    }
    let mut statuses = Vec::new();
    for (listen, tls) in config.status.iter().zip(status_tls) {
        let options = StatusOptions { address: listen.address, tls: tls.clone() };
        statuses.push(StatusServer::bind(options).map_err(at)?);
    }
    Ok((servers, statuses))
}

/// Each certificate, with the listener that serves it.
fn certificates(
    servers: &[Server],
    tls: &[Tls],
    statuses: &[StatusServer],
    status_tls: &[Option<Tls>],
) -> Vec<(SocketAddr, Tls)> {
    let gateway = servers.iter().map(Server::address).zip(tls.iter().cloned());
    let status = statuses.iter().map(StatusServer::address).zip(status_tls.iter().cloned());
    gateway.chain(status.filter_map(|(address, tls)| Some((address, tls?)))).collect()
}

fn options(listen: &Listen, drain: Drain) -> Options {
    let mut options = Options::at(listen.address);
    options.gate = listen.gate;
    options.proxy = listen.proxy.as_ref().map(|proxy| ProxyProtocol { from: proxy.from.clone() });
    let timeouts = &mut options.timeouts;
    timeouts.handshake = listen.timeouts.handshake.unwrap_or(timeouts.handshake);
    timeouts.head = listen.timeouts.head.unwrap_or(timeouts.head);
    timeouts.body = listen.timeouts.body.unwrap_or(timeouts.body);
    timeouts.idle = listen.timeouts.idle.unwrap_or(timeouts.idle);
    timeouts.write = listen.timeouts.write.unwrap_or(timeouts.write);
    timeouts.drain = drain.requests;
    let caps = &mut options.caps;
    caps.connections = listen.caps.connections.unwrap_or(caps.connections);
    caps.per_source = listen.caps.connections_per_source.unwrap_or(caps.per_source);
    caps.requests = listen.caps.requests.unwrap_or(caps.requests);
    options
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
