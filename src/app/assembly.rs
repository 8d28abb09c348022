//! What is made of a configuration before anything outside is touched: every fault of the file, of the secrets it refers
//! to and of the policy in one run. `config check` stops here; serving goes on from here.

use std::collections::BTreeSet;

use super::policy_files;
use crate::{
    caller::{GuardKey, KeyRing, KeyRingFault},
    clock::Now,
    config::{Config, Secrets},
    diagnostic::{Fault, Faults, Place},
    limit::Limiter,
    notice::Templates,
    notify::{Mail, MailOptions},
    policy::Policy,
    secret::{HashKey, Seal, Secret},
    server::Tls,
};

/// The parts of a guard that need nothing from outside.
pub struct Assembly {
    /// The policy.
    pub policy: Policy,
    /// The callers' keys.
    pub keys: KeyRing,
    /// The certificate of each listener, in the order of the configuration.
    pub tls: Vec<Tls>,
    /// Rates.
    pub limiter: Limiter,
    /// The mail channel.
    pub mail: Mail,
    /// The notices' templates.
    pub templates: Templates,
    /// The sealing keys.
    pub seal: Seal,
    /// The key of keyed hashes.
    pub hash: HashKey,
}

impl Assembly {
    /// Makes the parts, and says what is worth a look; or every fault.
    pub fn of(config: &Config, now: Now) -> Result<(Self, Faults), Faults> {
        let mut faults = Faults::new();
        let policy = policy(config, now, &mut faults);
        let templates = Templates::built_in().map_err(|fault| faults.push(Fault::bare(fault.0))).ok();
        let limiter = Limiter::new(config.rates.clone())
            .map_err(|fault| faults.push(Fault::bare(fault.to_string())))
            .ok();
        let secrets = config.secrets(&mut faults);
        let keys = key_ring(config, &secrets, &mut faults);
        let tls = certificates(config, &secrets, now, &mut faults);
        let mail = Mail::new(mail_options(config, &secrets))
            .map_err(|fault| {
                let message = format!("mail cannot be set up: {fault}");
                faults.push(Fault::error(message, config.mail.place.clone()));
            })
            .ok();
        let hash = secrets.hash.as_ref().map(HashKey::new);
        let seal = seal(config, secrets.seal, &mut faults);
        match (policy, keys, limiter, mail, templates, seal, hash) {
            (
                Some(policy),
                Some(keys),
                Some(limiter),
                Some(mail),
                Some(templates),
                Some(seal),
                Some(hash),
            ) if !faults.fatal() => {
                Ok((Self { policy, keys, tls, limiter, mail, templates, seal, hash }, faults))
            }
            _ => Err(faults),
        }
    }
}

fn policy(config: &Config, now: Now, faults: &mut Faults) -> Option<Policy> {
    match policy_files(&config.policy).and_then(|files| Policy::compile(&files, now)) {
        Ok((policy, warnings)) => {
            faults.extend(warnings);
            Some(policy)
        }
        Err(found) => {
            faults.extend(found);
            None
        }
    }
}

fn key_ring(config: &Config, secrets: &Secrets, faults: &mut Faults) -> Option<KeyRing> {
    let keys = config
        .callers
        .iter()
        .zip(&secrets.callers)
        .filter_map(|(caller, secret)| {
            Some(GuardKey {
                key_id: caller.key_id.clone(),
                secret: secret.clone()?,
                principal: caller.principal.clone(),
                expires: caller.expires,
                networks: caller.networks.clone(),
            })
        })
        .collect();
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
fn seal(config: &Config, keys: Vec<(String, Secret)>, faults: &mut Faults) -> Option<Seal> {
    if keys.len() < config.seal.len() {
        return None;
    }
    Seal::new(keys).map_err(|fault| faults.push(Fault::bare(fault.to_string()))).ok()
}

fn certificates(config: &Config, secrets: &Secrets, now: Now, faults: &mut Faults) -> Vec<Tls> {
    let mut found = Vec::new();
    for (listen, read) in config.listen.iter().zip(&secrets.tls) {
        let Some((chain, key)) = read else { continue };
        match Tls::new(chain, key.expose(), now) {
            Ok(tls) => found.push(tls),
            Err(fault) => faults.push(Fault::error(fault.to_string(), listen.certificate.place.clone())),
        }
    }
    found
}

fn mail_options(config: &Config, secrets: &Secrets) -> MailOptions {
    let mail = &config.mail;
    let name = mail.credentials.as_ref().map(|(name, _)| name.clone());
    MailOptions {
        host: mail.host.clone(),
        port: mail.port,
        tls: mail.tls,
        ca_file: mail.ca_file.clone(),
        credentials: name.zip(secrets.mail.clone()),
        from: mail.from.clone(),
        domain: mail.from.domain().to_owned(),
        timeout: mail.timeout,
    }
}
