//! From a verified request to what it asks for.
//!
//! Nothing is passed on that was not read here: the path is rebuilt from the labels, the query from the members the
//! route has, the headers from a list, and every body but that of an ordinary operation from its parsed members. A
//! request that merely resembles an operation is refused; it never becomes another one.

use bytes::Bytes;

use crate::{
    caller::{Caller, Verified},
    wire::{ErrorType, Head, Headers, Malformed, Occurs, RequestTarget, WireRequest, json::Object},
};

use super::{
    Asked, Change, ChangeKind, Class, IdentityChange, InstanceId, InstanceIn, NewUser, Operation, Ordinary,
    Route, SensitiveBody, Site, Sites, Subject, Target,
    arn::ConnectArn,
    body,
    change::write_query,
    known::without_null,
    labels::{NamedInstance, Place, invalid, missing},
    lookup, subject,
};

/// Why a verified request asks for nothing the guard knows. Keeps who asked, for the record.
pub struct Unrecognised {
    /// Who asked.
    pub caller: Caller,
    /// The operation, when the route was found.
    pub route: Option<&'static Route>,
    /// Why not.
    pub why: Why,
}

/// The reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// No such operation: 403.
    OperationUnknown,
    /// Mints a login for the signer: 403 whatever the policy says.
    OperationForbidden,
    /// No site of this guard has this instance in this Region, or none can be selected: 403.
    NotServed,
    /// Bad form or values: 400, 415.
    Malformed(Malformed),
}

/// How many octets of body a request with this head may have: by class, 0 where the operation has none; for an unknown
/// operation the smallest cap, since the caller must still be verified to be told so.
pub fn body_limit(head: &Head, limits: &dyn Fn(Class) -> usize) -> usize {
    let Some((route, labels)) = lookup(head.method, &head.target) else {
        let all = [Class::Identity, Class::Sensitive, Class::Forbidden, Class::Write, Class::Read];
        return all.into_iter().map(limits).min().unwrap_or(0);
    };
    if body::is_possible(route) { limits(class(route, &labels)) } else { 0 }
}

/// Recognises the operation, its target and, for a change, every value in its body.
#[expect(clippy::result_large_err, reason = "a refusal carries its caller once, to the record")]
pub fn recognise(verified: Verified, sites: &Sites) -> Result<Asked, Unrecognised> {
    let (caller, attempt, region, request) = verified.into_parts();
    let Some((route, labels)) = lookup(request.head.method, &request.head.target) else {
        return Err(Unrecognised { caller, route: None, why: Why::OperationUnknown });
    };
    match operation(route, labels, &region, &request, sites) {
        Ok(operation) => Ok(Asked { caller, attempt, operation }),
        Err(why) => Err(Unrecognised { caller, route: Some(route), why }),
    }
}

impl Why {
    /// The reply's error type.
    pub fn error(&self) -> ErrorType {
        match self {
            Self::OperationUnknown | Self::OperationForbidden | Self::NotServed => ErrorType::AccessDenied,
            Self::Malformed(malformed) => malformed.error,
        }
    }
}

