//! The keys of one issuer: read when they are needed, kept for a while, and read again for a key that is not known. How
//! often is bounded whatever tokens name, and so is how long keys are believed that cannot be read again.

use std::{fmt, io, path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::SignedDuration;
use tokio::sync::Mutex;

use crate::{
    client::{Client, ClientBounds, ClientError, Endpoint, Outgoing, Reach},
    clock::Now,
    notify::HookUrl,
    secret::trusted,
};

use super::{
    ExchangeFault, IssuerOptions, Jwks,
    jwks::{self, JwksFault, Key, SET_MAX},
};

/// How long keys from a URL are used without another look: so long may a key that was withdrawn still be believed.
const FRESH: SignedDuration = SignedDuration::from_mins(10);
/// The same of keys in a file.
const FRESH_FILE: SignedDuration = SignedDuration::from_secs(30);
/// How long keys are used that cannot be read again.
const STALE: SignedDuration = SignedDuration::from_hours(2);
/// The shortest pause between two readings, when the last one went well: a token names any key it likes.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// The first pause after a failure; it doubles up to the longest.
const PAUSE_FAILED: SignedDuration = SignedDuration::from_secs(5);
const PAUSE_LONGEST: SignedDuration = SignedDuration::from_mins(5);
/// Each step of reading from a URL takes at most so long.
const WITHIN: Duration = Duration::from_secs(5);

/// An issuer and its keys.
pub(super) struct Issuer {
    pub(super) options: IssuerOptions,
    source: Source,
    held: ArcSwap<Held>,
    /// One reading at a time.
    reading: Mutex<()>,
}

enum Source {
    Url { client: Box<Client>, target: String },
    File(PathBuf),
}

/// What is held of an issuer.
#[derive(Default)]
struct Held {
    keys: Vec<Key>,
    /// When they were read.
    read: Option<Now>,
    /// When that was tried last.
    tried: Option<Now>,
    /// How often it failed since it went well.
    failures: u32,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this id.
    Unknown,
    /// The issuer's keys cannot be read, and those that were held are too old.
    Unavailable,
}

/// Why keys could not be read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// No answer.
    Client(ClientError),
    /// Another answer than 200.
    Status(u16),
    /// The file cannot be read.
    File(io::Error),
    /// It is no set of keys.
    Set(JwksFault),
}

/// What is known of an issuer's keys.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IssuerStats {
    /// `iss`.
    pub issuer: String,
    /// How many keys are held.
    pub keys: usize,
    /// When they were read: milliseconds since 1970.
    pub read: Option<i64>,
    /// How often reading failed since it last went well.
    pub failures: u32,
}

impl Issuer {
    /// Reads nothing yet but the CA file.
    pub(super) fn new(options: &IssuerOptions) -> Result<Self, ExchangeFault> {
        let source = match &options.jwks {
            Jwks::File(path) => Source::File(path.clone()),
            Jwks::Url { url, ca_file, private } => {
                let url = HookUrl::read(url).map_err(ExchangeFault::Url)?;
                let endpoint = Endpoint {
                    host: url.host.clone(),
                    port: url.port,
                    address: None,
                    ca_file: ca_file.clone(),
                };
                let bounds = ClientBounds {
                    connect: WITHIN,
                    answer: WITHIN,
                    idle_body: WITHIN,
                    body: SET_MAX,
                    pool: 1,
                    in_flight: 2,
                    ..ClientBounds::default()
                };
                let reach = Reach::Public { but: private.clone() };
                let client = Client::reaching(&endpoint, bounds, reach).map_err(ExchangeFault::Client)?;
                Source::Url { client: Box::new(client), target: url.target.clone() }
            }
        };
        Ok(Self::with(options.clone(), source))
    }

    fn with(options: IssuerOptions, source: Source) -> Self {
        Self { options, source, held: ArcSwap::default(), reading: Mutex::new(()) }
    }

    /// The key of this id.
    pub(super) async fn key(&self, kid: &str, now: Now) -> Result<Key, NoKey> {
        let held = self.held.load_full();
        let found = held.find(kid, now);
        if found.is_ok() && held.age(now).is_some_and(|age| age <= self.fresh()) {
            return found;
        }
        if !held.may_try(now) {
            return found;
        }
        if found.is_ok() {
            // Somebody else is at it: what is held will do meanwhile.
            let Ok(_reading) = self.reading.try_lock() else { return found };
            self.read_once(&held, now).await;
        } else {
            let _reading = self.reading.lock().await;
            self.read_once(&held, now).await;
        }
        self.held.load().find(kid, now)
    }

