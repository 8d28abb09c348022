//! Whom certificates stand for: names from the configuration, compared exactly and whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    clock::Now,
    wire::{Head, Peer, PeerCertificate, Require, is_spiffe_id},
};

use super::{KeyRingFault, Principal, Unverified, session::are_claims};

/// Whom the certificates of one name stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateName {
    /// The SPIFFE id that the certificate must have.
    pub spiffe: Option<String>,
    /// The subject that it must have, as [`PeerCertificate::subject`] writes it.
    pub subject: Option<String>,
    /// Whom it stands for.
    pub principal: Principal,
    /// What else is known of its holder: at most 16, of at most 256 characters each.
    pub claims: BTreeMap<String, String>,
}

/// A certificate that stands for somebody.
pub(super) struct Badge<'a> {
    pub(super) certificate: &'a PeerCertificate,
    pub(super) name: &'a CertificateName,
}

/// Every name that certificates may have.
#[derive(Clone)]
pub(super) struct Certificates(Vec<CertificateName>);

impl CertificateName {
    /// Whether a certificate has this name. A name that asks for nothing is no certificate's.
    fn is_of(&self, certificate: &PeerCertificate) -> bool {
        let spiffe = self.spiffe.as_ref().is_none_or(|wanted| certificate.spiffe.as_ref() == Some(wanted));
        let subject = self.subject.as_ref().is_none_or(|wanted| certificate.subject == *wanted);
        (self.spiffe.is_some() || self.subject.is_some()) && spiffe && subject
    }

    /// The name as messages and proofs give it: the SPIFFE id, or else the subject.
    pub fn as_str(&self) -> &str {
        self.spiffe.as_deref().or(self.subject.as_deref()).unwrap_or_default()
    }
}

impl Certificates {
    pub(super) fn new(names: Vec<CertificateName>) -> Result<Self, KeyRingFault> {
        let mut seen = BTreeSet::new();
        for name in &names {
            let shown = || name.as_str().to_owned();
            let spiffe = name.spiffe.as_deref().is_none_or(is_spiffe_id);
            let subject = name.subject.as_deref().is_none_or(|subject| !subject.is_empty());
            if name.as_str().is_empty() || !spiffe || !subject {
                return Err(KeyRingFault::CertificateName(shown()));
            }
            if !are_claims(&name.claims) {
                return Err(KeyRingFault::CertificateClaims(shown()));
            }
            if !seen.insert((name.spiffe.as_ref(), name.subject.as_ref())) {
                return Err(KeyRingFault::CertificateDoubled(shown()));
            }
        }
        Ok(Self(names))
    }

    /// The only name of a certificate: with two it would be two people's, and is nobody's.
    pub(super) fn of(&self, certificate: &PeerCertificate) -> Option<&CertificateName> {
        let mut found = self.0.iter().filter(|name| name.is_of(certificate));
        match (found.next(), found.next()) {
            (Some(name), None) => Some(name),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    /// The certificate that a request's connection must have, and whom it stands for; none where none is required. One
    /// that has expired since the handshake ends what may be asked over its connection, required or not.
    pub(super) fn required<'a>(&'a self, head: &'a Head, now: Now) -> Result<Option<Badge<'a>>, Unverified> {
        let Peer { require, certificate, .. } = &head.peer;
        if certificate.as_ref().is_some_and(|certificate| now.millis() > certificate.not_after) {
            return Err(Unverified::CertificateExpired);
        }
        match (require, certificate) {
            (Require::Signature, _) => Ok(None),
            (Require::Certificate | Require::Both, None) => Err(Unverified::Certificate),
            (Require::Certificate | Require::Both, Some(certificate)) => {
                let name = self.of(certificate).ok_or(Unverified::Certificate)?;
                Ok(Some(Badge { certificate, name }))
            }
        }
    }
}

impl Badge<'_> {
    /// That somebody who signed is the one whom the certificate stands for, whatever the session is called. Unique ids
    /// must agree where both are known.
    pub(super) fn is_of(&self, principal: &Principal) -> Result<(), Unverified> {
        let own = &self.name.principal;
        let same_id = match (&own.unique_id, &principal.unique_id) {
            (Some(one), Some(other)) => one == other,
            (None, _) | (_, None) => true,
        };
        if own.arn.without_session() == principal.arn.without_session() && same_id {
            Ok(())
        } else {
            Err(Unverified::CertificateOfAnother)
        }
    }
}
