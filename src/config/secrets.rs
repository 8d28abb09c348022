//! The secrets a configuration refers to, read together: every one that cannot be read is a fault of its own.

use super::{Config, Located};
use crate::{
    diagnostic::{Fault, Faults},
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
    /// Certificate chain and key of each listener, PEM, in the order of the configuration.
    pub tls: Vec<Option<(Vec<u8>, Secret)>>,
}

impl Config {
    /// Reads every secret and certificate. May block.
    pub fn secrets(&self, faults: &mut Faults) -> Secrets {
        let seal = self.seal.iter().filter_map(|(id, at)| Some((id.clone(), key_bytes(at, faults)?)));
        let seal = seal.collect();
        let hash = key_bytes(&self.hash, faults);
        let callers = self.callers.iter().map(|caller| read(&caller.secret, faults)).collect();
        let mail = self.mail.credentials.as_ref().and_then(|(_, password)| read(password, faults));
        let mut tls = Vec::new();
        for listen in &self.listen {
            let key = read(&listen.key, faults);
            let certificate = std::fs::read(&listen.certificate.value).map_err(|error| {
                let path = listen.certificate.value.display();
                let message = format!("cannot read the certificate `{path}`: {error}");
                faults.push(Fault::error(message, listen.certificate.place.clone()));
            });
            tls.push(certificate.ok().zip(key));
        }
        Secrets { seal, hash, callers, mail, tls }
    }
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
