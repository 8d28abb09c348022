//! The operations on security profiles.

use serde_json::{Value, json};

use crate::wire::RequestId;

use super::{
    Profile,
    answer::Answer,
    operations::{Asked, listed},
    world::World,
};

/// The most permissions of one profile (API model).
const MOST_PERMISSIONS: usize = 500;

/// `DescribeSecurityProfile`
pub(super) fn describe(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let profile = named(world, asked, instance)?;
    Ok(Answer::json(&json!({ "SecurityProfile": {
        "Id": profile.id,
        "OrganizationResourceId": instance,
        "Arn": arn(world, instance, &profile.id),
        "SecurityProfileName": profile.name,
        "Tags": {},
    } })))
}

/// `ListSecurityProfiles`
pub(super) fn list(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let tracks = world.site(instance)?.profiles.values();
    let entries: Vec<Value> = tracks
        .filter_map(|track| Some(track.at(asked.moment.now)?.0))
        .map(|one| json!({ "Id": one.id, "Arn": arn(world, instance, &one.id), "Name": one.name }))
        .collect();
    Ok(listed("SecurityProfileSummaryList", asked.page(world, entries)))
}

/// `ListSecurityProfilePermissions`
pub(super) fn permissions(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let profile = named(world, asked, instance)?;
    let entries = profile.permissions.iter().map(|name| Value::from(name.as_str())).collect();
    Ok(listed("Permissions", asked.page(world, entries)))
}

/// `CreateSecurityProfile`
pub(super) fn create(world: &mut World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let name = asked.text("SecurityProfileName")?;
    let permissions = asked_permissions(asked)?.unwrap_or_default();
    let site = world.site(instance)?;
    if site.profiles.values().filter_map(|track| track.latest()).any(|one| one.name == name) {
        return Err(Answer::error(409, "DuplicateResourceException", "the name is taken"));
    }
    let id = RequestId::fresh().to_string();
    put(world, asked, instance, Profile { id: id.clone(), name: name.to_owned(), permissions });
    let arn = arn(world, instance, &id);
    Ok(Answer::json(&json!({ "SecurityProfileId": id, "SecurityProfileArn": arn })))
}

/// `UpdateSecurityProfile`; permissions that are left out stay as they are.
pub(super) fn update(world: &mut World, asked: &Asked<'_>, instance: &str) -> Result<Answer, Answer> {
    let mut profile = named(world, asked, instance)?;
    if let Some(permissions) = asked_permissions(asked)? {
        profile.permissions = permissions;
    }
    put(world, asked, instance, profile);
    Ok(Answer::empty())
}

/// Whether an instance has, or will have, a profile of each of these ids, given as such or as ARNs; the bare ids.
pub(super) fn known(world: &World, instance: &str, named: &[String]) -> Result<Vec<String>, Answer> {
    if !(1..=10).contains(&named.len()) {
        return Err(Answer::invalid_parameter("there must be 1 to 10 SecurityProfileIds"));
    }
    let prefix = arn(world, instance, "");
    let mut ids = Vec::with_capacity(named.len());
    for name in named {
        let id = world.bare(name, &prefix)?;
        if world.site(instance)?.profiles.get(id).and_then(|track| track.latest()).is_none() {
            return Err(Answer::not_found("Security profile"));
        }
        ids.push(id.to_owned());
    }
    Ok(ids)
}

fn asked_permissions(asked: &Asked<'_>) -> Result<Option<Vec<String>>, Answer> {
    let permissions = asked.texts("Permissions")?;
    if permissions.as_ref().is_some_and(|names| names.len() > MOST_PERMISSIONS) {
        return Err(Answer::invalid_parameter("there are too many Permissions"));
    }
    Ok(permissions)
}

/// The profile in the path, as it is now.
fn named(world: &World, asked: &Asked<'_>, instance: &str) -> Result<Profile, Answer> {
    let id = world.bare(asked.label("SecurityProfileId"), &arn(world, instance, ""))?;
    let track = world.site(instance)?.profiles.get(id);
    let found = track.and_then(|track| Some(track.at(asked.moment.now)?.0.clone()));
    found.ok_or_else(|| Answer::not_found("Security profile"))
}

fn put(world: &mut World, asked: &Asked<'_>, instance: &str, profile: Profile) {
    let delay = world.switches.effect_delay;
    if let Some(site) = world.sites.get_mut(instance) {
        let track = site.profiles.entry(profile.id.clone()).or_default();
        track.put(Some(profile), asked.moment, delay);
    }
}

fn arn(world: &World, instance: &str, id: &str) -> String {
    format!("{}/security-profile/{id}", world.arn(instance))
}
