//! How credentials are kept, refreshed and given up; and where the guard's own call of STS goes.

use std::{
    ffi::OsStr,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::SystemTime,
};

use aws_credential_types::{
    Credentials as Given,
    provider::{error::CredentialsError, future},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};

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

#[test]
fn variables_that_redirect_are_a_fault_where_sts_may_be_called() {
    let role = CredentialSource::Role { arn: "arn:aws:iam::111122223333:role/G".into(), external_id: None };
    let profile = CredentialSource::Profile("guard".into());
    let check = |source: &CredentialSource, set: &[&str]| {
        check_environment(source, &set.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    };
    for source in [&CredentialSource::Chain, &role] {
        assert_eq!(check(source, &["AWS_ENDPOINT_URL_CONNECT", "AWS_REGION"]), Ok(()));
        for name in REDIRECTING {
            assert!(check(source, &[name]).unwrap_err().contains(name));
            assert!(check(source, &[name, KEYS[0]]).is_err(), "half a pair of keys is none");
            assert_eq!(check(source, &[name, KEYS[0], KEYS[1]]), Ok(()));
        }
    }
    assert_eq!(check(&profile, &[]), Ok(()));
    for name in REDIRECTING.into_iter().chain(KEYS) {
        assert!(check(&profile, &[name]).unwrap_err().contains(name));
    }
}

const NOWHERE: &str = "http://127.0.0.1:9";

#[derive(Debug, Clone)]
struct Sts(Arc<Mutex<Vec<(String, String)>>>);

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        self.0.lock().unwrap().push((request.uri().to_owned(), body));
        let answer = "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
            <Credentials><AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
            <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
            </AssumeRoleResult></AssumeRoleResponse>";
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), answer.into())))
    }
}

/// Runs itself again under variables that redirect, since a process cannot safely change its own.
#[test]
fn sts_is_not_redirected_by_the_environment() {
    let redirected = |name: &OsStr, to: &OsStr| name == "AWS_ENDPOINT_URL_STS" && to == NOWHERE;
    if std::env::vars_os().any(|(name, to)| redirected(&name, &to)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        return runtime.block_on(assumed());
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "upstream::credentials::tests::sts_is_not_redirected_by_the_environment"]);
    again.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    again.env("AWS_CONFIG_FILE", "/nonexistent").env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_CONNECT"] {
        again.env(name, NOWHERE);
    }
    let output = again.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

async fn assumed() {
    let sts = Sts(Arc::default());
    let connector = sts.clone();
    let http = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
    let source = CredentialSource::Role {
        arn: "arn:aws:iam::111122223333:role/ConnectGuard".to_owned(),
        external_id: Some("x-1".to_owned()),
    };
    let cache =
        CredentialCache::open(&source, "eu-central-1", Clock::system(), Some(http)).await.ok().unwrap();
    assert_eq!(key(&Arc::new(cache)).await.unwrap(), "ASIAROLE");
    let calls = sts.0.lock().unwrap();
    let [(uri, body)] = calls.as_slice() else { panic!("not one call: {calls:?}") };
    assert_eq!(uri, "https://sts.eu-central-1.amazonaws.com/");
    assert!(body.contains("Action=AssumeRole&"), "{body}");
    assert!(body.contains("role%2FConnectGuard") && body.contains("ExternalId=x-1"), "{body}");
    assert!(body.contains("RoleSessionName=connect-guard"), "{body}");
}
