//! `[[listen]]`: where callers are heard.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use serde_spanned::Spanned;

use super::{Reader, certificate::Proofs};
use crate::{
    config::{
        Caps, Listen, Located, Overrides, ProxyProtocol, StatusListen, Timeouts,
        raw::{self, Raw, Text},
    },
    diagnostic::{Fault, Place, nearest},
    secret::SecretRef,
    wire::GateBounds,
};

/// Between two key files there is none to choose.
const KEY: &str = "give one of `key_file` and `key_credential`";

/// The addresses that the environment gives to the listeners of one kind.
pub(super) struct Given<'a> {
    variable: &'static str,
    addresses: std::vec::IntoIter<&'a str>,
}

/// The listeners of each kind, in the order of the configuration.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) gateway: Vec<Listen>,
    pub(super) session: Vec<Listen>,
    pub(super) status: Vec<StatusListen>,
}

/// What a listener is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Gateway,
    Session,
    Status,
}

impl Reader<'_> {
    pub(super) fn listeners(&mut self, raw: &Raw) -> Heard {
        let listen = &raw.listen;
        let count = |kind| listen.iter().filter(|listen| Kind::of(listen.get_ref()) == kind).count();
        if count(Kind::Gateway) == 0 {
            self.faults.push(
                Fault::bare("no `[[listen]]` is a gateway")
                    .hint("one needs: kind = \"gateway\", address, certificate, key_file"),
            );
        }
        let Overrides { listen: gateway, session_listen: session, status_listen: status, log_format: _ } =
            self.overrides;
        let mut gateways = self.given("CONNECT_GUARD_LISTEN", gateway.as_deref(), count(Kind::Gateway));
        let mut sessions =
            self.given("CONNECT_GUARD_SESSION_LISTEN", session.as_deref(), count(Kind::Session));
        let mut statuses = self.given("CONNECT_GUARD_STATUS_LISTEN", status.as_deref(), count(Kind::Status));
        let mut heard = Heard::default();
        let mut taken = Vec::new();
        let is_named = |listen: &raw::Listen| Kind::of(listen) != Kind::Status && listen.hosts.is_some();
        let named = listen.iter().any(|listen| is_named(listen.get_ref()));
        for listen in listen {
            let kind = Kind::of(listen.get_ref());
            if named && kind != Kind::Status && listen.get_ref().hosts.is_none() {
                let place = self.place(listen.span());
                self.faults.push(
                    Fault::error("this listener has no `hosts`, and another has", place)
                        .hint("name them for every listener, or for none"),
                );
            }
            let address = match kind {
                Kind::Gateway => {
                    let found = self.gateway(listen, kind, &mut gateways, raw);
                    let address = found.as_ref().map(|listen| listen.address);
                    heard.gateway.extend(found);
                    address
                }
                Kind::Session => {
                    let found = self.gateway(listen, kind, &mut sessions, raw);
                    let address = found.as_ref().map(|listen| listen.address);
                    heard.session.extend(found);
                    address
                }
                Kind::Status => {
                    let found = self.status(listen, &mut statuses);
                    let address = found.as_ref().map(|listen| listen.address);
                    heard.status.extend(found);
                    address
                }
            };
            self.alone(listen, address, &mut taken);
        }
        heard
    }

    /// What a variable gives: as many addresses as there are listeners of the kind, or nothing.
    fn given<'g>(&mut self, variable: &'static str, text: Option<&'g str>, count: usize) -> Given<'g> {
        let addresses: Vec<&str> = text.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
        if !addresses.is_empty() && addresses.len() != count {
            self.faults.push(
                Fault::bare(format!("`{variable}` has {} and there are {count}", addresses.len()))
                    .hint("one address for each listener of that kind, in order, separated by commas"),
            );
        }
        Given { variable, addresses: addresses.into_iter() }
    }

    /// No two listeners at one address, nor one within the other.
    fn alone(
        &mut self,
        raw: &Spanned<raw::Listen>,
        address: Option<SocketAddr>,
        taken: &mut Vec<SocketAddr>,
    ) {
        let Some(address) = address else { return };
        if let Some(other) = taken.iter().find(|other| overlap(**other, address)) {
            let message = if *other == address {
                format!("two listeners have the address {address}")
            } else {
                format!("two listeners have the addresses {other} and {address}: one holds the other")
            };
            let place = match &raw.get_ref().address {
                Some(text) => self.place(text.span()),
                None => self.place(raw.span()),
            };
            self.faults.push(Fault::error(message, place).hint("each has its own"));
        }
        taken.push(address);
    }

    /// One for callers of Connect, or for those who want a session.
    fn gateway(
        &mut self,
        spanned: &Spanned<raw::Listen>,
        kind: Kind,
        given: &mut Given<'_>,
        whole: &Raw,
    ) -> Option<Listen> {
        let place = self.place(spanned.span());
        let raw = spanned.get_ref();
        self.kind(&raw.kind);
        let address = self.listen_address(raw, &place, given);
        let tls = self.certificate(raw, &place);
        if raw.certificate.is_none() {
            self.faults.push(Fault::error("`certificate` is missing", place.clone()));
        }
        let standard = GateBounds::default();
        let caps = raw.caps.as_ref().map(Spanned::get_ref);
        let cap = |pick: fn(&raw::Caps) -> Option<&Spanned<usize>>| caps.and_then(pick);
        let gate = GateBounds {
            head: self.count(cap(|caps| caps.head.as_ref()), raw::Caps::head()).unwrap_or(standard.head),
            target: self
                .count(cap(|caps| caps.target.as_ref()), raw::Caps::target())
                .unwrap_or(standard.target),
            headers: self
                .count(cap(|caps| caps.headers.as_ref()), raw::Caps::headers())
                .unwrap_or(standard.headers),
        };
        let caps = Caps {
            connections: self.count(cap(|caps| caps.connections.as_ref()), raw::Caps::connections()),
            connections_per_source: self
                .count(cap(|caps| caps.connections_per_source.as_ref()), raw::Caps::connections_per_source()),
            requests: self.count(cap(|caps| caps.requests.as_ref()), raw::Caps::requests()),
            requests_per_source: self
                .count(cap(|caps| caps.requests_per_source.as_ref()), raw::Caps::requests_per_source()),
        };
        let hosts = self.hosts(raw);
        let timeouts = self.timeouts(raw);
        let client_ca = raw.client_ca.as_ref().map(|file| self.file(file));
        let proxy = raw.proxy_protocol.as_ref().map(|proxy| self.proxy(proxy.get_ref()));
        let Proofs { crl, require, region } = self.proofs(raw, kind, whole);
        let (certificate, key) = tls?;
        Some(Listen {
            address: address?,
            certificate,
            key,
            hosts,
            client_ca,
            crl,
            require,
            region,
            proxy,
            timeouts,
            caps,
            gate,
        })
    }

    fn kind(&mut self, kind: &Text) {
        let written = kind.get_ref();
        if !Kind::ALL.contains(&written.as_str()) {
            let hint = nearest(written, Kind::ALL).map_or_else(
                || format!("the kinds are: {}", Kind::ALL.join(", ")),
                |known| format!("did you mean `{known}`?"),
            );
            self.fault(kind, format!("no kind of listener is `{written}`"), &hint);
        }
    }

    fn timeouts(&mut self, raw: &raw::Listen) -> Timeouts {
        let Some(raw) = raw.timeouts.as_ref().map(Spanned::get_ref) else { return Timeouts::default() };
        Timeouts {
            handshake: self.duration(raw.handshake.as_ref()),
            head: self.duration(raw.head.as_ref()),
            body: self.duration(raw.body.as_ref()),
            idle: self.duration(raw.idle.as_ref()),
            write: self.duration(raw.write.as_ref()),
        }
    }

    /// Whoever is believed can say that a request came from anywhere: never everybody.
    fn proxy(&mut self, raw: &raw::ProxyProtocol) -> ProxyProtocol {
        let hint = "name the networks of what stands before the guard, or leave `proxy_protocol` out";
        let from = self.networks(&raw.from, "from", hint);
        for text in
            &raw.from.get_ref().iter().filter(|text| text.get_ref().ends_with("/0")).collect::<Vec<_>>()
        {
            self.fault(text, format!("`{}` is everybody", text.get_ref()), hint);
        }
        ProxyProtocol { from }
    }

    /// The environment's address goes before the file's, which must be one all the same.
    pub(super) fn listen_address(
        &mut self,
        raw: &raw::Listen,
        place: &Place,
        given: &mut Given<'_>,
    ) -> Option<SocketAddr> {
        const HINT: &str = "write ADDRESS:PORT, such as 127.0.0.1:8443 or [::1]:8443";
        let own = match &raw.address {
            Some(text) => {
                let own = text.get_ref().parse().ok();
                if own.is_none() {
                    self.fault(text, format!("`{}` is no address", text.get_ref()), HINT);
                }
                own
            }
            None if raw.kind.get_ref() == "status" => Some(StatusListen::ADDRESS),
            None => {
                self.faults.push(Fault::error("`address` is missing", place.clone()).hint(HINT));
                None
            }
        };
        let Some(other) = given.addresses.next() else { return own };
        let found = other.parse().ok();
        if found.is_none() {
            let message = format!("`{other}` in `{}` is no address", given.variable);
            self.faults.push(Fault::bare(message).hint(HINT));
        }
        found
    }

    /// Certificate and key; none when either is at fault or neither is given.
    pub(super) fn certificate(
        &mut self,
        raw: &raw::Listen,
        place: &Place,
    ) -> Option<(Located<PathBuf>, Located<SecretRef>)> {
        let key = match (&raw.key_file, &raw.key_credential) {
            (Some(file), None) => Some(self.located(file, |file| SecretRef::File(self.path(file)))),
            (None, Some(name)) => Some(self.located(name, |name| SecretRef::Credential(name.clone()))),
            (None, None) if raw.certificate.is_none() => None,
            (None, None) | (Some(_), Some(_)) => {
                self.faults.push(Fault::error(KEY, place.clone()));
                None
            }
        };
        raw.certificate.as_ref().map(|file| self.file(file)).zip(key)
    }

    fn hosts(&mut self, raw: &raw::Listen) -> BTreeSet<String> {
        let Some(hosts) = &raw.hosts else { return BTreeSet::new() };
        if hosts.get_ref().is_empty() {
            let place = self.place(hosts.span());
            self.faults.push(
                Fault::error("`hosts` names nothing", place).hint("leave it out, and any name is taken"),
            );
        }
        for host in hosts.get_ref() {
            if !is_host(host.get_ref()) {
                self.fault(
                    host,
                    format!("`{}` is no host", host.get_ref()),
                    "a name or address as callers send it, such as guard.example.com or guard.example.com:8443",
                );
            }
        }
        hosts.get_ref().iter().map(|host| host.get_ref().to_ascii_lowercase()).collect()
    }
}

