//! The guard's own credentials, from the AWS SDK's providers: fetched under a deadline, kept, and refreshed ahead of
//! their end. The rest of the crate knows [`Credentials`] only.
//!
//! `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_STS` must not send the guard's proof of itself elsewhere. The SDK's loader
//! does not let them be switched off for the STS calls *inside* its chain (web identity, a role in a profile), so where
//! one of those could be made, such a variable is a fault. The call that the guard itself makes, `AssumeRole`, is
//! built without any configured endpoint.

use std::{
    error::Error,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use aws_config::{BehaviorVersion, Region, SdkConfig, sts::AssumeRoleProvider};
use aws_credential_types::{
    credential_feature::AwsCredentialFeature,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Mutex as Turn, time::timeout};

use super::options::CredentialSource;
use crate::{
    clock::{Clock, Now},
    secret::Secret,
    sigv4::Credentials,
};

#[cfg(test)]
mod tests;

/// One fetch, with every call it needs.
const DEADLINE: Duration = Duration::from_secs(5);
/// So long before their end credentials are refreshed, while they are still used.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);
/// So long before their end they are used no more: a request may be under way for that long.
const SPENT: SignedDuration = SignedDuration::from_secs(30);
/// Credentials without an end are fetched again after this long: a file may have changed.
const ENDLESS: SignedDuration = SignedDuration::from_mins(15);
/// After a refresh that failed the next one waits so long, as long as there is something to use.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);
/// The name of the guard's sessions in `CloudTrail`.
const SESSION: &str = "connect-guard";
/// Variables that redirect the SDK's calls of STS.
const REDIRECTING: [&str; 2] = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"];
/// Static keys in the environment: the chain takes them first and calls nobody.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// The most characters of a provider's words that are kept.
const WORDS: usize = 400;

/// Credentials of one site.
pub(super) struct CredentialCache {
    provider: SharedCredentialsProvider,
    only_profile: bool,
    deadline: Duration,
    clock: Clock,
    held: Mutex<Option<Held>>,
    turn: Arc<Turn<()>>,
}

#[derive(Clone)]
struct Held {
    credentials: Credentials,
    /// None: they have no end.
    end: Option<Now>,
    /// From then on they are to be refreshed.
    refresh: Now,
}

impl CredentialCache {
    /// A cache that is empty. Reads the environment and the SDK's files; calls nobody.
    ///
    /// # Errors
    /// In words: the environment or the configuration files would redirect the guard's calls of STS.
    pub(super) async fn open(
        source: &CredentialSource,
        region: &str,
        clock: Clock,
        http: Option<SharedHttpClient>,
    ) -> Result<Self, String> {
        let set: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        check_environment(source, &set)?;
        let mut sdk = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(region.to_owned()));
        if let CredentialSource::Profile(name) = source {
            sdk = sdk.profile_name(name);
        }
        if let Some(http) = &http {
            sdk = sdk.http_client(http.clone());
        }
        let loaded = sdk.load().await;
        if loaded.endpoint_url().is_some() && !REDIRECTING.iter().any(|name| has(&set, name)) {
            return Err("the profile has an `endpoint_url`, which would redirect calls of STS".to_owned());
        }
        let chain = loaded.credentials_provider().ok_or("the SDK has no source of credentials")?;
        let provider = match source {
            CredentialSource::Chain | CredentialSource::Profile(_) => chain,
            CredentialSource::Role { arn, external_id } => {
                let mut role = AssumeRoleProvider::builder(arn).session_name(SESSION);
                if let Some(id) = external_id {
                    role = role.external_id(id);
                }
                let role = role.configure(&without_endpoint(&loaded, http)).build_from_provider(chain).await;
                SharedCredentialsProvider::new(role)
            }
        };
        let only_profile = matches!(source, CredentialSource::Profile(_));
        Ok(Self::of(provider, only_profile, clock))
    }

    pub(super) fn of(provider: SharedCredentialsProvider, only_profile: bool, clock: Clock) -> Self {
        Self {
            provider,
            only_profile,
            deadline: DEADLINE,
            clock,
            held: Mutex::default(),
            turn: Arc::default(),
        }
    }

    /// Credentials that are good for some time yet: those that are kept, or new ones. Waits for at most the deadline.
    ///
    /// # Errors
    /// In words, for the operator: none could be had.
    pub(super) async fn credentials(self: &Arc<Self>) -> Result<Credentials, String> {
        let now = self.clock.now();
        if let Some(held) = self.usable(now) {
            if held.refresh <= now {
                self.refresh();
            }
            return Ok(held.credentials);
        }
        let fetched = async {
            let _turn = self.turn.lock().await;
            // Somebody else may have fetched them meanwhile.
            match self.usable(self.clock.now()) {
                Some(held) => Ok(held.credentials),
                None => self.fetch().await,
            }
        };
        timeout(self.deadline, fetched).await.unwrap_or_else(|_| Err(too_long()))
    }

    /// Connect does not accept these: the next request fetches others.
    pub(super) fn reject(&self, access_key_id: &str) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.take_if(|held| held.credentials.access_key_id == access_key_id);
    }

    fn usable(&self, now: Now) -> Option<Held> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let good = held.end.is_none_or(|end| now.plus(SPENT) < end);
        good.then_some(held)
    }

    /// Fetches new ones while the old ones are still used, unless somebody does already.
    fn refresh(self: &Arc<Self>) {
        let Ok(turn) = self.turn.clone().try_lock_owned() else { return };
        let cache = self.clone();
        tokio::spawn(async move {
            let fetched = timeout(cache.deadline, cache.fetch()).await.unwrap_or_else(|_| Err(too_long()));
            if let Err(why) = fetched {
                tracing::warn!(why, "the guard's credentials could not be refreshed ahead of their end");
                let now = cache.clock.now();
                if let Some(held) = &mut *cache.held.lock().unwrap_or_else(PoisonError::into_inner) {
                    held.refresh = now.plus(AGAIN);
                }
            }
            drop(turn);
        });
    }

    async fn fetch(&self) -> Result<Credentials, String> {
        let given = self.provider.provide_credentials().await.map_err(|error| words(&error))?;
        let of_profile = given
            .get_property::<Vec<AwsCredentialFeature>>()
            .is_some_and(|all| all.contains(&AwsCredentialFeature::CredentialsProfile));
        if self.only_profile && !of_profile {
            return Err("the profile gives no credentials".to_owned());
        }
        let now = self.clock.now();
        let end = given.expiry().map(|end| {
            let millis = end.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
            let millis = i64::try_from(millis).unwrap_or(i64::MAX);
            Now::from(Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX))
        });
        if end.is_some_and(|end| end <= now.plus(SPENT)) {
            return Err("the credentials that were given are at their end".to_owned());
        }
        let refresh = match end {
            None => now.plus(ENDLESS),
            // Of short-lived ones not every use is a refresh.
            Some(end) => end.plus(-AHEAD).max(now.plus(AGAIN)),
        };
        let credentials = Credentials {
            access_key_id: given.access_key_id().to_owned(),
            secret: Secret::new(given.secret_access_key().as_bytes().to_vec()),
            session_token: given.session_token().map(|token| Secret::new(token.as_bytes().to_vec())),
        };
        let held = Held { credentials: credentials.clone(), end, refresh };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        Ok(credentials)
    }
}

