//! The configuration as meant.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use jiff::Timestamp;

use crate::{
    caller::Principal, diagnostic::Place, guard::BodyLimits, limit::Rates, notify::MailTls,
    operation::Address, secret::SecretRef, upstream::SiteOptions, wire::GateBounds,
};

/// Everything the guard is told.
pub struct Config {
    /// The gateway listeners; at least one.
    pub listen: Vec<Listen>,
    /// The policy directory.
    pub policy: PathBuf,
    /// How long the policy in force may be older than a directory that cannot be taken; then changes are refused.
    pub max_stale: Duration,
    /// The ledger's store.
    pub store: StorePlace,
    /// Sealing keys, current first.
    pub seal: Vec<(String, Located<SecretRef>)>,
    /// The key of keyed hashes.
    pub hash: Located<SecretRef>,
    /// Where Connect is.
    pub upstream: Vec<SiteOptions>,
    /// Keys of callers.
    pub callers: Vec<CallerKey>,
    /// Mail.
    pub mail: MailPlace,
    /// Rates.
    pub rates: Rates,
    /// Octets a body may have, by class, at every listener.
    pub bodies: BodyLimits,
    /// How logs are written.
    pub log: LogFormat,
}

/// A value and where it was written, for faults that show when it is used.
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place,
}

/// What the environment may set: listen addresses, and the form of logs. Nothing else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `CONNECT_GUARD_LISTEN`: addresses instead of those of the gateway listeners, in order, separated by commas.
    pub listen: Option<String>,
    /// `CONNECT_GUARD_LOG_FORMAT`: `human` or `json`.
    pub log_format: Option<String>,
}

impl Overrides {
    /// What the environment sets.
    #[expect(clippy::disallowed_methods, reason = "the one place where the guard's own variables are read")]
    pub fn from_environment() -> Self {
        Self {
            listen: std::env::var_os("CONNECT_GUARD_LISTEN").as_deref().map(text),
            log_format: std::env::var_os("CONNECT_GUARD_LOG_FORMAT").as_deref().map(text),
        }
    }

    /// `CONNECT_GUARD_CONFIG`: the path of the configuration.
    #[expect(clippy::disallowed_methods, reason = "the one place where the guard's own variables are read")]
    pub fn config_file() -> Option<OsString> {
        std::env::var_os("CONNECT_GUARD_CONFIG")
    }
}

/// What is not UTF-8 is not passed over: its replacement characters are in no address and no name.
fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

/// One listener for callers of Connect.
pub struct Listen {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate chain, PEM.
    pub certificate: Located<PathBuf>,
    /// The certificate's key, PEM.
    pub key: Located<SecretRef>,
    /// The names callers may use in `Host`; any when empty.
    pub hosts: BTreeSet<String>,
    /// Deadlines, where they differ from the default.
    pub timeouts: Timeouts,
    /// Caps, where they differ from the default.
    pub caps: Caps,
    /// The gate's bounds.
    pub gate: GateBounds,
}

/// Deadlines of a listener.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// The TLS handshake. Default 10 s.
    pub handshake: Option<Duration>,
    /// A request's head. Default 10 s.
    pub head: Option<Duration>,
    /// A request's body. Default 30 s.
    pub body: Option<Duration>,
    /// Between requests. Default 75 s.
    pub idle: Option<Duration>,
    /// Without progress in writing. Default 30 s.
    pub write: Option<Duration>,
}

/// Caps of a listener.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caps {
    /// Connections.
    pub connections: Option<usize>,
    /// Connections of one source.
    pub connections_per_source: Option<usize>,
    /// Requests under way.
    pub requests: Option<usize>,
}

/// The ledger's store.
pub struct StorePlace {
    /// `sqlite:PATH`, with `?reserve=BYTES` and `max_bytes=BYTES` where given; understood by the store.
    pub url: String,
    /// The replica's name.
    pub replica: String,
    /// A write that takes longer has failed.
    pub timeout: Duration,
    /// The sentence that accepts a store that a restart may lose.
    pub ephemeral: Option<String>,
}

/// A caller's key: its secret is read with the others.
pub struct CallerKey {
    /// The access key id.
    pub key_id: String,
    /// Its secret.
    pub secret: Located<SecretRef>,
    /// Whom it stands for.
    pub principal: Principal,
    /// Its end.
    pub expires: Timestamp,
    /// From where.
    pub networks: Vec<IpNet>,
    /// Where it stands.
    pub place: Place,
}

/// Where mail is handed in.
pub struct MailPlace {
    /// The server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: MailTls,
    /// CAs instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// User name and password.
    pub credentials: Option<(String, Located<SecretRef>)>,
    /// The sender.
    pub from: Address,
    /// The security team.
    pub security: Vec<Address>,
    /// For one message.
    pub timeout: Duration,
    /// Where it stands.
    pub place: Place,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
