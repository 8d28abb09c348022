//! The three doors to Connect, and the guard's own credentials. Nothing outside this module can send to Connect.
//!
//! [`Upstream::observe`] sends a closed list of reads; [`Upstream::act`] takes a [`Cleared`] intent by value and sends it once;
//! [`Upstream::pass`] takes a [`Noted`]. What is sent is built from parsed values.

use std::{collections::BTreeMap, error::Error, fmt, sync::Arc, time::Duration};

use self::site::SiteClient;
use crate::{
    caller::Caller,
    client::ClientStats,
    clock::Clock,
    ledger::{Cleared, Noted, Open, Sent},
    limit::Limiter,
    operation::{Look, Seen, Target},
    wire::Reply,
};

mod act;
mod answer;
mod cache;
mod credentials;
mod observe;
mod options;
mod pass;
mod read;
mod site;
#[cfg(test)]
mod tests;

pub(crate) use credentials::who::{Identity, Nobody, Whose};
pub use options::{CredentialSource, SessionNames, SiteOptions, endpoint_host, sts_host};
pub use pass::Passed;

/// Why nothing could be seen. No words of it hold a value of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unseen {
    /// Connect does not know the user or the instance.
    Unknown,
    /// Connect's own 429, or the guard's own rate for its reads: when to come back.
    Throttled(Duration),
    /// No credentials.
    Credentials(String),
    /// No answer, or one that is none.
    Unavailable(String),
    /// As many requests as may be are under way to Connect: nothing was sent.
    Overloaded,
}

/// When somebody may come back who was turned away because too much is under way.
pub(crate) const OVERLOADED: Duration = Duration::from_secs(1);

/// A site that cannot be used.
#[derive(Debug)]
pub struct UpstreamFault {
    /// Its name.
    pub site: String,
    /// Why.
    pub why: String,
}

/// Connect, by site.
pub struct Upstream {
    sites: BTreeMap<String, SiteClient>,
}

impl Upstream {
    /// Connects to nothing yet; credentials are fetched when first needed, or by [`Upstream::ready`]. The limiter is
    /// charged for every read that is not answered from a cache, but for `DescribeUser`: those are the guard's to reserve.
    ///
    /// # Errors
    /// An endpoint that cannot be used, two sites of one name, or an environment that is preferred to the profile named.
    pub async fn new(
        sites: Vec<SiteOptions>,
        limiter: Arc<Limiter>,
        clock: Clock,
    ) -> Result<Self, UpstreamFault> {
        let mut named = BTreeMap::new();
        for options in sites {
            if let Some(first) = named.insert(options.site.name.clone(), options) {
                let why = "two sites have this name".to_owned();
                return Err(UpstreamFault { site: first.site.name, why });
            }
        }
        let mut clients = BTreeMap::new();
        for (name, options) in named {
            clients.insert(name, SiteClient::open(options, limiter.clone(), clock.clone()).await?);
        }
        Ok(Self { sites: clients })
    }

    /// Whether each site has credentials, and why not. They are fetched where there are none yet.
    pub async fn credentials(&self) -> Vec<(String, Result<(), String>)> {
        let mut found = Vec::new();
        for (name, client) in &self.sites {
            let mut had = client.credentials.base().credentials().await.map(|_| ());
            if had.is_ok() {
                had = client.credentials.ordinary().base().credentials().await.map(|_| ());
            }
            found.push((name.clone(), had));
        }
        found
    }

    /// Whether the guard has credentials to act for this caller, and fetches them where it has none: before anything of
    /// a change is written.
    ///
    /// # Errors
    /// [`Unseen::Credentials`], or [`Unseen::Unavailable`] for a target of no site.
    pub async fn ready_for(&self, caller: &Caller, target: &Target) -> Result<(), Unseen> {
        let client = self.client(target).map_err(Unseen::Unavailable)?;
        let credentials = client.credentials.of_caller(&caller.principal).credentials().await;
        credentials.map(|_| ()).map_err(Unseen::Credentials)
    }

    /// What the client of each site has done so far, by the site's name.
    pub fn stats(&self) -> impl Iterator<Item = (&str, ClientStats)> {
        self.sites.iter().map(|(name, site)| (name.as_str(), site.client.stats()))
    }

    /// What is true now, as far as `look` asks. Sends nothing but `DescribeUser`, `SearchUsers` by exact Username,
    /// `DescribeInstance`, `DescribeSecurityProfile`, `ListSecurityProfilePermissions` and `SearchEmailAddresses`.
    ///
    /// The user is never read from a cache; the directory type is kept for an hour, profiles and channel addresses for
    /// less than a minute.
    ///
    /// # Errors
    /// See [`Unseen`]: everything that was asked for was seen, or nothing was.
    pub async fn observe(&self, target: &Target, look: &Look) -> Result<Seen, Unseen> {
        let client = self.client(target).map_err(Unseen::Unavailable)?;
        match &target.instance {
            Some(instance) if look.instance.as_ref().is_none_or(|asked| asked == instance) => {
                // Many reads at once make a large future: it is not part of every request's.
                Box::pin(client.observe(instance, look)).await
            }
            None if *look == Look::default() => Ok(Seen::default()),
            Some(_) | None => Err(Unseen::Unavailable("the look is into another instance".to_owned())),
        }
    }

    /// Makes a change: built anew, signed with the guard's credentials, sent once. What came of it can only be recorded.
    pub async fn act(&self, cleared: Cleared) -> Open {
        let change = cleared.change();
        let sent = match self.client(change.target()) {
            Ok(client) => {
                let (principal, record) = (&cleared.caller().principal, cleared.record());
                client.act(change, principal, record, &|| cleared.holds()).await
            }
            Err(why) => Sent::NotSent(why),
        };
        cleared.sent(sent)
    }

    /// Passes an ordinary operation on; its answer is streamed. An answer that is about the guard's own credentials or
    /// rights is 503: they are not the caller's.
    pub async fn pass(&self, noted: Noted) -> (Reply, Passed) {
        let ordinary = noted.operation();
        let caller = noted.permit().caller();
        let id = &caller.origin.request_id;
        match self.client(ordinary.target()) {
            Ok(client) => client.pass(ordinary, &caller.principal, id).await,
            Err(why) => {
                tracing::error!(request = %id, why, "an ordinary operation could not be passed on");
                pass::not_sent(id)
            }
        }
    }

    /// The one site of a target. The words hold its name only.
    fn client(&self, target: &Target) -> Result<&SiteClient, String> {
        self.sites
            .get(&target.site)
            .filter(|client| client.serves(target))
            .ok_or_else(|| format!("the target is not of the site `{}`", target.site))
    }
}

impl fmt::Display for UpstreamFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "upstream `{}`: {}", self.site, self.why)
    }
}

impl Error for UpstreamFault {}
