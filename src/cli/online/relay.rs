//! What a relay needs: the guard's two listeners, a session, and a certificate of its own that applications accept.

use std::path::PathBuf;

use super::{
    Found, LIMIT, Trial, Trying, all,
    listeners::{Showing, bare, certificates},
    sites::{Clocks, what_to_do},
};
use crate::{
    caller::Arn,
    cli::{Exit, output::Output},
    client::{ClientBounds, Endpoint, Heard},
    clock::Clock,
    config::{RelayAt, RelayFile},
    relay::{CertificateFiles, SessionAt, SessionListener, presented},
};

/// Tries everything that a relay's configuration names.
pub(crate) fn relay(file: &RelayFile, trust: Option<PathBuf>, output: Output) -> Exit {
    let clock = Clock::system();
    all(output, || {
        let mut trying = Trying::default();
        if let Some((certificate, key)) = &file.listen.tls {
            let of = match &file.listen.at {
                RelayAt::Address(address) => address.to_string(),
                RelayAt::Socket { path, .. } => path.display().to_string(),
            };
            let hosts = file.listen.hosts.iter().map(|host| bare(host)).collect();
            let showing = Showing { of, hosts, certificate: &certificate.value, key: &key.value };
            certificates(&[showing], trust.as_deref(), &clock, &mut trying);
        }
        let (options, mut clocks) = (&file.relay, Clocks::default());
        let SessionAt { endpoint, certificate, .. } = &options.session;
        for (what, endpoint) in [("gateway", &options.gateway), ("session", endpoint)] {
            listener(what, endpoint, (options.bounds, certificate.clone()), &clock, &mut clocks, &mut trying);
        }
        clocks.begin(&mut trying);
        let (at, clock) = (options.session.clone(), clock.clone());
        trying.begin(("proof", ""), LIMIT, async move {
            vec![Trial::new("proof", String::new(), proven(at, clock).await)]
        });
        trying
    })
}

/// One of the guard's listeners.
fn listener(
    what: &'static str,
    endpoint: &Endpoint,
    (bounds, certificate): (ClientBounds, Option<CertificateFiles>),
    clock: &Clock,
    clocks: &mut Clocks,
    trying: &mut Trying,
) {
    let (endpoint, clock, teller) = (endpoint.clone(), clock.clone(), clocks.teller());
    trying.begin((what, ""), LIMIT, async move {
        let found = match certificate.as_ref().map(presented).transpose() {
            Err(fault) => Found::fails(fault.to_string(), "see `certificate` and `key_file` of [relay]"),
            Ok(shown) => match Heard::of(&endpoint, bounds, shown.as_ref(), &clock).await {
                Ok(heard) => teller.heard(&endpoint.host, heard),
                Err(why) => Found::fails(why.to_string(), what_to_do(&why)),
            },
        };
        vec![Trial::new(what, String::new(), found)]
    });
}

/// A session is had, as the relay would: the guard records it.
async fn proven(at: SessionAt, clock: Clock) -> Found {
    let had = match SessionListener::open(at, clock).await {
        Ok(listener) => listener.session().await,
        Err(fault) => Err(fault),
    };
    match had {
        Ok(granted) => {
            // The name of a session may be somebody's address.
            let whose = Arn::read(&granted.principal)
                .map_or_else(|_| "nobody".to_owned(), |arn| arn.without_session());
            Found::Holds(format!("a session of {whose} until {}", granted.expires.timestamp()))
        }
        Err(fault) => {
            let hint =
                fault.hint().unwrap_or("see `proof` and what belongs to it in [relay], and the guard's log");
            Found::fails(fault.to_string(), hint)
        }
    }
}
