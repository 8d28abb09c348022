//! One `GET` to a status listener of this machine, for `health`: no pool, no redirects, no proxy, nothing of the platform's
//! trust. Over TLS exactly one certificate is accepted: that which the listener was configured with.

use std::{error::Error, fmt, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

/// Octets of an answer.
const MOST: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unasked {
    /// The certificate to expect is none.
    Certificate,
    /// Nothing listens there, or the way is cut.
    Connect(io::Error),
    /// TLS failed, or another certificate was shown.
    Tls(io::Error),
    /// What was answered is no HTTP, or too much.
    Answer(Box<dyn Error + Send + Sync>),
}

/// Asks `address` for `target`; over TLS when the chain (PEM) of its certificate is given. Gives the status and the body.
/// Takes as long as it takes: whoever asks has a timeout.
///
/// # Errors
/// When there is no answer.
pub(crate) async fn probe(
    address: SocketAddr,
    chain: Option<&[u8]>,
    target: &str,
) -> Result<(u16, Bytes), Unasked> {
    let pinned = chain.map(connector).transpose()?;
    let stream = TcpStream::connect(address).await.map_err(Unasked::Connect)?;
    match pinned {
        None => ask(stream, address, target).await,
        Some(connector) => {
            let name = ServerName::IpAddress(address.ip().into());
            let stream = connector.connect(name, stream).await.map_err(Unasked::Tls)?;
            ask(stream, address, target).await
        }
    }
}

async fn ask<S>(stream: S, address: SocketAddr, target: &str) -> Result<(u16, Bytes), Unasked>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = |error: hyper::Error| Unasked::Answer(error.into());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(answer)?;
    let driven = tokio::spawn(connection);
    let request = Request::get(target)
        .header(header::HOST, address.to_string())
        .header(header::ACCEPT, "application/json")
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|error| Unasked::Answer(error.into()))?;
    let response = sender.send_request(request).await.map_err(answer)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MOST).collect().await.map_err(Unasked::Answer)?;
    driven.abort();
    Ok((status, body.to_bytes()))
}

fn connector(chain: &[u8]) -> Result<TlsConnector, Unasked> {
    let certificate = CertificateDer::pem_slice_iter(chain).next();
    let Some(Ok(certificate)) = certificate else { return Err(Unasked::Certificate) };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let pinned = Arc::new(Pinned { certificate, provider: Arc::clone(&provider) });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Unasked::Tls(io::Error::other(error)))?
        .dangerous()
        .with_custom_certificate_verifier(pinned)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Accepts one certificate and no other. Its names and its end are not looked at: it is the one of the configuration.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate => f.write_str("the listener's certificate cannot be read"),
            Self::Connect(source) => write!(f, "no connection: {source}"),
            Self::Tls(source) => write!(f, "no TLS with the listener's own certificate: {source}"),
            Self::Answer(source) => write!(f, "no answer: {source}"),
        }
    }
}

impl Error for Unasked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Certificate => None,
            Self::Connect(source) | Self::Tls(source) => Some(source),
            Self::Answer(source) => Some(&**source),
        }
    }
}
