//! What Connect says: a user, the instance's directory, security profiles. Plain data, parsed here, fetched by `upstream`.

use std::collections::BTreeSet;

use super::{
    Address, Change, Field, IdentityChange, InstanceId, UserId, Wanted,
    answer::{AnswerFault, required, root, text},
};

/// The identity of a user as Connect has it. Absent and empty are the same: no value.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identity {
    values: [Option<String>; 5],
}

/// A user as Connect has it.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The login name.
    pub username: String,
    /// The identity.
    pub identity: Identity,
    /// The ids of its security profiles.
    pub security_profiles: Vec<String>,
}

/// How an instance keeps its users (`IdentityManagementType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directory {
    /// `CONNECT_MANAGED`: the takeover works.
    ConnectManaged,
    /// `SAML`: Email cannot be set.
    Saml,
    /// `EXISTING_DIRECTORY`: names and Email cannot be set.
    Existing,
}

impl Directory {
    /// In Connect's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ConnectManaged => "CONNECT_MANAGED",
            Self::Saml => "SAML",
            Self::Existing => "EXISTING_DIRECTORY",
        }
    }
}

/// A security profile and what it permits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id.
    pub id: String,
    /// Its name (`DescribeSecurityProfile`).
    pub name: String,
    /// Its permissions (`ListSecurityProfilePermissions`).
    pub permissions: BTreeSet<String>,
}

/// Which reads a change needs before it can be decided: a closed list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Look {
    /// The instance whose directory type is needed (cached for long).
    pub instance: Option<InstanceId>,
    /// The user to be read, never from a cache.
    pub user: Option<UserId>,
    /// A Username to be searched exactly.
    pub username: Option<String>,
    /// Profiles whose permissions are needed (cached at most 60 s). Those of the user read come on top when
    /// `permissions` is set.
    pub profiles: Vec<String>,
    /// Whether the permissions of the user that is read are needed.
    pub permissions: bool,
    /// Addresses to be looked for among the instance's own e-mail channel addresses.
    pub addresses: Vec<Address>,
}

/// What is true now, as far as [`Look`] asked.
#[derive(Clone, Default)]
pub struct Seen {
    /// The directory type.
    pub directory: Option<Directory>,
    /// The user, when one was to be read.
    pub user: Option<User>,
    /// The user that has the Username already.
    pub username_taken_by: Option<UserId>,
    /// Profiles: those asked for, and the user's.
    pub profiles: Vec<Profile>,
    /// Which of the addresses are the instance's own.
    pub channel_addresses: Vec<Address>,
}

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Connect said yes.
    Applied,
    /// Connect said no: nothing changed.
    NotApplied,
    /// Sent, and nobody knows.
    Unknown,
    /// No answer, but a later read shows the new values.
    InferredApplied,
    /// No answer, and later reads show the old values.
    InferredNotApplied,
    /// No read can tell.
    Undetermined,
}

impl Identity {
    /// An identity with these values; of a field given twice the last, and an empty text is no value.
    pub fn new(values: impl IntoIterator<Item = (Field, String)>) -> Self {
        let mut identity = Self::default();
        for (field, text) in values {
            identity.put(field, Some(text).filter(|text| !text.is_empty()));
        }
        identity
    }

    /// The value of a field; none when absent or empty.
    pub fn value(&self, field: Field) -> Option<&str> {
        let Self { values: [first, last, email, secondary, mobile] } = self;
        match field {
            Field::FirstName => first.as_deref(),
            Field::LastName => last.as_deref(),
            Field::Email => email.as_deref(),
            Field::SecondaryEmail => secondary.as_deref(),
            Field::Mobile => mobile.as_deref(),
        }
    }

    /// What it will be if exactly `change` is applied and omitted fields are kept.
    #[must_use]
    pub fn with(&self, change: &Change) -> Self {
        change.identity().map_or_else(|| self.clone(), |asked| self.with_fields(asked))
    }

    /// What it will be if exactly these fields are applied and omitted ones are kept.
    #[must_use]
    pub fn with_fields(&self, asked: &IdentityChange) -> Self {
        let mut after = self.clone();
        for (field, wanted) in asked.fields() {
            after.put(
                field,
                match wanted {
                    Wanted::Set(text) => Some(text.clone()),
                    Wanted::Remove => None,
                },
            );
        }
        after
    }

    /// The fields whose values differ, letter by letter, in the model's order.
    pub fn differences(&self, other: &Self) -> Vec<Field> {
        Field::ALL.into_iter().filter(|field| self.value(*field) != other.value(*field)).collect()
    }

    fn put(&mut self, field: Field, value: Option<String>) {
        let Self { values: [first, last, email, secondary, mobile] } = self;
        *match field {
            Field::FirstName => first,
            Field::LastName => last,
            Field::Email => email,
            Field::SecondaryEmail => secondary,
            Field::Mobile => mobile,
        } = value;
    }
}

impl User {
    /// Reads the answer to `DescribeUser` for the user that was asked for. An answer without `User.IdentityInfo`, of
    /// another user, or of another form is a fault: never "no e-mail". One without `SecurityProfileIds` as well: never "no
    /// permission".
    pub fn read(asked: &UserId, answer: &[u8]) -> Result<Self, AnswerFault> {
        let mut user = required(&mut root(answer)?, "User")?;
        if text(&mut user, "Id")?.as_deref() != Some(asked.as_str()) {
            return Err(AnswerFault("the answer is about another user"));
        }
        let username = text(&mut user, "Username")?.ok_or(AnswerFault("the answer has no Username"))?;
        let mut info = required(&mut user, "IdentityInfo")?;
        let mut identity = Identity::default();
        for field in Field::ALL {
            let value = text(&mut info, field.name())?;
            identity.put(field, value);
        }
        let misspelt = |name: &str| Field::ALL.iter().any(|field| field.name().eq_ignore_ascii_case(name));
        if info.iter().any(|(name, _)| misspelt(name)) {
            return Err(AnswerFault("the answer has a field of the identity in another case"));
        }
        let security_profiles = user
            .take_strings("SecurityProfileIds")
            .ok()
            .flatten()
            .ok_or(AnswerFault("the answer has no SecurityProfileIds"))?;
        Ok(Self { id: asked.clone(), username, identity, security_profiles })
    }
}

