//! Certificates and secrets while the guard serves: certificates are read again whenever their files have changed, and
//! when the operator says so the configuration is, with every certificate and secret it refers to. Of that configuration
//! the callers, who is told what, and the secrets come into force; everything else with the next start. What cannot be
//! used keeps what is in force, each by itself: a wrong password holds up no certificate.
//!
//! A listener is known by its address: what the configuration says of another one is never served by it, in whatever
//! order they stand there. A key that the configuration no longer names is withdrawn even when the others cannot be read.
//!
//! Whatever could not be renewed is said in the log, and by the metric `renewal_failed` for as long as it is so. It is no
//! reason not to be ready: the guard works on as it did, and would be replaced by one that cannot even start. A certificate
//! that has ended is one.

use std::{
    collections::BTreeSet, fs, future::Future, net::SocketAddr, path::Path, pin::pin, sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{
    Again, Reread,
    parts::{hook_options, key_ring, mail_credentials},
    said::{first, report},
    standing::Standing,
    teller::Routes,
};
use crate::{
    clock::Clock,
    config::{Config, Secrets},
    diagnostic::Faults,
    guard::Guard,
    notice::{Before, Recipient, Routing},
    notify::Channels,
    secret::{Digest, Secret, SecretRef},
    server::Tls,
};

/// How often the certificates' files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Renews what the guard was started with.
pub(super) struct Renewal {
    pub(super) reread: Reread,
    pub(super) config: ArcSwap<Config>,
    /// The certificates that are served.
    pub(super) served: Vec<Served>,
    /// The files that they were read from, when the guard was started.
    pub(super) files: Digest,
    pub(super) guard: Arc<Guard>,
    pub(super) channels: Arc<Channels>,
    pub(super) routes: Routes,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
}

/// A listener, as the configuration has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Gateway(SocketAddr),
    Status(SocketAddr),
}

/// A certificate that is served.
pub(super) struct Served {
    door: Door,
    tls: Tls,
}

/// What a listener's certificate is read from.
struct Files<'a> {
    certificate: &'a Path,
    key: &'a SecretRef,
    client_ca: Option<&'a Path>,
}

/// What was read of it.
struct Read {
    chain: Vec<u8>,
    key: Secret,
    client_ca: Option<Vec<u8>>,
}

impl Renewal {
    /// Looks until `shutdown` resolves, and reads everything when told to.
    pub(super) async fn run(self, mut again: mpsc::Receiver<Again>, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let this = Arc::new(self);
        let mut served = Some(this.files);
        loop {
            let told = tokio::select! {
                () = &mut shutdown => return,
                Some(told) = again.recv() => Some(told),
                () = tokio::time::sleep(EVERY) => None,
            };
            let everything = told.is_some();
            // Whoever tells the guard to stop does not wait for a disk or a command that hangs.
            served = tokio::select! {
                () = &mut shutdown => return,
                looked = this.clone().blocking(move |this| this.look(everything, served)) => looked.flatten(),
            };
            drop(told);
        }
    }

    /// What is served from now on; none when something could not be, which is tried again: a key may come after its
    /// certificate.
    fn look(&self, everything: bool, served: Option<Digest>) -> Option<Digest> {
        let now = fingerprint(&self.config.load());
        let whole = if everything {
            self.everything()
        } else {
            served == Some(now) || self.serve(&self.config.load())
        };
        whole.then_some(now)
    }

    /// Files are read and commands run where nobody waits for them. A panic leaves what is in force as it is.
    async fn blocking<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Option<T> {
        tokio::task::spawn_blocking(move || work(&self)).await.ok()
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
        let served = self.serve(&config);
        self.callers(&config, &secrets, faults);
        self.people(&config, &secrets);
        self.standing.renewed_only(&self.named(&config));
        self.config.store(config);
        served
    }

    /// Serves the certificates that can be served; says whether these are all.
    fn serve(&self, config: &Config) -> bool {
        let mut all = true;
        for (number, served) in self.served.iter().enumerate() {
            // Listeners on any free port are told apart by their order.
            let nth = self.served.iter().take(number).filter(|other| other.door == served.door).count();
            let mut same = files(config).filter(|(door, _)| *door == served.door);
            let replaced = match same.nth(nth) {
                None => Err("the configuration gives it no certificate any more".to_owned()),
                Some((_, files)) => files.read().and_then(|read| served.replace(&read, &self.clock)),
            };
            let listener = served.door.name();
            all &= replaced.is_ok();
            let news = self.standing.renewed(&served.door.what(), replaced.clone().err());
            match &replaced {
                Ok(()) => tracing::info!(listener, "certificate read again"),
                Err(why) if news => tracing::error!(listener, why, "the old certificate is kept"),
                Err(_) => {}
            }
        }
        all
    }

    /// What can be renewed by this configuration, each by the name under which it is said that it was not.
    fn named(&self, config: &Config) -> BTreeSet<String> {
        let mut names = BTreeSet::from(["configuration", "callers", "mail", "routes"].map(str::to_owned));
        names.extend(self.served.iter().map(|served| served.door.what()));
        names.extend(config.notify.hooks.iter().map(|place| format!("hook:{}", place.name)));
        names
    }

