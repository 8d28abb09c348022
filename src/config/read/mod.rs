//! From raw to meant: every check, every fault collected.

mod aws;
mod certificate;
mod evidence;
mod hooks;
mod issuers;
mod listener;
mod people;
mod rates;
mod relay;
mod routes;
mod session;
mod status;
mod streams;
mod upstream;
mod values;

use std::{path::Path, time::Duration};

use serde_spanned::Spanned;

pub(crate) use self::upstream::read_endpoint as endpoint;
use self::values::references;
use super::{
    Config, Drain, Located, LogFormat, Overrides, StorePlace,
    raw::{self, Raw, Text},
};
use crate::{
    clock::Now,
    diagnostic::{Fault, Faults, Source},
    secret::SecretRef,
    store::{Location, StoreError},
};

/// Reads one file.
pub(super) struct Reader<'a> {
    source: &'a Source,
    overrides: &'a Overrides,
    now: Now,
    faults: Faults,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a Source, overrides: &'a Overrides, now: Now) -> Self {
        Self { source, overrides, now, faults: Faults::new() }
    }

    pub(super) fn config(mut self, raw: Raw) -> Result<(Config, Faults), Faults> {
        let heard = self.listeners(&raw);
        let drain = self.drain(&raw.drain);
        let section = self.section(raw.policy.as_ref(), "policy", "directory = \"policies\"");
        let policy = section.map(|policy| self.path(policy.get_ref().directory.get_ref()));
        let signers = section.and_then(|policy| policy.get_ref().signers.as_ref());
        let policy_signers = signers.map(|file| self.file(file));
        let max_stale = section
            .and_then(|policy| self.duration(policy.get_ref().max_stale.as_ref()))
            .unwrap_or(Duration::from_hours(1));
        let store = self
            .section(raw.store.as_ref(), "store", "url = \"sqlite:ledger.db\"")
            .and_then(|store| self.store(store.get_ref()));
        let keys = self.section(raw.keys.as_ref(), "keys", "hash_file, and one [[keys.seal]] or more");
        let seal = keys.map(|keys| self.seal(keys)).unwrap_or_default();
        let hash = keys.and_then(|keys| self.hash(keys));
        let upstream = self.upstreams(&raw.upstream);
        let callers = self.callers(&raw.caller);
        let freeze = self.freeze(&raw);
        let session = self.session(&raw, heard.session, freeze.clone());
        let certificates = self.certificates(&raw);
        let aws = self.aws(raw.aws.as_ref(), &upstream);
        let mail = self
            .section(raw.mail.as_ref(), "mail", "without somebody to tell, no change is made")
            .and_then(|mail| self.mail(mail));
        let notify = self.notify(&raw, mail.as_ref());
        let streams = self.streams(&raw.stream);
        let evidence = self.evidence(&raw.evidence, &notify.hooks);
        let retention = self.retention(&raw.retention);
        let rates = self.rates(&raw.limits);
        let bodies = self.bodies(&raw.limits);
        let bodies_at_once = self.bodies_at_once(&raw.limits);
        let log = self.log(&raw.log);
        match (policy, store, hash, mail) {
            (Some(policy), Some(store), Some(hash), Some(mail)) if !self.faults.fatal() => Ok((
                Config {
                    listen: heard.gateway,
                    status: heard.status,
                    session,
                    certificates,
                    freeze,
                    aws,
                    policy_signers,
                    drain,
                    policy,
                    max_stale,
                    store,
                    streams,
                    evidence,
                    retention,
                    seal,
                    hash,
                    upstream,
                    callers,
                    mail,
                    notify,
                    rates,
                    bodies,
                    bodies_at_once,
                    log,
                },
                self.faults,
            )),
            _ => Err(self.faults),
        }
    }

    /// A section that must be there.
    fn section<'r, T>(
        &mut self,
        section: Option<&'r Spanned<T>>,
        name: &str,
        hint: &str,
    ) -> Option<&'r Spanned<T>> {
        if section.is_none() {
            self.faults
                .push(Fault::bare(format!("there is no `[{name}]` in `{}`", self.source.name)).hint(hint));
        }
        section
    }

    fn store(&mut self, raw: &raw::Store) -> Option<StorePlace> {
        let replica = raw.replica.as_ref().map_or("guard", |name| name.get_ref());
        if let Some(name) = &raw.replica
            && !is_name(replica)
        {
            self.fault(
                name,
                format!("`{replica}` is no name of a replica"),
                "1 to 64 characters of A-Z a-z 0-9 . _ -",
            );
        }
        let ephemeral = raw.ephemeral.as_ref().and_then(|sentence| self.sentence(sentence));
        let timeout = self.duration(raw.timeout.as_ref()).unwrap_or(Duration::from_secs(2));
        Some(StorePlace { url: self.store_url(&raw.url)?, replica: replica.to_owned(), timeout, ephemeral })
    }

    /// `sqlite:PATH`, the path made one of the file's directory, or `postgres://...`. The store itself says what it
    /// understands.
    fn store_url(&mut self, raw: &Text) -> Option<String> {
        const HINT: &str = "write sqlite:/path/to/ledger.db";
        let url = raw.get_ref();
        if url.starts_with("postgres") {
            return self.server_url(raw);
        }
        match (url.strip_prefix("sqlite:"), Location::read(url)) {
            (Some(path), Ok(_)) if !path.starts_with("//") => {
                Some(format!("sqlite:{}", self.path(Path::new(path)).display()))
            }
            (_, Ok(_)) => {
                self.fault(raw, format!("`{url}` is no store"), HINT);
                None
            }
            (_, Err(StoreError::Url(why))) => {
                self.fault(raw, format!("`{url}` is no store: {why}"), HINT);
                None
            }
            (_, Err(fault)) => {
                self.fault(raw, format!("`{url}`: {fault}"), HINT);
                None
            }
        }
    }

    /// It is not shown when it is at fault: there may be a password in it, which is one of the faults.
    fn server_url(&mut self, raw: &Text) -> Option<String> {
        const HINT: &str = "write postgres://USER@HOST/DATABASE?sslrootcert=/FILE&password_file=/FILE";
        match Location::read(raw.get_ref()) {
            Ok(_) => Some(raw.get_ref().clone()),
            Err(fault) => {
                self.faults.push(Fault::error(fault.to_string(), self.hidden(raw)).hint(HINT));
                None
            }
        }
    }

    fn seal(&mut self, keys: &Spanned<raw::Keys>) -> Vec<(String, Located<SecretRef>)> {
        if keys.get_ref().seal.is_empty() {
            let place = self.place(keys.span());
            self.faults
                .push(Fault::error("`seal` has no key", place).hint("the first seals, the others only open"));
        }
        self.key_list(&keys.get_ref().seal)
    }

    fn hash(&mut self, keys: &Spanned<raw::Keys>) -> Option<Located<SecretRef>> {
        let raw = keys.get_ref();
        let references = references!(raw, "hash", hash_file, hash_credential, hash_command, hash_env);
        let place = self.place(keys.span());
        self.reference(&references, place)
    }

    /// Whoever runs the guard waits for it no longer than for a service: minutes at most.
    fn drain(&mut self, raw: &raw::Drain) -> Drain {
        let standard = Drain::default();
        Drain {
            requests: self
                .duration_within(raw.requests.as_ref(), raw::Drain::requests())
                .unwrap_or(standard.requests),
            notices: self
                .duration_within(raw.notices.as_ref(), raw::Drain::notices())
                .unwrap_or(standard.notices),
        }
    }

    fn log(&mut self, raw: &raw::Log) -> LogFormat {
        let given =
            self.overrides.log_format.as_deref().or(raw.format.as_ref().map(|text| text.get_ref().as_str()));
        match given {
            None | Some("human") => LogFormat::Human,
            Some("json") => LogFormat::Json,
            Some(other) => {
                let message = format!("`{other}` is no form of logs");
                match (&self.overrides.log_format, &raw.format) {
                    (None, Some(text)) => self.fault(text, message, "write human or json"),
                    (_, _) => self
                        .faults
                        .push(Fault::bare(message).hint("CONNECT_GUARD_LOG_FORMAT is human or json")),
                }
                LogFormat::Human
            }
        }
    }
}

/// A name that records quote.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}
