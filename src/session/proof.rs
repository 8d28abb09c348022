//! The proof that somebody holds AWS credentials: a signed `GetCallerIdentity` that only STS can check. The one
//! description of that request, for whoever signs it and for the guard that sends it.
//!
//! A client hands over the few parts that differ, and never a URL, a method, a body or a header field: the guard writes
//! the request anew from this description. What makes it a proof for one guard and for once are two signed header
//! fields, the guard's audience and a nonce of the guard's. Whoever signs must take the audience from his own
//! configuration: one that is told by the other side may be that of a guard behind it.

use std::{error::Error, fmt};

use bytes::Bytes;

use crate::{
    client::Outgoing,
    clock::Now,
    secret::Secret,
    sigv4::{Claimed, Credentials, Signable, SigningFault, instant, sign},
    wire::{
        Malformed,
        json::{Json, Object},
    },
};

use super::StsHost;

/// The header field with the audience of the guard that the proof is for.
pub const AUDIENCE: &str = "x-connect-guard-audience";
/// The header field with the guard's nonce.
pub const NONCE: &str = "x-connect-guard-nonce";
/// Characters of an audience.
pub const AUDIENCE_MAX: usize = 256;
/// Characters of a nonce.
pub const NONCE_MAX: usize = 512;

const METHOD: &str = "POST";
const TARGET: &str = "/";
const BODY: &[u8] = b"Action=GetCallerIdentity&Version=2011-06-15";
const CONTENT_TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// STS answers in XML unless JSON is asked for. Signed, so that nobody asks for another form.
const ACCEPT: &str = "text/xml";
const SERVICE: &str = "sts";
const DATE: &str = "x-amz-date";
const TOKEN: &str = "x-amz-security-token";

/// Characters of an access key id (IAM API, `AccessKey`).
const KEY_ID: std::ops::RangeInclusive<usize> = 16..=128;
/// Characters of a session token. STS says that it has no fixed size and may grow; 4 KiB were the most it ever had.
const TOKEN_MAX: usize = 12 * 1024;

/// What differs from one signed request to the next. Has no `Debug`: it holds a session token, and a signature that STS
/// would take.
pub struct StsProof {
    /// The guard's nonce.
    pub nonce: String,
    /// Where STS is asked; also the signature's Region.
    pub host: StsHost,
    /// The access key id: `AKIA...` or `ASIA...`.
    pub access_key_id: String,
    /// `x-amz-date`: one spelling for each second.
    pub date: String,
    /// The session token of temporary credentials (`ASIA...`).
    pub security_token: Option<Secret>,
    /// The signature: 64 lower-case hexadecimal digits.
    pub signature: String,
}

/// Why there is no proof.
#[derive(Debug)]
pub enum ProofFault {
    /// STS has no host there.
    Region(String),
    /// The audience is not 1 to 256 characters of `A-Za-z0-9._:/-`.
    Audience,
    /// A part has a form that no credentials of AWS have; which.
    Part(&'static str),
    /// It cannot be signed.
    Signing(SigningFault),
}

impl StsProof {
    /// Signs the request with these credentials.
    ///
    /// # Errors
    /// No such Region, or an audience, a nonce or credentials that nobody would take.
    pub fn sign(
        credentials: &Credentials,
        region: &str,
        audience: &str,
        nonce: &str,
        now: Now,
    ) -> Result<Self, ProofFault> {
        let host = StsHost::of(region).ok_or_else(|| ProofFault::Region(region.to_owned()))?;
        if !is_audience(audience) {
            return Err(ProofFault::Audience);
        }
        let name = host.name();
        let fields = fields(&name, audience, nonce);
        let signable = Signable { method: METHOD, target: TARGET, headers: &fields, body: BODY };
        let added = sign(signable, credentials, host.region, SERVICE, now).map_err(ProofFault::Signing)?;
        let value = |wanted: &str| added.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let claimed = value("authorization").and_then(|value| Claimed::read(value).ok());
        let claimed = claimed.ok_or(ProofFault::Part("authorization"))?;
        let proof = Self {
            nonce: nonce.to_owned(),
            host,
            access_key_id: credentials.access_key_id.clone(),
            date: value(DATE).cloned().unwrap_or_default(),
            security_token: credentials.session_token.clone(),
            signature: hex::encode(claimed.signature),
        };
        proof.check().map_err(ProofFault::Part)?;
        Ok(proof)
    }

    /// The body of `POST /v1/session/sts`.
    pub fn body(&self) -> Vec<u8> {
        let mut object = Object::new();
        object.set("nonce", self.nonce.as_str().into());
        object.set("region", self.host.region.into());
        object.set("accessKeyId", self.access_key_id.as_str().into());
        object.set("date", self.date.as_str().into());
        if let Some(token) = self.security_token.as_ref().and_then(Secret::expose_str) {
            object.set("securityToken", token.into());
        }
        object.set("signature", self.signature.as_str().into());
        object.write()
    }

