//! Tokens of an issuer, and tokens that somebody else made.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};

use super::*;
use crate::session::{Jwks, jwks};

pub(in crate::session) const ISSUER: &str = "https://issuer.example.com";
pub(in crate::session) const AUDIENCE: &str = "guard.example.com";
const NOW: i64 = 1_804_845_600;

/// An issuer's key pair.
pub(in crate::session) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(in crate::session) fn b64(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

impl Pair {
    pub(in crate::session) fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn rsa(size: KeySize) -> Self {
        Self::Rsa(RsaKeyPair::generate(size).unwrap())
    }

    /// The key as an issuer publishes it.
    pub(in crate::session) fn jwk(&self, kid: &str) -> String {
        match self {
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let n = b64(public.modulus().big_endian_without_leading_zero());
                let e = b64(public.exponent().big_endian_without_leading_zero());
                format!(r#"{{"kty":"RSA","kid":"{kid}","n":"{n}","e":"{e}"}}"#)
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (b64(&point[1..33]), b64(&point[33..]));
                format!(r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed(pair) => {
                let x = b64(pair.public_key().as_ref());
                format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#)
            }
        }
    }

    fn key(&self) -> Key {
        jwks::read(format!(r#"{{"keys":[{}]}}"#, self.jwk("k1")).as_bytes()).unwrap().remove(0)
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ec(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    /// A token with these texts as header and claims.
    fn sign(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(claims));
        let signature = b64(self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// A token as an issuer makes it.
    pub(in crate::session) fn token(&self, kid: &str, claims: &str) -> String {
        self.sign(&format!(r#"{{"alg":"{}","kid":"{kid}","typ":"JWT"}}"#, self.name()), claims)
    }
}

fn options() -> IssuerOptions {
    IssuerOptions {
        issuer: ISSUER.into(),
        audiences: BTreeSet::from([AUDIENCE.into()]),
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa],
        jwks: Jwks::File(PathBuf::new()),
        leeway: Duration::from_secs(30),
    }
}

fn now() -> Now {
    jiff::Timestamp::from_second(NOW).unwrap().into()
}

fn claims() -> String {
    format!(
        r#"{{"iss":"{ISSUER}","sub":"system:serviceaccount:desk:sync","aud":"{AUDIENCE}","exp":{},"iat":{NOW}}}"#,
        NOW + 600
    )
}

fn proven(token: &str, key: &Key) -> Result<Claims, TokenFault> {
    Unproven::read(token)?.prove(key, &options(), now())
}

fn fault(token: &str, key: &Key) -> Option<TokenFault> {
    proven(token, key).err()
}

#[test]
fn a_token_of_the_issuer_proves_its_subject() {
    let ed = Pair::Ed(Ed25519KeyPair::generate().unwrap());
    for pair in [Pair::ec(), ed, Pair::rsa(KeySize::Rsa2048)] {
        let token = pair.token("k1", &claims());
        assert_eq!(
            (Unproven::read(&token).ok().unwrap().kid.as_str(), pair.name().is_empty()),
            ("k1", false)
        );
        let found = proven(&token, &pair.key()).ok().unwrap();
        assert_eq!(
            (found.subject.as_str(), found.audience.as_str()),
            ("system:serviceaccount:desk:sync", AUDIENCE)
        );
        assert_eq!(found.expires.millis(), (NOW + 600) * 1000);
    }
}

#[test]
fn s12_no_signature_and_shared_secrets_prove_nothing() {
    let pair = Pair::rsa(KeySize::Rsa2048);
    for name in ["none", "None", "HS256", "HS384", "HS512", "rs256", "RS257", "", "A128KW"] {
        let token = pair.sign(&format!(r#"{{"alg":"{name}","kid":"k1"}}"#), &claims());
        assert_eq!(fault(&token, &pair.key()), Some(TokenFault::Algorithm), "{name}");
    }
    let token = pair.token("k1", &claims());
    let (signed, _) = token.rsplit_once('.').unwrap();
    assert_eq!(fault(&format!("{signed}."), &pair.key()), Some(TokenFault::Form));
    assert_eq!(fault(signed, &pair.key()), Some(TokenFault::Form));
}

#[test]
fn s12_the_kind_of_the_key_decides_and_not_the_token() {
    let (rsa, ec) = (Pair::rsa(KeySize::Rsa2048), Pair::ec());
    assert_eq!(fault(&rsa.token("k1", &claims()), &ec.key()), Some(TokenFault::KeyKind));
    assert_eq!(fault(&ec.token("k1", &claims()), &rsa.key()), Some(TokenFault::KeyKind));
    // Listed for no issuer here, though the key could.
    let token = rsa.sign(r#"{"alg":"PS256","kid":"k1"}"#, &claims());
    assert_eq!(fault(&token, &rsa.key()), Some(TokenFault::NotListed));
}

#[test]
fn no_bit_may_change() {
    let pair = Pair::ec();
    let token = pair.token("k1", &claims());
    assert_eq!(fault(&token, &Pair::ec().key()), Some(TokenFault::Signature));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let octets = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for at in 0..octets.len() {
        let mut forged = octets.clone();
        forged[at] ^= 1;
        let forged = format!("{signed}.{}", b64(forged));
        assert_eq!(fault(&forged, &pair.key()), Some(TokenFault::Signature), "{at}");
    }
    let (header, _) = signed.split_once('.').unwrap();
    let other = claims().replace("sync", "root");
    assert_eq!(
        fault(&format!("{header}.{}.{signature}", b64(other)), &pair.key()),
        Some(TokenFault::Signature)
    );
}

#[test]
fn v7_doubled_members_are_refused() {
    let pair = Pair::ec();
    let token = pair.sign(r#"{"alg":"ES256","kid":"k1","alg":"ES256"}"#, &claims());
    assert_eq!(fault(&token, &pair.key()), Some(TokenFault::Header));
    let doubled = claims().replace(r#""sub""#, r#""sub":"system:serviceaccount:a:b","sub""#);
    assert_eq!(fault(&pair.token("k1", &doubled), &pair.key()), Some(TokenFault::Claims("json")));
    let escaped = claims().replace(r#""sub""#, r#""s\u0075b":"x","sub""#);
    assert_eq!(fault(&pair.token("k1", &escaped), &pair.key()), Some(TokenFault::Claims("json")));
}

#[test]
fn headers_that_ask_for_more_are_refused() {
    let pair = Pair::ec();
    for (header, expected) in [
        (r#"{"alg":"ES256","kid":"k1","crit":["b64"],"b64":false}"#, TokenFault::Critical),
        (r#"{"alg":"ES256","kid":"k1","b64":false}"#, TokenFault::Critical),
        (r#"{"alg":"ES256","kid":"k1","crit":[]}"#, TokenFault::Critical),
        (r#"{"alg":"ES256","kid":"k1","typ":"logout+jwt"}"#, TokenFault::Type),
        (r#"{"alg":"ES256","kid":"k1","typ":"dpop+jwt"}"#, TokenFault::Type),
        (r#"{"alg":"ES256"}"#, TokenFault::NoKey),
        (r#"{"alg":"ES256","kid":""}"#, TokenFault::NoKey),
        (r#"{"alg":"ES256","kid":1}"#, TokenFault::Header),
        (r#"{"alg":["ES256"],"kid":"k1"}"#, TokenFault::Header),
        (r#"{"kid":"k1"}"#, TokenFault::Algorithm),
        ("[]", TokenFault::Header),
    ] {
        assert_eq!(fault(&pair.sign(header, &claims()), &pair.key()), Some(expected), "{header}");
    }
    // A key in the header is not looked at.
    let header =
        format!(r#"{{"alg":"ES256","kid":"k1","jwk":{},"jku":"https://example.com"}}"#, pair.jwk("k1"));
    assert_eq!(fault(&pair.sign(&header, &claims()), &Pair::ec().key()), Some(TokenFault::Signature));
}

#[test]
fn v2_the_audience_is_this_guard() {
    let pair = Pair::ec();
    let with = |aud: &str| {
        fault(&pair.token("k1", &claims().replace(&format!(r#""{AUDIENCE}""#), aud)), &pair.key())
    };
    assert_eq!(with(&format!(r#"["other","{AUDIENCE}"]"#)), None);
    assert_eq!(with(r#""sts.amazonaws.com""#), Some(TokenFault::Audience));
    assert_eq!(with(r#""Guard.example.com""#), Some(TokenFault::Audience));
    assert_eq!(with("[]"), Some(TokenFault::Audience));
    assert_eq!(with(&format!(r#"["{AUDIENCE}",1]"#)), Some(TokenFault::Claims("aud")));
    assert_eq!(with("null"), Some(TokenFault::Claims("aud")));
    assert_eq!(with("{}"), Some(TokenFault::Claims("aud")));
}

#[test]
fn times_are_kept() {
    let pair = Pair::ec();
    let exp = format!(r#""exp":{}"#, NOW + 600);
    let iat = format!(r#""iat":{NOW}"#);
    let with = |from: &str, to: String| fault(&pair.token("k1", &claims().replace(from, &to)), &pair.key());
    assert_eq!(with(&exp, format!(r#""exp":{}"#, NOW + 1)), None);
    assert_eq!(with(&exp, format!(r#""exp":{NOW}"#)), Some(TokenFault::Expired));
    assert_eq!(with(&exp, format!(r#""exp":{NOW}.999"#)), Some(TokenFault::Expired));
    assert_eq!(with(&exp, r#""exp":1e30"#.into()), Some(TokenFault::Claims("exp")));
    assert_eq!(with(&exp, r#""exp":"9999999999""#.into()), Some(TokenFault::Claims("exp")));
    assert_eq!(with(&exp, r#""exp":99999999999999"#.into()), Some(TokenFault::Claims("exp")));
    assert_eq!(with(&exp, r#""x":1"#.into()), Some(TokenFault::Claims("exp")));
    for name in ["iat", "nbf"] {
        assert_eq!(with(&iat, format!(r#""{name}":{}"#, NOW + 30)), None, "{name}");
        assert_eq!(with(&iat, format!(r#""{name}":{}"#, NOW + 31)), Some(TokenFault::NotYet), "{name}");
        assert_eq!(with(&iat, format!(r#""{name}":"{NOW}""#)), Some(TokenFault::Claims(name)), "{name}");
    }
}

#[test]
fn issuer_and_subject_are_there() {
    let pair = Pair::ec();
    let with = |from: &str, to: &str| fault(&pair.token("k1", &claims().replace(from, to)), &pair.key());
    assert_eq!(with(ISSUER, "https://issuer.example.com/"), Some(TokenFault::Claims("iss")));
    assert_eq!(with(&format!(r#""iss":"{ISSUER}""#), r#""iss":[]"#), Some(TokenFault::Claims("iss")));
    assert_eq!(with(r#""sub""#, r#""subject""#), Some(TokenFault::Claims("sub")));
    assert_eq!(with("sync", &"s".repeat(255)), Some(TokenFault::Claims("sub")));
}

#[test]
fn what_is_no_token_is_refused() {
    let key = Pair::ec().key();
    for token in ["", ".", "..", "a.b.c", "a.b.c.d", "e30.e30", "e30=.e30.AA", "\u{e9}.e30.AA"] {
        assert!(fault(token, &key).is_some(), "{token}");
    }
    let long = format!("{}.e30.AA", "A".repeat(TOKEN_MAX));
    assert_eq!(fault(&long, &key), Some(TokenFault::Form));
}