impl From<Malformed> for Why {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

/// The class of one request. `TagResource` and `UntagResource` are writes when the ARN cannot mean a user or a security
/// profile; one that cannot be read stays sensitive.
fn class(route: &Route, labels: &[String]) -> Class {
    let harmless = route.class == Class::Sensitive
        && route.instance == InstanceIn::ResourceArn
        && labels.first().and_then(|text| ConnectArn::read(text)).is_some_and(|arn| !arn.may_guard());
    if harmless { Class::Write } else { route.class }
}

fn operation(
    route: &'static Route,
    labels: Vec<String>,
    region: &str,
    request: &WireRequest,
    sites: &Sites,
) -> Result<Operation, Why> {
    if route.class == Class::Forbidden {
        return Err(Why::OperationForbidden);
    }
    let class = class(route, &labels);
    let query = query(route, &request.head.target)?;
    let headers = headers(route, &request.head.headers)?;
    let sent = body::read(route, class, request)?;

    let named = instance(route, &labels, &query, sent.members())?;
    if class.is_guarded() && named.is_none() && matches!(route.instance, InstanceIn::Body | InstanceIn::Query)
    {
        return Err(missing("InstanceId").into());
    }
    let site = match &named {
        Some(named) => sites.of_instance(region, &named.id),
        None => sites.of_region(region),
    }
    .ok_or(Why::NotServed)?;
    if let Some(named) = &named {
        named.agree(site)?;
    }
    let instance = named.map(|named| named.id);
    let place = Place { site, instance: instance.as_ref() };
    let labels = canonical_labels(route, class, &labels, &place)?;
    let query = canonical_query(class, query, &place)?;
    let target = |subject| target(site, instance.clone(), subject);

    if class.is_guarded() {
        let (kind, subject) = change(route, &labels, &query, sent.into_members(), &place)?;
        return Ok(Operation::Change(Change {
            route,
            target: target(subject),
            labels,
            query,
            headers,
            kind,
        }));
    }
    let mut path = route.path(&labels);
    write_query(&mut path, query.iter().map(|(name, value)| (*name, value.as_str())));
    let target = target(subject::of_path(route, &labels));
    let (headers, body) = with_body(headers, sent.into_bytes());
    Ok(Operation::Ordinary(Ordinary { route, class, target, path, headers, body }))
}

/// The typed change and what it is about.
fn change(
    route: &'static Route,
    labels: &[String],
    query: &[(&'static str, String)],
    members: Option<Object>,
    place: &Place<'_>,
) -> Result<(ChangeKind, Subject), Malformed> {
    let on_path = || subject::of_path(route, labels);
    let Some(mut members) = members else {
        let subject = subject::of_query(route, query)?.unwrap_or_else(on_path);
        return Ok((ChangeKind::Sensitive(SensitiveBody::None), subject));
    };
    without_null(&members)?;
    match route.operation {
        "UpdateUserIdentityInfo" => {
            Ok((ChangeKind::Identity(IdentityChange::read_body(members)?), on_path()))
        }
        "CreateUser" => {
            let user = NewUser::read(members, place)?;
            let subject = Subject::Username(user.username.clone());
            Ok((ChangeKind::Create(Box::new(user)), subject))
        }
        _ => {
            let subject = subject::of_body(route, &mut members, place)?.unwrap_or_else(on_path);
            Ok((ChangeKind::Sensitive(SensitiveBody::read(route, members, place)?), subject))
        }
    }
}

/// The query members that are lists in the API model: AWS clients write them as one member repeated.
const LISTS: &[&str] = &[
    "AgentStatusTypes",
    "QuickConnectTypes",
    "TagKeys",
    "contactFlowTypes",
    "phoneNumberCountryCodes",
    "phoneNumberTypes",
    "queueTypes",
    "referenceTypes",
    "tagKeys",
];

/// The query's members, each one of the route's, in the route's order; the values of a list in the order received.
fn query(route: &'static Route, target: &RequestTarget) -> Result<Vec<(&'static str, String)>, Malformed> {
    if target.query().iter().any(|pair| !route.query.contains(&pair.name.as_str())) {
        return Err(Malformed::form("the query has a member that this operation does not have"));
    }
    let mut members = Vec::new();
    for name in route.query {
        let found = target.query().iter().filter(|pair| pair.name == *name);
        let before = members.len();
        members.extend(found.map(|pair| (*name, pair.value.clone())));
        if members.len() - before > 1 && !LISTS.contains(name) {
            return Err(Malformed::form(format!("`{name}` occurs twice in the query")));
        }
    }
    Ok(members)
}

/// The header members of the route. They are all `x-amz-*`, and the verifier refuses a request with an `x-amz-*` that is
/// not signed: so what is here is signed.
fn headers(route: &'static Route, received: &Headers) -> Result<Vec<(&'static str, String)>, Malformed> {
    let mut members = Vec::new();
    for name in route.headers {
        match received.occurs(name) {
            Occurs::Absent => {}
            Occurs::One(value) if !value.is_empty() && value.len() <= 256 => {
                members.push((*name, value.to_owned()));
            }
            Occurs::One(_) => return Err(invalid(format!("`{name}` is empty or too long"))),
            Occurs::Many => return Err(Malformed::form(format!("`{name}` occurs twice"))),
        }
    }
    Ok(members)
}

/// The instance as the request names it; none where the operation has none, or leaves its optional member out.
fn instance<'a>(
    route: &Route,
    labels: &'a [String],
    query: &'a [(&'static str, String)],
    members: Option<&'a Object>,
) -> Result<Option<NamedInstance<'a>>, Malformed> {
    let label = |name: &str| {
        route.labels().zip(labels).find(|(label, _)| *label == name).map(|(_, text)| text.as_str())
    };
    match route.instance {
        InstanceIn::Path => {
            let text = label("InstanceId").ok_or_else(|| missing("InstanceId"))?;
            NamedInstance::read(text).map(Some)
        }
        InstanceIn::Query => {
            let named = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("InstanceId"));
            named.map(|(_, text)| NamedInstance::read(text)).transpose()
        }
        InstanceIn::Body => body::instance(members),
        InstanceIn::ResourceArn => {
            let text = label("resourceArn").ok_or_else(|| missing("resourceArn"))?;
            NamedInstance::of_resource(text)
        }
        InstanceIn::BodyArn => body::instance_of_resource(members).map(Some),
        InstanceIn::None => Ok(None),
    }
}

/// Each label in its one spelling, in the template's order.
fn canonical_labels(
    route: &Route,
    class: Class,
    labels: &[String],
    place: &Place<'_>,
) -> Result<Vec<String>, Malformed> {
    let one = |(name, text): (&str, &String)| match (name, place.instance) {
        ("InstanceId", Some(instance)) => Ok(instance.as_str().to_owned()),
        ("resourceArn", _) => place.resource(text),
        _ => place.label(name, text, class),
    };
    route.labels().zip(labels).map(one).collect()
}

/// The ids in the query in their one spelling; of a change, `UserId` too. Other values are as decoded.
fn canonical_query(
    class: Class,
    query: Vec<(&'static str, String)>,
    place: &Place<'_>,
) -> Result<Vec<(&'static str, String)>, Malformed> {
    let one = |(name, text): (&'static str, String)| {
        let text = match (name, place.instance) {
            ("InstanceId" | "instanceId", Some(instance)) => instance.as_str().to_owned(),
            ("UserId", _) if class.is_guarded() => place.id(name, &text)?,
            _ => text,
        };
        Ok((name, text))
    };
    query.into_iter().map(one).collect()
}

fn with_body(
    mut headers: Vec<(&'static str, String)>,
    body: Option<Bytes>,
) -> (Vec<(&'static str, String)>, Bytes) {
    match body {
        Some(body) => {
            headers.push(("content-type", "application/json".into()));
            (headers, body)
        }
        None => (headers, Bytes::new()),
    }
}

fn target(site: &Site, instance: Option<InstanceId>, subject: Subject) -> Target {
    Target {
        site: site.name.clone(),
        partition: site.partition.clone(),
        account: site.account.clone(),
        region: site.region.clone(),
        instance,
        subject,
    }
}