impl Directory {
    /// Reads the answer to `DescribeInstance`.
    pub fn read(asked: &InstanceId, answer: &[u8]) -> Result<Self, AnswerFault> {
        let mut instance = required(&mut root(answer)?, "Instance")?;
        if text(&mut instance, "Id")?.as_deref() != Some(asked.as_str()) {
            return Err(AnswerFault("the answer is about another instance"));
        }
        match text(&mut instance, "IdentityManagementType")?.as_deref() {
            Some("CONNECT_MANAGED") => Ok(Self::ConnectManaged),
            Some("SAML") => Ok(Self::Saml),
            Some("EXISTING_DIRECTORY") => Ok(Self::Existing),
            Some(_) | None => Err(AnswerFault("the answer has no IdentityManagementType that is known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Json;

    const ANSWER: &str = r#"{"User":{"Id":"u-1","Arn":"arn:aws:connect:us-east-1:111122223333:instance/i-1/agent/u-1",
        "Username":"mary","IdentityInfo":{"FirstName":"Mary","LastName":"Major","Email":"mary.major@example.com",
        "SecondaryEmail":"","Mobile":null},"SecurityProfileIds":["s-1","s-2"],"LastModifiedTime":1.7e9},"New":[1]}"#;

    fn read(answer: &str) -> Result<User, &'static str> {
        User::read(&UserId::read("u-1").unwrap(), answer.as_bytes()).map_err(|fault| fault.0)
    }

    fn asked(body: &str) -> IdentityChange {
        IdentityChange::read_body(Json::read_object(body.as_bytes()).unwrap()).ok().unwrap()
    }

    #[test]
    fn a_user_is_read() {
        let user = read(ANSWER).ok().unwrap();
        assert_eq!((user.id.as_str(), user.username.as_str()), ("u-1", "mary"));
        assert_eq!(user.security_profiles, ["s-1", "s-2"]);
        assert_eq!(user.identity.value(Field::Email), Some("mary.major@example.com"));
        assert_eq!(user.identity.value(Field::SecondaryEmail), None);
        assert_eq!(user.identity.value(Field::Mobile), None);
        let expected = Identity::new([
            (Field::FirstName, "Mary".into()),
            (Field::LastName, "Major".into()),
            (Field::Email, "mary.major@example.com".into()),
            (Field::Mobile, String::new()),
        ]);
        assert!(user.identity == expected);
    }

    #[test]
    fn e11_an_answer_that_is_none_is_never_a_user_without_an_address() {
        for answer in [
            "",
            "[]",
            "{}",
            "null",
            "<html>",
            r#"{"User":null}"#,
            r#"{"User":[]}"#,
            r#"{"User":{}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":null,"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":[],"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":{}}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":{},"SecurityProfileIds":null}}"#,
            r#"{"User":{"Id":"u-1","IdentityInfo":{},"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-2","Username":"mary","IdentityInfo":{},"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Username":"mary","IdentityInfo":{},"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":{"Email":1},"SecurityProfileIds":[]}}"#,
            r#"{"User":{"Id":"u-1","Username":"mary","IdentityInfo":{"email":"m@example.com"},"SecurityProfileIds":[]}}"#,
        ] {
            assert!(read(answer).is_err(), "{answer}");
        }
        assert!(
            read(&ANSWER.replace("\"LastName\"", "\"Email\":\"x\",\"LastName\"")).is_err(),
            "a doubled key"
        );
        assert!(read(&format!("{ANSWER}{{}}")).is_err(), "trailing bytes");
    }

    #[test]
    fn the_directory_is_one_of_three() {
        let instance = InstanceId::read("i-1").unwrap();
        let read = |id: &str, kind: &str| {
            let answer = format!(r#"{{"Instance":{{"Id":"{id}","IdentityManagementType":"{kind}"}}}}"#);
            Directory::read(&instance, answer.as_bytes()).ok()
        };
        assert_eq!(read("i-1", "CONNECT_MANAGED"), Some(Directory::ConnectManaged));
        assert_eq!(read("i-1", "SAML"), Some(Directory::Saml));
        assert_eq!(read("i-1", "EXISTING_DIRECTORY"), Some(Directory::Existing));
        assert_eq!(read("i-1", "saml"), None);
        assert_eq!(read("i-2", "SAML"), None);
        assert!(Directory::read(&instance, br#"{"Instance":{"Id":"i-1"}}"#).is_err());
        assert!(Directory::read(&instance, b"{}").is_err());
    }

    #[test]
    fn what_would_change() {
        let before = read(ANSWER).ok().unwrap().identity;
        let same = asked(r#"{"IdentityInfo":{"FirstName":"Mary","SecondaryEmail":"","Mobile":""}}"#);
        assert_eq!(before.differences(&before.with_fields(&same)), []);
        let other = asked(r#"{"IdentityInfo":{"Mobile":"+12","Email":"Mary.major@example.com"}}"#);
        let after = before.with_fields(&other);
        assert_eq!(before.differences(&after), [Field::Email, Field::Mobile]);
        assert_eq!(after.value(Field::LastName), Some("Major"));
        let removed = after.with_fields(&asked(r#"{"IdentityInfo":{"Mobile":""}}"#));
        assert_eq!(removed.value(Field::Mobile), None);
    }
}
