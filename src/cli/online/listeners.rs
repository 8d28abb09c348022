//! Certificates as clients see them, and what is asked of clients: of every listener, without listening.

use std::{fs, net::SocketAddr, path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{Found, LIMIT, Trial, Trying};
use crate::{
    client::trusting,
    clock::{Clock, Now},
    config::{Config, Listen, Located},
    secret::SecretRef,
    server::{Authority, ShownFault, Tls},
};

/// A certificate that ends so soon is to be renewed; one of a shorter life, when a third of that is left.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

const CHAIN: &str = "put the intermediates behind the certificate in its file, each behind the one that it issued; where \
     callers trust other CAs than the platform's, name those: --trust FILE";

/// A listener that shows a certificate.
pub(super) struct Showing<'c> {
    /// `gateway 127.0.0.1:8443`
    pub(super) of: String,
    /// By which names it is called, where that is known.
    pub(super) hosts: Vec<String>,
    /// The chain.
    pub(super) certificate: &'c Path,
    /// Its key.
    pub(super) key: &'c SecretRef,
}

/// Those of a guard.
pub(super) fn of_guard(config: &Config, trust: Option<&Path>, clock: &Clock, trying: &mut Trying) {
    let mut showing = Vec::new();
    let issuing = config.session.iter().flat_map(|session| &session.listen);
    let listeners = config.listen.iter().map(|listen| ("gateway", listen));
    for (kind, listen) in listeners.chain(issuing.map(|listen| ("session", listen))) {
        let of = named(kind, listen.address);
        showing.push(Showing {
            of: of.clone(),
            hosts: listen.hosts.iter().map(|host| bare(host)).collect(),
            certificate: &listen.certificate.value,
            key: &listen.key.value,
        });
        of_clients(&of, listen, clock.now(), trying);
    }
    for status in &config.status {
        let of = named("status", status.address);
        if let Some((certificate, key)) = &status.tls {
            let (certificate, key) = (&certificate.value, &key.value);
            showing.push(Showing { of: of.clone(), hosts: Vec::new(), certificate, key });
        }
        if let Some(ca) = &status.client_ca {
            trying.done(Trial::new("client-ca", of, authorities(ca, None, clock.now())));
        }
    }
    certificates(&showing, trust, clock, trying);
}

