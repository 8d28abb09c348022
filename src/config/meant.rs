//! The configuration as meant.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use jiff::Timestamp;

use super::StreamPlace;
use crate::{
    caller::{CertificateName, Principal},
    diagnostic::Place,
    guard::BodyLimits,
    limit::Rates,
    notice::Routing,
    notify::{HookFormat, MailTls},
    operation::Address,
    secret::SecretRef,
    session::{FreezeRights, SessionOptions},
    upstream::SiteOptions,
    wire::{GateBounds, Require},
};

/// Everything the guard is told.
pub struct Config {
    /// The gateway listeners; at least one.
    pub listen: Vec<Listen>,
    /// The status listeners; there may be none.
    pub status: Vec<StatusListen>,
    /// Where sessions are issued, if anywhere.
    pub session: Option<SessionPlace>,
    /// Whom client certificates stand for.
    pub certificates: Vec<CertificateName>,
    /// Who may freeze changes, and who may lift that.
    pub freeze: FreezeRights,
    /// Who else may do what in AWS: what `connect-guard aws` writes policies from.
    pub aws: AwsOptions,
    /// How long ending may take.
    pub drain: Drain,
    /// The policy directory.
    pub policy: PathBuf,
    /// Who signs the policy directory (`allowed_signers`); it need not be signed when none is named.
    pub policy_signers: Option<Located<PathBuf>>,
    /// How long the policy in force may be older than a directory that cannot be taken; then changes are refused.
    pub max_stale: Duration,
    /// The ledger's store.
    pub store: StorePlace,
    /// Who is brought every record as it is made, in the order of the configuration.
    pub streams: Vec<StreamPlace>,
    /// Who keeps what proves the ledger.
    pub evidence: EvidencePlace,
    /// When old records leave the store; never when absent.
    pub retention: Option<RetentionPlace>,
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
    /// Who is told what, and how.
    pub notify: NotifyOptions,
    /// Rates.
    pub rates: Rates,
    /// Octets a body may have, by class, at every listener.
    pub bodies: BodyLimits,
    /// Octets of bodies that all listeners hold at once. A source has a quarter. Default 64 MiB.
    pub bodies_at_once: usize,
    /// How logs are written.
    pub log: LogFormat,
}

/// What AWS is to be told of the guard. The guard itself works without.
#[derive(Debug, Clone, Default)]
pub struct AwsOptions {
    /// IAM principals that the guard runs as: they alone may assume the roles of the upstreams.
    pub principals: Vec<String>,
    /// Who may change those roles.
    pub admins: Vec<String>,
    /// The role for when the guard cannot be used. Every use of it is told.
    pub break_glass: Option<String>,
    /// Where the guard's roles may be used from; from anywhere when these are all empty. VPCs:
    pub vpcs: Vec<String>,
    /// VPC endpoints.
    pub vpc_endpoints: Vec<String>,
    /// Public networks.
    pub networks: Vec<IpNet>,
    /// Who may do beside the guard what is the guard's, and the sentence that says why.
    pub exempt: Vec<(String, String)>,
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
    /// `CONNECT_GUARD_SESSION_LISTEN`: the same for the session listeners.
    pub session_listen: Option<String>,
    /// `CONNECT_GUARD_STATUS_LISTEN`: the same for the status listeners.
    pub status_listen: Option<String>,
    /// `CONNECT_GUARD_LOG_FORMAT`: `human` or `json`.
    pub log_format: Option<String>,
}

