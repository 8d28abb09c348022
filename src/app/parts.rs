//! Parts that are made of secrets, by the start and again by every renewal.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    caller::{GuardKey, KeyRing, KeyRingFault},
    clock::{Clock, Now},
    config::{Config, HookPlace, HookSecrets, Located, Secrets},
    diagnostic::{Fault, Faults, Place},
    notify::{Channels, Hook, HookOptions, Mail, MailOptions},
    secret::{Seal, Secret},
    server::{Tls, TlsFault},
};

/// The callers' keys: all of them or none.
pub(super) fn key_ring(config: &Config, secrets: &Secrets, faults: &mut Faults) -> Option<KeyRing> {
    let mut keys = Vec::new();
    for (caller, secret) in config.callers.iter().zip(&secrets.callers) {
        keys.push(GuardKey {
            key_id: caller.key_id.clone(),
            secret: secret.clone()?,
            principal: caller.principal.clone(),
            expires: caller.expires,
            networks: caller.networks.clone(),
        });
    }
    let regions: BTreeSet<String> =
        config.upstream.iter().map(|upstream| upstream.site.region.clone()).collect();
    let hosts: BTreeSet<String> =
        config.listen.iter().flat_map(|listen| listen.hosts.iter().cloned()).collect();
    match KeyRing::new(keys, regions, hosts) {
        Ok(ring) => Some(ring),
        Err(fault) => {
            faults.push(match place(config, &fault) {
                Some(place) => Fault::error(fault.to_string(), place),
                None => Fault::bare(fault.to_string()),
            });
            None
        }
    }
}

/// Where the caller stands that a fault is about.
fn place(config: &Config, fault: &KeyRingFault) -> Option<Place> {
    let id = match fault {
        KeyRingFault::Doubled(id)
        | KeyRingFault::KeyId(id)
        | KeyRingFault::ShortSecret(id)
        | KeyRingFault::SecretForm(id)
        | KeyRingFault::SharedSecret(id) => id,
        KeyRingFault::NoRegion | KeyRingFault::Host(_) => return None,
    };
    config.callers.iter().find(|caller| caller.key_id == *id).map(|caller| caller.place.clone())
}

/// A ring of the sealing keys, when every one of them was read.
pub(super) fn seal(config: &Config, keys: Vec<(String, Secret)>, faults: &mut Faults) -> Option<Seal> {
    if keys.len() < config.seal.len() {
        return None;
    }
    Seal::new(keys).map_err(|fault| faults.push(Fault::bare(fault.to_string()))).ok()
}

/// The certificates of the gateway listeners that can be served.
pub(super) fn gateway_tls(config: &Config, secrets: &Secrets, now: Now, faults: &mut Faults) -> Vec<Tls> {
    let mut found = Vec::new();
    for ((listen, pair), ca) in config.listen.iter().zip(&secrets.tls).zip(&secrets.client_ca) {
        let Some(pair) = pair else { continue };
        let ca = listen.client_ca.is_some().then_some(ca);
        found.extend(tls(pair, ca, &listen.certificate, now, faults));
    }
    found
}

/// The certificates of the status listeners, and none for those that speak plain HTTP.
pub(super) fn status_tls(
    config: &Config,
    secrets: &Secrets,
    now: Now,
    faults: &mut Faults,
) -> Vec<Option<Tls>> {
    let mut found = Vec::new();
    for ((listen, pair), ca) in config.status.iter().zip(&secrets.status_tls).zip(&secrets.status_client_ca) {
        let made = listen.tls.as_ref().zip(pair.as_ref()).and_then(|((certificate, _), pair)| {
            let ca = listen.client_ca.is_some().then_some(ca);
            tls(pair, ca, certificate, now, faults)
        });
        found.push(made);
    }
    found
}

/// `ca`: the clients' authorities where clients are asked; none of them could be read when there are none in it.
fn tls(
    (chain, key): &(Vec<u8>, Secret),
    ca: Option<&Option<Vec<u8>>>,
    certificate: &Located<std::path::PathBuf>,
    now: Now,
    faults: &mut Faults,
) -> Option<Tls> {
    let made = match ca {
        None => Tls::new(chain, key.expose(), now),
        Some(Some(ca)) => Tls::with_client_ca(chain, key.expose(), ca, now),
        Some(None) => return None,
    };
    made.map_err(|fault: TlsFault| faults.push(Fault::error(fault.to_string(), certificate.place.clone())))
        .ok()
}

/// The ways to people: all of them or none.
pub(super) fn channels(
    config: &Config,
    secrets: &Secrets,
    clock: Clock,
    faults: &mut Faults,
) -> Option<Channels> {
    let mail = Mail::new(mail_options(config, secrets))
        .map_err(|fault| {
            let message = format!("mail cannot be set up: {fault}");
            faults.push(Fault::error(message, config.mail.place.clone()));
        })
        .ok();
    let mut hooks = BTreeMap::new();
    let mut whole = true;
    for (place, secrets) in config.notify.hooks.iter().zip(&secrets.hooks) {
        let hook = secrets.as_ref().and_then(|secrets| {
            Hook::new(&hook_options(place, secrets))
                .map_err(|fault| {
                    let message = format!("the hook `{}` cannot be set up: {fault}", place.name);
                    faults.push(Fault::error(message, place.place.clone()));
                })
                .ok()
        });
        whole &= hook.is_some();
        hooks.extend(hook.map(|hook| (place.name.clone(), hook)));
    }
    let mail = mail.filter(|_| whole)?;
    Some(Channels::new(Some(mail), hooks, clock))
}

/// User name and password for mail, where there are any.
pub(super) fn mail_credentials(config: &Config, secrets: &Secrets) -> Option<(String, Secret)> {
    let name = config.mail.credentials.as_ref().map(|(name, _)| name.clone());
    name.zip(secrets.mail.clone())
}

/// What a hook is set up with.
pub(super) fn hook_options(place: &HookPlace, secrets: &HookSecrets) -> HookOptions {
    HookOptions {
        url: secrets.url.clone(),
        secrets: secrets.secrets.clone(),
        format: place.format,
        ca_file: place.ca_file.as_ref().map(|file| file.value.clone()),
        private: place.private.clone(),
        timeout: place.timeout,
    }
}

fn mail_options(config: &Config, secrets: &Secrets) -> MailOptions {
    let mail = &config.mail;
    MailOptions {
        host: mail.host.clone(),
        port: mail.port,
        tls: mail.tls,
        ca_file: mail.ca_file.clone(),
        credentials: mail_credentials(config, secrets),
        from: mail.from.clone(),
        domain: mail.from.domain().to_owned(),
        timeout: mail.timeout,
    }
}
