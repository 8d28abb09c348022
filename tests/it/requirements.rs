//! Which test covers which line of `tests/data/requirements.tsv`: a test whose name begins with the line's number. Lines
//! without one on the wire (here, or in `tests/clients`) are waived with a reason, and only some may be.
//! `RENEW_GOLDEN=1` writes the table `tests/requirements.md` anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// What may be waived: HTTP/2, which is not spoken, and detection outside of the guard.
const WAIVABLE: [&str; 8] = ["C9", "C21", "fault 12", "K1", "L1", "L2", "L3", "L4"];

/// Corpora that are made by the tests themselves: the line, how many cases, and where they are run.
const CORPORA: [(&str, &str); 4] = [
    ("C2", "more than 1,768 variants, each on the wire"),
    (
        "D11",
        "22,582 names in 5 places: 112,910 targets as the guard reads them, every 50th of them on the wire as well",
    ),
    ("I7", "515 strings in 4 places, each on the wire"),
    ("B17", "318 documents of JSONTestSuite, each on the wire"),
];

/// The tests of one line.
#[derive(Default)]
struct Covered {
    wire: Vec<String>,
    unit: Vec<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn listed(path: &str) -> Vec<(String, String)> {
    let text = fs::read_to_string(root().join(path)).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once('\t').unwrap()).map(|(id, text)| (id.into(), text.into())).collect()
}

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("data") {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
}

/// The names of a file's tests: of functions under `#[test]`, or of methods that begin with `test_`, without that.
fn tests(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let python = path.extension().is_some_and(|ending| ending == "py");
    let mut marked = false;
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let (before, after) = if python { ("def test_", true) } else { ("fn ", marked) };
        marked |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let line = line.strip_prefix("async ").unwrap_or(line);
        if let Some(rest) = line.strip_prefix(before)
            && after
        {
            found.push(rest.split(['(', '<']).next().unwrap().to_owned());
            marked = false;
        }
    }
    found
}

/// The line that a test's name begins with.
fn line_of(name: &str) -> Option<String> {
    let (first, rest) = name.split_once('_')?;
    if first == "fault" {
        let number = rest.split('_').next()?;
        return (number.len() == 2 && number.bytes().all(|digit| digit.is_ascii_digit()))
            .then(|| format!("fault {number}"));
    }
    let letter = first.chars().next()?;
    let number = &first[1..];
    let is_line = letter.is_ascii_lowercase() && !number.is_empty() && number.parse::<u8>().is_ok();
    is_line.then(|| format!("{}{number}", letter.to_ascii_uppercase()))
}

fn coverage() -> BTreeMap<String, Covered> {
    let mut all = BTreeMap::<String, Covered>::new();
    for (folder, ending) in [("tests/it", "rs"), ("tests/clients", "py"), ("src", "rs")] {
        let mut paths = Vec::new();
        files(&root().join(folder), ending, &mut paths);
        paths.sort();
        for path in paths {
            let shown = path.strip_prefix(root()).unwrap().display().to_string();
            for test in tests(&path) {
                let Some(line) = line_of(&test) else { continue };
                let covered = all.entry(line).or_default();
                let side = if folder == "src" { &mut covered.unit } else { &mut covered.wire };
                side.push(format!("`{test}` ({shown})"));
            }
        }
    }
    all
}

fn table(required: &[(String, String)], waived: &BTreeMap<String, String>) -> String {
    let covered = coverage();
    let none = Covered::default();
    let mut out = String::from(
        "# Which test covers which line\n\n\
         Made by `tests/it/requirements.rs` from `tests/data/requirements.tsv` and the names of the tests \
         (`RENEW_GOLDEN=1 cargo test --test it requirements`).\n\
         On the wire: against the running binary. Unit tests are counted apart and cover no line by themselves.\n\n\
         | line | what is required | on the wire | unit |\n|---|---|---|---|\n",
    );
    for (id, text) in required {
        let found = covered.get(id).unwrap_or(&none);
        let corpus =
            CORPORA.iter().find(|(line, _)| line == id).map_or(String::new(), |(_, of)| format!("<br>{of}"));
        let wire = match waived.get(id) {
            Some(why) => format!("waived: {why}"),
            None => found.wire.join("<br>"),
        };
        writeln!(out, "| {id} | {text}{corpus} | {wire} | {} |", found.unit.len()).unwrap();
    }
    let wire: BTreeSet<_> = covered.values().flat_map(|line| &line.wire).collect();
    let lines = required.iter().filter(|(id, _)| covered.get(id).is_some_and(|line| !line.wire.is_empty()));
    writeln!(
        out,
        "\n{} lines, {} of them covered on the wire by {} tests, {} waived.",
        required.len(),
        lines.count(),
        wire.len(),
        waived.len()
    )
    .unwrap();
    out
}

