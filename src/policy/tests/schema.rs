//! The schema and the loader know the same keys; the file beside the example policies is the schema; the examples are
//! valid by it, and what is not is not.

use serde_json::{Map, Value, json};
use toml::Value as Toml;

use super::{super::schema, *};

#[test]
fn the_file_beside_the_examples_is_the_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/policy.schema.json");
    let written = fs::read_to_string(path).unwrap_or_default();
    let same = written == format!("{:#}\n", schema());
    assert!(same, "write it anew: connect-guard policy schema > policies/policy.schema.json");
}

/// The keys of a table, as the loader lists them when it meets one that it does not know.
fn keys_of(text: &str) -> Vec<String> {
    let found = faults(&[text]);
    let list = found.split("its keys are: ").nth(1).unwrap_or_else(|| panic!("{text}: {found}"));
    list.split(')').next().unwrap().split(", ").map(str::to_owned).collect()
}

#[test]
fn the_schema_and_the_loader_know_the_same_keys() {
    const ODD: &str = "qqqqqqqqqq = 1";
    for (text, pointer) in [
        (ODD.to_owned(), "/properties"),
        (format!("[[allow]]\n{ODD}"), "/$defs/allow/properties"),
        (format!("[[deny]]\n{ODD}"), "/$defs/deny/properties"),
        (format!("[[monitor]]\n{ODD}"), "/$defs/monitor/properties"),
        (format!("[[test]]\n{ODD}"), "/$defs/test/properties"),
        (format!("[protected]\n{ODD}"), "/properties/protected/properties"),
        (format!("[shared]\n{ODD}"), "/properties/shared/properties"),
        (format!("[internationalised]\n{ODD}"), "/properties/internationalised/properties"),
        (format!("[directories.d]\n{ODD}"), "/properties/directories/additionalProperties/properties"),
        (format!("[groups.d]\n{ODD}"), "/properties/groups/additionalProperties/properties"),
        (format!("[[allow]]\nself = {{ {ODD} }}"), "/$defs/allow/properties/self/properties"),
        (format!("[[allow]]\nticket = {{ {ODD} }}"), "/$defs/allow/properties/ticket/properties"),
        (format!("[[allow]]\nhours = {{ {ODD} }}"), "/$defs/allow/properties/hours/properties"),
        (format!("[[deny]]\nhours = {{ {ODD} }}"), "/$defs/deny/properties/hours/properties"),
        (format!("[[allow]]\nquota = {{ {ODD} }}"), "/$defs/allow/properties/quota/properties"),
        (format!("[[allow]]\nemail_any_in = {{ {ODD} }}"), "/$defs/allow/properties/email_any_in/properties"),
        (format!("[[test]]\nuser = {{ {ODD} }}"), "/$defs/test/properties/user/properties"),
        (format!("[[test]]\nknown = {{ {ODD} }}"), "/$defs/test/properties/known/properties"),
    ] {
        let schema = schema();
        let known = schema.pointer(pointer).and_then(Value::as_object).unwrap_or_else(|| panic!("{pointer}"));
        let mut known: Vec<&String> = known.keys().collect();
        known.sort();
        assert_eq!(keys_of(&text).iter().collect::<Vec<_>>(), known, "{pointer}");
    }
}

