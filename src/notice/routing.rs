//! Who is told as a matter of configuration: routes from kind, severity and instance to mail addresses and hooks.

use std::{collections::BTreeSet, error::Error, fmt, time::Duration};

use crate::operation::Address;

use super::{Audience, Channel, Kind, Severity};

/// The language of whoever names none.
const LANGUAGE: &str = "en";

/// One route: whoever it names is told of what it matches. A route that names neither kinds nor instances and no severity
/// matches everything.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// The kinds; empty is every kind. Refusals that come singly and those that come folded are one: naming either names both.
    pub kinds: BTreeSet<Kind>,
    /// The least severity.
    pub least: Severity,
    /// The ids of the instances; empty is all of them, and what concerns none: only such a route is told of the guard itself.
    pub instances: BTreeSet<String>,
    /// Mail addresses of the security team.
    pub mail: Vec<Address>,
    /// Names of hooks.
    pub hooks: Vec<String>,
    /// The language for these recipients; none is the routing's.
    pub language: Option<String>,
}

/// Who is told what. Every matching route counts; each recipient is told once.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The routes.
    pub routes: Vec<Route>,
    /// The language of the people concerned, and of routes that name none.
    pub language: String,
    /// Hooks that are shown no values: somebody reads there who need not know them.
    pub masked: BTreeSet<String>,
    /// Whether somebody is told before a change is sent.
    pub before: Before,
}

/// What has to have happened to the notices before a change is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Before {
    /// They are on disk.
    #[default]
    Queued,
    /// They are on disk, and an announcement was taken by somebody.
    Acknowledged {
        /// By all of these.
        by: Vec<Recipient>,
        /// Within this time; otherwise the change is not made.
        patience: Duration,
    },
}

/// One who can be told: a mail address, or a hook by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// By mail.
    Mail(Address),
    /// By this hook.
    Hook(String),
}

/// Why a routing does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutingFault {
    /// These kinds would reach nobody, on some instance at least.
    Nobody(Vec<Kind>),
    /// Changes are to wait until somebody has acknowledged them, and nobody is named.
    NobodyAcknowledges,
}

/// A recipient with what its routes say.
#[derive(Debug, Clone)]
pub(super) struct Routed {
    pub(super) recipient: Recipient,
    pub(super) audience: Audience,
    pub(super) language: String,
}

impl Routing {
    /// One route for everything: these addresses, by mail, in English.
    pub fn simple(security: Vec<Address>) -> Self {
        let everything = Route { mail: security, ..Route::default() };
        Self {
            routes: vec![everything],
            language: LANGUAGE.to_owned(),
            masked: BTreeSet::new(),
            before: Before::Queued,
        }
    }

    /// Whether every kind reaches somebody, whatever instance it concerns.
    ///
    /// # Errors
    /// With the kinds that nobody would be told of. An announcement is no such kind: it goes to those who acknowledge it.
    pub fn check(&self) -> Result<(), RoutingFault> {
        let nobody: Vec<_> = Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::Announced && self.told_of(*kind, None).is_empty())
            .collect();
        if !nobody.is_empty() {
            return Err(RoutingFault::Nobody(nobody));
        }
        match &self.before {
            Before::Acknowledged { by, .. } if by.is_empty() => Err(RoutingFault::NobodyAcknowledges),
            Before::Acknowledged { .. } | Before::Queued => Ok(()),
        }
    }

    /// Whom the routes tell of this kind on this instance, each once, in the order of the routes. Announcements go to
    /// those who acknowledge them and to nobody else.
    pub(super) fn told_of(&self, kind: Kind, instance: Option<&str>) -> Vec<Routed> {
        let mut told: Vec<Routed> = Vec::new();
        for route in self.routes.iter().filter(|route| route.matches(kind, instance)) {
            for recipient in route.recipients() {
                if told.iter().all(|other| other.recipient != recipient) {
                    let language = route.language.clone().unwrap_or_else(|| self.language.clone());
                    told.push(Routed { language, ..self.routed(recipient) });
                }
            }
        }
        told
    }

    /// A recipient that no route need name.
    pub(super) fn routed(&self, recipient: Recipient) -> Routed {
        let audience = match &recipient {
            Recipient::Hook(name) if self.masked.contains(name) => Audience::Masked,
            Recipient::Hook(_) | Recipient::Mail(_) => Audience::Security,
        };
        let language = self.routes.iter().find(|route| route.recipients().any(|other| other == recipient));
        let language =
            language.and_then(|route| route.language.clone()).unwrap_or_else(|| self.language.clone());
        Routed { recipient, audience, language }
    }

    /// Those who have to have acknowledged an announcement before a change is sent.
    pub(super) fn acknowledging(&self) -> &[Recipient] {
        match &self.before {
            Before::Queued => &[],
            Before::Acknowledged { by, .. } => by,
        }
    }
}

impl Route {
    fn matches(&self, kind: Kind, instance: Option<&str>) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|named| same(*named, kind));
        let of_instance =
            self.instances.is_empty() || instance.is_some_and(|instance| self.instances.contains(instance));
        of_kind && of_instance && kind.severity() >= self.least
    }

    fn recipients(&self) -> impl Iterator<Item = Recipient> {
        let hooks = self.hooks.iter().cloned().map(Recipient::Hook);
        self.mail.iter().cloned().map(Recipient::Mail).chain(hooks)
    }
}

impl Recipient {
    /// By what it is told.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Mail(_) => Channel::Mail,
            Self::Hook(name) => Channel::Hook(name.clone()),
        }
    }
}

/// The address, or the hook's name: as a delivery names it.
impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mail(address) => address.fmt(f),
            Self::Hook(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for RoutingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody(kinds) => {
                f.write_str("nobody would be told of ")?;
                for (place, kind) in kinds.iter().enumerate() {
                    if place > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "`{kind}`")?;
                }
                Ok(())
            }
            Self::NobodyAcknowledges => f.write_str(
                "changes wait until they are acknowledged, and nobody is named to acknowledge them",
            ),
        }
    }
}

impl Error for RoutingFault {}

/// Several refusals may come as one message.
fn same(named: Kind, kind: Kind) -> bool {
    let one = |kind| if kind == Kind::RepeatedRefusals { Kind::AddressChangeRefused } else { kind };
    one(named) == one(kind)
}
