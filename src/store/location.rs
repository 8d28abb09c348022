//! Where the store is: in a file, for one guard, or on a server, for as many as share it.

use std::time::Duration;

use super::{
    StoreError,
    dialect::{Connection, Pool},
    fault::UrlFault,
    place::FilePlace,
    server::Server,
};

/// Where the store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Location {
    /// `SQLite`.
    File(FilePlace),
    /// `PostgreSQL`.
    Server(Server),
}

/// Whether a store that forgets is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// A local disk only, or a server that waits for its disk.
    Lasting,
    /// Any: somebody wrote a sentence.
    Any,
}

impl Location {
    /// Reads a URL: `sqlite:PATH` or `postgres://USER@HOST/DATABASE`.
    pub(crate) fn read(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => FilePlace::read(url).map(Self::File),
            Some(("postgres" | "postgresql", rest)) => Server::read(rest).map(Self::Server),
            Some(_) | None => Err(StoreError::Url(UrlFault::Scheme)),
        }
    }

    /// A connection that writes beside those that have the store: for one statement of an operator.
    pub(super) async fn beside(&self, busy: Duration) -> Result<Connection, StoreError> {
        match self {
            Self::File(place) => place.beside(busy).await,
            Self::Server(server) => server.connect(busy).await,
        }
    }

    /// Connections that only read.
    pub(super) fn pool(&self, busy: Duration, most: u32) -> Result<Pool, StoreError> {
        match self {
            Self::File(place) => place.pool(busy, most),
            Self::Server(server) => server.pool(busy, most),
        }
    }
}
