//! Nonces: what a proof must be signed with, so that it is a proof for this guard, now and once. Sealed, so that any
//! replica knows its own and nobody else's without a place to keep them; the ledger keeps those that were spent.

use jiff::SignedDuration;

use crate::{
    caller::SessionKeys,
    clock::Now,
    secret::{Digest, SealError, random},
};

/// How long a nonce holds.
pub(super) const HOLDS: SignedDuration = SignedDuration::from_secs(60);
const PURPOSE: &str = "sts nonce 1";
/// Sixteen random octets, then when it ends (milliseconds since 1970, big-endian), then the digest of the audience.
const LENGTH: usize = 16 + 8 + 32;

/// A nonce of this guard's that still holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    /// What is spent.
    pub(super) digest: Digest,
    /// When it ends: milliseconds since 1970.
    pub(super) until: i64,
}

/// Why a text is no nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NonceFault {
    /// Not sealed by this guard, or for another audience.
    Forged,
    /// It is over.
    Over,
}

/// A new nonce.
pub(super) fn issue(keys: &SessionKeys, audience: &str, now: Now) -> Result<String, SealError> {
    let until = now.plus(HOLDS).millis();
    let plain = [
        random::<16>()?.as_slice(),
        &until.to_be_bytes(),
        Digest::of(audience.as_bytes()).bytes().as_slice(),
    ]
    .concat();
    keys.seal(PURPOSE, &plain)
}

/// The nonce in a text.
pub(super) fn open(keys: &SessionKeys, audience: &str, text: &str, now: Now) -> Result<Nonce, NonceFault> {
    let plain = keys.open_sealed(PURPOSE, text).map_err(|_| NonceFault::Forged)?;
    let plain = plain.expose();
    let (Some((_, rest)), LENGTH) = (plain.split_first_chunk::<16>(), plain.len()) else {
        return Err(NonceFault::Forged);
    };
    let (until, own) = rest.split_first_chunk::<8>().ok_or(NonceFault::Forged)?;
    if own != Digest::of(audience.as_bytes()).bytes() {
        return Err(NonceFault::Forged);
    }
    let until = i64::from_be_bytes(*until);
    if now.millis() >= until {
        return Err(NonceFault::Over);
    }
    // Of what was sealed: one nonce has one digest, however it is written.
    Ok(Nonce { digest: Digest::of_list([PURPOSE.as_bytes(), plain]), until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys(fill: u8) -> SessionKeys {
        SessionKeys::new(vec![("k1".into(), Secret::new(vec![fill; 32]))]).ok().unwrap()
    }

    fn now() -> Now {
        "2027-03-12T10:00:00Z".parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn s15_a_nonce_is_this_guards_and_each_is_another() {
        let text = issue(&keys(1), "guard", now()).unwrap();
        let nonce = open(&keys(1), "guard", &text, now()).unwrap();
        assert_eq!(nonce, open(&keys(1), "guard", &text, now()).unwrap());
        assert_eq!(nonce.until, now().millis() + 60_000);
        let other = issue(&keys(1), "guard", now()).unwrap();
        assert_ne!(nonce.digest, open(&keys(1), "guard", &other, now()).unwrap().digest);
        assert!(text.len() <= super::super::proof::NONCE_MAX);
    }

    #[test]
    fn s15_what_another_sealed_or_for_another_is_none() {
        let text = issue(&keys(1), "guard", now()).unwrap();
        assert_eq!(open(&keys(2), "guard", &text, now()), Err(NonceFault::Forged));
        assert_eq!(open(&keys(1), "other", &text, now()), Err(NonceFault::Forged));
        assert_eq!(open(&keys(1), "guard", "", now()), Err(NonceFault::Forged));
        let sealed = keys(1).seal("something else", &[0; LENGTH]).unwrap();
        assert_eq!(open(&keys(1), "guard", &sealed, now()), Err(NonceFault::Forged));
        let short = keys(1).seal(PURPOSE, &[0; LENGTH - 1]).unwrap();
        assert_eq!(open(&keys(1), "guard", &short, now()), Err(NonceFault::Forged));
    }

    #[test]
    fn s15_a_nonce_ends() {
        let text = issue(&keys(1), "guard", now()).unwrap();
        let after = |millis| open(&keys(1), "guard", &text, now().plus(SignedDuration::from_millis(millis)));
        assert!(after(59_999).is_ok());
        assert_eq!(after(60_000), Err(NonceFault::Over));
    }
}
