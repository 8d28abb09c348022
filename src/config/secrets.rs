//! The secrets a configuration refers to, read together: every one that cannot be read is a fault of its own.

use std::path::PathBuf;

use super::{Config, HookPlace, Located, UrlPlace};
use crate::{
    diagnostic::{Fault, Faults, Place},
    notify::{HookUrl, HookUrlFault},
    secret::{Secret, SecretRef},
};

/// The secrets of a configuration. What could not be read is none, and a fault of its own.
pub struct Secrets {
    /// Sealing keys, current first: 32 bytes each.
    pub seal: Vec<(String, Secret)>,
    /// The key of keyed hashes.
    pub hash: Option<Secret>,
    /// The callers' secrets, in the order of the configuration.
    pub callers: Vec<Option<Secret>>,
    /// The mail password, where there is one.
    pub mail: Option<Secret>,
    /// Certificate chain and key of each gateway listener, PEM, in the order of the configuration.
    pub tls: Vec<Option<(Vec<u8>, Secret)>>,
    /// The client CAs of each gateway listener that asks for certificates, PEM.
    pub client_ca: Vec<Option<Vec<u8>>>,
    /// The same of each status listener; none as well where it speaks plain HTTP.
    pub status_tls: Vec<Option<(Vec<u8>, Secret)>>,
    /// The client CAs of each status listener that asks for certificates, PEM.
    pub status_client_ca: Vec<Option<Vec<u8>>>,
    /// The URL and the secrets of each hook, in the order of the configuration.
    pub hooks: Vec<Option<HookSecrets>>,
}

/// What is secret about a hook.
pub struct HookSecrets {
    /// Its URL: `https`, without credentials or fragment.
    pub url: Secret,
    /// Its secrets: the current one first.
    pub secrets: Vec<Secret>,
}

impl Config {
    /// Reads every secret and certificate. May block.
    pub fn secrets(&self, faults: &mut Faults) -> Secrets {
        let seal = self.seal.iter().filter_map(|(id, at)| Some((id.clone(), key_bytes(at, faults)?)));
        let seal = seal.collect();
        let hash = key_bytes(&self.hash, faults);
        let callers = self.callers.iter().map(|caller| read(&caller.secret, faults)).collect();
        let mail = self.mail.credentials.as_ref().and_then(|(_, password)| read(password, faults));
        let tls = self.listen.iter().map(|listen| pair(&listen.certificate, &listen.key, faults)).collect();
        let client_ca =
            self.listen.iter().map(|listen| file(listen.client_ca.as_ref()?, "CAs", faults)).collect();
        let status_tls = self.status.iter().map(|status| {
            let (certificate, key) = status.tls.as_ref()?;
            pair(certificate, key, faults)
        });
        let status_tls = status_tls.collect();
        let status_client_ca =
            self.status.iter().map(|status| file(status.client_ca.as_ref()?, "CAs", faults)).collect();
        let hooks = self.notify.hooks.iter().map(|place| hook(place, faults)).collect();
        Secrets { seal, hash, callers, mail, tls, client_ca, status_tls, status_client_ca, hooks }
    }
}

/// A certificate chain and its key.
fn pair(
    certificate: &Located<PathBuf>,
    key: &Located<SecretRef>,
    faults: &mut Faults,
) -> Option<(Vec<u8>, Secret)> {
    let key = read(key, faults);
    file(certificate, "certificate", faults).zip(key)
}

fn file(at: &Located<PathBuf>, what: &str, faults: &mut Faults) -> Option<Vec<u8>> {
    let read = std::fs::read(&at.value).map_err(|error| {
        let message = format!("cannot read the {what} `{}`: {error}", at.value.display());
        faults.push(Fault::error(message, at.place.clone()));
    });
    read.ok()
}

/// Every secret of a hook, or none of them.
fn hook(place: &HookPlace, faults: &mut Faults) -> Option<HookSecrets> {
    let url = match &place.url {
        UrlPlace::Written(url) => Some(Secret::new(url.clone().into_bytes())),
        UrlPlace::Secret(at) => read(at, faults).filter(|url| {
            let url = url.expose_str().ok_or(HookUrlFault::Unreadable).and_then(HookUrl::read);
            url.map_err(|fault| faults.push(url_fault(fault, at.place.clone()))).is_ok()
        }),
    };
    let secrets: Vec<Option<Secret>> = place.secrets.iter().map(|at| read(at, faults)).collect();
    Some(HookSecrets { url: url?, secrets: secrets.into_iter().collect::<Option<_>>()? })
}

/// A hook cannot be posted to there.
pub(super) fn url_fault(fault: HookUrlFault, place: Place) -> Fault {
    Fault::error(format!("the URL of a hook {fault}"), place).hint("https://HOST[:PORT]/PATH")
}

/// A key of 32 bytes: given raw, or as 64 hexadecimal digits.
fn key_bytes(at: &Located<SecretRef>, faults: &mut Faults) -> Option<Secret> {
    let secret = read(at, faults)?;
    if secret.expose().len() == 32 {
        return Some(secret);
    }
    match hex::decode(secret.expose()) {
        Ok(bytes) if bytes.len() == 32 => Some(Secret::new(bytes)),
        Ok(_) | Err(_) => {
            faults.push(
                Fault::error("a key is 32 bytes, raw or as 64 hexadecimal digits", at.place.clone())
                    .hint("make one with `openssl rand -hex 32`"),
            );
            None
        }
    }
}

fn read(at: &Located<SecretRef>, faults: &mut Faults) -> Option<Secret> {
    at.value.read().map_err(|error| faults.push(Fault::error(error.to_string(), at.place.clone()))).ok()
}
