//! Reading the fields of a user's identity: `IdentityInfo` of `UpdateUserIdentityInfo` and of `CreateUser`.
//!
//! Stricter than Connect wherever two systems could read one value differently (requirements B1-B16, E1-E8, E14).

use std::collections::BTreeMap;

use unicode_normalization::is_nfc;

use crate::wire::{Malformed, json::Object};

use super::{
    Address, Field, IdentityChange, Wanted,
    labels::{invalid, missing},
};

impl IdentityChange {
    /// What these fields ask for; empty when there are none. `""` asks for the removal of `SecondaryEmail` or `Mobile` and
    /// is refused elsewhere, as is a value that Connect's documentation or the guard's stricter rules exclude.
    ///
    /// # Errors
    /// 400 `InvalidParameterException`, naming the field and never its value.
    pub fn new(asked: impl IntoIterator<Item = (Field, String)>) -> Result<Self, Malformed> {
        let mut fields = BTreeMap::new();
        for (field, text) in asked {
            if fields.insert(field, wanted(field, text)?).is_some() {
                return Err(invalid(format!("`{field}` is asked for twice")));
            }
        }
        Ok(Self { fields })
    }

    /// Reads the members of `IdentityInfo`: strings under known names, nothing else.
    pub(super) fn read(mut info: Object) -> Result<Self, Malformed> {
        let mut asked = Vec::new();
        for field in Field::ALL {
            if let Some(text) = info.take_string(field.name())? {
                asked.push((field, text));
            }
        }
        info.finish()?;
        Self::new(asked)
    }

    /// Reads the body of `UpdateUserIdentityInfo`: at least one field.
    pub(super) fn read_body(mut members: Object) -> Result<Self, Malformed> {
        let info = members.take_object("IdentityInfo")?;
        members.finish()?;
        let change = Self::read(info.ok_or_else(|| missing("IdentityInfo"))?)?;
        if change.fields.is_empty() {
            return Err(Malformed::form("`IdentityInfo` asks for nothing"));
        }
        Ok(change)
    }

    /// The members of `IdentityInfo`, in the model's order.
    pub(super) fn members(&self) -> Object {
        let mut info = Object::new();
        for (field, wanted) in self.fields() {
            let text = match wanted {
                Wanted::Set(text) => text.as_str(),
                Wanted::Remove => "",
            };
            info.set(field.name(), text.into());
        }
        info
    }
}

fn wanted(field: Field, text: String) -> Result<Wanted, Malformed> {
    let refuse = |why: &str| Err(invalid(format!("`{field}`: {why}")));
    match (field, text.is_empty()) {
        (Field::SecondaryEmail | Field::Mobile, true) => return Ok(Wanted::Remove),
        (Field::FirstName | Field::LastName | Field::Email, true) => return refuse("it cannot be empty"),
        (Field::FirstName, false) => {
            if let Some(why) = name_fault(&text, 255) {
                return refuse(why);
            }
        }
        (Field::LastName, false) => {
            if let Some(why) = name_fault(&text, 300) {
                return refuse(why);
            }
        }
        (Field::Email | Field::SecondaryEmail, false) => {
            if let Err(fault) = Address::read(&text) {
                return refuse(&fault.to_string());
            }
        }
        (Field::Mobile, false) => {
            if !is_e164(&text) {
                return refuse("it is not a telephone number in E.164 form");
            }
        }
    }
    Ok(Wanted::Set(text))
}

/// Why a name of at most so many characters is not one.
fn name_fault(text: &str, most: usize) -> Option<&'static str> {
    if text.chars().count() > most {
        Some("it is too long")
    } else if text.chars().any(char::is_control) {
        Some("it has a control character")
    } else if text.chars().any(is_invisible) {
        Some("it has a character that cannot be seen or turns the direction of writing")
    } else if is_nfc(text) {
        None
    } else {
        Some("it is not in Unicode normalization form C")
    }
}

