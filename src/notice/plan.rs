//! Who will be told, and what, depending on what is found to have become of the change.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Now,
    operation::{Address, Change},
    policy::{Permit, Refused},
    secret::Digest,
};

use super::{Became, ChangedField, Confirmation, Facts, Finding, Later, Matter, RecordRef, facts::Concerned};

/// The channel of all first notices.
const MAIL: &str = "mail";

/// Who is told as a matter of configuration.
#[derive(Debug, Clone)]
pub struct Routing {
    /// The security team: at least one address.
    pub security: Vec<Address>,
    /// The language of the templates. Default `en`.
    pub language: String,
}

/// Why somebody is told: decides what is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Audience {
    /// The security team: everything in full.
    Security,
    /// The primary address that was there before.
    OldPrimary,
    /// The secondary address that was there before.
    OldSecondary,
    /// The new address.
    New,
}

/// What a notice says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The primary or secondary address was changed or removed.
    AddressChanged,
    /// A user was created.
    UserCreated,
    /// A sensitive operation was done.
    SensitiveDone,
    /// It was sent and nobody knows yet: it may have been changed.
    MayHaveChanged,
    /// After an unknown outcome: it was not changed.
    NotChangedAfterAll,
    /// After an unknown outcome: details other than the addresses were changed as asked, and nothing else.
    ChangedAfterAll,
    /// After an unknown outcome: no read can tell.
    Undetermined,
    /// Something changed that was not asked for.
    SideEffect,
    /// Connect said yes, and no later read shows it.
    NotShown,
    /// A change of an address was refused.
    AddressChangeRefused,
}

/// How urgent a notice is: queues of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Urgency {
    /// Applied changes, unknown outcomes, side effects: never folded, delayed or overtaken.
    Now,
    /// Refusals.
    Later,
}

/// One recipient of what will be found: held in the intent's transaction, released, amended or dropped by the outcome's.
#[derive(Clone, Serialize, Deserialize)]
pub struct Held {
    /// The channel: `mail`.
    pub channel: String,
    /// The recipient's address.
    pub recipient: String,
    /// Why this recipient is told.
    pub audience: Audience,
    /// The facts at the time of the intent.
    pub facts: Facts,
}

/// Everything to be held for one change, or to be said at once of a refusal.
#[must_use]
pub struct Plan {
    held: Vec<Held>,
}

/// A plan that cannot be made: then there is no change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanFault {
    /// Nobody would be told.
    NoRecipient,
}

/// One message to one recipient on one channel.
#[derive(Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// `Message-ID` and `webhook-id`: derived from record, kind and recipient, so that a repeat carries the same.
    pub message_id: String,
    /// The channel.
    pub channel: String,
    /// The recipient.
    pub recipient: String,
    /// Why this recipient is told.
    pub audience: Audience,
    /// How urgent.
    pub urgency: Urgency,
    /// What it says.
    pub kind: Kind,
    /// What became of the change.
    pub became: Became,
    /// The facts.
    pub facts: Facts,
    /// What changed that was not asked for.
    pub side_effects: Vec<ChangedField>,
    /// The record it rests on.
    pub record: RecordRef,
    /// When it was found, milliseconds since 1970.
    pub at: i64,
}

impl Plan {
    /// Who is to be told of a change: the security team always; for a change of an address the old primary *and* the old
    /// secondary, and the new address masked; for every other identity operation the old addresses as well, to be told
    /// of side effects and of unknown outcomes only; the addresses of a user that is created. An old address that is not
    /// a plain one cannot be told: the security team's notice says so.
    ///
    /// # Errors
    /// When nobody would be told: then there is no change.
    pub fn of(permit: &Permit<Change>, routing: &Routing) -> Result<Self, PlanFault> {
        Self::held_for(Facts::of(permit), routing)
    }

    /// Who is to be told of a refusal: the security team and the old addresses when an address was to be changed; nobody
    /// otherwise (an empty plan). Never the address that was refused: who is mailed is not the choice of a caller who
    /// was refused. `at` is when it was refused.
    pub fn of_refusal(refused: &Refused, routing: &Routing, at: Now) -> Self {
        Facts::of_refusal(refused, at)
            .and_then(|concerned| Self::held_for(concerned, routing).ok())
            .unwrap_or(Self { held: Vec::new() })
    }

    /// What is held.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// Each address once, told in its strongest role.
    pub(super) fn held_for(concerned: Concerned, routing: &Routing) -> Result<Self, PlanFault> {
        let Concerned { facts, old_primary, old_secondary, new } = concerned;
        // Without the security team nobody need be reachable at all: an old address may be missing or not plain.
        if routing.security.is_empty() {
            return Err(PlanFault::NoRecipient);
        }
        let people = (routing.security.iter().cloned().map(|address| (Audience::Security, address)))
            .chain(old_primary.map(|address| (Audience::OldPrimary, address)))
            .chain(old_secondary.map(|address| (Audience::OldSecondary, address)))
            .chain(new.into_iter().map(|address| (Audience::New, address)));
        let mut held: Vec<Held> = Vec::new();
        for (audience, address) in people {
            let recipient = address.to_string();
            if held.iter().all(|other| other.recipient != recipient) {
                held.push(Held { channel: MAIL.to_owned(), recipient, audience, facts: facts.clone() });
            }
        }
        Ok(Self { held })
    }
}

