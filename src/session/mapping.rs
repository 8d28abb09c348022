//! From the verified claims of a token to a role, and to what of them becomes part of the session.

use std::collections::BTreeMap;

use crate::wire::json::{Json, Object};

use super::RoleMapping;

/// Characters of a claim that becomes part of a session.
const CLAIM_MAX: usize = 256;

/// A claim that is to become part of the session is longer than 256 characters; its name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong(pub(super) String);

/// The first mapping of an issuer whose claims are all there and equal, to the role that is asked for.
pub(super) fn mapped<'a>(
    roles: &'a [RoleMapping],
    issuer: &str,
    claims: &Object,
    role: &str,
) -> Option<&'a RoleMapping> {
    roles.iter().find(|mapping| {
        mapping.issuer == issuer
            && mapping.role.to_string() == role
            && !mapping.claims.is_empty()
            && mapping.claims.iter().all(|(name, wanted)| written(claims, name) == Some(wanted))
    })
}

/// The claims that become part of the session: those named that are there.
pub(super) fn carried(mapping: &RoleMapping, claims: &Object) -> Result<BTreeMap<String, String>, TooLong> {
    let mut carried = BTreeMap::new();
    for name in &mapping.carry {
        if let Some(value) = written(claims, name) {
            if value.chars().count() > CLAIM_MAX {
                return Err(TooLong(name.clone()));
            }
            carried.insert(name.clone(), value.to_owned());
        }
    }
    Ok(carried)
}

/// A claim as text: strings, and numbers and booleans as they are written. Lists and objects are no text: that one of
/// many is equal would be another question.
fn written<'a>(claims: &'a Object, name: &str) -> Option<&'a str> {
    match claims.get(name)? {
        Json::String(text) => Some(text),
        Json::Number(number) => Some(number.as_str()),
        Json::Bool(true) => Some("true"),
        Json::Bool(false) => Some("false"),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Arn;

    const DESK: &str = "arn:aws:iam::111122223333:role/Desk";

    fn mapping(role: &str, claims: &[(&str, &str)]) -> RoleMapping {
        RoleMapping {
            issuer: "https://issuer.example.com".into(),
            claims: claims.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            role: Arn::read(role).unwrap(),
            carry: vec!["ref".into(), "n".into(), "groups".into(), "absent".into()],
        }
    }

    fn claims(text: &str) -> Object {
        Json::read_object(text.as_bytes()).unwrap()
    }

    #[test]
    fn v2_all_claims_must_be_there_and_equal() {
        let roles = [mapping(DESK, &[("sub", "a"), ("env", "prod")])];
        let role_of =
            |text: &str| mapped(&roles, "https://issuer.example.com", &claims(text), DESK).is_some();
        assert!(role_of(r#"{"sub":"a","env":"prod","more":1}"#));
        for text in [
            r#"{"sub":"a"}"#,
            r#"{"sub":"a","env":"Prod"}"#,
            r#"{"sub":"a","env":"production"}"#,
            r#"{"sub":"a","env":["prod"]}"#,
            r#"{"sub":"a","env":null}"#,
            r#"{"sub":"a","ENV":"prod"}"#,
        ] {
            assert!(!role_of(text), "{text}");
        }
    }

    #[test]
    fn v2_the_role_that_is_asked_for_is_the_one_that_is_mapped() {
        let audit = "arn:aws:iam::111122223333:role/Audit";
        let roles = [mapping(DESK, &[("sub", "a")]), mapping(audit, &[("sub", "b")]), mapping(audit, &[])];
        let found = |issuer: &str, sub: &str, role: &str| {
            mapped(&roles, issuer, &claims(&format!(r#"{{"sub":"{sub}"}}"#)), role)
                .map(|m| m.role.to_string())
        };
        let issuer = "https://issuer.example.com";
        assert_eq!(found(issuer, "a", DESK).as_deref(), Some(DESK));
        assert_eq!(found(issuer, "a", audit), None);
        assert_eq!(found(issuer, "c", audit), None, "a mapping without claims is nobody's");
        assert_eq!(found(issuer, "a", "arn:aws:iam::111122223333:role/desk"), None);
        assert_eq!(found(issuer, "a", ""), None);
        assert_eq!(found("https://issuer.example.com/", "a", DESK), None);
    }

    #[test]
    fn what_is_carried_is_text_and_bounded() {
        let mapping = mapping(DESK, &[("sub", "a")]);
        let found = carried(&mapping, &claims(r#"{"ref":"main","n":7,"groups":["x"],"sub":"a"}"#)).unwrap();
        let expected = [("n".to_owned(), "7".to_owned()), ("ref".to_owned(), "main".to_owned())];
        assert_eq!(found, BTreeMap::from(expected));
        let long = format!(r#"{{"ref":"{}"}}"#, "r".repeat(257));
        assert_eq!(carried(&mapping, &claims(&long)), Err(TooLong("ref".into())));
    }
}
