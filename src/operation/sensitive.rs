//! The bodies of sensitive operations. Those that grant something are typed; every other one is read by the strict JSON
//! reader and written anew.

use crate::wire::{
    Malformed,
    json::{Json, Object},
};

use super::{
    Route,
    known::{Kind, Known, take_known},
    labels::{Place, invalid, missing},
};

/// The body of a sensitive operation.
#[derive(Clone)]
pub enum SensitiveBody {
    /// `UpdateUserSecurityProfiles`: the profiles the user will have, 1 to 10.
    UserSecurityProfiles(Vec<String>),
    /// `CreateSecurityProfile`, `UpdateSecurityProfile`.
    Profile(ProfileBody),
    /// `AssociateSecurityProfiles`: profiles for an entity.
    AssociateSecurityProfiles {
        /// `SecurityProfiles[].Id`
        profiles: Vec<String>,
        /// The members, strictly read.
        members: Object,
    },
    /// `UpdateAuthenticationProfile`, `AssociateApprovedOrigin`, `AssociateSecurityKey`, `TagResource`,
    /// `DisassociateSecurityProfiles`, `AssociateTrafficDistributionGroupUser`: members known by name and type, unknown
    /// ones refused.
    Known(Object),
    /// Any other: strictly read.
    Members(Object),
    /// No body.
    None,
}

/// The body of `CreateSecurityProfile` and `UpdateSecurityProfile`.
#[derive(Clone)]
pub struct ProfileBody {
    /// `SecurityProfileName` (create only).
    pub name: Option<String>,
    /// `Permissions`, when given: at most 500. Those of `Applications` are not among them.
    pub permissions: Option<Vec<String>>,
    /// All members, strictly read, known by name.
    pub members: Object,
}

// The members and limits are those of the API model (2017-08-08).

const CREATE_PROFILE: &[Known] = &[
    Known::required("SecurityProfileName", Kind::Text(127)),
    Known::optional("Description", Kind::Text(250)),
    Known::optional("Permissions", Kind::List),
    Known::optional("Tags", Kind::Texts),
    Known::optional("AllowedAccessControlTags", Kind::Texts),
    Known::optional("TagRestrictedResources", Kind::List),
    Known::optional("Applications", Kind::Objects),
    Known::optional("HierarchyRestrictedResources", Kind::List),
    Known::optional("AllowedAccessControlHierarchyGroupId", Kind::Text(256)),
    Known::optional("AllowedFlowModules", Kind::Objects),
    Known::optional("GranularAccessControlConfiguration", Kind::Object),
];

const UPDATE_PROFILE: &[Known] = &[
    Known::optional("Description", Kind::Text(250)),
    Known::optional("Permissions", Kind::List),
    Known::optional("AllowedAccessControlTags", Kind::Texts),
    Known::optional("TagRestrictedResources", Kind::List),
    Known::optional("Applications", Kind::Objects),
    Known::optional("HierarchyRestrictedResources", Kind::List),
    Known::optional("AllowedAccessControlHierarchyGroupId", Kind::Text(256)),
    Known::optional("AllowedFlowModules", Kind::Objects),
    Known::optional("GranularAccessControlConfiguration", Kind::Object),
];

const ENTITY: &[Known] =
    &[Known::required("EntityType", Kind::Text(64)), Known::required("EntityArn", Kind::Text(1000))];

const AUTHENTICATION_PROFILE: &[Known] = &[
    Known::optional("Name", Kind::Text(128)),
    Known::optional("Description", Kind::Text(250)),
    Known::optional("AllowedIps", Kind::List),
    Known::optional("BlockedIps", Kind::List),
    Known::optional("PeriodicSessionDuration", Kind::Number),
    Known::optional("SessionInactivityDuration", Kind::Number),
    Known::optional("SessionInactivityHandlingEnabled", Kind::Boolean),
];

const APPROVED_ORIGIN: &[Known] =
    &[Known::required("Origin", Kind::Text(267)), Known::optional("ClientToken", Kind::Text(500))];

const SECURITY_KEY: &[Known] =
    &[Known::required("Key", Kind::Text(1024)), Known::optional("ClientToken", Kind::Text(500))];

const GROUP_USER: &[Known] =
    &[Known::required("UserId", Kind::Text(256)), Known::required("InstanceId", Kind::Text(100))];

const TAGS: &[Known] = &[Known::required("tags", Kind::Texts)];

