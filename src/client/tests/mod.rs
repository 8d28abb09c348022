//! The client against a server of TLS and scripted octets, on a port of its own for each test. Nothing sleeps to let
//! something happen; what would hang is cut by `bounded`.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::BodyExt;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::PrivateKeyDer;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

mod answers;
mod keeping;
mod reach;
mod sent;

use super::*;

pub(crate) const HOST: &str = "connect.us-east-1.example.com";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const SHORT: Duration = Duration::from_millis(80);

/// A listening server and how to trust it.
pub(crate) struct Site {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
    dir: TempDir,
}

/// One accepted connection.
pub(crate) struct Peer(TlsStream<TcpStream>);

impl Site {
    pub(crate) async fn open() -> Self {
        Self::named(HOST).await
    }

    /// One whose certificate has this name.
    pub(crate) async fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, acceptor: TlsAcceptor::from(Arc::new(config)), address, dir }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        Endpoint {
            host: HOST.to_owned(),
            port: self.address.port(),
            address: Some(self.address),
            ca_file: Some(self.dir.path().join("ca.pem")),
        }
    }

    pub(crate) fn client(&self, bounds: ClientBounds) -> Client {
        Client::new(self.endpoint(), bounds).unwrap()
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (tcp, _) = self.listener.accept().await.unwrap();
        Peer(self.acceptor.accept(tcp).await.unwrap())
    }

    /// Runs a script as the server; the result says what it saw.
    pub(crate) fn run<F, T>(self, script: impl FnOnce(Self) -> F) -> JoinHandle<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        tokio::spawn(script(self))
    }
}

impl Peer {
    /// Reads one request: its head, and its body by its length.
    pub(crate) async fn request(&mut self) -> String {
        let mut got = Vec::new();
        while !got.ends_with(b"\r\n\r\n") {
            got.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(got).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        head + &String::from_utf8(body).unwrap()
    }

    pub(crate) async fn say(&mut self, octets: &[u8]) {
        self.0.write_all(octets).await.unwrap();
        self.0.flush().await.unwrap();
    }

    /// Waits until the client closes.
    pub(crate) async fn closed(&mut self) {
        let mut rest = Vec::new();
        drop(self.0.read_to_end(&mut rest).await);
        assert!(rest.is_empty(), "more was sent: {rest:?}");
    }
}

fn request(client: &Client) -> Outgoing {
    Outgoing {
        method: "POST",
        target: "/users/i/u/identity-info?a=b%2Fc".to_owned(),
        headers: vec![
            ("host", client.authority().to_owned()),
            ("content-type", "application/json".to_owned()),
        ],
        body: Bytes::from_static(b"{\"a\":1}"),
    }
}

pub(crate) async fn bounded<F: Future>(work: F) -> F::Output {
    timeout(Duration::from_secs(20), work).await.expect("it hangs")
}

/// What the client makes of these octets given as the answer to a request that was read; the connection must be closed.
async fn answered(
    octets: &'static [u8],
    then_close: bool,
    bounds: ClientBounds,
) -> Result<Answer, ClientError> {
    let site = Site::open().await;
    let client = site.client(bounds);
    let server = site.run(async move |site| {
        let mut peer = site.accept().await;
        peer.request().await;
        // The client may hang up while this is being said.
        drop(peer.0.write_all(octets).await);
        drop(peer.0.flush().await);
        if then_close {
            drop(peer.0.shutdown().await);
        }
        peer.closed().await;
        site
    });
    let result = bounded(client.send(request(&client))).await;
    if result.is_err() {
        bounded(server).await.unwrap();
        assert_eq!(client.stats().idle, 0);
    }
    result
}
