//! Golden files of each kind for each audience in each language, and what no message may do.

use std::{fs, path::PathBuf, sync::LazyLock};

use super::*;
use crate::notice::{
    About, Rendered, Templates, Untold, built_in, check,
    engine::Engine,
    sample::{self, Shape},
};

/// What a hostile person, caller or answer may hold.
pub(crate) const HOSTILE: [&str; 10] = [
    "Mary\r\nBcc: everyone@example.net\r\n\r\nhello",
    "Mary\n.\nMAIL FROM:<a@example.net>",
    "Mary\r\n.\r\n",
    "Mary\0Major",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "<a href=\"https://evil.example.net\">click</a> https://evil.example.net www.evil.example.net",
    "{{ 7 * 7 }}{% include 'frame.txt' %}",
    "\u{202e}moc.elpmaxe\u{2066}\u{200b}\u{feff}",
    "What: nothing\u{2028}Rule: allowed\u{85}User: nobody",
    "\" onload=\"x' --> ]]>&lt;",
];

pub(super) const AUDIENCES: [(Audience, &str); 4] = [
    (Audience::Security, "security"),
    (Audience::Masked, "masked"),
    (Audience::OldPrimary, "old"),
    (Audience::New, "new"),
];

/// Whether this kind is ever told to this audience.
pub(super) fn is_told(kind: Kind, audience: Audience) -> bool {
    use Kind::{
        AddressChangeRefused, AddressChanged, AddressRemoved, ChangedAfterAll, MayHaveChanged,
        NotChangedAfterAll, RepeatedRefusals, SecondaryChanged, SensitiveDone, SideEffect, Undetermined,
        UserCreated,
    };
    let all = [AddressChanged, SecondaryChanged, MayHaveChanged, NotChangedAfterAll, Undetermined];
    match audience {
        Audience::Security | Audience::Masked => true,
        Audience::OldPrimary | Audience::OldSecondary => {
            let old = [
                AddressRemoved,
                ChangedAfterAll,
                SensitiveDone,
                SideEffect,
                AddressChangeRefused,
                RepeatedRefusals,
            ];
            all.contains(&kind) || old.contains(&kind)
        }
        Audience::New => all.contains(&kind) || kind == UserCreated,
    }
}

pub(super) fn of_kind(kind: Kind, audience: Audience, shape: Shape<'_>, language: &str) -> Delivery {
    let matters = [
        (Kind::UserCreated, Matter::Creation),
        (Kind::SensitiveDone, Matter::Sensitive),
        (Kind::ChangedAfterAll, Matter::Details),
    ];
    let matter = matters.iter().find(|(of, _)| *of == kind).map_or(Matter::Addresses, |(_, matter)| *matter);
    sample::sample(kind, audience, matter, shape, language)
}

/// Each kind for each audience it is told to.
pub(super) fn each(language: &str) -> impl Iterator<Item = (Delivery, &'static str)> {
    Kind::ALL.into_iter().flat_map(move |kind| {
        let told = AUDIENCES.into_iter().filter(move |(audience, _)| is_told(kind, *audience));
        told.map(move |(audience, name)| (of_kind(kind, audience, Shape::Usual, language), name))
    })
}

pub(crate) fn hostile(text: &str, audience: Audience) -> Delivery {
    let kind = if audience == Audience::New { Kind::AddressChanged } else { Kind::SideEffect };
    let mut hostile = of_kind(kind, audience, Shape::Hostile(text, 2), "en");
    hostile.record = record();
    hostile.recipient = "someone@example.com".to_owned();
    hostile
}

fn facts_of(delivery: &mut Delivery) -> &mut Facts {
    match &mut delivery.about {
        About::Change(told) => &mut told.facts,
        About::Guard(_) | About::Refusals(_) => panic!("not a change"),
    }
}

fn render(delivery: &Delivery) -> Rendered {
    static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::built_in().unwrap());
    TEMPLATES.render(delivery).unwrap()
}

pub(super) fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/notices").join(name);
    if option_env!("RENEW_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} differs; look at it, then renew it as its README says");
}

