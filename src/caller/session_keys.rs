//! The keys of sessions, and the tokens made with them: sealed, so that nobody reads or writes one but a guard that has
//! the key, whichever replica that is.
//!
//! A token is base64url (RFC 4648 section 5, no padding) of: a version, the length of the sealing key's id, that id,
//! nonce, ciphertext, tag. What is sealed holds the session's own id, so no token belongs to another id. The secret to
//! sign with is the keyed hash of the token's text under a key derived apart from the sealing key: it is stored nowhere.

use std::{collections::BTreeMap, error::Error, fmt};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    clock::Now,
    secret::{Digest, HashKey, Seal, SealError, Sealed, Secret, derive},
};

use super::{Arn, Principal, Session, SessionFault, Voucher};

/// The longest token: 4 KiB, what a header field of this kind may have.
pub(super) const TOKEN_MAX: usize = 4096;
/// Octets of the shortest configured secret.
const SECRET_MIN: usize = 32;
/// Of the token's form. Another version is another reading, and refused.
const VERSION: u8 = 1;

/// What each key is derived for.
const SEALING: &str = "connect-guard session sealing 1";
const DERIVING: &str = "connect-guard session secret 1";
/// What is sealed as what; what [`SessionKeys::seal`] seals has a purpose that begins otherwise.
const TOKEN: &str = "token";
const SECRET_OF: &str = "secret";

/// Keys of sessions: the first issues, every one verifies. Has no `Debug`: it holds secrets.
pub struct SessionKeys {
    seal: Seal,
    current: (String, HashKey),
    previous: Vec<(String, HashKey)>,
}

/// The credentials of a session, as its holder is given them. Has no `Debug`: it holds a secret.
pub struct Issued {
    /// The access key id: that of the session.
    pub access_key_id: String,
    /// The secret access key: 43 characters of base64url.
    pub secret: Secret,
    /// The session token: at most 4 KiB of base64url. Opaque, and without the secret of no use.
    pub token: String,
    /// The last moment at which they hold.
    pub expires: Now,
}

/// Why there are no keys of sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionKeysFault {
    /// There is no key, or an id is not 1 to 64 characters of `A-Za-z0-9._-`, or doubled.
    Key(SealError),
    /// The secret of this key is shorter than 32 bytes.
    Short(String),
    /// The secret of this key is that of another one.
    Shared(String),
}

/// Why a session was not issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssueFault {
    /// It is none that may be.
    Session(SessionFault),
    /// Its token would be longer than 4 KiB.
    TooLong,
    /// It could not be sealed.
    Seal(SealError),
}

/// Why a token is not one that holds. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// Not sealed by one of these keys as it is.
    Forged,
    /// Its session is over.
    Expired,
}

impl SessionKeys {
    /// Keys by id, current first: 32 random bytes or more each. A key that is taken away ends the sessions under it.
    ///
    /// # Errors
    /// See [`SessionKeysFault`].
    pub fn new(keys: Vec<(String, Secret)>) -> Result<Self, SessionKeysFault> {
        let mut seen = Vec::new();
        let (mut sealing, mut deriving) = (Vec::new(), Vec::new());
        for (id, secret) in keys {
            let digest = Digest::of(secret.expose());
            if secret.expose().len() < SECRET_MIN {
                return Err(SessionKeysFault::Short(id));
            }
            if seen.contains(&digest) {
                return Err(SessionKeysFault::Shared(id));
            }
            seen.push(digest);
            let derived = |purpose| derive(&secret, purpose).map_err(SessionKeysFault::Key);
            deriving.push((id.clone(), HashKey::new(&derived(DERIVING)?)));
            sealing.push((id, derived(SEALING)?));
        }
        let seal = Seal::new(sealing).map_err(SessionKeysFault::Key)?;
        let mut deriving = deriving.into_iter();
        let none = || SessionKeysFault::Key(SealError::Key("there is none".to_owned()));
        let current = deriving.next().ok_or_else(none)?;
        Ok(Self { seal, current, previous: deriving.collect() })
    }

