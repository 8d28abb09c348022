//! Arguments of the commands that speak with a session listener.

use std::path::PathBuf;

use crate::{
    client::Endpoint,
    config::endpoint,
    relay::{CertificateFiles, ProofBy, SessionAt},
    session::proof::is_audience,
};

/// Which session listener, and as whom.
#[derive(clap::Args)]
pub(super) struct SessionArgs {
    /// The guard's session listener: `https://HOST` or `https://HOST:PORT`.
    #[arg(long, value_name = "URL")]
    session_url: String,
    /// Trust these certificate authorities (PEM) instead of the platform's.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The guard's audience, as its `[session]` says; the URL's host otherwise.
    #[arg(long, value_name = "TEXT")]
    audience: Option<String>,
    /// The AWS profile to prove who one is with; the SDK's own order otherwise.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The Region whose STS is asked who one is, and that calls are signed for.
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    region: String,
}

impl SessionArgs {
    pub(super) fn region(&self) -> String {
        self.region.clone()
    }

    pub(super) fn profile(&self) -> Option<String> {
        self.profile.clone()
    }

    /// The proof by AWS credentials.
    pub(super) fn sts(&self) -> ProofBy {
        ProofBy::Sts { profile: self.profile(), region: self.region() }
    }

    /// The listener, or what is wrong with the arguments.
    pub(super) fn at(
        &self,
        proof: ProofBy,
        certificate: Option<(PathBuf, PathBuf)>,
    ) -> Result<SessionAt, String> {
        let url = self.session_url.strip_suffix('/').unwrap_or(&self.session_url);
        let Some((host, port)) = endpoint(url) else {
            return Err(format!(
                "`{url}` is no session listener: https://HOST or https://HOST:PORT, with a name and no address"
            ));
        };
        let audience = self.audience.clone().unwrap_or_else(|| host.clone());
        if !is_audience(&audience) {
            return Err(format!("`{audience}` is no audience: 1 to 256 of A-Z a-z 0-9 . _ : / -"));
        }
        let certificate = certificate.map(|(chain, key)| CertificateFiles { chain, key });
        let endpoint = Endpoint { host, port, address: None, ca_file: self.ca_file.clone() };
        Ok(SessionAt { endpoint, audience, proof, certificate })
    }
}
