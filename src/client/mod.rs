//! Outgoing HTTPS to one configured host: pooled, bounded, verified, HTTP/1.1, no redirects, no proxies from the
//! environment. Says of every failure whether anything may have been sent.
//!
//! # What is promised
//!
//! - [`ClientError::sent`] is false only when certainly no octet of the request was handed to TLS; see `transport` and
//!   `connection` for how that is known.
//! - No request is repeated once that is not certain. The one repetition there is: a *reused* connection turned out to
//!   be closed before anything was written; then one new connection is opened, and no third.
//! - An answer has one reading, or it is an error and the connection is closed. What cannot be seen from one end of a
//!   connection: octets that arrive after a request was written but were sent before it was read pass for its answer. They
//!   could come only from the verified host itself.
//! - The environment (`HTTPS_PROXY` and the like) has no effect, but for what the platform verifier reads; see `tls`.

use std::{fmt, net::SocketAddr, path::PathBuf, pin::Pin, sync::Arc};

use bytes::Bytes;
use hyper::body::Incoming;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use crate::wire::Broken;

mod answer;
mod bounds;
mod connect;
mod connection;
mod fault;
mod flow;
mod heard;
mod line;
mod outgoing;
mod places;
mod pool;
mod probe;
mod reach;
mod stats;
#[cfg(test)]
pub(crate) mod tests;
mod tls;
mod transport;

pub use bounds::ClientBounds;
pub use connect::Unusable;
pub use fault::{ClientError, Failure};
pub(crate) use heard::{Heard, Unheard};
pub(crate) use line::Line;
pub(crate) use probe::probe;
pub(crate) use reach::Reach;
pub use stats::ClientStats;
pub use tls::TrustFault;
pub(crate) use tls::{Presented, trusting};

use self::{
    connect::Dial,
    connection::Connection,
    flow::{Flow, Held},
    places::{HandedOn, Places},
    pool::Pool,
    stats::Tally,
};

/// Where to, and what to trust.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The name in TLS verification and in `Host`; a DNS name or an IP literal.
    pub host: String,
    /// The port; it appears in `Host` unless it is 443.
    pub port: u16,
    /// Connect to this address instead of resolving the name (for private DNS overrides that would loop).
    pub address: Option<SocketAddr>,
    /// Trust these CAs (PEM) instead of the platform's.
    pub ca_file: Option<PathBuf>,
}

/// A request to send: target and header fields complete but for `content-length`.
#[derive(Clone)]
pub struct Outgoing {
    /// The method.
    pub method: &'static str,
    /// Path and query, encoded.
    pub target: String,
    /// Header fields; `host` must be [`Client::authority`] (it is signed), and is checked.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer, read whole.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields, names lower-case, values visible ASCII (others dropped).
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

/// An answer whose body is still to come.
pub struct Streaming {
    /// The status.
    pub status: u16,
    /// Header fields.
    pub headers: Vec<(String, String)>,
    /// The body as it comes; ends with an error when cut short or idle too long.
    pub body: Pin<Box<dyn http_body::Body<Data = Bytes, Error = Broken> + Send>>,
}

/// A client for one host. To be used within a tokio runtime.
pub struct Client {
    dial: Dial,
    authority: String,
    bounds: ClientBounds,
    places: Places,
    pool: Arc<Pool>,
    tally: Arc<Tally>,
}

impl Client {
    /// A client; reads the CA file, or the platform's CAs. Connects to nothing yet.
    ///
    /// # Errors
    ///
    /// The host is neither a name nor an address, the port is 0, or there is nothing to trust.
    pub fn new(endpoint: Endpoint, bounds: ClientBounds) -> Result<Self, Unusable> {
        Self::reaching(&endpoint, bounds, Reach::Anywhere)
    }

    /// A client that connects to some addresses only; otherwise as [`Client::new`].
    ///
    /// # Errors
    ///
    /// As for [`Client::new`].
    pub(crate) fn reaching(
        endpoint: &Endpoint,
        bounds: ClientBounds,
        reach: Reach,
    ) -> Result<Self, Unusable> {
        Self::of(endpoint, bounds, reach, None)
    }

