//! To which address a rule lets an address be changed: the control that stops the takeover. A domain alone does not:
//! whoever is inside has a mailbox in it. So there are three bindings, and the one that names domains wants a sentence.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::SignedDuration;

use crate::{
    clock::Now,
    operation::{Address, Field},
    secret::Digest,
};

/// To which address.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Binding {
    /// `email_from`: the one that a template gives over the user as it is.
    From(Template),
    /// `email_directory`: the one that a file has for the user's Username.
    Directory(Arc<Directory>),
    /// `email_any_in`: any of these domains, by somebody's written decision.
    AnyIn(BTreeSet<String>),
}

/// A template for one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Template {
    /// The local part in pieces, and a literal domain.
    Parts(Vec<Piece>, String),
    /// `{username}` alone: the Username, which is an address itself.
    Username,
}

/// A piece of a template's local part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// `{username}`, as it is.
    Username,
    /// `{first_name}`, in lower case.
    FirstName,
    /// `{last_name}`, in lower case.
    LastName,
}

/// Literal text, or what the user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// As written.
    Literal(String),
    /// What the user has.
    Of(Placeholder),
}

/// A `username,address` file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Directory {
    /// Its name in the policy.
    pub(super) name: String,
    /// The address of each Username.
    pub(super) addresses: HashMap<String, Address>,
    /// When it was last written.
    pub(super) modified: Now,
    /// How old it may be.
    pub(super) max_age: SignedDuration,
    /// SHA-256 of its text.
    pub(super) digest: Digest,
}

/// Whose address: the user as it is, or, for a user to be created, as it is to be.
pub(super) struct Holder<'a> {
    /// The Username.
    pub(super) username: &'a str,
    /// `FirstName`.
    pub(super) first_name: Option<&'a str>,
    /// `LastName`.
    pub(super) last_name: Option<&'a str>,
}

/// Whether the age of a directory file counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ages {
    /// A file older than its `max_age` binds nothing.
    Count,
    /// In `[[test]]` cases, which have a time of their own, files are as fresh as can be.
    Fresh,
}

/// What a binding says of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// It may be this one.
    Yes,
    /// It may not.
    No,
    /// The directory file is too old to say so.
    Stale,
}

impl Placeholder {
    /// Every name a placeholder may have.
    pub(super) const NAMES: [&'static str; 3] = ["username", "first_name", "last_name"];

    /// The placeholder of this name.
    pub(super) fn read(name: &str) -> Option<Self> {
        Some(match name {
            "username" => Self::Username,
            "first_name" => Self::FirstName,
            "last_name" => Self::LastName,
            _ => return None,
        })
    }
}

impl Binding {
    /// Whether it lets the address of `holder` be this one.
    pub(super) fn allows(&self, address: &Address, holder: &Holder<'_>, now: Now, ages: Ages) -> Bound {
        let yes = |holds: bool| if holds { Bound::Yes } else { Bound::No };
        match self {
            Self::From(template) => yes(template.of(holder).as_ref() == Some(address)),
            Self::Directory(directory) => match directory.addresses.get(holder.username) {
                Some(listed) if listed == address => {
                    if ages == Ages::Fresh || directory.is_fresh(now) {
                        Bound::Yes
                    } else {
                        Bound::Stale
                    }
                }
                Some(_) | None => Bound::No,
            },
            Self::AnyIn(domains) => yes(domains.contains(address.domain())),
        }
    }

    /// The domains it can only be one of; none when they are not known in advance.
    pub(super) fn domains(&self) -> Option<Vec<&str>> {
        match self {
            Self::From(Template::Parts(_, domain)) => Some(vec![domain]),
            Self::From(Template::Username) | Self::Directory(_) => None,
            Self::AnyIn(domains) => Some(domains.iter().map(String::as_str).collect()),
        }
    }
}

impl Directory {
    /// Whether it may still be relied on. A file from the future is not.
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        let age = now.timestamp().duration_since(self.modified.timestamp());
        age <= self.max_age && age >= SignedDuration::from_mins(-5)
    }
}

impl Template {
    /// The address it gives; none when the user lacks something or what it has is no part of a plain address.
    fn of(&self, holder: &Holder<'_>) -> Option<Address> {
        match self {
            Self::Username => Address::read(holder.username).ok(),
            Self::Parts(pieces, domain) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Literal(literal) => text.push_str(literal),
                        Piece::Of(placeholder) => text.push_str(&placeholder.of(holder)?),
                    }
                }
                Address::read(&format!("{text}@{domain}")).ok()
            }
        }
    }
}

impl Placeholder {
    /// Only letters, digits and `-`, for a Username also `.` and `_`: nothing is transliterated, and no `@` or `+` can
    /// come in by a value that somebody may change.
    fn of(self, holder: &Holder<'_>) -> Option<String> {
        let (value, more): (_, &[u8]) = match self {
            Self::Username => (holder.username.to_owned(), b"-._"),
            Self::FirstName => (holder.first_name?.to_ascii_lowercase(), b"-"),
            Self::LastName => (holder.last_name?.to_ascii_lowercase(), b"-"),
        };
        let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte));
        (plain && !value.is_empty()).then_some(value)
    }
}

/// The names in a template that an identity change may set.
pub(super) fn names_of(template: &Template) -> impl Iterator<Item = Field> {
    let pieces = match template {
        Template::Parts(pieces, _) => pieces.as_slice(),
        Template::Username => &[],
    };
    pieces.iter().filter_map(|piece| match piece {
        Piece::Of(Placeholder::FirstName) => Some(Field::FirstName),
        Piece::Of(Placeholder::LastName) => Some(Field::LastName),
        Piece::Of(Placeholder::Username) | Piece::Literal(_) => None,
    })
}
