//! The courier: claims deliveries from the ledger's outbox and brings them to people, at least once, until they have them.
//!
//! A channel is mail or one webhook. Each has a lane of its own in the courier, and fails by itself: what is for it waits
//! while the others are told. An [`Announcer`] hands over what has to be acknowledged before a change is made. [`Streams`] bring
//! every record of the ledger to a SIEM.

mod announcer;
mod channels;
mod connect;
mod courier;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hook;
mod letter;
mod mail;
mod pace;
mod stream;
mod turn;
mod unsent;
mod words;

pub(crate) use announcer::Announcer;
pub(crate) use channels::Channels;
pub(crate) use courier::{Courier, CourierStats, Post};
pub(crate) use hook::{Hook, HookFormat, HookOptions, HookUrl, HookUrlFault};
pub(crate) use mail::{Mail, MailOptions, MailTls};
pub(crate) use stream::{Facility, StreamOptions, StreamStats, StreamTo, Streams, SyslogOptions};
#[cfg(test)]
pub(crate) use {courier::ChannelStats, hook::HookFault};

#[cfg(feature = "demo")]
#[cfg(test)]
mod tests;