#[test]
fn each_kind_for_each_audience_is_as_reviewed() {
    let templates = Templates::built_in().unwrap();
    for language in ["en", "de"] {
        for (delivery, name) in each(language) {
            let kind = delivery.kind;
            let rendered = templates.render(&delivery).unwrap();
            golden(
                &format!("{language}/{kind}.{name}.txt"),
                &format!("{}\n\n{}", rendered.subject, rendered.text),
            );
            if matches!(kind, Kind::AddressChanged | Kind::RepeatedRefusals | Kind::PolicyChanged) {
                golden(&format!("{language}/{kind}.{name}.html"), &rendered.html);
            }
        }
    }
}

#[test]
fn whoever_had_the_address_of_a_deleted_user_reads_that_it_was_or_may_have_been_deleted() {
    for (language, was, may) in [
        ("en", "was deleted", "may have been deleted"),
        ("de", "wurde gelöscht", "wurde vielleicht gelöscht"),
    ] {
        for (kind, said) in [(Kind::SensitiveDone, was), (Kind::Undetermined, may)] {
            let (audience, matter) = (Audience::OldPrimary, Matter::Sensitive);
            let rendered = render(&sample::sample(kind, audience, matter, Shape::Usual, language));
            assert!(rendered.subject.as_str().ends_with(said), "{kind}: {}", rendered.subject);
            assert_eq!(rendered.steps.len(), 3, "{kind} {language}");
            if kind == Kind::Undetermined {
                let whole = format!("{}\n\n{}", rendered.subject, rendered.text);
                golden(&format!("{language}/{kind}.deleted.txt"), &whole);
            }
        }
    }
}

