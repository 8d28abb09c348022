//! Who signed exactly these bytes. Pure and synchronous: a key ring, a request and the time give a [`Verified`] or the
//! reason why not. Only [`KeyRing::verify`] makes a [`Verified`]; there is no other way to be somebody.

mod arn;
mod claims;
mod key;
mod keyring;
#[cfg(test)]
mod tests;
mod unverified;
mod verified;

pub use arn::{Arn, ArnFault, Resource};
pub use key::GuardKey;
pub use keyring::{KeyRing, KeyRingFault};
pub use unverified::Unverified;
pub use verified::{Attempt, Caller, Principal, Proof, Verified};
