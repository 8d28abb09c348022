//! A certificate authority for the length of a demonstration or a test, and the server certificates it issues.
//!
//! P-256 keys, made anew each time and never written anywhere by this module. Nothing here is fit for anything else: the
//! certificates never expire and nobody guards the keys.

use std::{io, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber, date_time_ymd,
};
use rustls::{ServerConfig, crypto::aws_lc_rs};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::secret::random;

/// A certificate authority. Cheap to clone: each clone is the same authority.
#[derive(Clone)]
pub struct Authority {
    issuer: Arc<CertifiedIssuer<'static, KeyPair>>,
    pem: Arc<str>,
}

/// A server certificate and its key. Has no `Debug`: it holds a private key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate, PEM. It is issued by the authority itself: the chain has no other.
    pub certificate: String,
    /// The private key, PKCS #8 in PEM.
    pub key: String,
    /// The certificate's serial number.
    pub serial: u64,
}

impl Authority {
    /// A new authority under this common name.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(name: &str) -> io::Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)?;
        let pem = issuer.pem().into();
        Ok(Self { issuer: Arc::new(issuer), pem })
    }

    /// The authority's certificate, PEM: what a client has to trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server under these DNS names and IP addresses.
    ///
    /// # Errors
    /// When a name is none, or no key can be made.
    pub fn issue(&self, names: &[&str]) -> io::Result<Issued> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        self.signed(params)
    }
}

impl Authority {
    /// A certificate for a client under this common name, with this URI among its names where one is given.
    ///
    /// # Errors
    /// When the URI is none, or no key can be made.
    pub fn issue_client(&self, name: &str, uri: Option<&str>) -> io::Result<Issued> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        if let Some(uri) = uri {
            params.subject_alt_names.push(SanType::URI(uri.try_into().map_err(io::Error::other)?));
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        self.signed(params)
    }

    /// The list of what is revoked: these, and nothing else. PEM.
    ///
    /// # Errors
    /// When it cannot be signed.
    pub fn revoke(&self, revoked: &[&Issued]) -> io::Result<String> {
        let entry = |issued: &&Issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: date_time_ymd(2024, 1, 1),
            reason_code: None,
            invalidity_date: None,
        };
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2024, 1, 1),
            next_update: date_time_ymd(4000, 1, 1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        list.signed_by(&self.issuer).and_then(|list| list.pem()).map_err(io::Error::other)
    }

    fn signed(&self, mut params: CertificateParams) -> io::Result<Issued> {
        let serial = u64::from_be_bytes(random().map_err(io::Error::other)?) >> 1;
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(io::Error::other)?;
        Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem(), serial })
    }
}

impl Issued {
    /// The certificate and its key.
    ///
    /// # Errors
    /// When the PEM is none.
    pub fn pair(&self) -> io::Result<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
        let certificate =
            CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(io::Error::other)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(io::Error::other)?;
        Ok((certificate, key))
    }

    /// TLS 1.2 and 1.3 with this certificate, no client certificates; `alpn` as given, none when empty.
    ///
    /// # Errors
    /// When the PEM is none, or the key is not that of the certificate.
    pub fn server(&self, alpn: &[&str]) -> io::Result<Arc<ServerConfig>> {
        let (certificate, key) = self.pair()?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(Arc::new(config))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_issued_for_names_and_addresses() {
        let authority = Authority::new("test").unwrap();
        let issued = authority.issue(&["connect.us-east-1.amazonaws.com", "127.0.0.1", "::1"]).unwrap();
        assert!(authority.pem().starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(issued.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(issued.key.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_eq!(issued.server(&["http/1.1"]).unwrap().alpn_protocols, [b"http/1.1"]);
        assert!(issued.server(&[]).unwrap().alpn_protocols.is_empty());
    }

    #[test]
    fn each_certificate_has_a_key_of_its_own() {
        let authority = Authority::new("test").unwrap();
        let (one, other) =
            (authority.issue(&["a.example"]).unwrap(), authority.issue(&["a.example"]).unwrap());
        assert_ne!(one.key, other.key);
        let mixed = Issued { certificate: one.certificate, ..other };
        assert!(mixed.server(&[]).is_err());
        assert!(Issued { certificate: String::new(), key: one.key, serial: 1 }.server(&[]).is_err());
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert!(Authority::new("test").unwrap().issue(&["ü.example"]).is_err());
    }
}
