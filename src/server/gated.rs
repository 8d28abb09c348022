//! The gate in front of hyper, as a stream: hyper sees only heads that have one reading, and the octets of their bodies.
//!
//! On a bad head hyper is given the end of input, and the error reply is written when hyper shuts the stream down: by
//! then the answers to earlier pipelined requests have gone out (hyper is built with `half_close`, so the end of input
//! does not cut them off). Written at once, it would overtake them. The two timeouts of reading live here as well,
//! because only here is it known whether a head has been begun.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

use crate::wire::{ErrorType, Gate, Malformed, Step};

use super::Timeouts;

/// Octets read at once.
const CHUNK: usize = 8 * 1024;
/// How long, and for how many octets, what a peer still sends is read and dropped after the last reply: a stream closed
/// with unread octets is reset by the kernel, and the peer may never see the reply (RFC 9112 section 9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_OCTETS: usize = 4 * 1024 * 1024;

/// What the stream and the requests on it know of each other.
#[derive(Default)]
pub(super) struct Ties {
    /// Requests given to hyper and not yet answered to the end.
    pub(super) under_way: AtomicUsize,
    /// Whether a request was answered without reading all of its body.
    pub(super) unread: AtomicBool,
}

/// Makes the reply to a refused head, and counts it.
pub(super) type Refuse = Box<dyn Fn(&Malformed) -> Bytes + Send + Sync>;

/// A stream behind a gate.
pub(super) struct Gated<Io> {
    io: Io,
    gate: Gate,
    refuse: Refuse,
    ties: Arc<Ties>,
    timeouts: Timeouts,
    /// Read and not yet given to hyper.
    held: BytesMut,
    /// How much of `held` the gate has released.
    released: usize,
    phase: Phase,
    alarm: Pin<Box<Sleep>>,
    farewell: Bytes,
    closing: Closing,
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Released octets are passing.
    Passing,
    /// Nothing is held: between requests, or in the middle of a body (whose time the request itself keeps).
    Quiet,
    /// A head has been begun.
    Head,
    /// Nothing more is read.
    Ended,
}

/// How far the shutdown is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closing {
    Farewell,
    Shut,
    Linger(usize),
    Done,
}

impl<Io> Gated<Io> {
    pub(super) fn new(io: Io, gate: Gate, timeouts: Timeouts, ties: Arc<Ties>, refuse: Refuse) -> Self {
        Self {
            io,
            gate,
            refuse,
            ties,
            timeouts,
            held: BytesMut::new(),
            released: 0,
            phase: Phase::Passing,
            alarm: Box::pin(sleep(timeouts.idle)),
            farewell: Bytes::new(),
            closing: Closing::Farewell,
        }
    }

    fn end_with(&mut self, malformed: &Malformed) {
        self.farewell = (self.refuse)(malformed);
        self.phase = Phase::Ended;
    }

    /// Asks the gate about what is held; afterwards octets are released, or the end has come, or more must be read.
    fn ask(&mut self) {
        match self.gate.step(&self.held) {
            Step::Release(octets) if octets > 0 => {
                self.released = octets.min(self.held.len());
                self.phase = Phase::Passing;
            }
            Step::Need | Step::Release(_) => {}
            Step::Refuse(malformed) => self.end_with(&malformed),
        }
    }

    /// Waits for octets in this phase; its time runs from when it was entered.
    fn wait_in(&mut self, phase: Phase, time: Duration) {
        if self.phase != phase {
            self.phase = phase;
            self.alarm.as_mut().reset(Instant::now() + time);
        }
    }

