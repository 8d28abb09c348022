//! The sidecar, and the client side of a session: a proof goes out, a session comes in, and what the application sends is
//! signed anew with that session and forwarded to the gateway.
//!
//! It holds no store and no policy, decides nothing about Connect, and names no `ledger`, `store`, `policy` or `upstream`.
//! The AWS credentials it finds sign one `GetCallerIdentity`, which names this guard and a nonce of it, and nothing else;
//! they go nowhere. Of what the application signed its request with nothing is sent on.

mod answer;
mod desk;
mod fault;
mod forward;
mod held;
mod kept;
mod listener;
mod options;
mod own;
mod request;

pub(crate) use answer::Granted;
pub(crate) use desk::{As, Desk, Frozen};
pub use fault::NoSession;
pub(crate) use forward::Relay;
pub(crate) use kept::Kept;
pub(crate) use listener::{SessionListener, presented};
pub use options::{CertificateFiles, ProofBy, RelayOptions, SessionAt};
use own::OwnCredentials;
