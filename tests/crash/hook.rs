//! A receiver of webhooks: takes everything, and says which ids came how often.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use connect_guard::demo::certificates::Authority;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// The receiver. It stops with its runtime.
pub struct Hook {
    pub address: SocketAddr,
    pub ca: String,
    posts: Arc<Mutex<Vec<Post>>>,
}

/// One message.
#[derive(Debug, Clone)]
pub struct Post {
    pub id: String,
    pub body: serde_json::Value,
}

impl Hook {
    pub async fn start() -> Self {
        let authority = Authority::new("receiver of webhooks").unwrap();
        let acceptor =
            TlsAcceptor::from(authority.issue(&["localhost"]).unwrap().server(&["http/1.1"]).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let posts = Arc::<Mutex<Vec<Post>>>::default();
        let kept = posts.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, kept.clone()));
            }
        });
        Self { address, ca: authority.pem().to_owned(), posts }
    }

    /// Everything that came.
    pub fn posts(&self) -> Vec<Post> {
        self.posts.lock().unwrap().clone()
    }
}

/// Takes one message after the other, until the other side ends.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream, kept: Arc<Mutex<Vec<Post>>>) -> Option<()> {
    let mut stream = acceptor.accept(stream).await.ok()?;
    let mut held = Vec::new();
    loop {
        let length = loop {
            if let Some(end) = held.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            if stream.read_buf(&mut held).await.ok()? == 0 {
                return None;
            }
        };
        let text = String::from_utf8_lossy(&held[..length]).into_owned();
        let fields: BTreeMap<_, _> = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let end = length + 4 + fields["content-length"].parse::<usize>().unwrap();
        while held.len() < end {
            if stream.read_buf(&mut held).await.ok()? == 0 {
                return None;
            }
        }
        let body = serde_json::from_slice(&held[length + 4..end]).unwrap();
        kept.lock().unwrap().push(Post { id: fields["webhook-id"].clone(), body });
        held.drain(..end);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
        stream.flush().await.ok()?;
    }
}
