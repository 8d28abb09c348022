//! One session of syslog over TLS (RFC 5425): frames are written, and the other side is watched all the time, since that it
//! closes is all that it ever says.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::{progress::End, untaken::Untaken};
use crate::client::Line;

/// How long a new session is watched before anything is sent: in TLS 1.3 a server that does not take the client's certificate
/// says so after the handshake.
const GRACE: Duration = Duration::from_millis(250);
/// Octets written at once: each such part has the whole time of a step.
const PART: usize = 8 * 1024;
/// For the farewell.
const FAREWELL: Duration = Duration::from_secs(1);

/// A session. Dropping it closes it at once.
pub(super) struct Session {
    write: WriteHalf<TlsStream<TcpStream>>,
    end: watch::Receiver<Option<End>>,
    _reading: AbortOnDropHandle<()>,
}

impl Session {
    /// Name, TCP, TLS, and a moment.
    pub(super) async fn open(line: &Line) -> Result<Self, Untaken> {
        let (read, write) = split(line.open().await.map_err(Untaken::Line)?);
        let (ended, end) = watch::channel(None);
        let reading = tokio::spawn(async move {
            // Nobody listens any more: then nobody has to know.
            let _ = ended.send(Some(watched(read).await));
        });
        let mut session = Self { write, end, _reading: AbortOnDropHandle::new(reading) };
        match timeout(GRACE, session.ended()).await {
            Ok(end) => Err(Untaken::Ended(end)),
            Err(_) => Ok(session),
        }
    }

    /// Hands frames to the other side's system, each part within this time. After an error a frame may be there in part:
    /// the session is of no use any more, as when this future is dropped.
    pub(super) async fn write(&mut self, frames: &[u8], patience: Duration) -> Result<(), Untaken> {
        for part in frames.chunks(PART) {
            let written = async {
                self.write.write_all(part).await?;
                self.write.flush().await
            };
            timeout(patience, written)
                .await
                .map_err(|_| Untaken::Stalled(patience))?
                .map_err(|error| Untaken::Broken(error.to_string()))?;
        }
        let end = *self.end.borrow();
        end.map_or(Ok(()), |end| Err(Untaken::Ended(end)))
    }

    /// Waits until the other side has ended it.
    pub(super) async fn ended(&mut self) -> End {
        match self.end.wait_for(Option::is_some).await {
            Ok(end) => end.unwrap_or(End::Broken),
            Err(_) => End::Broken,
        }
    }

    /// Ends it in order.
    pub(super) async fn close(mut self) {
        // Whoever is gone needs no farewell.
        drop(timeout(FAREWELL, self.write.shutdown()).await);
    }
}

/// Reads until the end. What a receiver says is of no meaning, and passed over.
async fn watched(mut read: ReadHalf<TlsStream<TcpStream>>) -> End {
    let mut said = [0; 256];
    loop {
        match read.read(&mut said).await {
            Ok(0) => return End::Closed,
            Ok(_) => {}
            // No farewell, but all that came had been read: a system says otherwise (RST).
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return End::Closed,
            Err(_) => return End::Broken,
        }
    }
}