/// `^\+[1-9]\d{1,14}$`, digits in ASCII.
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (2..=15).contains(&digits.len())
        && !digits.starts_with('0')
        && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Bidirectional controls, zero-width and default-ignorable characters, line separators and tags (Unicode 16, section
/// 23): two names that differ in these only look the same.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{ErrorType, json::Json};

    fn one(field: Field, text: &str) -> Result<Wanted, ErrorType> {
        match IdentityChange::new([(field, text.to_owned())]) {
            Ok(change) => Ok(change.wanted(field).unwrap().clone()),
            Err(malformed) => Err(malformed.error),
        }
    }

    fn is_set(field: Field, text: &str) -> bool {
        matches!(one(field, text), Ok(Wanted::Set(kept)) if kept == text)
    }

    fn is_refused(field: Field, text: &str) -> bool {
        one(field, text).is_err_and(|error| error == ErrorType::InvalidParameter)
    }

    #[test]
    fn values_are_kept_as_given() {
        assert!(is_set(Field::FirstName, "Mary"));
        assert!(is_set(Field::FirstName, "Zoë O\"\\/ 😀"));
        assert!(is_set(Field::LastName, "van der Majör-Ångström"));
        assert!(is_set(Field::Email, "MARY+x@Example.COM"));
        assert!(is_set(Field::SecondaryEmail, "mary.major@example.com"));
        assert!(is_set(Field::Mobile, "+12065550100"));
    }

    #[test]
    fn b6_empty_is_a_removal_only_where_connect_can_do_without() {
        for field in [Field::SecondaryEmail, Field::Mobile] {
            assert!(matches!(one(field, ""), Ok(Wanted::Remove)));
        }
        for field in [Field::FirstName, Field::LastName, Field::Email] {
            assert!(is_refused(field, ""));
        }
    }

    #[test]
    fn e14_names_in_one_normal_form_and_all_of_it_visible() {
        for name in [
            "Zoe\u{308}",
            "Mary\n",
            "Mary\0",
            "Ma\u{85}ry",
            "\u{202e}yraM",
            "Ma\u{200b}ry",
            "Ma\u{200d}ry",
            "\u{feff}Mary",
            "Ma\u{ad}ry",
            "Ma\u{2028}ry",
            "Mary\u{e0041}",
            "\u{3164}",
        ] {
            assert!(is_refused(Field::FirstName, name), "{name:?}");
            assert!(is_refused(Field::LastName, name), "{name:?}");
        }
    }

    #[test]
    fn names_have_the_documented_lengths_in_characters() {
        assert!(is_set(Field::FirstName, &"ë".repeat(255)));
        assert!(is_refused(Field::FirstName, &"ë".repeat(256)));
        assert!(is_set(Field::LastName, &"ë".repeat(300)));
        assert!(is_refused(Field::LastName, &"ë".repeat(301)));
    }

    #[test]
    fn mobile_is_e164() {
        for text in [
            "+1",
            "+0123",
            "12065550100",
            "+1206555010012345",
            "+1 206",
            "+١٢٣",
            "++12",
            "+12\n",
            "not a number",
        ] {
            assert!(is_refused(Field::Mobile, text), "{text:?}");
        }
        assert!(is_set(Field::Mobile, "+12"));
        assert!(is_set(Field::Mobile, "+123456789012345"));
    }

    #[test]
    fn e6_n9_addresses_stricter_than_the_service() {
        for field in [Field::Email, Field::SecondaryEmail] {
            for text in ["u%evil.com@example.com", "u@example..com", "u@localhost", "mary", "m@example.com\n"]
            {
                assert!(is_refused(field, text), "{text:?}");
            }
        }
    }

    #[test]
    fn a_field_is_asked_for_once() {
        let twice = [(Field::Mobile, "+12".to_owned()), (Field::Mobile, "+13".to_owned())];
        assert!(IdentityChange::new(twice).is_err());
    }

    #[test]
    fn b16_an_address_in_a_name_is_text() {
        let body = br#"{"IdentityInfo":{"FirstName":"mary.major@example.com"}}"#;
        let change = IdentityChange::read_body(Json::read_object(body).unwrap()).ok().unwrap();
        assert_eq!(change.fields().map(|(field, _)| field).collect::<Vec<_>>(), [Field::FirstName]);
    }

    #[test]
    fn n12_a_refusal_never_shows_the_value() {
        let fault = IdentityChange::new([(Field::Email, "mary major@example.com".to_owned())]).err().unwrap();
        assert_eq!(fault.why, "`Email`: the address has a character other than visible ASCII");
    }
}
