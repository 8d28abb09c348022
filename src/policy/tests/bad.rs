//! Bad policies, each with the faults expected beside it: `tests/data/policies-bad/`.
//!
//! A case is a file `NAME.toml`, or a policy directory `NAME/`; its faults are in `NAME.expected`. What was found instead
//! is written to `target/policies-bad/`.

use super::*;

#[test]
fn f6_every_bad_policy_has_the_faults_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = root.join("tests/data/policies-bad");
    let actual = root.join("target/policies-bad");
    fs::create_dir_all(&actual).unwrap();
    let mut seen = 0;
    let mut wrong = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let files = if path.is_dir() {
            directory(&path, at("2027-03-12T06:00:00Z"))
        } else if path.extension().is_some_and(|end| end == "toml") {
            PolicyFiles { rules: vec![Source::new("policy.toml", read(&path))], ..PolicyFiles::default() }
        } else {
            continue;
        };
        seen += 1;
        let found = match Policy::compile(&files, at(NOON)) {
            Ok((_, faults)) | Err(faults) => faults,
        };
        assert!(!found.is_empty(), "{name} has no fault");
        let found = found.plain();
        fs::write(actual.join(format!("{name}.expected")), &found).unwrap();
        if fs::read_to_string(cases.join(format!("{name}.expected"))).ok() != Some(found) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "not as expected, see target/policies-bad: {wrong:?}");
    assert!(seen >= 40, "{seen} cases");
}
