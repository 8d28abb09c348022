//! What becomes of connections before any request: what can go wrong on the way to a server, and not within it.

use std::sync::{Mutex, PoisonError};

use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// What becomes of new connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// They are served.
    Open,
    /// They are reset at once.
    Reset,
    /// They are taken, and TLS is never answered.
    Silent,
    /// They get a certificate of an authority that nobody knows.
    Stranger,
    /// They get a certificate of the right authority, for another name.
    Misnamed,
}

/// The door, and the certificates behind it.
pub(super) struct Entrance {
    right: TlsAcceptor,
    stranger: TlsAcceptor,
    misnamed: TlsAcceptor,
    state: Mutex<(Door, CancellationToken)>,
}

/// What a new connection meets.
pub(super) enum Met {
    /// TLS with this certificate; the connection is closed when the door changes.
    Tls(Box<TlsAcceptor>, CancellationToken),
    /// A reset.
    Reset,
    /// Nothing, until the door changes.
    Silence(CancellationToken),
}

impl Entrance {
    pub(super) fn new(right: TlsAcceptor, stranger: TlsAcceptor, misnamed: TlsAcceptor) -> Self {
        Self { right, stranger, misnamed, state: Mutex::new((Door::Open, CancellationToken::new())) }
    }

    /// Sets the door and closes every connection there is.
    pub(super) fn set(&self, door: Door) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, before) = std::mem::replace(&mut *state, (door, CancellationToken::new()));
        before.cancel();
    }

    pub(super) fn meet(&self) -> Met {
        let (door, closing) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let tls = |acceptor: &TlsAcceptor| Met::Tls(Box::new(acceptor.clone()), closing.clone());
        match door {
            Door::Open => tls(&self.right),
            Door::Stranger => tls(&self.stranger),
            Door::Misnamed => tls(&self.misnamed),
            Door::Reset => Met::Reset,
            Door::Silent => Met::Silence(closing),
        }
    }
}