    /// The ids of the keys, current first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current).chain(&self.previous).map(|(id, _)| id.as_str())
    }

    /// The credentials of a session.
    ///
    /// # Errors
    /// See [`IssueFault`].
    pub fn issue(&self, session: &Session) -> Result<Issued, IssueFault> {
        session.check().map_err(IssueFault::Session)?;
        let plain = Zeroizing::new(Content::of(session).written());
        let token = self.sealed(TOKEN, &plain).map_err(IssueFault::Seal)?;
        if token.len() > TOKEN_MAX {
            return Err(IssueFault::TooLong);
        }
        let secret = secret_of(&self.current.1, &token);
        Ok(Issued { access_key_id: session.id.clone(), secret, token, expires: session.expires })
    }

    /// The session of a token. That somebody sends it proves nothing: only a signature under its secret does.
    ///
    /// # Errors
    /// See [`TokenFault`].
    pub fn open(&self, token: &str, now: Now) -> Result<Session, TokenFault> {
        let (session, _) = self.unsealed(token);
        let session = session.ok_or(TokenFault::Forged)?;
        if session.holds(now) { Ok(session) } else { Err(TokenFault::Expired) }
    }

    /// Seals what is no session, as text: `purpose` is authenticated with it.
    ///
    /// # Errors
    /// [`SealError::Randomness`].
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<String, SealError> {
        self.sealed(&other(purpose), plain)
    }

    /// Opens what [`SessionKeys::seal`] sealed for this purpose.
    ///
    /// # Errors
    /// [`SealError::Forged`]: no more is said.
    pub fn open_sealed(&self, purpose: &str, text: &str) -> Result<Secret, SealError> {
        let framed = self.framed(text).ok_or(SealError::Forged)?;
        self.opened(&other(purpose), &framed).ok_or(SealError::Forged)
    }

    /// The session of a token whether or not it is over, and the secret that belongs to the token: there is one for every
    /// text, so that a forged token costs what another costs. It is nobody's when there is no session.
    pub(super) fn unsealed(&self, token: &str) -> (Option<Session>, Secret) {
        match self.framed(token) {
            Some(framed) => {
                let plain = self.opened(TOKEN, &framed);
                (plain.and_then(|plain| Content::read(plain.expose())), secret_of(framed.key, token))
            }
            None => (None, secret_of(&self.current.1, token)),
        }
    }

    fn sealed(&self, purpose: &str, plain: &[u8]) -> Result<String, SealError> {
        let Sealed { key_id, bytes } = self.seal.seal(purpose, plain)?;
        // At most 64 characters.
        let length = u8::try_from(key_id.len()).map_err(|_| SealError::Key(key_id.clone()))?;
        Ok(URL_SAFE_NO_PAD.encode([&[VERSION, length], key_id.as_bytes(), &bytes].concat()))
    }

    /// The parts of a sealed text. A text under a key that is not here is read as under the current one, and costs the
    /// same; it opens for nobody, even if it would: each sealed text has one spelling.
    fn framed(&self, text: &str) -> Option<Framed<'_>> {
        let octets = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (&[VERSION, length], rest) = octets.split_first_chunk::<2>()? else { return None };
        let (id, bytes) = rest.split_at_checked(usize::from(length))?;
        let mut keys = std::iter::once(&self.current).chain(&self.previous);
        let named = keys.find(|(known, _)| known.as_bytes() == id);
        let (key_id, key) = named.unwrap_or(&self.current);
        let sealed = Sealed { key_id: key_id.clone(), bytes: bytes.to_vec() };
        Some(Framed { sealed, key, is_known: named.is_some() })
    }

    fn opened(&self, purpose: &str, framed: &Framed<'_>) -> Option<Secret> {
        self.seal.open(purpose, &framed.sealed).ok().filter(|_| framed.is_known)
    }
}

