//! `policies/README.md` explains the whole language, and every refusal code in order.

use super::*;
use crate::operation::{Class, routes};

#[test]
fn the_readme_has_every_refusal_code_in_order() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/README.md"));
    let table = text.split("## Refusal codes").nth(1).unwrap();
    let codes: Vec<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(codes, Code::ALL.map(Code::as_str));
}

#[test]
fn the_readme_has_every_guarded_operation() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/README.md"));
    for (class, word) in
        [(Class::Identity, "identity"), (Class::Sensitive, "sensitive"), (Class::Forbidden, "forbidden")]
    {
        let row = text.lines().find_map(|line| line.strip_prefix(&format!("| {word} | "))).unwrap();
        let listed: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        let mut known: Vec<&str> =
            routes().iter().filter(|route| route.class == class).map(|route| route.operation).collect();
        known.sort_unstable();
        assert_eq!(listed, known, "{word}");
    }
}

#[test]
fn the_readme_has_every_key() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/README.md"));
    let keys_of = |section: &str| {
        let faults = faults(&[&format!("[[{section}]]\nqqqqqqqqqq = 1")]);
        let list = faults.split("its keys are: ").nth(1).unwrap().split(')').next().unwrap().to_owned();
        list.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    for section in ["allow", "deny", "monitor", "test"] {
        let keys = keys_of(section);
        assert!(keys.len() > 5, "{keys:?}");
        for key in keys.iter().filter(|key| *key != "name") {
            assert!(text.contains(&format!("`{key}")), "`{key}` of [[{section}]] is not explained");
        }
    }
}