#[test]
fn the_examples_are_valid() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for name in ["identity.toml", "operations.toml"] {
        let text = read(&path.join(name));
        assert!(text.starts_with("#:schema ./policy.schema.json\n"), "{name}");
        assert_eq!(violations(&text), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_the_loader_refuses_for_its_form_the_schema_refuses() {
    let rule = any_mail("r", "");
    assert_eq!(violations(&format!("version = 1\n{rule}")), Vec::<String>::new());
    for (wrong, place) in [
        (rule.clone(), "/version"),
        (format!("version = 2\n{rule}"), "/version"),
        (format!("version = 1\n{}", rule.replace("callers", "caller")), "/allow/0/caller"),
        (format!("version = 1\n{}", rule.replace("\"r\"", "\"R_1\"")), "/allow/0/id"),
        (format!("version = 1\n{}", rule.replace("\"Email\"", "\"EMail\"")), "/allow/0/fields/0"),
        (format!("version = 1\n{}", rule.replace("connect:Up", "Up")), "/allow/0/actions/0"),
        (format!("version = 1\n{}", any_mail("r", "expires = \"soon\"")), "/allow/0/expires"),
        (format!("version = 1\n{}", any_mail("r", "plus = \"yes\"")), "/allow/0/plus"),
        (format!("version = 1\n{}", any_mail("r", "users = []")), "/allow/0/users"),
        (format!("version = 1\n{}", any_mail("r", "restore = 1")), "/allow/0/restore"),
        (
            format!("version = 1\n{}", any_mail("r", "quota = { changes = 0, per = \"1h\", of = \"user\" }")),
            "/allow/0/quota/changes",
        ),
        ("version = 1\n[[test]]\nname = \"t\"\npassword = \"x\"".to_owned(), "/test/0/password"),
    ] {
        let found = violations(&wrong);
        assert!(found.iter().any(|at| at == place), "{place}: {found:?}");
    }
}

/// Where a policy is not as the schema says.
fn violations(text: &str) -> Vec<String> {
    let value: Toml = toml::from_str::<toml::Table>(text).map(Toml::Table).unwrap();
    let schema = schema();
    let mut found = Vec::new();
    check(&schema, &schema, &json_of(&value), "", &mut found);
    found
}

fn json_of(value: &Toml) -> Value {
    match value {
        Toml::String(text) => json!(text),
        Toml::Integer(number) => json!(number),
        Toml::Float(number) => json!(number),
        Toml::Boolean(boolean) => json!(boolean),
        // As editors have it: a text.
        Toml::Datetime(datetime) => json!(datetime.to_string()),
        Toml::Array(items) => items.iter().map(json_of).collect(),
        Toml::Table(table) => Value::Object(
            table.iter().map(|(key, value)| (key.clone(), json_of(value))).collect::<Map<_, _>>(),
        ),
    }
}

/// The part of JSON Schema that the schema uses; a keyword it does not know fails the test.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let mut need = |holds: bool| {
        if !holds {
            found.push(at.to_owned());
        }
    };
    for (keyword, form) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema"
            | "$defs"
            | "title"
            | "description"
            | "required"
            | "properties"
            | "additionalProperties"
            | "items"
            | "$ref" => {}
            "type" => need(match form.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("{other}"),
            }),
            "const" => need(value == form),
            "enum" => need(form.as_array().unwrap().contains(value)),
            "minItems" => {
                need(value.as_array().is_none_or(|items| items.len() as u64 >= form.as_u64().unwrap()));
            }
            "uniqueItems" => need(
                value
                    .as_array()
                    .is_none_or(|items| items.iter().enumerate().all(|(n, item)| !items[..n].contains(item))),
            ),
            "minLength" => need(value.as_str().is_none_or(|text| !text.is_empty())),
            "minimum" => need(value.as_i64().is_none_or(|number| number >= form.as_i64().unwrap())),
            "maximum" => need(value.as_i64().is_none_or(|number| number <= form.as_i64().unwrap())),
            "format" => need(value.as_str().is_none_or(|text| match form.as_str().unwrap() {
                "date" => text.parse::<jiff::civil::Date>().is_ok() && text.len() == 10,
                "date-time" => text.parse::<Timestamp>().is_ok(),
                other => panic!("{other}"),
            })),
            "pattern" => need(value.as_str().is_none_or(|text| matches(form.as_str().unwrap(), text))),
            other => panic!("{other}"),
        }
    }
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        check(root, root.pointer(reference.trim_start_matches('#')).unwrap(), value, at, found);
    }
    if let Some(members) = value.as_object() {
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            let name = required.as_str().unwrap();
            if !members.contains_key(name) {
                found.push(format!("{at}/{name}"));
            }
        }
        let properties = schema.get("properties");
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match (properties.and_then(|known| known.get(name)), schema.get("additionalProperties")) {
                (Some(form), _) | (None, Some(form @ Value::Object(_))) => {
                    check(root, form, member, &at, found);
                }
                (None, Some(Value::Bool(false))) => found.push(at),
                (None, _) => {}
            }
        }
    }
    if let (Some(items), Some(form)) = (value.as_array(), schema.get("items")) {
        for (n, item) in items.iter().enumerate() {
            check(root, form, item, &format!("{at}/{n}"), found);
        }
    }
}

/// The patterns of the schema, which are few, by hand: no crate for regular expressions is among the dependencies.
fn matches(pattern: &str, text: &str) -> bool {
    let all = |text: &str, holds: &dyn Fn(char) -> bool| text.chars().all(holds);
    let digits = |text: &str| !text.is_empty() && all(text, &|each| each.is_ascii_digit());
    match pattern {
        "^[a-z0-9-]{1,64}$" => {
            (1..=64).contains(&text.len())
                && all(text, &|each| each.is_ascii_lowercase() || each.is_ascii_digit() || each == '-')
        }
        "^connect:[A-Za-z]*[*]?$" => text.strip_prefix("connect:").is_some_and(|name| {
            all(name.strip_suffix('*').unwrap_or(name), &|each| each.is_ascii_alphabetic())
        }),
        "^connect:[A-Za-z]+$" => text
            .strip_prefix("connect:")
            .is_some_and(|name| !name.is_empty() && all(name, &|each| each.is_ascii_alphabetic())),
        "^(AROA|AIDA)[A-Z0-9]*$" => {
            (text.starts_with("AROA") || text.starts_with("AIDA"))
                && all(text, &|each| each.is_ascii_uppercase() || each.is_ascii_digit())
        }
        "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$" => crate::policy::hours::time(text).is_some(),
        "^\\s*\\S+(\\s+\\S+){2,}\\s*$" => text.split_whitespace().count() >= 3,
        "^x-guard-[a-z0-9-]{1,56}$" => crate::policy::ticket::Ticket::is_header(text),
        "^[0-9]+[mhd]$" => text.strip_suffix(['m', 'h', 'd']).is_some_and(digits),
        other => panic!("{other}"),
    }
}
