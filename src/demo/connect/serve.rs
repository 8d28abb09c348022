//! Listening, TLS and HTTP/1.1, and giving each answer in the manner that was planned for it.

use std::{
    error::Error,
    fmt, io,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{Instant, Sleep, sleep, sleep_until},
};
use tokio_rustls::server::TlsStream;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{clock::Clock, wire::RequestId};

use super::{
    Received,
    answer::Answer,
    door::{Entrance, Met},
    exchange::{Manner, State},
    line::{Line, Tap},
};

/// The longest request body that is read.
const MOST_BODY: usize = 4 * 1024 * 1024;

/// Octets of a head that is too long.
const LONG_HEAD: usize = 256 * 1024;

/// What every connection works on.
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Clock,
    /// The way in.
    pub(super) entrance: Entrance,
    /// How many requests were received.
    pub(super) count: watch::Sender<usize>,
    /// How many connections are open.
    pub(super) open: watch::Sender<usize>,
}

/// One connection that is open, as long as it is not dropped.
struct Open(Arc<Shared>);

/// The connection is to be closed.
#[derive(Debug)]
struct Closed;

/// The body of an answer.
enum Flow {
    Whole(Option<Bytes>),
    Slow {
        rest: Bytes,
        pause: Duration,
        sleep: Pin<Box<Sleep>>,
    },
    /// A part, then one turn in which it is sent, then the end of the connection.
    Cut {
        part: Option<Bytes>,
        sent: bool,
    },
}

impl Shared {
    pub(super) fn new(state: State, clock: Clock, entrance: Entrance) -> Self {
        Self {
            state: Mutex::new(state),
            clock,
            entrance,
            count: watch::Sender::new(0),
            open: watch::Sender::new(0),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, head: &[u8], body: Bytes) -> (Answer, Manner) {
        let received = Received::read(head, body, self.clock.now().timestamp());
        let mut state = self.state();
        let verdict = state.receive(received, Instant::now());
        let count = state.requests.len();
        drop(state);
        self.count.send_replace(count);
        verdict
    }
}

/// Accepts connections until it is told to stop; then closes all of them.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, stop: CancellationToken) {
    let tracker = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, _)) => {
                let work = connection(tcp, Open::count(&shared));
                tracker.spawn(stop.clone().run_until_cancelled_owned(work));
            }
            // Out of file descriptors, or a connection that is gone already.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
    drop(listener);
    tracker.close();
    tracker.wait().await;
}

impl Open {
    fn count(shared: &Arc<Shared>) -> Self {
        shared.open.send_modify(|open| *open += 1);
        Self(shared.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.send_modify(|open| *open = open.saturating_sub(1));
    }
}

async fn connection(tcp: TcpStream, open: Open) {
    let shared = &open.0;
    match shared.entrance.meet() {
        Met::Tls(acceptor, closing) => {
            let Ok(tls) = acceptor.accept(tcp).await else { return };
            serve(tls, closing, shared.clone()).await;
        }
        // One that cannot be reset is closed.
        Met::Reset => drop(tcp.set_zero_linger()),
        Met::Silence(closing) => {
            closing.cancelled().await;
            drop(tcp);
        }
    }
}

async fn serve(tls: TlsStream<TcpStream>, closing: CancellationToken, shared: Arc<Shared>) {
    let tap = Tap::default();
    let io = TokioIo::new(Line::new(tls, tap.clone()));
    let service = service_fn(|request| answer(request, tap.clone(), shared.clone()));
    let mut served = pin!(http1::Builder::new().serve_connection(io, service));
    // Whatever ends a connection ends it: the requests on it are recorded.
    tokio::select! {
        _ = &mut served => {}
        () = closing.cancelled() => {
            if tap.is_spared() {
                drop(served.await);
            }
        }
    }
}

async fn answer(request: Request<Incoming>, tap: Tap, shared: Arc<Shared>) -> Result<Response<Flow>, Closed> {
    let body = Limited::new(request.into_body(), MOST_BODY).collect().await.map_err(|_| Closed)?.to_bytes();
    let head = tap.take(body.len());
    let (answer, manner) = shared.receive(&head, body);
    match manner {
        Manner::Plain => response(answer, Flow::whole),
        Manner::Slow(time) => {
            sleep(time).await;
            response(answer, Flow::whole)
        }
        Manner::Held(hold) => {
            hold.over().await;
            response(answer, Flow::whole)
        }
        Manner::Close => Err(Closed),
        Manner::Never => std::future::pending().await,
        Manner::SlowBody(pause) => response(answer, |body| Flow::slow(body, pause)),
        Manner::Truncated => {
            let announced = answer.body.len().max(16).to_string();
            response(answer.with("content-length", announced), Flow::cut)
        }
        Manner::Reset => {
            tap.reset();
            Err(Closed)
        }
        Manner::LongHead => {
            tap.instead(&[b"HTTP/1.1 200 OK\r\nx-long: ".as_slice(), &vec![b'a'; LONG_HEAD]].concat());
            response(answer.with("connection", "close".to_owned()), Flow::whole)
        }
        Manner::Interim(count) => {
            tap.before(&b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(count));
            response(answer, Flow::whole)
        }
        Manner::Then(door) => {
            tap.spare();
            shared.entrance.set(door);
            response(answer.with("connection", "close".to_owned()), Flow::whole)
        }
        Manner::Garbage => {
            tap.instead(b"\0\x01\x02 this is not HTTP\r\n\r\n");
            response(answer.with("connection", "close".to_owned()), Flow::whole)
        }
    }
}

fn response(answer: Answer, flow: impl FnOnce(Bytes) -> Flow) -> Result<Response<Flow>, Closed> {
    let mut builder =
        Response::builder().status(answer.status).header("x-amzn-RequestId", RequestId::fresh().as_str());
    for (name, value) in answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(flow(answer.body.into())).map_err(|_| Closed)
}

impl Flow {
    fn whole(body: Bytes) -> Self {
        Self::Whole(Some(body).filter(|body| !body.is_empty()))
    }

    fn slow(body: Bytes, pause: Duration) -> Self {
        Self::Slow { rest: body, pause, sleep: Box::pin(sleep(pause)) }
    }

    fn cut(body: Bytes) -> Self {
        let half = body.len() / 2;
        Self::Cut { part: Some(body.slice(..half)).filter(|part| !part.is_empty()), sent: false }
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Slow { rest, pause, sleep } => {
                ready!(sleep.as_mut().poll(cx));
                if rest.is_empty() {
                    return Poll::Ready(None);
                }
                *sleep = Box::pin(sleep_until(Instant::now() + *pause));
                Poll::Ready(Some(Ok(Frame::data(rest.split_to(1)))))
            }
            Self::Cut { part, sent } => match (part.take(), *sent) {
                (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
                (None, false) => {
                    *sent = true;
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                (None, true) => Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into()))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_none(),
            Self::Slow { .. } | Self::Cut { .. } => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, |body| body.len() as u64)),
            Self::Slow { .. } | Self::Cut { .. } => SizeHint::default(),
        }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is to be closed")
    }
}

impl Error for Closed {}
