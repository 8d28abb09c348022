//! Parts that are made of secrets, by the start and again by every renewal.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::Arc,
};

use crate::{
    caller::{GuardKey, KeyRing, KeyRingFault, Ring, SessionKeys},
    client::Presented,
    clock::{Clock, Now},
    config::{
        Config, HookPlace, HookSecrets, Listen, Located, Secrets, StreamPlace, StreamReceiver, StreamSecrets,
    },
    diagnostic::{Fault, Faults, Place},
    notify::{
        Channels, Hook, HookOptions, Mail, MailOptions, StreamOptions, StreamTo, Streams, SyslogOptions,
    },
    secret::{Seal, Secret},
    server::{Tls, TlsFault},
};

/// Something is at fault, and was said to be.
pub(super) struct AtFault;

/// The keys that sessions are sealed with, where sessions are meant to be: all of them or none.
pub(super) fn session_keys(
    config: &Config,
    secrets: &Secrets,
    faults: &mut Faults,
) -> Result<Option<Arc<SessionKeys>>, AtFault> {
    let Some(place) = &config.session else { return Ok(None) };
    if secrets.session.len() < place.keys.len() {
        return Err(AtFault);
    }
    SessionKeys::new(secrets.session.clone()).map(|keys| Some(Arc::new(keys))).map_err(|fault| {
        faults.push(Fault::bare(format!("the keys of sessions cannot be used: {fault}")));
        AtFault
    })
}

/// The callers' keys: all of them or none.
pub(super) fn key_ring(
    config: &Config,
    secrets: &Secrets,
    sessions: Option<Arc<SessionKeys>>,
    faults: &mut Faults,
) -> Option<KeyRing> {
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
    let issuing = config.session.iter().flat_map(|session| &session.listen);
    let hosts: BTreeSet<String> =
        config.listen.iter().chain(issuing).flat_map(|listen| listen.hosts.iter().cloned()).collect();
    let certificates = config.certificates.clone();
    match KeyRing::new(Ring { keys, sessions, certificates, regions, hosts }) {
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
        KeyRingFault::NoRegion
        | KeyRingFault::Host(_)
        | KeyRingFault::CertificateName(_)
        | KeyRingFault::CertificateDoubled(_)
        | KeyRingFault::CertificateClaims(_) => return None,
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
    let read = secrets.tls.iter().zip(&secrets.client_ca).zip(&secrets.crl);
    of_listeners(&config.listen, read, now, faults)
}

/// The certificates of the session listeners that can be served.
pub(super) fn session_tls(config: &Config, secrets: &Secrets, now: Now, faults: &mut Faults) -> Vec<Tls> {
    let Some(session) = &config.session else { return Vec::new() };
    let read = secrets.session_tls.iter().zip(&secrets.session_client_ca).zip(&secrets.session_crl);
    of_listeners(&session.listen, read, now, faults)
}

/// A chain with its key, the clients' authorities, and what of theirs is revoked: what could be read of it.
type Read<'r> = ((&'r Option<(Vec<u8>, Secret)>, &'r Option<Vec<u8>>), &'r Option<Vec<u8>>);

fn of_listeners<'r>(
    listeners: &[Listen],
    read: impl Iterator<Item = Read<'r>>,
    now: Now,
    faults: &mut Faults,
) -> Vec<Tls> {
    let mut found = Vec::new();
    for (listen, ((pair, ca), crl)) in listeners.iter().zip(read) {
        let Some(pair) = pair else { continue };
        let clients = Clients { ca: ca.as_deref(), crl: crl.as_deref() };
        if clients.are_read(listen.client_ca.is_some(), listen.crl.is_some()) {
            found.extend(tls(pair, clients, &listen.certificate, now, faults));
        }
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
            let clients = Clients { ca: ca.as_deref(), crl: None };
            let are_read = clients.are_read(listen.client_ca.is_some(), false);
            if are_read { tls(pair, clients, certificate, now, faults) } else { None }
        });
        found.push(made);
    }
    found
}

/// What is asked of clients, as far as it could be read.
#[derive(Clone, Copy)]
struct Clients<'r> {
    ca: Option<&'r [u8]>,
    crl: Option<&'r [u8]>,
}

impl Clients<'_> {
    /// Whether everything that is named was read: a listener that asks for less than it was told to is none.
    fn are_read(self, ca_is_named: bool, crl_is_named: bool) -> bool {
        self.ca.is_some() == ca_is_named && self.crl.is_some() == crl_is_named
    }
}

fn tls(
    (chain, key): &(Vec<u8>, Secret),
    clients: Clients<'_>,
    certificate: &Located<PathBuf>,
    now: Now,
    faults: &mut Faults,
) -> Option<Tls> {
    let made = match clients.ca {
        None => Tls::new(chain, key.expose(), now),
        Some(ca) => Tls::with_client_ca(chain, key.expose(), ca, clients.crl, now),
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

/// The streams: all of them or none.
pub(super) fn streams(
    config: &Config,
    secrets: &Secrets,
    clock: Clock,
    faults: &mut Faults,
) -> Option<Streams> {
    let of = config.streams.iter().zip(&secrets.streams);
    let options = of.map(|(place, secrets)| stream_options(place, secrets.as_ref()?));
    let options = options.collect::<Option<Vec<_>>>()?;
    // Linux says it here; a machine that does not has none in its messages.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let streams = Streams::new(options, clock, host.trim().to_owned()).map_err(|(name, fault)| {
        let message = format!("the stream `{name}` cannot be set up: {fault}");
        faults.push(match config.streams.iter().find(|place| place.name == name) {
            Some(place) => Fault::error(message, place.place.clone()),
            None => Fault::bare(message),
        });
    });
    streams.ok()
}

/// What a stream is set up with; none where its secrets are another kind's.
pub(super) fn stream_options(place: &StreamPlace, secrets: &StreamSecrets) -> Option<StreamOptions> {
    let to = match (&place.to, secrets) {
        (StreamReceiver::Syslog(to), StreamSecrets::Syslog(pair)) => StreamTo::Syslog(SyslogOptions {
            host: to.host.clone(),
            port: to.port,
            ca_file: to.ca_file.as_ref().map(|file| file.value.clone()),
            presented: pair.clone().map(|(chain, key)| Presented { chain, key }),
            facility: to.facility,
        }),
        (StreamReceiver::Webhook(to), StreamSecrets::Webhook(secrets)) => {
            StreamTo::Webhook(hook_options(to, secrets))
        }
        (StreamReceiver::Syslog(_), StreamSecrets::Webhook(_))
        | (StreamReceiver::Webhook(_), StreamSecrets::Syslog(_)) => return None,
    };
    let StreamPlace { name, required, timeout, kinds, .. } = place;
    let (name, kinds) = (name.clone(), kinds.clone());
    Some(StreamOptions { name, to, required: *required, timeout: *timeout, kinds })
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
