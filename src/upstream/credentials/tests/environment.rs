//! No variable and no profile sends the SDK's own calls of STS anywhere else.

use std::{fs, path::Path, process::Command};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};

use super::*;
use crate::upstream::CredentialSource;

const NOWHERE: &str = "http://127.0.0.1:9";
/// Set in the process in which the chain is tried.
const WITHIN: &str = "CHAIN_UNDER_TEST";
const VARIABLES: [&str; 6] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_ENDPOINT_URL_SIGNIN",
    "AWS_ENDPOINT_URL_CONNECT",
];
/// A role of a profile, to be assumed elsewhere if the profile had its way.
const PROFILES: &str = "[default]\nrole_arn = arn:aws:iam::111122223333:role/Base\nsource_profile = keys\n\
    endpoint_url = http://127.0.0.1:9\nservices = elsewhere\n\
    [profile keys]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n\
    [services elsewhere]\nsts =\n  endpoint_url = http://127.0.0.1:9\nconnect =\n  Endpoint_URL=http://127.0.0.1:9\n";

#[derive(Debug, Clone)]
struct Sts(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Sts {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next()).unwrap_or("None");
        self.0.lock().unwrap().push(format!("{action} {}", request.uri()));
        let answer = format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
            <Credentials><AccessKeyId>ASIABASE</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
            <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
            </{action}Result></{action}Response>"
        );
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), answer.into())))
    }
}

/// Runs itself again under each variable, since a process cannot safely change its own.
#[test]
fn d13_sts_is_not_redirected_by_the_environment() {
    if let Some((_, action)) = std::env::vars().find(|(name, _)| name == WITHIN) {
        return tried(&action);
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let (token, profiles, none) = (file("token", "a.b.c"), file("config", PROFILES), file("none", ""));
    for variable in VARIABLES {
        again(&none, "AssumeRoleWithWebIdentity", |command| {
            command.env("AWS_WEB_IDENTITY_TOKEN_FILE", &token).env(variable, NOWHERE);
            command.env("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/Base");
        });
    }
    again(&profiles, "AssumeRole", |_| {});
    again(&profiles, "AssumeRole", |command| {
        command.envs(VARIABLES.map(|variable| (variable, NOWHERE)));
    });
}

fn again(profiles: &Path, action: &str, set: impl FnOnce(&mut Command)) {
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args([
        "--exact",
        "upstream::credentials::tests::environment::d13_sts_is_not_redirected_by_the_environment",
    ]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
        again.env_remove(name);
    }
    again.env(WITHIN, action).env("AWS_CONFIG_FILE", profiles);
    again.env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent");
    set(&mut again);
    let output = again.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{action}: {said}");
}

fn tried(action: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let sts = Sts(Arc::default());
    let connector = sts.clone();
    let http = http_client_fn(move |_, _| SharedHttpConnector::new(connector.clone()));
    let given = runtime.block_on(async {
        let loaded = chain::load(&CredentialSource::Chain, "eu-central-1", Some(http)).await.unwrap();
        assert_eq!(loaded.endpoint_url(), None);
        loaded.credentials_provider().unwrap().provide_credentials().await.unwrap()
    });
    assert_eq!(given.access_key_id(), "ASIABASE");
    let asked = sts.0.lock().unwrap();
    assert_eq!(*asked, [format!("{action} https://sts.eu-central-1.amazonaws.com/")]);
}

#[test]
fn profiles_lose_their_endpoints_and_nothing_else() {
    let left = chain::without_endpoint_keys(PROFILES);
    assert!(!left.to_ascii_lowercase().contains("endpoint_url"), "{left}");
    assert_eq!(left.lines().count(), PROFILES.lines().count() - 3);
    let other = "[default]\nregion = eu-central-1\ncredential_process = /bin/p --endpoint_url=x\n";
    assert_eq!(chain::without_endpoint_keys(other), other);
}

#[test]
fn variables_lose_endpoints_and_nothing_else() {
    let set = ["AWS_REGION", "HOME"].into_iter().chain(VARIABLES);
    let left = chain::without_endpoints(set.map(|name| (name.to_owned(), "x".to_owned())));
    let mut left: Vec<&String> = left.keys().collect();
    left.sort();
    assert_eq!(left, ["AWS_REGION", "HOME"]);
}
