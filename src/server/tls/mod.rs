//! TLS 1.2 and 1.3 with one certificate, and where it is asked for the certificate authorities of clients and what they
//! have revoked, which can be replaced together while serving.
//!
//! There is no early data (rustls accepts none unless told to), no renegotiation (rustls has none), and HTTP/1.1 is the
//! only protocol: a client that offers others only is refused in the handshake (RFC 7301 section 3.2). A client that
//! names a server must name one of the certificate's; endpoints that are addresses are named by nobody (RFC 6066
//! section 3), and are served.
//!
//! A session is resumed without looking at a certificate again. So the keys of tickets, and remembered sessions, go with
//! the certificate they were made under, and where clients must have a certificate nothing is ever resumed: neither an
//! authority that was replaced nor a certificate that has expired or was revoked lives on in a ticket.

mod certificate;
mod fault;
mod read;
mod shown;

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    client::verify_server_name,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{
        ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier,
        danger::ClientCertVerifier,
    },
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use rustls_pki_types::ServerName;
use tokio_rustls::TlsAcceptor;

use crate::clock::Now;

pub(super) use certificate::peer;
pub(crate) use fault::TlsFault;
pub(crate) use shown::{Authority, ShownFault};

/// A listener's TLS: what is in force, for all its clones.
#[derive(Clone)]
pub(crate) struct Tls(Arc<ArcSwap<InForce>>);

/// What one handshake is made with, from its first octet to its last.
struct InForce {
    config: Arc<ServerConfig>,
    certified: Arc<CertifiedKey>,
    /// When the certificate ends: milliseconds since 1970.
    not_after: i64,
    asks_clients: bool,
    /// Until when the revocation lists say that they are complete: milliseconds since 1970. None: there is none.
    crl_ends: Option<i64>,
}

/// Who may connect: the clients' authorities, and what they have revoked. Both PEM.
#[derive(Clone, Copy)]
struct Clients<'a> {
    ca: &'a [u8],
    crl: Option<&'a [u8]>,
}

/// The only certificate there is.
#[derive(Debug)]
struct Certificate(Arc<CertifiedKey>);

impl Tls {
    /// Reads a chain (PEM, the server's own certificate first) and its key (PEM: PKCS#8, SEC 1 or PKCS#1).
    ///
    /// # Errors
    /// What cannot be read, a key that is not the certificate's, and a certificate that is not valid now.
    pub(crate) fn new(chain: &[u8], key: &[u8], now: Now) -> Result<Self, TlsFault> {
        InForce::new(chain, key, None, now).map(Self::of)
    }

    /// As [`Tls::new`]; and every client must have a certificate of one of these authorities (PEM), made for
    /// authenticating clients (RFC 5280 section 4.2.1.12) and valid at the time of the handshake. With revocation lists
    /// (PEM) there must be one of every authority above a client's certificate, and nobody is let in with a certificate
    /// on one of them. A list whose successor is due goes on refusing what is on it: see [`Tls::crl_ends`].
    ///
    /// # Errors
    /// As [`Tls::new`]; and authorities or lists of which one cannot be read, or none at all.
    pub(crate) fn with_client_ca(
        chain: &[u8],
        key: &[u8],
        ca: &[u8],
        crl: Option<&[u8]>,
        now: Now,
    ) -> Result<Self, TlsFault> {
        InForce::new(chain, key, Some(Clients { ca, crl }), now).map(Self::of)
    }

    /// Serves another certificate, and asks clients for one of other authorities that is not on other lists, from the
    /// next handshake on, at once for all three; what is open stays as it is. On an error what is in force stays.
    ///
    /// # Errors
    /// As [`Tls::with_client_ca`]; and no authorities where clients were asked until now, or no lists where there were
    /// some, or lists without authorities.
    pub(crate) fn replace(
        &self,
        chain: &[u8],
        key: &[u8],
        client_ca: Option<&[u8]>,
        crl: Option<&[u8]>,
        now: Now,
    ) -> Result<(), TlsFault> {
        let in_force = self.0.load();
        if client_ca.is_none() && (in_force.asks_clients || crl.is_some()) {
            return Err(TlsFault::NoClientCa);
        }
        if crl.is_none() && in_force.crl_ends.is_some() {
            return Err(TlsFault::NoCrl);
        }
        let clients = client_ca.map(|ca| Clients { ca, crl });
        self.0.store(Arc::new(InForce::new(chain, key, clients, now)?));
        Ok(())
    }

    /// When the certificate ends (its `notAfter`): milliseconds since 1970.
    pub(crate) fn expires(&self) -> i64 {
        self.0.load().not_after
    }

    /// When the first of the revocation lists should be replaced (its `nextUpdate`): milliseconds since 1970. After that
    /// it may lack what was revoked since. None: there is no list.
    pub(crate) fn crl_ends(&self) -> Option<i64> {
        self.0.load().crl_ends
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0.load().config))
    }

    fn of(in_force: InForce) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(in_force)))
    }
}

impl InForce {
    fn new(chain: &[u8], key: &[u8], clients: Option<Clients<'_>>, now: Now) -> Result<Self, TlsFault> {
        let (certified, validity) = read::pair(chain, key)?;
        if now.millis() < validity.not_before {
            return Err(TlsFault::NotYet { from: validity.not_before });
        }
        if now.millis() > validity.not_after {
            return Err(TlsFault::Expired { since: validity.not_after });
        }
        let verifier = clients.map(verifier).transpose()?;
        let asks_clients = verifier.is_some();
        let (verifier, crl_ends) = verifier.map_or((None, None), |(verifier, ends)| (Some(verifier), ends));
        let certified = Arc::new(certified);
        let config = Arc::new(config(Arc::clone(&certified), verifier)?);
        Ok(Self { config, certified, not_after: validity.not_after, asks_clients, crl_ends })
    }
}

/// Who decides about clients, and when the first of the revocation lists should be replaced. Every certificate of a
/// chain must be known not to be revoked; without lists that is not asked.
fn verifier(clients: Clients<'_>) -> Result<(Arc<dyn ClientCertVerifier>, Option<i64>), TlsFault> {
    let roots = Arc::new(read::authorities(clients.ca)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let (builder, ends) = match clients.crl.map(read::revoked).transpose()? {
        None => (builder, None),
        Some((lists, ends)) => (builder.with_crls(lists), Some(ends)),
    };
    Ok((builder.build().map_err(TlsFault::Authorities)?, ends))
}

fn config(
    certified: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
) -> Result<ServerConfig, TlsFault> {
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(TlsFault::Versions)?;
    let resumes = clients.is_none();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(Arc::new(Certificate(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.max_early_data_size = 0;
    // The strongest suite that both have, whatever a client puts first.
    config.ignore_client_order = true;
    if resumes {
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsFault::Tickets)?;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let certified = Arc::clone(&self.0);
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
