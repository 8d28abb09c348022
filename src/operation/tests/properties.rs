//! Properties: a change is what it is built from, however it was written; an ordinary operation is never a guarded one.

use std::fmt::Write;

use proptest::prelude::*;

use super::super::{
    Class, Operation, routes,
    testing::{INSTANCE, USER, asked, change},
};
use crate::wire::{
    RequestTarget,
    json::{Json, Object},
};

/// Writes an object another way: `choices` says where members are swapped, white space put, and letters escaped.
fn rewrite(object: &Object, choices: &mut impl Iterator<Item = u8>) -> String {
    let mut members: Vec<String> = object
        .iter()
        .map(|(key, value)| {
            let (before, after) = (space(choices), space(choices));
            format!("{before}{}{after}:{}", string(key, choices), any_value(value, choices))
        })
        .collect();
    if !members.is_empty() {
        let by = usize::from(choices.next().unwrap_or(0)) % members.len();
        members.rotate_left(by);
    }
    format!("{{{}{}}}", members.join(","), space(choices))
}

fn any_value(value: &Json, choices: &mut impl Iterator<Item = u8>) -> String {
    let text = match value {
        Json::Object(object) => rewrite(object, choices),
        Json::Array(values) => {
            let items: Vec<_> = values.iter().map(|value| any_value(value, choices)).collect();
            format!("[{}]", items.join(","))
        }
        Json::String(text) => string(text, choices),
        other @ (Json::Null | Json::Bool(_) | Json::Number(_)) => String::from_utf8(other.write()).unwrap(),
    };
    format!("{}{text}{}", space(choices), space(choices))
}

fn space(choices: &mut impl Iterator<Item = u8>) -> &'static str {
    ["", "", " ", "\n\t"][usize::from(choices.next().unwrap_or(0)) % 4]
}

fn string(text: &str, choices: &mut impl Iterator<Item = u8>) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if choices.next().unwrap_or(0).is_multiple_of(3) || c.is_control() || c == '"' || c == '\\' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").unwrap();
            }
        } else {
            out.push(c);
        }
    }
    out.push('"');
    out
}

/// Requests for changes, with the values that vary put in.
fn changes(name: &str, address: &str, id: &str) -> Vec<(&'static str, String, String)> {
    let name = String::from_utf8(Json::from(name).write()).unwrap();
    vec![
        (
            "POST",
            format!("/users/{INSTANCE}/{USER}/identity-info"),
            format!(r#"{{"IdentityInfo":{{"FirstName":{name},"Email":"{address}","Mobile":""}}}}"#),
        ),
        (
            "PUT",
            format!("/users/{INSTANCE}"),
            format!(
                r#"{{"Username":"mary","Password":"Abcdef12","IdentityInfo":{{"LastName":{name}}},"SecurityProfileIds":["{id}"],
                "RoutingProfileId":"{id}","PhoneConfig":{{"PhoneType":"SOFT_PHONE","AfterContactWorkTimeLimit":1.50e3}},
                "Tags":{{"k":{name}}}}}"#
            ),
        ),
        (
            "POST",
            format!("/security-profiles/{INSTANCE}/{id}"),
            format!(
                r#"{{"Description":{name},"Permissions":["Users.View","Users.Edit"],"Applications":[{{"Namespace":{name},"Type":"MCP"}}]}}"#
            ),
        ),
        (
            "POST",
            format!("/associate-security-profiles/{INSTANCE}"),
            format!(
                r#"{{"SecurityProfiles":[{{"Id":"{id}"}}],"EntityType":"USER","EntityArn":"arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}/agent/{USER}"}}"#
            ),
        ),
        (
            "PUT",
            format!("/notifications/{INSTANCE}"),
            format!(r#"{{"b":{{"z":[{name},1,true,{{"y":-0.0,"x":{name}}}],"a":{name}}},"a":[]}}"#),
        ),
        ("DELETE", format!("/instance/{INSTANCE}/security-key/{id}?clientToken={id}"), String::new()),
    ]
}

