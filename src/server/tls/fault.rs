//! Why TLS cannot be served so.

use std::{error::Error, fmt};

use jiff::Timestamp;
use rustls::server::VerifierBuilderError;

/// Why a certificate and key, or the authorities of clients, cannot be served.
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
    /// The time in which the first certificate is valid cannot be read.
    Validity,
    /// The first certificate is valid only later.
    NotYet {
        /// From when: milliseconds since 1970.
        from: i64,
    },
    /// The first certificate is not valid any more.
    Expired {
        /// Since when: milliseconds since 1970.
        since: i64,
    },
    /// The authorities of clients are not PEM.
    ClientCaPem(rustls_pki_types::pem::Error),
    /// One of the authorities of clients cannot be read.
    ClientCa(rustls::Error),
    /// There is no authority of clients, where there must be one.
    NoClientCa,
    /// The revocation lists are not PEM.
    CrlPem(rustls_pki_types::pem::Error),
    /// A revocation list cannot be read, or does not say until when it is complete.
    Crl,
    /// There is no revocation list, where there must be one.
    NoCrl,
    /// The authorities of clients, or their revocation lists, cannot be used.
    Authorities(VerifierBuilderError),
    /// The system gives no randomness for the keys of session tickets.
    Tickets(rustls::Error),
    /// The TLS library does not have these versions: never, in this build.
    Versions(rustls::Error),
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CertificatePem(_) => "the certificates cannot be read as PEM",
            Self::NoCertificate => "there is no certificate",
            Self::KeyPem => "there is no private key that can be read as PEM",
            Self::Key(_) => "the private key is of no kind that can be used",
            Self::Mismatch(_) => "the private key is not that of the first certificate",
            Self::Validity => "how long the first certificate is valid cannot be read",
            Self::NotYet { from } => {
                return write!(f, "the first certificate is valid from {} only", At(*from));
            }
            Self::Expired { since } => return write!(f, "the first certificate expired at {}", At(*since)),
            Self::ClientCaPem(_) => "the client authorities cannot be read as PEM",
            Self::ClientCa(_) => "a client authority cannot be read as a certificate",
            Self::NoClientCa => "there is no client authority",
            Self::CrlPem(_) => "the revocation lists cannot be read as PEM",
            Self::Crl => "a revocation list cannot be read, or does not say when the next one comes",
            Self::NoCrl => "there is no revocation list",
            Self::Authorities(_) => "the client authorities or their revocation lists cannot be used",
            Self::Tickets(_) => "no randomness for session tickets",
            Self::Versions(_) => "TLS 1.2 and 1.3 are not available",
        })
    }
}

impl Error for TlsFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::CertificatePem(cause) | Self::ClientCaPem(cause) | Self::CrlPem(cause) => Some(cause),
            Self::Key(cause)
            | Self::Mismatch(cause)
            | Self::ClientCa(cause)
            | Self::Tickets(cause)
            | Self::Versions(cause) => Some(cause),
            Self::Authorities(cause) => Some(cause),
            Self::NoCertificate
            | Self::KeyPem
            | Self::Validity
            | Self::NotYet { .. }
            | Self::Expired { .. }
            | Self::NoClientCa
            | Self::Crl
            | Self::NoCrl => None,
        }
    }
}

/// An instant as people read it.
pub(super) struct At(pub(super) i64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at}"),
            Err(_) => f.write_str("a time that cannot be written"),
        }
    }
}
