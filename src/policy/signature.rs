//! The signature of a policy directory: SSHSIG, as `ssh-keygen -Y sign` writes it (OpenSSH, PROTOCOL.sshsig), by an
//! Ed25519 key. One form alone is read: what could be written in two ways is refused.

use std::{error::Error, fmt};

use aws_lc_rs::{
    digest,
    signature::{self, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// What a policy's signatures are for: no signature made for anything else holds.
pub(super) const NAMESPACE: &str = "connect-guard-policy";
/// The one kind of key.
pub(super) const ED25519: &str = "ssh-ed25519";
/// What a signature, and what is signed, begins with.
const MAGIC: &[u8] = b"SSHSIG";
/// The one version of the form.
const VERSION: u32 = 1;
/// A signature file has some 300 characters.
const LONGEST: usize = 4096;

/// A signature, read and not yet verified.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// The key that is said to have signed.
    pub(super) key: [u8; 32],
    hash: Hash,
    octets: Vec<u8>,
}

/// What a text is hashed by before it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha256,
    Sha512,
}

/// Why a text is no signature of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureFault {
    /// Not between the two lines of an armoured signature, or no base64.
    Armour,
    /// Not the form of SSHSIG, version 1, or something after it.
    Form,
    /// Not by an Ed25519 key.
    Key,
    /// Made for something else.
    Namespace,
    /// Hashed by neither SHA-256 nor SHA-512.
    Hash,
}

/// Octets as SSH writes them (RFC 4251, section 5): numbers of four octets, and texts with their length before them.
pub(super) struct Wire<'w>(&'w [u8]);

impl Signature {
    /// Reads an armoured signature.
    pub(super) fn read(text: &str) -> Result<Self, SignatureFault> {
        let armour = SignatureFault::Armour;
        if text.len() > LONGEST {
            return Err(armour);
        }
        let mut lines = text.lines();
        let (first, last) = (lines.next(), lines.next_back());
        if (first, last) != (Some("-----BEGIN SSH SIGNATURE-----"), Some("-----END SSH SIGNATURE-----")) {
            return Err(armour);
        }
        let octets = STANDARD.decode(lines.collect::<String>()).map_err(|_| armour)?;
        Self::of_octets(octets.strip_prefix(MAGIC).ok_or(SignatureFault::Form)?)
    }

    fn of_octets(octets: &[u8]) -> Result<Self, SignatureFault> {
        let form = SignatureFault::Form;
        let mut wire = Wire(octets);
        if wire.number() != Some(VERSION) {
            return Err(form);
        }
        let key = Wire::ed25519(wire.text().ok_or(form)?).ok_or(SignatureFault::Key)?;
        if wire.text().ok_or(form)? != NAMESPACE.as_bytes() {
            return Err(SignatureFault::Namespace);
        }
        if !wire.text().ok_or(form)?.is_empty() {
            return Err(form);
        }
        let hash = match wire.text().ok_or(form)? {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            _ => return Err(SignatureFault::Hash),
        };
        let mut signature = Wire(wire.text().ok_or(form)?);
        let kind = signature.text().ok_or(form)?;
        let octets = signature.text().filter(|octets| octets.len() == 64).ok_or(form)?;
        if kind != ED25519.as_bytes() || !signature.0.is_empty() || !wire.0.is_empty() {
            return Err(form);
        }
        Ok(Self { key, hash, octets: octets.to_vec() })
    }

    /// Whether the key it names has signed exactly this message.
    pub(super) fn is_of(&self, message: &str) -> bool {
        let mut signed = MAGIC.to_vec();
        let hashed = digest::digest(self.hash.algorithm(), message.as_bytes());
        for text in [NAMESPACE.as_bytes(), b"", self.hash.name(), hashed.as_ref()] {
            let Ok(length) = u32::try_from(text.len()) else { return false };
            signed.extend(length.to_be_bytes());
            signed.extend(text);
        }
        UnparsedPublicKey::new(&signature::ED25519, &self.key).verify(&signed, &self.octets).is_ok()
    }
}

impl Hash {
    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn name(self) -> &'static [u8] {
        match self {
            Self::Sha256 => b"sha256",
            Self::Sha512 => b"sha512",
        }
    }
}

impl<'w> Wire<'w> {
    /// The public key in `octets`, when they are one of Ed25519 (RFC 8709, section 4) and nothing else.
    pub(super) fn ed25519(octets: &[u8]) -> Option<[u8; 32]> {
        let mut wire = Wire(octets);
        let kind = wire.text()?;
        let key = wire.text()?.try_into().ok()?;
        (kind == ED25519.as_bytes() && wire.0.is_empty()).then_some(key)
    }

    fn number(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    fn text(&mut self) -> Option<&'w [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(text)
    }
}

impl fmt::Display for SignatureFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Armour => "it is no armoured SSH signature",
            Self::Form => "it has not the form of an SSH signature",
            Self::Key => "it is not by an Ed25519 key",
            Self::Namespace => "it was made for something else than a policy",
            Self::Hash => "it is hashed by neither sha256 nor sha512",
        })
    }
}

impl Error for SignatureFault {}
