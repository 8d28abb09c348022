//! Something about the guard itself, to be told: plain data.

use serde::{Deserialize, Serialize};

use crate::clock::Now;

use super::{
    About, Channel, Delivery, Kind, RecordRef, Routing,
    routing::{Recipient, Routed},
};

/// Something about the guard itself. Times are milliseconds since 1970. No text here holds an address of a user; the ARN
/// of who froze may end in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// Another policy is in force.
    PolicyChanged {
        /// The digest of the one before.
        before: String,
        /// The digest of the one in force.
        after: String,
        /// Who may now do what that they might not before, one line each.
        gains: Vec<String>,
        /// Who may no longer do what, one line each.
        losses: Vec<String>,
        /// How many more differences there are than these.
        left_out: usize,
    },
    /// The policy could not be loaded; the one before stays in force.
    PolicyFailed {
        /// `file:line:column: what`.
        faults: Vec<String>,
        /// Since when.
        since: i64,
        /// Whether that is so long ago that changes are refused.
        changes_refused: bool,
    },
    /// The policy can be loaded again.
    PolicyMended {
        /// The digest of the one in force.
        digest: String,
        /// Since when it could not.
        since: i64,
    },
    /// A rule is about to end.
    RuleExpiring {
        /// Its id.
        rule: String,
        /// `file:line`.
        place: String,
        /// When it ends.
        ends: i64,
    },
    /// Changes are stopped.
    Frozen {
        /// What is stopped.
        scope: String,
        /// Who did it: the ARN.
        by: String,
        /// Why.
        reason: String,
        /// Its id: what lifts it names it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        id: String,
        /// How who did it was proven.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        proof: String,
        /// From where.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        source: String,
    },
    /// Changes are possible again.
    Unfrozen {
        /// What is possible again.
        scope: String,
        /// Who did it: the ARN.
        by: String,
        /// Why.
        reason: String,
        /// The id of the freeze.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        id: String,
        /// How who did it was proven.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        proof: String,
        /// From where.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        source: String,
        /// Who froze: an ARN without a session.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        frozen_by: String,
    },
    /// Notices cannot be delivered.
    DeliveryFailing {
        /// By this channel.
        channel: String,
        /// Since when.
        since: i64,
        /// How many wait.
        waiting: u64,
        /// Why, without addresses.
        why: String,
    },
    /// They can again.
    DeliveryMended {
        /// By this channel.
        channel: String,
        /// Since when they could not.
        since: i64,
    },
    /// A chain of the ledger does not verify.
    ChainBroken {
        /// The chain.
        chain: String,
        /// The first record that does not fit.
        seq: u64,
        /// Why not.
        why: String,
    },
    /// The weekly proof that notices arrive, with counts.
    Heartbeat {
        /// Counted since.
        since: i64,
        /// Changes that were made.
        changes: u64,
        /// Changes that were refused.
        refusals: u64,
        /// Notices delivered.
        delivered: u64,
        /// Notices that wait.
        waiting: u64,
        /// Notices given up.
        dead: u64,
        /// The digest of the policy in force.
        policy: String,
    },
    /// A test of a channel.
    Test {
        /// The channel.
        channel: String,
    },
}

impl Event {
    /// What its notices say.
    pub fn kind(&self) -> Kind {
        match self {
            Self::PolicyChanged { .. } => Kind::PolicyChanged,
            Self::PolicyFailed { .. } => Kind::PolicyFailed,
            Self::PolicyMended { .. } => Kind::PolicyMended,
            Self::RuleExpiring { .. } => Kind::RuleExpiring,
            Self::Frozen { .. } => Kind::Frozen,
            Self::Unfrozen { .. } => Kind::Unfrozen,
            Self::DeliveryFailing { .. } => Kind::DeliveryFailing,
            Self::DeliveryMended { .. } => Kind::DeliveryMended,
            Self::ChainBroken { .. } => Kind::ChainBroken,
            Self::Heartbeat { .. } => Kind::Heartbeat,
            Self::Test { .. } => Kind::Test,
        }
    }

    /// The messages: to whom the routes send this kind. An alarm about a channel goes by the others where there are any;
    /// a test goes by its channel alone, to a hook even when no route names it.
    pub fn deliveries(&self, routing: &Routing, record: &RecordRef, at: Now) -> Vec<Delivery> {
        let kind = self.kind();
        let mut told = routing.told_of(kind, None);
        match self {
            Self::DeliveryFailing { channel, .. } => {
                let others = |routed: &Routed| routed.recipient.channel().to_string() != *channel;
                if told.iter().any(others) {
                    told.retain(others);
                }
            }
            Self::Test { channel } => {
                told.retain(|routed| routed.recipient.channel().to_string() == *channel);
                if let (true, Ok(Channel::Hook(name))) = (told.is_empty(), channel.parse()) {
                    told.push(routing.routed(Recipient::Hook(name)));
                }
            }
            Self::PolicyChanged { .. }
            | Self::PolicyFailed { .. }
            | Self::PolicyMended { .. }
            | Self::RuleExpiring { .. }
            | Self::Frozen { .. }
            | Self::Unfrozen { .. }
            | Self::DeliveryMended { .. }
            | Self::ChainBroken { .. }
            | Self::Heartbeat { .. } => {}
        }
        told.into_iter().map(|routed| self.delivery(kind, routed, record, at)).collect()
    }

    fn delivery(&self, kind: Kind, routed: Routed, record: &RecordRef, at: Now) -> Delivery {
        let Routed { recipient, audience, language } = routed;
        Delivery::new(
            kind,
            (recipient.channel(), &recipient.to_string()),
            (audience, &language),
            About::Guard(self.clone()),
            (record, at.millis()),
        )
    }
}