    /// Reads the body of `POST /v1/session/sts`.
    ///
    /// # Errors
    /// 400, naming the member.
    pub(super) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut object = Json::read_object(body)?;
        let mut member = |name: &'static str| {
            object.take_string(name)?.ok_or_else(|| Malformed::form(format!("`{name}` is missing")))
        };
        let (nonce, region, access_key_id) = (member("nonce")?, member("region")?, member("accessKeyId")?);
        let (date, signature) = (member("date")?, member("signature")?);
        let security_token = object.take_string("securityToken")?;
        object.finish()?;
        let host =
            StsHost::of(&region).ok_or_else(|| Malformed::form("`region` is none that STS has a host in"))?;
        let security_token = security_token.map(|token| Secret::new(token.into_bytes()));
        let proof = Self { nonce, host, access_key_id, date, security_token, signature };
        proof.check().map_err(|part| Malformed::form(format!("`{part}` has not the form it must have")))?;
        Ok(proof)
    }

    /// The signed request, written anew.
    pub(super) fn request(&self, audience: &str) -> Outgoing {
        let name = self.host.name();
        let mut headers: Vec<(&'static str, String)> = fields(&name, audience, &self.nonce)
            .into_iter()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        headers.push((DATE, self.date.clone()));
        if let Some(token) = self.security_token.as_ref().and_then(Secret::expose_str) {
            headers.push((TOKEN, token.to_owned()));
        }
        let mut signed: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        signed.sort_unstable();
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}/{}/{SERVICE}/aws4_request, SignedHeaders={}, Signature={}",
            self.access_key_id,
            self.date.get(..8).unwrap_or_default(),
            self.host.region,
            signed.join(";"),
            self.signature,
        );
        headers.push(("authorization", authorization));
        Outgoing { method: METHOD, target: TARGET.to_owned(), headers, body: Bytes::from_static(BODY) }
    }

    /// The first part whose form no proof has, by its name in the body. So no part can end its header field or begin
    /// another piece of `Authorization`.
    fn check(&self) -> Result<(), &'static str> {
        let key_id = self.access_key_id.as_str();
        let temporary = key_id.starts_with("ASIA");
        let is_key_id = KEY_ID.contains(&key_id.len())
            && key_id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_key_id || !(temporary || key_id.starts_with("AKIA")) {
            return Err("accessKeyId");
        }
        let token = self.security_token.as_ref().map(Secret::expose);
        let is_token = token.is_none_or(|token| {
            (1..=TOKEN_MAX).contains(&token.len())
                && token.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=_-".contains(byte))
        });
        if !is_token || token.is_some() != temporary {
            return Err("securityToken");
        }
        if !(1..=NONCE_MAX).contains(&self.nonce.len())
            || !self.nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        {
            return Err("nonce");
        }
        if instant(&self.date).is_none() {
            return Err("date");
        }
        if self.signature.len() != 64
            || !self.signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Err("signature");
        }
        Ok(())
    }
}

/// Whether this can be a guard's audience: 1 to 256 characters of `A-Za-z0-9._:/-`.
pub fn is_audience(text: &str) -> bool {
    (1..=AUDIENCE_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._:/-".contains(&byte))
}

/// The header fields that are signed and not added by signing.
fn fields<'a>(host: &'a str, audience: &'a str, nonce: &'a str) -> Vec<(&'static str, &'a str)> {
    vec![
        ("accept", ACCEPT),
        ("content-type", CONTENT_TYPE),
        ("host", host),
        (AUDIENCE, audience),
        (NONCE, nonce),
    ]
}

impl fmt::Display for ProofFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => write!(f, "sts has no host in `{}`", region.escape_debug()),
            Self::Audience => f.write_str("the audience is not 1 to 256 of A-Za-z0-9._:/-"),
            Self::Part(part) => write!(f, "`{part}` has a form that nobody would take"),
            Self::Signing(_) => f.write_str("the proof cannot be signed"),
        }
    }
}

