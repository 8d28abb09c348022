//! Where a listener listens, and taking that place: an address, or the file of a Unix socket.

use std::{
    error::Error,
    fmt, fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixStream as Probe,
    },
    path::{Path, PathBuf},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream},
};

use crate::server::Bound;

/// Connections that the kernel keeps waiting.
const BACKLOG: u32 = 1024;

/// Why a listener cannot be bound.
#[derive(Debug)]
pub(crate) struct BindError {
    /// Where it was to listen.
    pub bound: Bound,
    /// Why it cannot.
    pub source: BindFault,
}

/// What is in the way of a listener.
#[derive(Debug)]
pub(crate) enum BindFault {
    /// What the system says.
    System(io::Error),
    /// Without TLS where others than this host could connect.
    Exposed,
    /// Without TLS where a certificate is required.
    NoCertificate,
}

/// Where connections come from: each with the address of who made it.
pub(super) trait Accept {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    async fn accept(&self) -> io::Result<(Self::Stream, IpAddr)>;
}

/// A Unix socket and its file, which goes when it is dropped.
pub(super) struct UnixDoor {
    listener: UnixListener,
    _file: SocketFile,
}

/// The file of a socket that we made.
struct SocketFile {
    path: PathBuf,
    /// Device and number of the file: another one at its place is somebody else's.
    identity: (u64, u64),
}

/// Listens at an address, and says at which when its port was any.
pub(in crate::server) fn tcp(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let bind = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    bind().map_err(|source| BindError { bound: Bound::Tcp(address), source: BindFault::System(source) })
}

/// Listens at a Unix socket. Nobody can connect before its file has these permissions. What a process that is no more
/// has left there is replaced; a socket that somebody listens at, and any other file, is not.
pub(super) fn unix(path: &Path, mode: u32) -> Result<UnixDoor, BindError> {
    let bind = || {
        remove_stale(path)?;
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        let about = fs::symlink_metadata(path)?;
        let file = SocketFile { path: path.to_owned(), identity: (about.dev(), about.ino()) };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        Ok(UnixDoor { listener: socket.listen(BACKLOG)?, _file: file })
    };
    let bound = || Bound::Unix(path.to_owned());
    bind().map_err(|source| BindError { bound: bound(), source: BindFault::System(source) })
}

/// Removes a socket that nobody listens at any more.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return Err(io::ErrorKind::AlreadyExists.into()),
        Ok(_) => {}
    }
    match Probe::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = |found: fs::Metadata| (found.dev(), found.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(ours) {
            // A file that stays is replaced by the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // A reply is small and whole: waiting for more of it only costs time. Failing that it is only slower.
        let _ = stream.set_nodelay(true);
        Ok((stream, peer.ip()))
    }
}

impl Accept for UnixDoor {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<(UnixStream, IpAddr)> {
        let (stream, _) = self.listener.accept().await?;
        Ok((stream, Ipv4Addr::LOCALHOST.into()))
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on `{}`", self.bound)
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

impl fmt::Display for BindFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(error) => error.fmt(f),
            Self::Exposed => f.write_str("without TLS only loopback and Unix sockets are listened on"),
            Self::NoCertificate => f.write_str("a certificate is required, and without TLS there is none"),
        }
    }
}

impl Error for BindFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::System(error) => Some(error),
            Self::Exposed | Self::NoCertificate => None,
        }
    }
}
