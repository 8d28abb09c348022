//! Certificates and secrets while the guard serves: certificates are read again whenever their files have changed, and
//! when the operator says so the configuration is, with every certificate and secret it refers to. Of that configuration
//! the callers, who is told what, and the secrets come into force; everything else with the next start. What cannot be
//! used keeps what is in force, each by itself: a wrong password holds up no certificate.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{
    Again, Reread,
    parts::{hook_options, key_ring, mail_credentials},
    standing::Standing,
    teller::Routes,
};
use crate::{
    clock::Clock,
    config::{Config, Located, Secrets},
    diagnostic::{Fault, Faults},
    guard::Guard,
    notify::Channels,
    secret::{Digest, Secret},
    server::Tls,
};

/// How often the certificates' files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Renews what the guard was started with.
pub(super) struct Renewal {
    pub(super) reread: Reread,
    pub(super) config: ArcSwap<Config>,
    /// The certificates that are served: of the gateway listeners, then of the status listeners, each with the address that
    /// the configuration gave it. By that it is known again: another file may name others before it.
    pub(super) tls: Vec<(SocketAddr, Option<Tls>)>,
    pub(super) guard: Arc<Guard>,
    pub(super) channels: Arc<Channels>,
    pub(super) routes: Routes,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
}

/// One listener's certificate, as its files are now.
struct Pair<'a> {
    /// The certificate's path, for the operator.
    name: String,
    read: Option<&'a (Vec<u8>, Secret)>,
    client_ca: Option<&'a [u8]>,
    serving: &'a Tls,
}

impl Renewal {
    /// Looks until `shutdown` resolves, and reads everything when told to.
    pub(super) async fn run(self, mut again: mpsc::Receiver<Again>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let this = Arc::new(self);
        let mut served = this.clone().blocking(Self::fingerprint).await;
        loop {
            let told = tokio::select! {
                () = &mut shutdown => return,
                told = again.recv() => told,
                () = tokio::time::sleep(EVERY) => None,
            };
            let everything = told.is_some();
            served = this.clone().blocking(move |this| this.look(everything, served)).await.flatten();
            drop(told);
        }
    }

    /// What is served from now on; none when something could not be, which is tried again: a key may come after its
    /// certificate.
    fn look(&self, everything: bool, served: Option<Digest>) -> Option<Digest> {
        let now = self.fingerprint();
        let whole = if everything { self.everything() } else { served == Some(now) || self.certificates() };
        whole.then_some(now)
    }

