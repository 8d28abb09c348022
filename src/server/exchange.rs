//! One request: its head read, judged before its body, its body read within its bounds, the service called.
//!
//! hyper sends `100 Continue` when a body is first asked for, so whoever is refused by the head alone is never invited
//! to send one (RFC 9110 section 10.1.1).

use std::{convert::Infallible, net::IpAddr, sync::Arc, sync::atomic::Ordering, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{Request, Response, request::Parts};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::wire::{ErrorType, Head, Malformed, Occurs, Origin, Peer, Reply, RequestId, WireRequest};

use super::{
    Service,
    bodies::Held,
    counts::count,
    gated::Ties,
    listener::Shared,
    reply::{ReplyBody, UnderWay, octets, response},
    seats::NoSeat,
};

/// When somebody turned away because there is too much under way may come back.
const OVERLOAD_WAIT: Duration = Duration::from_secs(1);
/// Room made for a body when the first of it has come: a declared length is only a promise.
const FIRST_ROOM: usize = 16 * 1024;

/// What the requests of one connection share.
pub(super) struct Exchange<S> {
    pub(super) shared: Arc<Shared<S>>,
    pub(super) from: From,
    pub(super) ties: Arc<Ties>,
}

/// Whom a connection is with.
pub(super) struct From {
    /// The address of who connects.
    pub(super) source: IpAddr,
    /// The name by which the client asked for the server in the handshake.
    pub(super) server_name: Option<Box<str>>,
    /// What TLS says of him, and what is asked of him.
    pub(super) peer: Peer,
}

/// Why there is no body.
enum NoBody {
    /// It is not what was declared, or more than may be.
    Malformed(Malformed),
    /// Too much is held of others', or of the same source's.
    NoRoom(NoSeat),
}

/// A body that is being read. Dropped, it did not come.
struct Unread<'a, S: Service> {
    service: &'a S,
    of: Option<&'a Origin>,
}

impl<S: Service> Drop for Unread<'_, S> {
    fn drop(&mut self) {
        if let Some(origin) = self.of {
            self.service.unread(origin);
        }
    }
}

impl<S: Service> Exchange<S> {
    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<ReplyBody>, Infallible> {
        let counts = &self.shared.counts;
        count(&counts.requests);
        let id = RequestId::fresh();
        let place = self.shared.places.take().and_then(|place| place.of(self.from.source.into()));
        let no_place = place.as_ref().err().copied();
        let under_way = UnderWay::new(&self.ties, counts, place.ok());
        let (parts, body) = request.into_parts();
        let has_body = !body.is_end_stream();
        let received = match no_place {
            None => self.receive(&parts, body, &id).await,
            Some(full) => {
                let why = match full {
                    NoSeat::Total => "too many requests are under way",
                    NoSeat::Source => "too many requests of your network are under way",
                };
                Err(self.overloaded(why, &id))
            }
        };
        Ok(match received {
            Ok((request, held)) => self.call(request, held, &id, under_way).await,
            Err(mut refused) => {
                if has_body {
                    // What is left of the body cannot be told from a next request's head.
                    self.ties.unread.store(true, Ordering::Release);
                    refused.close = true;
                }
                response(refused, &id, under_way)
            }
        })
    }

    /// The octets that answer a head which has no single reading.
    pub(super) fn refuse(&self, malformed: &Malformed) -> Bytes {
        let origin = Origin::new(RequestId::fresh(), self.from.source, None);
        octets(&self.malformed(malformed, &origin).closing())
    }

    async fn receive(
        &self,
        parts: &Parts,
        body: Incoming,
        id: &RequestId,
    ) -> Result<(WireRequest, Held), Reply> {
        let user_agent = parts.headers.get(http::header::USER_AGENT).map(http::HeaderValue::as_bytes);
        let origin = Origin::new(id.clone(), self.from.source, user_agent);
        let told = |malformed: Malformed| self.malformed(&malformed, &origin);
        let fields = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        // The gate lets origin form through only, which hyper keeps as it came.
        let target = parts.uri.path_and_query().map_or("", http::uri::PathAndQuery::as_str);
        let head = Head::read(parts.method.as_str(), target, fields, origin.clone()).map_err(told)?;
        let head = head.over(self.from.peer.clone());
        self.check_host(&head).map_err(told)?;
        let most = self.shared.service.admit(&head)?;
        let time = self.shared.options.timeouts.body;
        // This future is dropped when the peer goes away.
        let mut unread = Unread { service: &*self.shared.service, of: Some(&origin) };
        let mut room = self.shared.options.bodies.hold(self.from.source.into());
        let body = timeout(time, whole(body, most, &mut room)).await.unwrap_or_else(|_| {
            Err(Malformed::with(ErrorType::RequestTimeout, "the body took too long").into())
        });
        // It came, or was refused for its length alone.
        if body.as_ref().err().is_none_or(NoBody::is_of_length) {
            unread.of = None;
        }
        drop(unread);
        let body = body.map_err(|no_body| match no_body {
            NoBody::Malformed(malformed) => told(malformed),
            NoBody::NoRoom(NoSeat::Total) => self.overloaded("too many octets of bodies are under way", id),
            NoBody::NoRoom(NoSeat::Source) => {
                self.overloaded("too many octets of bodies of your network are under way", id)
            }
        })?;
        Ok((WireRequest { head, body }, room))
    }

