//! What Connect answers to the reads the guard makes. Members the guard does not know are none of its business; a known
//! one that is missing, doubled or of another type is a fault, never an empty answer.

use std::{error::Error, fmt};

use crate::wire::json::{Json, Object};

use super::{Address, UserId};

/// Why an answer of Connect to a read of ours is not one. Says nothing of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerFault(pub &'static str);

/// One page of a list, and how to ask for the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// `NextToken`, when there is more.
    pub next: Option<String>,
}

/// The name in the answer to `DescribeSecurityProfile` for the profile that was asked for.
pub fn read_profile_name(asked: &str, answer: &[u8]) -> Result<String, AnswerFault> {
    let mut profile = required(&mut root(answer)?, "SecurityProfile")?;
    if text(&mut profile, "Id")?.as_deref() != Some(asked) {
        return Err(AnswerFault("the answer is about another security profile"));
    }
    text(&mut profile, "SecurityProfileName")?.ok_or(AnswerFault("the answer has no SecurityProfileName"))
}

/// The permissions in one answer to `ListSecurityProfilePermissions`.
pub fn read_permissions(answer: &[u8]) -> Result<Page<String>, AnswerFault> {
    let mut root = root(answer)?;
    let items = root.take_strings("Permissions").ok().flatten();
    let items = items.ok_or(AnswerFault("the answer has no list of Permissions"))?;
    Ok(Page { items, next: text(&mut root, "NextToken")? })
}

/// The ids of the users in one answer to `SearchUsers` whose Username is this one, letter case ignored: whether the
/// service tells them apart is not documented.
pub fn read_users_named(username: &str, answer: &[u8]) -> Result<Page<UserId>, AnswerFault> {
    let mut root = root(answer)?;
    let mut items = Vec::new();
    for mut user in objects(&mut root, "Users")? {
        let id = text(&mut user, "Id")?.as_deref().and_then(UserId::read);
        let id = id.ok_or(AnswerFault("a user in the answer has no Id"))?;
        let name = text(&mut user, "Username")?.ok_or(AnswerFault("a user in the answer has no Username"))?;
        if name.eq_ignore_ascii_case(username) {
            items.push(id);
        }
    }
    Ok(Page { items, next: text(&mut root, "NextToken")? })
}

/// The addresses in one answer to `SearchEmailAddresses`. One that [`Address`] does not read is left out: nothing that
/// it reads can be equal to it.
pub fn read_channel_addresses(answer: &[u8]) -> Result<Page<Address>, AnswerFault> {
    let mut root = root(answer)?;
    let mut items = Vec::new();
    for mut entry in objects(&mut root, "EmailAddresses")? {
        let given = text(&mut entry, "EmailAddress")?.ok_or(AnswerFault("an entry has no EmailAddress"))?;
        items.extend(Address::read(&given).ok());
    }
    Ok(Page { items, next: text(&mut root, "NextToken")? })
}

/// The id in the answer to `CreateUser`.
pub fn read_created_user(answer: &[u8]) -> Result<UserId, AnswerFault> {
    let id = text(&mut root(answer)?, "UserId")?;
    id.as_deref().and_then(UserId::read).ok_or(AnswerFault("the answer has no UserId"))
}

impl fmt::Display for AnswerFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for AnswerFault {}

pub(super) fn root(answer: &[u8]) -> Result<Object, AnswerFault> {
    Json::read_object(answer).map_err(|_| AnswerFault("the answer is not one JSON object"))
}

pub(super) fn required(object: &mut Object, name: &'static str) -> Result<Object, AnswerFault> {
    object.take_object(name).ok().flatten().ok_or(AnswerFault(missing(name)))
}

/// A text; absent, null and empty are the same in an answer, as they are to every AWS client.
pub(super) fn text(object: &mut Object, name: &str) -> Result<Option<String>, AnswerFault> {
    match object.take(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_)) => {
            Err(AnswerFault("a member of the answer is not a string"))
        }
    }
}

