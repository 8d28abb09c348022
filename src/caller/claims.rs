//! What a head claims about its signature. All of it is refused or believed *to be claimed*; nothing here proves
//! anything, and nothing here depends on which keys exist, so no answer tells a stranger whether one does.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, fmt::rfc2822::DateTimeParser};

use crate::{
    clock::Now,
    secret::Digest,
    sigv4::{AuthorizationFault, Claimed, instant},
    wire::{Head, Headers, Occurs, RequestTarget},
};

use super::{Session, Unverified, notes, session_keys::TOKEN_MAX};

/// How far `x-amz-date` may be from now, in either direction, both ends included. As AWS has it.
const SKEW: SignedDuration = SignedDuration::from_secs(300);
/// The service in the scope of every request to Amazon Connect.
const SERVICE: &str = "connect";
/// Access key ids of AWS: four letters and sixteen characters. `AKIA` is long-lived, `ASIA` temporary, `ABIA` a bearer
/// token of STS, `ACCA` a context-specific credential.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html>
const AWS_PREFIXES: [&str; 4] = ["AKIA", "ASIA", "ABIA", "ACCA"];
const AWS_ID_LENGTH: usize = 20;
/// Names of headers are cut to so many characters in what is said of them.
const NAME_SHOWN: usize = 64;

/// The Regions and hosts that a signature may be for.
#[derive(Clone)]
pub(super) struct Scope {
    /// Regions; a signature names one of them.
    pub(super) regions: BTreeSet<String>,
    /// Hosts in lower case, with or without a port; any when empty.
    pub(super) hosts: BTreeSet<String>,
}

/// What a head claims, in good form and good time.
pub(super) struct Claims<'a> {
    /// The parts of `Authorization`.
    pub(super) claimed: Claimed<'a>,
    /// `x-amz-date` as sent.
    pub(super) date: &'a str,
    /// The same, read.
    pub(super) signed_at: Now,
    /// `x-amz-security-token` as sent, with the id of a session: base64url, of bounded length.
    pub(super) token: Option<&'a str>,
    /// The notes, every one of them signed.
    pub(super) notes: BTreeMap<String, String>,
    content_hash: ContentHash<'a>,
}

/// What a head says that is not signed, over a connection whose certificate is the proof.
pub(super) struct Unsigned<'a> {
    /// The Region it is for.
    pub(super) region: &'a str,
    /// The notes.
    pub(super) notes: BTreeMap<String, String>,
    content_hash: ContentHash<'a>,
}

/// `x-amz-content-sha256` as sent, if it was: sixty-four lower-case hexadecimal digits.
struct ContentHash<'a>(Option<&'a str>);

impl<'a> Claims<'a> {
    /// Reads the claims of a head and refuses whatever could not be right under any key.
    pub(super) fn read(head: &'a Head, scope: &Scope, now: Now) -> Result<Self, Unverified> {
        no_query_authentication(&head.target)?;
        let headers = &head.headers;
        let claimed = match headers.occurs("authorization") {
            Occurs::Absent => return Err(Unverified::Missing),
            Occurs::Many => return Err(AuthorizationFault::Form("there is more than one").into()),
            Occurs::One(value) => Claimed::read(value)?,
        };
        if is_aws_issued(claimed.access_key_id) {
            return Err(Unverified::AwsKey);
        }
        let (date, signed_at) = signing_time(headers)?;
        within_skew(signed_at, now)?;
        scope.holds(&claimed, date)?;
        all_signed(headers, &claimed.signed_headers)?;
        scope.is_for(headers)?;
        let content_hash = ContentHash::read(headers)?;
        let token = token(headers, &claimed)?;
        let notes = notes(headers)?;
        Ok(Self { claimed, date, signed_at, token, notes, content_hash })
    }

    /// See [`ContentHash::is_of`].
    pub(super) fn body_is(&self, body: &Digest) -> Result<(), Unverified> {
        self.content_hash.is_of(body)
    }
}

impl<'a> Unsigned<'a> {
    /// Reads a head without a signature. What belongs to one makes no sense alone, and is refused.
    pub(super) fn read(head: &'a Head, scope: &Scope) -> Result<Self, Unverified> {
        no_query_authentication(&head.target)?;
        let headers = &head.headers;
        if headers.occurs("x-amz-security-token") != Occurs::Absent {
            return Err(Unverified::Token);
        }
        let region = head.peer.region.as_deref().filter(|region| scope.regions.contains(*region));
        let region = region.ok_or(Unverified::Scope("Region"))?;
        scope.is_for(headers)?;
        let content_hash = ContentHash::read(headers)?;
        Ok(Self { region, notes: notes(headers)?, content_hash })
    }

    /// See [`ContentHash::is_of`].
    pub(super) fn body_is(&self, body: &Digest) -> Result<(), Unverified> {
        self.content_hash.is_of(body)
    }
}

impl<'a> ContentHash<'a> {
    /// The hash itself, or nothing. The words that AWS takes in its place (`UNSIGNED-PAYLOAD`, `STREAMING-...`) would
    /// leave the body unsigned.
    fn read(headers: &'a Headers) -> Result<Self, Unverified> {
        let is_hash =
            |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match headers.occurs("x-amz-content-sha256") {
            Occurs::Absent => Ok(Self(None)),
            Occurs::One(hash) if is_hash(hash) => Ok(Self(Some(hash))),
            Occurs::One(_) | Occurs::Many => Err(Unverified::ContentHash),
        }
    }