/// All texts that some reader may make of a path: decoded up to three times, dots resolved, slashes merged, parameters
/// cut off, letters folded.
fn readings(path: &str) -> Vec<String> {
    let mut texts = vec![path.to_owned()];
    for _ in 0..3 {
        let decoded = decode(texts.last().unwrap());
        texts.push(decoded);
    }
    texts.iter().map(|text| normal(text)).collect()
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let octet = text
            .get(at + 1..at + 3)
            .filter(|_| bytes[at] == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(octet.unwrap_or(bytes[at]));
        at += if octet.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn normal(text: &str) -> String {
    let text = text.replace('\\', "/").to_lowercase();
    let path = text.split(['?', '#']).next().unwrap();
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').map(|part| part.split(';').next().unwrap()) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

fn is_guarded(method: &str, reading: &str) -> bool {
    let parts: Vec<_> = reading.split('/').collect();
    matches!((method, parts.as_slice()), ("POST", ["users", .., "identity-info"]) | ("PUT", ["users", _]))
}

proptest! {
    #[test]
    fn b17_however_a_change_is_written_the_same_is_built(
        name in "[a-zA-Z0-9 äöüß\"\\\\/<>😀]{1,20}",
        address in "[a-zA-Z0-9._+]{1,8}@[a-z]{1,8}\\.example",
        id in "[a-zA-Z0-9-]{1,36}",
        choices in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        prop_assume!(crate::operation::Address::read(&address).is_ok());
        for (method, target, body) in changes(&name, &address, &id) {
            let built = change(method, &target, &body).build();
            let again = change(built.method, &built.target, std::str::from_utf8(&built.body).unwrap()).build();
            prop_assert_eq!(&again, &built);
            if body.is_empty() {
                continue;
            }
            let written = Json::read_object(&built.body).unwrap();
            prop_assert_eq!(written.write(), built.body.to_vec());
            prop_assert!(written.sorted() == Json::read_object(body.as_bytes()).unwrap().sorted());
            let object = Json::read_object(body.as_bytes()).unwrap();
            let other = rewrite(&object, &mut choices.iter().copied().cycle().take(if choices.is_empty() { 0 } else { 100_000 }));
            prop_assert_eq!(change(method, &target, &other).build(), built);
        }
    }

    #[test]
    fn d11_no_reading_of_an_ordinary_path_is_a_guarded_one(
        at in 0..405_usize,
        labels in prop::collection::vec(
            prop_oneof![
                Just(INSTANCE.to_owned()),
                Just(format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}")),
                Just(format!("arn:aws:connect:us-east-1:111122223333:instance/{INSTANCE}/agent/u")),
                Just("identity-info".to_owned()),
                Just("arn:aws:lex:us-east-1:111122223333:bot/x/identity-info".to_owned()),
                Just("arn:aws:lex:us-east-1:111122223333:bot/../../users/i/u/identity-info".to_owned()),
                "[a-zA-Z0-9._:$%/;\\\\?# -]{1,12}",
            ],
            6,
        ),
        raw in any::<bool>(),
    ) {
        let route = &routes()[at];
        let mut values = labels.iter();
        let path: String = route
            .template
            .split('/')
            .skip(1)
            .map(|part| match (part.starts_with('{'), part) {
                (true, "{InstanceId}") => format!("/{INSTANCE}"),
                (true, _) if raw => format!("/{}", values.next().unwrap()),
                (true, _) => format!("/{}", RequestTarget::encode(values.next().unwrap())),
                (false, part) => format!("/{part}"),
            })
            .collect();
        let body = if route.body { format!(r#"{{"InstanceId":"{INSTANCE}"}}"#) } else { String::new() };
        if let Ok(asked) = asked(route.method.as_str(), &path, &body)
            && let Operation::Ordinary(ordinary) = asked.operation()
        {
            prop_assert!(matches!(ordinary.class(), Class::Read | Class::Write));
            for reading in readings(ordinary.path()) {
                prop_assert!(!is_guarded(route.method.as_str(), &reading), "{} as {}", ordinary.path(), reading);
            }
        }
    }
}