    /// The callers' keys: all of them, or those in force stay that the configuration still names.
    fn callers(&self, config: &Config, secrets: &Secrets, mut faults: Faults) {
        let mut found = Faults::new();
        let fault = if let Some(keys) = key_ring(config, secrets, &mut found) {
            self.guard.replace_keys(keys);
            tracing::info!(callers = config.callers.len(), "the callers' keys were read again");
            None
        } else {
            report(&found);
            self.guard.keep_keys(&config.callers.iter().map(|caller| caller.key_id.clone()).collect());
            tracing::error!("the callers' keys in force are kept, but for those that are withdrawn");
            found.extend(std::mem::take(&mut faults));
            Some(first(&found))
        };
        self.standing.renewed("callers", fault);
    }

    /// Who is told what, the password for mail, and what hooks are told with.
    fn people(&self, config: &Config, secrets: &Secrets) {
        self.told(&config.notify.routing);
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

    /// Who is told what. A route to a hook that there was not at the start is none yet, and somebody would be told nothing
    /// until the next one: then those in force stay, all of them.
    fn told(&self, routing: &Routing) {
        let acknowledge = match &routing.before {
            Before::Queued => &[][..],
            Before::Acknowledged { by, .. } => by,
        };
        let acknowledge = acknowledge.iter().filter_map(|recipient| match recipient {
            Recipient::Hook(name) => Some(name),
            Recipient::Mail(_) => None,
        });
        let mut named = routing.routes.iter().flat_map(|route| &route.hooks).chain(acknowledge);
        let fault = named.find(|name| self.channels.hook(name).is_none()).map(|name| {
            format!("the hook `{name}` is new: it is told from the next start on, and so are other routes")
        });
        if fault.is_none() {
            self.guard.replace_routing(routing.clone());
            self.routes.store(Arc::new(routing.clone()));
        }
        self.renewed("routes", fault);
    }

    fn renewed(&self, channel: &str, fault: Option<String>) {
        if let Some(why) = &fault {
            tracing::error!(channel, why, "what the channel is used with is kept");
        }
        self.standing.renewed(channel, fault);
    }
}

/// Over the files of every certificate and of every authority. Keys are not among them, and need not be: another key
/// belongs to another certificate, and a pair that does not match yet is tried again until it does.
pub(super) fn fingerprint(config: &Config) -> Digest {
    let read = |path: &Path| fs::read(path).unwrap_or_default();
    Digest::of_list(files(config).flat_map(|(_, files)| {
        [Some(files.certificate), files.client_ca].into_iter().flatten().map(read).collect::<Vec<_>>()
    }))
}

/// What each listener's certificate is read from: those of the gateways, then those of status listeners that have one.
fn files(config: &Config) -> impl Iterator<Item = (Door, Files<'_>)> {
    let gateways = config.listen.iter().map(|listen| {
        let client_ca = listen.client_ca.as_ref().map(|file| file.value.as_path());
        let files = Files { certificate: &listen.certificate.value, key: &listen.key.value, client_ca };
        (Door::Gateway(listen.address), files)
    });
    let statuses = config.status.iter().filter_map(|listen| {
        let (certificate, key) = listen.tls.as_ref()?;
        let client_ca = listen.client_ca.as_ref().map(|file| file.value.as_path());
        let files = Files { certificate: &certificate.value, key: &key.value, client_ca };
        Some((Door::Status(listen.address), files))
    });
    gateways.chain(statuses)
}

impl Served {
    /// The certificates of gateway and status listeners, both in the order of the configuration.
    pub(super) fn all(config: &Config, gateways: &[Tls], statuses: &[Option<Tls>]) -> Vec<Self> {
        let gateways =
            config.listen.iter().zip(gateways).map(|(listen, tls)| (Door::Gateway(listen.address), tls));
        let statuses = config.status.iter().zip(statuses);
        let statuses =
            statuses.filter_map(|(listen, tls)| Some((Door::Status(listen.address), tls.as_ref()?)));
        gateways.chain(statuses).map(|(door, tls)| Self { door, tls: tls.clone() }).collect()
    }

    fn replace(&self, read: &Read, clock: &Clock) -> Result<(), String> {
        let replaced =
            self.tls.replace(&read.chain, read.key.expose(), read.client_ca.as_deref(), clock.now());
        replaced.map_err(|fault| fault.to_string())
    }
}

impl Door {
    fn name(self) -> String {
        match self {
            Self::Gateway(address) | Self::Status(address) => address.to_string(),
        }
    }

    /// Under which name it is said that its certificate was not renewed.
    fn what(self) -> String {
        match self {
            Self::Gateway(address) => format!("certificate:{address}"),
            Self::Status(address) => format!("status-certificate:{address}"),
        }
    }
}

impl Files<'_> {
    fn read(&self) -> Result<Read, String> {
        let file = |path: &Path| {
            fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
        };
        Ok(Read {
            chain: file(self.certificate)?,
            key: self.key.read().map_err(|error| error.to_string())?,
            client_ca: self.client_ca.map(file).transpose()?,
        })
    }
}
