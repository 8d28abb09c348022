//! A caller as AWS SDKs are one: signs what they sign, sends what they send, and (for tests) octets that no SDK would.

use std::{
    fmt::Write,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::certificates::Issued;
use crate::{
    clock::Now,
    secret::Secret,
    sigv4::{Credentials, Signable, sign},
};

/// Somebody with a key, and the endpoint they use.
#[derive(Clone)]
pub struct Caller {
    /// Where the endpoint is.
    pub address: SocketAddr,
    /// Its name, in TLS and in `Host`.
    pub name: String,
    /// The CA of its certificate, PEM.
    pub ca: String,
    /// The access key id.
    pub key_id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token of temporary credentials.
    pub token: Option<String>,
    /// The Region that is signed for.
    pub region: String,
    /// What is shown where a client certificate is asked for.
    pub certificate: Option<Issued>,
    /// The IPv4 address of this host that is connected from; the system's choice otherwise.
    pub source: Option<Ipv4Addr>,
}

/// A request, unsigned.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, encoded.
    pub target: String,
    /// Header fields to be signed, names lower-case; `host`, `x-amz-date` and `authorization` are added.
    pub signed: Vec<(String, String)>,
    /// Header fields not to be signed.
    pub unsigned: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header fields, names lower-case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A request as boto3 sends it: `content-type` (with a body), `host` and `x-amz-date` are signed.
    pub fn new(method: &str, target: &str, body: &[u8]) -> Self {
        let signed = if body.is_empty() {
            Vec::new()
        } else {
            vec![("content-type".into(), "application/json".into())]
        };
        let unsigned = vec![
            ("accept-encoding".into(), "identity".into()),
            ("amz-sdk-invocation-id".into(), uuid::Uuid::new_v4().to_string()),
            ("amz-sdk-request".into(), "attempt=1".into()),
        ];
        Self { method: method.into(), target: target.into(), signed, unsigned, body: body.into() }
    }

    /// `UpdateUserIdentityInfo` of these fields.
    pub fn update_identity(instance: &str, user: &str, fields: &[(&str, &str)]) -> Self {
        let info: serde_json::Map<String, serde_json::Value> =
            fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        let body = serde_json::json!({ "IdentityInfo": info }).to_string();
        Self::new("POST", &format!("/users/{instance}/{user}/identity-info"), body.as_bytes())
    }

    /// `DescribeUser`.
    pub fn describe_user(instance: &str, user: &str) -> Self {
        Self::new("GET", &format!("/users/{instance}/{user}"), b"")
    }

    /// With another `amz-sdk-invocation-id`.
    #[must_use]
    pub fn invocation(mut self, id: &str) -> Self {
        self.unsigned.retain(|(name, _)| name != "amz-sdk-invocation-id");
        self.unsigned.push(("amz-sdk-invocation-id".into(), id.into()));
        self
    }
}

