//! The operations on users.

use jiff::Timestamp;
use serde_json::{Map, Number, Value, json};

use crate::{
    operation::{Directory, Field},
    wire::RequestId,
};

use super::{
    Omitted, User,
    answer::Answer,
    identity,
    operations::{Asked, Condition, listed, object},
    profiles,
    world::World,
};

/// The routing profile that users have who were there at the start.
const ROUTING_PROFILE: &str = "99999999-aaaa-bbbb-cccc-EXAMPLE99999";

/// `DescribeUser`: the user as it was when the lag began.
pub(super) fn describe(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let id = id(world, asked, instance)?;
    let (user, modified) = seen(world, asked, instance, &id).ok_or_else(|| Answer::not_found("User"))?;
    let info: Map<String, Value> = Field::ALL
        .into_iter()
        .filter(|field| !user.value(*field).is_empty())
        .map(|field| (field.name().to_owned(), user.value(field).into()))
        .collect();
    Ok(Answer::json(&json!({ "User": {
        "Id": id,
        "Arn": arn(world, instance, &id),
        "Username": user.username,
        "IdentityInfo": info,
        "PhoneConfig": { "PhoneType": "SOFT_PHONE", "AutoAccept": false, "AfterContactWorkTimeLimit": 0 },
        "SecurityProfileIds": user.profiles,
        "RoutingProfileId": ROUTING_PROFILE,
        "Tags": {},
        "LastModifiedTime": seconds(modified),
        "LastModifiedRegion": world.region,
    } })))
}

/// `UpdateUserIdentityInfo`
pub(super) fn update_identity(
    world: &mut World,
    asked: &Asked<'_>,
    instance: &str,
) -> Result<Answer, Answer> {
    let id = id(world, asked, instance)?;
    let directory = world.site(instance)?.directory;
    let mut user = latest(world, instance, &id)?;
    let info = object(&asked.body, "IdentityInfo")?
        .ok_or_else(|| Answer::invalid_request("IdentityInfo is required"))?;
    let wanted = identity::read(info)?;
    identity::check(&wanted, directory, world.switches.saml_email)?;
    for field in Field::ALL {
        let given = wanted.iter().find(|(name, _)| *name == field);
        match (given, world.switches.omitted) {
            (Some((_, value)), _) => user.set(field, value.clone()),
            (None, Omitted::Clear) if identity::is_settable(field, directory) => {
                user.set(field, String::new());
            }
            (None, Omitted::Clear | Omitted::Keep) => {}
        }
    }
    put(world, asked, instance, &id, Some(user));
    Ok(Answer::empty())
}

/// `UpdateUserSecurityProfiles`
pub(super) fn update_profiles(
    world: &mut World,
    asked: &Asked<'_>,
    instance: &str,
) -> Result<Answer, Answer> {
    let id = id(world, asked, instance)?;
    let mut user = latest(world, instance, &id)?;
    user.profiles = asked_profiles(world, asked, instance)?;
    put(world, asked, instance, &id, Some(user));
    Ok(Answer::empty())
}

/// `CreateUser`
pub(super) fn create(world: &mut World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let username = asked.text("Username")?;
    asked.text("RoutingProfileId")?;
    let directory = world.site(instance)?.directory;
    if !identity::is_username(username, directory) {
        return Err(Answer::invalid_parameter("Username has a character or length that it must not have"));
    }
    match (asked.optional("Password")?, directory) {
        (Some(password), Directory::ConnectManaged) if identity::is_password(password) => {}
        (Some(_), Directory::ConnectManaged) => {
            return Err(Answer::invalid_parameter("Password is too weak"));
        }
        (None, Directory::ConnectManaged) => return Err(Answer::invalid_parameter("Password is required")),
        (Some(_), Directory::Saml | Directory::Existing) => {
            return Err(Answer::invalid_parameter("Password cannot be set in this directory"));
        }
        (None, Directory::Saml | Directory::Existing) => {}
    }
    let mut user = User { username: username.to_owned(), ..User::default() };
    if let Some(info) = object(&asked.body, "IdentityInfo")? {
        let wanted = identity::read(info)?;
        identity::check(&wanted, directory, world.switches.saml_email)?;
        for (field, value) in wanted {
            user.set(field, value);
        }
    }
    user.profiles = asked_profiles(world, asked, instance)?;
    let mut others = world.site(instance)?.users.values().filter_map(|track| track.latest());
    if others.any(|other| other.username.eq_ignore_ascii_case(username)) {
        return Err(Answer::error(409, "DuplicateResourceException", "the username is taken"));
    }
    let id = RequestId::fresh().to_string();
    user.id.clone_from(&id);
    put(world, asked, instance, &id, Some(user));
    Ok(Answer::json(&json!({ "UserId": id, "UserArn": arn(world, instance, &id) })))
}

