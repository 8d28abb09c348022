//! What can be set about a listener.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;

use crate::wire::{GateBounds, Require};

use super::{BODIES_AT_ONCE, Bodies, Room, Tls};

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At an address; port 0 for any.
    Tcp(SocketAddr),
    /// At a Unix socket. Whoever connects there counts as of this host (`127.0.0.1`).
    Unix(PathBuf),
}

/// How what passes is kept from others.
#[derive(Clone)]
pub(crate) enum Protection {
    /// By TLS.
    Tls(Tls),
    /// Not at all: for loopback and Unix sockets only, where the host itself keeps it.
    Plain,
}

/// One listener.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Where it listens.
    pub bound: Bound,
    /// What it takes as proof of who asks. More than a signature needs TLS that asks clients for a certificate.
    pub require: Require,
    /// The Region that unsigned requests are for.
    pub region: Option<Arc<str>>,
    /// Who may connect to a Unix socket: the permissions of its file. Default `0o600`.
    pub mode: u32,
    /// How much a head may hold.
    pub gate: GateBounds,
    /// How long each phase may take.
    pub timeouts: Timeouts,
    /// How much there may be at once.
    pub caps: Caps,
    /// How many connections there may be of all listeners that share this.
    pub room: Room,
    /// How many octets of bodies are held at all listeners that share this.
    pub bodies: Bodies,
    /// Whether a balancer in front says who connects. None: a peer is who it is.
    pub proxy: Option<ProxyProtocol>,
}

/// A balancer in front that says of each connection who made it (PROXY protocol, version 2).
#[derive(Debug, Clone)]
pub(crate) struct ProxyProtocol {
    /// Where the balancer is. Nobody else may connect at all: whoever could, could call himself anybody.
    pub from: Vec<IpNet>,
}

/// How long each phase of a connection may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timeouts {
    /// The TLS handshake, from the accepted connection, the balancer's header before it included. Default 10 s.
    pub handshake: Duration,
    /// A head, from its first octet to its last. Default 10 s.
    pub head: Duration,
    /// A body, from the end of the head to its last octet. Default 30 s.
    pub body: Duration,
    /// Between requests, and before the first. Default 75 s.
    pub idle: Duration,
    /// A reader that takes nothing at all of what is written to it. Default 30 s.
    pub write: Duration,
    /// What is under way when the listener stops. Default 30 s.
    pub drain: Duration,
}

/// How much there may be at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// Connections. Default 10,000.
    pub connections: usize,
    /// Connections of one source (IPv4 address, IPv6 /64). Default 512.
    pub per_source: usize,
    /// Requests under way; one more is answered 503 at once. Default 1,024.
    pub requests: usize,
    /// Requests of one source under way; one more is answered 503 at once. Default a quarter of all.
    pub requests_per_source: usize,
}

impl Options {
    /// A listener at `address` with every default.
    pub(crate) fn at(address: SocketAddr) -> Self {
        Self::of(Bound::Tcp(address))
    }

    /// A listener at a Unix socket with every default.
    pub(crate) fn unix(path: PathBuf) -> Self {
        let mut options = Self::of(Bound::Unix(path));
        // Whoever connects is one source.
        options.caps.requests_per_source = options.caps.requests;
        options.bodies = Bodies::of_one(BODIES_AT_ONCE);
        options
    }

    fn of(bound: Bound) -> Self {
        Self {
            bound,
            require: Require::Signature,
            region: None,
            mode: 0o600,
            gate: GateBounds::default(),
            timeouts: Timeouts::default(),
            caps: Caps::default(),
            room: Room::default(),
            bodies: Bodies::default(),
            proxy: None,
        }
    }
}

impl Bound {
    /// Whether nobody outside this host can connect.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => true,
        }
    }

    /// The address, when it is one.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

/// `192.0.2.1:443`, or `unix:` and a path.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<Tls> for Protection {
    fn from(tls: Tls) -> Self {
        Self::Tls(tls)
    }
}

impl ProxyProtocol {
    /// Whether a peer is the balancer. An IPv4-mapped address is the IPv4 address.
    pub(super) fn is_from(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.from.iter().any(|network| network.contains(&peer))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(75),
            write: Duration::from_secs(30),
            drain: Duration::from_secs(30),
        }
    }
}

impl Default for Caps {
    fn default() -> Self {
        let requests = 1024;
        let requests_per_source = Self::quarter(requests);
        Self { connections: 10_000, per_source: 512, requests, requests_per_source }
    }
}

impl Caps {
    /// What one source may have of so many requests unless something else is said.
    pub(crate) fn quarter(requests: usize) -> usize {
        (requests / 4).max(1)
    }
}
