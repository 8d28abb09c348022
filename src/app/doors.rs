//! The listeners: for callers, for whoever wants a session, and for whoever watches.

use std::{net::SocketAddr, sync::Arc};

use super::{AppFault, failed};
use crate::{
    config::{Config, Drain, Listen, StatusListen},
    server::{
        BindError, Bodies, Caps, Counts, Options, ProxyProtocol, Room, Server, StatusOptions, StatusServer,
        Tls, descriptors,
    },
};

/// Descriptors that the guard keeps for itself: its ledger, policy and secrets, its listeners, mail and webhooks.
const OWN: usize = 128;
/// Descriptors that a status listener may have.
const OF_STATUS: usize = 64;

/// Every listener, bound.
pub(super) struct Doors {
    /// For callers.
    pub(super) gateways: Vec<Server>,
    /// For whoever wants a session.
    pub(super) issuing: Vec<Server>,
    /// For whoever watches.
    pub(super) statuses: Vec<StatusServer>,
}

impl Doors {
    /// Binds them, with the certificates of each kind in the order of the configuration.
    pub(super) fn open(
        config: &Config,
        tls: &[Tls],
        session_tls: &[Tls],
        status_tls: &[Option<Tls>],
    ) -> Result<Self, AppFault> {
        let issuing = config.session.as_ref().map_or(&[][..], |session| &session.listen);
        let room = room(config);
        let largest = config.bodies.ordinary.max(config.bodies.change);
        let bodies = Bodies::within(config.bodies_at_once, largest);
        let shared = (&room, &bodies);
        Ok(Self {
            gateways: bound(&config.listen, config.drain, shared, tls)?,
            issuing: bound(issuing, config.drain, shared, session_tls)?,
            statuses: statuses(config, status_tls)?,
        })
    }

    /// What each listener counts.
    pub(super) fn counts(&self) -> Vec<(SocketAddr, Arc<Counts>)> {
        let servers = self.gateways.iter().chain(&self.issuing);
        servers.filter_map(|server| Some((server.bound().address()?, server.counts()))).collect()
    }

    /// Each certificate, with the listener that serves it.
    pub(super) fn certificates(
        &self,
        tls: &[Tls],
        session_tls: &[Tls],
        status_tls: &[Option<Tls>],
    ) -> Vec<(SocketAddr, Tls)> {
        let served = self.gateways.iter().zip(tls).chain(self.issuing.iter().zip(session_tls));
        let served = served.filter_map(|(server, tls)| Some((server.bound().address()?, tls.clone())));
        let statuses = self.statuses.iter().map(StatusServer::address).zip(status_tls.iter().cloned());
        served.chain(statuses.filter_map(|(address, tls)| Some((address, tls?)))).collect()
    }
}

fn unbound(fault: &BindError) -> AppFault {
    failed(&format!("cannot listen on {}", fault.bound), &fault.source)
}

/// Room for the connections of all listeners but those for status: without what the guard itself has open, and may need at
/// once for Connect.
fn room(config: &Config) -> Room {
    let Some(descriptors) = descriptors() else { return Room::default() };
    let upstream: usize = config.upstream.iter().map(|upstream| upstream.bounds.in_flight).sum();
    let room = Room::within(descriptors, OWN + OF_STATUS * config.status.len() + upstream);
    let caps = config.listen.iter().map(|listen| options(listen, config.drain).caps.connections);
    if let Some(free) = room.free()
        && caps.sum::<usize>() > free
    {
        tracing::info!(descriptors, connections = free, "the limit of open files leaves fewer connections");
    }
    room
}

/// Listeners for callers, or for whoever wants a session.
fn bound(
    listeners: &[Listen],
    drain: Drain,
    (room, bodies): (&Room, &Bodies),
    tls: &[Tls],
) -> Result<Vec<Server>, AppFault> {
    let bind = |(listen, tls): (&Listen, &Tls)| {
        let (room, bodies) = (room.clone(), bodies.clone());
        let options = Options { room, bodies, ..options(listen, drain) };
        Server::bind(options, tls.clone()).map_err(|fault| unbound(&fault))
    };
    listeners.iter().zip(tls).map(bind).collect()
}

fn statuses(config: &Config, status_tls: &[Option<Tls>]) -> Result<Vec<StatusServer>, AppFault> {
    let bind = |(listen, tls): (&StatusListen, &Option<Tls>)| {
        let options = StatusOptions { address: listen.address, tls: tls.clone() };
        StatusServer::bind(options).map_err(|fault| unbound(&fault))
    };
    config.status.iter().zip(status_tls).map(bind).collect()
}

fn options(listen: &Listen, drain: Drain) -> Options {
    let mut options = Options::at(listen.address);
    options.require = listen.require;
    options.region = listen.region.as_deref().map(Arc::from);
    options.gate = listen.gate;
    options.proxy = listen.proxy.as_ref().map(|proxy| ProxyProtocol { from: proxy.from.clone() });
    let timeouts = &mut options.timeouts;
    timeouts.handshake = listen.timeouts.handshake.unwrap_or(timeouts.handshake);
    timeouts.head = listen.timeouts.head.unwrap_or(timeouts.head);
    timeouts.body = listen.timeouts.body.unwrap_or(timeouts.body);
    timeouts.idle = listen.timeouts.idle.unwrap_or(timeouts.idle);
    timeouts.write = listen.timeouts.write.unwrap_or(timeouts.write);
    timeouts.drain = drain.requests;
    let caps = &mut options.caps;
    caps.connections = listen.caps.connections.unwrap_or(caps.connections);
    caps.per_source = listen.caps.connections_per_source.unwrap_or(caps.per_source);
    caps.requests = listen.caps.requests.unwrap_or(caps.requests);
    let quarter = Caps::quarter(caps.requests);
    caps.requests_per_source = listen.caps.requests_per_source.unwrap_or(quarter);
    options
}