impl Held {
    /// The message for what was found, or none when there is nothing to tell this recipient. `record` is the record that
    /// holds the finding.
    ///
    /// | found | addresses | details | creation | sensitive |
    /// |---|---|---|---|---|
    /// | done | `AddressChanged`: all | - (`ChangedAfterAll` if told) | `UserCreated`: all | `SensitiveDone` |
    /// | not done | - (`NotChangedAfterAll` if told) | the same | the same | the same |
    /// | unknown | `MayHaveChanged`: all | `MayHaveChanged` | `MayHaveChanged` | `MayHaveChanged` |
    /// | no read can tell | `Undetermined`: all | `Undetermined` | `Undetermined` | `Undetermined` |
    ///
    /// "If told" is [`Finding::told_unknown`]: whoever was told that it may have been changed is told how it ended. Where
    /// something changed that was not asked for, the security team and the old addresses are told `SideEffect` in place
    /// of the above: it says both. The new address is not concerned by side effects.
    pub fn resolve(&self, finding: &Finding, record: &RecordRef) -> Option<Delivery> {
        let became = Became::of(finding.effect);
        let kind = if self.hears_of_side_effects() && !finding.side_effects.is_empty() {
            Kind::SideEffect
        } else {
            self.kind(became, finding.told_unknown)?
        };
        let side_effects = if kind == Kind::SideEffect { finding.side_effects.clone() } else { Vec::new() };
        Some(self.delivery(kind, became, Urgency::Now, side_effects, record, finding.at.millis()))
    }

    /// Whether this recipient is concerned by what was not asked for.
    pub fn hears_of_side_effects(&self) -> bool {
        match self.audience {
            Audience::Security | Audience::OldPrimary | Audience::OldSecondary => true,
            Audience::New => false,
        }
    }

    /// The message for what later reads showed, or none when there is nothing to tell this recipient. `record` is the
    /// record of the confirmation.
    ///
    /// The security team and the old addresses are told `SideEffect` of what was not asked for; otherwise the security
    /// team alone is told `NotShown` of an accepted change that never showed. Of one that did nobody is told again.
    pub fn confirmed(&self, confirmation: &Confirmation, record: &RecordRef) -> Option<Delivery> {
        let became = match confirmation.later {
            Later::Shown | Later::Superseded => Became::Done,
            Later::NotShown => Became::NotShown,
            Later::NotRead => Became::NotRead,
        };
        let side_effects = confirmation.side_effects.clone();
        let kind = if self.hears_of_side_effects() && !side_effects.is_empty() {
            Kind::SideEffect
        } else {
            match (self.audience, confirmation.later) {
                (Audience::Security, Later::NotShown | Later::NotRead) => Kind::NotShown,
                (Audience::Security, Later::Shown | Later::Superseded)
                | (Audience::OldPrimary | Audience::OldSecondary | Audience::New, _) => return None,
            }
        };
        Some(self.delivery(kind, became, Urgency::Now, side_effects, record, confirmation.at.millis()))
    }

    /// The message of a refusal.
    pub fn refusal(&self, record: &RecordRef) -> Delivery {
        let kind = Kind::AddressChangeRefused;
        self.delivery(kind, Became::Refused, Urgency::Later, Vec::new(), record, self.facts.at)
    }

    fn kind(&self, became: Became, told: bool) -> Option<Kind> {
        match became {
            Became::Done | Became::SeenDone => match self.facts.matter {
                Matter::Addresses => Some(Kind::AddressChanged),
                Matter::Details => told.then_some(Kind::ChangedAfterAll),
                Matter::Creation => Some(Kind::UserCreated),
                Matter::Sensitive => Some(Kind::SensitiveDone),
            },
            Became::NotDone | Became::SeenNotDone => told.then_some(Kind::NotChangedAfterAll),
            Became::Unknown => Some(Kind::MayHaveChanged),
            Became::Undetermined => Some(Kind::Undetermined),
            Became::NotShown | Became::NotRead => Some(Kind::NotShown),
            Became::Refused => Some(Kind::AddressChangeRefused),
        }
    }

    fn delivery(
        &self,
        kind: Kind,
        became: Became,
        urgency: Urgency,
        side_effects: Vec<ChangedField>,
        record: &RecordRef,
        at: i64,
    ) -> Delivery {
        Delivery {
            message_id: message_id(kind, record, &self.channel, &self.recipient),
            channel: self.channel.clone(),
            recipient: self.recipient.clone(),
            audience: self.audience,
            urgency,
            kind,
            became,
            facts: self.facts.clone(),
            side_effects,
            record: record.clone(),
            at,
        }
    }
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::AddressChanged,
        Self::UserCreated,
        Self::SensitiveDone,
        Self::MayHaveChanged,
        Self::NotChangedAfterAll,
        Self::ChangedAfterAll,
        Self::Undetermined,
        Self::SideEffect,
        Self::NotShown,
        Self::AddressChangeRefused,
    ];

    /// The word for it, in `Message-ID` and `X-Connect-Guard-Event`: contract.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AddressChanged => "address-changed",
            Self::UserCreated => "user-created",
            Self::SensitiveDone => "sensitive-done",
            Self::MayHaveChanged => "may-have-changed",
            Self::NotChangedAfterAll => "not-changed-after-all",
            Self::ChangedAfterAll => "changed-after-all",
            Self::Undetermined => "undetermined",
            Self::SideEffect => "side-effect",
            Self::NotShown => "not-shown",
            Self::AddressChangeRefused => "address-change-refused",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipient => f.write_str("nobody would be told"),
        }
    }
}

impl Error for PlanFault {}

/// The left side of a `Message-ID` (RFC 5322 section 3.6.4). Each part is length-prefixed: no two messages share one.
fn message_id(kind: Kind, record: &RecordRef, channel: &str, recipient: &str) -> String {
    let seq = record.seq.to_string();
    let digest = Digest::of_list([record.chain.as_str(), &seq, &record.hash, channel, recipient]);
    let digest: String = digest.hex().chars().take(32).collect();
    format!("{kind}.{digest}")
}
