//! The reference says what the parser does: every key has words, every bound is the one that the reader goes by, and the
//! examples name the same keys.

use toml::de::{DeTable, DeValue};

use super::*;
use crate::config::raw::section::Says;

const RELAY: &str = include_str!("../../../relay.example.toml");

/// Where a key first stands in a file: its value.
fn find(text: &str, key: &str) -> Option<std::ops::Range<usize>> {
    let document = DeTable::parse(text).unwrap();
    let parts: Vec<&str> = key.split('.').collect();
    within(document.get_ref(), &parts)
}

fn within(table: &DeTable<'_>, parts: &[&str]) -> Option<std::ops::Range<usize>> {
    let (first, rest) = parts.split_first()?;
    if *first == "NAME" {
        return table.values().find_map(|value| below(value, rest));
    }
    below(table.get(first.trim_end_matches("[]"))?, rest)
}

fn below(value: &toml::Spanned<DeValue<'_>>, rest: &[&str]) -> Option<std::ops::Range<usize>> {
    if rest.is_empty() {
        return Some(value.span());
    }
    match value.get_ref() {
        DeValue::Table(table) => within(table, rest),
        DeValue::Array(all) => all.iter().find_map(|one| below(one, rest)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => None,
    }
}

/// The example of a relay with everything in it that goes together.
fn relay_everything() -> String {
    let is_key = |line: &str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key.trim_end());
        !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let lines = RELAY.lines().map(|line| match line.strip_prefix("# ") {
        Some(rest) if is_key(rest) || rest.starts_with('[') => rest,
        Some(_) | None => line,
    });
    let all = lines.collect::<Vec<_>>().join("\n");
    all.replace("address = \"127.0.0.1:8080\"", "").replace("mode   = ", "mode = ")
}

/// Whether a file is at fault where this value stands.
fn is_at_fault(text: &str, at: usize, of_relay: bool) -> bool {
    let source = Source::new("config.toml", text);
    let faults = if of_relay {
        RelayFile::read(&source, &Overrides::default(), now()).map(|(_, faults)| faults)
    } else {
        Config::read(&source, &Overrides::default(), now()).map(|(_, faults)| faults)
    };
    let (Ok(faults) | Err(faults)) = faults;
    let mut places = faults.iter().filter_map(|fault| fault.place.as_ref());
    places.any(|place| place.span.start == at)
}

/// Values within bounds, then others.
fn probes(says: &Says) -> Option<(Vec<String>, Vec<String>)> {
    let quoted = |text: String| format!("\"{text}\"");
    let millis = |of: Duration| quoted(format!("{}ms", of.as_millis()));
    match says {
        Says::Nothing | Says::Otherwise(_) => None,
        Says::Duration(bounds) if bounds.start().as_millis() == 0 => Some((
            vec![quoted("1ms".into()), quoted("24h".into())],
            vec![quoted("0s".into()), quoted("86401s".into())],
        )),
        Says::Duration(bounds) => {
            let step = Duration::from_millis(1);
            let shorter = bounds.start().checked_sub(step).unwrap();
            Some((
                vec![millis(*bounds.start()), millis(*bounds.end())],
                vec![millis(shorter), millis(*bounds.end() + step)],
            ))
        }
        Says::Days(bounds) => {
            let days = |of: u64| quoted(format!("{of}d"));
            Some((
                vec![days(*bounds.start()), days(*bounds.end())],
                vec![days(bounds.start() - 1), days(bounds.end() + 1)],
            ))
        }
        Says::Number(bounds) => Some((
            vec![bounds.start().to_string(), bounds.end().to_string()],
            vec![(bounds.start() - 1).to_string(), (bounds.end() + 1).to_string()],
        )),
        Says::OneOf(all) => {
            Some((all.iter().map(|one| quoted((*one).into())).collect(), vec![quoted("none-of-them".into())]))
        }
    }
}

#[test]
fn every_bound_and_every_word_is_the_parsers() {
    let mut probed = 0;
    for (reference, text, of_relay) in
        [(Reference::of_guard(), everything(), false), (Reference::of_relay(), relay_everything(), true)]
    {
        for entry in &reference.keys {
            let Some((good, bad)) = probes(entry.says()) else { continue };
            let place = find(&text, &entry.key).unwrap_or_else(|| panic!("{} is in no example", entry.key));
            for (value, expected) in
                good.iter().map(|one| (one, false)).chain(bad.iter().map(|one| (one, true)))
            {
                let mut other = text.clone();
                other.replace_range(place.clone(), value);
                assert_eq!(is_at_fault(&other, place.start, of_relay), expected, "{} = {value}", entry.key);
            }
            probed += 1;
        }
    }
    assert!(probed > 40, "{probed}");
}