/// What clients that trust this see.
pub(super) fn certificates(
    showing: &[Showing<'_>],
    trust: Option<&Path>,
    clock: &Clock,
    trying: &mut Trying,
) {
    if showing.is_empty() {
        return;
    }
    let trusted = match trusting(trust) {
        Ok(trusted) => Arc::new(trusted),
        Err(fault) => {
            let hint = "name the CAs that callers trust: --trust FILE";
            trying.done(Trial::new("trust", String::new(), Found::fails(fault.to_string(), hint)));
            return;
        }
    };
    for one in showing {
        let of = one.of.clone();
        let tls = match served(one, clock.now()) {
            Ok(tls) => tls,
            Err(found) => {
                trying.done(Trial::new("certificate", of, found));
                continue;
            }
        };
        let (hosts, trusted, now) = (one.hosts.clone(), Arc::clone(&trusted), clock.now());
        trying.begin(("certificate", &one.of), LIMIT, async move {
            let found = match tls.shown(&hosts, &trusted, now).await {
                Err(fault) => vec![flaw(&fault)],
                Ok((shown, faults)) if faults.is_empty() => {
                    let said = format!(
                        "for {}; {} in the chain; until {}",
                        shown.names.join(", "),
                        shown.certificates,
                        at(shown.not_after)
                    );
                    let soon = SOON.min(SignedDuration::from_millis(shown.lifetime / 3));
                    vec![if now.plus(soon).millis() > shown.not_after {
                        Found::look(said, "renew it: the guard sees the new files within 10 s")
                    } else {
                        Found::Holds(said)
                    }]
                }
                Ok((_, faults)) => faults.iter().map(flaw).collect(),
            };
            found.into_iter().map(|found| Trial::new("certificate", of.clone(), found)).collect()
        });
    }
}

/// What the listener would serve.
fn served(one: &Showing<'_>, now: Now) -> Result<Tls, Found> {
    let chain = fs::read(one.certificate).map_err(|error| {
        let said = format!("cannot read `{}`: {error}", one.certificate.display());
        Found::fails(said, "see `certificate`")
    })?;
    let key = one.key.read().map_err(|error| Found::fails(error.to_string(), "see `key_file`"))?;
    Tls::new(&chain, key.expose(), now).map_err(|fault| {
        Found::fails(fault.to_string(), "see `certificate` and `key_file`: they go together")
    })
}

fn flaw(fault: &ShownFault) -> Found {
    let hint = match fault {
        ShownFault::Ended { .. } | ShownFault::NotYet { .. } => {
            "renew it, and see whether the clock is right"
        }
        ShownFault::Order { .. } | ShownFault::Issuer(_) => CHAIN,
        ShownFault::NoName | ShownFault::Name(_) => "have it issued for every name in `hosts`",
        ShownFault::Unreadable | ShownFault::Refused(_) => "have another one issued",
    };
    Found::fails(fault.to_string(), hint)
}

/// Whom clients' certificates come from, and what of theirs is revoked.
fn of_clients(of: &str, listen: &Listen, now: Now, trying: &mut Trying) {
    if let Some(ca) = &listen.client_ca {
        trying.done(Trial::new("client-ca", of.to_owned(), authorities(ca, listen.crl.as_ref(), now)));
    }
}

fn authorities(
    ca: &Located<std::path::PathBuf>,
    crl: Option<&Located<std::path::PathBuf>>,
    now: Now,
) -> Found {
    let read = |at: &Located<std::path::PathBuf>| {
        fs::read(&at.value).map_err(|error| {
            let said = format!("cannot read `{}`: {error}", at.value.display());
            Found::fails(said, "see `client_ca` and `crl_file`")
        })
    };
    let files = read(ca).and_then(|ca| Ok((ca, crl.map(read).transpose()?)));
    let (ca, crl) = match files {
        Ok(files) => files,
        Err(found) => return found,
    };
    let found = match Authority::read(&ca, crl.as_deref()) {
        Ok(found) => found,
        Err(fault) => return Found::fails(fault.to_string(), "see `client_ca` and `crl_file`"),
    };
    let is_over = |end: i64| end < now.millis();
    if let Some(ended) = found.iter().find(|one| is_over(one.not_after)) {
        let said = format!("`{}` ended at {}", ended.subject, at(ended.not_after));
        return Found::fails(said, "nobody with a certificate of it is let in: take it away, or renew it");
    }
    if crl.is_some() {
        if let Some(bare) = found.iter().find(|one| one.crl_ends.is_none()) {
            let said = format!("there is no revocation list of `{}`", bare.subject);
            return Found::fails(
                said,
                "nobody with a certificate of it is let in: add its list to `crl_file`",
            );
        }
        if let Some(late) = found.iter().find(|one| one.crl_ends.is_some_and(is_over)) {
            let due = at(late.crl_ends.unwrap_or_default());
            let said = format!("the revocation list of `{}` is due since {due}", late.subject);
            return Found::fails(said, "whoever was revoked since is let in: fetch the next list");
        }
    }
    let first = found.iter().map(|one| one.not_after).min().unwrap_or_default();
    let lists = found.iter().filter_map(|one| one.crl_ends).min();
    let lists = lists.map(|ends| format!("; revocation lists until {}", at(ends))).unwrap_or_default();
    let said = format!("{} until {}{lists}", found.len(), at(first));
    if is_over(first.saturating_sub(i64::try_from(SOON.as_millis()).unwrap_or(i64::MAX))) {
        return Found::look(said, "renew it: its certificates end with it");
    }
    Found::Holds(said)
}

fn named(kind: &str, address: SocketAddr) -> String {
    format!("{kind} {address}")
}

/// A name of `hosts` without its port and brackets.
pub(super) fn bare(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !host.ends_with(']') && port.parse::<u16>().is_ok() => name,
        Some(_) | None => host,
    };
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.unwrap_or(name).to_owned()
}

/// An instant as people read it.
pub(super) fn at(millis: i64) -> String {
    Timestamp::from_millisecond(millis).map_or_else(|_| "never".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_called_without_its_port() {
        for (host, name) in [
            ("guard.example.com", "guard.example.com"),
            ("guard.example.com:8443", "guard.example.com"),
            ("[2001:db8::1]:8443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            assert_eq!(bare(host), name);
        }
    }
}