    /// A client that shows a certificate where the server asks for one; otherwise as [`Client::new`].
    ///
    /// # Errors
    ///
    /// As for [`Client::new`]; and the certificate cannot be used.
    pub(crate) fn presenting(
        endpoint: &Endpoint,
        bounds: ClientBounds,
        presented: Option<&Presented>,
    ) -> Result<Self, Unusable> {
        Self::of(endpoint, bounds, Reach::Anywhere, presented)
    }

    fn of(
        endpoint: &Endpoint,
        bounds: ClientBounds,
        reach: Reach,
        presented: Option<&Presented>,
    ) -> Result<Self, Unusable> {
        let bounds = bounds.capped();
        let dial = Dial::new(endpoint, bounds.connect, reach, presented, Some(b"http/1.1"))?;
        Ok(Self {
            authority: dial.authority(),
            dial,
            bounds,
            places: Places::new(bounds.in_flight),
            pool: Arc::new(Pool::new(bounds.pool, bounds.pool_idle)),
            tally: Arc::new(Tally::default()),
        })
    }

    /// Keeps a quarter of the places for what is read whole. An answer that is handed on holds its place as long as whoever
    /// reads it likes: somebody who takes his time is not to hold up changes, and what is looked at for them.
    #[must_use]
    pub fn keeping_room(self) -> Self {
        Self { places: self.places.keeping_room(), ..self }
    }

    /// `host` or `host:port`, as it stands in the `Host` header; an IPv6 address in brackets, no port when it is 443.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// What has been done so far.
    pub fn stats(&self) -> ClientStats {
        let under_way = self.places.taken();
        self.tally.read(self.pool.len(), under_way)
    }

    /// Sends a request **once** and reads the answer whole. A request that was sent on a pooled connection which turned
    /// out to be closed before any octet of it was written may go out on another; nothing else is ever repeated. Dropping
    /// the future closes the connection.
    ///
    /// # Errors
    ///
    /// Everything but an answer that was read to its end; any status is an answer, a redirect too.
    pub async fn send(&self, request: Outgoing) -> Result<Answer, ClientError> {
        self.send_while(request, &|| true).await
    }

