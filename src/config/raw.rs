//! The configuration as written: every key that exists, where it stands, and nothing else. Unknown keys are faults.

use std::{collections::BTreeMap, path::PathBuf};

use serde::Deserialize;
use serde_spanned::Spanned;

/// Text with its place.
pub(super) type Text = Spanned<String>;
/// A path with its place.
pub(super) type File = Spanned<PathBuf>;
/// A program and its arguments, with their place.
pub(super) type Words = Spanned<Vec<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Raw {
    #[serde(default)]
    pub(super) listen: Vec<Spanned<Listen>>,
    pub(super) policy: Option<Spanned<PolicyPlace>>,
    pub(super) store: Option<Spanned<Store>>,
    pub(super) keys: Option<Spanned<Keys>>,
    #[serde(default)]
    pub(super) upstream: Vec<Spanned<Upstream>>,
    #[serde(default)]
    pub(super) caller: Vec<Spanned<Caller>>,
    pub(super) session: Option<Spanned<Session>>,
    #[serde(default)]
    pub(super) certificate: Vec<Spanned<Certificate>>,
    pub(super) freeze: Option<Spanned<Freeze>>,
    pub(super) aws: Option<Spanned<Aws>>,
    pub(super) mail: Option<Spanned<Mail>>,
    #[serde(default)]
    pub(super) notify: Notify,
    #[serde(default)]
    pub(super) stream: Vec<Spanned<Stream>>,
    #[serde(default)]
    pub(super) evidence: Evidence,
    #[serde(default)]
    pub(super) retention: Retention,
    #[serde(default)]
    pub(super) drain: Drain,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) log: Log,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Listen {
    pub(super) kind: Text,
    pub(super) address: Option<Text>,
    pub(super) certificate: Option<File>,
    pub(super) key_file: Option<File>,
    pub(super) key_credential: Option<Text>,
    pub(super) client_ca: Option<File>,
    pub(super) crl_file: Option<File>,
    pub(super) require: Option<Text>,
    pub(super) region: Option<Text>,
    pub(super) hosts: Option<Spanned<Vec<Text>>>,
    pub(super) proxy_protocol: Option<Spanned<ProxyProtocol>>,
    pub(super) timeouts: Option<Spanned<Timeouts>>,
    pub(super) caps: Option<Spanned<Caps>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct ProxyProtocol {
    pub(super) from: Spanned<Vec<Text>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Drain {
    pub(super) requests: Option<Text>,
    pub(super) notices: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Timeouts {
    pub(super) handshake: Option<Text>,
    pub(super) head: Option<Text>,
    pub(super) body: Option<Text>,
    pub(super) idle: Option<Text>,
    pub(super) write: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Caps {
    pub(super) connections: Option<Spanned<usize>>,
    pub(super) connections_per_source: Option<Spanned<usize>>,
    pub(super) requests: Option<Spanned<usize>>,
    pub(super) requests_per_source: Option<Spanned<usize>>,
    pub(super) head: Option<Spanned<usize>>,
    pub(super) headers: Option<Spanned<usize>>,
    pub(super) target: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct PolicyPlace {
    pub(super) directory: File,
    pub(super) max_stale: Option<Text>,
    pub(super) signers: Option<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Store {
    pub(super) url: Text,
    pub(super) replica: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) ephemeral: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Evidence {
    pub(super) every: Option<Text>,
    pub(super) heads_file: Option<File>,
    pub(super) heads_webhook: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Retention {
    pub(super) records: Option<Text>,
    pub(super) directory: Option<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Keys {
    pub(super) seal: Vec<Spanned<SealKey>>,
    pub(super) hash_file: Option<File>,
    pub(super) hash_credential: Option<Text>,
    pub(super) hash_command: Option<Words>,
    pub(super) hash_env: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct SealKey {
    pub(super) id: Text,
    pub(super) secret_file: Option<File>,
    pub(super) secret_credential: Option<Text>,
    pub(super) secret_command: Option<Words>,
    pub(super) secret_env: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Upstream {
    pub(super) name: Text,
    pub(super) account: Text,
    pub(super) region: Text,
    pub(super) partition: Option<Text>,
    pub(super) instances: Spanned<Vec<Text>>,
    pub(super) endpoint: Option<Text>,
    pub(super) fips: Option<Spanned<bool>>,
    pub(super) address: Option<Text>,
    pub(super) ca_file: Option<File>,
    pub(super) profile: Option<Text>,
    pub(super) role: Option<Text>,
    pub(super) ordinary_role: Option<Text>,
    pub(super) external_id: Option<Text>,
    pub(super) session_name: Option<Text>,
    pub(super) source_identity: Option<Spanned<bool>>,
    pub(super) sts_address: Option<Text>,
    pub(super) sts_ca_file: Option<File>,
    pub(super) connect_timeout: Option<Text>,
    pub(super) answer_timeout: Option<Text>,
    pub(super) in_flight: Option<Spanned<usize>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Caller {
    pub(super) key_id: Text,
    pub(super) principal: Text,
    pub(super) unique_id: Option<Text>,
    pub(super) expires: Spanned<toml::value::Datetime>,
    pub(super) networks: Option<Spanned<Vec<Text>>>,
    pub(super) secret_file: Option<File>,
    pub(super) secret_credential: Option<Text>,
    pub(super) secret_command: Option<Words>,
    pub(super) secret_env: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Session {
    pub(super) audience: Option<Text>,
    pub(super) lifetime: Option<Text>,
    #[serde(default)]
    pub(super) key: Vec<Spanned<SealKey>>,
    pub(super) sts: Option<Spanned<Sts>>,
    #[serde(default)]
    pub(super) issuer: Vec<Spanned<TokenIssuer>>,
    #[serde(default)]
    pub(super) role: Vec<Spanned<MappedRole>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Sts {
    pub(super) accounts: Spanned<Vec<Text>>,
    pub(super) regions: Spanned<Vec<Text>>,
    pub(super) address: Option<Text>,
    pub(super) ca_file: Option<File>,
    pub(super) timeout: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct TokenIssuer {
    pub(super) issuer: Text,
    pub(super) audiences: Spanned<Vec<Text>>,
    pub(super) algorithms: Spanned<Vec<Text>>,
    pub(super) jwks_url: Option<Text>,
    pub(super) jwks_file: Option<File>,
    pub(super) ca_file: Option<File>,
    pub(super) private: Option<Spanned<Vec<Text>>>,
    pub(super) leeway: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct MappedRole {
    pub(super) issuer: Text,
    pub(super) claims: Spanned<BTreeMap<Text, Text>>,
    pub(super) role: Text,
    pub(super) carry: Option<Spanned<Vec<Text>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Certificate {
    pub(super) spiffe: Option<Text>,
    pub(super) subject: Option<Text>,
    pub(super) principal: Text,
    pub(super) unique_id: Option<Text>,
    pub(super) claims: Option<Spanned<BTreeMap<Text, Text>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Freeze {
    pub(super) may_freeze: Option<Spanned<Vec<Text>>>,
    pub(super) may_unfreeze: Option<Spanned<Vec<Text>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Aws {
    pub(super) principals: Option<Spanned<Vec<Text>>>,
    pub(super) admins: Option<Spanned<Vec<Text>>>,
    pub(super) break_glass: Option<Text>,
    pub(super) vpcs: Option<Spanned<Vec<Text>>>,
    pub(super) vpc_endpoints: Option<Spanned<Vec<Text>>>,
    pub(super) networks: Option<Spanned<Vec<Text>>>,
    #[serde(default)]
    pub(super) exempt: Vec<Exempt>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Exempt {
    pub(super) principal: Text,
    pub(super) because: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Mail {
    pub(super) host: Text,
    pub(super) port: Option<Spanned<u16>>,
    pub(super) tls: Text,
    pub(super) ca_file: Option<File>,
    pub(super) username: Option<Text>,
    pub(super) password_file: Option<File>,
    pub(super) password_credential: Option<Text>,
    pub(super) password_command: Option<Words>,
    pub(super) password_env: Option<Text>,
    pub(super) from: Text,
    pub(super) security: Option<Spanned<Vec<Text>>>,
    pub(super) timeout: Option<Text>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Notify {
    pub(super) before: Option<Text>,
    pub(super) acknowledged_by: Option<Spanned<Vec<Text>>>,
    pub(super) patience: Option<Text>,
    pub(super) language: Option<Text>,
    pub(super) templates: Option<File>,
    #[serde(default)]
    pub(super) route: Vec<Spanned<Route>>,
    #[serde(default)]
    pub(super) hook: Vec<Spanned<Hook>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Route {
    pub(super) kinds: Option<Spanned<Vec<Text>>>,
    pub(super) severity: Option<Text>,
    pub(super) instances: Option<Spanned<Vec<Text>>>,
    pub(super) mail: Option<Spanned<Vec<Text>>>,
    pub(super) hooks: Option<Spanned<Vec<Text>>>,
    pub(super) language: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Hook {
    pub(super) name: Text,
    pub(super) format: Text,
    pub(super) url: Option<Text>,
    pub(super) url_file: Option<File>,
    pub(super) url_credential: Option<Text>,
    pub(super) url_command: Option<Words>,
    pub(super) url_env: Option<Text>,
    pub(super) secret_file: Option<File>,
    pub(super) secret_credential: Option<Text>,
    pub(super) secret_command: Option<Words>,
    pub(super) secret_env: Option<Text>,
    pub(super) previous_file: Option<File>,
    pub(super) previous_credential: Option<Text>,
    pub(super) previous_command: Option<Words>,
    pub(super) previous_env: Option<Text>,
    pub(super) ca_file: Option<File>,
    pub(super) private: Option<Spanned<Vec<Text>>>,
    pub(super) masked: Option<bool>,
    pub(super) timeout: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Stream {
    pub(super) name: Text,
    pub(super) kind: Text,
    pub(super) address: Option<Text>,
    pub(super) facility: Option<Text>,
    pub(super) certificate: Option<File>,
    pub(super) key_file: Option<File>,
    pub(super) key_credential: Option<Text>,
    pub(super) url: Option<Text>,
    pub(super) url_file: Option<File>,
    pub(super) url_credential: Option<Text>,
    pub(super) url_command: Option<Words>,
    pub(super) url_env: Option<Text>,
    pub(super) secret_file: Option<File>,
    pub(super) secret_credential: Option<Text>,
    pub(super) secret_command: Option<Words>,
    pub(super) secret_env: Option<Text>,
    pub(super) previous_file: Option<File>,
    pub(super) previous_credential: Option<Text>,
    pub(super) previous_command: Option<Words>,
    pub(super) previous_env: Option<Text>,
    pub(super) private: Option<Spanned<Vec<Text>>>,
    pub(super) ca_file: Option<File>,
    pub(super) required: Option<bool>,
    pub(super) timeout: Option<Text>,
    pub(super) kinds: Option<Spanned<Vec<Text>>>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Limits {
    pub(super) failures: Option<Spanned<Rate>>,
    pub(super) caller: Option<Spanned<Rate>>,
    pub(super) caller_read_share: Option<Spanned<f64>>,
    pub(super) connect: Option<Spanned<Rate>>,
    #[serde(default)]
    pub(super) operations: BTreeMap<Text, Spanned<Rate>>,
    pub(super) keys: Option<Spanned<usize>>,
    pub(super) change_body: Option<Spanned<usize>>,
    pub(super) ordinary_body: Option<Spanned<usize>>,
    pub(super) bodies_at_once: Option<Spanned<usize>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Rate {
    pub(super) per_second: f64,
    pub(super) burst: u32,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(super) struct Log {
    pub(super) format: Option<Text>,
}
