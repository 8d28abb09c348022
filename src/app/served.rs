//! The certificates that listeners serve: of which listener, from which files, and how they are replaced.

use std::{fs, net::SocketAddr, path::Path};

use crate::{
    clock::Clock,
    config::{Config, Listen},
    secret::{Digest, Secret, SecretRef, trusted},
    server::Tls,
};

/// A listener, as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    Gateway(SocketAddr),
    Session(SocketAddr),
    Status(SocketAddr),
}

/// A certificate that is served.
pub(super) struct Served {
    pub(super) door: Door,
    pub(super) tls: Tls,
}

/// What a listener's certificate is read from.
pub(super) struct Files<'a> {
    certificate: &'a Path,
    key: &'a SecretRef,
    client_ca: Option<&'a Path>,
    crl: Option<&'a Path>,
}

/// What was read of it.
pub(super) struct Read {
    chain: Vec<u8>,
    key: Secret,
    client_ca: Option<Vec<u8>>,
    crl: Option<Vec<u8>>,
}

/// Over the files of every certificate and of every authority. Keys are not among them, and need not be: another key
/// belongs to another certificate, and a pair that does not match yet is tried again until it does.
pub(super) fn fingerprint(config: &Config) -> Digest {
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    Digest::of_list(files(config).flat_map(|(_, files)| {
        [Some(files.certificate), files.client_ca, files.crl]
            .into_iter()
            .flatten()
            .map(read)
            .collect::<Vec<_>>()
    }))
}

/// What each listener's certificate is read from: those of the gateways, of session listeners, and of status listeners that
/// have one.
pub(super) fn files(config: &Config) -> impl Iterator<Item = (Door, Files<'_>)> {
    let gateways = config.listen.iter().map(|listen| (Door::Gateway(listen.address), Files::of(listen)));
    let sessions = config.session.iter().flat_map(|session| &session.listen);
    let sessions = sessions.map(|listen| (Door::Session(listen.address), Files::of(listen)));
    let statuses = config.status.iter().filter_map(|listen| {
        let (certificate, key) = listen.tls.as_ref()?;
        let client_ca = listen.client_ca.as_ref().map(|file| file.value.as_path());
        let files = Files { certificate: &certificate.value, key: &key.value, client_ca, crl: None };
        Some((Door::Status(listen.address), files))
    });
    gateways.chain(sessions).chain(statuses)
}

impl Served {
    /// The certificates of gateway, session and status listeners, each in the order of the configuration.
    pub(super) fn all(
        config: &Config,
        gateways: &[Tls],
        sessions: &[Tls],
        statuses: &[Option<Tls>],
    ) -> Vec<Self> {
        let gateways =
            config.listen.iter().zip(gateways).map(|(listen, tls)| (Door::Gateway(listen.address), tls));
        let issuing = config.session.iter().flat_map(|session| &session.listen);
        let issuing = issuing.zip(sessions).map(|(listen, tls)| (Door::Session(listen.address), tls));
        let statuses = config.status.iter().zip(statuses);
        let statuses =
            statuses.filter_map(|(listen, tls)| Some((Door::Status(listen.address), tls.as_ref()?)));
        let all = gateways.chain(issuing).chain(statuses);
        all.map(|(door, tls)| Self { door, tls: tls.clone() }).collect()
    }

    /// Serves what was read, or leaves what is served.
    pub(super) fn replace(&self, read: &Read, clock: &Clock) -> Result<(), String> {
        let (ca, crl) = (read.client_ca.as_deref(), read.crl.as_deref());
        let replaced = self.tls.replace(&read.chain, read.key.expose(), ca, crl, clock.now());
        replaced.map_err(|fault| fault.to_string())
    }
}

impl Door {
    pub(super) fn name(self) -> String {
        match self {
            Self::Gateway(address) | Self::Session(address) | Self::Status(address) => address.to_string(),
        }
    }

    /// Under which name it is said that its list of revoked clients is out of date.
    pub(super) fn list(self) -> String {
        format!("crl:{}", self.name())
    }

    /// Under which name it is said that its certificate was not renewed.
    pub(super) fn what(self) -> String {
        match self {
            Self::Gateway(address) => format!("certificate:{address}"),
            Self::Session(address) => format!("session-certificate:{address}"),
            Self::Status(address) => format!("status-certificate:{address}"),
        }
    }
}

impl<'a> Files<'a> {
    fn of(listen: &'a Listen) -> Self {
        Self {
            certificate: &listen.certificate.value,
            key: &listen.key.value,
            client_ca: listen.client_ca.as_ref().map(|file| file.value.as_path()),
            crl: listen.crl.as_ref().map(|file| file.value.as_path()),
        }
    }
    /// All of it.
    pub(super) fn read(&self) -> Result<Read, String> {
        let file =
            |path: &Path| trusted(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()));
        Ok(Read {
            chain: file(self.certificate)?,
            key: self.key.read().map_err(|error| error.to_string())?,
            client_ca: self.client_ca.map(file).transpose()?,
            crl: self.crl.map(file).transpose()?,
        })
    }
}