#[test]
fn what_is_built_in_passes_the_check_of_the_operators_own() {
    let faults = check::faults(&Engine::new(&[]).unwrap());
    assert!(faults.is_empty(), "{}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_template_is_used_and_every_kind_has_its_words() {
    let templates = fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/notice/templates"));
    let german = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/notice/templates/de");
    let names = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut found: Vec<String> = templates.unwrap().map(names).filter(|name| name != "de").collect();
    found.extend(fs::read_dir(german).unwrap().map(|entry| format!("de/{}", names(entry))));
    found.sort();
    let mut known: Vec<_> = built_in::FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
    known.sort();
    assert_eq!(found, known);
    for word in built_in::words() {
        assert!(known.contains(&word) && known.contains(&format!("de/{word}")), "{word}");
    }
}

#[test]
fn text_and_html_hold_the_same() {
    for language in ["en", "de"] {
        for (delivery, _) in each(language) {
            let rendered = render(&delivery);
            let text = rendered.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let plain = |html: &str| html.replace("&gt;", ">").replace("&#x2f;", "/").replace("&#x27;", "'");
            let cells = rendered.html.split("<tr>").skip(1).map(|row| {
                let cell = |tag: &str| {
                    let cell = row.split_once(&format!("<{tag} ")).unwrap().1;
                    plain(cell.split_once('>').unwrap().1.split_once("</").unwrap().0)
                };
                format!("{}: {}", cell("th"), cell("td"))
            });
            let items = rendered.html.split("<li ").skip(1);
            let items = items.map(|item| plain(item.split_once('>').unwrap().1.split_once("</").unwrap().0));
            for value in cells.chain(items) {
                assert!(text.contains(&value), "{}: `{value}` is missing in the text", delivery.kind);
            }
        }
    }
}

#[test]
fn each_message_says_what_has_to_be_said() {
    for language in ["en", "de"] {
        for (delivery, name) in each(language) {
            let rendered = render(&delivery);
            let kind = delivery.kind;
            assert!(rendered.fault.is_none());
            assert!(!rendered.lead.is_empty() && !rendered.steps.is_empty(), "{kind} {name}");
            let text = rendered.text.split_whitespace().collect::<Vec<_>>().join(" ");
            for said in ["guard-1", " 42 ", "b94d27b9934d3e08", "connect-guard audit verify", "UTC"] {
                assert!(text.contains(said), "{kind} {name}: `{said}`");
            }
            let whole = text.contains(&delivery.record.hash);
            assert_eq!(whole, delivery.audience.is_security(), "{kind} {name}: the chain's head");
            if let (Some(told), true) = (delivery.told(), delivery.audience != Audience::New) {
                for said in
                    [&told.facts.principal, &told.facts.proof, &told.facts.source, &told.facts.rules[0]]
                {
                    assert!(text.contains(said), "{kind} {name}: `{said}`");
                }
            }
        }
    }
}

#[test]
fn n11_a_secondary_address_says_where_notifications_go() {
    for audience in [Audience::Security, Audience::OldPrimary, Audience::New] {
        let rendered = render(&of_kind(Kind::SecondaryChanged, audience, Shape::Usual, "en"));
        let lead = rendered.lead.to_lowercase();
        assert!(lead.contains("notifications") && lead.contains("other than password resets"), "{lead}");
        let rendered = render(&of_kind(Kind::SecondaryChanged, audience, Shape::Usual, "de"));
        assert!(rendered.lead.contains("außer dem Zurücksetzen des Passworts"), "{}", rendered.lead);
    }
}

#[test]
fn a_language_is_the_one_asked_for_its_base_or_english() {
    let templates = Templates::built_in().unwrap();
    assert_eq!(templates.languages(), ["de", "en"]);
    let lead = |language: &str| {
        let delivery = of_kind(Kind::Test, Audience::Security, Shape::Usual, language);
        let rendered = templates.render(&delivery).unwrap();
        let base = language.split('-').next().unwrap().replace("fr", "en");
        assert!(rendered.html.contains(&format!("<html lang=\"{base}\">")));
        rendered.lead
    };
    assert!(lead("de").starts_with("Jemand"));
    assert_eq!(lead("de-AT"), lead("de"));
    assert!(lead("en").starts_with("Somebody"));
    assert_eq!(lead("fr"), lead("en"));
}

#[test]
fn the_security_team_sees_values_and_the_rest_do_not() {
    for language in ["en", "de"] {
        for (delivery, name) in each(language) {
            let Rendered { subject, text, html, .. } = render(&delivery);
            let Some(told) = delivery.told() else { continue };
            let kind = delivery.kind;
            for value in ["mary.major@example.com", "mary@example.org", "5555550100", "Mary Major"] {
                let seen = text.contains(value) || html.contains(value);
                let in_it = value == "Mary Major"
                    || told.facts.fields.iter().any(|field| {
                        [&field.before, &field.after].into_iter().flatten().any(|text| text.contains(value))
                    });
                assert_eq!(seen, delivery.audience == Audience::Security && in_it, "{kind} {name} {value}");
                assert!(!subject.as_str().contains(value));
            }
            if delivery.audience != Audience::Security {
                assert!(!subject.as_str().contains("mmajor"), "{kind} {name}");
            }
            if matches!(delivery.audience, Audience::Masked | Audience::New) {
                assert!(!text.contains("mmajor") && !html.contains("mmajor"), "{kind} {name}");
            }
        }
    }
}

#[test]
fn the_new_address_learns_nothing_of_the_caller_or_the_user() {
    for kind in Kind::ALL.into_iter().filter(|kind| is_told(*kind, Audience::New)) {
        let Rendered { text, html, .. } = render(&of_kind(kind, Audience::New, Shape::Usual, "en"));
        for value in [
            "IdentityDesk",
            "GKEXAMPLE",
            "192.0.2.7",
            "aws-sdk",
            "desk.toml",
            "mmajor",
            "Major",
            "a1b2c3d4",
            "111122223333",
            "m***@example.com",
            "m***@home",
        ] {
            assert!(!text.contains(value) && !html.contains(value), "{kind}: `{value}`");
        }
    }
}

#[test]
fn addresses_that_cannot_be_told_are_named_to_the_security_team() {
    let mut delivery = of_kind(Kind::AddressChanged, Audience::Security, Shape::Usual, "en");
    facts_of(&mut delivery).untold = vec![Untold::OldPrimary, Untold::OldSecondary, Untold::New];
    assert_eq!(render(&delivery).text.matches("Not told: ").count(), 3);
    delivery.audience = Audience::OldSecondary;
    assert!(!render(&delivery).text.contains("Not told"));
}

#[test]
fn a_subject_is_short_and_text_keeps_to_its_columns() {
    for language in ["en", "de"] {
        for (delivery, _) in each(language) {
            let rendered = render(&delivery);
            let kind = delivery.kind;
            assert!(
                rendered.subject.as_str().chars().count() <= 120,
                "{kind}: `{}` is long",
                rendered.subject
            );
            for line in rendered.text.lines() {
                let word = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or(0);
                assert!(line.chars().count() <= 76 || word > 60, "{kind}: {line}");
            }
        }
    }
}
