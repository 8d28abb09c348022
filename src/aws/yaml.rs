//! JSON values as YAML: block style, every text in double quotes, so that nothing in it can be read as anything else.

use std::fmt::Write;

use serde_json::Value;

/// A value as a YAML document.
pub fn yaml(value: &Value) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

/// A value that begins on a new line.
fn block(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                // Writing to a text cannot fail. A text in JSON is one in YAML.
                let _ = write!(text, "{indent}{}:", Value::from(key.as_str()));
                after(value, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for value in items {
                let _ = write!(text, "{indent}-");
                after(value, depth, text);
            }
        }
        Value::Object(_)
        | Value::Array(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_) => {
            let _ = writeln!(text, "{indent}{value}");
        }
    }
}

/// A value after its key or its dash.
fn after(value: &Value, depth: usize, text: &mut String) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    if is_block {
        text.push('\n');
        block(value, depth.saturating_add(1), text);
    } else {
        let _ = writeln!(text, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::yaml;

    #[test]
    fn texts_are_texts() {
        let value = json!({ "a": [{ "Version": "2012-10-17", "b": "no: # \"x\"\n" }, [], {}], "c": { "d": 60, "e": true } });
        let written = "\"a\":\n  -\n    \"Version\": \"2012-10-17\"\n    \"b\": \"no: # \\\"x\\\"\\n\"\n  - []\n  - {}\n\
                       \"c\":\n  \"d\": 60\n  \"e\": true\n";
        assert_eq!(yaml(&value), written);
    }
}
