//! Keys of one purpose each, derived from one configured secret (HKDF-SHA256, RFC 5869).

use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use super::{SealError, Secret};

/// Thirty-two bytes derived from `secret` for `purpose`. Who learns one of them learns nothing of the secret, nor of
/// what is derived from it for another purpose. The secret must have the strength of a key: this is no password hash.
///
/// # Errors
/// [`SealError::Key`]: never, for a result of this length.
pub fn derive(secret: &Secret, purpose: &str) -> Result<Secret, SealError> {
    let refused = |_| SealError::Key("nothing can be derived from it".to_owned());
    let mut derived = Zeroizing::new(vec![0; 32]);
    let key = Salt::new(HKDF_SHA256, &[]).extract(secret.expose());
    let purpose = [purpose.as_bytes()];
    key.expand(&purpose, HKDF_SHA256).map_err(refused)?.fill(&mut derived).map_err(refused)?;
    Ok(Secret(derived))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(secret: &[u8], purpose: &str) -> String {
        hex::encode(derive(&Secret::new(secret.to_vec()), purpose).unwrap().expose())
    }

    #[test]
    fn it_is_hkdf_without_salt() {
        // RFC 5869, appendix A.3: neither salt nor purpose. The first 32 octets of its 42.
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d";
        assert_eq!(derived(&[0x0b; 22], ""), expected);
    }

    #[test]
    fn purposes_and_secrets_never_meet() {
        let all = [
            derived(b"one", "a"),
            derived(b"one", "b"),
            derived(b"one", "ab"),
            derived(b"two", "a"),
            derived(b"two", "b"),
        ];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert_eq!(derived(b"one", "a"), all[0]);
    }
}
