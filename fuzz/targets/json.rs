//! JSON of a change: what is accepted is read by serde_json in the same way, has no key twice, and is written so that both
//! read the same again. What goes to Connect of an identity operation asks for what was asked for, and for nothing else.
#![no_main]

use connect_guard::{
    fuzzing::{identity, new_user},
    operation::Wanted,
    wire::json::{Json, Object},
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

/// What serde_json takes for a number, wherever it stands: the reader refuses it as it is, and lets it pass as a text with
/// escapes.
const RESERVED: &[u8] = b"$serde_json::private::Number";

fuzz_target!(|octets: &[u8]| {
    let Ok(object) = Json::read_object(octets) else {
        assert!(identity(octets).is_err() && new_user(octets).is_err());
        return;
    };
    if object.write().windows(RESERVED.len()).any(|part| part == RESERVED) {
        return;
    }
    let read: Value = serde_json::from_slice(octets).expect("JSON");
    same(&Json::Object(object.clone()), &read);

    let written = object.write();
    let again = Json::read_object(&written).expect("what was written");
    assert_eq!(again, object);
    assert_eq!(again.write(), written);
    same(&Json::Object(again), &serde_json::from_slice(&written).expect("JSON"));
    let sorted = object.clone().sorted();
    assert_eq!(sorted.clone().sorted(), sorted);
    same(&Json::Object(sorted), &read);

    if let Ok((change, built)) = identity(octets) {
        asked(&read, &change);
        let (again, twice) = identity(&built).expect("what goes to Connect");
        assert!(again == change && twice == built);
        asked(&serde_json::from_slice(&built).expect("JSON"), &change);
    }
    if let Ok(built) = new_user(octets) {
        let meant: Value = serde_json::from_slice(&built).expect("JSON");
        // Bare ids stand for ARNs: all else is as it was sent.
        for name in ["Username", "Password"] {
            assert_eq!(meant.get(name), read.get(name), "{name}");
        }
        let info = |document: &Value| {
            document.get("IdentityInfo").cloned().unwrap_or_else(|| Value::Object(Map::new()))
        };
        assert_eq!(info(&meant), info(&read));
        assert_eq!(new_user(&built).expect("what goes to Connect"), built);
    }
});

/// Both say the same, and no object of either has more members.
fn same(json: &Json, value: &Value) {
    match (json, value) {
        (Json::Null, Value::Null) => {}
        (Json::Bool(one), Value::Bool(other)) => assert_eq!(one, other),
        (Json::Number(one), Value::Number(other)) => assert_eq!(one.as_str(), other.to_string()),
        (Json::String(one), Value::String(other)) => assert_eq!(one, other),
        (Json::Array(ones), Value::Array(others)) => {
            assert_eq!(ones.len(), others.len());
            ones.iter().zip(others).for_each(|(one, other)| same(one, other));
        }
        (Json::Object(ones), Value::Object(others)) => {
            assert_eq!(ones.iter().count(), others.len());
            members(ones).for_each(|(key, one)| same(one, others.get(key).expect("a member")));
        }
        (_, _) => panic!("{value}"),
    }
}

fn members(object: &Object) -> impl Iterator<Item = (&str, &Json)> {
    object.iter()
}

/// The document is `{"IdentityInfo": {..}}`, and its members are what is asked for.
fn asked(document: &Value, change: &connect_guard::operation::IdentityChange) {
    let document = document.as_object().expect("an object");
    assert_eq!(document.len(), 1);
    let info = document["IdentityInfo"].as_object().expect("an object");
    assert_eq!(info.len(), change.fields().count());
    for (field, wanted) in change.fields() {
        let text = match wanted {
            Wanted::Set(text) => text.as_str(),
            Wanted::Remove => "",
        };
        assert_eq!(info[field.name()].as_str(), Some(text));
    }
}
