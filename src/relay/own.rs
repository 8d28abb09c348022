//! AWS credentials of whoever runs the relay, for the one request that proves who that is.
//!
//! The SDK's providers may ask AWS for them (Identity Center, web identity, a role in a profile). Where the environment
//! or the profile would send such a question elsewhere than to AWS, that is a fault.

use std::{error::Error, fmt::Write, time::Duration};

use aws_config::{
    BehaviorVersion, Region, profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::time::timeout;

use super::NoSession;
use crate::{secret::Secret, sigv4::Credentials};

/// One fetch, with every call it needs.
const DEADLINE: Duration = Duration::from_secs(10);
/// Variables that redirect the SDK's own calls for credentials.
const REDIRECTING: [&str; 4] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL_SSO_OIDC"];
/// Static keys in the environment: the chain takes them first and calls nobody.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
/// The most characters of a provider's words that are kept.
const WORDS: usize = 400;

/// Where one's own credentials come from.
pub(crate) struct OwnCredentials(SharedCredentialsProvider);

impl OwnCredentials {
    /// The providers of a profile, or the SDK's chain. Reads the environment and the SDK's files; calls nobody.
    ///
    /// # Errors
    /// The environment or the profile would redirect what the SDK asks of AWS.
    pub(crate) async fn open(profile: Option<&str>, region: &str) -> Result<Self, NoSession> {
        let set: Vec<String> = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect();
        check_environment(profile, &set)?;
        let region = Region::new(region.to_owned());
        let mut sdk = aws_config::defaults(BehaviorVersion::latest()).region(region.clone());
        if let Some(name) = profile {
            sdk = sdk.profile_name(name);
        }
        let loaded = sdk.load().await;
        if loaded.endpoint_url().is_some() && !REDIRECTING.iter().any(|name| has(&set, name)) {
            let why = "the profile has an `endpoint_url`, which would send what is asked of AWS elsewhere";
            return Err(NoSession::Redirected(why.to_owned()));
        }
        let chain = match profile {
            // The profile itself: the chain would take keys of the environment before it.
            Some(name) => {
                let config = ProviderConfig::default().with_region(Some(region));
                let named = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name);
                SharedCredentialsProvider::new(named.build())
            }
            None => match loaded.credentials_provider() {
                Some(chain) => chain,
                None => return refuse("the SDK has no source of them"),
            },
        };
        Ok(Self(chain))
    }

    /// Credentials as they are now: asked for anew each time.
    ///
    /// # Errors
    /// There are none, or not in time.
    pub(crate) async fn credentials(&self) -> Result<Credentials, NoSession> {
        let given = match timeout(DEADLINE, self.0.provide_credentials()).await {
            Ok(Ok(given)) => given,
            Ok(Err(error)) => return Err(NoSession::OwnCredentials(words(&error))),
            Err(_) => return Err(NoSession::OwnCredentials(format!("none within {} s", DEADLINE.as_secs()))),
        };
        Ok(Credentials {
            access_key_id: given.access_key_id().to_owned(),
            secret: Secret::new(given.secret_access_key().as_bytes().to_vec()),
            session_token: given.session_token().map(|token| Secret::new(token.as_bytes().to_vec())),
        })
    }
}

/// Whether the environment leaves the SDK's providers alone.
fn check_environment(profile: Option<&str>, set: &[String]) -> Result<(), NoSession> {
    if profile.is_none() && KEYS.iter().all(|name| has(set, name)) {
        return Ok(());
    }
    match REDIRECTING.iter().find(|name| has(set, name)) {
        Some(name) => Err(NoSession::Redirected(format!(
            "`{name}` is set, and would send what is asked of AWS elsewhere"
        ))),
        None => Ok(()),
    }
}

fn has(set: &[String], name: &str) -> bool {
    set.iter().any(|one| one == name)
}

fn refuse<T>(why: impl Into<String>) -> Result<T, NoSession> {
    Err(NoSession::OwnCredentials(why.into()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(profile: Option<&str>, set: &[&str]) -> bool {
        let set: Vec<String> = set.iter().map(|name| (*name).to_owned()).collect();
        check_environment(profile, &set).is_ok()
    }

    #[test]
    fn nothing_that_is_asked_of_aws_is_redirected() {
        for name in REDIRECTING {
            assert!(!checked(None, &[name]), "{name}");
            assert!(!checked(Some("desk"), &[name, KEYS[0], KEYS[1]]), "{name}");
            assert!(checked(None, &[name, KEYS[0], KEYS[1]]), "{name}: nobody is asked");
        }
        assert!(checked(Some("desk"), &["AWS_ENDPOINT_URL_CONNECT", "AWS_PROFILE"]));
        assert!(checked(None, &["AWS_ENDPOINT_URL_CONNECT"]));
    }
}
