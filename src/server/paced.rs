//! Under TLS, where each octet that the peer takes can be seen: cuts a connection whose peer stops reading.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// A stream whose writes fail when none of them makes any progress for a while. Reads are not touched.
pub(super) struct Paced<Io> {
    io: Io,
    patience: Duration,
    alarm: Pin<Box<Sleep>>,
    writing: Writing,
}

/// Whether the peer owes it to us to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Free,
    Stalled,
}

impl<Io> Paced<Io> {
    pub(super) fn new(io: Io, patience: Duration) -> Self {
        Self { io, patience, alarm: Box::pin(sleep(patience)), writing: Writing::Free }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.writing = Writing::Free;
            return written;
        }
        if self.writing == Writing::Free {
            self.writing = Writing::Stalled;
            self.alarm.as_mut().reset(Instant::now() + self.patience);
        }
        match self.alarm.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Paced<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, into)
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Paced<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, octets);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.judge(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.judge(cx, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn c22_a_peer_that_stops_reading_is_cut() {
        let (ours, _theirs) = duplex(16);
        let patience = Duration::from_millis(50);
        let mut paced = Paced::new(ours, patience);
        let begun = Instant::now();
        let cut = paced.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(cut.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= patience);
    }

    #[tokio::test]
    async fn c22_a_slow_peer_that_keeps_reading_is_not_cut() {
        let (ours, mut theirs) = duplex(16);
        let patience = Duration::from_millis(400);
        let mut paced = Paced::new(ours, patience);
        let begun = Instant::now();
        let reader = async {
            let mut pace = tokio::time::interval(patience / 3);
            for _ in 0..6 {
                pace.tick().await;
                theirs.read_exact(&mut [0; 16]).await.unwrap();
            }
        };
        let both = async { tokio::join!(paced.write_all(&[0; 96]), reader) };
        let (written, ()) = tokio::time::timeout(10 * patience, both).await.unwrap();
        written.unwrap();
        assert!(begun.elapsed() > patience);
    }
}
