//! Authenticated sealing (AES-256-GCM, NIST SP 800-38D) under keys with ids: the first key seals, every key opens.

use std::{error::Error, fmt};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

use super::Secret;

/// Keys that seal and open. The first is current; the others only open what was sealed before a rotation.
pub struct Seal {
    current: (String, RandomizedNonceKey),
    previous: Vec<(String, RandomizedNonceKey)>,
}

/// Sealed bytes: nonce, ciphertext and tag, and the id of the key that opens them. Safe to store and to print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key that sealed it.
    pub key_id: String,
    /// Nonce (12 bytes), ciphertext, tag (16 bytes).
    pub bytes: Vec<u8>,
}

/// Why sealing or opening failed. Says nothing about the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealError {
    /// A key is not 32 bytes long, or there is no key, or an id is empty or doubled.
    Key(String),
    /// The key with this id is not here.
    UnknownKey(String),
    /// Not what was sealed, or sealed for another purpose.
    Forged,
    /// The system gave no randomness.
    Randomness,
}

impl Seal {
    /// Keys by id, current first. Ids are 1 to 64 characters of `[A-Za-z0-9._-]`; keys are 32 bytes.
    ///
    /// # Errors
    /// [`SealError::Key`] when there is no key, an id is not of this form or doubled, or a key is of another length.
    pub fn new(keys: Vec<(String, Secret)>) -> Result<Self, SealError> {
        let mut ready: Vec<(String, RandomizedNonceKey)> = Vec::with_capacity(keys.len());
        for (id, secret) in keys {
            if !well_formed(&id) {
                return Err(SealError::Key(format!(
                    "id `{}` is not 1 to 64 of A-Za-z0-9._-",
                    id.escape_debug()
                )));
            }
            if ready.iter().any(|(known, _)| *known == id) {
                return Err(SealError::Key(format!("id `{id}` occurs twice")));
            }
            let length = secret.expose().len();
            if length != AES_256_GCM.key_len() {
                return Err(SealError::Key(format!("key `{id}` has {length} bytes, not 32")));
            }
            let key = RandomizedNonceKey::new(&AES_256_GCM, secret.expose())
                .map_err(|_| SealError::Key(format!("key `{id}` is not accepted")))?;
            ready.push((id, key));
        }
        let mut ready = ready.into_iter();
        let current = ready.next().ok_or_else(|| SealError::Key("there is none".into()))?;
        Ok(Self { current, previous: ready.collect() })
    }

    /// The ids of the keys, the current one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current).chain(&self.previous).map(|(id, _)| &**id)
    }

    /// Seals `plain`. `purpose` is authenticated with it: opening for another purpose fails.
    ///
    /// # Errors
    /// [`SealError::Randomness`] when there is no nonce to be had.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let (id, key) = &self.current;
        // Room for the tag at once: a buffer that grows would leave the plain text behind.
        let mut text = Vec::with_capacity(plain.len() + AES_256_GCM.tag_len());
        text.extend_from_slice(plain);
        let nonce =
            key.seal_in_place_append_tag(bound(purpose, id), &mut text).map_err(|_| SealError::Randomness)?;
        let mut bytes = Vec::with_capacity(NONCE_LEN + text.len());
        bytes.extend_from_slice(nonce.as_ref());
        bytes.extend_from_slice(&text);
        Ok(Sealed { key_id: id.clone(), bytes })
    }

    /// Opens what was sealed for `purpose`.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] when its key is not here, [`SealError::Forged`] when any bit is not as it was sealed.
    pub fn open(&self, purpose: &str, sealed: &Sealed) -> Result<Secret, SealError> {
        let (id, key) = std::iter::once(&self.current)
            .chain(&self.previous)
            .find(|(id, _)| *id == sealed.key_id)
            .ok_or_else(|| SealError::UnknownKey(sealed.key_id.clone()))?;
        let (nonce, text) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Forged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Forged)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length =
            key.open_in_place(nonce, bound(purpose, id), &mut text).map_err(|_| SealError::Forged)?.len();
        text.truncate(length);
        Ok(Secret(text))
    }
}

/// What is authenticated with the text. The purpose is length-prefixed: no two pairs give one input.
fn bound(purpose: &str, id: &str) -> Aad<Vec<u8>> {
    let length = (purpose.len() as u64).to_be_bytes();
    Aad::from([&length, purpose.as_bytes(), id.as_bytes()].concat())
}

