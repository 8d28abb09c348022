//! The end of the process at every named point, at every system call that writes, and at random under load. Whatever it
//! was, three lists are equal in the end: what Connect did, what the ledger says, and what people were told.
//!
//! It needs a build with points (`src/crash.rs`), so this is a target of its own, which `cargo test` leaves out:
//! `tests/run crash`. The environment makes it longer; `tests/long` sets it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what came of each end is read from there")]

mod hook;
mod kills;
mod late;
mod length;
mod lists;
mod place;
mod points;
#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/records.rs"]
mod records;
mod run;
#[expect(dead_code, reason = "the other tests use the rest of it")]
#[path = "../it/running.rs"]
mod running;
#[expect(dead_code, reason = "the tests of several guards use the rest of it")]
#[path = "../it/postgres/server.rs"]
mod server;
mod stage;
mod store;
mod story;
mod sweep;
mod syscalls;
