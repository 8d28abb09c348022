//! One connection and one request on it, and whether any of that request may have left.
//!
//! # What hyper guarantees, and why it is not relied on alone
//!
//! `SendRequest::try_send_request` puts the request into a channel to the connection's task. Its error carries the
//! request back when the task never took it out: the connection was closed before, or failed while the request still lay
//! there. Once the task has taken the request out it is lost to the caller, whether or not an octet was written. So a
//! request that came back was never sent, and a request that did not come back says nothing.
//!
//! What decides here is [`Watch::written`], set at the only way to the TLS stream, *before* octets are handed over. It is
//! read only when the connection's task is over (aborted, then awaited): from then on nobody is left who could write
//! what hyper may still hold in its buffers. That answers for timeouts too, where hyper says nothing at all.

use std::{error::Error, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::Incoming,
    client::conn::http1::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ClientError, Failure, answer,
    stats::OpenOne,
    transport::{Watch, Watched},
};

/// Octets of an answer's head, and of a chunked body's trailers.
const HEAD: usize = 32 * 1024;
/// Header lines of an answer.
const HEADERS: usize = 100;
/// Octets that hyper holds of one connection.
const BUFFER: usize = 64 * 1024;
/// How long a connection may take to notice that a message is over before it is not kept. Normally it has noticed
/// already; a server that answers before it has read the request makes it never notice.
const SETTLE: Duration = Duration::from_millis(100);

/// A connection. Dropping it closes it at once, whatever is under way.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    watch: Arc<Watch>,
    task: AbortOnDropHandle<()>,
    idle_since: Instant,
    counted: Option<OpenOne>,
}

impl Connection {
    /// HTTP/1.1 over a stream on which nothing was written yet.
    pub(super) async fn over<S>(stream: S) -> Result<Self, Failure>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let watch = Arc::new(Watch::default());
        let (sender, connection) = Builder::new()
            .max_buf_size(BUFFER)
            .max_headers(HEADERS)
            .max_header_size(HEAD)
            .handshake(TokioIo::new(Watched::new(stream, watch.clone())))
            .await
            .map_err(|error| Failure::Broken(chain(&error)))?;
        // Its error goes to the request under way; without one there is nobody to tell.
        let task = tokio::spawn(async move { drop(connection.await) });
        let task = AbortOnDropHandle::new(task);
        Ok(Self { sender, watch, task, idle_since: Instant::now(), counted: None })
    }

    /// Counted for as long as it is open.
    pub(super) fn counted(mut self, one: OpenOne) -> Self {
        self.counted = Some(one);
        self
    }

    /// Sends one request and waits for the head of its answer, at most so long. The connection comes back only with an
    /// answer that has one reading; in every other case it is closed. Dropping the future closes it.
    pub(super) async fn exchange(
        mut self,
        mut request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<(Response<Incoming>, Self), ClientError> {
        self.watch.begin();
        let watch = self.watch.clone();
        hyper::ext::on_informational(&mut request, move |interim| watch.interim(interim.headers()));
        let why = match timeout(within, self.sender.try_send_request(request)).await {
            Ok(Ok(response)) => match answer::check(&response) {
                Ok(()) if self.watch.odd() => odd(),
                Ok(()) => return Ok((response, self)),
                Err(why) => why,
            },
            Ok(Err(_)) if self.watch.odd() => odd(),
            Ok(Err(error)) => head_failure(error.error()),
            Err(_) => Failure::Timeout("waiting for the answer"),
        };
        Err(self.close(why).await)
    }

    /// Closes the connection and says what came of the request on it.
    pub(super) async fn close(self, why: Failure) -> ClientError {
        let Self { sender, watch, task, .. } = self;
        task.abort();
        // Cancelled, panicked or through: in each case it is over.
        drop(task.await);
        drop(sender);
        ClientError { sent: watch.written(), why }
    }

    /// Whether the next request can go out on it now.
    pub(super) fn ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed() && self.watch.flushed() && !self.watch.odd()
    }

    /// Waits until the message is over on both sides. `None`: the connection cannot be used again.
    pub(super) async fn settle(mut self) -> Option<Self> {
        if !self.ready() {
            timeout(SETTLE, self.sender.ready()).await.ok()?.ok()?;
        }
        self.idle_since = Instant::now();
        self.ready().then_some(self)
    }

    /// How long it has not been used.
    pub(super) fn idle(&self) -> Duration {
        self.idle_since.elapsed()
    }
}

/// What an error while reading an answer's body means.
pub(super) fn body_failure(error: &hyper::Error) -> Failure {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(this) = cause {
        if let Some(io) = this.downcast_ref::<io::Error>() {
            return if matches!(
                io.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
                    | io::ErrorKind::TimedOut
            ) {
                Failure::Broken(chain(error))
            } else {
                Failure::Answer(chain(error))
            };
        }
        cause = this.source();
    }
    Failure::Answer(chain(error))
}

/// What an error before the answer's head means.
fn head_failure(error: &hyper::Error) -> Failure {
    if error.is_parse() { Failure::Answer(chain(error)) } else { Failure::Broken(chain(error)) }
}

fn odd() -> Failure {
    Failure::Answer("too many interim answers, or one with a body".to_owned())
}

/// An error and its causes in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(this) = cause {
        let more = this.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = this.source();
    }
    text
}
