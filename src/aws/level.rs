//! How much is closed to everybody but the guard. Each level holds the one before.

use std::{fmt, str::FromStr};

use crate::operation::{Class, routes};

/// What is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Who a user is, and signing in as somebody else.
    Identity,
    /// And what somebody may do: security and authentication profiles, hierarchies, tags of users and security profiles.
    Privilege,
    /// And what else leads to a takeover, enables or hides it: everything that the guard guards.
    Instance,
}

/// Signing in as an administrator from AWS's console. No operation: no guard can pass it on.
pub(super) const EMERGENCY: &str = "connect:AdminGetEmergencyAccessToken";

const IDENTITY: [&str; 3] = ["CreateUser", "DeleteUser", "UpdateUserIdentityInfo"];

/// `CreateAuthenticationProfile` is an action without an operation. Tags are a statement of their own.
const PRIVILEGE: [&str; 13] = [
    "AssociateSecurityProfiles",
    "CreateAuthenticationProfile",
    "CreateSecurityProfile",
    "CreateUserHierarchyGroup",
    "DeleteSecurityProfile",
    "DeleteUserHierarchyGroup",
    "DisassociateSecurityProfiles",
    "UpdateAuthenticationProfile",
    "UpdateSecurityProfile",
    "UpdateUserHierarchy",
    "UpdateUserHierarchyGroupName",
    "UpdateUserHierarchyStructure",
    "UpdateUserSecurityProfiles",
];

/// Closed on users and security profiles only, from [`Level::Privilege`] on.
pub(super) const TAGS: [&str; 2] = ["TagResource", "UntagResource"];

impl Level {
    /// All, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Identity, Self::Privilege, Self::Instance];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Privilege => "privilege",
            Self::Instance => "instance",
        }
    }

    /// The operations that only the guard may use, sorted; without tags and [`EMERGENCY`].
    pub(super) fn operations(self) -> Vec<&'static str> {
        let mut found = IDENTITY.to_vec();
        if self >= Self::Privilege {
            found.extend(PRIVILEGE);
        }
        if self == Self::Instance {
            let rest =
                routes().iter().filter(|route| matches!(route.class, Class::Identity | Class::Sensitive));
            found.extend(rest.map(|route| route.operation).filter(|name| !TAGS.contains(name)));
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Whether tags of users and security profiles are closed.
    pub(super) fn has_tags(self) -> bool {
        self >= Self::Privilege
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|level| level.name() == text);
        found.ok_or("it is one of identity, privilege, instance")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_widest_level_closes_what_the_guard_guards() {
        let closed: BTreeSet<&str> = Level::Instance.operations().into_iter().chain(TAGS).collect();
        let guarded =
            routes().iter().filter(|route| matches!(route.class, Class::Identity | Class::Sensitive));
        let mut guarded: BTreeSet<&str> = guarded.map(|route| route.operation).collect();
        assert_eq!(guarded.len(), 51);
        guarded.insert("CreateAuthenticationProfile");
        assert_eq!(closed, guarded);
    }

    #[test]
    fn each_level_holds_the_one_before() {
        let [identity, privilege, instance] = Level::ALL.map(Level::operations);
        assert_eq!(identity.len(), 3);
        assert!(identity.iter().all(|name| privilege.contains(name)));
        assert!(privilege.iter().all(|name| instance.contains(name)));
        assert_eq!(privilege.len(), identity.len() + PRIVILEGE.len());
    }

    /// Agents sign in with it.
    #[test]
    fn no_level_closes_the_sign_in_of_agents() {
        for level in Level::ALL {
            for open in ["GetFederationToken", "CreateAuthCode"] {
                assert!(!level.operations().contains(&open), "{level} {open}");
            }
        }
    }
}
