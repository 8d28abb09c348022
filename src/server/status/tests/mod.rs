//! Status over real sockets.

mod bounds;
mod openmetrics;
mod page;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::server::Tls;

/// What would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A guard that says what it is told to say.
pub(super) struct Told {
    reasons: Mutex<[Vec<Reason>; 3]>,
    measured: AtomicUsize,
    measurements: Mutex<Option<Measurements>>,
    /// One permit lets one measuring end.
    measuring: Semaphore,
}

impl Default for Told {
    fn default() -> Self {
        Self {
            reasons: Mutex::default(),
            measured: AtomicUsize::new(0),
            measurements: Mutex::new(Some(page::measurements())),
            measuring: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }
}

impl Watched for Told {
    fn live(&self) -> Vec<Reason> {
        self.reasons.lock().unwrap()[0].clone()
    }

    fn ready(&self) -> Vec<Reason> {
        self.reasons.lock().unwrap()[1].clone()
    }

    fn started(&self) -> Vec<Reason> {
        self.reasons.lock().unwrap()[2].clone()
    }

    async fn measure(&self) -> Option<Measurements> {
        self.measured.fetch_add(1, Ordering::SeqCst);
        self.measuring.acquire().await.unwrap().forget();
        Some(self.measurements.lock().unwrap().clone().expect("as asked"))
    }
}

struct Running {
    address: SocketAddr,
    told: Arc<Told>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Running {
    fn start(tls: Option<Tls>) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = StatusServer::bind(StatusOptions { address, tls }).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (address, told) = (server.address(), Arc::<Told>::default());
        let run = server.run(Arc::clone(&told), async move {
            let _ = stopped.await;
        });
        Self { address, told, stop, task: tokio::spawn(run) }
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn get(&self, target: &str) -> Answer {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    async fn ask(&self, octets: &str) -> Answer {
        asked(self.tcp().await, octets).await
    }
}

async fn asked(mut stream: impl AsyncRead + AsyncWrite + Unpin, octets: &str) -> Answer {
    stream.write_all(octets.as_bytes()).await.unwrap();
    let mut read = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut read)).await.expect("it hangs").unwrap();
    let (head, body) = read.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{read:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

fn reason(part: &'static str, why: &str) -> Reason {
    Reason { part, why: why.to_owned() }
}

#[tokio::test]
async fn probes_say_why_not() {
    let running = Running::start(None);
    let paths = ["/livez", "/readyz", "/startupz"];
    for (number, path) in paths.into_iter().enumerate() {
        let answer = running.get(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"), "{path}");
        assert!(answer.head.contains("content-type: text/plain; charset=utf-8"), "{answer:?}");
        running.told.reasons.lock().unwrap()[number] =
            vec![reason("ledger", "not\r\nwritable"), reason("policy", "frozen")];
        let answer = running.get(path).await;
        let text = "ledger: not  writable\npolicy: frozen\n";
        assert_eq!((answer.status, answer.body.as_str()), (503, text), "{path}");
        running.told.reasons.lock().unwrap()[number].clear();
    }
}

#[tokio::test]
async fn parts_that_are_left_out_do_not_count() {
    let running = Running::start(None);
    running.told.reasons.lock().unwrap()[1] = vec![reason("ledger", "full"), reason("policy", "frozen")];
    for (query, status, body) in [
        ("", 503, "ledger: full\npolicy: frozen\n"),
        ("?exclude=policy", 503, "ledger: full\n"),
        ("?exclude=policy&exclude=ledger", 200, "ok\n"),
        ("?exclude=ledger&verbose", 503, r#"{"ok":false,"reasons":[{"part":"policy","why":"frozen"}]}"#),
        ("?exclude=poli", 503, "ledger: full\npolicy: frozen\n"),
        ("?exclude=", 503, "ledger: full\npolicy: frozen\n"),
        ("?exclude", 503, "ledger: full\npolicy: frozen\n"),
        ("?xexclude=policy", 503, "ledger: full\npolicy: frozen\n"),
        ("?exclude=policy,ledger", 503, "ledger: full\npolicy: frozen\n"),
    ] {
        let answer = running.get(&format!("/readyz{query}")).await;
        assert_eq!((answer.status, answer.body.as_str()), (status, body), "{query}");
    }
}

#[tokio::test]
async fn probes_answer_programs_in_json() {
    let running = Running::start(None);
    let accepting =
        |accept: &str| format!("GET /readyz HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n\r\n");
    assert_eq!(running.get("/readyz?verbose").await.body, r#"{"ok":true,"reasons":[]}"#);
    running.told.reasons.lock().unwrap()[1] = vec![reason("ledger", "not writable")];
    let json = r#"{"ok":false,"reasons":[{"part":"ledger","why":"not writable"}]}"#;
    for asked in [
        "GET /readyz?verbose HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /readyz?a&verbose=1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        &accepting("application/json"),
    ] {
        let answer = running.ask(asked).await;
        assert_eq!((answer.status, answer.body.as_str()), (503, json), "{asked}");
        assert!(answer.head.contains("content-type: application/json"), "{answer:?}");
    }
    for text in ["*/*", "text/html, application/json", "text/plain"] {
        assert_eq!(running.ask(&accepting(text)).await.body, "ledger: not writable\n", "{text}");
    }
}

#[tokio::test]
async fn k5_nothing_but_reading_four_paths_is_answered() {
    let running = Running::start(None);
    let line = |line: &str| format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (status, asked) in [
        (200, line("GET /livez")),
        (200, line("HEAD /metrics")),
        (404, line("GET /")),
        (404, line("GET /livez/")),
        (404, line("GET /LIVEZ")),
        (404, line("POST /debug")),
        (405, line("DELETE /livez")),
        (405, line("OPTIONS /metrics")),
        (405, line("POST /readyz")),
        (400, "GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n".to_owned()),
        (400, "POST /livez HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()),
    ] {
        let answer = running.ask(&asked).await;
        assert_eq!(answer.status, status, "{asked}");
        assert_eq!(answer.head.contains("allow: get, head"), status == 405, "{asked}");
        assert_eq!(answer.body.is_empty(), asked.starts_with("HEAD"), "{asked}");
        for field in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "content-security-policy: default-src 'none'",
            "referrer-policy: no-referrer",
            "connection: close",
        ] {
            assert!(answer.head.contains(field), "{asked}: no {field} in {answer:?}");
        }
    }
}

/// A page in a browser of this machine has the name system send its own name here.
#[tokio::test]
async fn k5_who_asks_by_a_strangers_name_is_told_nothing() {
    let running = Running::start(None);
    for (status, host) in [
        (200, "Host: 127.0.0.1:9464\r\n"),
        (200, "Host: [::1]:9464\r\n"),
        (200, "Host: 192.0.2.1\r\n"),
        (200, "Host: LOCALHOST\r\n"),
        (421, "Host: rebound.example.com\r\n"),
        (421, "Host: rebound.example.com:9464\r\n"),
        (421, "Host: localhost.example.com\r\n"),
        (421, "Host: 127.0.0.1.example.com\r\n"),
        (421, "Host: localhost@rebound.example.com\r\n"),
        (421, "Host: \r\n"),
        (421, "Host: localhost\r\nHost: rebound.example.com\r\n"),
    ] {
        for path in ["/metrics", "/readyz?verbose"] {
            let answer = running.ask(&format!("GET {path} HTTP/1.1\r\n{host}\r\n")).await;
            assert_eq!(answer.status, status, "{host}");
            assert!(status == 200 || answer.body == "ask by an address or `localhost`\n", "{answer:?}");
        }
    }
}
