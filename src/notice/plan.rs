//! Who will be told, and what, depending on what is found to have become of the change.

use std::{collections::BTreeSet, error::Error, fmt};

use serde::{Deserialize, Serialize};

use crate::{
    clock::Now,
    operation::Change,
    policy::{Permit, Refused},
};

use super::{
    About, Audience, Became, ChangedField, Channel, Confirmation, Delivery, Facts, Finding, Kind, Later,
    Matter, PassedFor, RecordRef, Routing, Told,
    facts::Concerned,
    routing::{Recipient, Routed},
};

/// One recipient of what will be found: held in the intent's transaction, released, amended or dropped by the outcome's.
#[derive(Clone, Serialize, Deserialize)]
pub struct Held {
    /// The channel.
    pub channel: Channel,
    /// The recipient: a mail address, or the hook's name.
    pub recipient: String,
    /// Why this recipient is told: its strongest role.
    pub audience: Audience,
    /// Of the security team: of which kinds its routes tell it. Empty for the people concerned: they hear of all that
    /// concerns them, whatever the routes say.
    pub kinds: BTreeSet<Kind>,
    /// The role of a person concerned whose address is the security team's as well: in it they hear what no route sends.
    pub also: Option<Audience>,
    /// Whether this recipient is told before the change is sent, and so how it ended.
    pub announced: bool,
    /// The language.
    pub language: String,
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
    /// The security team would not be told of all that may come of it.
    NoRecipient,
}

impl Plan {
    /// Who is to be told of a change: the security team always, as its routes say; for a change of an address the old
    /// primary *and* the old secondary whatever the routes say, and the new address masked; for every other identity
    /// operation the old addresses as well, to be told of side effects and of unknown outcomes only; the addresses of a
    /// user that is created, and those of one that is deleted. An old address that is not a plain one cannot be told: the
    /// security team's notice says so.
    ///
    /// # Errors
    /// When some of what may come of it would reach nobody of the security team: then there is no change.
    pub fn of(permit: &Permit<Change>, routing: &Routing) -> Result<Self, PlanFault> {
        Self::made(Facts::of(permit), routing)
    }

    /// Who is to be told of a refusal: the security team and the old addresses when an address was to be changed; nobody
    /// otherwise (an empty plan). Never the address that was refused: who is mailed is not the choice of a caller who
    /// was refused. `at` is when it was refused.
    pub fn of_refusal(refused: &Refused, routing: &Routing, at: Now) -> Self {
        Facts::of_refusal(refused, at)
            .and_then(|concerned| Self::held_for(concerned, routing, &[Kind::AddressChangeRefused]).ok())
            .unwrap_or(Self { held: Vec::new() })
    }

    /// What is held.
    pub fn held(&self) -> &[Held] {
        &self.held
    }

    /// What is told before anything is sent, to those who have to acknowledge it; none when nobody has to, or when the
    /// change is one of details, of which nobody is told once it is made. `record` is the intent's.
    pub fn announcement(&self, routing: &Routing, record: &RecordRef, at: Now) -> Vec<Delivery> {
        let by = routing.acknowledging();
        let named = |held: &&Held| held.announced && by.iter().any(|recipient| held.is_for(recipient));
        self.held.iter().filter(named).map(|held| held.announcement(record, at)).collect()
    }

    /// The plan of a change.
    pub(super) fn made(concerned: Concerned, routing: &Routing) -> Result<Self, PlanFault> {
        let kinds = concerned.facts.matter.kinds();
        let mut plan = Self::held_for(concerned, routing, kinds)?;
        plan.announce(routing);
        Ok(plan)
    }

    /// Each recipient once, in its strongest role, and each of `kinds` to somebody of the security team.
    pub(super) fn held_for(
        concerned: Concerned,
        routing: &Routing,
        kinds: &[Kind],
    ) -> Result<Self, PlanFault> {
        let Concerned { facts, old_primary, old_secondary, new } = concerned;
        let mut plan = Self { held: Vec::new() };
        for kind in kinds {
            let told = routing.told_of(*kind, facts.instance.as_deref());
            // Without the security team nobody need be reachable at all: an old address may be missing or not plain.
            if told.is_empty() {
                return Err(PlanFault::NoRecipient);
            }
            for routed in told {
                plan.hold(routed, &facts, |held| {
                    held.kinds.insert(*kind);
                });
            }
        }
        let people = (old_primary.map(|address| (Audience::OldPrimary, address)).into_iter())
            .chain(old_secondary.map(|address| (Audience::OldSecondary, address)))
            .chain(new.into_iter().map(|address| (Audience::New, address)));
        for (audience, address) in people {
            let recipient = Recipient::Mail(address);
            let routed = Routed { recipient, audience, language: routing.language.clone() };
            plan.hold(routed, &facts, |held| {
                if held.audience.is_security() && held.also.is_none() {
                    held.also = Some(audience);
                }
            });
        }
        Ok(plan)
    }