fn well_formed(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(why) => write!(f, "sealing key: {why}"),
            Self::UnknownKey(id) => write!(f, "no sealing key `{id}`"),
            Self::Forged => f.write_str("sealed bytes do not open"),
            Self::Randomness => f.write_str("no randomness from the system"),
        }
    }
}

impl Error for SealError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(fill: u8) -> Secret {
        Secret::new(vec![fill; 32])
    }

    fn seal() -> Seal {
        Seal::new(vec![("k2".into(), key(2)), ("k1".into(), key(1))]).unwrap()
    }

    fn fault(keys: Vec<(&str, Secret)>) -> String {
        let keys = keys.into_iter().map(|(id, secret)| (id.to_owned(), secret)).collect();
        match Seal::new(keys) {
            Ok(_) => panic!("accepted"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_sealed_opens() {
        for plain in [b"".as_slice(), b"x", &[7; 5000]] {
            let sealed = seal().seal("record", plain).unwrap();
            assert_eq!(sealed.key_id, "k2");
            assert_eq!(sealed.bytes.len(), 12 + plain.len() + 16);
            assert_eq!(seal().open("record", &sealed).unwrap().expose(), plain);
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_to_the_same_bytes() {
        let seal = seal();
        assert_ne!(seal.seal("p", b"text").unwrap(), seal.seal("p", b"text").unwrap());
    }

    #[test]
    fn a_previous_key_opens() {
        let old = Seal::new(vec![("k1".into(), key(1))]).unwrap();
        let sealed = old.seal("p", b"text").unwrap();
        assert_eq!(seal().open("p", &sealed).unwrap().expose(), b"text");
        assert_eq!(seal().seal("p", b"text").unwrap().key_id, "k2");
    }

    #[test]
    fn a_key_that_is_gone_is_named() {
        let sealed = seal().seal("p", b"text").unwrap();
        let other = Seal::new(vec![("k1".into(), key(1))]).unwrap();
        assert_eq!(other.open("p", &sealed).err(), Some(SealError::UnknownKey("k2".into())));
    }

    #[test]
    fn no_bit_may_change() {
        let seal = seal();
        let sealed = seal.seal("p", b"text").unwrap();
        for at in 0..sealed.bytes.len() {
            for bit in 0..8 {
                let mut forged = sealed.clone();
                forged.bytes[at] ^= 1 << bit;
                assert_eq!(seal.open("p", &forged).err(), Some(SealError::Forged), "byte {at} bit {bit}");
            }
        }
    }

    #[test]
    fn no_byte_may_be_missing_or_added() {
        let seal = seal();
        let sealed = seal.seal("p", b"text").unwrap();
        for length in 0..sealed.bytes.len() {
            let mut forged = sealed.clone();
            forged.bytes.truncate(length);
            assert_eq!(seal.open("p", &forged).err(), Some(SealError::Forged), "{length} bytes");
        }
        let mut forged = sealed;
        forged.bytes.push(0);
        assert_eq!(seal.open("p", &forged).err(), Some(SealError::Forged));
    }

    #[test]
    fn purpose_and_key_id_are_bound() {
        let seal = Seal::new(vec![("k1".into(), key(1)), ("k2".into(), key(1))]).unwrap();
        let sealed = seal.seal("session", b"text").unwrap();
        assert_eq!(seal.open("record", &sealed).err(), Some(SealError::Forged));
        assert_eq!(seal.open("", &sealed).err(), Some(SealError::Forged));
        let renamed = Sealed { key_id: "k2".into(), ..sealed };
        assert_eq!(seal.open("session", &renamed).err(), Some(SealError::Forged));
    }

    #[test]
    fn keys_are_checked() {
        assert_eq!(fault(vec![]), "sealing key: there is none");
        assert_eq!(fault(vec![("", key(1))]), "sealing key: id `` is not 1 to 64 of A-Za-z0-9._-");
        assert_eq!(fault(vec![("a b", key(1))]), "sealing key: id `a b` is not 1 to 64 of A-Za-z0-9._-");
        assert!(fault(vec![(&"a".repeat(65), key(1))]).contains("is not 1 to 64"));
        assert_eq!(fault(vec![("a", key(1)), ("a", key(2))]), "sealing key: id `a` occurs twice");
        assert_eq!(fault(vec![("a", Secret::new(vec![0; 31]))]), "sealing key: key `a` has 31 bytes, not 32");
        assert_eq!(fault(vec![("a", Secret::new(vec![0; 33]))]), "sealing key: key `a` has 33 bytes, not 32");
    }

    #[test]
    fn it_may_be_shared_between_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<Seal>();
    }
}
