//! Constructs everything once, in the order of the modules, and runs it until it is told to stop.

mod assembly;
mod certificates;
mod directory;
mod reload;
mod service;

pub use assembly::Assembly;
pub use certificates::Certificates;
pub use directory::{configuration, policy_files};

use std::{error::Error, fmt, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
    time::timeout,
};

use crate::{
    clock::Clock,
    config::{Config, Listen},
    diagnostic::Faults,
    guard::{Guard, Parts, Settling},
    ledger::{Ledger, LedgerOptions},
    notice::Routing,
    notify::Courier,
    operation::Sites,
    server::{self, Server},
    upstream::Upstream,
};

use self::{reload::Reload, service::Gateway};

/// How long requests, and work that belongs to the guard, may take to end once it is told to stop.
const DRAIN: Duration = Duration::from_secs(30);

/// Everything, running.
pub struct App {
    guard: Arc<Guard>,
    ledger: Ledger,
    courier: Arc<Courier>,
    servers: Vec<Server>,
    certificates: Option<Certificates>,
    reload: Reload,
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
    pub async fn start(config: &Config, clock: Clock, settling: Settling) -> Result<Self, AppFault> {
        let (assembly, warnings) = Assembly::of(config, clock.now()).map_err(AppFault::Invalid)?;
        for warning in warnings.iter() {
            let place = warning.place.as_ref().map(ToString::to_string);
            tracing::warn!(place, hint = warning.hint, "{}", warning.message);
        }
        let Assembly { policy, keys, tls, limiter, mail, templates, seal, hash } = assembly;
        let digest = policy.digest();
        let limiter = Arc::new(limiter);
        let ledger = Ledger::open(LedgerOptions {
            url: config.store.url.clone(),
            replica: config.store.replica.clone(),
            timeout: config.store.timeout,
            lease: Duration::from_secs(30),
            queue: 4096,
            ephemeral: config.store.ephemeral.clone(),
            seal,
            hash,
            clock: clock.clone(),
        })
        .await
        .map_err(|fault| failed("the ledger cannot be opened", &fault))?;
        let upstream = Upstream::new(config.upstream.clone(), limiter.clone(), clock.clone())
            .await
            .map_err(|fault| failed(&format!("the upstream `{}` cannot be used", fault.site), &fault.why))?;
        if let Err(fault) = upstream.ready().await {
            tracing::warn!(
                upstream = fault.site,
                why = fault.why,
                "no credentials yet: changes and operations are answered 503"
            );
        }
        ledger.started(digest).await.map_err(|fault| failed("the start cannot be recorded", &fault))?;
        let guard = Guard::new(Parts {
            keys,
            policy: Arc::new(policy),
            sites: Sites::new(config.upstream.iter().map(|upstream| upstream.site.clone()).collect()),
            limiter,
            ledger: ledger.clone(),
            upstream,
            routing: Routing { security: config.mail.security.clone(), language: "en".into() },
            clock: clock.clone(),
            bodies: config.bodies,
            settling,
        });
        let reload = Reload {
            directory: config.policy.clone(),
            max_stale: config.max_stale,
            guard: guard.clone(),
            ledger: ledger.clone(),
            clock: clock.clone(),
        };
        let courier = Arc::new(Courier::new(ledger.clone(), templates, mail, clock.clone()));
        let certificates = Some(Certificates::of(&config.listen, &tls, clock));
        let mut servers = Vec::new();
        for (listen, tls) in config.listen.iter().zip(tls) {
            let bound = Server::bind(server_options(listen), tls);
            servers.push(
                bound.map_err(|fault| failed(&format!("cannot listen on {}", listen.address), &fault))?,
            );
        }
        Ok(Self { guard, ledger, courier, servers, certificates, reload })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(Server::address).collect()
    }

    /// The certificates, for whoever is told to read them again; once.
    pub fn certificates(&mut self) -> Option<Certificates> {
        self.certificates.take()
    }

    /// Serves until `shutdown` resolves; then ends what is under way, lets the guard finish its work, and closes the
    /// ledger. A part that ends by itself ends all of it: half a guard is none.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), AppFault> {
        let Self { guard, ledger, courier, servers, certificates: _, reload } = self;
        let listeners: Vec<_> = servers.iter().map(|server| (server.address(), server.counts())).collect();
        let mail = courier.clone();
        let (stop, stopped) = watch::channel(());
        let (end_mail, mail_ended) = watch::channel(());
        let gateway = Arc::new(Gateway::new(guard.clone()));
        let mut serving = JoinSet::new();
        for server in servers {
            let (gateway, stopped) = (gateway.clone(), stopped.clone());
            serving.spawn(async move {
                let drained = server.run(gateway, told(stopped)).await;
                if drained.cut > 0 {
                    tracing::warn!(connections = drained.cut, "cut: they did not end in time");
                }
            });
        }
        serving.spawn(reload.run(told(stopped.clone())));
        serving.spawn(guard.clone().sweep(told(stopped)));
        let mut courier = tokio::spawn(courier.run(told(mail_ended)));
        let broken = tokio::select! {
            () = shutdown => None,
            Some(ended) = serving.join_next() => Some(why(ended)),
            ended = &mut courier => Some(why(ended)),
        };
        match broken {
            None => tracing::info!("stopping"),
            Some(why) => tracing::error!(why, "a part of the guard ended: stopping"),
        }
        drop(stop);
        while serving.join_next().await.is_some() {}
        if timeout(DRAIN, guard.drain()).await.is_err() {
            tracing::warn!("open changes are left to the next start");
        }
        drop(end_mail);
        if !courier.is_finished() && timeout(DRAIN, courier).await.is_err() {
            tracing::warn!("notices are left to the next start");
        }
        for (address, counts) in listeners {
            counted(&address.to_string(), &counts.stats());
        }
        for (site, counts) in guard.connect() {
            counted(site, &counts);
        }
        counted("rates", &guard.rates());
        counted("mail", &mail.stats());
        ledger.stop().await.map_err(|fault| failed("the ledger cannot be closed", &fault))?;
        counted("ledger", &ledger.stats());
        broken.map_or(Ok(()), |why| Err(failed("a part of the guard ended", &why)))
    }
}

/// Resolves when the sender is gone.
async fn told(mut stopped: watch::Receiver<()>) {
    // Nothing is ever sent.
    while stopped.changed().await.is_ok() {}
}

/// What a part counted, at its end.
fn counted(part: &str, counts: &impl Serialize) {
    match serde_json::to_string(counts) {
        Ok(counts) => tracing::info!(part, counts, "counted"),
        Err(error) => tracing::error!(part, %error, "counts cannot be written"),
    }
}

fn why(ended: Result<(), JoinError>) -> &'static str {
    match ended {
        Ok(()) => "it was not told to",
        Err(_) => "it panicked",
    }
}

fn server_options(listen: &Listen) -> server::Options {
    let mut options = server::Options::at(listen.address);
    options.gate = listen.gate;
    let timeouts = &mut options.timeouts;
    timeouts.handshake = listen.timeouts.handshake.unwrap_or(timeouts.handshake);
    timeouts.head = listen.timeouts.head.unwrap_or(timeouts.head);
    timeouts.body = listen.timeouts.body.unwrap_or(timeouts.body);
    timeouts.idle = listen.timeouts.idle.unwrap_or(timeouts.idle);
    timeouts.write = listen.timeouts.write.unwrap_or(timeouts.write);
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
