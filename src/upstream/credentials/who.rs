//! Who the guard is at AWS: `sts:GetCallerIdentity`, which takes no permission, for whoever checks a configuration.
//!
//! Source: <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>.

use std::{error::Error, fmt, sync::Arc};

use bytes::Bytes;

use super::{
    CredentialCache, SiteCredentials, chain,
    role::{SAID, Unassumed, ask, element},
};
use crate::{
    client::{Answer, Client, ClientBounds, Unusable},
    clock::Clock,
    upstream::options::{CredentialSource, SiteOptions},
};

const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";
/// The longest answer.
const ANSWER: usize = 64 * 1024;

/// Which credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The guard's own: those of the chain or of a profile.
    Own,
    /// Those of the role that they assume.
    Role,
    /// Those of the role for ordinary operations.
    Ordinary,
}

/// Who some credentials are.
pub(crate) struct Identity {
    /// Which credentials.
    pub(crate) whose: Whose,
    /// The ARN, as STS says; or why that is not known.
    pub(crate) arn: Result<String, Nobody>,
}

/// Why it is not known who the guard is, or why it is nobody whom the site is for.
#[derive(Debug)]
pub(crate) enum Nobody {
    /// There are no credentials; in the SDK's or STS's words.
    Credentials(String),
    /// There can be no client for STS.
    Unusable(Unusable),
    /// STS was not asked, or does not answer.
    Unanswered(Unassumed),
    /// STS does not take them.
    Refused {
        /// Its status.
        status: u16,
        /// The error's name.
        code: String,
        /// Its words.
        said: String,
    },
    /// What was answered says nothing of anybody.
    Unreadable(u16),
    /// They are of another account than the site's.
    Elsewhere {
        /// Who.
        arn: String,
        /// The site's account.
        account: String,
    },
}

impl SiteOptions {
    /// Who the guard is here: by its own credentials, then by those of each role that it has to assume. Asks STS alone.
    pub(crate) async fn identities(&self, clock: &Clock) -> Vec<Identity> {
        let (region, account) = (self.site.region.as_str(), self.site.account.as_str());
        let has_role = matches!(self.credentials, CredentialSource::Role { .. });
        let mut all = vec![(Whose::Own, self.own(clock).await)];
        if has_role {
            let roles = SiteCredentials::open(&self.credentials, &self.sts, (region, account), clock.clone());
            let roles = roles.await.map_err(Nobody::Credentials);
            let ordinary = roles.as_ref().ok().and_then(|roles| {
                roles.has_ordinary().then(|| (Whose::Ordinary, Ok(roles.ordinary().for_callers())))
            });
            all.push((Whose::Role, roles.map(|roles| roles.for_callers())));
            all.extend(ordinary);
        }
        let mut found = Vec::new();
        for (whose, cache) in all {
            let arn = match cache {
                Ok(cache) => self.who(&cache, clock).await,
                Err(nobody) => Err(nobody),
            };
            let arn = arn.and_then(|arn| match arn.split(':').nth(4) {
                // Whoever assumes a role may be of another account.
                Some(own) if own != account && (whose != Whose::Own || !has_role) => {
                    Err(Nobody::Elsewhere { arn, account: account.to_owned() })
                }
                Some(_) | None => Ok(arn),
            });
            found.push(Identity { whose, arn });
        }
        found
    }

    async fn own(&self, clock: &Clock) -> Result<Arc<CredentialCache>, Nobody> {
        let only_profile = matches!(self.credentials, CredentialSource::Profile(_));
        let loaded = chain::load(&self.credentials, &self.site.region, None).await;
        let loaded = loaded.map_err(Nobody::Credentials)?;
        let none = || Nobody::Credentials("the SDK has no source of credentials".to_owned());
        let chain = loaded.credentials_provider().ok_or_else(none)?;
        Ok(Arc::new(CredentialCache::of(chain, only_profile, clock.clone())))
    }

    async fn who(&self, cache: &Arc<CredentialCache>, clock: &Clock) -> Result<String, Nobody> {
        let credentials = cache.credentials().await.map_err(Nobody::Credentials)?;
        let bounds = ClientBounds { body: ANSWER, ..self.bounds };
        let sts = Client::new(self.sts.clone(), bounds).map_err(Nobody::Unusable)?;
        let by = (&credentials, self.site.region.as_str(), clock.now());
        let answer = ask(&sts, by, Bytes::from_static(BODY)).await.map_err(Nobody::Unanswered)?;
        read(&answer)
    }
}

/// What STS answers: XML, of which the one value that counts is there once, and without entities.
fn read(answer: &Answer) -> Result<String, Nobody> {
    let text = std::str::from_utf8(&answer.body).unwrap_or_default();
    let unreadable = || Nobody::Unreadable(answer.status);
    if answer.status == 200 {
        let arn = element(text, "Arn").filter(|arn| arn.starts_with("arn:") && !arn.contains(['<', '&']));
        return arn.map(str::to_owned).ok_or_else(unreadable);
    }
    let code = element(text, "Code").ok_or_else(unreadable)?.to_owned();
    let said = element(text, "Message").unwrap_or_default().chars().take(SAID).collect();
    Err(Nobody::Refused { status: answer.status, code, said })
}

impl fmt::Display for Nobody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(why) => write!(f, "there are no credentials: {why}"),
            Self::Unusable(unusable) => write!(f, "STS cannot be asked: {unusable}"),
            Self::Unanswered(Unassumed::Unanswered(error)) => {
                write!(f, "STS does not answer: {}", error.why)
            }
            Self::Unanswered(why) => why.fmt(f),
            Self::Refused { status, code, said } => {
                write!(f, "STS does not take the credentials: {status} {code}: {said}")
            }
            Self::Unreadable(status) => write!(f, "STS answers {status}, and not who asks"),
            Self::Elsewhere { arn, account } => {
                write!(f, "the credentials are those of {arn}, and the upstream is of the account {account}")
            }
        }
    }
}

impl Error for Nobody {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unusable(unusable) => Some(unusable),
            Self::Unanswered(why) => Some(why),
            Self::Credentials(_) | Self::Refused { .. } | Self::Unreadable(_) | Self::Elsewhere { .. } => {
                None
            }
        }
    }
}
