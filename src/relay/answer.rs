//! What a session listener answers, with one reading: a session as JSON or as STS's XML, and refusals of either form.

use jiff::Timestamp;
use serde::Deserialize;

use super::NoSession;
use crate::{client::Answer, clock::Now, secret::Secret, sigv4::Credentials};

/// The most characters of the listener's words that are repeated.
const WORDS: usize = 300;
/// Characters of a session's access key id: `GS` and eighteen more.
const ID: usize = 20;

/// A session as it was granted. Has no `Debug`: it holds a secret.
#[derive(Clone)]
pub(crate) struct Granted {
    /// What to sign with.
    pub(crate) credentials: Credentials,
    /// When it was asked for.
    pub(crate) issued: Now,
    /// When it ends.
    pub(crate) expires: Now,
    /// Whom it stands for.
    pub(crate) principal: String,
}

/// A nonce, for one proof within a minute.
#[derive(Deserialize)]
pub(super) struct Nonce {
    pub(super) nonce: String,
    pub(super) audience: String,
}

/// The members of `credential_process`, and whom the session stands for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Written {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
    principal: String,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(alias = "message", rename = "Message")]
    message: String,
}

/// The nonce of an answer.
pub(super) fn nonce(answer: &Answer) -> Result<Nonce, NoSession> {
    let nonce: Nonce = json(answer)?;
    let is_plain = |text: &str, most: usize| {
        (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    // Both become header fields that are signed.
    if is_plain(&nonce.nonce, 1024) && is_plain(&nonce.audience, 256) {
        return Ok(nonce);
    }
    Err(NoSession::Answer("its nonce or its audience is not one"))
}

/// The session of an answer in JSON.
pub(super) fn session(answer: &Answer, asked: Now) -> Result<Granted, NoSession> {
    let written: Written = json(answer)?;
    if written.version != 1 {
        return Err(NoSession::Answer("its version is not 1"));
    }
    granted(
        written.access_key_id,
        written.secret_access_key,
        written.session_token,
        &written.expiration,
        written.principal,
        asked,
    )
}

/// The session of an answer as STS gives it.
pub(super) fn session_of_sts(answer: &Answer, asked: Now) -> Result<Granted, NoSession> {
    if answer.status != 200 {
        return Err(refused(answer));
    }
    let text = text(answer)?;
    let one = |name| element(text, name).ok_or(NoSession::Answer("it is not STS's XML"));
    granted(
        one("AccessKeyId")?,
        one("SecretAccessKey")?,
        one("SessionToken")?,
        &one("Expiration")?,
        one("Arn")?,
        asked,
    )
}

/// What an answer says when it is none of success.
pub(super) fn refused(answer: &Answer) -> NoSession {
    let name = answer.headers.iter().find(|(name, _)| name == "x-amzn-errortype");
    let name = name.and_then(|(_, value)| value.split(':').next()).unwrap_or_default();
    let body = text(answer).unwrap_or_default();
    let (error, message) = match serde_json::from_str::<Refusal>(body) {
        Ok(refusal) => (name.to_owned(), refusal.message),
        Err(_) => (
            element(body, "Code").unwrap_or_else(|| name.to_owned()),
            element(body, "Message").unwrap_or_default(),
        ),
    };
    let message = if message.is_empty() { "it does not say why".to_owned() } else { message };
    NoSession::Refused { status: answer.status, error: harmless(&error), message: harmless(&message) }
}

/// The JSON of a success.
pub(super) fn json<T: for<'de> Deserialize<'de>>(answer: &Answer) -> Result<T, NoSession> {
    if answer.status != 200 {
        return Err(refused(answer));
    }
    serde_json::from_slice(&answer.body)
        .map_err(|_| NoSession::Answer("it is not the JSON that was expected"))
}

fn granted(
    access_key_id: String,
    secret: String,
    token: String,
    expiration: &str,
    principal: String,
    asked: Now,
) -> Result<Granted, NoSession> {
    let is_id = |byte: u8| matches!(byte, b'A'..=b'Z' | b'2'..=b'7');
    if access_key_id.len() != ID || !access_key_id.starts_with("GS") || !access_key_id.bytes().all(is_id) {
        return Err(NoSession::Answer("its access key id is not that of a session"));
    }
    let is_plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain(&secret) || !is_plain(&token) || !is_plain(&principal) {
        return Err(NoSession::Answer("a member is empty or not visible ascii"));
    }
    let expires: Timestamp =
        expiration.parse().map_err(|_| NoSession::Answer("its expiration is not a time"))?;
    let expires = Now::from(expires);
    if expires <= asked {
        return Err(NoSession::Answer("the session is at its end: is this machine's clock right?"));
    }
    Ok(Granted {
        credentials: Credentials {
            access_key_id,
            secret: Secret::new(secret.into_bytes()),
            session_token: Some(Secret::new(token.into_bytes())),
        },
        issued: asked,
        expires,
        principal,
    })
}

fn text(answer: &Answer) -> Result<&str, NoSession> {
    std::str::from_utf8(&answer.body).map_err(|_| NoSession::Answer("it is not utf-8"))
}

/// The text of the one element of this name; none when there is none, when there are two, or when it holds others.
fn element(text: &str, name: &str) -> Option<String> {
    let (begin, end) = (format!("<{name}>"), format!("</{name}>"));
    let (_, rest) = text.split_once(&begin)?;
    let (inner, after) = rest.split_once(&end)?;
    if inner.contains('<') || after.contains(&begin) {
        return None;
    }
    // `&amp;` last: what it leaves is text.
    let plain = inner.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    Some(plain.replace("&apos;", "'").replace("&#39;", "'").replace("&amp;", "&"))
}

fn harmless(text: &str) -> String {
    text.chars().map(|one| if one.is_control() { ' ' } else { one }).take(WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = r#"{"Version":1,"AccessKeyId":"GSABCDEFGHIJKLMNOPQR","SecretAccessKey":"s/1+","SessionToken":"t=",
        "Expiration":"2027-03-12T10:15:00Z","Principal":"arn:aws:iam::111122223333:role/Desk"}"#;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Vec::new(), body: body.to_owned().into() }
    }

    fn now() -> Now {
        Now::from("2027-03-12T10:00:00Z".parse::<Timestamp>().unwrap())
    }

    fn fault(body: &str) -> String {
        session(&answer(200, body), now()).err().unwrap().to_string()
    }

    #[test]
    fn a_session_has_one_reading() {
        let granted = session(&answer(200, SESSION), now()).ok().unwrap();
        assert_eq!(granted.credentials.access_key_id, "GSABCDEFGHIJKLMNOPQR");
        assert_eq!(granted.credentials.secret.expose_str(), Some("s/1+"));
        assert_eq!(granted.expires.millis() - granted.issued.millis(), 900_000);
        for (from, to) in [
            ("\"Version\":1", "\"Version\":2"),
            ("GSABC", "AKABC"),
            ("PQR\"", "PQ\""),
            ("PQR\"", "PQ1\""),
            ("s/1+", ""),
            ("\"t=\"", "\"t\\n\""),
            ("2027-03-12T10:15:00Z", "soon"),
            ("2027-03-12T10:15:00Z", "2027-03-12T10:00:00Z"),
            ("\"Version\":1", "\"Version\":1,\"Version\":1"),
        ] {
            assert_ne!(SESSION.replace(from, to), SESSION);
            assert!(!fault(&SESSION.replace(from, to)).contains("s/1+"), "{to}");
        }
    }

    #[test]
    fn a_session_of_sts_has_one_reading() {
        let text = "<AssumeRoleWithWebIdentityResponse><Result><AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/Desk/a</Arn></AssumedRoleUser>\
            <Credentials><AccessKeyId>GSABCDEFGHIJKLMNOPQR</AccessKeyId><SecretAccessKey>a&amp;lt;b</SecretAccessKey>\
            <SessionToken>t</SessionToken><Expiration>2027-03-12T10:15:00Z</Expiration></Credentials></Result></AssumeRoleWithWebIdentityResponse>";
        let granted = session_of_sts(&answer(200, text), now()).ok().unwrap();
        assert_eq!(granted.credentials.secret.expose_str(), Some("a&lt;b"));
        let twice = text.replace("<SessionToken>", "<SessionToken>u</SessionToken><SessionToken>");
        assert!(session_of_sts(&answer(200, &twice), now()).is_err());
        let nested = text.replace("<SessionToken>t", "<SessionToken><b>t</b>");
        assert!(session_of_sts(&answer(200, &nested), now()).is_err());
    }

    #[test]
    fn refusals_of_both_forms_are_read() {
        let mut json = answer(403, r#"{"Message":"no\nsuch"}"#);
        json.headers.push(("x-amzn-errortype".into(), "AccessDeniedException:http://x".into()));
        assert_eq!(
            refused(&json).to_string(),
            "the session listener answered 403 AccessDeniedException: no such"
        );
        let xml = answer(400, "<E><Error><Code>ExpiredToken</Code><Message>old</Message></Error></E>");
        assert_eq!(refused(&xml).to_string(), "the session listener answered 400 ExpiredToken: old");
        assert_eq!(
            refused(&answer(502, "<html>")).to_string(),
            "the session listener answered 502: it does not say why"
        );
    }
}
