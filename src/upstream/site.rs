//! One site: its client, its credentials, and how a request is signed for it.

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;

use super::{
    SiteOptions, UpstreamFault,
    cache::Cache,
    credentials::{CredentialCache, SiteCredentials},
};
use crate::{
    client::{Client, Outgoing},
    clock::Clock,
    limit::Limiter,
    operation::{Built, Directory, InstanceId, Profile, Site, Target},
    sigv4::{Signable, sign},
};

/// The service's name in a signature's scope.
const SERVICE: &str = "connect";
/// Said to Connect. Not signed, as with every AWS client: what stands between may write it anew.
pub(super) const AGENT: &str = concat!("connect-guard/", env!("CARGO_PKG_VERSION"));
/// How long the directory type is kept: no call changes it.
const DIRECTORY: SignedDuration = SignedDuration::from_hours(1);
/// How long profiles and channel addresses are kept.
const SHORT: SignedDuration = SignedDuration::from_secs(60);

/// A site with what is needed to call Connect there.
pub(super) struct SiteClient {
    pub(super) site: Site,
    pub(super) client: Client,
    pub(super) credentials: SiteCredentials,
    pub(super) limiter: Arc<Limiter>,
    pub(super) clock: Clock,
    pub(super) directories: Cache<InstanceId, Directory>,
    pub(super) profiles: Cache<(InstanceId, String), Profile>,
    pub(super) channels: Cache<InstanceId, Arc<BTreeSet<String>>>,
}

/// A request that is signed, and as whom.
pub(super) struct Signed {
    pub(super) outgoing: Outgoing,
    pub(super) by: By,
}

/// Which credentials signed it.
pub(super) struct By {
    cache: Arc<CredentialCache>,
    access_key_id: String,
}

/// Why a request is not signed, in words: nothing was sent.
pub(super) enum Unsigned {
    /// There are no credentials.
    Credentials(String),
    /// The request cannot be signed.
    Form(String),
}

impl SiteClient {
    pub(super) async fn open(
        options: SiteOptions,
        limiter: Arc<Limiter>,
        clock: Clock,
    ) -> Result<Self, UpstreamFault> {
        let SiteOptions { site, endpoint, bounds, credentials, sts } = options;
        let fault = |why: String| UpstreamFault { site: site.name.clone(), why };
        let client =
            Client::new(endpoint, bounds).map_err(|unusable| fault(unusable.to_string()))?.keeping_room();
        let of = (site.region.as_str(), site.account.as_str());
        let credentials =
            SiteCredentials::open(&credentials, &sts, of, clock.clone()).await.map_err(fault)?;
        Ok(Self::of(site, client, credentials, limiter, clock))
    }

    pub(super) fn of(
        site: Site,
        client: Client,
        credentials: SiteCredentials,
        limiter: Arc<Limiter>,
        clock: Clock,
    ) -> Self {
        Self {
            site,
            client,
            credentials,
            limiter,
            directories: Cache::new(DIRECTORY, clock.clone()),
            profiles: Cache::new(SHORT, clock.clone()),
            channels: Cache::new(SHORT, clock.clone()),
            clock,
        }
    }

    /// Whether a target is of this site, by every part of its key.
    pub(super) fn serves(&self, target: &Target) -> bool {
        let Target { site, partition, account, region, instance, subject: _ } = target;
        let Site { name, partition: own_partition, account: own_account, region: own_region, instances } =
            &self.site;
        site == name
            && partition == own_partition
            && account == own_account
            && region == own_region
            && instance.as_ref().is_none_or(|instance| instances.contains(instance))
    }

    /// Signs a request for this site's authority and Region, with the credentials of this moment.
    pub(super) async fn sign(
        &self,
        built: Built,
        cache: Arc<CredentialCache>,
        agent: String,
    ) -> Result<Signed, Unsigned> {
        let credentials = cache.credentials().await.map_err(Unsigned::Credentials)?;
        let Built { method, target, headers: given, body } = built;
        let mut headers = vec![("host", self.client.authority().to_owned())];
        headers.extend(given);
        let borrowed: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signable = Signable { method, target: &target, headers: &borrowed, body: &body };
        let added = sign(signable, &credentials, &self.site.region, SERVICE, self.clock.now())
            .map_err(|fault| Unsigned::Form(fault.to_string()))?;
        headers.extend(added);
        headers.push(("user-agent", agent));
        let outgoing = Outgoing { method, target, headers, body };
        Ok(Signed { outgoing, by: By { cache, access_key_id: credentials.access_key_id } })
    }

    /// Notes that Connect does not accept the guard itself: an operator has to know, and other credentials are fetched.
    pub(super) fn not_accepted(&self, by: &By, operation: &str, error: &str) {
        by.cache.reject(&by.access_key_id);
        tracing::error!(
            site = self.site.name,
            operation,
            error,
            "Connect does not accept the guard's own credentials"
        );
    }
}
