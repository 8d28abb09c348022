//! What a client would say of the certificate that a listener shows: for whoever checks a configuration, without a listener.
//! The handshake is the listener's own, between two ends of a pipe.

use std::{error::Error, fmt, io, sync::Arc};

use rustls::{CertificateError, ClientConfig};
use rustls_pki_types::ServerName;
use tokio::io::duplex;
use tokio_rustls::TlsConnector;

use super::{Tls, TlsFault, certificate::Outline, fault::At, is_for, read};
use crate::clock::Now;

/// Octets on the way between the two ends.
const PIPE: usize = 64 * 1024;

/// What a listener shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The names that the certificate is for.
    pub(crate) names: Vec<String>,
    /// How many certificates there are, its own among them.
    pub(crate) certificates: usize,
    /// When the first of them ends: milliseconds since 1970.
    pub(crate) not_after: i64,
    /// How long that one holds in all: milliseconds.
    pub(crate) lifetime: i64,
}

/// Why a client would not accept what a listener shows.
#[derive(Debug)]
pub(crate) enum ShownFault {
    /// One of the certificates cannot be read.
    Unreadable,
    /// The certificate of this subject is not valid any more.
    Ended {
        /// The subject, as RFC 4514 writes it.
        subject: String,
        /// Since when: milliseconds since 1970.
        since: i64,
    },
    /// The certificate of this subject is not valid yet.
    NotYet {
        /// The subject.
        subject: String,
        /// From when: milliseconds since 1970.
        from: i64,
    },
    /// A certificate does not stand behind the one that it issued (RFC 8446 section 4.4.2).
    Order {
        /// Whose it is.
        subject: String,
        /// Who issued the one before it.
        issuer: String,
    },
    /// It is for no DNS name and no address at all.
    NoName,
    /// It is not for a name by which callers may call the listener.
    Name(String),
    /// Who issued the last certificate is nobody that is trusted: an intermediate is missing, or something else is trusted.
    Issuer(String),
    /// Not accepted for another reason.
    Refused(io::Error),
}

/// What of certificate authorities and revocation lists is worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Its subject, as RFC 4514 writes it.
    pub(crate) subject: String,
    /// When it ends: milliseconds since 1970.
    pub(crate) not_after: i64,
    /// Until when its revocation list says that it is complete: milliseconds since 1970. None: it has none.
    pub(crate) crl_ends: Option<i64>,
}

impl Tls {
    /// What is shown; and every reason for which a client that trusts what `trust` does, and that calls the listener by one of
    /// `names`, would not accept it. Without names the certificate's own are taken.
    ///
    /// # Errors
    /// When one of the certificates cannot be read.
    pub(crate) async fn shown(
        &self,
        names: &[String],
        trust: &Arc<ClientConfig>,
        now: Now,
    ) -> Result<(Shown, Vec<ShownFault>), ShownFault> {
        let certified = Arc::clone(&self.0.load().certified);
        let outlines: Option<Vec<Outline>> = certified.cert.iter().map(|one| Outline::of(one)).collect();
        let outlines = outlines.ok_or(ShownFault::Unreadable)?;
        let own = outlines.first().ok_or(ShownFault::Unreadable)?;
        let mut faults = flaws(&outlines, now);
        if own.names.is_empty() {
            faults.push(ShownFault::NoName);
        }
        let unnamed = names.iter().filter(|name| !is_for(&certified, name));
        let unnamed: Vec<ShownFault> = unnamed.cloned().map(ShownFault::Name).collect();
        // A name that it is not for is refused at once: the handshake is made under one that it is for.
        let called = names.iter().find(|name| is_for(&certified, name)).cloned().or_else(|| own.a_name());
        if let Some(called) = called
            && let Err(error) = self.handshake(&called, trust).await
        {
            let is_said = faults
                .iter()
                .any(|fault| matches!(fault, ShownFault::Ended { .. } | ShownFault::NotYet { .. }));
            let last = outlines.last().map_or_else(String::new, |last| last.issuer.clone());
            match refusal(&error) {
                Some(CertificateError::UnknownIssuer) => faults.push(ShownFault::Issuer(last)),
                Some(_) | None if is_said => {}
                Some(_) | None => faults.push(ShownFault::Refused(error)),
            }
        }
        faults.extend(unnamed);
        let first = outlines.iter().min_by_key(|one| one.not_after).unwrap_or(own);
        let shown = Shown {
            names: own.names.clone(),
            certificates: outlines.len(),
            not_after: first.not_after,
            lifetime: first.not_after.saturating_sub(first.not_before),
        };
        Ok((shown, faults))
    }

