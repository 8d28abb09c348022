//! Verifying: the same request is signed again, over exactly the headers the client says it signed, and the two
//! signatures are compared in constant time.
//!
//! What a signature does *not* bind, by the definition of Signature Version 4, and who answers for it:
//! - the path is signed in normal form: `/a/./b`, `/a//b`, `/a/x/../b` and `//a/b` all carry the signature of `/a/b`.
//!   `wire` refuses every path that is not in normal form already;
//! - the members of the query are signed decoded and sorted: their order, a trailing `?`, `&&`, `a` for `a=` and the
//!   spelling of escapes do not change the signature. `wire` refuses broken escapes, bad UTF-8 and doubled members, so
//!   that every query with one signature has one reading;
//! - a header value is signed with its spaces trimmed and each run of spaces made one;
//! - a header that is not in the signed list, and the access key id (but for the secret that belongs to it), are not
//!   signed at all. `caller` decides which headers must be in the list.

use aws_credential_types::Credentials as Signer;

use crate::secret::{Digest, Secret};

use super::{
    Claimed, Signable,
    canonical::{self, AUTHORIZATION, Scope, X_AMZ_DATE},
    instant,
};

/// The signature is not that of this request under this secret. Carries nothing: neither signature may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch;

/// Whether `claimed` is the signature of `request` under `secret`. `x_amz_date` is the value of the request's header of
/// that name, `YYYYMMDD'T'HHMMSS'Z'`: it must be among the signed ones, and its day that of the scope.
///
/// # Errors
/// A header named as signed and not present is a mismatch; so is one present twice, a target with two readings (see
/// [`super::SigningFault`]), and every signature that is another one.
///
/// Settings: double percent-encoding, path normalisation, nothing excluded (`excluded_headers: None`), session token as
/// any other header. Neither skew nor the scope's Region and service are judged here.
pub fn verify(
    claimed: &Claimed<'_>,
    request: Signable<'_>,
    x_amz_date: &str,
    secret: &Secret,
) -> Result<(), Mismatch> {
    let headers = claimed
        .signed_headers
        .iter()
        .map(|name| only(request.headers, name))
        .collect::<Result<Vec<_>, Mismatch>>()?;
    if !headers.contains(&(X_AMZ_DATE, x_amz_date)) {
        return Err(Mismatch);
    }
    let at = instant(x_amz_date).ok_or(Mismatch)?;
    let secret = secret.expose_str().ok_or(Mismatch)?;
    let signer = Signer::new(claimed.access_key_id, secret, None, None, "connect-guard");
    let scope = Scope { region: claimed.region, service: claimed.service, at };
    let request = Signable { headers: &headers, ..request };

    let instructions = canonical::instructions(request, signer, scope).map_err(|_| Mismatch)?;
    let (_, ours) = instructions.headers().find(|(name, _)| *name == AUTHORIZATION).ok_or(Mismatch)?;
    let ours = Claimed::read(ours).map_err(|_| Mismatch)?;
    // The signer's own account of what it signed: another day or another list is another signature.
    if ours.date != claimed.date || ours.signed_headers != claimed.signed_headers {
        return Err(Mismatch);
    }
    if !Digest::from_bytes(ours.signature).matches(&Digest::from_bytes(claimed.signature)) {
        return Err(Mismatch);
    }
    Ok(())
}

/// The one header of this name; none and many are mismatches.
fn only<'a>(headers: &[(&'a str, &'a str)], wanted: &str) -> Result<(&'a str, &'a str), Mismatch> {
    let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
    match (found.next(), found.next()) {
        (Some(header), None) => Ok(*header),
        (None, _) | (Some(_), Some(_)) => Err(Mismatch),
    }
}
