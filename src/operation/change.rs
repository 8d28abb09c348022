//! Changes: operations that set who a user is, or lead there. Typed, and built anew for Connect.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;

use crate::{
    secret::Secret,
    wire::{
        RequestTarget,
        json::{Json, Object},
    },
};

use super::{Class, Route, SensitiveBody, Target};

/// The fields of a user's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `FirstName`
    FirstName,
    /// `LastName`
    LastName,
    /// `Email`: the password reset goes there.
    Email,
    /// `SecondaryEmail`: every other notification goes there *instead of* to the primary.
    SecondaryEmail,
    /// `Mobile`
    Mobile,
}

/// What is asked for a field. Absent means not asked for, and is no value of this type.
#[derive(Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This value. Never empty.
    Set(String),
    /// Its removal (`""`; `SecondaryEmail` and `Mobile` only).
    Remove,
}

/// What is asked for a user's identity: at least one field in `UpdateUserIdentityInfo`, maybe none in `CreateUser`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IdentityChange {
    pub(super) fields: BTreeMap<Field, Wanted>,
}

/// The body of `CreateUser`.
#[derive(Clone)]
pub struct NewUser {
    /// `Username`.
    pub username: String,
    /// `Password`, when one is set.
    pub password: Option<Secret>,
    /// `IdentityInfo`.
    pub identity: IdentityChange,
    /// `SecurityProfileIds`: 1 to 10.
    pub security_profiles: Vec<String>,
    /// The remaining members, strictly read and known by name: `RoutingProfileId`, `HierarchyGroupId`, `DirectoryUserId`,
    /// `PhoneConfig`, the configurations per channel, `Tags`.
    pub rest: Vec<(String, Json)>,
}

/// What is to be changed.
#[derive(Clone)]
pub enum ChangeKind {
    /// `UpdateUserIdentityInfo`
    Identity(IdentityChange),
    /// `CreateUser`
    Create(Box<NewUser>),
    /// A sensitive operation.
    Sensitive(SensitiveBody),
}

/// A change, typed. Its fields are private: only [`super::recognise()`] makes one.
#[derive(Clone)]
pub struct Change {
    pub(super) route: &'static Route,
    pub(super) target: Target,
    pub(super) labels: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) kind: ChangeKind,
}

/// What goes to Connect, built from parsed values only. The body may hold addresses or a password: `Debug` shows its
/// length.
#[derive(Clone, PartialEq, Eq)]
pub struct Built {
    /// The method.
    pub method: &'static str,
    /// Path and query, encoded.
    pub target: String,
    /// The operation's header members; `content-type` where there is a body.
    pub headers: Vec<(&'static str, String)>,
    /// The body, written anew.
    pub body: Bytes,
}

impl Field {
    /// All fields, in the model's order.
    pub const ALL: [Self; 5] =
        [Self::FirstName, Self::LastName, Self::Email, Self::SecondaryEmail, Self::Mobile];

    /// The name in the API model.
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstName => "FirstName",
            Self::LastName => "LastName",
            Self::Email => "Email",
            Self::SecondaryEmail => "SecondaryEmail",
            Self::Mobile => "Mobile",
        }
    }

    /// Whether its value is an e-mail address.
    pub fn is_address(self) -> bool {
        matches!(self, Self::Email | Self::SecondaryEmail)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl IdentityChange {
    /// What is asked, field by field, in the model's order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &Wanted)> {
        self.fields.iter().map(|(field, wanted)| (*field, wanted))
    }

    /// What is asked for one field.
    pub fn wanted(&self, field: Field) -> Option<&Wanted> {
        self.fields.get(&field)
    }
}

impl Change {
    /// The route.
    pub fn route(&self) -> &'static Route {
        self.route
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is to be changed.
    pub fn kind(&self) -> &ChangeKind {
        &self.kind
    }

    /// The identity fields that are asked for: of `UpdateUserIdentityInfo` and of `CreateUser`; none otherwise.
    pub fn identity(&self) -> Option<&IdentityChange> {
        match &self.kind {
            ChangeKind::Identity(identity) => Some(identity),
            ChangeKind::Create(user) => Some(&user.identity),
            ChangeKind::Sensitive(_) => None,
        }
    }