    /// Those who have to acknowledge a change are told of it and of how it ended, named by a route or not.
    fn announce(&mut self, routing: &Routing) {
        let Some(facts) = self.held.first().map(|held| held.facts.clone()) else { return };
        if facts.matter == Matter::Details {
            return;
        }
        for recipient in routing.acknowledging() {
            let routed = routing.routed(recipient.clone());
            let audience = routed.audience;
            self.hold(routed, &facts, |held| {
                if !held.audience.is_security() {
                    held.also = Some(held.audience);
                    held.audience = audience;
                }
                held.announced = true;
            });
        }
    }

    /// Adds to what is held for a recipient: the first role is the strongest.
    fn hold(&mut self, routed: Routed, facts: &Facts, with: impl FnOnce(&mut Held)) {
        let Routed { recipient, audience, language } = routed;
        if let Some(held) = self.held.iter_mut().find(|held| held.is_for(&recipient)) {
            return with(held);
        }
        let mut held = Held {
            channel: recipient.channel(),
            recipient: recipient.to_string(),
            audience,
            kinds: BTreeSet::new(),
            also: None,
            announced: false,
            language,
            facts: facts.clone(),
        };
        with(&mut held);
        self.held.push(held);
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
        let told = finding.told_unknown || self.announced;
        let beside = (!finding.side_effects.is_empty()).then_some(Kind::SideEffect);
        let kinds = [beside, self.kind(became, told)];
        let (audience, kind) = self.told_as(kinds.into_iter().flatten(), told)?;
        let side_effects = if kind == Kind::SideEffect { finding.side_effects.clone() } else { Vec::new() };
        Some(self.delivery(kind, audience, (became, side_effects), record, finding.at.millis()))
    }

    /// Whether this recipient may have to be told of what a later read shows.
    pub fn hears_of_side_effects(&self) -> bool {
        self.told_as([Kind::SideEffect, Kind::NotShown].into_iter(), false).is_some()
    }

    /// The message for what later reads showed, or none when there is nothing to tell this recipient. `record` is the
    /// record of the confirmation.
    ///
    /// The security team and the old addresses are told `SideEffect` of what was not asked for; otherwise the security
    /// team alone is told `NotShown` of an accepted change that never showed. Of one that did nobody is told again. Of one
    /// that passed for not done and shows after all everybody is told as of one that was done.
    pub fn confirmed(&self, confirmation: &Confirmation, record: &RecordRef) -> Option<Delivery> {
        let (became, told) = match (confirmation.passed_for, confirmation.later) {
            (PassedFor::Done, Later::Shown | Later::Superseded) => (Became::Done, self.announced),
            (PassedFor::Done, Later::NotShown) => (Became::NotShown, self.announced),
            (PassedFor::Done, Later::NotRead) => (Became::NotRead, self.announced),
            (PassedFor::NotDone { told }, Later::Shown) => (Became::SeenDone, told || self.announced),
            (PassedFor::NotDone { .. }, Later::NotShown | Later::NotRead | Later::Superseded) => return None,
        };
        let beside = (!confirmation.side_effects.is_empty()).then_some(Kind::SideEffect);
        let itself = Some(became).filter(|became| *became != Became::Done);
        let itself = itself.and_then(|became| self.kind(became, told));
        let (audience, kind) = self.told_as([beside, itself].into_iter().flatten(), told)?;
        let side_effects =
            if kind == Kind::SideEffect { confirmation.side_effects.clone() } else { Vec::new() };
        Some(self.delivery(kind, audience, (became, side_effects), record, confirmation.at.millis()))
    }

