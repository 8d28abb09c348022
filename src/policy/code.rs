//! Why not: refusal codes (contract), and what a refusal carries for the record.

use std::{fmt, sync::Arc};

use crate::{
    caller::Caller,
    operation::{Change, Class, Field, Route, Target, User},
    secret::Digest,
    wire::ErrorType,
};

use super::{Given, Looked};

/// The refusal codes: a closed list, part of the contract, in the order in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// `operation-unknown`: not an operation of Connect that this version knows.
    OperationUnknown,
    /// `operation-forbidden`: mints a login for the signer.
    OperationForbidden,
    /// `revoked`: `revoked.toml` names the caller.
    Revoked,
    /// `freeze`: changes are frozen, or `revoked.toml`, `deny.d` or the policy cannot be read or is too old.
    Freeze,
    /// `no-rule`: no rule allows it; at screen for caller, action and instance, after the reads for a field.
    NoRule,
    /// `user-unknown`: Connect does not know the user (404).
    UserUnknown,
    /// `email-on-saml`: Email cannot be set on this instance: an attack, or a bug.
    EmailOnSaml,
    /// `protected`: the target has, had within 30 days, or would get a protected permission, and no rule lifts it.
    Protected,
    /// `denied-by`: a `[[deny]]` matches.
    DeniedBy,
    /// `address-not-plain`: not plain ASCII, an unlisted `xn--` domain, or a plus-address no rule allows.
    AddressNotPlain,
    /// `address-shared`: a listed shared mailbox, or an address of the instance's own e-mail channel.
    AddressShared,
    /// `address-in-use`: the ledger knows it on another user.
    AddressInUse,
    /// `quota`: so many changes in so long are used up (429).
    Quota,
    /// `malformed`: an authenticated caller sent what has no single reading, or a value that is none (400). Found before
    /// any rule is looked at.
    Malformed,
}

/// A rule, as records and refusals name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleRef {
    /// Its id.
    pub id: Arc<str>,
    /// `file:line`.
    pub place: Arc<str>,
}

/// Why not, for the operator: code, rule and words. The caller is told the AWS error and the request id only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: Code,
    /// The rule that denies, where one does.
    pub rule: Option<RuleRef>,
    /// The fields concerned, where it is about fields.
    pub fields: Vec<Field>,
    /// In words: names no value of a sensitive field.
    pub detail: String,
}

/// A refusal and whom it met: what the ledger needs for its record.
pub struct Refused {
    /// Who asked.
    pub caller: Caller,
    /// For which operation; none when it is unknown.
    pub route: Option<&'static Route>,
    /// The class of this request: its route's, but for tagging what is neither a user nor a security profile. None when the
    /// operation is unknown.
    pub class: Option<Class>,
    /// Of what; none when it is unknown.
    pub target: Option<Target>,
    /// The change that was asked for: sealed in the record but for a password. None of an ordinary operation, and of what was
    /// not recognised.
    pub change: Option<Box<Change>>,
    /// Fields that were asked for, with the values asked: sealed in the record.
    pub asked: Vec<(Field, Option<String>)>,
    /// What it would have given.
    pub given: Given,
    /// What it was decided with; none when nothing was looked at. The people to be told of a refused address change are in it.
    pub looked: Option<Box<Looked>>,
    /// Why not.
    pub refusal: Refusal,
    /// The digest of the policy that refused.
    pub policy: Digest,
}

impl Refused {
    /// The user as it is, when it was read.
    pub fn user(&self) -> Option<&User> {
        self.looked.as_deref().and_then(Looked::user)
    }
}

impl Code {
    /// All codes, in the order in which they are looked for.
    pub const ALL: [Self; 14] = [
        Self::OperationUnknown,
        Self::OperationForbidden,
        Self::Revoked,
        Self::Freeze,
        Self::NoRule,
        Self::UserUnknown,
        Self::EmailOnSaml,
        Self::Protected,
        Self::DeniedBy,
        Self::AddressNotPlain,
        Self::AddressShared,
        Self::AddressInUse,
        Self::Quota,
        Self::Malformed,
    ];

    /// The code as the contract writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OperationUnknown => "operation-unknown",
            Self::OperationForbidden => "operation-forbidden",
            Self::Revoked => "revoked",
            Self::Freeze => "freeze",
            Self::NoRule => "no-rule",
            Self::UserUnknown => "user-unknown",
            Self::EmailOnSaml => "email-on-saml",
            Self::Protected => "protected",
            Self::DeniedBy => "denied-by",
            Self::AddressNotPlain => "address-not-plain",
            Self::AddressShared => "address-shared",
            Self::AddressInUse => "address-in-use",
            Self::Quota => "quota",
            Self::Malformed => "malformed",
        }
    }

    /// The reply's error type.
    pub fn error(self) -> ErrorType {
        match self {
            Self::UserUnknown => ErrorType::ResourceNotFound,
            Self::Quota => ErrorType::Throttling,
            Self::Malformed => ErrorType::InvalidRequest,
            Self::OperationUnknown
            | Self::OperationForbidden
            | Self::Revoked
            | Self::Freeze
            | Self::NoRule
            | Self::EmailOnSaml
            | Self::Protected
            | Self::DeniedBy
            | Self::AddressNotPlain
            | Self::AddressShared
            | Self::AddressInUse => ErrorType::AccessDenied,
        }
    }
}

impl Refusal {
    /// A refusal that needs nothing but its code and words.
    pub fn new(code: Code, detail: &str) -> Self {
        Self { code, rule: None, fields: Vec::new(), detail: detail.to_owned() }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
