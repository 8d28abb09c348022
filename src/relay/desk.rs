//! Calls of a session listener for whoever freezes changes and lifts freezes: who signs, what is asked, what is answered.

use serde::Deserialize;

use super::{NoSession, OwnCredentials, SessionAt, SessionListener, answer};
use crate::{caller::GuardKey, clock::Clock, sigv4::Credentials, wire::json::Object};

/// As whom the listener is called.
pub(crate) enum As {
    /// A guard key.
    Key(Credentials),
    /// Whoever the AWS SDK's chain, or a profile, gives credentials of. Those of the guard (a key, a session) sign by
    /// themselves; those of AWS prove who one is, and sign nothing else.
    Own {
        /// The profile; none: the chain.
        profile: Option<String>,
    },
}

/// Somebody at a session listener.
pub(crate) struct Desk {
    listener: SessionListener,
    credentials: Credentials,
    region: String,
}

/// A freeze in force.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Frozen {
    /// Its id.
    pub(crate) id: String,
    /// What it is about: `all`, `instance:ID` or `caller:ARN`.
    pub(crate) scope: String,
    /// Why.
    pub(crate) reason: String,
    /// Who froze.
    pub(crate) by: String,
    /// Since when: milliseconds since 1970.
    pub(crate) at: i64,
}

/// A freeze that was set or lifted.
#[derive(Deserialize)]
pub(crate) struct Done {
    /// Its id.
    pub(crate) id: String,
    /// What is odd about it.
    pub(crate) warning: Option<String>,
}

#[derive(Deserialize)]
struct Listed {
    freezes: Vec<Frozen>,
}

impl Desk {
    /// Somebody at this listener; a session is had first where it is needed.
    ///
    /// # Errors
    /// There are no credentials, or no session for them.
    pub(crate) async fn open(
        at: SessionAt,
        region: String,
        who: As,
        clock: Clock,
    ) -> Result<Self, NoSession> {
        let own = match who {
            As::Key(credentials) => credentials,
            As::Own { profile } => {
                OwnCredentials::open(profile.as_deref(), &region).await?.credentials().await?
            }
        };
        let listener = SessionListener::open(at, clock).await?;
        let credentials = if is_of_the_guard(&own) { own } else { listener.session().await?.credentials };
        Ok(Self { listener, credentials, region })
    }

    /// Freezes changes; the freeze's id.
    ///
    /// # Errors
    /// Refused, or not answered: then it may be in force all the same.
    pub(crate) async fn freeze(&self, scope: &str, reason: &str) -> Result<Done, NoSession> {
        self.done("/v1/freeze", [("scope", scope), ("reason", reason)]).await
    }

    /// Lifts a freeze.
    ///
    /// # Errors
    /// As [`Desk::freeze`].
    pub(crate) async fn unfreeze(&self, id: &str, reason: &str) -> Result<Done, NoSession> {
        self.done("/v1/unfreeze", [("id", id), ("reason", reason)]).await
    }

    /// The freezes in force.
    ///
    /// # Errors
    /// Refused, or not answered.
    pub(crate) async fn freezes(&self) -> Result<Vec<Frozen>, NoSession> {
        let answer = self.listener.call("/v1/freezes", Vec::new(), &self.credentials, &self.region).await?;
        answer::json::<Listed>(&answer).map(|listed| listed.freezes)
    }

    async fn done(&self, target: &'static str, members: [(&str, &str); 2]) -> Result<Done, NoSession> {
        let mut object = Object::new();
        for (name, value) in members {
            object.set(name, value.into());
        }
        let answer = self.listener.call(target, object.write(), &self.credentials, &self.region).await?;
        answer::json(&answer)
    }
}

/// Whether these are a key or a session of a guard: no id that AWS issues begins as theirs do.
fn is_of_the_guard(credentials: &Credentials) -> bool {
    let id = credentials.access_key_id.as_str();
    GuardKey::is_id(id) || (id.starts_with("GS") && id.len() == 20)
}
