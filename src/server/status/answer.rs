//! What is answered to which path.
//!
//! A probe may leave parts out, as Kubernetes' own health checks let it: `/readyz?exclude=policy` is ready although changes
//! are refused for the policy's sake, `exclude` may be given several times, and parts that there are not are passed over.

use std::{convert::Infallible, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header, uri::Authority};
use http_body::Body as _;
use http_body_util::Full;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::task::spawn_blocking;

use super::{Reason, Watched, metrics, shared::Shared};

/// Whoever asks, asks here.
pub(super) struct Desk<W> {
    watched: Arc<W>,
    names: Names,
    metrics: Shared,
}

/// By which names whoever asks may have found it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// By whichever: there is a certificate to be compared with it, or it is not for this machine alone.
    Any,
    /// By an address or `localhost`: on loopback and without a certificate, whoever has another name was sent here by the
    /// name system, as a page in a browser of this machine is that wants to read what is answered (DNS rebinding).
    Ours,
}

/// The answer to a probe, for programs.
#[derive(Serialize)]
struct Probe<'a> {
    ok: bool,
    reasons: &'a [Reason],
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

impl<W: Watched> Desk<W> {
    pub(super) fn new(watched: Arc<W>, names: Names) -> Self {
        Self { watched, names, metrics: Shared::default() }
    }

    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(secured(self.plain(&request).await))
    }

    async fn plain(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if self.names == Names::Ours && !is_ours(request.headers()) {
            return text(StatusCode::MISDIRECTED_REQUEST, "ask by an address or `localhost`\n");
        }
        if !request.body().is_end_stream() {
            return text(StatusCode::BAD_REQUEST, "a body is not expected\n");
        }
        let probe = match request.uri().path() {
            "/livez" => W::live,
            "/readyz" => W::ready,
            "/startupz" => W::started,
            "/metrics" if is_read(request.method()) => return self.metrics().await,
            "/metrics" => return not_allowed(),
            _ => return text(StatusCode::NOT_FOUND, "not found\n"),
        };
        if is_read(request.method()) {
            let query = request.uri().query();
            let mut reasons = probe(&self.watched);
            reasons.retain(|reason| !excluded(query).any(|part| part == reason.part));
            probed(&reasons, wants_json(query, request.headers()))
        } else {
            not_allowed()
        }
    }

    async fn metrics(&self) -> Response<Full<Bytes>> {
        let watched = Arc::clone(&self.watched);
        let measuring = async move {
            let Some(measurements) = watched.measure().await else { return Some(Bytes::new()) };
            spawn_blocking(move || metrics::exposition(measurements)).await.ok().flatten()
        };
        match self.metrics.of(measuring).await {
            Ok(exposition) => answer(StatusCode::OK, metrics::CONTENT_TYPE, exposition),
            Err(why) => text(StatusCode::SERVICE_UNAVAILABLE, &format!("{why}\n")),
        }
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether every `Host` is an address or `localhost`.
fn is_ours(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|host| {
        let Ok(host) = Authority::try_from(host.as_bytes()) else { return false };
        let name = host.host();
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
    })
}

/// The parts that are left out.
fn excluded(query: Option<&str>) -> impl Iterator<Item = &str> {
    query.into_iter().flat_map(|query| query.split('&')).filter_map(|part| part.strip_prefix("exclude="))
}

/// Whether somebody wants JSON: by `?verbose`, or by naming it and not text in `accept`.
fn wants_json(query: Option<&str>, headers: &HeaderMap) -> bool {
    let verbose = query.is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
    let accepts = |kind: &str| {
        let fields = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
        fields.flat_map(|field| field.split(',')).any(|range| range.trim().starts_with(kind))
    };
    verbose || (accepts("application/json") && !accepts("text/"))
}

fn probed(reasons: &[Reason], json: bool) -> Response<Full<Bytes>> {
    let ok = reasons.is_empty();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    if json {
        let body = serde_json::to_vec(&Probe { ok, reasons }).unwrap_or_default();
        return answer(status, JSON, body.into());
    }
    if ok {
        return text(status, "ok\n");
    }
    let line = |reason: &Reason| format!("{}: {}\n", reason.part, reason.why.replace(['\r', '\n'], " "));
    text(status, &reasons.iter().map(line).collect::<String>())
}

fn not_allowed() -> Response<Full<Bytes>> {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
    answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    answer
}

fn text(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    answer(status, TEXT, Bytes::copy_from_slice(body.as_bytes()))
}

fn answer(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// What keeps a browser from making anything of an answer that it happens to be shown.
fn secured(mut answer: Response<Full<Bytes>>) -> Response<Full<Bytes>> {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
