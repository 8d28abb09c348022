//! The guard's own credentials, from the AWS SDK's providers and from STS: fetched under a deadline, kept, and refreshed
//! ahead of their end. The rest of the crate knows [`Credentials`] only.
//!
//! `AWS_ENDPOINT_URL` and its kind must not send the guard's proof of itself elsewhere: [`chain`] leaves them out of what
//! the SDK is shown, and the call that the guard makes itself, `AssumeRole` ([`role`]), knows no environment at all.

mod chain;
mod name;
mod role;
mod sessions;
pub(super) mod who;
#[cfg(test)]
mod tests;

use std::{
    error::Error,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use aws_credential_types::{
    credential_feature::AwsCredentialFeature,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use jiff::{SignedDuration, Timestamp};
use tokio::{sync::Mutex as Turn, time::timeout};

pub(super) use self::sessions::SiteCredentials;
use crate::{
    clock::{Clock, Now},
    secret::Secret,
    sigv4::Credentials,
};

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
/// The most characters of a provider's words that are kept.
const WORDS: usize = 400;

/// Credentials of one identity.
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
    /// A cache that is empty. `only_profile`: what the provider gives must come from a profile.
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
