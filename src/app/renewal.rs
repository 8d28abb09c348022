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

use std::{collections::BTreeSet, future::Future, pin::pin, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{
    Again, Reread,
    assembly::signers,
    parts::{AtFault, hook_options, key_ring, mail_credentials, session_keys, stream_options},
    reload::SignersInForce,
    said::{first, report},
    served::{Served, files, fingerprint},
    standing::Standing,
    teller::Routes,
};
use crate::{
    caller::{KeyRing, SessionKeys},
    clock::Clock,
    config::{Config, Secrets},
    diagnostic::{Fault, Faults},
    guard::Guard,
    ledger::Ledger,
    notice::{Before, Recipient, Routing},
    notify::{Channels, Streams},
    secret::Digest,
    session::Exchange,
};

/// How often the certificates' files are looked at.
const EVERY: Duration = Duration::from_secs(10);

/// Renews what the guard was started with.
pub(super) struct Renewal {
    pub(super) reread: Reread,
    pub(super) config: ArcSwap<Config>,
    /// Who may sign the policy.
    pub(super) signers: SignersInForce,
    /// The certificates that are served.
    pub(super) served: Vec<Served>,
    /// The files that they were read from, when the guard was started.
    pub(super) files: Digest,
    pub(super) guard: Arc<Guard>,
    pub(super) exchange: Option<Arc<Exchange>>,
    pub(super) channels: Arc<Channels>,
    pub(super) streams: Arc<Streams>,
    pub(super) ledger: Ledger,
    pub(super) routes: Routes,
    pub(super) standing: Arc<Standing>,
    pub(super) clock: Clock,
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
        self.overdue();
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
        self.signing(&config, &secrets);
        self.people(&config, &secrets);
        self.streaming(&config, &secrets);
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

    /// Lists of revoked clients whose successors are due: they go on refusing what is on them, and know of nothing since.
    fn overdue(&self) {
        let now = self.clock.now().millis();
        for served in &self.served {
            let Some(ends) = served.tls.crl_ends() else { continue };
            let fault = (ends <= now).then(|| "it is out of date: replace it by its successor".to_owned());
            let what = served.door.list();
            if let (true, Some(why)) = (self.standing.renewed(&what, fault.clone()), fault) {
                tracing::error!(list = what, why, "what was revoked since is not known");
            }
        }
    }

    /// What can be renewed by this configuration, each by the name under which it is said that it was not.
    fn named(&self, config: &Config) -> BTreeSet<String> {
        let mut names =
            BTreeSet::from(["configuration", "callers", "signers", "mail", "routes"].map(str::to_owned));
        names.extend(self.served.iter().flat_map(|served| [served.door.what(), served.door.list()]));
        names.extend(config.notify.hooks.iter().map(|place| format!("hook:{}", place.name)));
        let streams = config.streams.iter().map(|place| place.name.as_str());
        names.extend(streams.chain(self.streams.names()).map(|name| format!("stream:{name}")));
        names
    }

    /// The callers' keys: all of them, or those in force stay that the configuration still names.
    fn callers(&self, config: &Config, secrets: &Secrets, mut faults: Faults) {
        let mut found = Faults::new();
        let sessions = session_keys(config, secrets, &mut found);
        let made = sessions.as_ref().ok().cloned().and_then(|sessions| {
            let keys = Arc::new(key_ring(config, secrets, sessions.clone(), &mut found)?);
            self.issuing(config, sessions, &keys, &mut found)?;
            Some(keys)
        });
        let fault = if let Some(keys) = made {
            self.guard.replace_keys(keys);
            tracing::info!(callers = config.callers.len(), "the callers' keys were read again");
            None
        } else {
            report(&found);
            let ids = config.callers.iter().map(|caller| caller.key_id.clone()).collect();
            let sessions = sessions.unwrap_or_else(|AtFault| self.still_sealing(config, secrets));
            self.guard.keep_keys(&ids, sessions);
            if let Some(exchange) = &self.exchange {
                exchange.replace_keys(self.guard.keys());
            }
            tracing::error!("the callers' keys in force are kept, but for those that are withdrawn");
            found.extend(std::mem::take(&mut faults));
            Some(first(&found))
        };
        self.standing.renewed("callers", fault);
    }

    /// The keys of sessions, where not all of them can be read: those in force while the configuration names all of them,
    /// and otherwise those that can be read. A key that was taken away seals and opens nothing any more.
    fn still_sealing(&self, config: &Config, secrets: &Secrets) -> Option<Arc<SessionKeys>> {
        let in_force = self.guard.keys().sessions().cloned()?;
        let named: BTreeSet<&str> =
            config.session.iter().flat_map(|session| &session.keys).map(|(id, _)| id.as_str()).collect();
        if in_force.ids().all(|id| named.contains(id)) {
            return Some(in_force);
        }
        SessionKeys::new(secrets.session.clone()).ok().map(Arc::new)
    }

    /// Who may sign the policy. A configuration that asks for no signature any more is none to forget the signers by: that
    /// takes a start, which whoever can only write files does not give.
    fn signing(&self, config: &Config, secrets: &Secrets) {
        let mut found = Faults::new();
        let fault = match signers(config, secrets, &mut found) {
            Ok(None) if self.signers.load().is_some() => {
                Some("no signers are named any more: those in force are kept until the next start".into())
            }
            Ok(signers) => {
                self.signers.store(Arc::new(signers));
                None
            }
            Err(AtFault) => {
                report(&found);
                // What could not be read at all was said of the secrets.
                Some(
                    found.iter().next().map_or_else(|| "their list cannot be read".into(), |_| first(&found)),
                )
            }
        };
        if let Some(why) = &fault {
            tracing::error!(why, "who may sign the policy is kept as it was");
        }
        self.standing.renewed("signers", fault);
    }

    /// What sessions are issued by, where they are: none of it where one thing does not fit.
    fn issuing(
        &self,
        config: &Config,
        sessions: Option<Arc<SessionKeys>>,
        keys: &Arc<KeyRing>,
        faults: &mut Faults,
    ) -> Option<()> {
        let Some(exchange) = &self.exchange else { return Some(()) };
        let Some((place, sessions)) = config.session.as_ref().zip(sessions) else {
            faults.push(Fault::bare("`[session]` is gone, and its listeners are still there"));
            return None;
        };
        if let Err(fault) = exchange.replace(place.options.clone(), sessions) {
            faults.push(Fault::bare(format!("sessions cannot be issued so: {fault}")));
            return None;
        }
        exchange.replace_keys(keys.clone());
        Some(())
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

    /// Where records are streamed to, and whether a change waits for that. What cannot be used keeps what is in force: a
    /// stream that has to take intents is not given up by a configuration that names it no more.
    fn streaming(&self, config: &Config, secrets: &Secrets) {
        for (place, secrets) in config.streams.iter().zip(&secrets.streams) {
            let options = secrets.as_ref().and_then(|secrets| stream_options(place, secrets));
            let fault = match options.map(|options| self.streams.replace(&options)) {
                Some(Ok(true)) => None,
                Some(Ok(false)) => Some("it is new: it is streamed to from the next start on".into()),
                Some(Err(fault)) => Some(fault.to_string()),
                None => Some("its secrets cannot be read".into()),
            };
            self.renewed(&format!("stream:{}", place.name), fault);
        }
        for name in self.streams.names() {
            if !config.streams.iter().any(|place| place.name == name) {
                let fault = "it is not named any more: it is streamed to until the next start";
                self.renewed(&format!("stream:{name}"), Some(fault.into()));
            }
        }
        self.ledger.require(self.streams.required());
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
            if let Some(exchange) = &self.exchange {
                exchange.replace_routing(routing.clone());
            }
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
