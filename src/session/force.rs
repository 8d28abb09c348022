//! What is in force: options that were looked at, and what is made of them. Replaced as a whole.

use std::{collections::BTreeSet, error::Error, fmt, sync::Arc, time::Duration};

use crate::{
    caller::{Resource, SessionKeys},
    client::Unusable,
    notify::HookUrlFault,
};

use super::{SessionOptions, issuer::Issuer, proof::is_audience, rights::Rights, sts::Sts};

/// The bounds of a session's lifetime.
const LIFETIME: std::ops::RangeInclusive<Duration> = Duration::from_mins(1)..=Duration::from_hours(12);
/// The longest leeway for an issuer's clock.
const LEEWAY: Duration = Duration::from_mins(1);
/// Claims that one session may carry.
const CARRY: usize = 16;

/// What is in force.
pub(super) struct Force {
    pub(super) options: SessionOptions,
    pub(super) sessions: Arc<SessionKeys>,
    pub(super) sts: Option<Sts>,
    pub(super) issuers: Vec<Arc<Issuer>>,
    pub(super) rights: Rights,
}

/// Why there can be no exchange with these options.
#[derive(Debug)]
pub enum ExchangeFault {
    /// The audience is not 1 to 256 of `A-Za-z0-9._:/-`.
    Audience,
    /// The lifetime is not from a minute to twelve hours.
    Lifetime,
    /// No account, or one that is not twelve digits.
    Accounts,
    /// No Region (empty), or one that STS has no host in.
    Region(String),
    /// There can be no client for STS or an issuer's keys.
    Client(Unusable),
    /// The URL of an issuer's keys.
    Url(HookUrlFault),
    /// An issuer is named twice, has no name, no audience or no algorithm, or more leeway than 60 s; its name.
    Issuer(String),
    /// A role is mapped from no claims, from an issuer that is not there, carries more than 16 claims, or is none; its ARN.
    Role(String),
    /// Neither the ARN of a user or role, nor a role with `*` inside its name.
    Rights(String),
}

impl Force {
    /// Looks at options; the issuers of `before` whose options are the same are taken over with the keys they hold.
    pub(super) fn new(
        options: SessionOptions,
        sessions: Arc<SessionKeys>,
        before: Option<&Self>,
    ) -> Result<Self, ExchangeFault> {
        if !is_audience(&options.audience) {
            return Err(ExchangeFault::Audience);
        }
        if !LIFETIME.contains(&options.lifetime) {
            return Err(ExchangeFault::Lifetime);
        }
        let sts = options.sts.as_ref().map(Sts::new).transpose()?;
        let mut names = BTreeSet::new();
        let mut issuers = Vec::new();
        for issuer in &options.issuers {
            let makes_sense = !issuer.issuer.is_empty()
                && !issuer.audiences.is_empty()
                && !issuer.algorithms.is_empty()
                && issuer.leeway <= LEEWAY;
            if !makes_sense || !names.insert(issuer.issuer.as_str()) {
                return Err(ExchangeFault::Issuer(issuer.issuer.clone()));
            }
            let same = before.and_then(|before| before.issuers.iter().find(|known| known.options == *issuer));
            issuers.push(match same {
                Some(known) => known.clone(),
                None => Arc::new(Issuer::new(issuer)?),
            });
        }
        for role in &options.roles {
            let makes_sense = matches!(role.role.resource, Resource::Role(_))
                && !role.claims.is_empty()
                && role.carry.len() <= CARRY
                && names.contains(role.issuer.as_str());
            if !makes_sense {
                return Err(ExchangeFault::Role(role.role.to_string()));
            }
        }
        let rights = Rights::new(&options.freeze).map_err(ExchangeFault::Rights)?;
        Ok(Self { options, sessions, sts, issuers, rights })
    }
}

impl fmt::Display for ExchangeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audience => f.write_str("the audience of sessions is not 1 to 256 of A-Za-z0-9._:/-"),
            Self::Lifetime => f.write_str("sessions last from a minute to twelve hours"),
            Self::Accounts => f.write_str("sts: accounts are twelve digits each, and at least one"),
            Self::Region(region) if region.is_empty() => f.write_str("sts: no region is named"),
            Self::Region(region) => write!(f, "sts has no host in `{}`", region.escape_debug()),
            Self::Client(unusable) => write!(f, "no client: {unusable}"),
            Self::Url(fault) => write!(f, "the url of an issuer's keys {fault}"),
            Self::Issuer(issuer) => write!(
                f,
                "issuer `{}`: each is named once and has audiences, algorithms and at most 60 s of leeway",
                issuer.escape_debug()
            ),
            Self::Role(role) => write!(
                f,
                "`{role}`: a role has a known issuer, claims it is mapped from, and carries at most 16"
            ),
            Self::Rights(text) => write!(
                f,
                "`{}` is neither the arn of a user or role nor a role with `*` inside its name",
                text.escape_debug()
            ),
        }
    }
}

impl Error for ExchangeFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Client(unusable) => Some(unusable),
            Self::Url(fault) => Some(fault),
            Self::Audience
            | Self::Lifetime
            | Self::Accounts
            | Self::Region(_)
            | Self::Issuer(_)
            | Self::Role(_)
            | Self::Rights(_) => None,
        }
    }
}
