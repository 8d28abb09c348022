//! `policy fmt`: one layout, every comment, and the same policy.

use proptest::prelude::*;

use super::{super::formatted, *};

fn of(text: &str) -> String {
    formatted(&Source::new("a.toml", text)).unwrap_or_else(|faults| panic!("{}", faults.plain()))
}

#[test]
fn keys_have_one_order_and_one_column() {
    let text = "#:schema ./policy.schema.json\r\n# Who may what.\nversion=1 # of the language\n\n\n\n# A deny.\n[[deny]]   # for now\n\
                expires = 2027-06-30\n  # Two names\n\nfields=[\"Email\", # the login\n  \"Mobile\"]\nid = \"d\"\nodd.key = 1\n\
                [[allow]]\nreason   =   \"r\"   # why\nhours = {  days = [\"mon\"] }\n# The name\nid=\"a\"\n# the end  \n";
    let laid_out = "#:schema ./policy.schema.json\n# Who may what.\nversion = 1 # of the language\n\n# A deny.\n[[deny]] # for now\n\
                    expires = 2027-06-30\n  # Two names\n\nfields=[\"Email\", # the login\n  \"Mobile\"]\nid = \"d\"\nodd.key = 1\n\n\
                    [[allow]]\n# The name\nid     = \"a\"\nreason = \"r\" # why\nhours  = {  days = [\"mon\"] }\n\n# the end\n";
    assert_eq!(of(text), laid_out);
    assert_eq!(of(laid_out), laid_out);
}

#[test]
fn keys_of_the_file_keep_their_gaps_and_tables_in_it_are_laid_out() {
    let text = "# Who may what.\nversion=1\n\n\n\n# Which one.\nepoch =7\n[protected]\nuser_ids=[]\n\
                users = []\npermissions=[]\n[directories.hr]\nmax_age=\"24h\"\nfile=\"hr.csv\"\n";
    let laid_out = "# Who may what.\nversion = 1\n\n# Which one.\nepoch   = 7\n\n[protected]\nusers       = []\n\
                    user_ids    = []\npermissions = []\n\n[directories.hr]\nfile    = \"hr.csv\"\nmax_age = \"24h\"\n";
    assert_eq!(of(text), laid_out);
    assert_eq!(of(laid_out), laid_out);
    assert_eq!(of("version=1\nepoch=7\n"), "version = 1\nepoch   = 7\n", "no gap is made");
    let dotted = "version = 1\nodd.key=1\nodd.other  =  2\n";
    assert_eq!(of(dotted), dotted, "keys with dots have no one column");
}

#[test]
fn what_is_no_toml_is_a_fault() {
    let found = formatted(&Source::new("a.toml", "version = \n")).unwrap_err().plain();
    assert!(found.starts_with("a.toml:1:"), "{found}");
}

#[test]
fn the_examples_are_laid_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for name in ["identity.toml", "operations.toml", "revoked.toml"] {
        let text = read(&path.join(name));
        assert!(of(&text) == text, "lay it out: connect-guard policy fmt policies");
    }
}

#[test]
fn the_bad_policies_that_are_toml_can_be_laid_out_twice() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/policies-bad");
    let mut seen = 0;
    for entry in fs::read_dir(cases).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "toml")
            && let Ok(once) = formatted(&Source::new("a.toml", read(&path)))
        {
            seen += 1;
            assert_eq!(of(&once), once, "{}", path.display());
        }
    }
    assert!(seen >= 40, "{seen}");
}

/// Pieces of files that are put together at random, with comments and spaces between them.
const LINES: [&str; 9] = [
    "reason = \"r\"",
    "callers=[\"arn:aws:iam::111122223333:role/IdentityDesk\"]",
    "actions   = [\n  \"connect:UpdateUserIdentityInfo\", # the one\n]",
    "instances = [\"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111\"]",
    "fields = [\"FirstName\"]",
    "users = [\"mary\",\"john\"]",
    "expires = 2035-06-30",
    "quota = { changes = 1, per = \"1h\", of = \"user\" }",
    "protected = '''because # it\n\n  is so'''",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn laid_out_twice_is_laid_out_once_and_says_the_same(
        rules in prop::collection::vec((
            prop::sample::subsequence((4..LINES.len()).collect::<Vec<_>>(), 0..=4),
            any::<u64>(),
            prop::collection::vec(prop::sample::select(vec!["", "\n", "\n\n\n", "# c\n", "  # c d\n\n", "\t\n"]), 9),
            prop::collection::vec(prop::sample::select(vec!["", " ", "  # why", "#x"]), 9),
        ), 0..5),
        end in prop::sample::select(vec!["", "\n\n", "# end", "\n# a\n\n\n# b\n"]),
    ) {
        let mut text = "version = 1\n".to_owned();
        for (number, (chosen, seed, before, after)) in rules.iter().enumerate() {
            let mut lines: Vec<String> = [0, 1, 2, 3].iter().chain(chosen).map(|at: &usize| LINES[*at].to_owned()).collect();
            if !chosen.contains(&4) {
                lines.push("remove = [\"Mobile\"]".to_owned());
            }
            lines.push(format!("id = \"r{number}\""));
            let length = lines.len();
            lines.rotate_left(usize::try_from(*seed % 9).unwrap() % length);
            text.push_str(before[0]);
            text.push_str("[[allow]]\n");
            for (at, line) in lines.iter().enumerate() {
                text.push_str(before[at % 9]);
                text.push_str(line);
                text.push_str(after[at % 9]);
                text.push('\n');
            }
        }
        text.push_str(end);
        let once = of(&text);
        prop_assert_eq!(&of(&once), &once);
        prop_assert_eq!(text.matches('#').count(), once.matches('#').count());
        prop_assert!(once.lines().all(|line| !line.ends_with(' ')) && once.ends_with('\n'));
        let of_text = |text: &str| {
            let files = PolicyFiles { rules: vec![Source::new("a.toml", text)], ..PolicyFiles::default() };
            Policy::compile(&files, at(NOON)).map(|(policy, _)| policy).map_err(|faults| faults.plain())
        };
        let (before, after) = (of_text(&text).unwrap(), of_text(&once).unwrap());
        prop_assert!(before.differences(&after).is_empty());
        prop_assert_eq!(before.counts(), after.counts());
    }
}
