//! From nothing to SMTP inside TLS.
//!
//! STARTTLS is spoken here and not by lettre, because lettre keeps what it has read ahead: replies put into the clear part
//! by somebody on the way would be taken for replies inside TLS, and a message would count as accepted that was not
//! (RFC 3207 section 4.2 has the client discard what it knew before). Here not one octet after the reply to STARTTLS is
//! read in clear. What is trusted is what `client` trusts; the certificate is for the host.

use std::{
    fmt, io,
    net::SocketAddr,
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use lettre::transport::smtp::{
    client::{AsyncSmtpConnection, AsyncTokioStream},
    extension::ClientId,
};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    mail::{MailFault, MailTls},
    pace::Pace,
    unsent::{Step, Unsent},
};
use crate::client::trusting;

/// Longest reply, in octets.
const LONGEST_REPLY: usize = 16 * 1024;
/// After STARTTLS the server greets no more, and lettre waits for a greeting.
const GREETING: &[u8] = b"220 \r\n";

/// Connects to one mail server.
pub(super) struct Connector {
    host: String,
    port: u16,
    name: ServerName<'static>,
    tls: MailTls,
    trust: TlsConnector,
    /// Who we say we are.
    hello: String,
}

/// What SMTP is spoken over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// A stream inside TLS, as lettre wants it. lettre reads a line to its end, however long it gets: the end is here. And it
/// panics where a line that answers EHLO is nothing but spaces: none gets there.
struct Inside<S = TlsStream<TcpStream>> {
    stream: S,
    peer: SocketAddr,
    greeting: &'static [u8],
    /// Octets that came since something was asked.
    said: usize,
    /// What was asked so far; EHLO is the first.
    asked: usize,
    /// A line that has no end yet.
    line: Vec<u8>,
}

impl Connector {
    pub(super) fn new(
        host: String,
        port: u16,
        tls: MailTls,
        ca_file: Option<&Path>,
        hello: &str,
    ) -> Result<Self, MailFault> {
        let name = ServerName::try_from(host.clone()).map_err(|_| MailFault::Host(host.clone()))?;
        let trust = TlsConnector::from(Arc::new(trusting(ca_file).map_err(MailFault::Trust)?));
        Ok(Self { host, port, name, tls, trust, hello: hello.to_owned() })
    }

    /// Connects as far as EHLO inside TLS.
    pub(super) async fn connect(&self, pace: &Pace) -> Result<AsyncSmtpConnection, Unsent> {
        let connecting = TcpStream::connect((self.host.as_str(), self.port));
        let mut stream = pace.step(Step::Connect, connecting).await?.map_err(Unsent::Unreachable)?;
        // The content and the dot that ends it are two writes: without this the second waits for the other side's delayed
        // acknowledgement of the first, 40 ms for each message. A failure costs time only.
        drop(stream.set_nodelay(true));
        let peer = stream.peer_addr().map_err(Unsent::Unreachable)?;
        let greeting = match self.tls {
            MailTls::StartTls => {
                start_tls(&mut stream, &self.hello, pace).await?;
                GREETING
            }
            MailTls::Implicit => &[],
        };
        let shaking = self.trust.connect(self.name.clone(), stream);
        let stream = pace.step(Step::Tls, shaking).await?.map_err(Unsent::Tls)?;
        Inside::new(stream, peer, greeting).greeted(&self.hello, pace).await
    }
}

/// From the greeting in clear to the reply to STARTTLS; reads not one octet more.
pub(super) async fn start_tls(stream: &mut impl Stream, hello: &str, pace: &Pace) -> Result<(), Unsent> {
    expect(&pace.step(Step::Greeting, reply(stream)).await??, "220")?;
    let hello = format!("EHLO {hello}\r\n");
    let offers = pace.step(Step::Hello, ask(stream, &hello)).await??;
    expect(&offers, "250")?;
    if !offers.iter().skip(1).any(|(_, text)| text.eq_ignore_ascii_case("STARTTLS")) {
        return Err(Unsent::NoStartTls);
    }
    match pace.step(Step::StartTls, ask(stream, "STARTTLS\r\n")).await??.as_slice() {
        [(code, _)] if code == "220" => Ok(()),
        _ => Err(Unsent::NoStartTls),
    }
}

impl<S: Stream + 'static> Inside<S> {
    fn new(stream: S, peer: SocketAddr, greeting: &'static [u8]) -> Self {
        Self { stream, peer, greeting, said: 0, asked: 0, line: Vec::new() }
    }

    /// As far as EHLO.
    async fn greeted(self, hello: &str, pace: &Pace) -> Result<AsyncSmtpConnection, Unsent> {
        let hello = ClientId::Domain(hello.to_owned());
        pace.step(Step::Hello, AsyncSmtpConnection::connect_with_transport(Box::new(self), &hello))
            .await?
            .map_err(|source| Unsent::Refused { step: Step::Hello, source })
    }
}

/// As far as EHLO over a stream that somebody has made, on which TLS changes nothing: see `crate::fuzzing`.
#[cfg(feature = "fuzzing")]
pub(super) async fn over(
    mut stream: impl Stream + 'static,
    tls: MailTls,
    pace: &Pace,
) -> Result<AsyncSmtpConnection, Unsent> {
    let greeting = match tls {
        MailTls::StartTls => {
            start_tls(&mut stream, "guard.example.com", pace).await?;
            GREETING
        }
        MailTls::Implicit => &[],
    };
    let peer = SocketAddr::from(([127, 0, 0, 1], 25));
    Inside::new(stream, peer, greeting).greeted("guard.example.com", pace).await
}

