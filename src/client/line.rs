//! TLS to one configured host, for what speaks no HTTP and sends in one direction only. Verified as every other connection;
//! never without TLS.

use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Endpoint, Failure, Presented, Reach, Unusable, bounds::DAY, connect::Dial};

/// Octets that the system takes for a connection before the other side has: what may be lost with it.
const BUFFER: usize = 64 * 1024;
/// A connection on which nothing is sent is looked at so often.
const IDLE: Duration = Duration::from_secs(30);

/// One host, and how it is reached.
pub(crate) struct Line {
    dial: Dial,
    within: Duration,
}

impl Line {
    /// Reads the endpoint; opens nothing but the CA file. `within` bounds name, TCP and TLS together, and how long the other
    /// side may leave what was sent unacknowledged before the connection has failed.
    ///
    /// # Errors
    /// When nothing could ever be connected to with these.
    pub(crate) fn new(
        endpoint: &Endpoint,
        within: Duration,
        presented: Option<&Presented>,
    ) -> Result<Self, Unusable> {
        let within = within.min(DAY);
        let dial = Dial::new(endpoint, within, Reach::Anywhere, presented, None)?;
        Ok(Self { dial, within })
    }

    /// A new connection; nothing is sent on it.
    ///
    /// # Errors
    /// No address, no connection, or the other side is not whom its certificate has to name.
    pub(crate) async fn open(&self) -> Result<TlsStream<TcpStream>, Failure> {
        self.dial.stream(|tcp| self.prepare(tcp)).await
    }

    /// A host that is silently gone is noticed by these. A failure costs time only.
    fn prepare(&self, tcp: &TcpStream) {
        let socket = SockRef::from(tcp);
        drop(socket.set_send_buffer_size(BUFFER));
        drop(socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(IDLE).with_interval(IDLE / 3)));
        drop(socket.set_tcp_user_timeout(Some(self.within.max(Duration::from_secs(5)))));
    }
}
