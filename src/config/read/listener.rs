//! `[[listen]]`: where callers are heard.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use serde_spanned::Spanned;

use super::Reader;
use crate::{
    config::{Caps, Listen, Located, Timeouts, raw},
    diagnostic::{Fault, Place},
    secret::SecretRef,
    wire::GateBounds,
};

impl Reader<'_> {
    pub(super) fn listeners(&mut self, raw: &[Spanned<raw::Listen>]) -> Vec<Listen> {
        let given: Vec<&str> =
            self.overrides.listen.iter().flat_map(|text| text.split(',')).map(str::trim).collect();
        if !given.is_empty() && given.len() != raw.len() {
            self.faults.push(
                Fault::bare(format!(
                    "`CONNECT_GUARD_LISTEN` has {} and there are {}",
                    given.len(),
                    raw.len()
                ))
                .hint("one address for each `[[listen]]`, in order, separated by commas"),
            );
        }
        if raw.is_empty() {
            self.faults.push(
                Fault::bare("there is no `[[listen]]`")
                    .hint("a gateway needs one: kind = \"gateway\", address, certificate, key_file"),
            );
        }
        let mut found = Vec::new();
        let mut taken = BTreeSet::new();
        let named = raw.iter().filter(|listen| listen.get_ref().hosts.is_some()).count();
        for (at, listen) in raw.iter().enumerate() {
            let listener = self.listener(listen, given.get(at).copied());
            if named > 0 && listen.get_ref().hosts.is_none() {
                let place = self.place(listen.span());
                self.faults.push(
                    Fault::error("this listener has no `hosts`, and another has", place)
                        .hint("name them for every listener, or for none"),
                );
            }
            if let Some(address) = listener.as_ref().map(|listener| listener.address)
                && address.port() != 0
                && !taken.insert(address)
            {
                self.fault(
                    &listen.get_ref().address,
                    format!("two listeners have the address {address}"),
                    "each has its own",
                );
            }
            found.extend(listener);
        }
        found
    }

    fn listener(&mut self, raw: &Spanned<raw::Listen>, given: Option<&str>) -> Option<Listen> {
        let place = self.place(raw.span());
        let raw = raw.get_ref();
        if raw.kind.get_ref() != "gateway" {
            self.fault(
                &raw.kind,
                format!("no kind of listener is `{}`", raw.kind.get_ref()),
                "the kinds are: gateway",
            );
        }
        let address = self.listen_address(raw, given);
        let key = self.key(raw, place.clone());
        let timeouts = Timeouts {
            handshake: self.duration(raw.timeouts.handshake.as_ref()),
            head: self.duration(raw.timeouts.head.as_ref()),
            body: self.duration(raw.timeouts.body.as_ref()),
            idle: self.duration(raw.timeouts.idle.as_ref()),
            write: self.duration(raw.timeouts.write.as_ref()),
        };
        let caps = Caps {
            connections: self.count(raw.caps.connections.as_ref(), 1..=1_000_000),
            connections_per_source: self.count(raw.caps.connections_per_source.as_ref(), 1..=1_000_000),
            requests: self.count(raw.caps.requests.as_ref(), 1..=1_000_000),
        };
        let standard = GateBounds::default();
        let gate = GateBounds {
            head: self.count(raw.caps.head.as_ref(), 1024..=64 * 1024).unwrap_or(standard.head),
            target: self.count(raw.caps.target.as_ref(), 256..=32 * 1024).unwrap_or(standard.target),
            headers: self.count(raw.caps.headers.as_ref(), 16..=256).unwrap_or(standard.headers),
        };
        Some(Listen {
            certificate: Located { value: self.path(&raw.certificate), place },
            hosts: self.hosts(raw),
            address: address?,
            key: key?,
            timeouts,
            caps,
            gate,
        })
    }

    /// The environment's address goes before the file's, which must be one all the same.
    fn listen_address(&mut self, raw: &raw::Listen, given: Option<&str>) -> Option<SocketAddr> {
        const HINT: &str = "write ADDRESS:PORT, such as 127.0.0.1:8443 or [::1]:8443";
        let written = raw.address.get_ref();
        let own = written.parse().ok();
        if own.is_none() {
            self.fault(&raw.address, format!("`{written}` is no address"), HINT);
        }
        let Some(given) = given else { return own };
        let other = given.parse().ok();
        if other.is_none() {
            self.faults
                .push(Fault::bare(format!("`{given}` in `CONNECT_GUARD_LISTEN` is no address")).hint(HINT));
        }
        other
    }

    fn key(&mut self, raw: &raw::Listen, place: Place) -> Option<Located<SecretRef>> {
        let value = match (&raw.key_file, &raw.key_credential) {
            (Some(file), None) => SecretRef::File(self.path(file)),
            (None, Some(name)) => SecretRef::Credential(name.clone()),
            (None, None) | (Some(_), Some(_)) => {
                self.faults.push(Fault::error("give one of `key_file` and `key_credential`", place));
                return None;
            }
        };
        Some(Located { value, place })
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

/// A name or an address, with or without a port.
fn is_host(text: &str) -> bool {
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
