//! All SQL. One function for each atomic step; plain rows in, plain rows out; no transaction and no type of `sqlx`
//! crosses the border, and nothing here knows what a policy is.
//!
//! The statements are portable (`$1` placeholders, `ON CONFLICT`), and each is written once for both databases
//! (`statement`). What differs stands in `dialect`, `migrate`, and in what a writer has (`hold`): the files of `SQLite`
//! (`place`, `home`), or a chain of what several guards share on a `PostgreSQL` server (`server`, `tenure`).

mod addresses;
mod alone;
mod append;
mod ballast;
mod chains;
mod check;
mod checks;
mod desk;
mod dialect;
mod epochs;
mod fault;
mod freezes;
mod hold;
mod home;
mod insertion;
mod intents;
mod location;
mod marks;
mod migrate;
mod misfit;
mod nonces;
mod op;
mod ops;
mod outbox;
mod pages;
mod people;
mod place;
mod prune;
mod read;
mod records;
mod rows;
mod segments;
mod server;
mod sessions;
mod standing;
mod statement;
mod steps;
mod streams;
mod tenure;
#[cfg(test)]
pub(crate) mod testing;
mod versions;
mod watch;

pub(crate) use append::{Room, Space, Writer};
pub(crate) use check::{Check, Verdict};
pub(crate) use desk::{DeskStore, ListedRow, Pick, Which};
pub(crate) use fault::StoreError;
pub(crate) use location::{Location, Medium};
pub(crate) use marks::MarkRow;
pub(crate) use misfit::Misfit;
pub(crate) use op::{Letter, NewFreeze, NewIntent, NewSession, Op, Settled};
pub(crate) use outbox::LONGEST as FOLD_LONGEST;
pub(crate) use people::LeftRow;
pub(crate) use read::Reader;
pub(crate) use records::{PrincipalPick, RecordPick, WrittenRow};
pub(crate) use rows::{
    AddressRow, AnswerRow, AttemptRow, FreezeRow, Head, IntentRef, LaterRow, MessageRow, NewPerson,
    OrphanRow, PersonRow, PolicyFileRow, QueueRow, RecordRow, State, WatchedRow,
};
pub(crate) use segments::NewSegment;
pub(crate) use sessions::SessionPick;
pub(crate) use standing::Standing;
pub(crate) use steps::{Append, Bounds, Compose, Composed, Done, Others, Place, Step, Weight};
pub(crate) use streams::{NewClaim, StreamRow};
