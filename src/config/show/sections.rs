//! What there is to show, section by section. A test compares it with the keys of the example.

use std::path::Path;

use serde_json::{Value, json};

use super::{Shown, duration, list};
use crate::{
    config::{
        CallerKey, Config, HookPlace, Listen, Located, LogFormat, MailPlace, Overrides, StatusListen,
        UrlPlace,
    },
    limit::Rate,
    notice::{Before, Recipient, Route, Routing},
    notify::{HookFormat, MailTls},
    operation::InstanceId,
    server,
    upstream::{CredentialSource, SessionNames, SiteOptions},
    wire::Require,
};

impl Shown<'_> {
    pub(super) fn config(&mut self, config: &Config, overrides: &Overrides) {
        self.listeners(config, overrides);
        self.say("drain.requests", duration(config.drain.requests));
        self.say("drain.notices", duration(config.drain.notices));
        self.say("policy.directory", path(&config.policy));
        self.say("policy.max_stale", duration(config.max_stale));
        self.say("policy.signers", file(config.policy_signers.as_ref()));
        self.say("store.url", config.store.url.as_str());
        self.say("store.replica", config.store.replica.as_str());
        self.say("store.timeout", duration(config.store.timeout));
        self.say("store.ephemeral", config.store.ephemeral.as_deref());
        self.say("evidence.every", duration(config.evidence.every));
        self.say("evidence.heads_file", config.evidence.heads_file.as_deref().map(path));
        self.say("evidence.heads_webhook", config.evidence.heads_webhook.as_deref());
        self.streams(config);
        let retention = config.retention.as_ref();
        let days = retention.map(|retention| format!("{}d", retention.records.as_secs() / 86_400));
        self.say("retention.records", days);
        self.say("retention.directory", retention.map(|retention| path(&retention.directory)));
        self.secret("keys.hash", &config.hash);
        for (at, (id, secret)) in config.seal.iter().enumerate() {
            self.say(format!("keys.seal[{at}].id"), id.as_str());
            self.secret(&format!("keys.seal[{at}].secret"), secret);
        }
        for (at, site) in config.upstream.iter().enumerate() {
            self.upstream(&format!("upstream[{at}]"), site);
        }
        for (at, caller) in config.callers.iter().enumerate() {
            self.caller(&format!("caller[{at}]"), caller);
        }
        self.sessions(config);
        self.aws(&config.aws);
        self.mail(&config.mail);
        self.notify(config);
        self.limits(config);
        let variable = overrides.log_format.as_ref().map(|_| "CONNECT_GUARD_LOG_FORMAT");
        let format = match config.log {
            LogFormat::Human => "human",
            LogFormat::Json => "json",
        };
        self.say_or("log.format", format, variable);
    }

    /// Each where the file has it.
    fn listeners(&mut self, config: &Config, overrides: &Overrides) {
        let (mut gateways, mut statuses) = (config.listen.iter(), config.status.iter());
        let mut sessions = config.session.iter().flat_map(|session| &session.listen);
        let kinds: Vec<Option<String>> = self.kinds().map(|kind| kind.map(str::to_owned)).collect();
        for (at, kind) in kinds.into_iter().enumerate() {
            let key = format!("listen[{at}]");
            match kind.as_deref() {
                Some("status") => {
                    let variable = overrides.status_listen.as_ref().map(|_| "CONNECT_GUARD_STATUS_LISTEN");
                    statuses.by_ref().take(1).for_each(|status| self.status(&key, status, variable));
                }
                Some("session") => {
                    let variable = overrides.session_listen.as_ref().map(|_| "CONNECT_GUARD_SESSION_LISTEN");
                    let next = sessions.by_ref().take(1);
                    next.for_each(|listen| self.gateway(&key, "session", listen, variable));
                }
                Some(_) | None => {
                    let variable = overrides.listen.as_ref().map(|_| "CONNECT_GUARD_LISTEN");
                    let next = gateways.by_ref().take(1);
                    next.for_each(|listen| self.gateway(&key, "gateway", listen, variable));
                }
            }
        }
    }

    fn gateway(&mut self, key: &str, kind: &str, listen: &Listen, variable: Option<&'static str>) {
        self.say(format!("{key}.kind"), kind);
        self.say_or(format!("{key}.address"), listen.address.to_string(), variable);
        self.say(format!("{key}.certificate"), path(&listen.certificate.value));
        self.secret(&format!("{key}.key"), &listen.key);
        self.say(format!("{key}.client_ca"), file(listen.client_ca.as_ref()));
        self.say(format!("{key}.crl_file"), file(listen.crl.as_ref()));
        if kind == "gateway" {
            let require = match listen.require {
                Require::Signature => "signature",
                Require::Certificate => "certificate",
                Require::Both => "both",
            };
            self.say(format!("{key}.require"), require);
            self.say(format!("{key}.region"), listen.region.as_deref());
        }
        self.say(format!("{key}.hosts"), all(&listen.hosts));
        let proxy = listen.proxy.as_ref().map(|proxy| json!({ "from": list(&proxy.from) }));
        self.say(format!("{key}.proxy_protocol"), proxy);
        let standard = server::Options::at(listen.address);
        let (timeouts, caps) = (&listen.timeouts, &listen.caps);
        for (name, given, standard) in [
            ("handshake", timeouts.handshake, standard.timeouts.handshake),
            ("head", timeouts.head, standard.timeouts.head),
            ("body", timeouts.body, standard.timeouts.body),
            ("idle", timeouts.idle, standard.timeouts.idle),
            ("write", timeouts.write, standard.timeouts.write),
        ] {
            self.say(format!("{key}.timeouts.{name}"), duration(given.unwrap_or(standard)));
        }
        let requests = caps.requests.unwrap_or(standard.caps.requests);
        for (name, value) in [
            ("connections", caps.connections.unwrap_or(standard.caps.connections)),
            ("connections_per_source", caps.connections_per_source.unwrap_or(standard.caps.per_source)),
            ("requests", requests),
            ("requests_per_source", caps.requests_per_source.unwrap_or(server::Caps::quarter(requests))),
            ("head", listen.gate.head),
            ("headers", listen.gate.headers),
            ("target", listen.gate.target),
        ] {
            self.say(format!("{key}.caps.{name}"), value);
        }
    }

    fn status(&mut self, key: &str, status: &StatusListen, variable: Option<&'static str>) {
        self.say(format!("{key}.kind"), "status");
        self.say_or(format!("{key}.address"), status.address.to_string(), variable);
        match &status.tls {
            Some((certificate, secret)) => {
                self.say(format!("{key}.certificate"), path(&certificate.value));
                self.secret(&format!("{key}.key"), secret);
            }
            None => self.say(format!("{key}.certificate"), Value::Null),
        }
        self.say(format!("{key}.client_ca"), file(status.client_ca.as_ref()));
    }

    fn upstream(&mut self, key: &str, options: &SiteOptions) {
        let SiteOptions { site, endpoint, bounds, credentials, sts } = options;
        self.say(format!("{key}.name"), site.name.as_str());
        self.say(format!("{key}.account"), site.account.as_str());
        self.say(format!("{key}.region"), site.region.as_str());
        self.say(format!("{key}.instances"), list(site.instances.iter().map(InstanceId::as_str)));
        self.say(format!("{key}.partition"), site.partition.as_str());
        let url = match endpoint.port {
            443 => format!("https://{}", endpoint.host),
            port => format!("https://{}:{port}", endpoint.host),
        };
        self.say(format!("{key}.endpoint"), url);
        if self.place(&format!("{key}.endpoint")).is_none() {
            self.say(format!("{key}.fips"), endpoint.host.contains("-fips."));
        }
        self.say(format!("{key}.address"), endpoint.address.map(|address| address.to_string()));
        self.say(format!("{key}.ca_file"), endpoint.ca_file.as_deref().map_or(Value::Null, path));
        self.credentials(key, credentials);
        self.say(format!("{key}.sts_address"), sts.address.map(|address| address.to_string()));
        self.say(format!("{key}.sts_ca_file"), sts.ca_file.as_deref().map_or(Value::Null, path));
        self.say(format!("{key}.connect_timeout"), duration(bounds.connect));
        self.say(format!("{key}.answer_timeout"), duration(bounds.answer));
        self.say(format!("{key}.in_flight"), bounds.in_flight);
    }

    fn credentials(&mut self, key: &str, credentials: &CredentialSource) {
        let (profile, role) = match credentials {
            CredentialSource::Chain => (None, None),
            CredentialSource::Profile(name) => (Some(name.as_str()), None),
            CredentialSource::Role { arn, ordinary, external_id, names } => {
                (None, Some((arn.as_str(), ordinary.as_deref(), external_id.as_deref(), *names)))
            }
        };
        self.say(format!("{key}.profile"), profile);
        self.say(format!("{key}.role"), role.map(|(arn, ..)| arn));
        let Some((_, ordinary, external_id, names)) = role else { return };
        self.say(format!("{key}.ordinary_role"), ordinary);
        let (name, source_identity) = match names {
            SessionNames::Fixed => ("fixed", false),
            SessionNames::Caller { source_identity } => ("caller", source_identity),
        };
        self.say(format!("{key}.external_id"), external_id);
        self.say(format!("{key}.session_name"), name);
        self.say(format!("{key}.source_identity"), source_identity);
    }

    fn caller(&mut self, key: &str, caller: &CallerKey) {
        self.say(format!("{key}.key_id"), caller.key_id.as_str());
        self.say(format!("{key}.principal"), caller.principal.arn.to_string());
        self.say(format!("{key}.unique_id"), caller.principal.unique_id.as_deref());
        self.say(format!("{key}.expires"), caller.expires.to_string());
        self.say(format!("{key}.networks"), all(&caller.networks));
        self.secret(&format!("{key}.secret"), &caller.secret);
    }

    fn mail(&mut self, mail: &MailPlace) {
        self.say("mail.host", mail.host.as_str());
        self.say("mail.port", mail.port);
        let tls = match mail.tls {
            MailTls::StartTls => "starttls",
            MailTls::Implicit => "implicit",
        };
        self.say("mail.tls", tls);
        self.say("mail.ca_file", mail.ca_file.as_deref().map_or(Value::Null, path));
        self.say("mail.username", mail.credentials.as_ref().map(|(name, _)| name.as_str()));
        if let Some((_, password)) = &mail.credentials {
            self.secret("mail.password", password);
        }
        self.say("mail.from", mail.from.to_string());
        self.say("mail.security", list(&mail.security));
        self.say("mail.timeout", duration(mail.timeout));
    }

    fn notify(&mut self, config: &Config) {
        let routing = &config.notify.routing;
        match &routing.before {
            Before::Queued => self.say("notify.before", "queued"),
            Before::Acknowledged { by, patience } => {
                self.say("notify.before", "acknowledged");
                let by = by.iter().map(|recipient| match recipient {
                    Recipient::Mail(address) => format!("mail:{address}"),
                    Recipient::Hook(name) => format!("hook:{name}"),
                });
                self.say("notify.acknowledged_by", list(by));
                self.say("notify.patience", duration(*patience));
            }
        }
        self.say("notify.language", routing.language.as_str());
        self.say("notify.templates", file(config.notify.templates.as_ref()));
        // The first is `mail.security`, when that names anybody.
        let written = routing.routes.iter().skip(usize::from(!config.mail.security.is_empty()));
        for (at, route) in written.enumerate() {
            self.route(&format!("notify.route[{at}]"), route, routing);
        }
        for (at, hook) in config.notify.hooks.iter().enumerate() {
            self.hook(&format!("notify.hook[{at}]"), hook, routing);
        }
    }

    fn route(&mut self, key: &str, route: &Route, routing: &Routing) {
        self.say(format!("{key}.kinds"), all(&route.kinds));
        self.say(format!("{key}.severity"), route.least.as_str());
        self.say(format!("{key}.instances"), all(&route.instances));
        self.say(format!("{key}.mail"), list(&route.mail));
        self.say(format!("{key}.hooks"), list(&route.hooks));
        self.say(format!("{key}.language"), route.language.as_ref().unwrap_or(&routing.language).as_str());
    }

    fn hook(&mut self, key: &str, hook: &HookPlace, routing: &Routing) {
        self.say(format!("{key}.name"), hook.name.as_str());
        self.say(format!("{key}.format"), hook.format.as_str());
        match &hook.url {
            UrlPlace::Written(url) => self.say(format!("{key}.url"), shown_url(url, hook.format)),
            UrlPlace::Secret(at) => self.secret(&format!("{key}.url"), at),
        }
        for (what, secret) in ["secret", "previous"].into_iter().zip(&hook.secrets) {
            self.secret(&format!("{key}.{what}"), secret);
        }
        self.say(format!("{key}.ca_file"), file(hook.ca_file.as_ref()));
        self.say(format!("{key}.private"), list(&hook.private));
        self.say(format!("{key}.masked"), routing.masked.contains(&hook.name));
        self.say(format!("{key}.timeout"), duration(hook.timeout));
    }

    fn limits(&mut self, config: &Config) {
        let rates = &config.rates;
        self.say("limits.failures", rate(rates.failures));
        self.say("limits.caller", rate(rates.caller));
        self.say("limits.refusals", rate(rates.refusals));
        self.say("limits.caller_read_share", rates.caller_read_share);
        self.say("limits.connect", rate(rates.connect.default));
        self.say("limits.keys", rates.keys);
        self.say("limits.change_body", config.bodies.change);
        self.say("limits.ordinary_body", config.bodies.ordinary);
        self.say("limits.bodies_at_once", config.bodies_at_once);
        for (operation, of) in &rates.connect.operations {
            self.say(format!("limits.operations.{operation}"), rate(*of));
        }
    }
}

/// Whoever knows the URL of a chat may post there; elsewhere the query may hold a key.
pub(super) fn shown_url(url: &str, format: HookFormat) -> String {
    match (format, url.split_once('?')) {
        (HookFormat::Slack | HookFormat::Teams, _) => "<secret from this file>".to_owned(),
        (HookFormat::CloudEvents | HookFormat::PagerDuty, Some((before, _))) => format!("{before}?<hidden>"),
        (HookFormat::CloudEvents | HookFormat::PagerDuty, None) => url.to_owned(),
    }
}

fn rate(rate: Rate) -> Value {
    json!({ "per_second": rate.per_second, "burst": rate.burst })
}

pub(super) fn path(path: &Path) -> Value {
    path.display().to_string().into()
}

pub(super) fn file(at: Option<&Located<std::path::PathBuf>>) -> Value {
    at.map_or(Value::Null, |at| path(&at.value))
}

/// A list whose emptiness means all.
pub(super) fn all<'a, T: ToString + 'a>(of: impl IntoIterator<Item = &'a T>) -> Value {
    let found: Vec<String> = of.into_iter().map(ToString::to_string).collect();
    if found.is_empty() { vec!["*"].into() } else { found.into() }
}