/// The parts of a sealed text.
struct Framed<'a> {
    sealed: Sealed,
    /// The key that its secret is derived with.
    key: &'a HashKey,
    /// Whether it names a key that is here.
    is_known: bool,
}

fn secret_of(key: &HashKey, token: &str) -> Secret {
    let hash = key.hash(SECRET_OF, token.as_bytes());
    Secret::new(URL_SAFE_NO_PAD.encode(hash.bytes()).into_bytes())
}

fn other(purpose: &str) -> String {
    format!("other:{purpose}")
}

/// What is sealed in a token.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    id: String,
    arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unique_id: Option<String>,
    voucher: Vouched,
    /// Milliseconds since 1970, as `expires`.
    issued: i64,
    expires: i64,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Vouched {
    Sts,
    WebIdentity { issuer: String, subject: String },
    Certificate { name: String, fingerprint: String },
}

impl Content {
    fn of(session: &Session) -> Self {
        let voucher = match session.voucher.clone() {
            Voucher::Sts => Vouched::Sts,
            Voucher::WebIdentity { issuer, subject } => Vouched::WebIdentity { issuer, subject },
            Voucher::Certificate { name, fingerprint } => {
                Vouched::Certificate { name, fingerprint: fingerprint.hex() }
            }
        };
        Self {
            id: session.id.clone(),
            arn: session.principal.arn.to_string(),
            unique_id: session.principal.unique_id.clone(),
            voucher,
            issued: session.issued.millis(),
            expires: session.expires.millis(),
            claims: session.claims.clone(),
            label: session.label.clone(),
        }
    }

    fn written(&self) -> Vec<u8> {
        // Text, numbers and maps of text can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Back to a session; none when it is not one that could have been issued.
    fn read(plain: &[u8]) -> Option<Session> {
        let content: Self = serde_json::from_slice(plain).ok()?;
        let voucher = match content.voucher {
            Vouched::Sts => Voucher::Sts,
            Vouched::WebIdentity { issuer, subject } => Voucher::WebIdentity { issuer, subject },
            Vouched::Certificate { name, fingerprint } => {
                let mut bytes = [0; 32];
                hex::decode_to_slice(fingerprint, &mut bytes).ok()?;
                Voucher::Certificate { name, fingerprint: Digest::from_bytes(bytes) }
            }
        };
        let at = |millis| Timestamp::from_millisecond(millis).ok().map(Now::from);
        let session = Session {
            id: content.id,
            principal: Principal { arn: Arn::read(&content.arn).ok()?, unique_id: content.unique_id },
            voucher,
            issued: at(content.issued)?,
            expires: at(content.expires)?,
            claims: content.claims,
            label: content.label,
        };
        session.check().is_ok().then_some(session)
    }
}

impl fmt::Display for SessionKeysFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(fault) => write!(f, "keys of sessions: {fault}"),
            Self::Short(id) => write!(f, "the session key `{id}` is shorter than 32 bytes"),
            Self::Shared(id) => write!(f, "the session key `{id}` has the secret of another one"),
        }
    }
}

impl Error for SessionKeysFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Key(fault) => Some(fault),
            Self::Short(_) | Self::Shared(_) => None,
        }
    }
}

impl fmt::Display for IssueFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(fault) => write!(f, "no session can be issued: {fault}"),
            Self::TooLong => f.write_str("the token of the session would be longer than 4 KiB"),
            Self::Seal(fault) => write!(f, "the session cannot be sealed: {fault}"),
        }
    }
}

impl Error for IssueFault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Session(fault) => Some(fault),
            Self::TooLong => None,
            Self::Seal(fault) => Some(fault),
        }
    }
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "the token was not issued here",
            Self::Expired => "the session is over",
        })
    }
}

impl Error for TokenFault {}
