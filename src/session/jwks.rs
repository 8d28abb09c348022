//! An issuer's public keys (RFC 7517), and what is verified with them. Keys of kinds that are not served are left out; a
//! set in which two keys have one id has two readings, and is refused.

use aws_lc_rs::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::wire::json::{Json, Object};

use super::Algorithm;

/// Octets of a set.
pub(super) const SET_MAX: usize = 256 * 1024;
/// Keys of a set.
const KEYS_MAX: usize = 64;

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) kid: String,
    /// The only algorithm it is for, when it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    /// Modulus and exponent, big-endian without leading zeros.
    Rsa { n: Vec<u8>, e: Vec<u8> },
    /// An uncompressed point.
    Ec { curve: Curve, point: Vec<u8> },
    /// Thirty-two octets.
    Ed25519(Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Curve {
    P256,
    P384,
    P521,
}

/// Why there are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JwksFault {
    /// Over 256 KiB.
    TooLong,
    /// Not strict JSON with an array `keys` of objects.
    Form,
    /// Two keys have one id, or there are more than 64.
    Doubled,
    /// No key that a token of this issuer could be signed with.
    Empty,
}

/// Reads a set: the keys for signatures of the kinds that are served, at least one.
pub(super) fn read(octets: &[u8]) -> Result<Vec<Key>, JwksFault> {
    if octets.len() > SET_MAX {
        return Err(JwksFault::TooLong);
    }
    let mut set = Json::read_object(octets).map_err(|_| JwksFault::Form)?;
    let Some(Json::Array(members)) = set.take("keys") else { return Err(JwksFault::Form) };
    let mut keys: Vec<Key> = Vec::new();
    for member in members {
        let Json::Object(member) = member else { return Err(JwksFault::Form) };
        let Some(key) = key(&member) else { continue };
        if keys.len() == KEYS_MAX || keys.iter().any(|known| known.kid == key.kid) {
            return Err(JwksFault::Doubled);
        }
        keys.push(key);
    }
    if keys.is_empty() { Err(JwksFault::Empty) } else { Ok(keys) }
}

