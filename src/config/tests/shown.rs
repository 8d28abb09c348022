//! What is shown of a configuration: every key of it, and where each comes from.

use super::*;

/// Whatever can be written is shown, with the place where it is written.
#[test]
fn every_key_is_shown() {
    let text = everything();
    let (config, _) = read(&text).ok().unwrap();
    let mut expected = BTreeSet::new();
    leaves(&toml::from_str(&text).unwrap(), "", &mut expected);
    assert!(expected.len() >= 80, "{}", expected.len());
    let shown = config.shown(&source(&text), &Overrides::default());
    let keys: BTreeSet<String> = shown.iter().map(|setting| setting.key.clone()).collect();
    // `fips` is told by the endpoint, which stands beside it here but for its comment sign.
    let missing: Vec<_> = expected.difference(&keys).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert_eq!(keys.len(), shown.len(), "each once");
    for setting in shown {
        assert_eq!(matches!(setting.origin, Origin::File(_)), expected.contains(&setting.key), "{setting:?}");
        let shown = setting.value.to_string();
        assert!(
            !setting.key.ends_with("_file")
                || shown.contains("<secret from file ")
                || ["ca_file", "crl_file", "jwks_file", "heads_file"]
                    .iter()
                    .any(|name| setting.key.ends_with(name))
        );
    }
}

#[test]
fn what_is_shown_says_where_it_comes_from() {
    let overrides = Overrides {
        listen: Some("127.0.0.1:1".into()),
        session_listen: None,
        status_listen: Some("127.0.0.1:2".into()),
        log_format: Some("json".into()),
    };
    let (config, _) = with(overrides.clone()).ok().unwrap();
    let shown = config.shown(&source(EXAMPLE), &overrides);
    let said = |key: &str| {
        let setting = shown.iter().find(|setting| setting.key == key).unwrap_or_else(|| panic!("{key}"));
        format!("{} {}", setting.value, setting.origin)
    };
    assert_eq!(said("listen[0].address"), "\"127.0.0.1:1\" environment CONNECT_GUARD_LISTEN");
    assert_eq!(said("listen[1].address"), "\"127.0.0.1:2\" environment CONNECT_GUARD_STATUS_LISTEN");
    assert_eq!(said("log.format"), "\"json\" environment CONNECT_GUARD_LOG_FORMAT");
    assert_eq!(said("listen[0].kind"), "\"gateway\" config.toml:8:15");
    assert_eq!(said("drain.requests"), "\"30s\" default");
    assert_eq!(said("limits.caller"), "{\"burst\":100,\"per_second\":50.0} default");
    assert_eq!(said("listen[0].hosts"), "[\"*\"] default");
    assert_eq!(said("store.ephemeral"), "null default");
}

/// Every key of a document that is no table: `listen[0].address`.
fn leaves(value: &toml::Value, key: &str, found: &mut BTreeSet<String>) {
    let is_table = |value: &toml::Value| {
        value.as_table().is_some_and(|table| {
            !(table.contains_key("per_second") || table.contains_key("from") && table.len() == 1)
        })
    };
    match value {
        toml::Value::Table(table) if is_table(value) && !key.ends_with(".claims") => {
            for (name, value) in table {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                leaves(value, &key, found);
            }
        }
        toml::Value::Array(items) if items.iter().any(is_table) => {
            for (at, item) in items.iter().enumerate() {
                leaves(item, &format!("{key}[{at}]"), found);
            }
        }
        toml::Value::String(_)
        | toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_)
        | toml::Value::Array(_)
        | toml::Value::Table(_) => {
            found.insert(key.to_owned());
        }
    }
}
