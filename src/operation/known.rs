//! Bodies whose members are known by name and type: what is not known is refused, by whoever ends the reading.

use crate::wire::{
    Malformed,
    json::{Json, Object},
};

use super::labels::missing;

/// What a member may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A string of at most so many characters.
    Text(usize),
    /// An array of strings.
    List,
    /// An object of strings.
    Texts,
    /// Any object.
    Object,
    /// An array of objects.
    Objects,
    /// A number.
    Number,
    /// true or false.
    Boolean,
}

/// A member known by name and type.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    name: &'static str,
    kind: Kind,
    required: bool,
}

impl Known {
    pub(super) const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: true }
    }

    pub(super) const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false }
    }
}

/// Takes the known members out, in the order of `known`. What is left is for [`Object::finish`].
pub(super) fn take_known(members: &mut Object, known: &[Known]) -> Result<Object, Malformed> {
    let mut taken = Object::new();
    for member in known {
        match members.take(member.name) {
            Some(value) if is_of(member.kind, &value) => taken.set(member.name, value),
            Some(_) => {
                return Err(Malformed::form(format!("`{}` is not {}", member.name, words(member.kind))));
            }
            None if member.required => return Err(missing(member.name)),
            None => {}
        }
    }
    Ok(taken)
}

/// Refuses null wherever it stands: to some readers it is a value, to others it is no member.
pub(super) fn without_null(members: &Object) -> Result<(), Malformed> {
    fn has_null(value: &Json) -> bool {
        match value {
            Json::Null => true,
            Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
            Json::Array(values) => values.iter().any(has_null),
            Json::Object(members) => members.iter().any(|(_, value)| has_null(value)),
        }
    }
    if members.iter().any(|(_, value)| has_null(value)) {
        return Err(Malformed::form("body: null is no value"));
    }
    Ok(())
}

fn is_of(kind: Kind, value: &Json) -> bool {
    match (kind, value) {
        (Kind::Text(most), Json::String(text)) => text.chars().count() <= most,
        (Kind::List, Json::Array(values)) => values.iter().all(|value| matches!(value, Json::String(_))),
        (Kind::Texts, Json::Object(members)) => {
            members.iter().all(|(_, value)| matches!(value, Json::String(_)))
        }
        (Kind::Objects, Json::Array(values)) => values.iter().all(|value| matches!(value, Json::Object(_))),
        (Kind::Object, Json::Object(_))
        | (Kind::Number, Json::Number(_))
        | (Kind::Boolean, Json::Bool(_)) => true,
        (
            Kind::Text(_)
            | Kind::List
            | Kind::Texts
            | Kind::Object
            | Kind::Objects
            | Kind::Number
            | Kind::Boolean,
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_),
        ) => false,
    }
}

fn words(kind: Kind) -> String {
    match kind {
        Kind::Text(most) => format!("a string of at most {most} characters"),
        Kind::List => "an array of strings".into(),
        Kind::Texts => "an object of strings".into(),
        Kind::Object => "an object".into(),
        Kind::Objects => "an array of objects".into(),
        Kind::Number => "a number".into(),
        Kind::Boolean => "true or false".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ErrorType;

    const ALL: &[Known] = &[
        Known::optional("Text", Kind::Text(3)),
        Known::optional("List", Kind::List),
        Known::optional("Texts", Kind::Texts),
        Known::optional("Object", Kind::Object),
        Known::optional("Objects", Kind::Objects),
        Known::optional("Number", Kind::Number),
        Known::optional("Boolean", Kind::Boolean),
    ];

    fn take(body: &str, known: &[Known]) -> Result<Vec<u8>, ErrorType> {
        let mut members = Json::read_object(body.as_bytes()).unwrap();
        take_known(&mut members, known).map(|taken| taken.write()).map_err(|fault| fault.error)
    }

    #[test]
    fn what_a_member_is_to_be_is_said() {
        for (kind, expected) in [
            (Kind::Text(3), "a string of at most 3 characters"),
            (Kind::List, "an array of strings"),
            (Kind::Texts, "an object of strings"),
            (Kind::Object, "an object"),
            (Kind::Objects, "an array of objects"),
            (Kind::Number, "a number"),
            (Kind::Boolean, "true or false"),
        ] {
            assert_eq!(words(kind), expected);
        }
    }

    #[test]
    fn each_member_is_of_its_type() {
        let good = [
            ("Text", r#""äöü""#),
            ("List", r#"["a"]"#),
            ("Texts", r#"{"a":"b"}"#),
            ("Object", r#"{"a":1}"#),
            ("Objects", r#"[{"a":1}]"#),
            ("Number", "1.5"),
            ("Boolean", "false"),
        ];
        for (name, value) in good {
            let body = format!(r#"{{"{name}":{value}}}"#);
            assert_eq!(take(&body, ALL), Ok(body.clone().into_bytes()));
        }
        let bad = [
            ("Text", r#"["1","null","[]","{}","true","\"abcd\""]"#),
            ("List", r#"["1","null","[1]","[null]","{}","\"a\""]"#),
            ("Texts", r#"["1","null","[]","{\"a\":1}","{\"a\":null}","\"a\""]"#),
            ("Object", r#"["1","null","[]","true","\"a\""]"#),
            ("Objects", r#"["1","null","{}","[1]","[[]]","\"a\""]"#),
            ("Number", r#"["\"1\"","null","[]","true","{}"]"#),
            ("Boolean", r#"["\"true\"","null","[]","1","{}"]"#),
        ];
        for (name, values) in bad {
            let mut values = Json::read_object(format!(r#"{{"v":{values}}}"#).as_bytes()).unwrap();
            for value in values.take_strings("v").unwrap().unwrap() {
                let body = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(take(&body, ALL), Err(ErrorType::InvalidRequest), "{body}");
            }
        }
    }

    #[test]
    fn what_is_required_must_be_there_and_the_order_is_that_of_the_list() {
        let known = [Known::required("b", Kind::Number), Known::optional("a", Kind::Number)];
        assert_eq!(take(r#"{"a":1}"#, &known), Err(ErrorType::InvalidRequest));
        assert_eq!(take(r#"{"a":1,"b":2}"#, &known), Ok(br#"{"b":2,"a":1}"#.to_vec()));
        let mut members = Json::read_object(br#"{"b":1,"c":2}"#).unwrap();
        assert!(take_known(&mut members, &known).is_ok());
        assert!(members.finish().is_err());
    }

    #[test]
    fn b6_null_is_found_at_every_depth() {
        for body in [r#"{"a":null}"#, r#"{"a":[null]}"#, r#"{"a":{"b":[{"c":null}]}}"#] {
            assert!(without_null(&Json::read_object(body.as_bytes()).unwrap()).is_err(), "{body}");
        }
        assert!(without_null(&Json::read_object(br#"{"a":["null",0,false,{}]}"#).unwrap()).is_ok());
    }
}
