//! What in an instance a request is about: whoever would be affected, wherever the request names them.

use crate::wire::{
    Malformed,
    json::{Json, Object},
};

use super::{
    Route, Subject, UserId,
    arn::{ConnectArn, Named},
    labels::{Place, invalid, is_foreign_arn, missing},
};

/// By the labels in their one spelling: the user before the security profile, before anything else.
pub(super) fn of_path(route: &Route, labels: &[String]) -> Subject {
    let label =
        |name: &str| route.labels().zip(labels).find(|(label, _)| *label == name).map(|(_, text)| text);
    if let Some(user) = label("UserId").and_then(|text| UserId::read(text)) {
        return Subject::User(user);
    }
    if let Some(profile) = label("SecurityProfileId") {
        return Subject::SecurityProfile(profile.clone());
    }
    if let Some(text) = label("resourceArn") {
        return of_arn(text);
    }
    let others = route.labels().zip(labels).filter(|(name, _)| *name != "InstanceId");
    // Changes of one target wait for each other: one operation on a whole instance is not to hold up another.
    let operation = route.class.is_guarded().then(|| route.operation.to_owned());
    Subject::Other(operation.into_iter().chain(others.map(|(_, text)| text.clone())).collect())
}

/// The user in the query of a change, where its route has that member.
pub(super) fn of_query(
    route: &Route,
    query: &[(&'static str, String)],
) -> Result<Option<Subject>, Malformed> {
    if !route.query.contains(&"UserId") {
        return Ok(None);
    }
    let given = query.iter().find(|(name, _)| *name == "UserId").and_then(|(_, text)| UserId::read(text));
    given.map(|user| Some(Subject::User(user))).ok_or_else(|| missing("UserId"))
}

/// The user or other entity that the body of a sensitive operation names; ids in it get their one spelling.
pub(super) fn of_body(
    route: &Route,
    members: &mut Object,
    place: &Place<'_>,
) -> Result<Option<Subject>, Malformed> {
    if let Some(instance) = place.instance.filter(|_| members.get("InstanceId").is_some()) {
        members.set("InstanceId", instance.as_str().into());
    }
    match route.operation {
        "AssociateTrafficDistributionGroupUser" => {
            let Some(Json::String(text)) = members.get("UserId") else {
                return Err(missing("UserId"));
            };
            let id = place.id("UserId", text)?;
            members.set("UserId", id.as_str().into());
            Ok(UserId::read(&id).map(Subject::User))
        }
        "AssociateSecurityProfiles" | "DisassociateSecurityProfiles" => entity(members, place).map(Some),
        _ => Ok(None),
    }
}

/// `EntityType` and `EntityArn`: a user of this instance, or an agent that is no person.
fn entity(members: &Object, place: &Place<'_>) -> Result<Subject, Malformed> {
    let (Some(Json::String(kind)), Some(Json::String(text))) =
        (members.get("EntityType"), members.get("EntityArn"))
    else {
        return Err(Malformed::form("`EntityType` and `EntityArn` are required and strings"));
    };
    let arn = ConnectArn::read(text);
    match kind.as_str() {
        "USER" => {
            let named = arn.filter(|arn| arn.is_of(place.site)).and_then(|arn| arn.named());
            match named {
                Some(Named::User(instance, user)) if Some(&instance) == place.instance => {
                    Ok(Subject::User(user))
                }
                Some(
                    Named::User(..)
                    | Named::SecurityProfile(..)
                    | Named::In(_)
                    | Named::TrafficDistributionGroup(_)
                    | Named::Elsewhere,
                )
                | None => Err(invalid("`EntityArn` is not the ARN of a user of this instance")),
            }
        }
        "AI_AGENT" if is_foreign_arn(text) => Ok(Subject::Resource(text.clone())),
        _ => Err(invalid("`EntityType` and `EntityArn` do not go together")),
    }
}

fn of_arn(text: &str) -> Subject {
    match ConnectArn::read(text).and_then(|arn| arn.named()) {
        Some(Named::User(_, user)) => Subject::User(user),
        Some(Named::SecurityProfile(_, profile)) => Subject::SecurityProfile(profile.to_owned()),
        Some(Named::In(_) | Named::TrafficDistributionGroup(_) | Named::Elsewhere) | None => {
            Subject::Resource(text.to_owned())
        }
    }
}