    fn overloaded(&self, why: &str, id: &RequestId) -> Reply {
        count(&self.shared.counts.overloaded);
        Reply::error(ErrorType::ServiceUnavailable, why, id).retry_after(OVERLOAD_WAIT)
    }

    /// `Host` is the server that the handshake was with.
    fn check_host(&self, head: &Head) -> Result<(), Malformed> {
        let Some(expected) = &self.from.server_name else { return Ok(()) };
        let name = match head.headers.occurs("host") {
            Occurs::One(host) => host.split_once(':').map_or(host, |(name, _)| name),
            Occurs::Absent | Occurs::Many => "",
        };
        if name.eq_ignore_ascii_case(expected) {
            return Ok(());
        }
        Err(Malformed::form("`host` is not the server that the TLS handshake named"))
    }

    /// Calls the service in a task of its own: a panic ends that task only, and a caller who hangs up cancels nothing.
    async fn call(
        &self,
        request: WireRequest,
        held: Held,
        id: &RequestId,
        under_way: UnderWay,
    ) -> Response<ReplyBody> {
        let shared = &self.shared;
        let service = Arc::clone(&shared.service);
        // On the heap from the first: its state is large, and each step of making it a task would copy it.
        let work = Box::pin(async move {
            let reply = service.call(request).await;
            drop(held);
            (reply, under_way)
        });
        let task = shared.tasks.spawn(shared.kill.clone().run_until_cancelled_owned(work));
        let (error, why) = match task.await {
            Ok(Some((reply, under_way))) => return response(reply, id, under_way),
            // Something may have been sent by then: this is no answer that says that nothing was.
            Ok(None) => (ErrorType::InternalService, "the listener stopped before there was an answer"),
            Err(_) => {
                count(&shared.counts.panics);
                (ErrorType::InternalService, "internal failure")
            }
        };
        let under_way = UnderWay::new(&self.ties, &shared.counts, None);
        response(Reply::error(error, why, id).closing(), id, under_way)
    }

    fn malformed(&self, malformed: &Malformed, origin: &Origin) -> Reply {
        count(&self.shared.counts.malformed);
        self.shared.service.malformed(malformed, origin);
        Reply::error(malformed.error, &malformed.why, &origin.request_id)
    }
}

/// Reads a body of at most `most` octets, as far as there is room for it. One that is declared longer is refused without
/// asking for any of it.
async fn whole(mut body: Incoming, most: usize, held: &mut Held) -> Result<Bytes, NoBody> {
    let too_large =
        || Malformed::with(ErrorType::ContentTooLarge, format!("the body is longer than {most} octets"));
    // The gate lets no body through that does not declare its length.
    let declared = body.size_hint().exact().and_then(|octets| usize::try_from(octets).ok());
    let declared = declared.filter(|octets| *octets <= most).ok_or_else(too_large)?;
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Malformed::form("the body ended before its declared length"))?;
        let Ok(octets) = frame.into_data() else { continue };
        if octets.len() == declared {
            held.grow(declared)?;
            return Ok(octets);
        }
        if octets.len() > most.saturating_sub(whole.len()) {
            return Err(too_large().into());
        }
        let length = whole.len() + octets.len();
        if length > whole.capacity() {
            // Doubled each time, and never beyond what was declared.
            let room =
                length.max(whole.capacity().saturating_mul(2)).max(FIRST_ROOM).min(declared.max(length));
            held.grow(room)?;
            whole.reserve(room - whole.len());
        }
        whole.extend_from_slice(&octets);
    }
    Ok(whole.freeze())
}

impl NoBody {
    /// Whether nothing speaks against who sent it but how much it is.
    fn is_of_length(&self) -> bool {
        match self {
            Self::Malformed(malformed) => malformed.error == ErrorType::ContentTooLarge,
            Self::NoRoom(_) => true,
        }
    }
}

impl std::convert::From<Malformed> for NoBody {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl std::convert::From<NoSeat> for NoBody {
    fn from(full: NoSeat) -> Self {
        Self::NoRoom(full)
    }
}