    /// Files are read and commands run where nobody waits for them. A panic leaves what is in force as it is.
    async fn blocking<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        tokio::task::spawn_blocking(move || work(&self)).await.ok()
    }

    /// Over the files of every certificate and of every authority; and of the keys that are files.
    fn fingerprint(&self) -> Digest {
        let config = self.config.load();
        let gateway = config.listen.iter().map(|listen| (Some(&listen.certificate), &listen.client_ca));
        let status = config
            .status
            .iter()
            .map(|status| (status.tls.as_ref().map(|(certificate, _)| certificate), &status.client_ca));
        let files = gateway.chain(status).flat_map(|(certificate, ca)| certificate.into_iter().chain(ca));
        Digest::of_list(files.map(|file| std::fs::read(&file.value).unwrap_or_default()))
    }

    /// The certificates alone; says whether all of them are served.
    fn certificates(&self) -> bool {
        let config = self.config.load();
        let mut faults = Faults::new();
        let secrets = config.secrets(&mut faults);
        self.serve(&config, &secrets, &faults)
    }

    /// The configuration, and everything it refers to; says whether all certificates are served.
    fn everything(&self) -> bool {
        let config = match (self.reread)() {
            Ok(config) => {
                self.standing.renewed("configuration", None);
                Arc::new(config)
            }
            Err(faults) => {
                report(&faults);
                tracing::error!("the configuration is at fault: the one in force is kept");
                self.standing.renewed("configuration", Some(first(&faults)));
                self.config.load_full()
            }
        };
        let mut faults = Faults::new();
        let secrets = config.secrets(&mut faults);
        report(&faults);
        let served = self.serve(&config, &secrets, &faults);
        self.callers(&config, &secrets);
        self.people(&config, &secrets);
        self.config.store(config);
        served
    }

    /// Serves the certificates that can be served; says whether these are all.
    fn serve(&self, config: &Config, secrets: &Secrets, faults: &Faults) -> bool {
        let mut all = true;
        for pair in self.pairs(config, secrets) {
            let Pair { name, read, client_ca, serving } = pair;
            let replaced = match read {
                None => Err(about(faults, &name)),
                Some((chain, key)) => serving
                    .replace(chain, key.expose(), client_ca, self.clock.now())
                    .map_err(|fault| fault.to_string()),
            };
            let certificate = name.as_str();
            all &= replaced.is_ok();
            let news = self.standing.renewed(&format!("certificate {certificate}"), replaced.clone().err());
            match &replaced {
                Ok(()) => tracing::info!(certificate, "certificate read again"),
                Err(why) if news => tracing::error!(certificate, why, "the old certificate is kept"),
                Err(_) => {}
            }
        }
        all
    }

    /// The certificates of the listeners that there were at the start, and still are.
    fn pairs<'a>(&'a self, config: &Config, secrets: &'a Secrets) -> Vec<Pair<'a>> {
        let path = |certificate: &Located<std::path::PathBuf>| certificate.value.display().to_string();
        let gateway = config.listen.iter().map(|listen| (listen.address, Some(path(&listen.certificate))));
        let status = config
            .status
            .iter()
            .map(|status| (status.address, status.tls.as_ref().map(|(certificate, _)| path(certificate))));
        let read = secrets.tls.iter().chain(&secrets.status_tls);
        let authorities = secrets.client_ca.iter().chain(&secrets.status_client_ca);
        let configured: Vec<_> = gateway.chain(status).zip(read.zip(authorities)).collect();
        let serving = self.tls.iter().enumerate().filter_map(|(place, (address, serving))| {
            let before = self.tls.iter().take(place).filter(|(other, _)| other == address).count();
            let ((_, name), (read, ca)) =
                configured.iter().filter(|((other, _), _)| other == address).nth(before)?;
            Some(Pair {
                name: name.clone()?,
                read: read.as_ref(),
                client_ca: ca.as_deref(),
                serving: serving.as_ref()?,
            })
        });
        serving.collect()
    }

    /// The callers' keys: all of them, or those in force stay.
    fn callers(&self, config: &Config, secrets: &Secrets) {
        let mut faults = Faults::new();
        let fault = if let Some(keys) = key_ring(config, secrets, &mut faults) {
            self.guard.replace_keys(keys);
            tracing::info!(callers = config.callers.len(), "the callers' keys were read again");
            None
        } else {
            report(&faults);
            tracing::error!("the callers' keys in force are kept");
            Some(first(&faults))
        };
        self.standing.renewed("callers", fault);
    }

    /// Who is told what, the password for mail, and what hooks are told with.
    fn people(&self, config: &Config, secrets: &Secrets) {
        self.guard.replace_routing(config.notify.routing.clone());
        self.routes.store(Arc::new(config.notify.routing.clone()));
        let wanted = config.mail.credentials.is_some();
        let credentials = mail_credentials(config, secrets);
        if let Some(mail) = self.channels.mail().filter(|_| wanted == credentials.is_some()) {
            let fault = mail.replace_credentials(credentials).err().map(|fault| fault.to_string());
            self.renewed("mail", fault);
        } else {
            self.renewed("mail", Some("the password cannot be read".into()));
        }
        for (place, secrets) in config.notify.hooks.iter().zip(&secrets.hooks) {
            let fault = match (self.channels.hook(&place.name), secrets) {
                (None, _) => Some("it is new: it is told from the next start on".into()),
                (Some(_), None) => Some("its secrets cannot be read".into()),
                (Some(hook), Some(secrets)) => {
                    hook.replace(&hook_options(place, secrets)).err().map(|fault| fault.to_string())
                }
            };
            self.renewed(&format!("hook:{}", place.name), fault);
        }
    }

    fn renewed(&self, channel: &str, fault: Option<String>) {
        if let Some(why) = &fault {
            tracing::error!(channel, why, "what the channel is used with is kept");
        }
        self.standing.renewed(channel, fault);
    }
}

fn report(faults: &Faults) {
    for line in faults.plain().lines() {
        tracing::warn!("{line}");
    }
}

fn first(faults: &Faults) -> String {
    faults.plain().lines().next().unwrap_or("it is at fault").to_owned()
}

/// The fault that names a file, or one that says as little as is known.
fn about(faults: &Faults, name: &str) -> String {
    let named = |fault: &&Fault| fault.message.contains(name);
    let found = faults.iter().find(named).map(|fault| fault.message.clone());
    found.unwrap_or_else(|| "it cannot be read, or its key".to_owned())
}
