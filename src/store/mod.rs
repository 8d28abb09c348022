//! All SQL. One function for each atomic step; plain rows in, plain rows out; no transaction and no type of `sqlx`
//! crosses the border, and nothing here knows what a policy is.
//!
//! The statements are portable (`$1` placeholders, `ON CONFLICT`); what differs between databases stands in `place`,
//! `migrate` and the type aliases of `dialect`.

mod alone;
mod append;
mod checks;
mod dialect;
mod fault;
mod home;
mod migrate;
mod ops;
mod place;
mod read;
mod rows;
mod steps;
mod watch;

pub(crate) use append::Writer;
pub(crate) use fault::StoreError;
pub(crate) use place::{Location, Medium};
pub(crate) use read::Reader;
pub(crate) use rows::{
    AddressRow, AnswerRow, AttemptRow, Head, IntentRef, LaterRow, NewPerson, OrphanRow, OutboxRow, PersonRow,
    RecordRow, State, WatchedRow,
};
pub(crate) use steps::{
    Append, Check, Compose, Composed, Done, Op, Others, Place, Settled, Step, Verdict, Weight,
};

use home::Home;
