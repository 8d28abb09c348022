//! From a name to a connection: resolve, TCP, TLS, all within one deadline. Nothing of a request is written here.
//!
//! There is no proxy and no plain HTTP, not even on loopback: no value of this module has a stream without TLS.

use std::{
    error::Error,
    fmt, io,
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use rustls_pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Endpoint, Failure,
    connection::Connection,
    connection::chain,
    reach::{Names, Reach},
    tls::{self, Presented, TrustFault},
};

/// Why there can be no client for an endpoint.
#[derive(Debug)]
pub enum Unusable {
    /// Neither a DNS name nor an IP literal.
    Host(String),
    /// The port is 0.
    Port,
    /// There is nothing to trust.
    Trust(TrustFault),
    /// The client certificate or its key cannot be used, or they do not belong together.
    Certificate(io::Error),
}

/// How to reach the one host.
pub(super) struct Dial {
    name: ServerName<'static>,
    port: u16,
    address: Option<SocketAddr>,
    tls: TlsConnector,
    within: Duration,
    reach: Reach,
    pub(super) names: Names,
}

impl Dial {
    /// Reads the endpoint; opens nothing but the CA file.
    pub(super) fn new(
        endpoint: &Endpoint,
        within: Duration,
        reach: Reach,
        presented: Option<&Presented>,
        protocol: Option<&[u8]>,
    ) -> Result<Self, Unusable> {
        let host = endpoint.host.as_str();
        let bracketed = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let bare = bracketed.filter(|inner| inner.parse::<Ipv6Addr>().is_ok()).unwrap_or(host);
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| Unusable::Host(host.to_owned()))?;
        if endpoint.port == 0 {
            return Err(Unusable::Port);
        }
        let tls = tls::connector(endpoint.ca_file.as_deref(), presented, protocol)?;
        let names = Names::System;
        Ok(Self { name, port: endpoint.port, address: endpoint.address, tls, within, reach, names })
    }

    /// `host` or `host:port`, an IPv6 address in brackets (RFC 3986 section 3.2.2); no port when it is 443.
    pub(super) fn authority(&self) -> String {
        let name = self.name.to_str();
        let host = if name.contains(':') { format!("[{name}]") } else { name.into_owned() };
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }

    /// A new connection for HTTP/1.1.
    pub(super) async fn open(&self) -> Result<Connection, Failure> {
        Connection::over(self.stream(|_| ()).await?).await
    }

    /// A new stream, verified for the name even when another address is connected to. Nothing is written on it yet.
    pub(super) async fn stream(
        &self,
        prepare: impl FnOnce(&TcpStream),
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let deadline = Instant::now() + self.within;
        let addresses = self.reached(self.addresses(deadline).await?)?;
        let tcp = tcp(&addresses, deadline).await?;
        // Requests are small and written at once; waiting for more would only delay them. A failure costs time only.
        drop(tcp.set_nodelay(true));
        prepare(&tcp);
        timeout_at(deadline, self.tls.connect(self.name.clone(), tcp))
            .await
            .map_err(|_| Failure::Timeout("tls handshake"))?
            .map_err(|error| Failure::Tls(chain(&error)))
    }

    async fn addresses(&self, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
        if let Some(address) = self.address {
            return Ok(vec![address]);
        }
        if let ServerName::IpAddress(address) = &self.name {
            return Ok(vec![SocketAddr::new((*address).into(), self.port)]);
        }
        let name = self.name.to_str();
        let found = timeout_at(deadline, self.names.of(&name, self.port))
            .await
            .map_err(|_| Failure::Timeout("resolving the name"))?
            .map_err(|error| Failure::Connect(format!("resolving `{name}`: {error}")))?;
        Ok(found)
    }

    /// Those that may be connected to.
    fn reached(&self, mut addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, Failure> {
        let found = addresses.len();
        addresses.retain(|address| self.reach.allows(address.ip()));
        if addresses.is_empty() && found > 0 {
            return Err(Failure::Connect(
                "the address is not public, and its network is not named".to_owned(),
            ));
        }
        Ok(addresses)
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(host) => write!(f, "`{host}` is neither a dns name nor an ip address"),
            Self::Port => f.write_str("port 0 cannot be connected to"),
            Self::Trust(fault) => fault.fmt(f),
            Self::Certificate(source) => write!(f, "client certificate: {source}"),
        }
    }
}

impl Error for Unusable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Trust(fault) => Some(fault),
            Self::Certificate(source) => Some(source),
            Self::Host(_) | Self::Port => None,
        }
    }
}

/// Tries one address after the other, each for its share of the time left.
async fn tcp(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, Failure> {
    let mut last = Failure::Connect("the name has no address".to_owned());
    for (tried, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len().saturating_sub(tried)).unwrap_or(u32::MAX).max(1);
        let now = Instant::now();
        let until = now + deadline.saturating_duration_since(now) / left;
        last = match timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => refused(*address, &error),
            Err(_) => Failure::Timeout("connecting"),
        };
    }
    Err(last)
}

fn refused(address: SocketAddr, error: &io::Error) -> Failure {
    Failure::Connect(format!("`{address}`: {error}"))
}
