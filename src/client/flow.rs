//! An answer's body handed on as it comes. It holds its connection and its place among the requests under way until
//! its end; dropped before, it closes the connection.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

use crate::wire::Broken;

use super::{
    Failure,
    connection::{Connection, body_failure},
    places::HandedOn,
    pool::Pool,
    stats::Tally,
};

/// A body that is still to come. Trailers are dropped.
pub(super) struct Flow {
    incoming: Incoming,
    /// Until the end or the first error.
    held: Option<Held>,
    idle: Duration,
    timer: Pin<Box<Sleep>>,
    /// Whether the other side is being waited for; a slow reader on this side is not its fault.
    waiting: bool,
    pool: Arc<Pool>,
    tally: Arc<Tally>,
}

/// What a body occupies.
pub(super) struct Held {
    /// Where it comes from.
    pub(super) connection: Connection,
    /// Its places among the requests under way.
    pub(super) permit: HandedOn,
}

impl Flow {
    /// The body of an answer whose head has been read; at most `idle` between two parts.
    pub(super) fn new(
        incoming: Incoming,
        held: Held,
        idle: Duration,
        pool: Arc<Pool>,
        tally: Arc<Tally>,
    ) -> Self {
        let timer = Box::pin(sleep(idle));
        let mut flow = Self { incoming, held: Some(held), idle, timer, waiting: false, pool, tally };
        flow.end_if_over();
        flow
    }

    /// A reader who knows the length need not ask for the end, so the end is looked for after each part.
    fn end_if_over(&mut self) {
        if self.incoming.is_end_stream() {
            self.end();
        }
    }

    /// The body ended as its head said: the connection can be used again.
    fn end(&mut self) {
        let Some(Held { connection, permit }) = self.held.take() else { return };
        drop(permit);
        if connection.ready() {
            return self.pool.put(connection);
        }
        let pool = self.pool.clone();
        tokio::spawn(async move {
            if let Some(connection) = connection.settle().await {
                pool.put(connection);
            }
        });
    }

    fn cut(&mut self, why: Failure) -> Broken {
        self.held = None;
        self.tally.failed(&why);
        Broken(why.to_string())
    }

    /// Whether the other side has been waited for too long. Begins to wait when it was not waited for before.
    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.idle);
        }
        self.timer.as_mut().poll(cx)
    }
}

impl Body for Flow {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        while this.held.is_some() {
            match Pin::new(&mut this.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.waiting = false;
                    this.end_if_over();
                    if let Ok(part) = frame.into_data() {
                        return Poll::Ready(Some(Ok(Frame::data(part))));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Some(Err(this.cut(body_failure(&error)))));
                }
                Poll::Ready(None) => this.end(),
                Poll::Pending if this.poll_idle(cx).is_ready() => {
                    return Poll::Ready(Some(Err(this.cut(Failure::Timeout("reading the answer's body")))));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
