//! Keys issued by the guard: what they are, and how one is made from random bytes.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ipnet::IpNet;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::secret::Secret;

use super::Principal;

/// A key issued by the guard. Has no `Debug`: it holds its secret.
#[derive(Clone)]
pub struct GuardKey {
    /// Its access key id: `GK` and 18 characters of `A-Z2-7`. No AWS-issued id begins so, and no session's.
    pub key_id: String,
    /// Its secret: at least 32 visible ASCII characters.
    pub secret: Secret,
    /// Whom it stands for.
    pub principal: Principal,
    /// The last moment at which it holds; at most 90 days after it was issued.
    pub expires: Timestamp,
    /// The networks it may be used from; any when empty.
    pub networks: Vec<IpNet>,
}

/// What every id begins with.
const PREFIX: &str = "GK";
/// Characters after the prefix, five random bits each.
const ID_CHARACTERS: usize = 18;
/// Characters of the shortest secret that is taken: 192 bits in base64.
const SECRET_MIN: usize = 32;

impl GuardKey {
    /// How many random bytes [`GuardKey::issue`] needs: 12 for the id, 32 for the secret.
    pub const RANDOM: usize = 44;

    /// A new id (90 bits) and a new secret (256 bits, 43 characters of base64url, RFC 4648 section 5). No byte is used
    /// for both, so the id says nothing about the secret.
    pub fn issue(random: [u8; Self::RANDOM]) -> (String, Secret) {
        let random = Zeroizing::new(random);
        let (id, secret) = random.split_at(12);
        let bits = id.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let characters = (0..ID_CHARACTERS).map(|at| base32(bits >> (5 * at)));
        let key_id = PREFIX.chars().chain(characters).collect();
        (key_id, Secret::new(URL_SAFE_NO_PAD.encode(secret).into_bytes()))
    }

    /// Whether `text` is an id that the guard could have issued.
    pub fn is_id(text: &str) -> bool {
        text.strip_prefix(PREFIX).is_some_and(|rest| {
            rest.len() == ID_CHARACTERS && rest.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
        })
    }

    /// Whether the secret has 32 characters or more.
    pub(super) fn secret_is_long(&self) -> bool {
        self.secret.expose().len() >= SECRET_MIN
    }

    /// Whether the secret is visible ASCII throughout: what every client can be given, without a stray line end.
    pub(super) fn secret_is_visible(&self) -> bool {
        self.secret.expose().iter().all(u8::is_ascii_graphic)
    }
}

/// The character of the lowest five bits (RFC 4648 section 6).
pub(super) fn base32(bits: u128) -> char {
    let digit = bits.to_be_bytes()[15] & 31;
    char::from(if digit < 26 { b'A' + digit } else { b'2' + (digit - 26) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_issued_key_has_the_form_of_one() {
        let (key_id, secret) = GuardKey::issue([0; 44]);
        assert_eq!(key_id, "GKAAAAAAAAAAAAAAAAAA");
        assert_eq!(secret.expose(), "A".repeat(43).as_bytes());
        let (key_id, secret) = GuardKey::issue([255; 44]);
        assert_eq!(key_id, "GK777777777777777777");
        assert_eq!(secret.expose_str().unwrap().len(), 43);
    }

    #[test]
    fn the_id_says_nothing_about_the_secret() {
        let mut random = [7; 44];
        let (id, secret) = GuardKey::issue(random);
        random[43] = 8;
        let (same_id, other_secret) = GuardKey::issue(random);
        assert_eq!(id, same_id);
        assert_ne!(secret.expose(), other_secret.expose());
        random[11] = 8;
        let (other_id, same_secret) = GuardKey::issue(random);
        assert_ne!(id, other_id);
        assert_eq!(same_secret.expose(), other_secret.expose());
    }

    #[test]
    fn only_issued_ids_are_ids() {
        for id in [
            "",
            "GK",
            "GKAAAAAAAAAAAAAAAAA",
            "GKAAAAAAAAAAAAAAAAAAA",
            "gkAAAAAAAAAAAAAAAAAA",
            "GKAAAAAAAAAAAAAAAAA1",
            "GKAAAAAAAAAAAAAAAAAa",
            "GKAAAAAAAAAAAAAAAA\u{e9}",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNN7EXAMPLE",
        ] {
            assert!(!GuardKey::is_id(id), "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_issued_id_is_one(random in any::<[u8; 32]>(), more in any::<[u8; 12]>()) {
            let mut bytes = [0; 44];
            bytes[..32].copy_from_slice(&random);
            bytes[32..].copy_from_slice(&more);
            let (key_id, secret) = GuardKey::issue(bytes);
            prop_assert!(GuardKey::is_id(&key_id));
            prop_assert_eq!(key_id.len(), 20);
            prop_assert!(secret.expose().len() >= 40);
            prop_assert!(secret.expose().iter().all(u8::is_ascii_graphic));
        }
    }
}
