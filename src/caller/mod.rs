//! Who signed exactly these bytes, or sent them over a connection with a certificate that stands for somebody. Pure and
//! synchronous: a key ring, a request and the time give a [`Verified`] or the reason why not. Only [`KeyRing::verify`]
//! makes a [`Verified`]; there is no other way to be somebody.

mod arn;
mod certificates;
mod claims;
mod key;
mod keyring;
mod notes;
mod session;
mod session_keys;
#[cfg(test)]
mod tests;
mod unverified;
mod verified;

pub use arn::{Arn, ArnFault, Resource};
pub use certificates::CertificateName;
pub use key::GuardKey;
pub use keyring::{KeyRing, KeyRingFault, Ring};
pub(crate) use notes::notes;
pub use session::{Session, SessionFault, Voucher};
pub use session_keys::{IssueFault, Issued, SessionKeys, SessionKeysFault, TokenFault};
pub use unverified::Unverified;
pub use verified::{Attempt, Caller, Principal, Proof, Verified};
