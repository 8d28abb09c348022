//! SHA-256 digests and HMAC-SHA-256 under a named purpose.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

use super::Secret;

/// Thirty-two bytes of SHA-256 or HMAC-SHA-256. Shown as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of `bytes` (FIPS 180-4).
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_slice(digest::digest(&digest::SHA256, bytes).as_ref())
    }

    /// SHA-256 of several texts, each with its length before it: no two lists give one input.
    pub fn of_list<T: AsRef<[u8]>>(parts: impl IntoIterator<Item = T>) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            let part = part.as_ref();
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        Self::from_slice(context.finish().as_ref())
    }

    /// These thirty-two bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Sixty-four lower-case hexadecimal digits.
    pub fn hex(&self) -> String {
        // `hex::encode` goes from character to character: this is many times as fast.
        let mut digits = [0; 64];
        // It fails for another length alone.
        let _ = hex::encode_to_slice(self.0, &mut digits);
        String::from_utf8_lossy(&digits).into_owned()
    }

    /// Compares without telling by its time where the first difference is.
    pub fn matches(&self, other: &Self) -> bool {
        constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }

    fn from_slice(slice: &[u8]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(slice) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// A key for keyed hashes (HMAC-SHA-256, RFC 2104). Each use names its purpose, so hashes of two purposes never meet.
pub struct HashKey(hmac::Key);

impl HashKey {
    /// A key from secret bytes.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose()))
    }

    /// The keyed hash of `bytes` for `purpose`. The purpose is length-prefixed: no two pairs give one input.
    pub fn hash(&self, purpose: &str, bytes: &[u8]) -> Digest {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(&(purpose.len() as u64).to_be_bytes());
        context.update(purpose.as_bytes());
        context.update(bytes);
        Digest::from_slice(context.sign().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_digests() {
        // FIPS 180-4, examples published by NIST.
        assert_eq!(Digest::of(b"").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(
            Digest::of(b"abc").hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_digest_is_its_bytes_and_shows_as_hexadecimal() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), digest.hex());
        assert_eq!(Digest::from_bytes(*digest.bytes()), digest);
    }

    #[test]
    fn no_two_lists_share_a_digest() {
        let lists: [&[&str]; 6] = [&[], &[""], &["", ""], &["ab"], &["a", "b"], &["b", "a"]];
        let digests: std::collections::BTreeSet<_> = lists.into_iter().map(Digest::of_list).collect();
        assert_eq!(digests.len(), lists.len());
        assert_eq!(Digest::of_list(["a"]), Digest::of(b"\0\0\0\0\0\0\0\x01a"));
    }

    #[test]
    fn digests_match_in_every_bit_or_not() {
        let digest = Digest::of(b"abc");
        assert!(digest.matches(&digest));
        for bit in 0..256 {
            let mut bytes = *digest.bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(!digest.matches(&Digest::from_bytes(bytes)), "bit {bit}");
        }
    }

    #[test]
    fn purposes_never_meet() {
        let key = HashKey::new(&Secret::new(vec![1; 32]));
        assert!(key.hash("a", b"b").matches(&key.hash("a", b"b")));
        let hashes = [("a", "b"), ("", "ab"), ("ab", ""), ("a", "c"), ("b", "b")];
        for (at, one) in hashes.iter().enumerate() {
            for other in hashes.iter().skip(at + 1) {
                assert!(!key.hash(one.0, one.1.as_bytes()).matches(&key.hash(other.0, other.1.as_bytes())));
            }
        }
        let other = HashKey::new(&Secret::new(vec![2; 32]));
        assert!(!other.hash("a", b"b").matches(&key.hash("a", b"b")));
    }

    #[test]
    fn a_keyed_hash_is_hmac_over_the_length_prefixed_purpose() {
        let input = [8u64.to_be_bytes().as_slice(), b"purpose.", b"bytes"].concat();
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
        let expected = hmac::sign(&key, &input);
        let hash = HashKey::new(&Secret::new(b"key".to_vec())).hash("purpose.", b"bytes");
        assert_eq!(hash.bytes().as_slice(), expected.as_ref());
    }
}
