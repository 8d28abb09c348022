//! What outgoing TLS trusts, here and for mail: the platform's CAs or one file's. TLS 1.2 and 1.3, a client certificate
//! only where one is given, no early data (a request in early data could be replayed, RFC 8446 section 8), no key log.
//!
//! The environment has no effect here with one exception: on Linux the platform verifier honours `SSL_CERT_FILE` and
//! `SSL_CERT_DIR`. Whoever wants none of that gives a CA file; then the platform's CAs are not read at all.

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    client::ResolvesClientCert,
    crypto::aws_lc_rs,
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::TlsConnector;

use super::Unusable;
use crate::secret::{Secret, trusted};

/// Why there is nothing to trust.
#[derive(Debug)]
pub enum TrustFault {
    /// The CA file cannot be read, holds no certificate, or one that cannot be used.
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The platform's CAs cannot be used.
    Platform(rustls::Error),
}

/// Trust in the CAs of `ca_file`, or in the platform's when there is none; no ALPN yet.
pub(crate) fn trusting(ca_file: Option<&Path>) -> Result<ClientConfig, TrustFault> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TrustFault::Platform)?;
    let builder = match ca_file {
        Some(path) => {
            let unusable = |source| TrustFault::CaFile { path: path.to_owned(), source };
            builder.with_root_certificates(roots(path).map_err(unusable)?)
        }
        None => builder.with_platform_verifier().map_err(TrustFault::Platform)?,
    };
    Ok(builder.with_no_client_auth())
}

/// A client certificate and its key, both PEM. Has no `Debug`: it holds a private key.
pub(crate) struct Presented {
    /// The chain, its own certificate first.
    pub(crate) chain: Vec<u8>,
    /// The key: PKCS#8, SEC 1 or PKCS#1.
    pub(crate) key: Secret,
}

/// A connector for one protocol, by its name where it has one (RFC 7301), that shows a certificate where the server asks for
/// one.
pub(super) fn connector(
    ca_file: Option<&Path>,
    presented: Option<&Presented>,
    protocol: Option<&[u8]>,
) -> Result<TlsConnector, Unusable> {
    let mut config = trusting(ca_file).map_err(Unusable::Trust)?;
    if let Some(presented) = presented {
        config.client_auth_cert_resolver = resolver(&config, presented).map_err(Unusable::Certificate)?;
    }
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Shows this one certificate to whoever asks.
fn resolver(config: &ClientConfig, presented: &Presented) -> io::Result<Arc<dyn ResolvesClientCert>> {
    let chain = CertificateDer::pem_slice_iter(&presented.chain)
        .collect::<Result<Vec<_>, _>>()
        .map_err(io::Error::other)?;
    if chain.is_empty() {
        return Err(io::Error::other("no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_slice(presented.key.expose()).map_err(io::Error::other)?;
    let certified = CertifiedKey::from_der(chain, key, config.crypto_provider()).map_err(io::Error::other)?;
    Ok(Arc::new(SingleCertAndKey::from(certified)))
}

/// The CAs of a PEM file: at least one, each of them usable.
fn roots(path: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&trusted(path)?) {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    if roots.is_empty() {
        return Err(io::Error::other("no certificate in it"));
    }
    Ok(roots)
}

impl fmt::Display for TrustFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaFile { path, source } => write!(f, "ca file `{}`: {source}", path.display()),
            Self::Platform(source) => {
                write!(f, "the platform's certificate authorities cannot be used: {source}")
            }
        }
    }
}

impl Error for TrustFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CaFile { source, .. } => Some(source),
            Self::Platform(source) => Some(source),
        }
    }
}