fn objects(object: &mut Object, name: &'static str) -> Result<Vec<Object>, AnswerFault> {
    let Some(Json::Array(values)) = object.take(name) else { return Err(AnswerFault(missing(name))) };
    let one = |value| match value {
        Json::Object(object) => Ok(object),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            Err(AnswerFault("an entry of the answer is not an object"))
        }
    };
    values.into_iter().map(one).collect()
}

fn missing(name: &'static str) -> &'static str {
    match name {
        "User" => "the answer has no User",
        "IdentityInfo" => "the answer has no IdentityInfo",
        "Instance" => "the answer has no Instance",
        "SecurityProfile" => "the answer has no SecurityProfile",
        "Users" => "the answer has no Users",
        _ => "the answer lacks what was asked for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_lacks_is_named() {
        for name in ["User", "IdentityInfo", "Instance", "SecurityProfile", "Users"] {
            assert_eq!(missing(name), format!("the answer has no {name}"));
        }
        assert!(!missing("Other").is_empty());
    }

    #[test]
    fn a_profile_has_the_name_and_id_that_was_asked_for() {
        let answer = br#"{"SecurityProfile":{"Id":"s-1","SecurityProfileName":"Admin","More":1}}"#;
        assert_eq!(read_profile_name("s-1", answer).as_deref(), Ok("Admin"));
        assert!(read_profile_name("s-2", answer).is_err());
        for answer in ["{}", "[]", r#"{"SecurityProfile":{"Id":"s-1"}}"#, r#"{"SecurityProfile":[]}"#] {
            assert!(read_profile_name("s-1", answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn permissions_come_in_pages() {
        let page =
            read_permissions(br#"{"Permissions":["Users.Edit","Users.View"],"NextToken":"t"}"#).unwrap();
        assert_eq!(
            page,
            Page { items: vec!["Users.Edit".into(), "Users.View".into()], next: Some("t".into()) }
        );
        let last = read_permissions(br#"{"Permissions":[],"NextToken":null}"#).unwrap();
        assert_eq!(last, Page { items: vec![], next: None });
        for answer in ["", "{}", "[]", "<html>", r#"{"Permissions":null}"#, r#"{"Permissions":[1]}"#] {
            assert!(read_permissions(answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn users_are_found_by_their_whole_name() {
        let answer =
            br#"{"Users":[{"Id":"u-1","Username":"Mary"},{"Id":"u-2","Username":"mary2"}],"NextToken":"t"}"#;
        let page = read_users_named("mary", answer).unwrap();
        assert_eq!(page, Page { items: vec![UserId::read("u-1").unwrap()], next: Some("t".into()) });
        assert_eq!(read_users_named("mary", br#"{"Users":[]}"#).unwrap().items, []);
        for answer in [
            "{}",
            r#"{"Users":{}}"#,
            r#"{"Users":[1]}"#,
            r#"{"Users":[{"Id":"u"}]}"#,
            r#"{"Users":[{"Username":"m"}]}"#,
        ] {
            assert!(read_users_named("mary", answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn channel_addresses_are_read_as_addresses() {
        let answer =
            br#"{"EmailAddresses":[{"EmailAddress":"Help@Example.com"},{"EmailAddress":"not one"}]}"#;
        let page = read_channel_addresses(answer).unwrap();
        assert_eq!(page.items, [Address::read("Help@example.com").unwrap()]);
        for answer in ["{}", r#"{"EmailAddresses":[{}]}"#, r#"{"EmailAddresses":null}"#] {
            assert!(read_channel_addresses(answer.as_bytes()).is_err(), "{answer}");
        }
    }

    #[test]
    fn a_created_user_has_an_id() {
        assert_eq!(
            read_created_user(br#"{"UserId":"u-1","UserArn":"arn"}"#),
            Ok(UserId::read("u-1").unwrap())
        );
        for answer in ["", "{}", r#"{"UserId":""}"#, r#"{"UserId":"a/b"}"#, r#"{"UserId":1}"#] {
            assert!(read_created_user(answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
