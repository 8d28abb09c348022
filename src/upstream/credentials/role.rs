//! `sts:AssumeRole`: credentials for a role, asked of the Region's STS over a client of the guard's own. No environment has
//! any say in where that is.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>.

use std::{error::Error, fmt, fmt::Write, time::SystemTime};

use aws_credential_types::{
    Credentials as Given,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use bytes::Bytes;
use jiff::Timestamp;

use crate::{
    client::{Answer, Client, ClientError, Outgoing},
    clock::{Clock, Now},
    secret::Secret,
    sigv4::{Credentials, Signable, sign},
};

/// The service's name in a signature's scope.
const SERVICE: &str = "sts";
const FORM: &str = "application/x-www-form-urlencoded";
/// The most characters of STS's own words that are kept.
pub(super) const SAID: usize = 300;

/// A role, whom to ask for it, and as whom.
pub(super) struct Role {
    /// The ARN.
    pub(super) arn: String,
    /// What its trust policy asks for.
    pub(super) external_id: Option<String>,
    /// The STS of the Region.
    pub(super) sts: Client,
    /// The Region.
    pub(super) region: String,
    /// Who assumes it.
    pub(super) by: SharedCredentialsProvider,
    /// The time that is signed.
    pub(super) clock: Clock,
}

/// One session of a role: a provider of its credentials.
pub(super) struct Session {
    /// The role.
    pub(super) role: std::sync::Arc<Role>,
    /// `RoleSessionName`.
    pub(super) name: String,
    /// `SourceIdentity`, where it is set.
    pub(super) source_identity: Option<String>,
}

/// Why there are no credentials of a role.
#[derive(Debug)]
pub(crate) enum Unassumed {
    /// Who assumes it has none.
    Chain(CredentialsError),
    /// The question cannot be signed.
    Unsigned(String),
    /// There is no answer.
    Unanswered(ClientError),
    /// STS refuses: its status, the error's name, its words.
    Refused { status: u16, code: String, said: String },
    /// What was answered holds no credentials.
    Unreadable(u16),
}

impl Role {
    async fn assume(&self, session: &Session) -> Result<Given, Unassumed> {
        let by = self.by.provide_credentials().await.map_err(Unassumed::Chain)?;
        let by = Credentials {
            access_key_id: by.access_key_id().to_owned(),
            secret: Secret::new(by.secret_access_key().as_bytes().to_vec()),
            session_token: by.session_token().map(|token| Secret::new(token.as_bytes().to_vec())),
        };
        let body = Bytes::from(self.form(session));
        let answer = match self.ask(&by, body.clone()).await {
            // Nothing is changed by asking twice.
            Err(Unassumed::Unanswered(_)) => self.ask(&by, body).await?,
            answer => answer?,
        };
        credentials(&answer)
    }

    async fn ask(&self, by: &Credentials, body: Bytes) -> Result<Answer, Unassumed> {
        ask(&self.sts, (by, &self.region, self.clock.now()), body).await
    }

    fn form(&self, session: &Session) -> String {
        let mut form = "Action=AssumeRole&Version=2011-06-15".to_owned();
        let fields = [
            ("RoleArn", Some(&self.arn)),
            ("RoleSessionName", Some(&session.name)),
            ("ExternalId", self.external_id.as_ref()),
            ("SourceIdentity", session.source_identity.as_ref()),
        ];
        for (name, value) in fields {
            let Some(value) = value else { continue };
            form.extend(["&", name, "="]);
            encode(&mut form, value);
        }
        form
    }
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.role.assume(self).await.map_err(CredentialsError::provider_error)
        })
    }
}

/// Says nothing of whose it is.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// One question to an STS, signed with these credentials for its Region.
pub(super) async fn ask(
    sts: &Client,
    (by, region, now): (&Credentials, &str, Now),
    body: Bytes,
) -> Result<Answer, Unassumed> {
    let mut headers = vec![("host", sts.authority().to_owned()), ("content-type", FORM.to_owned())];
    let borrowed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let signable = Signable { method: "POST", target: "/", headers: &borrowed, body: &body };
    let added =
        sign(signable, by, region, SERVICE, now).map_err(|fault| Unassumed::Unsigned(fault.to_string()))?;
    headers.extend(added);
    let outgoing = Outgoing { method: "POST", target: "/".to_owned(), headers, body };
    sts.send(outgoing).await.map_err(Unassumed::Unanswered)
}

/// Percent-encoded but for what RFC 3986 calls unreserved.
fn encode(into: &mut String, value: &str) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// What STS answers: XML, of which the four values that count are each there once, and without entities.
fn credentials(answer: &Answer) -> Result<Given, Unassumed> {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let read = || {
        let own = element(text, "Credentials")?;
        let end: Timestamp = element(own, "Expiration")?.parse().ok()?;
        let token = element(own, "SessionToken")?.to_owned();
        let (id, secret) = (element(own, "AccessKeyId")?, element(own, "SecretAccessKey")?);
        let plain = ![id, secret, &token].iter().any(|value| value.is_empty() || value.contains(['<', '&']));
        plain.then(|| Given::new(id, secret, Some(token), Some(SystemTime::from(end)), "AssumeRole"))
    };
    match answer.status {
        200 => read().ok_or(Unassumed::Unreadable(200)),
        status => match element(text, "Code") {
            Some(code) => Err(Unassumed::Refused {
                status,
                code: code.to_owned(),
                said: element(text, "Message").unwrap_or_default().chars().take(SAID).collect(),
            }),
            None => Err(Unassumed::Unreadable(status)),
        },
    }
}

/// What stands in an element that is there once and has no attributes.
pub(super) fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, after) = rest.split_once(&format!("</{name}>"))?;
    (!after.contains(&format!("<{name}>"))).then_some(inner)
}

impl fmt::Display for Unassumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(_) => f.write_str("there are no credentials to assume the role with"),
            Self::Unsigned(why) => write!(f, "the request to STS is not signed: {why}"),
            Self::Unanswered(_) => f.write_str("STS does not answer"),
            Self::Refused { status, code, said } => {
                write!(f, "STS refuses to let the role be assumed: {status} {code}: {said}")?;
                if code == "AccessDenied" {
                    f.write_str(
                        " (the role's trust policy must allow sts:AssumeRole with this session name and external id, \
                         and sts:SetSourceIdentity where `source_identity` is set)",
                    )?;
                }
                Ok(())
            }
            Self::Unreadable(status) => write!(f, "STS answers {status}, and not with credentials"),
        }
    }
}

impl Error for Unassumed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Chain(error) => Some(error),
            Self::Unanswered(error) => Some(error),
            Self::Unsigned(_) | Self::Refused { .. } | Self::Unreadable(_) => None,
        }
    }
}
