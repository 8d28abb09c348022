//! The connection between TLS and the HTTP library: keeps what is read, so that a request can be shown octet for octet, and
//! can send something else than what the library writes.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// The connection.
pub(super) struct Line {
    stream: TlsStream<TcpStream>,
    tap: Tap,
}

/// What was read of a connection and what is to be written to it in place of everything else.
#[derive(Clone, Default)]
pub(super) struct Tap(Arc<Mutex<Tapped>>);

#[derive(Default)]
struct Tapped {
    read: Vec<u8>,
    instead: Option<Vec<u8>>,
    before: Vec<u8>,
    reset: bool,
    spared: bool,
}

impl Line {
    pub(super) fn new(stream: TlsStream<TcpStream>, tap: Tap) -> Self {
        Self { stream, tap }
    }
}

impl Tap {
    /// The head, without the empty line, of the oldest request not taken yet, whose body has so many octets.
    pub(super) fn take(&self, body: usize) -> Vec<u8> {
        let mut tapped = self.lock();
        let read = std::mem::take(&mut tapped.read);
        let start = read.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(read.len());
        let read = read.get(start..).unwrap_or_default();
        let end = read.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(read.len());
        tapped.read = read.get(end.saturating_add(4).saturating_add(body)..).unwrap_or_default().to_vec();
        read.get(..end).unwrap_or_default().to_vec()
    }

    /// From here on these octets are written, once, whatever the HTTP library writes.
    pub(super) fn instead(&self, octets: &[u8]) {
        self.lock().instead = Some(octets.to_vec());
    }

    /// These octets are written, once, before what the HTTP library writes next.
    pub(super) fn before(&self, octets: &[u8]) {
        self.lock().before.extend_from_slice(octets);
    }

    /// The connection ends with a reset.
    pub(super) fn reset(&self) {
        self.lock().reset = true;
    }

    /// It is not closed with the others: it ends by itself.
    pub(super) fn spare(&self) {
        self.lock().spared = true;
    }

    pub(super) fn is_spared(&self) -> bool {
        self.lock().spared
    }

    fn lock(&self) -> MutexGuard<'_, Tapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut line.stream).poll_read(cx, buf))?;
        line.tap.lock().read.extend_from_slice(buf.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        let mut tapped = line.tap.lock();
        while !tapped.before.is_empty() {
            let written = ready!(Pin::new(&mut line.stream).poll_write(cx, &tapped.before))?;
            let written = written.min(tapped.before.len());
            tapped.before.drain(..written);
        }
        let Some(instead) = &mut tapped.instead else {
            drop(tapped);
            return Pin::new(&mut line.stream).poll_write(cx, octets);
        };
        while !instead.is_empty() {
            let written = ready!(Pin::new(&mut line.stream).poll_write(cx, instead))?;
            instead.drain(..written.min(instead.len()));
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.tap.lock().reset {
            // A connection that cannot be reset is closed.
            drop(self.stream.get_ref().0.set_zero_linger());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_cut_out_of_what_was_read() {
        let tap = Tap::default();
        tap.lock().read =
            b"\r\nPOST /a HTTP/1.1\r\nHost: h\r\n\r\nbodyGET /b HTTP/1.1\r\nX: y\r\n\r\n".to_vec();
        assert_eq!(tap.take(4), b"POST /a HTTP/1.1\r\nHost: h");
        assert_eq!(tap.take(0), b"GET /b HTTP/1.1\r\nX: y");
        assert_eq!(tap.take(0), b"");
    }
}
