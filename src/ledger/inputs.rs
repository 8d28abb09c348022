//! What is sealed in a record: the values of people.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    notice::Event,
    operation::{Address, Change, ChangeKind, Profile},
    policy::{Given, Looked},
    wire::json::Object,
};

/// A value before and after.
pub(super) type FromTo = (Option<String>, Option<String>);

/// What is sealed: values of people, and texts of others that could hold such values.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Inputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<BTreeMap<String, String>>,
    /// A removal is `null`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<BTreeMap<String, Option<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<String>,
    /// The security profiles that the user had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) profiles: Option<Vec<String>>,
    /// Path, query and header members, where the target does not say all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) request: Option<BuiltPart>,
    /// The body as it is built, but for what stands in other members: of a sensitive operation all of it, of `CreateUser` the
    /// members that have no type of their own ([`NewUser::rest`](crate::operation::NewUser)), and never a password. Of a long
    /// one that was refused `octets` and `sha256` in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
    /// The target's ids, when one could be a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<Vec<String>>,
    /// The caller's ARN, when its session could be an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_agent: Option<String>,
    /// A refusal in words; why sending failed; what a receiver answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) words: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recipient: Option<String>,
    /// What changed and was not asked for: before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) side_effects: Option<BTreeMap<String, FromTo>>,
    /// How the caller was proven, when that could hold an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<String>,
    /// The name that a session was asked for with, when it could be an address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) label: Option<String>,
    /// What vouches for the caller says this of it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) claims: BTreeMap<String, String>,
    /// What the caller says in headers that are signed: tickets.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) notes: BTreeMap<String, String>,
    /// The access key id that was signed with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// When the session that was signed with was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issued: Option<String>,
    /// What was to be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) given: Option<GivenPart>,
    /// What it was decided with: there where something was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) looked: Option<LookedPart>,
    /// The whole of an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) event: Option<Event>,
}

/// A request as it is built, without its method and body.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct BuiltPart {
    /// As it goes to Connect, encoded.
    pub(super) path: String,
    /// Decoded; a list is a member of several values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) query: BTreeMap<String, Vec<String>>,
    /// The operation's header members.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
}

/// What was to be given, as it was asked.
#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct GivenPart {
    /// The Username of a new user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) username: Option<String>,
    /// Whether a password was to be set.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) password: bool,
    /// Security profiles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) profiles: Vec<String>,
    /// Permissions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) permissions: Vec<String>,
    /// Members of the body that a rule has to name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) members: Vec<String>,
}

/// What a decision was made with, beside the user: with it another policy can be asked the same.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LookedPart {
    /// How the instance keeps its users, in Connect's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) directory: Option<String>,
    /// What each security profile concerned permits; absent where nobody asked, since no permission was protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) permissions: Option<BTreeMap<String, BTreeSet<String>>>,
    /// What the user was permitted within 30 days, and is in none of its profiles.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) held: BTreeSet<String>,
    /// Which of the addresses were the instance's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) channel: Vec<String>,
    /// Which were known on another user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) in_use: Vec<String>,
    /// Which were the user's before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) former: Vec<String>,
}

impl BuiltPart {
    /// Of a change; none where there is a path alone and the target says it.
    pub(super) fn of(change: &Change) -> Option<Self> {
        let (query, headers) = (change.query(), change.headers());
        match change.kind() {
            ChangeKind::Identity(_) | ChangeKind::Create(_) if query.is_empty() && headers.is_empty() => {
                return None;
            }
            ChangeKind::Identity(_) | ChangeKind::Create(_) | ChangeKind::Sensitive(_) => {}
        }
        let mut part = Self { path: change.path(), ..Self::default() };
        for (name, value) in query {
            part.query.entry((*name).to_owned()).or_default().push(value.clone());
        }
        part.headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Some(part)
    }
}

/// [`Inputs::body`] of a change; none where it is empty. About as long as the body that came, which `[limits] change_body` bounds.
pub(super) fn body(change: &Change) -> Option<String> {
    let octets = match change.kind() {
        // All of it is in `asked`.
        ChangeKind::Identity(_) => return None,
        // Written from these members alone: the password is not among them.
        ChangeKind::Create(user) => {
            let mut members = Object::new();
            for (name, value) in &user.rest {
                members.set(name, value.clone());
            }
            members.write().into()
        }
        ChangeKind::Sensitive(_) => change.build().body,
    };
    Some(String::from_utf8_lossy(&octets).into_owned()).filter(|body| !body.is_empty())
}

impl LookedPart {
    /// What a decision was made with.
    pub(super) fn of(looked: &Looked) -> Self {
        let texts = |all: &[Address]| all.iter().map(Address::to_string).collect();
        let read = |profile: &Profile| (profile.id.clone(), profile.permissions.clone());
        let (seen, known) = (&looked.seen, &looked.known);
        let own = |profile: &&Profile| {
            looked.user().is_some_and(|user| user.security_profiles.contains(&profile.id))
        };
        let permitted = |name: &&String| {
            seen.profiles.iter().filter(own).any(|profile| profile.permissions.contains(*name))
        };
        Self {
            directory: seen.directory.map(|directory| directory.as_str().to_owned()),
            permissions: looked.permissions.then(|| seen.profiles.iter().map(read).collect()),
            held: known.held.iter().filter(|name| !permitted(name)).cloned().collect(),
            channel: texts(&seen.channel_addresses),
            in_use: texts(&known.in_use),
            former: texts(&known.former),
        }
    }
}

impl From<&Given> for GivenPart {
    fn from(given: &Given) -> Self {
        Self {
            username: given.username.clone(),
            password: given.password,
            profiles: given.profiles.clone(),
            permissions: given.permissions.clone(),
            members: given.members.clone(),
        }
    }
}