impl Overrides {
    /// What the environment sets.
    #[expect(clippy::disallowed_methods, reason = "the one place where the guard's own variables are read")]
    pub fn from_environment() -> Self {
        Self {
            listen: std::env::var_os("CONNECT_GUARD_LISTEN").as_deref().map(text),
            session_listen: std::env::var_os("CONNECT_GUARD_SESSION_LISTEN").as_deref().map(text),
            status_listen: std::env::var_os("CONNECT_GUARD_STATUS_LISTEN").as_deref().map(text),
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

/// One listener for callers of Connect, or for those who want a session.
pub struct Listen {
    /// Where it listens.
    pub address: SocketAddr,
    /// The certificate chain, PEM.
    pub certificate: Located<PathBuf>,
    /// The certificate's key, PEM.
    pub key: Located<SecretRef>,
    /// The names callers may use in `Host`; any when empty.
    pub hosts: BTreeSet<String>,
    /// The CAs that callers' certificates must come from, PEM; none are asked for when absent.
    pub client_ca: Option<Located<PathBuf>>,
    /// Certificates of those CAs that are revoked, PEM.
    pub crl: Option<Located<PathBuf>>,
    /// What callers must prove here. Of a session listener always [`Require::Signature`].
    pub require: Require,
    /// The Region that unsigned requests are for: there only where certificates suffice.
    pub region: Option<String>,
    /// The PROXY protocol, where something stands before the guard.
    pub proxy: Option<ProxyProtocol>,
    /// Deadlines, where they differ from the default.
    pub timeouts: Timeouts,
    /// Caps, where they differ from the default.
    pub caps: Caps,
    /// The gate's bounds.
    pub gate: GateBounds,
}

/// One listener for whoever watches the guard: `/livez`, `/readyz`, `/startupz`, `/metrics`. It answers nothing else.
pub struct StatusListen {
    /// Where it listens. Default [`StatusListen::ADDRESS`].
    pub address: SocketAddr,
    /// Certificate chain and key, PEM; plain HTTP without.
    pub tls: Option<(Located<PathBuf>, Located<SecretRef>)>,
    /// The CAs that clients' certificates must come from, PEM; none are asked for when absent.
    pub client_ca: Option<Located<PathBuf>>,
}

impl StatusListen {
    /// This machine only, at the port that OpenTelemetry gives to Prometheus exporters.
    pub const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9464);
}

/// The PROXY protocol, version 2: whoever connects says for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyProtocol {
    /// Who must say so, and is believed. Every other connection is closed.
    pub from: Vec<IpNet>,
}

/// How long ending may take, from the moment the guard is told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// Requests under way, and the work that belongs to the guard. Default 30 s.
    pub requests: Duration,
    /// Deliveries under way, after that. Default 30 s.
    pub notices: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { requests: Duration::from_secs(30), notices: Duration::from_secs(30) }
    }
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
    /// Requests of one source under way.
    pub requests_per_source: Option<usize>,
}

/// The ledger's store.
pub struct StorePlace {
    /// `postgres://USER@HOST/DATABASE?...`, or `sqlite:PATH`, with `?reserve=BYTES` and `max_bytes=BYTES` where given; understood by the store.
    pub url: String,
    /// The replica's name.
    pub replica: String,
    /// A write that takes longer has failed.
    pub timeout: Duration,
    /// The sentence that accepts a store that a restart may lose.
    pub ephemeral: Option<String>,
}

/// Who keeps what proves the ledger: where its chains ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidencePlace {
    /// How often it is recorded, when there is anything new. Default 5 m.
    pub every: Duration,
    /// A file that somebody else keeps: a line is appended each time.
    pub heads_file: Option<PathBuf>,
    /// The name of a hook that is told each time.
    pub heads_webhook: Option<String>,
}

impl EvidencePlace {
    /// How often, unless the configuration says otherwise.
    pub const EVERY: Duration = Duration::from_mins(5);
}

/// When old records leave the store, and where they go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPlace {
    /// How old records are that leave.
    pub records: Duration,
    /// The directory of segments.
    pub directory: PathBuf,
}

impl RetentionPlace {
    /// Where segments go unless the configuration says otherwise.
    pub const DIRECTORY: &str = "segments";
}

/// Where sessions are issued.
pub struct SessionPlace {
    /// The session listeners. None where only sessions are taken that another guard with these keys issued.
    pub listen: Vec<Listen>,
    /// Keys that sessions are sealed with, by id: the current one first; at least one.
    pub keys: Vec<(String, Located<SecretRef>)>,
    /// What is exchanged for a session, and for how long.
    pub options: SessionOptions,
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
    /// The security team: told of everything. May be empty where there are routes.
    pub security: Vec<Address>,
    /// For one message.
    pub timeout: Duration,
    /// Where it stands.
    pub place: Place,
}

/// Who is told what, and how.
pub struct NotifyOptions {
    /// Who is told what: `[mail] security` first, then each `[[notify.route]]`.
    pub routing: Routing,
    /// Where hooks are, in the order of the configuration.
    pub hooks: Vec<HookPlace>,
    /// A directory of templates that replace those compiled in.
    pub templates: Option<Located<PathBuf>>,
}

/// A webhook.
pub struct HookPlace {
    /// Its name: `hook:NAME`.
    pub name: String,
    /// Where it is.
    pub url: UrlPlace,
    /// What it is told, and in which form.
    pub format: HookFormat,
    /// What its calls are signed with (Standard Webhooks), or its routing key (PagerDuty): the current one first, then
    /// the previous one while it is changed.
    pub secrets: Vec<Located<SecretRef>>,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<Located<PathBuf>>,
    /// Networks not of the public Internet that it may be in.
    pub private: Vec<IpNet>,
    /// For one call. Default 15 s.
    pub timeout: Duration,
    /// Where it stands.
    pub place: Place,
}

impl HookPlace {
    /// For one call, unless the configuration says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(15);
}

/// Where a hook is: `https` only, without credentials or fragment.
pub enum UrlPlace {
    /// As written.
    Written(String),
    /// Where the URL is a secret itself, as Slack's and Teams' are.
    Secret(Located<SecretRef>),
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}
