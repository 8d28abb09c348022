//! What is written beside a record, as it is asked; `ops` writes it.

use super::{
    marks::MarkRow,
    rows::{AddressRow, IntentRef, PolicyFileRow},
    segments::NewSegment,
    streams::NewClaim,
};
use crate::secret::Sealed;

/// What is written beside a record. "This record" is the one composed with it.
pub(crate) enum Op {
    /// This record is an intent.
    Intent(NewIntent),
    /// This record is an intent that gives its target these addresses.
    Wanted {
        /// Which.
        rows: Vec<AddressRow>,
    },
    /// Nobody knows what became of this intent; its lease is renewed.
    Unknown {
        /// Which.
        intent: IntentRef,
        /// Until when.
        lease_until: i64,
    },
    /// This record closes an intent.
    Close {
        /// Which.
        intent: IntentRef,
        /// When.
        at: i64,
        /// What is remembered: the answer, or nothing at all, so that the next attempt is new and uncounted.
        answer: Option<Sealed>,
    },
    /// An intent that was just closed is watched.
    Watch {
        /// Which.
        intent: IntentRef,
        /// By whom.
        owner: String,
        /// Until when.
        lease_until: i64,
        /// Since when.
        since: i64,
        /// Its held notices that may still be needed.
        held: Vec<Sealed>,
    },
    /// An intent is watched no more.
    Confirm {
        /// Which.
        intent: IntentRef,
    },
    /// A notice to be delivered.
    Deliver(Letter),
    /// These are a target's addresses now; those it had before and has no longer, it had.
    Addresses {
        /// Whose.
        target: String,
        /// All of them.
        rows: Vec<AddressRow>,
        /// When.
        at: i64,
    },
    /// These may be a target's addresses now, too.
    PerhapsAddresses {
        /// Whose.
        target: String,
        /// Which.
        rows: Vec<AddressRow>,
        /// When.
        at: i64,
    },
    /// A Username is this user's: neither the target by Username nor any other person who had it has an address now.
    Alone {
        /// Whose it is.
        user: String,
        /// The target by Username.
        name: String,
        /// When.
        at: i64,
    },
    /// A target was seen with these permissions.
    Permissions {
        /// Whose.
        target: String,
        /// The digest of the names.
        digest: String,
        /// The names, one a line.
        names: String,
        /// When.
        at: i64,
    },
    /// A delivery is settled, and with it those that went in the same message.
    Settle {
        /// One of them.
        id: i64,
        /// How.
        settled: Settled,
        /// When.
        at: i64,
    },
    /// Something was said under this key.
    Said {
        /// The key, hashed.
        key: String,
        /// When.
        at: i64,
    },
    /// A nonce is spent.
    Spend {
        /// Its digest.
        nonce: String,
        /// Until when it is kept.
        until: i64,
    },
    /// This record issues a session.
    Session(NewSession),
    /// This record sets a freeze.
    Freeze(NewFreeze),
    /// This record lifts a freeze.
    Lift {
        /// Which.
        id: String,
    },
    /// A version of the policy was enforced.
    Policy {
        /// Its digest.
        policy: String,
        /// Its files.
        files: Vec<PolicyFileRow>,
    },
    /// This record binds a segment.
    Segment(NewSegment),
    /// The mark of a key is this one from now on.
    Mark(MarkRow),
    /// A policy of this epoch comes into force on a replica. For a store that several share.
    Epoch {
        /// Which; 0 for none.
        epoch: i64,
    },
    /// A stream claims chains for this process, whose own chain this is.
    ClaimStream(NewClaim),
    /// A stream brought a chain so far.
    Streamed {
        /// Which.
        stream: String,
        /// Whose.
        owner: String,
        /// The chain.
        chain: String,
        /// Its last record that was brought.
        seq: u64,
    },
    /// A stream holds nothing for this process any more.
    ReleaseStream {
        /// Which.
        stream: String,
        /// Whose.
        owner: String,
    },
    /// A person has this Username, or had it.
    Named {
        /// Who.
        person: String,
        /// The target by Username.
        name: String,
    },
    /// Forgets a person, by id and by every name: the data keys, the addresses, the permissions, and notices already settled.
    Erase {
        /// The keyed hash of the person.
        person: String,
    },
}

/// An intent, and what stands beside it.
pub(crate) struct NewIntent {
    /// Its target.
    pub(crate) target: String,
    /// Whose it is.
    pub(crate) owner: String,
    /// Until when.
    pub(crate) lease_until: i64,
    /// When it was made.
    pub(crate) at: i64,
    /// Under which attempt and marks it is remembered.
    pub(crate) attempt: String,
    /// The marks.
    pub(crate) marks: Vec<String>,
    /// What it counts for: rule and subject.
    pub(crate) counts: Vec<(String, String)>,
    /// Its held notices.
    pub(crate) held: Vec<Sealed>,
}

/// A session that was issued.
pub(crate) struct NewSession {
    /// Its id.
    pub(crate) id: String,
    /// The ARN it stands for, without a session.
    pub(crate) account: String,
    /// When, milliseconds since 1970.
    pub(crate) issued: i64,
    /// Until when it holds.
    pub(crate) expires: i64,
}

/// A freeze that was set.
pub(crate) struct NewFreeze {
    /// Its id.
    pub(crate) id: String,
    /// What it is about.
    pub(crate) scope: String,
    /// By whom: the ARN without a session.
    pub(crate) account: String,
    /// When, milliseconds since 1970.
    pub(crate) at: i64,
    /// Why.
    pub(crate) reason: Sealed,
}

/// A notice to be delivered.
pub(crate) struct Letter {
    /// Whom it is about.
    pub(crate) person: String,
    /// The channel's name.
    pub(crate) channel: String,
    /// 0 or 1: queues of their own.
    pub(crate) urgency: i64,
    /// What may go in one message has the same, hashed; none goes alone.
    pub(crate) fold: Option<String>,
    /// When.
    pub(crate) at: i64,
    /// Its content.
    pub(crate) sealed: Sealed,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It reached the other side.
    Delivered,
    /// It was given up.
    Dead,
}
