//! The edge over real sockets and real TLS: a service that records what it saw, and a client that sends raw octets.

mod clients;
mod flow;
mod framing;
mod local;
mod proxy;
mod revoked;
mod slow;
mod tls;

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use rustls_pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, Semaphore, oneshot},
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    clock::{Clock, Now},
    wire::{Body, Broken, ErrorType, Head, Malformed, Occurs, Origin, Reply, RequestId, WireRequest},
};

use super::{tls::TlsFault, *};

/// The name in the certificate.
const NAME: &str = "guard.example.com";
/// Octets of body that the recorder admits.
const MOST: usize = 1024;
/// What would hang fails instead.
const PATIENCE: Duration = Duration::from_secs(20);

/// A certificate and its key, as PEM, and the certificate as trust anchor.
pub(super) struct Pair {
    pub(super) chain: String,
    pub(super) key: String,
    roots: RootCertStore,
}

/// What the edge did, as the service saw it. Its answers depend on the target.
pub(super) struct Recorder {
    calls: Mutex<Vec<WireRequest>>,
    malformed: Mutex<Vec<(Malformed, Origin)>>,
    unread: AtomicUsize,
    /// Told when a call has begun, and when a streamed body is dropped.
    begun: Notify,
    dropped: Arc<Notify>,
    finished: Notify,
    /// One permit lets one `/hang` go on.
    go_on: Arc<Semaphore>,
}

/// A running listener.
pub(super) struct Running {
    pub(super) address: SocketAddr,
    pub(super) service: Arc<Recorder>,
    pub(super) counts: Arc<Counts>,
    pub(super) tls: Tls,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Drained>,
}

/// One answer, as read from the octets.
#[derive(Debug)]
pub(super) struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    body: String,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// With a `close_notify`.
    Clean,
    /// Without: what was read may be cut short.
    Cut,
}

/// A body of so many chunks, then an end or a break.
struct Chunks {
    left: usize,
    then: Option<Broken>,
    dropped: Arc<Notify>,
}

impl Service for Recorder {
    fn admit(&self, head: &Head) -> Result<usize, Reply> {
        if head.target.raw().starts_with("/refused") {
            return Err(Reply::error(ErrorType::AccessDenied, "no", &head.origin.request_id));
        }
        Ok(MOST)
    }

    async fn call(self: Arc<Self>, request: WireRequest) -> Reply {
        let target = request.head.target.raw().to_owned();
        let octets = request.body.len();
        self.calls.lock().unwrap().push(request);
        self.begun.notify_one();
        let chunks =
            |left, then| Body::Stream(Box::pin(Chunks { left, then, dropped: Arc::clone(&self.dropped) }));
        let body = match target.as_str() {
            "/hang" => {
                self.go_on.acquire().await.unwrap().forget();
                Body::Whole("went on".into())
            }
            "/panic" => panic!("as asked"),
            "/stream" => chunks(3, None),
            "/large" => chunks(4096, None),
            "/broken" => chunks(3, Some(Broken("Connect hung up".into()))),
            _ => Body::Whole(format!("{target} {octets}").into()),
        };
        self.finished.notify_one();
        Reply { status: 200, headers: vec![("content-type", "text/plain".into())], body, close: false }
    }

    fn malformed(&self, malformed: &Malformed, origin: &Origin) {
        self.malformed.lock().unwrap().push((malformed.clone(), origin.clone()));
    }

    fn unread(&self, _: &Origin) {
        self.unread.fetch_add(1, Ordering::Relaxed);
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            calls: Mutex::default(),
            malformed: Mutex::default(),
            unread: AtomicUsize::new(0),
            begun: Notify::new(),
            dropped: Arc::default(),
            finished: Notify::new(),
            go_on: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Recorder {
    fn targets(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| call.head.target.raw().to_owned()).collect()
    }

    fn faults(&self) -> Vec<ErrorType> {
        self.malformed.lock().unwrap().iter().map(|(malformed, _)| malformed.error).collect()
    }
}

impl Pair {
    pub(super) fn fresh() -> Self {
        Self::valid((2000, 1, 1), (4000, 1, 1))
    }

    /// Valid from and until these days.
    fn valid(from: (i32, u8, u8), until: (i32, u8, u8)) -> Self {
        let mut params = CertificateParams::new([NAME.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from.0, from.1, from.2);
        params.not_after = date_time_ymd(until.0, until.1, until.2);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Self { chain: certificate.pem(), key: key.serialize_pem(), roots }
    }

    pub(super) fn tls(&self) -> Tls {
        Tls::new(self.chain.as_bytes(), self.key.as_bytes(), now()).unwrap()
    }

    pub(super) fn client(&self) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }
}

/// One pair for all tests that need no other.
pub(super) fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(Pair::fresh)
}

/// Within the time of every certificate that is made without naming one.
pub(super) fn now() -> Now {
    Clock::system().now()
}

pub(super) fn options() -> Options {
    Options::at(SocketAddr::from(([127, 0, 0, 1], 0)))
}

