//! The gate in front of hyper, as a stream: hyper sees only heads that have one reading, and the octets of their bodies.
//!
//! On a bad head hyper is given the end of input, and the error reply is written when hyper shuts the stream down: by
//! then the answers to earlier pipelined requests have gone out (hyper is built with `half_close`, so the end of input
//! does not cut them off). Written at once, it would overtake them. The two timeouts of reading live here as well,
//! because only here is it known whether a head has been begun.

use std::{
    io,
    mem::MaybeUninit,
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
/// After how long without a request a connection rests.
pub(super) const REST: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(2) };

/// What the stream and the requests on it know of each other.
#[derive(Default)]
pub(super) struct Ties {
    /// Requests given to hyper and not yet answered to the end.
    pub(super) under_way: AtomicUsize,
    /// Whether a request was answered without reading all of its body.
    pub(super) unread: AtomicBool,
    /// Whether nothing is under way and everything was sent, for [`REST`]: what a request needs can be given back.
    pub(super) resting: AtomicBool,
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
    /// Whether the alarm of a quiet phase has told that it rests.
    rested: bool,
    /// Whether what was written was flushed.
    flushed: bool,
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
            rested: false,
            flushed: true,
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
            self.rested = phase == Phase::Head || time <= REST;
            let time = if self.rested { time } else { REST };
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
            let under_way = self.ties.under_way.load(Ordering::Acquire) > 0;
            if !self.rested {
                self.rested = true;
                self.alarm.as_mut().reset(Instant::now() + self.timeouts.idle.saturating_sub(REST));
                let rests = !under_way && self.flushed && self.closing == Closing::Farewell;
                self.ties.resting.store(rests, Ordering::Release);
                continue;
            }
            if !under_way {
                self.phase = Phase::Ended;
                return Poll::Ready(());
            }
            self.alarm.as_mut().reset(Instant::now() + self.timeouts.idle);
        }
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Gated<Io> {
    /// Whether nothing has been read that waits for an answer.
    pub(super) fn is_quiet(&self) -> bool {
        self.held.is_empty() && self.farewell.is_empty()
    }

    /// As [`Self::poll_released`], for a connection that waits: what TLS has to say meanwhile (an alert, a new key) is sent.
    pub(super) fn poll_begun(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let released = self.poll_released(cx)?;
        if released.is_pending() {
            let _ = Pin::new(&mut self.io).poll_flush(cx)?;
        }
        released.map(Ok)
    }

    /// Reads until octets are released, or the end has come.
    fn poll_released(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.phase != Phase::Ended && self.released == 0 {
            self.ask();
            if self.phase == Phase::Ended || self.released > 0 {
                break;
            }
            if self.held.is_empty() {
                // An idle connection holds no buffer.
                self.held = BytesMut::new();
                self.wait_in(Phase::Quiet, self.timeouts.idle);
            } else {
                self.wait_in(Phase::Head, self.timeouts.head);
            }
            // Not filled with zeros for each head: what was not read cannot be seen.
            let mut chunk = [MaybeUninit::uninit(); CHUNK];
            let mut read = ReadBuf::uninit(&mut chunk);
            match Pin::new(&mut self.io).poll_read(cx, &mut read)? {
                Poll::Ready(()) if read.filled().is_empty() => self.phase = Phase::Ended,
                Poll::Ready(()) => self.held.extend_from_slice(read.filled()),
                Poll::Pending => ready!(self.poll_time(cx)),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gated<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        ready!(me.poll_released(cx))?;
        if me.phase == Phase::Ended {
            return Poll::Ready(Ok(()));
        }
        let octets = me.released.min(into.remaining());
        if let Some(passing) = me.held.get(..octets) {
            into.put_slice(passing);
        }
        me.held.advance(octets);
        me.released -= octets;
        Poll::Ready(Ok(()))
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Gated<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.flushed = false;
        Pin::new(&mut self.io).poll_write(cx, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.flushed = false;
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.flushed = true;
        Poll::Ready(Ok(()))
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

    /// What is read within so many rests, if anything.
    async fn reads(gated: &mut Gated<impl AsyncRead + AsyncWrite + Unpin>, rests: u32) -> Option<u8> {
        tokio::time::timeout(REST * rests, gated.read_u8()).await.ok().map(Result::unwrap)
    }

    #[tokio::test]
    async fn it_rests_when_nothing_is_under_way_and_everything_was_sent() {
        let (ours, mut theirs) = duplex(1024);
        let mut ours = gated(ours);
        let rests = |gated: &Gated<_>| gated.ties.resting.swap(false, Ordering::AcqRel);
        assert!(reads(&mut ours, 5).await.is_none() && rests(&ours));
        // Once for each time that it is quiet.
        assert!(reads(&mut ours, 5).await.is_none() && !rests(&ours));
        theirs.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert_eq!(reads(&mut ours, 5).await, Some(b'G'));
        let mut head = [0; 27];
        ours.read_exact(&mut head).await.unwrap();
        ours.write_all(b"answer").await.unwrap();
        assert!(reads(&mut ours, 5).await.is_none() && !rests(&ours), "not flushed");
        theirs.write_all(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        assert_eq!(reads(&mut ours, 5).await, Some(b'G'));
        ours.read_exact(&mut head).await.unwrap();
        ours.flush().await.unwrap();
        ours.ties.under_way.store(1, Ordering::Release);
        assert!(reads(&mut ours, 5).await.is_none() && !rests(&ours), "under way");
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
