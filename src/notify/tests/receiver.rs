//! An embedded receiver of webhooks: HTTPS, scripted answers, and everything it was sent.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::demo::certificates::Authority;

/// What a request is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// These octets.
    Says(String),
    /// These octets, and then one more again and again.
    Trickles(&'static str),
    /// These octets, and then as many more as are taken.
    Pours(&'static str),
    /// Nothing; the connection stays open.
    Silent,
    /// Nothing; the connection is closed.
    Drops,
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Posted {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

/// The receiver. Stops when dropped.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    pub(super) ca_pem: String,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    answer: watch::Sender<Answer>,
    posted: watch::Sender<Vec<Posted>>,
    connections: AtomicU64,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        Self::named("localhost").await
    }

    pub(super) async fn named(name: &str) -> Self {
        let authority = Authority::new("embedded receiver").unwrap();
        let acceptor = TlsAcceptor::from(authority.issue(&[name]).unwrap().server(&["http/1.1"]).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: watch::Sender::new(status(204, "")),
            posted: watch::Sender::new(Vec::new()),
            connections: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(Arc::clone(&shared), listener, acceptor));
        Self { address, ca_pem: authority.pem().to_owned(), shared, accepting }
    }

    pub(super) fn answer(&self, answer: Answer) {
        self.shared.answer.send_replace(answer);
    }

    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}/hook?a=b", self.address.port())
    }

    pub(super) fn posted(&self) -> Vec<Posted> {
        self.shared.posted.borrow().clone()
    }

    pub(super) async fn received(&self, most: usize) -> Vec<Posted> {
        let mut posted = self.shared.posted.subscribe();
        posted.wait_for(|posted| posted.len() >= most).await.unwrap().clone()
    }

    pub(super) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Posted {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An answer of a status, more header lines (each with its end), and no body.
pub(super) fn status(status: u16, headers: &str) -> Answer {
    let length = if status == 204 { "" } else { "content-length: 0\r\n" };
    Answer::Says(format!("HTTP/1.1 {status} x\r\n{headers}{length}\r\n"))
}

async fn accept(shared: Arc<Shared>, listener: TcpListener, acceptor: TlsAcceptor) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let (shared, acceptor) = (Arc::clone(&shared), acceptor.clone());
        connections.spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(&shared, BufReader::new(stream)).await;
            }
        });
    }
}

async fn serve(shared: &Shared, mut stream: BufReader<TlsStream<TcpStream>>) {
    while let Some(posted) = request(&mut stream).await {
        shared.posted.send_modify(|all| all.push(posted));
        let answer = shared.answer.borrow().clone();
        match answer {
            Answer::Says(octets) => {
                if stream.write_all(octets.as_bytes()).await.is_err() {
                    return;
                }
            }
            Answer::Trickles(octets) => {
                drop(stream.write_all(octets.as_bytes()).await);
                while stream.write_all(b"a").await.is_ok() && stream.flush().await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                return;
            }
            Answer::Pours(octets) => {
                drop(stream.write_all(octets.as_bytes()).await);
                while stream.write_all(&[b'a'; 16 * 1024]).await.is_ok() {}
                return;
            }
            Answer::Silent => std::future::pending().await,
            Answer::Drops => return,
        }
        drop(stream.flush().await);
    }
}

async fn request(stream: &mut BufReader<TlsStream<TcpStream>>) -> Option<Posted> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let line = lines.remove(0);
    let fields: Vec<(String, String)> = lines
        .iter()
        .map(|line| {
            line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap()
        })
        .collect();
    let headers: BTreeMap<_, _> = fields.iter().cloned().collect();
    assert_eq!(headers.len(), fields.len(), "each header once");
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Posted { line, headers, body })
}
