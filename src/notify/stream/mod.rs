//! Streams: every record of the ledger, brought to a SIEM as it is made. Chain by chain in order, at least once, never left
//! out: how far each stream came is in the store. A record goes out as `audit export` has it, what is sealed in it sealed.
//!
//! By syslog over TLS (RFC 5424 and 5425; never in clear, never by UDP), which acknowledges nothing, or by a webhook, which
//! does. A stream that is required has to take a change's intent before the change is sent ([`Ledger::taken_by_streams`]); no
//! other holds anything up.

use std::{
    collections::BTreeSet,
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use serde::Serialize;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use self::{pump::Pump, session::Session, syslog::Origin};
use super::{
    hook::{Hook, HookFault, HookOptions},
    unsent::Unsent,
};
use crate::{
    client::{Endpoint, Line, Presented, Unusable},
    clock::Clock,
    ledger::{Kind, Ledger, Required},
    notice::Event,
};

mod portion;
mod progress;
mod pump;
mod session;
mod syslog;
mod untaken;

pub(crate) use syslog::Facility;
pub(crate) use untaken::Untaken;

/// How one receiver gets the records.
pub(crate) struct StreamOptions {
    /// The name, under which the store knows how far it came.
    pub name: String,
    /// Where to.
    pub to: StreamTo,
    /// Whether an intent has to be taken before its change is sent.
    pub required: bool,
    /// For each step: connecting, writing 8 KiB, an answer. And for an intent to be taken, where that is required.
    pub timeout: Duration,
    /// Only these kinds of records; all when empty.
    pub kinds: BTreeSet<Kind>,
}

/// Where records go.
pub(crate) enum StreamTo {
    /// Syslog over TLS.
    Syslog(SyslogOptions),
    /// A webhook that is posted lines: `application/x-ndjson`, signed by Standard Webhooks.
    Webhook(HookOptions),
}

/// Where a receiver of syslog is.
pub(crate) struct SyslogOptions {
    /// The name that its certificate has to have; a DNS name or an IP literal.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// Shown to a receiver that asks for it.
    pub presented: Option<Presented>,
    /// Under which facility.
    pub facility: Facility,
}

/// A stream cannot be set up. Shows neither a URL nor a secret.
#[derive(Debug)]
pub(crate) enum StreamFault {
    /// The receiver's name, its port, the CA file or the certificate cannot be used.
    Line(Unusable),
    /// The webhook cannot be set up.
    Hook(HookFault),
}

/// Plain counts of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StreamStats {
    /// Its name.
    pub name: String,
    /// Records of the chains it brings that it has not brought yet.
    pub lag: u64,
    /// Since when it has been failing, milliseconds since 1970; none while it works.
    pub failing_since: Option<i64>,
    /// Why it fails.
    pub why: Option<String>,
    /// Records brought, those that were brought again among them.
    pub sent: u64,
    /// Records that a session may have lost, and that were or will be brought again.
    pub repeated: u64,
    /// How often something failed.
    pub failures: u64,
}

/// All of them.
pub(crate) struct Streams {
    all: Vec<Arc<Stream>>,
    clock: Clock,
    /// The name of this machine, for syslog.
    host: String,
}

/// One.
struct Stream {
    name: String,
    aim: ArcSwap<Aim>,
    /// Its options were replaced.
    replaced: Notify,
    /// Up to which record it took this process's chain.
    taken: watch::Sender<u64>,
    /// Up to which record this process's chain was sent.
    own: AtomicU64,
    /// How many records of other chains were not.
    others: AtomicU64,
    state: Mutex<StreamStats>,
}

/// Where and how, as the options say.
struct Aim {
    sink: Sink,
    required: bool,
    timeout: Duration,
    kinds: BTreeSet<Kind>,
}

/// Where to.
enum Sink {
    Syslog(Line, Origin),
    Webhook(Hook),
}

/// Tells people of the guard itself.
pub(crate) type Say = Arc<dyn Fn(Event) + Send + Sync>;

impl Streams {
    /// Sets all of them up; reads their CA files; connects to nothing. `host` is the name of this machine.
    ///
    /// # Errors
    /// The first that could never bring anything, by its name.
    pub(crate) fn new(
        options: Vec<StreamOptions>,
        clock: Clock,
        host: String,
    ) -> Result<Self, (String, StreamFault)> {
        let mut all = Vec::new();
        for options in options {
            let aim = Aim::new(&options, &host).map_err(|fault| (options.name.clone(), fault))?;
            all.push(Arc::new(Stream {
                name: options.name,
                aim: ArcSwap::from_pointee(aim),
                replaced: Notify::new(),
                taken: watch::channel(0).0,
                own: AtomicU64::new(u64::MAX),
                others: AtomicU64::new(0),
                state: Mutex::default(),
            }));
        }
        Ok(Self { all, clock, host })
    }

