//! `AssumeRoleWithWebIdentity`: a token of a configured issuer for a session of the role that its claims are.
//!
//! The form of STS, so that every AWS SDK asks by itself when `AWS_WEB_IDENTITY_TOKEN_FILE`, `AWS_ROLE_ARN` and
//! `AWS_ENDPOINT_URL_STS` are set. `RoleSessionName` is kept as a label and proves nothing; policies that would narrow the
//! session are refused, since nothing here would narrow it.

use std::time::Duration;

use crate::{
    caller::{Arn, Principal, Resource, Voucher},
    clock::Now,
    wire::{Reply, WireRequest},
};

use super::{
    Exchange, IssuerStats, SessionOptions,
    form::{Form, FormFault},
    grant::Draft,
    issuer::{Issuer, NoKey},
    jwt::{Claims, Unproven},
    mapping::{carried, mapped},
    stop::Stop,
    xml::{self, Assumed},
};

const ACTION: &str = "AssumeRoleWithWebIdentity";
const VERSION: &str = "2011-06-15";
/// `DurationSeconds`: the bounds of STS.
const SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

/// What is asked for. Has no `Debug`: it holds a token.
struct Asked {
    role: String,
    label: String,
    token: String,
    lifetime: Option<Duration>,
}

impl Exchange {
    /// Answers `AssumeRoleWithWebIdentity`.
    pub(super) async fn web_identity(&self, request: &WireRequest, now: Now) -> Result<Reply, Stop> {
        let asked = Asked::read(request).map_err(Stop::Form)?;
        let unproven = Unproven::read(&asked.token).map_err(Stop::Token)?;
        let force = self.force.load_full();
        let issuer = force.issuers.iter().find(|known| known.options.issuer == unproven.issuer);
        let issuer = issuer.ok_or(Stop::Issuer)?;
        let claims = self.claims(issuer, unproven, now, request).await?;
        let (principal, draft) = draft(&force.options, issuer, &claims, &asked)?;
        let origin = &request.head.origin;
        let (session, credentials) = self.grant(draft, origin, now).await?;
        let (partition, account) = (&principal.arn.partition, &principal.arn.account);
        let Resource::Role(role) = &principal.arn.resource else { return Err(Stop::Role) };
        let assumed = Assumed {
            subject: &claims.subject,
            audience: &claims.audience,
            provider: &issuer.options.issuer,
            arn: format!("arn:{partition}:sts::{account}:assumed-role/{role}/{}", asked.label),
            id: format!("{}:{}", session.id, asked.label),
        };
        Self::granted(&session, origin);
        Ok(xml::assumed(&assumed, &credentials, &origin.request_id))
    }

    async fn claims(
        &self,
        issuer: &Issuer,
        unproven: Unproven<'_>,
        now: Now,
        request: &WireRequest,
    ) -> Result<Claims, Stop> {
        let place = self.places.take(request.head.origin.source).ok_or(Stop::Busy)?;
        let key = issuer.key(&unproven.kid, now).await.map_err(|no_key| match no_key {
            NoKey::Unknown => Stop::Key,
            NoKey::Unavailable => Stop::Keys,
        })?;
        drop(place);
        unproven.prove(&key, &issuer.options, now).map_err(Stop::Token)
    }

    /// What is known of the issuers' keys.
    pub(super) fn issuer_stats(&self) -> Vec<IssuerStats> {
        self.force.load().issuers.iter().map(|issuer| issuer.stats()).collect()
    }
}

impl Asked {
    fn read(request: &WireRequest) -> Result<Self, FormFault> {
        let mut form = Form::read(&request.head.headers, &request.body)?;
        if form.need("Action")? != ACTION || form.need("Version")? != VERSION {
            return Err(FormFault::Action);
        }
        let (role, label) = (form.need("RoleArn")?, form.need("RoleSessionName")?);
        let token = form.need("WebIdentityToken")?;
        let lifetime = match form.take("DurationSeconds") {
            None => None,
            Some(text) => {
                let digits = Some(&text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let seconds =
                    digits.and_then(|text| text.parse().ok()).filter(|seconds| SECONDS.contains(seconds));
                Some(Duration::from_secs(seconds.ok_or(FormFault::Value("DurationSeconds"))?))
            }
        };
        form.finish()?;
        let is_label = |byte: u8| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte);
        if !(2..=64).contains(&label.len()) || !label.bytes().all(is_label) {
            return Err(FormFault::Value("RoleSessionName"));
        }
        if Arn::read(&role).is_err() {
            return Err(FormFault::Value("RoleArn"));
        }
        Ok(Self { role, label, token, lifetime })
    }
}

/// The session that verified claims are good for.
fn draft(
    options: &SessionOptions,
    issuer: &Issuer,
    claims: &Claims,
    asked: &Asked,
) -> Result<(Principal, Draft), Stop> {
    let name = &issuer.options.issuer;
    let mapping = mapped(&options.roles, name, &claims.all, &asked.role).ok_or(Stop::Role)?;
    let principal = Principal { arn: mapping.role.clone(), unique_id: None };
    let draft = Draft {
        principal: principal.clone(),
        voucher: Voucher::WebIdentity { issuer: name.clone(), subject: claims.subject.clone() },
        until: Some(claims.expires),
        asked: asked.lifetime,
        claims: carried(mapping, &claims.all).map_err(Stop::Claim)?,
        label: Some(asked.label.clone()),
    };
    Ok((principal, draft))
}