impl Answer {
    /// The value of a header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The error's name, as every SDK reads it.
    pub fn error(&self) -> Option<&str> {
        self.header("x-amzn-errortype")
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Caller {
    /// The octets of a request, signed at this time.
    ///
    /// # Errors
    /// When it has a form that cannot be signed.
    pub fn sign(&self, request: &Request, at: Timestamp) -> io::Result<Vec<u8>> {
        let host = self.host();
        let mut headers: Vec<(&str, &str)> =
            request.signed.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("host", &host));
        let credentials = Credentials {
            access_key_id: self.key_id.clone(),
            secret: Secret::new(self.secret.clone().into_bytes()),
            session_token: self.token.clone().map(|token| Secret::new(token.into_bytes())),
        };
        let signable = Signable {
            method: &request.method,
            target: &request.target,
            headers: &headers,
            body: &request.body,
        };
        let added =
            sign(signable, &credentials, &self.region, "connect", Now::from(at)).map_err(io::Error::other)?;
        let mut fields = vec![("host".to_owned(), host.clone())];
        fields.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Ok(Self::octets(request, &fields))
    }

    /// The octets of a request as it is, without a signature.
    pub fn unsigned(&self, request: &Request) -> Vec<u8> {
        let fields = [("host".to_owned(), self.host())];
        Self::octets(request, &fields)
    }

    /// Signs and sends a request on a connection of its own.
    ///
    /// # Errors
    /// When there is no connection, or no whole answer.
    pub async fn send(&self, request: &Request) -> io::Result<Answer> {
        let octets = self.sign(request, self.now())?;
        self.exchange(&octets).await
    }

    /// Sends octets on a connection of their own and reads one answer.
    ///
    /// # Errors
    /// When there is no connection, or no whole answer.
    pub async fn exchange(&self, octets: &[u8]) -> io::Result<Answer> {
        let mut connection = self.connect().await?;
        connection.write(octets).await?;
        connection.read().await
    }

    fn octets(request: &Request, more: &[(String, String)]) -> Vec<u8> {
        let mut octets = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
        for (name, value) in request.signed.iter().chain(more).chain(&request.unsigned) {
            let _ = write!(octets, "{name}: {value}\r\n");
        }
        if !request.body.is_empty() || request.method != "GET" {
            let _ = write!(octets, "content-length: {}\r\n", request.body.len());
        }
        octets.push_str("\r\n");
        let mut octets = octets.into_bytes();
        octets.extend_from_slice(&request.body);
        octets
    }

    /// A connection to the endpoint.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn connect(&self) -> io::Result<Connection> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(self.ca.as_bytes()) {
            roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots);
        let mut config = match &self.certificate {
            None => config.with_no_client_auth(),
            Some(issued) => {
                let (chain, key) = issued.pair()?;
                config.with_client_auth_cert(vec![chain], key).map_err(io::Error::other)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let name = ServerName::try_from(self.name.clone()).map_err(io::Error::other)?;
        let tcp = match self.source {
            None => TcpStream::connect(self.address).await?,
            Some(source) => {
                let socket = TcpSocket::new_v4()?;
                socket.bind((source, 0).into())?;
                socket.connect(self.address).await?
            }
        };
        tcp.set_nodelay(true)?;
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await?;
        Ok(Connection { tls, held: Vec::new() })
    }

    /// The `Host` this caller sends.
    pub fn host(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }

    /// The time, by the system's clock.
    pub fn now(&self) -> Timestamp {
        crate::clock::Clock::system().now().timestamp()
    }
}

/// A TLS connection, and what of it was read and not yet used.
pub struct Connection {
    tls: TlsStream<TcpStream>,
    held: Vec<u8>,
}

impl Connection {
    /// Writes octets.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.tls.write_all(octets).await?;
        self.tls.flush().await
    }

    /// Reads one answer.
    ///
    /// # Errors
    /// When the connection ends before a whole answer, or after 60 s.
    pub async fn read(&mut self) -> io::Result<Answer> {
        let limit = Duration::from_mins(1);
        tokio::time::timeout(limit, self.answer())
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no answer within 60 s"))?
    }

    /// Whether the other side has ended the connection; waits for it or for more octets.
    pub async fn ended(&mut self) -> bool {
        self.held.is_empty() && matches!(self.more().await, Ok(0) | Err(_))
    }

    async fn answer(&mut self) -> io::Result<Answer> {
        let end = loop {
            match self.held.windows(4).position(|window| window == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None if self.more().await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                None => {}
            }
        };
        let rest = self.held.split_off(end);
        let head = String::from_utf8_lossy(&std::mem::replace(&mut self.held, rest)).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| io::Error::other("no status"))?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        if status == 100 {
            return Box::pin(self.answer()).await;
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").and_then(|value| value.parse().ok());
        answer.body = if answer.header("transfer-encoding") == Some("chunked") {
            self.chunks().await?
        } else {
            self.octets(length.unwrap_or(0)).await?
        };
        Ok(answer)
    }

    async fn octets(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.held.len() < count {
            if self.more().await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.held.split_off(count);
        Ok(std::mem::replace(&mut self.held, rest))
    }

    async fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = loop {
                match self.held.windows(2).position(|window| window == b"\r\n") {
                    Some(at) => break self.octets(at + 2).await?,
                    None if self.more().await? == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    None => {}
                }
            };
            let size =
                usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).map_err(io::Error::other)?;
            body.extend(self.octets(size).await?);
            self.octets(2).await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 8192];
        let read = self.tls.read(&mut buffer).await?;
        self.held.extend(buffer.iter().take(read));
        Ok(read)
    }
}
