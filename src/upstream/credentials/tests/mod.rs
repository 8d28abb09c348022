//! How credentials are kept, refreshed and given up; what STS is asked for a role, and where.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use aws_credential_types::{
    Credentials as Given,
    provider::{error::CredentialsError, future},
};

mod environment;
mod roles;

use super::*;

/// A source whose credentials last for a while, or that fails, or hangs.
#[derive(Debug, Clone)]
struct Source {
    clock: Clock,
    lasts: Arc<Mutex<Result<Option<SignedDuration>, Option<&'static str>>>>,
    asked: Arc<AtomicU32>,
}

impl Source {
    fn lasting(lasts: Option<SignedDuration>) -> Self {
        let clock = Clock::manual("2027-03-12T10:00:00Z".parse().unwrap());
        Self { clock, lasts: Arc::new(Mutex::new(Ok(lasts))), asked: Arc::default() }
    }

    fn cache(&self) -> Arc<CredentialCache> {
        Arc::new(CredentialCache::of(SharedCredentialsProvider::new(self.clone()), false, self.clock.clone()))
    }

    fn set(&self, lasts: Result<Option<SignedDuration>, Option<&'static str>>) {
        *self.lasts.lock().unwrap() = lasts;
    }
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let count = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let lasts = *self.lasts.lock().unwrap();
            match lasts {
                Ok(lasts) => {
                    let end = lasts.map(|by| SystemTime::from(self.clock.now().plus(by).timestamp()));
                    Ok(Given::new(format!("AKID{count}"), "secret", Some("token".into()), end, "tests"))
                }
                Err(Some(why)) => Err(CredentialsError::provider_error(why)),
                Err(None) => std::future::pending().await,
            }
        })
    }
}

async fn key(cache: &Arc<CredentialCache>) -> Result<String, String> {
    cache.credentials().await.map(|credentials| credentials.access_key_id)
}

/// Lets a refresh in the background end.
async fn settled(cache: &CredentialCache) {
    tokio::task::yield_now().await;
    drop(cache.turn.lock().await);
}

#[tokio::test]
async fn k2_credentials_are_kept_and_refreshed_ahead_of_their_end() {
    let source = Source::lasting(Some(SignedDuration::from_mins(60)));
    let cache = source.cache();
    let first = cache.credentials().await.ok().unwrap();
    assert_eq!(first.secret.expose_str(), Some("secret"));
    assert_eq!(first.session_token.unwrap().expose_str(), Some("token"));
    source.clock.advance(SignedDuration::from_mins(54));
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    settled(&cache).await;
    assert_eq!(source.asked.load(Ordering::SeqCst), 1);
    source.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(key(&cache).await.unwrap(), "AKID1", "nobody waits for a refresh");
    settled(&cache).await;
    assert_eq!(key(&cache).await.unwrap(), "AKID2");
}

#[tokio::test]
async fn k2_an_outage_is_bridged_until_the_end_and_no_longer() {
    let source = Source::lasting(Some(SignedDuration::from_mins(10)));
    let cache = source.cache();
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    source.set(Err(Some("sts is away")));
    source.clock.advance(SignedDuration::from_mins(6));
    for _ in 0..3 {
        assert_eq!(key(&cache).await.unwrap(), "AKID1");
        settled(&cache).await;
    }
    assert_eq!(source.asked.load(Ordering::SeqCst), 2, "not at every use");
    source.clock.advance(SignedDuration::from_secs(3 * 60 + 31));
    assert!(key(&cache).await.unwrap_err().contains("sts is away"));
    source.set(Ok(None));
    assert_eq!(key(&cache).await.unwrap(), "AKID4");
}

#[tokio::test]
async fn credentials_at_their_end_are_none() {
    let source = Source::lasting(Some(SignedDuration::from_secs(30)));
    assert!(key(&source.cache()).await.unwrap_err().contains("at their end"));
    source.set(Ok(Some(SignedDuration::from_hours(-1))));
    assert!(key(&source.cache()).await.unwrap_err().contains("at their end"));
}

#[tokio::test]
async fn credentials_without_an_end_are_fetched_again() {
    let source = Source::lasting(None);
    let cache = source.cache();
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    source.clock.advance(ENDLESS);
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    settled(&cache).await;
    assert_eq!(key(&cache).await.unwrap(), "AKID2");
}

#[tokio::test]
async fn rejected_credentials_are_not_used_again() {
    let source = Source::lasting(None);
    let cache = source.cache();
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    cache.reject("AKID0");
    assert_eq!(key(&cache).await.unwrap(), "AKID1");
    cache.reject("AKID1");
    assert_eq!(key(&cache).await.unwrap(), "AKID2");
}

#[tokio::test]
async fn those_who_need_them_together_fetch_once() {
    let source = Source::lasting(None);
    let cache = source.cache();
    let (one, two, three) = tokio::join!(key(&cache), key(&cache), key(&cache));
    assert_eq!([one, two, three].map(Result::unwrap), ["AKID1", "AKID1", "AKID1"]);
}

#[tokio::test]
async fn k2_a_source_that_hangs_is_given_up() {
    let source = Source::lasting(None);
    source.set(Err(None));
    let cache =
        CredentialCache::of(SharedCredentialsProvider::new(source.clone()), false, source.clock.clone());
    let cache = Arc::new(CredentialCache { deadline: Duration::from_millis(500), ..cache });
    let (one, two) = tokio::join!(key(&cache), key(&cache));
    assert_eq!([one, two].map(Result::unwrap_err), [too_long(), too_long()]);
    source.set(Ok(None));
    assert_eq!(key(&cache).await.unwrap(), "AKID2");
}

#[tokio::test]
async fn only_the_profile_that_is_named_may_give_them() {
    let source = Source::lasting(None);
    let provider = SharedCredentialsProvider::new(source.clone());
    let cache = Arc::new(CredentialCache::of(provider, true, source.clock.clone()));
    assert_eq!(key(&cache).await.unwrap_err(), "the profile gives no credentials");
}