/// Whether the environment leaves the SDK's chain alone.
fn check_environment(source: &CredentialSource, set: &[String]) -> Result<(), String> {
    if let CredentialSource::Profile(_) = source {
        if let Some(name) = KEYS.iter().find(|name| has(set, name)) {
            return Err(format!("`{name}` is set, which the SDK prefers to the profile: unset it"));
        }
    } else if KEYS.iter().all(|name| has(set, name)) {
        return Ok(());
    }
    match REDIRECTING.iter().find(|name| has(set, name)) {
        Some(name) => Err(format!("`{name}` is set, which would redirect calls of STS: unset it")),
        None => Ok(()),
    }
}

fn has(set: &[String], name: &str) -> bool {
    set.iter().any(|one| one == name)
}

/// What was loaded, but for whatever could hold an endpoint.
fn without_endpoint(loaded: &SdkConfig, http: Option<SharedHttpClient>) -> SdkConfig {
    let mut plain =
        SdkConfig::builder().behavior_version(BehaviorVersion::latest()).region(loaded.region().cloned());
    plain.set_use_fips(loaded.use_fips());
    plain.set_use_dual_stack(loaded.use_dual_stack());
    plain.set_retry_config(loaded.retry_config().cloned());
    plain.set_timeout_config(loaded.timeout_config().cloned());
    plain.set_sleep_impl(loaded.sleep_impl());
    plain.set_time_source(loaded.time_source());
    plain.set_http_client(http);
    plain.build()
}

fn too_long() -> String {
    format!("no credentials within {} s", DEADLINE.as_secs())
}

/// An error with its sources, on one line.
fn words(error: &dyn Error) -> String {
    let mut all = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        // Writing to a string does not fail.
        let _ = write!(all, ": {source}");
        next = source.source();
    }
    all.chars().map(|one| if one.is_control() { ' ' } else { one }).take(WORDS).collect()
}
