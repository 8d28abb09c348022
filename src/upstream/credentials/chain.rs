//! The AWS SDK's chain of credentials, shown an environment and profiles that name no endpoints: whoever can set
//! `AWS_ENDPOINT_URL_STS`, or write `endpoint_url` into a profile, cannot have the guard's proof of itself sent elsewhere.
//!
//! The SDK offers no switch: `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` does not reach the STS calls *inside* its chain (web
//! identity, a role in a profile). Every other setting is the SDK's to understand.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::Env;

use super::super::options::CredentialSource;

/// What variables that name an endpoint begin with.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";
/// The key of a profile, or of a service in it, that names one.
const ENDPOINT_KEY: &str = "endpoint_url";
/// Static keys in the environment: the chain takes them first.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];

/// Loads the chain. Reads the environment and the SDK's files; calls nobody.
///
/// # Errors
/// In words: the environment would be preferred to the profile that is named.
pub(super) async fn load(
    source: &CredentialSource,
    region: &str,
    http: Option<SharedHttpClient>,
) -> Result<SdkConfig, String> {
    let set = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = without_endpoints(set);
    if let CredentialSource::Profile(_) = source
        && let Some(name) = KEYS.iter().find(|name| environment.contains_key(**name))
    {
        return Err(format!("`{name}` is set, which the SDK prefers to the profile: unset it"));
    }
    let mut sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .profile_files(files(&environment))
        .env(Env::from(environment));
    if let CredentialSource::Profile(name) = source {
        sdk = sdk.profile_name(name);
    }
    if let Some(http) = http {
        sdk = sdk.http_client(http);
    }
    Ok(sdk.load().await)
}

pub(super) fn without_endpoints(set: impl Iterator<Item = (String, String)>) -> HashMap<String, String> {
    set.filter(|(name, _)| !name.starts_with(ENDPOINT)).collect()
}

/// The SDK's two files, where the SDK looks for them, as far as they name no endpoint.
fn files(environment: &HashMap<String, String>) -> EnvConfigFiles {
    let mut files = EnvConfigFiles::builder();
    for (kind, variable, standard) in [
        (EnvConfigFileKind::Config, "AWS_CONFIG_FILE", "~/.aws/config"),
        (EnvConfigFileKind::Credentials, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    ] {
        let named = environment.get(variable);
        let path = expanded(named.map_or(standard, String::as_str), environment.get("HOME"));
        match fs::read_to_string(&path) {
            Ok(text) => files = files.with_contents(kind, without_endpoint_keys(&text)),
            Err(error) => {
                if named.is_some() {
                    tracing::warn!(variable, %error, "the file that this variable names is not read");
                }
                files = files.with_contents(kind, String::new());
            }
        }
    }
    files.build()
}

/// `~/` is of the home directory.
fn expanded(path: &str, home: Option<&String>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        (Some(_), None) | (None, _) => PathBuf::from(path),
    }
}

/// A file of profiles without its lines `endpoint_url = ...`: those of a profile, and those of a service, which are set
/// in deeper.
pub(super) fn without_endpoint_keys(text: &str) -> String {
    let names_one = |line: &&str| {
        let key = line.split_once('=').map_or("", |(key, _)| key.trim());
        key.eq_ignore_ascii_case(ENDPOINT_KEY)
    };
    text.lines().filter(|line| !names_one(line)).flat_map(|line| [line, "\n"]).collect()
}