    /// Whether the time for what is being read is over, and what comes of it.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.alarm.as_mut().poll(cx));
            if self.phase == Phase::Head {
                self.end_with(&Malformed::with(ErrorType::RequestTimeout, "the head took too long"));
                return Poll::Ready(());
            }
            if self.ties.under_way.load(Ordering::Acquire) == 0 {
                self.phase = Phase::Ended;
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(Instant::now() + self.timeouts.idle);
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gated<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        loop {
            if me.phase == Phase::Ended {
                return Poll::Ready(Ok(()));
            }
            if me.released > 0 {
                let octets = me.released.min(into.remaining());
                if let Some(passing) = me.held.get(..octets) {
                    into.put_slice(passing);
                }
                me.held.advance(octets);
                me.released -= octets;
                return Poll::Ready(Ok(()));
            }
            me.ask();
            if me.phase == Phase::Ended || me.released > 0 {
                continue;
            }
            if me.held.is_empty() {
                // An idle connection holds no buffer.
                me.held = BytesMut::new();
                me.wait_in(Phase::Quiet, me.timeouts.idle);
            } else {
                me.wait_in(Phase::Head, me.timeouts.head);
            }
            let mut chunk = [0; CHUNK];
            let mut read = ReadBuf::new(&mut chunk);
            match Pin::new(&mut me.io).poll_read(cx, &mut read)? {
                Poll::Ready(()) if read.filled().is_empty() => me.phase = Phase::Ended,
                Poll::Ready(()) => me.held.extend_from_slice(read.filled()),
                Poll::Pending => ready!(me.poll_time(cx)),
            }
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gated<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let me = &mut *self;
        loop {
            match me.closing {
                Closing::Farewell if me.farewell.is_empty() => me.closing = Closing::Shut,
                Closing::Farewell => {
                    // Whoever is refused may have sent more than was read.
                    me.ties.unread.store(true, Ordering::Release);
                    let written = ready!(Pin::new(&mut me.io).poll_write(cx, &me.farewell))?;
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    me.farewell.advance(written);
                }
                Closing::Shut => {
                    ready!(Pin::new(&mut me.io).poll_flush(cx))?;
                    ready!(Pin::new(&mut me.io).poll_shutdown(cx))?;
                    let lingers = !me.held.is_empty() || me.ties.unread.load(Ordering::Acquire);
                    me.closing = if lingers { Closing::Linger(LINGER_OCTETS) } else { Closing::Done };
                    me.alarm.as_mut().reset(Instant::now() + LINGER);
                }
                Closing::Linger(left) => {
                    let mut chunk = [0; CHUNK];
                    let mut dropped = ReadBuf::new(&mut chunk);
                    me.closing = match Pin::new(&mut me.io).poll_read(cx, &mut dropped) {
                        Poll::Ready(Ok(())) => match dropped.filled().len() {
                            0 => Closing::Done,
                            octets => left.checked_sub(octets).map_or(Closing::Done, Closing::Linger),
                        },
                        Poll::Ready(Err(_)) => Closing::Done,
                        Poll::Pending => {
                            ready!(me.alarm.as_mut().poll(cx));
                            Closing::Done
                        }
                    };
                }
                Closing::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;
    use crate::wire::GateBounds;

    fn gated<Io>(io: Io) -> Gated<Io> {
        let refuse: Refuse = Box::new(|malformed| malformed.why.clone().into());
        Gated::new(io, Gate::new(GateBounds::default()), Timeouts::default(), Arc::default(), refuse)
    }

    #[tokio::test]
    async fn c18_a_refusal_is_the_end_of_input_and_is_written_at_shutdown_however_slowly_it_goes() {
        let (ours, mut theirs) = duplex(4);
        let mut ours = gated(ours);
        let there = async {
            theirs.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b\n").await.unwrap();
            let mut read = Vec::new();
            theirs.read_to_end(&mut read).await.unwrap();
            drop(theirs);
            String::from_utf8(read).unwrap()
        };
        let here = async {
            let mut read = Vec::new();
            ours.read_to_end(&mut read).await.unwrap();
            assert_eq!(read, b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
            ours.write_all(b"[answer to /a]").await.unwrap();
            ours.shutdown().await.unwrap();
        };
        let ((), read) = tokio::join!(here, there);
        assert_eq!(read, "[answer to /a]head: an LF without CR");
    }

    #[tokio::test]
    async fn hyper_is_given_no_octet_of_the_next_head_with_a_body() {
        let (ours, mut theirs) = duplex(1024);
        let mut ours = gated(ours);
        theirs.write_all(b"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcPUT /b").await.unwrap();
        drop(theirs);
        let mut read = Vec::new();
        ours.read_to_end(&mut read).await.unwrap();
        assert!(read.ends_with(b"\r\n\r\nabc"));
        assert_eq!(ours.held, b"PUT /b".as_slice());
    }
}
