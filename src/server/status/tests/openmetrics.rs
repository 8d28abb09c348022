//! A strict reader of `OpenMetrics` text (version 1.0), for tests: it takes what the specification says and nothing else.

use std::collections::{BTreeMap, BTreeSet};

/// A family as it was read.
#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    unit: Option<String>,
    help: Option<String>,
    /// Name of the sample, its labels in order, its value.
    pub(super) samples: Vec<Sample>,
}

type Sample = (String, Vec<(String, String)>, f64);

/// Reads all of it, or panics saying what is wrong.
pub(super) fn read(text: &str) -> BTreeMap<String, Family> {
    let body = text.strip_suffix("# EOF\n").expect("does not end with `# EOF`");
    assert!(!body.contains('\r'), "a CR");
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in body.split_terminator('\n') {
        if let Some(described) = line.strip_prefix("# ") {
            let mut words = described.splitn(3, ' ');
            let (what, name, text) = (words.next().unwrap(), words.next().unwrap(), words.next());
            let text = text.unwrap_or_else(|| panic!("nothing said: {line}")).to_owned();
            assert!(is_name(name), "{line}");
            if name != current {
                assert!(!families.contains_key(name), "interrupted: {line}");
                current = name.to_owned();
            }
            let family = families.entry(current.clone()).or_default();
            assert!(family.samples.is_empty(), "described after its samples: {line}");
            let before = match what {
                "TYPE" => std::mem::replace(&mut family.kind, text).is_empty().then_some(()),
                "UNIT" => family.unit.replace(text).is_none().then_some(()),
                "HELP" => family.help.replace(text).is_none().then_some(()),
                _ => panic!("an unknown comment: {line}"),
            };
            before.unwrap_or_else(|| panic!("twice: {line}"));
        } else {
            let family = families.get_mut(&current).unwrap_or_else(|| panic!("of no family: {line}"));
            family.samples.push(sample(line));
        }
    }
    for (name, family) in &families {
        check(name, family);
    }
    families
}

fn sample(line: &str) -> Sample {
    let at = line.find(['{', ' ']).unwrap_or_else(|| panic!("no value: {line}"));
    let (name, mut rest) = line.split_at(at);
    let mut labels = Vec::new();
    if let Some(mut inner) = rest.strip_prefix('{') {
        assert!(!inner.starts_with('}'), "an empty set of labels: {line}");
        loop {
            let (label, after) = inner.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            assert!(is_name(label) && !label.contains(':'), "{line}");
            let (value, after) = quoted(after);
            labels.push((label.to_owned(), value));
            if let Some(after) = after.strip_prefix('}') {
                rest = after;
                break;
            }
            inner = after.strip_prefix(',').unwrap_or_else(|| panic!("no comma: {line}"));
        }
    }
    let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("no blank: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number, or something behind it: {line}"));
    assert!(is_name(name), "{line}");
    (name.to_owned(), labels, value)
}

/// A text up to its closing quote, and what follows.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return (value, characters.as_str()),
            '\\' => value.push(match characters.next() {
                Some('n') => '\n',
                Some(same @ ('"' | '\\')) => same,
                other => panic!("an unknown escape: {other:?}"),
            }),
            plain => value.push(plain),
        }
    }
    panic!("not closed: {text}")
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && characters.all(|other| other.is_ascii_alphanumeric() || other == '_')
}

fn check(name: &str, family: &Family) {
    assert!(family.help.as_deref().is_some_and(|help| !help.is_empty()), "{name}: no help");
    if let Some(unit) = &family.unit {
        assert!(["seconds", "bytes"].contains(&unit.as_str()), "{name}: {unit}");
        assert!(name.ends_with(&format!("_{unit}")), "{name}: not in {unit}");
    }
    let suffixes: &[&str] = match family.kind.as_str() {
        "counter" => &["_total"],
        "gauge" => &[""],
        "info" => &["_info"],
        "histogram" => &["_sum", "_count", "_bucket"],
        other => panic!("{name}: of type {other:?}"),
    };
    let mut seen = BTreeSet::new();
    for (sample, labels, value) in &family.samples {
        let suffix = sample.strip_prefix(name).unwrap_or_else(|| panic!("{sample} is not of {name}"));
        assert!(suffixes.contains(&suffix), "{sample} is none of a {}", family.kind);
        let names: BTreeSet<_> = labels.iter().map(|(label, _)| label).collect();
        assert_eq!(names.len(), labels.len(), "{sample}: a label twice");
        assert_eq!(suffix == "_bucket", names.contains(&"le".to_owned()), "{sample}");
        assert!(seen.insert((sample, labels)), "{sample} {labels:?} twice");
        assert!(family.kind == "gauge" || *value >= 0.0, "{sample}: {value}");
        assert!(family.kind != "info" || value.to_bits() == 1_f64.to_bits(), "{sample}: {value}");
    }
    if family.kind == "histogram" {
        histograms(name, family);
    }
}

/// Buckets grow, end with `+Inf`, and that is the count.
fn histograms(name: &str, family: &Family) {
    let mut buckets: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for (sample, labels, value) in &family.samples {
        let (le, labels): (Vec<_>, Vec<_>) = labels.iter().partition(|(label, _)| label == "le");
        if let [(_, le)] = le.as_slice() {
            let le = if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() };
            buckets.entry(labels).or_default().push((le, *value));
        } else if sample.ends_with("_count") {
            counts.insert(labels, *value);
        }
    }
    assert_eq!(buckets.len(), counts.len(), "{name}");
    for (labels, buckets) in buckets {
        assert!(buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1), "{name}: {buckets:?}");
        let (le, last) = *buckets.last().unwrap();
        assert!(le.is_infinite(), "{name}: no `+Inf`");
        assert_eq!(last.to_bits(), counts[&labels].to_bits(), "{name}: {labels:?}");
    }
}

#[test]
fn what_is_not_open_metrics_is_not_taken() {
    let good = "# HELP a A\n# TYPE a counter\na_total{b=\"c\"} 1\n# EOF\n";
    assert_eq!(read(good)["a"].samples.len(), 1);
    for (from, to) in [
        ("# EOF\n", ""),
        ("a_total", "a"),
        ("counter", "count"),
        ("\"c\"", "c"),
        ("\"c\"", "\"\\c\""),
        ("b=\"c\"", ""),
        (" 1\n", " 1 x\n"),
        (" 1\n", " -1\n"),
        ("1\n", "1\na_total{b=\"c\"} 1\n"),
        ("# HELP a A\n", ""),
        ("# EOF", "# TYPE a gauge\n# EOF"),
        ("counter\n", "counter\n# UNIT a seconds\n"),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(good, bad);
        assert!(std::panic::catch_unwind(|| read(&bad)).is_err(), "{bad}");
    }
}
