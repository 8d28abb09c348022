//! The one call into the SDKs' own signer: which headers it signs is decided here, all of the rest is its work.
//!
//! What the signer does by itself, and how it is kept from doing more than it was told:
//! - it adds `host` from the URI when the request has none, and panics when the URI has no authority: so a request
//!   without `host` never reaches it;
//! - it writes `x-amz-date` from the time it is given, over one that is there: the time is always that of the header;
//! - it adds `x-amz-security-token` when the credentials hold a token: those of a verification never do;
//! - it leaves out `authorization`, `user-agent`, `x-amzn-trace-id` and `transfer-encoding` by default: here nothing is
//!   left out;
//! - it joins doubled headers with a comma: here a doubled header is a fault;
//! - it cuts off a fragment and takes `+` in a query for a space: here a target with either is a fault;
//! - at the `TRACE` level it writes the canonical request, the string to sign and the headers: here it is not heard.

use std::{error::Error, time::SystemTime};

use aws_credential_types::Credentials as Signer;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningParams, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use jiff::Timestamp;
use tracing::{Dispatch, dispatcher, level_filters::LevelFilter};

use super::{Signable, SigningFault};

/// The header that carries the time of signing.
pub(super) const X_AMZ_DATE: &str = "x-amz-date";
/// The header that carries the token of temporary credentials.
pub(super) const X_AMZ_SECURITY_TOKEN: &str = "x-amz-security-token";
/// The header that carries the signature.
pub(super) const AUTHORIZATION: &str = "authorization";

/// For what a signature is valid.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    pub(super) at: Timestamp,
}

/// Signs exactly `request.headers`, `x-amz-date` of `scope.at`, and `signer`'s session token if it has one.
pub(super) fn instructions(
    request: Signable<'_>,
    signer: Signer,
    scope: Scope<'_>,
) -> Result<SigningInstructions, SigningFault> {
    if request.method.is_empty() || !request.method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(SigningFault::Method);
    }
    if !has_one_reading(request.target) {
        return Err(SigningFault::Target);
    }
    if let Some(name) = first_doubled(request.headers) {
        return Err(SigningFault::Doubled(name.to_owned()));
    }
    if !request.headers.iter().any(|(name, _)| *name == "host") {
        return Err(SigningFault::NoHost);
    }

    let identity = signer.into();
    let params: SigningParams<'_> = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(SystemTime::from(scope.at))
        .settings(settings())
        .build()
        .map_err(unsignable)?
        .into();
    let body = SignableBody::Bytes(request.body);
    let signable =
        SignableRequest::new(request.method, request.target, request.headers.iter().copied(), body)
            .map_err(unsignable)?;
    let output = unheard(|| sign(signable, &params)).map_err(unsignable)?;
    Ok(output.into_parts().0)
}

/// Does something of which no log is told; where nobody hears `TRACE`, there is nothing to tell.
fn unheard<T>(act: impl FnOnce() -> T) -> T {
    if LevelFilter::current() < LevelFilter::TRACE {
        return act();
    }
    dispatcher::with_default(&Dispatch::none(), act)
}

/// The settings with which every AWS client signs for Connect and STS, except that no header is left out.
fn settings() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Double;
    settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
    settings.signature_location = SignatureLocation::Headers;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Enabled;
    settings.excluded_headers = None;
    settings
}

/// Origin form, and nothing in it that the signer reads in another way than this crate does.
fn has_one_reading(target: &str) -> bool {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    path.starts_with('/') && !target.contains('#') && !query.contains('+')
}

/// Names are compared whatever their letter case: the signer puts them in lower case.
fn first_doubled<'a>(headers: &[(&'a str, &'a str)]) -> Option<&'a str> {
    let lower = |name: &'a str| name.bytes().map(|byte| byte.to_ascii_lowercase());
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_by(|left, right| lower(left).cmp(lower(right)));
    names.array_windows().find(|[left, right]| left.eq_ignore_ascii_case(right)).map(|[name, _]| *name)
}

fn unsignable(fault: impl Error + Send + Sync + 'static) -> SigningFault {
    SigningFault::Form(Box::new(fault))
}
