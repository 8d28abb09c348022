//! From a proof to a session: what a session listener answers. Proofs are a signed `GetCallerIdentity` that STS checks, a
//! web identity token, or a client certificate; what comes back are credentials that any AWS SDK signs with and any gateway
//! verifies. Also where changes are frozen, and freezes lifted.
//!
//! Nothing here ever passes on what a client wrote: the request to STS is written anew from parts ([`proof`]), and who
//! somebody is comes from STS's answer, a verified token or a verified certificate alone. Every session is
//! on record before anybody has its secret, and none outlives what vouches for it.

mod answer;
mod exchange;
mod force;
mod form;
mod freeze;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod grant;
mod host;
mod issuer;
mod jwks;
mod jwt;
mod mapping;
mod nonce;
mod options;
mod places;
pub mod proof;
mod rights;
mod route;
mod stop;
mod sts;
mod tally;
#[cfg(test)]
mod tests;
mod trial;
mod web_identity;
mod xml;

use std::sync::Arc;

use arc_swap::ArcSwap;

pub use force::ExchangeFault;
pub use host::StsHost;
pub use issuer::IssuerStats;
pub use options::{Algorithm, FreezeRights, IssuerOptions, Jwks, RoleMapping, SessionOptions, StsOptions};
pub use tally::{Answered, ExchangeStats};
pub(crate) use trial::Unavailable;

use self::{force::Force, places::Places, tally::Tally};
use crate::{
    caller::{KeyRing, SessionKeys},
    clock::Clock,
    ledger::Ledger,
    limit::Limiter,
    notice::Routing,
    operation::InstanceId,
    policy::Policy,
};

/// Gives the policy in force.
pub type PolicyInForce = Arc<dyn Fn() -> Arc<Policy> + Send + Sync>;

/// What an exchange is made of.
pub struct ExchangeParts {
    /// Who may sign requests about freezes, and whom certificates stand for.
    pub keys: Arc<KeyRing>,
    /// What sessions are sealed with.
    pub sessions: Arc<SessionKeys>,
    /// The ledger.
    pub ledger: Ledger,
    /// Rates.
    pub limiter: Arc<Limiter>,
    /// Who is told of freezes.
    pub routing: Routing,
    /// The policy in force: whoever it revokes gets no session, and neither freezes nor lifts.
    pub policy: PolicyInForce,
    /// The instances of all upstreams: no other can be frozen.
    pub instances: Vec<InstanceId>,
    /// The time.
    pub clock: Clock,
    /// What it goes by.
    pub options: SessionOptions,
}

/// The exchange: one for the whole process.
pub struct Exchange {
    keys: ArcSwap<KeyRing>,
    force: ArcSwap<Force>,
    ledger: Ledger,
    limiter: Arc<Limiter>,
    routing: ArcSwap<Routing>,
    policy: PolicyInForce,
    instances: Vec<InstanceId>,
    clock: Clock,
    places: Arc<Places>,
    tally: Tally,
}

impl Exchange {
    /// An exchange of these parts. Reads CA files; asks nobody yet.
    ///
    /// # Errors
    /// Options that make no sense.
    pub fn new(parts: ExchangeParts) -> Result<Arc<Self>, ExchangeFault> {
        let force = Force::new(parts.options, parts.sessions, None)?;
        Ok(Arc::new(Self {
            keys: ArcSwap::new(parts.keys),
            force: ArcSwap::from_pointee(force),
            ledger: parts.ledger,
            limiter: parts.limiter,
            routing: ArcSwap::from_pointee(parts.routing),
            policy: parts.policy,
            instances: parts.instances,
            clock: parts.clock,
            places: Arc::default(),
            tally: Tally::default(),
        }))
    }

    /// Goes by other options and issues with other keys from now on. The keys of issuers that stay as they are, are kept.
    ///
    /// # Errors
    /// Options that make no sense: then nothing is replaced.
    pub fn replace(&self, options: SessionOptions, sessions: Arc<SessionKeys>) -> Result<(), ExchangeFault> {
        let next = Force::new(options, sessions, Some(&self.force.load()))?;
        self.force.store(Arc::new(next));
        Ok(())
    }

    /// Puts other keys and certificate names into force.
    pub fn replace_keys(&self, keys: Arc<KeyRing>) {
        self.keys.store(keys);
    }

    /// Tells other people of freezes from now on.
    pub fn replace_routing(&self, routing: Routing) {
        self.routing.store(Arc::new(routing));
    }

    /// What was counted.
    pub fn stats(&self) -> ExchangeStats {
        ExchangeStats { answers: self.tally.read(), issuers: self.issuer_stats() }
    }
}