/// `DeleteUser`
pub(super) fn delete(world: &mut World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let id = id(world, asked, instance)?;
    latest(world, instance, &id)?;
    put(world, asked, instance, &id, None);
    Ok(Answer::empty())
}

/// `ListUsers`
pub(super) fn list(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let entries = all(world, asked, instance)?
        .into_iter()
        .map(|(user, modified)| {
            json!({
                "Id": user.id,
                "Arn": arn(world, instance, &user.id),
                "Username": user.username,
                "LastModifiedTime": seconds(modified),
                "LastModifiedRegion": world.region,
            })
        })
        .collect();
    Ok(listed("UserSummaryList", asked.page(world, entries)))
}

/// `SearchUsers`: by a condition on the Username, or all of them.
pub(super) fn search(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let condition = Condition::read(&asked.body)?;
    let mut found = Vec::new();
    for (user, _) in all(world, asked, instance)? {
        let fits = match &condition {
            None => true,
            Some(condition) if condition.field == "Username" => condition.fits(&user.username)?,
            Some(_) => return Err(Answer::invalid_request("only Username can be searched here")),
        };
        if fits {
            found.push(json!({
                "Id": user.id,
                "Arn": arn(world, instance, &user.id),
                "Username": user.username,
                "IdentityInfo": { "FirstName": user.first_name, "LastName": user.last_name },
                "SecurityProfileIds": user.profiles,
                "RoutingProfileId": ROUTING_PROFILE,
                "Tags": {},
            }));
        }
    }
    Ok(listed("Users", asked.page(world, found)))
}

/// The bare id of the user in the path.
fn id(world: &World, asked: &Asked<'_>, instance: &str) -> Result<String, Answer> {
    Ok(world.bare(asked.label("UserId"), &arn(world, instance, ""))?.to_owned())
}

fn arn(world: &World, instance: &str, id: &str) -> String {
    format!("{}/agent/{id}", world.arn(instance))
}

/// A user as reads show it: as it was when the lag began.
fn seen<'a>(world: &'a World, asked: &Asked<'_>, instance: &str, id: &str) -> Option<(&'a User, Timestamp)> {
    let now = asked.moment.now;
    let then = now.checked_sub(world.switches.read_lag).unwrap_or(now);
    world.sites.get(instance)?.users.get(id)?.at(then)
}

fn all<'a>(
    world: &'a World,
    asked: &Asked<'_>,
    instance: &str,
) -> Result<Vec<(&'a User, Timestamp)>, Answer> {
    let ids = world.site(instance)?.users.keys();
    Ok(ids.filter_map(|id| seen(world, asked, instance, id)).collect())
}

/// A user as every change asked for so far will have made it.
fn latest(world: &World, instance: &str, id: &str) -> Result<User, Answer> {
    let found = world.site(instance)?.users.get(id).and_then(|track| track.latest().cloned());
    found.ok_or_else(|| Answer::not_found("User"))
}

fn put(world: &mut World, asked: &Asked<'_>, instance: &str, id: &str, after: Option<User>) {
    let delay = world.switches.effect_delay;
    world.put_user(asked.route.operation, instance, id, after, asked.moment, delay);
}

fn asked_profiles(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Vec<String>, Answer> {
    let named = asked.texts("SecurityProfileIds")?;
    let named = named.ok_or_else(|| Answer::invalid_request("SecurityProfileIds is required"))?;
    profiles::known(world, instance, &named)
}

/// Seconds since 1970 as rest-json writes them.
fn seconds(at: Timestamp) -> Value {
    Number::from(at.as_second()).into()
}
