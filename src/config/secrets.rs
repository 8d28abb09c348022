//! The secrets a configuration refers to, read together: every one that cannot be read is a fault of its own.

use std::path::PathBuf;

use super::{Config, HookPlace, Listen, Located, StreamPlace, StreamReceiver, UrlPlace};
use crate::{
    diagnostic::{Fault, Faults, Place, Source},
    notify::{HookUrl, HookUrlFault},
    secret::{Secret, SecretRef, trusted},
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
    /// The certificates of those CAs that are revoked, PEM, of each gateway listener that names a list.
    pub crl: Vec<Option<Vec<u8>>>,
    /// Keys of sessions, current first: 32 bytes each, none of them used for anything else.
    pub session: Vec<(String, Secret)>,
    /// Certificate chain and key of each session listener.
    pub session_tls: Vec<Option<(Vec<u8>, Secret)>>,
    /// The client CAs of each session listener that asks for certificates, PEM.
    pub session_client_ca: Vec<Option<Vec<u8>>>,
    /// The revoked certificates of each session listener that names a list, PEM.
    pub session_crl: Vec<Option<Vec<u8>>>,
    /// Who signs the policy: the file itself, where one is named.
    pub policy_signers: Option<Source>,
    /// The same of each status listener; none as well where it speaks plain HTTP.
    pub status_tls: Vec<Option<(Vec<u8>, Secret)>>,
    /// The client CAs of each status listener that asks for certificates, PEM.
    pub status_client_ca: Vec<Option<Vec<u8>>>,
    /// The URL and the secrets of each hook, in the order of the configuration.
    pub hooks: Vec<Option<HookSecrets>>,
    /// What is secret about each stream, in the order of the configuration.
    pub streams: Vec<Option<StreamSecrets>>,
}

/// What is secret about a stream.
pub enum StreamSecrets {
    /// The certificate chain that a receiver of syslog is shown, and its key, PEM.
    Syslog(Option<(Vec<u8>, Secret)>),
    /// Those of a webhook.
    Webhook(HookSecrets),
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
        let seal: Vec<(String, Secret)> = seal.collect();
        let hash = key_bytes(&self.hash, faults);
        let callers = self.callers.iter().map(|caller| read(&caller.secret, faults)).collect();
        let mail = self.mail.credentials.as_ref().and_then(|(_, password)| read(password, faults));
        let session = self.session_keys(&seal, hash.as_ref(), faults);
        let (tls, client_ca, crl) = of_listeners(&self.listen, faults);
        let issuing = self.session.as_ref().map_or(&[][..], |session| &session.listen);
        let (session_tls, session_client_ca, session_crl) = of_listeners(issuing, faults);
        let policy_signers = self.policy_signers.as_ref().and_then(|at| {
            let text = String::from_utf8(file(at, "signers", faults)?).ok();
            if text.is_none() {
                faults.push(Fault::error("this is no text", at.place.clone()));
            }
            Some(Source::new(at.value.display().to_string(), text?))
        });
        let status_tls = self.status.iter().map(|status| {
            let (certificate, key) = status.tls.as_ref()?;
            pair(certificate, key, faults)
        });
        let status_tls = status_tls.collect();
        let status_client_ca =
            self.status.iter().map(|status| file(status.client_ca.as_ref()?, "CAs", faults)).collect();
        let hooks = self.notify.hooks.iter().map(|place| hook(place, faults)).collect();
        let streams = self.streams.iter().map(|place| stream(place, faults)).collect();
        Secrets {
            seal,
            hash,
            callers,
            mail,
            tls,
            client_ca,
            crl,
            session,
            session_tls,
            session_client_ca,
            session_crl,
            policy_signers,
            status_tls,
            status_client_ca,
            hooks,
            streams,
        }
    }

    /// Whoever holds a key of sessions can be anybody: it is a key of its own, and no two are one.
    fn session_keys(
        &self,
        seal: &[(String, Secret)],
        hash: Option<&Secret>,
        faults: &mut Faults,
    ) -> Vec<(String, Secret)> {
        let mut found: Vec<(String, Secret)> = Vec::new();
        for (id, at) in self.session.iter().flat_map(|session| &session.keys) {
            let Some(key) = key_bytes(at, faults) else { continue };
            let others = seal.iter().chain(&found).map(|(_, other)| other).chain(hash);
            if others.into_iter().any(|other| other.expose() == key.expose()) {
                faults.push(
                    Fault::error("a key of sessions is used for something else as well", at.place.clone())
                        .hint("make another with `openssl rand -hex 32`"),
                );
                continue;
            }
            found.push((id.clone(), key));
        }
        found
    }
}

/// What each listener needs from files: chain and key, client CAs, revoked certificates.
type OfListeners = (Vec<Option<(Vec<u8>, Secret)>>, Vec<Option<Vec<u8>>>, Vec<Option<Vec<u8>>>);

fn of_listeners(listeners: &[Listen], faults: &mut Faults) -> OfListeners {
    let mut found = OfListeners::default();
    for listen in listeners {
        found.0.push(pair(&listen.certificate, &listen.key, faults));
        found.1.push(listen.client_ca.as_ref().and_then(|at| file(at, "CAs", faults)));
        found.2.push(listen.crl.as_ref().and_then(|at| file(at, "revoked certificates", faults)));
    }
    found
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
    let read = trusted(&at.value).map_err(|error| {
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

/// What is secret about a stream: all of it or none.
fn stream(place: &StreamPlace, faults: &mut Faults) -> Option<StreamSecrets> {
    match &place.to {
        StreamReceiver::Webhook(to) => hook(to, faults).map(StreamSecrets::Webhook),
        StreamReceiver::Syslog(to) => match &to.certificate {
            None => Some(StreamSecrets::Syslog(None)),
            Some((certificate, key)) => {
                pair(certificate, key, faults).map(|pair| StreamSecrets::Syslog(Some(pair)))
            }
        },
    }
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
