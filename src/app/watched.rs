//! What status is told: why the guard is not ready, and everything that is counted.

use std::{net::SocketAddr, sync::Arc};

use super::standing::{Known, Phase, Standing};
use crate::{
    clock::{Clock, Now},
    guard::Guard,
    ledger::{Ledger, Reserve},
    notify::{Courier, Streams},
    server::{Counts, Measurements, PolicyState, Reason, Tls, Watched},
    session::Exchange,
};

/// The guard as a whole, seen from outside.
pub(super) struct Watch {
    pub(super) guard: Arc<Guard>,
    pub(super) ledger: Ledger,
    pub(super) courier: Arc<Courier>,
    pub(super) streams: Arc<Streams>,
    pub(super) standing: Arc<Standing>,
    pub(super) exchange: Option<Arc<Exchange>>,
    pub(super) listeners: Vec<(SocketAddr, Arc<Counts>)>,
    pub(super) certificates: Vec<(SocketAddr, Tls)>,
    pub(super) clock: Clock,
    /// When the process started.
    pub(super) since: Now,
}

impl Watch {
    fn policy(&self, known: &Known) -> PolicyState {
        let Some(policy) = &known.policy else { return PolicyState::default() };
        let (allows, denies, _) = self.guard.policy().counts();
        PolicyState {
            digest: policy.digest.hex(),
            since: policy.since.millis(),
            stale_since: known.directory.as_ref().map(|(since, _)| since.millis()),
            frozen: policy.frozen.is_some(),
            rules: (allows + denies) as u64,
        }
    }
}

impl Watched for Watch {
    /// Parts that ended, and nothing that could be mended by waiting: what is broken outside is no reason to start anew.
    fn live(&self) -> Vec<Reason> {
        let known = self.standing.known();
        let ended = known.ended.iter().map(|part| because(part, "it ended without being told to".into()));
        let taken = self.ledger.stats().taken;
        let taken =
            taken.then(|| because("ledger", "another process continues its chain: start anew".into()));
        ended.chain(taken).collect()
    }

    fn ready(&self) -> Vec<Reason> {
        let known = self.standing.known();
        let mut reasons = self.live();
        match known.phase {
            Phase::Starting => reasons.push(because("start", "it is not done".into())),
            Phase::Serving => {}
            Phase::Stopping => reasons.push(because("start", "the guard stops".into())),
        }
        if let Some(why) = known.policy.and_then(|policy| policy.frozen) {
            reasons.push(because("policy", format!("every change is refused: {why}")));
        }
        if let Some((since, why)) = known.directory {
            let since = since.timestamp().strftime("%Y-%m-%dT%H:%M:%SZ");
            reasons
                .push(because("policy", format!("at fault since {since}, what can be kept is kept: {why}")));
        }
        for (site, why) in known.without_credentials {
            reasons.push(because("upstream", format!("`{site}` has no credentials: {why}")));
        }
        let ledger = self.ledger.stats();
        if !ledger.writable {
            let why = match ledger.reserve {
                Reserve::Last => "there is no room for more changes: they are refused",
                Reserve::Untouched | Reserve::Begun => "the last write failed: changes are refused",
            };
            reasons.push(because("ledger", why.into()));
        }
        if let Some(highest) = ledger.behind {
            reasons.push(because(
                "policy",
                format!("its epoch is lower than {highest}, that of another replica: changes are refused"),
            ));
        }
        if let Some(broken) = &ledger.broken {
            reasons.push(because(
                "ledger",
                format!("record {} of chain `{}` does not follow: {}", broken.seq, broken.chain, broken.why),
            ));
        }
        let now = self.clock.now().millis();
        for (address, tls) in &self.certificates {
            if tls.expires() <= now {
                reasons.push(because("certificate", format!("that of {address} has expired")));
            }
        }
        reasons
    }

    fn started(&self) -> Vec<Reason> {
        match self.standing.known().phase {
            Phase::Starting => vec![because("start", "it is not done".into())],
            Phase::Serving | Phase::Stopping => Vec::new(),
        }
    }

    async fn measure(&self) -> Option<Measurements> {
        let known = self.standing.known();
        Some(Measurements {
            version: env!("CARGO_PKG_VERSION"),
            started: self.since.millis(),
            guard: self.guard.stats(),
            outbox: self.ledger.outbox().await.unwrap_or_default(),
            ledger: self.ledger.stats(),
            courier: self.courier.stats(),
            streams: self.streams.stats(self.ledger.head().seq),
            limiter: self.guard.rates(),
            connect: self.guard.connect().map(|(site, counts)| (site.to_owned(), counts)).collect(),
            listeners: self
                .listeners
                .iter()
                .map(|(address, counts)| (address.to_string(), counts.stats()))
                .collect(),
            sessions: self.exchange.as_ref().map(|exchange| exchange.stats()),
            crls: self
                .certificates
                .iter()
                .filter_map(|(address, tls)| Some((address.to_string(), tls.crl_ends()?)))
                .collect(),
            certificates: self
                .certificates
                .iter()
                .map(|(address, tls)| (address.to_string(), tls.expires()))
                .collect(),
            keys: self.guard.key_ends(),
            policy: self.policy(&known),
            unrenewed: known.unrenewed.into_keys().collect(),
        })
    }
}

fn because(part: &'static str, why: String) -> Reason {
    Reason { part, why }
}