/// The key, when it is one to verify with: of a kind that is served, with an id, and not for anything else.
fn key(member: &Object) -> Option<Key> {
    let text = |name: &str| match member.get(name) {
        Some(Json::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    // A private key in a set of public ones is nobody's secret any more.
    if ["d", "k"].iter().any(|private| member.get(private).is_some()) {
        return None;
    }
    if member.get("use").is_some() && text("use") != Some("sig") {
        return None;
    }
    if let Some(operations) = member.get("key_ops") {
        let Json::Array(operations) = operations else { return None };
        if !operations.contains(&Json::from("verify")) {
            return None;
        }
    }
    let algorithm = match member.get("alg") {
        None => None,
        Some(_) => Some(text("alg").and_then(Algorithm::read)?),
    };
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => Material::Rsa { n: octets("n")?, e: octets("e")? },
        ("EC", Some(name)) => {
            let (curve, size) = match name {
                "P-256" => (Curve::P256, 32),
                "P-384" => (Curve::P384, 48),
                "P-521" => (Curve::P521, 66),
                _ => return None,
            };
            let (x, y) = (octets("x")?, octets("y")?);
            if x.len() != size || y.len() != size {
                return None;
            }
            Material::Ec { curve, point: [&[4], x.as_slice(), y.as_slice()].concat() }
        }
        ("OKP", Some("Ed25519")) => Material::Ed25519(octets("x").filter(|x| x.len() == 32)?),
        _ => return None,
    };
    let kid = text("kid").filter(|kid| !kid.is_empty())?.to_owned();
    let key = Key { kid, algorithm, material };
    // A key that names an algorithm of another kind is none.
    key.algorithm.is_none_or(|own| key.is_for(own)).then_some(key)
}

impl Key {
    /// Whether signatures of this algorithm are made with a key like this one: the kind decides, not the token.
    pub(super) fn is_for(&self, algorithm: Algorithm) -> bool {
        let kind = match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => matches!(self.material, Material::Rsa { .. }),
            Algorithm::Es256 => matches!(self.material, Material::Ec { curve: Curve::P256, .. }),
            Algorithm::Es384 => matches!(self.material, Material::Ec { curve: Curve::P384, .. }),
            Algorithm::Es512 => matches!(self.material, Material::Ec { curve: Curve::P521, .. }),
            Algorithm::EdDsa => matches!(self.material, Material::Ed25519(_)),
        };
        kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether this is the signature of the message. RSA keys of less than 2,048 bits verify nothing.
    pub(super) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if !self.is_for(algorithm) {
            return false;
        }
        let rsa = |parameters: &'static RsaParameters| match &self.material {
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            Material::Ec { .. } | Material::Ed25519(_) => false,
        };
        let point = |parameters: &'static signature::EcdsaVerificationAlgorithm| match &self.material {
            Material::Ec { point, .. } => {
                UnparsedPublicKey::new(parameters, point).verify(message, signature).is_ok()
            }
            Material::Rsa { .. } | Material::Ed25519(_) => false,
        };
        match algorithm {
            Algorithm::Rs256 => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 => point(&signature::ECDSA_P256_SHA256_FIXED),
            Algorithm::Es384 => point(&signature::ECDSA_P384_SHA384_FIXED),
            Algorithm::Es512 => point(&signature::ECDSA_P521_SHA512_FIXED),
            Algorithm::EdDsa => match &self.material {
                Material::Ed25519(key) => {
                    UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
                }
                Material::Rsa { .. } | Material::Ec { .. } => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> Result<Vec<Key>, JwksFault> {
        read(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
    }

    /// The EC key of RFC 7517 appendix A.1.
    const EC: &str = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    #[test]
    fn a_key_is_read() {
        let keys = set(&format!(r#"{{{EC},"use":"sig","kid":"1","alg":"ES256"}}"#)).unwrap();
        assert_eq!(keys.len(), 1);
        for algorithm in Algorithm::ALL {
            assert_eq!(keys[0].is_for(algorithm), algorithm == Algorithm::Es256, "{algorithm:?}");
        }
    }

    #[test]
    fn s12_keys_for_something_else_are_left_out() {
        let good = format!(r#"{{{EC},"kid":"good"}}"#);
        for other in [
            format!("{{{EC}}}"),
            format!(r#"{{{EC},"kid":"1","use":"enc"}}"#),
            format!(r#"{{{EC},"kid":"1","use":1}}"#),
            format!(r#"{{{EC},"kid":"1","key_ops":["sign"]}}"#),
            format!(r#"{{{EC},"kid":"1","alg":"RS256"}}"#),
            format!(r#"{{{EC},"kid":"1","alg":"HS256"}}"#),
            format!(r#"{{{EC},"kid":"1","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}}"#),
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T","kid":"1","alg":"HS256"}"#
                .into(),
            r#"{"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"1"}"#.into(),
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"1"}"#.into(),
            r#"{"kty":"RSA","kid":"1"}"#.into(),
        ] {
            assert_eq!(set(&other), Err(JwksFault::Empty), "{other}");
            let both = set(&format!("{other},{good}")).unwrap();
            assert_eq!(both.iter().map(|key| key.kid.as_str()).collect::<Vec<_>>(), ["good"]);
        }
    }

    #[test]
    fn a_set_has_one_reading() {
        assert_eq!(set(&format!(r#"{{{EC},"kid":"1"}},{{{EC},"kid":"1"}}"#)), Err(JwksFault::Doubled));
        assert_eq!(read(br#"{"keys":[],"keys":[]}"#), Err(JwksFault::Form));
        assert_eq!(read(br#"{"keys":{}}"#), Err(JwksFault::Form));
        assert_eq!(read(br"[]"), Err(JwksFault::Form));
        assert_eq!(read(b"<html>"), Err(JwksFault::Form));
        assert_eq!(read(&vec![b' '; SET_MAX + 1]), Err(JwksFault::TooLong));
        let many: Vec<_> = (0..=KEYS_MAX).map(|n| format!(r#"{{{EC},"kid":"{n}"}}"#)).collect();
        assert_eq!(set(&many.join(",")), Err(JwksFault::Doubled));
    }
}
