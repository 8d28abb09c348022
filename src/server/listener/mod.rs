//! The accept loop, and the end of it.

use std::{
    future::Future,
    io,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::wire::Require;

use super::{
    Bound, Counts, Options, Protection, Room, Service,
    connection::serve,
    counts::{count, uncount},
    seats::{NoSeat, Seats},
};

mod bind;

pub(super) use bind::tcp;
use bind::{Accept, UnixDoor};
pub(crate) use bind::{BindError, BindFault};

/// How long nothing is accepted after accepting failed: without descriptors it would fail again at once.
pub(super) const BACK_OFF: Duration = Duration::from_millis(50);
/// How long tasks are waited for that have been told to end at once.
pub(super) const LAST_WAIT: Duration = Duration::from_secs(1);

/// A listener that is bound and does not yet serve.
pub(crate) struct Server {
    door: Door,
    protection: Protection,
    options: Options,
    counts: Arc<Counts>,
}

/// What a listener listens at.
enum Door {
    Tcp(TcpListener),
    Unix(UnixDoor),
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Drained {
    /// Connections that were open when the listener stopped and ended within its time.
    pub ended: u64,
    /// Connections that were cut because they had not.
    pub cut: u64,
}

/// What every connection of a listener shares.
pub(super) struct Shared<S> {
    pub(super) service: Arc<S>,
    pub(super) options: Options,
    pub(super) counts: Arc<Counts>,
    /// Places for requests under way.
    pub(super) places: Arc<Seats>,
    /// Connections, and requests that the service answers.
    pub(super) tasks: TaskTracker,
    /// No more connections and no more requests.
    pub(super) stop: CancellationToken,
    /// No more of anything.
    pub(super) kill: CancellationToken,
}

impl Server {
    /// Binds a listener. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// The place cannot be listened at; or not without TLS.
    pub(crate) fn bind(options: Options, protection: impl Into<Protection>) -> Result<Self, BindError> {
        let protection = protection.into();
        let refuse = |source| Err(BindError { bound: options.bound.clone(), source });
        match (&protection, options.require) {
            (Protection::Plain, _) if !options.bound.is_local() => return refuse(BindFault::Exposed),
            (Protection::Tls(_), _) | (Protection::Plain, Require::Signature) => {}
            (Protection::Plain, Require::Certificate | Require::Both) => {
                return refuse(BindFault::NoCertificate);
            }
        }
        let (door, bound) = match &options.bound {
            Bound::Tcp(address) => {
                let (listener, address) = tcp(*address)?;
                (Door::Tcp(listener), Bound::Tcp(address))
            }
            Bound::Unix(path) => (Door::Unix(bind::unix(path, options.mode)?), options.bound.clone()),
        };
        Ok(Self { door, protection, options: Options { bound, ..options }, counts: Arc::default() })
    }

    /// Where it listens, with the port that it was given.
    pub(crate) fn bound(&self) -> &Bound {
        &self.options.bound
    }

    /// Its counts, for as long as anybody wants to read them.
    pub(crate) fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Serves until `shutdown` is done, then lets what is under way end within [`super::Timeouts::drain`], and cuts the
    /// rest. Dropping this future cuts everything.
    pub(crate) async fn run<S: Service>(
        self,
        service: Arc<S>,
        shutdown: impl Future<Output = ()>,
    ) -> Drained {
        let Self { door, protection, options, counts } = self;
        match door {
            Door::Tcp(listener) => run(listener, protection, options, counts, service, shutdown).await,
            Door::Unix(listener) => run(listener, protection, options, counts, service, shutdown).await,
        }
    }
}

async fn run<S: Service>(
    listener: impl Accept,
    protection: Protection,
    options: Options,
    counts: Arc<Counts>,
    service: Arc<S>,
    shutdown: impl Future<Output = ()>,
) -> Drained {
    let caps = options.caps;
    let seats = Seats::new(caps.connections, caps.per_source, options.room.clone());
    let shared = Arc::new(Shared {
        service,
        places: Seats::new(caps.requests, caps.requests_per_source, Room::default()),
        options,
        counts,
        tasks: TaskTracker::new(),
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
    });
    let _cut_when_dropped = shared.kill.clone().drop_guard();
    let cut = Arc::new(AtomicU64::new(0));
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                open(&shared, &protection, &seats, &cut, stream, peer);
                continue;
            }
            Err(error) => {
                count(&shared.counts.accept_failures);
                if is_of_the_peer(&error) {
                    continue;
                }
            }
        }
        tokio::select! {
            () = shutdown.as_mut() => break,
            () = sleep(BACK_OFF) => {}
        }
    }
    drop(listener);
    drain(&shared, &cut).await
}

/// Serves an accepted connection in a task of its own, or closes it at once.
fn open<S, Io>(
    shared: &Arc<Shared<S>>,
    protection: &Protection,
    seats: &Arc<Seats>,
    cut: &Arc<AtomicU64>,
    stream: Io,
    peer: IpAddr,
) where
    S: Service,
    Io: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = peer.to_canonical();
    let seat = match &shared.options.proxy {
        Some(proxy) if !proxy.is_from(peer) => return count(&shared.counts.proxy_refused),
        Some(_) => seats.take(),
        None => seats.take().and_then(|seat| seat.of(peer.into())),
    };
    let seat = match seat {
        Ok(seat) => seat,
        Err(NoSeat::Total) => return count(&shared.counts.over_total),
        Err(NoSeat::Source) => return count(&shared.counts.over_source),
    };
    count(&shared.counts.connections);
    count(&shared.counts.open);
    let kill = shared.kill.clone();
    let cut = Arc::clone(cut);
    let open = Open { counts: Arc::clone(&shared.counts) };
    let serving = serve(Arc::clone(shared), protection.clone(), stream, peer, seat);
    shared.tasks.spawn(async move {
        let _open = open;
        if kill.run_until_cancelled(serving).await.is_none() {
            cut.fetch_add(1, Ordering::Relaxed);
        }
    });
}

/// Whether only the connection that was to be accepted has failed, so that the next may not.
fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

async fn drain<S>(shared: &Shared<S>, cut: &AtomicU64) -> Drained {
    let open = shared.counts.open.load(Ordering::Relaxed);
    shared.stop.cancel();
    shared.tasks.close();
    if timeout(shared.options.timeouts.drain, shared.tasks.wait()).await.is_err() {
        shared.kill.cancel();
        // One that does not even come back to be cut is left to the end of the process.
        let _ = timeout(LAST_WAIT, shared.tasks.wait()).await;
    }
    let cut = cut.load(Ordering::Relaxed);
    Drained { ended: open.saturating_sub(cut), cut }
}

/// Counts a connection as open until it is dropped, be it by a panic.
struct Open {
    counts: Arc<Counts>,
}

impl Drop for Open {
    fn drop(&mut self) {
        uncount(&self.counts.open);
    }
}

#[cfg(test)]
mod tests;
