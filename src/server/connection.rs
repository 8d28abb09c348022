//! One connection: handshake, gate, hyper, drain.

use std::{
    future::poll_fn,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::Poll,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};
use tokio_rustls::server::TlsStream;

use crate::wire::{Gate, Peer, PeerCertificate};

use super::{
    Options, Protection, Service,
    counts::count,
    exchange::{Exchange, From},
    gated::{Gated, Ties},
    listener::Shared,
    paced::Paced,
    proxy::{self, Unknown},
    seats::Seat,
    tls,
};

/// Room for hyper's buffer beyond a head: it must hold what the gate has released.
const BUFFER_BEYOND_HEAD: usize = 16 * 1024;

/// Why there was no handshake.
enum Unopened {
    /// The balancer did not say who connects.
    Unknown(Unknown),
    /// Too many connections of whom it named.
    NoSeat,
    /// The handshake failed, or what it gave as the client's certificate cannot be read.
    Handshake,
}

/// Why nothing more is answered for now.
enum Ended {
    Over,
    Rests,
}

/// Who connects, as far as is known without TLS, and his seat.
struct Known {
    source: IpAddr,
    seat: Seat,
}

/// A connection whose handshake is done, or that needs none.
enum Opened<Io> {
    Tls(Box<TlsStream<Paced<Io>>>, Option<Arc<PeerCertificate>>),
    Plain(Paced<Io>),
}

/// Serves a connection to its end, or to the end of what is under way when the listener stops. Behind a balancer the seat
/// is nobody's yet.
pub(super) async fn serve<S, Io>(
    shared: Arc<Shared<S>>,
    protection: Protection,
    stream: Io,
    peer: IpAddr,
    seat: Seat,
) where
    S: Service,
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let known = Known { source: peer, seat };
    // What only the handshake needs, and what only a request needs, is not kept by a connection that waits.
    let opening = Box::pin(timeout(
        shared.options.timeouts.handshake,
        open(&shared.options, &protection, stream, known),
    ));
    match shared.stop.run_until_cancelled(opening).await {
        Some(Ok(Ok((opened, Known { source, seat })))) => {
            let peer = |certificate| Peer {
                require: shared.options.require,
                certificate,
                region: shared.options.region.clone(),
            };
            match opened {
                Opened::Plain(stream) => {
                    let from = From { source, server_name: None, peer: peer(None) };
                    exchange(Arc::clone(&shared), stream, from).await;
                }
                Opened::Tls(stream, certificate) => {
                    let server_name = stream.get_ref().1.server_name().map(Into::into);
                    let from = From { source, server_name, peer: peer(certificate) };
                    exchange(Arc::clone(&shared), stream, from).await;
                }
            }
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

async fn open<Io: AsyncRead + AsyncWrite + Unpin>(
    options: &Options,
    protection: &Protection,
    mut stream: Io,
    mut known: Known,
) -> Result<(Opened<Io>, Known), Unopened> {
    if options.proxy.is_some() {
        let source = proxy::source(&mut stream).await.map_err(Unopened::Unknown)?.unwrap_or(known.source);
        let seat = known.seat.of(source.into()).map_err(|_| Unopened::NoSeat)?;
        known = Known { source, seat };
    }
    let stream = Paced::new(stream, options.timeouts.write);
    let tls = match protection {
        Protection::Plain => return Ok((Opened::Plain(stream), known)),
        Protection::Tls(tls) => tls,
    };
    let stream = tls.acceptor().accept(stream).await.map_err(|_| Unopened::Handshake)?;
    let certificate = match stream.get_ref().1.peer_certificates().and_then(<[_]>::first) {
        None => None,
        Some(shown) => Some(Arc::new(tls::peer(shown).ok_or(Unopened::Handshake)?)),
    };
    Ok((Opened::Tls(Box::new(stream), certificate), known))
}

async fn exchange<S, Io>(shared: Arc<Shared<S>>, stream: Io, from: From)
where
    S: Service,
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let ties = Arc::new(Ties::default());
    let exchange = Arc::new(Exchange { shared: Arc::clone(&shared), from, ties: Arc::clone(&ties) });
    let options = &shared.options;
    let refuse = {
        let exchange = Arc::clone(&exchange);
        Box::new(move |malformed: &_| exchange.refuse(malformed))
    };
    let mut gated = Gated::new(stream, Gate::new(options.gate), options.timeouts, ties, refuse);
    loop {
        // hyper's buffers are made once there is something to read, and given back when it rests.
        match shared.stop.run_until_cancelled(poll_fn(|cx| gated.poll_begun(cx))).await {
            // The stream is broken.
            Some(Err(_)) => return,
            None if gated.is_quiet() => {
                // How it ends matters to nobody.
                let _ = gated.shutdown().await;
                return;
            }
            Some(Ok(())) | None => {}
        }
        let Some(rested) = Box::pin(speak(&shared, &exchange, gated)).await else { return };
        gated = rested;
    }
}

/// Answers what is asked on a connection, to its end or until it rests.
async fn speak<S, Io>(shared: &Shared<S>, exchange: &Arc<Exchange<S>>, gated: Gated<Io>) -> Option<Gated<Io>>
where
    S: Service,
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let (options, ties) = (&shared.options, &exchange.ties);
    ties.resting.store(false, Ordering::Release);
    let mut serving = http1::Builder::new()
        .half_close(true)
        .header_read_timeout(None)
        .max_headers(options.gate.headers)
        .max_buf_size(options.gate.head.saturating_add(BUFFER_BEYOND_HEAD))
        .serve_connection(TokioIo::new(gated), service_fn(|request| Arc::clone(exchange).answer(request)));
    // How a connection ended matters to nobody: what was malformed has been counted, and the rest is the network's.
    let ended = poll_fn(|cx| match Pin::new(&mut serving).poll(cx) {
        Poll::Ready(_) => Poll::Ready(Ended::Over),
        Poll::Pending if ties.resting.swap(false, Ordering::AcqRel) => Poll::Ready(Ended::Rests),
        Poll::Pending => Poll::Pending,
    });
    match shared.stop.run_until_cancelled(ended).await {
        Some(Ended::Over) => None,
        Some(Ended::Rests) => {
            let parts = serving.into_parts();
            // The gate releases whole requests: nothing is left over where nothing is under way.
            parts.read_buf.is_empty().then(|| parts.io.into_inner())
        }
        None => {
            Pin::new(&mut serving).graceful_shutdown();
            let _ = serving.await;
            None
        }
    }
}
