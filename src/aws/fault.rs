//! Why no document can be written.

use std::{error::Error, fmt};

use super::document::TooLong;

/// Why no document can be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsFault {
    /// An upstream names no role: what the guard has then, is not made from this configuration.
    NoRole {
        /// The upstream.
        site: String,
    },
    /// Nobody is named as whom the guard runs.
    NoPrincipal,
    /// Nobody could change what the documents protect.
    NoKeeper,
    /// The roles are in several accounts, and a template is for one.
    SeveralAccounts(Vec<String>),
    /// No role is in this account.
    NoSuchAccount(String),
    /// A statement is longer than a document may be.
    TooLong(TooLong),
    /// More documents than can be attached.
    TooMany {
        /// What of.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many can be attached.
        most: usize,
    },
}

impl AwsFault {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoRole { .. } => "give it `role`: the guard assumes it, and nobody else can",
            Self::NoPrincipal => "[aws] principals = [\"arn:aws:iam::111122223333:role/connect-guard-task\"]",
            Self::NoKeeper => {
                "[aws] admins, break_glass: who may change the guard's roles, which nobody else may"
            }
            Self::SeveralAccounts(_) => "name one with --account",
            Self::NoSuchAccount(_) => "the accounts are those in the ARNs of the upstreams' roles",
            Self::TooLong(_) => "--minify writes it shorter; else fewer exemptions, instances or rules",
            Self::TooMany { .. } => {
                "--minify writes them shorter; else a narrower level, fewer instances or rules"
            }
        }
    }
}

impl fmt::Display for AwsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRole { site } => write!(f, "the upstream `{site}` names no role"),
            Self::NoPrincipal => f.write_str("no principal is named as whom the guard runs"),
            Self::NoKeeper => f.write_str("nobody is named who may change the guard's roles"),
            Self::SeveralAccounts(accounts) => write!(f, "the roles are in {}", accounts.join(", ")),
            Self::NoSuchAccount(account) => write!(f, "no role is in the account `{account}`"),
            Self::TooLong(fault) => fault.fmt(f),
            Self::TooMany { what, count, most } => {
                write!(f, "there are {count} {what}, and {most} can be attached")
            }
        }
    }
}

impl Error for AwsFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::TooLong(fault) => Some(fault),
            Self::NoRole { .. }
            | Self::NoPrincipal
            | Self::NoKeeper
            | Self::SeveralAccounts(_)
            | Self::NoSuchAccount(_)
            | Self::TooMany { .. } => None,
        }
    }
}

impl From<TooLong> for AwsFault {
    fn from(fault: TooLong) -> Self {
        Self::TooLong(fault)
    }
}