impl Error for ProofFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Signing(source) => Some(source),
            Self::Region(_) | Self::Audience | Self::Part(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2027-03-12T10:00:00Z";

    fn credentials(temporary: bool) -> Credentials {
        Credentials {
            access_key_id: if temporary { "ASIAIOSFODNN7EXAMPLE" } else { "AKIAIOSFODNN7EXAMPLE" }.into(),
            secret: Secret::new(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_vec()),
            session_token: temporary.then(|| Secret::new(b"FwoGZXIvYXdzEJr//+token==".to_vec())),
        }
    }

    fn proof(temporary: bool) -> StsProof {
        let now = NOW.parse::<jiff::Timestamp>().unwrap().into();
        StsProof::sign(&credentials(temporary), "eu-central-1", "guard.example.com", "k1.AbC-_0", now)
            .unwrap()
    }

    /// Whether the request verifies under the secret, header by header as it would be sent.
    fn verifies(request: &Outgoing) -> bool {
        let fields: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let value = fields.iter().find(|(name, _)| *name == "authorization").unwrap().1;
        let claimed = Claimed::read(value).unwrap();
        let date = fields.iter().find(|(name, _)| *name == DATE).unwrap().1;
        let signable = Signable {
            method: request.method,
            target: &request.target,
            headers: &fields,
            body: &request.body,
        };
        crate::sigv4::verify(&claimed, signable, date, &credentials(true).secret).is_ok()
    }

    #[test]
    fn v1_what_was_signed_is_what_the_guard_writes_anew() {
        for temporary in [true, false] {
            let read = StsProof::read(&proof(temporary).body()).unwrap();
            let request = read.request("guard.example.com");
            assert!(verifies(&request), "{temporary}");
            assert_eq!((request.method, request.target.as_str()), ("POST", "/"));
            assert_eq!(request.body, "Action=GetCallerIdentity&Version=2011-06-15");
            let names: Vec<&str> = request.headers.iter().map(|(name, _)| *name).collect();
            assert_eq!(names.contains(&TOKEN), temporary);
            let host = request.headers.iter().find(|(name, _)| *name == "host").unwrap();
            assert_eq!(host.1, "sts.eu-central-1.amazonaws.com");
        }
    }

    #[test]
    fn v1_a_proof_for_another_audience_or_nonce_does_not_verify() {
        let mut read = StsProof::read(&proof(true).body()).unwrap();
        assert!(!verifies(&read.request("other.example.com")));
        read.nonce.push('x');
        assert!(!verifies(&read.request("guard.example.com")));
    }

    #[test]
    fn v1_every_header_field_is_signed() {
        let authorization = proof(true).request("guard.example.com").headers.pop().unwrap().1;
        let signed = Claimed::read(&authorization).unwrap().signed_headers;
        let expected =
            ["accept", "content-type", "host", DATE, TOKEN, AUDIENCE, NONCE].map(str::to_owned).to_vec();
        assert_eq!(signed, expected);
    }

    #[test]
    fn v1_only_the_parts_are_taken_and_each_in_its_form() {
        let good = String::from_utf8(proof(true).body()).unwrap();
        let refused = |from: &str, to: &str| {
            let bad = good.replace(from, to);
            assert_ne!(bad, good, "{from}");
            assert!(StsProof::read(bad.as_bytes()).is_err(), "{to}");
        };
        refused(r#""region":"eu-central-1""#, r#""region":"eu-central-1.example.com""#);
        refused("ASIAIOSFODNN7EXAMPLE", "ASIA/../IOSFODNN7EXAMPLE");
        refused("ASIAIOSFODNN7EXAMPLE", "GSAAIOSFODNN7EXAMPLE");
        refused("ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE");
        refused("FwoGZXIvYXdzEJr", "Fwo\\r\\nhost: x");
        refused("k1.AbC-_0", "k1 AbC");
        refused("20270312T100000Z", "20270312T100000Z/x");
        refused(r#""signature":""#, r#""signature":"AB"#);
        refused(r#"{"nonce""#, r#"{"url":"https://example.com","nonce""#);
        refused(r#"{"nonce""#, r#"{"nonce":"a","nonce""#);
        for name in ["nonce", "region", "accessKeyId", "date", "signature"] {
            let mut object = Json::read_object(good.as_bytes()).unwrap();
            object.take(name);
            let why = StsProof::read(&object.write()).err().unwrap().why;
            assert_eq!(why, format!("`{name}` is missing"));
        }
    }

    #[test]
    fn s12_temporary_credentials_have_a_token_and_others_have_none() {
        let mut object = Json::read_object(&proof(true).body()).unwrap();
        object.take("securityToken");
        assert!(StsProof::read(&object.write()).is_err());
        let mut object = Json::read_object(&proof(false).body()).unwrap();
        object.set("securityToken", "abc".into());
        assert!(StsProof::read(&object.write()).is_err());
    }

    #[test]
    fn an_audience_fits_into_a_header_field() {
        assert!(is_audience("https://guard.example.com:8443/session"));
        for text in ["", "a b", "a\r\nb", "\u{e9}", &"a".repeat(257)] {
            assert!(!is_audience(text), "{text:?}");
        }
    }
}
