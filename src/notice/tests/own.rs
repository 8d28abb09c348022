//! Templates of the operator's own: what is wrong with them is said at once, with file and line, and nothing that is wrong
//! keeps a notice from being told.

use super::{render::of_kind, *};
use crate::notice::{TemplateFile, Templates, built_in, sample::Shape};

fn file(name: &str, text: &str) -> TemplateFile {
    TemplateFile { name: name.to_owned(), text: text.to_owned(), place: format!("notices/{name}") }
}

fn words(lead: &str) -> String {
    format!(
        "{{% block subject %}}S{{% endblock %}}\n{{% block lead %}}\n{lead}\n{{% endblock %}}\n{{% block steps %}}T{{% endblock %}}\n"
    )
}

fn built_in(name: &str) -> &'static str {
    built_in::FILES.iter().find(|(known, _)| *known == name).unwrap().1
}

fn faults(files: &[TemplateFile]) -> Vec<String> {
    let faults = Templates::with(files).err().unwrap_or_default();
    faults.iter().map(ToString::to_string).collect()
}

fn lead(templates: &Templates, kind: Kind, language: &str) -> String {
    templates.render(&of_kind(kind, Audience::Security, Shape::Usual, language)).unwrap().lead
}

#[test]
fn own_words_are_used_and_the_rest_stays() {
    let templates = Templates::with(&[
        file("test.txt", &words("Our own {{ event.channel }}.")),
        file("de/test.txt", &words("Unser eigener.")),
    ])
    .unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(lead(&templates, Kind::Test, "en"), "Our own mail.");
    assert_eq!(lead(&templates, Kind::Test, "de"), "Unser eigener.");
    assert!(lead(&templates, Kind::Heartbeat, "en").starts_with("This message comes every week"));
    let payload = of_kind(Kind::Test, Audience::Security, Shape::Usual, "en").payload();
    assert_eq!(payload["summary"], "Test message of Connect Guard");
}

#[test]
fn a_name_that_there_is_not_is_a_fault_with_file_and_line() {
    let found = faults(&[file("test.txt", &words("{{ chanel }}"))]);
    assert_eq!(found, ["notices/test.txt:3: undefined value"]);
    // Only one audience of one kind comes here: the check does.
    let text = "{% if audience == 'new' %}\n{{ caller.principal }}\n{% endif %}";
    assert_eq!(
        faults(&[file("address_changed.txt", &words(text))]),
        ["notices/address_changed.txt:4: undefined value"]
    );
}

#[test]
fn every_fault_of_every_file_is_said() {
    let found = faults(&[
        file("address_changd.txt", "x"),
        file("en/test.txt", "x"),
        file("../test.txt", "x"),
        file("DE_de/test.txt", "x"),
        file("test.txt", &"x".repeat(70_000)),
    ]);
    assert_eq!(
        found,
        [
            "notices/address_changd.txt: no template is called `address_changd.txt`",
            "notices/en/test.txt: `en` is no folder of a language: English has none, others are called `de` or `de-AT`",
            "notices/../test.txt: `..` is no folder of a language: English has none, others are called `de` or `de-AT`",
            "notices/DE_de/test.txt: `DE_de` is no folder of a language: English has none, others are called `de` or `de-AT`",
            "notices/test.txt: it is longer than 64 KiB",
        ]
    );
    let found = faults(&[file("test.txt", "{% block subject %}\n{{ x"), file("frozen.txt", "{% if %}")]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("notices/frozen.txt:1: syntax error"), "{found:?}");
    assert!(found[1].starts_with("notices/test.txt:2: syntax error"), "{found:?}");
}

#[test]
fn words_without_a_block_are_a_fault() {
    let found = faults(&[file("test.txt", "{% block subject %}x{% endblock %}")]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("notices/test.txt") && found[0].contains("lead"), "{found:?}");
}

