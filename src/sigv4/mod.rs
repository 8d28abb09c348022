//! AWS Signature Version 4, in both directions: signing, and verifying by signing again.
//!
//! The only module that names `aws_sigv4`: one canonicaliser, the SDKs' own, so that no second one can disagree with it.
//! It reads no clock, keeps no key, and never writes a signature or a canonical request anywhere.
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html>.

mod authorization;
mod canonical;
mod instant;
mod sign;
mod verify;

pub use authorization::{AuthorizationFault, Claimed};
pub use instant::instant;
pub use sign::{Credentials, Signable, SigningFault, sign};
pub use verify::{Mismatch, verify};

#[cfg(test)]
mod tests;