    /// The path of the request, encoded as AWS clients encode it.
    pub fn path(&self) -> String {
        self.route.path(&self.labels)
    }

    /// The members of its query, decoded, as often as each was given.
    pub fn query(&self) -> &[(&'static str, String)] {
        &self.query
    }

    /// The operation's header members.
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Identity or sensitive.
    pub fn class(&self) -> Class {
        self.route.class
    }

    /// The ids of the security profiles that somebody would get: in `CreateUser`, `UpdateUserSecurityProfiles` and
    /// `AssociateSecurityProfiles`; none otherwise.
    pub fn grants(&self) -> &[String] {
        match &self.kind {
            ChangeKind::Create(user) => &user.security_profiles,
            ChangeKind::Sensitive(
                SensitiveBody::UserSecurityProfiles(profiles)
                | SensitiveBody::AssociateSecurityProfiles { profiles, .. },
            ) => profiles,
            ChangeKind::Sensitive(
                SensitiveBody::Profile(_)
                | SensitiveBody::Known(_)
                | SensitiveBody::Members(_)
                | SensitiveBody::None,
            )
            | ChangeKind::Identity(_) => &[],
        }
    }

    /// The members asked for that a rule has to name ([`Route::granting_members`]), in the order of that list.
    pub fn members(&self) -> Vec<&'static str> {
        let has = |name: &str| match &self.kind {
            ChangeKind::Create(user) => user.rest.iter().any(|(member, _)| member == name),
            ChangeKind::Sensitive(SensitiveBody::Profile(profile)) => profile.members.get(name).is_some(),
            ChangeKind::Sensitive(
                SensitiveBody::UserSecurityProfiles(_)
                | SensitiveBody::AssociateSecurityProfiles { .. }
                | SensitiveBody::Known(_)
                | SensitiveBody::Members(_)
                | SensitiveBody::None,
            )
            | ChangeKind::Identity(_) => false,
        };
        self.route.granting_members().iter().copied().filter(|name| has(name)).collect()
    }

    /// The permissions that a security profile would have, where the body of `CreateSecurityProfile` or
    /// `UpdateSecurityProfile` says so.
    pub fn permissions(&self) -> Option<&[String]> {
        match &self.kind {
            ChangeKind::Sensitive(SensitiveBody::Profile(profile)) => profile.permissions.as_deref(),
            ChangeKind::Sensitive(
                SensitiveBody::UserSecurityProfiles(_)
                | SensitiveBody::AssociateSecurityProfiles { .. }
                | SensitiveBody::Known(_)
                | SensitiveBody::Members(_)
                | SensitiveBody::None,
            )
            | ChangeKind::Identity(_)
            | ChangeKind::Create(_) => None,
        }
    }

    /// The request that makes this change: ids bare, path encoded as AWS clients encode it, body written anew.
    pub fn build(&self) -> Built {
        let mut target = self.path();
        write_query(&mut target, self.query.iter().map(|(name, value)| (*name, value.as_str())));
        let body = match &self.kind {
            ChangeKind::Identity(identity) => {
                let mut members = Object::new();
                members.set("IdentityInfo", identity.members().into());
                Some(members)
            }
            ChangeKind::Create(user) => Some(user.members()),
            ChangeKind::Sensitive(body) => body.members(),
        };
        let mut headers = self.headers.clone();
        if body.is_some() {
            headers.push(("content-type", "application/json".into()));
        }
        let body = body.map_or_else(Bytes::new, |members| members.write().into());
        Built { method: self.route.method.as_str(), target, headers, body }
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} octets)", self.method, self.target, self.body.len())
    }
}

/// Appends a query, encoded as AWS clients encode it.
pub(super) fn write_query<'a>(target: &mut String, members: impl Iterator<Item = (&'a str, &'a str)>) {
    for (at, (name, value)) in members.enumerate() {
        target.push(if at == 0 { '?' } else { '&' });
        target.push_str(&RequestTarget::encode(name));
        target.push('=');
        target.push_str(&RequestTarget::encode(value));
    }
}
