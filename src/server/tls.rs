//! TLS 1.2 and 1.3 with one certificate that can be replaced while serving.
//!
//! There is no early data (rustls accepts none unless told to), no renegotiation (rustls has none), and HTTP/1.1 is the
//! only protocol: a client that offers others only is refused in the handshake (RFC 7301 section 3.2). A client that
//! names a server must name one of the certificate's; endpoints that are addresses are named by nobody (RFC 6066
//! section 3), and are served.

use std::{error::Error, fmt, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    client::verify_server_name,
    crypto::aws_lc_rs,
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tokio_rustls::TlsAcceptor;

/// A listener's TLS: its certificate and key.
#[derive(Clone)]
pub(crate) struct Tls {
    certificate: Arc<Certificate>,
    config: Arc<ServerConfig>,
}

/// Why a certificate and key cannot be served.
#[derive(Debug)]
pub(crate) enum TlsFault {
    /// The certificates are not PEM.
    CertificatePem(rustls_pki_types::pem::Error),
    /// There is no certificate.
    NoCertificate,
    /// The key is not PEM, or there is none. (The cause is not kept: it could quote the key.)
    KeyPem,
    /// The key is of no kind that can sign.
    Key(rustls::Error),
    /// The first certificate is not that of the key, or cannot be read.
    Mismatch(rustls::Error),
    /// The system gives no randomness for the keys of session tickets.
    Tickets(rustls::Error),
    /// The TLS library does not have these versions: never, in this build.
    Versions(rustls::Error),
}

#[derive(Debug)]
struct Certificate(ArcSwap<CertifiedKey>);

impl Tls {
    /// Reads a chain (PEM, the server's own certificate first) and its key (PEM: PKCS#8, SEC 1 or PKCS#1).
    ///
    /// # Errors
    /// What cannot be read, and a key that is not the certificate's.
    pub(crate) fn new(chain: &[u8], key: &[u8]) -> Result<Self, TlsFault> {
        let certificate = Arc::new(Certificate(ArcSwap::from_pointee(read(chain, key)?)));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(TlsFault::Versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.max_early_data_size = 0;
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsFault::Tickets)?;
        Ok(Self { certificate, config: Arc::new(config) })
    }

    /// Serves another certificate from the next handshake on; what is open stays as it is. On an error the one in force
    /// stays.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub(crate) fn replace(&self, chain: &[u8], key: &[u8]) -> Result<(), TlsFault> {
        self.certificate.0.store(Arc::new(read(chain, key)?));
        Ok(())
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = self.0.load_full();
        match hello.server_name() {
            None => Some(certified),
            Some(name) => is_for(&certified, name).then_some(certified),
        }
    }
}

fn is_for(certified: &CertifiedKey, name: &str) -> bool {
    let Ok(name) = ServerName::try_from(name) else { return false };
    let Ok(end_entity) = certified.end_entity_cert() else { return false };
    ParsedCertificate::try_from(end_entity).is_ok_and(|parsed| verify_server_name(&parsed, &name).is_ok())
}

fn read(chain: &[u8], key: &[u8]) -> Result<CertifiedKey, TlsFault> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>().map_err(TlsFault::CertificatePem)?;
    if chain.is_empty() {
        return Err(TlsFault::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsFault::KeyPem)?;
    let certified =
        CertifiedKey::new(chain, aws_lc_rs::sign::any_supported_type(&key).map_err(TlsFault::Key)?);
    certified.keys_match().map_err(TlsFault::Mismatch)?;
    Ok(certified)
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificatePem(_) => "the certificates cannot be read as PEM",
            Self::NoCertificate => "there is no certificate",
            Self::KeyPem => "there is no private key that can be read as PEM",
            Self::Key(_) => "the private key is of no kind that can be used",
            Self::Mismatch(_) => "the private key is not that of the first certificate",
            Self::Tickets(_) => "no randomness for session tickets",
            Self::Versions(_) => "TLS 1.2 and 1.3 are not available",
        })
    }
}

impl Error for TlsFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CertificatePem(cause) => Some(cause),
            Self::Key(cause) | Self::Mismatch(cause) | Self::Tickets(cause) | Self::Versions(cause) => {
                Some(cause)
            }
            Self::NoCertificate | Self::KeyPem => None,
        }
    }
}
