//! What Connect takes as a user's identity, as far as its documentation says: lengths, normalization form, what each kind of
//! directory lets be set. Written apart from the guard's own rules, which are stricter.

use serde_json::{Map, Value};
use unicode_normalization::is_nfc;

use crate::operation::{Directory, Field};

use super::{SamlEmail, answer::Answer, operations::text};

/// The fields that are given; a null is not given.
pub(super) fn read(info: &Map<String, Value>) -> Result<Vec<(Field, String)>, Answer> {
    let mut given = Vec::new();
    for field in Field::ALL {
        if let Some(value) = text(info, field.name())? {
            given.push((field, value.to_owned()));
        }
    }
    Ok(given)
}

/// Whether an instance of this kind takes these values.
pub(super) fn check(
    given: &[(Field, String)],
    directory: Directory,
    saml_email: SamlEmail,
) -> Result<(), Answer> {
    for (field, value) in given {
        if !is_settable(*field, directory) {
            let message = format!("{field} cannot be set in this directory");
            return Err(match (directory, saml_email) {
                (Directory::Saml, SamlEmail::InvalidParameter) => Answer::invalid_parameter(&message),
                (Directory::Saml, SamlEmail::InvalidRequest)
                | (Directory::Existing | Directory::ConnectManaged, _) => Answer::invalid_request(&message),
            });
        }
        if !is_taken(*field, value) {
            return Err(Answer::invalid_parameter(&format!("{field} is not valid")));
        }
    }
    Ok(())
}

/// Whether a field can be set in a directory of this kind.
pub(super) fn is_settable(field: Field, directory: Directory) -> bool {
    match (directory, field) {
        (Directory::ConnectManaged, _)
        | (Directory::Saml | Directory::Existing, Field::SecondaryEmail | Field::Mobile)
        | (Directory::Saml, Field::FirstName | Field::LastName) => true,
        (Directory::Saml, Field::Email)
        | (Directory::Existing, Field::FirstName | Field::LastName | Field::Email) => false,
    }
}

/// Letters, digits and `_-.@`; at most 20 of them, 64 with SAML.
pub(super) fn is_username(text: &str, directory: Directory) -> bool {
    let most = match directory {
        Directory::Saml => 64,
        Directory::ConnectManaged | Directory::Existing => 20,
    };
    (1..=most).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte))
}

/// 8 to 64 characters without white space, among them a small and a capital letter and a digit.
pub(super) fn is_password(text: &str) -> bool {
    let has = |wanted: fn(&char) -> bool| text.chars().any(|character| wanted(&character));
    (8..=64).contains(&text.chars().count())
        && has(char::is_ascii_lowercase)
        && has(char::is_ascii_uppercase)
        && has(char::is_ascii_digit)
        && !text.chars().any(char::is_whitespace)
}

fn is_taken(field: Field, value: &str) -> bool {
    let name = |most: usize| (1..=most).contains(&value.chars().count()) && is_nfc(value);
    match field {
        Field::FirstName => name(255),
        Field::LastName => name(300),
        Field::Email => is_address(value),
        Field::SecondaryEmail => value.is_empty() || is_address(value),
        Field::Mobile => value.is_empty() || is_number(value),
    }
}

/// The documented pattern of `SecondaryEmail`, taken for both.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let made_of = |text: &str, others: &[u8]| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
    };
    text.len() <= 265
        && made_of(local, b"._%+-")
        && made_of(labels, b".-")
        && (2..=63).contains(&top.len())
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// E.164: `+`, a digit other than zero, and 1 to 14 more.
fn is_number(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(field: Field, value: &str) -> bool {
        check(&[(field, value.to_owned())], Directory::ConnectManaged, SamlEmail::InvalidParameter).is_ok()
    }

    #[test]
    fn names_have_lengths_and_a_normal_form() {
        assert!(checked(Field::FirstName, &"ë".repeat(255)));
        assert!(!checked(Field::FirstName, &"ë".repeat(256)));
        assert!(checked(Field::LastName, &"ë".repeat(300)));
        assert!(!checked(Field::LastName, &"ë".repeat(301)));
        assert!(!checked(Field::FirstName, "Zoe\u{308}"));
        assert!(!checked(Field::LastName, ""));
    }

    #[test]
    fn addresses_and_numbers_have_the_documented_form() {
        for text in ["mary.major@example.com", "a+b%c@a.b-c.example"] {
            assert!(checked(Field::Email, text) && checked(Field::SecondaryEmail, text), "{text}");
        }
        for text in ["mary", "mary@", "@example.com", "mary@example", "mary@example.c", "ma ry@example.com"] {
            assert!(!checked(Field::Email, text) && !checked(Field::SecondaryEmail, text), "{text}");
        }
        assert!(!checked(Field::Email, &format!("{}@example.com", "a".repeat(254))));
        assert!(!checked(Field::Email, ""));
        assert!(checked(Field::SecondaryEmail, ""));
        assert!(checked(Field::Mobile, "") && checked(Field::Mobile, "+12065550100"));
        for text in ["12065550100", "+", "+1", "+0123", "+1234567890123456", "+12a"] {
            assert!(!checked(Field::Mobile, text), "{text}");
        }
    }

    #[test]
    fn each_directory_lets_its_own_fields_be_set() {
        let settable = |directory| Field::ALL.map(|field| is_settable(field, directory));
        assert_eq!(settable(Directory::ConnectManaged), [true; 5]);
        assert_eq!(settable(Directory::Saml), [true, true, false, true, true]);
        assert_eq!(settable(Directory::Existing), [false, false, false, true, true]);
    }

    #[test]
    fn usernames_and_passwords() {
        assert!(is_username("mary.major@example", Directory::ConnectManaged));
        assert!(!is_username("mary major", Directory::Saml));
        assert!(!is_username(&"m".repeat(21), Directory::ConnectManaged));
        assert!(is_username(&"m".repeat(64), Directory::Saml));
        assert!(!is_username("", Directory::Saml));
        assert!(is_password("Passw0rd"));
        for text in ["Passw0r", "passw0rd", "PASSW0RD", "Password", "Pass w0rd"] {
            assert!(!is_password(text), "{text}");
        }
    }
}
