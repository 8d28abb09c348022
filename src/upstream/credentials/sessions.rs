//! The credentials of one site: those under the guard's own name, and those of sessions that bear their callers' names.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use aws_credential_types::provider::SharedCredentialsProvider;

use super::{
    CredentialCache, chain,
    name::session_name,
    role::{Role, Session},
};
use crate::{
    caller::Principal,
    client::{Client, ClientBounds, Endpoint},
    clock::Clock,
    upstream::options::{CredentialSource, SessionNames},
};

/// The name of the guard's own sessions in `CloudTrail`.
const OWN: &str = "connect-guard";
/// Sessions of callers that are kept; of more, the one that was used longest ago goes.
const KEPT: usize = 256;
/// The longest answer of STS.
const ANSWER: usize = 64 * 1024;

/// Credentials to call Connect with.
pub(in crate::upstream) struct SiteCredentials {
    own: Arc<CredentialCache>,
    callers: Option<CallerSessions>,
    /// Those of another role, which ordinary operations are passed on with.
    ordinary: Option<Box<Self>>,
}

/// Sessions of one role, each named after a caller.
struct CallerSessions {
    role: Arc<Role>,
    account: String,
    source_identity: bool,
    clock: Clock,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Grows with every use.
    uses: u64,
    sessions: HashMap<String, (u64, Arc<CredentialCache>)>,
}

impl SiteCredentials {
    /// Reads the environment and the SDK's files; calls nobody.
    ///
    /// # Errors
    /// In words: there is no source of credentials, or STS cannot be reached in the way that is configured.
    pub(in crate::upstream) async fn open(
        source: &CredentialSource,
        sts: &Endpoint,
        (region, account): (&str, &str),
        clock: Clock,
    ) -> Result<Self, String> {
        let loaded = chain::load(source, region, None).await?;
        let chain = loaded.credentials_provider().ok_or("the SDK has no source of credentials")?;
        let CredentialSource::Role { arn, ordinary, external_id, names } = source else {
            let only_profile = matches!(source, CredentialSource::Profile(_));
            return Ok(Self::own(CredentialCache::of(chain, only_profile, clock)));
        };
        let role = |arn: &String| {
            let bounds = ClientBounds { body: ANSWER, ..ClientBounds::default() };
            let client = Client::new(sts.clone(), bounds).map_err(|unusable| format!("STS: {unusable}"))?;
            let role = Role {
                arn: arn.clone(),
                external_id: external_id.clone(),
                sts: client,
                region: region.to_owned(),
                by: chain.clone(),
                clock: clock.clone(),
            };
            Ok::<_, String>(Self::of_role(role, *names, account, clock.clone()))
        };
        let ordinary = ordinary.as_ref().map(role).transpose()?.map(Box::new);
        Ok(Self { ordinary, ..role(arn)? })
    }

    /// Sessions of a role.
    pub(super) fn of_role(role: Role, names: SessionNames, account: &str, clock: Clock) -> Self {
        let role = Arc::new(role);
        let own = session(&role, OWN.to_owned(), None, clock.clone());
        let callers = match names {
            SessionNames::Fixed => None,
            SessionNames::Caller { source_identity } => Some(CallerSessions {
                role,
                account: account.to_owned(),
                source_identity,
                clock,
                kept: Mutex::default(),
            }),
        };
        Self { own: Arc::new(own), callers, ordinary: None }
    }

    /// One identity for everything.
    pub(in crate::upstream) fn own(cache: CredentialCache) -> Self {
        Self { own: Arc::new(cache), callers: None, ordinary: None }
    }

    /// Those of the guard's own name: for what it asks by itself.
    pub(in crate::upstream) fn base(&self) -> &Arc<CredentialCache> {
        &self.own
    }

    /// Those that what is done for callers is done with, as far as it does not depend on who they are: the session is named as
    /// the guard's own.
    pub(in crate::upstream) fn for_callers(&self) -> Arc<CredentialCache> {
        match &self.callers {
            None => self.own.clone(),
            Some(callers) => callers.of(OWN.to_owned()),
        }
    }

    /// Those that ordinary operations are passed on with, and nothing else.
    pub(in crate::upstream) fn ordinary(&self) -> &Self {
        self.ordinary.as_deref().unwrap_or(self)
    }

    /// Whether there is another role for ordinary operations.
    pub(in crate::upstream) fn has_ordinary(&self) -> bool {
        self.ordinary.is_some()
    }

    /// Those for what is done for a caller.
    pub(in crate::upstream) fn of_caller(&self, principal: &Principal) -> Arc<CredentialCache> {
        match &self.callers {
            None => self.own.clone(),
            Some(callers) => callers.of(session_name(principal, &callers.account)),
        }
    }
}

impl CallerSessions {
    fn of(&self, name: String) -> Arc<CredentialCache> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses = kept.uses.saturating_add(1);
        let now = kept.uses;
        if let Some((used, cache)) = kept.sessions.get_mut(&name) {
            *used = now;
            return cache.clone();
        }
        if kept.sessions.len() >= KEPT {
            let oldest =
                kept.sessions.iter().min_by_key(|(_, (used, _))| *used).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| kept.sessions.remove(&oldest));
        }
        let source_identity = self.source_identity.then(|| name.clone());
        let cache = Arc::new(session(&self.role, name.clone(), source_identity, self.clock.clone()));
        kept.sessions.insert(name, (now, cache.clone()));
        cache
    }
}

fn session(role: &Arc<Role>, name: String, source_identity: Option<String>, clock: Clock) -> CredentialCache {
    let session = Session { role: role.clone(), name, source_identity };
    CredentialCache::of(SharedCredentialsProvider::new(session), false, clock)
}
