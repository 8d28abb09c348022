//! A stand-in for a guard: a session listener and a gateway that write down every octet they are sent.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use connect_guard::demo::certificates::{Authority, Issued};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// The guard's audience.
pub const AUDIENCE: &str = "guard.example.com";
/// Whom every session stands for.
pub const PRINCIPAL: &str = "arn:aws:sts::111122223333:assumed-role/Desk/app";

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The request line and the header fields.
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    pub fn line(&self) -> &str {
        self.head.lines().next().unwrap()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        found.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The access key id that it is signed with.
    pub fn key_id(&self) -> String {
        let value = self.field("authorization").unwrap();
        value.split("Credential=").nth(1).unwrap().split('/').next().unwrap().to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What the gateway does with a request.
#[derive(Debug, Clone)]
pub enum Does {
    /// Answers.
    Answers(u16, Vec<(&'static str, String)>, String),
    /// Answers 200 when it may.
    Waits(Arc<Semaphore>),
    /// Ends the connection.
    Ends,
}

impl Does {
    /// An answer as the guard gives them.
    pub fn answer(status: u16, error: Option<&str>, body: &str) -> Self {
        let mut fields = vec![
            ("content-type", "application/json".to_owned()),
            ("x-amzn-requestid", "of-the-guard".to_owned()),
        ];
        fields.extend(error.map(|error| ("x-amzn-errortype", error.to_owned())));
        Self::Answers(status, fields, body.to_owned())
    }
}

/// What both listeners share.
#[derive(Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    asked: Mutex<Vec<Received>>,
    script: Mutex<VecDeque<Does>>,
    issued: AtomicU64,
    lifetime: AtomicU64,
    audience: Mutex<String>,
    refuses: Mutex<Option<(u16, String)>>,
}

/// The guard.
pub struct Guard {
    pub folder: PathBuf,
    pub gateway: SocketAddr,
    pub session: SocketAddr,
    shared: Arc<Shared>,
    issued: Issued,
    gateway_tasks: JoinSet<()>,
    session_tasks: JoinSet<()>,
}

impl Guard {
    /// Starts both listeners; the CA file is `folder/ca.pem`.
    pub async fn start(folder: &Path) -> Self {
        let authority = Authority::new("stand-in").unwrap();
        let issued = authority.issue(&["localhost"]).unwrap();
        std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
        let shared = Arc::new(Shared::default());
        shared.lifetime.store(900_000, Ordering::SeqCst);
        AUDIENCE.clone_into(&mut shared.audience.lock().unwrap());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut guard = Self {
            folder: folder.to_owned(),
            gateway: any,
            session: any,
            shared,
            issued,
            gateway_tasks: JoinSet::new(),
            session_tasks: JoinSet::new(),
        };
        guard.gateway_up().await;
        guard.session_up().await;
        guard
    }

    /// (Re)starts the gateway, where it was.
    pub async fn gateway_up(&mut self) {
        let listener = TcpListener::bind(self.gateway).await.unwrap();
        self.gateway = listener.local_addr().unwrap();
        let (shared, tls) = (Arc::clone(&self.shared), self.acceptor());
        self.gateway_tasks.spawn(accept(listener, tls, move |mut stream| {
            let shared = Arc::clone(&shared);
            async move {
                while let Some(received) = read(&mut stream).await {
                    shared.received.lock().unwrap().push(received);
                    let next = shared.script.lock().unwrap().pop_front();
                    let next = next.unwrap_or_else(|| Does::answer(200, None, "{\"ok\":true}"));
                    let (status, fields, body) = match next {
                        Does::Answers(status, fields, body) => (status, fields, body),
                        Does::Waits(may) => {
                            may.acquire().await.unwrap().forget();
                            (200, vec![("x-amzn-requestid", "of-the-guard".to_owned())], "{}".to_owned())
                        }
                        Does::Ends => return,
                    };
                    if write(&mut stream, status, &fields, body.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }));
    }

    /// Ends the gateway and every connection of it.
    pub async fn gateway_down(&mut self) {
        self.gateway_tasks.shutdown().await;
    }

    /// (Re)starts the session listener, where it was.
    pub async fn session_up(&mut self) {
        let listener = TcpListener::bind(self.session).await.unwrap();
        self.session = listener.local_addr().unwrap();
        let (shared, tls) = (Arc::clone(&self.shared), self.acceptor());
        self.session_tasks.spawn(accept(listener, tls, move |mut stream| {
            let shared = Arc::clone(&shared);
            async move {
                while let Some(received) = read(&mut stream).await {
                    let (status, kind, body) = shared.grant(&received);
                    shared.asked.lock().unwrap().push(received);
                    let fields = [
                        ("content-type", kind.to_owned()),
                        ("x-amzn-requestid", "of-the-guard".to_owned()),
                        ("x-amzn-errortype", "AccessDeniedException".to_owned()),
                    ];
                    let fields = if status == 200 { &fields[..2] } else { &fields };
                    if write(&mut stream, status, fields, body.as_bytes()).await.is_err() {
                        return;
                    }
                }
            }
        }));
    }

    /// Ends the session listener.
    pub async fn session_down(&mut self) {
        self.session_tasks.shutdown().await;
    }

    /// What the gateway does with the next requests, one after the other; then it answers 200.
    pub fn script(&self, all: impl IntoIterator<Item = Does>) {
        self.shared.script.lock().unwrap().extend(all);
    }

    /// How long sessions last that are granted from now on.
    pub fn lifetime(&self, lifetime: Duration) {
        self.shared.lifetime.store(lifetime.as_millis().try_into().unwrap(), Ordering::SeqCst);
    }

    /// What the session listener says of itself.
    pub fn says(&self, audience: &str) {
        audience.clone_into(&mut self.shared.audience.lock().unwrap());
    }

    /// Every proof is refused from now on, or none.
    pub fn refuses(&self, refuses: Option<(u16, &str)>) {
        *self.shared.refuses.lock().unwrap() = refuses.map(|(status, why)| (status, why.to_owned()));
    }

    /// What the gateway was sent.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// What the session listener was sent.
    pub fn asked(&self) -> Vec<Received> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How many sessions were granted.
    pub fn sessions(&self) -> u64 {
        self.shared.issued.load(Ordering::SeqCst)
    }

    /// Whether any octet that came, anywhere, holds this.
    pub fn saw(&self, text: &str) -> bool {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        let all = self.received().into_iter().chain(self.asked());
        all.into_iter().any(|one| holds(one.head.as_bytes()) || holds(&one.body))
    }

    fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.issued.server(&["http/1.1"]).unwrap())
    }
}

/// The secret of a session.
pub fn secret_of(key_id: &str) -> String {
    format!("secret-of-{key_id}-0123456789")
}

impl Shared {
    fn grant(&self, asked: &Received) -> (u16, &'static str, String) {
        const JSON: &str = "application/json";
        let refused = self.refuses.lock().unwrap().clone();
        match (asked.line(), refused) {
            ("POST /v1/nonce HTTP/1.1", _) => {
                let audience = self.audience.lock().unwrap().clone();
                (200, JSON, json!({"nonce": "k1.AbC", "audience": audience, "expiresIn": 60}).to_string())
            }
            (_, Some((status, why))) => (status, JSON, json!({ "Message": why }).to_string()),
            ("POST /v1/session/sts HTTP/1.1" | "POST /v1/session/certificate HTTP/1.1", None) => {
                let (id, secret, token, end) = self.issue();
                let session = json!({
                    "Version": 1, "AccessKeyId": id, "SecretAccessKey": secret, "SessionToken": token,
                    "Expiration": end, "Principal": PRINCIPAL,
                });
                (200, JSON, session.to_string())
            }
            ("POST / HTTP/1.1", None) => {
                let (id, secret, token, end) = self.issue();
                let text = format!(
                    "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                     <AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>{PRINCIPAL}</Arn></AssumedRoleUser>\
                     <Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
                     <SessionToken>{token}</SessionToken><Expiration>{end}</Expiration></Credentials>\
                     </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
                );
                (200, "text/xml", text)
            }
            ("POST /v1/freeze HTTP/1.1" | "POST /v1/unfreeze HTTP/1.1", None) => {
                (200, JSON, json!({"id": "FZ1"}).to_string())
            }
            ("POST /v1/freezes HTTP/1.1", None) => {
                let one = json!({
                    "id": "FZ1", "scope": "all", "reason": "a drill", "by": PRINCIPAL, "at": 1_804_845_600_000_u64,
                });
                (200, JSON, json!({"freezes": [one]}).to_string())
            }
            (other, None) => (400, JSON, json!({ "Message": other }).to_string()),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "it stands in for another process, which has a clock of its own"
    )]
    fn issue(&self) -> (String, String, String, String) {
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        let letters: String = (0..18_u32)
            .map(|place| char::from(b'A' + u8::try_from(number / 26_u64.pow(place.min(8)) % 26).unwrap()))
            .collect();
        let id = format!("GS{letters}");
        let life = Duration::from_millis(self.lifetime.load(Ordering::SeqCst));
        let end = Timestamp::now() + life;
        (id.clone(), secret_of(&id), format!("token-of-{id}"), end.to_string())
    }
}

async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    tls: TlsAcceptor,
    serve: impl Fn(TlsStream<TcpStream>) -> F + Send + 'static,
) {
    // Dropped with this future, and so all of them end with it.
    let mut open = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let Ok(stream) = tls.accept(stream).await else { continue };
        open.spawn(serve(stream));
    }
}

async fn read(stream: &mut TlsStream<TcpStream>) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut received = Received { head, body: bytes[end + 4..].to_vec() };
    let length = received.field("content-length").map_or(0, |length| length.parse().unwrap());
    while received.body.len() < length {
        if stream.read_buf(&mut received.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(received)
}

async fn write(
    stream: &mut TlsStream<TcpStream>,
    status: u16,
    fields: &[(&str, String)],
    body: &[u8],
) -> io::Result<()> {
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = fields.concat();
    let head = format!("HTTP/1.1 {status} As\r\n{fields}content-length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).await?;
    stream.flush().await
}