#[test]
fn every_key_has_words_and_stands_in_its_example() {
    for (reference, text) in [(Reference::of_guard(), EXAMPLE), (Reference::of_relay(), RELAY)] {
        let mut seen = BTreeSet::new();
        for entry in &reference.keys {
            assert!(!entry.doc.is_empty(), "{} has no words", entry.key);
            assert!(seen.insert(&entry.key), "{} is there twice", entry.key);
            assert!(text.contains(&entry.name), "the example does not name `{}`", entry.key);
        }
    }
    let every = everything();
    let absent: Vec<_> = Reference::of_guard()
        .keys
        .into_iter()
        .map(|entry| entry.key)
        .filter(|key| find(&every, key).is_none())
        .filter(|key| !key.ends_with("_credential") && !key.ends_with("_command") && !key.ends_with("_env"))
        .collect();
    // What goes only without another key that is there.
    let without = [
        "listen[].region",
        "upstream[].endpoint",
        "upstream[].profile",
        "session.issuer[].jwks_file",
        "certificate[].subject",
        "notify.hook[].url_file",
        "stream[].url_file",
    ];
    assert_eq!(absent, without);
}

#[test]
fn what_is_shown_is_in_the_reference_and_has_its_default() {
    let reference = Reference::of_guard();
    let of = |key: &str| reference.keys.iter().find(|entry| entry.key == key).unwrap();
    for (key, default) in [
        ("listen[].timeouts.head", Some("\"10s\"")),
        ("listen[].address", Some("\"127.0.0.1:9464\"")),
        ("store.replica", Some("\"guard\"")),
        ("upstream[].in_flight", Some("256")),
        ("upstream[].endpoint", Some("that of the Region")),
        ("upstream[].session_name", Some("\"caller\"")),
        ("mail.port", Some("587")),
        ("notify.route[].kinds", Some("[\"*\"]")),
        ("retention.directory", Some("\"segments\"")),
        ("limits.failures", None),
        ("upstream[].name", None),
    ] {
        assert_eq!(of(key).default.as_deref(), default, "{key}");
    }
    assert!(
        of("upstream[].name").required && !of("upstream[].role").required && of("keys.seal[].id").required
    );
    let (config, _) = read(EXAMPLE).ok().unwrap();
    for setting in config.shown(&source(EXAMPLE), &Overrides::default()) {
        let plain = setting.key.replace("[0]", "[]").replace("[1]", "[]");
        assert!(reference.keys.iter().any(|entry| entry.key == plain), "{plain}");
    }
    let relay = Reference::of_relay();
    let of = |key: &str| relay.keys.iter().find(|entry| entry.key == key).unwrap().default.clone();
    assert_eq!(of("listen.mode").as_deref(), Some("\"0600\""));
    assert_eq!(of("relay.answer_timeout").as_deref(), Some("\"1m\""));
    assert_eq!(of("relay.body").as_deref(), Some("1048576"));
}

#[test]
fn the_schema_knows_the_same_keys() {
    for reference in [Reference::of_guard(), Reference::of_relay()] {
        let schema = reference.schema();
        for entry in &reference.keys {
            let mut at = &schema;
            for part in entry.key.split('.') {
                at = match (part, part.strip_suffix("[]")) {
                    ("NAME", _) => &at["additionalProperties"],
                    (_, Some(list)) => &at["properties"][list]["items"],
                    (_, None) => &at["properties"][part],
                };
            }
            assert!(at.is_object(), "{}", entry.key);
            if entry.is_table {
                assert!(at["additionalProperties"] == false, "{}", entry.key);
            }
        }
        assert_eq!(schema["additionalProperties"], false);
    }
    let schema = Reference::of_guard().schema();
    let caps = &schema["properties"]["listen"]["items"]["properties"]["caps"]["properties"];
    assert_eq!((&caps["headers"]["minimum"], &caps["headers"]["maximum"]), (&16.into(), &256.into()));
    assert_eq!(
        schema["properties"]["log"]["properties"]["format"]["enum"],
        serde_json::json!(["human", "json"])
    );
}
