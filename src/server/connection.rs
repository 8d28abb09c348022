//! One connection: handshake, gate, hyper, drain.

use std::{net::IpAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::wire::Gate;

use super::{
    Options, Service,
    counts::count,
    exchange::Exchange,
    gated::{Gated, Ties},
    listener::Shared,
    paced::Paced,
    proxy::{self, Unknown},
    seats::Seat,
    tls::Tls,
};

/// Room for hyper's buffer beyond a head: it must hold what the gate has released.
const BUFFER_BEYOND_HEAD: usize = 16 * 1024;

/// A connection whose handshake is done.
struct Opened {
    stream: TlsStream<Paced<TcpStream>>,
    source: IpAddr,
    seat: Seat,
}

/// Why there was no handshake.
enum Unopened {
    /// The balancer did not say who connects.
    Unknown(Unknown),
    /// Too many connections of whom it named.
    NoSeat,
    /// The handshake failed.
    Handshake,
}

/// Serves a connection to its end, or to the end of what is under way when the listener stops. Behind a balancer the seat
/// is nobody's yet.
pub(super) async fn serve<S: Service>(
    shared: Arc<Shared<S>>,
    tls: Tls,
    stream: TcpStream,
    peer: IpAddr,
    seat: Seat,
) {
    // A reply is small and whole: waiting for more of it only costs time. Failing that it is only slower.
    let _ = stream.set_nodelay(true);
    let opening = timeout(shared.options.timeouts.handshake, open(&shared.options, &tls, stream, peer, seat));
    match shared.stop.run_until_cancelled(opening).await {
        Some(Ok(Ok(Opened { stream, source, seat }))) => {
            let server_name = stream.get_ref().1.server_name().map(Into::into);
            exchange(shared, stream, source, server_name).await;
            drop(seat);
        }
        Some(Ok(Err(Unopened::Unknown(why)))) => {
            tracing::info!(balancer = %peer, %why, "not served");
            count(&shared.counts.proxy_refused);
        }
        Some(Ok(Err(Unopened::NoSeat))) => count(&shared.counts.over_source),
        Some(Ok(Err(Unopened::Handshake)) | Err(_)) => count(&shared.counts.handshake_failures),
        None => {}
    }
}

async fn open(
    options: &Options,
    tls: &Tls,
    mut stream: TcpStream,
    peer: IpAddr,
    mut seat: Seat,
) -> Result<Opened, Unopened> {
    let mut source = peer;
    if options.proxy.is_some() {
        source = proxy::source(&mut stream).await.map_err(Unopened::Unknown)?.unwrap_or(peer);
        seat = seat.of(source.into()).map_err(|_| Unopened::NoSeat)?;
    }
    let stream = Paced::new(stream, options.timeouts.write);
    let stream = tls.acceptor().accept(stream).await.map_err(|_| Unopened::Handshake)?;
    Ok(Opened { stream, source, seat })
}

async fn exchange<S, Io>(shared: Arc<Shared<S>>, stream: Io, source: IpAddr, server_name: Option<Box<str>>)
where
    S: Service,
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let ties = Arc::new(Ties::default());
    let exchange =
        Arc::new(Exchange { shared: Arc::clone(&shared), source, server_name, ties: Arc::clone(&ties) });
    let options = &shared.options;
    let refuse = {
        let exchange = Arc::clone(&exchange);
        Box::new(move |malformed: &_| exchange.refuse(malformed))
    };
    let gated = Gated::new(stream, Gate::new(options.gate), options.timeouts, ties, refuse);
    let serving = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(options.gate.headers)
        .max_buf_size(options.gate.head.saturating_add(BUFFER_BEYOND_HEAD))
        .serve_connection(
            TokioIo::new(gated),
            service_fn(move |request| Arc::clone(&exchange).answer(request)),
        );
    let mut serving = pin!(serving);
    // How a connection ended matters to nobody: what was malformed has been counted, and the rest is the network's.
    tokio::select! {
        _ = serving.as_mut() => {}
        () = shared.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
