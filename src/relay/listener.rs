//! The client of a session listener: the nonce, the proofs, and calls that are signed with a session or a guard key.

use std::{fs, io, path::Path, time::Duration};

use tokio::time::timeout;

use super::{
    CertificateFiles, NoSession, OwnCredentials, ProofBy, SessionAt,
    answer::{self, Granted},
};
use crate::{
    client::{Answer, Client, ClientBounds, Outgoing, Presented},
    clock::Clock,
    secret::{Secret, SecretRef},
    session::proof::StsProof,
    sigv4::{Credentials, Signable, sign},
    wire::RequestTarget,
};

/// A session, with every call that it takes.
const DEADLINE: Duration = Duration::from_secs(20);
/// Octets of a token file. Kubernetes' and CI systems' tokens have one or two thousand.
const TOKEN_MAX: usize = 16 * 1024;
const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
/// The service that calls of the listener are signed for.
const SERVICE: &str = "connect";

/// One session listener, and who one is there. It keeps no connection: it is asked every few minutes at most, and every
/// time the CA file, the certificate and the token are read as they are then.
pub(crate) struct SessionListener {
    at: SessionAt,
    own: Option<OwnCredentials>,
    clock: Clock,
}

impl SessionListener {
    /// A session listener. Reads the environment and AWS's files where they will be needed; calls nobody.
    ///
    /// # Errors
    /// See [`OwnCredentials::open`].
    pub(crate) async fn open(at: SessionAt, clock: Clock) -> Result<Self, NoSession> {
        let own = match &at.proof {
            ProofBy::Sts { profile, region } => Some(OwnCredentials::open(profile.as_deref(), region).await?),
            ProofBy::WebIdentity { .. } | ProofBy::Certificate => None,
        };
        Ok(Self { at, own, clock })
    }

    /// A session, by the proof that is configured.
    ///
    /// # Errors
    /// Whatever keeps it from being had, within 20 s.
    pub(crate) async fn session(&self) -> Result<Granted, NoSession> {
        timeout(DEADLINE, self.granted()).await.unwrap_or(Err(NoSession::Timeout(DEADLINE)))
    }

    /// A call that is signed with a session or a guard key: `target` is of the listener's API.
    ///
    /// # Errors
    /// Whatever keeps it from being answered.
    pub(crate) async fn call(
        &self,
        target: &'static str,
        body: Vec<u8>,
        credentials: &Credentials,
        region: &str,
    ) -> Result<Answer, NoSession> {
        let client = self.client()?;
        let mut request = post(&client, target, JSON, body);
        let fields: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let signable = Signable {
            method: request.method,
            target: &request.target,
            headers: &fields,
            body: &request.body,
        };
        let added =
            sign(signable, credentials, region, SERVICE, self.clock.now()).map_err(NoSession::Signing)?;
        request.headers.extend(added);
        sent(&client, request).await
    }

    async fn granted(&self) -> Result<Granted, NoSession> {
        let client = self.client()?;
        match &self.at.proof {
            ProofBy::Sts { region, .. } => self.by_sts(&client, region).await,
            ProofBy::WebIdentity { token_file, role, label } => {
                self.by_token(&client, token_file, role, label).await
            }
            ProofBy::Certificate => {
                let asked = self.clock.now();
                let request = post(&client, "/v1/session/certificate", JSON, Vec::new());
                answer::session(&sent(&client, request).await?, asked)
            }
        }
    }

    /// The audience is the configuration's: a listener that says another could be passing a nonce of the guard behind it
    /// on, and would be somebody there afterwards.
    async fn by_sts(&self, client: &Client, region: &str) -> Result<Granted, NoSession> {
        let Some(own) = &self.own else {
            return Err(NoSession::OwnCredentials("none are configured".to_owned()));
        };
        let credentials = own.credentials().await?;
        let nonce = answer::nonce(&sent(client, post(client, "/v1/nonce", JSON, Vec::new())).await?)?;
        if nonce.audience != self.at.audience {
            return Err(NoSession::Audience { found: nonce.audience, expected: self.at.audience.clone() });
        }
        let asked = self.clock.now();
        let proof = StsProof::sign(&credentials, region, &self.at.audience, &nonce.nonce, asked)
            .map_err(NoSession::Proof)?;
        let request = post(client, "/v1/session/sts", JSON, proof.body());
        answer::session(&sent(client, request).await?, asked)
    }

    async fn by_token(
        &self,
        client: &Client,
        file: &Path,
        role: &str,
        label: &str,
    ) -> Result<Granted, NoSession> {
        let unread = |source| NoSession::Token { path: file.to_owned(), source };
        let token = token(file).map_err(unread)?;
        let Some(token) = token.expose_str() else { return Err(unread(io::ErrorKind::InvalidData.into())) };
        let members = [
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", label),
            ("WebIdentityToken", token),
        ];
        let form: Vec<String> =
            members.iter().map(|(name, value)| format!("{name}={}", RequestTarget::encode(value))).collect();
        let asked = self.clock.now();
        let request = post(client, "/", FORM, form.join("&").into_bytes());
        answer::session_of_sts(&sent(client, request).await?, asked)
    }

    fn client(&self) -> Result<Client, NoSession> {
        let presented = self.at.certificate.as_ref().map(presented).transpose()?;
        let bounds =
            ClientBounds { answer: Duration::from_secs(15), body: 64 * 1024, ..ClientBounds::default() };
        Client::presenting(&self.at.endpoint, bounds, presented.as_ref()).map_err(NoSession::Client)
    }
}

/// The client certificate as it is now.
pub(crate) fn presented(files: &CertificateFiles) -> Result<Presented, NoSession> {
    let chain = fs::read(&files.chain)
        .map_err(|source| NoSession::Certificate { path: files.chain.clone(), source })?;
    let key = SecretRef::File(files.key.clone()).read().map_err(NoSession::Secret)?;
    Ok(Presented { chain, key })
}

/// The token as it is now, without white space around it. Others may be able to read it, as Kubernetes mounts it.
fn token(file: &Path) -> io::Result<Secret> {
    let read = Secret::new(fs::read(file)?);
    let text = read.expose().trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.=+/".contains(byte);
    if (1..=TOKEN_MAX).contains(&text.len()) && text.iter().all(is_token) {
        return Ok(Secret::new(text.to_vec()));
    }
    Err(io::Error::other("no token is in it"))
}

fn post(client: &Client, target: &'static str, kind: &'static str, body: Vec<u8>) -> Outgoing {
    let mut headers = vec![("host", client.authority().to_owned())];
    if !body.is_empty() {
        headers.push(("content-type", kind.to_owned()));
    }
    Outgoing { method: "POST", target: target.to_owned(), headers, body: body.into() }
}

async fn sent(client: &Client, request: Outgoing) -> Result<Answer, NoSession> {
    client.send(request).await.map_err(NoSession::Unreachable)
}