    /// That the body is the one whose hash was sent, when one was. Whether it is the one that was *signed* is the
    /// signature's business: AWS CLI and boto3 send no hash to Connect.
    fn is_of(&self, body: &Digest) -> Result<(), Unverified> {
        match self.0 {
            Some(hash) if hash != body.hex() => Err(Unverified::ContentHash),
            Some(_) | None => Ok(()),
        }
    }
}

impl Scope {
    /// The scope's service, Region and day.
    fn holds(&self, claimed: &Claimed<'_>, date: &str) -> Result<(), Unverified> {
        if claimed.service != SERVICE {
            Err(Unverified::Scope("service"))
        } else if !self.regions.contains(claimed.region) {
            Err(Unverified::Scope("Region"))
        } else if date.get(..8) != Some(claimed.date) {
            Err(Unverified::Scope("day"))
        } else {
            Ok(())
        }
    }

    /// That `Host` is a name of this guard. A host listed without a port stands for all its ports.
    fn is_for(&self, headers: &Headers) -> Result<(), Unverified> {
        let Occurs::One(host) = headers.occurs("host") else { return Err(unsigned("host")) };
        let host = host.to_ascii_lowercase();
        if self.hosts.is_empty() || self.hosts.contains(&host) || self.hosts.contains(without_port(&host)) {
            Ok(())
        } else {
            Err(Unverified::Host)
        }
    }
}

/// SHA-256 of `amz-sdk-invocation-id` in lower case, when it occurs once and is a UUID with hyphens (RFC 9562).
pub(super) fn invocation(headers: &Headers) -> Option<Digest> {
    let Occurs::One(value) = headers.occurs("amz-sdk-invocation-id") else { return None };
    if value.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let id = uuid::Uuid::try_parse(value).ok()?;
    Some(Digest::of(id.hyphenated().to_string().as_bytes()))
}

/// `name` without `:` and a port, when there is one; an IPv6 address keeps its own colons.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|byte| byte.is_ascii_digit())
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        Some(_) | None => host,
    }
}

/// A presigned request is bearer proof in a URL, and its body is not signed.
fn no_query_authentication(target: &RequestTarget) -> Result<(), Unverified> {
    let of_signature = |name: &str| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    if target.query().iter().any(|pair| of_signature(&pair.name)) { Err(Unverified::Query) } else { Ok(()) }
}

fn is_aws_issued(key_id: &str) -> bool {
    key_id.len() == AWS_ID_LENGTH && AWS_PREFIXES.iter().any(|prefix| key_id.starts_with(prefix))
}

/// `x-amz-date`. A `Date` beside it must say the same second, so that it does not matter which of them is read.
fn signing_time(headers: &Headers) -> Result<(&str, Now), Unverified> {
    let Occurs::One(date) = headers.occurs("x-amz-date") else { return Err(Unverified::Date) };
    let signed_at = instant(date).ok_or(Unverified::Date)?;
    match headers.occurs("date") {
        Occurs::Absent => Ok((date, signed_at.into())),
        Occurs::One(other) => {
            let other = instant(other).or_else(|| DateTimeParser::new().parse_timestamp(other).ok());
            if other == Some(signed_at) { Ok((date, signed_at.into())) } else { Err(Unverified::Date) }
        }
        Occurs::Many => Err(Unverified::Date),
    }
}

fn within_skew(signed_at: Now, now: Now) -> Result<(), Unverified> {
    let age = now.timestamp().duration_since(signed_at.timestamp());
    if age > SKEW {
        Err(Unverified::Stale)
    } else if age < -SKEW {
        Err(Unverified::Future)
    } else {
        Ok(())
    }
}

/// That everything which may change a request's meaning is signed, and that everything signed is there, once.
fn all_signed(headers: &Headers, signed: &[&str]) -> Result<(), Unverified> {
    // The list is sorted; were it not, less would count as signed, never more.
    let is_signed = |name: &str| signed.binary_search_by(|other| (*other).cmp(name)).is_ok();
    let must = |name: &str| {
        matches!(name, "host" | "content-type")
            || name.starts_with("x-amz-")
            || name.starts_with(notes::PREFIX)
    };
    if let Some((name, _)) = headers.iter().find(|(name, _)| must(name) && !is_signed(name)) {
        return Err(unsigned(name));
    }
    match signed.iter().find(|name| !matches!(headers.occurs(name), Occurs::One(_))) {
        Some(name) => Err(unsigned(name)),
        None => Ok(()),
    }
}

/// The session token that goes with the id of a session, and with no other. Its form alone is looked at: a token that
/// nobody issued is told from no other.
fn token<'a>(headers: &'a Headers, claimed: &Claimed<'_>) -> Result<Option<&'a str>, Unverified> {
    let is_token = |text: &str| {
        (1..=TOKEN_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match headers.occurs("x-amz-security-token") {
        Occurs::Absent if !Session::is_id(claimed.access_key_id) => Ok(None),
        Occurs::One(token) if Session::is_id(claimed.access_key_id) && is_token(token) => Ok(Some(token)),
        Occurs::Absent | Occurs::One(_) | Occurs::Many => Err(Unverified::Token),
    }
}

fn unsigned(name: &str) -> Unverified {
    Unverified::SignedHeaders(shown(name))
}

/// As much of a header's name as messages give.
pub(super) fn shown(name: &str) -> String {
    name.chars().take(NAME_SHOWN).collect()
}
