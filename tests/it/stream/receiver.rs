//! A receiver of syslog over TLS: reads frames by their length in octets, strictly, and keeps what came. And one of webhooks.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use connect_guard::demo::certificates::Authority;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::running::until;

/// What a receiver does with what comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Reads messages of syslog.
    Syslog,
    /// Shakes hands, and never reads.
    Mute,
    /// Does not even shake hands.
    Silent,
    /// Takes calls of a webhook, the first so many with 503.
    Webhook(usize),
}

/// One receiver on an address of its own, which stays the same while it comes and goes.
pub struct Receiver {
    pub address: SocketAddr,
    /// The messages as they came: of syslog whole, of a webhook the bodies' lines.
    messages: Arc<Mutex<Vec<String>>>,
    /// Of a webhook: the heads.
    pub heads: Arc<Mutex<Vec<String>>>,
    /// Connections that came.
    pub connections: Arc<AtomicUsize>,
    working: Option<JoinSet<()>>,
}

impl Receiver {
    /// At a free port; not there yet.
    pub fn new() -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            address: free.local_addr().unwrap(),
            messages: Arc::default(),
            heads: Arc::default(),
            connections: Arc::default(),
            working: None,
        }
    }

    /// It is there, with a certificate by this authority for this name.
    pub fn start(&mut self, authority: &Authority, name: &str, manner: Manner) {
        let acceptor = TlsAcceptor::from(authority.issue(&[name]).unwrap().server(&[]).unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        if manner == Manner::Mute {
            socket.set_recv_buffer_size(4_096).unwrap();
        }
        socket.bind(self.address).unwrap();
        let listener = socket.listen(64).unwrap();
        let (messages, heads, count) =
            (Arc::clone(&self.messages), Arc::clone(&self.heads), Arc::clone(&self.connections));
        let refusals =
            Arc::new(AtomicUsize::new(if let Manner::Webhook(first) = manner { first } else { 0 }));
        let mut working = JoinSet::new();
        working.spawn(async move {
            // Dropped with this one: whoever is connected is cut.
            let mut sessions = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let (acceptor, messages, heads) =
                    (acceptor.clone(), Arc::clone(&messages), Arc::clone(&heads));
                let refusals = Arc::clone(&refusals);
                sessions.spawn(async move {
                    if manner == Manner::Silent {
                        std::future::pending::<()>().await;
                    }
                    let Ok(tls) = acceptor.accept(tcp).await else { return };
                    match manner {
                        Manner::Syslog => read(tls, &messages).await,
                        Manner::Webhook(_) => answer(tls, &messages, &heads, &refusals).await,
                        Manner::Mute | Manner::Silent => std::future::pending().await,
                    }
                });
            }
        });
        self.working = Some(working);
    }

    /// It is gone, and so is every session with it.
    pub async fn stop(&mut self) {
        if let Some(mut working) = self.working.take() {
            working.shutdown().await;
        }
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// The JSON of each, in the order in which they came.
    pub fn lines(&self) -> Vec<Value> {
        let json = |message: &String| {
            let at = message.find('{').unwrap();
            serde_json::from_str(&message[at..]).unwrap()
        };
        self.messages().iter().map(json).collect()
    }

    /// What came, once it holds what is asked for.
    pub async fn once(&self, what: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        until(what, || async {
            let lines = self.lines();
            enough(&lines).then_some(lines)
        })
        .await
    }
}

/// Reads frames to the end: `LENGTH SPACE MESSAGE`, and nothing else.
async fn read(stream: impl AsyncRead + Unpin, messages: &Mutex<Vec<String>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = Vec::new();
        match stream.read_until(b' ', &mut length).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Some(digits) = length.strip_suffix(b" ") else { return };
        let digits = std::str::from_utf8(digits).unwrap();
        assert!(!digits.starts_with('0') && digits.bytes().all(|one| one.is_ascii_digit()), "{digits:?}");
        let mut message = vec![0; digits.parse().unwrap()];
        if stream.read_exact(&mut message).await.is_err() {
            return;
        }
        messages.lock().unwrap().push(String::from_utf8(message).unwrap());
    }
}

/// Takes calls to the end of the connection.
async fn answer(
    stream: tokio_rustls::server::TlsStream<TcpStream>,
    messages: &Mutex<Vec<String>>,
    heads: &Mutex<Vec<String>>,
    refusals: &AtomicUsize,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut body).await.unwrap();
        let refuses = refusals.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let status = if refuses.is_ok() { "503 Service Unavailable" } else { "204 No Content" };
        if refuses.is_err() {
            heads.lock().unwrap().push(head);
            let body = String::from_utf8(body).unwrap();
            messages.lock().unwrap().extend(body.lines().map(str::to_owned));
        }
        let said = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.get_mut().write_all(said.as_bytes()).await.is_err() {
            return;
        }
        drop(stream.get_mut().flush().await);
    }
}
