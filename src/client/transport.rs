//! The only door between the HTTP library and the TLS stream, and what is known to have gone through it.
//!
//! Whether a request may have been sent is not inferred from an error's kind: it is *seen* here, at the one place
//! that every octet passes. Nothing here reads or changes what passes.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    task::{Context, Poll},
};

use http::{HeaderMap, header};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::crash::{Point, point};

/// Interim answers (1xx) taken before one final answer. The client never sends `Expect`, so it waits for none; a few
/// are tolerated, since RFC 9110 section 15.2 obliges a client to be able to skip them.
const INTERIM: u32 = 4;

/// What was seen on one connection during the request under way.
#[derive(Debug, Default)]
pub(super) struct Watch {
    written: AtomicBool,
    unflushed: AtomicBool,
    interim: AtomicU32,
    odd: AtomicBool,
}

/// A stream under watch.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    watch: Arc<Watch>,
}

impl Watch {
    /// Begins the next request: forgets the one before. To be called only while the connection has no request, so that
    /// nothing can be written between this and the request.
    pub(super) fn begin(&self) {
        self.written.store(false, Ordering::SeqCst);
        self.interim.store(0, Ordering::SeqCst);
    }

    /// Whether an octet of the request may have been handed to TLS. Final once the connection's task is over.
    pub(super) fn written(&self) -> bool {
        self.written.load(Ordering::SeqCst)
    }

    /// Whether everything written so far has left this process. A server that answers before it has read the request
    /// leaves some of it behind, although hyper takes the exchange for complete: what follows on such a connection
    /// would have to be trusted not to be read as another request.
    pub(super) fn flushed(&self) -> bool {
        !self.unflushed.load(Ordering::SeqCst)
    }

    /// Whether the connection must not be read any more: too many interim answers, or one with a body. Never taken
    /// back.
    pub(super) fn odd(&self) -> bool {
        self.odd.load(Ordering::SeqCst)
    }

    /// Notes an interim answer. hyper skips any number of them and tells no one but this callback, so a server could
    /// keep a connection busy with them; and it takes an interim answer's body for the next head (RFC 9112 section 6.1:
    /// there can be none).
    pub(super) fn interim(&self, headers: &HeaderMap) {
        let before = self.interim.fetch_add(1, Ordering::SeqCst);
        let framed =
            headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING);
        if before >= INTERIM || framed {
            self.odd.store(true, Ordering::SeqCst);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Watched<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>) -> Self {
        Self { stream, watch }
    }

    /// Called before every write that carries octets. Before the first one of a request it looks whether the other side
    /// has closed, or has spoken although nobody asked: then nothing is written, and the request is known not to have
    /// been sent. Marks *before* handing over: TLS may keep octets even when it reports an error.
    fn open_for_writing(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.watch.unflushed.store(true, Ordering::SeqCst);
        if self.watch.written() {
            return Ok(());
        }
        let mut octet = [0; 1];
        let mut early = ReadBuf::new(&mut octet);
        match Pin::new(&mut self.stream).poll_read(cx, &mut early) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => {
                let why = "closed, or spoken to, before the request";
                return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
            }
            Poll::Ready(Err(error)) => return Err(error),
        }
        self.watch.written.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Watched<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.watch.odd() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "interim answers out of bounds",
            )));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !buf.is_empty() {
            this.open_for_writing(cx)?;
        }
        Pin::new(&mut this.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if bufs.iter().any(|buf| !buf.is_empty()) {
            this.open_for_writing(cx)?;
        }
        Pin::new(&mut this.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if matches!(flushed, Poll::Ready(Ok(()))) && this.watch.unflushed.swap(false, Ordering::SeqCst) {
            point(Point::Sent);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http::HeaderValue;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn pair() -> (Watched<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<Watch>) {
        let (near, far) = duplex(1024);
        let watch = Arc::new(Watch::default());
        (Watched::new(near, watch.clone()), far, watch)
    }

    #[tokio::test]
    async fn a_write_is_marked() {
        let (mut near, mut far, watch) = pair();
        assert!(!watch.written());
        near.write_all(b"x").await.unwrap();
        assert!(watch.written() && !watch.flushed());
        near.flush().await.unwrap();
        assert!(watch.written() && watch.flushed());
        let mut got = [0; 1];
        far.read_exact(&mut got).await.unwrap();
        watch.begin();
        assert!(!watch.written());
    }

    #[tokio::test]
    async fn a_vectored_write_is_marked() {
        let (mut near, _far, watch) = pair();
        let parts = [io::IoSlice::new(b""), io::IoSlice::new(b"x")];
        poll_fn(|cx| Pin::new(&mut near).poll_write_vectored(cx, &parts)).await.unwrap();
        assert!(watch.written());
    }

    #[tokio::test]
    async fn a_write_that_has_to_wait_is_marked() {
        let (near, _far) = duplex(1);
        let watch = Arc::new(Watch::default());
        let mut near = Watched::new(near, watch.clone());
        near.write_all(b"x").await.unwrap();
        watch.begin();
        let pending = poll_fn(|cx| Poll::Ready(Pin::new(&mut near).poll_write(cx, b"y").is_pending())).await;
        assert!(pending && watch.written());
    }

    #[tokio::test]
    async fn flushing_and_empty_writes_are_no_request() {
        let (mut near, _far, watch) = pair();
        near.flush().await.unwrap();
        let _ = near.write(b"").await.unwrap();
        near.shutdown().await.unwrap();
        assert!(!watch.written());
    }

    #[tokio::test]
    async fn nothing_is_written_to_a_side_that_has_closed() {
        let (mut near, mut far, watch) = pair();
        far.shutdown().await.unwrap();
        near.write_all(b"x").await.unwrap_err();
        assert!(!watch.written());
        drop(near);
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.unwrap();
        assert!(got.is_empty());
    }

    #[tokio::test]
    async fn nothing_is_written_to_a_side_that_spoke_first() {
        let (mut near, mut far, watch) = pair();
        far.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        near.write_all(b"x").await.unwrap_err();
        assert!(!watch.written());
    }

    #[tokio::test]
    async fn a_flood_of_interim_answers_ends_reading() {
        let (mut near, mut far, watch) = pair();
        far.write_all(b"x").await.unwrap();
        for _ in 0..INTERIM {
            watch.interim(&HeaderMap::new());
        }
        assert!(!watch.odd());
        watch.interim(&HeaderMap::new());
        assert!(watch.odd());
        near.read_u8().await.unwrap_err();
        watch.begin();
        assert!(watch.odd());
    }

    #[test]
    fn an_interim_answer_has_no_body() {
        for name in [header::CONTENT_LENGTH, header::TRANSFER_ENCODING] {
            let watch = Watch::default();
            let headers = HeaderMap::from_iter([(name, HeaderValue::from_static("0"))]);
            watch.interim(&headers);
            assert!(watch.odd());
        }
    }
}
