//! The reply on its way out: as hyper writes it, and as octets for what hyper never sees.

use std::{
    fmt::Write as _,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};

use crate::wire::{Body, Broken, ErrorType, Reply, RequestId};

use super::{
    counts::{Counts, count, uncount},
    gated::Ties,
    seats::Seat,
};

/// The methods that a 405 names (RFC 9110 section 15.5.6).
const ALLOW: &str = "DELETE, GET, POST, PUT";

/// A place among the requests under way, from the head to the last octet of the reply.
pub(super) struct UnderWay {
    ties: Arc<Ties>,
    counts: Arc<Counts>,
    /// None for one that is answered because there is no place.
    _place: Option<Seat>,
}

/// The body of a reply, which ends its request when it is dropped.
pub(super) struct ReplyBody {
    body: Body,
    _under_way: UnderWay,
}

/// The reply as hyper writes it; hyper adds `date` and, to a whole body, `content-length`. A reply that cannot be
/// written, because of a status or a field that HTTP does not have, becomes a 500.
pub(super) fn response(reply: Reply, id: &RequestId, under_way: UnderWay) -> http::Response<ReplyBody> {
    let close = reply.close;
    let (mut head, body) = parts(reply).unwrap_or_else(|| {
        let failed = Reply::error(ErrorType::InternalService, "the reply could not be written", id);
        parts(failed).unwrap_or_else(|| {
            let mut bare = http::Response::new(());
            *bare.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            (bare, Body::Whole(Bytes::new()))
        })
    });
    let fields = head.headers_mut();
    if !fields.contains_key("x-amzn-requestid")
        && let Ok(id) = HeaderValue::from_str(id.as_str())
    {
        fields.insert("x-amzn-requestid", id);
    }
    if close {
        fields.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    head.map(|()| ReplyBody { body, _under_way: under_way })
}

/// A closing reply with a whole body as octets.
pub(super) fn octets(reply: &Reply) -> Bytes {
    let body = match &reply.body {
        Body::Whole(body) => body.clone(),
        // Only errors are written so, and they are whole.
        Body::Stream(_) => Bytes::new(),
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Error");
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", status.as_str());
    // Writing to a text cannot fail.
    for (name, value) in &reply.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let _ = write!(text, "allow: {ALLOW}\r\n");
    }
    let _ = write!(text, "content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let mut octets = text.into_bytes();
    octets.extend_from_slice(&body);
    octets.into()
}

fn parts(reply: Reply) -> Option<(http::Response<()>, Body)> {
    let status =
        StatusCode::from_u16(reply.status).ok().filter(|status| (200..600).contains(&status.as_u16()))?;
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    let fields = head.headers_mut();
    for (name, value) in reply.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        if [header::CONTENT_LENGTH, header::CONNECTION, header::DATE, header::TRANSFER_ENCODING]
            .contains(&name)
        {
            continue;
        }
        fields.append(name, HeaderValue::from_str(&value).ok()?);
    }
    if status == StatusCode::METHOD_NOT_ALLOWED && !fields.contains_key(header::ALLOW) {
        fields.insert(header::ALLOW, HeaderValue::from_static(ALLOW));
    }
    Some((head, reply.body))
}

impl http_body::Body for ReplyBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match &mut self.body {
            Body::Whole(body) if body.is_empty() => Poll::Ready(None),
            Body::Whole(body) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(body))))),
            // Trailers of Connect's are nothing that was asked for.
            Body::Stream(stream) => Poll::Ready(match ready!(stream.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => frame.into_data().ok().map(|octets| Ok(Frame::data(octets))),
                other => other,
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            Body::Whole(body) => body.is_empty(),
            Body::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            Body::Whole(body) => SizeHint::with_exact(u64::try_from(body.len()).unwrap_or(u64::MAX)),
            Body::Stream(stream) => stream.size_hint(),
        }
    }
}

impl UnderWay {
    pub(super) fn new(ties: &Arc<Ties>, counts: &Arc<Counts>, place: Option<Seat>) -> Self {
        ties.under_way.fetch_add(1, Ordering::AcqRel);
        count(&counts.under_way);
        Self { ties: Arc::clone(ties), counts: Arc::clone(counts), _place: place }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.ties.under_way.fetch_sub(1, Ordering::AcqRel);
        uncount(&self.counts.under_way);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(status: u16, headers: Vec<(&'static str, String)>) -> http::Response<ReplyBody> {
        let reply = Reply { status, headers, body: Body::Whole("whole".into()), close: false };
        response(reply, &RequestId::from("1"), UnderWay::new(&Arc::default(), &Arc::default(), None))
    }

    #[test]
    fn a_reply_that_http_does_not_have_is_a_500_in_form() {
        let status = |status| written(status, vec![]);
        let field = |name, value: &str| written(200, vec![(name, value.into())]);
        for odd in [status(0), status(101), status(600), field("a b", "1"), field("a", "1\r\nb: 2")] {
            assert_eq!(odd.status(), 500);
            assert_eq!(odd.headers()["x-amzn-errortype"], "InternalServiceException");
            assert_eq!(odd.headers()["x-amzn-requestid"], "1");
        }
        assert_eq!(status(599).status(), 599);
    }

    #[test]
    fn what_the_server_writes_itself_is_not_taken_from_a_reply() {
        let own = ["content-length", "connection", "date", "transfer-encoding"];
        let reply = written(200, own.iter().map(|name| (*name, "1".into())).collect());
        assert!(own.iter().all(|name| !reply.headers().contains_key(*name)));
        let named = written(200, vec![("x-amzn-requestid", "of-connect".into())]);
        assert_eq!(named.headers()["x-amzn-requestid"], "of-connect");
    }
}
