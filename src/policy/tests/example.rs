//! The example policies load without a word, and their tests pass.

use super::*;

#[test]
fn the_example_policies_load_without_a_fault() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let loaded = Policy::compile(&directory(&path, at("2026-11-20T06:00:00Z")), at("2026-11-20T10:00:00Z"));
    let (policy, faults) = loaded.unwrap_or_else(|faults| panic!("{}", faults.plain()));
    assert_eq!(faults.plain(), "");
    let (allow, deny, tests) = policy.counts();
    assert!(allow >= 7 && deny >= 1 && tests >= 11, "{allow} {deny} {tests}");
}

#[test]
fn a_failing_test_of_a_policy_stops_it_from_loading() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let mut files = directory(&path, at("2026-11-20T06:00:00Z"));
    for source in &mut files.rules {
        *source =
            Source::new(&*source.name, source.text.replace("\"Users.Edit\", \"Users.EditPermission\", ", ""));
    }
    let faults = Policy::compile(&files, at("2026-11-20T10:00:00Z")).expect_err("it loads");
    assert!(faults.plain().contains("test `nobody touches an administrator`"), "{}", faults.plain());
}
