//! What was asked, decided and done: records in a chain, intents before effects, outcomes after them, notices with both.
//!
//! Only this module makes an [`Intent`] (from a permit, once it is on disk), a [`Noted`] and a [`Recorded`]. An
//! [`Intent`] leaves as an [`Open`] and by no other way; an [`Open`] can be recorded, and never sent again. Of an accepted
//! change that no read shows yet a [`Watch`] stays until later reads have shown what became of it.

mod answer;
mod book;
mod core;
#[cfg(feature = "demo")]
mod ground;
mod intent;
mod lease;
mod memory;
mod notices;
mod options;
mod outbox;
mod outcome;
mod parts;
mod person;
mod queue;
mod record;
mod recover;
mod refusal;
mod summary;
#[cfg(test)]
mod tests;
mod token;
mod verify;
mod watch;
mod writer;

pub use book::Ledger;
pub use options::{Earlier, LedgerFault, LedgerOptions, LedgerStats, Stranger, Unintended, Unwritten};
pub use outbox::{Claimed, DeliveryOutcome};
pub use record::Kind;
pub use token::{Answered, Closed, Intent, Noted, Open, Recorded, Sent, Told};
pub use verify::Verification;
pub use watch::{Orphan, Since, Watch};