    /// The message of a refusal.
    pub fn refusal(&self, record: &RecordRef) -> Delivery {
        let kind = Kind::AddressChangeRefused;
        self.delivery(kind, self.audience, (Became::Refused, Vec::new()), record, self.facts.at)
    }

    /// The message that a change is about to be made. `record` is the intent's.
    pub fn announcement(&self, record: &RecordRef, at: Now) -> Delivery {
        let became = (Became::NotSent, Vec::new());
        self.delivery(Kind::Announced, self.audience, became, record, at.millis())
    }

    /// The first of these kinds that this recipient is to be told of, and in which role: the strongest in which it is.
    fn told_as(&self, kinds: impl Iterator<Item = Kind> + Clone, told: bool) -> Option<(Audience, Kind)> {
        [Some(self.audience), self.also].into_iter().flatten().find_map(|audience| {
            let kind = kinds.clone().find(|kind| self.hears(audience, *kind, told))?;
            Some((audience, kind))
        })
    }

    /// Whether a recipient in this role is told of this kind. Whoever was told that something may have been or is about to
    /// be changed is told how it ended, whatever the routes say.
    fn hears(&self, audience: Audience, kind: Kind, told: bool) -> bool {
        match audience {
            Audience::Security | Audience::Masked => {
                let began = self.announced || (told && self.kinds.contains(&Kind::MayHaveChanged));
                self.kinds.contains(&kind) || began
            }
            Audience::OldPrimary | Audience::OldSecondary => kind != Kind::NotShown,
            Audience::New => !matches!(kind, Kind::NotShown | Kind::SideEffect),
        }
    }

    fn kind(&self, became: Became, told: bool) -> Option<Kind> {
        match became {
            Became::Done | Became::SeenDone => match self.facts.matter {
                Matter::Addresses => Some(self.facts.change_of_addresses()),
                Matter::Details => told.then_some(Kind::ChangedAfterAll),
                Matter::Creation => Some(Kind::UserCreated),
                Matter::Sensitive => Some(Kind::SensitiveDone),
            },
            Became::NotDone | Became::SeenNotDone => told.then_some(Kind::NotChangedAfterAll),
            Became::Unknown => Some(Kind::MayHaveChanged),
            Became::Undetermined => Some(Kind::Undetermined),
            Became::NotShown | Became::NotRead => Some(Kind::NotShown),
            Became::Refused => Some(Kind::AddressChangeRefused),
            Became::NotSent => Some(Kind::Announced),
        }
    }

    fn is_for(&self, recipient: &Recipient) -> bool {
        self.channel == recipient.channel() && self.recipient == recipient.to_string()
    }

    fn delivery(
        &self,
        kind: Kind,
        audience: Audience,
        (became, side_effects): (Became, Vec<ChangedField>),
        record: &RecordRef,
        at: i64,
    ) -> Delivery {
        let told = Told { facts: self.facts.clone(), became, side_effects };
        Delivery::new(
            kind,
            (self.channel.clone(), &self.recipient),
            (audience, &self.language),
            About::Change(Box::new(told)),
            (record, at),
        )
    }
}

impl Matter {
    /// What may come of it: of each of these the security team is told.
    fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Addresses => &[
                Kind::AddressChanged,
                Kind::SecondaryChanged,
                Kind::AddressRemoved,
                Kind::MayHaveChanged,
                Kind::NotChangedAfterAll,
                Kind::Undetermined,
                Kind::SideEffect,
                Kind::NotShown,
            ],
            Self::Details => &[
                Kind::MayHaveChanged,
                Kind::NotChangedAfterAll,
                Kind::ChangedAfterAll,
                Kind::Undetermined,
                Kind::SideEffect,
                Kind::NotShown,
            ],
            Self::Creation => &[
                Kind::UserCreated,
                Kind::MayHaveChanged,
                Kind::NotChangedAfterAll,
                Kind::Undetermined,
                Kind::SideEffect,
                Kind::NotShown,
            ],
            Self::Sensitive => &[
                Kind::SensitiveDone,
                Kind::MayHaveChanged,
                Kind::NotChangedAfterAll,
                Kind::Undetermined,
                Kind::SideEffect,
                Kind::NotShown,
            ],
        }
    }
}

impl fmt::Display for PlanFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRecipient => f.write_str("nobody of the security team would be told"),
        }
    }
}

impl Error for PlanFault {}
