//! Freezes: changes that are refused for a while, by somebody's word and not by a rule. Each is about everything, an
//! instance or a caller; reads and ordinary writes go on. The ledger keeps them, and a snapshot holds those in force.

use std::{error::Error, fmt, str::FromStr};

use crate::{
    caller::Arn,
    operation::{Class, InstanceId, Route, routes},
    secret::Digest,
};

use super::{
    pattern::Pattern,
    question::{Kind, Question},
    rule::{Allow, NO_INSTANCE},
};

/// What a freeze is about. As text: `all`, `instance:ID`, `caller:ARN`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FreezeScope {
    /// Every change.
    All,
    /// Every change on an instance, named by its bare id; and every change of which no instance is known: what forbids
    /// holds where its fact is lacking.
    Instance(String),
    /// Every change by a caller: an ARN without a session.
    Caller(String),
}

/// A freeze that is in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Freeze {
    /// Its id: what lifts it names it.
    pub id: String,
    /// What it is about.
    pub scope: FreezeScope,
    /// Why, in words: the operator is told it.
    pub reason: String,
    /// By whom: an ARN without a session.
    pub by: String,
    /// Since when, in milliseconds of Unix time.
    pub at: i64,
}

/// Why a text is no scope of a freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreezeScopeFault {
    /// Neither `all` nor `instance:` nor `caller:`.
    Form,
    /// What follows `instance:` is no id of an instance.
    Instance,
    /// What follows `caller:` is no ARN of a user or role.
    Caller,
}

impl Freeze {
    /// Whether whoever is charged by this account set it, or is who it is about: they do not lift it.
    pub fn is_own(&self, account: &str) -> bool {
        self.by == account || matches!(&self.scope, FreezeScope::Caller(arn) if arn == account)
    }

    /// Whether it is about a change. Ordinary operations are not frozen.
    pub(super) fn holds(&self, question: &Question<'_>) -> bool {
        let change = match question.kind {
            Kind::Ordinary => false,
            Kind::Identity | Kind::Create | Kind::Sensitive => true,
        };
        change
            && match &self.scope {
                FreezeScope::All => true,
                FreezeScope::Instance(id) => question.instance.is_none_or(|instance| instance == id),
                FreezeScope::Caller(arn) => question.asker.arn == *arn,
            }
    }

    /// Whether it may stand against a rule, in part or wholly.
    pub(super) fn may_meet(&self, allow: &Allow) -> bool {
        self.scope.may_meet(allow)
    }

    /// In order and each once, by their ids.
    pub(super) fn sorted(freezes: &[Self]) -> Vec<Self> {
        let mut sorted = freezes.to_vec();
        sorted.sort();
        sorted.dedup();
        sorted
    }

    /// What the digest of everything that holds at once has of these: the files' own where there are none.
    pub(super) fn digest(freezes: &[Self], files: Digest) -> Digest {
        if freezes.is_empty() {
            return files;
        }
        let texts: Vec<[String; 5]> = freezes
            .iter()
            .map(|freeze| {
                let Self { id, scope, reason, by, at } = freeze;
                [id.clone(), scope.to_string(), reason.clone(), by.clone(), at.to_string()]
            })
            .collect();
        let texts = texts.iter().flatten().map(String::as_bytes);
        Digest::of_list(std::iter::once(files.bytes().as_slice()).chain(texts))
    }
}

impl FreezeScope {
    /// Whether a freeze of it may stand against a rule, in part or wholly.
    pub(super) fn may_meet(&self, allow: &Allow) -> bool {
        let scope = &allow.scope;
        let change = |route: &Route| match route.class {
            Class::Identity | Class::Sensitive => {
                scope.actions.iter().any(|action| action.is(route.operation, route.class))
            }
            Class::Read | Class::Write | Class::Forbidden => false,
        };
        routes().iter().any(change)
            && match self {
                Self::All => true,
                Self::Instance(id) => scope.instances.iter().any(|instance| {
                    let bare = InstanceId::of_arn(instance);
                    instance == NO_INSTANCE
                        || bare.as_ref().map_or(instance.as_str(), InstanceId::as_str) == id
                }),
                Self::Caller(arn) => {
                    let matches = |(account, role): &(String, Pattern)| {
                        arn.strip_prefix(account.as_str()).is_some_and(|name| role.matches(name))
                    };
                    scope.callers.exact.contains(arn) || scope.callers.roles.iter().any(matches)
                }
            }
    }
}

impl FromStr for FreezeScope {
    type Err = FreezeScopeFault;

    /// An instance's ARN stands for its id, and a session for its role: its name is no identity.
    fn from_str(text: &str) -> Result<Self, FreezeScopeFault> {
        match text.split_once(':') {
            None if text == "all" => Ok(Self::All),
            Some(("instance", id)) => InstanceId::read(id)
                .or_else(|| InstanceId::of_arn(id))
                .map(|id| Self::Instance(id.as_str().to_owned()))
                .ok_or(FreezeScopeFault::Instance),
            Some(("caller", arn)) => Arn::read(arn)
                .map(|arn| Self::Caller(arn.without_session()))
                .map_err(|_| FreezeScopeFault::Caller),
            None | Some(_) => Err(FreezeScopeFault::Form),
        }
    }
}

impl fmt::Display for FreezeScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Instance(id) => write!(f, "instance:{id}"),
            Self::Caller(arn) => write!(f, "caller:{arn}"),
        }
    }
}

impl fmt::Display for FreezeScopeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "a freeze is about `all`, `instance:ID` or `caller:ARN`",
            Self::Instance => "what follows `instance:` is no id of an instance",
            Self::Caller => "what follows `caller:` is no ARN of a user or role",
        })
    }
}

impl Error for FreezeScopeFault {}
