//! What must hold before a step is done, as it is asked; `checks` looks at it.

use super::rows::{AddressRow, IntentRef};

/// What must hold before a step is done.
pub(crate) enum Check {
    /// No intent is remembered under this attempt and one of these marks.
    Unrepeated {
        /// The attempt.
        attempt: String,
        /// Its marks.
        marks: Vec<String>,
        /// Intents closed before this are forgotten.
        since: i64,
    },
    /// No change of this target is open.
    Free {
        /// The target.
        target: String,
    },
    /// No later change of this target is known than this one: what was read before it may no longer hold.
    Latest {
        /// The target.
        target: String,
        /// The change, by its row.
        latest: u64,
    },
    /// None of these addresses was replaced as this target's since then: what shows them now is not older than the
    /// change that replaced them.
    NotReplaced {
        /// The target.
        target: String,
        /// The addresses, by the hash of their exact form.
        exact: Vec<String>,
        /// Since when, milliseconds since 1970.
        since: i64,
    },
    /// No other target of the instance has one of these addresses, or is about to get it by a change that is open.
    Unused {
        /// The target.
        target: String,
        /// The addresses.
        rows: Vec<AddressRow>,
    },
    /// Fewer than so many intents were counted since then.
    Quota {
        /// The rule.
        rule: String,
        /// What it is counted for.
        subject: String,
        /// So many.
        changes: u32,
        /// The window, milliseconds.
        per: i64,
        /// The time.
        now: i64,
    },
    /// This intent is open, and this owner's.
    Holds {
        /// Which.
        intent: IntentRef,
        /// Whose.
        owner: String,
    },
    /// This intent is watched, and by this owner.
    Watched {
        /// Which.
        intent: IntentRef,
        /// Whose.
        owner: String,
    },
    /// This delivery is not settled.
    Undelivered {
        /// Which.
        id: i64,
    },
    /// Nothing was said under this key.
    Unsaid {
        /// The key, hashed.
        key: String,
    },
    /// This nonce was not spent.
    Unspent {
        /// Its digest.
        nonce: String,
    },
    /// No policy of a higher epoch was in force on any replica. For a store that several share.
    NotBehind {
        /// The epoch of the policy in force here; 0 for none.
        epoch: i64,
    },
    /// This freeze is in force, and another account set it.
    Frozen {
        /// Which.
        id: String,
        /// Who wants to lift it: the ARN without a session.
        account: String,
    },
    /// Always holds: the step names where every chain ends.
    Heads,
    /// No change of this person is open or watched, and nothing waits to be delivered that is about them.
    Over {
        /// The person.
        person: String,
    },
}

/// What the checks found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is in the way.
    Clear,
    /// Another change of the target is open, or is watched where that is in the way.
    Busy,
    /// Another target has the address, or is about to get it.
    InUse,
    /// Who wants to lift a freeze is who set it, or whom it is about.
    BySame,
    /// A quota is used up.
    Quota {
        /// Which of the step's quotas, from 0.
        index: usize,
        /// When there is room, milliseconds from now.
        wait: i64,
    },
}
