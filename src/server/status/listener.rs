//! Accepts, and serves one request of each connection.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Watched,
    answer::{Desk, Names},
    places::{Place, Places},
};
use crate::server::{
    BindError, Tls,
    listener::{BACK_OFF, LAST_WAIT, tcp},
};

/// Octets of a head, and its fields.
const HEAD: usize = 8 * 1024;
const HEADERS: usize = 64;
/// How long a handshake may take, and how long head, answer and writing together.
const HANDSHAKE: Duration = Duration::from_secs(5);
const EXCHANGE: Duration = Duration::from_secs(5);

/// One status listener.
#[derive(Clone)]
pub(crate) struct StatusOptions {
    /// Where it listens; loopback unless there is a reason.
    pub address: SocketAddr,
    /// Its certificate; none: plain HTTP.
    pub tls: Option<Tls>,
}

/// A status listener that is bound and does not yet serve.
pub(crate) struct StatusServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
}

impl StatusServer {
    /// Binds a listener. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub(crate) fn bind(options: StatusOptions) -> Result<Self, BindError> {
        let (listener, address) = tcp(options.address)?;
        Ok(Self { listener, address, tls: options.tls })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown` is done; what is under way then has another second. (So that whoever asks while the guard
    /// drains is answered, it should be the last to be shut down.)
    pub(crate) async fn run<W: Watched>(self, watched: Arc<W>, shutdown: impl Future<Output = ()>) {
        let Self { listener, address, tls } = self;
        let alone = tls.is_none() && address.ip().to_canonical().is_loopback();
        let desk = Arc::new(Desk::new(watched, if alone { Names::Ours } else { Names::Any }));
        let places = Arc::<Places>::default();
        let tasks = TaskTracker::new();
        let kill = CancellationToken::new();
        let _cut_when_dropped = kill.clone().drop_guard();
        let mut shutdown = pin!(shutdown);
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.as_mut() => break,
                accepted = listener.accept() => accepted,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::select! {
                    () = shutdown.as_mut() => break,
                    () = sleep(BACK_OFF) => continue,
                }
            };
            let Some(place) = places.take(peer.ip().to_canonical().into()) else { continue };
            let place = Arc::new(place);
            let serving = serve(stream, tls.clone(), Arc::clone(&desk), Arc::clone(&place));
            let kill = kill.clone();
            tasks.spawn(async move {
                let serving = Box::pin(place.cut.run_until_cancelled(serving));
                kill.run_until_cancelled(serving).await
            });
        }
        drop(listener);
        tasks.close();
        if timeout(LAST_WAIT, tasks.wait()).await.is_err() {
            kill.cancel();
            tasks.wait().await;
        }
    }
}

async fn serve<W: Watched>(stream: TcpStream, tls: Option<Tls>, desk: Arc<Desk<W>>, place: Arc<Place>) {
    let Some(tls) = tls else { return exchange(stream, desk, place).await };
    if let Ok(Ok(stream)) = timeout(HANDSHAKE, tls.acceptor().accept(stream)).await {
        exchange(stream, desk, place).await;
    }
}

async fn exchange<W: Watched>(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    desk: Arc<Desk<W>>,
    place: Arc<Place>,
) {
    let serving = http1::Builder::new()
        .keep_alive(false)
        .header_read_timeout(None)
        .max_headers(HEADERS)
        .max_buf_size(HEAD)
        .serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                place.asked();
                let desk = Arc::clone(&desk);
                async move { desk.answer(request).await }
            }),
        );
    // How a connection ended matters to nobody.
    let _ = timeout(EXCHANGE, serving).await;
}