    /// The names of all.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|stream| stream.name.as_str())
    }

    /// From now on these options hold for the stream of this name; false where there is none.
    ///
    /// # Errors
    /// As for [`Streams::new`]; then nothing is replaced.
    pub(crate) fn replace(&self, options: &StreamOptions) -> Result<bool, StreamFault> {
        let aim = Aim::new(options, &self.host)?;
        let Some(stream) = self.all.iter().find(|stream| stream.name == options.name) else {
            return Ok(false);
        };
        stream.aim.store(Arc::new(aim));
        stream.replaced.notify_one();
        Ok(true)
    }

    /// Those that have to take an intent before it is sent, for the ledger.
    pub(crate) fn required(&self) -> Vec<Required> {
        let required = self.all.iter().filter_map(|stream| {
            let aim = stream.aim.load();
            let taken = stream.taken.subscribe();
            aim.required.then(|| Required { stream: stream.name.clone(), patience: aim.timeout, taken })
        });
        required.collect()
    }

    /// Name, TCP, TLS; sends nothing.
    ///
    /// # Errors
    /// When the receiver cannot be reached, or is not whom its certificate has to name.
    pub(crate) async fn check(&self, name: &str) -> Result<(), Untaken> {
        let found = self.all.iter().find(|stream| stream.name == name);
        let Some(stream) = found else { return Err(Untaken::Hook(Unsent::NoChannel)) };
        let aim = stream.aim.load_full();
        match &aim.sink {
            Sink::Syslog(line, _) => {
                Session::open(line).await?.close().await;
                Ok(())
            }
            Sink::Webhook(hook) => hook.check().await.map_err(Untaken::Hook),
        }
    }

    /// Makes the place of each that is new where the chains end now: what is recorded from here on is brought.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub(crate) async fn begin(&self, ledger: &Ledger) -> Result<(), crate::ledger::Unwritten> {
        for stream in &self.all {
            ledger.stream_chains(&stream.name).await?;
        }
        ledger.require(self.required());
        Ok(())
    }

    /// Works until `shutdown` resolves; then for a moment on what has not been brought yet.
    pub(crate) async fn run(
        self: Arc<Self>,
        ledger: Ledger,
        say: Say,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let (stop, stopped) = watch::channel(());
        let mut working = JoinSet::new();
        for stream in &self.all {
            let (stream, clock, ledger) = (Arc::clone(stream), self.clock.clone(), ledger.clone());
            working.spawn(Pump::new(stream, ledger, clock, Arc::clone(&say)).run(stopped.clone()));
        }
        drop(stopped);
        tokio::pin!(shutdown);
        tokio::select! {
            () = &mut shutdown => {}
            // None has a reason to end: whoever watches this part ends the guard.
            Some(ended) = working.join_next() => {
                tracing::error!(?ended, "a stream ended");
            }
        }
        drop(stop);
        while working.join_next().await.is_some() {}
    }

    /// Counts, as of a chain that ends with this record.
    pub(crate) fn stats(&self, head: u64) -> Vec<StreamStats> {
        let stats = self.all.iter().map(|stream| {
            let own = stream.own.load(Ordering::Relaxed);
            let lag = head.saturating_sub(own) + stream.others.load(Ordering::Relaxed);
            StreamStats { name: stream.name.clone(), lag, ..stream.state().clone() }
        });
        stats.collect()
    }
}

impl Stream {
    fn state(&self) -> MutexGuard<'_, StreamStats> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Aim {
    fn new(options: &StreamOptions, host: &str) -> Result<Self, StreamFault> {
        let sink = match &options.to {
            StreamTo::Syslog(to) => {
                let endpoint = Endpoint {
                    host: to.host.clone(),
                    port: to.port,
                    address: None,
                    ca_file: to.ca_file.clone(),
                };
                let line = Line::new(&endpoint, options.timeout, to.presented.as_ref());
                Sink::Syslog(line.map_err(StreamFault::Line)?, Origin::new(to.facility, host))
            }
            StreamTo::Webhook(to) => Sink::Webhook(Hook::new(to).map_err(StreamFault::Hook)?),
        };
        let StreamOptions { required, timeout, kinds, .. } = options;
        Ok(Self { sink, required: *required, timeout: *timeout, kinds: kinds.clone() })
    }
}

impl fmt::Display for StreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(fault) => fault.fmt(f),
            Self::Hook(fault) => fault.fmt(f),
        }
    }
}

impl std::error::Error for StreamFault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Line(fault) => Some(fault),
            Self::Hook(fault) => Some(fault),
        }
    }
}
