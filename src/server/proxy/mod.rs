//! Who connects, said by a balancer in front: one PROXY protocol header before the handshake, and nothing of it twice.
//!
//! Only octets of the header are read from the stream, so whatever follows, a second header too, is for TLS to judge.

mod header;

use std::{fmt, net::IpAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use header::{FIXED, Fault, Fixed};

#[cfg(test)]
pub(super) use header::tests as headers;

/// Why nobody knows who connects.
#[derive(Debug)]
pub(super) enum Unknown {
    /// There is no header that is taken.
    Header(Fault),
    /// The stream ended or broke before the header did.
    Broken,
}

/// Reads the header: who connects, or none for the balancer itself. The caller gives it its time.
pub(super) async fn source(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, Unknown> {
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).await.map_err(|_| Unknown::Broken)?;
    let fixed = Fixed::read(fixed).map_err(Unknown::Header)?;
    let mut rest = vec![0; fixed.rest];
    stream.read_exact(&mut rest).await.map_err(|_| Unknown::Broken)?;
    fixed.source(&rest).map_err(Unknown::Header)
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the connection ended within its PROXY header",
            Self::Header(Fault::Signature) => "no PROXY header of version 2",
            Self::Header(Fault::Version) => "a PROXY header of another version",
            Self::Header(Fault::Command) => "a PROXY header with an unknown command",
            Self::Header(Fault::Family) => "a PROXY header of something else than TCP",
            Self::Header(Fault::Length) => "a PROXY header that is too short or too long",
            Self::Header(Fault::Field) => "a PROXY header with a field that is cut off",
            Self::Header(Fault::Checksum) => "a PROXY header with a wrong checksum",
        })
    }
}
