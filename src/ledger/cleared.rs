//! Leave to send: whoever has to know of a change before it is made has acknowledged it, and that is on record; and every
//! stream that has to has taken the record of its intent.

use std::{error::Error, fmt};

use crate::{
    caller::Caller,
    clock::Now,
    notice::{Delivery, Held, Kind, RecordRef},
    operation::Change,
};

use super::{
    Ledger, Unstreamed, Unwritten,
    token::{Intent, Open, Sent},
};

/// A change that may be sent now, once: an intent of which nobody has to hear first, or everybody who has to has. Made by
/// [`Ledger::clear`] only.
#[must_use]
pub struct Cleared(Intent);

/// Why an intent may not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncleared {
    /// Somebody who has to know has not acknowledged it.
    Untold,
    /// A stream that has to has not taken its record.
    Unstreamed(Unstreamed),
    /// That somebody has could not be recorded.
    Unwritten(Unwritten),
}

impl Intent {
    /// What is told before this is sent; nothing when nobody has to acknowledge it.
    pub fn announcement(&self, at: Now) -> Vec<Delivery> {
        announced(&self.held).map(|held| held.announcement(&self.record, at)).collect()
    }
}

impl Ledger {
    /// Records who acknowledged an intent (`taken`: what was handed over, and what was answered), and clears it when that
    /// is everybody who has to, and every stream has its record that has to ([`Ledger::taken_by_streams`]). Where nobody
    /// has to, nothing is written and nothing is waited for.
    ///
    /// # Errors
    /// The intent comes back, to be closed as not sent.
    pub async fn clear(
        &self,
        intent: Intent,
        taken: &[(Delivery, String)],
    ) -> Result<Cleared, (Intent, Uncleared)> {
        if !everybody(announced(&intent.held), &intent.record, taken.iter().map(|(delivery, _)| delivery)) {
            return Err((intent, Uncleared::Untold));
        }
        if let Err(unstreamed) = self.is_streamed(&intent) {
            return Err((intent, Uncleared::Unstreamed(unstreamed)));
        }
        for (delivery, reply) in taken {
            if let Err(unwritten) = self.acknowledged(&intent.record, delivery, reply).await {
                return Err((intent, Uncleared::Unwritten(unwritten)));
            }
        }
        Ok(Cleared(intent))
    }
}

impl Cleared {
    /// The change.
    pub fn change(&self) -> &Change {
        self.0.change()
    }

    /// For whom.
    pub fn caller(&self) -> &Caller {
        self.0.caller()
    }

    /// The record that holds it.
    pub fn record(&self) -> &RecordRef {
        self.0.record()
    }

    /// Whether it still is this process's to send. Asked at the last moment: whoever was paused for longer than the lease
    /// may find it taken over.
    pub fn holds(&self) -> bool {
        self.0.lease.holds()
    }

    /// The only way out: what became of sending it.
    pub fn sent(self, sent: Sent) -> Open {
        self.0.sent(sent)
    }
}

fn announced(held: &[Held]) -> impl Iterator<Item = &Held> {
    held.iter().filter(|held| held.announced)
}

/// Whether each of these is among the announcements of this very intent.
fn everybody<'a>(
    mut held: impl Iterator<Item = &'a Held>,
    record: &RecordRef,
    taken: impl Iterator<Item = &'a Delivery> + Clone,
) -> bool {
    held.all(|held| {
        taken.clone().any(|delivery| {
            delivery.kind == Kind::Announced
                && delivery.record == *record
                && delivery.channel == held.channel
                && delivery.recipient == held.recipient
        })
    })
}

impl fmt::Display for Uncleared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untold => f.write_str("somebody who has to know has not acknowledged it"),
            Self::Unstreamed(unstreamed) => unstreamed.fmt(f),
            Self::Unwritten(unwritten) => write!(f, "an acknowledgement could not be recorded: {unwritten}"),
        }
    }
}

impl Error for Uncleared {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Untold | Self::Unstreamed(_) => None,
            Self::Unwritten(unwritten) => Some(unwritten),
        }
    }
}