impl SensitiveBody {
    /// Reads the body of a sensitive operation that has one.
    pub(super) fn read(route: &Route, mut members: Object, place: &Place<'_>) -> Result<Self, Malformed> {
        let known = match route.operation {
            "UpdateUserSecurityProfiles" => {
                let profiles = members
                    .take_strings("SecurityProfileIds")?
                    .ok_or_else(|| missing("SecurityProfileIds"))?;
                members.finish()?;
                return Ok(Self::UserSecurityProfiles(place.ids("SecurityProfileId", &profiles, 10)?));
            }
            "CreateSecurityProfile" => return ProfileBody::read(members, CREATE_PROFILE).map(Self::Profile),
            "UpdateSecurityProfile" => return ProfileBody::read(members, UPDATE_PROFILE).map(Self::Profile),
            "AssociateSecurityProfiles" => {
                let (profiles, members) = profiles_of_entity(members, place)?;
                return Ok(Self::AssociateSecurityProfiles { profiles, members });
            }
            "DisassociateSecurityProfiles" => return Ok(Self::Known(profiles_of_entity(members, place)?.1)),
            "AssociateTrafficDistributionGroupUser" => GROUP_USER,
            "UpdateAuthenticationProfile" => AUTHENTICATION_PROFILE,
            "AssociateApprovedOrigin" => APPROVED_ORIGIN,
            "AssociateSecurityKey" => SECURITY_KEY,
            "TagResource" => TAGS,
            _ => return Ok(Self::Members(members)),
        };
        let taken = take_known(&mut members, known)?;
        members.finish()?;
        Ok(Self::Known(taken))
    }

    /// The body to be written; none where the operation has none.
    pub(super) fn members(&self) -> Option<Object> {
        match self {
            Self::UserSecurityProfiles(profiles) => {
                let mut members = Object::new();
                members.set("SecurityProfileIds", strings(profiles));
                Some(members)
            }
            Self::Profile(profile) => Some(profile.members.clone()),
            Self::AssociateSecurityProfiles { members, .. }
            | Self::Known(members)
            | Self::Members(members) => Some(members.clone()),
            Self::None => None,
        }
    }
}

impl ProfileBody {
    fn read(mut members: Object, known: &[Known]) -> Result<Self, Malformed> {
        let taken = take_known(&mut members, known)?;
        members.finish()?;
        let mut view = taken.clone();
        let name = view.take_string("SecurityProfileName")?;
        let permissions = view.take_strings("Permissions")?;
        if permissions
            .as_ref()
            .is_some_and(|list| list.len() > 500 || !list.iter().all(|text| is_permission(text)))
        {
            return Err(invalid("`Permissions` are at most 500 names of 1 to 128 characters"));
        }
        if name.as_ref().is_some_and(String::is_empty) {
            return Err(invalid("`SecurityProfileName` cannot be empty"));
        }
        Ok(Self { name, permissions, members: taken })
    }
}

/// `SecurityProfiles`, `EntityType` and `EntityArn`: the profiles' ids, and the members with each id in its one spelling.
fn profiles_of_entity(mut members: Object, place: &Place<'_>) -> Result<(Vec<String>, Object), Malformed> {
    let Some(Json::Array(items)) = members.take("SecurityProfiles") else {
        return Err(Malformed::form("`SecurityProfiles` is not an array of objects"));
    };
    let mut given = Vec::with_capacity(items.len());
    for item in items {
        let Json::Object(mut item) = item else {
            return Err(Malformed::form("`SecurityProfiles` is not an array of objects"));
        };
        given.push(item.take_string("Id")?.ok_or_else(|| missing("Id"))?);
        item.finish()?;
    }
    let profiles = place.ids("SecurityProfileId", &given, 10)?;
    let entity = take_known(&mut members, ENTITY)?;
    members.finish()?;
    let items = profiles.iter().map(|id| {
        let mut item = Object::new();
        item.set("Id", id.as_str().into());
        Json::Object(item)
    });
    let mut members = Object::new();
    members.set("SecurityProfiles", Json::Array(items.collect()));
    for (name, value) in entity.iter() {
        members.set(name, value.clone());
    }
    Ok((profiles, members))
}

fn is_permission(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn strings(texts: &[String]) -> Json {
    Json::Array(texts.iter().map(|text| Json::from(text.as_str())).collect())
}
