//! One message to one recipient on one channel: plain data that waits, sealed, in the outbox.

use serde::{Deserialize, Serialize};

use crate::secret::Digest;

use super::{Audience, Became, ChangedField, Channel, Event, Facts, Kind, RecordRef, Refusals, Urgency};

/// One message to one recipient on one channel.
#[derive(Clone, Serialize, Deserialize)]
pub struct Delivery {
    /// `Message-ID` and `webhook-id`: derived from record, kind and recipient, so that a repeat carries the same.
    pub message_id: String,
    /// The channel.
    pub channel: Channel,
    /// The recipient: a mail address, or the hook's name.
    pub recipient: String,
    /// Why this recipient is told.
    pub audience: Audience,
    /// How urgent.
    pub urgency: Urgency,
    /// What it says.
    pub kind: Kind,
    /// In which language.
    pub language: String,
    /// What it is about.
    pub about: About,
    /// The record it rests on.
    pub record: RecordRef,
    /// When it was found, milliseconds since 1970.
    pub at: i64,
}

/// What a message is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    /// One change, or one refusal.
    Change(Box<Told>),
    /// The guard itself.
    Guard(Event),
    /// Several refusals.
    Refusals(Box<Refusals>),
}

/// A change, and what became of it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The facts.
    pub facts: Facts,
    /// What became of it.
    pub became: Became,
    /// What changed that was not asked for.
    pub side_effects: Vec<ChangedField>,
}

impl Delivery {
    pub(super) fn new(
        kind: Kind,
        (channel, recipient): (Channel, &str),
        (audience, language): (Audience, &str),
        about: About,
        (record, at): (&RecordRef, i64),
    ) -> Self {
        Self {
            message_id: message_id(kind, record, &channel.to_string(), recipient),
            channel,
            recipient: recipient.to_owned(),
            audience,
            urgency: kind.urgency(),
            kind,
            language: language.to_owned(),
            about,
            record: record.clone(),
            at,
        }
    }

    /// The change it is about; none for what concerns the guard itself and for several refusals.
    pub fn told(&self) -> Option<&Told> {
        match &self.about {
            About::Change(told) => Some(told),
            About::Guard(_) | About::Refusals(_) => None,
        }
    }
}

/// The left side of a `Message-ID` (RFC 5322 section 3.6.4). Each part is length-prefixed: no two messages share one.
fn message_id(kind: Kind, record: &RecordRef, channel: &str, recipient: &str) -> String {
    let seq = record.seq.to_string();
    named(kind, [record.chain.as_str(), &seq, &record.hash, channel, recipient])
}

/// A kind and a digest of these parts.
pub(super) fn named<'a>(kind: Kind, parts: impl IntoIterator<Item = &'a str>) -> String {
    let digest: String = Digest::of_list(parts).hex().chars().take(32).collect();
    format!("{kind}.{digest}")
}