impl<S> Inside<S> {
    /// Whether one of the lines that these octets end is a code and then spaces alone.
    fn hears_spaces(&mut self, octets: &[u8]) -> bool {
        for octet in octets {
            self.line.push(*octet);
            if self.line.ends_with(b"\r\n") {
                let line = std::mem::take(&mut self.line);
                let text = String::from_utf8_lossy(line.get(4..line.len() - 2).unwrap_or_default());
                if !text.is_empty() && text.trim().is_empty() {
                    return true;
                }
            }
        }
        false
    }
}

impl<S: Stream> AsyncTokioStream for Inside<S> {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl<S: Stream> AsyncRead for Inside<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.greeting.is_empty() {
            if self.said > LONGEST_REPLY {
                return Poll::Ready(Err(io::Error::other("the reply does not end")));
            }
            let before = buffer.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(context, buffer);
            let octets = buffer.filled().get(before..).unwrap_or_default();
            self.said += octets.len();
            if self.asked <= 1 && self.hears_spaces(octets) {
                return Poll::Ready(Err(io::Error::other("a line of the reply has no word in it")));
            }
            return read;
        }
        let (now, later) = self.greeting.split_at(self.greeting.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.greeting = later;
        Poll::Ready(Ok(()))
    }
}

impl<S: Stream> AsyncWrite for Inside<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        // A command may take several writes: the next begins once something was answered.
        if self.asked == 0 || self.said > 0 {
            self.asked += 1;
        }
        self.said = 0;
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S> fmt::Debug for Inside<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Inside({})", self.peer)
    }
}

async fn ask(stream: &mut impl Stream, line: &str) -> Result<Vec<(String, String)>, Unsent> {
    stream.write_all(line.as_bytes()).await.map_err(Unsent::Unreachable)?;
    reply(stream).await
}

/// One reply (RFC 5321 section 4.2), its lines as code and text; read octet by octet, so that nothing after it is read.
async fn reply(stream: &mut impl Stream) -> Result<Vec<(String, String)>, Unsent> {
    let mut lines = Vec::new();
    let mut line = Vec::new();
    for _ in 0..LONGEST_REPLY {
        match stream.read_u8().await.map_err(Unsent::Unreachable)? {
            b'\n' => {
                let text = String::from_utf8(std::mem::take(&mut line)).map_err(|_| Unsent::NotSmtp)?;
                let text = text.strip_suffix('\r').unwrap_or(&text);
                let (code, rest) = text.split_at_checked(3).ok_or(Unsent::NotSmtp)?;
                let last = !rest.starts_with('-');
                let rest = rest.strip_prefix(['-', ' ']).unwrap_or(rest);
                lines.push((code.to_owned(), rest.to_owned()));
                if last {
                    return Ok(lines);
                }
            }
            octet => line.push(octet),
        }
    }
    Err(Unsent::NotSmtp)
}

/// Another code than this one is a server that is busy, or not one.
fn expect(reply: &[(String, String)], code: &str) -> Result<(), Unsent> {
    if reply.iter().all(|(said, _)| said == code) {
        return Ok(());
    }
    let said = reply.iter().map(|(code, text)| format!("{code} {text}")).collect::<Vec<_>>().join(" ");
    Err(Unsent::Unreachable(io::Error::other(super::mail::without_addresses(&said))))
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;

    use super::*;

    /// What comes of a server that answers EHLO so, inside TLS.
    async fn greeted(reply: &str) -> Result<(), String> {
        let (near, mut far) = duplex(1024);
        let script = format!("220 mail.example.com\r\n{reply}");
        let server = async {
            far.write_all(script.as_bytes()).await.unwrap();
            far.shutdown().await.unwrap();
            far
        };
        let pace = Pace::new(std::time::Duration::from_secs(5));
        let client = Inside::new(near, SocketAddr::from(([127, 0, 0, 1], 25)), &[]);
        let (client, _far) = tokio::join!(client.greeted("guard.example.com", &pace), server);
        client.map(drop).map_err(|unsent| unsent.to_string())
    }

    #[tokio::test]
    async fn a_line_of_spaces_in_the_reply_to_ehlo_is_a_fault_and_no_panic() {
        for spaces in [" ", "\t \t", "\r", "\n", "\u{a0}", "\u{2003}"] {
            for reply in [
                format!("250-mail\r\n250-{spaces}\r\n250 AUTH PLAIN\r\n"),
                format!("250-mail\r\n250 {spaces}\r\n"),
            ] {
                let told = greeted(&reply).await.unwrap_err();
                assert!(told.ends_with("a line of the reply has no word in it"), "{reply:?}: {told}");
            }
        }
        for reply in ["250 mail\r\n", "250-mail\r\n250-\r\n250 \r\n", "250-mail \r\n250  AUTH\u{a0}PLAIN\r\n"]
        {
            assert_eq!(greeted(reply).await, Ok(()), "{reply:?}");
        }
    }
}
