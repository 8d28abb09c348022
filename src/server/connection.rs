//! One connection: handshake, gate, hyper, drain.

use std::{net::IpAddr, pin::pin, sync::Arc};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};

use crate::wire::Gate;

use super::{
    Service,
    counts::count,
    exchange::Exchange,
    gated::{Gated, Ties},
    listener::Shared,
    paced::Paced,
    tls::Tls,
};

/// Room for hyper's buffer beyond a head: it must hold what the gate has released.
const BUFFER_BEYOND_HEAD: usize = 16 * 1024;

/// Serves a connection to its end, or to the end of what is under way when the listener stops.
pub(super) async fn serve<S: Service>(shared: Arc<Shared<S>>, tls: Tls, stream: TcpStream, source: IpAddr) {
    // A reply is small and whole: waiting for more of it only costs time. Failing that it is only slower.
    let _ = stream.set_nodelay(true);
    let stream = Paced::new(stream, shared.options.timeouts.write);
    let handshake = timeout(shared.options.timeouts.handshake, tls.acceptor().accept(stream));
    match shared.stop.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => {
            let server_name = stream.get_ref().1.server_name().map(Into::into);
            exchange(shared, stream, source, server_name).await;
        }
        Some(Ok(Err(_)) | Err(_)) => count(&shared.counts.handshake_failures),
        None => {}
    }
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