impl Running {
    pub(super) fn start(options: Options) -> Self {
        Self::over(options, pair().tls())
    }

    pub(super) fn over(options: Options, tls: Tls) -> Self {
        let server = Server::bind(options, tls.clone()).unwrap();
        let (address, counts) = (server.bound().address().unwrap(), server.counts());
        let service = Arc::<Recorder>::default();
        let (stop, stopped) = oneshot::channel();
        let run = server.run(Arc::clone(&service), async move {
            let _ = stopped.await;
        });
        Self { address, service, counts, tls, stop, task: tokio::spawn(run) }
    }

    pub(super) async fn stop(self) -> Drained {
        let _ = self.stop.send(());
        timeout(PATIENCE, self.task).await.unwrap().unwrap()
    }

    pub(super) async fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(super) async fn connect(&self) -> TlsStream<TcpStream> {
        self.connect_as(pair().client(), NAME).await.unwrap()
    }

    pub(super) async fn connect_as(
        &self,
        config: ClientConfig,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, self.tcp().await);
        timeout(PATIENCE, connecting).await.unwrap()
    }

    /// Sends these octets on a connection of their own and reads all that comes back.
    pub(super) async fn say(&self, octets: &[u8]) -> (Vec<Answer>, End) {
        let mut stream = self.connect().await;
        stream.write_all(octets).await.unwrap();
        rest(&mut stream).await
    }

    /// That the listener still serves.
    pub(super) async fn assert_alive(&self) {
        let (answers, _) = self.say(&get_closing("/alive")).await;
        assert_eq!(answers[0].status, 200);
    }
}

/// Reads to the end.
pub(super) async fn rest(stream: &mut TlsStream<TcpStream>) -> (Vec<Answer>, End) {
    let mut octets = Vec::new();
    let end = match timeout(PATIENCE, stream.read_to_end(&mut octets)).await.expect("the stream hangs") {
        Ok(_) => End::Clean,
        Err(_) => End::Cut,
    };
    (answers(&octets), end)
}

/// Reads one whole answer with a `content-length` and no more.
pub(super) async fn one(stream: &mut TlsStream<TcpStream>) -> Answer {
    let mut octets = Vec::new();
    loop {
        if let [_, ..] = answers(&octets).as_slice() {
            return answers(&octets).remove(0);
        }
        let octet = timeout(PATIENCE, stream.read_u8()).await.expect("no answer").unwrap();
        octets.push(octet);
    }
}

/// All whole answers in these octets.
fn answers(octets: &[u8]) -> Vec<Answer> {
    let mut rest = std::str::from_utf8(octets).unwrap();
    let mut answers = Vec::new();
    while let Some((head, after)) = rest.split_once("\r\n\r\n") {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let fields: Vec<_> =
            lines.map(|line| line.split_once(": ").unwrap()).map(|(n, v)| (n.into(), v.into())).collect();
        let mut answer = Answer { status, fields, body: String::new() };
        let length = match answer.field("content-length") {
            Some(length) => length.parse().unwrap(),
            None if status == 100 => 0,
            None => after.len(),
        };
        let Some((body, after)) = after.split_at_checked(length) else { break };
        answer.body = body.to_owned();
        answers.push(answer);
        rest = after;
    }
    answers
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(n, _)| n == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        first
    }

    /// An error in the contract's form.
    fn assert_error(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.field("x-amzn-errortype"), Some(name), "{self:?}");
        assert_eq!(self.field("content-type"), Some("application/json"), "{self:?}");
        assert_eq!(self.field("x-amzn-requestid").map(str::len), Some(36), "{self:?}");
        assert_eq!(self.field("transfer-encoding"), None);
        let body: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        assert!(body["Message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        assert_eq!(body.as_object().unwrap().len(), 1);
    }

    /// As [`Self::assert_error`], and the last answer of its connection.
    fn assert_last_error(&self, status: u16, name: &str) {
        self.assert_error(status, name);
        assert_eq!(self.field("connection"), Some("close"), "{self:?}");
    }
}

/// Waits for what happens just after its effect can be seen on the stream.
async fn eventually(happened: impl Fn() -> bool) {
    let waiting = async {
        while !happened() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("it never happened");
}

pub(super) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {NAME}\r\n\r\n").into()
}

pub(super) fn get_closing(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n").into()
}

/// A POST; `fields` are whole lines.
pub(super) fn post(target: &str, fields: &str, body: &str) -> Vec<u8> {
    format!("POST {target} HTTP/1.1\r\nHost: {NAME}\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len())
        .into()
}

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if self.left == 0 {
            return Poll::Ready(self.then.take().map(Err));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8192])))))
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.dropped.notify_one();
    }
}

#[test]
fn answers_are_told_apart() {
    let id = RequestId::from("1");
    let reply = Reply::error(ErrorType::InvalidRequest, "no", &id);
    let octets = reply::octets(&reply);
    let read = answers(&[octets.clone(), octets.clone(), octets.slice(..octets.len() - 1)].concat());
    assert_eq!(read.len(), 2);
    assert_eq!(read[1].body, r#"{"Message":"no"}"#);
}
