//! An answer has one reading or is none. hyper decides silently where an answer could be read in two ways (chunked
//! before a length, equal lengths twice, everything up to the end of the connection); what it decided on is refused here.
//! RFC 9112 sections 6.1 to 6.3, RFC 9110 section 8.6.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, Version, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::{
    Answer, ClientBounds, ClientError, Failure,
    connection::{Connection, body_failure},
};

/// The whole body is read within so many times [`ClientBounds::idle_body`], however steadily it trickles.
const TRICKLE: u32 = 4;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// By its length.
    Length,
    /// By its last chunk.
    Chunked,
    /// By the end of the connection only.
    Close,
}

/// Whether an answer has one reading.
pub(super) fn check<B>(response: &Response<B>) -> Result<(), Failure> {
    let status = response.status();
    if response.version() != Version::HTTP_11 {
        return refuse("not http/1.1");
    }
    if status.is_informational() {
        return refuse("the protocol is switched without having been asked to");
    }
    match (status, framing(response.headers())?) {
        // RFC 9110 section 15.3.5: no content, and so no length but a harmless nought, and no chunks.
        (StatusCode::NO_CONTENT, Framing::Length) if !nought(response.headers()) => refuse("204 with a body"),
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, Framing::Chunked) => {
            refuse("a body where there is none")
        }
        (StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED, Framing::Close)
        | (_, Framing::Length | Framing::Chunked) => Ok(()),
        (_, Framing::Close) => refuse("neither a length nor chunks: its end cannot be known"),
    }
}

/// Reads the body whole, within the bounds. The connection comes back after a body that ended as its head said.
pub(super) async fn whole(
    response: Response<Incoming>,
    connection: Connection,
    bounds: &ClientBounds,
) -> Result<(Answer, Connection), ClientError> {
    let (head, body) = response.into_parts();
    match read(body, bounds).await {
        Ok(body) => {
            Ok((Answer { status: head.status.as_u16(), headers: fields(&head.headers), body }, connection))
        }
        Err(why) => Err(connection.close(why).await),
    }
}

/// The header fields whose values are visible ASCII.
pub(super) fn fields(headers: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect()
}

async fn read(mut body: Incoming, bounds: &ClientBounds) -> Result<Bytes, Failure> {
    let too_long = || Failure::Answer(format!("body longer than {} octets", bounds.body));
    let stated = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if stated > bounds.body {
        return Err(too_long());
    }
    let mut whole = BytesMut::with_capacity(stated);
    let end = Instant::now() + bounds.idle_body.saturating_mul(TRICKLE);
    loop {
        let next = end.min(Instant::now() + bounds.idle_body);
        let frame = match timeout_at(next, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(error))) => return Err(body_failure(&error)),
            Ok(None) => return Ok(whole.freeze()),
            Err(_) => return Err(Failure::Timeout("reading the answer's body")),
        };
        // Trailers are dropped: nothing that is decided on may come after the body.
        if let Ok(part) = frame.into_data() {
            if part.len() > bounds.body.saturating_sub(whole.len()) {
                return Err(too_long());
            }
            whole.extend_from_slice(&part);
        }
    }
}

fn framing(headers: &HeaderMap) -> Result<Framing, Failure> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    match (lengths.next(), lengths.next(), codings.next(), codings.next()) {
        (None, _, None, _) => Ok(Framing::Close),
        (Some(length), None, None, _) if digits(length) => Ok(Framing::Length),
        (Some(_), None, None, _) => refuse("a length that is no number"),
        (Some(_), Some(_), None, _) => refuse("more than one length"),
        (None, _, Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
            Ok(Framing::Chunked)
        }
        (None, _, Some(_), _) => refuse("a transfer coding other than chunked"),
        (Some(_), _, Some(_), _) => refuse("both a length and a transfer coding"),
    }
}

fn digits(value: &HeaderValue) -> bool {
    !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit)
}

fn nought(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_LENGTH)
        .is_some_and(|value| value.as_bytes().iter().all(|digit| *digit == b'0'))
}

fn refuse<T>(why: &str) -> Result<T, Failure> {
    Err(Failure::Answer(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, fields: &[(&'static str, &'static str)]) -> Result<(), Failure> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        for (name, value) in fields {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        check(&response)
    }

    #[test]
    fn one_reading_is_taken() {
        answer(200, &[("content-length", "0")]).unwrap();
        answer(404, &[("content-length", "17")]).unwrap();
        answer(200, &[("transfer-encoding", "Chunked")]).unwrap();
        answer(204, &[]).unwrap();
        answer(204, &[("content-length", "0")]).unwrap();
        answer(304, &[("content-length", "17")]).unwrap();
        answer(302, &[("content-length", "0"), ("location", "https://example.com/")]).unwrap();
    }

    #[test]
    fn c26_two_readings_or_none_are_refused() {
        let two: &[(u16, &[(&str, &str)])] = &[
            (200, &[]),
            (200, &[("content-length", "5"), ("transfer-encoding", "chunked")]),
            (200, &[("content-length", "5"), ("content-length", "5")]),
            (200, &[("content-length", "5, 5")]),
            (200, &[("content-length", "+5")]),
            (200, &[("content-length", "")]),
            (200, &[("transfer-encoding", "gzip, chunked")]),
            (200, &[("transfer-encoding", "identity")]),
            (200, &[("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")]),
            (204, &[("content-length", "5")]),
            (204, &[("transfer-encoding", "chunked")]),
            (304, &[("transfer-encoding", "chunked")]),
            (101, &[("upgrade", "websocket")]),
        ];
        for (status, fields) in two {
            assert!(matches!(answer(*status, fields), Err(Failure::Answer(_))), "{status} {fields:?}");
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let mut response = Response::new(());
        *response.version_mut() = Version::HTTP_10;
        response.headers_mut().insert("content-length", HeaderValue::from_static("0"));
        assert!(matches!(check(&response), Err(Failure::Answer(_))));
    }

    #[test]
    fn values_that_are_not_text_are_dropped() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", HeaderValue::from_bytes(b"\xff").unwrap());
        headers.insert("x-b", HeaderValue::from_static("b"));
        assert_eq!(fields(&headers), [("x-b".to_owned(), "b".to_owned())]);
    }
}
