//! From what is to be sent to hyper's request, so that what leaves is exactly what was given (it is signed), or nothing.

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::Full;

use super::{Failure, Outgoing};

/// Fields that say how a message is cut out of a connection, or what becomes of the connection. They are this module's
/// and the HTTP library's alone.
const FRAMING: [HeaderName; 7] = [
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::CONNECTION,
    header::UPGRADE,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
];

/// Builds the request, with `more` header fields after its own. Refused are: a method other than GET, POST, PUT and DELETE; a target that is not exactly what
/// would be written; no `host`, two of them, or another one than `authority`; a `content-length` that is not the body's;
/// fields of [`FRAMING`]; names and values that HTTP does not have.
pub(super) fn build(
    outgoing: &Outgoing,
    more: &[(String, String)],
    authority: &str,
) -> Result<Request<Full<Bytes>>, Failure> {
    let method = match outgoing.method {
        "GET" => Method::GET,
        "POST" => Method::POST,
        "PUT" => Method::PUT,
        "DELETE" => Method::DELETE,
        other => return refuse(format!("method `{other}`")),
    };
    let mut request = Request::new(Full::new(outgoing.body.clone()));
    *request.uri_mut() = target(&outgoing.target)?;
    let headers = request.headers_mut();
    let more = more.iter().map(|(name, text)| (name.as_str(), text));
    for (name, text) in outgoing.headers.iter().map(|(name, text)| (*name, text)).chain(more) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            return refuse(format!("header name `{name}`"));
        };
        if FRAMING.contains(&name) {
            return refuse(format!("header `{name}` is not the caller's to set"));
        }
        let Ok(value) = HeaderValue::from_str(text) else {
            return refuse(format!("value of header `{name}`"));
        };
        if headers.try_append(name, value).is_err() {
            return refuse("too many headers");
        }
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if host.as_bytes() == authority.as_bytes() => {}
        (Some(_), None) => return refuse("header `host` is not this client's authority"),
        (None, _) => return refuse("no header `host`"),
        (Some(_), Some(_)) => return refuse("more than one header `host`"),
    }
    let length = HeaderValue::from(outgoing.body.len());
    if headers.get_all(header::CONTENT_LENGTH).iter().any(|given| given != length) {
        return refuse("header `content-length` is not the body's length");
    }
    // RFC 9110 section 8.6: a method that has a meaning for content states its length, also when it is nought.
    if !outgoing.body.is_empty() || method == Method::POST || method == Method::PUT {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    *request.method_mut() = method;
    Ok(request)
}

/// Shows no value: targets, header fields and bodies hold signatures, session tokens and addresses.
impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The target in origin form. The `http` crate cuts a fragment off (and takes a `Uri` for equal to a text with one): what
/// it would write must be, octet for octet, what was given.
fn target(text: &str) -> Result<Uri, Failure> {
    let uri = if text.starts_with('/') { text.parse::<Uri>().ok() } else { None };
    match uri {
        Some(uri)
            if uri.authority().is_none()
                && uri.path_and_query().is_some_and(|kept| kept.as_str() == text) =>
        {
            Ok(uri)
        }
        Some(_) | None => refuse("target is not a path and query in origin form"),
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Request(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get() -> Outgoing {
        Outgoing {
            method: "GET",
            target: "/users/a?b=c%20d".to_owned(),
            headers: vec![("host", "connect.example.com".to_owned()), ("x-amz-date", "d".to_owned())],
            body: Bytes::new(),
        }
    }

    fn refused(change: impl FnOnce(&mut Outgoing)) -> String {
        let mut outgoing = get();
        change(&mut outgoing);
        build(&outgoing, &[], "connect.example.com").unwrap_err().to_string()
    }

    #[test]
    fn what_is_given_is_what_is_built() {
        let built = build(&get(), &[], "connect.example.com").unwrap();
        assert_eq!(built.uri().to_string(), "/users/a?b=c%20d");
        assert_eq!(built.method(), Method::GET);
        assert_eq!(built.headers().len(), 2);
    }

    #[test]
    fn a_length_is_stated_where_content_has_a_meaning() {
        for (method, stated) in [("GET", None), ("DELETE", None), ("POST", Some("0")), ("PUT", Some("0"))] {
            let mut outgoing = get();
            outgoing.method = method;
            let built = build(&outgoing, &[], "connect.example.com").unwrap();
            let length = built.headers().get(header::CONTENT_LENGTH).map(|value| value.to_str().unwrap());
            assert_eq!(length, stated, "{method}");
        }
    }

    #[test]
    fn a_right_length_stands_once() {
        let mut outgoing = get();
        outgoing.method = "POST";
        outgoing.body = Bytes::from_static(b"{}");
        outgoing.headers.push(("content-length", "2".to_owned()));
        let built = build(&outgoing, &[], "connect.example.com").unwrap();
        assert_eq!(built.headers().get_all(header::CONTENT_LENGTH).iter().count(), 1);
    }

    #[test]
    fn a_wrong_length_is_refused() {
        assert!(refused(|o| o.headers.push(("content-length", "1".to_owned()))).contains("content-length"));
    }

    #[test]
    fn the_host_is_this_clients_and_there_once() {
        assert!(refused(|o| o.headers.remove(0).1.clear()).contains("no header `host`"));
        assert!(
            refused(|o| o.headers.push(("host", "connect.example.com".into()))).contains("more than one")
        );
        assert!(refused(|o| o.headers[0].1 = "example.com".into()).contains("authority"));
        assert!(refused(|o| o.headers[0].1 = "connect.example.com:443".into()).contains("authority"));
    }

    #[test]
    fn framing_is_not_the_callers() {
        for name in ["transfer-encoding", "te", "trailer", "connection", "upgrade", "expect", "keep-alive"] {
            assert!(refused(|o| o.headers.push((name, "x".into()))).contains(name));
        }
    }

    #[test]
    fn lines_cannot_be_injected() {
        assert!(refused(|o| o.headers.push(("x-a", "b\r\nx-c: d".into()))).contains("x-a"));
        assert!(refused(|o| o.headers.push(("x a", "b".into()))).contains("x a"));
    }

    #[test]
    fn other_methods_are_refused() {
        for method in ["HEAD", "CONNECT", "OPTIONS", "PATCH", "get", ""] {
            assert!(refused(|o| o.method = method).contains("method"));
        }
    }

    #[test]
    fn other_targets_are_refused() {
        for target in
            ["", "*", "users", "https://example.com/a", "/a#b", "/a b", "/a\r\nb", "//example.com/a\u{0}"]
        {
            assert!(refused(|o| o.target = target.into()).contains("target"), "{target:?}");
        }
    }
}
