//! From PEM to what TLS is made of.

use rustls::{RootCertStore, crypto::aws_lc_rs, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, pem::PemObject};

use super::{
    TlsFault,
    certificate::{Outline, Validity, issuer_of, next_update},
};

/// A chain and its key, and how long the first of the chain is valid.
pub(super) fn pair(chain: &[u8], key: &[u8]) -> Result<(CertifiedKey, Validity), TlsFault> {
    let chain = certificates(chain).map_err(TlsFault::CertificatePem)?;
    let validity = Validity::of(chain.first().ok_or(TlsFault::NoCertificate)?);
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsFault::KeyPem)?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(TlsFault::Key)?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(TlsFault::Mismatch)?;
    Ok((certified, validity.ok_or(TlsFault::Validity)?))
}

/// The authorities whose clients are let in.
pub(super) fn authorities(pem: &[u8]) -> Result<RootCertStore, TlsFault> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(pem).map_err(TlsFault::ClientCaPem)? {
        roots.add(authority).map_err(TlsFault::ClientCa)?;
    }
    if roots.is_empty() { Err(TlsFault::NoClientCa) } else { Ok(roots) }
}

/// What the authorities have revoked, and until when the first of the lists says that it is complete.
pub(super) fn revoked(pem: &[u8]) -> Result<(Vec<CertificateRevocationListDer<'static>>, i64), TlsFault> {
    let lists: Vec<_> = CertificateRevocationListDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(TlsFault::CrlPem)?;
    let mut ends = Vec::with_capacity(lists.len());
    for list in &lists {
        ends.push(next_update(list).ok_or(TlsFault::Crl)?);
    }
    let end = ends.into_iter().min().ok_or(TlsFault::NoCrl)?;
    Ok((lists, end))
}

/// What is worth knowing of each certificate.
pub(super) fn outlines(pem: &[u8]) -> Result<Vec<Outline>, TlsFault> {
    let certificates = certificates(pem).map_err(TlsFault::ClientCaPem)?;
    certificates.iter().map(|one| Outline::of(one).ok_or(TlsFault::Validity)).collect()
}

/// The issuer of each revocation list, and until when the list says that it is complete.
pub(super) fn lists(pem: &[u8]) -> Result<Vec<(String, i64)>, TlsFault> {
    let (lists, _) = revoked(pem)?;
    let read = |list: &CertificateRevocationListDer<'_>| Some((issuer_of(list)?, next_update(list)?));
    lists.iter().map(|list| read(list).ok_or(TlsFault::Crl)).collect()
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    CertificateDer::pem_slice_iter(pem).collect()
}
