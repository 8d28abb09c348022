//! The edge: accept loop, TLS, the gate before hyper, timeouts and caps, drain. Generic in its [`Service`], so that it
//! knows nothing of callers, policies or Connect.
//!
//! A connection passes `listener` (caps), `tls` (handshake), `gated` (one reading of each head, or none) and `exchange`
//! (head, body, service, reply), and `paced` cuts it when its peer stops reading. Nothing here queues: what is over a
//! cap is turned away at once.

use std::{future::Future, sync::Arc};

use crate::wire::{Head, Malformed, Origin, Reply, WireRequest};

mod bodies;
mod seats;
mod connection;
mod counts;
mod exchange;
mod gated;
mod listener;
mod options;
mod paced;
mod proxy;
mod reply;
mod room;
mod status;
pub(crate) mod supervisor;
#[cfg(test)]
mod tests;
mod tls;

pub(crate) use bodies::{BODIES_AT_ONCE, Bodies};
pub(crate) use counts::Counts;
#[cfg(test)]
use listener::Drained;
pub(crate) use listener::{BindError, Server};
pub(crate) use options::{Bound, Caps, Options, Protection, ProxyProtocol, Timeouts};
pub(crate) use room::{Room, descriptors};
pub(crate) use status::{Measurements, PolicyState, Reason, StatusOptions, StatusServer, Watched};
pub(crate) use tls::{Authority, ShownFault, Tls, TlsFault};

/// What a listener serves.
pub(crate) trait Service: Send + Sync + 'static {
    /// Judges a head before any of its body is read: how many octets of body it may have, or the reply.
    fn admit(&self, head: &Head) -> Result<usize, Reply>;

    /// Answers a request. It runs in a task of its own and goes on when the caller hangs up; it may be dropped when the
    /// time for draining is over, so what must go on after that, the service detaches. A panic is answered with 500.
    fn call(self: Arc<Self>, request: WireRequest) -> impl Future<Output = Reply> + Send;

    /// Told of a request that has no single reading, came too slowly or is too large, for counting; the edge has
    /// answered it already.
    fn malformed(&self, malformed: &Malformed, origin: &Origin);

    /// Told of a request whose head was admitted and whose body did not come, whether its peer went away or was too slow:
    /// nobody has proven anything, and it had one of the places for requests all the time.
    fn unread(&self, origin: &Origin);
}