    /// As [`Client::send`]; `may` is asked once more when there is a connection, right before anything is written.
    ///
    /// # Errors
    ///
    /// Everything: [`ClientError::sent`] is false when it is certain that nothing left, as where it may not any more.
    pub async fn send_while(
        &self,
        request: Outgoing,
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<Answer, ClientError> {
        self.read_whole(request, may).await.inspect_err(|error| self.tally.failed(&error.why))
    }

    /// Sends a request once, as [`Client::send`] does, and hands the answer's body on as it comes. The request is under way
    /// until the body's end or its drop; dropping it before its end closes the connection.
    ///
    /// # Errors
    ///
    /// Everything up to the answer's head; what goes wrong later ends the body with an error.
    pub async fn stream(&self, request: Outgoing) -> Result<Streaming, ClientError> {
        self.stream_with(request, &[]).await
    }

    /// As [`Client::stream`], with more header fields, whose names were not known beforehand: each is held to what
    /// [`Outgoing::headers`] are.
    ///
    /// # Errors
    ///
    /// As for [`Client::stream`].
    pub(crate) async fn stream_with(
        &self,
        request: Outgoing,
        more: &[(String, String)],
    ) -> Result<Streaming, ClientError> {
        self.hand_on(request, more).await.inspect_err(|error| self.tally.failed(&error.why))
    }

    /// Opens a connection and keeps it for the next request; sends nothing.
    ///
    /// # Errors
    ///
    /// No address, no connection, or TLS failed.
    pub(crate) async fn connect(&self) -> Result<(), ClientError> {
        let _place = self.place()?;
        let fresh =
            self.dial.open().await.map_err(unsent).inspect_err(|error| self.tally.failed(&error.why))?;
        if let Some(connection) = fresh.counted(self.tally.open_one()).settle().await {
            self.pool.put(connection);
        }
        Ok(())
    }

    async fn read_whole(
        &self,
        request: Outgoing,
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<Answer, ClientError> {
        let _place = self.place()?;
        let (response, connection) = self.timed(&request, &[], may).await?;
        let (answer, connection) = answer::whole(response, connection, &self.bounds).await?;
        if let Some(connection) = connection.settle().await {
            self.pool.put(connection);
        }
        Ok(answer)
    }

    async fn hand_on(&self, request: Outgoing, more: &[(String, String)]) -> Result<Streaming, ClientError> {
        let permit = self.place_of_one_handed_on()?;
        let (response, connection) = self.timed(&request, more, &|| true).await?;
        Ok(self.streaming(response, connection, permit))
    }

    fn streaming(
        &self,
        response: http::Response<Incoming>,
        connection: Connection,
        permit: HandedOn,
    ) -> Streaming {
        let (head, incoming) = response.into_parts();
        let occupied = Held { connection, permit };
        let body =
            Flow::new(incoming, occupied, self.bounds.idle_body, self.pool.clone(), self.tally.clone());
        let headers = answer::fields(&head.headers);
        Streaming { status: head.status.as_u16(), headers, body: Box::pin(body) }
    }

    /// As [`Client::stream`], over a stream that somebody has made: see `crate::fuzzing`.
    #[cfg(feature = "fuzzing")]
    pub(crate) async fn stream_over<S>(&self, stream: S, request: Outgoing) -> Result<Streaming, ClientError>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let permit = self.place_of_one_handed_on()?;
        let request = outgoing::build(&request, &[], &self.authority).map_err(unsent)?;
        let connection = Connection::over(stream).await.map_err(unsent)?;
        let (response, connection) = connection.exchange(request, self.bounds.answer).await?;
        Ok(self.streaming(response, connection, permit))
    }

    async fn timed(
        &self,
        request: &Outgoing,
        more: &[(String, String)],
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<(http::Response<Incoming>, Connection), ClientError> {
        let begun = Instant::now();
        let answered = self.exchange(request, more, may).await?;
        self.tally.latency.took(begun.elapsed());
        Ok(answered)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, ClientError> {
        self.tally.requests.add();
        self.places.one().ok_or_else(|| unsent(Failure::Busy))
    }

    fn place_of_one_handed_on(&self) -> Result<HandedOn, ClientError> {
        self.tally.requests.add();
        self.places.handed_on().ok_or_else(|| unsent(Failure::Busy))
    }

    /// The request on an idle connection, or on a new one. It goes to the new one after the idle one only when that
    /// failed with nothing written, and never after a timeout: time that is over is over.
    async fn exchange(
        &self,
        request: &Outgoing,
        more: &[(String, String)],
        may: &(dyn Fn() -> bool + Sync),
    ) -> Result<(http::Response<Incoming>, Connection), ClientError> {
        let late = || unsent(Failure::Late);
        let build = || outgoing::build(request, more, &self.authority).map_err(unsent);
        let first = build()?;
        if let Some(idle) = self.pool.take() {
            self.tally.reused.add();
            if !may() {
                return Err(late());
            }
            match idle.exchange(first, self.bounds.answer).await {
                Err(ClientError { sent: false, why: Failure::Broken(_) }) => self.tally.renewed.add(),
                other => return other,
            }
        }
        // On the heap: most requests need no handshake, and none is to have room for the state of one.
        let afresh = Box::pin(async {
            let fresh = self.dial.open().await.map_err(unsent)?.counted(self.tally.open_one());
            let again = build()?;
            if may() { fresh.exchange(again, self.bounds.answer).await } else { Err(late()) }
        });
        afresh.await
    }
}

/// Shows no value, as for [`Outgoing`].
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).finish_non_exhaustive()
    }
}

fn unsent(why: Failure) -> ClientError {
    ClientError { sent: false, why }
}