impl Kind {
    /// What `kind` may be.
    const ALL: [&str; 3] = ["gateway", "session", "status"];

    /// Whatever is none of them is taken for a gateway: it is a fault already.
    pub(super) fn of(listen: &raw::Listen) -> Self {
        match listen.kind.get_ref().as_str() {
            "session" => Self::Session,
            "status" => Self::Status,
            _ => Self::Gateway,
        }
    }
}

/// A name or an address, with or without a port.
pub(super) fn is_host(text: &str) -> bool {
    let is_name = |name: &str| {
        name.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    let bracketed = |text: &str| {
        text.strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .is_some_and(|inner| inner.parse::<IpAddr>().is_ok_and(|address| address.is_ipv6()))
    };
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => {
            port.parse::<u16>().is_ok() && (is_name(host) || bracketed(host))
        }
        Some(_) | None => is_name(text) || bracketed(text),
    }
}

/// Whether two addresses cannot both be listened at. `[::]` takes IPv4 as well where the system does not say otherwise.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let holds = |one: SocketAddr, other: SocketAddr| match one.ip() {
        IpAddr::V4(ip) => ip.is_unspecified() && other.is_ipv4(),
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    let same = one.ip() == other.ip() || holds(one, other) || holds(other, one);
    one.port() != 0 && one.port() == other.port() && same
}