#[test]
fn another_language_is_whole_or_a_fault() {
    let whole: Vec<_> = built_in::words()
        .map(|name| file(&format!("fr/{name}"), built_in(&name)))
        .chain([file("fr/phrases.txt", built_in("phrases.txt"))])
        .collect();
    let templates = Templates::with(&whole).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(templates.languages(), ["de", "en", "fr"]);
    assert_eq!(faults(&whole[1..]), ["fr/address_changed.txt: it is missing"]);
    let phrases = built_in("phrases.txt").replace("\nhead: Chain head", "\nheat: Chain head");
    assert_eq!(
        faults(&[file("phrases.txt", &phrases)]),
        [
            "notices/phrases.txt: the phrase `head` is missing",
            "notices/phrases.txt: no phrase is called `heat`"
        ]
    );
    assert_eq!(
        faults(&[file("de/phrases.txt", "before: vorher\nbefore: davor\nafter\n")])[..2],
        [
            "notices/de/phrases.txt:2: the phrase `before` is there twice",
            "notices/de/phrases.txt:3: expected `name: text`"
        ]
    );
}

#[test]
fn h2_nothing_to_be_followed_or_run_and_nothing_unescaped() {
    let frame = built_in("frame.html");
    for (text, part) in [
        (frame.replace("<h1", "<img src=x><h1"), "`src=`"),
        (frame.replace("<h1", "<A HREF='x'>x</A><h1"), "`href`"),
        (frame.replace("<h1", "https://example.com<h1"), "`://`"),
        (
            frame.replace("{{ row.value }}", "{% autoescape false %}{{ row.value }}{% endautoescape %}"),
            "escap",
        ),
    ] {
        let found = faults(&[file("frame.html", &text)]);
        assert!(
            !found.is_empty() && found.iter().all(|fault| fault.starts_with("notices/frame.html: ")),
            "{found:?}"
        );
        assert!(found.iter().any(|fault| fault.contains(part)), "{part}: {found:?}");
    }
    let found = faults(&[file("frame.html", &frame.replace("row.value", "row.value|safe"))]);
    assert!(found[0].contains("unknown filter") && found[0].contains("safe"), "{found:?}");
    let found = faults(&[file("test.txt", &words("See https://example.com"))]);
    assert_eq!(
        found,
        ["notices/test.txt: messages hold nothing to be followed, fetched or run, and it makes `://`"]
    );
}

#[test]
fn a_template_neither_runs_nor_grows_for_ever() {
    let endless =
        "{% for a in say %}{% for b in say %}{% for c in say %}{{ a }}{% endfor %}{% endfor %}{% endfor %}";
    let found = faults(&[file("test.txt", &words(endless))]);
    assert!(
        found.len() == 1 && found[0].starts_with("notices/test.txt:3: engine ran out of fuel"),
        "{found:?}"
    );
    let found = faults(&[file("test.txt", &words("{{ 'x' * 300000 }}"))]);
    assert_eq!(found, ["notices/test.txt: it makes more than 256 KiB"]);
    let found = faults(&[file("test.txt", &words("{% include 'test.txt' %}"))]);
    assert!(found.len() == 1 && found[0].starts_with("notices/test.txt"), "{found:?}");
}

#[test]
fn n11_what_fails_after_all_is_told_in_the_built_in_words() {
    // The check knows no record of this number.
    let text = words("{% if record.seq == 4711 %}{{ nothing }}{% endif %}Our own.");
    let templates = Templates::with(&[file("test.txt", &text)]).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut delivery = of_kind(Kind::Test, Audience::Security, Shape::Usual, "en");
    assert_eq!(templates.render(&delivery).unwrap().lead, "Our own.");
    delivery.record.seq = 4711;
    let rendered = templates.render(&delivery).unwrap();
    assert!(rendered.lead.starts_with("Somebody has asked"), "{}", rendered.lead);
    assert_eq!(rendered.fault.unwrap().to_string(), "notices/test.txt:3: undefined value");
}
