//! What is made of a configuration before anything outside is touched: every fault of the file, of the secrets it refers
//! to and of the policy in one run. `config check` stops here; serving goes on from here.

use std::sync::Arc;

use super::{
    parts::{self, AtFault},
    policy_files,
    wording::wording,
};
use crate::{
    caller::{KeyRing, SessionKeys},
    clock::{Clock, Now},
    config::{Config, Secrets},
    diagnostic::{Fault, Faults},
    limit::Limiter,
    notice::Templates,
    notify::{Channels, Streams},
    policy::{Policy, Signers, Terms},
    secret::{HashKey, Seal},
    server::Tls,
};

/// The parts of a guard that need nothing from outside.
pub struct Assembly {
    /// The policy.
    pub policy: Policy,
    /// Who may sign it, where somebody has to.
    pub signers: Option<Signers>,
    /// The callers' keys.
    pub keys: KeyRing,
    /// What sessions are sealed with, where there are any.
    pub sessions: Option<Arc<SessionKeys>>,
    /// The certificate of each gateway listener, in the order of the configuration.
    pub tls: Vec<Tls>,
    /// The certificate of each session listener, in the order of the configuration.
    pub session_tls: Vec<Tls>,
    /// The certificate of each status listener, in the order of the configuration; none where it speaks plain HTTP.
    pub status_tls: Vec<Option<Tls>>,
    /// Rates.
    pub limiter: Limiter,
    /// The ways to people.
    pub channels: Arc<Channels>,
    /// Who is brought every record.
    pub streams: Arc<Streams>,
    /// The notices' templates.
    pub templates: Arc<Templates>,
    /// The sealing keys.
    pub seal: Seal,
    /// The key of keyed hashes.
    pub hash: HashKey,
}

/// The ways out to people and to whoever is brought records, as far as they can be made: for whoever tries them, also while
/// something else is at fault.
pub struct Ways {
    /// To people.
    pub channels: Option<Arc<Channels>>,
    /// To receivers of records.
    pub streams: Option<Arc<Streams>>,
}

impl Ways {
    /// Those of an assembly; without one, whatever can be made. What is at fault was told of already.
    pub fn of(made: Option<Assembly>, config: &Config, clock: &Clock) -> Self {
        if let Some(Assembly { channels, streams, .. }) = made {
            return Self { channels: Some(channels), streams: Some(streams) };
        }
        let mut told = Faults::new();
        let secrets = config.secrets(&mut told);
        let channels = parts::channels(config, &secrets, clock.clone(), &mut told).map(Arc::new);
        let streams = parts::streams(config, &secrets, clock.clone(), &mut told).map(Arc::new);
        Self { channels, streams }
    }
}

/// What notices are looked at and sent with. It is to be had while the policy, a caller's secret or a certificate is at
/// fault: that is when somebody wants to know what people were told.
pub struct Correspondence {
    /// The ways to people.
    pub channels: Arc<Channels>,
    /// The notices' templates.
    pub templates: Arc<Templates>,
    /// The sealing keys.
    pub seal: Seal,
}

impl Correspondence {
    /// Makes the parts; or every fault, of which some may be of other parts.
    pub fn of(config: &Config, clock: &Clock) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let templates = wording(config, &mut faults);
        let secrets = config.secrets(&mut faults);
        let channels = parts::channels(config, &secrets, clock.clone(), &mut faults);
        let seal = parts::seal(config, secrets.seal, &mut faults);
        match (channels, templates, seal) {
            (Some(channels), Some(templates), Some(seal)) => {
                Ok(Self { channels: Arc::new(channels), templates: Arc::new(templates), seal })
            }
            _ => Err(faults),
        }
    }
}

impl Assembly {
    /// Makes the parts, and says what is worth a look; or every fault.
    pub fn of(config: &Config, clock: &Clock) -> Result<(Self, Faults), Faults> {
        let now = clock.now();
        let mut faults = Faults::new();
        let templates = wording(config, &mut faults);
        let limiter = Limiter::new(config.rates.clone())
            .map_err(|fault| faults.push(Fault::bare(fault.to_string())))
            .ok();
        let secrets = config.secrets(&mut faults);
        let signers = signers(config, &secrets, &mut faults);
        let policy =
            signers.as_ref().ok().and_then(|signers| policy(config, signers.as_ref(), now, &mut faults));
        let sessions = parts::session_keys(config, &secrets, &mut faults);
        let keys = parts::key_ring(config, &secrets, sessions.as_ref().ok().cloned().flatten(), &mut faults);
        let tls = parts::gateway_tls(config, &secrets, now, &mut faults);
        let session_tls = parts::session_tls(config, &secrets, now, &mut faults);
        let status_tls = parts::status_tls(config, &secrets, now, &mut faults);
        let channels = parts::channels(config, &secrets, clock.clone(), &mut faults);
        let streams = parts::streams(config, &secrets, clock.clone(), &mut faults);
        let hash = secrets.hash.as_ref().map(HashKey::new);
        let seal = parts::seal(config, secrets.seal, &mut faults);
        match (policy, signers, keys, sessions, limiter, (channels, streams), templates, seal, hash) {
            (
                Some(policy),
                Ok(signers),
                Some(keys),
                Ok(sessions),
                Some(limiter),
                (Some(channels), Some(streams)),
                Some(templates),
                Some(seal),
                Some(hash),
            ) if !faults.fatal() => {
                let (channels, streams, templates) =
                    (Arc::new(channels), Arc::new(streams), Arc::new(templates));
                let assembly = Self {
                    policy,
                    signers,
                    keys,
                    sessions,
                    tls,
                    session_tls,
                    status_tls,
                    limiter,
                    channels,
                    streams,
                    templates,
                    seal,
                    hash,
                };
                Ok((assembly, faults))
            }
            _ => Err(faults),
        }
    }
}

/// Who may sign the policy, where somebody has to.
pub(super) fn signers(
    config: &Config,
    secrets: &Secrets,
    faults: &mut Faults,
) -> Result<Option<Signers>, AtFault> {
    if config.policy_signers.is_none() {
        return Ok(None);
    }
    let read = Signers::read(secrets.policy_signers.as_ref().ok_or(AtFault)?);
    read.map(Some).map_err(|found| {
        faults.extend(found);
        AtFault
    })
}

fn policy(config: &Config, signers: Option<&Signers>, now: Now, faults: &mut Faults) -> Option<Policy> {
    let terms = Terms { signers, at_least: None };
    match policy_files(&config.policy).and_then(|files| Policy::compile_on(&files, now, terms)) {
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
