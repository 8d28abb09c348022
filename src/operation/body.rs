//! The body of a request: whether there may be one, its media type, and the instance it names.

use bytes::Bytes;

use crate::wire::{
    Malformed, Method, WireRequest,
    json::{Json, Object},
};

use super::{
    Class, InstanceId, InstanceIn, Route,
    arn::{ConnectArn, Named},
    labels::{NamedInstance, invalid, missing},
};

/// A body as sent.
pub(super) enum Sent {
    /// None.
    Nothing,
    /// Of an ordinary operation: passed on as these bytes. Read as well where it names the instance.
    Bytes(Bytes, Option<Object>),
    /// Of a change: its members, sorted by name at every depth. The bytes are gone.
    Members(Object),
}

impl Sent {
    pub(super) fn members(&self) -> Option<&Object> {
        match self {
            Self::Nothing => None,
            Self::Bytes(_, members) => members.as_ref(),
            Self::Members(members) => Some(members),
        }
    }

    pub(super) fn into_members(self) -> Option<Object> {
        match self {
            Self::Nothing | Self::Bytes(..) => None,
            Self::Members(members) => Some(members),
        }
    }

    pub(super) fn into_bytes(self) -> Option<Bytes> {
        match self {
            Self::Nothing | Self::Members(_) => None,
            Self::Bytes(bytes, _) => Some(bytes),
        }
    }
}

/// Whether a request for this route may have a body: also `{}` where POST and PUT have no member in it.
pub(super) fn is_possible(route: &Route) -> bool {
    match route.method {
        Method::Post | Method::Put => true,
        Method::Get | Method::Delete => route.body,
    }
}

/// Reads the body by route and class.
pub(super) fn read(route: &Route, class: Class, request: &WireRequest) -> Result<Sent, Malformed> {
    let body = &request.body;
    if !route.body {
        if body.is_empty() {
            return Ok(Sent::Nothing);
        }
        if !is_possible(route) || !Json::read_object(body)?.is_empty() {
            return Err(Malformed::form("this operation has no body"));
        }
        return Ok(Sent::Nothing);
    }
    request.expect_json()?;
    if body.is_empty() {
        return Err(Malformed::form("this operation has a body"));
    }
    if class.is_guarded() {
        return Ok(Sent::Members(Json::read_object(body)?.sorted()));
    }
    let members = match route.instance {
        InstanceIn::Body | InstanceIn::BodyArn => Some(Json::read_object(body)?),
        InstanceIn::Path | InstanceIn::Query | InstanceIn::ResourceArn | InstanceIn::None => None,
    };
    Ok(Sent::Bytes(body.clone(), members))
}

/// The instance named in a body: `InstanceId`, or, for the few operations that take it instead, a `TargetArn` that is
/// the ARN of an instance. Another spelling of either name is refused: the service may not tell them apart.
pub(super) fn instance(members: Option<&Object>) -> Result<Option<NamedInstance<'_>>, Malformed> {
    let Some(members) = members else { return Ok(None) };
    for (name, _) in members.iter() {
        for known in ["InstanceId", "TargetArn"] {
            if name != known && name.eq_ignore_ascii_case(known) {
                return Err(Malformed::form(format!("body: a key is `{known}` in another case")));
            }
        }
    }
    match (text(members, "InstanceId")?, text(members, "TargetArn")?) {
        (Some(_), Some(_)) => Err(invalid("either `InstanceId` or `TargetArn`, not both")),
        (Some(id), None) => NamedInstance::read(id).map(Some),
        (None, Some(target)) => match ConnectArn::read(target).and_then(|arn| arn.named()) {
            Some(Named::In(_)) => NamedInstance::read(target).map(Some),
            Some(Named::TrafficDistributionGroup(_)) => Ok(None),
            Some(Named::User(..) | Named::SecurityProfile(..) | Named::Elsewhere) | None => {
                Err(invalid("`TargetArn` is not the ARN of an instance or a traffic distribution group"))
            }
        },
        (None, None) => Ok(None),
    }
}

/// The instance whose ARN is the `ResourceArn` in a body: it has to be there, and to be that of an instance. Another
/// spelling of the name is refused: the service may not tell them apart.
pub(super) fn instance_of_resource(members: Option<&Object>) -> Result<NamedInstance<'_>, Malformed> {
    const NAME: &str = "ResourceArn";
    let members = members.ok_or_else(|| missing(NAME))?;
    if members.iter().any(|(name, _)| name != NAME && name.eq_ignore_ascii_case(NAME)) {
        return Err(Malformed::form(format!("body: a key is `{NAME}` in another case")));
    }
    let arn = text(members, NAME)?.ok_or_else(|| missing(NAME))?;
    if InstanceId::of_arn(arn).is_none() {
        return Err(invalid(format!("`{NAME}` is not the ARN of an instance")));
    }
    NamedInstance::read(arn)
}

fn text<'a>(members: &'a Object, name: &str) -> Result<Option<&'a str>, Malformed> {
    match members.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
            Err(Malformed::form(format!("`{name}` must be a string")))
        }
    }
}
