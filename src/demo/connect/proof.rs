//! Signature Version 4 as AWS asks for it: who signed a request is decided before anything else is looked at.
//!
//! Which error AWS gives in each case is from its common errors and from what its clients treat alike; none of it was
//! tried against the real Connect.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    secret::{Digest, Secret},
    sigv4::{AuthorizationFault, Claimed, Signable, instant, verify},
};

use super::{Credential, answer::Answer, received::Received};

/// What a signature has to fit.
pub(super) struct Gatekeeper<'a> {
    pub(super) region: &'a str,
    pub(super) credentials: &'a [Credential],
    pub(super) skew: Option<Duration>,
}

impl Gatekeeper<'_> {
    /// Whether a request is signed by one of the credentials, now, for Connect in this Region; notes the claimed key.
    pub(super) fn check(&self, received: &mut Received, now: Timestamp) -> Result<(), Answer> {
        let values: Vec<String> = received.values("authorization").into_iter().map(str::to_owned).collect();
        let authorization = match values.as_slice() {
            [] => {
                return Err(forbidden("MissingAuthenticationTokenException", "Missing Authentication Token"));
            }
            [one] => Claimed::read(one),
            [_, _, ..] => Err(AuthorizationFault::Form("it is there twice")),
        };
        let claimed = authorization
            .map_err(|fault| Answer::error(400, "IncompleteSignatureException", &fault.to_string()))?;
        received.access_key_id = Some(claimed.access_key_id.to_owned());
        let credential = self.credentials.iter().find(|one| one.access_key_id == claimed.access_key_id);
        let credential = credential.ok_or_else(unrecognised)?;
        if claimed.region != self.region || claimed.service != "connect" {
            return Err(bad_signature("Credential should be scoped to this Region and service `connect`"));
        }
        self.check_headers(received, &claimed, credential, now)?;

        let fields: Vec<(String, &str)> = received.fields().collect();
        let headers: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        let signable = Signable {
            method: &received.method,
            target: &received.target,
            headers: &headers,
            body: &received.body,
        };
        let dates = received.values("x-amz-date");
        let secret = Secret::new(credential.secret.clone().into_bytes());
        verify(&claimed, signable, dates.first().copied().unwrap_or_default(), &secret)
            .map_err(|_| bad_signature("The request signature we calculated does not match"))
    }

    fn check_headers(
        &self,
        received: &Received,
        claimed: &Claimed,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<(), Answer> {
        let signed = |name: &str| claimed.signed_headers.contains(&name);
        if !signed("host") {
            return Err(bad_signature("`host` must be signed"));
        }
        if let Some((name, _)) =
            received.fields().find(|(name, _)| name.starts_with("x-amz-") && !signed(name))
        {
            return Err(bad_signature(&format!("`{name}` must be signed")));
        }
        let at = match received.values("x-amz-date").as_slice() {
            [one] => instant(one),
            [] | [_, _, ..] => None,
        };
        let at = at.ok_or_else(|| {
            Answer::error(400, "IncompleteSignatureException", "one `x-amz-date` is required")
        })?;
        if self.skew.is_some_and(|skew| at.duration_until(now).unsigned_abs() > skew) {
            return Err(bad_signature("Signature expired or not yet current"));
        }
        match received.values("x-amz-content-sha256").as_slice() {
            [] => {}
            [one] if *one == Digest::of(&received.body).hex() => {}
            [_, ..] => return Err(bad_signature("`x-amz-content-sha256` is not the hash of the body")),
        }
        match (received.values("x-amz-security-token").as_slice(), &credential.session_token) {
            ([], None) => Ok(()),
            ([one], Some(token)) if one == token => Ok(()),
            ([] | [_, ..], _) => Err(unrecognised()),
        }
    }
}

fn forbidden(name: &str, message: &str) -> Answer {
    Answer::error(403, name, message)
}

fn bad_signature(message: &str) -> Answer {
    forbidden("InvalidSignatureException", message)
}

fn unrecognised() -> Answer {
    forbidden("UnrecognizedClientException", "The security token included in the request is invalid.")
}