    /// Reads the keys once, for whoever only wants to know whether they can be had: how many there are.
    pub(super) async fn count(&self) -> Result<usize, Unread> {
        self.read().await.map(|keys| keys.len())
    }

    /// What is known of the keys.
    pub(super) fn stats(&self) -> IssuerStats {
        let held = self.held.load();
        IssuerStats {
            issuer: self.options.issuer.clone(),
            keys: held.keys.len(),
            read: held.read.map(Now::millis),
            failures: held.failures,
        }
    }

    /// Reads the keys, unless somebody did since `seen` was looked at.
    async fn read_once(&self, seen: &Arc<Held>, now: Now) {
        if !Arc::ptr_eq(seen, &self.held.load_full()) {
            return;
        }
        let next = match self.read().await {
            Ok(keys) => Held { keys, read: Some(now), tried: Some(now), failures: 0 },
            Err(unread) => {
                let failures = seen.failures.saturating_add(1);
                tracing::warn!(issuer = self.options.issuer, failures, why = %unread, "keys of an issuer not read");
                Held { keys: seen.keys.clone(), read: seen.read, tried: Some(now), failures }
            }
        };
        self.held.store(Arc::new(next));
    }

    async fn read(&self) -> Result<Vec<Key>, Unread> {
        let octets = match &self.source {
            Source::File(path) => file(path.clone()).await.map_err(Unread::File)?,
            Source::Url { client, target } => url(client, target).await?,
        };
        jwks::read(&octets).map_err(Unread::Set)
    }

    fn fresh(&self) -> SignedDuration {
        match self.source {
            Source::Url { .. } => FRESH,
            Source::File(_) => FRESH_FILE,
        }
    }
}

impl Held {
    /// How old they are; none when they were never read, or when time went back.
    fn age(&self, now: Now) -> Option<SignedDuration> {
        since(self.read?, now)
    }

    fn find(&self, kid: &str, now: Now) -> Result<Key, NoKey> {
        if self.age(now).is_none_or(|age| age > STALE) {
            return Err(NoKey::Unavailable);
        }
        self.keys.iter().find(|key| key.kid == kid).cloned().ok_or(NoKey::Unknown)
    }

    fn may_try(&self, now: Now) -> bool {
        let pause = match self.failures {
            0 => PAUSE,
            failures => {
                let doubled = PAUSE_FAILED.checked_mul(1 << (failures - 1).min(16));
                doubled.unwrap_or(PAUSE_LONGEST).min(PAUSE_LONGEST)
            }
        };
        self.tried.and_then(|tried| since(tried, now)).is_none_or(|gone| gone >= pause)
    }
}

fn since(then: Now, now: Now) -> Option<SignedDuration> {
    let gone = now.timestamp().duration_since(then.timestamp());
    (!gone.is_negative()).then_some(gone)
}

async fn url(client: &Client, target: &str) -> Result<Vec<u8>, Unread> {
    let headers = vec![("host", client.authority().to_owned()), ("accept", "application/json".to_owned())];
    let request = Outgoing { method: "GET", target: target.to_owned(), headers, body: Bytes::new() };
    let answer = client.send(request).await.map_err(Unread::Client)?;
    if answer.status == 200 { Ok(answer.body.to_vec()) } else { Err(Unread::Status(answer.status)) }
}

/// Reads a file on a thread of its own: it may lie on a network.
async fn file(path: PathBuf) -> io::Result<Vec<u8>> {
    tokio::task::spawn_blocking(move || trusted(&path)).await.map_err(io::Error::other)?
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(error) => error.fmt(f),
            Self::Status(status) => write!(f, "status {status}"),
            Self::File(error) => error.fmt(f),
            Self::Set(fault) => f.write_str(match fault {
                JwksFault::TooLong => "over 256 KiB",
                JwksFault::Form => "not a set of keys in strict json",
                JwksFault::Doubled => "two keys have one id, or there are more than 64",
                JwksFault::Empty => "no key in it can be used",
            }),
        }
    }
}

#[cfg(test)]
mod tests;
