//! Secret bytes, where they come from, and what is done with them: sealing, deriving, keyed hashing, comparing.
//!
//! Nothing here has `Debug`, `Display` or `Serialize` that shows a byte of a secret, so none can be printed by accident.
//! All primitives come from `aws-lc-rs`, the library that TLS uses as well.

mod derive;
mod digest;
mod reference;
mod seal;
mod trusted;

pub use derive::derive;
pub use digest::{Digest, HashKey};
pub use reference::{SecretError, SecretRef};
pub use seal::{Seal, SealError, Sealed};
pub use trusted::trusted;

use zeroize::Zeroizing;

/// Secret bytes; erased from memory when dropped. Has no `Debug`: it cannot be printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes, for the one call that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text, for the one call that needs them; none when they are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

/// `N` bytes from the system's generator.
///
/// # Errors
/// When the system cannot give randomness, which ends whatever needed it.
pub fn random<const N: usize>() -> Result<[u8; N], SealError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SealError::Randomness)?;
    Ok(bytes)
}
