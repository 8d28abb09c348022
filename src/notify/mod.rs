//! The courier: claims deliveries from the ledger's outbox and brings them to people, at least once, until they have them.

mod connect;
mod courier;
mod letter;
mod mail;
mod unsent;

pub(crate) use courier::Courier;
pub(crate) use mail::{Mail, MailOptions, MailTls};

#[cfg(feature = "demo")]
#[cfg(test)]
mod tests;
