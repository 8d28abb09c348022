//! Connect Guard: a TLS reverse proxy in front of Amazon Connect that decides, field by field, who may change what.
//!
//! The modules stand in the order of the law: **each uses only those above it** (`tests/it/layers.rs` enforces it,
//! and where each outside crate may be named). `ARCHITECTURE.md` has the map and the path of one request.
//!
//! The modules of the token chain are public but hidden, because the compile-fail doctests of [`guard`] can see public
//! items only; nothing here is a stable API.

mod clock;
mod timing;
#[doc(hidden)]
pub mod crash;
mod secret;
mod diagnostic;
#[doc(hidden)]
pub mod wire;
mod sigv4;
mod client;
#[doc(hidden)]
pub mod caller;
#[doc(hidden)]
pub mod operation;
#[doc(hidden)]
pub mod limit;
#[doc(hidden)]
pub mod policy;
#[doc(hidden)]
pub mod notice;
mod store;
#[doc(hidden)]
pub mod ledger;
#[doc(hidden)]
pub mod upstream;
mod notify;
#[doc(hidden)]
pub mod session;
#[doc(hidden)]
pub mod guard;
mod server;
mod relay;
mod config;
mod aws;
mod app;
#[cfg(feature = "demo")]
#[doc(hidden)]
pub mod demo;
mod cli;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use cli::run;