#[test]
fn every_line_has_a_test_on_the_wire_or_a_reason() {
    let required = listed("tests/data/requirements.tsv");
    let waived: BTreeMap<_, _> = listed("tests/waived.txt").into_iter().collect();
    let covered = coverage();
    let mut wrong = Vec::new();
    for (id, text) in &required {
        let tested = covered.get(id).is_some_and(|line| !line.wire.is_empty());
        match (tested, waived.contains_key(id)) {
            (false, false) => wrong.push(format!("{id} has no test on the wire: {text}")),
            (true, true) => wrong.push(format!("{id} is waived and has a test on the wire")),
            _ => {}
        }
    }
    for (id, why) in &waived {
        if !WAIVABLE.contains(&&**id) || why.split_whitespace().count() < 3 {
            wrong.push(format!("{id} may not be waived: {why}"));
        }
    }
    let known: BTreeSet<_> = required.iter().map(|(id, _)| id).collect();
    wrong.extend(
        covered
            .keys()
            .filter(|id| !known.contains(id) && !id.starts_with('N'))
            .map(|id| format!("there is no line {id}")),
    );
    wrong.extend(waived.keys().filter(|id| !known.contains(id)).map(|id| format!("there is no line {id}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_is_that_of_the_tests() {
    let waived = listed("tests/waived.txt").into_iter().collect();
    let made = table(&listed("tests/data/requirements.tsv"), &waived);
    let path = root().join("tests/requirements.md");
    if std::env::vars_os().any(|(name, _)| name == "RENEW_GOLDEN") {
        fs::write(&path, made).unwrap();
        return;
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "tests/requirements.md is not up to date: run with RENEW_GOLDEN=1");
}

/// What is collected is what is there: a name that no macro hides, in each of the languages.
#[test]
fn names_of_tests_are_found() {
    assert_eq!(line_of("v10_nothing"), Some("V10".into()));
    assert_eq!(line_of("fault_09_a_change"), Some("fault 09".into()));
    for other in ["v_nothing", "fault_9_x", "a_change", "ab1_x", "fault_x", "h2"] {
        assert_eq!(line_of(other), None, "{other}");
    }
    assert!(tests(&root().join("tests/it/requirements.rs")).contains(&"names_of_tests_are_found".into()));
    assert!(
        tests(&root().join("tests/clients/test_sts.py")).iter().any(|name| name.contains("is_good_once"))
    );
}

/// A threat is answered by tests that are there.
#[test]
fn tests_that_are_named_as_answers_to_threats_exist() {
    let mut sources = Vec::new();
    for (folder, ending) in [("src", "rs"), ("tests", "rs"), ("tests", "py")] {
        files(&root().join(folder), ending, &mut sources);
    }
    let known: BTreeSet<String> = sources.iter().flat_map(|path| tests(path)).collect();
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    // A name of a test is a sentence: it has more than two words.
    let is_name = |word: &&str| {
        word.matches('_').count() > 2
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    let named: BTreeSet<&str> = text.split('`').skip(1).step_by(2).filter(is_name).collect();
    let missing = |name: &&&str| !known.contains(name.strip_prefix("test_").unwrap_or(name));
    let missing: Vec<_> = named.iter().filter(missing).collect();
    assert!(named.len() > 50 && missing.is_empty(), "of {} tests are not there: {missing:?}", named.len());
}
