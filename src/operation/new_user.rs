//! Reading the body of `CreateUser`, and writing it anew.
//!
//! Source: <https://docs.aws.amazon.com/connect/latest/APIReference/API_CreateUser.html>.

use crate::{
    secret::Secret,
    wire::{
        Malformed,
        json::{Json, Object},
    },
};

use super::{
    Address, IdentityChange, NewUser,
    known::{Kind, Known, take_known},
    labels::{Place, invalid, missing},
};

/// The members that are passed on as they were read, in the order they are written.
const REST: &[Known] = &[
    Known::optional("DirectoryUserId", Kind::Text(256)),
    Known::optional("PhoneConfig", Kind::Object),
    Known::optional("AutoAcceptConfigs", Kind::Objects),
    Known::optional("AfterContactWorkConfigs", Kind::Objects),
    Known::optional("PhoneNumberConfigs", Kind::Objects),
    Known::optional("PersistentConnectionConfigs", Kind::Objects),
    Known::optional("VoiceEnhancementConfigs", Kind::Objects),
    Known::optional("Tags", Kind::Texts),
];

impl NewUser {
    pub(super) fn read(mut members: Object, place: &Place<'_>) -> Result<Self, Malformed> {
        let username = members.take_string("Username")?.ok_or_else(|| missing("Username"))?;
        if !is_username(&username) {
            return Err(invalid("`Username` is not a user name"));
        }
        let password = members.take_string("Password")?.map(|text| Secret::new(text.into_bytes()));
        if !password.as_ref().is_none_or(is_password) {
            return Err(invalid("`Password` is not as the service requires"));
        }
        let info = members.take_object("IdentityInfo")?.unwrap_or_default();
        let identity = IdentityChange::read(info)?;
        let profiles =
            members.take_strings("SecurityProfileIds")?.ok_or_else(|| missing("SecurityProfileIds"))?;
        let security_profiles = place.ids("SecurityProfileId", &profiles, 10)?;
        let mut rest = Vec::new();
        let routing = members.take_string("RoutingProfileId")?.ok_or_else(|| missing("RoutingProfileId"))?;
        rest.push(("RoutingProfileId".to_owned(), place.id("RoutingProfileId", &routing)?.into()));
        if let Some(group) = members.take_string("HierarchyGroupId")? {
            rest.push(("HierarchyGroupId".to_owned(), place.id("HierarchyGroupId", &group)?.into()));
        }
        for (name, value) in take_known(&mut members, REST)?.iter() {
            rest.push((name.to_owned(), value.clone()));
        }
        members.finish()?;
        Ok(Self { username, password, identity, security_profiles, rest })
    }

    /// The body, in one order.
    pub(super) fn members(&self) -> Object {
        let mut members = Object::new();
        members.set("Username", self.username.as_str().into());
        if let Some(password) = self.password.as_ref().and_then(Secret::expose_str) {
            members.set("Password", password.into());
        }
        let info = self.identity.members();
        if !info.is_empty() {
            members.set("IdentityInfo", info.into());
        }
        let profiles = self.security_profiles.iter().map(|id| Json::from(id.as_str())).collect();
        members.set("SecurityProfileIds", Json::Array(profiles));
        for (name, value) in &self.rest {
            members.set(name, value.clone());
        }
        members
    }
}

/// 1 to 100 characters of `[a-zA-Z0-9_.@-]`; with `@` only in the form of an e-mail address, as documented. The length
/// is the model's: the documented 20 and 64 depend on the directory, which Connect knows.
fn is_username(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.@-".contains(&byte))
        && (!text.contains('@') || Address::read(text).is_ok())
}

/// 8 to 64 characters without white space, among them a small letter, a capital and a digit (the model's pattern).
fn is_password(password: &Secret) -> bool {
    let Some(text) = password.expose_str() else { return false };
    (8..=64).contains(&text.chars().count())
        && !text.chars().any(|c| c.is_whitespace() || c.is_control())
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_digit())
}
