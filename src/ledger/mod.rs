//! What was asked, decided and done: records in a chain, intents before effects, outcomes after them, notices with both.
//!
//! Only this module makes an [`Intent`] (from a permit, once it is on disk), a [`Noted`] and a [`Recorded`]. An
//! [`Intent`] leaves as an [`Open`] and by no other way; an [`Open`] can be recorded, and never sent again. Of an accepted
//! change that no read shows yet a [`Watch`] stays until later reads have shown what became of it.

mod answer;
mod audit;
mod backup;
mod book;
mod cleared;
mod core;
mod desk;
mod desk_chain;
mod envelope;
mod epochs;
mod erase;
mod event;
mod export;
mod fault;
mod freezes;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
#[cfg(feature = "demo")]
mod ground;
mod heads;
mod inputs;
mod intent;
mod kind;
mod known;
mod lease;
mod lines;
mod marks;
mod memory;
mod nonces;
mod notices;
mod open;
mod options;
mod outbox;
mod outcome;
mod parts;
mod permissions;
mod person;
mod proof_parts;
mod queue;
mod record;
mod recover;
mod refusal;
mod restore;
mod retention;
mod rule_text;
mod sessions;
mod stats;
mod stream;
mod submit;
mod summary;
#[cfg(test)]
mod tests;
mod token;
mod verify;
mod versions;
mod watch;
mod writer;

pub use audit::{Audited, HeldSession, Operator, RecordFilter, RuleText, SessionFilter, Unsealed, part};
pub use book::Ledger;
pub use cleared::{Cleared, Uncleared};
pub use desk::{Again, DeliveryState, Desk, Filter, Listed, Reveal, Shown};
pub use erase::ToErase;
pub use export::{ExportFault, Exported};
pub use fault::{LedgerFault, Unintended, Unwritten};
pub use freezes::NotLifted;
pub use heads::HeadsLine;
pub use kind::{Kind, NoKind};
pub use known::{HeadsFault, Known, Taking};
pub use lines::Line;
pub use marks::OtherKey;
pub use options::{Earlier, LedgerOptions, Stranger};
pub use outbox::{Claimed, DeliveryOutcome, OutboxStats, Queue};
pub use retention::{Segment, Unclosed};
pub use stats::{Broken, Failure, LedgerStats, Reserve};
pub use stream::Unstreamed;
pub(crate) use stream::{Grade, Required, Streamed};
pub use token::{Answered, Closed, Intent, Noted, Open, Recorded, Sent, Told};
pub use verify::{Evidence, Flaw, ProofFault, Seen, SegmentFault, Unproven, Verification, Witness};
pub use watch::{Orphan, Since, Watch};