    /// Both ends of a handshake. What the listener says of a client without a certificate is of no interest.
    async fn handshake(&self, name: &str, trust: &Arc<ClientConfig>) -> io::Result<()> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let (near, far) = duplex(PIPE);
        let connector = TlsConnector::from(Arc::clone(trust));
        let serving = tokio::spawn(self.acceptor().accept(far));
        let connected = connector.connect(name, near).await;
        serving.abort();
        connected.map(drop)
    }
}

impl Authority {
    /// The authorities of a file, and how long their lists hold.
    ///
    /// # Errors
    /// What cannot be read.
    pub(crate) fn read(ca: &[u8], crl: Option<&[u8]>) -> Result<Vec<Self>, TlsFault> {
        let lists = crl.map(read::lists).transpose()?.unwrap_or_default();
        let outlines = read::outlines(ca)?;
        let authorities = outlines.into_iter().map(|outline| {
            let own = lists.iter().filter(|(issuer, _)| *issuer == outline.subject).map(|(_, ends)| *ends);
            Self { crl_ends: own.max(), subject: outline.subject, not_after: outline.not_after }
        });
        Ok(authorities.collect())
    }
}

/// What is wrong with a chain that is read in order.
fn flaws(outlines: &[Outline], now: Now) -> Vec<ShownFault> {
    let mut found = Vec::new();
    for one in outlines {
        if now.millis() > one.not_after {
            found.push(ShownFault::Ended { subject: one.subject.clone(), since: one.not_after });
        }
        if now.millis() < one.not_before {
            found.push(ShownFault::NotYet { subject: one.subject.clone(), from: one.not_before });
        }
    }
    for pair in outlines.windows(2) {
        if let [before, after] = pair
            && before.issuer != after.subject
        {
            let (subject, issuer) = (after.subject.clone(), before.issuer.clone());
            found.push(ShownFault::Order { subject, issuer });
        }
    }
    found
}

/// Why a client did not accept a certificate.
fn refusal(error: &io::Error) -> Option<&CertificateError> {
    let rustls::Error::InvalidCertificate(why) = error.get_ref()?.downcast_ref()? else { return None };
    Some(why)
}

impl fmt::Display for ShownFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("one of the certificates cannot be read"),
            Self::Ended { subject, since } => {
                write!(f, "the certificate of `{subject}` ended at {}", At(*since))
            }
            Self::NotYet { subject, from } => {
                write!(f, "the certificate of `{subject}` is valid from {} only", At(*from))
            }
            Self::Order { subject, issuer } => {
                write!(f, "the certificate of `{subject}` stands where that of `{issuer}` belongs")
            }
            Self::NoName => f.write_str("the certificate is for no name and no address"),
            Self::Name(name) => write!(f, "the certificate is not for `{name}`"),
            Self::Issuer(issuer) => {
                write!(f, "nobody that is trusted issued the last certificate: its issuer is `{issuer}`")
            }
            Self::Refused(error) => write!(f, "a client does not accept it: {error}"),
        }
    }
}

impl Error for ShownFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Refused(error) => Some(error),
            Self::Unreadable
            | Self::Ended { .. }
            | Self::NotYet { .. }
            | Self::Order { .. }
            | Self::NoName
            | Self::Name(_)
            | Self::Issuer(_) => None,
        }
    }
}
