//! What in a rule does not match: every matcher answers with it, so that a trace says what the decision itself found.

/// The key of a rule that does not match, the first in the order in which keys are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// `actions`
    Actions,
    /// `callers`
    Callers,
    /// `instances`
    Instances,
    /// `expires`
    Expires,
    /// `unique_ids`
    UniqueIds,
    /// `permission_set`
    PermissionSet,
    /// `hours`
    Hours,
    /// `ticket`
    Ticket,
    /// `user_ids`
    UserIds,
    /// `users`
    Users,
    /// `self`: the user is not the caller's own.
    Own,
    /// `protected`: the user is protected, and the rule has no sentence that lifts it.
    Protected,
    /// `fields` does not name it.
    Fields,
    /// `remove` does not name it.
    Remove,
    /// `plus`
    Plus,
    /// The address binding.
    Address,
    /// The address binding's directory file is too old.
    Stale,
    /// `usernames`
    Usernames,
    /// `grants`
    Grants,
    /// `permissions`
    Permissions,
    /// `members`
    Members,
    /// `password`
    Password,
    /// A deny about identity operations or about changes, and this is none.
    Kind,
    /// Of a deny: no field that would change is one of its `fields` and `domains`.
    Unchanged,
}

/// Whether it matches, and otherwise what does not.
pub(super) type Match = Result<(), Miss>;

/// That it holds.
pub(super) fn need(holds: bool, miss: Miss) -> Match {
    if holds { Ok(()) } else { Err(miss) }
}

impl Miss {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Actions => "`actions` does not name the operation",
            Self::Callers => "`callers` does not name the caller",
            Self::Instances => "`instances` does not name the instance",
            Self::Expires => "it has expired",
            Self::UniqueIds => "`unique_ids` does not name the caller's unique id",
            Self::PermissionSet => "the caller does not have the `permission_set`",
            Self::Hours => "it is outside of `hours`",
            Self::Ticket => "the request does not carry the `ticket`",
            Self::UserIds => "`user_ids` does not name the user",
            Self::Users => "`users` does not name the user",
            Self::Own => "by `self` it is for the caller's own user, and this is not shown to be it",
            Self::Protected => "the user is protected, and the rule has no `protected` sentence",
            Self::Fields => "`fields` does not name it",
            Self::Remove => "`remove` does not name it",
            Self::Plus => "the address has a `+`, and the rule has no `plus` sentence",
            Self::Address => "the address is not the one the rule binds the user to",
            Self::Stale => "the file of the rule's directory is older than its `max_age`",
            Self::Usernames => "`usernames` does not name the Username",
            Self::Grants => "`grants` does not name a security profile that would be given",
            Self::Permissions => "`permissions` does not name a permission that would be given",
            Self::Members => "`members` does not name a member of the body that would be given",
            Self::Password => "a password would be set, and the rule does not allow that",
            Self::Kind => "it is about another kind of operation",
            Self::Unchanged => "none of its `fields` or `domains` would change",
        }
    }

    /// Whether the rule is about other operations, callers or instances altogether.
    pub fn is_elsewhere(self) -> bool {
        matches!(self, Self::Actions | Self::Callers | Self::Instances)
    }
}
